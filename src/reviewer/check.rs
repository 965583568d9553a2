//! The check of a roster: what in it is probably not meant, though it can be read.

use super::absence::Absences;
use super::attendance::Attendance;
use super::{Directory, Person};
use crate::escalation::requirement::RoleName;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::policy::Severity;
use core::fmt;
use core::time::Duration;

/// Something in a roster that its keeper should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// There is nobody in it.
    Nobody,
    /// A role that nobody holds.
    RoleOfNobody(RoleName),
    /// Somebody who can sign no vote, having neither key nor passkey.
    CannotSign(PersonId),
    /// Somebody whose delegate is away at the same time.
    DelegateAway {
        /// Who is away.
        person: PersonId,
        /// Who is to stand in.
        delegate: PersonId,
        /// From when on both are away.
        from: Moment,
    },
    /// Hours of the week in which nobody works.
    NobodyWorks {
        /// How many of the 168.
        hours: u32,
        /// The first of them.
        first: Moment,
    },
}

impl Doubt {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nobody => "roster.nobody",
            Self::RoleOfNobody(_) => "roster.role_of_nobody",
            Self::CannotSign(_) => "roster.cannot_sign",
            Self::DelegateAway { .. } => "roster.delegate_away",
            Self::NobodyWorks { .. } => "roster.nobody_works",
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Nobody | Self::RoleOfNobody(_) | Self::DelegateAway { .. } => Severity::Warning,
            Self::CannotSign(_) | Self::NobodyWorks { .. } => Severity::Note,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("there is nobody in the roster"),
            Self::RoleOfNobody(role) => write!(f, "nobody holds the role `{role}`"),
            Self::CannotSign(person) => {
                write!(f, "`{person}` has neither key nor passkey and can sign no vote")
            }
            Self::DelegateAway { person, delegate, from } => {
                write!(f, "`{delegate}`, who stands in for `{person}`, is away as well from {from}")
            }
            Self::NobodyWorks { hours, first } => {
                write!(f, "nobody works in {hours} of the 168 hours of the week, first at {first}")
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const HOURS_OF_A_WEEK: u32 = 168;

impl Directory {
    /// What is probably not meant; the week that is looked at begins with the next hour after `now`.
    #[must_use]
    pub fn doubts(&self, now: Moment) -> Vec<Doubt> {
        if self.people.is_empty() {
            return vec![Doubt::Nobody];
        }
        let held = |role: &RoleName| self.people().any(|person| person.roles.contains(role));
        let roles = self.roles.iter().filter(|role| !held(role)).cloned().map(Doubt::RoleOfNobody);
        let cannot = self.people().filter(|person| person.keys.is_empty() && person.passkeys.is_empty());
        let cannot = cannot.map(|person| Doubt::CannotSign(person.id.clone()));
        let away = self.people().flat_map(|person| self.delegates_away(person, now));
        roles.chain(away).chain(self.nobody_works(now)).chain(cannot).collect()
    }

    fn delegates_away(&self, person: &Person, now: Moment) -> impl Iterator<Item = Doubt> {
        let to_come = person.away.iter().filter(move |absence| absence.until > now);
        to_come.filter_map(|absence| {
            let delegate = self.person(absence.delegate.as_ref()?)?;
            let both = delegate
                .away
                .iter()
                .find(|other| other.from < absence.until && absence.from < other.until)?;
            Some(Doubt::DelegateAway {
                person: person.id.clone(),
                delegate: delegate.id.clone(),
                from: both.from.max(absence.from),
            })
        })
    }

    fn nobody_works(&self, now: Moment) -> Option<Doubt> {
        let first = Moment::from_unix_seconds((now.unix_seconds() / 3600 + 1) * 3600);
        let absences = Absences::default();
        let deserted = |hour: &Moment| {
            let attendance = Attendance::new(self, &absences, *hour);
            !self.people().any(|person| attendance.is_there(&person.id))
        };
        let mut hours = (0..HOURS_OF_A_WEEK).map(|hour| first.plus(HOUR * hour)).filter(deserted);
        let first = hours.next()?;
        Some(Doubt::NobodyWorks { hours: u32::try_from(hours.count()).unwrap_or(0) + 1, first })
    }
}

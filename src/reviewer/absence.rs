//! Absences: when a person is away, and who stands in for them.

use crate::moment::Moment;
use crate::party::PersonId;

/// A span of time in which a person is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Its first moment.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
    /// Who stands in meanwhile.
    pub delegate: Option<PersonId>,
}

impl Absence {
    /// Whether this moment is in it.
    #[must_use]
    pub fn covers(&self, now: Moment) -> bool {
        self.from <= now && now < self.until
    }
}

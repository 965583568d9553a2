//! A person who may be asked: what they hold, what they know, and when they are there.

use super::absence::Absence;
use super::hours::{Hours, local_date, local_hour, moment, quiet_until};
use super::profile::Preferences;
use crate::escalation::requirement::{RoleName, TeamName};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::policy::Channel;
use crate::presence::passkey::Passkey;
use crate::presence::ssh::PublicKey;
use crate::risk::pattern::{Glob, Named};
use core::fmt;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// How often a person is asked a day where the roster does not say (V2).
pub const DAILY_CAP: u32 = 20;

/// A person who may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What they are called.
    pub name: Box<str>,
    /// The roles that they hold.
    pub roles: BTreeSet<RoleName>,
    /// The teams that they belong to.
    pub teams: BTreeSet<TeamName>,
    /// The keys with which they sign votes.
    pub keys: Vec<PublicKey>,
    /// The passkeys with which they sign votes as well.
    pub passkeys: Vec<Passkey>,
    /// Their other names: accounts, addresses, user names.
    pub accounts: BTreeSet<Box<str>>,
    /// Whom they report to.
    pub manager: Option<PersonId>,
    /// Where they are told, what they like best first; empty for wherever the policy says.
    pub channels: Vec<Channel>,
    /// What they know well: they are asked first for it.
    pub expertise: Vec<Expertise>,
    /// The time zone in which they live and in which their days are counted; unknown, which counts as UTC, where the
    /// roster does not say.
    pub time_zone: TimeZone,
    /// When they work; at any time where nothing is said.
    pub hours: Option<Hours>,
    /// From when to when, in minutes of their day, only what is urgent is sent to them. It may go over midnight.
    pub quiet: Option<(u16, u16)>,
    /// When they are away, earliest first; none overlaps another.
    pub away: Vec<Absence>,
    /// How often they are asked a day at most.
    pub daily_cap: u32,
}

impl Person {
    /// What they know that this operation is about.
    #[must_use]
    pub fn knows(&self, action: &Named<'_>, resource: &Named<'_>) -> Option<&Expertise> {
        self.expertise.iter().find(|expertise| expertise.covers(action, resource))
    }

    /// Until when they want to be left alone at this moment; `None` if they don't. What they prefer goes before what the
    /// roster says.
    #[must_use]
    pub fn quiet_until(&self, preferences: Option<&Preferences>, now: Moment) -> Option<Moment> {
        let (from, until) = preferences.and_then(|preferences| preferences.quiet).or(self.quiet)?;
        quiet_until(&self.time_zone, from, until, now)
    }

    /// The points of all their keys, in whatever form each of them comes.
    pub(super) fn points(&self) -> impl Iterator<Item = Vec<u8>> {
        let passkeys = self.passkeys.iter().map(|own| own.key.point_bytes());
        passkeys.chain(self.keys.iter().map(PublicKey::point_bytes))
    }

    /// The hour of the clock on their wall, where it is known in which time zone that hangs.
    #[must_use]
    pub fn hour_of(&self, now: Moment) -> Option<u8> {
        (!self.time_zone.is_unknown()).then(|| local_hour(&self.time_zone, now))
    }

    /// When their day of this moment began.
    #[must_use]
    pub fn day_of(&self, now: Moment) -> Moment {
        moment(&self.time_zone, local_date(&self.time_zone, now), 0).unwrap_or_default()
    }
}

/// Something that a person knows well. It gives them no power, so that case is never looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expertise {
    /// Actions.
    Action(Glob),
    /// Resources.
    Resource(Glob),
}

impl Expertise {
    /// Reads `db.*`, a pattern over actions, or `resource:postgres://prod/*`, one over resources.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("resource:") {
            Some(resource) => Glob::new(resource).map(Self::Resource),
            None => Glob::new(text).map(Self::Action),
        }
    }

    fn covers(&self, action: &Named<'_>, resource: &Named<'_>) -> bool {
        match self {
            Self::Action(glob) => glob.matches_any_case(&action.lower),
            Self::Resource(glob) => glob.matches_any_case(&resource.lower),
        }
    }
}

/// As the roster writes it.
impl fmt::Display for Expertise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(glob) => glob.fmt(f),
            Self::Resource(glob) => write!(f, "resource:{glob}"),
        }
    }
}

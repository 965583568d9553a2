//! What an operator orders to be suspended, as they say it.

use super::LONGEST;
use crate::escalation::vote::{Reason, ReasonError};
use crate::moment::Moment;
use crate::party::SuspensionId;
use crate::risk::pattern::Glob;
use crate::suspension::Suspension;
use core::fmt;
use core::time::Duration;

/// What is to be suspended, why, by whom and for how long.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which agents; any if there is no pattern.
    pub agent: Option<Glob>,
    /// Which actions; any if there is no pattern.
    pub action: Option<Glob>,
    /// Why.
    pub reason: Reason,
    /// The operator.
    pub by: String,
    /// For how long; until it is lifted if nothing is said.
    pub lasts: Option<Duration>,
}

/// What an order says, as it was written. Empty patterns are none.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Which agents.
    pub agent: &'a str,
    /// Which actions.
    pub action: &'a str,
    /// That it is meant for every action of every agent.
    pub everything: bool,
    /// Why.
    pub reason: &'a str,
    /// For how long.
    pub lasts: Option<Duration>,
}

/// Why what was written is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderError {
    /// This pattern has characters that no name has.
    Characters(&'static str),
    /// This pattern is longer than [`Glob::MAX`].
    Long(&'static str),
    /// It says nothing of what is meant.
    Nothing,
    /// It names something, and means everything.
    Both,
    /// The reason is none.
    Reason(ReasonError),
    /// It lasts longer than [`LONGEST`].
    TooLong,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Characters(name) => {
                write!(f, "`{name}` is not a pattern of printable characters without space")
            }
            Self::Long(name) => write!(f, "`{name}` is longer than {} bytes", Glob::MAX),
            Self::Nothing => f.write_str("give `agent`, `action` or both, or `everything`"),
            Self::Both => f.write_str("`everything` goes without `agent` and `action`"),
            Self::Reason(error) => write!(f, "`reason`: {error}"),
            Self::TooLong => f.write_str("it is more than a year; say no end for until it is lifted"),
        }
    }
}

impl std::error::Error for OrderError {}

impl Order {
    /// What this operator wrote.
    ///
    /// # Errors
    /// [`OrderError`]: what is wrong with it.
    pub fn read(written: Written<'_>, by: String) -> Result<Self, OrderError> {
        let agent = pattern("agent", written.agent)?;
        let action = pattern("action", written.action)?;
        match (agent.is_some() || action.is_some(), written.everything) {
            (false, false) => return Err(OrderError::Nothing),
            (true, true) => return Err(OrderError::Both),
            (true, false) | (false, true) => {}
        }
        let reason = Reason::new(written.reason).map_err(OrderError::Reason)?;
        if written.lasts.is_some_and(|lasts| lasts > LONGEST) {
            return Err(OrderError::TooLong);
        }
        Ok(Self { agent, action, reason, by, lasts: written.lasts })
    }

    /// What it stops, in words.
    #[must_use]
    pub fn scope(&self) -> String {
        self.clone().at(SuspensionId::from_random([0; 16]), Moment::default()).scope()
    }

    /// The suspension that it is, from this moment on.
    pub(super) fn at(self, id: SuspensionId, now: Moment) -> Suspension {
        Suspension {
            id,
            agent: self.agent,
            action: self.action,
            reason: self.reason.as_str().into(),
            by: self.by.into(),
            at: now,
            until: self.lasts.map(|lasts| now.plus(lasts)),
        }
    }
}

fn pattern(name: &'static str, text: &str) -> Result<Option<Glob>, OrderError> {
    match text {
        "" => Ok(None),
        text if text.chars().any(|c| !c.is_ascii_graphic()) => Err(OrderError::Characters(name)),
        text => Glob::new(text).map(Some).ok_or(OrderError::Long(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_something_or_everything_and_says_why() {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);
        let long = "a".repeat(Glob::MAX + 1);
        for (agent, action, everything, reason, lasts, refused) in [
            ("agent:*", "", false, "why", None, None),
            ("", "db.*", false, "why", Some(YEAR), None),
            ("a", "b", false, "why", None, None),
            ("", "", true, "why", None, None),
            ("", "", false, "why", None, Some(OrderError::Nothing)),
            ("a", "", true, "why", None, Some(OrderError::Both)),
            ("a b", "", false, "why", None, Some(OrderError::Characters("agent"))),
            ("", "b\u{202e}", false, "why", None, Some(OrderError::Characters("action"))),
            (&*long, "", false, "why", None, Some(OrderError::Long("agent"))),
            ("a", "", false, "why", Some(YEAR + Duration::from_secs(1)), Some(OrderError::TooLong)),
        ] {
            let written = Written { agent, action, everything, reason, lasts };
            let read = Order::read(written, "ada".to_owned());
            assert_eq!(read.err(), refused, "{written:?}");
        }
    }
}

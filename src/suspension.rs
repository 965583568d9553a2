//! Suspensions: who may not act for now, and what may not be done, whoever has approved it.
//!
//! A suspension names an agent, an action, both, or neither, which is everything. It narrows, so that names are
//! compared whatever their case: a difference of case must never be a way around it.

use crate::moment::Moment;
use crate::party::{AgentId, SuspensionId};
use crate::risk::pattern::Glob;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The most suspensions that can be in force at one time: each of them is asked before every token.
pub const MAX_SUSPENSIONS: usize = 1000;

/// A suspension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Its id, by which it is lifted.
    pub id: SuspensionId,
    /// Which agents; any if there is no pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Glob>,
    /// Which actions; any if there is no pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Glob>,
    /// Why, in the words of whoever ordered it.
    pub reason: Box<str>,
    /// Which operator ordered it.
    pub by: Box<str>,
    /// Since when.
    pub at: Moment,
    /// When it ends by itself; never if there is no such moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

impl Suspension {
    /// Whether it stops this agent from doing this, whenever it is in force.
    #[must_use]
    pub fn covers(&self, agent: &AgentId, action: &str) -> bool {
        self.covers_lower(&agent.as_str().to_ascii_lowercase(), &action.to_ascii_lowercase())
    }

    fn covers_lower(&self, agent: &str, action: &str) -> bool {
        let within = |pattern: &Option<Glob>, name| pattern.as_ref().is_none_or(|p| p.matches_any_case(name));
        within(&self.agent, agent) && within(&self.action, action)
    }

    /// Whether its end has come.
    #[must_use]
    pub fn has_ended(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// What it stops, in words.
    #[must_use]
    pub fn scope(&self) -> String {
        match (&self.agent, &self.action) {
            (None, None) => "everything".to_owned(),
            (Some(agent), None) => format!("agent `{agent}`"),
            (None, Some(action)) => format!("action `{action}`"),
            (Some(agent), Some(action)) => format!("action `{action}` of agent `{agent}`"),
        }
    }
}

/// `agent `agent:7` is suspended by ada: it runs wild (sus_…)`
impl fmt::Display for Suspension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is suspended by {}", self.scope(), self.by)?;
        if let Some(until) = self.until {
            write!(f, " until {until}")?;
        }
        write!(f, ": {} ({})", self.reason, self.id)
    }
}

/// The suspensions that were ordered and not lifted, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspensions(Vec<Suspension>);

impl Suspensions {
    /// These.
    #[must_use]
    pub fn new(suspensions: impl IntoIterator<Item = Suspension>) -> Self {
        Self(suspensions.into_iter().collect())
    }

    /// The oldest one that stops this agent from doing this now.
    #[must_use]
    pub fn stops(&self, agent: &AgentId, action: &str, now: Moment) -> Option<&Suspension> {
        if self.0.is_empty() {
            return None;
        }
        let (agent, action) = (agent.as_str().to_ascii_lowercase(), action.to_ascii_lowercase());
        self.0.iter().find(|one| !one.has_ended(now) && one.covers_lower(&agent, &action))
    }

    /// Adds one.
    pub fn add(&mut self, suspension: Suspension) {
        self.0.push(suspension);
    }

    /// Takes one away, and gives it.
    pub fn lift(&mut self, id: SuspensionId) -> Option<Suspension> {
        let place = self.0.iter().position(|one| one.id == id)?;
        Some(self.0.remove(place))
    }

    /// All of them, those whose end has come too.
    pub fn all(&self) -> impl Iterator<Item = &Suspension> {
        self.0.iter()
    }

    /// Those whose end has come.
    pub fn ended(&self, now: Moment) -> impl Iterator<Item = SuspensionId> {
        self.0.iter().filter(move |one| one.has_ended(now)).map(|one| one.id)
    }

    /// Those in force.
    pub fn in_force(&self, now: Moment) -> impl Iterator<Item = &Suspension> {
        self.0.iter().filter(move |one| !one.has_ended(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    fn suspension(number: u8, agent: &str, action: &str) -> Suspension {
        Suspension {
            id: SuspensionId::from_random([number; 16]),
            agent: Glob::new(agent),
            action: Glob::new(action),
            reason: "it runs wild".into(),
            by: "ada".into(),
            at: Moment::default(),
            until: None,
        }
    }

    fn stopped(suspension: &Suspension, agent: &str, action: &str) -> bool {
        suspension.covers(&AgentId::new(agent).unwrap(), action)
    }

    #[test]
    fn it_stops_what_it_names_whatever_the_case() {
        // agent, action, and who doing what is stopped
        for (agent, action, stops, passes) in [
            ("", "", &[("a", "b.c")][..], &[][..]),
            ("agent:7", "", &[("agent:7", "x"), ("AGENT:7", "y")], &[("agent:77", "x"), ("agent:8", "x")]),
            ("", "payment.*", &[("a", "payment.send"), ("b", "Payment.Refund")], &[("a", "payments.send")]),
            ("Agent:*", "DB.drop", &[("agent:1", "db.DROP")], &[("agent:1", "db.read"), ("bot", "db.drop")]),
        ] {
            let one = suspension(1, agent, action);
            assert!(stops.iter().all(|(agent, action)| stopped(&one, agent, action)), "{}", one.scope());
            assert!(!passes.iter().any(|(agent, action)| stopped(&one, agent, action)), "{}", one.scope());
        }
    }

    #[test]
    fn one_that_has_ended_stops_nothing_and_the_next_one_still_does() {
        let end = Moment::from_unix_seconds(100);
        let brief = Suspension { until: Some(end), ..suspension(1, "", "") };
        let mut all = Suspensions::new([brief.clone(), suspension(2, "", "x.*")]);
        let agent = AgentId::new("a").unwrap();
        let before = end.minus(Duration::from_millis(1));
        assert_eq!(all.stops(&agent, "x.y", before).map(|one| one.id), Some(brief.id));
        assert_eq!(all.stops(&agent, "x.y", end).map(|one| one.id), Some(SuspensionId::from_random([2; 16])));
        assert_eq!(all.stops(&agent, "z", end), None);
        assert_eq!(all.ended(end).collect::<Vec<_>>(), [brief.id]);
        assert_eq!(all.lift(brief.id), Some(brief.clone()));
        assert_eq!(all.lift(brief.id), None);
        assert_eq!(all.in_force(end).count(), 1);
    }

    #[test]
    fn it_is_written_and_read_back() {
        for one in [suspension(1, "", ""), suspension(2, "a*", "b"), {
            Suspension { until: Some(Moment::from_unix_millis(7)), ..suspension(3, "", "x") }
        }] {
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Suspension>(&text).unwrap(), one, "{text}");
        }
        let empty = r#"{"id":"sus_AAAAAAAAAAAAAAAAAAAAAA","agent":"","reason":"r","by":"b","at":0}"#;
        assert!(serde_json::from_str::<Suspension>(empty).is_err(), "an empty pattern is not any agent");
    }

    proptest! {
        #[test]
        fn more_suspensions_never_stop_less(
            patterns in prop::collection::vec(("[aB*]{0,3}", "[aB.*]{0,3}"), 0..5),
            agent in "[abAB]{1,3}",
            action in "[abAB.]{1,3}",
        ) {
            let agent = AgentId::new(&agent).unwrap();
            let mut all = Suspensions::default();
            let mut stopped = false;
            for (number, (of, what)) in (0_u8..).zip(&patterns) {
                let one = suspension(number, of, what);
                stopped |= one.covers(&agent, &action);
                all.add(one);
                prop_assert_eq!(all.stops(&agent, &action, Moment::default()).is_some(), stopped);
            }
        }
    }
}

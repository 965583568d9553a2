//! The service as the record shows it: its starts and stops, its clock, and what it was told to hold back.

use super::SLACK;
use super::findings::Findings;
use crate::audit::event::Event;
use crate::moment::Moment;
use crate::party::{AgentId, LogOrigin, SuspensionId, TrustDomain};
use crate::suspension::{Suspension, Suspensions};
use std::collections::{HashMap, HashSet};

/// Whether it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Runs {
    /// The record does not say yet.
    #[default]
    Unknown,
    Started,
    Stopped,
}

#[derive(Debug, Default)]
pub(super) struct Service {
    runs: Runs,
    latest: Moment,
    domain: Option<TrustDomain>,
    origin: Option<LogOrigin>,
    suspensions: Suspensions,
    /// When each of those ends by itself.
    until: HashMap<SuspensionId, Option<Moment>>,
    /// Those that were lifted: a sidecar may not have heard of that.
    lifted: HashSet<SuspensionId>,
}

impl Service {
    /// The latest moment of any record.
    pub(super) const fn latest(&self) -> Moment {
        self.latest
    }

    pub(super) const fn origin(&self) -> Option<&LogOrigin> {
        self.origin.as_ref()
    }

    pub(super) const fn domain(&self) -> Option<&TrustDomain> {
        self.domain.as_ref()
    }

    /// Takes the time of the next record.
    pub(super) fn tick(&mut self, at: Moment, event: &Event, findings: &mut Findings) {
        if at.plus(SLACK) < self.latest {
            let words = format!(
                "it says that it was recorded at {at}, and one before it at {}: the clock of a service never goes back",
                self.latest
            );
            findings.finding("time.backwards", words);
        }
        self.latest = self.latest.max(at);
        match (self.runs, matches!(event, Event::Started { .. })) {
            (Runs::Unknown, false) => {
                findings.finding("service.not_started", "something happened before the service was started");
                self.runs = Runs::Started;
            }
            // What was under way when it was told to stop may end after that.
            (Runs::Stopped, false) => {
                findings.note("service.after_stop", "it was recorded after the service had been stopped");
                self.runs = Runs::Started;
            }
            (Runs::Unknown | Runs::Started | Runs::Stopped, _) => {}
        }
    }

    pub(super) fn started(
        &mut self,
        domain: Option<&TrustDomain>,
        origin: Option<&LogOrigin>,
        findings: &mut Findings,
    ) {
        if self.runs == Runs::Started {
            findings.note("service.not_stopped", "the service started without having been stopped in order");
        }
        self.runs = Runs::Started;
        match (&self.domain, domain) {
            (Some(before), Some(now)) if before != now => {
                findings.finding(
                    "service.other_domain",
                    format!("the service decides for `{now}`, and this log is of `{before}`"),
                );
            }
            (Some(_), _) => {}
            (None, _) => self.domain = domain.cloned(),
        }
        match (&self.origin, origin) {
            (Some(before), Some(now)) if before != now => {
                findings.finding(
                    "service.other_origin",
                    format!("the log calls itself `{now}`, and called itself `{before}` before"),
                );
            }
            (Some(_), _) => {}
            (None, _) => self.origin = origin.cloned(),
        }
    }

    pub(super) const fn stopped(&mut self) {
        self.runs = Runs::Stopped;
    }

    pub(super) fn suspended(&mut self, suspension: Suspension, findings: &mut Findings) {
        if self.until.insert(suspension.id, suspension.until).is_some() {
            findings.finding("suspension.twice", format!("`{}` was ordered before", suspension.id));
            return;
        }
        self.suspensions.add(suspension);
    }

    pub(super) fn resumed(
        &mut self,
        id: SuspensionId,
        by: Option<&str>,
        at: Moment,
        findings: &mut Findings,
    ) {
        let Some(until) = self.until.remove(&id) else {
            findings.finding("suspension.unknown", format!("`{id}` was not ordered, or was lifted before"));
            return;
        };
        if by.is_none() && until.is_none_or(|until| at.plus(SLACK) < until) {
            let words = format!("`{id}` was lifted by nobody, and its end had not come");
            findings.finding("suspension.lifted_early", words);
        }
        self.suspensions.lift(id);
        self.lifted.insert(id);
    }

    /// What stops this agent from doing this.
    pub(super) fn stops(&self, agent: &AgentId, action: &str, at: Moment) -> Option<&Suspension> {
        self.suspensions.stops(agent, action, at)
    }

    /// Whether a suspension of this id was ever ordered.
    pub(super) fn ever_suspended_by(&self, id: SuspensionId) -> bool {
        self.is_suspended_by(id) || self.lifted.contains(&id)
    }

    /// Whether a suspension of this id is in force.
    pub(super) fn is_suspended_by(&self, id: SuspensionId) -> bool {
        self.until.contains_key(&id)
    }
}

//! What the tests share: a request in one line, and golden files.

use countersign::decision::{Decision, Request, decide};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::operation::context::Context;
use countersign::party::{AgentId, ExecutorId};
use countersign::policy::Policy;
use countersign::risk::{Claims, History};
use std::path::{Path, PathBuf};

/// A Tuesday, 12:00 UTC.
pub(crate) const NOON: u64 = 1_795_521_600;

/// An operation, and everything around it that a decision looks at.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) parameters: String,
    pub(crate) agent: String,
    pub(crate) claims: Claims,
    pub(crate) context: Context,
    pub(crate) executor: Option<ExecutorId>,
    pub(crate) anomalies: u32,
    pub(crate) at: Moment,
}

impl Case {
    pub(crate) fn new(action: &str, resource: &str, parameters: &str) -> Self {
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            parameters: parameters.to_owned(),
            agent: "agent-7".to_owned(),
            claims: Claims::default(),
            context: Context::default(),
            executor: None,
            anomalies: 0,
            at: Moment::from_unix_seconds(NOON),
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        Operation::from_json(&self.action, &self.resource, self.parameters.as_bytes()).unwrap()
    }

    pub(crate) fn decided(&self, policy: &Policy) -> Decision {
        self.decided_as(&self.operation(), policy)
    }

    pub(crate) fn decided_as(&self, operation: &Operation, policy: &Policy) -> Decision {
        let agent = AgentId::new(&self.agent).unwrap();
        let request = Request {
            operation,
            claims: &self.claims,
            agent: &agent,
            on_behalf_of: None,
            context: &self.context,
            executor: self.executor.as_ref(),
        };
        decide(&request, policy, &History { anomalies: self.anomalies, ..History::default() }, self.at)
    }
}

/// A policy of the published model alone: every kind is what the action's last word says. It ends with `levels`.
pub(crate) fn published(more: &str) -> Policy {
    let levels = if more.contains("levels:") { "" } else { "levels: {}\n" };
    let text = format!(
        "version: 1\n\
         name: published\n\
         defaults: {{reviewers: [role:oncall]}}\n\
         classify:\n\
         \x20 - {{action: '*.read', kind: read}}\n\
         \x20 - {{action: '*.write', kind: write}}\n\
         \x20 - {{action: '*.update', kind: update}}\n\
         \x20 - {{action: '*.external_call', kind: external_call}}\n\
         \x20 - {{action: '*.delete', kind: delete}}\n\
         \x20 - {{action: '*.admin', kind: admin}}\n\
         {more}{levels}"
    );
    policy(&text)
}

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse(text, "policy.yaml").unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decision")
}

/// Compares with the golden file, or writes it where `UPDATE_GOLDEN` is set.
pub(crate) fn golden(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path)
        .unwrap_or_else(|_| panic!("no golden file {}; write it with UPDATE_GOLDEN=1", path.display()));
    assert_eq!(actual, expected, "{}", path.display());
}

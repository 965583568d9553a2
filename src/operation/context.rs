//! Context: what an agent says in favour of its operation; outside the digest, shown to reviewers, never believed.

use serde::{Deserialize, Serialize};

/// What argues for an operation: the agent's claims, shown to reviewers and outside the digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// Why it should run.
    pub reason: String,
    /// What the user asked for.
    pub user_request: String,
    /// The agent's reasoning.
    pub reasoning: String,
    /// What it may affect.
    pub blast_radius: String,
    /// How it can be undone.
    pub reversibility: String,
    /// What else was considered.
    pub alternatives: Vec<String>,
}

impl Context {
    /// Whether the agent said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

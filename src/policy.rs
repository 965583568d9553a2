//! Policy: the document that says what an organisation allows, denies and asks people about, read strictly and
//! compiled whole.
//!
//! A policy is one YAML file of at most 2 MiB (`docs/policy.md` explains every key). Its `rules:`
//! are ordered and the first that matches decides; where none does, `levels:` says what each level of risk gets.
//! `levels:` is the last key of every policy, so that one that was cut off is noticed. Unknown keys and wrong types
//! are errors that name file, line and column.
//!
//! Names are compared in two ways, so that a difference of case is never a way around a rule: a rule that denies or
//! escalates matches whatever the case, one that allows matches only what is written exactly as in its pattern.

mod blocks;
mod changes;
mod check;
mod document;
pub mod expression;
mod index;
mod keys;
mod model;
mod outcome;
pub(crate) mod parse;
pub(crate) mod read;
mod rule;
mod scalar;
mod schema;
mod source;
mod terms;

pub use crate::escalation::{Channel, Terms};
pub use crate::risk::span::{NotASpan, Span};
pub use changes::Changes;
pub use check::{Concern, Finding, Never, Severity};
pub(crate) use model::{minute, minute_of, weekday};
pub use outcome::Outcome;
pub use rule::{Found, Match, Matching, Query, Rule, Unlike};
#[cfg(feature = "server")]
pub(crate) use source::suggestion;
pub use source::{At, Problem, SourceError};
pub(crate) use source::{Fault, utf8};
pub(crate) use terms::channel;

use crate::digest::{PolicyDigest, sha256};
use crate::escalation::requirement::RoleName;
use crate::operation::json;
use crate::operation::mask::Secrets;
use crate::party::AgentId;
use crate::risk::catalog::Catalog;
use crate::risk::floor::Subject;
use crate::risk::memory::{Footprint, Thresholds};
use crate::risk::{Basis, Facts, Floor, Level, Limit, Model};
use core::time::Duration;
use index::RuleIndex;

/// Why a text is not a policy.
pub type PolicyError = SourceError;

/// The most rules of a policy, and the most entries of each of its other lists.
pub const MAX_RULES: usize = 10_000;

/// The largest policy, and the largest roster, in bytes.
pub const MAX_BYTES: usize = parse::MAX_BYTES;

/// What keeps a policy's digest apart from every other SHA-256.
const LABEL: &[u8] = b"countersign/policy/v1\n";

/// A policy that was read and checked whole.
#[derive(Clone, Debug)]
pub struct Policy {
    name: Box<str>,
    file: Box<str>,
    text: Box<str>,
    digest: PolicyDigest,
    model: Model,
    floors: Vec<Floor>,
    limits: Vec<Limit>,
    thresholds: Thresholds,
    catalog: Catalog,
    roles: Vec<(RoleName, At)>,
    rules: Vec<Rule>,
    reads_request: bool,
    index: RuleIndex,
    levels: Levels,
    open_per_agent: usize,
    stale_after: Duration,
    secrets: Secrets,
}

/// What each level gets where no rule matches. Critical is always denied.
#[derive(Clone, Debug, PartialEq)]
struct Levels {
    low: Entry,
    medium: Entry,
    high: Entry,
}

/// What one level gets, and where that is written.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    outcome: Outcome,
    witnesses: u32,
    at: At,
}

impl Policy {
    /// How many escalations of one agent may be open where a policy does not say.
    pub const OPEN_PER_AGENT: usize = 20;
    /// After how long without news a sidecar knows too little where a policy does not say.
    pub const STALE_AFTER: Duration = Duration::from_hours(1);

    /// The parameters whose values are not shown.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Reads a policy; `file_name` is what errors call it.
    ///
    /// # Errors
    /// [`PolicyError`]: the first problem, with its place. Nothing of a policy with a problem is used.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, PolicyError> {
        document::read(text, file_name).map_err(|fault| fault.within(text, file_name))
    }

    /// Reads a policy from the bytes of a file.
    ///
    /// # Errors
    /// As [`Policy::parse`], and for bytes that are not UTF-8.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> Result<Self, PolicyError> {
        Self::parse(utf8(bytes, file_name)?, file_name)
    }

    /// The JSON Schema (draft 2020-12) of policies, with which editors complete and check them. Whatever it refuses,
    /// [`Policy::parse`] refuses too; that asks for more than a schema can say.
    #[must_use]
    pub fn json_schema() -> json::Value {
        schema::of_policies()
    }

    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text that it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many escalations one agent may have open at the same time; never zero.
    #[must_use]
    pub const fn open_per_agent(&self) -> usize {
        self.open_per_agent
    }

    /// After how long without news from its desk a sidecar allows nothing any more.
    #[must_use]
    pub const fn stale_after(&self) -> Duration {
        self.stale_after
    }

    /// The digest of the text, whole and as it was loaded, comments included:
    /// SHA-256 of `countersign/policy/v1`, a line feed, and the bytes of the file.
    #[must_use]
    pub const fn digest(&self) -> PolicyDigest {
        self.digest
    }

    /// The digest that a policy of this text has.
    #[must_use]
    pub fn digest_of(text: &str) -> PolicyDigest {
        PolicyDigest::from_bytes(sha256(&[LABEL, text.as_bytes()]))
    }

    /// The risk model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// The floors, the standard ones included unless the policy switched them off.
    #[must_use]
    pub fn floors(&self) -> &[Floor] {
        &self.floors
    }

    /// The limits over sliding windows.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// What an assessment under this policy is made by.
    #[must_use]
    pub fn basis(&self) -> Basis<'_> {
        Basis { model: &self.model, floors: &self.floors, limits: &self.limits }
    }

    /// What an operation of this agent leaves behind in its memory; `facts` are the operation's own.
    #[must_use]
    pub fn footprint(&self, subject: &Subject<'_>, facts: &Facts, agent: &AgentId) -> Footprint {
        let counting = self.limits.iter().enumerate();
        let counting = counting.filter(|(_, limit)| limit.counts(subject, facts, agent.as_str()));
        let limits = counting.map(|(place, _)| place).collect();
        Footprint::new(subject.resource.exact, facts, limits, &self.thresholds, &self.model)
    }

    /// What the policy declares about actions and resources.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The roles in their order, lowest first, if the policy lists them.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles.iter().map(|(role, _)| role)
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule that matches.
    #[must_use]
    pub fn rule_for(&self, query: &Query<'_>) -> Found<'_> {
        let candidates = self.index.candidates(query.subject, query.inputs.agent);
        Found::among(candidates.into_iter().filter_map(|number| self.rules.get(number)), query)
    }

    /// Whether a rule looks at the agent's own words.
    #[must_use]
    pub const fn reads_request(&self) -> bool {
        self.reads_request
    }

    /// What a level gets where no rule matches.
    #[must_use]
    pub const fn outcome_of(&self, level: Level) -> &Outcome {
        match level {
            Level::Low => &self.levels.low.outcome,
            Level::Medium => &self.levels.medium.outcome,
            Level::High => &self.levels.high.outcome,
            Level::Critical => &Outcome::Deny,
        }
    }

    /// How many witnesses a level's tokens need where no rule matches.
    #[must_use]
    pub const fn witnesses_of(&self, level: Level) -> u32 {
        match level {
            Level::Low => self.levels.low.witnesses,
            Level::Medium => self.levels.medium.witnesses,
            Level::High => self.levels.high.witnesses,
            Level::Critical => 0,
        }
    }

    /// Every channel that anything in it names.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        let levels = [&self.levels.low, &self.levels.medium, &self.levels.high];
        let outcomes = self.rules.iter().map(|rule| &rule.outcome);
        let outcomes = outcomes.chain(levels.into_iter().map(|entry| &entry.outcome));
        outcomes.flat_map(|outcome| match outcome {
            Outcome::Escalate(terms) => terms.channels.as_slice(),
            Outcome::Allow { .. } | Outcome::Deny => &[],
        })
    }

    /// The most witnesses that anything in it demands.
    #[must_use]
    pub fn most_witnesses(&self) -> u32 {
        let levels = Level::ALL.iter().map(|level| self.witnesses_of(*level));
        self.rules.iter().map(|rule| rule.witnesses).chain(levels).max().unwrap_or(0)
    }
}

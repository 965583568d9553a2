//! Facts: what an operation is, where, on what and how much, each with where it was learnt and why.

use super::history::{History, Novelty, Totals};
use super::score::Score;
use super::span::Span;
pub use crate::classify::Kind;
use crate::classify::{Act, Doubt};
use crate::names::names;
use serde::{Deserialize, Serialize};

names! {
    /// Where it is done (R2).
    Environment {
        /// For trying things out.
        Test = "test",
        /// For the last check before production.
        Staging = "staging",
        /// What real people depend on.
        Production = "production",
    }
}
names! {
    /// How sensitive the data is (R2).
    Sensitivity {
        /// Nothing says that it is sensitive.
        Ordinary = "ordinary",
        /// Much at a time.
        Bulk = "bulk",
        /// Data about people, money, or secrets.
        Sensitive = "sensitive",
    }
}
names! {
    /// How much it touches (R2).
    Scope {
        /// Few things.
        Narrow = "narrow",
        /// Many.
        Wide = "wide",
        /// Very many.
        Huge = "huge",
        /// Everything there is: a wildcard, a filter that is always true.
        Everything = "everything",
        /// The payload is not JSON, so nothing in it says.
        Unknown = "unknown",
    }
}
names! {
    /// Where a fact was learnt. Only what comes from the policy, the payload and the record may lower a risk.
    Source {
        /// The policy says so: its tables, declarations and words.
        Policy = "policy",
        /// Nothing says so; it is what the policy takes for granted.
        Default = "default",
        /// Read from the operation's own parameters.
        Payload = "payload",
        /// From the record of what happened before.
        History = "history",
        /// From the time of the request.
        Clock = "clock",
        /// The agent said so; such a fact only ever raises (D5).
        Claim = "claim",
    }
}

impl Scope {
    /// Whether it is many or more.
    #[must_use]
    pub const fn is_large(self) -> bool {
        matches!(self, Self::Wide | Self::Huge | Self::Everything)
    }
}

/// One fact, where it was learnt, and why in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// What is so.
    pub value: T,
    /// Who says so.
    pub source: Source,
    /// Why, in words.
    pub reason: String,
}

impl<T> Fact<T> {
    /// A fact.
    #[must_use]
    pub const fn new(value: T, source: Source, reason: String) -> Self {
        Self { value, source, reason }
    }
}

/// Everything that is known about one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What kind of thing is done.
    pub kind: Fact<Kind>,
    /// Where.
    pub environment: Fact<Environment>,
    /// How sensitive the data is.
    pub sensitivity: Fact<Sensitivity>,
    /// How much it touches.
    pub scope: Fact<Scope>,
    /// Whether it cannot be undone.
    pub irreversible: Fact<bool>,
    /// What it costs, in whole units of the currency that the policy counts in; `None` if nobody said.
    pub cost: Fact<Option<u64>>,
    /// How many rows and objects it touches by itself; zero where nothing says.
    #[serde(default, skip_serializing_if = "Touched::is_none")]
    pub touched: Touched,
    /// The pattern under which the policy declares the resource as one that others depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<String>,
    /// What the payload does, where it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
    /// What of the payload could not be understood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// What the agent did like it lately, this included; zero where it is the first.
    #[serde(default, skip_serializing_if = "Totals::is_none")]
    pub recent: Totals,
    /// What of it the agent never did before.
    #[serde(default, skip_serializing_if = "Novelty::is_none")]
    pub new: Novelty,
}

/// How many rows and objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Rows of a database.
    pub rows: u64,
    /// Anything else that is counted: files, pods, resources of a plan.
    pub objects: u64,
}

impl Touched {
    /// Whether nothing is counted.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.rows == 0 && self.objects == 0
    }
}

/// What an agent says about its own operation. Everything here may raise a risk and nothing may lower it (D5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The kind that the agent declares. A surface that cannot read it passes [`Kind::Unknown`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The environment that the agent declares. A surface that cannot read it passes the riskiest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The sensitivity that the agent declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// How many rows or objects the agent expects to touch.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exact")]
    pub rows: Option<u64>,
    /// Whether the agent says that it cannot be undone; `false` says nothing.
    #[serde(default)]
    pub irreversible: bool,
    /// What the agent expects it to cost, in whole units of the currency that the policy counts in.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exact")]
    pub cost: Option<u64>,
}

/// The largest number that every JSON library reads exactly, and the canonical form takes (TOKEN §5). A claim of
/// more is recorded as this.
pub(crate) const LARGEST: u64 = (1 << 53) - 1;

fn exact<S: serde::Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(|number| number.min(LARGEST)).serialize(serializer)
}

impl Facts {
    /// These facts together with what the agent did like it lately, and what of it is new to it.
    pub(crate) fn after(mut self, history: &History, window: Span, weigh: &dyn Weigh) -> Self {
        self.new = history.new;
        if history.recent.requests > 1 {
            self.recent = history.recent;
            let Totals { requests, rows, objects, .. } = history.recent;
            let together = rows.max(objects);
            let scope = weigh.rows(together);
            if weigh.scope(scope) > weigh.scope(self.scope.value) {
                let reason = format!("{together} in {requests} operations like this one within {window}");
                self.scope = Fact::new(scope, Source::History, reason);
            }
        }
        self
    }

    /// These facts raised by what the agent claims, or `None` if the claims raise nothing.
    ///
    /// `weigh` says how risky each value is; a claim of the same or less risk changes nothing.
    pub(crate) fn raised(&self, claims: &Claims, weigh: &dyn Weigh) -> Option<Self> {
        let mut facts = self.clone();
        let mut raised = raise(&mut facts.kind, claims.kind, |kind| weigh.kind(kind));
        raised |= raise(&mut facts.environment, claims.environment, |place| weigh.environment(place));
        raised |= raise(&mut facts.sensitivity, claims.sensitivity, |data| weigh.sensitivity(data));
        raised |=
            raise(&mut facts.scope, claims.rows.map(|rows| weigh.rows(rows)), |scope| weigh.scope(scope));
        let rows = claims.rows.unwrap_or_default().min(LARGEST);
        if rows > facts.touched.rows {
            facts.touched.rows = rows;
            raised = true;
        }
        raised |= raise(&mut facts.irreversible, Some(claims.irreversible), u64::from);
        raised |= raise(&mut facts.cost, claims.cost.map(|cost| Some(cost.min(LARGEST))), |cost| cost);
        raised.then_some(facts)
    }
}

/// How risky each value of a fact is: the model's tables.
pub(crate) trait Weigh {
    fn kind(&self, kind: Kind) -> Score;
    fn environment(&self, environment: Environment) -> Score;
    fn sensitivity(&self, sensitivity: Sensitivity) -> Score;
    fn scope(&self, scope: Scope) -> Score;
    fn rows(&self, rows: u64) -> Scope;
}

fn raise<T: Copy + Said, W: Ord>(fact: &mut Fact<T>, claimed: Option<T>, weigh: impl Fn(T) -> W) -> bool {
    let Some(claimed) = claimed.filter(|claimed| weigh(*claimed) > weigh(fact.value)) else { return false };
    *fact = Fact::new(claimed, Source::Claim, format!("the agent itself says {}", claimed.said()));
    true
}

/// How a claimed value is put into words.
trait Said {
    fn said(self) -> String;
}

impl Said for Kind {
    fn said(self) -> String {
        format!("that this is `{self}`")
    }
}

impl Said for Environment {
    fn said(self) -> String {
        format!("that this is `{self}`")
    }
}

impl Said for Sensitivity {
    fn said(self) -> String {
        format!("that the data is `{self}`")
    }
}

impl Said for Scope {
    fn said(self) -> String {
        format!("that the scope is `{self}`")
    }
}

impl Said for bool {
    fn said(self) -> String {
        if self { "that this cannot be undone".to_owned() } else { "that this can be undone".to_owned() }
    }
}

impl Said for Option<u64> {
    fn said(self) -> String {
        self.map_or_else(|| "nothing of its cost".to_owned(), |cost| format!("that it costs {cost}"))
    }
}

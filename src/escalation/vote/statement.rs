//! The statement that a reviewer signs: canonical, closed, and about one escalation, one operation, one rendering.

use crate::condition::{Condition, ConditionError, ConditionKind, Contradiction, tightest};
use crate::digest::{
    OperationDigest, PolicyDigest, RenderingDigest, VoteDigest, base64url, from_base64url, sha256,
};
use crate::moment::Moment;
use crate::operation::json::{Fault, Limits, Object, Value, read};
use crate::party::{EscalationId, PersonId};
use core::fmt;

/// The longest canonical statement in bytes.
pub const MAX_STATEMENT: usize = 32 * 1024;
/// The longest reason in characters.
pub const MAX_REASON: usize = 2000;
/// The most conditions of one vote.
pub const MAX_CONDITIONS: usize = 8;

const LIMITS: Limits = Limits { bytes: MAX_STATEMENT, depth: 6, members: 512 };
/// What tells a vote from every other canonical JSON that somebody may sign.
const TYPE: &str = "countersign-vote";
const VERSION: u64 = 1;
const NAMES: [&str; 12] = [
    "conditions",
    "decision",
    "escalation",
    "nonce",
    "operation",
    "policy",
    "reason",
    "reviewer",
    "shown",
    "time",
    "type",
    "v",
];

/// What a reviewer says, whole. Its canonical bytes are what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// `escalation`: the proceedings it belongs to.
    pub escalation: EscalationId,
    /// `operation`: the digest of what was asked.
    pub operation: OperationDigest,
    /// `shown`: the digest of what the reviewer saw.
    pub shown: RenderingDigest,
    /// `policy`: the digest of the policy that asked.
    pub policy: PolicyDigest,
    /// `decision` and `conditions`.
    pub choice: Choice,
    /// `reason`: why.
    pub reason: Reason,
    /// `reviewer`: who says it.
    pub reviewer: PersonId,
    /// `time`: when, by the reviewer's clock.
    pub time: Moment,
    /// `nonce`: 128 random bits, so that no two votes are alike.
    pub nonce: Nonce,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Yes, if these conditions hold.
    Approve(Conditions),
    /// Yes, at once and by fewer people than usual, because this is an emergency; if these conditions hold.
    BreakGlass(Conditions),
    /// No.
    Deny,
    /// What the reviewer said before is taken back.
    Withdraw,
}

impl Choice {
    /// `approve`, `break_glass`, `deny` or `withdraw`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approve(_) => "approve",
            Self::BreakGlass(_) => "break_glass",
            Self::Deny => "deny",
            Self::Withdraw => "withdraw",
        }
    }

    /// The conditions; only a yes has any.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::Approve(conditions) | Self::BreakGlass(conditions) => conditions.as_slice(),
            Self::Deny | Self::Withdraw => &[],
        }
    }

    /// Whether it is a yes.
    #[must_use]
    pub const fn approves(&self) -> bool {
        matches!(self, Self::Approve(_) | Self::BreakGlass(_))
    }
}

/// The conditions of one vote, in their tightest form: at most [`MAX_CONDITIONS`], and none contradicts another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions(Vec<Condition>);

/// Why conditions are not those of a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionsError {
    /// There are more than [`MAX_CONDITIONS`].
    TooMany,
    /// Two of this kind can't both be met.
    Contradictory(ConditionKind),
}

impl Conditions {
    /// Takes conditions, as the fewest that say the same.
    ///
    /// # Errors
    /// [`ConditionsError`] if they are too many or contradict each other.
    pub fn new(conditions: &[Condition]) -> Result<Self, ConditionsError> {
        let tight =
            tightest(conditions).map_err(|Contradiction(kind)| ConditionsError::Contradictory(kind))?;
        if tight.len() > MAX_CONDITIONS { Err(ConditionsError::TooMany) } else { Ok(Self(tight)) }
    }

    /// The conditions, sorted.
    #[must_use]
    pub fn as_slice(&self) -> &[Condition] {
        &self.0
    }
}

impl fmt::Display for ConditionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "a vote has at most {MAX_CONDITIONS} conditions"),
            Self::Contradictory(kind) => write!(f, "the conditions `{kind}` contradict each other"),
        }
    }
}

impl std::error::Error for ConditionsError {}

/// Why, in the reviewer's words: 1 to [`MAX_REASON`] characters, none of which moves or hides others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(Box<str>);

/// Why a text is not a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonError {
    /// It is empty, or blank.
    Empty,
    /// It has more than [`MAX_REASON`] characters.
    TooLong,
    /// It has a character that controls how the text around it looks: a line end, an escape, an override.
    Control,
}

impl Reason {
    /// Takes a text that is a reason.
    ///
    /// # Errors
    /// [`ReasonError`]: why it is none.
    pub fn new(text: &str) -> Result<Self, ReasonError> {
        if text.trim().is_empty() {
            return Err(ReasonError::Empty);
        }
        if text.len() > 4 * MAX_REASON || text.chars().count() > MAX_REASON {
            return Err(ReasonError::TooLong);
        }
        // Directional overrides and isolates, and the two separators that end a line without being control
        // characters. The marks U+200E and U+200F stay: right-to-left languages need them.
        let moves = |c: char| {
            c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        };
        if text.chars().any(moves) { Err(ReasonError::Control) } else { Ok(Self(text.into())) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReasonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a vote needs a reason"),
            Self::TooLong => write!(f, "a reason has at most {MAX_REASON} characters"),
            Self::Control => f.write_str("a reason is one line without control or direction characters"),
        }
    }
}

impl std::error::Error for ReasonError {}

/// 128 bits that came from a source of randomness.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// From random bits.
    #[must_use]
    pub const fn from_random(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    fn parse(text: &str) -> Option<Self> {
        from_base64url(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", base64url(&self.0))
    }
}

/// Why bytes are not a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementError {
    /// They are not strict JSON, or too long.
    Json(Fault),
    /// They are JSON, but not an object with exactly the members of a statement.
    Members,
    /// They are a statement of another type or version.
    Version,
    /// This member has a wrong value.
    Member(&'static str),
    /// A condition is unknown or malformed.
    Condition(ConditionError),
    /// The conditions are not in their tightest form, too many, or those of a denial.
    Conditions,
    /// They say what a statement says, but not in its canonical form.
    NotCanonical,
}

impl StatementError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Json(_) => "vote.statement.json",
            Self::Members => "vote.statement.members",
            Self::Version => "vote.statement.version",
            Self::Member(_) => "vote.statement.member",
            Self::Condition(_) => "vote.statement.condition",
            Self::Conditions => "vote.statement.conditions",
            Self::NotCanonical => "vote.statement.not_canonical",
        }
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => write!(f, "the vote statement is not strict JSON: {fault}"),
            Self::Members => f.write_str("the vote statement has missing or unknown members"),
            Self::Version => f.write_str("not a vote statement of version 1"),
            Self::Member(name) => write!(f, "the vote statement's `{name}` has a wrong value"),
            Self::Condition(error) => write!(f, "in the vote statement: {error}"),
            Self::Conditions => f.write_str("the vote statement's conditions are not in their tightest form"),
            Self::NotCanonical => f.write_str("the vote statement is not in its canonical form (RFC 8785)"),
        }
    }
}

impl std::error::Error for StatementError {}

impl Statement {
    /// The canonical bytes (RFC 8785): what is signed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let conditions: Vec<Value> = self.choice.conditions().iter().map(Condition::to_value).collect();
        let object = Object::new()
            .with("type", TYPE)
            .with("v", VERSION)
            .with("escalation", self.escalation.to_string())
            .with("operation", self.operation.to_string())
            .with("shown", self.shown.to_string())
            .with("policy", self.policy.to_string())
            .with("decision", self.choice.as_str())
            .with("conditions", conditions)
            .with("reason", self.reason.as_str())
            .with("reviewer", self.reviewer.as_str())
            .with("time", self.time.to_string())
            .with("nonce", base64url(&self.nonce.0));
        Value::Object(object).to_canonical()
    }

    /// The canonical bytes as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        // The writer writes UTF-8 only; anything else would be refused by whoever reads it.
        String::from_utf8(self.to_bytes()).unwrap_or_default()
    }

    /// Reads canonical bytes; whatever is not exactly what [`to_bytes`](Self::to_bytes) writes is refused.
    ///
    /// # Errors
    /// [`StatementError`]: what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        let value = read(bytes, &LIMITS).map_err(|error| StatementError::Json(error.fault))?;
        let object = value.as_object().ok_or(StatementError::Members)?;
        if !object.names().eq(NAMES) {
            return Err(StatementError::Members);
        }
        if text(object, "type")? != TYPE || object.get("v").and_then(Value::as_u64) != Some(VERSION) {
            return Err(StatementError::Version);
        }
        let statement = Self {
            escalation: parsed(object, "escalation", EscalationId::parse)?,
            operation: parsed(object, "operation", OperationDigest::parse)?,
            shown: parsed(object, "shown", RenderingDigest::parse)?,
            policy: parsed(object, "policy", PolicyDigest::parse)?,
            choice: read_choice(object)?,
            reason: parsed(object, "reason", |text| Reason::new(text).ok())?,
            reviewer: parsed(object, "reviewer", |text| PersonId::new(text).ok())?,
            time: parsed(object, "time", Moment::from_rfc3339)?,
            nonce: parsed(object, "nonce", Nonce::parse)?,
        };
        if statement.to_bytes() == bytes { Ok(statement) } else { Err(StatementError::NotCanonical) }
    }

    /// The SHA-256 of the canonical bytes, by which a token names the vote.
    #[must_use]
    pub fn digest(&self) -> VoteDigest {
        VoteDigest::from_bytes(sha256(&[&self.to_bytes()]))
    }
}

fn text<'a>(object: &'a Object, name: &'static str) -> Result<&'a str, StatementError> {
    object.get(name).and_then(Value::as_str).ok_or(StatementError::Member(name))
}

fn parsed<T>(
    object: &Object,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StatementError> {
    parse(text(object, name)?).ok_or(StatementError::Member(name))
}

fn read_choice(object: &Object) -> Result<Choice, StatementError> {
    let list =
        object.get("conditions").and_then(Value::as_array).ok_or(StatementError::Member("conditions"))?;
    if list.len() > MAX_CONDITIONS {
        return Err(StatementError::Conditions);
    }
    let written = list.iter().map(Condition::from_value).collect::<Result<Vec<_>, _>>();
    let written = written.map_err(StatementError::Condition)?;
    let conditions = Conditions::new(&written).map_err(|_| StatementError::Conditions)?;
    if conditions.as_slice() != written {
        return Err(StatementError::Conditions);
    }
    match text(object, "decision")? {
        "approve" => Ok(Choice::Approve(conditions)),
        "break_glass" => Ok(Choice::BreakGlass(conditions)),
        "deny" if written.is_empty() => Ok(Choice::Deny),
        "withdraw" if written.is_empty() => Ok(Choice::Withdraw),
        "deny" | "withdraw" => Err(StatementError::Conditions),
        _ => Err(StatementError::Member("decision")),
    }
}

/// As its canonical text.
#[cfg(feature = "engine")]
impl serde::Serialize for Statement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for Statement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_bytes(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

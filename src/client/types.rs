//! What goes over the wire, in plain types: a wrong message becomes a named error, never a wrong value.

use super::ClientError;
use crate::proto;

/// A request for one operation.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Makes the request idempotent; empty for one that is never repeated.
    pub request_id: String,
    /// The dotted name of what is done.
    pub action: String,
    /// What it is done to.
    pub resource: String,
    /// The parameters as JSON text, or else the payload.
    pub parameters: Option<Vec<u8>>,
    /// The raw payload, where there are no parameters.
    pub payload: Option<Vec<u8>>,
    /// The executor's registered id.
    pub executor: String,
    /// What argues for it.
    pub context: Context,
    /// What the agent declares.
    pub declared: Declared,
    /// An Ed25519 public key whose holder alone may present the token; empty for none.
    pub holder_key: Vec<u8>,
}

/// What argues for an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// What an agent declares; it can only raise the risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `read`, `write`, `update`, `external_call`, `delete` or `admin`; empty for nothing declared.
    pub kind: String,
    /// `test`, `staging` or `production`; empty for nothing declared.
    pub environment: String,
    /// How many rows it touches.
    pub affected_rows: u64,
    /// Whether it can't be undone.
    pub irreversible: bool,
    /// Whether it touches sensitive data.
    pub sensitive: bool,
    /// What it costs, in whole units of the currency that the policy counts in.
    pub cost: u64,
}

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident from $wire:ident: $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name that scripts see.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl TryFrom<i32> for $name {
            type Error = ClientError;

            fn try_from(number: i32) -> Result<Self, ClientError> {
                match proto::$wire::try_from(number) {
                    $(Ok(proto::$wire::$variant) => Ok(Self::$variant),)+
                    Ok(proto::$wire::Unspecified) | Err(_) =>
                        Err(ClientError::Unintelligible(concat!("unknown ", stringify!($name)))),
                }
            }
        }

        impl From<$name> for proto::$wire {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

wire_enum! {
    /// The decision.
    Verdict from Verdict:
    /// It may run now.
    Allow = "allow",
    /// It may not run.
    Deny = "deny",
    /// People decide.
    Escalate = "escalate"
}
wire_enum! {
    /// The level of risk.
    Level from Level:
    /// Runs by itself.
    Low = "low",
    /// One approver.
    Medium = "medium",
    /// Several approvers.
    High = "high",
    /// Blocked.
    Critical = "critical"
}
wire_enum! {
    /// How an escalation stands.
    Status from Status:
    /// Waiting for votes.
    Pending = "pending",
    /// Approved, and the token not yet collected.
    Approved = "approved",
    /// A reviewer said no.
    Denied = "denied",
    /// Nobody decided in time.
    Expired = "expired",
    /// The agent withdrew it.
    Cancelled = "cancelled",
    /// It can't be approved any more.
    Blocked = "blocked",
    /// The token was handed out.
    Claimed = "claimed",
    /// Approved, and the token not collected in time.
    Lapsed = "lapsed"
}
wire_enum! {
    /// What became of an operation.
    Outcome from Outcome:
    /// It was done.
    Succeeded = "succeeded",
    /// It was tried and failed.
    Failed = "failed",
    /// The program stopped before it could tell.
    Unknown = "unknown",
    /// The executor refused the token.
    Refused = "refused"
}

/// One factor of the risk, in thousandths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its name.
    pub name: String,
    /// 0 to 1000.
    pub value: u32,
    /// 0 to 1000.
    pub weight: u32,
    /// Why it has this value.
    pub reason: String,
}

/// The risk of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// Thousandths, 0 to 1000.
    pub score: u32,
    /// The level, floors applied.
    pub level: Level,
    /// What makes up the score.
    pub factors: Vec<Factor>,
    /// What lifted the level, in words.
    pub floors: Vec<String>,
}

/// A token and what goes beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The authority token.
    pub token: String,
    /// The certificates that lead from a root to the token's key, the root's first.
    pub certificates: Vec<String>,
    /// The reviewers' signed votes.
    pub evidence: Vec<Vec<u8>>,
    /// The canonical operation.
    pub op_bytes: Vec<u8>,
    /// Each condition as canonical JSON.
    pub conditions: Vec<String>,
    /// Unix seconds.
    pub expires_at: u64,
    /// The proof that its mint is in the log, where the policy demanded witnesses.
    pub log_proof: Option<String>,
}

/// An escalation that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub escalation: String,
    /// Unix milliseconds.
    pub decide_by: u64,
    /// Who must agree, in words.
    pub requirement: String,
    /// The desk is away, so that nobody is asked yet.
    pub queued: bool,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The decision's id.
    pub decision: String,
    /// Allow, deny or escalate.
    pub verdict: Verdict,
    /// The risk with all its factors.
    pub risk: Risk,
    /// The rule that decided, or empty.
    pub rule: String,
    /// The policy's digest.
    pub policy_digest: String,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The operation's digest.
    pub operation_digest: String,
    /// With [`Verdict::Allow`].
    pub grant: Option<Grant>,
    /// With [`Verdict::Escalate`].
    pub pending: Option<Pending>,
}

/// A step of an escalation being followed.
#[derive(Clone, Debug)]
pub struct Progress {
    /// How it stands.
    pub status: Status,
    /// Unix milliseconds.
    pub decide_by: u64,
    /// Why it ended, or what is missing.
    pub reasons: Vec<String>,
    /// With [`Status::Claimed`].
    pub grant: Option<Grant>,
    /// Approvals so far.
    pub approvals: u32,
    /// With [`Status::Pending`]: a changed operation that a reviewer proposes instead.
    pub offer: Option<Offer>,
    /// While it is pending: the desk is away, so that nobody is asked yet.
    pub queued: bool,
}

/// An operation that a reviewer proposes in the place of the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who.
    pub reviewer: String,
    /// Why.
    pub reason: String,
    /// The changed operation, canonical.
    pub op_bytes: Vec<u8>,
    /// The changed payload; empty where there is none.
    pub payload: Vec<u8>,
    /// How it differs from what was asked for.
    pub difference: Vec<DifferenceLine>,
}

/// A line of two operations laid beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DifferenceLine {
    /// In both.
    Kept(String),
    /// Only in the operation as it was.
    Removed(String),
    /// Only in the changed operation.
    Added(String),
}

/// The trust bundle as the service hands it out; its receiver verifies it.
#[derive(Clone, Debug)]
pub struct TrustBundle {
    /// The signed bundle.
    pub bundle: String,
    /// The certificates that lead from a root to the bundle's key, the root's first.
    pub certificates: Vec<String>,
    /// The same keys as a plain JWK set.
    pub jwks: String,
    /// The signed list of what was revoked; the same certificates lead to its key.
    pub revocations: String,
}

wire_enum! {
    /// In which order escalations are listed.
    Order from Order:
    /// The latest opened first.
    Newest = "newest",
    /// The earliest opened first.
    Oldest = "oldest",
    /// The highest level of risk first, and of one level what ends first; the agents of one level take turns.
    Urgent = "urgent"
}

/// What a reviewer looks for; each part narrows it, and the default is everything that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states; pending or approved if none is said.
    pub statuses: Vec<Status>,
    /// A pattern of agents, in which `*` stands for anything; empty for any.
    pub agent: String,
    /// A pattern of actions; empty for any.
    pub action: String,
    /// At one of these levels of risk; at any if none is said.
    pub levels: Vec<Level>,
    /// Those that wait for whoever calls; that needs a session or a token of the identity provider.
    pub mine: bool,
    /// Opened at or after this moment, in Unix milliseconds; 0 for any.
    pub opened_since: u64,
    /// Opened before this moment, in Unix milliseconds; 0 for any.
    pub opened_until: u64,
}

/// A page of escalations.
#[derive(Clone, Debug)]
pub struct Listed {
    /// In the order that was asked for.
    pub escalations: Vec<Summary>,
    /// By which the next page is asked for; nothing if there is none.
    pub next: Option<String>,
}

/// What whoever watches the queue is told.
#[derive(Clone, Debug)]
pub enum News {
    /// It was opened, was voted on, or has ended: so it stands now.
    Changed(Box<Summary>),
    /// Nothing happened; also said first of all, when from now on nothing is missed. The service's time, in Unix
    /// milliseconds.
    Beat(u64),
    /// So much happened that some of it was not told: list it anew.
    Missed,
}

/// One line of a list.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// Who asked.
    pub agent: String,
    /// What is done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// The risk.
    pub risk: Risk,
    /// Unix milliseconds.
    pub opened_at: u64,
    /// Unix milliseconds.
    pub decide_by: u64,
    /// Approvals so far.
    pub approvals: u32,
    /// Who must agree, in words.
    pub requirement: String,
    /// The rule that escalated, or empty.
    pub rule: String,
    /// Equivalent requests have the same; each is voted on by itself.
    pub group: String,
    /// A seat is free that the caller could fill, and they have not voted.
    pub awaits_you: bool,
}

/// A vote that was cast.
#[derive(Clone, Debug)]
pub struct CastVote {
    /// Who.
    pub reviewer: String,
    /// Yes or no.
    pub approve: bool,
    /// Why.
    pub reason: String,
    /// Conditions, each as canonical JSON.
    pub conditions: Vec<String>,
    /// Unix milliseconds.
    pub at: u64,
    /// How surely the reviewer was known.
    pub assurance: String,
    /// `approve`, `break_glass` or `deny`.
    pub decision: String,
    /// What makes it a poor one, in words.
    pub flags: Vec<String>,
    /// Whether it fills a seat, or is a denial.
    pub counts: bool,
}

/// An escalation with all that a reviewer needs.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// What a list shows of it.
    pub summary: Summary,
    /// The decision's id.
    pub decision: String,
    /// Who would act.
    pub executor: String,
    /// For whom the agent acts, or empty.
    pub on_behalf_of: String,
    /// The agent's arguments.
    pub context: Context,
    /// The rule that escalated, or empty.
    pub rule: String,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The policy's digest.
    pub policy_digest: String,
    /// The operation's digest.
    pub operation_digest: String,
    /// Secret values of the operation are marked in `op_bytes`, so that its digest can't be computed from them.
    pub masked: bool,
    /// The canonical operation.
    pub op_bytes: Vec<u8>,
    /// The raw payload; empty where there is none.
    pub payload: Vec<u8>,
    /// What the service says it looks like; a careful reviewer's program makes its own from `op_bytes`.
    pub rendering: String,
    /// The digest of that.
    pub rendering_digest: String,
    /// What had to be made visible.
    pub hazards: Vec<String>,
    /// Votes so far.
    pub votes: Vec<CastVote>,
    /// Who could still complete it.
    pub can_complete: Vec<String>,
    /// Which conditions the executor enforces.
    pub conditions_allowed: Vec<String>,
    /// Conditions that the policy attached.
    pub conditions: Vec<String>,
    /// What the agent did lately.
    pub recent_activity: Vec<String>,
    /// Votes that were taken back, or are void.
    pub void_votes: Vec<CastVote>,
    /// Who was asked.
    pub asked: Vec<String>,
    /// Who may agree in an emergency, in words; empty where nobody may.
    pub break_glass: String,
    /// Until when an emergency approval has to be reviewed, in Unix milliseconds; 0 if not.
    pub review_by: u64,
    /// The changed operation that waits for the agent.
    pub offer: Option<Offer>,
    /// The stage that has begun, from 0, and how many there are after it.
    pub stage: u32,
    /// How many stages there are after it.
    pub stages_left: u32,
    /// How many denials end it.
    pub denials: u32,
    /// An approval does not count before this, in Unix milliseconds; 0 if it does at once.
    pub not_before: u64,
}

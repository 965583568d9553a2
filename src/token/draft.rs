//! A token before it is signed: everything but its place in the log, then the bytes to sign (TOKEN §3).
//!
//! A draft refuses what the verifier would refuse, so what is minted is accepted. The same grant, leaf and key give
//! the same bytes. Signing is not done here: whoever holds the key signs [`SigningInput::bytes`].

use super::audience::{Audience, Executor};
use super::claims::{Approval, Claims, LogLeaf, ReadClaims, RiskScore, VERSION};
use super::compact::{Kind, MAX_MINTED, SigningInput};
use super::key::PublicKey;
use super::members::ClaimFault;
use crate::condition::{Condition, ConditionKind, Contradiction, tightest};
use crate::digest::{OperationDigest, PolicyDigest};
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value, read};
use crate::party::{AgentId, PersonId, TokenId, TrustDomain, TxnId};
use core::fmt;
use core::time::Duration;

/// How long a token lives unless policy says otherwise.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(300);
/// How long a token lives at most.
pub const MAX_LIFE: Duration = Duration::from_secs(3600);
/// How far before `iat` the token's `nbf` lies: for executors whose clock is a little behind.
const EARLY: Duration = Duration::from_secs(5);

const RECORDED: Limits = Limits { bytes: MAX_MINTED, depth: 8, members: 512 };

/// What is granted: all claims but those that follow from the executor and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `iss`: the trust domain.
    pub issuer: TrustDomain,
    /// `sub`: the agent.
    pub subject: AgentId,
    /// `act.sub`: on whose behalf.
    pub on_behalf_of: Option<PersonId>,
    /// `iat`; rounded down to a whole second.
    pub issued_at: Moment,
    /// `exp` − `iat`, in whole seconds; [`DEFAULT_LIFE`] unless policy says otherwise.
    pub life: Duration,
    /// `jti`
    pub jti: TokenId,
    /// `txn`
    pub txn: TxnId,
    /// `cnf.jwk`: the key whose holder alone may present the token.
    pub holder: Option<PublicKey>,
    /// `cs_op`
    pub operation: OperationDigest,
    /// `cs_pol`
    pub policy: PolicyDigest,
    /// `cs_risk`
    pub risk: RiskScore,
    /// `cs_cond`: from policy and voters; the tightest of them are minted.
    pub conditions: Vec<Condition>,
    /// `cs_appr`
    pub approvals: Vec<Approval>,
}

/// Why nothing is minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftError {
    /// The life is not a positive number of whole seconds up to [`MAX_LIFE`].
    Life,
    /// The executor did not register that it enforces this condition, or takes none.
    NotEnforced(ConditionKind),
    /// No execution could meet the conditions.
    Contradiction(Contradiction),
    /// The same person approved twice.
    DuplicateApproval,
    /// An approver is the requester, or who the agent acts for.
    SelfApproval,
    /// An approval fills no seat.
    NoSeat,
    /// The token would be larger than 4 KiB.
    TooLarge,
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Life => {
                write!(f, "a token lives a whole number of seconds, at most {}", MAX_LIFE.as_secs())
            }
            Self::NotEnforced(kind) => {
                write!(f, "the executor is not registered as enforcing the condition `{kind}`")
            }
            Self::Contradiction(contradiction) => contradiction.fmt(f),
            Self::DuplicateApproval => f.write_str("the same person is named twice among the approvers"),
            Self::SelfApproval => f.write_str("the requester is named among the approvers"),
            Self::NoSeat => f.write_str("an approval fills no seat"),
            Self::TooLarge => write!(f, "the token would be larger than {MAX_MINTED} bytes"),
        }
    }
}

impl std::error::Error for DraftError {}

/// A token that lacks its place in the log and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    claims: Object,
}

impl Draft {
    /// A token for this grant and executor.
    ///
    /// # Errors
    /// [`DraftError`]: what an executor would refuse, or may not get.
    pub fn new(grant: &Grant, executor: &Executor) -> Result<Self, DraftError> {
        let seconds = grant.life.as_secs();
        if grant.life.subsec_nanos() != 0 || seconds == 0 || grant.life > MAX_LIFE {
            return Err(DraftError::Life);
        }
        check_approvals(grant)?;
        let conditions = tightest(&grant.conditions).map_err(DraftError::Contradiction)?;
        if let Some(kind) = executor.unenforced(&conditions) {
            return Err(DraftError::NotEnforced(kind));
        }
        // A plain executor enforces nothing, so here it has no conditions and this is never `None`.
        let audience = executor.audience(&grant.operation, !conditions.is_empty());
        let audience = audience.ok_or(DraftError::NotEnforced(ConditionKind::OnlineConsume))?;
        let issued_at = Moment::from_unix_seconds(grant.issued_at.unix_seconds());
        Ok(Self { claims: claims(grant, &audience, &conditions, issued_at) })
    }

    /// The draft whose claims without `cs_log` were recorded as these bytes; `None` if they are not such claims.
    ///
    /// It is for signing again what was recorded, so only what is needed for that is looked at.
    #[must_use]
    pub fn from_recorded(claims: &[u8]) -> Option<Self> {
        let Value::Object(claims) = read(claims, &RECORDED).ok()? else { return None };
        let draft = Self { claims };
        let unplaced = draft.claims.get("cs_log").is_none();
        (unplaced && draft.expires_at().is_some() && draft.conditions().is_some()).then_some(draft)
    }

    /// What must hold when the operation is executed.
    #[must_use]
    pub fn conditions(&self) -> Option<Vec<Condition>> {
        let Some(conditions) = self.claims.get("cs_cond") else { return Some(Vec::new()) };
        conditions.as_array()?.iter().map(|condition| Condition::from_value(condition).ok()).collect()
    }

    /// The first moment at which the token will no longer be valid.
    #[must_use]
    pub fn expires_at(&self) -> Option<Moment> {
        self.claims.get("exp")?.as_u64().map(Moment::from_unix_seconds)
    }

    /// The claims but for `cs_log`, in their RFC 8785 form: what the log records before the token can exist.
    #[must_use]
    pub fn claims_without_log(&self) -> Vec<u8> {
        Value::from(self.claims.clone()).to_canonical()
    }

    /// The claims as an executor will read them, once the mint is recorded at this leaf.
    ///
    /// # Errors
    /// [`ClaimFault`] if they are not those of a token, [`ClaimFault::Wrong`] for conditions that are none.
    pub fn read(&self, leaf: &LogLeaf) -> Result<Claims, ClaimFault> {
        let read = ReadClaims::read_generally(&self.placed(leaf))?;
        if read.version != VERSION {
            return Err(ClaimFault::Wrong("cs_v"));
        }
        let conditions = self.conditions().ok_or(ClaimFault::Wrong("cs_cond"))?;
        Ok(Claims { conditions, ..read.claims })
    }

    fn placed(&self, leaf: &LogLeaf) -> Vec<u8> {
        let log = Object::new().with("index", leaf.index).with("origin", leaf.origin.as_str());
        Value::from(self.claims.clone().with("cs_log", log)).to_canonical()
    }

    /// The bytes that this key is to sign, now that the mint is recorded at this leaf.
    ///
    /// # Errors
    /// [`DraftError::TooLarge`] if the token would be larger than 4 KiB.
    pub fn with_log(&self, leaf: &LogLeaf, key: &PublicKey) -> Result<SigningInput, DraftError> {
        let input = SigningInput::new(Kind::Authority, key, &self.placed(leaf));
        if input.signed_len() > MAX_MINTED { Err(DraftError::TooLarge) } else { Ok(input) }
    }
}

fn check_approvals(grant: &Grant) -> Result<(), DraftError> {
    let people: Vec<&str> = grant.approvals.iter().map(|approval| approval.person.as_str()).collect();
    for (position, person) in people.iter().enumerate() {
        if people.iter().skip(position + 1).any(|other| other == person) {
            return Err(DraftError::DuplicateApproval);
        }
    }
    let requesters = [Some(grant.subject.as_str()), grant.on_behalf_of.as_ref().map(PersonId::as_str)];
    if people.iter().any(|person| requesters.contains(&Some(person))) {
        return Err(DraftError::SelfApproval);
    }
    if grant.approvals.iter().any(|approval| approval.seats.is_empty()) {
        return Err(DraftError::NoSeat);
    }
    Ok(())
}

fn claims(grant: &Grant, audience: &Audience, conditions: &[Condition], issued_at: Moment) -> Object {
    let mut claims = Object::new()
        .with("aud", audience.as_str())
        .with("cs_op", grant.operation.to_string())
        .with("cs_pol", grant.policy.to_string())
        .with("cs_risk", u64::from(grant.risk.thousandths()))
        .with("cs_v", VERSION)
        .with("exp", issued_at.plus(grant.life).unix_seconds())
        .with("iat", issued_at.unix_seconds())
        .with("iss", grant.issuer.as_str())
        .with("jti", grant.jti.to_string())
        .with("nbf", issued_at.minus(EARLY).unix_seconds())
        .with("sub", grant.subject.as_str())
        .with("txn", grant.txn.to_string());
    if let Some(person) = &grant.on_behalf_of {
        claims.set("act", Object::new().with("sub", person.as_str()));
    }
    if let Some(holder) = &grant.holder {
        claims.set("cnf", Object::new().with("jwk", holder.to_short_jwk()));
    }
    if !conditions.is_empty() {
        claims.set("cs_cond", conditions.iter().map(Condition::to_value).collect::<Vec<_>>());
    }
    if !grant.approvals.is_empty() {
        claims.set("cs_appr", grant.approvals.iter().map(approval).collect::<Vec<_>>());
    }
    claims
}

fn approval(approval: &Approval) -> Value {
    let seats: Vec<Value> = approval.seats.iter().map(|seat| Value::from(seat.as_str())).collect();
    let object = Object::new()
        .with("assurance", approval.assurance.as_str())
        .with("at", approval.at.unix_seconds())
        .with("id", approval.person.as_str())
        .with("seats", seats)
        .with("vote", approval.vote.to_string());
    Value::from(object)
}

//! What an authority token says: its claims, a closed set (TOKEN §3).

use super::audience::Audience;
use super::canonical;
use super::key::PublicKey;
use super::members::{ClaimFault, Members};
use crate::condition::Condition;
use crate::digest::{OperationDigest, PolicyDigest, VoteDigest};
use crate::moment::Moment;
use crate::operation::json::{Limits, Value};
use crate::party::{AgentId, LogOrigin, PersonId, SeatName, TokenId, TrustDomain, TxnId};
use core::fmt;

/// The version of the profile: `cs_v`.
pub const VERSION: u64 = 1;

/// The claims of an authority token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: the trust domain.
    pub issuer: TrustDomain,
    /// `sub`: the agent.
    pub subject: AgentId,
    /// `act.sub`: on whose behalf the agent acts.
    pub on_behalf_of: Option<PersonId>,
    /// `aud`: the executor, and the operation.
    pub audience: Audience,
    /// `iat`, `nbf`, `exp`.
    pub times: Times,
    /// `jti`: the single-use key.
    pub jti: TokenId,
    /// `txn`: the decision's id, the same in the log.
    pub txn: TxnId,
    /// `cnf.jwk`: the key whose holder may present the token.
    pub holder: Option<PublicKey>,
    /// `cs_op`: the operation.
    pub operation: OperationDigest,
    /// `cs_pol`: the policy that decided.
    pub policy: PolicyDigest,
    /// `cs_risk`: the risk that was assessed.
    pub risk: RiskScore,
    /// `cs_cond`: what must hold when the operation is executed.
    pub conditions: Vec<Condition>,
    /// `cs_appr`: who agreed; empty when policy alone allowed.
    pub approvals: Vec<Approval>,
    /// `cs_log`: where this mint is recorded.
    pub log: LogLeaf,
}

/// When a token was issued, from when on and until when it is valid; whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// `iat`
    pub issued_at: Moment,
    /// `nbf`
    pub not_before: Moment,
    /// `exp`: the first moment at which it is no longer valid.
    pub expires_at: Moment,
}

/// A risk from 0 to 1, in whole thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RiskScore(u16);

impl RiskScore {
    /// So many thousandths; `None` above 1000.
    #[must_use]
    pub fn from_thousandths(thousandths: u64) -> Option<Self> {
        u16::try_from(thousandths).ok().filter(|t| *t <= 1000).map(Self)
    }

    /// The thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for RiskScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// How surely a voter was known, lowest first (DESIGN §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assurance {
    /// A click in a chat or a mail.
    Channel,
    /// Signed in, by OIDC or a passkey.
    Session,
    /// The vote itself is signed by the reviewer's own key.
    Signed,
}

impl Assurance {
    /// All of them, lowest first.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Session, Self::Signed];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Session => "session",
            Self::Signed => "signed",
        }
    }

    /// The assurance of that name, byte for byte.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assurance| assurance.as_str() == name)
    }
}

impl fmt::Display for Assurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "engine")]
impl serde::Serialize for Assurance {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for Assurance {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("not one of channel, session and signed"))
    }
}

/// One person's agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// `id`: who agreed.
    pub person: PersonId,
    /// `seats`: which seats of the requirement they filled; at least one.
    pub seats: Vec<SeatName>,
    /// `at`: when, in whole seconds.
    pub at: Moment,
    /// `assurance`: how surely they were known.
    pub assurance: Assurance,
    /// `vote`: the SHA-256 of the vote's statement.
    pub vote: VoteDigest,
}

/// A leaf of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLeaf {
    /// Which log.
    pub origin: LogOrigin,
    /// Which leaf, from 0.
    pub index: u64,
}

/// The claims as they were received, before the version and the conditions have been judged.
#[derive(Debug, PartialEq)]
pub(super) struct ReadClaims {
    pub(super) version: u64,
    /// All but the conditions.
    pub(super) claims: Claims,
    /// The members of `cs_cond`, at least one; empty without the claim.
    pub(super) conditions: Vec<Value>,
}

const NAMES: [&str; 17] = [
    "act", "aud", "cnf", "cs_appr", "cs_cond", "cs_log", "cs_op", "cs_pol", "cs_risk", "cs_v", "exp", "iat",
    "iss", "jti", "nbf", "sub", "txn",
];

/// What claims may be read of.
pub(super) const LIMITS: Limits = Limits { bytes: super::MAX_VERIFIED, depth: 8, members: 512 };

impl ReadClaims {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ClaimFault> {
        canonical::claims(bytes, &LIMITS).map_or_else(|| Self::read_generally(bytes), Ok)
    }

    /// As [`ReadClaims::read`], whatever form the claims have.
    pub(super) fn read_generally(bytes: &[u8]) -> Result<Self, ClaimFault> {
        let value = Members::parse(bytes, &LIMITS)?;
        let members = Members::of(&value, &NAMES)?;
        let on_behalf_of = members
            .optional("act", |act| Members::inner(act, "act", &["sub"])?.parsed("sub", PersonId::new))?;
        let holder = members.optional("cnf", |cnf| {
            let cnf = Members::inner(cnf, "cnf", &["jwk"])?;
            PublicKey::from_jwk(cnf.value("jwk")?).map_err(|_| ClaimFault::Wrong("cnf"))
        })?;
        let approvals = members.optional("cs_appr", |list| {
            let list = list.as_array().filter(|list| !list.is_empty());
            let list = list.ok_or(ClaimFault::Wrong("cs_appr"))?;
            list.iter().map(read_approval).collect::<Result<Vec<_>, _>>()
        })?;
        let conditions = members.optional("cs_cond", |list| {
            let list = list.as_array().filter(|list| !list.is_empty());
            list.map(<[Value]>::to_vec).ok_or(ClaimFault::Wrong("cs_cond"))
        })?;
        let log = Members::inner(members.value("cs_log")?, "cs_log", &["index", "origin"])?;
        let claims = Claims {
            issuer: members.parsed("iss", TrustDomain::new)?,
            subject: members.parsed("sub", AgentId::new)?,
            on_behalf_of,
            audience: Audience::received(members.text("aud")?),
            times: Times {
                issued_at: members.second("iat")?,
                not_before: members.second("nbf")?,
                expires_at: members.second("exp")?,
            },
            jti: members.matching("jti", TokenId::parse)?,
            txn: members.matching("txn", TxnId::parse)?,
            holder,
            operation: members.matching("cs_op", OperationDigest::parse)?,
            policy: members.matching("cs_pol", PolicyDigest::parse)?,
            risk: RiskScore::from_thousandths(members.number("cs_risk")?)
                .ok_or(ClaimFault::Wrong("cs_risk"))?,
            conditions: Vec::new(),
            approvals: approvals.unwrap_or_default(),
            log: LogLeaf { origin: log.parsed("origin", LogOrigin::new)?, index: log.number("index")? },
        };
        Ok(Self { version: members.number("cs_v")?, claims, conditions: conditions.unwrap_or_default() })
    }
}

fn read_approval(value: &Value) -> Result<Approval, ClaimFault> {
    let members = Members::inner(value, "cs_appr", &["assurance", "at", "id", "seats", "vote"])?;
    let wrong = ClaimFault::Wrong("cs_appr");
    let seats = members.value("seats")?.as_array().filter(|seats| !seats.is_empty()).ok_or(wrong)?;
    let seat = |seat: &Value| seat.as_str().and_then(|seat| SeatName::new(seat).ok()).ok_or(wrong);
    Ok(Approval {
        person: members.parsed("id", PersonId::new)?,
        seats: seats.iter().map(seat).collect::<Result<_, _>>()?,
        at: members.second("at")?,
        assurance: members.matching("assurance", Assurance::parse)?,
        vote: members.matching("vote", VoteDigest::parse)?,
    })
}

//! What a verifier is told: whom to trust, for which executor it verifies, and how much that executor asks for.

use super::audience::Executor;
use super::bundle::TrustBundle;
use super::claims::Assurance;
use super::draft::MAX_LIFE;
use super::evidence::EvidenceCheck;
use super::revocations::Revocations;
use super::statement::MAX_STATEMENT_LIFE;
use super::trust::Anchor;
use super::verify::Verifier;
use crate::moment::Moment;
use crate::tlog::LogPolicy;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// How far the issuer's clock may be ahead, unless told otherwise.
pub const DEFAULT_SKEW: Duration = Duration::from_secs(30);
/// How far the issuer's clock may be ahead at most.
pub const MAX_SKEW: Duration = Duration::from_secs(60);

/// What an executor's clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockReading {
    /// The time.
    Known(Moment),
    /// The clock is not synchronised, or it jumped: no token can be judged.
    Doubtful,
}

impl From<Moment> for ClockReading {
    fn from(now: Moment) -> Self {
        Self::Known(now)
    }
}

/// How many people must have agreed, and how surely they must be known to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalFloor {
    /// At least so many different people.
    pub approvals: usize,
    /// The least assurance that counts.
    pub assurance: Assurance,
}

/// A verifier to be: the settings are safe unless one is widened.
///
/// ```no_run
/// # use countersign::token::{Anchor, Executor, VerifierConfig};
/// # fn example(anchor: Anchor, executor: Executor) -> Result<(), countersign::token::ConfigError> {
/// let verifier = VerifierConfig::new(anchor, executor).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VerifierConfig {
    pub(super) anchor: Anchor,
    pub(super) executor: Executor,
    pub(super) max_life: Duration,
    pub(super) skew: Duration,
    pub(super) floor: ApprovalFloor,
    pub(super) bundle: Option<Arc<TrustBundle>>,
    pub(super) bundle_required: bool,
    pub(super) revocations: Option<Arc<Revocations>>,
    pub(super) revocations_max_age: Option<Duration>,
    pub(super) evidence: Option<Arc<dyn EvidenceCheck>>,
    pub(super) log: Option<Arc<LogPolicy>>,
}

/// Why a verifier can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The longest accepted life is zero or above [`MAX_LIFE`].
    MaxLife,
    /// The skew is above [`MAX_SKEW`].
    Skew,
    /// More approvals are asked for than fit in a token.
    Floor,
    /// A snapshot of revocations would always be too old, or could be older than any may be.
    RevocationsMaxAge,
    /// The trust bundle is of another trust domain, or under a root that is not pinned.
    BundleElsewhere,
    /// The snapshot of revocations is of another trust domain, or under a root that is not pinned.
    RevocationsElsewhere,
}

/// The most approvals that an executor can ask for: more would not fit in a token.
const MAX_FLOOR: usize = 16;

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxLife => {
                write!(f, "the longest accepted life of a token is from 1 to {} s", MAX_LIFE.as_secs())
            }
            Self::Skew => write!(f, "the clock skew is at most {} s", MAX_SKEW.as_secs()),
            Self::Floor => write!(f, "at most {MAX_FLOOR} approvals can be asked for"),
            Self::RevocationsMaxAge => {
                let days = MAX_STATEMENT_LIFE.as_secs() / 86_400;
                write!(f, "the greatest age of revocations is from 1 s to {days} days")
            }
            Self::BundleElsewhere => {
                f.write_str("the trust bundle is of another trust domain or under a root that is not pinned")
            }
            Self::RevocationsElsewhere => {
                f.write_str("the revocations are of another trust domain or under a root that is not pinned")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl VerifierConfig {
    /// Trusts these roots, for this executor; no floor of approvals, no bundle, no revocations, no evidence, no log
    /// proof.
    #[must_use]
    pub const fn new(anchor: Anchor, executor: Executor) -> Self {
        Self {
            anchor,
            executor,
            max_life: MAX_LIFE,
            skew: DEFAULT_SKEW,
            floor: ApprovalFloor { approvals: 0, assurance: Assurance::Channel },
            bundle: None,
            bundle_required: false,
            revocations: None,
            revocations_max_age: None,
            evidence: None,
            log: None,
        }
    }

    /// Accepts tokens that live at most this long.
    #[must_use]
    pub const fn max_life(mut self, max_life: Duration) -> Self {
        self.max_life = max_life;
        self
    }

    /// Accepts `iat` and `nbf` up to this far in the future; `exp` has no grace.
    #[must_use]
    pub const fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Asks for at least so many approvals.
    #[must_use]
    pub const fn approval_floor(mut self, floor: ApprovalFloor) -> Self {
        self.floor = floor;
        self
    }

    /// Uses this trust bundle; without a fresh one no token is judged from now on.
    #[must_use]
    pub fn bundle(mut self, bundle: Arc<TrustBundle>) -> Self {
        self.bundle = Some(bundle);
        self.requires_bundle()
    }

    /// Judges no token without a trust bundle.
    #[must_use]
    pub const fn requires_bundle(mut self) -> Self {
        self.bundle_required = true;
        self
    }

    /// Uses this snapshot of revocations; once it has expired no token is judged.
    #[must_use]
    pub fn revocations(mut self, revocations: Arc<Revocations>) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Judges no token without a snapshot of revocations of at most this age.
    #[must_use]
    pub const fn requires_revocations(mut self, max_age: Duration) -> Self {
        self.revocations_max_age = Some(max_age);
        self
    }

    /// Demands the votes of those who approved, and has them checked; so somebody must have approved.
    #[must_use]
    pub fn demands_evidence(mut self, check: Arc<dyn EvidenceCheck>) -> Self {
        self.evidence = Some(check);
        self
    }

    /// Demands a proof that the token's mint is in a log that this policy believes, beside what else is demanded.
    #[must_use]
    pub fn demands_log_proof(mut self, policy: Arc<LogPolicy>) -> Self {
        self.log = Some(policy);
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// [`ConfigError`] for settings under which no token, or any, would pass a step.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        if self.max_life.is_zero() || self.max_life > MAX_LIFE {
            return Err(ConfigError::MaxLife);
        }
        if self.skew > MAX_SKEW {
            return Err(ConfigError::Skew);
        }
        if self.floor.approvals > MAX_FLOOR {
            return Err(ConfigError::Floor);
        }
        let senseless = |age: Duration| age.is_zero() || age > MAX_STATEMENT_LIFE;
        if self.revocations_max_age.is_some_and(senseless) {
            return Err(ConfigError::RevocationsMaxAge);
        }
        let pinned = |root| self.anchor.root(&root).is_some();
        let domain = self.anchor.domain();
        if self.bundle.as_ref().is_some_and(|b| b.contents().domain != *domain || !pinned(b.root())) {
            return Err(ConfigError::BundleElsewhere);
        }
        if self.revocations.as_ref().is_some_and(|r| r.contents().domain != *domain || !pinned(r.root())) {
            return Err(ConfigError::RevocationsElsewhere);
        }
        Ok(Verifier::new(self))
    }
}

impl fmt::Debug for VerifierConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierConfig")
            .field("domain", self.anchor.domain())
            .field("executor", &self.executor)
            .field("max_life", &self.max_life)
            .field("skew", &self.skew)
            .field("floor", &self.floor)
            .field("evidence", &self.evidence.is_some())
            .field("log", &self.log.is_some())
            .finish_non_exhaustive()
    }
}

//! The desk's half of the fleet: which sidecars there are, for whom they speak, and what each of them may do here.
//!
//! **Nothing that a sidecar says is believed for being said.** Its call is signed by a key that this desk certified for one
//! agent; what it hands over has to continue the log that it handed over before, under that log's own signature, and is
//! taken only where it concerns its own agent; what is asked of people comes from the decision on record, never from the
//! wire. So a sidecar that was taken over can do what its own key can, and nothing more.

mod adoption;
mod courses;
mod enrolment;
mod error;
mod feed;
mod members;
mod policies;
mod roles;
mod shipping;

pub use enrolment::{Admitted, MAX_INVITATION, MadeInvitation, Shown, Wanted};
pub use error::FleetError;
pub use feed::{Following, News, Since};
pub use members::{Member, MemberState, Overview};
pub use roles::{AccountPattern, Accounts, ClusterKeys, KeyFile, Role, Roles};
pub use shipping::{HandedOver, MAX_LEAVES, ToHandOver, Value};

use super::LocalDesk;
use super::limit::Limit;
use crate::clock::Clock;
use crate::condition::ConditionKind;
use crate::digest::KeyId;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::moment::Moment;
use crate::party::{ExecutorId, KeyHolder, LogOrigin, TrustDomain};
use crate::signer::{Authority, Candidates, Chains, KeyringError, Published};
use crate::store::Store;
use crate::token::Anchor;
use core::time::Duration;
use feed::Feed;
use members::Seen;
use policies::Policies;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// The keys of the desk, as the fleet needs them.
pub trait Keys: Send + Sync {
    /// Whom executors trust.
    fn anchor(&self) -> &Anchor;

    /// Every key that was revoked.
    fn revoked(&self) -> Arc<BTreeSet<KeyId>>;

    /// What executors must know of keys.
    fn published(&self) -> Arc<Published>;

    /// The key of the desk's own log, with which it cosigns.
    fn log(&self) -> Option<Arc<Authority>>;

    /// Certifies the keys of a sidecar. It reads files.
    ///
    /// # Errors
    /// [`KeyringError`] if that can't be done.
    fn certify(&self, candidates: &Candidates<'_>, now: Moment) -> Result<Chains, KeyringError>;

    /// Revokes keys, and publishes that. It reads and writes files.
    ///
    /// # Errors
    /// [`KeyringError`] if they may not be revoked.
    fn revoke_keys(&self, keys: &BTreeSet<KeyId>, now: Moment) -> Result<(), KeyringError>;
}

/// An executor that sidecars mint for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetExecutor {
    /// Its id.
    pub id: ExecutorId,
    /// The conditions that it enforces.
    pub conditions: Vec<ConditionKind>,
    /// It only takes a fixed audience.
    pub plain: bool,
}

/// How a fleet is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The trust domain.
    pub domain: TrustDomain,
    /// The origin of the desk's own log: the name under which it cosigns.
    pub origin: LogOrigin,
    /// How long a sidecar's keys are certified for.
    pub life: Duration,
    /// The executors that sidecars mint for.
    pub executors: Vec<FleetExecutor>,
    /// The most sidecars that follow at once.
    pub most: usize,
}

/// How often one address may try to enrol within a minute, and all of them together.
const ENROLMENTS_EACH: u32 = 60;
const ENROLMENTS: u32 = 6_000;
/// How often one sidecar may call within ten seconds.
const CALLS: u32 = 600;
const MINUTE: Duration = Duration::from_secs(60);
/// How many batches of leaves are judged at once: each costs memory.
const SHIPPING: usize = 8;

/// How many sidecars there were in each state at a moment.
type Counted = (Moment, Vec<(MemberState, usize)>);

/// The sidecars of a desk.
pub struct Fleet {
    store: Arc<dyn Store>,
    desk: Arc<LocalDesk>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
    settings: Settings,
    roles: Roles,
    policies: Policies,
    feed: Feed,
    /// Who was heard of since this start.
    seen: Mutex<HashMap<KeyHolder, Seen>>,
    /// How many there were in each state, and when that was counted.
    counted: Mutex<Option<Counted>>,
    enrolling: Limit,
    enrolling_each: Limit,
    calling: Limit,
    shipping: Semaphore,
    /// Room for one more who follows.
    following: Arc<Semaphore>,
}

impl Fleet {
    /// The sidecars of this desk.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        desk: Arc<LocalDesk>,
        keys: Arc<dyn Keys>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
        settings: Settings,
        roles: Roles,
    ) -> Self {
        let clock = desk.clock.clone();
        let limit = |most, span| Limit::new(most, span, clock.clone());
        Self {
            policies: Policies::new(store.clone()),
            feed: Feed::new(store.clone()),
            seen: Mutex::default(),
            counted: Mutex::default(),
            enrolling: limit(ENROLMENTS, MINUTE),
            enrolling_each: limit(ENROLMENTS_EACH, MINUTE),
            calling: limit(CALLS, MINUTE / 6),
            shipping: Semaphore::new(SHIPPING),
            following: Arc::new(Semaphore::new(settings.most)),
            store,
            desk,
            keys,
            clock,
            entropy,
            metrics,
            settings,
            roles,
        }
    }

    /// The executors that sidecars mint for.
    #[must_use]
    pub fn executors(&self) -> &[FleetExecutor] {
        &self.settings.executors
    }

    /// What is in force for all of them.
    #[must_use]
    pub fn trust(&self) -> (Arc<Published>, Arc<BTreeSet<KeyId>>) {
        (self.keys.published(), self.keys.revoked())
    }

    /// Tells the operators that a call was refused, and why.
    pub fn note_refusal(&self, method: &'static str, error: &FleetError) {
        tracing::warn!(method, code = error.code(), %error, "a sidecar is refused");
        self.metrics.sidecar_refused(error.code());
        if method == "Enrol" {
            self.metrics.enrolled("refused");
        }
    }

    /// The desk's time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Reads what is recorded and tells those whom it concerns, for as long as it is polled.
    pub async fn tell(&self) -> core::convert::Infallible {
        self.feed.run().await
    }
}

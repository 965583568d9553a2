//! The brake: the suspensions in force, and the gate through which every token passes under them.
//!
//! **No gap.** Whoever mints holds the gate open ([`Brake::standing`]) from before it looks for a suspension until
//! its token is recorded and signed; ordering a suspension closes the gate first, which waits for all of them, records
//! it, and opens the gate again with the suspension in force. So each token was either signed before the suspension
//! was recorded, or saw it. A caller that goes away after its mint was handed to the journal lets go of the gate too
//! early, but then there is nobody who would sign; and whoever asks for that token again passes the gate anew.
//!
//! **Nor between replicas.** The gate is one process's. What is minted rests on what this replica knows to be suspended
//! ([`InEffect::guard`]): where another has suspended or lifted something since, the record refuses the mint, and it is
//! decided anew by the record.
//!
//! **Tokens out already** live for an hour at most and can't be called back. Those that a suspension covers are put on
//! the signed list of revocations, for executors that ask for one.

mod order;

pub use order::{Order, OrderError, Written};

use super::Sidecar;
use super::issuance::Issuance;
use crate::audit::event::{Event, Minted, Record};
use crate::clock::Clock;
use crate::entropy::{Entropy, NoEntropy};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, SuspensionId, TokenId};
use crate::store::follow::Follows;
use crate::store::{Basis, Change, Index, Store, StoreError};
use crate::suspension::{MAX_SUSPENSIONS, Suspension, Suspensions};
use crate::token::{Draft, MAX_LIFE};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many records are looked through for living tokens; where the last hour has more, all that were issued are
/// revoked.
const MOST_READ: usize = 50_000;

/// The longest time for which something can be suspended; longer is for ever.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The suspensions in force.
pub struct Brake {
    store: Arc<dyn Store>,
    issuance: Arc<Issuance>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    in_effect: RwLock<InEffect>,
    /// Another replica has changed what is suspended, as far as is known: the record is to be read.
    doubt: AtomicBool,
}

/// What is suspended by the record.
#[derive(Debug, Default)]
pub struct InEffect {
    suspensions: Suspensions,
    /// Where that changed last.
    place: Option<Index>,
}

impl InEffect {
    /// What is suspended by the record of now.
    fn by(store: &dyn Store) -> Result<Self, StoreError> {
        // First: what is suspended after this makes a mint that rests on this place impossible.
        let place = store.stands(&Basis::Suspensions)?;
        let mut suspensions = Suspensions::default();
        for index in store.suspensions()? {
            let Event::Suspended { suspension } = store.record(index)?.event else {
                return Err(StoreError::Damaged(format!("record {index} is not a suspension")));
            };
            suspensions.add(*suspension);
        }
        Ok(Self { suspensions, place })
    }

    /// … a change that is right only while this is what is suspended.
    #[must_use]
    pub fn guard(&self, change: Change) -> Change {
        change.resting_on(Basis::Suspensions, self.place)
    }
}

impl core::ops::Deref for InEffect {
    type Target = Suspensions;

    fn deref(&self) -> &Suspensions {
        &self.suspensions
    }
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The suspension, in force.
    pub suspension: Suspension,
    /// What became of the tokens that were out already.
    pub tokens: Living,
}

/// What became of the tokens that a suspension covers and that were alive when it was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Living {
    /// So many are on the list of revocations now.
    Revoked(usize),
    /// Too many to be told apart: every token that was issued until then is revoked.
    AllRevoked,
    /// They could not be revoked; why.
    NotRevoked(String),
}

/// Which suspensions are to be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(SuspensionId),
    /// All.
    All,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrakeError {
    /// There is no such suspension, or it was lifted.
    Unknown(SuspensionId),
    /// There are [`MAX_SUSPENSIONS`] already.
    TooMany,
    /// There was no randomness.
    NoEntropy,
    /// It could not be recorded, so it is not in force.
    Store(StoreError),
    /// The service is stopping.
    Stopping,
}

impl fmt::Display for BrakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "there is no suspension `{id}`"),
            Self::TooMany => write!(f, "there are {MAX_SUSPENSIONS} suspensions already; lift some first"),
            Self::NoEntropy => NoEntropy.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Stopping => f.write_str("the service is stopping"),
        }
    }
}

impl std::error::Error for BrakeError {}

impl From<StoreError> for BrakeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Brake {
    /// Takes up the suspensions that are recorded and were not lifted.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be read: then nothing may be minted.
    pub fn start(
        store: Arc<dyn Store>,
        issuance: Arc<Issuance>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let in_effect = RwLock::new(InEffect::by(store.as_ref())?);
        Ok(Self { store, issuance, clock, entropy, in_effect, doubt: AtomicBool::new(false) })
    }

    /// The suspensions as they stand; none is added or lifted here while this is held. Whoever mints holds it until the
    /// token is signed, and never takes it twice.
    ///
    /// # Errors
    /// [`StoreError`] if another replica may have changed them and they can't be read: then nothing may be minted.
    pub async fn standing(&self) -> Result<RwLockReadGuard<'_, InEffect>, StoreError> {
        if self.doubt.load(Ordering::Acquire) {
            drop(self.for_change().await?);
        }
        Ok(self.in_effect.read().await)
    }

    /// What is known to be suspended may not be all of it: the record is read before anything rests on it.
    pub fn doubt(&self) {
        self.doubt.store(true, Ordering::Release);
    }

    /// The gate, closed, with what is suspended by the record.
    async fn for_change(&self) -> Result<RwLockWriteGuard<'_, InEffect>, StoreError> {
        let mut in_effect = self.in_effect.write().await;
        if self.doubt.swap(false, Ordering::AcqRel) {
            *in_effect = InEffect::by(self.store.as_ref()).inspect_err(|_| self.doubt())?;
        }
        Ok(in_effect)
    }

    /// The suspensions in force, oldest first.
    pub async fn list(&self) -> Vec<Suspension> {
        let now = self.clock.now();
        if let Err(error) = self.standing().await {
            tracing::error!(%error, "what other replicas suspended can't be read just now");
        }
        self.in_effect.read().await.in_force(now).cloned().collect()
    }

    /// Suspends at once. When this has answered, nothing that it covers is minted any more.
    ///
    /// # Errors
    /// [`BrakeError`]: then it is not in force.
    pub async fn suspend(self: &Arc<Self>, order: Order) -> Result<Ordered, BrakeError> {
        let brake = self.clone();
        // Carried out to its end, whether or not the caller stays to hear of it.
        let carried_out = tokio::spawn(async move {
            let suspension = brake.put_in_force(order).await?;
            let of = suspension.clone();
            let tokens = tokio::task::spawn_blocking(move || brake.revoke_living(&of)).await;
            let tokens = tokens.unwrap_or_else(|error| Living::NotRevoked(error.to_string()));
            Ok(Ordered { suspension, tokens })
        });
        carried_out.await.unwrap_or(Err(BrakeError::Stopping))
    }

    /// How many living tokens an order would cover now; nothing if there are too many to be told apart.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    pub async fn would_cover(self: &Arc<Self>, order: Order) -> Result<Option<usize>, StoreError> {
        let brake = self.clone();
        let counted = tokio::task::spawn_blocking(move || {
            let now = brake.clock.now();
            let suspension = order.at(SuspensionId::from_random([0; 16]), now);
            Ok(brake.living(&suspension, now)?.map(|living| living.len()))
        });
        let stopping = |_| Err(StoreError::Unavailable("the service is stopping".to_owned()));
        counted.await.unwrap_or_else(stopping)
    }

    async fn put_in_force(&self, order: Order) -> Result<Suspension, BrakeError> {
        let bits = self.entropy.bits128().map_err(|NoEntropy| BrakeError::NoEntropy)?;
        loop {
            let mut in_effect = self.for_change().await?;
            let now = self.clock.now();
            if in_effect.in_force(now).count() >= MAX_SUSPENSIONS {
                return Err(BrakeError::TooMany);
            }
            let suspension = order.clone().at(SuspensionId::from_random(bits), now);
            let ended: Vec<SuspensionId> = in_effect.ended(now).collect();
            let events = ended.iter().map(|id| Event::Resumed { id: *id, by: None });
            let suspended = Event::Suspended { suspension: Box::new(suspension.clone()) };
            let change = in_effect.guard(Change::of(now, events.chain([suspended])));
            match self.store.commit(change).await {
                Ok(places) => in_effect.place = places.last(),
                Err(StoreError::Changed(_)) => {
                    self.doubt();
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            for id in ended {
                in_effect.suspensions.lift(id);
            }
            in_effect.suspensions.add(suspension.clone());
            drop(in_effect);
            tracing::warn!(id = %suspension.id, by = %suspension.by, "{} is suspended", suspension.scope());
            return Ok(suspension);
        }
    }

    /// Comes to have just these in force, as the desk has them. What is new stops things whether or not it could be
    /// recorded; what is gone does so until that is recorded.
    ///
    /// # Errors
    /// [`BrakeError`] if that could not be recorded, or they are too many.
    pub async fn come_to(self: &Arc<Self>, theirs: Vec<Suspension>) -> Result<(), BrakeError> {
        if theirs.len() > MAX_SUSPENSIONS {
            return Err(BrakeError::TooMany);
        }
        let brake = self.clone();
        let carried_out = tokio::spawn(async move { brake.take_over(theirs).await });
        carried_out.await.unwrap_or(Err(BrakeError::Stopping))
    }

    async fn take_over(&self, theirs: Vec<Suspension>) -> Result<(), BrakeError> {
        let mut in_effect = self.for_change().await?;
        let now = self.clock.now();
        let known = |id: SuspensionId, all: &Suspensions| all.all().any(|one| one.id == id);
        let gone: Vec<SuspensionId> =
            in_effect.all().map(|one| one.id).filter(|id| !theirs.iter().any(|one| one.id == *id)).collect();
        let new: Vec<Suspension> =
            theirs.into_iter().filter(|one| !known(one.id, &in_effect.suspensions)).collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let lifted = gone.iter().map(|id| Event::Resumed { id: *id, by: Some("the desk".to_owned()) });
        let ordered = new.iter().map(|one| Event::Suspended { suspension: Box::new(one.clone()) });
        let change = in_effect.guard(Change::of(now, lifted.chain(ordered)));
        for one in new {
            tracing::warn!(id = %one.id, by = %one.by, "{} is suspended", one.scope());
            in_effect.suspensions.add(one);
        }
        in_effect.place = self.store.commit(change).await?.last();
        for id in gone {
            if let Some(one) = in_effect.suspensions.lift(id) {
                tracing::warn!(%id, "{} is not suspended any more", one.scope());
            }
        }
        Ok(())
    }

    /// Lifts suspensions, and gives those that were lifted.
    ///
    /// # Errors
    /// [`BrakeError`]: then they are still in force.
    pub async fn resume(self: &Arc<Self>, which: Which, by: String) -> Result<Vec<Suspension>, BrakeError> {
        let brake = self.clone();
        let carried_out = tokio::spawn(async move { brake.lift(which, by).await });
        carried_out.await.unwrap_or(Err(BrakeError::Stopping))
    }

    async fn lift(&self, which: Which, by: String) -> Result<Vec<Suspension>, BrakeError> {
        loop {
            let mut in_effect = self.for_change().await?;
            let now = self.clock.now();
            let lifted: Vec<Suspension> = in_effect
                .in_force(now)
                .filter(|one| match which {
                    Which::One(id) => one.id == id,
                    Which::All => true,
                })
                .cloned()
                .collect();
            match (which, lifted.as_slice()) {
                (Which::One(id), []) => return Err(BrakeError::Unknown(id)),
                (Which::All, []) => return Ok(lifted),
                (Which::One(_) | Which::All, [..]) => {}
            }
            let events = lifted.iter().map(|one| Event::Resumed { id: one.id, by: Some(by.clone()) });
            match self.store.commit(in_effect.guard(Change::of(now, events))).await {
                Ok(places) => in_effect.place = places.last(),
                Err(StoreError::Changed(_)) => {
                    self.doubt();
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            for one in &lifted {
                in_effect.suspensions.lift(one.id);
                tracing::warn!(id = %one.id, %by, "{} is not suspended any more", one.scope());
            }
            return Ok(lifted);
        }
    }

    /// Puts the living tokens that a suspension covers on the list of revocations. It reads records and files.
    fn revoke_living(&self, suspension: &Suspension) -> Living {
        let now = self.clock.now();
        let revoked = self.living(suspension, now).map_err(|error| error.to_string()).and_then(|living| {
            // A token's time of issue is in whole seconds.
            let next_second = Moment::from_unix_seconds(now.unix_seconds().saturating_add(1));
            let (tokens, before) = match living {
                Some(tokens) => (tokens, None),
                None => (BTreeMap::new(), Some(next_second)),
            };
            if tokens.is_empty() && before.is_none() {
                return Ok(Living::Revoked(0));
            }
            let revoked = self.issuance.revoke(&tokens, before, now).map_err(|error| error.to_string())?;
            Ok(if revoked && before.is_none() { Living::Revoked(tokens.len()) } else { Living::AllRevoked })
        });
        revoked.unwrap_or_else(|error| {
            tracing::error!(%error, "the tokens that a suspension covers could not be revoked");
            Living::NotRevoked(error)
        })
    }

    /// The living tokens that it covers, with the ends of their lives; nothing if there are too many to tell.
    fn living(
        &self,
        suspension: &Suspension,
        now: Moment,
    ) -> Result<Option<BTreeMap<TokenId, Moment>>, StoreError> {
        let since = now.minus(MAX_LIFE);
        let mut living = BTreeMap::new();
        for (read, index) in (0..self.store.len()).rev().enumerate() {
            let record = self.store.record(index)?;
            if record.at < since {
                break;
            }
            if read == MOST_READ {
                return Ok(None);
            }
            let Event::Minted(minted) = record.event else { continue };
            // What can't be read is taken to live on.
            let draft = Draft::from_recorded(minted.claims.as_bytes());
            let expires_at = draft.and_then(|draft| draft.expires_at()).unwrap_or(now.plus(MAX_LIFE));
            if expires_at > now && self.covers(suspension, &minted)? {
                living.insert(minted.jti, expires_at);
            }
        }
        Ok(Some(living))
    }

    fn covers(&self, suspension: &Suspension, minted: &Minted) -> Result<bool, StoreError> {
        if suspension.agent.is_none() && suspension.action.is_none() {
            return Ok(true);
        }
        let Some(index) = self.store.decided(minted.txn)? else { return Ok(true) };
        let Event::Decided(decided) = self.store.record(index)?.event else { return Ok(true) };
        let operation = Operation::from_op_bytes(decided.op.as_bytes());
        Ok(operation.map_or(true, |operation| suspension.covers(&decided.agent, operation.action())))
    }
}

impl Follows for Brake {
    fn follow(&self, _: Index, record: &Record) {
        if matches!(record.event, Event::Suspended { .. } | Event::Resumed { .. }) {
            self.doubt();
        }
    }
}

impl Sidecar {
    /// The suspension that stops this agent from doing this, if there is one.
    pub(super) fn stopped(
        standing: &Suspensions,
        agent: &AgentId,
        action: &str,
        now: Moment,
    ) -> Result<(), super::SidecarError> {
        match standing.stops(agent, action, now) {
            Some(suspension) => Err(super::SidecarError::Suspended(Box::new(suspension.clone()))),
            None => Ok(()),
        }
    }
}

//! Asking witnesses: each is sent what it lacks, and what comes back is kept beside the checkpoint.

use super::{CheckpointFault, Checkpoints, tree_fault};
use crate::store::{Index, Store, StoreError};
use crate::tlog::{self, AddCheckpoint, LogProof, NoteSignature, SignedCheckpoint, TreeError};
use crate::witness::{NotCosigned, Witness};
use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinSet;

/// How long cosignatures are waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a witness is asked again when it has seen another checkpoint than was thought.
const ATTEMPTS: usize = 3;

/// Who is asked, and what is known of what each has seen.
pub(super) struct Rounds {
    witnesses: Vec<Arc<dyn Witness>>,
    /// The size that each has cosigned last, as far as is known.
    seen: Arc<Mutex<HashMap<usize, Index>>>,
    /// The checkpoint that was cosigned last. Whoever asks holds it, so that all who wait share one round.
    cosigned: AsyncMutex<Option<SignedCheckpoint>>,
}

/// Why a record is not witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWitnessed {
    /// Fewer witnesses have cosigned it in time than are needed.
    TooFew {
        /// So many have.
        cosigned: usize,
        /// So many are needed.
        needed: usize,
    },
    /// No checkpoint could be signed, or no proof be made.
    Fault(CheckpointFault),
}

impl fmt::Display for NotWitnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { cosigned, needed } => write!(
                f,
                "{cosigned} of the {needed} witnesses that the policy demands have cosigned the log; ask again under \
                 the same request id"
            ),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for NotWitnessed {}

impl Rounds {
    pub(super) fn new(witnesses: Vec<Arc<dyn Witness>>, cosigned: Option<SignedCheckpoint>) -> Self {
        Self { witnesses, seen: Arc::default(), cosigned: AsyncMutex::new(cosigned) }
    }

    pub(super) const fn any(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// How many of the witnesses have cosigned this.
    fn count(&self, checkpoint: &SignedCheckpoint) -> usize {
        let keys = self.witnesses.iter().map(|witness| witness.key());
        checkpoint.note().check(keys).map_or(0, |signed| signed.len())
    }
}

impl Checkpoints {
    /// The proof that this record is in the log, from a checkpoint that so many witnesses have cosigned; the record's
    /// leaf is its extra data. What nobody has seen yet is shown to them now.
    ///
    /// # Errors
    /// [`NotWitnessed`] if that does not succeed in time.
    pub async fn witnessed(self: &Arc<Self>, index: Index, needed: usize) -> Result<LogProof, NotWitnessed> {
        let last = self.last().filter(|last| last.checkpoint().size > index);
        if last.is_none() {
            self.make_now().await.map_err(NotWitnessed::Fault)?;
        }
        let mut cosigned = self.rounds.cosigned.lock().await;
        let counted = |checkpoint: &SignedCheckpoint| match checkpoint.checkpoint().size > index {
            true => self.rounds.count(checkpoint),
            false => 0,
        };
        // Whoever held the lock before may have had it cosigned already.
        let mut count = cosigned.as_ref().map_or(0, counted);
        if count < needed {
            let last = self.last().ok_or(NotWitnessed::Fault(CheckpointFault::NoKey))?;
            let asked = self.ask_all(last, cosigned.clone(), needed).await;
            *cosigned = asked.checkpoint;
            count = cosigned.as_ref().map_or(0, counted);
        }
        match cosigned.clone().filter(|_| count >= needed) {
            Some(checkpoint) => self.proof(index, checkpoint).await.map_err(NotWitnessed::Fault),
            None => Err(NotWitnessed::TooFew { cosigned: count, needed }),
        }
    }

    /// Has the last checkpoint cosigned by whoever has not done that yet, or, where `again`, by everybody anew.
    pub(super) async fn have_cosigned(self: &Arc<Self>, again: bool) {
        // Somebody waits for a round already: that will do.
        let Ok(mut cosigned) = self.rounds.cosigned.try_lock() else { return };
        let Some(last) = self.last() else { return };
        let is_last = |one: &SignedCheckpoint| one.note().text() == last.note().text();
        let all = self.rounds.witnesses.len();
        if !again && cosigned.as_ref().is_some_and(|one| is_last(one) && self.rounds.count(one) == all) {
            return;
        }
        let enough = if again { usize::MAX } else { all };
        *cosigned = self.ask_all(last, cosigned.clone(), enough).await.checkpoint;
    }

    /// Asks every witness before the service serves: one of them may have seen more than there is.
    ///
    /// # Errors
    /// [`CheckpointFault::Witnessed`] if one says so. One that can't be reached is no reason not to start.
    pub async fn ask_at_start(self: &Arc<Self>) -> Result<(), CheckpointFault> {
        let Some(last) = self.last().filter(|_| self.rounds.any()) else { return Ok(()) };
        let mut cosigned = self.rounds.cosigned.lock().await;
        let asked = self.ask_all(last, cosigned.clone(), usize::MAX).await;
        *cosigned = asked.checkpoint;
        asked.contradicted.map_or(Ok(()), Err)
    }

    /// Asks all witnesses at once, until enough have cosigned or it has taken too long.
    async fn ask_all(
        self: &Arc<Self>,
        checkpoint: SignedCheckpoint,
        before: Option<SignedCheckpoint>,
        enough: usize,
    ) -> Asked {
        let same = before.as_ref().filter(|before| before.note().text() == checkpoint.note().text());
        let mut cosigned = same.cloned().unwrap_or_else(|| checkpoint.clone());
        let mut asked = Asked { checkpoint: None, contradicted: None };
        let mut asking = JoinSet::new();
        for (place, witness) in self.rounds.witnesses.iter().enumerate() {
            let exchange = Exchange {
                witness: witness.clone(),
                place,
                checkpoint: checkpoint.clone(),
                store: self.store.clone(),
                seen: self.rounds.seen.clone(),
            };
            asking.spawn(exchange.run());
        }
        let mut new = false;
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        while self.rounds.count(&cosigned) < enough || !new {
            let answered = tokio::select! {
                answered = asking.join_next() => answered,
                () = &mut patience => break,
            };
            match answered {
                None => break,
                Some(Ok((_, Ok(line)))) => new |= cosigned.cosign(line).is_ok(),
                Some(Ok((place, Err(why)))) => {
                    let name =
                        self.rounds.witnesses.get(place).map(|witness| witness.key().name().to_string());
                    let witness = name.unwrap_or_default();
                    tracing::warn!(%witness, %why, "a witness has not cosigned");
                    if let NotCosigned::Inconsistent(_) | NotCosigned::Conflict(_) = why {
                        let what = why.to_string();
                        asked.contradicted = Some(CheckpointFault::Witnessed { witness, what });
                    }
                }
                Some(Err(error)) => tracing::error!(%error, "a witness could not be asked"),
            }
        }
        // Those that are slow go on: they will have seen more the next time.
        asking.detach_all();
        if !new {
            asked.checkpoint = before;
            return asked;
        }
        let (checkpoints, kept) = (self.clone(), cosigned.clone());
        let keep =
            move || checkpoints.shelf.lock().unwrap_or_else(PoisonError::into_inner).keep_cosigned(&kept);
        match tokio::task::spawn_blocking(keep).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::error!(%fault, "cosignatures could not be kept"),
            Err(error) => tracing::error!(%error, "cosignatures could not be kept"),
        }
        asked.checkpoint = Some(cosigned);
        asked
    }

    async fn proof(
        self: &Arc<Self>,
        index: Index,
        checkpoint: SignedCheckpoint,
    ) -> Result<LogProof, CheckpointFault> {
        let store = self.store.clone();
        let prove = move || {
            let leaf = store.leaf(index).map_err(CheckpointFault::Store)?;
            let hashes = tlog::inclusion(index, checkpoint.checkpoint().size, store.as_ref());
            Ok(LogProof { extra: Some(leaf), index, hashes: hashes.map_err(tree_fault)?, checkpoint })
        };
        let stopping = |_| Err(CheckpointFault::Store(StoreError::Unavailable("it is stopping".to_owned())));
        tokio::task::spawn_blocking(prove).await.unwrap_or_else(stopping)
    }
}

/// What came of asking.
struct Asked {
    /// The checkpoint that was cosigned last.
    checkpoint: Option<SignedCheckpoint>,
    /// A witness has seen another log of this name.
    contradicted: Option<CheckpointFault>,
}

/// What passes between the log and one witness.
struct Exchange {
    witness: Arc<dyn Witness>,
    place: usize,
    checkpoint: SignedCheckpoint,
    store: Arc<dyn Store>,
    seen: Arc<Mutex<HashMap<usize, Index>>>,
}

impl Exchange {
    async fn run(self) -> (usize, Result<NoteSignature, NotCosigned>) {
        let place = self.place;
        (place, self.ask().await)
    }

    async fn ask(self) -> Result<NoteSignature, NotCosigned> {
        let size = self.checkpoint.checkpoint().size;
        let mut old_size = self.seen().get(&self.place).copied().unwrap_or(0).min(size);
        let mut answer = Err(NotCosigned::Conflict(old_size));
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let proof =
                tokio::task::spawn_blocking(move || tlog::consistency(old_size, size, store.as_ref()));
            let proof = proof.await.map_err(|error| NotCosigned::Unreachable(error.to_string()))?;
            let proof =
                proof.map_err(|error: TreeError<StoreError>| NotCosigned::Unreachable(error.to_string()))?;
            let request = AddCheckpoint { old_size, proof, checkpoint: self.checkpoint.clone() };
            answer = self.witness.cosign(&request).await;
            match &answer {
                Ok(_) => {
                    let mut seen = self.seen();
                    let known = seen.entry(self.place).or_default();
                    *known = size.max(*known);
                    break;
                }
                // It has seen a later one, from a round that went on beside this one, or from a log that was longer.
                Err(NotCosigned::Conflict(seen)) if *seen > size => break,
                Err(NotCosigned::Conflict(seen)) => {
                    old_size = *seen;
                    self.seen().insert(self.place, *seen);
                }
                Err(_) => break,
            }
        }
        answer
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Index>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

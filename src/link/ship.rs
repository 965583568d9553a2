//! Handing over: the leaves of this sidecar's log go to the desk in order, in batches, with a signed checkpoint over them.
//!
//! What the desk has is asked of it, never assumed: so nothing is lost or told twice whatever was interrupted. A desk that
//! has more of this log than there is here, or other leaves, says that the record was put back or copied: then nothing is
//! minted here any more.

use super::chase::Chase;
use super::line::{Line, Refused, SHIPPING};
use crate::audit::event::{Apart, Record, WhyApart};
use crate::digest::ValueDigest;
use crate::entropy::Entropy;
use crate::proto;
use crate::sidecar::checkpoints::Checkpoints;
use crate::sidecar::tether::Tether;
use crate::store::{Index, Store, StoreError};
use crate::tlog::{NoteSignature, SignedCheckpoint, VerifierKey};
use crate::witness::NotCosigned;
use core::time::Duration;
use std::sync::{Arc, OnceLock, Weak};
use tokio::sync::{Mutex, Notify, watch};
use tonic::Code;

/// How many leaves, and about how many bytes of them, go in one message.
const MOST_LEAVES: usize = 256;
const MOST_BYTES: usize = 1024 * 1024;
/// How often it is looked whether there is something new.
const ROUND: Duration = Duration::from_millis(250);
/// How long somebody waits who needs something handed over now.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many random bytes come before a value apart.
const SALT: usize = crate::audit::apart::SALT;

/// Reads a value that stands apart, salt and value; nothing where it is erased.
pub type ValueOf = Arc<dyn Fn(&ValueDigest) -> Result<Option<Vec<u8>>, StoreError> + Send + Sync>;

/// Hands the log over.
pub struct Shipper {
    line: Arc<Line>,
    store: Arc<dyn Store>,
    value: ValueOf,
    /// They ask this one for cosignatures, so it does not keep them alive.
    checkpoints: OnceLock<Weak<Checkpoints>>,
    tether: Arc<Tether>,
    entropy: Arc<dyn Entropy>,
    /// How many leaves the desk has; nothing until it has said so.
    shipped: watch::Sender<Option<Index>>,
    wanted: Notify,
    /// One message is on its way at a time.
    under_way: Mutex<()>,
}

/// Why nothing more was handed over.
enum NotShipped {
    /// It is tried again.
    ForNow(String),
    /// What the desk has is not what is here.
    Contradicted(String),
}

impl From<Refused> for NotShipped {
    fn from(refused: Refused) -> Self {
        if let Refused::For(code @ (Code::FailedPrecondition | Code::DataLoss), why) = &refused {
            let what = format!("the desk says that this log is not the one it knows: {why} ({code:?})");
            return Self::Contradicted(what);
        }
        Self::ForNow(refused.to_string())
    }
}

impl Shipper {
    /// Hands this record over, once it is told how to [sign](Self::sign_with) it.
    #[must_use]
    pub fn new(
        line: Arc<Line>,
        store: Arc<dyn Store>,
        value: ValueOf,
        tether: Arc<Tether>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let shipped = watch::Sender::new(None);
        let (checkpoints, wanted) = (OnceLock::new(), Notify::new());
        Self { line, store, value, checkpoints, tether, entropy, shipped, wanted, under_way: Mutex::new(()) }
    }

    /// Has the checkpoints signed here.
    pub fn sign_with(&self, checkpoints: &Arc<Checkpoints>) {
        // Whoever said it first is right.
        let _ = self.checkpoints.set(Arc::downgrade(checkpoints));
    }

    /// How many leaves the desk has, as far as it has said so.
    #[must_use]
    pub fn shipped(&self) -> Option<Index> {
        *self.shipped.borrow()
    }

    /// Hands over whatever there is, again and again, for as long as it is polled.
    pub async fn run(self: Arc<Self>) -> core::convert::Infallible {
        let mut chase = Chase::default();
        loop {
            let shipped = self.shipped().unwrap_or(0);
            self.tether.note_unshipped(self.store.len().saturating_sub(shipped));
            let wait = match self.tether.connected() && self.tether.halted().is_none() {
                false => ROUND,
                true => match self.round().await {
                    Ok(true) => continue,
                    Ok(false) => {
                        chase.caught();
                        ROUND
                    }
                    Err(NotShipped::ForNow(why)) => {
                        tracing::warn!(why, "the log was not handed over");
                        self.shipped.send_replace(None);
                        chase.wait(self.entropy.as_ref())
                    }
                    Err(NotShipped::Contradicted(why)) => {
                        self.tether.halt(why);
                        ROUND
                    }
                },
            };
            drop(tokio::time::timeout(wait, self.wanted.notified()).await);
        }
    }

    /// Hands one batch over, or asks how far the desk has come; `false` if it has everything.
    async fn round(&self) -> Result<bool, NotShipped> {
        let _alone = self.under_way.lock().await;
        let Some(shipped) = self.shipped() else {
            let first = self.store.len();
            let asked = proto::ShipRequest { first, ..proto::ShipRequest::default() };
            let answer = self.send(asked).await?;
            self.note(answer.size)?;
            return Ok(true);
        };
        let len = self.store.len();
        if shipped >= len {
            return Ok(false);
        }
        let checkpoints = self.checkpoints.get().and_then(Weak::upgrade);
        let Some(checkpoints) = checkpoints else { return Ok(false) };
        let (store, value) = (self.store.clone(), self.value.clone());
        // It reads files and signs.
        let made =
            tokio::task::spawn_blocking(move || batch(store.as_ref(), &value, &checkpoints, shipped, len));
        let request = made.await.map_err(|error| NotShipped::ForNow(error.to_string()))?;
        let request = request.map_err(NotShipped::ForNow)?;
        let sent = shipped + u64::try_from(request.leaves.len()).unwrap_or_default();
        let answer = self.send(request).await?;
        if answer.size < sent {
            // It has forgotten some, or another of its replicas answers: it is asked again what it wants.
            self.shipped.send_replace(None);
            return Err(NotShipped::ForNow("the desk has fewer leaves than it was sent".to_owned()));
        }
        self.note(answer.size)?;
        Ok(true)
    }

    async fn send(&self, request: proto::ShipRequest) -> Result<proto::ShipResponse, Refused> {
        let request = self.line.proven("Ship", request)?;
        let mut client = self.line.client();
        Line::ask(SHIPPING, client.ship(request)).await
    }

    /// The desk has so many leaves of this log.
    fn note(&self, size: Index) -> Result<(), NotShipped> {
        let len = self.store.len();
        if size > len {
            let why = format!(
                "the desk has {size} records of this log, and there are {len} here: the record was put back to an \
                 earlier copy"
            );
            return Err(NotShipped::Contradicted(why));
        }
        self.shipped.send_replace(Some(size));
        Ok(())
    }

    /// Has so many leaves handed over now.
    ///
    /// # Errors
    /// Why the desk does not have them in time.
    pub async fn ship_to(&self, size: Index) -> Result<(), Refused> {
        let mut shipped = self.shipped.subscribe();
        self.wanted.notify_one();
        let there = shipped.wait_for(|shipped| shipped.is_some_and(|shipped| shipped >= size));
        match tokio::time::timeout(PATIENCE, there).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                Err(Refused::Away("what was decided could not be handed over in time".to_owned()))
            }
        }
    }

    /// Has the desk cosign a checkpoint, once it has what that covers.
    ///
    /// # Errors
    /// [`NotCosigned`], by what came in the way.
    pub(super) async fn cosigned(
        &self,
        checkpoint: &SignedCheckpoint,
        key: &VerifierKey,
    ) -> Result<NoteSignature, NotCosigned> {
        let unreachable = |refused: Refused| NotCosigned::Unreachable(refused.to_string());
        let size = checkpoint.checkpoint().size;
        if !self.tether.connected() {
            return Err(NotCosigned::Unreachable("the desk cannot be reached now".to_owned()));
        }
        self.ship_to(size).await.map_err(unreachable)?;
        let _alone = self.under_way.lock().await;
        let request = proto::ShipRequest {
            first: size,
            checkpoint: checkpoint.to_string(),
            ..proto::ShipRequest::default()
        };
        let answer = self.send(request).await.map_err(unreachable)?;
        if answer.cosignature.is_empty() {
            return match answer.size > size {
                true => Err(NotCosigned::Conflict(answer.size)),
                false => Err(NotCosigned::Refused("the desk does not cosign".to_owned())),
            };
        }
        let nonsense = |error: &dyn core::fmt::Display| NotCosigned::Nonsense(error.to_string());
        let line = NoteSignature::parse(answer.cosignature.trim_end()).map_err(|error| nonsense(&error))?;
        let mut cosigned = checkpoint.clone();
        cosigned.cosign(line.clone()).map_err(|error| nonsense(&error))?;
        let checked = cosigned.note().check([key]).map_err(|error| nonsense(&error))?;
        match checked.is_empty() {
            false => Ok(line),
            true => Err(NotCosigned::Nonsense("it is not of the desk's key".to_owned())),
        }
    }
}

/// The leaves from a place on, as many as go into one message, with what stands apart from them and is no secret.
fn batch(
    store: &dyn Store,
    value: &ValueOf,
    checkpoints: &Checkpoints,
    first: Index,
    len: Index,
) -> Result<proto::ShipRequest, String> {
    let words = |error: &dyn core::fmt::Display| error.to_string();
    let (mut leaves, mut values, mut bytes) = (Vec::new(), Vec::new(), 0);
    for index in first..len {
        let leaf = store.leaf(index).map_err(|error| words(&error))?;
        let record = Record::from_bytes(&leaf).map_err(|error| words(&error))?;
        let mut beside = Vec::new();
        for apart in record.apart.values().filter(|apart| apart.why == WhyApart::Large) {
            beside.extend(value_apart(apart, value).map_err(|error| words(&error))?);
        }
        let weight = leaf.len() + beside.iter().map(|one| one.value.len()).sum::<usize>();
        if !leaves.is_empty() && (bytes + weight > MOST_BYTES || leaves.len() >= MOST_LEAVES) {
            break;
        }
        bytes += weight;
        leaves.push(leaf);
        values.append(&mut beside);
    }
    let size = first + u64::try_from(leaves.len()).unwrap_or_default();
    let checkpoint = checkpoints.at(size).map_err(|error| words(&error))?.to_string();
    Ok(proto::ShipRequest { first, leaves, values, checkpoint })
}

fn value_apart(apart: &Apart, value: &ValueOf) -> Result<Option<proto::ValueApart>, StoreError> {
    let Some(kept) = value(&apart.value)? else { return Ok(None) };
    let Some((salt, value)) = kept.split_at_checked(SALT) else { return Ok(None) };
    Ok(Some(proto::ValueApart {
        digest: apart.value.as_bytes().to_vec(),
        salt: salt.to_vec(),
        value: value.to_vec(),
    }))
}

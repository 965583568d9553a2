//! The checkpoints of the log: what it has come to, signed with a key of its own, cosigned by witnesses, and held
//! against the record at every start.
//!
//! A log that is checked against nothing can be cut, changed or put back to an earlier copy by whoever can write its
//! files. So what was signed once binds: before the service serves, and before each new checkpoint, the record must
//! still be what the last one says, and at least as long. Whoever puts back the record *and* the checkpoints is found
//! out by a witness, which remembers elsewhere.

mod fault;
mod round;
mod shelf;

pub use fault::CheckpointFault;
pub use round::NotWitnessed;

use super::issuance::Issuance;
use crate::audit::event::Event;
use crate::party::LogOrigin;
use crate::signer::SignError;
use crate::store::{Index, Store, StoreError};
use crate::tlog::{
    self, Checkpoint, KeyName, LogProof, NoteSignature, SignatureKind, SignedCheckpoint, TreeError,
    VerifierKey, verify_consistency,
};
use crate::token::PublicKey;
use crate::witness::Witness;
use core::time::Duration;
use round::Rounds;
use shelf::Shelf;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// How often the log is looked at: a checkpoint is at most this much behind.
const DIRTY: Duration = Duration::from_secs(1);
/// How often it is looked at anew although it has not grown, in rounds of [`DIRTY`].
const IDLE: u32 = 60;
/// How often witnesses are asked unless somebody waits for them, in rounds of [`DIRTY`].
const WITNESS: u32 = 10;
/// How long damaged files of the tree are waited for at the start, while the store makes them anew.
const MENDING: Duration = Duration::from_secs(60);
const MENDING_ROUND: Duration = Duration::from_millis(100);

/// Where the checkpoints of which log are kept, and who cosigns them.
pub struct Keeping {
    /// The log's name.
    pub origin: LogOrigin,
    /// The record.
    pub store: Arc<dyn Store>,
    /// The keys; one of them is the log's.
    pub issuance: Arc<Issuance>,
    /// The public keys that the log has or had.
    pub log_keys: Vec<PublicKey>,
    /// The folder.
    pub folder: PathBuf,
    /// Who cosigns.
    pub witnesses: Vec<Arc<dyn Witness>>,
}

/// Signs the log's checkpoints, and keeps them.
pub struct Checkpoints {
    origin: KeyName,
    store: Arc<dyn Store>,
    issuance: Arc<Issuance>,
    /// The last signed one with what is kept; one is made at a time.
    shelf: Mutex<Shelf>,
    /// How many records the last one covers that was signed or published again, and when that was.
    latest: Mutex<Option<(Index, Instant)>>,
    rounds: Rounds,
}

impl Checkpoints {
    /// Opens what was kept, and holds the record against it. It reads files.
    ///
    /// # Errors
    /// [`CheckpointFault`] if the record is not what was signed, or what was signed is missing or not the log's.
    pub fn open(keeping: Keeping) -> Result<Self, CheckpointFault> {
        let Keeping { origin, store, issuance, log_keys, folder, witnesses } = keeping;
        let origin = KeyName::new(origin.as_str()).map_err(|_| CheckpointFault::Origin(origin))?;
        let keys: Vec<VerifierKey> = log_keys.into_iter().map(|key| log_key(&origin, key)).collect();
        let shelf = Shelf::open(&folder)?;
        if shelf.last().is_none() && had_checkpoints(store.as_ref())? {
            return Err(CheckpointFault::Missing { folder });
        }
        for (path, kept) in shelf.kept() {
            check_signature(path, kept, &origin, &keys)?;
            check_record(path, kept.checkpoint(), store.as_ref(), &shelf)?;
        }
        let rounds = Rounds::new(witnesses, shelf.cosigned().cloned());
        Ok(Self { origin, store, issuance, shelf: Mutex::new(shelf), latest: Mutex::default(), rounds })
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// Signs what the log has come to, unless that is signed already. It reads and writes files.
    ///
    /// # Errors
    /// [`CheckpointFault`]; where [`CheckpointFault::is_final`] the record is not what was signed before.
    pub fn make(&self) -> Result<SignedCheckpoint, CheckpointFault> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let authority = self.issuance.log().ok_or(CheckpointFault::NoKey)?;
        let key = log_key(&self.origin, authority.certified().key.clone());
        let head = self.store.head().map_err(CheckpointFault::Store)?;
        if let Some(last) = shelf.last() {
            let path = shelf.path();
            continues(path, last.checkpoint(), head.size, &head.root, self.store.as_ref())?;
            let signed_by = last.note().signatures().iter().any(|line| line.id() == key.id());
            if last.checkpoint().size == head.size && signed_by {
                let last = last.clone();
                shelf.publish(&last)?;
                self.note(head.size);
                return Ok(last);
            }
        }
        let checkpoint = Checkpoint { origin: self.origin.clone(), size: head.size, root: head.root };
        let text = checkpoint.to_string();
        let signature = authority.signer().sign(text.as_bytes()).map_err(CheckpointFault::Sign)?;
        // What is kept binds at the next start, so nothing is kept that would not be believed then.
        let signed = SignedCheckpoint::new(checkpoint, NoteSignature::new(&key, &signature))
            .ok()
            .filter(|signed| signed.check([&key]).is_ok())
            .ok_or_else(|| CheckpointFault::Sign(SignError("its signature is not its own".to_owned())))?;
        shelf.keep(&signed)?;
        self.note(head.size);
        Ok(signed)
    }

    /// Signs what the log had come to with so many records, for whoever is handed just those. Nothing of it is kept. It
    /// reads files.
    ///
    /// # Errors
    /// [`CheckpointFault`] if there are not so many, or nothing can be signed.
    pub fn at(&self, size: Index) -> Result<SignedCheckpoint, CheckpointFault> {
        if let Some(last) = self.last().filter(|last| last.checkpoint().size == size) {
            return Ok(last);
        }
        let authority = self.issuance.log().ok_or(CheckpointFault::NoKey)?;
        let root = tlog::root(size, self.store.as_ref()).map_err(tree_fault)?;
        let key = log_key(&self.origin, authority.certified().key.clone());
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        let signature = authority.signer().sign(checkpoint.to_string().as_bytes());
        let signature = signature.map_err(CheckpointFault::Sign)?;
        SignedCheckpoint::new(checkpoint, NoteSignature::new(&key, &signature))
            .map_err(|error| CheckpointFault::Sign(SignError(error.to_string())))
    }

    fn note(&self, records: Index) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((records, Instant::now()));
    }

    /// How many records the latest checkpoint covers, and how long ago it was signed or published once more; nothing
    /// before the first of this run.
    #[must_use]
    pub fn latest(&self) -> Option<(Index, Duration)> {
        let latest = *self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.map(|(records, at)| (records, at.elapsed()))
    }

    /// [`Checkpoints::make`] in a thread that may wait for the disk.
    ///
    /// # Errors
    /// The same.
    pub async fn make_now(self: &Arc<Self>) -> Result<SignedCheckpoint, CheckpointFault> {
        let checkpoints = self.clone();
        let made = tokio::task::spawn_blocking(move || checkpoints.make()).await;
        made.unwrap_or_else(|_| {
            Err(CheckpointFault::Store(StoreError::Unavailable("the service is stopping".to_owned())))
        })
    }

    /// The proof that the record at this place stands in the log, under the latest signed checkpoint; a new one is signed
    /// where that does not cover it yet. It reads files.
    ///
    /// # Errors
    /// [`CheckpointFault`] if it can't be read, or nothing can be signed.
    pub fn prove(&self, index: Index) -> Result<LogProof, CheckpointFault> {
        let entry = self.store.leaf(index).map_err(CheckpointFault::Store)?;
        let covers = |signed: &SignedCheckpoint| signed.checkpoint().size > index;
        let checkpoint = match self.last().filter(covers) {
            Some(last) => last,
            None => self.make()?,
        };
        LogProof::of(entry, index, checkpoint, self.store.as_ref()).map_err(tree_fault)
    }

    /// The public key with which the log signs now, as its verifiers take it.
    #[must_use]
    pub fn verifier_key(&self) -> Option<VerifierKey> {
        Some(log_key(&self.origin, self.issuance.log()?.certified().key.clone()))
    }

    /// Signs again and again, whenever the log has grown, and has witnesses cosign; until the record is not what was
    /// signed before.
    pub async fn keep(self: Arc<Self>) -> CheckpointFault {
        let mut ticks: u32 = 0;
        loop {
            tokio::time::sleep(DIRTY).await;
            ticks = ticks.wrapping_add(1);
            let grown = self.size() != self.store.len();
            if grown || ticks.is_multiple_of(IDLE) {
                match self.make_now().await {
                    Ok(_) => {}
                    Err(fault) if fault.is_final() => return fault,
                    Err(fault) => tracing::error!(%fault, "no checkpoint could be signed"),
                }
            }
            if ticks.is_multiple_of(WITNESS) && self.rounds.any() {
                let (checkpoints, idle) = (self.clone(), ticks.is_multiple_of(IDLE));
                tokio::spawn(async move { checkpoints.have_cosigned(idle).await });
            }
        }
    }

    /// How many records the last checkpoint has.
    fn size(&self) -> Index {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.last().map_or(0, |last| last.checkpoint().size)
    }

    fn last(&self) -> Option<SignedCheckpoint> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }
}

fn log_key(origin: &KeyName, key: PublicKey) -> VerifierKey {
    VerifierKey::new(origin.clone(), SignatureKind::Ed25519, key)
}

/// Whether the record says that checkpoints were kept beside it. A version that keeps them names the log when it
/// starts, and has signed one before.
fn had_checkpoints(store: &dyn Store) -> Result<bool, CheckpointFault> {
    for index in (0..store.len()).rev() {
        if let Event::Started { origin, .. } = store.record(index).map_err(CheckpointFault::Store)?.event {
            return Ok(origin.is_some());
        }
    }
    Ok(false)
}

fn check_signature(
    path: &Path,
    kept: &SignedCheckpoint,
    origin: &KeyName,
    keys: &[VerifierKey],
) -> Result<(), CheckpointFault> {
    let unreadable = |what: String| CheckpointFault::Unreadable { path: path.to_owned(), what };
    if kept.checkpoint().origin != *origin {
        return Err(unreadable(format!("it is of another log, `{}`", kept.checkpoint().origin)));
    }
    kept.check(keys).map(drop).map_err(|error| unreadable(error.to_string()))
}

/// Whether the record still begins with what was signed.
fn check_record(
    path: &Path,
    signed: &Checkpoint,
    store: &dyn Store,
    shelf: &Shelf,
) -> Result<(), CheckpointFault> {
    let records = store.len();
    if signed.size > records {
        return Err(CheckpointFault::RolledBack { path: path.to_owned(), signed: signed.size, records });
    }
    if root(signed.size, store)? == signed.root {
        return Ok(());
    }
    // The older checkpoints that still hold say from where on it does not.
    let mut from = 0;
    for older in shelf.history().filter(|older| older.size < signed.size) {
        if older.size > from {
            if root(older.size, store)? != older.root {
                break;
            }
            from = older.size;
        }
    }
    Err(CheckpointFault::Altered { path: path.to_owned(), from, to: signed.size })
}

/// The root of the first records. Files of the tree that are damaged are made anew by the store, which takes a while.
fn root(size: Index, store: &dyn Store) -> Result<tlog::Hash, CheckpointFault> {
    let mut waited = Duration::ZERO;
    loop {
        match tlog::root(size, store) {
            Ok(root) => return Ok(root),
            Err(TreeError::Keeper(StoreError::Unavailable(_))) if waited < MENDING => {
                std::thread::sleep(MENDING_ROUND);
                waited += MENDING_ROUND;
            }
            Err(error) => return Err(tree_fault(error)),
        }
    }
}

/// Whether a tree of this size and root continues what was signed last.
fn continues(
    path: &Path,
    last: &Checkpoint,
    size: Index,
    root: &tlog::Hash,
    store: &dyn Store,
) -> Result<(), CheckpointFault> {
    if size < last.size {
        return Err(CheckpointFault::RolledBack { path: path.to_owned(), signed: last.size, records: size });
    }
    if last.size == 0 {
        return Ok(());
    }
    let proof = tlog::consistency(last.size, size, store).map_err(tree_fault)?;
    verify_consistency(last.size, &last.root, size, root, &proof).map_err(|_| CheckpointFault::Altered {
        path: path.to_owned(),
        from: 0,
        to: last.size,
    })
}

fn tree_fault(error: TreeError<StoreError>) -> CheckpointFault {
    match error {
        TreeError::Keeper(error) => CheckpointFault::Store(error),
        TreeError::Missing { .. } | TreeError::TooLarge | TreeError::Index | TreeError::Smaller => {
            CheckpointFault::Store(StoreError::Damaged(error.to_string()))
        }
    }
}

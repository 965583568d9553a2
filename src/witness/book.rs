//! A witness's book: for each log the checkpoint that was cosigned last, in a folder, beside the key that cosigns.

use super::{Cosigning, NotCosigned, Witness};
use crate::clock::{Clock, Reading};
use crate::digest::sha256;
use crate::entropy::Entropy;
use crate::files;
use crate::signer::Signer as _;
use crate::signer::file::{FileSigner, KeyFileError};
use crate::tlog::{
    AddCheckpoint, CosignatureTime, KeyName, NoteSignature, SignatureKind, SignedCheckpoint, VerifierKey,
    WitnessRefusal, cosignature_line, cosigned_message,
};
use crate::token::Algorithm;
use core::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const KEY: &str = "witness.jwk";
const NAME: &str = "witness.vkey";
const LOCK: &str = "lock";

/// Why a witness can't begin, or cannot answer now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookError {
    /// A file could not be read or written.
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Another process has the folder open.
    Open(PathBuf),
    /// The key can't be used.
    Key(KeyFileError),
    /// The folder is that of a witness of another name.
    OtherName {
        /// The folder.
        folder: PathBuf,
        /// Its verifier key.
        found: String,
    },
    /// What is written about a log is not what this witness wrote.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The clock was set back.
    Clock,
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, why } => write!(f, "cannot use `{}`: {why}", path.display()),
            Self::Open(path) => write!(f, "another process has `{}` open", path.display()),
            Self::Key(error) => error.fmt(f),
            Self::OtherName { folder, found } => {
                write!(f, "`{}` is the folder of another witness, `{found}`", folder.display())
            }
            Self::Damaged { path, what } => write!(f, "`{}` is damaged: {what}", path.display()),
            Self::Clock => f.write_str("the clock was set back; nothing is cosigned until it has caught up"),
        }
    }
}

impl std::error::Error for BookError {}

/// Why nothing was cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSigned {
    /// The request is refused.
    Refused(WitnessRefusal),
    /// It could not be judged or recorded.
    Undetermined(BookError),
}

impl From<BookError> for NotSigned {
    fn from(error: BookError) -> Self {
        Self::Undetermined(error)
    }
}

/// A witness with its own key and memory.
pub struct Book {
    folder: PathBuf,
    signer: FileSigner,
    key: VerifierKey,
    logs: Vec<VerifierKey>,
    clock: Arc<dyn Clock>,
    /// One request is judged, recorded and signed at a time: between reading what was cosigned last and writing what
    /// is cosigned now nothing else may happen.
    one_at_a_time: Mutex<()>,
    _alone: fs::File,
}

impl Book {
    /// Opens a witness's folder, or makes it, with a new key.
    ///
    /// # Errors
    /// [`BookError`] if it is another witness's, open elsewhere, or can't be used.
    pub fn open(
        folder: &Path,
        name: KeyName,
        logs: Vec<VerifierKey>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, BookError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| BookError::Io { path, why: error.to_string() }
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))?;
        let lock = folder.join(LOCK);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let alone = options.open(&lock).map_err(io(&lock))?;
        alone.try_lock().map_err(|_| BookError::Open(folder.to_owned()))?;
        let path = folder.join(KEY);
        let signer = if path.exists() {
            FileSigner::load(&path).map_err(BookError::Key)?
        } else {
            let signer = FileSigner::generate(entropy, Algorithm::default()).map_err(BookError::Key)?;
            signer.save(&path).map_err(BookError::Key)?;
            signer
        };
        let key = VerifierKey::new(name, SignatureKind::Cosignature, signer.public_key().clone());
        let path = folder.join(NAME);
        match fs::read_to_string(&path) {
            Ok(found) if found.trim() == key.to_string() => {}
            Ok(found) => {
                let found = found.trim().to_owned();
                return Err(BookError::OtherName { folder: folder.to_owned(), found });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::write_public(&path, format!("{key}\n").as_bytes()).map_err(io(&path))?;
            }
            Err(error) => return Err(io(&path)(error)),
        }
        let one_at_a_time = Mutex::new(());
        Ok(Self { folder: folder.to_owned(), signer, key, logs, clock, one_at_a_time, _alone: alone })
    }

    /// The key of its cosignatures.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    /// The checkpoint that was cosigned last of the log of this origin, by the hexadecimal SHA-256 of the origin.
    ///
    /// # Errors
    /// [`BookError`] if it can't be read.
    pub fn latest_by_hash(&self, origin_hash: &str) -> Result<Option<SignedCheckpoint>, BookError> {
        let known = self.logs.iter().any(|log| hex(log.name().as_str()) == origin_hash);
        if known { self.read(origin_hash) } else { Ok(None) }
    }

    /// Judges a request; if it is good, what it says is recorded, synced, and only then cosigned.
    ///
    /// # Errors
    /// [`NotSigned`] with the reason; then nothing has changed.
    pub fn add(&self, request: &AddCheckpoint) -> Result<NoteSignature, NotSigned> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let new = request.checkpoint.checkpoint();
        let origin = hex(new.origin.as_str());
        let latest = self.latest_by_hash(&origin)?;
        let seen = latest.as_ref().map(SignedCheckpoint::checkpoint);
        request.judge(&self.logs, seen).map_err(NotSigned::Refused)?;
        let Reading::Sure(now) = self.clock.read() else { return Err(BookError::Clock.into()) };
        let at = CosignatureTime::new(now).ok_or(BookError::Clock)?;
        // With the lines that a log may have added; this witness says nothing about those.
        let message = cosigned_message(request.checkpoint.note().text(), at);
        let signature = self.signer.sign(&message).map_err(|error| self.damaged(KEY, &error.to_string()))?;
        let line = cosignature_line(&self.key, at, &signature);
        let mut recorded = self.signed_by_the_log(&request.checkpoint)?;
        recorded.cosign(line.clone()).map_err(|error| self.damaged(&origin, &error.to_string()))?;
        let path = self.path(&origin);
        files::write_public(&path, recorded.to_string().as_bytes())
            .map_err(|error| BookError::Io { path, why: error.to_string() })?;
        Ok(line)
    }

    /// The checkpoint with the line of the log that it was checked by, and no other.
    fn signed_by_the_log(&self, checkpoint: &SignedCheckpoint) -> Result<SignedCheckpoint, NotSigned> {
        let origin = &checkpoint.checkpoint().origin;
        let own = |line: &&NoteSignature| {
            line.name() == origin && self.logs.iter().any(|log| log.name() == origin && log.id() == line.id())
        };
        let line = checkpoint.note().signatures().iter().find(own).cloned();
        let note = line.map(|line| format!("{}\n{line}\n", checkpoint.note().text()));
        let signed = note.and_then(|note| SignedCheckpoint::parse(note.as_bytes()).ok());
        signed.ok_or(NotSigned::Refused(WitnessRefusal::UnknownLog))
    }

    /// What was recorded of a log. What this witness did not sign itself is not believed.
    fn read(&self, origin: &str) -> Result<Option<SignedCheckpoint>, BookError> {
        let path = self.path(origin);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BookError::Io { path, why: error.to_string() }),
        };
        let damaged =
            |what: &dyn fmt::Display| BookError::Damaged { path: path.clone(), what: what.to_string() };
        let recorded = SignedCheckpoint::parse(&bytes).map_err(|error| damaged(&error))?;
        recorded.note().check([&self.key]).map_err(|error| damaged(&error))?;
        let same = hex(recorded.checkpoint().origin.as_str()) == origin;
        if same { Ok(Some(recorded)) } else { Err(damaged(&"it is of another log")) }
    }

    fn path(&self, origin: &str) -> PathBuf {
        self.folder.join(format!("{origin}.checkpoint"))
    }

    fn damaged(&self, name: &str, what: &str) -> BookError {
        BookError::Damaged { path: self.folder.join(name), what: what.to_owned() }
    }
}

impl Witness for Book {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn cosign<'a>(&'a self, request: &'a AddCheckpoint) -> Cosigning<'a> {
        let answer = self.add(request).map_err(|not_signed| match not_signed {
            NotSigned::Refused(WitnessRefusal::Conflict(size)) => NotCosigned::Conflict(size),
            NotSigned::Refused(WitnessRefusal::Inconsistent(error)) => {
                NotCosigned::Inconsistent(error.to_string())
            }
            NotSigned::Refused(refusal) => NotCosigned::Refused(refusal.to_string()),
            NotSigned::Undetermined(error) => NotCosigned::Unreachable(error.to_string()),
        });
        Box::pin(core::future::ready(answer))
    }
}

/// The hexadecimal SHA-256 of a log's origin, by which its checkpoint is asked for.
fn hex(origin: &str) -> String {
    sha256(&[origin.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect()
}

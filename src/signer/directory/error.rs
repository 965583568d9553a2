//! Why a folder of keys can't do what was asked.

use crate::digest::KeyId;
use crate::signer::file::KeyFileError;
use crate::signer::{KeyringError, SignError};
use crate::token::{BundleError, CertificateError, StatementError};
use core::fmt;
use std::path::PathBuf;

/// Why a folder of keys can't do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryError {
    /// A file could not be used.
    File(KeyFileError),
    /// The folder lets others in.
    Exposed {
        /// Which folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There are keys already.
    Exists(PathBuf),
    /// There is no key for this.
    Missing(PathBuf),
    /// A certificate or the state in the folder is not what it should be.
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No key of this id is here.
    UnknownKey(KeyId),
    /// The log's key was revoked, so it signs nothing more.
    LogKeyRevoked(KeyId),
    /// The name can't be in a key's scope.
    Name(String),
    /// The key refused to sign.
    Sign(SignError),
    /// The certificate could not be made.
    Certificate(CertificateError),
    /// The bundle could not be made.
    Bundle(BundleError),
    /// The revocations could not be made.
    Revocations(StatementError),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Exposed { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "`{path}` has mode {mode:04o}: a folder of keys is for its owner only (chmod 700 {path})"
                )
            }
            Self::Exists(path) => write!(f, "there is a key in `{}` already", path.display()),
            Self::Missing(path) => write!(f, "there is no `{}`", path.display()),
            Self::Malformed { path, what } => write!(f, "`{}`: {what}", path.display()),
            Self::UnknownKey(id) => write!(f, "there is no key `{id}` in this folder"),
            Self::LogKeyRevoked(id) => {
                write!(f, "the log's key `{id}` is revoked (`countersign keys rotate-log` makes another)")
            }
            Self::Name(name) => write!(f, "`{name}` can't be in a key's scope"),
            Self::Sign(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Bundle(error) => error.fmt(f),
            Self::Revocations(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DirectoryError {}

macro_rules! from {
    ($($error:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$error> for DirectoryError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+
    };
}
from!(
    KeyFileError => File, SignError => Sign, CertificateError => Certificate, BundleError => Bundle,
    StatementError => Revocations,
);

impl From<DirectoryError> for KeyringError {
    fn from(error: DirectoryError) -> Self {
        Self(error.to_string())
    }
}

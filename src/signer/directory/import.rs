//! Taking up keys from a folder that can only be read, as Kubernetes mounts a Secret.

use super::named::{LOG, LOG_CERTIFICATE};
use super::{DirectoryError, ISSUER, ISSUER_CERTIFICATE, KeyDirectory, LIMITS, ROOT_PUBLIC};
use crate::operation::json;
use crate::signer::Signer as _;
use crate::signer::file::{FileSigner, KeyFileError};
use crate::token::PublicKey;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

impl KeyDirectory {
    /// Takes up the public root, the issuer and, where it is there and none is here, the log's key from another folder.
    /// Doing it again changes nothing; an issuer that was replaced there is replaced here.
    ///
    /// # Errors
    /// [`DirectoryError`] if the other folder pins another root than this one, its issuer is not certified by that
    /// root, or a file of it is missing or readable for others.
    pub fn import(&self, from: &Path) -> Result<(), DirectoryError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| self.io("", &error))?;
        self.check_mode()?;
        let _alone = self.exclusively()?;
        self.import_root(from)?;
        self.import_issuer(from)?;
        let (key, certificate) = (from.join(LOG), from.join(LOG_CERTIFICATE));
        if key.exists() && !self.path(LOG).exists() {
            let signer = FileSigner::load(&key)?;
            signer.save(&self.path(LOG))?;
            self.write(LOG_CERTIFICATE, read(&certificate)?.as_bytes())?;
        }
        Ok(())
    }

    fn import_root(&self, from: &Path) -> Result<(), DirectoryError> {
        let path = from.join(ROOT_PUBLIC);
        let malformed = |what: String| DirectoryError::Malformed { path: path.clone(), what };
        let text = read(&path)?;
        let value = json::read(text.as_bytes(), &LIMITS).map_err(|error| malformed(error.to_string()))?;
        let root = PublicKey::from_jwk(&value).map_err(|error| malformed(error.to_string()))?;
        match self.root() {
            Ok(pinned) if pinned.id() == root.id() => Ok(()),
            Ok(pinned) => {
                Err(malformed(format!("it is not the root that is pinned here already, `{}`", pinned.id())))
            }
            Err(DirectoryError::Missing(_)) => self.write(ROOT_PUBLIC, text.as_bytes()),
            Err(error) => Err(error),
        }
    }

    fn import_issuer(&self, from: &Path) -> Result<(), DirectoryError> {
        let signer = FileSigner::load(&from.join(ISSUER))?;
        let path = from.join(ISSUER_CERTIFICATE);
        let certificate = read(&path)?;
        let malformed = |what: String| DirectoryError::Malformed { path: path.clone(), what };
        let certified =
            self.anchor()?.certified(&[&certificate]).map_err(|error| malformed(error.to_string()))?;
        if certified.key.id() != signer.public_key().id() {
            return Err(malformed("it certifies another key than the issuer's".to_owned()));
        }
        // Should this end between the two, the next start does both again.
        signer.save(&self.path(ISSUER))?;
        self.write(ISSUER_CERTIFICATE, certificate.as_bytes())
    }
}

fn read(path: &Path) -> Result<String, DirectoryError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DirectoryError::Missing(path.into())),
        Err(error) => Err(KeyFileError::Io { path: path.into(), why: error.to_string() }.into()),
    }
}

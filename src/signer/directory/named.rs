//! The keys that speak for one name: the log's, and the executors' for receipts.

use super::{DirectoryError, ISSUER, KeyDirectory, whole};
use crate::moment::Moment;
use crate::party::{ExecutorId, LogOrigin};
use crate::signer::file::FileSigner;
use crate::signer::{Authority, Candidates, Chains, Signer as _};
use crate::token::{Algorithm, CertificateError, CertifiedKey, KeyUse, PublicKey, Scope};
use std::sync::Arc;

pub(super) const LOG: &str = "log.jwk";
pub(super) const LOG_CERTIFICATE: &str = "log.cert";
/// The certificates of keys that the log had before.
const PAST_LOG: &str = "log-";
const RECEIPT: &str = "receipt-";

impl KeyDirectory {
    /// The name of the log that is kept beside these keys.
    ///
    /// # Errors
    /// [`DirectoryError::Name`] if the trust domain and the holder make no such name.
    pub fn log_origin(&self) -> Result<LogOrigin, DirectoryError> {
        let origin = format!("{}/{}", self.domain, self.holder);
        LogOrigin::new(&origin).map_err(|_| DirectoryError::Name(origin))
    }

    /// The log's key with its certificate: made where there never was one, and certified anew once half of the
    /// certificate's life is over. Another key is made only by [`KeyDirectory::rotate_log`].
    ///
    /// # Errors
    /// [`DirectoryError`] if it was revoked, is missing, or nobody can certify it.
    pub fn log_authority(&self, now: Moment) -> Result<Authority, DirectoryError> {
        self.check_mode()?;
        let _alone = self.exclusively()?;
        // The key first, then its certificate: a certificate alone says that a key was lost.
        let (here, certified) = (self.path(LOG).exists(), self.path(LOG_CERTIFICATE).exists());
        let signer = match (here, certified) {
            (true, _) => FileSigner::load(&self.path(LOG))?,
            (false, false) => self.new_log_key()?,
            (false, true) => return Err(DirectoryError::Missing(self.path(LOG))),
        };
        let id = signer.public_key().id();
        if self.state()?.revoked.contains(&id) {
            return Err(DirectoryError::LogKeyRevoked(id));
        }
        let Ok((certified, chain)) = self.log_certificate(&signer, now) else {
            return self.certify_log(signer, now);
        };
        let half = certified.expires_at.since(certified.not_before) / 2;
        let past_half = now >= certified.not_before.plus(half);
        // Where the issuer is elsewhere, it is certified there in time.
        match past_half && self.path(ISSUER).exists() {
            true => self.certify_log(signer, now),
            false => Ok(Authority::new(Arc::new(signer), certified, chain)),
        }
    }

    /// Gives the log another key. The certificate of the one before stays, so that it can still be revoked.
    ///
    /// # Errors
    /// [`DirectoryError`] if it can't be made or nobody can certify it; then the log keeps the one it has.
    pub fn rotate_log(&self, now: Moment) -> Result<Authority, DirectoryError> {
        self.check_mode()?;
        let _alone = self.exclusively()?;
        self.issuer()?;
        if let Ok(past) = self.read(LOG_CERTIFICATE) {
            let chain: Vec<&str> = past.split_ascii_whitespace().collect();
            if let Ok(certified) = self.certified(LOG_CERTIFICATE, &chain) {
                self.write(&format!("{PAST_LOG}{}.cert", certified.key.id()), past.as_bytes())?;
            }
        }
        let signer = self.new_log_key()?;
        self.certify_log(signer, now)
    }

    /// Certifies the key with which an executor signs its receipts; the chain from the root, the issuer's first.
    ///
    /// # Errors
    /// [`DirectoryError`] if there is no issuer, or the executor's name can't be in a key's scope.
    pub fn certify_executor(
        &self,
        executor: &ExecutorId,
        key: &PublicKey,
        now: Moment,
    ) -> Result<Vec<String>, DirectoryError> {
        let (chain, certified) = self.certify_for(executor.as_str(), key, KeyUse::Receipt, now)?;
        self.write(&format!("{RECEIPT}{}.cert", certified.key.id()), chain.join("\n").as_bytes())?;
        Ok(chain)
    }

    /// Certifies the keys that a sidecar made for itself: one for tokens, one for its log.
    ///
    /// # Errors
    /// [`DirectoryError`] if there is no issuer, or the names can't be in a key's scope.
    pub(super) fn certify_sidecar(
        &self,
        candidates: &Candidates<'_>,
        now: Moment,
    ) -> Result<Chains, DirectoryError> {
        let Candidates { sidecar, authority, scope, log, origin, life } = candidates;
        let of_log =
            Scope::of_one(origin.as_str()).ok_or_else(|| DirectoryError::Name(origin.to_string()))?;
        let (issuer, issuer_certificate) = self.issuer()?;
        let now = Moment::from_unix_seconds(now.unix_seconds());
        let window = (now, now.plus(*life));
        let chain = |key, certifies| {
            let (certificate, _) = self.sign(&issuer, key, certifies, sidecar.as_str(), window)?;
            Ok::<_, DirectoryError>(vec![issuer_certificate.clone(), certificate])
        };
        let authority = chain(authority, (KeyUse::Authority, scope.clone()))?;
        let log = chain(log, (KeyUse::Log, of_log))?;
        Ok(Chains { authority, log, until: window.1 })
    }

    /// What is certified for a log or an executor, and whether its private half is here.
    pub(super) fn named(&self) -> Result<Vec<(CertifiedKey, bool)>, DirectoryError> {
        let log = self.path(LOG_CERTIFICATE).exists().then(|| LOG_CERTIFICATE.to_owned());
        let mut names: Vec<String> = log.into_iter().collect();
        names.extend(self.names(PAST_LOG, ".cert")?);
        names.extend(self.names(RECEIPT, ".cert")?);
        let read = |name: &String| {
            let text = self.read(name)?;
            let chain: Vec<&str> = text.split_ascii_whitespace().collect();
            Ok((self.certified(name, &chain)?, name == LOG_CERTIFICATE && self.path(LOG).exists()))
        };
        names.iter().map(read).collect()
    }

    fn new_log_key(&self) -> Result<FileSigner, DirectoryError> {
        let signer = FileSigner::generate(self.entropy.as_ref(), Algorithm::EdDsa)?;
        signer.save(&self.path(LOG))?;
        Ok(signer)
    }

    /// What the certificate in the folder says, if it is one of this key for this log, now.
    fn log_certificate(
        &self,
        signer: &FileSigner,
        now: Moment,
    ) -> Result<(CertifiedKey, Vec<String>), DirectoryError> {
        let text = self.read(LOG_CERTIFICATE)?;
        let chain: Vec<&str> = text.split_ascii_whitespace().collect();
        let origin = self.log_origin()?;
        let certified = self.anchor()?.certified_for(&chain, KeyUse::Log, origin.as_str(), now)?;
        match certified.key.id() == signer.public_key().id() {
            true => Ok((certified, chain.into_iter().map(str::to_owned).collect())),
            false => Err(DirectoryError::Certificate(CertificateError::Signer)),
        }
    }

    fn certify_log(&self, signer: FileSigner, now: Moment) -> Result<Authority, DirectoryError> {
        let origin = self.log_origin()?;
        let (chain, certified) = self.certify_for(origin.as_str(), signer.public_key(), KeyUse::Log, now)?;
        self.write(LOG_CERTIFICATE, chain.join("\n").as_bytes())?;
        Ok(Authority::new(Arc::new(signer), certified, chain))
    }

    fn certify_for(
        &self,
        name: &str,
        key: &PublicKey,
        usage: KeyUse,
        now: Moment,
    ) -> Result<(Vec<String>, CertifiedKey), DirectoryError> {
        let scope = Scope::of_one(name).ok_or_else(|| DirectoryError::Name(name.to_owned()))?;
        let (issuer, issuer_certificate) = self.issuer()?;
        let (certificate, certified) = self.sign(&issuer, key, (usage, scope), name, whole(usage, now))?;
        Ok((vec![issuer_certificate, certificate], certified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::party::{KeyHolder, TrustDomain};
    use crate::signer::Keyring as _;
    use core::time::Duration;
    use std::path::PathBuf;

    const DAY: Duration = Duration::from_hours(24);

    fn noon() -> Moment {
        Moment::from_unix_seconds(1_795_262_400)
    }

    fn folder() -> (tempfile::TempDir, PathBuf, KeyDirectory) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let keys = KeyDirectory::new(
            path.clone(),
            TrustDomain::new("https://acme.example").unwrap(),
            KeyHolder::new("sidecar").unwrap(),
            KeyDirectory::any_scope(),
            Arc::new(SystemEntropy),
        );
        keys.init(noon()).unwrap();
        (folder, path, keys)
    }

    #[test]
    fn the_log_keeps_its_key_while_its_certificate_is_renewed() {
        let (_folder, _, keys) = folder();
        let first = keys.log_authority(noon()).unwrap();
        assert_eq!(first.certified().usage, KeyUse::Log);
        assert_eq!(first.certified().scope, Scope::of_one("https://acme.example/sidecar").unwrap());
        assert_eq!(keys.log_authority(noon().plus(199 * DAY)).unwrap().chain(), first.chain());
        let renewed = keys.log_authority(noon().plus(201 * DAY)).unwrap();
        assert_eq!(renewed.key_id(), first.key_id());
        assert_ne!(renewed.chain(), first.chain());
        assert_eq!(renewed.certified().not_before, noon().plus(201 * DAY));
    }

    #[test]
    fn another_log_key_is_made_only_when_that_is_asked_for() {
        let (_folder, path, keys) = folder();
        let first = keys.log_authority(noon()).unwrap();
        std::fs::remove_file(path.join(LOG)).unwrap();
        assert_eq!(keys.log_authority(noon()).unwrap_err(), DirectoryError::Missing(path.join(LOG)));
        let second = keys.rotate_log(noon()).unwrap();
        assert_ne!(second.key_id(), first.key_id());
        assert_eq!(keys.log_authority(noon()).unwrap().key_id(), second.key_id());
        // The one before is still known, so that it can be revoked.
        let logs = |keys: &KeyDirectory| {
            let listed = keys.list().unwrap();
            let logs = listed.into_iter().filter(|key| key.usage == "log");
            logs.map(|key| (key.key.id(), key.private, key.revoked)).collect::<Vec<_>>()
        };
        assert_eq!(logs(&keys), [(second.key_id(), true, false), (first.key_id(), false, false)]);
        keys.revoke(first.key_id()).unwrap();
        assert_eq!(logs(&keys), [(second.key_id(), true, false), (first.key_id(), false, true)]);
        assert!(keys.log_authority(noon()).is_ok());
        keys.revoke(second.key_id()).unwrap();
        let refused = keys.log_authority(noon()).unwrap_err();
        assert_eq!(refused, DirectoryError::LogKeyRevoked(second.key_id()));
        assert!(keys.rotate_log(noon()).is_ok());
        assert!(keys.log_authority(noon()).is_ok());
    }

    #[test]
    fn a_certificate_of_another_key_is_replaced_by_one_of_the_key_that_is_there() {
        let (_folder, path, keys) = folder();
        let first = keys.log_authority(noon()).unwrap();
        // As after a power cut between the two files of a rotation.
        let second = keys.new_log_key().unwrap();
        let mended = keys.log_authority(noon()).unwrap();
        assert_eq!(mended.key_id(), second.public_key().id());
        assert_ne!(mended.key_id(), first.key_id());
        std::fs::write(path.join(LOG_CERTIFICATE), "garbage").unwrap();
        assert_eq!(keys.log_authority(noon()).unwrap().key_id(), mended.key_id());
    }

    #[test]
    fn an_executor_is_certified_for_its_own_receipts_and_is_in_no_bundle() {
        let (_folder, _, keys) = folder();
        let executor = ExecutorId::new("exec:local").unwrap();
        let key = FileSigner::generate(&SystemEntropy, Algorithm::EdDsa).unwrap();
        let chain = keys.certify_executor(&executor, key.public_key(), noon()).unwrap();
        let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
        let anchor = keys.anchor().unwrap();
        let certified = |usage, name, at| anchor.certified_for(&chain, usage, name, at);
        let receipt = certified(KeyUse::Receipt, "exec:local", noon()).unwrap();
        assert_eq!(receipt.key.id(), key.public_key().id());
        assert_eq!(certified(KeyUse::Log, "exec:local", noon()), Err(CertificateError::Use));
        assert_eq!(certified(KeyUse::Receipt, "exec:loca", noon()), Err(CertificateError::Name));
        let before = Moment::from_unix_seconds(noon().unix_seconds() - 1);
        assert_eq!(certified(KeyUse::Receipt, "exec:local", before), Err(CertificateError::Window));
        let published = keys.publish(noon()).unwrap();
        assert!(!published.jwks.contains(&receipt.key.id().to_string()));
        keys.revoke(receipt.key.id()).unwrap();
        assert!(keys.revoked().unwrap().contains(&receipt.key.id()));
    }

    #[test]
    fn a_revocation_is_not_lost_to_a_bundle_that_is_made_meanwhile() {
        let (_folder, _, keys) = folder();
        let keys = Arc::new(keys);
        let ids: Vec<_> = (0..8).map(|_| keys.renew(noon()).unwrap().key_id()).collect();
        let publishing = std::thread::spawn({
            let keys = keys.clone();
            move || (0..64).for_each(|_| drop(keys.publish(noon()).unwrap()))
        });
        ids.iter().for_each(|id| keys.revoke(*id).unwrap());
        publishing.join().unwrap();
        assert_eq!(keys.revoked().unwrap(), ids.into_iter().collect());
    }
}

//! A signing key in a file: a private JWK (RFC 8037) that nobody but its owner may read.

use super::{SignError, Signer};
use crate::digest::{base64url, from_base64url};
use crate::entropy::{Entropy, NoEntropy};
use crate::files;
use crate::operation::json::{self, Limits, Object, Value};
use crate::token::{Algorithm, PublicKey};
use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const LIMITS: Limits = Limits { bytes: 4096, depth: 2, members: 8 };

/// Signs with a key that was generated here or read from a file.
pub struct FileSigner {
    secret: SigningKey,
    public: PublicKey,
}

/// Says which key it is, never what it is.
impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileSigner({})", self.public.id())
    }
}

/// Why a key file can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFileError {
    /// The file could not be read or written.
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Others than its owner may read or write it.
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not a plain file.
    NotAFile(PathBuf),
    /// It is not a private Ed25519 JWK, or its two halves do not belong together.
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// There was no randomness to make a key of.
    NoEntropy,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, why } => write!(f, "cannot use `{}`: {why}", path.display()),
            Self::Exposed { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "`{path}` has mode {mode:04o}: a private key is for its owner only (chmod 600 {path})"
                )
            }
            Self::NotAFile(path) => write!(f, "`{}` is not a plain file", path.display()),
            Self::Malformed { path, what } => {
                write!(f, "`{}` is not a private Ed25519 key: {what}", path.display())
            }
            Self::NoEntropy => NoEntropy.fmt(f),
        }
    }
}

impl std::error::Error for KeyFileError {}

impl From<NoEntropy> for KeyFileError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl FileSigner {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyFileError::NoEntropy`] if there is no randomness.
    pub fn generate(entropy: &dyn Entropy, algorithm: Algorithm) -> Result<Self, KeyFileError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed)?;
        // A key that is all zeros or otherwise weak would be refused here like anyone else's.
        Self::from_seed(&seed, algorithm).ok_or(KeyFileError::NoEntropy)
    }

    fn from_seed(seed: &[u8; 32], algorithm: Algorithm) -> Option<Self> {
        let secret = SigningKey::from_bytes(seed);
        let public = PublicKey::from_bytes(secret.verifying_key().as_bytes(), algorithm).ok()?;
        Some(Self { secret, public })
    }

    /// Reads a key file; refuses one that anybody but its owner may read or write.
    ///
    /// # Errors
    /// [`KeyFileError`] with the file's name.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let io = |error: std::io::Error| KeyFileError::Io { path: path.into(), why: error.to_string() };
        // The mode is asked of the opened file, so that what is checked is what is read.
        let mut file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(KeyFileError::NotAFile(path.into()));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if files::exposed(&metadata) {
            return Err(KeyFileError::Exposed { path: path.into(), mode });
        }
        let malformed = |what| KeyFileError::Malformed { path: path.into(), what };
        if metadata.size() > 4096 {
            return Err(malformed("it is too long"));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        file.read_to_end(&mut text).map_err(io)?;
        let jwk = json::read(&text, &LIMITS).map_err(|_| malformed("it is not strict JSON"))?;
        let member = |name| jwk.as_object().and_then(|jwk| jwk.get(name)).and_then(Value::as_str);
        if (member("kty"), member("crv")) != (Some("OKP"), Some("Ed25519")) {
            return Err(malformed("`kty` is not OKP or `crv` is not Ed25519"));
        }
        let algorithm = member("alg").and_then(Algorithm::parse).ok_or(malformed("`alg` is unknown"))?;
        let seed = member("d").and_then(from_base64url).map(Zeroizing::new);
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.as_slice().try_into().ok());
        let seed = Zeroizing::new(seed.ok_or(malformed("`d` is not 32 bytes of base64url"))?);
        let signer = Self::from_seed(&seed, algorithm).ok_or(malformed("the key is weak"))?;
        match member("x") == Some(base64url(signer.public.as_bytes()).as_str()) {
            true => Ok(signer),
            false => Err(malformed("`x` does not belong to `d`")),
        }
    }

    /// Writes the key to a new file of mode 0600, or replaces one whole.
    ///
    /// # Errors
    /// [`KeyFileError::Io`] with what the system said.
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        let jwk: Object = self.public.to_jwk().with("d", base64url(self.secret.as_bytes()));
        let text = Zeroizing::new(Value::from(jwk).to_canonical());
        files::write_private(path, &text)
            .map_err(|error| KeyFileError::Io { path: path.into(), why: error.to_string() })
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.secret.sign(message).to_bytes())
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts are ASCII")]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use std::fs::Permissions;

    fn saved() -> (tempfile::TempDir, PathBuf, FileSigner) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.jwk");
        let signer = FileSigner::generate(&SystemEntropy, Algorithm::EdDsa).unwrap();
        signer.save(&path).unwrap();
        (folder, path, signer)
    }

    #[test]
    fn a_key_is_read_back_and_signs_alike() {
        let (_folder, path, signer) = saved();
        let again = FileSigner::load(&path).unwrap();
        assert_eq!(again.public_key(), signer.public_key());
        assert_eq!(again.sign(b"x").unwrap(), signer.sign(b"x").unwrap());
        assert!(signer.public_key().verify(b"x", &again.sign(b"x").unwrap()).is_ok());
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_looser_mode_is_refused() {
        let (_folder, path, _) = saved();
        for mode in [0o640, 0o604, 0o660, 0o601, 0o777] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                FileSigner::load(&path).unwrap_err(),
                KeyFileError::Exposed { path: path.clone(), mode }
            );
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let (folder, path, _) = saved();
        let good = std::fs::read_to_string(&path).unwrap();
        let (other_folder, other, _) = saved();
        let other = std::fs::read_to_string(other).unwrap();
        drop(other_folder);
        let d = |text: &str| text.split("\"d\":\"").nth(1).unwrap()[..43].to_owned();
        for (text, what) in [
            (String::new(), "it is not strict JSON"),
            (good.replace("OKP", "EC"), "`kty` is not OKP or `crv` is not Ed25519"),
            (good.replace("EdDSA", "none"), "`alg` is unknown"),
            (good.replace(&d(&good), "AAAA"), "`d` is not 32 bytes of base64url"),
            (good.replace(&d(&good), &d(&other)), "`x` does not belong to `d`"),
            (" ".repeat(5000), "it is too long"),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                FileSigner::load(&path).unwrap_err(),
                KeyFileError::Malformed { path: path.clone(), what }
            );
        }
        assert_eq!(
            FileSigner::load(folder.path()).unwrap_err(),
            KeyFileError::NotAFile(folder.path().into())
        );
    }

    #[test]
    fn the_secret_is_not_printed() {
        let (_folder, path, signer) = saved();
        let text = std::fs::read_to_string(path).unwrap();
        let secret = &text.split("\"d\":\"").nth(1).unwrap()[..43];
        assert!(!format!("{signer:?}").contains(secret));
    }
}

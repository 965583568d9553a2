//! SSH signatures (SSHSIG) over a vote statement: the reviewer's own key, checked without any SSH program.
//!
//! Public keys are read from the one-line form of `id_ed25519.pub`, signatures from what `ssh-keygen -Y sign`
//! writes. Four key types are known, and nothing else: `ssh-ed25519`, `sk-ssh-ed25519@openssh.com`,
//! `ecdsa-sha2-nistp256` and `sk-ecdsa-sha2-nistp256@openssh.com`. Sources: RFC 4251 §5 (wire types), RFC 8709
//! (Ed25519), RFC 5656 (ECDSA), and OpenSSH's `PROTOCOL.sshsig`, `PROTOCOL.u2f` and `PROTOCOL.key`.
//!
//! ```
//! use countersign::presence::ssh::{PrivateKey, Signature, VOTE_NAMESPACE};
//!
//! let key = PrivateKey::from_seed(&[7; 32], "ada@example");
//! let armored = key.sign(VOTE_NAMESPACE, b"what ada agrees to").to_armored();
//! let signature = Signature::from_armored(&armored)?;
//! assert!(signature.verify(key.public_key(), VOTE_NAMESPACE, b"what ada agrees to").is_ok());
//! assert!(signature.verify(key.public_key(), VOTE_NAMESPACE, b"what she does not").is_err());
//! # Ok::<(), countersign::presence::ssh::SshError>(())
//! ```

mod armor;
mod error;
mod key;
mod private;
mod signature;
mod wire;

pub use error::SshError;
pub use key::{KeyType, MAX_KEY_LINE, PublicKey};
pub use private::{MAX_PRIVATE_KEY, PrivateKey};
pub use signature::{HashAlgorithm, MAX_ARMORED, Signature, Touch};

/// The SSHSIG namespace of votes: a signature made for a file, a commit or an e-mail is none of these.
pub const VOTE_NAMESPACE: &str = "countersign-vote@v1";

//! Our signatures and keys against the real `ssh-keygen`, both ways.

use crate::people::{approve, person, statement};
use countersign::escalation::evidence::PinnedKeys;
use countersign::escalation::vote::{SignedVote, VoteError, verify};
use countersign::presence::ssh::{
    HashAlgorithm, KeyType, PrivateKey, PublicKey, Signature, SshError, Touch, VOTE_NAMESPACE,
};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a working `ssh-keygen`; `None`, said aloud, where there is no such program and this is not CI.
pub(crate) struct Openssh {
    folder: tempfile::TempDir,
}

impl Openssh {
    pub(crate) fn find() -> Option<Self> {
        let found =
            Command::new("ssh-keygen").arg("-?").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        if found {
            return Some(Self { folder: tempfile::tempdir().unwrap() });
        }
        assert!(std::env::var_os("CI").is_none(), "`ssh-keygen` is not installed: install openssh-client");
        eprintln!("DID NOT RUN: `ssh-keygen` is not installed (openssh-client)");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.path(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        file.write_all(bytes).unwrap();
        path
    }

    fn run(arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new("ssh-keygen")
            .args(arguments)
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs it and expects success; its standard output.
    fn must(arguments: &[&str], input: &[u8]) -> String {
        let output = Self::run(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a key pair; the private key's path, and the public key's line.
    fn generate(&self, name: &str, kind: &str, passphrase: &str) -> (PathBuf, String) {
        let path = self.path(name);
        let file = path.to_str().unwrap();
        Self::must(&["-q", "-t", kind, "-N", passphrase, "-C", "ada lovelace@example", "-f", file], b"");
        let line = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        (path, line)
    }

    fn sign(key: &Path, namespace: &str, hash: &str, message: &[u8]) -> String {
        let option = format!("hashalg={hash}");
        Self::must(
            &["-q", "-Y", "sign", "-n", namespace, "-O", &option, "-f", key.to_str().unwrap()],
            message,
        )
    }

    /// Whether `ssh-keygen -Y verify` accepts the signature as that of the key on `line`.
    pub(crate) fn accepts(&self, line: &str, namespace: &str, armored: &str, message: &[u8]) -> bool {
        let signers = self.write("allowed_signers", format!("ada {}\n", line.trim_end()).as_bytes());
        let signature = self.write("signature", armored.as_bytes());
        let (signers, signature) = (signers.to_str().unwrap(), signature.to_str().unwrap());
        Self::run(&["-Y", "verify", "-f", signers, "-I", "ada", "-n", namespace, "-s", signature], message)
            .status
            .success()
    }
}

#[test]
fn what_ssh_keygen_signs_is_accepted() {
    let Some(openssh) = Openssh::find() else { return };
    for (name, kind, expected) in [("ed", "ed25519", KeyType::Ed25519), ("ec", "ecdsa", KeyType::EcdsaP256)] {
        let (path, line) = openssh.generate(name, kind, "");
        let key = PublicKey::from_line(&line).unwrap();
        assert_eq!(key.key_type(), expected);
        assert!(line.starts_with(&key.to_line()), "the line is written as it was read");
        let listed = Openssh::must(&["-l", "-f", path.to_str().unwrap()], b"");
        assert_eq!(
            listed.split(' ').nth(1),
            Some(key.fingerprint().as_str()),
            "the fingerprint is OpenSSH's"
        );
        for (hash, algorithm) in [("sha256", HashAlgorithm::Sha256), ("sha512", HashAlgorithm::Sha512)] {
            // ECDSA numbers vary in length: many signatures meet many encodings.
            for round in 0..if kind == "ecdsa" { 24 } else { 3 } {
                let message = format!("agreed {round}");
                let armored = Openssh::sign(&path, VOTE_NAMESPACE, hash, message.as_bytes());
                let signature = Signature::from_armored(&armored).unwrap();
                assert_eq!(signature.hash_algorithm(), algorithm);
                assert_eq!(signature.verify(&key, VOTE_NAMESPACE, message.as_bytes()), Ok(Touch::Software));
                assert_eq!(signature.to_armored(), armored, "and written as OpenSSH wrote it");
                assert_eq!(
                    signature.verify(&key, VOTE_NAMESPACE, b"something else"),
                    Err(SshError::SignatureInvalid)
                );
            }
        }
        let other_purpose = Openssh::sign(&path, "git", "sha512", b"agreed");
        let signature = Signature::from_armored(&other_purpose).unwrap();
        assert_eq!(signature.verify(&key, VOTE_NAMESPACE, b"agreed"), Err(SshError::SignatureNamespace));
        let (_, stranger) = openssh.generate(&format!("{name}-other"), kind, "");
        let stranger = PublicKey::from_line(&stranger).unwrap();
        assert_eq!(signature.verify(&stranger, "git", b"agreed"), Err(SshError::SignatureOtherKey));
    }
}

#[test]
fn ssh_keygen_accepts_what_we_sign() {
    let Some(openssh) = Openssh::find() else { return };
    let key = PrivateKey::from_seed(&[42; 32], "ada@example");
    let line = key.public_key().to_line();
    for length in [0, 1, 63, 64, 4096] {
        let message = vec![b'm'; length];
        let armored = key.sign(VOTE_NAMESPACE, &message).to_armored();
        assert!(openssh.accepts(&line, VOTE_NAMESPACE, &armored, &message));
        assert!(!openssh.accepts(&line, "file", &armored, &message));
        assert!(!openssh.accepts(&line, VOTE_NAMESPACE, &armored, b"other"));
    }
}

#[test]
fn private_keys_travel_both_ways() {
    let Some(openssh) = Openssh::find() else { return };
    // Comments of every length meet every padding.
    for length in 0..9 {
        let key = PrivateKey::from_seed(&[9; 32], &"c".repeat(length));
        let path = openssh.write("ours", key.to_openssh(0x1234_5678).as_bytes());
        let shown = Openssh::must(&["-y", "-f", path.to_str().unwrap()], b"");
        assert_eq!(PublicKey::from_line(&shown).as_ref(), Ok(key.public_key()));
        let read = PrivateKey::from_openssh(&key.to_openssh(1)).unwrap();
        assert_eq!((read.public_key(), read.comment()), (key.public_key(), key.comment()));
        let signed = Openssh::sign(&path, VOTE_NAMESPACE, "sha512", b"agreed");
        assert_eq!(signed, read.sign(VOTE_NAMESPACE, b"agreed").to_armored(), "Ed25519 leaves no choice");
    }
    let (path, line) = openssh.generate("theirs", "ed25519", "");
    let theirs = PrivateKey::from_openssh(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(Ok(theirs.public_key()), PublicKey::from_line(&line).as_ref());
    assert_eq!(theirs.comment(), "ada lovelace@example");
    let armored = theirs.sign(VOTE_NAMESPACE, b"agreed").to_armored();
    assert!(openssh.accepts(&line, VOTE_NAMESPACE, &armored, b"agreed"));
}

#[test]
fn private_keys_that_we_leave_to_ssh_keygen_are_named() {
    let Some(openssh) = Openssh::find() else { return };
    for (name, kind, passphrase, expected) in [
        ("locked", "ed25519", "correct horse", SshError::PrivateKeyEncrypted),
        ("ec", "ecdsa", "", SshError::PrivateKeyType),
        ("rsa", "rsa", "", SshError::PrivateKeyType),
    ] {
        let (path, _) = openssh.generate(name, kind, passphrase);
        let refused = PrivateKey::from_openssh(&std::fs::read_to_string(path).unwrap());
        assert_eq!(refused.err(), Some(expected), "{name}");
    }
    for kind in ["rsa", "ecdsa"] {
        let path = openssh.path(&format!("wide-{kind}"));
        let size = if kind == "rsa" { "3072" } else { "384" };
        Openssh::must(&["-q", "-t", kind, "-b", size, "-N", "", "-f", path.to_str().unwrap()], b"");
        let line = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        assert_eq!(PublicKey::from_line(&line), Err(SshError::KeyType));
        let armored = Openssh::sign(&path, VOTE_NAMESPACE, "sha512", b"agreed");
        assert_eq!(Signature::from_armored(&armored), Err(SshError::KeyType));
    }
}

#[test]
fn a_vote_signed_by_ssh_keygen_is_a_vote() {
    let Some(openssh) = Openssh::find() else { return };
    for kind in ["ed25519", "ecdsa"] {
        let (path, line) = openssh.generate(kind, kind, "");
        let keys = PinnedKeys::parse(&format!("ada {line}")).unwrap();
        let stated = statement("ada", approve(&["canary:max_percent=10"]));
        let text = stated.to_text();
        let signature = Openssh::sign(&path, VOTE_NAMESPACE, "sha512", text.as_bytes());
        let signed = SignedVote { statement: text, signature };
        let vote = verify(&signed, &keys).unwrap();
        assert_eq!((vote.statement(), vote.digest()), (&stated, stated.digest()));
        let mut other = stated;
        other.reviewer = person("bob");
        let signature = Openssh::sign(&path, VOTE_NAMESPACE, "sha512", other.to_text().as_bytes());
        let forged = SignedVote { statement: other.to_text(), signature };
        assert_eq!(verify(&forged, &keys).err(), Some(VoteError::UnknownKey), "ada signs as bob");
    }
}

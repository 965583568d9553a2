//! Our assertions and keys against Node's cryptography, both ways.

use crate::authenticator::{ALGORITHMS, Algorithm, Authenticator, Ceremony, assertion_text, console};
use crate::people::{approve, person, statement};
use countersign::digest::from_base64url;
use countersign::escalation::evidence::PinnedKeys;
use countersign::escalation::vote::{SignedVote, VoteError, verify};
use countersign::presence::passkey::{CredentialId, CredentialKey, Passkey, PasskeyError};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Makes a key pair and signs what stands on the first line, in base64url; or, given a key and a signature on two more
/// lines, checks it.
const PROGRAM: &str = r#"
const { createPublicKey, generateKeyPairSync, sign, verify } = require("node:crypto");
const lines = require("node:fs").readFileSync(0, "utf8").split("\n");
const [kind, signed, key, signature] = [lines[0], ...lines.slice(1).map(line => Buffer.from(line, "base64url"))];
const hash = kind === "Es256" ? "sha256" : null;
if (lines.length === 4) {
  const publicKey = createPublicKey({ key, format: "der", type: "spki" });
  console.log(verify(hash, signed, publicKey, signature));
} else {
  const pair = kind === "Es256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  console.log(pair.publicKey.export({ format: "der", type: "spki" }).toString("base64url"));
  console.log(sign(hash, signed, pair.privateKey).toString("base64url"));
}
"#;

/// What Node prints; `None`, said aloud, where there is no such program and this is not CI.
fn node(input: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("node");
    command.args(["-e", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var_os("CI").is_none(), "`node` is not installed: install nodejs");
        eprintln!("DID NOT RUN: `node` is not installed (nodejs)");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect())
}

/// What an authenticator signs in this ceremony.
fn signed(ceremony: &Ceremony) -> String {
    let hash = countersign::digest::sha256(&[&ceremony.client_data()]);
    countersign::digest::base64url(&[&ceremony.authenticator_data()[..], &hash].concat())
}

#[test]
fn a_vote_signed_by_node_is_a_vote() {
    let text = statement("ada", approve(&["canary:max_percent=10"])).to_text();
    let ceremony = Ceremony { counter: 3, ..Ceremony::of(&text) };
    for algorithm in ALGORITHMS {
        // ECDSA numbers vary in length: several signatures meet several encodings.
        for _ in 0..if algorithm == Algorithm::Es256 { 6 } else { 1 } {
            let Some(printed) = node(&[&format!("{algorithm:?}"), &signed(&ceremony)]) else { return };
            let id = CredentialId::new(&[9; 20]).unwrap();
            let signature = from_base64url(&printed[1]).unwrap();
            let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
            let signature = assertion_text(id.as_bytes(), &data, &client, &signature);
            let key = CredentialKey::parse(&printed[0]).unwrap();
            let passkey = Passkey { id, key, name: None };
            let keys = PinnedKeys::default().with_passkey(person("ada"), passkey, console()).unwrap();
            let vote = SignedVote { statement: text.clone(), signature };
            assert_eq!(verify(&vote, &keys).unwrap().credential().unwrap().1.number(), 3);
            let moved = SignedVote { statement: statement("ada", approve(&[])).to_text(), ..vote };
            let expected = VoteError::Passkey(PasskeyError::OtherChallenge);
            assert_eq!(verify(&moved, &keys).err(), Some(expected));
        }
    }
}

#[test]
fn node_accepts_what_our_authenticator_signs() {
    let ceremony = Ceremony::of(&statement("ada", approve(&[])).to_text());
    for algorithm in ALGORITHMS {
        let device = Authenticator::of("ada", algorithm);
        let signature = device.sign(&ceremony.authenticator_data(), &ceremony.client_data());
        let [key, signature] = [device.passkey().key.to_string(), countersign::digest::base64url(&signature)];
        let kind = format!("{algorithm:?}");
        let Some(printed) = node(&[&kind, &signed(&ceremony), &key, &signature]) else { return };
        assert_eq!(printed, ["true"]);
        let other = Ceremony { counter: 1, ..ceremony.clone() };
        assert_eq!(node(&[&kind, &signed(&other), &key, &signature]).unwrap(), ["false"]);
    }
}

//! Passkeys in a roster file: whose they are, and that they sign votes beside SSH keys.

use crate::authenticator::{ALGORITHMS, Authenticator, ORIGIN, RP_ID, signed_by_passkey};
use crate::people::{approve, key_of, person, signed_by, statement};
use countersign::escalation::vote::{Keys as _, VoteError, verify};
use countersign::presence::passkey::CredentialId;
use countersign::reviewer::Directory;

/// Ada with two passkeys and a key, and bob with a key.
fn roster() -> String {
    let [ec, ed] = ALGORITHMS.map(|algorithm| Authenticator::of("ada", algorithm).passkey());
    let [ada, bob] = ["ada", "bob"].map(|name| key_of(name).public_key().to_line());
    format!(
        "version: 1\npasskeys: {{rp_id: {RP_ID}, origins: [\"{ORIGIN}\"]}}\npeople:\n  \
         - id: ada\n    keys: [{ada}]\n    passkeys:\n      \
         - {{id: {}, key: {}, name: phone}}\n      - {{id: {}, key: {}}}\n  \
         - {{id: bob, keys: [{bob}]}}\n",
        ec.id, ec.key, ed.id, ed.key
    )
}

#[test]
fn a_roster_s_passkeys_sign_votes_beside_its_keys() {
    let text = roster();
    let directory = Directory::parse(&text, "roster.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(directory.relying_party().unwrap().id(), RP_ID);
    assert_eq!(directory.relying_party().unwrap().origins().collect::<Vec<_>>(), [ORIGIN]);
    let names: Vec<_> =
        directory.person(&person("ada")).unwrap().passkeys.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, [Some("phone".into()), None]);
    let stated = statement("ada", approve(&[]));
    assert!(verify(&signed_by("ada", &stated), &directory).is_ok());
    for algorithm in ALGORITHMS {
        assert!(verify(&signed_by_passkey(algorithm, &stated), &directory).is_ok(), "{algorithm:?}");
        let bobs = signed_by_passkey(algorithm, &statement("bob", approve(&[])));
        assert_eq!(verify(&bobs, &directory).err(), Some(VoteError::UnknownKey), "not enrolled");
        let adas = Authenticator::of("ada", algorithm).credential();
        assert!(directory.passkey(&person("ada"), &adas).is_some());
        assert!(directory.passkey(&person("bob"), &adas).is_none());
        assert!(directory.passkey(&person("cyd"), &adas).is_none());
    }
    assert!(directory.passkey(&person("ada"), &CredentialId::new(&[1; 16]).unwrap()).is_none());
    // A passkey more or less is another roster.
    assert_ne!(Directory::digest_of(&text), Directory::digest_of(&text.replace("phone", "fone")));
}

#[test]
fn a_roster_without_a_relying_party_has_no_passkeys() {
    let text = roster();
    let line = text.lines().nth(1).unwrap();
    let error = Directory::parse(&text.replace(line, "roles: []"), "roster.yaml").unwrap_err();
    assert_eq!(error.problem.code(), "policy.keys_together");
}

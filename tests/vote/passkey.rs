//! Votes signed with passkeys: what counts, and everything that somebody would try instead.

use crate::authenticator::{
    ALGORITHMS, Algorithm, Authenticator, Ceremony, ORIGIN, Owners, assertion_text, signed_by_passkey,
};
use crate::people::{Everyone, approve, key_of, person, signed_by, statement};
use countersign::digest::{base64url, sha256};
use countersign::escalation::vote::{SignedVote, Signer, VerifiedVote, VoteError, verify};
use countersign::presence::passkey::{
    Assertion, Challenge, Counter, MAX_ASSERTION, MAX_CLIENT_DATA, PasskeyError,
};
use countersign::presence::ssh::{SshError, Touch, VOTE_NAMESPACE};

/// What ada agrees to.
fn agreed() -> String {
    statement("ada", approve(&["canary:max_percent=20"])).to_text()
}

fn judge(vote: &SignedVote) -> Result<VerifiedVote, VoteError> {
    verify(vote, &Owners::of(&["ada", "bob"]))
}

/// What becomes of a vote whose ceremony differs in this, rightly signed by both kinds of passkey.
fn verdict(change: impl Fn(&mut Ceremony)) -> Result<(), PasskeyError> {
    let verdicts = ALGORITHMS.map(|algorithm| {
        let text = agreed();
        let mut ceremony = Ceremony::of(&text);
        change(&mut ceremony);
        match judge(&Authenticator::of("ada", algorithm).vote(&text, &ceremony)) {
            Ok(_) => Ok(()),
            Err(VoteError::Passkey(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        }
    });
    assert_eq!(verdicts[0], verdicts[1], "both algorithms");
    verdicts[0]
}

#[test]
fn a_passkeys_vote_is_its_owners() {
    for algorithm in ALGORITHMS {
        let device = Authenticator::of("ada", algorithm);
        let stated = statement("ada", approve(&["canary:max_percent=20"]));
        let text = stated.to_text();
        let vote = device.vote(&text, &Ceremony { counter: 7, ..Ceremony::of(&text) });
        let verified = judge(&vote).unwrap();
        assert_eq!((verified.statement(), verified.digest()), (&stated, stated.digest()));
        assert_eq!(verified.signer(), &Signer::Passkey(device.credential(), Counter::new(7)));
        assert_eq!(verified.credential(), Some((&device.credential(), Counter::new(7))));
        assert_eq!((verified.key(), verified.signed()), (None, &vote));
        assert_eq!(verified.touch(), Touch::SecurityKey { user_verified: true, counter: 7 });
    }
}

#[test]
fn what_browsers_and_authenticators_may_differ_in_is_accepted() {
    type Change = fn(&mut Ceremony);
    let cases: [(&str, Change); 7] = [
        ("another origin of the list", |it| it.origin = "https://console.example.com:8443".into()),
        ("an old browser without `crossOrigin`", |it| it.more.clear()),
        ("a member nobody knows yet", |it| it.more += r#","extraData":{"a":["\u00e9",1]}"#),
        ("a legacy member", |it| it.more += r#","tokenBinding":{"status":"supported"}"#),
        ("a passkey that can be backed up", |it| it.flags = 0x0d),
        ("a passkey that is backed up", |it| it.flags = 0x1d),
        ("the largest client data", |it| {
            let rest = MAX_CLIENT_DATA - it.client_data().len() - r#","x":"""#.len();
            it.more += &format!(r#","x":"{}""#, "x".repeat(rest));
        }),
    ];
    for (what, change) in cases {
        assert_eq!(verdict(change), Ok(()), "{what}");
    }
}

#[test]
fn the_page_has_to_be_one_of_the_list_in_every_byte() {
    for origin in [
        "https://console.example.com.evil.example",
        "https://evil-console.example.com",
        "https://console.example.co",
        "https://console.example.comm",
        "https://Console.example.com",
        "HTTPS://console.example.com",
        "https://console.example.com/",
        "https://console.example.com.",
        "https://console.example.com:443",
        "https://console.example.com:8444",
        "https://console.example.com:84433",
        "http://console.example.com",
        "https://below.console.example.com",
        "https://example.com",
        "https://user@console.example.com",
        " https://console.example.com",
        "null",
        "",
    ] {
        assert_ne!(origin, ORIGIN);
        assert_eq!(verdict(|it| it.origin = origin.into()), Err(PasskeyError::OtherOrigin), "{origin}");
    }
}

#[test]
fn the_page_may_not_be_inside_another() {
    for more in [
        r#","crossOrigin":true"#,
        r#","crossOrigin":true,"topOrigin":"https://evil.example""#,
        r#","crossOrigin":false,"topOrigin":"https://console.example.com""#,
        r#","topOrigin":null"#,
    ] {
        assert_eq!(verdict(|it| it.more = more.into()), Err(PasskeyError::CrossOrigin), "{more}");
    }
}

#[test]
fn the_challenge_is_of_this_statement_and_nothing_else() {
    let text = agreed();
    let other = statement("ada", approve(&[])).to_text();
    let right = Challenge::of_vote(text.as_bytes()).to_string();
    for (what, challenge) in [
        ("another statement", Challenge::of_vote(other.as_bytes()).to_string()),
        ("the digest without its label", base64url(&sha256(&[text.as_bytes()]))),
        ("the statement itself", base64url(text.as_bytes())),
        ("padding", format!("{right}=")),
        ("unused bits set", right.replace(right.chars().last().unwrap(), "_")),
        ("cut short", right[..42].to_owned()),
        ("nothing", String::new()),
    ] {
        let verdict = verdict(|it| it.challenge.clone_from(&challenge));
        assert_eq!(verdict, Err(PasskeyError::OtherChallenge), "{what}");
    }
    // The assertion is moved to another statement.
    for algorithm in ALGORITHMS {
        let mut moved = Authenticator::of("ada", algorithm).vote(&text, &Ceremony::of(&text));
        moved.statement.clone_from(&other);
        let expected = VoteError::Passkey(PasskeyError::OtherChallenge);
        assert_eq!(judge(&moved).err(), Some(expected));
    }
}

#[test]
fn only_an_assertion_counts() {
    for kind in ["webauthn.create", "payment.get", "WebAuthn.get", "webauthn.get ", ""] {
        assert_eq!(verdict(|it| it.kind = kind.into()), Err(PasskeyError::ClientDataType), "{kind}");
    }
}

#[test]
fn a_name_that_stands_twice_in_the_client_data_is_refused() {
    let text = agreed();
    let right = Challenge::of_vote(text.as_bytes()).to_string();
    for more in [
        r#","type":"webauthn.get""#.to_owned(),
        format!(r#","challenge":"{right}""#),
        format!(r#","ch\u0061llenge":"{right}""#),
        format!(r#","origin":"{ORIGIN}""#),
        r#","crossOrigin":false,"crossOrigin":true"#.to_owned(),
        r#","x":{"y":1,"y":1}"#.to_owned(),
    ] {
        assert_eq!(verdict(|it| it.more.clone_from(&more)), Err(PasskeyError::ClientDataForm), "{more}");
    }
}

#[test]
fn client_data_is_what_a_browser_writes_or_nothing() {
    let good = Ceremony::of(&agreed()).client_data();
    let without = |member: &str| String::from_utf8(good.clone()).unwrap().replace(member, "x").into_bytes();
    let utf16: Vec<u8> = good.iter().flat_map(|byte| [*byte, 0]).collect();
    for (what, client_data) in [
        ("nothing", vec![]),
        ("no type", without("type")),
        ("no challenge", without("challenge")),
        ("no origin", without("origin")),
        ("a byte order mark", [&b"\xef\xbb\xbf"[..], &good].concat()),
        ("UTF-16", utf16),
        ("not UTF-8", good.iter().map(|byte| if *byte == b'h' { 0xff } else { *byte }).collect()),
        ("bytes behind it", [&good[..], b"{}"].concat()),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("a list", [&b"["[..], &good, b"]"].concat()),
        ("a deep one", [&b"[".repeat(2000)[..], &b"]".repeat(2000)].concat()),
        ("a large one", [&good[..], &b" ".repeat(MAX_CLIENT_DATA + 1 - good.len())].concat()),
        (
            "a truth value as text",
            without("false").iter().map(|b| if *b == b'x' { b'1' } else { *b }).collect(),
        ),
    ] {
        let verdict = verdict(|it| it.client_data = Some(client_data.clone()));
        assert_eq!(verdict, Err(PasskeyError::ClientDataForm), "{what}");
    }
    let more = r#","crossOrigin":"false""#;
    assert_eq!(verdict(|it| it.more = more.into()), Err(PasskeyError::ClientDataForm));
}

#[test]
fn the_owner_has_to_be_there_and_to_be_recognised() {
    for (flags, expected) in [
        (0x00, PasskeyError::UserNotPresent),
        (0x04, PasskeyError::UserNotPresent),
        (0x01, PasskeyError::UserNotVerified),
        (0x19, PasskeyError::UserNotVerified),
        (0x15, PasskeyError::BackupState),
        (0x07, PasskeyError::ReservedFlag),
        (0x25, PasskeyError::ReservedFlag),
        (0x45, PasskeyError::Extensions),
        (0x85, PasskeyError::Extensions),
    ] {
        assert_eq!(verdict(|it| it.flags = flags), Err(expected), "{flags:#04x}");
    }
}

#[test]
fn the_authenticator_has_to_sign_for_this_relying_party() {
    for rp_id in ["example.com", "evil.example", "console.example.com.", "Console.example.com", "", ORIGIN] {
        assert_eq!(verdict(|it| it.rp_id = rp_id.into()), Err(PasskeyError::OtherRelyingParty), "{rp_id}");
    }
}

#[test]
fn authenticator_data_ends_where_it_ends() {
    assert_eq!(verdict(|it| it.tail = vec![0]), Err(PasskeyError::AuthenticatorDataForm));
    assert_eq!(verdict(|it| it.tail = vec![0; 5000]), Err(PasskeyError::AuthenticatorDataForm));
    // Extensions that are well-formed and announced: `{"credProtect": 2}`.
    let extensions = [&[0xa1, 0x6b][..], b"credProtect", &[2]].concat();
    let announced = |it: &mut Ceremony| (it.flags, it.tail) = (0x85, extensions.clone());
    assert_eq!(verdict(announced), Err(PasskeyError::Extensions));
    let text = agreed();
    let ceremony = Ceremony::of(&text);
    let device = Authenticator::of("ada", Algorithm::Es256);
    for length in 0..37 {
        let (data, client) = (&ceremony.authenticator_data()[..length], ceremony.client_data());
        let signature = device.sign(data, &client);
        let signature = assertion_text(device.credential().as_bytes(), data, &client, &signature);
        let expected = VoteError::Passkey(PasskeyError::AuthenticatorDataForm);
        assert_eq!(judge(&SignedVote { statement: text.clone(), signature }).err(), Some(expected));
    }
}

#[test]
fn nobody_votes_with_the_passkey_of_another() {
    for algorithm in ALGORITHMS {
        let (ada, bob) = (Authenticator::of("ada", algorithm), Authenticator::of("bob", algorithm));
        let text = agreed();
        let ceremony = Ceremony::of(&text);
        assert_eq!(judge(&bob.vote(&text, &ceremony)).err(), Some(VoteError::UnknownKey), "bob's own");
        let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
        let signature = bob.sign(&data, &client);
        let signature = assertion_text(ada.credential().as_bytes(), &data, &client, &signature);
        let lying = SignedVote { statement: text, signature };
        let expected = VoteError::Passkey(PasskeyError::SignatureInvalid);
        assert_eq!(judge(&lying).err(), Some(expected), "bob's, called ada's");
        let unknown = signed_by_passkey(algorithm, &statement("cyd", approve(&[])));
        assert_eq!(judge(&unknown).err(), Some(VoteError::UnknownKey));
    }
}

#[test]
fn a_signature_belongs_to_the_credential_that_it_names() {
    let text = agreed();
    let ceremony = Ceremony::of(&text);
    let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
    let named = |device: &Authenticator, signature: &[u8]| {
        let id = device.credential();
        Assertion::new(id, &data, &client, signature).unwrap()
    };
    let [ec, ed] = ALGORITHMS.map(|algorithm| Authenticator::of("ada", algorithm));
    let challenge = Challenge::of_vote(text.as_bytes());
    let party = crate::authenticator::console();
    let by = |device: &Authenticator| named(device, &device.sign(&data, &client));
    assert_eq!(by(&ec).verify(&ec.passkey(), &party, &challenge), Ok(Counter::new(0)));
    assert_eq!(by(&ec).verify(&ed.passkey(), &party, &challenge), Err(PasskeyError::OtherCredential));
    for (device, other) in [(&ec, &ed), (&ed, &ec)] {
        let swapped = named(device, &other.sign(&data, &client));
        assert_eq!(swapped.verify(&device.passkey(), &party, &challenge), Err(PasskeyError::SignatureForm));
    }
}

#[test]
fn a_counter_that_stands_still_tells_of_a_copy() {
    let text = agreed();
    let device = Authenticator::of("ada", Algorithm::Es256);
    let counted = |counter| {
        let vote = judge(&device.vote(&text, &Ceremony { counter, ..Ceremony::of(&text) })).unwrap();
        vote.credential().unwrap().1
    };
    assert_eq!(counted(8).check_after(counted(7)), Ok(()));
    for (new, last) in [(7, 7), (6, 7), (0, 7)] {
        let verdict = counted(new).check_after(counted(last));
        assert_eq!(verdict, Err(PasskeyError::ClonedCounter), "{new} after {last}");
    }
    assert_eq!(counted(0).check_after(counted(0)), Ok(()), "an authenticator that does not count");
    assert_eq!(counted(u32::MAX).number(), u32::MAX);
}

#[test]
fn an_oversized_assertion_is_not_even_read() {
    let mut vote = signed_by_passkey(Algorithm::Es256, &statement("ada", approve(&[])));
    vote.signature = vote.signature.replacen('{', &format!("{{{}", " ".repeat(MAX_ASSERTION)), 1);
    let expected = PasskeyError::AssertionSize;
    assert_eq!(judge(&vote).err(), Some(VoteError::Passkey(expected)));
    assert_eq!(Assertion::from_text(&vote.signature).err(), Some(expected));
}

#[test]
fn the_two_kinds_of_signature_are_told_apart() {
    let stated = statement("ada", approve(&[]));
    let by_key = signed_by("ada", &stated);
    assert!(matches!(verify(&by_key, &Everyone).unwrap().signer(), Signer::Key(..)));
    assert_eq!(judge(&by_key).err(), Some(VoteError::UnknownKey), "passkeys alone are known");
    let by_passkey = signed_by_passkey(Algorithm::EdDsa, &stated);
    assert_eq!(verify(&by_passkey, &Everyone).err(), Some(VoteError::UnknownKey), "keys alone are known");
    let mut spaced = by_passkey.clone();
    spaced.signature.insert(0, ' ');
    assert_eq!(judge(&spaced).err(), Some(VoteError::Signature(SshError::SignatureArmor)));
    // An SSH signature over the challenge is none over the statement.
    let challenge = Challenge::of_vote(stated.to_text().as_bytes());
    let signature = key_of("ada").sign(VOTE_NAMESPACE, challenge.as_bytes()).to_armored();
    let confused = SignedVote { statement: stated.to_text(), signature };
    assert_eq!(verify(&confused, &Everyone).err(), Some(VoteError::Signature(SshError::SignatureInvalid)));
    let mut other = stated;
    other.reviewer = person("bob");
    let stolen = SignedVote { statement: other.to_text(), ..by_passkey };
    assert_eq!(judge(&stolen).err(), Some(VoteError::UnknownKey));
}

#[test]
fn a_bit_flipped_anywhere_is_noticed() {
    let text = agreed();
    let ceremony = Ceremony { more: r#","crossOrigin":false,"x":"y""#.into(), ..Ceremony::of(&text) };
    let owners = Owners::of(&["ada", "bob"]);
    for algorithm in ALGORITHMS {
        let device = Authenticator::of("ada", algorithm);
        let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
        let fields = [
            device.credential().as_bytes().to_vec(),
            data.clone(),
            client.clone(),
            device.sign(&data, &client),
        ];
        let vote = |fields: &[Vec<u8>; 4]| {
            let signature = assertion_text(&fields[0], &fields[1], &fields[2], &fields[3]);
            SignedVote { statement: text.clone(), signature }
        };
        let good = vote(&fields);
        assert!(verify(&good, &owners).is_ok());
        // Every bit of every field.
        for (field, bytes) in fields.iter().enumerate() {
            for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut bad = fields.clone();
                bad[field][at] ^= 1 << bit;
                assert!(verify(&vote(&bad), &owners).is_err(), "field {field}, byte {at}, bit {bit}");
            }
        }
        // Every bit of the text that leaves it one.
        for (at, bit) in (0..good.signature.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = good.signature.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(signature) = String::from_utf8(bytes) else { continue };
            let bad = SignedVote { statement: text.clone(), signature };
            assert!(verify(&bad, &owners).is_err(), "byte {at}, bit {bit}");
        }
    }
}

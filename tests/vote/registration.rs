//! New passkeys as browsers tell of them: what is taken, and everything a stranger's page or a broken device would try.

use crate::authenticator::{ALGORITHMS, Algorithm, Authenticator, Ceremony, console, said, spki_p256};
use countersign::moment::Moment;
use countersign::party::{PersonId, TrustDomain};
use countersign::presence::passkey::{
    Asked, Assertion, Challenge, Counter, MAX_BROWSER_JSON, PasskeyError, Purpose, Registration,
};

fn challenge() -> Challenge {
    Challenge::from_bytes([7; 32])
}

fn device(algorithm: Algorithm) -> Authenticator {
    Authenticator::of("ada", algorithm)
}

fn read(json: &str) -> Result<Registration, PasskeyError> {
    Registration::from_browser(json, &challenge(), &console())
}

/// What becomes of a registration of which a test changes something.
fn changed(change: impl FnOnce(&mut Ceremony)) -> Result<Registration, PasskeyError> {
    let device = device(Algorithm::Es256);
    let mut ceremony = device.creating(&challenge());
    change(&mut ceremony);
    read(&device.created(&ceremony))
}

#[test]
fn a_new_passkey_is_the_one_that_the_authenticator_made() {
    for algorithm in ALGORITHMS {
        let device = device(algorithm);
        let ceremony = Ceremony { counter: 9, ..device.creating(&challenge()) };
        let registration = read(&device.created(&ceremony)).unwrap();
        assert_eq!(registration.counter(), Counter::new(9));
        let passkey = registration.passkey(None);
        assert_eq!(passkey, device.passkey(), "{algorithm:?}");
        // … and what it signs afterwards is its signature.
        let signed = Assertion::from_browser(&device.got(&Ceremony::answering(&challenge()))).unwrap();
        assert_eq!(signed.verify(&passkey, &console(), &challenge()), Ok(Counter::new(0)));
        assert_eq!(Assertion::from_text(&signed.to_text()), Ok(signed));
    }
}

#[test]
fn what_the_browser_adds_of_its_own_accord_is_taken() {
    // {"credProtect": 2}
    let protect = [&[0xa1, 0x6b][..], b"credProtect", &[2]].concat();
    let extended = changed(|it| {
        it.flags |= 0x80;
        it.tail.extend(&protect);
    });
    assert!(extended.is_ok());
    assert!(
        changed(|it| it.more = r#","crossOrigin":false,"other_keys_can_be_added_here":"x""#.into()).is_ok()
    );
    assert!(changed(|it| it.flags |= 0x18).is_ok(), "a passkey that is backed up");
}

#[test]
fn a_registration_for_something_else_is_refused() {
    use PasskeyError as E;
    type Change = fn(&mut Ceremony);
    let table: [(&str, Change, E); 17] = [
        ("a signature is no new passkey", |it| it.kind = "webauthn.get".into(), E::NotCreated),
        ("another ceremony", |it| it.kind = "payment.create".into(), E::NotCreated),
        (
            "another challenge",
            |it| it.challenge = Challenge::from_bytes([8; 32]).to_string(),
            E::OtherChallenge,
        ),
        ("another page", |it| it.origin = "https://console.example.com.evil.example".into(), E::OtherOrigin),
        ("a page below ours", |it| it.origin = "https://x.console.example.com".into(), E::OtherOrigin),
        ("inside another page", |it| it.more = r#","crossOrigin":true"#.into(), E::CrossOrigin),
        ("for another relying party", |it| it.rp_id = "example.com".into(), E::OtherRelyingParty),
        ("nobody was there", |it| it.flags = 0x44, E::UserNotPresent),
        ("nobody was recognised", |it| it.flags = 0x41, E::UserNotVerified),
        ("no credential", |it| it.flags = 0x05, E::AttestedForm),
        ("a flag that means nothing", |it| it.flags |= 0x02, E::ReservedFlag),
        ("backed up and can't be", |it| it.flags |= 0x10, E::BackupState),
        ("something behind the key", |it| it.tail.push(0), E::AttestedForm),
        ("extensions without their flag", |it| it.tail.push(0xa0), E::AttestedForm),
        ("a flag without extensions", |it| it.flags |= 0x80, E::AttestedForm),
        ("another credential", |it| it.tail[18] ^= 1, E::AttestedForm),
        ("a length beyond the end", |it| it.tail[16] = 0xff, E::AttestedForm),
    ];
    for (what, change, expected) in table {
        assert_eq!(changed(change).err(), Some(expected), "{what}");
    }
    for cut in 0..device(Algorithm::Es256).attested().len() {
        assert_eq!(changed(|it| it.tail.truncate(cut)).err(), Some(E::AttestedForm), "cut at {cut}");
    }
}

#[test]
fn every_byte_of_the_key_counts() {
    for algorithm in ALGORITHMS {
        let device = device(algorithm);
        let key_from = device.attested().len() - device.cose().len();
        for at in key_from..device.attested().len() {
            let mut ceremony = device.creating(&challenge());
            ceremony.tail[at] ^= 1;
            let refused = read(&device.created(&ceremony)).unwrap_err();
            assert!(
                matches!(refused, PasskeyError::AttestedForm | PasskeyError::OtherKey),
                "{at}: {refused:?}"
            );
        }
    }
}

#[test]
fn the_browser_and_the_authenticator_name_the_same_key() {
    let (device, other) = (device(Algorithm::Es256), Authenticator::of("eve", Algorithm::Es256));
    let ceremony = device.creating(&challenge());
    let with_key = |spki: &[u8]| {
        let response: [(&str, &[u8]); 3] = [
            ("clientDataJSON", &ceremony.client_data()),
            ("authenticatorData", &ceremony.authenticator_data()),
            ("publicKey", spki),
        ];
        read(&said(&device.credential().to_string(), &response)).err()
    };
    assert_eq!(with_key(&device.spki()), None);
    assert_eq!(with_key(&other.spki()), Some(PasskeyError::OtherKey));
    assert_eq!(with_key(&Authenticator::of("ada", Algorithm::EdDsa).spki()), Some(PasskeyError::OtherKey));
    assert_eq!(with_key(&spki_p256(&[4; 65])), Some(PasskeyError::KeyPoint));
    assert_eq!(with_key(&[]), Some(PasskeyError::KeyType));
}

#[test]
fn only_the_form_of_a_browser_is_read() {
    let device = device(Algorithm::Es256);
    let good = device.created(&device.creating(&challenge()));
    assert!(read(&good).is_ok());
    let id = device.credential().to_string();
    for (what, json) in [
        ("nothing", String::new()),
        ("no object", "[]".into()),
        ("cut", good[..good.len() - 1].into()),
        ("something behind", format!("{good} x")),
        ("another type", good.replace("public-key", "password")),
        ("a name twice", good.replacen('{', r#"{"type":"public-key","#, 1)),
        (
            "two ids",
            good.replacen(&id, &Authenticator::of("eve", Algorithm::Es256).credential().to_string(), 1),
        ),
        ("no response", good.replace("\"response\"", "\"answer\"")),
        ("padding", good.replacen("\"publicKey\":\"", "\"publicKey\":\"=", 1)),
        ("no key", good.replace("\"publicKey\"", "\"key\"")),
        ("too large", format!("{}{good}", " ".repeat(MAX_BROWSER_JSON))),
        ("too deep", good.replace(r#"{"rk":true}"#, &format!("{}{}", "[".repeat(50), "]".repeat(50)))),
    ] {
        assert_eq!(read(&json).err(), Some(PasskeyError::BrowserForm), "{what}");
    }
    let signed = device.got(&Ceremony::answering(&challenge()));
    assert_eq!(read(&signed).err(), Some(PasskeyError::NotCreated), "an assertion is no registration");
    assert_eq!(
        Assertion::from_browser(&good).err(),
        Some(PasskeyError::BrowserForm),
        "nor the other way round"
    );
}

#[test]
fn a_question_stands_for_one_desk_one_purpose_and_one_time() {
    let asked = |purpose| Asked {
        domain: TrustDomain::new("https://acme.example").unwrap(),
        purpose,
        until: Moment::from_unix_seconds(1_800_000_000),
        nonce: [1; 32],
        seal: [2; 32],
    };
    let ada = Purpose::Enrol(PersonId::new("ada").unwrap());
    let text = asked(ada.clone()).to_text();
    assert_eq!(Asked::parse(&text), Some(asked(ada)));
    for wrong in [
        text.replace("ada", "ada "),
        text.replace("enrol ada", "enrol"),
        text.replace("enrol ada", "vote"),
        text.replace("v1", "v2"),
        text.replace("2027", "2O27"),
        format!("{text}\n"),
        text.replace('\n', "\r\n"),
        text.trim_end().to_owned(),
        "x".repeat(2000),
    ] {
        assert_eq!(Asked::parse(&wrong), None, "{wrong}");
    }
    let challenges = [asked(Purpose::SignIn), asked(Purpose::Enrol(PersonId::new("eve").unwrap()))];
    assert_ne!(challenges[0].challenge(), challenges[1].challenge());
    assert_ne!(challenges[0].challenge(), Challenge::of_vote(challenges[0].to_text().as_bytes()));
}

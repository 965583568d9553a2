//! Passkeys in software: what a browser and an authenticator do together, with every detail at a test's choice.

use countersign::digest::base64url;
use countersign::escalation::vote::{Keys, SignedVote, Statement};
use countersign::party::PersonId;
use countersign::presence::passkey::{Challenge, CredentialId, CredentialKey, Passkey, RelyingParty};
use countersign::presence::ssh::PublicKey;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use sha2::{Digest as _, Sha256};

pub(crate) const RP_ID: &str = "console.example.com";
pub(crate) const ORIGIN: &str = "https://console.example.com";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Algorithm {
    Es256,
    EdDsa,
}

pub(crate) const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];

/// A passkey with its private half; everyone has one of each algorithm, made of their name.
#[derive(Clone, Debug)]
pub(crate) struct Authenticator {
    pub(crate) algorithm: Algorithm,
    seed: [u8; 32],
}

impl Authenticator {
    pub(crate) fn of(name: &str, algorithm: Algorithm) -> Self {
        Self { algorithm, seed: Sha256::digest(format!("{name} {algorithm:?}")).into() }
    }

    fn ed25519(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&self.seed)
    }

    fn p256(&self) -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&self.seed).unwrap()
    }

    pub(crate) fn credential(&self) -> CredentialId {
        CredentialId::new(&Sha256::digest(self.seed)).unwrap()
    }

    /// What `getPublicKey()` gives.
    pub(crate) fn spki(&self) -> Vec<u8> {
        match self.algorithm {
            Algorithm::Es256 => spki_p256(self.p256().verifying_key().to_sec1_point(false).as_bytes()),
            Algorithm::EdDsa => spki_ed25519(self.ed25519().verifying_key().as_bytes()),
        }
    }

    pub(crate) fn passkey(&self) -> Passkey {
        let key = CredentialKey::from_spki(&self.spki()).unwrap();
        Passkey { id: self.credential(), key, name: None }
    }

    /// The key as the authenticator writes it.
    pub(crate) fn cose(&self) -> Vec<u8> {
        match self.algorithm {
            Algorithm::Es256 => {
                let point = self.p256().verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                let start = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
                [&start[..], x, &[0x22, 0x58, 0x20], y].concat()
            }
            Algorithm::EdDsa => {
                let start = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                [&start[..], self.ed25519().verifying_key().as_bytes()].concat()
            }
        }
    }

    /// What stands behind the counter when this passkey is made.
    pub(crate) fn attested(&self) -> Vec<u8> {
        let id = self.credential();
        let length = u16::try_from(id.as_bytes().len()).unwrap().to_be_bytes();
        [&[0; 16][..], &length, id.as_bytes(), &self.cose()].concat()
    }

    /// The ceremony in which this passkey is made for a page that gave this challenge.
    pub(crate) fn creating(&self, challenge: &Challenge) -> Ceremony {
        Ceremony {
            kind: "webauthn.create".into(),
            flags: 0x45,
            tail: self.attested(),
            ..Ceremony::answering(challenge)
        }
    }

    /// What a page sends of a passkey that was made.
    pub(crate) fn created(&self, ceremony: &Ceremony) -> String {
        said(
            &self.credential().to_string(),
            &[
                ("clientDataJSON", &ceremony.client_data()),
                ("authenticatorData", &ceremony.authenticator_data()),
                ("publicKey", &self.spki()),
            ],
        )
    }

    /// What a page sends of a passkey that signed.
    pub(crate) fn got(&self, ceremony: &Ceremony) -> String {
        let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
        let signature = self.sign(&data, &client);
        said(
            &self.credential().to_string(),
            &[("clientDataJSON", &client), ("authenticatorData", &data), ("signature", &signature)],
        )
    }

    pub(crate) fn sign(&self, authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let signed = [authenticator_data, &Sha256::digest(client_data)].concat();
        match self.algorithm {
            Algorithm::Es256 => {
                let signature: p256::ecdsa::Signature =
                    self.p256().sign_prehash(&Sha256::digest(signed)).unwrap();
                let (r, s) = signature.split_bytes();
                der(&[&integer(&r), &integer(&s)])
            }
            Algorithm::EdDsa => self.ed25519().sign(&signed).to_bytes().to_vec(),
        }
    }

    /// The vote that this passkey signs in this ceremony.
    pub(crate) fn vote(&self, statement: &str, ceremony: &Ceremony) -> SignedVote {
        let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
        let signature = self.sign(&data, &client);
        let signature = assertion_text(self.credential().as_bytes(), &data, &client, &signature);
        SignedVote { statement: statement.to_owned(), signature }
    }
}

pub(crate) fn spki_p256(point: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[
        &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1][..],
        &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    ]);
    sequence(&[&algorithm, &[3, u8::try_from(point.len() + 1).unwrap(), 0], point])
}

pub(crate) fn spki_ed25519(point: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&[6, 3, 0x2b, 0x65, 0x70][..]]);
    sequence(&[&algorithm, &[3, u8::try_from(point.len() + 1).unwrap(), 0], point])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

/// A sequence of integers whose bytes are given as they are.
pub(crate) fn der(integers: &[&[u8]]) -> Vec<u8> {
    let tagged = |bytes: &&[u8]| [&[2, u8::try_from(bytes.len()).unwrap()][..], bytes].concat();
    sequence(&[&integers.iter().map(tagged).collect::<Vec<_>>().concat()])
}

/// The bytes of a positive integer in DER.
pub(crate) fn integer(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits[0] & 0x80 == 0 { digits } else { [&[0][..], &digits].concat() }
}

/// A credential as a browser's `toJSON()` has it.
pub(crate) fn said(id: &str, response: &[(&str, &[u8])]) -> String {
    let members: Vec<_> =
        response.iter().map(|(name, bytes)| format!(r#""{name}":"{}""#, base64url(bytes))).collect();
    format!(
        r#"{{"id":"{id}","rawId":"{id}","type":"public-key","authenticatorAttachment":"platform","clientExtensionResults":{{"credProps":{{"rk":true}}}},"response":{{{},"transports":["internal"],"publicKeyAlgorithm":-7}}}}"#,
        members.join(",")
    )
}

/// An assertion's text, also of what no reader would take.
pub(crate) fn assertion_text(credential: &[u8], data: &[u8], client: &[u8], signature: &[u8]) -> String {
    format!(
        r#"{{"authenticator_data":"{}","client_data_json":"{}","credential_id":"{}","signature":"{}","type":"countersign-passkey-assertion","v":1}}"#,
        base64url(data),
        base64url(client),
        base64url(credential),
        base64url(signature)
    )
}

/// Everything that a page, a browser and an authenticator say. It is what they should, unless a test changes it.
#[derive(Clone, Debug)]
pub(crate) struct Ceremony {
    pub(crate) kind: String,
    pub(crate) challenge: String,
    pub(crate) origin: String,
    /// The members behind the origin, as they stand in the JSON text.
    pub(crate) more: String,
    /// The whole client data, if it is not made of the above.
    pub(crate) client_data: Option<Vec<u8>>,
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    /// What stands behind the counter.
    pub(crate) tail: Vec<u8>,
}

impl Ceremony {
    /// The ceremony in which somebody agrees to this statement.
    pub(crate) fn of(statement: &str) -> Self {
        Self::answering(&Challenge::of_vote(statement.as_bytes()))
    }

    /// The ceremony in which somebody answers this challenge.
    pub(crate) fn answering(challenge: &Challenge) -> Self {
        Self {
            kind: "webauthn.get".into(),
            challenge: challenge.to_string(),
            origin: ORIGIN.into(),
            more: r#","crossOrigin":false"#.into(),
            client_data: None,
            rp_id: RP_ID.into(),
            flags: 0x05,
            counter: 0,
            tail: Vec::new(),
        }
    }

    pub(crate) fn client_data(&self) -> Vec<u8> {
        let Self { kind, challenge, origin, more, .. } = self;
        let text = format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#);
        self.client_data.clone().unwrap_or_else(|| text.into_bytes())
    }

    pub(crate) fn authenticator_data(&self) -> Vec<u8> {
        let hash: [u8; 32] = Sha256::digest(&self.rp_id).into();
        [&hash[..], &[self.flags], &self.counter.to_be_bytes(), &self.tail].concat()
    }
}

pub(crate) fn console() -> RelyingParty {
    RelyingParty::new(RP_ID, &[ORIGIN, "https://console.example.com:8443"]).unwrap()
}

/// The people of these names with their passkeys, and without any SSH key.
pub(crate) struct Owners {
    passkeys: Vec<(PersonId, Passkey)>,
    party: RelyingParty,
}

impl Owners {
    pub(crate) fn of(names: &[&str]) -> Self {
        let each = |name: &&str| {
            ALGORITHMS.map(|algorithm| (PersonId::new(name).unwrap(), Authenticator::of(name, algorithm)))
        };
        let passkeys = names.iter().flat_map(each).map(|(owner, device)| (owner, device.passkey()));
        Self { passkeys: passkeys.collect(), party: console() }
    }
}

impl Keys for Owners {
    fn holds(&self, _: &PersonId, _: &PublicKey) -> bool {
        false
    }

    fn passkey(&self, person: &PersonId, credential: &CredentialId) -> Option<(&Passkey, &RelyingParty)> {
        let found =
            self.passkeys.iter().find(|(owner, passkey)| owner == person && passkey.id == *credential);
        Some((&found?.1, &self.party))
    }
}

/// The statement, signed with a passkey of the reviewer whom it names.
pub(crate) fn signed_by_passkey(algorithm: Algorithm, statement: &Statement) -> SignedVote {
    let text = statement.to_text();
    Authenticator::of(statement.reviewer.as_str(), algorithm).vote(&text, &Ceremony::of(&text))
}

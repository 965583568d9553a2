//! The assertions that Web Authentication Level 3 publishes in its section "Test Vectors", each with what we make of it.

use crate::authenticator::{spki_ed25519, spki_p256};
use countersign::presence::passkey::{
    Assertion, Challenge, Counter, CredentialId, CredentialKey, Passkey, PasskeyError, RelyingParty,
};

struct Vector {
    name: &'static str,
    /// The public key, by the numbers of its COSE form.
    key: &'static str,
    credential: &'static str,
    challenge: &'static str,
    flags: u8,
    client_data: &'static str,
    signature: &'static str,
    expected: Result<Counter, PasskeyError>,
}

/// SHA-256 of `example.org`, as the vectors have it.
const RP_ID_HASH: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b5";

const VECTORS: [Vector; 5] = [
    Vector {
        name: "tpm.ES256",
        key: "41202698c9d9753fb4bb3f27cd09fe6b8afdb76438ee2ae54d7c9dade10d864b\
              d8735115cdb330a63ea1d6e43d5000f4bd56f99bce83ee1d73301fc270116d07",
        credential: "ec27bec7521c894bbb821105ea3724c90e770cf1fa354157ef18d0f18f78bea9",
        challenge: "00093b66c21d5b5e89f7a07082118907ea3e502d343b314b8c5a54d62db202fb",
        flags: 0x0d,
        client_data: r#"{"type":"webauthn.get","challenge":"AAk7ZsIdW16J96BwghGJB-o-UC00OzFLjFpU1i2yAvs","origin":"https://example.org","crossOrigin":false}"#,
        signature: "3045022060dc76b1607ec716c6e5eba8d056695ed6bc47b2e3d7a729c34e759e3ab66aa0\
                    022100d010a9e8fddcb64c439dfdca628ddb33cf245d567d157d9f66f942601bed9b38",
        expected: Ok(Counter::new(0)),
    },
    Vector {
        name: "none.ES256",
        key: "afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61\
              930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220",
        credential: "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4",
        challenge: "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408",
        flags: 0x19,
        client_data: r#"{"type":"webauthn.get","challenge":"OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag","origin":"https://example.org","crossOrigin":false}"#,
        signature: "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd38\
                    0221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87",
        expected: Err(PasskeyError::UserNotVerified),
    },
    Vector {
        name: "packed.EdDSA",
        key: "44e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832",
        credential: "ce9f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bd",
        challenge: "895957e01c633a698348a2d8a31a54b7db27e8c1c43b2080d79ae2190267bfd2",
        flags: 0x01,
        client_data: r#"{"type":"webauthn.get","challenge":"iVlX4BxjOmmDSKLYoxpUt9sn6MHEOyCA15riGQJnv9I","origin":"https://example.org","crossOrigin":false}"#,
        signature: "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cf\
                    dfc48f85393bc0d40b011f0d6fecb097d6607525713223a0dc0d453993dae00b",
        expected: Err(PasskeyError::UserNotVerified),
    },
    Vector {
        name: "none.ES256.crossOrigin",
        key: "22200a473f90b11078851550d03b4e44a2279f8c4eca27b3153dedfe03e4e97d\
              cbd0be95e746ad6f5a8191be11756e4c0420e72f65b466d39bc56b8b123a9c6e",
        credential: "6e1050c0d2ca2f07c755cb2c66a74c64fa43065c18f938354d9915db2bd5ce57",
        challenge: "876aa517ba83fdee65fcffdbca4c84eeae5d54f8041a1fc85c991e5bbb273137",
        flags: 0x05,
        client_data: r#"{"type":"webauthn.get","challenge":"h2qlF7qD_e5l_P_bykyE7q5dVPgEGh_IXJkeW7snMTc","origin":"https://example.org","crossOrigin":true,"extraData":"clientDataJSON may be extended with additional fields in the future, such as this: 92pcTVD0Aby-q4dtmj6efg"}"#,
        signature: "3046022100eb12fcf23b12764c0f122e22371fab92e283879fd798f38ee1841c951b6e40e7\
                    022100c76237ff9db77b3c56f30837cda6a09acfa2e915544e609c0733b1184036d1cf",
        expected: Err(PasskeyError::CrossOrigin),
    },
    Vector {
        name: "none.ES256.topOrigin",
        key: "a1c47c1d82da4ebe82cd72207102b380670701993bc35398ae2e5726427fe01d\
              86c1080d82987028c7f54ecb1b01185de243b359294a0ed210cd47480f0adc88",
        credential: "b8ad59b996047ab18e2ceb57206c362da57458793481f4a8ebf101c7ca7cc0f1",
        challenge: "d54a5c8ca4b62a8e3bb321e3b2bc73856f85a10150db2939ac195739eb1ea066",
        flags: 0x05,
        client_data: r#"{"type":"webauthn.get","challenge":"1UpcjKS2Ko47syHjsrxzhW-FoQFQ2yk5rBlXOeseoGY","origin":"https://example.org","crossOrigin":true,"topOrigin":"https://example.com","extraData":"clientDataJSON may be extended with additional fields in the future, such as this: UiFoJMVRQHDAFWFi4vxUpQ"}"#,
        signature: "3045022100b5a70c81780d5fcc9a4f2ae9caae99058f8accaf58b91fb59329646c28ac6ffc\
                    022012e101c165db3c8e9957f0c54dd6ca9b56bc3bd2f280bd2faa6c1d02c6e5c171",
        expected: Err(PasskeyError::CrossOrigin),
    },
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

impl Vector {
    fn judge(&self, signature: &[u8]) -> Result<Counter, PasskeyError> {
        let point = bytes(self.key);
        let spki = match point.len() {
            32 => spki_ed25519(&point),
            _ => spki_p256(&[&[4][..], &point].concat()),
        };
        let id = CredentialId::new(&bytes(self.credential)).unwrap();
        let passkey = Passkey { id: id.clone(), key: CredentialKey::from_spki(&spki).unwrap(), name: None };
        let party = RelyingParty::new("example.org", &["https://example.org"]).unwrap();
        let data = [&bytes(RP_ID_HASH)[..], &[self.flags], &[0; 4]].concat();
        let challenge = Challenge::from_bytes(bytes(self.challenge).try_into().unwrap());
        Assertion::new(id, &data, self.client_data.as_bytes(), signature)?
            .verify(&passkey, &party, &challenge)
    }
}

#[test]
fn the_published_assertions_are_judged_as_we_judge() {
    for vector in &VECTORS {
        assert_eq!(vector.judge(&bytes(vector.signature)), vector.expected, "{}", vector.name);
    }
}

#[test]
fn their_signatures_are_read_before_the_hand_is_asked_about() {
    // Whoever was not verified still signed: with another signature the verdict is another.
    for vector in VECTORS.iter().take(3) {
        let mut other = bytes(vector.signature);
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(vector.judge(&other), Err(PasskeyError::SignatureInvalid), "{}", vector.name);
    }
}

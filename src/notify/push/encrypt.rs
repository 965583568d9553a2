//! A message that only one browser can read: RFC 8291, in the coding of RFC 8188 (`aes128gcm`).

use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

/// The longest message: what a push service takes (4096 bytes) less what the coding adds.
pub const MAX_MESSAGE: usize = 4096 - HEADER - 1 - 16;
/// Salt, record size, length of the key and the key.
const HEADER: usize = 16 + 4 + 1 + 65;
/// What ends the last record.
const LAST: u8 = 2;

/// What a browser gives to whoever may send it something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Its public key.
    pub public: PublicKey,
    /// The secret that it shares, 16 bytes.
    pub secret: [u8; 16],
}

impl Keys {
    /// Takes what a browser calls `p256dh` and `auth`.
    #[must_use]
    pub fn new(public: &[u8], secret: &[u8]) -> Option<Self> {
        // Uncompressed, as the Push API has it.
        let whole = public.len() == 65 && public.first() == Some(&4);
        let public = whole.then(|| PublicKey::from_sec1_bytes(public).ok())??;
        Some(Self { public, secret: secret.try_into().ok()? })
    }
}

/// The body for this browser; `None` if the message is too long. `own` and `salt` are never used for another message.
pub(super) fn encrypt(message: &[u8], to: &Keys, own: &SecretKey, salt: [u8; 16]) -> Option<Vec<u8>> {
    if message.len() > MAX_MESSAGE {
        return None;
    }
    let sender = own.public_key().to_sec1_point(false);
    let receiver = to.public.to_sec1_point(false);
    let shared = own.diffie_hellman(&to.public);
    let (key, nonce) =
        derived(shared.raw_secret_bytes(), &to.secret, receiver.as_bytes(), sender.as_bytes(), &salt);
    let mut record = message.to_vec();
    record.push(LAST);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).ok()?;
    let mut body = salt.to_vec();
    body.extend(4096_u32.to_be_bytes());
    body.push(u8::try_from(sender.as_bytes().len()).ok()?);
    body.extend(sender.as_bytes());
    body.extend(record);
    Some(body)
}

/// The content-encryption key and the nonce (RFC 8291 §3.4). Each HKDF output fits one block.
fn derived(
    shared: &[u8],
    secret: &[u8; 16],
    receiver: &[u8],
    sender: &[u8],
    salt: &[u8; 16],
) -> ([u8; 16], [u8; 12]) {
    let hmac = |key: &[u8], parts: &[&[u8]]| {
        let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(signed.as_ref());
        bytes
    };
    let of_key = hmac(secret, &[shared]);
    let material = hmac(&of_key, &[b"WebPush: info\0", receiver, sender, &[1]]);
    let of_content = hmac(salt, &[&material]);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    key.copy_from_slice(hmac(&of_content, &[b"Content-Encoding: aes128gcm\0", &[1]]).split_at(16).0);
    nonce.copy_from_slice(hmac(&of_content, &[b"Content-Encoding: nonce\0", &[1]]).split_at(12).0);
    (key, nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{base64url, from_base64url};

    /// RFC 8291, appendix A.
    #[test]
    fn the_example_of_the_standard_comes_out_byte_for_byte() {
        let bytes = |text: &str| from_base64url(text).unwrap();
        let public =
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let keys = Keys::new(&public, &bytes("BTBZMqHH6r4Tts7J_aSIgg")).unwrap();
        let own = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let body = encrypt(b"When I grow up, I want to be a watermelon", &keys, &own, salt).unwrap();
        assert_eq!(
            base64url(&body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn the_longest_message_fills_what_a_push_service_takes() {
        let own = SecretKey::from_slice(&[3; 32]).unwrap();
        let keys = Keys { public: own.public_key(), secret: [1; 16] };
        let body = |length| encrypt(&vec![b'x'; length], &keys, &own, [2; 16]);
        assert_eq!(body(MAX_MESSAGE).unwrap().len(), 4096);
        assert_eq!(body(MAX_MESSAGE + 1), None);
    }

    #[test]
    fn what_is_no_point_of_the_curve_is_no_key() {
        let mut wrong = [7; 65];
        wrong[0] = 4;
        for public in [&wrong[..], &[], &[4; 64], &[2; 33]] {
            assert_eq!(Keys::new(public, &[0; 16]), None);
        }
        let right = SecretKey::from_slice(&[3; 32]).unwrap().public_key().to_sec1_point(false);
        assert!(Keys::new(right.as_bytes(), &[0; 16]).is_some());
        assert_eq!(Keys::new(right.as_bytes(), &[0; 15]), None);
    }
}

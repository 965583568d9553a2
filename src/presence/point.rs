//! A public key as a point of its curve, and the two signature checks that reviewers' keys stand on.

use crate::digest::sha256;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;

/// A point that was found to be a real, full-order one of its curve, in its one encoding.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Point {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

/// Why bytes are no such point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PointFault {
    /// Not as many bytes as the encoding has, or another encoding.
    Encoding,
    /// Not on the curve, or not the one encoding of what is.
    NotOnCurve,
    /// Of small order: signatures under it prove nothing.
    Weak,
}

impl Point {
    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, PointFault> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| PointFault::Encoding)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| PointFault::NotOnCurve)?;
        if key.is_weak() {
            return Err(PointFault::Weak);
        }
        // A second encoding of the same point would be a second key of the same person to whoever compares bytes.
        if key.to_edwards().compress().to_bytes() != bytes {
            return Err(PointFault::NotOnCurve);
        }
        Ok(Self::Ed25519(key))
    }

    pub(super) fn p256(bytes: &[u8]) -> Result<Self, PointFault> {
        // Uncompressed only: neither OpenSSH nor a browser writes another form, and one point keeps one encoding.
        if bytes.len() != 65 || bytes.first() != Some(&4) {
            return Err(PointFault::Encoding);
        }
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| PointFault::NotOnCurve)?;
        Ok(Self::P256(key))
    }

    /// The one encoding: 32 bytes of Ed25519, 65 of P-256.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.to_bytes().to_vec(),
            Self::P256(key) => key.to_sec1_point(false).as_bytes().to_vec(),
        }
    }
}

/// Whether `key` signed this, by the strict reading of RFC 8032.
pub(super) fn verify_ed25519(key: &ed25519_dalek::VerifyingKey, signed: &[u8], bytes: &[u8; 64]) -> bool {
    key.verify_strict(signed, &ed25519_dalek::Signature::from_bytes(bytes)).is_ok()
}

/// Whether `key` signed the SHA-256 of this.
pub(super) fn verify_p256(
    key: &p256::ecdsa::VerifyingKey,
    signed: &[u8],
    signature: &p256::ecdsa::Signature,
) -> bool {
    key.verify_prehash(&sha256(&[signed]), signature).is_ok()
}

/// A positive whole number of at most 256 bits as 32 big-endian bytes, read from its one encoding in two's complement:
/// what an SSH `mpint` and a DER `INTEGER` have in common.
pub(super) fn scalar(written: &[u8]) -> Option<[u8; 32]> {
    let digits = match written {
        [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => rest,
        [first, ..] if *first != 0 && first & 0x80 == 0 => written,
        _ => return None,
    };
    let mut scalar = [0; 32];
    let start = scalar.len().checked_sub(digits.len())?;
    scalar.get_mut(start..)?.copy_from_slice(digits);
    Some(scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_has_one_encoding() {
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(scalar(&[1]), Some(one));
        assert!(scalar(&[0, 0x80]).is_some());
        assert!(scalar(&[&[0][..], &[0xff; 32]].concat()).is_some());
        for wrong in
            [&[][..], &[0], &[0, 1], &[0x80], &[0, 0, 0x80], &[1; 33], &[&[0][..], &[0xff; 33]].concat()]
        {
            assert_eq!(scalar(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn points_that_prove_nothing_are_refused() {
        // The identity, the point of order two, and a point of order eight: any message verifies under them
        // with a signature that needs no secret.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut order_two = [0xff; 32];
        (order_two[0], order_two[31]) = (0xec, 0x7f);
        let order_eight: [u8; 32] = [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ];
        for point in [identity, order_two, order_eight, [0; 32]] {
            assert_eq!(Point::ed25519(&point).err(), Some(PointFault::Weak));
        }
    }

    #[test]
    fn a_second_encoding_of_a_point_is_refused() {
        // y = p + 3 encodes the same point as y = 3.
        let mut reduced = [0; 32];
        reduced[0] = 3;
        assert!(Point::ed25519(&reduced).is_ok());
        let mut unreduced = [0xff; 32];
        (unreduced[0], unreduced[31]) = (0xf0, 0x7f);
        assert_eq!(Point::ed25519(&unreduced).err(), Some(PointFault::NotOnCurve));
    }
}

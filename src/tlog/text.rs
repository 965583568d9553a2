//! The plain pieces that all texts of a log are made of: standard base64 and decimal numbers, each in its one form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Padded standard base64 (RFC 4648 §4).
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64 strictly: with its padding, unused bits zero.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads a decimal number without sign or leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_some_bytes_have_one_form() {
        for (text, number) in [("0", 0), ("7", 7), ("18446744073709551615", u64::MAX)] {
            assert_eq!(decimal(text), Some(number));
        }
        for text in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "0x1", "18446744073709551616", "١"] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(from_base64(&base64(b"any bytes")).as_deref(), Some(&b"any bytes"[..]));
        for text in ["QQ", "QR==", "QQ==\n", "QQ= =", "-_==", "QQ=", "QQ===", " QQ=="] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }
}

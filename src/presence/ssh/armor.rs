//! The textual armour of OpenSSH's signatures and private keys: a mark, base64 in even lines, a mark.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Characters per line: 70 as OpenSSH writes; readers accept up to 76, which `PROTOCOL.sshsig` recommends.
const WRITTEN: usize = 70;
const LONGEST: usize = 76;

/// Why an armoured text is refused.
pub(super) enum ArmorFault {
    Frame,
    Base64,
}

/// Reads the bytes between the marks: lines of one length, the last one possibly shorter, then at most one newline.
///
/// The bytes may be a private key, so what holds them is wiped.
pub(super) fn read(text: &str, label: &str) -> Result<Zeroizing<Vec<u8>>, ArmorFault> {
    let body = text.strip_prefix(begin(label).as_str()).ok_or(ArmorFault::Frame)?;
    let body = body.strip_suffix('\n').unwrap_or(body);
    let body = body.strip_suffix(end(label).as_str()).and_then(|body| body.strip_suffix('\n'));
    let body = body.ok_or(ArmorFault::Frame)?;
    let mut joined = Zeroizing::new(String::with_capacity(body.len()));
    let mut lines = body.split('\n').peekable();
    let width = lines.peek().map_or(0, |line| line.len());
    while let Some(line) = lines.next() {
        let even = line.len() == width || (lines.peek().is_none() && line.len() < width);
        if line.is_empty() || line.len() > LONGEST || !even {
            return Err(ArmorFault::Frame);
        }
        joined.push_str(line);
    }
    STANDARD.decode(joined.as_bytes()).map(Zeroizing::new).map_err(|_| ArmorFault::Base64)
}

/// Writes the armour as OpenSSH does.
pub(super) fn write(bytes: &[u8], label: &str) -> Zeroizing<String> {
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    // Room for everything at once, so that no half of a private key stays behind in a buffer that was outgrown.
    let mut text = Zeroizing::new(String::with_capacity(encoded.len() + encoded.len() / WRITTEN + 160));
    text.push_str(&begin(label));
    for (at, character) in encoded.chars().enumerate() {
        if at > 0 && at % WRITTEN == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push('\n');
    text.push_str(&end(label));
    text.push('\n');
    text
}

fn begin(label: &str) -> String {
    format!("-----BEGIN {label}-----\n")
}

fn end(label: &str) -> String {
    format!("-----END {label}-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_little_else() {
        let bytes = [0xa5; 200];
        let text = write(&bytes, "X");
        assert!(read(&text, "X").is_ok_and(|read| *read == bytes));
        assert!(
            read(text.trim_end(), "X").is_ok_and(|read| *read == bytes),
            "the last newline may be missing"
        );
        for wrong in [
            String::new(),
            format!("{}\n", *text),
            format!(" {}", *text),
            text.replace('\n', "\r\n"),
            text.replace('\n', ""),
            text.replacen("\n", "\n\n", 1),
            text.replacen('p', " ", 1),
            text.replacen('p', "", 1),
            "-----BEGIN X-----\n-----END X-----\n".into(),
            "-----BEGIN X-----\n\n-----END X-----\n".into(),
            "-----BEGIN X-----\nQQ\n-----END X-----\n".into(),
            "-----BEGIN X-----\nQR==\n-----END X-----\n".into(),
        ] {
            assert!(read(&wrong, "X").is_err(), "{wrong:?}");
        }
    }
}

//! A form as browsers encode it, read strictly: one field of a known name.

/// The value of the one field of a form; nothing if there is another, or if it isn't well encoded.
pub(super) fn field(form: &[u8], name: &str) -> Option<Vec<u8>> {
    let value = form.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return Some(decoded),
            [b'&', ..] => return None,
            [b'+', rest @ ..] => {
                decoded.push(b' ');
                rest
            }
            [b'%', high, low, rest @ ..] => {
                decoded.push(digit(*high)? << 4 | digit(*low)?);
                rest
            }
            [b'%', ..] => return None,
            [byte, rest @ ..] => {
                decoded.push(*byte);
                rest
            }
        };
    }
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

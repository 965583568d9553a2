//! Escapes with a backslash: those of `$'…'`, `echo -e` and `printf`.

/// Decodes the escapes of `$'…'`; as in bash, a NUL ends the text. Also says whether a number spells a letter, digit
/// or sign that could have been written as itself.
pub(super) fn decode(text: &str) -> (String, bool) {
    let mut spelled = false;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            push(&mut bytes, c);
            continue;
        }
        let Some(escape) = rest.next() else {
            push(&mut bytes, c);
            break;
        };
        match escape {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'e' | 'E' => bytes.push(0x1b),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' | '\'' | '"' | '?' => push(&mut bytes, escape),
            '0'..='7' => {
                let mut value = escape.to_digit(8).unwrap_or_default();
                value = digits(&mut rest, 8, 2, value).0;
                spelled |= is_plain(value & 0xff);
                bytes.extend(u8::try_from(value & 0xff));
            }
            'x' | 'u' | 'U' => {
                let most = match escape {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let (value, found) = digits(&mut rest, 16, most, 0);
                spelled |= found > 0 && is_plain(value);
                if found == 0 {
                    push(&mut bytes, c);
                    push(&mut bytes, escape);
                } else if escape == 'x' {
                    bytes.extend(u8::try_from(value & 0xff));
                } else {
                    push(&mut bytes, char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
            'c' => {
                let control = rest.next().unwrap_or('\0');
                bytes.extend(u8::try_from(u32::from(control) & 0x1f));
            }
            other => {
                push(&mut bytes, c);
                push(&mut bytes, other);
            }
        }
        if bytes.last() == Some(&0) {
            bytes.pop();
            break;
        }
    }
    (String::from_utf8_lossy(&bytes).into_owned(), spelled)
}

fn is_plain(value: u32) -> bool {
    char::from_u32(value).is_some_and(|c| c.is_ascii_graphic())
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// At most `most` more digits after `value`; and how many there were.
fn digits(
    rest: &mut core::iter::Peekable<core::str::Chars<'_>>,
    radix: u32,
    most: usize,
    mut value: u32,
) -> (u32, usize) {
    let mut found = 0;
    while found < most {
        let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)) else { break };
        value = value.wrapping_mul(radix).wrapping_add(digit);
        rest.next();
        found += 1;
    }
    (value, found)
}

//! What a reviewer is shown: nothing hidden, nothing left out, nothing that can pass for something else.

use super::properties::{object, string};
use countersign::operation::Operation;
use countersign::operation::json::{Object, Value};
use countersign::operation::render::{HazardKind, MAX_PAYLOAD, RenderError, render};
use proptest::prelude::*;
use std::iter::Peekable;
use std::str::Lines;

fn shown(parameters: &str) -> String {
    let operation = Operation::from_json("db.rows.delete", "prod/orders", parameters.as_bytes()).unwrap();
    let text = render(&operation, None).unwrap().text;
    text.replace(&operation.digest().to_string(), "DIGEST")
}

#[test]
fn an_operation_reads_plainly() {
    let parameters = r#"{
        "table": "orders", "where": {"id": 7, "note": "it's \"fine\" \\ here"}, "limit": 1.50, "dry_run": false,
        "empty": [{}, [], ""], "rows": [[1, 2], {"a": null, "b c": true}], "a\"b: c": 0,
        "script": "begin;\n\n  delete from orders;\ncommit;\n"
    }"#;
    let expected = r#"action: db.rows.delete
resource: prod/orders
digest: DIGEST
parameters:
  "a⟨U+0022⟩b: c": 0
  dry_run: false
  empty:
    - {}
    - []
    - ""
  limit: 1.5
  rows:
    -
      - 1
      - 2
    -
      a: null
      "b c": true
  script: text of 5 lines
    │ begin;
    │
    │   delete from orders;
    │ commit;
    │
  table: "orders"
  where:
    id: 7
    note: "it's "fine" \ here"
"#;
    assert_eq!(shown(parameters), expected);
    assert_eq!(shown("{}").lines().last(), Some("parameters: {}"));
}

#[test]
fn what_hides_is_shown_listed_and_announced() {
    let parameters = r#"{"path": "/srv/\u202egpj.exe", "user": "\u0430dmin", "x": "a\u200b\u200bb\u001b[1A", "pad": "ok PADrm"}"#;
    let parameters = parameters.replace("PAD", &" ".repeat(5000)).replace("\"ok", "\"ok\\n");
    let operation = Operation::from_json("a", "prod\u{2215}db", parameters.as_bytes()).unwrap();
    let rendering = render(&operation, None).unwrap();
    for expected in [
        "attention: 5007 characters that mislead the eye are written as ⟨U+…⟩\naction: a\n",
        "resource: prod⟨U+2215⟩db\n",
        "  path: \"/srv/⟨U+202E⟩gpj.exe\"\n",
        "  user: \"⟨U+0430⟩dmin\"\n",
        "  x: \"a⟨U+200B⟩⟨U+200B⟩b⟨U+001B⟩[1A\"\n",
        "    │ ok\n    │ ⟨U+0020 ×5001⟩rm\n",
    ] {
        assert!(rendering.text.contains(expected), "{expected}\n{}", rendering.text);
    }
    let hazards: Vec<_> = rendering.hazards.iter().map(|h| (h.kind, h.character, h.count)).collect();
    assert_eq!(
        hazards,
        [
            (HazardKind::Control, '\u{1b}', 1),
            (HazardKind::Bidirectional, '\u{202e}', 1),
            (HazardKind::Invisible, '\u{200b}', 2),
            (HazardKind::Confusable, '\u{430}', 1),
            (HazardKind::Confusable, '\u{2215}', 1),
            (HazardKind::Padding, ' ', 5001),
        ]
    );
}

#[test]
fn a_payload_is_shown_whole_and_only_the_right_one() {
    let payload = b"#!/bin/sh\nrm -rf /srv/x\n";
    let operation = Operation::from_payload("shell.run", "web-7", payload).unwrap();
    let rendering = render(&operation, Some(payload)).unwrap();
    let tail = format!(
        "payload sha256: {}\npayload: 24 bytes, text of 3 lines\n  │ #!/bin/sh\n  │ rm -rf /srv/x\n  │\n",
        operation.payload_digest().unwrap()
    );
    assert!(rendering.text.ends_with(&tail), "{}", rendering.text);

    let bytes: Vec<u8> = (0..=255).chain(*b"end").collect();
    let operation = Operation::from_payload("file.write", "f", &bytes).unwrap();
    let dump = render(&operation, Some(&bytes)).unwrap().text;
    assert!(dump.contains("payload: 259 bytes, not text\n"), "{dump}");
    assert!(
        dump.contains("\n  00000040  40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  │@ABCDEFGHIJKLMNO│\n"),
        "{dump}"
    );
    assert!(dump.ends_with(&format!("\n  00000100  65 6e 64{}  │end│\n", "   ".repeat(13))), "{dump}");

    assert_eq!(render(&operation, None), Err(RenderError::PayloadMissing));
    assert_eq!(render(&operation, Some(b"other")), Err(RenderError::PayloadMismatch));
    let with_parameters = Operation::from_json("a", "r", b"{}").unwrap();
    assert_eq!(render(&with_parameters, Some(b"{}")), Err(RenderError::PayloadUnexpected));
    let large = vec![b'x'; MAX_PAYLOAD + 1];
    let operation = Operation::from_payload("a", "r", &large).unwrap();
    assert_eq!(render(&operation, Some(&large)), Err(RenderError::PayloadTooLarge));
    let empty = Operation::from_payload("a", "r", b"").unwrap();
    assert!(render(&empty, Some(b"")).unwrap().text.ends_with("payload: 0 bytes, empty\n"));
}

#[test]
fn no_text_can_pass_for_a_line_of_ours() {
    let forged = "x\"\n  admin: true\naction: other\n│ y\n⟨U+202E⟩";
    let text = shown(&format!("{{\"note\":{}}}", serde_json::to_string(forged).unwrap()));
    let expected = "  note: text of 5 lines\n    │ x\"\n    │   admin: true\n    │ action: other\n    │ │ y\n    │ ⟨U+27E8⟩U+202E⟩\n";
    assert!(text.ends_with(expected), "{text}");
    // In a name, and at the end of a string.
    let text = shown(r#"{"a: 1\nb": "x \" \"", "c\": \"d": 2}"#);
    let expected = "  \"a: 1⟨U+000A⟩b\": \"x \" \"\"\n  \"c⟨U+0022⟩: ⟨U+0022⟩d\": 2\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn the_digest_is_of_the_text_and_for_nothing_else() {
    use sha2::{Digest as _, Sha256};
    let operation = Operation::from_json("a", "r", b"{}").unwrap();
    let rendering = render(&operation, None).unwrap();
    let labelled = format!("countersign/render/v1\n{}", rendering.text);
    assert_eq!(rendering.digest.as_bytes()[..], Sha256::digest(labelled)[..]);
    assert_eq!(render(&operation, None), Ok(rendering));
}

#[test]
fn long_texts_are_shown_in_time() {
    let start = std::time::Instant::now();
    for unit in ["\0", "\u{200b}", "a\u{300}", "а", "– ", "א1", "\n", "x\n\n", "\u{301}"] {
        // Long enough to see a square, short enough for a debug build.
        let payload = unit.repeat(MAX_PAYLOAD / 8 / unit.len());
        let operation = Operation::from_payload("a", "r", payload.as_bytes()).unwrap();
        let rendering = render(&operation, Some(payload.as_bytes())).unwrap();
        assert!(rendering.text.len() < 3 * MAX_PAYLOAD, "{unit:?}");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Reads a rendering's parameters back: what can be read back was shown whole, and could mean nothing else.
struct Reader<'a> {
    lines: Peekable<Lines<'a>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, first: &'a str, depth: usize) -> Value {
        match first {
            "" => self.container(depth),
            " null" => Value::Null,
            " true" => Value::Bool(true),
            " false" => Value::Bool(false),
            " []" => Value::Array(vec![]),
            " {}" => Value::Object(Object::new()),
            _ if first.starts_with(" \"") => {
                Value::String(unmarked(first[2..].strip_suffix('"').expect("a string ends with a quote")))
            }
            _ if first.starts_with(" text of ") => {
                let count = first[" text of ".len()..].strip_suffix(" lines").unwrap().parse().unwrap();
                Value::String(self.block(count, depth))
            }
            number => {
                let number = countersign::operation::json::read(number.as_bytes(), &super::LARGE).unwrap();
                assert!(number.as_number().is_some());
                number
            }
        }
    }

    fn next_at(&mut self, depth: usize) -> Option<&'a str> {
        let line = self.lines.peek()?.strip_prefix("  ".repeat(depth).as_str())?;
        self.lines.next();
        Some(line)
    }

    fn container(&mut self, depth: usize) -> Value {
        let (mut elements, mut object) = (Vec::new(), Object::new());
        while let Some(line) = self.next_at(depth) {
            if let Some(rest) = line.strip_prefix('-') {
                elements.push(self.value(rest, depth + 1));
            } else if let Some(rest) = line.strip_prefix('"') {
                let (name, rest) = rest.split_once('"').unwrap();
                object.set(&unmarked(name), self.value(rest.strip_prefix(':').unwrap(), depth + 1));
            } else {
                let (name, rest) = line.split_once(':').unwrap();
                object.set(name, self.value(rest, depth + 1));
            }
        }
        match (elements.is_empty(), object.is_empty()) {
            (false, true) => Value::Array(elements),
            (true, false) => Value::Object(object),
            both => panic!("neither array nor object: {both:?}"),
        }
    }

    fn block(&mut self, count: usize, depth: usize) -> String {
        let mut lines = Vec::new();
        while lines.len() < count {
            let line = self.next_at(depth).unwrap().strip_prefix('│').unwrap();
            let line = unmarked(line.strip_prefix(' ').unwrap_or(line));
            match line.contains('\n') {
                true => lines.extend(vec![String::new(); line.len()]),
                false => lines.push(line),
            }
        }
        assert_eq!(lines.len(), count);
        lines.join("\n")
    }
}

fn unmarked(text: &str) -> String {
    let mut parts = text.split('⟨');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (mark, rest) = part.split_once('⟩').unwrap();
        if mark == "tab" {
            out.push('\t');
        } else {
            let (code, count) = mark.split_once(" ×").unwrap_or((mark, "1"));
            let code = u32::from_str_radix(code.strip_prefix("U+").unwrap(), 16).unwrap();
            out.extend(vec![char::from_u32(code).unwrap(); count.parse().unwrap()]);
        }
        out.push_str(rest);
    }
    out
}

/// By the book and not by the renderer's tables: control, format and separator characters, private use.
fn may_be_shown(character: char) -> bool {
    let code = u32::from(character);
    let space = character.is_whitespace() && character != ' ';
    let format =
        matches!(code, 0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF);
    let special = matches!(code, 0xFE00..=0xFE0F | 0xFFF9..=0xFFFB | 0xE000..=0xF8FF | 0xE0000..);
    !(character.is_control() || space || format || special)
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => string(),
        1 => proptest::sample::select(vec![
            "\n", "\n\n\n", "\t", "  ", "│ ", "⟨", "⟩", "⟨tab⟩", "\"", "\": \"", "- ", "a: 1", "text of 2 lines", "\u{202e}", "\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}",
            "а", "pаypal", "א", "\u{301}", "–", "’", "привет", "ok",
        ]).prop_map(str::to_owned),
        1 => (1..100_usize).prop_map(|n| " ".repeat(n)),
        1 => (1..40_usize).prop_map(|n| "\n".repeat(n)),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_can_be_read_back_whole(parameters in object(), texts in proptest::collection::vec((texts(), texts()), 0..4)) {
        let parameters = parameters.as_object().unwrap().clone();
        let texts = texts.into_iter().filter(|(name, _)| !name.contains(|c| u32::from(c) & 0xFFFE == 0xFFFE));
        let parameters = texts.fold(parameters, |object, (name, text)| object.with(&name, text));
        let operation = Operation::from_json("a", "r", &Value::from(parameters.clone()).to_canonical()).unwrap();
        let rendering = render(&operation, None).unwrap();
        prop_assert!(rendering.text.chars().all(|c| c == '\n' || may_be_shown(c)), "{:?}", rendering.text);
        let (_, shown) = rendering.text.split_once("\nparameters:").unwrap();
        let (first, rest) = shown.split_once('\n').unwrap();
        let mut reader = Reader { lines: rest.lines().peekable() };
        prop_assert_eq!(reader.value(first, 1), Value::from(parameters), "{}", rendering.text);
        prop_assert_eq!(reader.lines.next(), None);
    }

    #[test]
    fn any_payload_is_shown_or_refused(payload in prop_oneof![
        texts().prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..80)
    ]) {
        let operation = Operation::from_payload("a", "r", &payload).unwrap();
        let rendering = render(&operation, Some(&payload)).unwrap();
        prop_assert!(rendering.text.chars().all(|c| c == '\n' || may_be_shown(c)), "{:?}", rendering.text);
        let (_, shown) = rendering.text.split_once(" bytes,").unwrap();
        let (first, rest) = shown.split_once('\n').unwrap();
        let again = match (str::from_utf8(&payload), first) {
            (Ok(text), " empty") => text.as_bytes().to_vec(),
            (Ok(_), _) => {
                let value = (Reader { lines: rest.lines().peekable() }).value(first, 1);
                value.as_str().unwrap().as_bytes().to_vec()
            }
            (Err(_), _) => rest.lines().flat_map(|line| {
                let hex = &line[12..12 + 47];
                hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect::<Vec<_>>()
            }).collect(),
        };
        prop_assert_eq!(again, payload, "{}", rendering.text);
    }
}

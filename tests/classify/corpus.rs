//! The corpus: each file holds payloads and the lines that reading them must give.
//!
//! An entry is a line `>>> ` with the payload (further lines of it begin with `... `), then one line for each act and
//! each doubt, in the form that explanations use. `#` begins a comment, an empty line ends an entry.

use countersign::classify::Reading;

/// One entry of a corpus file.
pub(crate) struct Entry {
    line: usize,
    payload: String,
    expected: Vec<String>,
}

/// The entries of a corpus file.
pub(crate) fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(payload) = line.strip_prefix(">>> ") {
            entries.push(Entry { line: number + 1, payload: payload.to_owned(), expected: Vec::new() });
        } else if line.is_empty() || line.starts_with('#') {
        } else if let Some(more) = line.strip_prefix("...") {
            let entry = entries.last_mut().expect("a continuation of an entry");
            entry.payload.push('\n');
            entry.payload.push_str(more.strip_prefix(' ').unwrap_or(more));
        } else {
            entries.last_mut().expect("a result of an entry").expected.push(line.to_owned());
        }
    }
    entries
}

/// The payloads of a corpus file.
pub(crate) fn payloads(text: &str) -> Vec<String> {
    entries(text).into_iter().map(|entry| entry.payload).collect()
}

/// Reads every payload of a corpus file and compares; a mismatch shows all of them at once.
pub(crate) fn check(file: &str, text: &str, read: impl Fn(&str) -> Reading) {
    let mut wrong = String::new();
    for Entry { line, payload, expected } in entries(text) {
        let reading = read(&payload);
        let acts = reading.acts.iter().map(ToString::to_string);
        let found: Vec<String> = acts.chain(reading.doubts.iter().map(ToString::to_string)).collect();
        if found != expected {
            wrong.push_str(&format!(
                "{file}:{line}: {payload}\n  found:    {found:#?}\n  expected: {expected:#?}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

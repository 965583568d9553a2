//! Any text as SQL: read within bounds, the same each time; and what drops a table does so behind any statement.
#![no_main]

use countersign::classify::{Act, Doubt, Reading, sql};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let reading = sql::read(text);
    bounded(&reading);
    assert_eq!(sql::read(text), reading, "another reading of the same text");
    let told = !reading.acts.is_empty() || !reading.doubts.is_empty();
    assert!(told, "nothing is said of this text");

    // Plain letters before it can neither quote nor comment it.
    if text.len() < 1024
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b',' | b'=' | b'.'))
    {
        let reading = sql::read(&format!("{text} ; DROP TABLE users"));
        assert!(reading.acts.iter().any(|act| act.irreversible), "a DROP was not seen");
    }
});

/// The promises that every reading keeps.
fn bounded(reading: &Reading) {
    assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
    let names = reading.acts.iter().flat_map(|act| act.targets.iter().chain(&act.places));
    assert!(names.into_iter().all(|name| name.len() <= Act::MAX_NAME), "a name is too long");
    assert!(reading.doubts.iter().all(|doubt| doubt.part.chars().count() <= Doubt::SHOWN));
}

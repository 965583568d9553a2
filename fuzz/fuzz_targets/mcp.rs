//! Any JSON object as an MCP tool call and as parameters: read within bounds, however calls stand within each other.
#![no_main]

use countersign::classify::{Act, Doubt, Language, Reading, detect, mcp};
use countersign::operation::json::{Limits, Value, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(Value::Object(call)) = read(text, &Limits::OPERATION) else { return };
    let reading = mcp::read(&call, &|arguments| detect::read(arguments, &[]));
    bounded(&reading);
    assert!(!reading.acts.is_empty(), "no act for a call");
    detect::read(&call, &[]).iter().for_each(bounded);
    for language in Language::ALL {
        let declared = detect::read(&call, &[(*language, ".".into())]);
        assert_eq!(declared.len(), 1, "a declared payload was left out");
        declared.iter().for_each(bounded);
    }
});

/// The promises that every reading keeps.
fn bounded(reading: &Reading) {
    assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
    let names = reading.acts.iter().flat_map(|act| act.targets.iter().chain(&act.places));
    assert!(names.into_iter().all(|name| name.len() <= Act::MAX_NAME), "a name is too long");
    assert!(reading.doubts.iter().all(|doubt| doubt.part.chars().count() <= Doubt::SHOWN));
}

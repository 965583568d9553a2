//! Any request line and header as an HTTP request: read within bounds, with an act for it.
#![no_main]

use countersign::classify::{Act, Doubt, Reading, http};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: (&str, &str, &str, &str)| {
    let (method, url, name, value) = parts;
    let reading = http::read(method, url, &[(name, value)]);
    bounded(&reading);
    assert!(!reading.acts.is_empty(), "no act for a request");
    // A header can make a request worse, and never milder.
    let alone = http::read(method, url, &[]);
    assert!(alone.acts.iter().all(|act| reading.acts.contains(act)), "a header hid an act");
});

/// The promises that every reading keeps.
fn bounded(reading: &Reading) {
    assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
    let names = reading.acts.iter().flat_map(|act| act.targets.iter().chain(&act.places));
    assert!(names.into_iter().all(|name| name.len() <= Act::MAX_NAME), "a name is too long");
    assert!(reading.doubts.iter().all(|doubt| doubt.part.chars().count() <= Doubt::SHOWN));
}

//! Any JSON as a Terraform plan: read within bounds, with something said of it.
#![no_main]

use countersign::classify::{Act, Doubt, Reading, terraform};
use countersign::operation::json::{Limits, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(plan) = read(text, &Limits::OPERATION) else { return };
    let reading = terraform::read(&plan);
    bounded(&reading);
    assert!(!reading.acts.is_empty() || !reading.doubts.is_empty(), "nothing is said of this plan");
});

/// The promises that every reading keeps.
fn bounded(reading: &Reading) {
    assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
    let names = reading.acts.iter().flat_map(|act| act.targets.iter().chain(&act.places));
    assert!(names.into_iter().all(|name| name.len() <= Act::MAX_NAME), "a name is too long");
    assert!(reading.doubts.iter().all(|doubt| doubt.part.chars().count() <= Doubt::SHOWN));
}

//! Any text as a command line: there is always a reading, bounded and the same again, and what runs it in another
//! shell is read as it is.
#![no_main]

use countersign::classify::{Act, Doubt, Reading, Why, shell};
use libfuzzer_sys::fuzz_target;

fn check(reading: &Reading) {
    assert!(!reading.acts.is_empty() || !reading.doubts.is_empty(), "nothing was read");
    assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
    for act in &reading.acts {
        assert!(act.what.len() <= Act::MAX_NAME);
        assert!(act.targets.len() <= Act::MAX_NAMES && act.places.len() <= Act::MAX_NAMES);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let reading = shell::read(&text);
    check(&reading);
    assert_eq!(shell::read(&text), reading, "read differently");
    let words: Vec<&str> = text.split(' ').collect();
    check(&shell::read_argv(&words));

    // In a shell inside a shell everything is there again, unless that is one level too many.
    let nested = shell::read_argv(&["sh", "-c", "--", &text]);
    check(&nested);
    // What looks like something else is written as it looks, once for each shell.
    let unlike = |doubt: &Doubt| matches!(doubt.why, Why::TooMuch | Why::Disguised);
    let differs = |reading: &Reading| reading.doubts.iter().any(unlike);
    if !differs(&nested) && !differs(&reading) {
        assert_eq!(nested.acts, reading.acts, "a shell in a shell is read differently");
    }
});

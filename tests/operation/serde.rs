//! Values inside events: what serde writes is the value, and what cannot be one is refused.

use super::properties::value;
use countersign::operation::json::{Limits, Object, Value, read};
use proptest::prelude::*;

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Event {
    parameters: Value,
    facts: Object,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_gives_its_values_back(parameters in value(), fact in value()) {
        let event = Event { parameters, facts: Object::new().with("fact", fact) };
        let text = serde_json::to_vec(&event).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn what_serde_writes_is_the_value(value in value()) {
        let text = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(read(&text, &Limits::OPERATION), Ok(value));
    }
}

#[test]
fn what_is_no_value_is_refused() {
    for (text, what) in [
        ("9007199254740993", "a number that a double repeats exactly"),
        ("-9007199254740993", "a number that a double repeats exactly"),
        ("-0.0", "no negative zero"),
        (r#"{"a":1,"a":2}"#, "the name `a` is there twice"),
    ] {
        let error = serde_json::from_str::<Value>(text).unwrap_err().to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
    assert!(serde_json::from_str::<Object>("[]").is_err());
}

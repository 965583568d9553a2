//! Any bytes as an operation's parameters: read, written and read again they must stay the same, in both readers,
//! with one digest; and what a reviewer is shown must be complete and stable.
#![no_main]

use countersign::operation::Operation;
use countersign::operation::json::{Limits, canonicalize, read};
use countersign::operation::render::render;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut written = Vec::new();
    let done = canonicalize(text, &Limits::OPERATION, &mut written);
    let value = read(text, &Limits::OPERATION);
    assert_eq!(done.err(), value.as_ref().err().copied(), "the readers disagree");
    if let Ok(value) = value {
        assert_eq!(value.to_canonical(), written, "the writers disagree");
        if written.len() <= Limits::OPERATION.bytes {
            assert_eq!(
                read(&written, &Limits::OPERATION),
                Ok(value),
                "the canonical form says something else"
            );
            let mut again = Vec::new();
            assert_eq!(canonicalize(&written, &Limits::OPERATION, &mut again), Ok(()));
            assert_eq!(again, written, "the canonical form is not its own");
        }
    } else {
        assert!(written.is_empty(), "something was written before the refusal");
    }

    if let Ok(operation) = Operation::from_json("a.b", "r", text) {
        let same = Operation::from_json("a.b", "r", &written).expect("the canonical form is an operation");
        assert_eq!(operation.digest(), same.digest());
        assert_eq!(operation.op_bytes(), same.op_bytes());
        assert_eq!(Operation::from_op_bytes(operation.op_bytes()).as_ref(), Ok(&operation));
        assert_eq!(operation.parameters().map(|value| value.to_canonical()), Some(written));
        let shown = render(&operation, None).expect("parameters can always be shown");
        assert!(shown.text.chars().all(|c| c == '\n' || !c.is_control()));
    }
    let _ = Operation::from_op_bytes(text);

    let raw = Operation::from_payload("a.b", "r", text).expect("any payload is one");
    let shown = render(&raw, Some(text)).expect("the payload is the right one");
    assert!(shown.text.chars().all(|c| c == '\n' || !c.is_control()));
});

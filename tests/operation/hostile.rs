//! Texts that someone sends to break the reader: each is refused by name, and fast.

use countersign::operation::json::{Fault, Limits, ReadError, Value, canonicalize, read};
use countersign::operation::{Operation, OperationError};
use std::time::{Duration, Instant};

fn refusal(text: &[u8]) -> (Fault, usize) {
    let as_value = read(text, &Limits::OPERATION).unwrap_err();
    let as_text = canonicalize(text, &Limits::OPERATION, &mut Vec::new()).unwrap_err();
    assert_eq!(as_value, as_text);
    (as_value.fault, as_value.at)
}

/// Without the limit on bytes, to see that the other limits hold by themselves.
fn unlimited(text: &[u8]) -> Result<Value, ReadError> {
    let mut out = Vec::new();
    let written = canonicalize(text, &super::LARGE, &mut out);
    let value = read(text, &super::LARGE);
    assert_eq!(written.err(), value.as_ref().err().copied());
    value
}

/// Generous even for a debug build on a busy machine; anything quadratic takes minutes.
fn soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    assert!(start.elapsed() < Duration::from_secs(5), "{what} took {:?}", start.elapsed());
    done
}

#[test]
fn a_megabyte_of_brackets() {
    let brackets = vec![b'['; 1 << 20];
    assert_eq!(refusal(&brackets), (Fault::TooLarge, 256 * 1024));
    assert_eq!(unlimited(&brackets).unwrap_err(), ReadError { fault: Fault::TooDeep, at: 32 });
    assert_eq!(refusal(&b"{\"\":".repeat(50_000)), (Fault::TooDeep, 128));
}

#[test]
fn no_limit_lets_the_stack_run_out() {
    let deep = [vec![b'['; 5000], vec![b']'; 5000]].concat();
    let limits = Limits { bytes: usize::MAX, depth: usize::MAX, members: usize::MAX };
    let error = read(&deep, &limits).unwrap_err();
    assert_eq!((error.fault, error.at), (Fault::TooDeep, Limits::DEEPEST));
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let deepest = [vec![b'['; Limits::DEEPEST], vec![b']'; Limits::DEEPEST]].concat();
    let read_back = thread.spawn(move || read(&deepest, &limits).map(|v| v.to_canonical() == deepest));
    assert_eq!(read_back.unwrap().join().unwrap(), Ok(true));
}

#[test]
fn more_members_than_anyone_needs() {
    let members = |from: usize, to: usize| {
        (from..to).map(|n| format!("\"{:05}\":0", 99_999 - n)).collect::<Vec<_>>().join(",")
    };
    assert!(unlimited(format!("{{{}}}", members(0, 4096)).as_bytes()).is_ok());
    let flat = format!("{{{}}}", members(0, 4097));
    assert_eq!(refusal(flat.as_bytes()).0, Fault::TooManyMembers);
    let spread = format!("[{{{}}},{{{}}}]", members(0, 2048), members(0, 2049));
    assert_eq!(refusal(spread.as_bytes()).0, Fault::TooManyMembers);
}

#[test]
fn many_names_in_the_worst_order_take_no_square() {
    let limits = Limits { bytes: usize::MAX, depth: 32, members: usize::MAX };
    let names: Vec<String> = (0..200_000).rev().map(|n| format!("\"{n:06}\":{n}")).collect();
    let text = format!("{{{}}}", names.join(","));
    let value = soon("sorting", || read(text.as_bytes(), &limits)).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 200_000);
    let twice = format!("{{{},\"199999\":0}}", names.join(","));
    let mut out = Vec::new();
    let error = soon("finding", || canonicalize(twice.as_bytes(), &limits, &mut out)).unwrap_err();
    assert_eq!((error.fault, error.at), (Fault::DuplicateName, text.len()));
    assert!(out.is_empty());
    // Long common prefixes, and an object in an object in an object, each out of order.
    let prefix = "x".repeat(60);
    let long: Vec<String> = (0..3800).rev().map(|n| format!("\"{prefix}{n:04}\":[]")).collect();
    let mut nested = format!("{{{}}}", long[..3000].join(","));
    for _ in 0..30 {
        nested = format!("{{\"b\":{nested},\"a\":0}}");
    }
    soon("nested sorting", || Operation::from_json("a", "r", nested.as_bytes())).unwrap();
}

#[test]
fn numbers_as_long_as_the_limit() {
    let digits = "7".repeat(200 * 1024);
    let zeros = "0".repeat(100 * 1024);
    soon("long numbers", || {
        for _ in 0..10 {
            assert_eq!(refusal(digits.as_bytes()).0, Fault::LossyNumber);
            assert_eq!(refusal(format!("-0.{digits}").as_bytes()).0, Fault::LossyNumber);
            assert_eq!(refusal(format!("1e{digits}").as_bytes()).0, Fault::NumberOutOfRange);
            assert_eq!(refusal(format!("1e-{digits}").as_bytes()).0, Fault::LossyNumber);
            assert_eq!(refusal(format!("1{zeros}").as_bytes()).0, Fault::NumberOutOfRange);
            assert_eq!(refusal(format!("-0.{zeros}").as_bytes()).0, Fault::NegativeZero);
            assert_eq!(refusal(format!("0.{zeros}1").as_bytes()).0, Fault::LossyNumber);
        }
    });
    // Long, but exact.
    assert_eq!(unlimited(format!("1.5{zeros}").as_bytes()).unwrap().to_canonical(), b"1.5");
    assert_eq!(unlimited(format!("0e{digits}").as_bytes()).unwrap().to_canonical(), b"0");
}

#[test]
fn the_refusals_of_the_profile() {
    for (text, fault, at) in [
        (&b""[..], Fault::Truncated, 0),
        (b" \n", Fault::Truncated, 2),
        (b"\0", Fault::Unexpected, 0),
        (b"{}\0", Fault::Trailing, 2),
        (b"{}{}", Fault::Trailing, 2),
        (b"{} //", Fault::Trailing, 3),
        (b"\xEF\xBB\xBF{}", Fault::ByteOrderMark, 0),
        (b"\xFE\xFF\0{\0}", Fault::NotUtf8, 0),
        (b"\"\xC0\x80\"", Fault::NotUtf8, 1),
        (b"\"\xED\xA0\x80\"", Fault::NotUtf8, 1),
        (b"\"\xF4\x90\x80\x80\"", Fault::NotUtf8, 1),
        (b"\"ok\xE2\x82", Fault::NotUtf8, 3),
        (b"\"a\0b\"", Fault::ControlCharacter, 2),
        (b"\"\x1F\"", Fault::ControlCharacter, 1),
        (b"[\"\\u0000\",\"\\uDEAD\"]", Fault::LoneSurrogate, 11),
        (b"{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", Fault::DuplicateName, 18),
        (b"{\"\\u0061\":1,\"a\":2}", Fault::DuplicateName, 12),
        (b"{\"\\\\\":1,\"\\u005c\":2}", Fault::DuplicateName, 8),
        (b"{\"z\":1,\"\xF0\x9F\x98\x80\":2,\"\\ud83d\\ude00\":3}", Fault::DuplicateName, 16),
        (b"{a:1}", Fault::Unexpected, 1),
        (b"{'a':1}", Fault::Unexpected, 1),
        (b"{\"a\":1,,}", Fault::Unexpected, 7),
        (b"{,}", Fault::Unexpected, 1),
        (b"[,1]", Fault::Unexpected, 1),
        (b"[1}", Fault::Unexpected, 2),
        (b"{\"a\"}", Fault::Unexpected, 4),
        (b"{\"a\":}", Fault::Unexpected, 5),
        (b"[\x0C]", Fault::Unexpected, 1),
        (b"[\xC2\xA0]", Fault::Unexpected, 1),
        (b"NaN", Fault::Unexpected, 0),
        (b"Infinity", Fault::Unexpected, 0),
        (b"-Infinity", Fault::BadNumber, 0),
        (b"True", Fault::Unexpected, 0),
        (b"nullx", Fault::Trailing, 4),
        (b"+1", Fault::Unexpected, 0),
        (b".5", Fault::Unexpected, 0),
        (b"0x10", Fault::Trailing, 1),
        (b"1_000", Fault::Trailing, 1),
        (b"00", Fault::BadNumber, 0),
        (b"-01", Fault::BadNumber, 0),
        (b"1e", Fault::BadNumber, 0),
        (b"1e+", Fault::BadNumber, 0),
        (b"9007199254740993", Fault::LossyNumber, 0),
        (b"1.000000000000000005", Fault::LossyNumber, 0),
        (b"1e400", Fault::NumberOutOfRange, 0),
        (b"-0", Fault::NegativeZero, 0),
        (b"-0.00e+7", Fault::NegativeZero, 0),
        (b"-0E0", Fault::NegativeZero, 0),
        (b"[\"\\", Fault::Truncated, 2),
        (b"[\"\\u12", Fault::Truncated, 2),
        (b"\"\\ud83d\\u", Fault::Truncated, 7),
        (b"\"\\U0041\"", Fault::BadEscape, 1),
        (b"\"\\u{41}\"", Fault::BadEscape, 1),
        (b"\"\\u+041\"", Fault::BadEscape, 1),
        (b"\"\\x41\"", Fault::BadEscape, 1),
    ] {
        assert_eq!(refusal(text), (fault, at), "{}", text.escape_ascii());
    }
}

#[test]
fn the_advice_says_what_to_do_instead() {
    for number in ["9007199254740993", "1.000000000000000005", "1e400", "-0"] {
        let error = Operation::from_json("a", "r", format!("{{\"n\":{number}}}").as_bytes()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("string") && message.contains("at byte 5"), "{message}");
        assert!(!message.contains('\n') && !message.ends_with('.'), "{message}");
    }
}

#[test]
fn every_prefix_of_an_operation_is_refused_and_none_panics() {
    let text = r#"{"a":[1.5e3,true,null,"\ud83d\ude00é\n"],"b":{"c":-7,"":false}}"#.as_bytes();
    assert!(Operation::from_json("a", "r", text).is_ok());
    for end in 0..text.len() {
        let error = Operation::from_json("a", "r", &text[..end]).unwrap_err();
        assert!(matches!(error, OperationError::Parameters(_)), "{end}: {error}");
    }
    for place in 0..text.len() {
        for byte in 0..=255 {
            let mut changed = text.to_vec();
            changed[place] = byte;
            if let Ok(operation) = Operation::from_json("a", "r", &changed) {
                let canonical = operation.parameters_json().unwrap();
                assert_eq!(operation.parameters().unwrap().to_canonical(), canonical);
            }
        }
    }
}

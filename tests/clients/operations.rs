//! The vectors for operations, which the other languages run too, in Rust.

use countersign::operation::Operation;
use serde_json::Value;
use std::path::Path;

fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/operation").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn every_operation_has_the_bytes_and_the_digest_of_its_vector() {
    let vectors = load("operations.json");
    let operations = vectors["operations"].as_array().unwrap();
    assert!(operations.len() > 80);
    for vector in operations {
        let text = |member: &str| vector[member].as_str();
        let (action, resource) = (text("action").unwrap(), text("resource").unwrap());
        let operation = match (text("parameters"), text("parameters_hex"), text("payload_hex")) {
            (Some(json), None, None) => Operation::from_json(action, resource, json.as_bytes()),
            (None, Some(hex), None) => Operation::from_json(action, resource, &bytes(hex)),
            (None, None, Some(hex)) => Operation::from_payload(action, resource, &bytes(hex)),
            _ => panic!("{vector} has not exactly one argument"),
        };
        match operation {
            Err(error) => assert_eq!(text("refused"), Some(error.code()), "{vector}"),
            Ok(operation) => {
                assert_eq!(text("op_bytes").map(str::as_bytes), Some(operation.op_bytes()), "{vector}");
                assert_eq!(text("digest"), Some(&*operation.digest().to_string()), "{vector}");
            }
        }
    }
}

#[test]
fn only_canonical_bytes_are_read_back() {
    let vectors = load("operations.json");
    let texts = vectors["op_bytes"].as_array().unwrap();
    assert!(texts.len() > 15);
    for vector in texts {
        let found = Operation::from_op_bytes(vector["op_bytes"].as_str().unwrap().as_bytes());
        assert_eq!(vector["expect"], found.map_or_else(|error| error.code(), |_| "accept"), "{vector}");
    }
}

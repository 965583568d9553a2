//! Other people's vectors: JCS, RFC 8785's own, ECMAScript numbers, and the JSON parsing test suite.

use super::canonical;
use countersign::operation::json::{Limits, Number, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A folder of the vectors; `None`, and a word about it, where there are none. In CI that is a failure.
fn folder(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let root = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(beside, PathBuf::from);
    if root.is_dir() {
        return Some(root.join(name));
    }
    assert!(std::env::var_os("CI").is_none(), "no vectors at {}", root.display());
    eprintln!("not run: no vectors at {}", root.display());
    None
}

fn entries(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// RFC 8785's own example has one number with more digits than a double holds. We refuse it as it is; with the
/// digits that the double has, the rest of the example must come out to the byte.
fn canonical_of_lossy_example(text: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(text).unwrap();
    if !text.contains("333333333.33333329") {
        return canonical(text.as_bytes()).unwrap();
    }
    let error = canonical(text.as_bytes()).unwrap_err();
    assert_eq!((error.fault.code(), error.at), ("json.lossy_number", text.find("333333333.").unwrap()));
    let double = Number::from_f64("333333333.33333329".parse().unwrap()).unwrap();
    canonical(text.replace("333333333.33333329", double.as_str()).as_bytes()).unwrap()
}

#[test]
fn the_six_triples_of_the_jcs_authors() {
    let Some(folder) = folder("jcs") else { return };
    let inputs = entries(&folder.join("input"));
    assert_eq!(inputs.len(), 6);
    for (name, input) in inputs {
        let found = canonical_of_lossy_example(&input);
        assert_eq!(found, std::fs::read(folder.join("output").join(&name)).unwrap(), "{name}");
        let hex = std::fs::read_to_string(folder.join("outhex").join(name.replace(".json", ".txt"))).unwrap();
        let hex: Vec<u8> = hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert_eq!(found, hex, "{name}");
    }
}

#[test]
fn the_examples_of_rfc_8785() {
    let Some(folder) = folder("jcs/rfc8785-text") else { return };
    for name in ["rfc_example", "rfc_sorting"] {
        let input = std::fs::read(folder.join(format!("{name}.input.json"))).unwrap();
        let expected = std::fs::read(folder.join(format!("{name}.expected.json"))).unwrap();
        assert_eq!(canonical_of_lossy_example(&input), expected, "{name}");
    }
}

#[test]
fn ten_thousand_ecmascript_numbers() {
    let Some(folder) = folder("jcs") else { return };
    let lines = std::fs::read_to_string(folder.join("es6numbers-10k.txt")).unwrap();
    let mut passed = 0;
    for line in lines.lines() {
        let (bits, expected) = line.split_once(',').unwrap();
        let double = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        let number = Number::from_f64(double).unwrap();
        assert_eq!(number.as_str(), expected, "{bits}");
        // What ECMAScript writes is lossless by definition, so it is read, and comes out the same.
        assert_eq!(canonical(expected.as_bytes()).as_deref(), Ok(expected.as_bytes()), "{bits}");
        let again = read(expected.as_bytes(), &Limits::OPERATION).unwrap();
        let double_again = again.as_number().unwrap().as_f64();
        assert_eq!(double_again.to_bits(), if double == 0.0 { 0 } else { double.to_bits() }, "{bits}");
        passed += 1;
    }
    assert_eq!(passed, 10_000);
}

/// Where RFC 8785 rounds and we refuse.
const ASSAY_STRICTER: &[(&str, &str)] = &[
    ("num_2pow53_plus1", "json.lossy_number"),
    ("num_i64_min", "json.lossy_number"),
    ("num_negative_zero", "json.negative_zero"),
    ("num_precision_loss", "json.lossy_number"),
    ("num_u64_max", "json.lossy_number"),
    ("rfc8785_appendix_mixed", "json.lossy_number"),
];

#[test]
fn the_31_vectors_of_assay() {
    let Some(folder) = folder("jcs/assay") else { return };
    let text = std::fs::read(folder.join("rfc8785.json")).unwrap();
    let vectors: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let mut passed = 0;
    for (name, vector) in vectors.iter().filter(|(name, _)| *name != "_about") {
        let text = |member: &str| vector[member].as_str().unwrap().as_bytes();
        let found = canonical(text("input"));
        match ASSAY_STRICTER.iter().find(|(stricter, _)| stricter == name) {
            None => assert_eq!(found.as_deref(), Ok(text("expected")), "{name}"),
            Some((_, code)) => {
                assert_eq!(found.unwrap_err().fault.code(), *code, "{name}");
                // The form that the vector expects is itself lossless.
                assert_eq!(canonical(text("expected")).as_deref(), Ok(text("expected")), "{name}");
            }
        }
        passed += 1;
    }
    assert_eq!(passed, 31);
}

/// What RFC 8259 lets a parser choose: all of it is refused but [`CHOSEN`].
const CHOICES: &[(&str, &str)] = &[
    ("i_number_double_huge_neg_exp.json", "json.lossy_number"),
    ("i_number_huge_exp.json", "json.number_out_of_range"),
    ("i_number_neg_int_huge_exp.json", "json.number_out_of_range"),
    ("i_number_pos_double_huge_exp.json", "json.number_out_of_range"),
    ("i_number_real_neg_overflow.json", "json.number_out_of_range"),
    ("i_number_real_pos_overflow.json", "json.number_out_of_range"),
    ("i_number_real_underflow.json", "json.lossy_number"),
    ("i_number_too_big_neg_int.json", "json.lossy_number"),
    ("i_number_very_big_negative_int.json", "json.lossy_number"),
    ("i_object_key_lone_2nd_surrogate.json", "json.lone_surrogate"),
    ("i_string_1st_surrogate_but_2nd_missing.json", "json.lone_surrogate"),
    ("i_string_1st_valid_surrogate_2nd_invalid.json", "json.lone_surrogate"),
    ("i_string_UTF-16LE_with_BOM.json", "json.not_utf8"),
    ("i_string_UTF-8_invalid_sequence.json", "json.not_utf8"),
    ("i_string_UTF8_surrogate_U+D800.json", "json.not_utf8"),
    ("i_string_incomplete_surrogate_and_escape_valid.json", "json.lone_surrogate"),
    ("i_string_incomplete_surrogate_pair.json", "json.lone_surrogate"),
    ("i_string_incomplete_surrogates_escape_valid.json", "json.lone_surrogate"),
    ("i_string_invalid_lonely_surrogate.json", "json.lone_surrogate"),
    ("i_string_invalid_surrogate.json", "json.lone_surrogate"),
    ("i_string_invalid_utf-8.json", "json.not_utf8"),
    ("i_string_inverted_surrogates_U+1D11E.json", "json.lone_surrogate"),
    ("i_string_iso_latin_1.json", "json.not_utf8"),
    ("i_string_lone_second_surrogate.json", "json.lone_surrogate"),
    ("i_string_lone_utf8_continuation_byte.json", "json.not_utf8"),
    ("i_string_not_in_unicode_range.json", "json.not_utf8"),
    ("i_string_overlong_sequence_2_bytes.json", "json.not_utf8"),
    ("i_string_overlong_sequence_6_bytes.json", "json.not_utf8"),
    ("i_string_overlong_sequence_6_bytes_null.json", "json.not_utf8"),
    ("i_string_truncated-utf-8.json", "json.not_utf8"),
    ("i_string_utf16BE_no_BOM.json", "json.not_utf8"),
    ("i_string_utf16LE_no_BOM.json", "json.not_utf8"),
    ("i_structure_500_nested_arrays.json", "json.too_deep"),
    ("i_structure_UTF-8_BOM_empty_object.json", "json.byte_order_mark"),
];

/// What we accept of it: 100000000000000000000 is a whole double, and its RFC 8785 form is the same text.
const CHOSEN: &[&str] = &["i_number_too_big_pos_int.json"];

/// What RFC 8259 allows and we refuse: I-JSON forbids it (RFC 7493), or a double cannot hold it.
const STRICTER: &[(&str, &str)] = &[
    ("y_number_minus_zero.json", "json.negative_zero"),
    ("y_number_negative_zero.json", "json.negative_zero"),
    ("y_object_duplicated_key.json", "json.duplicate_name"),
    ("y_object_duplicated_key_and_value.json", "json.duplicate_name"),
    ("y_string_escaped_noncharacter.json", "json.noncharacter"),
    ("y_string_last_surrogates_1_and_2.json", "json.noncharacter"),
    ("y_string_nonCharacterInUTF-8_U+10FFFF.json", "json.noncharacter"),
    ("y_string_nonCharacterInUTF-8_U+FFFF.json", "json.noncharacter"),
    ("y_string_unicode_U+10FFFE_nonchar.json", "json.noncharacter"),
    ("y_string_unicode_U+1FFFE_nonchar.json", "json.noncharacter"),
    ("y_string_unicode_U+FDD0_nonchar.json", "json.noncharacter"),
    ("y_string_unicode_U+FFFE_nonchar.json", "json.noncharacter"),
];

#[test]
fn the_json_parsing_test_suite() {
    let Some(folder) = folder("json-parsing/test_parsing") else { return };
    let mut decided = BTreeSet::new();
    for (name, text) in entries(&folder) {
        let code = |error: countersign::operation::json::ReadError| error.fault.code();
        let found = read(&text, &Limits::OPERATION).map(|value| value.to_canonical()).map_err(code);
        assert_eq!(canonical(&text).map_err(code), found, "{name}");
        let listed = CHOICES.iter().chain(STRICTER).find(|(choice, _)| *choice == name);
        match (name.as_bytes()[0], listed) {
            (b'n', None) => assert!(found.is_err(), "{name} is accepted"),
            (b'y', None) => assert!(found.is_ok(), "{name} is refused: {found:?}"),
            (b'i', None) if CHOSEN.contains(&name.as_str()) => assert!(found.is_ok(), "{name}: {found:?}"),
            (b'i' | b'y', Some((_, code))) => assert_eq!(found, Err(*code), "{name}"),
            _ => panic!("no decision about {name}: {found:?}"),
        }
        decided.insert(name);
    }
    for name in CHOICES.iter().chain(STRICTER).map(|(name, _)| name).chain(CHOSEN) {
        assert!(decided.contains(*name), "{name} is not in the suite");
    }
    assert_eq!(decided.len(), 318);
}

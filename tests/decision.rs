//! What is decided and why: the published formula, rules, floors, claims, explanations, errors, hostile files.
#![cfg(feature = "engine")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

mod decision {
    mod claims;
    mod conditions;
    mod documented;
    mod errors;
    mod explain;
    mod explained;
    mod formula;
    mod hostile;
    mod preview;
    mod reach;
    mod roster;
    mod rules;
    mod schema;
    mod seeds;
    mod starter;
    mod suite;
    mod support;
    mod terms;
}

//! Conditions: what is refused when a policy is loaded, what the rest means, beside another implementation of CEL,
//! and that nothing hostile gets further than a fault.
#![cfg(feature = "engine")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests say what they expect"
)]

mod expression {
    mod faults;
    mod hostile;
    mod meaning;
    mod oracle;
    mod reference;
    mod world;
}

//! What payloads do: a corpus of real statements, command lines and objects, with the facts that they must yield.
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

mod classify {
    mod corpus;
    mod hostile;
    mod http;
    mod objects;
    mod shell;
    mod sql;
}

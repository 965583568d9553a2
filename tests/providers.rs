//! Whoever brings messages, by what their services are documented to be: on loopback, and a real SMTP server.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "providers/letters.rs"]
mod letters;
#[path = "providers/loopback.rs"]
#[allow(dead_code, reason = "shared with tests/console.rs, which uses the rest")]
mod loopback;
#[path = "providers/mail.rs"]
mod mail;
#[path = "providers/push.rs"]
mod push;
#[path = "providers/slack.rs"]
mod slack;
#[path = "providers/sms.rs"]
mod sms;

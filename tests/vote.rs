//! What a vote must survive: real `ssh-keygen` on the other side, and everything a forger would try.
#![cfg(feature = "evidence")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[cfg(feature = "engine")]
#[path = "vote/algebra.rs"]
mod algebra;
#[path = "vote/assertion.rs"]
mod assertion;
#[path = "vote/authenticator.rs"]
mod authenticator;
#[cfg(feature = "engine")]
#[path = "vote/course.rs"]
mod course;
#[path = "vote/credential.rs"]
mod credential;
#[cfg(feature = "engine")]
#[path = "vote/diligence.rs"]
mod diligence;
#[cfg(feature = "engine")]
#[path = "vote/emergency.rs"]
mod emergency;
#[cfg(feature = "engine")]
#[path = "vote/enrolled.rs"]
mod enrolled;
#[cfg(feature = "engine")]
#[path = "vote/escalation.rs"]
mod escalation;
#[path = "vote/evidence.rs"]
mod evidence;
#[cfg(feature = "engine")]
#[path = "vote/interleavings.rs"]
mod interleavings;
#[cfg(feature = "engine")]
#[path = "vote/ladder.rs"]
mod ladder;
#[path = "vote/mutation.rs"]
mod mutation;
#[path = "vote/node.rs"]
mod node;
#[path = "vote/openssh.rs"]
mod openssh;
#[path = "vote/passkey.rs"]
mod passkey;
#[path = "vote/people.rs"]
mod people;
#[path = "vote/registration.rs"]
mod registration;
#[cfg(feature = "engine")]
#[path = "vote/requirement.rs"]
mod requirement;
#[cfg(feature = "engine")]
#[path = "vote/roster.rs"]
mod roster;
#[cfg(feature = "engine")]
#[path = "vote/second_thoughts.rs"]
mod second_thoughts;
#[path = "vote/security_key.rs"]
mod security_key;
#[path = "vote/signature.rs"]
mod signature;
#[cfg(feature = "engine")]
#[path = "vote/stand_in.rs"]
mod stand_in;
#[path = "vote/statement.rs"]
mod statement;
#[path = "vote/webauthn.rs"]
mod webauthn;

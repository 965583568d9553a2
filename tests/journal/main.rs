//! The journal as its users see it: what was acknowledged is there, whatever happened to the process or the machine.
#![cfg(feature = "journal")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    missing_docs,
    reason = "tests say what they expect"
)]

mod chance;
mod damage;
mod disk;
mod files;
mod full;
mod groups;
mod look;
mod model;
mod platter;
mod power_cut;

//! Presence: how a reviewer proves that it was they, and no program in between, who said yes.

mod point;
pub mod ssh;

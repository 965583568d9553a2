//! The record: what happened, as canonical events in one append-only log.

pub mod advice;
pub mod again;
pub mod analytics;
pub mod apart;
pub mod chain;
pub mod event;
pub mod export;
pub mod filter;
pub mod log;
mod sentence;
pub mod verify;

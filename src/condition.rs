//! (condition)

//! (reviewer)

//! (replay)

//! (entropy)

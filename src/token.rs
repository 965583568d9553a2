//! (token)

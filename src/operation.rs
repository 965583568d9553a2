//! (operation)

//! (escalation)

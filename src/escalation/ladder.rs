//! The ladder: who is asked when nobody has decided yet, and what happens when the time is over (E4, P3).

use super::requirement::Requirement;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A stage: from `after` on, agreement by `requirement` is as good as by any before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How long after the opening it begins, in seconds; before the time to decide is over.
    #[serde(with = "seconds")]
    pub after: Duration,
    /// Who may then agree instead.
    pub requirement: Requirement,
}

/// What happens when nobody has decided in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// It is denied.
    #[default]
    Deny,
    /// It may run. Only a policy can say so, in so many words, and never above medium risk.
    Allow,
}

impl OnTimeout {
    /// Whether it is the default.
    #[must_use]
    pub const fn is_deny(&self) -> bool {
        matches!(self, Self::Deny)
    }
}

/// A span of time in whole seconds.
pub(crate) mod seconds {
    use core::time::Duration;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(span.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

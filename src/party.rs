//! The names of the parties and of what they do: agents, people, executors, decisions, escalations.

use crate::digest::{base64url, from_base64url};
use core::fmt;

/// The longest name in bytes.
pub const MAX_NAME: usize = 256;

/// Why a text is not a name: empty, longer than [`MAX_NAME`], or with a character other than printable ASCII
/// without space, quote, backslash and comma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name is 1 to {MAX_NAME} printable ASCII characters without space, quote, backslash or comma"
        )
    }
}

impl std::error::Error for NotAName {}

fn is_name(text: &str) -> bool {
    let fits = (1..=MAX_NAME).contains(&text.len());
    fits && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b','))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text that is a name.
            ///
            /// # Errors
            /// [`NotAName`] if it is empty, too long, or has a character that names may not have.
            pub fn new(text: &str) -> Result<Self, NotAName> {
                is_name(text).then(|| Self(text.into())).ok_or(NotAName)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        #[cfg(feature = "engine")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        #[cfg(feature = "engine")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// An agent's authenticated identity: a token's `sub`.
    AgentId
}
name! {
    /// A person, however many accounts and keys they have.
    PersonId
}
name! {
    /// An executor: the first part of a token's `aud`.
    ExecutorId
}
name! {
    /// The trust domain, a URI: a token's `iss`.
    TrustDomain
}

name! {
    /// Who holds a certified key, an issuer or a sidecar: a key certificate's `sub`.
    KeyHolder
}
name! {
    /// A seat of a requirement that an approval filled: the name of its pool or role.
    SeatName
}
name! {
    /// The origin line of a log: the first member of a token's `cs_log`.
    LogOrigin
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From 128 bits that came from a source of randomness.
            #[must_use]
            pub const fn from_random(bits: [u8; 16]) -> Self {
                Self(bits)
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads the text that [`fmt::Display`] writes; anything else is `None`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                from_base64url(text.strip_prefix($prefix)?)?.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), base64url(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        #[cfg(feature = "engine")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "engine")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("not an id of the form ", $prefix, "…")))
            }
        }
    };
}

random_id! {
    /// A decision's id: a token's `txn`, and the same in the log.
    TxnId, "txn_"
}
random_id! {
    /// An escalation's id. 128 random bits, so that a vote cannot be spliced into other proceedings (DESIGN §5.3).
    EscalationId, "esc_"
}
random_id! {
    /// A suspension's id, by which it is lifted.
    SuspensionId, "sus_"
}
random_id! {
    /// A token's `jti`: the single-use key. It has no prefix on the wire.
    TokenId, ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(
            AgentId::new("spiffe://acme.example/agent/7").unwrap().as_str(),
            "spiffe://acme.example/agent/7"
        );
        for wrong in ["", "a b", "a\"b", "a\\b", "a,b", "a\n", "ä", "\u{202e}", &"x".repeat(257)] {
            assert_eq!(AgentId::new(wrong), Err(NotAName), "{wrong:?}");
        }
    }

    #[test]
    fn ids_are_read_back_exactly() {
        let id = EscalationId::from_random([7; 16]);
        assert_eq!(EscalationId::parse(&id.to_string()), Some(id));
        assert_eq!(EscalationId::parse(&TxnId::from_random([7; 16]).to_string()), None);
        assert_eq!(EscalationId::parse("esc_"), None);
        assert_eq!(EscalationId::parse(&format!("{id}A")), None);
    }
}

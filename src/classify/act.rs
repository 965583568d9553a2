//! Acts and doubts: the vocabulary in which every reader says what a payload does.

use super::{Kind, Language};
use crate::names::names;
use core::fmt;
use serde::{Deserialize, Serialize};

/// What was read from one payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What it is written in.
    pub language: Language,
    /// What it does, in its own order; at most [`Reading::MAX_ACTS`].
    pub acts: Vec<Act>,
    /// What could not be understood. Any makes the payload risky.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
}

/// One thing that a payload does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What it is, in the few words its users know it by: `DROP TABLE`, `rm -rf`, `kubectl delete namespace`.
    pub what: String,
    /// What kind of thing that is.
    pub kind: Kind,
    /// What it touches, as the payload names it: tables, paths, hosts, `deployment/web`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Names in the payload that say where: a context, a namespace, a database host, a workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// How much it touches.
    #[serde(default, skip_serializing_if = "Extent::is_unstated")]
    pub extent: Extent,
    /// Whether it cannot be undone by the same means.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub irreversible: bool,
}

/// How much an act touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// The payload does not say.
    #[default]
    Unstated,
    /// So many objects or rows, at most.
    Counted(u64),
    /// Everything there is: no filter, a filter that is always true, a wildcard.
    Everything,
}

impl Extent {
    const fn is_unstated(&self) -> bool {
        matches!(self, Self::Unstated)
    }
}

/// Something in a payload that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Why.
    pub why: Why,
    /// The part in question, at most [`Doubt::SHOWN`] characters of it.
    pub part: String,
}

names! {
    /// Why something in a payload could not be understood.
    Why {
        /// It is longer, deeper or has more parts than is looked at.
        TooMuch = "too_much",
        /// It is not of the language.
        Syntax = "syntax",
        /// What runs is only known when it runs: a variable, a substitution, an unresolved template.
        Dynamic = "dynamic",
        /// What runs is encoded: base64 or hexadecimal piped into an interpreter, escapes that spell a command.
        Encoded = "encoded",
        /// It holds characters that cannot be seen, or that look like others.
        Disguised = "disguised",
        /// A program, statement, kind or method that is not known.
        Unfamiliar = "unfamiliar",
        /// Code of a language that is not read here, such as `python -c`.
        Foreign = "foreign",
        /// The parameter that the policy names is missing or of another type.
        Missing = "missing",
    }
}

impl Doubt {
    /// The most characters of a part that are kept.
    pub const SHOWN: usize = 120;

    /// A doubt about `part`.
    #[must_use]
    pub fn new(why: Why, part: &str) -> Self {
        Self { why, part: part.chars().take(Self::SHOWN).collect() }
    }
}

impl Act {
    /// The most targets and places of one act; what is beyond is a doubt of [`Why::TooMuch`].
    pub const MAX_NAMES: usize = 32;
    /// The most bytes of a name that are kept.
    pub const MAX_NAME: usize = 256;

    /// An act of which nothing more is known.
    #[must_use]
    pub fn new(what: impl Into<String>, kind: Kind) -> Self {
        Self {
            what: what.into(),
            kind,
            targets: Vec::new(),
            places: Vec::new(),
            extent: Extent::Unstated,
            irreversible: false,
        }
    }
}

/// `delete: DROP TABLE on users at db-prod, everything, for good`
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, kind, targets, places, extent, irreversible } = self;
        write!(f, "{kind}: {what}")?;
        for (word, names) in [("on", targets), ("at", places)] {
            if !names.is_empty() {
                write!(f, " {word} {}", names.join(", "))?;
            }
        }
        match extent {
            Extent::Unstated => {}
            Extent::Counted(count) => write!(f, ", at most {count}")?,
            Extent::Everything => f.write_str(", everything")?,
        }
        f.write_str(if *irreversible { ", for good" } else { "" })
    }
}

/// `? dynamic: $CMD`
impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "? {}: {}", self.why, self.part)
    }
}

impl Reading {
    /// The most acts that are kept; what is beyond is a doubt of [`Why::TooMuch`].
    pub const MAX_ACTS: usize = 64;

    /// Nothing read yet.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self { language, acts: Vec::new(), doubts: Vec::new() }
    }

    /// Adds an act, its names cut to what is kept.
    pub fn act(&mut self, mut act: Act) {
        if self.acts.len() >= Self::MAX_ACTS {
            return self.doubt(Why::TooMuch, &act.what);
        }
        let mut cut = false;
        for names in [&mut act.targets, &mut act.places] {
            cut |= names.len() > Act::MAX_NAMES;
            names.truncate(Act::MAX_NAMES);
            for name in names {
                if name.len() > Act::MAX_NAME {
                    cut = true;
                    name.truncate(name.floor_char_boundary(Act::MAX_NAME));
                }
            }
        }
        if cut {
            self.doubt(Why::TooMuch, &act.what);
        }
        self.acts.push(act);
    }

    /// Adds a doubt, once.
    pub fn doubt(&mut self, why: Why, part: &str) {
        let doubt = Doubt::new(why, part);
        if self.doubts.len() < Self::MAX_ACTS && !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    /// Adds everything that another reading found, for a payload inside a payload: `bash -c`, `psql -c`.
    pub fn absorb(&mut self, inner: Self) {
        for act in inner.acts {
            self.act(act);
        }
        for Doubt { why, part } in inner.doubts {
            self.doubt(why, &part);
        }
    }
}

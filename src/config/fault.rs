//! What is wrong with a configuration: where it was said, which key it is, and what to do.

use core::fmt;
use std::path::{Path, PathBuf};

/// Where something in a configuration was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file.
    File {
        /// Which file.
        path: PathBuf,
        /// The line, from 1; 0 where it is not known.
        line: usize,
        /// The column, from 1; 0 where it is not known.
        column: usize,
    },
    /// In an environment variable; its name.
    Environment(String),
    /// In a flag, without its value: `listen.metrics=…` for `--set listen.metrics=127.0.0.1:9464`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => write!(f, "--set {flag}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where it was said, where that is one place.
    pub origin: Option<Origin>,
    /// Which key it is, from the top; empty where it is none.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do, where there is something to say.
    pub hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(origin: Origin, key: &str, what: impl fmt::Display) -> Self {
        Self { origin: Some(origin), key: key.to_owned(), what: what.to_string(), hint: None }
    }

    /// What has its place in its text already.
    pub(super) const fn rendered(what: String) -> Self {
        Self { origin: None, key: String::new(), what, hint: None }
    }

    #[must_use]
    pub(super) fn advise(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Why a configuration can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The file could not be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// What it says can't be meant: one thing at least, and all that could be found at once.
    Wrong(Vec<Wrong>),
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &dyn fmt::Display) -> Self {
        Self::Unreadable { path: path.into(), why: error.to_string() }
    }
}

impl From<Wrong> for ConfigError {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(vec![wrong])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, why } => write!(f, "cannot read `{}`: {why}", path.display()),
            Self::Wrong(all) => {
                let mut lines = all.iter();
                if let Some(first) = lines.next() {
                    first.fmt(f)?;
                }
                lines.try_for_each(|wrong| write!(f, "\n{wrong}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

//! Where a configuration comes from: flags over environment variables over the file over what holds if nothing is said.

use super::decode;
use super::document::Node;
use super::fault::{ConfigError, Origin, Wrong};
use serde::de::DeserializeOwned;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What variables begin with that say a key: `COUNTERSIGN__LISTEN__METRICS` is `listen.metrics`.
pub const VARIABLES: &str = "COUNTERSIGN__";

/// The layers of a configuration, each over the one before it: a file, variables, flags.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    file: Option<PathBuf>,
    variables: Vec<(OsString, OsString)>,
    flags: Vec<String>,
}

/// A configuration, and where each of its parts was said.
#[derive(Clone, Debug)]
pub struct Layered<T> {
    /// The configuration.
    pub value: T,
    pub(super) root: Node,
}

impl Layers {
    /// The file at the bottom.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self { file: Some(path.into()), ..Self::default() }
    }

    /// … and over it those of these variables that begin with [`VARIABLES`].
    #[must_use]
    pub fn with_variables(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(VARIABLES.as_bytes());
        self.variables = variables.into_iter().filter(|(name, _)| ours(name)).collect();
        // What is said of a whole comes before what is said of its parts.
        self.variables.sort();
        self
    }

    /// … and over those what flags say, each as `path.to.key=value`; a later one over an earlier one.
    #[must_use]
    pub fn with_flags(mut self, flags: impl IntoIterator<Item = String>) -> Self {
        self.flags = flags.into_iter().collect();
        self
    }

    /// The folder that relative paths start at: the file's, or the one that the process is in.
    pub(super) fn folder(&self) -> &Path {
        self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }

    /// Reads all of them into one configuration.
    ///
    /// # Errors
    /// [`ConfigError`] with all that could be found at once.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Layered<T>, ConfigError> {
        let root = self.document()?;
        decode::decode(root).map_err(ConfigError::Wrong)
    }

    fn document(&self) -> Result<Node, ConfigError> {
        let nowhere = Origin::File { path: self.file.clone().unwrap_or_default(), line: 0, column: 0 };
        let mut root = match &self.file {
            None => Node::empty(nowhere),
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
                Node::from_file(&text, path)?
            }
        };
        let mut wrong = Vec::new();
        for (name, value) in &self.variables {
            wrong.extend(put_variable(&mut root, name, value).err());
        }
        for flag in &self.flags {
            wrong.extend(put_flag(&mut root, flag).err());
        }
        match wrong.is_empty() {
            true => Ok(root),
            false => Err(ConfigError::Wrong(wrong)),
        }
    }
}

fn put_variable(root: &mut Node, name: &OsStr, value: &OsStr) -> Result<(), Wrong> {
    let place = Origin::Environment(name.to_string_lossy().into_owned());
    let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
        return Err(Wrong::new(place, "", "it is not UTF-8"));
    };
    let path = name.strip_prefix(VARIABLES).unwrap_or_default();
    let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    put(root, &path, value, place)
}

fn put_flag(root: &mut Node, flag: &str) -> Result<(), Wrong> {
    let Some((path, value)) = flag.split_once('=') else {
        return Err(Wrong::new(Origin::Flag(flag.to_owned()), "", "it is not `path.to.key=value`"));
    };
    // The value may be a secret, and a place is shown.
    let place = Origin::Flag(format!("{path}=…"));
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    put(root, &path, value, place)
}

fn put(root: &mut Node, path: &[String], value: &str, place: Origin) -> Result<(), Wrong> {
    let key = path.join(".");
    let named = |wrong: Wrong| Wrong { key: key.clone(), ..wrong };
    if path.iter().any(String::is_empty) {
        return Err(named(Wrong::new(place, "", "a key on the way has no name")));
    }
    let node = Node::from_place(value, &place).map_err(named)?;
    root.put(path, node).map_err(named)
}

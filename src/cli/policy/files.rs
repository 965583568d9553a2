//! The files that a policy command reads.

use crate::cli::exit::{Exit, Failed};
use crate::cli::output::visible;
use crate::policy::{Policy, PolicyError};
use crate::reviewer::{Directory, RosterError};
use std::io::Read as _;
use std::path::Path;

/// The most bytes that are read of a file: more than any of them may have.
const MOST_BYTES: u64 = 4 << 20;

/// The bytes of a file; `-` is standard input.
///
/// # Errors
/// [`Failed`], wrong usage, if it cannot be read.
pub(in crate::cli) fn bytes(path: &Path) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
    };
    let unreadable = |error| format!("cannot read `{}`: {error}", path.display());
    read.map_err(|error| Failed::new(Exit::Usage, unreadable(error)))?;
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
/// [`Failed`] if it cannot be read or is not UTF-8.
pub(in crate::cli) fn text(path: &Path) -> Result<String, Failed> {
    let not_text = |_| Failed::plain(format!("`{}` is not UTF-8", path.display()));
    String::from_utf8(bytes(path)?).map_err(not_text)
}

/// A policy, or what is wrong with it.
///
/// # Errors
/// [`Failed`] if the file cannot be read.
pub(in crate::cli) fn read_policy(path: &Path) -> Result<Result<Policy, PolicyError>, Failed> {
    Ok(Policy::from_bytes(&bytes(path)?, &name(path)))
}

/// A policy that must be one.
///
/// # Errors
/// [`Failed`] with its first mistake.
pub(in crate::cli) fn policy(path: &Path) -> Result<Policy, Failed> {
    read_policy(path)?.map_err(wrong)
}

/// A roster, or what is wrong with it.
///
/// # Errors
/// [`Failed`] if the file cannot be read.
pub(in crate::cli) fn read_roster(path: &Path) -> Result<Result<Directory, RosterError>, Failed> {
    Ok(Directory::from_bytes(&bytes(path)?, &name(path)))
}

/// A roster that must be one.
///
/// # Errors
/// [`Failed`] with its first mistake.
pub(in crate::cli) fn roster(path: &Path) -> Result<Directory, Failed> {
    read_roster(path)?.map_err(wrong)
}

/// What errors call the file.
pub(in crate::cli) fn name(path: &Path) -> String {
    visible(&path.display().to_string())
}

/// A mistake in a file.
pub(in crate::cli) fn wrong(error: PolicyError) -> Failed {
    Failed::plain(error)
}

//! Writing files so that nobody else reads them and nobody finds half of one.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Writes a file that only its owner may read: a new one with mode 0600, synced, then moved into place.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o600)
}

/// Writes a file that everyone may read.
///
/// # Errors
/// What the system says.
pub fn write_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o644)
}

/// Refuses a file that anybody but its owner may read or write; root may let our group read what is root's.
///
/// # Errors
/// What the system says, or `PermissionDenied` with the mode and what to do.
pub fn refuse_exposed(path: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o7777;
    match exposed(&metadata) {
        false => Ok(()),
        true => {
            let path = path.display();
            let what = format!(
                "`{path}` has mode {mode:04o}: what is secret is for its owner only (chmod 600 {path})"
            );
            Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
        }
    }
}

/// Whether a file with something secret lets others in.
///
/// A Secret of Kubernetes is root's, and read by whom it is mounted for as a member of a group (`fsGroup`): so a file
/// of root's that its group may read is ours alone to read, as PostgreSQL sees it too. Root itself needs no group.
#[must_use]
pub fn exposed(metadata: &std::fs::Metadata) -> bool {
    lets_others_in(metadata.permissions().mode(), metadata.uid(), rustix::process::geteuid().as_raw())
}

const fn lets_others_in(mode: u32, owner: u32, own: u32) -> bool {
    let allowed = if owner == 0 && own != 0 { 0o040 } else { 0 };
    mode & 0o077 & !allowed != 0
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut new = name.to_owned();
    new.push(format!(".new-{}", std::process::id()));
    let new = path.with_file_name(new);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        // Or a power cut brings back what was there before.
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => std::fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    })();
    if written.is_err() {
        drop(std::fs::remove_file(&new));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_may_let_a_group_read() {
        let (root, us, another) = (0, 7117, 1000);
        for (mode, owner, own, lets) in [
            (0o100_600, us, us, false),
            (0o100_400, us, us, false),
            (0o100_640, us, us, true),
            (0o100_604, us, us, true),
            // As a Secret is mounted.
            (0o100_440, root, us, false),
            (0o100_640, root, us, false),
            (0o100_660, root, us, true),
            (0o100_444, root, us, true),
            (0o100_644, root, us, true),
            (0o100_440, another, us, true),
            // Root has no need of it.
            (0o100_440, root, root, true),
            (0o100_600, root, root, false),
        ] {
            assert_eq!(lets_others_in(mode, owner, own), lets, "{mode:o}, owned by {owner}, for {own}");
        }
    }
}

//! Writing files so that nobody else reads them and nobody finds half of one.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
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

/// Refuses a file that anybody but its owner may read or write.
///
/// # Errors
/// What the system says, or `PermissionDenied` with the mode and what to do.
pub fn refuse_exposed(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o7777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => {
            let path = path.display();
            let what = format!(
                "`{path}` has mode {mode:04o}: what is secret is for its owner only (chmod 600 {path})"
            );
            Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
        }
    }
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

//! The tag beside the views: a small synced file that says whether what sled left on the disk may be believed.
//!
//! sled doesn't sync its files. After the power was cut they may be a mixture of old and new pages, and nothing in
//! them would show it. So the tag notes, before sled is opened, during which boot of the machine that was.

use crate::journal::{Disk, RealDisk};
use std::io;
use std::path::{Path, PathBuf};

const FILE: &str = "views.tag";
const HEAD: &str = "countersign views\n";

/// What the tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// The views are being opened, or rebuilt.
    Opening,
    /// They are open, during this boot of the machine.
    Open(String),
    /// They were closed in order, and synced.
    Clean,
}

impl Tag {
    fn encode(&self) -> String {
        match self {
            Self::Opening => format!("{HEAD}opening\n"),
            Self::Open(boot) => format!("{HEAD}open {boot}\n"),
            Self::Clean => format!("{HEAD}clean\n"),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        match text.strip_prefix(HEAD)?.strip_suffix('\n')? {
            "opening" => Some(Self::Opening),
            "clean" => Some(Self::Clean),
            other => other.strip_prefix("open ").map(|boot| Self::Open(boot.to_owned())),
        }
    }

    /// The tag in a store's directory; `None` where there is none that makes sense.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(Self::decode)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts the tag into a store's directory, synced.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let (new, path): (PathBuf, PathBuf) = (dir.join(format!("{FILE}.new")), dir.join(FILE));
        let file = RealDisk.create(&new)?;
        file.write_at(self.encode().as_bytes(), 0)?;
        file.sync()?;
        RealDisk.rename(&new, &path)?;
        RealDisk.sync_dir(dir)
    }
}

/// The name of this boot of the machine; `None` where the system doesn't tell.
pub(super) fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Tag::read(dir.path()).unwrap(), None);
        for tag in [Tag::Opening, Tag::Open("some boot".to_owned()), Tag::Clean] {
            tag.write(dir.path()).unwrap();
            assert_eq!(Tag::read(dir.path()).unwrap(), Some(tag));
        }
        for wrong in [&b""[..], b"clean\n", b"countersign views\nclean", b"countersign views\n\xff\n"] {
            std::fs::write(dir.path().join(FILE), wrong).unwrap();
            assert_eq!(Tag::read(dir.path()).unwrap(), None);
        }
    }
}

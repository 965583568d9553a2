//! What executors need of keys, as files that are renewed whenever it changes.

use crate::files;
use crate::sidecar::issuance::Issuance;
use crate::signer::Published;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder, in the folder of data.
const FOLDER: &str = "published";
/// How often it is looked whether something changed.
const ROUND: Duration = Duration::from_secs(1);

/// Writes the files whenever what is published has changed.
pub(super) async fn keep(issuance: Arc<Issuance>, data: PathBuf) {
    let folder = data.join(FOLDER);
    let mut written: Option<Arc<Published>> = None;
    loop {
        let published = issuance.published();
        if !written.as_ref().is_some_and(|written| Arc::ptr_eq(written, &published)) {
            let (folder, to_write) = (folder.clone(), published.clone());
            // It writes files.
            match tokio::task::spawn_blocking(move || write(&folder, &to_write)).await {
                Ok(Ok(())) => written = Some(published),
                Ok(Err(error)) => tracing::error!(%error, "what executors need of keys could not be written"),
                Err(error) => tracing::error!(%error, "what executors need of keys could not be written"),
            }
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// Each file is there whole, as it was or as it is.
fn write(folder: &Path, published: &Published) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let certificates = published.certificates.join("\n");
    // What the bundle rests on comes before it.
    for (name, text) in [
        ("bundle.cert", &certificates),
        ("revocations.jws", &published.revocations),
        ("jwks.json", &published.jwks),
        ("bundle.jws", &published.bundle),
    ] {
        let path = folder.join(name);
        if std::fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            files::write_public(&path, text.as_bytes())?;
        }
    }
    Ok(())
}

//! The receipts that `exec` signs, as files: written before the command runs, and again when it has ended.

use super::exit::{Exit, Failed};
use crate::condition::ExecutionFacts;
use crate::files;
use crate::party::ExecutorId;
use crate::signer::Signer as _;
use crate::signer::file::FileSigner;
use crate::token::{Receipt, UseOutcome, VerifiedOperation};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A receipt with the certificates of its key, as a file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptFile {
    /// The receipt.
    pub receipt: String,
    /// The certificates that lead to its key from a root, the root's first.
    pub certificates: Vec<String>,
}

/// Signs receipts for what is about to run.
pub(super) struct Receipts {
    signer: FileSigner,
    certificates: Vec<String>,
    folder: PathBuf,
}

/// A receipt of something that runs now; on the disk it says `unknown`.
pub(super) struct Begun {
    receipts: Receipts,
    receipt: Receipt,
    path: PathBuf,
}

impl Receipts {
    /// Takes the key in `key`, the certificates beside it, and the folder where receipts are kept.
    ///
    /// # Errors
    /// [`Failed`] if one of them can't be used: then nothing should be asked for.
    pub(super) fn open(key: &Path, folder: Option<&Path>) -> Result<Self, Failed> {
        let usage = |what: String| Failed::new(Exit::Usage, what);
        let signer = FileSigner::load(key).map_err(|error| usage(error.to_string()))?;
        let certificate = key.with_extension("cert");
        let text = fs::read_to_string(&certificate).map_err(|error| {
            usage(format!("cannot read `{}`: {error}", certificate.display()))
                .advise("`countersign keys certify-executor` writes it beside the key")
        })?;
        let certificates = text.split_ascii_whitespace().map(str::to_owned).collect();
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => super::state_folder()
                .ok_or_else(|| usage("no HOME: say where with `--receipts FOLDER`".to_owned()))?
                .join("receipts"),
        };
        fs::create_dir_all(&folder)
            .map_err(|error| usage(format!("cannot make `{}`: {error}", folder.display())))?;
        Ok(Self { signer, certificates, folder })
    }

    /// Keeps the receipt of an operation that is about to run, before it does.
    ///
    /// # Errors
    /// [`Failed`] if it can't be kept: then the operation must not run.
    pub(super) fn begin(
        self,
        verified: &VerifiedOperation,
        executor: &ExecutorId,
        facts: &ExecutionFacts,
    ) -> Result<Begun, Failed> {
        let receipt = Receipt::begun(verified, facts, super::now())
            .filter(|receipt| receipt.claims().executor == *executor)
            .ok_or_else(|| Failed::new(Exit::Undetermined, "the token is for no executor of a known name"))?;
        let path = self.folder.join(format!("receipt-{}.json", receipt.claims().jti));
        let begun = Begun { receipts: self, receipt, path };
        begun.write(&begun.receipt)?;
        Ok(begun)
    }
}

impl Begun {
    /// Keeps instead how it ended, and hands that out.
    ///
    /// # Errors
    /// [`Failed`] if it can't be kept: the one of the beginning stays.
    pub(super) fn end(self, outcome: UseOutcome) -> Result<ReceiptFile, Failed> {
        let ended = self.receipt.clone().ended(outcome, super::now());
        self.write(&ended)
    }

    fn write(&self, receipt: &Receipt) -> Result<ReceiptFile, Failed> {
        let undetermined = |what: String| Failed::new(Exit::Undetermined, what);
        let Receipts { signer, certificates, folder } = &self.receipts;
        let input =
            receipt.signing_input(signer.public_key()).map_err(|error| undetermined(error.to_string()))?;
        let signature = signer.sign(input.bytes()).map_err(|error| undetermined(error.to_string()))?;
        let file = ReceiptFile { receipt: input.assemble(&signature), certificates: certificates.clone() };
        let text = serde_json::to_vec_pretty(&file).map_err(|error| undetermined(error.to_string()))?;
        // The folder too: otherwise a power cut could take the file's name away.
        let written = files::write_private(&self.path, &text)
            .and_then(|()| File::open(folder))
            .and_then(|folder| folder.sync_all());
        written.map_err(|error| undetermined(format!("cannot write `{}`: {error}", self.path.display())))?;
        Ok(file)
    }
}

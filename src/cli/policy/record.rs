//! The record of a service, read beside it: what was decided, and what came of it, in the order in which it happened.

use crate::audit::again::{Kept, Step};
use crate::audit::event::{Decided, Event};
use crate::cli::exit::Failed;
use crate::digest::PolicyDigest;
use crate::moment::Moment;
use crate::party::TxnId;
use crate::store::embedded::Look;
use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Where the record is.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Source {
    /// The service's configuration; it tells where the record is
    #[arg(long, short, env = "COUNTERSIGN_CONFIG", value_name = "FILE", default_value = "countersign.yaml")]
    config: PathBuf,
    /// The folder of the record, without a configuration
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Source {
    /// Looks into the record, beside a service that may be writing it.
    ///
    /// # Errors
    /// [`Failed`] if there is none.
    pub(in crate::cli) fn look(&self) -> Result<Look, Failed> {
        let data = self.folder()?;
        Look::into_store(&data).map_err(|error| {
            Failed::plain(format!("cannot read the record in `{}`: {error}", data.display()))
        })
    }

    /// The folder of the record.
    ///
    /// # Errors
    /// [`Failed`] if there is no configuration that says it.
    pub(in crate::cli) fn folder(&self) -> Result<PathBuf, Failed> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None => Ok(crate::cli::configured::load(&self.config)?.data),
        }
    }
}

/// What a record holds.
pub(super) struct Read {
    /// What happened at or after the moment that was asked for, oldest first.
    pub(super) steps: Vec<Step>,
    /// The policies that came into force, by their digests: their texts.
    pub(super) policies: HashMap<PolicyDigest, String>,
    /// The last of them.
    pub(super) policy: Option<(PolicyDigest, String)>,
    /// The roster in force.
    pub(super) roster: Option<String>,
    /// The decision that was looked for, if it was found; it is the last step then.
    pub(super) wanted: Option<Box<Decided>>,
}

/// Reads the record from `since` on, or up to the decision that is wanted.
///
/// # Errors
/// [`Failed`] if there is none, or it cannot be read.
pub(super) fn read(source: &Source, since: Moment, wanted: Option<TxnId>) -> Result<Read, Failed> {
    let look = source.look()?;
    let mut read =
        Read { steps: Vec::new(), policies: HashMap::new(), policy: None, roster: None, wanted: None };
    let mut progress = Progress::new("reading the record", look.len());
    for found in look.from(0) {
        let (index, record) = found.map_err(Failed::plain)?;
        progress.at(index);
        let recent = record.at >= since;
        if let Event::PolicyLoaded { digest, text, .. } = &record.event {
            read.policies.insert(*digest, text.clone());
            read.policy = Some((*digest, text.clone()));
        }
        if let Event::RosterLoaded { text, .. } = &record.event {
            read.roster = Some(text.clone());
        }
        if let Event::Decided(decided) = &record.event
            && wanted == Some(decided.txn)
        {
            read.wanted = Some(decided.clone());
            let kept = Kept::of((**decided).clone(), record.at).filter(|_| recent);
            read.steps.extend(kept.map(|kept| Step::Decided(Box::new(kept))));
            break;
        }
        if recent {
            read.steps.extend(Step::of(record));
        }
    }
    progress.done();
    Ok(read)
}

/// How far something is, on standard error if that is a terminal.
pub(in crate::cli) struct Progress {
    what: &'static str,
    total: u64,
    shown: bool,
}

impl Progress {
    pub(in crate::cli) fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, shown: std::io::stderr().is_terminal() && total > Self::EVERY }
    }

    const EVERY: u64 = 5_000;

    pub(in crate::cli) fn at(&mut self, done: u64) {
        if self.shown && done.is_multiple_of(Self::EVERY) {
            let mut terminal = std::io::stderr().lock();
            drop(write!(terminal, "\r{}: {done} of {}", self.what, self.total));
            drop(terminal.flush());
        }
    }

    pub(in crate::cli) fn done(&mut self) {
        if self.shown {
            drop(write!(std::io::stderr().lock(), "\r\x1b[2K"));
            self.shown = false;
        }
    }
}

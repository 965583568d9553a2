//! The embedded store: what every store must do, and what this one must survive.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests say what they expect")]

mod damage;
mod full;
mod killed;
mod opening;

use countersign::store::Store;
use countersign::store::conformance::history::History;
use countersign::store::conformance::model::Model;
use countersign::store::conformance::{CHECKS, Going, Place};
use countersign::store::embedded::{EmbeddedStore, Opened, Options};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A directory, and the store that is open in it.
struct InDirectory {
    parent: TempDir,
    options: Options,
    open: Option<Arc<EmbeddedStore>>,
}

impl InDirectory {
    fn new(options: Options) -> Self {
        Self { parent: tempfile::tempdir().unwrap(), options, open: None }
    }
}

impl Place for InDirectory {
    fn open(&mut self) -> Going<'_, Arc<dyn Store>> {
        Box::pin(async {
            if let Some(before) = self.open.take() {
                before.close().unwrap();
            }
            let (store, _) =
                EmbeddedStore::open(&self.parent.path().join("store"), self.options.clone()).unwrap();
            let store = Arc::new(store);
            self.open = Some(store.clone());
            store as Arc<dyn Store>
        })
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

fn conforms(options: impl Fn() -> Options) {
    let runtime = runtime();
    for check in CHECKS {
        println!("{}", check.name);
        let mut place = InDirectory::new(options());
        runtime.block_on((check.run)(&mut place));
    }
}

#[test]
fn it_does_what_every_store_must() {
    conforms(Options::default);
}

/// With segments so small that records of one change lie in several.
#[test]
fn it_does_what_every_store_must_with_small_segments() {
    let journal = countersign::journal::Options {
        segment_bytes: 16 << 10,
        step_bytes: 4 << 10,
        verify: countersign::journal::Verify::Tail,
        ..countersign::journal::Options::default()
    };
    conforms(|| Options { journal, ..Options::default() });
}

/// A store with some history in it, closed in order, and what is recorded there.
fn some_history(dir: &Path, seed: u64, changes: usize) -> Model {
    let (store, _) = EmbeddedStore::open(dir, Options::default()).unwrap();
    let mut history = History::new(seed);
    let mut model = Model::of(&store);
    let runtime = runtime();
    for _ in 0..changes {
        let change = history.next_change();
        model.records.extend(change.records.iter().cloned());
        runtime.block_on(store.commit(change)).unwrap();
    }
    store.close().unwrap();
    model
}

fn open(dir: &Path) -> (EmbeddedStore, Opened) {
    EmbeddedStore::open(dir, Options::default()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// All files below a directory, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

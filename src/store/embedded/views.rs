//! The views as they are read: what is in memory laid over what is in sled, as if it were one sorted map.

use super::fold::{Entry, Expected};
use super::key::{Key, Span, Value, record_in};
use super::overlay::Overlay;
use super::shelf::{Hash, Shelf, Trouble};
use crate::store::{Index, StoreError};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The writer waits for sled while more entries than this are in memory.
const CROWDED: usize = 16_384;
/// How long entries wait for company before they are written to sled.
const GATHERING: Duration = Duration::from_millis(10);
/// While sled is away, no more entries than about this are taken.
const FULL: usize = 65_536;

/// The views, shared by the readers, the journal's writer and the thread that writes them to sled.
pub(super) struct Views {
    overlay: RwLock<Overlay>,
    shelf: RwLock<Held>,
    orders: Mutex<Orders>,
    /// Rung for the thread that writes to sled.
    bell: Condvar,
    /// Rung when entries went to sled.
    eased: Condvar,
}

/// sled, or why it is away.
enum Held {
    Up(Box<Shelf>),
    Down(StoreError),
}

/// What the thread that writes to sled has to do.
#[derive(Debug, Default)]
struct Orders {
    entries: bool,
    crowded: bool,
    trouble: Option<Trouble>,
    tree: bool,
    closing: bool,
}

/// What that thread does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Write what is waiting.
    Drain,
    /// Open the views again.
    Heal(Trouble),
    /// Make the files of the tree anew.
    MendTree,
    /// Write what is waiting, and end.
    Close,
}

/// A panic elsewhere can't leave these half changed: every change under a lock is one that cannot panic.
fn whole<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

impl Views {
    /// Views in which all records before `end` are.
    pub(super) fn new(shelf: Shelf, end: Index) -> Self {
        Self {
            overlay: RwLock::new(Overlay::starting_at(end)),
            shelf: RwLock::new(Held::Up(Box::new(shelf))),
            orders: Mutex::default(),
            bell: Condvar::new(),
            eased: Condvar::new(),
        }
    }

    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        whole(self.overlay.read())
    }

    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        whole(self.overlay.write())
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        whole(self.orders.lock())
    }

    /// How many records the views have.
    pub(super) fn end(&self) -> Index {
        self.overlay().end()
    }

    /// The first record that sled does not have.
    pub(super) fn undrained(&self) -> Index {
        self.overlay().undrained()
    }

    /// Asks sled; what goes wrong is reported to the thread that can mend it.
    fn ask<T>(&self, question: impl FnOnce(&Shelf) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let answer = match &*whole(self.shelf.read()) {
            Held::Up(shelf) => question(shelf),
            Held::Down(why) => return Err(why.clone()),
        };
        answer.map_err(|trouble| {
            let error = StoreError::Unavailable(trouble.to_string());
            self.report(trouble);
            error
        })
    }

    /// Checks some more of what sled has; says whether all of it is checked.
    pub(super) fn check_some(&self) -> Result<bool, StoreError> {
        self.ask(Shelf::check_some)
    }

    /// An entry.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let recent = self.overlay().get(key);
        recent.map_or_else(|| self.ask(|shelf| shelf.get(key)), Ok)
    }

    /// An entry, for the writer. `seen` says that a submitter looked in vain for every new id when there were that
    /// many records: where memory holds everything since, sled need not be asked again.
    pub(super) fn look(
        &self,
        key: &Key,
        expected: Expected,
        seen: Index,
    ) -> Result<Option<Value>, StoreError> {
        {
            let overlay = self.overlay();
            if let Some(recent) = overlay.get(key) {
                return Ok(recent);
            }
            if expected == Expected::New && overlay.first() <= seen {
                return Ok(None);
            }
        }
        self.ask(|shelf| shelf.get(key))
    }

    /// The entries of a span, at most `limit`, in order from the end that is asked for. All of them are of records
    /// that were there when it began.
    pub(super) fn range(
        &self,
        span: Span,
        latest_first: bool,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let (mut found, end) = {
            let overlay = self.overlay();
            (overlay.range(span, latest_first, limit), overlay.end())
        };
        let wanted = limit.saturating_add(found.values().filter(|value| value.is_none()).count());
        self.ask(|shelf| {
            let mut seen = 0;
            shelf.range(span, latest_first, |key, value| {
                // A change that came meanwhile might be seen by half.
                if record_in(&key, &value).is_some_and(|index| index < end) {
                    found.entry(key).or_insert(Some(value));
                    seen += 1;
                }
                seen < wanted
            })
        })?;
        Ok(ordered(found, latest_first, limit))
    }

    /// Whether more can be recorded: while sled is away, memory must not fill up.
    pub(super) fn room(&self) -> Result<(), StoreError> {
        if self.overlay().waiting() < FULL {
            return Ok(());
        }
        match &*whole(self.shelf.read()) {
            Held::Up(_) => Ok(()),
            Held::Down(why) => Err(why.clone()),
        }
    }

    /// Adds the entries of changes, each with the record that comes after it: from now on they are seen.
    pub(super) fn add<'a>(&self, changes: impl IntoIterator<Item = (&'a [Entry], Index)>) {
        let waiting = {
            let mut overlay = self.overlay_mut();
            for (entries, end) in changes {
                overlay.add(entries, end);
            }
            overlay.waiting()
        };
        let mut orders = self.orders();
        let crowded = waiting > CROWDED;
        if !orders.entries || crowded {
            orders.entries = true;
            orders.crowded |= crowded;
            self.bell.notify_all();
        }
        if crowded && !orders.closing && self.overlay().waiting() > CROWDED && self.is_up() {
            // Whoever is faster than sled for long waits for it here.
            drop(self.eased.wait_timeout(orders, Duration::from_secs(1)));
        }
    }

    fn is_up(&self) -> bool {
        matches!(&*whole(self.shelf.read()), Held::Up(_))
    }

    /// Tells the thread that writes to sled what went wrong with it.
    pub(super) fn report(&self, trouble: Trouble) {
        let mut orders = self.orders();
        // The views are opened anew whatever it was, but only damage has them rebuilt.
        if !matches!(orders.trouble, Some(Trouble::Damaged(_))) {
            orders.trouble = Some(trouble);
        }
        self.bell.notify_all();
    }

    /// Tells it that the files of the tree are not what they should be.
    pub(super) fn report_tree(&self) {
        self.orders().tree = true;
        self.bell.notify_all();
    }

    /// Tells it to end.
    pub(super) fn close(&self) {
        self.orders().closing = true;
        self.bell.notify_all();
    }

    /// Waits for something to do. A few more entries are waited for: sled takes many at once far more cheaply.
    pub(super) fn next_order(&self) -> Order {
        let mut orders = self.orders();
        loop {
            if let Some(trouble) = orders.trouble.take() {
                return Order::Heal(trouble);
            }
            if orders.closing {
                return Order::Close;
            }
            if std::mem::take(&mut orders.tree) {
                return Order::MendTree;
            }
            if orders.entries {
                break;
            }
            orders = whole(self.bell.wait(orders));
        }
        let idle = |orders: &mut Orders| !orders.closing && !orders.crowded && orders.trouble.is_none();
        let mut orders = match self.bell.wait_timeout_while(orders, GATHERING, idle) {
            Ok((orders, _)) => orders,
            Err(poisoned) => poisoned.into_inner().0,
        };
        (orders.entries, orders.crowded) = (false, false);
        Order::Drain
    }

    /// Waits a while, unless it is to end.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let orders = self.bell.wait_timeout_while(self.orders(), time, |orders| !orders.closing);
        let orders = orders.map_or_else(|poisoned| poisoned.into_inner().0, |(orders, _)| orders);
        !orders.closing
    }

    /// Writes what is waiting to sled. `ends` says the hashes of the first record and of the one before an index.
    pub(super) fn drain(&self, ends: impl Fn(Index) -> Result<(Hash, Hash), Trouble>) -> Result<(), Trouble> {
        let next = self.overlay_mut().drain();
        let Some(generation) = next else { return Ok(()) };
        self.ease();
        match &*whole(self.shelf.read()) {
            Held::Up(shelf) => {
                for (entries, until) in generation.batches() {
                    // Some of them may have been written before sled was opened anew.
                    if shelf.mark().is_some_and(|mark| mark.until < until) {
                        shelf.apply(entries, until, ends(until)?)?;
                    }
                }
            }
            Held::Down(why) => return Err(Trouble::Io(why.to_string())),
        }
        let freed = self.overlay_mut().drained();
        drop(freed);
        Ok(())
    }

    /// Lets the writer go on. Whoever found it crowded holds the orders until it waits, so that it can't miss this.
    fn ease(&self) {
        drop(self.orders());
        self.eased.notify_all();
    }

    /// Takes sled away, waiting for those who read it.
    pub(super) fn take_down(&self, why: StoreError) {
        let held = std::mem::replace(&mut *whole(self.shelf.write()), Held::Down(why));
        drop(held);
        self.ease();
    }

    /// Puts sled back, as it is or opened anew.
    pub(super) fn put_up(&self, shelf: Shelf) {
        *whole(self.shelf.write()) = Held::Up(Box::new(shelf));
        // What was reported meanwhile was about the one that is gone.
        let mut orders = self.orders();
        orders.trouble = None;
        orders.entries = true;
    }

    /// Takes sled out, to close it.
    pub(super) fn take_out(&self) -> Option<Shelf> {
        let closed = Held::Down(StoreError::Unavailable("the store is closed".to_owned()));
        match std::mem::replace(&mut *whole(self.shelf.write()), closed) {
            Held::Up(shelf) => Some(*shelf),
            Held::Down(_) => None,
        }
    }
}

fn ordered(found: BTreeMap<Key, Option<Value>>, latest_first: bool, limit: usize) -> Vec<(Key, Value)> {
    let there = found.into_iter().filter_map(|(key, value)| Some((key, value?)));
    if latest_first { there.rev().take(limit).collect() } else { there.take(limit).collect() }
}

//! The thread that writes the views to sled behind everybody's back, and mends them when something is wrong.

use super::keeper::{Found, Keeper};
use super::shelf::Trouble;
use super::tree::{Tree, TreeTrouble};
use super::views::{Order, Views};
use super::{Notice, Rebuilt, StoreOpenError};
use crate::store::StoreError;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before the views are tried again.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Drainer {
    pub(super) views: Arc<Views>,
    pub(super) keeper: Keeper,
    pub(super) tree: Arc<Tree>,
    /// It was told that the files of the tree cannot be written.
    pub(super) behind: Cell<bool>,
}

impl Drainer {
    /// Works until it is told to end; says whether the views were left whole.
    pub(super) fn run(self) -> Result<(), StoreError> {
        loop {
            match self.views.next_order() {
                Order::Drain => {
                    self.drain_tree(false);
                    if let Err(trouble) = self.drain() {
                        self.heal(trouble);
                    }
                }
                Order::Heal(trouble) => self.heal(trouble),
                Order::MendTree => self.mend_tree(),
                Order::Close => return self.close(),
            }
        }
    }

    fn drain(&self) -> Result<(), Trouble> {
        self.views.drain(|until| self.keeper.ends(until).map_err(|error| Trouble::Io(error.to_string())))
    }

    /// Opens the views again, rebuilt where they were damaged, however long it takes.
    fn heal(&self, trouble: Trouble) {
        let mut why = trouble;
        loop {
            let down = match &why {
                Trouble::Full => StoreError::Full,
                other @ (Trouble::Locked | Trouble::Io(_) | Trouble::Damaged(_)) => {
                    StoreError::Unavailable(other.to_string())
                }
            };
            self.tell(&Notice::ViewsDown(why.to_string()));
            self.views.take_down(down);
            let doubt = match why {
                Trouble::Damaged(what) => Some(Rebuilt::Damaged(what)),
                Trouble::Full | Trouble::Locked | Trouble::Io(_) => None,
            };
            match self.keeper.open(self.views.undrained(), doubt) {
                Ok((shelf, found)) => {
                    self.views.put_up(shelf);
                    self.tell(&Notice::ViewsUp { rebuilt: matches!(found, Found::Rebuilt(_)) });
                    return;
                }
                Err(error) => why = still(error),
            }
            if !self.views.pause(RETRY) {
                return;
            }
        }
    }

    /// What can't be written now stays in memory, and is written the next time.
    fn drain_tree(&self, ending: bool) {
        let drained = self.tree.drain(ending);
        let was_behind = self.behind.replace(drained.is_err());
        if let Err(error) = drained
            && !was_behind
        {
            self.tell(&Notice::TreeBehind(error.to_string()));
        }
    }

    fn mend_tree(&self) {
        match self.tree.mend(&self.keeper.reader) {
            Ok(()) => self.tell(&Notice::TreeMended),
            Err(TreeTrouble::Read(error)) => self.tell(&Notice::TreeBehind(error.to_string())),
            Err(TreeTrouble::Altered(_)) => {
                if let Err(error) = self.tree.sound() {
                    self.tell(&Notice::Unsound(error.to_string()));
                }
            }
        }
    }

    fn tell(&self, notice: &Notice) {
        if let Some(tell) = &self.keeper.tell {
            tell(notice);
        }
    }

    /// Writes what is left, and syncs it all.
    fn close(&self) -> Result<(), StoreError> {
        self.drain_tree(true);
        let unavailable = |why: String| StoreError::Unavailable(why);
        // One generation may be half written already, and the next be waiting.
        for _ in 0..2 {
            self.drain().map_err(|trouble| unavailable(trouble.to_string()))?;
        }
        let Some(shelf) = self.views.take_out() else { return Ok(()) };
        shelf.close(&self.keeper.views()).map_err(|trouble| unavailable(trouble.to_string()))?;
        self.keeper.note_clean().map_err(|error| unavailable(error.to_string()))
    }
}

/// What keeps the views away still.
fn still(error: StoreOpenError) -> Trouble {
    match error {
        StoreOpenError::Full { .. } => Trouble::Full,
        StoreOpenError::Locked { .. } => Trouble::Locked,
        other @ (StoreOpenError::Journal(_)
        | StoreOpenError::Read(_)
        | StoreOpenError::Unreadable { .. }
        | StoreOpenError::Lost { .. }
        | StoreOpenError::Altered { .. }
        | StoreOpenError::Values(_)
        | StoreOpenError::Views { .. }
        | StoreOpenError::Io { .. }) => Trouble::Io(other.to_string()),
    }
}

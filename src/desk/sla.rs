//! What should have been decided by now: how long each level may wait, and what waits longer (E6).

use super::DeskError;
use super::queue::{Line, Queue};
use crate::escalation::{Opening, Status};
use crate::moment::Moment;
use crate::risk::Level;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long an escalation of each level may wait. Where nothing is said, half of the time that there is to decide it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sla(BTreeMap<Level, Duration>);

impl Sla {
    /// So long for these levels.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = (Level, Duration)>) -> Self {
        Self(spans.into_iter().collect())
    }

    /// From when on it is late.
    #[must_use]
    pub fn due(&self, level: Level, opening: &Opening) -> Moment {
        let span = self.0.get(&level).copied();
        opening.opened_at.plus(span.unwrap_or(opening.terms.decide_within / 2))
    }
}

/// Something that should have been decided.
#[derive(Clone, Debug)]
pub struct Late {
    /// What it is.
    pub line: Arc<Line>,
    /// Since when it is late.
    pub since: Moment,
}

impl Queue {
    /// What should have been decided by now, the latest of all first.
    ///
    /// # Errors
    /// [`DeskError`] if what is open can't be read.
    pub fn late(&self, sla: &Sla) -> Result<Vec<Late>, DeskError> {
        let now = self.now();
        let mut late = Vec::new();
        for id in self.open()? {
            let line = self.line(id)?;
            let opening = line.escalation.case().opening();
            let since = sla.due(line.assessment.level, opening);
            // A drill is nobody's request.
            if !opening.drill && since <= now && line.escalation.status(now) == Status::Pending {
                late.push(Late { line, since });
            }
        }
        late.sort_by_key(|one| one.since);
        Ok(late)
    }
}

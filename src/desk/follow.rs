//! What a desk keeps in memory follows what other replicas record: who has what to do, what ends when, who is away.

use super::DeskError;
use super::asking::shown;
use super::local::{LocalDesk, replay};
use crate::audit::event::{Event, Record};
use crate::escalation::{Escalation, Event as Happened};
use crate::moment::Moment;
use crate::party::EscalationId;
use crate::reviewer::Absences;
use crate::store::follow::Follows;
use crate::store::{Basis, Document, Index, Store, StoreError};
use core::ops::Range;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};

/// After how long an escalation that another replica looks after is looked at here as well: who else is to be asked, and
/// when, only the one knows that asked last, and it may be gone.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Which records are counted: each once, whether this replica wrote it or another.
pub(super) struct Noted {
    /// The record that is followed next; nothing where this process is the only one.
    next: Option<Index>,
    /// What was counted when it was written, and is yet to be read.
    own: BTreeSet<Index>,
    /// What others wrote and is yet to be counted.
    others: BTreeMap<Index, (EscalationId, Happened)>,
    /// Somebody's absence was recorded.
    absences: bool,
}

impl Noted {
    /// Nothing is counted from this record on.
    pub(super) const fn from(next: Option<Index>) -> Self {
        Self { next, own: BTreeSet::new(), others: BTreeMap::new(), absences: false }
    }

    pub(super) const fn next(&self) -> Option<Index> {
        self.next
    }

    /// Whether what this replica has just written is to be counted now: it may have been read already.
    pub(super) fn own(&mut self, places: Range<Index>) -> bool {
        let Some(next) = self.next else { return true };
        if places.start < next {
            return false;
        }
        self.own.extend(places);
        true
    }

    fn follow(&mut self, index: Index, record: &Record) {
        let Some(next) = self.next.filter(|next| *next <= index) else { return };
        self.next = Some(next.max(index.saturating_add(1)));
        if self.own.remove(&index) {
            return;
        }
        if let Event::Escalation { id, step } = &record.event {
            self.others.insert(index, (*id, step.clone()));
        }
        self.absences |= matches!(record.event, Event::Absence { .. });
    }
}

/// Who is away by the record, and where that stands.
pub(super) fn recorded_absences(store: &dyn Store) -> Result<(Option<Index>, Arc<Absences>), StoreError> {
    let Some(index) = store.stands(&Basis::Document(Document::Absences))? else {
        return Ok((None, Arc::default()));
    };
    let Event::Absence { absences, .. } = store.record(index)?.event else {
        return Err(StoreError::Damaged(format!("record {index} is not what it was found as: an absence")));
    };
    Ok((Some(index), Arc::new(absences)))
}

impl LocalDesk {
    pub(super) fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes who is away, unless it is known by a later record.
    pub(super) fn take_absences(&self, place: Option<Index>, absences: Arc<Absences>) {
        self.absences.send_if_modified(|known| {
            let later = known.0 < place;
            if later {
                *known = (place, absences);
            }
            later
        });
    }

    /// Counts what others wrote.
    fn count_others(&self, others: &BTreeMap<Index, (EscalationId, Happened)>) -> Result<(), DeskError> {
        let touched: BTreeSet<EscalationId> = others.values().map(|(id, _)| *id).collect();
        let mut states = Vec::with_capacity(touched.len());
        for id in touched {
            let course = self.store.course(id)?;
            let escalation = replay(id, &course)?;
            let shown = match &escalation {
                Escalation::Pending(_) => Some(shown(id, &self.decided(id, &course, &escalation)?)?),
                Escalation::Approved(_)
                | Escalation::Claimed(_)
                | Escalation::Denied(_)
                | Escalation::Expired(_)
                | Escalation::Cancelled(_)
                | Escalation::Blocked(_)
                | Escalation::Lapsed(_) => None,
            };
            let judged = course.records.last().map_or(Moment::default(), |(_, record)| record.at);
            states.push((id, escalation, shown, judged));
        }
        let directory = self.roster.directory();
        let mut workload = self.workload();
        for (_, escalation, shown, _) in &states {
            if let Some(shown) = shown {
                workload.opened_once(escalation.case().opening(), *shown);
            }
        }
        for (id, step) in others.values() {
            workload.happened(*id, step);
            self.recall_counter(step, &directory);
        }
        drop(workload);
        let again = self.now().plus(LOOK_AGAIN);
        for (id, escalation, shown, judged) in states {
            self.remember(id, &escalation, judged, shown.map(|_| again));
        }
        Ok(())
    }
}

impl Follows for LocalDesk {
    fn follow(&self, index: Index, record: &Record) {
        self.noted().follow(index, record);
    }

    fn followed(&self) {
        let (others, absences) = {
            let mut noted = self.noted();
            (core::mem::take(&mut noted.others), core::mem::take(&mut noted.absences))
        };
        if absences {
            match recorded_absences(self.store.as_ref()) {
                Ok((place, absences)) => self.take_absences(place, absences),
                Err(error) => {
                    tracing::error!(%error, "who is away can't be read");
                    self.noted().absences = true;
                }
            }
        }
        if !others.is_empty()
            && let Err(error) = self.count_others(&others)
        {
            tracing::error!(%error, "what other replicas recorded can't be counted just now");
            self.noted().others.extend(others);
        }
    }
}

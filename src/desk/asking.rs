//! Asking: whom an escalation is brought before, counted so that nobody is asked too often, whatever comes at once.

use super::local::{LocalDesk, replay};
use super::opening::rendering;
use super::{DeskError, Docket};
use crate::audit::event::{Decided, Event};
use crate::escalation::{Case, Escalation, Event as Happened};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{EscalationId, PersonId};
use crate::reviewer::routing::{About, Route, is_pressing, route_case};
use crate::reviewer::workload::{Likeness, Shown};
use crate::reviewer::{Attendance, Workload};
use crate::store::Index;
use core::ops::Range;
use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

/// How many escalations are read for what people had to do and did.
const RECALLED: usize = 2048;

/// What follows from how an escalation stands: whom to ask now, and when to look again.
pub(super) struct Asking {
    pub(super) events: Vec<Happened>,
    pub(super) again_at: Option<Moment>,
}

/// Who can still decide an escalation, and who of them was asked.
#[derive(Clone, Debug)]
pub struct WhoCan {
    /// The smallest sets of people who could complete it; ten at most.
    pub sets: Vec<BTreeSet<PersonId>>,
    /// Everyone who could fill a seat, by id.
    pub people: Vec<Able>,
}

/// Somebody who could fill a seat.
#[derive(Clone, Debug)]
pub struct Able {
    /// Who.
    pub person: PersonId,
    /// Whether they were asked.
    pub asked: bool,
    /// Why they would be asked, or why they were not, in words.
    pub why: String,
}

impl LocalDesk {
    pub(super) fn workload(&self) -> MutexGuard<'_, Workload> {
        self.workload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to ask now. They count as asked from here on, so that two escalations at once do not both take the last of
    /// somebody's day; if it is not recorded after all, they were asked once less than counted.
    pub(super) fn ask(
        &self,
        escalation: &Escalation,
        decided: &Decided,
        here: &Attendance<'_>,
    ) -> Result<Asking, DeskError> {
        let mut asking = Asking { events: Vec::new(), again_at: None };
        let Escalation::Pending(_) = escalation else { return Ok(asking) };
        let (id, now) = (escalation.case().opening().id, here.at());
        if escalation.case().amendment().is_some() {
            return Ok(asking);
        }
        let shown = shown(id, decided)?;
        let mut workload = self.workload();
        workload.opened_once(escalation.case().opening(), shown);
        let mut state = escalation.clone();
        let found = loop {
            let found = find(state.case(), decided, shown, here, &workload, false);
            // Too few of those who could are there: the next stage begins, or the escalation pool is asked.
            match state.widen(now).filter(|_| !found.enough) {
                Some(widened) => {
                    let error = |error| DeskError::Senseless(id, format!("{error}"));
                    state = state.after(core::slice::from_ref(&widened)).map_err(error)?;
                    asking.events.push(widened);
                }
                // Nobody is left who is at work: then those who are not, once it can't wait for them any more.
                None if !found.enough && is_pressing(escalation.case().opening(), now) => {
                    break find(state.case(), decided, shown, here, &workload, true);
                }
                None => break found,
            }
        };
        asking.again_at = found.again_at;
        let people: Vec<PersonId> = found.ask.into_iter().map(|turn| turn.person).collect();
        if let Some(asked) = state.ask(&people, now) {
            workload.happened(id, &asked);
            asking.events.push(asked);
        }
        Ok(asking)
    }

    /// Takes note of what was recorded at these places.
    pub(super) fn note(&self, id: EscalationId, events: &[Happened], places: Range<Index>) {
        if !self.noted().own(places) {
            // It was read from the record already, as if another had recorded it.
            return;
        }
        let mut workload = self.workload();
        for event in events {
            // Those who were asked are counted since before it was recorded.
            if !matches!(event, Happened::Asked { .. }) {
                workload.happened(id, event);
            }
        }
    }

    /// Reads from the record what waits, what people had to do and did, and what their passkeys counted.
    pub(super) fn recall(&self) -> Result<(), DeskError> {
        let open: BTreeSet<EscalationId> = self.store.open()?.into_iter().collect();
        let latest = self.store.latest(RECALLED)?.into_iter().filter(|id| !open.contains(id));
        let mut events = Vec::new();
        for id in latest.chain(open.iter().copied()) {
            let course = self.store.course(id)?;
            if open.contains(&id) {
                let escalation = replay(id, &course)?;
                self.remember(id, &escalation, escalation.case().opening().opened_at, None);
                if let Escalation::Pending(_) = escalation {
                    let shown = shown(id, &self.decided(id, &course, &escalation)?)?;
                    self.workload().opened_once(escalation.case().opening(), shown);
                }
            }
            let steps = course.records.into_iter().filter_map(|(index, record)| {
                if let Event::Escalation { step, .. } = record.event { Some((index, id, step)) } else { None }
            });
            events.extend(steps);
        }
        // As they happened, whichever escalation they are of.
        events.sort_by_key(|(index, ..)| *index);
        // What is about to be followed is counted then.
        let followed = self.noted().next().unwrap_or(Index::MAX);
        events.retain(|(index, ..)| *index < followed);
        let directory = self.roster.directory();
        let mut workload = self.workload();
        for (_, id, event) in &events {
            workload.happened(*id, event);
            self.recall_counter(event, &directory);
        }
        Ok(())
    }

    /// Who can still decide it, and why each of them was asked or not.
    ///
    /// # Errors
    /// [`DeskError`] if it can't be read.
    pub async fn who_can(&self, id: EscalationId) -> Result<WhoCan, DeskError> {
        let Docket { escalation, decided, .. } = self.settle(id).await?;
        let Escalation::Pending(_) = &escalation else {
            return Ok(WhoCan { sets: Vec::new(), people: Vec::new() });
        };
        let (case, here) = (escalation.case(), self.here());
        let attendance = here.attendance();
        let route = find(case, &decided, shown(id, &decided)?, &attendance, &self.workload(), false);
        let able = |person: PersonId| {
            let turn = route.ask.iter().find(|turn| turn.person == person).map(ToString::to_string);
            let obstacle = route.passed_over.iter().find(|(one, _)| *one == person);
            let why = turn.or_else(|| obstacle.map(|(_, obstacle)| obstacle.to_string()));
            let asked = case.was_asked(&person);
            let there = if asked { "asked" } else { "others were asked before them" };
            Able { person, asked, why: why.unwrap_or_else(|| there.to_owned()) }
        };
        let people = case.eligible(&attendance, here.now).into_iter().map(able).collect();
        Ok(WhoCan { sets: case.completions(&attendance, here.now, 10), people })
    }
}

/// Whom to ask, as things stand.
fn find(
    case: &Case,
    decided: &Decided,
    shown: Shown,
    here: &Attendance<'_>,
    workload: &Workload,
    off_hours: bool,
) -> Route {
    let (action, resource) = subject(decided);
    let about = About { action: &action, resource: &resource, like: shown.like };
    route_case(case, about, off_hours, here, workload)
}

/// What people are shown of it, as far as it matters for how much there is to do.
pub(super) fn shown(id: EscalationId, decided: &Decided) -> Result<Shown, DeskError> {
    let (action, resource) = subject(decided);
    let characters = rendering(id, decided)?.0.text.chars().count();
    Ok(Shown { like: Likeness::new(&decided.agent, &action, &resource), characters })
}

fn subject(decided: &Decided) -> (String, String) {
    match Operation::from_op_bytes(decided.op.as_bytes()) {
        Ok(operation) => (operation.action().to_owned(), operation.resource().to_owned()),
        Err(_) => (String::new(), String::new()),
    }
}

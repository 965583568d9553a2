//! Out of office: people say when they are away and who stands in, and what waits for them finds others at once.

use super::DeskError;
use super::follow::recorded_absences;
use super::local::LocalDesk;
use super::sessions::Reviewer;
use crate::audit::event::Event;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::reviewer::workload::Load;
use crate::reviewer::{Absence, AbsenceError, Absences, Attendance, Person, Presence};
use crate::store::{Basis, Change, Document, StoreError};
use core::fmt;
use std::sync::Arc;

/// Why an absence was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwayRefused {
    /// It can't be announced.
    Absence(AbsenceError),
    /// It could not be recorded.
    Desk(DeskError),
}

impl fmt::Display for AwayRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absence(error) => error.fmt(f),
            Self::Desk(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AwayRefused {}

/// Whether a person is there, and for whom they stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Who.
    pub person: PersonId,
    /// Whether they are there.
    pub presence: Presence,
    /// Those who are away and for whom they stand in.
    pub stands_in_for: Vec<PersonId>,
    /// How often they were asked since their day began.
    pub asked_today: usize,
    /// How many things wait for them; what is equivalent is one.
    pub waiting: usize,
}

impl LocalDesk {
    /// Announces when somebody is away and who stands in; it replaces what it overlaps.
    ///
    /// # Errors
    /// [`AwayRefused`].
    pub async fn announce(
        &self,
        reviewer: &Reviewer,
        from: Moment,
        until: Moment,
        delegate: Option<PersonId>,
    ) -> Result<(), AwayRefused> {
        let person = reviewer.person();
        let absence = Absence { from, until, delegate, known: reviewer.lends() };
        self.here().attendance().may_announce(person, &absence).map_err(AwayRefused::Absence)?;
        self.record_absence(person, Some(absence)).await.map_err(AwayRefused::Desk)
    }

    /// Ends whatever absence somebody is in.
    ///
    /// # Errors
    /// [`DeskError`] if it could not be recorded.
    pub async fn come_back(&self, reviewer: &Reviewer) -> Result<(), DeskError> {
        self.record_absence(reviewer.person(), None).await
    }

    async fn record_absence(&self, person: &PersonId, absence: Option<Absence>) -> Result<(), DeskError> {
        let _alone = self.announcing.lock().await;
        loop {
            // By the record: another replica may have recorded somebody's since this one heard of any.
            let (place, absences) = recorded_absences(self.store.as_ref())?;
            let mut absences = Absences::clone(&absences);
            let now = self.now();
            match &absence {
                Some(absence) => absences.announce(person, absence.clone(), now),
                None => absences.end(person, now),
            }
            let (absence, all) = (absence.clone(), absences.clone());
            let event = Event::Absence { person: person.clone(), absence, absences: all };
            let change = Change::of(now, [event]).resting_on(Basis::Document(Document::Absences), place);
            match self.store.commit(change).await {
                Ok(places) => {
                    self.take_absences(Some(places.start), Arc::new(absences));
                    break;
                }
                Err(StoreError::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Whoever was counted upon may not be there any more, or somebody else may decide now. The absence is recorded,
        // so that nothing that goes wrong with one of them is an answer to who announced it.
        for id in self.store.open()? {
            if let Err(error) = self.settle(id).await {
                tracing::error!(escalation = %id, %error, "an escalation could not be looked at anew");
            }
        }
        Ok(())
    }

    /// Who is there, everyone by id.
    #[must_use]
    pub fn whereabouts(&self) -> Vec<Whereabouts> {
        let here = self.here();
        let attendance: Attendance<'_> = here.attendance();
        let workload = self.workload();
        let of = |person: &Person| {
            let id = &person.id;
            let stands_in_for = attendance.stand_ins().filter(|(_, to)| *to == id);
            let stands_in_for = stands_in_for.map(|(absent, _)| absent.clone()).collect();
            let presence = attendance.presence(id)?;
            let load = workload.of(id);
            let asked_today = load.map_or(0, |load| load.asked_since(person.day_of(here.now)));
            let waiting = load.map_or(0, Load::pending);
            Some(Whereabouts { person: id.clone(), presence, stands_in_for, asked_today, waiting })
        };
        here.directory.people().filter_map(of).collect()
    }

    /// What somebody announced of their absences and what is not over, in the order of time.
    #[must_use]
    pub fn announced(&self, person: &PersonId) -> Vec<Absence> {
        let absences = self.absences.borrow().1.clone();
        absences.of(person, self.now()).into_iter().cloned().collect()
    }
}

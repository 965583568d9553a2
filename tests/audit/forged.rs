//! A record as somebody rewrites it who can sign whatever they like for the log.

use crate::story::story;
use crate::support::key;
use countersign::audit::event::{Decided, Event, Minted, Record};
use countersign::escalation::{Cast, Event as Step, Status};
use countersign::moment::Moment;
use countersign::operation::json::Value;
use countersign::party::{EscalationId, SuspensionId};
use countersign::presence::ssh::VOTE_NAMESPACE;
use countersign::suspension::Suspension;

/// A record as somebody rewrites it.
pub(crate) struct Forged {
    pub(crate) records: Vec<Record>,
}

impl Forged {
    pub(crate) fn new() -> Self {
        Self { records: story().records() }
    }

    pub(crate) fn find(&self, holds: impl Fn(&Event) -> bool) -> usize {
        self.records.iter().position(|record| holds(&record.event)).expect("it happened")
    }

    /// The course of the first escalation that ended so and had so many votes: its id, and the places of its events.
    pub(crate) fn course(&self, status: Status, votes: usize) -> (EscalationId, Vec<usize>) {
        for record in &self.records {
            let Event::Escalation { id, step: Step::Opened(opening) } = &record.event else { continue };
            let places: Vec<usize> =
                (0..self.records.len()).filter(|place| self.step(*place, *id).is_some()).collect();
            let steps = places.iter().map(|place| self.step(*place, *id).unwrap());
            let state = countersign::escalation::Escalation::replay(steps).unwrap();
            if state.recorded_status() == status && state.case().votes().len() == votes && !opening.drill {
                return (*id, places);
            }
        }
        panic!("there is no such escalation");
    }

    pub(crate) fn step(&self, place: usize, of: EscalationId) -> Option<&Step> {
        match &self.records[place].event {
            Event::Escalation { id, step } if *id == of => Some(step),
            _ => None,
        }
    }

    pub(crate) fn place_of(&self, id: EscalationId, holds: impl Fn(&Step) -> bool) -> usize {
        (0..self.records.len()).find(|place| self.step(*place, id).is_some_and(&holds)).unwrap()
    }

    pub(crate) fn cast(&mut self, place: usize) -> &mut Cast {
        match &mut self.records[place].event {
            Event::Escalation { step: Step::Voted(cast), .. } => cast,
            other => panic!("no vote: {other:?}"),
        }
    }

    pub(crate) fn decided(&mut self, place: usize) -> &mut Decided {
        match &mut self.records[place].event {
            Event::Decided(decided) => decided,
            other => panic!("no decision: {other:?}"),
        }
    }

    pub(crate) fn minted(&mut self, place: usize) -> &mut Minted {
        match &mut self.records[place].event {
            Event::Minted(minted) => minted,
            other => panic!("no token: {other:?}"),
        }
    }

    /// The mint of this escalation.
    pub(crate) fn mint_of(&self, id: EscalationId) -> usize {
        self.find(|event| matches!(event, Event::Minted(minted) if minted.escalation == Some(id)))
    }

    /// The first token that policy alone allowed.
    pub(crate) fn free_mint(&self) -> usize {
        self.find(|event| matches!(event, Event::Minted(minted) if minted.escalation.is_none()))
    }

    /// The first token under a condition.
    pub(crate) fn conditional_mint(&self) -> usize {
        self.find(|event| matches!(event, Event::Minted(minted) if minted.claims.contains("cs_cond")))
    }

    /// Puts a receipt of a token behind everything of its time, and gives its place.
    pub(crate) fn use_of(&mut self, mint: usize, after: u64, change: fn(&mut serde_json::Value)) -> usize {
        let receipted = story().receipt(self.minted(mint), after, change);
        let claims: serde_json::Value = serde_json::from_str(&self.minted(mint).claims).unwrap();
        let at = Moment::from_unix_seconds(claims["iat"].as_u64().unwrap() + after + 1);
        let place = self.records.iter().position(|record| record.at > at).unwrap_or(self.records.len());
        let at = at.max(self.records[place - 1].at);
        self.records.insert(place, Record::new(at, Event::Receipted(Box::new(receipted))));
        place
    }

    /// Puts an event behind this place, at the same time.
    pub(crate) fn insert(&mut self, place: usize, event: Event) {
        let at = self.records[place - 1].at;
        self.records.insert(place, Record::new(at, event));
    }

    /// Rewrites a claim of a token.
    pub(crate) fn claim(&mut self, place: usize, name: &str, value: Option<Value>) {
        let minted = self.minted(place);
        let mut claims: serde_json::Value = serde_json::from_str(&minted.claims).unwrap();
        let object = claims.as_object_mut().unwrap();
        object.remove(name).unwrap_or_else(|| panic!("there is no claim {name}"));
        if let Some(value) = value {
            let value = serde_json::from_slice(&value.to_canonical()).unwrap();
            object.insert(name.to_owned(), value);
        }
        minted.claims = serde_json::to_string(&claims).unwrap();
    }

    pub(crate) fn leaves(&self) -> Vec<Vec<u8>> {
        self.records.iter().map(|record| record.to_canonical().unwrap()).collect()
    }
}

/// Signs a statement anew, with whoever's key.
pub(crate) fn sign(cast: &mut Cast, who: &str) {
    let signature = key(who).sign(VOTE_NAMESPACE, &cast.statement.to_bytes()).to_armored();
    cast.signature = Some(signature);
}

pub(crate) fn suspension() -> Suspension {
    Suspension {
        id: SuspensionId::from_random([9; 16]),
        agent: None,
        action: None,
        reason: "stop".into(),
        by: "olga".into(),
        at: Moment::default(),
        until: None,
    }
}

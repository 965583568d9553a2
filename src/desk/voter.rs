//! A voter: what one person may say about an escalation at this moment, and what they have said.

use super::Docket;
use super::local::LocalDesk;
use super::queue::Line;
use crate::escalation::vote::{Choice, Conditions};
use crate::escalation::{Cast, Escalation, Sight, VoteRefusal};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::token::Assurance;
use std::sync::Arc;

/// What one person may say about an escalation at this moment, and what they have said.
#[derive(Clone, Debug)]
pub struct Voter {
    /// How surely they have to be known for an approval of theirs to count; or why none does.
    pub approve: Result<Assurance, VoteRefusal>,
    /// The same for an approval in an emergency.
    pub break_glass: Result<Assurance, VoteRefusal>,
    /// Whether they may deny it, or why not. A no counts however surely its speaker is known.
    pub deny: Result<(), VoteRefusal>,
    /// An approval of theirs counts from this moment on, where that is not yet.
    pub not_before: Option<Moment>,
    /// What they said, where it stands.
    pub said: Option<Cast>,
    /// They were asked, so they can pass it on.
    pub asked: bool,
    /// They may review the emergency that it was.
    pub reviews: bool,
}

impl LocalDesk {
    /// What this person may say about an escalation, and what they have said.
    #[must_use]
    pub fn voter(&self, docket: &Docket, person: &PersonId) -> Voter {
        let here = self.here();
        let here = here.attendance();
        let (case, now) = (docket.escalation.case(), here.at());
        let open = matches!(docket.escalation, Escalation::Pending(_));
        let status = docket.escalation.status(now);
        let may = |choice: &Choice| {
            if !open || status.is_over() {
                Err(VoteRefusal::Resolved(status))
            } else if case.amendment().is_some() && choice.approves() {
                Err(VoteRefusal::Amended)
            } else {
                case.admits(person, choice, &here, now)
            }
        };
        let counts_from = case.counts_from(person);
        Voter {
            approve: may(&Choice::Approve(Conditions::default())),
            break_glass: may(&Choice::BreakGlass(Conditions::default())),
            deny: may(&Choice::Deny).map(|_| ()),
            not_before: (counts_from > now).then_some(counts_from),
            said: case.votes().iter().find(|vote| vote.person() == person).cloned(),
            asked: open && case.was_asked(person),
            reviews: docket.escalation.awaits_review_by(person, &here),
        }
    }

    /// Notes that a line has reached somebody whom it waits for, the first time. Nobody waits for that.
    pub fn delivered(self: &Arc<Self>, line: &Line, person: &PersonId) {
        if line.escalation.case().attention_of(person).delivered_at.is_some() {
            return;
        }
        let (desk, id, person) = (self.clone(), line.id, person.clone());
        tokio::spawn(async move {
            if let Err(error) = desk.seen(id, &person, &[Sight::Delivered]).await {
                tracing::debug!(escalation = %id, %person, %error, "that it was delivered is not recorded");
            }
        });
    }
}

//! Deciding: what whoever looks at a proposal can do about it, and why not where they can't.

use super::people::People;
use crate::condition::ConditionKind;
use crate::console::words::span;
use crate::desk::{Docket, Voter, WhoCan};
use crate::escalation::vote::Choice;
use crate::escalation::{Escalation, Exclusion, Status, VoteRefusal};
use crate::moment::Moment;
use crate::operation::render::visible;
use crate::token::Assurance;

/// What somebody came to say. It chooses nothing and sends nothing; they still have to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) enum Intent {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

impl Intent {
    /// Reads `approve` and `deny`.
    pub(in crate::console) fn parse(text: &str) -> Option<Self> {
        match text {
            "approve" => Some(Self::Approve),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

/// What whoever looks can do.
pub(in crate::console) struct Decide {
    /// What the page shows, so that a vote is for that.
    pub(super) shown: String,
    pub(super) approve: Option<Button>,
    pub(super) break_glass: Option<Button>,
    pub(super) deny: bool,
    /// Why they can't approve.
    pub(super) why_not: Option<String>,
    /// Until when an approval would come too soon: in words, and in milliseconds since 1970.
    pub(super) hold: Option<(String, u64)>,
    /// Some of the operation is not on the page.
    pub(super) rest_first: bool,
    /// What they said.
    pub(super) said: Option<String>,
    pub(super) intent: Option<Intent>,
    /// The reason that they typed before.
    pub(super) reason: String,
    /// They have a passkey that could sign.
    pub(super) passkeys: bool,
    /// The kinds of conditions that the executor enforces.
    pub(super) kinds: Vec<ConditionKind>,
    /// To whom they can pass it on, by id and name.
    pub(super) pass_to: Vec<(String, String)>,
    pub(super) change: bool,
    pub(super) reviews: bool,
}

/// A way to say yes.
pub(super) struct Button {
    /// It counts only with a signature of their own key.
    pub(super) signed: bool,
}

impl Decide {
    pub(super) fn of(
        docket: &Docket,
        voter: &Voter,
        able: &WhoCan,
        people: &People,
        rest_first: bool,
        now: Moment,
    ) -> Self {
        let opening = docket.escalation.case().opening();
        let pending = docket.escalation.status(now) == Status::Pending;
        let open = pending && voter.said.is_none();
        let button = |may: &Result<Assurance, VoteRefusal>| {
            let least = may.as_ref().ok().filter(|_| open)?;
            Some(Button { signed: *least == Assurance::Signed })
        };
        let others = people.able.iter().filter(|one| {
            let votes = able.people.iter().any(|other| other.person == one.id && !other.asked);
            voter.asked && votes
        });
        let why_not = voter.approve.as_ref().err().filter(|_| open);
        Self {
            shown: opening.shown.to_string(),
            approve: button(&voter.approve),
            break_glass: button(&voter.break_glass),
            deny: open && voter.deny.is_ok(),
            why_not: why_not.map(|refusal| plain(*refusal)),
            hold: voter.not_before.filter(|_| open && voter.approve.is_ok()).map(|from| {
                let words = format!(
                    "An approval counts in {}: the rule asks for that much time to look.",
                    span(from.since(now))
                );
                (words, from.unix_millis())
            }),
            rest_first,
            said: voter.said.as_ref().filter(|_| pending).map(|cast| {
                let said = match cast.statement.choice {
                    Choice::Approve(_) => "approved it",
                    Choice::BreakGlass(_) => "approved it in an emergency",
                    Choice::Deny => "denied it",
                    Choice::Withdraw => "took your vote back",
                };
                format!("You {said}: {}", visible(cast.statement.reason.as_str()))
            }),
            intent: None,
            reason: String::new(),
            passkeys: false,
            kinds: opening.enforceable.iter().copied().collect(),
            pass_to: others.map(|one| (one.id.to_string(), one.name.clone())).collect(),
            change: open
                && voter.approve.is_ok()
                && docket.decided.shown.is_none()
                && docket.escalation.case().amendment().is_none(),
            reviews: voter.reviews && matches!(docket.escalation, Escalation::Claimed(_)),
        }
    }

    /// … with what they came to say, and have typed before.
    pub(super) fn preset(self, intent: Option<Intent>, typed: Option<String>, passkeys: bool) -> Self {
        Self { intent, reason: typed.unwrap_or_default(), passkeys, ..self }
    }

    /// Whether there is anything to do for whoever looks.
    pub(super) fn any(&self) -> bool {
        self.approve.is_some() || self.break_glass.is_some() || self.deny
    }

    pub(super) fn has(&self, kind: &str) -> bool {
        self.kinds.iter().any(|one| one.as_str() == kind)
    }

    pub(super) fn wants(&self, intent: &str) -> bool {
        self.intent.is_some() && self.intent == Intent::parse(intent)
    }
}

/// Why somebody can't vote, said to them.
pub(in crate::console) fn plain(refusal: VoteRefusal) -> String {
    match refusal {
        VoteRefusal::Requester => "You can't approve this: it is your own agent that asks.".to_owned(),
        VoteRefusal::OnBehalfOf => "You can't approve this: it is done for you.".to_owned(),
        VoteRefusal::NotInPool => "This is for other people to decide. You can look.".to_owned(),
        VoteRefusal::Excluded(Exclusion::Team) => {
            "You can't approve this: you are in the same team as who asks, and the rule wants somebody else."
                .to_owned()
        }
        VoteRefusal::Excluded(Exclusion::Manager) => {
            "You can't approve this: you manage who asks, and the rule wants somebody else.".to_owned()
        }
        VoteRefusal::Late => "The time to decide is over.".to_owned(),
        VoteRefusal::Resolved(status) => format!("It is over: {}.", crate::console::words::state(status)),
        VoteRefusal::Amended => {
            "Somebody proposed a changed operation. The agent takes it or gives up; you can still deny."
                .to_owned()
        }
        VoteRefusal::AlreadyVoted => "You have voted already.".to_owned(),
        VoteRefusal::Conflicting => "You said something else before. Take that back first.".to_owned(),
        VoteRefusal::TooSoon => {
            "That was too quick: the rule asks for more time to look. Read it, and approve then.".to_owned()
        }
        VoteRefusal::TooOften => "You have taken back too many votes here. The last one stands.".to_owned(),
        VoteRefusal::InsufficientAssurance => {
            "This needs your own signature: sign it with your passkey, or with your SSH key.".to_owned()
        }
        VoteRefusal::Careless => "Look at it again, and then vote again: the next vote counts.".to_owned(),
        VoteRefusal::NoBreakGlass => "The rule knows no emergency approval.".to_owned(),
        VoteRefusal::ConditionNotEnforced(kind) => {
            format!(
                "The condition `{kind}` is not one that the executor enforces, so it would be an empty promise."
            )
        }
        VoteRefusal::OtherEscalation
        | VoteRefusal::OtherOperation
        | VoteRefusal::OtherRendering
        | VoteRefusal::OtherPolicy => "This changed since you looked. Look at it again.".to_owned(),
        VoteRefusal::WrongTime => "The time of your vote is not now. Try again.".to_owned(),
        VoteRefusal::Replayed => "This very vote was taken back before. Vote anew.".to_owned(),
        VoteRefusal::NothingToWithdraw => "You have no vote here that you could take back.".to_owned(),
    }
}

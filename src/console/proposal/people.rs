//! The people of a proposal: who voted, who can still complete it, and until when.

use crate::console::words::count;
use crate::desk::{Docket, WhoCan};
use crate::escalation::{Case, Cast, Status};
use crate::moment::Moment;
use crate::operation::render::visible;
use crate::party::PersonId;
use crate::reviewer::Directory;

/// Who voted, who can still complete it.
pub(in crate::console) struct People {
    /// Who must agree, in words.
    pub(super) requirement: String,
    /// `1 of 2 have agreed`
    pub(super) progress: String,
    /// What others said is hidden until whoever looks has voted.
    pub(super) hidden: bool,
    pub(super) votes: Vec<Vote>,
    /// Who could complete it, each a set of people.
    pub(super) sets: Vec<String>,
    /// Everyone who could fill a seat.
    pub(in crate::console) able: Vec<Able>,
    /// In which stage it is, where there are several.
    pub(super) stage: Option<String>,
    /// What it takes to deny it, where one denial is not enough.
    pub(super) denials: Option<String>,
    /// Who may approve in an emergency.
    pub(super) emergency: Option<String>,
}

/// A vote.
pub(super) struct Vote {
    pub(super) who: String,
    /// `approve`, `deny`, `break_glass`
    pub(super) choice: &'static str,
    pub(super) said: &'static str,
    pub(super) reason: String,
    pub(super) conditions: Vec<String>,
    pub(super) at: String,
    pub(super) known: &'static str,
    pub(super) flags: Vec<String>,
    /// It was taken back, or is void.
    pub(super) void: bool,
    pub(super) counts: bool,
}

/// Somebody who could fill a seat.
pub(in crate::console) struct Able {
    pub(in crate::console) id: PersonId,
    pub(in crate::console) name: String,
    pub(in crate::console) why: String,
}

/// What somebody is called: their name, and the id by which the record knows them.
pub(in crate::console) fn called(directory: &Directory, person: &PersonId) -> String {
    match directory.person(person) {
        Some(known) if *known.name != *person.as_str() => format!("{} ({person})", visible(&known.name)),
        Some(_) | None => person.to_string(),
    }
}

impl People {
    pub(super) fn of(
        docket: &Docket,
        able: &WhoCan,
        directory: &Directory,
        me: &PersonId,
        now: Moment,
    ) -> Self {
        let case = docket.escalation.case();
        let terms = &case.opening().terms;
        let vote = |cast: &Cast, void| self::vote(cast, case, directory, void, now);
        let hidden = docket.escalation.hides_votes_from(Some(me), now);
        let votes = case.votes().iter().map(|cast| vote(cast, false));
        let votes = votes.chain(case.void_votes().iter().map(|cast| vote(cast, true)));
        let votes = votes.filter(|_| !hidden).collect();
        let set = |set: &std::collections::BTreeSet<PersonId>| {
            let names: Vec<String> = set.iter().map(|person| called(directory, person)).collect();
            names.join(" and ")
        };
        let people = able.people.iter().map(|one| Able {
            id: one.person.clone(),
            name: called(directory, &one.person),
            why: visible(&one.why),
        });
        let (stage, stages) = (case.stage(now), case.stages());
        let pending = docket.escalation.status(now) == Status::Pending;
        let denials = terms.denials.get();
        Self {
            requirement: visible(&terms.requirement.to_string()),
            progress: match hidden {
                true => format!("{} must agree", terms.requirement.people()),
                false => format!("{} of {} agreed", case.agreed(), terms.requirement.people()),
            },
            hidden,
            votes,
            // Who is not among them has voted.
            sets: able.sets.iter().filter(|_| !hidden).map(set).collect(),
            able: people.collect(),
            stage: (stages > 0 && pending).then(|| {
                let rest = count(stages.saturating_sub(stage), "wider circle", "wider circles");
                format!("{rest} will be asked if nobody decides")
            }),
            denials: (denials > 1).then(|| format!("{denials} denials end it")),
            emergency: terms.break_glass.as_ref().map(|one| visible(&one.requirement.to_string())),
        }
    }
}

fn vote(cast: &Cast, case: &Case, directory: &Directory, void: bool, now: Moment) -> Vote {
    use crate::escalation::vote::Choice;
    let (choice, said) = match cast.statement.choice {
        Choice::Approve(_) => ("approve", "approves"),
        Choice::BreakGlass(_) => ("break_glass", "approves in an emergency"),
        Choice::Deny => ("deny", "denies"),
        Choice::Withdraw => ("withdraw", "takes it back"),
    };
    Vote {
        who: called(directory, cast.person()),
        choice,
        said,
        reason: visible(cast.statement.reason.as_str()),
        conditions: cast.statement.choice.conditions().iter().map(|one| visible(&one.describe())).collect(),
        at: crate::console::words::ago(cast.at, now),
        known: match cast.assurance {
            crate::token::Assurance::Channel => "by a click in a message",
            crate::token::Assurance::Session => "signed in",
            crate::token::Assurance::Signed => "signed with their own key",
        },
        flags: cast.flags.iter().map(ToString::to_string).collect(),
        void,
        counts: case.counts(cast),
    }
}

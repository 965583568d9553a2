//! Whom an escalation asks, in words: who must agree, who else may, what makes a vote a poor one, and what comes of it.

use crate::escalation::requirement::Seat;
use crate::escalation::{BreakGlass, Diligence, Exclusion, OnPoor, OnTimeout};
use crate::policy::{Span, Terms};

/// Who must agree, and until when.
pub(super) fn asks(terms: &Terms) -> String {
    format!(
        "it takes {}, within {}; the token must be collected within {} and used within {}",
        terms.requirement,
        Span::of(terms.decide_within),
        Span::of(terms.claim_within),
        Span::of(terms.execute_within)
    )
}

/// Everything else, in the order in which it matters to whoever decides.
pub(super) fn besides(terms: &Terms) -> Vec<String> {
    let mut said = Vec::new();
    if !terms.min_review.is_zero() {
        said.push(format!("an approval counts once it has been open for {}", Span::of(terms.min_review)));
    }
    said.extend(terms.exclude.iter().map(|exclusion| near(*exclusion).to_owned()));
    if terms.denials.get() > 1 {
        said.push(format!("it takes {} denials to end it", terms.denials.get()));
    }
    if terms.hidden_votes {
        said.push("what others said is hidden until one has voted oneself".to_owned());
    }
    said.extend(care(&terms.diligence));
    let stages = terms.ladder.iter();
    said.extend(
        stages.map(|stage| format!("after {}, {} will do as well", Span::of(stage.after), stage.requirement)),
    );
    if let Some(pool) = &terms.escalation_pool {
        said.push(format!("where nobody else can or is there, {pool} will do as well"));
    }
    said.extend(terms.break_glass.as_ref().map(emergency));
    if terms.on_timeout == OnTimeout::Allow {
        said.push("if nobody decides in time, it may run: the policy says so".to_owned());
    }
    said
}

const fn near(exclusion: Exclusion) -> &'static str {
    match exclusion {
        Exclusion::Team => "nobody may agree who shares a team with those who ask",
        Exclusion::Manager => "nobody may agree who manages those who ask",
    }
}

/// What is asked of a vote beyond what holds wherever nothing is said.
fn care(diligence: &Diligence) -> Option<String> {
    if diligence.is_default() {
        return None;
    }
    let usual = Diligence::default();
    let Diligence { on_poor, opened, evidence, reading_speed, burst, burst_within, streak, nights } =
        diligence;
    let mut poor = Vec::new();
    if *opened {
        poor.push("before it was opened".to_owned());
    }
    if *evidence {
        poor.push("before the evidence was opened".to_owned());
    }
    if *reading_speed != usual.reading_speed && *reading_speed > 0 {
        poor.push(format!("faster than {reading_speed} characters a second"));
    }
    if (*burst, *burst_within) != (usual.burst, usual.burst_within) && *burst > 0 {
        poor.push(format!("one of {burst} within {}", Span::of(*burst_within)));
    }
    if *streak != usual.streak && *streak > 0 {
        poor.push(format!("the last of {streak} without a denial"));
    }
    if *nights != usual.nights && *nights {
        poor.push("at night".to_owned());
    }
    let becomes = match on_poor {
        OnPoor::Flag => "is flagged".to_owned(),
        OnPoor::AskAgain => "is asked for again".to_owned(),
        OnPoor::NotCount => "does not count".to_owned(),
        OnPoor::AddSeat(seat) => format!("takes {seat} besides"),
    };
    Some(match poor.is_empty() {
        true => format!("a careless approval {becomes}"),
        false => format!("a careless approval {becomes}: {}", poor.join(", ")),
    })
}

fn emergency(emergency: &BreakGlass) -> String {
    let reviewers: Vec<String> = emergency.review.seats().iter().map(reviewer).collect();
    format!(
        "in an emergency {} will do, to be used within {}; {} has it in the queue at once and reviews it within {}",
        emergency.requirement,
        Span::of(emergency.execute_within),
        reviewers.join(" or "),
        Span::of(emergency.review_within)
    )
}

fn reviewer(seat: &Seat) -> String {
    match seat.min_role() {
        Some(least) => format!("{}, {least} or above,", seat.pool()),
        None => seat.pool().to_string(),
    }
}

//! Keys of who is asked: the escalation block and its parties, and what it says of denials, care and emergencies.

use super::{Block, Form, Key, MEMBERS, NAME, SPAN, key, must};
use crate::escalation::{Exclusion, OnPoor};
use crate::token::Assurance;

const APPROVALS: Form = Form::Whole(1, 32);
const CHANNEL: Form = Form::Shaped("^(slack|email|sms|push|webhook|console)(:[!-~]+)?$");

fn assurances() -> Vec<&'static str> {
    Assurance::ALL.iter().map(|one| one.as_str()).collect()
}

/// Nobody signs a review.
fn assurances_of_a_review() -> Vec<&'static str> {
    let all = Assurance::ALL.iter();
    all.filter(|one| **one <= Assurance::Session).map(|one| one.as_str()).collect()
}

fn exclusions() -> Vec<&'static str> {
    Exclusion::ALL.iter().map(|one| one.as_str()).collect()
}

fn poor_votes() -> Vec<&'static str> {
    OnPoor::NAMES.to_vec()
}

fn none() -> Vec<&'static str> {
    vec!["none"]
}

fn timeout_actions() -> Vec<&'static str> {
    vec!["deny", "escalate", "allow"]
}

fn types() -> Vec<&'static str> {
    vec![
        "single",
        "multi_party",
        "multi-party",
        "all_of",
        "all-of",
        "any_of",
        "any-of",
        "min_role",
        "min-role",
    ]
}

const TIMEOUT: Key = key("timeout", SPAN, "How long people have to decide.");
const TIMEOUT_ACTION: Key = key(
    "timeout_action",
    Form::Words(timeout_actions),
    "What becomes of it then; `deny`, where nothing is said.",
);
const MIN_REVIEW: Key =
    key("min_review", SPAN, "How long a proposal must have been open before an approval counts.");
const CLAIM_WITHIN: Key = key("claim_within", SPAN, "How long the agent has to collect what was approved.");
const EXECUTE_WITHIN: Key = key("execute_within", SPAN, "How long the token lives.");
const CHANNELS: Key = key("channels", Form::OneOrMore(&CHANNEL), "How people are told.");
const REVIEWERS: Key = key("reviewers", MEMBERS, "Who may approve: `role:…`, `user:…`, `team:…`.");
const MIN_ROLE: Key = key("min_role", NAME, "The least role of whoever approves.");
const ASSURANCE: Key = key("assurance", Form::Words(assurances), "How surely a vote is the reviewer's own.");
const EXCLUDE: Key = key(
    "exclude",
    Form::Either(&[Form::Words(none), Form::OneOrMore(&Form::Words(exclusions))]),
    "Who may not approve besides those who ask: who shares a team with them, who manages them; or `none`.",
);
const ESCALATION_POOL: Key = key(
    "escalation_pool",
    Form::Either(&NONE_OR_PARTY),
    "Who may agree as well where nobody else can, or is there; or `none`.",
);
static NONE_OR_PARTY: [Form; 2] = [Form::Words(none), Form::Map(&PARTY)];
const DILIGENCE_KEY: Key =
    key("diligence", Form::Map(&DILIGENCE), "What makes an approval a poor one, and what becomes of it.");

/// The keys that say who must agree, after those that only some have.
macro_rules! party {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            key("approvals", APPROVALS, "How many people must approve."),
            REVIEWERS,
            key("all_of", Form::List(&PART), "Parts that must all be fulfilled."),
            key("any_of", Form::List(&PART), "Parts of which some must be fulfilled."),
            key("min_approvals", Form::Whole(1, 32), "How many parts of `any_of`; 1, where nothing is said."),
            MIN_ROLE,
            ASSURANCE,
        ]
    };
}

static PART: Form = Form::Either(&[Form::Member, Form::Map(&PARTY)]);

pub(in crate::policy) static DEFAULTS: Block = Block {
    name: "defaults",
    keys: &[
        REVIEWERS,
        MIN_ROLE,
        ASSURANCE,
        EXCLUDE,
        ESCALATION_POOL,
        DILIGENCE_KEY,
        MIN_REVIEW,
        TIMEOUT,
        TIMEOUT_ACTION,
        CLAIM_WITHIN,
        EXECUTE_WITHIN,
        CHANNELS,
    ],
};

pub(in crate::policy) static ESCALATION: Block = Block {
    name: "escalation",
    keys: party![
        key("type", Form::Words(types), "Which form this is meant to be, so that a slip is noticed."),
        key("delegation", Form::List(&Form::Map(&STAGE)), "Who may agree instead after a while."),
        key("escalate_to", Form::Map(&FURTHER), "Who is asked when the time is over."),
        ESCALATION_POOL,
        key("deny_threshold", Form::Whole(1, 32), "How many denials end it; 1, where nothing is said."),
        key("hidden_votes", Form::Truth, "Whether what others said is hidden until one has voted oneself."),
        EXCLUDE,
        DILIGENCE_KEY,
        key("break_glass", Form::Map(&BREAK_GLASS), "Who may agree in an emergency."),
        TIMEOUT,
        TIMEOUT_ACTION,
        MIN_REVIEW,
        CLAIM_WITHIN,
        EXECUTE_WITHIN,
        CHANNELS,
    ],
};

pub(in crate::policy) static PARTY: Block = Block { name: "party", keys: party![] };

pub(in crate::policy) static STAGE: Block =
    Block { name: "stage", keys: party![must("after", SPAN, "After how long they may agree too.")] };

pub(in crate::policy) static FURTHER: Block =
    Block { name: "further", keys: party![must("timeout", SPAN, "How long they have to decide.")] };

pub(in crate::policy) static DILIGENCE: Block = Block {
    name: "diligence",
    keys: &[
        key(
            "poor_votes",
            Form::Words(poor_votes),
            "What becomes of a poor approval; `flag`, where nothing is said.",
        ),
        key("add_seat", Form::Map(&PARTY), "Who must agree besides, with `poor_votes: add_seat`."),
        key("must_open", Form::Truth, "Whether the reviewer must have opened it before."),
        key("must_open_evidence", Form::Truth, "Whether the reviewer must have opened the evidence before."),
        key(
            "reading_speed",
            Form::Whole(0, 10_000),
            "How many characters a second nobody can read; 120, where nothing is said, and any speed will do for 0.",
        ),
        key("burst", Form::Map(&BURST), "How many approvals are too many at once."),
        key(
            "streak",
            Form::Whole(0, 10_000),
            "How many approvals without a denial are too many; 100, where nothing is said, and any number will do for 0.",
        ),
        key(
            "nights",
            Form::Truth,
            "Whether an approval from 22:00 to 06:00 by the reviewer's clock is a poor one.",
        ),
    ],
};

pub(in crate::policy) static BURST: Block = Block {
    name: "burst",
    keys: &[
        must("votes", Form::Whole(0, 500), "So many approvals; any number will do for 0."),
        must("within", SPAN, "Within so long a time, at most an hour."),
    ],
};

pub(in crate::policy) static BREAK_GLASS: Block = Block {
    name: "break_glass",
    keys: party![
        key(
            "execute_within",
            SPAN,
            "How long the token lives then; 5 minutes, where nothing is said, and 15 at most."
        ),
        must(
            "review",
            Form::Map(&REVIEW),
            "In whose queue it is at once; one of them who did not agree reviews it afterwards."
        ),
        key(
            "review_within",
            SPAN,
            "How long after the approval that review is due; a day, where nothing is said."
        ),
    ],
};

pub(in crate::policy) static REVIEW: Block = Block {
    name: "review",
    keys: &[
        must("reviewers", MEMBERS, "Who reviews it: `role:…`, `user:…`, `team:…`."),
        key("min_role", NAME, "The least role of whoever reviews it."),
        key(
            "assurance",
            Form::Words(assurances_of_a_review),
            "How surely whoever reviews it is known; `session`, where nothing is said.",
        ),
    ],
};

pub(in crate::policy) static ESCALATIONS: Block = Block {
    name: "escalations",
    keys: &[key(
        "open_per_agent",
        Form::Whole(1, 1000),
        "How many escalations of one agent may be open; 20, where nothing is said.",
    )],
};

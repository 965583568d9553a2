//! Keys: every key that a policy may have, the form of its value, and what it says; the reader and the editors'
//! schema are both made of these tables.

mod escalation;
mod risk;

pub(super) use escalation::{
    BREAK_GLASS, BURST, DEFAULTS, DILIGENCE, ESCALATION, ESCALATIONS, FURTHER, PARTY, REVIEW, STAGE,
};
pub(super) use risk::{
    BEHAVIOUR, ENVIRONMENT, EVASION, OPERATION, RISK, SCOPE, SENSITIVITY, THRESHOLDS, TIMING, WEIGHTS,
    WORKING_HOURS,
};

use crate::classify::{Kind, Language, Why};
use crate::risk::calendar::WEEKDAYS;
use crate::risk::{Environment, Level, Scope, Sensitivity};

/// A mapping with a closed set of keys.
pub(crate) struct Block {
    /// Its name in the schema.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
}

/// A key of a mapping.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// What a value looks like. The reader asks for more than this can say, never for less.
pub(crate) enum Form {
    /// `1`, the only version.
    Version,
    Truth,
    /// 0 to 1.
    Score,
    /// A whole number from … to ….
    Whole(u64, u64),
    /// A text of so many bytes.
    Text(usize),
    /// A text of this form, as a regular expression.
    Shaped(&'static str),
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// `role:…`, `user:…` or `team:…`, as a text or as a mapping of one.
    Member,
    /// A condition that the executor must enforce.
    Condition,
    Map(&'static Block),
    /// Each of these keys with one text or several.
    Each(fn() -> Vec<&'static str>),
    OneOrMore(&'static Self),
    List(&'static Self),
    Either(&'static [Self]),
}

const fn key(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: false, about }
}

const fn must(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: true, about }
}

const LINE: Form = Form::Text(1024);
const GLOB: Form = Form::Text(512);
const GLOBS: Form = Form::OneOrMore(&GLOB);
const NAME: Form = Form::Shaped(r#"^[^\s",\\]+$"#);
const SPAN: Form = Form::Shaped("^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$");
const CLOCK: Form = Form::Shaped("^([01][0-9]|2[0-3]):[0-5][0-9]$");
const MEMBERS: Form = Form::OneOrMore(&Form::Member);
const CONDITIONS: Form = Form::OneOrMore(&Form::Condition);
const COUNT: Form = Form::Whole(0, u64::MAX);
const SMALL: Form = Form::Whole(0, u32::MAX as u64);
const WITNESSES: Form = Form::Whole(1, 16);
const AT_LEAST_ONE: Form = Form::Whole(1, u32::MAX as u64);
const LINES: Form = Form::OneOrMore(&Form::Text(1024));

fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|one| one.as_str()).collect()
}

fn class_kinds() -> Vec<&'static str> {
    kinds().into_iter().chain(["payload"]).collect()
}

fn environments() -> Vec<&'static str> {
    Environment::ALL.iter().map(|one| one.as_str()).collect()
}

fn sensitivities() -> Vec<&'static str> {
    Sensitivity::ALL.iter().map(|one| one.as_str()).collect()
}

fn scopes() -> Vec<&'static str> {
    Scope::ALL.iter().map(|one| one.as_str()).collect()
}

fn doubts() -> Vec<&'static str> {
    Why::ALL.iter().map(|one| one.as_str()).collect()
}

fn levels() -> Vec<&'static str> {
    Level::ALL.iter().map(|one| one.as_str()).collect()
}

fn blocked_from() -> Vec<&'static str> {
    levels().into_iter().filter(|level| *level != Level::Low.as_str()).collect()
}

fn languages() -> Vec<&'static str> {
    Language::ALL.iter().map(|one| one.as_str()).collect()
}

fn decisions() -> Vec<&'static str> {
    vec!["allow", "deny", "escalate"]
}

fn denials() -> Vec<&'static str> {
    vec!["deny"]
}

fn no_payload() -> Vec<&'static str> {
    vec!["none"]
}

/// The days of the week, also by their first three letters.
fn weekdays() -> Vec<&'static str> {
    WEEKDAYS.iter().flat_map(|day| [Some(*day), day.get(..3)]).flatten().collect()
}

const ENVIRONMENT_WORD: Form = Form::Words(environments);
const SENSITIVITY_WORD: Form = Form::Words(sensitivities);
const LEVEL_WORD: Form = Form::Words(levels);

pub(super) static DOCUMENT: Block = Block {
    name: "policy",
    keys: &[
        must("version", Form::Version, "The version of the format: 1."),
        must("name", LINE, "The policy's name."),
        key("defaults", Form::Map(&DEFAULTS), "What every escalation has that does not say otherwise."),
        key("escalations", Form::Map(&ESCALATIONS), "What holds for all escalations together."),
        key("fleet", Form::Map(&FLEET), "What holds for a sidecar that does not hear from its desk."),
        key("risk", Form::Map(&RISK), "What is changed in the published model of risk."),
        key(
            "classify",
            Form::List(&Form::Map(&CLASS)),
            "What kind of thing each action does; the first that fits.",
        ),
        key("resources", Form::List(&Form::Map(&DECLARATION)), "Where and how sensitive resources are."),
        key("floors", Form::List(&Form::Map(&FLOOR)), "Levels below which nothing of the description falls."),
        key("limits", Form::List(&Form::Map(&LIMIT)), "How much an agent may do within a window."),
        key(
            "secrets",
            Form::List(&Form::Text(256)),
            "The parameters whose values are neither recorded in the log nor shown: `password`, `headers.authorization`.",
        ),
        key("roles", Form::List(&NAME), "The roles of the roster, lowest first."),
        key("rules", Form::List(&Form::Map(&RULE)), "The rules; the first that matches decides."),
        must(
            "levels",
            Form::Map(&LEVELS),
            "What each level gets where no rule matches; the last key of a policy.",
        ),
    ],
};

/// What a sidecar of a fleet does by itself.
pub(super) static FLEET: Block = Block {
    name: "fleet",
    keys: &[
        key(
            "stale_after",
            SPAN,
            "After how long without news from the desk a sidecar knows too little; `1h`.",
        ),
        key(
            "when_stale",
            Form::Words(denials),
            "What it then decides where it would allow: nothing else is possible.",
        ),
    ],
};

pub(super) static RULE: Block = Block {
    name: "rule",
    keys: &[
        must("name", LINE, "Its name, unique within the policy."),
        key("match", Form::Map(&MATCH), "What it matches; left out, everything."),
        key(
            "when",
            Form::Text(4096),
            "What must hold besides, in CEL (docs/conditions.md): `facts.rows > 1000`.",
        ),
        must("decision", Form::Words(decisions), "What becomes of the operation."),
        key("conditions", CONDITIONS, "What must hold when it is executed."),
        key("reason", LINE, "Why, in words that reviewers and agents read."),
        key("escalation", Form::Map(&ESCALATION), "Who is asked, and how long it may take."),
        key(
            "witnesses",
            WITNESSES,
            "How many witnesses must have cosigned the log with the mint in it before a token is handed out.",
        ),
    ],
};

/// The keys that describe an operation, before those that only some descriptions have.
macro_rules! described {
    ($($more:expr),* $(,)?) => {
        &[
            key("action", GLOBS, "Patterns of the action; `*` is anything."),
            key("resource", GLOBS, "Patterns of the resource."),
            key("environment", Form::OneOrMore(&ENVIRONMENT_WORD), "Where it is done."),
            key("kind", Form::OneOrMore(&Form::Words(kinds)), "What kind of thing is done."),
            key("sensitivity", Form::OneOrMore(&SENSITIVITY_WORD), "How sensitive the data is."),
            key("critical", Form::Truth, "Whether others depend on the resource."),
            $($more),*
        ]
    };
}

macro_rules! situated {
    ($($more:expr),* $(,)?) => {
        described![
            key("scope", Form::OneOrMore(&Form::Words(scopes)), "How much it touches."),
            key("irreversible", Form::Truth, "Whether it cannot be undone."),
            key("cost_over", COUNT, "It costs more than this, together with what was like it lately."),
            key("rows_over", COUNT, "It touches more rows than this, together with what was like it lately."),
            key("objects_over", COUNT, "It touches more other things than this, together with what was like it lately."),
            key("understood", Form::Truth, "Whether everything in the payload was understood."),
            key("doubt", Form::OneOrMore(&Form::Words(doubts)), "Why something in the payload was not understood."),
            key("new_action", Form::Truth, "Whether the agent never did this before."),
            key("new_resource", Form::Truth, "Whether it is a family of resources that is new to the agent."),
            key("new_environment", Form::Truth, "Whether it is an environment that is new to the agent."),
            $($more),*
        ]
    };
}

pub(super) static MATCH: Block = Block {
    name: "match",
    keys: situated![
        key("agent", GLOBS, "Patterns of the agent's identity."),
        key("on_behalf_of", GLOBS, "Patterns of the person for whom the agent acts."),
        key("level", Form::OneOrMore(&LEVEL_WORD), "Levels of risk."),
    ],
};

pub(super) static SITUATION: Block = Block { name: "situation", keys: situated![] };

/// What the operations that a limit counts have in common.
pub(super) static COUNTED: Block =
    Block { name: "counted", keys: described![key("agent", GLOBS, "Patterns of the agent's identity.")] };

const OUTCOME: Form = Form::Either(&[Form::Words(decisions), Form::Map(&LEVEL)]);

pub(super) static LEVELS: Block = Block {
    name: "levels",
    keys: &[
        key("low", OUTCOME, "What low risk gets; allow, where nothing is said."),
        key("medium", OUTCOME, "What medium risk gets; one approval."),
        key("high", OUTCOME, "What high risk gets; two approvals."),
        key(
            "critical",
            Form::Either(&[Form::Words(denials), Form::Map(&DENIED)]),
            "What critical risk gets; nothing else is possible.",
        ),
    ],
};

pub(super) static LEVEL: Block = Block {
    name: "level",
    keys: &[
        must("decision", Form::Words(decisions), "What becomes of the operation."),
        key("conditions", CONDITIONS, "What must hold when it is executed."),
        key("escalation", Form::Map(&ESCALATION), "Who is asked, and how long it may take."),
        key(
            "witnesses",
            WITNESSES,
            "How many witnesses must have cosigned the log with the mint in it before a token is handed out.",
        ),
    ],
};

static DENIED: Block =
    Block { name: "denied", keys: &[must("decision", Form::Words(denials), "Nothing else is possible.")] };

pub(super) static CLASS: Block = Block {
    name: "class",
    keys: &[
        must("action", GLOBS, "Patterns of the action."),
        must(
            "kind",
            Form::Words(class_kinds),
            "What kind of thing it does, or `payload`: what its payload does.",
        ),
        key("irreversible", Form::Truth, "Whether it cannot be undone."),
        key(
            "payload",
            Form::Either(&[Form::Words(no_payload), Form::Each(languages)]),
            "Which parameters hold what will run, by language; `none` where nothing does.",
        ),
    ],
};

pub(super) static DECLARATION: Block = Block {
    name: "resource",
    keys: &[
        must("resource", GLOBS, "Patterns of the resource."),
        key("environment", ENVIRONMENT_WORD, "Where it is."),
        key("sensitivity", SENSITIVITY_WORD, "How sensitive its data is."),
        key("critical", Form::Truth, "Whether others depend on it."),
    ],
};

pub(super) static FLOOR: Block = Block {
    name: "floor",
    keys: &[
        must("name", LINE, "Its name."),
        must("match", Form::Map(&SITUATION), "What it applies to."),
        must("level", LEVEL_WORD, "The least level of that."),
    ],
};

pub(super) static LIMIT: Block = Block {
    name: "limit",
    keys: &[
        must("name", LINE, "Its name."),
        must("match", Form::Map(&COUNTED), "What counts."),
        must("window", SPAN, "Within which time, one minute to one day."),
        key("requests", COUNT, "At most so many operations."),
        key("rows", COUNT, "At most so many rows together."),
        key("objects", COUNT, "At most so many other things together."),
        key("cost", COUNT, "At most this cost together."),
        must("level", LEVEL_WORD, "The least level of what goes beyond it."),
    ],
};

//! Keys of the `risk:` block.

use super::{
    AT_LEAST_ONE, Block, CLOCK, COUNT, ENVIRONMENT_WORD, Form, Key, LINES, SMALL, SPAN, blocked_from, key,
    weekdays,
};

/// A value of the published model.
const fn score(name: &'static str, about: &'static str) -> Key {
    key(name, Form::Score, about)
}

pub(in crate::policy) static RISK: Block = Block {
    name: "risk",
    keys: &[
        key("weights", Form::Map(&WEIGHTS), "How much each factor counts; together 1."),
        key("operation", Form::Map(&OPERATION), "The values of the factor operation."),
        key("environment", Form::Map(&ENVIRONMENT), "The values of the factor environment, and its words."),
        key("sensitivity", Form::Map(&SENSITIVITY), "The values of the factor sensitivity, and its words."),
        key("behaviour", Form::Map(&BEHAVIOUR), "The values of the factor behaviour, and when they apply."),
        key("scope", Form::Map(&SCOPE), "The values of the factor scope, and when they apply."),
        key("timing", Form::Map(&TIMING), "The values of the factor timing, and the hours."),
        key("evasion", Form::Map(&EVASION), "When many small operations count as one large one."),
        key("thresholds", Form::Map(&THRESHOLDS), "The scores at which levels begin."),
        key(
            "blocked_from",
            Form::Words(blocked_from),
            "The level from which nothing runs, whatever anyone says.",
        ),
        key("standard_floors", Form::Truth, "Whether the standard floors hold; true, where nothing is said."),
    ],
};

pub(in crate::policy) static WEIGHTS: Block = Block {
    name: "weights",
    keys: &[
        score("operation", "The kind of operation."),
        score("environment", "The environment."),
        score("sensitivity", "The sensitivity of the data."),
        score("behaviour", "The agent's behaviour lately."),
        score("scope", "How much is touched."),
        score("timing", "The time."),
    ],
};

pub(in crate::policy) static OPERATION: Block = Block {
    name: "operation",
    keys: &[
        score("read", "Looks, changes nothing."),
        score("write", "Adds something."),
        score("update", "Changes something that is there."),
        score("external_call", "Reaches a system outside."),
        score("delete", "Removes something."),
        score("admin", "Changes who may do what, or how a system runs."),
        score("unknown", "Nothing says what it is."),
    ],
};

pub(in crate::policy) static ENVIRONMENT: Block = Block {
    name: "environment",
    keys: &[
        score("test", "For trying things out."),
        score("staging", "For the last check before production."),
        score("production", "What real people depend on."),
        key("unknown", ENVIRONMENT_WORD, "What counts where nothing says."),
        key("test_words", LINES, "Words in a resource that say test."),
        key("staging_words", LINES, "Words in a resource that say staging."),
        key("production_words", LINES, "Words in a resource that say production."),
    ],
};

pub(in crate::policy) static SENSITIVITY: Block = Block {
    name: "sensitivity",
    keys: &[
        score("ordinary", "Nothing says that it is sensitive."),
        score("bulk", "Much at a time."),
        score("sensitive", "Data about people, money, or secrets."),
        key("bulk_over", COUNT, "Beyond how many it is much at a time."),
        key("words", LINES, "Words in a resource that say sensitive."),
    ],
};

pub(in crate::policy) static BEHAVIOUR: Block = Block {
    name: "behaviour",
    keys: &[
        score("usual", "As ever."),
        score("concerning", "Some anomalies."),
        key("concerning_over", SMALL, "Beyond how many anomalies it is concerning."),
        score("anomalous", "Many anomalies."),
        key("anomalous_over", SMALL, "Beyond how many anomalies it is anomalous."),
        key("window", SPAN, "Within which time anomalies count."),
    ],
};

pub(in crate::policy) static SCOPE: Block = Block {
    name: "scope",
    keys: &[
        score("narrow", "Few things."),
        score("wide", "Many."),
        key("wide_over", COUNT, "Beyond how many it is wide."),
        score("huge", "Very many."),
        key("huge_over", COUNT, "Beyond how many it is huge."),
        score("everything", "Everything there is."),
        score("unknown", "Nobody can tell."),
        key("filter_fields", LINES, "Parameters that hold a filter."),
        key("rows_fields", LINES, "Parameters that say how many rows are touched."),
        key("limit_fields", LINES, "Parameters that hold a limit."),
        key("cost_fields", LINES, "Parameters that say what it costs."),
    ],
};

pub(in crate::policy) static TIMING: Block = Block {
    name: "timing",
    keys: &[
        score("quiet", "Within the quiet hours."),
        score("otherwise", "At any other time."),
        key("from", CLOCK, "When the quiet hours begin."),
        key("to", CLOCK, "When they end."),
        key("time_zone", Form::Text(64), "A time zone such as `Europe/Berlin`, `UTC` or `+05:30`."),
        key("working_hours", Form::Map(&WORKING_HOURS), "When people are at work, for conditions."),
    ],
};

pub(in crate::policy) static WORKING_HOURS: Block = Block {
    name: "working_hours",
    keys: &[
        key("days", Form::OneOrMore(&Form::Words(weekdays)), "The days of work; Monday to Friday."),
        key("from", CLOCK, "When work begins; 9:00."),
        key("to", CLOCK, "When it ends; 17:00."),
    ],
};

pub(in crate::policy) static EVASION: Block = Block {
    name: "evasion",
    keys: &[
        key("window", SPAN, "Within which time operations add up."),
        score("just_below", "How near below a threshold is just below, as a part of it."),
        key("just_below_count", AT_LEAST_ONE, "How many operations just below a threshold are an anomaly."),
        key("pieces_count", AT_LEAST_ONE, "How many small operations after a large one are an anomaly."),
        key(
            "denial_stands",
            SPAN,
            "How long what a reviewer denied goes back to them, asked in whatever form.",
        ),
    ],
};

pub(in crate::policy) static THRESHOLDS: Block = Block {
    name: "thresholds",
    keys: &[
        score("medium", "Where medium risk begins."),
        score("high", "Where high risk begins."),
        score("critical", "Where critical risk begins."),
    ],
};

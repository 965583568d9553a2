//! Words: lengths of time, levels and states as a page says them.

use crate::escalation::{Escalation, Status};
use crate::moment::Moment;
use crate::operation::render::visible;
use crate::risk::Kind;
use core::time::Duration;

/// How many characters of a long name are told of its beginning; half as many of its end.
const BRIEF: usize = 60;

/// A length of time at a glance: `45 s`, `12 min`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long ago: `12 min ago`, `just now`.
pub(super) fn ago(then: Moment, now: Moment) -> String {
    match now.since(then) {
        short if short < Duration::from_secs(5) => "just now".to_owned(),
        length => format!("{} ago", span(length)),
    }
}

/// How much is left: `12 min left`, `time is over`.
pub(super) fn left(until: Moment, now: Moment) -> String {
    if until > now { format!("{} left", span(until.since(now))) } else { "time is over".to_owned() }
}

/// Words of ours with somebody else's in them: nothing hidden, and our own dash between two numbers.
pub(super) fn ours(text: &str) -> String {
    let shown = visible(text);
    let mut parts = shown.split("⟨U+2013⟩").peekable();
    let mut words = String::with_capacity(shown.len());
    while let Some(part) = parts.next() {
        words.push_str(part);
        if let Some(next) = parts.peek() {
            let between = part.ends_with(|c: char| c.is_ascii_digit())
                && next.starts_with(|c: char| c.is_ascii_digit());
            words.push_str(if between { "–" } else { "⟨U+2013⟩" });
        }
    }
    words
}

/// `1 character`, `2 characters`.
pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {more}") }
}

/// A state in a word that needs no glossary.
pub(super) const fn state(status: Status) -> &'static str {
    match status {
        Status::Pending => "waiting",
        Status::Approved => "approved",
        Status::Denied => "denied",
        Status::Expired => "expired",
        Status::Cancelled => "withdrawn",
        Status::Blocked => "blocked",
        Status::Claimed => "approved and handed out",
        Status::Lapsed => "approved, not collected",
    }
}

/// What a state means for whoever looks, where nothing is to be decided.
pub(super) fn ended(escalation: &Escalation, status: Status) -> &'static str {
    match status {
        Status::Pending if escalation.case().amendment().is_some() => {
            "A changed operation was proposed. The agent takes it, or gives up."
        }
        Status::Pending => "People are deciding.",
        Status::Approved => "Enough people agreed. The agent has not collected its token yet.",
        Status::Denied => "It was denied. The agent got no token.",
        Status::Expired => "Nobody decided in time, so the answer was no.",
        Status::Cancelled => "The agent took it back.",
        Status::Blocked => "It can't be carried out, whatever anyone approves.",
        Status::Claimed => "It was approved, and the agent got its token.",
        Status::Lapsed => "It was approved, but the agent did not collect its token in time.",
    }
}

/// A name as it stands in a line among others: one that is long is told by its beginning and its end, with how much is
/// between them. Whole it is where it is decided on.
pub(super) fn brief(name: &str) -> String {
    let count = name.chars().count();
    if count <= 2 * BRIEF {
        return name.to_owned();
    }
    let head: String = name.chars().take(BRIEF).collect();
    let tail: String = name.chars().skip(count - BRIEF / 2).collect();
    format!("{head} … {} characters … {tail}", count - BRIEF - BRIEF / 2)
}

/// What is done to a resource, as a verb that goes before it.
pub(super) const fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => "read from",
        Kind::Write => "write to",
        Kind::Update => "change",
        Kind::ExternalCall => "reach out to",
        Kind::Delete => "delete in",
        Kind::Admin => "take control of",
        Kind::Unknown => "act on",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_says_how_much_of_it_is_not_told() {
        assert_eq!(brief("shop/production"), "shop/production");
        let told = brief(&format!("shop/{}/production", "x".repeat(1000)));
        assert!(told.starts_with("shop/xxx") && told.ends_with("xxx/production"), "{told}");
        assert!(told.contains(" … 926 characters … "), "{told}");
    }

    #[test]
    fn lengths_of_time_are_said_at_a_glance() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400, "1 d"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
        let at = Moment::from_unix_seconds;
        assert_eq!(ago(at(100), at(101)), "just now");
        assert_eq!(ago(at(100), at(220)), "2 min ago");
        assert_eq!(left(at(220), at(100)), "2 min left");
        assert_eq!(left(at(100), at(100)), "time is over");
        assert_eq!(ours("22:00–06:00 –x a\u{202e}"), "22:00–06:00 ⟨U+2013⟩x a⟨U+202E⟩");
        assert_eq!(count(1, "line", "lines"), "1 line");
        assert_eq!(count(0, "line", "lines"), "0 lines");
    }
}

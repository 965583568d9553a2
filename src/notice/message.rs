//! What a notice says, in parts; each channel puts them into its own form.

use super::{NoticeId, Topic};
use crate::moment::Moment;
use crate::risk::Level;

/// What a notice says. Everything in it is plain text that an agent may have written: a channel escapes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The notice that says it: the idempotency key.
    pub notice: NoticeId,
    /// What it is about.
    pub topic: Topic,
    /// How much it matters that it is read now.
    pub urgency: Urgency,
    /// One line in plain words, hidden characters visible.
    pub headline: String,
    /// What to know, the most important first.
    pub lines: Vec<Line>,
    /// The operation, as the one renderer writes it.
    pub operation: Option<Excerpt>,
    /// How risky it is.
    pub level: Option<Level>,
    /// Where everything else is: a page of the console that asks who is there. Absolute.
    pub link: Option<String>,
    /// What can be done from the message itself; nothing where it is over, or where the message doesn't show it whole.
    pub actions: Vec<Action>,
    /// Until when it is worth sending.
    pub until: Moment,
}

/// How much it matters that a message is read now. Quiet hours hold back all but what is urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// At leisure.
    Low,
    /// Soon.
    Normal,
    /// Now, also at night.
    High,
}

/// Something to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is: `agent`, `for`, `risk`.
    pub label: String,
    /// What it says.
    pub text: String,
    /// It is only what the agent says.
    pub claim: bool,
}

/// A part of what was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The beginning, or all of it.
    pub text: String,
    /// How many characters more there are. With any, the message lets nobody approve.
    pub more: usize,
}

/// Something that can be done from a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it is called.
    pub label: String,
    /// It says yes, otherwise no.
    pub approves: bool,
    /// What names it to whoever receives the click: opaque, and worth nothing by itself. At most 255 bytes.
    pub value: String,
    /// A page of the console where it can be done; a GET of it does nothing.
    pub link: String,
}

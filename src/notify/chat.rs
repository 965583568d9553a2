//! Talking with whoever pressed a button in a chat: a promise, kept by the adapter of the chat.

use super::{Address, NotSent};
use crate::notice::Message;
use core::pin::Pin;

/// What comes of something said in a chat.
pub type Saying<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// A dialog in which somebody says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// What is decided there, as the card has it; with everything that the card shows.
    pub message: Message,
    /// It says yes, otherwise no.
    pub approves: bool,
    /// What the chat gives back when the dialog is sent off.
    pub metadata: String,
}

/// The dialog's name, which the chat gives back.
pub const CALLBACK: &str = "countersign_reason";
/// The name of the field in it that says why.
pub const REASON: &str = "reason";
/// The longest text that the chat takes for a reason.
pub const MAX_REASON: usize = 2000;

/// A chat in which people press buttons.
pub trait Chat: Send + Sync {
    /// Tells one member of a channel something that nobody else there sees, and where to go on.
    fn whisper(&self, channel: &str, user: &str, text: String, link: Option<String>) -> Saying<'_>;

    /// Opens a dialog before whoever pressed a button a moment ago.
    fn ask(&self, trigger: &str, dialog: Dialog) -> Saying<'_>;

    /// Puts another message in the place of one, by the handle with which that was delivered.
    fn replace(&self, handle: &str, message: Message) -> Saying<'_>;

    /// The handle of the message that stands in this channel.
    fn handle(&self, channel: &str, message: &str) -> String;

    /// The address of this member.
    fn member(&self, team: &str, user: &str) -> Address;
}

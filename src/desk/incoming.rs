//! What reaches people elsewhere than at the console, as far as the console has to do with it: links that come back,
//! programs that send votes, browsers that are subscribed.

use super::clicks::Clicks;
use super::hooks::Hooks;
use super::links::Links;
use crate::clock::Clock;
use crate::entropy::Entropy;
pub use crate::notify::subscriptions::{MAX_BROWSERS, NotSubscribed, Subscription, Subscriptions};
use std::sync::Arc;

/// All of it.
pub struct Incoming {
    /// Makes links and knows them again.
    pub links: Arc<Links>,
    /// The programs that send votes in.
    pub hooks: Arc<Hooks>,
    /// The buttons of the Slack workspace, where there is one.
    pub clicks: Option<Arc<Clicks>>,
    /// The browsers that people subscribed, where that is configured.
    pub browsers: Option<Browsers>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Browsers that show notices.
#[derive(Clone)]
pub struct Browsers {
    /// Which.
    pub subscriptions: Arc<Subscriptions>,
    /// The key of this sender, as browsers take it.
    pub key: Box<str>,
}

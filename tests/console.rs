//! The console as a browser meets it: pages, forms, cookies, and everything that somebody else may send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "vote/authenticator.rs"]
#[allow(dead_code, reason = "the tests of votes use more of it")]
mod authenticator;
#[path = "console/browser.rs"]
mod browser;
#[path = "console/changes.rs"]
mod changes;
#[path = "console/doors.rs"]
mod doors;
#[path = "console/enrolment.rs"]
mod enrolment;
#[path = "console/hooks.rs"]
mod hooks;
#[path = "console/hostile_pages.rs"]
mod hostile_pages;
#[path = "service/provider.rs"]
#[allow(dead_code, reason = "the tests of the service use more of it")]
mod identity;
#[path = "console/links.rs"]
mod links;
#[path = "console/live.rs"]
mod live;
#[path = "providers/loopback.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod loopback;
#[path = "console/markup.rs"]
mod markup;
#[path = "console/pages.rs"]
mod pages;
#[path = "console/provider.rs"]
mod provider;
#[path = "console/push.rs"]
mod push;
#[path = "console/rooms.rs"]
mod rooms;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "the tests of the service use more of it")]
mod service;
#[path = "console/site.rs"]
mod site;
#[path = "console/skeleton.rs"]
mod skeleton;
#[path = "console/slack.rs"]
mod slack;
#[path = "console/tls.rs"]
mod tls;
#[path = "console/votes.rs"]
mod votes;

//! The console in a real browser: Chromium with a virtual authenticator, at desktop and phone size, with axe.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "console/browser.rs"]
#[allow(dead_code, reason = "the tests of the console use more of it")]
mod browser;
#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/pages.rs"]
mod pages;
#[path = "browser/rooms.rs"]
mod rooms;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "the tests of the service use more of it")]
mod service;
#[path = "console/site.rs"]
#[allow(dead_code, reason = "the tests of the console use more of it")]
mod site;
#[path = "browser/story.rs"]
mod story;

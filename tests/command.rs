//! The command as people and scripts meet it: what each part does, what it says, and the number it ends with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "command/audit.rs"]
mod audit;
#[path = "command/channels.rs"]
mod channels;
#[path = "command/exec.rs"]
mod exec;
#[path = "command/files.rs"]
mod files;
#[path = "analytics/world.rs"]
#[allow(dead_code, reason = "shared with tests/analytics.rs, which uses the rest")]
mod history;
#[path = "command/keys.rs"]
mod keys;
#[path = "command/policies.rs"]
mod policies;
#[path = "command/policy.rs"]
mod policy;
#[path = "hostile/process.rs"]
#[allow(dead_code, reason = "shared with tests/hostile.rs, which uses the rest")]
mod process;
#[path = "command/recount.rs"]
mod recount;
#[path = "command/review.rs"]
mod review;
#[path = "command/reviewers.rs"]
mod reviewers;
#[path = "command/reviewing.rs"]
mod reviewing;
#[path = "command/serve.rs"]
mod serve;
#[path = "command/sessions.rs"]
mod sessions;
#[path = "command/stats.rs"]
mod stats;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "shared with tests/service.rs, which uses the rest")]
mod support;
#[path = "command/suspend.rs"]
mod suspend;
#[path = "command/usage.rs"]
mod usage;
#[path = "command/world.rs"]
mod world;

//! The injector: what it does to pods, judged by kubectl's own code, the Kubernetes schema and the Pod Security rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[cfg(feature = "server")]
#[path = "inject/api.rs"]
mod api;
#[path = "inject/attacks.rs"]
mod attacks;
#[cfg(feature = "server")]
#[path = "inject/cluster.rs"]
mod cluster;
#[path = "inject/corpus.rs"]
mod corpus;
#[path = "inject/kubernetes.rs"]
mod kubernetes;
#[path = "inject/patches.rs"]
mod patches;
#[cfg(feature = "server")]
#[path = "inject/program.rs"]
mod program;
#[cfg(feature = "server")]
#[path = "inject/renewal.rs"]
mod renewal;
#[path = "inject/restricted.rs"]
mod restricted;
#[path = "inject/reviews.rs"]
mod reviews;
#[cfg(feature = "server")]
#[path = "inject/webhook.rs"]
mod webhook;

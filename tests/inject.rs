//! The injector: what it does to pods, judged by kubectl's own code, the Kubernetes schema and the Pod Security rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "inject/attacks.rs"]
mod attacks;
#[path = "inject/corpus.rs"]
mod corpus;
#[path = "inject/kubernetes.rs"]
mod kubernetes;
#[path = "inject/patches.rs"]
mod patches;
#[path = "inject/restricted.rs"]
mod restricted;
#[path = "inject/reviews.rs"]
mod reviews;

//! People: who may vote, what their votes do, and that nobody else decides.

use crate::support::{FLEET, Service, approve, cast, code, delete, deploy, key, statement, verify};
use countersign::client::Status;
use countersign::condition::{ConditionKind, ExecutionFacts};
use countersign::escalation::evidence::{PinnedKeys, RosterEvidence};
use countersign::escalation::vote::Choice;
use countersign::party::{ExecutorId, PersonId};
use countersign::token::{Executor, VerifierConfig};
use std::num::NonZeroUsize;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn one_approval_with_a_condition_arrives_in_the_token() {
    let service = Service::start().await;
    let id = service.escalate(deploy("2.0.0")).await;
    assert_eq!(
        service.vote(&id, "ada", approve(&["canary:max_percent=10"])).await.unwrap(),
        Status::Approved
    );
    let end = service.end_of(&id).await;
    assert_eq!(end.status, Status::Claimed);
    let grant = end.grant.unwrap();
    assert_eq!(grant.conditions, [r#"{"max_percent":10,"type":"canary"}"#]);
    let verifier = service.verifier(FLEET);
    let guard = service.path("used");
    let all = ExecutionFacts { targets: Some(10), all_targets: Some(10), ..ExecutionFacts::default() };
    assert_eq!(verify(&verifier, &grant, &all, &guard).unwrap_err().code(), "condition.unmet");
    let silent = ExecutionFacts::default();
    assert_eq!(verify(&verifier, &grant, &silent, &guard).unwrap_err().code(), "undetermined.condition");
    let one = ExecutionFacts { targets: Some(1), all_targets: Some(10), ..ExecutionFacts::default() };
    let verified = verify(&verifier, &grant, &one, &guard).unwrap();
    assert_eq!(verified.claims().approvals.len(), 1);
    assert_eq!(verified.claims().approvals[0].person.as_str(), "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_a_pool_must_agree_and_the_executor_checks_their_signatures_itself() {
    let service = Service::start().await;
    let id = service.escalate(delete(7)).await;
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Pending);
    let again = service.vote(&id, "ada", approve(&[])).await.unwrap_err();
    assert_eq!(code(again), "PermissionDenied");
    assert_eq!(service.vote(&id, "grace", approve(&[])).await.unwrap(), Status::Approved);
    let grant = service.end_of(&id).await.grant.unwrap();
    assert_eq!(grant.evidence.len(), 2);

    let pins = |people: &[&str]| {
        let pins = people.iter().map(|name| (PersonId::new(name).unwrap(), key(name).public_key().clone()));
        let two = NonZeroUsize::new(2).unwrap();
        Arc::new(RosterEvidence::new(PinnedKeys::new(pins).unwrap(), two).unwrap())
    };
    let executor = Executor::new(ExecutorId::new(FLEET).unwrap(), [ConditionKind::Canary]).unwrap();
    let config = VerifierConfig::new(service.anchor(), executor);
    let facts = ExecutionFacts::default();
    // It pins other people than those who signed.
    let strict = config.clone().demands_evidence(pins(&["ada", "linus"])).build().unwrap();
    assert_eq!(
        verify(&strict, &grant, &facts, &service.path("used")).unwrap_err().code(),
        "evidence.invalid"
    );
    let strict = config.demands_evidence(pins(&["ada", "grace"])).build().unwrap();
    let mut bare = grant.clone();
    bare.evidence.clear();
    assert_eq!(verify(&strict, &bare, &facts, &service.path("used")).unwrap_err().code(), "evidence.missing");
    let verified = verify(&strict, &grant, &facts, &service.path("used")).unwrap();
    assert_eq!(verified.claims().approvals.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_denial_ends_it() {
    let service = Service::start().await;
    let id = service.escalate(delete(8)).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    assert_eq!(service.vote(&id, "grace", Choice::Deny).await.unwrap(), Status::Denied);
    let end = service.end_of(&id).await;
    assert_eq!((end.status, end.grant), (Status::Denied, None));
    assert!(end.reasons.iter().any(|reason| reason.contains("grace")), "{:?}", end.reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_votes_with_anothers_key_for_another_escalation_or_out_of_the_pool() {
    let service = Service::start().await;
    let (one, two) = (service.escalate(deploy("1")).await, service.escalate(deploy("2")).await);
    let reviewer = service.reviewer().await;
    let (shown, other) = (reviewer.show(&one).await.unwrap(), reviewer.show(&two).await.unwrap());
    let refused = async |key_of: &str, statement: &_| {
        code(cast(&reviewer, &one, &key(key_of), statement).await.unwrap_err())
    };
    assert_eq!(refused("grace", &statement(&shown, "ada", approve(&[]))).await, "PermissionDenied");
    assert_eq!(refused("stranger", &statement(&shown, "ada", approve(&[]))).await, "PermissionDenied");
    assert_eq!(refused("ada", &statement(&other, "ada", approve(&[]))).await, "PermissionDenied");
    assert_eq!(refused("linus", &statement(&shown, "linus", approve(&[]))).await, "PermissionDenied");
    let mut elsewhere = statement(&shown, "ada", approve(&[]));
    elsewhere.shown = countersign::digest::RenderingDigest::from_bytes([1; 32]);
    assert_eq!(refused("ada", &elsewhere).await, "PermissionDenied");
    let unenforced = approve(&["row_limit:max=5"]);
    assert_eq!(refused("ada", &statement(&shown, "ada", unenforced)).await, "PermissionDenied");
    // None of it counted, and a real vote still does.
    assert_eq!(reviewer.show(&one).await.unwrap().summary.approvals, 0);
    assert_eq!(service.vote(&one, "ada", approve(&[])).await.unwrap(), Status::Approved);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_agent_acts_for_cannot_approve_under_any_of_their_names() {
    let lines = "    on_behalf_of: ada@example.com\n";
    let service = Service::start_with(crate::support::POLICY, lines, "").await;
    let id = service.escalate(deploy("1")).await;
    assert_eq!(code(service.vote(&id, "ada", approve(&[])).await.unwrap_err()), "PermissionDenied");
    let shown = service.reviewer().await.show(&id).await.unwrap();
    assert_eq!(shown.can_complete, ["grace"]);
    assert_eq!(service.vote(&id, "grace", approve(&[])).await.unwrap(), Status::Approved);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_may_withdraw_and_nobody_may_vote_then() {
    let service = Service::start().await;
    let id = service.escalate(deploy("1")).await;
    assert_eq!(service.agent().await.cancel(&id, "not needed").await.unwrap(), Status::Cancelled);
    assert_eq!(code(service.vote(&id, "ada", approve(&[])).await.unwrap_err()), "PermissionDenied");
    assert_eq!(code(service.agent().await.cancel(&id, "again").await.unwrap_err()), "FailedPrecondition");
    assert_eq!(service.end_of(&id).await.status, Status::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_votes_at_the_same_instant_have_one_outcome() {
    for round in 0..8 {
        let service = Service::start().await;
        let id = service.escalate(deploy(&round.to_string())).await;
        let (yes, no) =
            tokio::join!(service.vote(&id, "ada", approve(&[])), service.vote(&id, "grace", Choice::Deny));
        assert!(yes.is_ok() ^ no.is_ok(), "{yes:?} {no:?}");
        let end = service.end_of(&id).await;
        assert_eq!(end.status == Status::Claimed, yes.is_ok());
        assert_eq!(end.grant.is_some(), yes.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_waits_gets_the_same_token() {
    let service = Service::start().await;
    let id = service.escalate(deploy("1")).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let agent = service.agent().await;
        let id = id.clone();
        waiting.spawn(async move {
            let mut following = agent.follow(&id).await.unwrap();
            loop {
                let progress = following.next().await.unwrap().unwrap();
                if let Some(grant) = progress.grant {
                    return grant.token;
                }
            }
        });
    }
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    let mut tokens = std::collections::HashSet::new();
    while let Some(token) = waiting.join_next().await {
        tokens.insert(token.unwrap());
    }
    assert_eq!(tokens.len(), 1);
}

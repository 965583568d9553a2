//! Agents can be stopped: at once, whatever was approved, across a restart, and without a gap.

use crate::support::{FLEET, POLICY, Service, approve, ask, code, delete, deploy, read, verify};
use countersign::audit::event::Event;
use countersign::client::{Ask, ClientError, Scope, Status, Suspension, Verdict};
use countersign::condition::{ConditionKind, ExecutionFacts};
use countersign::party::ExecutorId;
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::token::{Executor, Ratchet, Revocations, UnverifiedToken, VerifierConfig};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn suspend(service: &Service, agent: &str, action: &str) -> Suspension {
    let scope = Scope { agent: agent.to_owned(), action: action.to_owned() };
    service.operator().await.suspend(scope, "it runs wild", None).await.unwrap().suspension
}

async fn resume(service: &Service) {
    assert!(!service.operator().await.resume_all().await.unwrap().is_empty());
}

async fn verdict(service: &Service, ask: Ask) -> Verdict {
    service.agent().await.authorize(ask).await.unwrap().verdict
}

/// Follows it to its end, or to the refusal.
async fn end(service: &Service, id: &str) -> Result<Status, ClientError> {
    let mut following = service.agent().await.follow(id).await?;
    loop {
        let progress = following.next().await?.expect("it ended without an end");
        if !matches!(progress.status, Status::Pending | Status::Approved) {
            return Ok(progress.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_agent_is_denied_everything_and_told_why() {
    let service = Service::start().await;
    let before = service.agent().await.authorize(read()).await.unwrap();
    assert_eq!(before.verdict, Verdict::Allow);
    let suspension = suspend(&service, "agent:TEST*", "").await;
    assert_eq!((suspension.by.as_str(), suspension.until), ("olga", None));
    for ask in [read(), deploy("1"), delete(1), read(), read(), read(), read()] {
        let answer = service.agent().await.authorize(ask).await.unwrap();
        assert_eq!((answer.verdict, answer.rule.as_str()), (Verdict::Deny, ""));
        assert!(answer.grant.is_none() && answer.pending.is_none());
        let told = &answer.reasons[0];
        for word in ["agent:TEST*", "suspended by olga", "it runs wild", &suspension.id] {
            assert!(told.contains(word), "`{word}` is not in `{told}`");
        }
    }
    resume(&service).await;
    let after = service.agent().await.authorize(read()).await.unwrap();
    assert_eq!(after.verdict, Verdict::Allow);
    // Seven denials would be more than a little behaviour; none of them was the agent's fault.
    assert_eq!(after.risk.score, before.risk.score);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_named_is_stopped() {
    let service = Service::start().await;
    let write = || ask("report.write", "test/report", "{}");
    // agent, action, and whether reading and writing go on
    for (agent, action, reads, writes) in [
        ("", "orders.*", false, true),
        ("", "ORDERS.read", false, true),
        ("agent:tester", "report.write", true, false),
        ("agent:other", "", true, true),
        ("agent:other", "orders.*", true, true),
        ("", "", false, false),
    ] {
        suspend(&service, agent, action).await;
        let allowed = |verdict| verdict == Verdict::Allow;
        let got = (allowed(verdict(&service, read()).await), allowed(verdict(&service, write()).await));
        assert_eq!(got, (reads, writes), "{agent} {action}");
        resume(&service).await;
        assert!(allowed(verdict(&service, read()).await) && allowed(verdict(&service, write()).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_and_not_collected_is_blocked() {
    let service = Service::start().await;
    let id = service.escalate(deploy("1")).await;
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    suspend(&service, "", "deploy.*").await;
    let blocked = service.end_of(&id).await;
    assert_eq!((blocked.status, blocked.grant), (Status::Blocked, None));
    assert!(blocked.reasons[0].contains("it runs wild"), "{:?}", blocked.reasons);
    resume(&service).await;
    assert_eq!(service.end_of(&id).await.status, Status::Blocked, "and it stays so");
    // One that is approved while it is suspended, too.
    let id = service.escalate(deploy("2")).await;
    suspend(&service, "agent:tester", "").await;
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    assert_eq!(service.end_of(&id).await.status, Status::Blocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_a_restart_and_so_does_its_end() {
    let mut service = Service::start().await;
    let id = service.escalate(deploy("1")).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    let (kept, lifted) = (suspend(&service, "agent:*", "").await, suspend(&service, "", "x.*").await);
    service.operator().await.resume(&lifted.id).await.unwrap();
    for views_are_lost in [false, true] {
        service.stop().await;
        if views_are_lost {
            std::fs::remove_dir_all(service.path("data/views")).unwrap();
        }
        service.run().await;
        assert_eq!(service.operator().await.suspensions().await.unwrap(), std::slice::from_ref(&kept));
        assert_eq!(verdict(&service, read()).await, Verdict::Deny);
    }
    assert_eq!(service.end_of(&id).await.status, Status::Blocked);
    resume(&service).await;
    service.stop().await;
    service.run().await;
    assert_eq!(service.operator().await.suspensions().await.unwrap(), []);
    assert_eq!(verdict(&service, read()).await, Verdict::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_given_is_not_given_again() {
    let service = Service::start().await;
    let again = Ask { request_id: "again".to_owned(), ..read() };
    let first = service.agent().await.authorize(again.clone()).await.unwrap().grant.unwrap();
    let id = service.escalate(deploy("1")).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    let collected = service.end_of(&id).await.grant.unwrap();
    suspend(&service, "agent:tester", "").await;
    let refused = service.agent().await.authorize(again.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("it runs wild"), "{refused}");
    assert_eq!(code(refused), "PermissionDenied");
    assert_eq!(code(end(&service, &id).await.unwrap_err()), "PermissionDenied");
    resume(&service).await;
    assert_eq!(service.agent().await.authorize(again).await.unwrap().grant.unwrap(), first);
    assert_eq!(service.end_of(&id).await.grant.unwrap(), collected);
}

#[tokio::test(flavor = "multi_thread")]
async fn living_tokens_are_on_the_list_of_revocations() {
    let service = Service::start().await;
    let agent = service.agent().await;
    let stopped = agent.authorize(read()).await.unwrap().grant.unwrap();
    let spared = agent.authorize(ask("report.write", "test/report", "{}")).await.unwrap().grant.unwrap();
    let id = service.escalate(deploy("1")).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    let approved = service.end_of(&id).await.grant.unwrap();
    let operator = service.operator().await;
    let scope = |action: &str| Scope { action: action.to_owned(), ..Scope::default() };
    let reads = operator.suspend(scope("orders.*"), "no", None).await.unwrap();
    let deploys = operator.suspend(scope("deploy.*"), "no", None).await.unwrap();
    let nothing = operator.suspend(scope("nothing.*"), "no", None).await.unwrap();
    assert_eq!([reads.revoked_tokens, deploys.revoked_tokens, nothing.revoked_tokens], [1, 1, 0]);
    let judge = async |grant: &countersign::client::Grant| {
        let published = agent.trust_bundle().await.unwrap();
        let certificates: Vec<&str> = published.certificates.iter().map(String::as_str).collect();
        let now = countersign::clock::Clock::now(&countersign::clock::SystemClock::start());
        let ratchet = Ratchet::default();
        let anchor = service.anchor();
        let revocations =
            Revocations::read(&published.revocations, &certificates, &anchor, None, &ratchet, now).unwrap();
        let kinds = [ConditionKind::Canary, ConditionKind::TimeWindow];
        let executor = Executor::new(ExecutorId::new(FLEET).unwrap(), kinds).unwrap();
        let verifier =
            VerifierConfig::new(anchor, executor).revocations(Arc::new(revocations)).build().unwrap();
        verify(&verifier, grant, &ExecutionFacts::default(), &service.path("used"))
            .map_err(|refusal| refusal.code())
    };
    assert_eq!(judge(&stopped).await.unwrap_err(), "revoked");
    assert_eq!(judge(&approved).await.unwrap_err(), "revoked");
    assert!(judge(&spared).await.is_ok());
    // What was revoked stays so; what is minted from then on is not.
    operator.resume_all().await.unwrap();
    assert_eq!(judge(&stopped).await.unwrap_err(), "revoked");
    let fresh = agent.authorize(read()).await.unwrap().grant.unwrap();
    assert!(judge(&fresh).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_alone_may_and_nobody_is_one_by_default() {
    let mut service = Service::prepare(POLICY, "", "");
    let path = service.path("countersign.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    let (before, after) = config.split_once("operators:").unwrap();
    let after = after.split_once("executors:").unwrap().1;
    std::fs::write(&path, format!("{before}executors:{after}")).unwrap();
    service.run().await;
    let operator = service.operator().await;
    let refused = operator.suspend(Scope::default(), "no", None).await.unwrap_err();
    assert!(refused.to_string().contains("`operators`"), "{refused}");
    assert_eq!(code(refused), "PermissionDenied");
    assert_eq!(code(operator.suspensions().await.unwrap_err()), "PermissionDenied");
    assert_eq!(code(operator.resume_all().await.unwrap_err()), "PermissionDenied");
    assert_eq!(verdict(&service, read()).await, Verdict::Allow);
}

/// 64 callers ask as fast as they can while a suspension is ordered and lifted, over and over: once the order has been
/// acknowledged no token is minted, and each that is handed out has its place in the record before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_minted_after_a_suspension_was_acknowledged() {
    const CALLERS: usize = 64;
    let mut service = Service::start().await;
    let minted = Arc::new(AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for _ in 0..CALLERS {
        let (agent, minted, stopped) = (service.agent().await, minted.clone(), stopped.clone());
        callers.spawn(async move {
            let mut tokens = Vec::new();
            while !*stopped.borrow() {
                if let Some(grant) = agent.authorize(read()).await.unwrap().grant {
                    minted.fetch_add(1, Ordering::Relaxed);
                    tokens.push(grant.token);
                }
            }
            tokens
        });
    }
    let operator = service.operator().await;
    for round in 1..=8 {
        while minted.load(Ordering::Relaxed) < 200 * round {
            tokio::task::yield_now().await;
        }
        operator.suspend(Scope::default(), "stop", None).await.unwrap();
        assert_eq!(verdict(&service, read()).await, Verdict::Deny);
        operator.resume_all().await.unwrap();
    }
    operator.suspend(Scope::default(), "stop", None).await.unwrap();
    stop.send(true).unwrap();
    let mut places = HashSet::new();
    while let Some(tokens) = callers.join_next().await {
        for token in tokens.unwrap() {
            let claims = UnverifiedToken::inspect(&token).unwrap().claims.to_canonical();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert!(places.insert(claims["cs_log"]["index"].as_u64().unwrap()), "two tokens in one place");
        }
    }
    service.stop().await;
    let (store, opened) = EmbeddedStore::open(&service.config().data, Options::default()).unwrap();
    let (mut suspended, mut suspensions, mut mints) = (false, 0, HashSet::new());
    for index in 0..opened.records {
        match store.record(index).unwrap().event {
            Event::Suspended { .. } => (suspended, suspensions) = (true, suspensions + 1),
            Event::Resumed { .. } => suspended = false,
            Event::Minted(_) => {
                assert!(!suspended, "record {index} mints what is suspended");
                mints.insert(index);
            }
            Event::Decided(decided) => assert_eq!(decided.suspension.is_some(), suspended, "record {index}"),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::Absence { .. }
            | Event::Escalation { .. }
            | Event::Drill { .. }
            | Event::Reported(_)
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. } => {}
        }
    }
    assert_eq!(suspensions, 9);
    assert!(places.len() >= 1600 && places.is_subset(&mints), "{} {}", places.len(), mints.len());
}

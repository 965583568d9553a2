//! Requests: decided, idempotent, and refused by name.

use crate::support::{FLEET, PLAIN, Service, ask, code, deploy, read, verify};
use countersign::client::{Ask, Declared, Outcome, Verdict};
use countersign::condition::ExecutionFacts;

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_operation_is_allowed_with_a_token_that_an_executor_accepts_once() {
    let service = Service::start().await;
    let answer = service.agent().await.authorize(read()).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Allow, "{:?}", answer.reasons);
    assert_eq!(answer.rule, "ordinary-reads");
    assert_eq!(answer.risk.factors.len(), 6);
    let grant = answer.grant.unwrap();
    let (verifier, facts) = (service.verifier(FLEET), ExecutionFacts::default());
    let guard = service.path("used");
    let verified = verify(&verifier, &grant, &facts, &guard).unwrap();
    assert_eq!(verified.operation().op_bytes(), grant.op_bytes);
    assert_eq!(verified.claims().subject.as_str(), "agent:tester");
    assert_eq!(verify(&verifier, &grant, &facts, &guard).unwrap_err().code(), "replay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_operation_is_denied_and_says_why() {
    let service = Service::start().await;
    let wild = ask("orders.delete", "db/production/customers", r#"{"filter":"*"}"#);
    let answer = service.agent().await.authorize(wild).await.unwrap();
    assert_eq!((answer.verdict, answer.grant, answer.pending), (Verdict::Deny, None, None));
    assert!(!answer.reasons.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_and_operation_get_the_same_answer_token_included() {
    let service = Service::start().await;
    let agent = service.agent().await;
    for ask in [read(), deploy("1")] {
        let ask = Ask { request_id: format!("once-{}", ask.action), ..ask };
        let first = agent.authorize(ask.clone()).await.unwrap();
        let again = agent.authorize(ask.clone()).await.unwrap();
        assert_eq!(first.decision, again.decision);
        assert_eq!(first.grant, again.grant);
        assert_eq!(first.pending, again.pending);
        let other = Ask { parameters: Some(b"{}".to_vec()), ..ask.clone() };
        assert_eq!(code(agent.authorize(other).await.unwrap_err()), "AlreadyExists");
        let elsewhere = Ask { executor: PLAIN.to_owned(), ..ask };
        assert_eq!(code(agent.authorize(elsewhere).await.unwrap_err()), "AlreadyExists");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_from_many_connections_at_once_is_decided_once() {
    let service = Service::start().await;
    let mut answers = Vec::new();
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let agent = service.agent().await;
        set.spawn(async move {
            agent.authorize(Ask { request_id: "at-once".to_owned(), ..read() }).await.unwrap()
        });
    }
    while let Some(answer) = set.join_next().await {
        answers.push(answer.unwrap());
    }
    assert_eq!(answers.len(), 32);
    assert!(
        answers
            .iter()
            .all(|answer| answer.grant == answers[0].grant && answer.decision == answers[0].decision)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_can_only_raise() {
    let service = Service::start().await;
    let agent = service.agent().await;
    let honest = agent.authorize(read()).await.unwrap();
    let declared = Declared { kind: "delete".to_owned(), irreversible: true, ..Declared::default() };
    let raised = agent.authorize(Ask { declared, ..read() }).await.unwrap();
    assert!(raised.risk.score > honest.risk.score);
    let declared =
        Declared { kind: "read".to_owned(), environment: "test".to_owned(), ..Declared::default() };
    let plain = agent.authorize(deploy("1")).await.unwrap();
    let lowered = agent.authorize(Ask { declared, ..deploy("2") }).await.unwrap();
    assert_eq!((lowered.risk.score, lowered.verdict), (plain.risk.score, plain.verdict));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_bound_by_its_bytes_and_shown_to_the_reviewer() {
    let service = Service::start().await;
    let ask = Ask {
        parameters: None,
        payload: Some(b"drop table orders; -- \xe2\x80\xae".to_vec()),
        ..ask("sql.run", "db/production/orders", "")
    };
    let id = service.escalate(ask).await;
    let shown = service.reviewer().await.show(&id).await.unwrap();
    assert_eq!(shown.payload, b"drop table orders; -- \xe2\x80\xae");
    assert!(shown.rendering.contains("drop table orders") && !shown.rendering.contains('\u{202e}'));
    assert!(!shown.hazards.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_are_reported_for_ones_own_decisions_only() {
    let service = Service::start().await;
    let agent = service.agent().await;
    let answer = agent.authorize(read()).await.unwrap();
    agent.report(&answer.decision, Outcome::Succeeded, "", "ten rows").await.unwrap();
    let unknown = format!("txn_{}", "A".repeat(22));
    assert_eq!(code(agent.report(&unknown, Outcome::Failed, "", "").await.unwrap_err()), "NotFound");
    assert_eq!(code(agent.report("nonsense", Outcome::Failed, "", "").await.unwrap_err()), "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_tokens_were_refused_often_is_trusted_less() {
    let service = Service::start().await;
    let agent = service.agent().await;
    let before = agent.authorize(read()).await.unwrap();
    for _ in 0..6 {
        let answer = agent.authorize(read()).await.unwrap();
        agent.report(&answer.decision, Outcome::Refused, "replay", "").await.unwrap();
    }
    let after = agent.authorize(read()).await.unwrap();
    assert!(after.risk.score > before.risk.score, "{} {}", after.risk.score, before.risk.score);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unregistered_executor_gets_nothing() {
    let service = Service::start().await;
    let ask = Ask { executor: "exec:nobody".to_owned(), ..read() };
    assert_eq!(code(service.agent().await.authorize(ask).await.unwrap_err()), "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trust_bundle_verifies_under_the_root_alone() {
    let service = Service::start().await;
    let handed = service.agent().await.trust_bundle().await.unwrap();
    let certificates: Vec<&str> = handed.certificates.iter().map(String::as_str).collect();
    let now = countersign::clock::Clock::now(&countersign::clock::SystemClock::start());
    let ratchet = countersign::token::Ratchet::default();
    let bundle = countersign::token::TrustBundle::read(
        &handed.bundle,
        &certificates,
        &service.anchor(),
        &ratchet,
        now,
    );
    let bundle = bundle.unwrap();
    let grant = service.agent().await.authorize(read()).await.unwrap().grant.unwrap();
    let header = countersign::token::UnverifiedToken::inspect(&grant.token).unwrap();
    assert!(bundle.contents().keys.iter().any(|key| key.key.id().to_string() == header.kid));
    assert!(handed.jwks.contains(&header.kid));
}

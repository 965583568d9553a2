//! Evasion: what is cut into pieces, wrapped otherwise, asked at once or asked again meets the same rule (R5, R6).

use crate::support::{Service, approve, ask, code};
use countersign::client::{Ask, Declared, Outcome, Status, Verdict};
use countersign::escalation::vote::Choice;

/// Deletes run, unless they are many; what is not classified is looked at.
const POLICY: &str = "\
version: 1
name: evasion
roles: [engineer, oncall, platform-lead, security-lead]
defaults: {reviewers: [role:oncall, role:platform-lead]}
classify:
  - {action: '*.delete', kind: delete}
  - {action: '*.read', kind: read}
  - {action: 'pay.*', kind: external_call}
limits:
  - {name: calls, match: {action: 'pay.*'}, window: 10m, requests: 5, level: high}
rules:
  - name: bulk
    match: {kind: delete, rows_over: 100}
    decision: escalate
    escalation: {approvals: 2}
  - name: small
    match: {kind: delete, level: [low, medium]}
    decision: allow
  - name: pay
    match: {action: 'pay.*', level: [low, medium]}
    decision: allow
escalations: {open_per_agent: 1000}
levels: {low: allow}
";

fn delete(table: &str, id: usize) -> Ask {
    ask("orders.delete", &format!("db/test/{table}/{id}"), &format!(r#"{{"id":{id}}}"#))
}

fn bulk(table: &str, rows: u64) -> Ask {
    ask("orders.delete", &format!("db/test/{table}/*"), &format!(r#"{{"affected_rows_estimate":{rows}}}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_single_deletes_meet_the_rule_for_one_bulk_delete_and_a_restart_forgets_none() {
    let mut service = Service::start_with(POLICY, "", "").await;
    let at_once = service.agent().await.authorize(bulk("carts", 200)).await.unwrap();
    assert_eq!((at_once.verdict, at_once.rule.as_str()), (Verdict::Escalate, "bulk"));
    let agent = service.agent().await;
    for id in 0..60 {
        let answer = agent.authorize(delete("orders", id)).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Allow, "{id}: {:?}", answer.reasons);
    }
    drop(agent);
    service.stop().await;
    service.run().await;
    let agent = service.agent().await;
    for id in 60..100 {
        let answer = agent.authorize(delete("orders", id)).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Allow, "{id}: {:?}", answer.reasons);
    }
    for id in 100..103 {
        let answer = agent.authorize(delete("orders", id)).await.unwrap();
        assert_eq!((answer.verdict, answer.rule.as_str()), (Verdict::Escalate, "bulk"), "{id}");
    }
    // Another family, another sum.
    assert_eq!(agent.authorize(delete("logs", 1)).await.unwrap().verdict, Verdict::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_all_at_once_is_no_way_around_a_sum() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    let mut asking = tokio::task::JoinSet::new();
    for id in 0..140 {
        let agent = agent.clone();
        asking.spawn(async move { agent.authorize(delete("orders", id)).await.unwrap().verdict });
    }
    let verdicts = asking.join_all().await;
    let allowed = verdicts.iter().filter(|verdict| **verdict == Verdict::Allow).count();
    assert_eq!((allowed, verdicts.len()), (100, 140));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_counts_once() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    for id in 0..100 {
        let once = Ask { request_id: format!("r{id}"), ..delete("orders", id) };
        for _ in 0..3 {
            assert_eq!(agent.authorize(once.clone()).await.unwrap().verdict, Verdict::Allow, "{id}");
        }
    }
    assert_eq!(agent.authorize(delete("orders", 100)).await.unwrap().verdict, Verdict::Escalate);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_lifts_the_level_beyond_it_and_says_by_how_much() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    let pay = || ask("pay.invoice", "bank/test", r#"{"amount":3}"#);
    for _ in 0..5 {
        assert_eq!(agent.authorize(pay()).await.unwrap().verdict, Verdict::Allow);
    }
    let sixth = agent.authorize(pay()).await.unwrap();
    assert_eq!(sixth.verdict, Verdict::Escalate);
    let says = "limit `calls` lifts it to `high` (requests within 10m: 6, over 5)";
    assert!(sixth.reasons.iter().any(|reason| reason == says), "{:?}", sixth.reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_denied_goes_back_to_them_in_whatever_form() {
    let mut service = Service::start_with(POLICY, "", "").await;
    let id = service.escalate(bulk("orders", 200)).await;
    assert_eq!(service.vote(&id, "ada", Choice::Deny).await.unwrap(), Status::Denied);
    for restarted in [false, true] {
        if restarted {
            service.stop().await;
            service.run().await;
        }
        // Small enough to be allowed, on the same family.
        let again = service.agent().await.authorize(delete("orders", 1)).await.unwrap();
        assert_eq!(again.verdict, Verdict::Escalate, "{:?}", again.reasons);
        assert!(again.reasons[0].contains("`ada` denied an operation like this one"), "{:?}", again.reasons);
    }
    let id = service.escalate(delete("orders", 2)).await;
    // Grace alone will not do, and nor will the two seats of one person.
    assert_eq!(service.vote(&id, "grace", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    assert_eq!(service.end_of(&id).await.status, Status::Claimed);
    // What is not like it is as it was.
    let other = service.agent().await.authorize(delete("logs", 1)).await.unwrap();
    assert_eq!(other.verdict, Verdict::Allow, "{:?}", other.reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn staying_just_below_a_threshold_is_noticed_and_counts_against_the_agent() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    // 95 rows are just below 100, in ever other families so that no sum is reached.
    let mut noticed = 0;
    for table in 0..4 {
        let answer = agent.authorize(bulk("one", 95 + table)).await.unwrap();
        noticed += usize::from(answer.reasons.iter().any(|reason| reason.contains("just below a threshold")));
    }
    assert_eq!(noticed, 2, "the third and the fourth");
    let now = agent.authorize(ask("orders.read", "db/test/x", "{}")).await.unwrap();
    assert!(now.reasons.iter().any(|reason| reason.contains("2 recent anomalies")), "{:?}", now.reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_and_a_wrong_declaration_count_against_the_agent() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    let declared = Declared { kind: "read".to_owned(), ..Declared::default() };
    let lied = Ask { declared, ..delete("orders", 1) };
    let answer = agent.authorize(lied).await.unwrap();
    assert!(answer.reasons.iter().any(|reason| reason.starts_with("anomaly: the agent declares `read`")));
    agent.report(&answer.decision, Outcome::Refused, "replayed", "twice").await.unwrap();
    let next = agent.authorize(ask("orders.read", "db/test/x", "{}")).await.unwrap();
    assert!(next.reasons.iter().any(|reason| reason.contains("2 recent anomalies")), "{:?}", next.reasons);
    let unknown = agent.report("txn_AAAAAAAAAAAAAAAAAAAAAA", Outcome::Refused, "", "").await;
    assert_eq!(code(unknown.unwrap_err()), "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn calling_it_something_else_is_no_way_around_a_sum() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    let mut allowed = 0;
    for id in 0..140 {
        // Worse than it is, now and then, so that it might be counted elsewhere.
        let kind = ["", "admin", "read"][id % 3].to_owned();
        let environment = ["", "test"][id % 2].to_owned();
        let declared = Declared { kind, environment, ..Declared::default() };
        let answer = agent.authorize(Ask { declared, ..delete("orders", id) }).await.unwrap();
        allowed += usize::from(answer.verdict == Verdict::Allow);
    }
    assert!(allowed <= 100, "{allowed}");
    assert_eq!(agent.authorize(delete("orders", 141)).await.unwrap().rule, "bulk");
}

#[tokio::test(flavor = "multi_thread")]
async fn going_away_and_coming_back_for_the_answer_is_no_way_around_a_sum() {
    let service = Service::start_with(POLICY, "", "").await;
    let agent = service.agent().await;
    let once = |id: usize| Ask { request_id: format!("gone-{id}"), ..delete("orders", id) };
    for id in 0..140 {
        // Hang up at ever other moments, many of them while the answer is being recorded.
        let patience = std::time::Duration::from_micros(u64::try_from(id % 40).unwrap() * 50);
        drop(tokio::time::timeout(patience, agent.authorize(once(id))).await);
    }
    let mut allowed = 0;
    for id in 0..140 {
        let answer = agent.authorize(once(id)).await.unwrap();
        allowed += usize::from(answer.verdict == Verdict::Allow);
    }
    assert!(allowed <= 100, "{allowed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_and_again_buries_no_denial() {
    let mut service = Service::start_with(POLICY, "", "").await;
    let id = service.escalate(bulk("orders", 200)).await;
    assert_eq!(service.vote(&id, "ada", Choice::Deny).await.unwrap(), Status::Denied);
    for restarted in [false, true] {
        if restarted {
            service.stop().await;
            service.run().await;
        }
        let agent = service.agent().await;
        // Each of them waits for people, like the one before.
        for time in 0..40 {
            let again = agent.authorize(delete("orders", 1)).await.unwrap();
            assert_eq!(again.verdict, Verdict::Escalate, "{time}: {:?}", again.reasons);
            assert!(again.reasons[0].contains("`ada` denied"), "{time}: {:?}", again.reasons);
        }
    }
}

//! What the desk tells comes into force here: rules, suspensions, revocations, the agent's people, and what other sidecars
//! decided for the same agent.

use crate::desk::{Desk, FLEET, POLICY};
use crate::pod::{Pod, deploy, purge, read, until};
use crate::wire as proto;
use countersign::audit::event::{Event, Record};
use countersign::client::Verdict;
use countersign::digest::KeyId;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_policy_comes_into_force_and_a_bad_one_does_not() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    desk.new_policy(
        &POLICY.replace("action: orders.read}\n  decision: allow", "action: orders.read}\n  decision: deny"),
    );
    until("it is in force", async || pod.verdict(read()).await == Verdict::Deny).await;
    desk.new_policy("version: 1\nname: broken\nrules: [{name: x}]\nlevels: {}\n");
    // What is wrong is not taken, and whoever can't take the news does not pass for being in step.
    pod.connected(false).await;
    assert_eq!(pod.verdict(read()).await, Verdict::Deny, "what was in force stays");
    desk.new_policy(POLICY);
    pod.connected(true).await;
    until("it is in force again", async || pod.verdict(read()).await == Verdict::Allow).await;
    pod.stop().await;
    let loaded = |record: &&Record| matches!(record.event, Event::PolicyLoaded { .. });
    assert_eq!(
        pod.record().iter().filter(loaded).count(),
        3,
        "at the start, and each of the two that were taken"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_reaches_the_sidecar_and_survives_its_restart_without_the_desk() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
    desk.suspend(1);
    until("it is in force", async || pod.verdict(read()).await == Verdict::Deny).await;
    let why = pod.asks(read()).await.unwrap().reasons;
    assert!(why[0].contains("olga"), "{why:?}");
    pod.stop().await;
    desk.be_away(true);
    pod.run().await;
    assert_eq!(pod.verdict(read()).await, Verdict::Deny, "a restart is no way around it");
    desk.tell(|state| state.suspensions.clear());
    desk.be_away(false);
    until("it is lifted", async || pod.verdict(read()).await == Verdict::Allow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_revoked_mints_nothing_more() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    let grant = pod.asks(read()).await.unwrap().grant.unwrap();
    let header = grant.token.split('.').next().unwrap();
    let header = countersign::digest::from_base64url(header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let key = KeyId::parse(header["kid"].as_str().unwrap()).unwrap();
    desk.tell(|state| _ = state.revoked.insert(key));
    until("nothing is minted", async || pod.asks(read()).await.is_err()).await;
    let error = pod.asks(read()).await.unwrap_err().to_string();
    assert!(error.contains("no key may sign"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_there_for_executors_as_files_and_over_the_socket() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    pod.in_step().await;
    let bundle = pod.agent().await.trust_bundle().await.unwrap();
    assert!(!bundle.bundle.is_empty() && !bundle.certificates.is_empty());
    let file = |name: &str| std::fs::read_to_string(pod.config.data.join("published").join(name)).unwrap();
    assert_eq!(file("bundle.jws"), bundle.bundle);
    assert_eq!(file("jwks.json"), bundle.jwks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_delete_that_is_cut_over_two_sidecars_goes_to_people() {
    let (elsewhere, desk) = (Desk::start().await, Desk::start().await);
    let (one, other) = (Pod::start(&elsewhere).await, Pod::start(&desk).await);
    // The scripted desk takes one log; what the one decided is told the other as its neighbour's.
    let mut table = 0;
    for _ in 0..3 {
        table += 1;
        assert_eq!(one.verdict(purge(table, 300)).await, Verdict::Allow);
    }
    let decided: Vec<Record> = one.records_of_decisions();
    assert_eq!(decided.len(), 3);
    assert_eq!(other.verdict(purge(10, 90)).await, Verdict::Allow, "alone it is nothing");
    desk.tell(|state| state.neighbours = decided);
    other.in_step().await;
    let answer = other.asks(purge(11, 300)).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Escalate, "{:?}", answer.reasons);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_is_gone_is_minted_for_no_more() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
    let executor = |id: &str| proto::FleetExecutor { id: id.to_owned(), ..Default::default() };
    let agent = |id: &str| Some(proto::FleetAgent { id: id.to_owned(), ..Default::default() });
    let roles = |of: &str, executors: &[&str]| proto::FleetRoles {
        agent: agent(of),
        executors: executors.iter().map(|id| executor(id)).collect(),
    };
    desk.tell(|state| state.roles = Some(roles(crate::desk::AGENT, &["exec:other"])));
    until("it is gone", async || pod.asks(read()).await.is_err()).await;
    desk.tell(|state| state.roles = Some(roles(crate::desk::AGENT, &[FLEET])));
    until("it is back", async || pod.asks(read()).await.is_ok()).await;
    desk.tell(|state| state.roles = Some(roles("ns/shop/sa/other", &[FLEET])));
    pod.connected(false).await;
    desk.tell(|state| state.roles = None);
    pod.connected(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_never_leave_the_sidecar_and_long_values_do() {
    let desk = Desk::start().await;
    desk.new_policy(&POLICY.replace("levels:", "secrets: [password]\nlevels:"));
    let pod = Pod::start(&desk).await;
    let secret = "correct horse battery staple";
    let long = "x".repeat(70_000);
    let mut ask = deploy(1);
    ask.parameters = Some(format!(r#"{{"password":"{secret}"}}"#).into_bytes());
    assert_eq!(pod.verdict(ask).await, Verdict::Escalate);
    let mut ask = deploy(2);
    ask.parameters = Some(format!(r#"{{"notes":"{long}"}}"#).into_bytes());
    assert_eq!(pod.verdict(ask).await, Verdict::Escalate);
    until("all is handed over", async || pod.running().tether().unshipped() == 0).await;
    let state = desk.state();
    let holds = |bytes: &Vec<u8>, text: &str| String::from_utf8_lossy(bytes).contains(text);
    assert!(!state.leaves.iter().chain(&state.values).any(|bytes| holds(bytes, secret)));
    assert!(state.values.iter().any(|value| holds(value, &long)), "what is merely long went along");
}

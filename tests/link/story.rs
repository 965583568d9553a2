//! The whole story over the wire: asked beside the agent, decided by people at the desk, minted beside the agent again.

use crate::desk::Desk;
use crate::pod::{Pod, deploy, read, until, witnessed};
use countersign::audit::event::Event;
use countersign::client::{Status, Verdict};
use countersign::tlog::LogProof;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_allows_is_minted_here_and_verified_by_the_roots_of_the_desk() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    let answer = pod.asks(read()).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Allow);
    pod.verifies(&answer.grant.unwrap());
    assert_eq!(pod.verdict(crate::pod::brief_denied()).await, Verdict::Deny);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_approve_at_the_desk_is_minted_here() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    let (id, queued) = pod.escalates(deploy(1)).await;
    assert!(!queued, "the desk is there");
    assert_eq!(pod.stands(&id).await.unwrap().status, Status::Pending);
    desk.vote(&id, "ada", true).await;
    let end = pod.end_of(&id).await;
    assert_eq!(end.status, Status::Claimed, "{:?}", end.reasons);
    let grant = end.grant.unwrap();
    pod.verifies(&grant);
    assert_eq!(grant.evidence.len(), 1, "with the reviewer's own signature");
    assert_eq!(pod.end_of(&id).await.grant.unwrap().token, grant.token, "the same again");
    until("all is handed over", async || pod.running().tether().unshipped() == 0).await;
    pod.stop().await;
    assert_eq!(pod.mints(), 1);
    assert_eq!(desk.state().leaves.len(), pod.record().len(), "the stop was handed over as well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_deny_is_denied() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    let (id, _) = pod.escalates(deploy(1)).await;
    desk.vote(&id, "ada", false).await;
    let end = pod.end_of(&id).await;
    assert_eq!((end.status, end.grant), (Status::Denied, None));
    pod.in_step().await;
    let again = pod.asks(deploy(1)).await.unwrap();
    let told = again.risk.factors.iter().any(|factor| factor.reason.contains("ada")) || {
        again
            .risk
            .floors
            .iter()
            .chain(&again.reasons)
            .any(|words| words.contains("ada") || words.contains("denied"))
    };
    assert!(told, "who denied it is remembered here: {:?} {:?}", again.risk, again.reasons);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_withdraws_what_it_asked_for() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    let (id, _) = pod.escalates(deploy(1)).await;
    assert_eq!(pod.agent().await.cancel(&id, "not needed").await.unwrap(), Status::Cancelled);
    assert_eq!(pod.end_of(&id).await.status, Status::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_is_a_witness_that_rules_may_count() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    let answer = pod.asks(witnessed()).await.unwrap();
    let proof = answer.grant.unwrap().log_proof.expect("there is a proof");
    let proof: LogProof = LogProof::parse(proof.as_bytes()).unwrap();
    assert!(proof.checkpoint.note().signatures().len() >= 2, "the log's signature and the desk's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_enrols_once_and_starts_again_while_the_desk_is_away() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
    pod.stop().await;
    desk.be_away(true);
    pod.run().await;
    let answer = pod.asks(read()).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Allow, "{:?}", answer.reasons);
    pod.verifies(&answer.grant.unwrap());
    assert_eq!(desk.enrolments(), 1, "the certificate lives");
    pod.stop().await;
    let starts = pod.record().iter().filter(|record| matches!(record.event, Event::Started { .. })).count();
    assert_eq!(starts, 2, "one record goes on");
}

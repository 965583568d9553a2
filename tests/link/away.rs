//! The desk is away, at each step and for as long as it likes; answers are lost; nothing is allowed by that, nothing is
//! lost, and nothing is done twice.

use crate::desk::{Answering, Desk, POLICY};
use crate::pod::{Pod, brief, deploy, read, until};
use countersign::audit::event::{Event, QueueStep};
use countersign::client::{Status, Verdict};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_decided_alone_goes_on_and_is_handed_over_later() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    pod.lose_the_desk().await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
    until("there is something to hand over", async || pod.running().tether().unshipped() > 0).await;
    pod.find_the_desk().await;
    until("all is handed over", async || pod.running().tether().unshipped() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_escalation_waits_here_and_is_opened_when_the_desk_is_back() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    pod.lose_the_desk().await;
    let (id, queued) = pod.escalates(deploy(1)).await;
    assert!(queued);
    let stands = pod.stands(&id).await.unwrap();
    assert_eq!((stands.status, stands.queued), (Status::Pending, true));
    assert_eq!(pod.running().tether().queued(), 1);
    pod.find_the_desk().await;
    until("it is open at the desk", async || pod.running().tether().queued() == 0).await;
    assert!(!pod.stands(&id).await.unwrap().queued);
    desk.vote(&id, "ada", true).await;
    let end = pod.end_of(&id).await;
    assert_eq!(end.status, Status::Claimed, "{:?}", end.reasons);
    pod.verifies(&end.grant.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_survives_a_restart_and_ends_at_its_deadline_without_the_desk() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    pod.lose_the_desk().await;
    let (lasting, _) = pod.escalates(deploy(1)).await;
    let (short, queued) = pod.escalates(brief()).await;
    assert!(queued);
    pod.stop().await;
    pod.run().await;
    let end = pod.end_of(&short).await;
    assert_eq!((end.status, end.grant), (Status::Expired, None), "{:?}", end.reasons);
    assert_eq!(pod.stands(&lasting).await.unwrap().status, Status::Pending, "the other goes on waiting");
    pod.find_the_desk().await;
    until("the other is open", async || pod.running().tether().queued() == 0).await;
    assert!(
        desk.steps(countersign::party::EscalationId::parse(&short).unwrap()).is_empty(),
        "nobody is asked in vain"
    );
    assert_eq!(pod.end_of(&short).await.status, Status::Expired, "it stays ended");
    pod.stop().await;
    let steps: Vec<QueueStep> = pod
        .record()
        .into_iter()
        .filter_map(|record| if let Event::Queued(queued) = record.event { Some(queued.step) } else { None })
        .collect();
    assert_eq!(steps.iter().filter(|step| **step == QueueStep::Waiting).count(), 2);
    assert_eq!(steps.iter().filter(|step| **step == QueueStep::Expired).count(), 1);
    assert_eq!(steps.iter().filter(|step| **step == QueueStep::Opened).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_can_be_withdrawn() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    pod.lose_the_desk().await;
    let (id, _) = pod.escalates(deploy(1)).await;
    assert_eq!(pod.agent().await.cancel(&id, "not needed").await.unwrap(), Status::Cancelled);
    assert_eq!(pod.end_of(&id).await.status, Status::Cancelled);
    pod.find_the_desk().await;
    pod.in_step().await;
    assert!(
        desk.steps(countersign::party::EscalationId::parse(&id).unwrap()).is_empty(),
        "it never came there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_desk_does_not_open_ends() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    desk.state().opening = Some(Answering::Refuses("that policy was never in force"));
    let (id, _) = pod.escalates(deploy(1)).await;
    let end = pod.end_of(&id).await;
    assert_eq!(end.status, Status::Blocked);
    assert!(end.reasons.iter().any(|why| why.contains("never in force")), "{:?}", end.reasons);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_is_had_again_and_nothing_is_done_twice() {
    for lost in ["Ship", "Open", "GetDocket", "Step"] {
        let desk = Desk::start().await;
        let mut pod = Pod::start(&desk).await;
        let loses_at_the_claim = lost == "Step";
        if !loses_at_the_claim {
            desk.lose(lost);
        }
        let (id, _) = pod.escalates(deploy(1)).await;
        until("it is open at the desk", async || pod.stands(&id).await.is_ok_and(|stands| !stands.queued))
            .await;
        if loses_at_the_claim {
            desk.lose(lost);
        }
        desk.vote(&id, "ada", true).await;
        let end = pod.end_of(&id).await;
        assert_eq!(end.status, Status::Claimed, "{lost}: {:?}", end.reasons);
        pod.verifies(&end.grant.unwrap());
        until("all is handed over", async || pod.running().tether().unshipped() == 0).await;
        pod.stop().await;
        assert_eq!(pod.mints(), 1, "{lost}");
        let decided = |leaf: &&Vec<u8>| String::from_utf8_lossy(leaf).contains(r#""kind":"decided""#);
        assert_eq!(desk.state().leaves.iter().filter(decided).count(), 1, "{lost}");
        let opened = desk.steps(countersign::party::EscalationId::parse(&id).unwrap());
        let opened = opened.iter().filter(|step| step.name() == "opened").count();
        assert_eq!(opened, 1, "{lost}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_approved_while_nobody_could_tell_is_collected_when_the_desk_is_back() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    let (id, _) = pod.escalates(deploy(1)).await;
    pod.lose_the_desk().await;
    let seen = pod.stands(&id).await;
    assert!(seen.is_err() || seen.unwrap().status == Status::Pending, "nobody claims to know more");
    desk.vote(&id, "ada", true).await;
    pod.stop().await;
    pod.run().await;
    let error = pod.stands(&id).await.unwrap_err().to_string();
    assert!(error.contains("desk_away"), "{error}");
    pod.find_the_desk().await;
    assert_eq!(pod.end_of(&id).await.status, Status::Claimed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approval_is_not_access() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    let (id, _) = pod.escalates(deploy(1)).await;
    desk.new_policy(&POLICY.replace("action: deploy.release}\n  decision: escalate\n  escalation: {reviewers: [role:oncall], approvals: 1, timeout: 1h}", "action: deploy.release}\n  decision: deny"));
    pod.in_step().await;
    desk.vote(&id, "ada", true).await;
    let end = pod.end_of(&id).await;
    assert_eq!((end.status, end.grant), (Status::Blocked, None), "{:?}", end.reasons);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_never_heard_its_desk_within_the_policys_time_allows_nothing() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
    pod.stop().await;
    desk.be_away(true);
    // It was last heard two hours ago; a restart does not make the news any younger.
    let long_ago = desk.now().minus(std::time::Duration::from_secs(7200)).unix_millis();
    std::fs::write(pod.config.data.join("heard"), long_ago.to_string()).unwrap();
    pod.run().await;
    let stale = pod.asks(read()).await.unwrap();
    assert_eq!(stale.verdict, Verdict::Deny);
    assert!(stale.reasons[0].contains("without news"), "{:?}", stale.reasons);
    let (_, queued) = pod.escalates(deploy(1)).await;
    assert!(queued, "people may still be asked");
    pod.find_the_desk().await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_silent_counts_as_away() {
    let desk = Desk::start().await;
    let pod = Pod::start(&desk).await;
    desk.state().mute = true;
    pod.connected(false).await;
    let (_, queued) = pod.escalates(deploy(1)).await;
    assert!(queued);
    desk.state().mute = false;
    pod.connected(true).await;
}

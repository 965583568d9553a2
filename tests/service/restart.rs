//! Stopping and starting again: what was acknowledged is there, and waiting goes on.

use crate::support::{Service, approve, delete, deploy, read};
use countersign::client::{Ask, Status};

#[tokio::test(flavor = "multi_thread")]
async fn escalations_votes_and_answers_survive_a_restart() {
    let mut service = Service::start().await;
    let ask = Ask { request_id: "stays".to_owned(), ..read() };
    let before = service.agent().await.authorize(ask.clone()).await.unwrap();
    let id = service.escalate(delete(1)).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    service.stop().await;
    service.run().await;
    let after = service.agent().await.authorize(ask).await.unwrap();
    assert_eq!((after.decision, after.grant), (before.decision, before.grant));
    let shown = service.reviewer().await.show(&id).await.unwrap();
    assert_eq!((shown.summary.status, shown.summary.approvals), (Status::Pending, 1));
    assert_eq!(service.vote(&id, "grace", approve(&[])).await.unwrap(), Status::Approved);
    service.stop().await;
    service.run().await;
    let first = service.end_of(&id).await;
    service.stop().await;
    service.run().await;
    let again = service.end_of(&id).await;
    assert_eq!(first.status, Status::Claimed);
    assert_eq!(first.grant, again.grant);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_agent_finds_its_escalation_again() {
    let mut service = Service::start().await;
    let id = service.escalate(deploy("1")).await;
    let agent = service.agent().await;
    let mut following = agent.follow(&id).await.unwrap();
    assert_eq!(following.next().await.unwrap().unwrap().status, Status::Pending);
    service.stop().await;
    // The stream ends, by an error or by its end, but never with an answer.
    assert!(!matches!(following.next().await, Ok(Some(_))));
    service.run().await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    assert_eq!(service.end_of(&id).await.status, Status::Claimed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_may_be_taken_away_or_spoilt_at_any_stop() {
    let mut service = Service::start().await;
    let id = service.escalate(delete(1)).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    service.stop().await;
    std::fs::remove_dir_all(service.path("data/views")).unwrap();
    service.run().await;
    assert_eq!(service.reviewer().await.show(&id).await.unwrap().summary.approvals, 1);
    service.stop().await;
    for entry in std::fs::read_dir(service.path("data/views")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::write(path, b"spoilt").unwrap();
        }
    }
    service.run().await;
    assert_eq!(service.reviewer().await.show(&id).await.unwrap().summary.approvals, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_refused_and_located() {
    let mut service = Service::start().await;
    for version in 0..4 {
        service.escalate(deploy(&version.to_string())).await;
    }
    service.stop().await;
    let segment = std::fs::read_dir(service.path("data/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let error = countersign::serve::start(&service.config()).await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(segment.file_name().unwrap().to_str().unwrap()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut service = Service::start().await;
    service.stop().await;
    for name in ["keys/issuer.jwk", "keys"] {
        let path = service.path("data").join(name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode | 0o044)).unwrap();
        let error = countersign::serve::start(&service.config()).await.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("mode") && error.contains("chmod"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    service.run().await;
}

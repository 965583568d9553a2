//! A desk that lies, and one that is not ours: nothing of that is believed, and nothing is minted.

use crate::desk::{Desk, Lie};
use crate::pod::{Pod, deploy, read, until};
use countersign::client::{Status, Verdict};
use countersign::clock::SystemClock;
use countersign::entropy::SystemEntropy;
use countersign::link::{Credential, EnrolError, Enroller, Line, Place};
use countersign::signer::enrolled::{EnrolledError, EnrolledKeys};
use countersign::token::Anchor;
use serde_json::{Value, json};
use std::sync::Arc;

fn opened(steps: &mut [Value]) -> &mut Value {
    &mut steps[0]
}

type Telling = fn(&mut Vec<Value>);

/// What each lie is, and that the desk tells it once people have approved.
const LIES: &[(&str, Telling)] = &[
    ("another operation", |steps| {
        opened(steps)["operation"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    }),
    ("another agent", |steps| opened(steps)["agent"] = json!("ns/shop/sa/other")),
    ("another policy", |steps| {
        opened(steps)["policy"] = json!(format!("sha256:{}", "0".repeat(64)));
    }),
    ("terms that ask less", |steps| opened(steps)["terms"]["decide_within"] = json!(86_400)),
    ("that it was shown otherwise", |steps| {
        opened(steps)["shown"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    }),
    ("a signature that is none", |steps| {
        for step in steps.iter_mut().filter(|step| step["type"] == "voted") {
            let signature = step["signature"].as_str().unwrap().replacen('A', "B", 3);
            step["signature"] = json!(signature);
        }
    }),
    ("somebody who may not", |steps| {
        let text = serde_json::to_string(steps).unwrap().replace("\"ada\"", "\"linus\"");
        *steps = serde_json::from_str(&text).unwrap();
    }),
    ("that nobody signed", |steps| {
        let text = serde_json::to_string(steps)
            .unwrap()
            .replace("\"assurance\":\"signed\"", "\"assurance\":\"session\"");
        *steps = serde_json::from_str(&text).unwrap();
        for step in steps.iter_mut().filter(|step| step["type"] == "voted") {
            step.as_object_mut().unwrap().remove("signature");
        }
    }),
    ("an approval without a vote", |steps| steps.retain(|step| step["type"] != "voted")),
    ("steps of nothing", |steps| steps.clear()),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_docket_that_is_not_of_our_decision_is_not_believed() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    let (id, _) = pod.escalates(deploy(1)).await;
    desk.vote(&id, "ada", true).await;
    for (what, lie) in LIES {
        desk.state().lie = Some(Lie(*lie));
        let seen = pod.stands(&id).await;
        let error = seen.err().unwrap_or_else(|| panic!("believed: {what}")).to_string();
        assert!(error.contains("not believed"), "{what}: {error}");
    }
    desk.state().lie = None;
    let end = pod.end_of(&id).await;
    assert_eq!(end.status, Status::Claimed, "and the truth is: {:?}", end.reasons);
    pod.stop().await;
    assert_eq!(pod.mints(), 1);
}

/// An enroller of a sidecar that trusts these roots.
fn enroller(desk: &Desk, roots: Anchor) -> (tempfile::TempDir, Enroller) {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "let-me-in").unwrap();
    let (clock, entropy) = (Arc::new(SystemClock::start()), Arc::new(SystemEntropy));
    let keys = EnrolledKeys::open(folder.path().join("keys"), roots, entropy.clone()).unwrap();
    let place =
        Place { addresses: vec![format!("http://{}", desk.address)], authority: None, identity: None };
    let line = Arc::new(Line::new(&place, keys, clock.clone(), entropy.clone()).unwrap());
    (folder, Enroller::new(line, Credential::TokenFile(token), clock, entropy))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_of_other_roots_certifies_nothing_here() {
    let (desk, other) = (Desk::start().await, Desk::start().await);
    let (_folder, enroller) = enroller(&desk, other.anchor());
    let refused = enroller.enrol().await.unwrap_err();
    assert!(matches!(refused, EnrolError::Keys(EnrolledError::Chain(_))), "{refused}");
    assert!(!enroller.is_enrolled());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_agent_is_refused() {
    let desk = Desk::start().await;
    desk.state().other_agent = true;
    let (_folder, enroller) = enroller(&desk, desk.anchor());
    let refused = enroller.enrol().await.unwrap_err();
    assert_eq!(
        refused,
        EnrolError::Keys(EnrolledError::Other("another scope than this agent and its executors"))
    );
    desk.state().other_agent = false;
    enroller.enrol().await.unwrap();
    assert!(enroller.is_enrolled());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_put_back_stops_minting_and_says_so() {
    let desk = Desk::start().await;
    let mut pod = Pod::start(&desk).await;
    assert_eq!(pod.verdict(read()).await, Verdict::Allow);
    until("all is handed over", async || pod.running().tether().unshipped() == 0).await;
    pod.stop().await;
    // The desk has seen more of this log than there is here.
    desk.state().leaves.extend(std::iter::repeat_n(b"more".to_vec(), 50));
    pod.run().await;
    pod.connected(true).await;
    until("it is noticed", async || pod.running().tether().halted().is_some()).await;
    let error = pod.asks(read()).await.unwrap_err().to_string();
    assert!(error.contains("put back"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_of_the_desks_authority_or_there_is_no_line() {
    let desk = Desk::start().await;
    let keys =
        |name: &str| EnrolledKeys::open(desk.path(name), desk.anchor(), Arc::new(SystemEntropy)).unwrap();
    let line = |address: &str| {
        let place = Place { addresses: vec![address.to_owned()], authority: None, identity: None };
        Line::new(&place, keys("a"), Arc::new(SystemClock::start()), Arc::new(SystemEntropy)).map(drop)
    };
    assert!(line("https://desk.acme.example:8443").unwrap_err().0.contains("authority"));
    assert!(line("http://desk.acme.example:8443").unwrap_err().0.contains("TLS"));
    assert!(line("desk").unwrap_err().0.contains("https://HOST:PORT"));
    assert_eq!(line("http://127.0.0.1:1"), Ok(()));
}

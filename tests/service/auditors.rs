//! The auditors' service: who may read the record, what they find, and what makes no sense.

use crate::support::{POLICY, Service, approve, code, deploy, read};
use countersign::audit::event::Record;
use countersign::client::{AuditClient, ClientError, Connect, DecisionFilter, Target};

async fn auditor(service: &Service) -> AuditClient {
    let target = Target::Unix(service.path("review.sock"));
    AuditClient::connect(Connect::to(target)).await.unwrap()
}

/// A service where this user is neither an operator nor anything else that the lines do not say.
async fn start_with_only(lines: &str) -> Service {
    let mut service = Service::prepare(POLICY, "", "");
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    let (before, after) = config.split_once("operators:").unwrap();
    let after = after.split_once("olga\n").unwrap().1;
    std::fs::write(service.path("countersign.yaml"), format!("{before}{lines}{after}")).unwrap();
    service.run().await;
    service
}

async fn everything(client: &AuditClient) -> Result<usize, ClientError> {
    let listed = client.decisions(DecisionFilter::default(), 0, None).await?;
    client.records(0, 1).await?;
    client.follow(0).await?.next().await?;
    Ok(listed.decisions.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_and_operators_read_and_nobody_else_does() {
    let uid = rustix::process::getuid().as_raw();
    let service = start_with_only(&format!("auditors:\n  - uid: {uid}\n")).await;
    service.agent().await.authorize(read()).await.unwrap();
    assert_eq!(everything(&auditor(&service).await).await.unwrap(), 1);
    // Whoever reads changes nothing.
    assert_eq!(code(service.operator().await.suspensions().await.unwrap_err()), "PermissionDenied");

    let service = start_with_only("").await;
    let client = auditor(&service).await;
    assert_eq!(code(everything(&client).await.unwrap_err()), "PermissionDenied", "a reviewer is no auditor");
    assert_eq!(code(client.chain("txn_AAAAAAAAAAAAAAAAAAAAAA").await.unwrap_err()), "PermissionDenied");
    let agents = AuditClient::connect(Connect::to(Target::Unix(service.path("agent.sock")))).await.unwrap();
    assert_eq!(
        code(everything(&agents).await.unwrap_err()),
        "Unimplemented",
        "agents are not served it at all"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_holds_what_led_to_the_token_and_a_follower_hears_of_it() {
    let service = Service::start().await;
    let client = auditor(&service).await;
    let (_, size) = client.records(0, 1).await.unwrap();
    let mut following = client.follow(u64::MAX).await.unwrap();
    let id = service.escalate(deploy("2.0.0")).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    service.end_of(&id).await;

    let records = client.chain(&id).await.unwrap();
    let read = |leaf: &[u8]| Record::from_bytes(leaf).unwrap();
    let kinds: Vec<&str> = records.iter().map(|one| read(&one.leaf).event.kind()).collect();
    assert_eq!(kinds.first(), Some(&"decided"));
    assert!(kinds.contains(&"minted") && kinds.contains(&"escalation"), "{kinds:?}");
    for record in &records {
        let (found, _) = client.records(record.index, 1).await.unwrap();
        assert_eq!(found[0], *record, "the leaf is the same wherever it is read");
    }
    let listed = client
        .decisions(DecisionFilter { reviewer: "ada".to_owned(), ..DecisionFilter::default() }, 10, None)
        .await
        .unwrap();
    assert_eq!(listed.decisions[0].escalation, id);
    assert_eq!((listed.decisions[0].status.as_str(), listed.next), ("claimed", None));
    // Everything since, in order, each once.
    let (_, now) = client.records(0, 1).await.unwrap();
    for index in size..now {
        assert_eq!(following.next().await.unwrap().unwrap().index, index);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_by_name() {
    let service = Service::start().await;
    let client = auditor(&service).await;
    let filter = DecisionFilter::default;
    for (filter, page, word) in [
        (DecisionFilter { decision: "maybe".to_owned(), ..filter() }, None, "`decision`"),
        (DecisionFilter { reviewer: "a b".to_owned(), ..filter() }, None, "`reviewer`"),
        (DecisionFilter { agent: "a".repeat(5000), ..filter() }, None, "`agent`"),
        (filter(), Some("later"), "`page`"),
        (filter(), Some("-1"), "`page`"),
    ] {
        let refused = client.decisions(filter, 10, page.map(str::to_owned)).await.unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
        assert_eq!(code(refused), "InvalidArgument");
    }
    assert_eq!(code(client.chain("anything").await.unwrap_err()), "InvalidArgument");
    assert_eq!(code(client.chain("txn_AAAAAAAAAAAAAAAAAAAAAA").await.unwrap_err()), "NotFound");
    assert_eq!(code(client.chain("esc_AAAAAAAAAAAAAAAAAAAAAA").await.unwrap_err()), "NotFound");
    // Absurd numbers are bounded, not refused.
    let (records, size) = client.records(u64::MAX, u32::MAX).await.unwrap();
    assert!(records.is_empty() && size > 0);
    assert!(client.records(0, u32::MAX).await.unwrap().0.len() <= 1000);
    assert!(client.decisions(filter(), u32::MAX, Some(u64::MAX.to_string())).await.unwrap().next.is_none());
    let backwards = DecisionFilter { from: u64::MAX, until: 1, ..filter() };
    assert!(client.decisions(backwards, 10, None).await.unwrap().decisions.is_empty());
}

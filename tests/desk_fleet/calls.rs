//! Calls: who proves what, and what does not.

use crate::sidecar::{Sidecar, desk, now, signed};
use crate::wire::{ShipRequest, ShipResponse, call};
use countersign::moment::Moment;
use countersign::party::{AgentId, KeyHolder, TrustDomain};
use countersign::token::Call;
use tonic::{Code, Request, Status};

async fn ask(sidecar: &Sidecar, request: Request<ShipRequest>) -> Result<ShipResponse, Status> {
    call(&sidecar.channel, "Ship", request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_proves_who_calls_whom_for_whom_and_when() {
    let desk = desk("").await;
    let sidecar = Sidecar::of(&desk, "agent:one").await;
    let other = Sidecar::of(&desk, "agent:two").await;
    let good = || sidecar.statement("Ship");
    assert_eq!(ask(&sidecar, sidecar.proven("Ship", ShipRequest::default())).await.unwrap().size, 0);
    let second = |second: u64| Moment::from_unix_seconds(second);
    let issued = now().unix_seconds();
    let at = |from: u64, until: u64| Call { issued_at: second(from), expires_at: second(until), ..good() };
    let wrong = [
        (
            Call { domain: TrustDomain::new("https://evil.example").unwrap(), ..good() },
            "another trust domain",
        ),
        (Call { method: "Open".into(), ..good() }, "made for another call"),
        (Call { agent: AgentId::new("agent:two").unwrap(), ..good() }, "may not speak for this agent"),
        (Call { sidecar: KeyHolder::new(&other.enrolled.sidecar).unwrap(), ..good() }, "not enrolled"),
        (Call { sidecar: KeyHolder::new("nobody/x").unwrap(), ..good() }, "not enrolled"),
        (at(issued, issued + 61), "more than 60 seconds"),
        (at(issued, issued), "or not at all"),
        (at(issued - 300, issued - 240), "behind the desk's"),
        (at(issued + 240, issued + 300), "ahead of the desk's"),
    ];
    for (statement, says) in wrong {
        let refused = ask(&sidecar, sidecar.saying(&statement, ShipRequest::default())).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        assert!(refused.message().contains(says), "{says}: {}", refused.message());
    }
    // A minute is enough for clocks that are a little apart.
    for apart in [at(issued + 20, issued + 80), at(issued - 80, issued - 20)] {
        assert!(ask(&sidecar, sidecar.saying(&apart, ShipRequest::default())).await.is_ok());
    }
    let stolen = signed(&other.authority, &sidecar.enrolled.authority_chain, &good(), ShipRequest::default());
    let log = signed(&sidecar.log, &sidecar.enrolled.log_chain, &good(), ShipRequest::default());
    let none = signed(&sidecar.authority, &[], &good(), ShipRequest::default());
    let half =
        signed(&sidecar.authority, &sidecar.enrolled.authority_chain[1..], &good(), ShipRequest::default());
    for (request, what) in
        [(stolen, "another's key"), (log, "the log's key"), (none, "no certificate"), (half, "half a chain")]
    {
        let refused = ask(&sidecar, request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{what}: {refused:?}");
    }
    let nothing = ask(&sidecar, Request::new(ShipRequest::default())).await.unwrap_err();
    assert_eq!(nothing.code(), Code::Unauthenticated);
    let mut twice = sidecar.proven("Ship", ShipRequest::default());
    let again = twice.metadata().get("countersign-call").unwrap().clone();
    twice.metadata_mut().append("countersign-call", again);
    assert_eq!(ask(&sidecar, twice).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_that_was_revoked_does_nothing_any_more_and_does_not_come_back() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    let other = Sidecar::of(&desk, "agent:one").await;
    let mut following = sidecar.follow().await.unwrap();
    assert!(following.message().await.unwrap().is_some());
    let operator = desk.operator().await;
    let unknown = operator.revoke_sidecar("nobody/x", "it is gone").await.unwrap_err();
    assert!(unknown.to_string().contains("no sidecar"), "{unknown}");
    assert_eq!(operator.revoke_sidecar(&sidecar.enrolled.sidecar, "it was seen elsewhere").await, Ok(None));
    let refused = ask(&sidecar, sidecar.proven("Ship", ShipRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(sidecar.renew().await.unwrap_err().code(), Code::Unauthenticated);
    // What it follows ends with a refusal.
    let ended = loop {
        match following.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended in order"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unauthenticated);
    assert!(ask(&other, other.proven("Ship", ShipRequest::default())).await.is_ok(), "nobody else is harmed");
    let listed = operator.sidecars().await.unwrap();
    assert_eq!(listed.iter().map(|one| &one.sidecar).collect::<Vec<_>>(), [&other.enrolled.sidecar]);
    // Executors hear of its keys.
    let mut theirs = other.follow().await.unwrap();
    let trust = loop {
        if let Some(trust) = theirs.message().await.unwrap().unwrap().trust {
            break trust;
        }
    };
    let key = countersign::signer::Signer::public_key(&sidecar.authority).id().to_string();
    assert!(trust.revoked.contains(&key), "{:?}", trust.revoked);
}

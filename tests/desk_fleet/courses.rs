//! Asking people: what was decided is what they are asked, and the authority goes to whose decision it was.

use crate::sidecar::{Sidecar, desk, record_of};
use crate::support::{Service, approve};
use crate::wire::{Amend, Docket, GetDocketRequest, Nothing, OpenRequest, Reason, StepRequest, call};
use countersign::audit::event::{Decided, Event};
use countersign::escalation::{Escalation, Event as Step, Status};
use countersign::risk::Level;
use tonic::{Code, Status as Refusal};

async fn docket(sidecar: &Sidecar, id: &str) -> Result<Docket, Refusal> {
    let request = GetDocketRequest { escalation: id.to_owned() };
    call(&sidecar.channel, "GetDocket", sidecar.proven("GetDocket", request)).await
}

async fn step(sidecar: &Sidecar, step: StepRequest) -> Result<Docket, Refusal> {
    call(&sidecar.channel, "Step", sidecar.proven("Step", step)).await
}

fn claim(id: &str) -> StepRequest {
    StepRequest { escalation: id.to_owned(), claim: Some(Nothing {}), ..StepRequest::default() }
}

fn replayed(docket: &Docket) -> Escalation {
    let steps: Vec<Step> = docket.steps.iter().map(|step| serde_json::from_slice(step).unwrap()).collect();
    Escalation::replay(&steps).unwrap()
}

/// Asks people, as the medium level has it: one of them has to agree.
async fn asking(sidecar: &mut Sidecar, parameters: &str) -> (Decided, String) {
    let decided = sidecar.decided("orders.delete", parameters, Some(Level::Medium));
    let first = sidecar.leaves.len();
    sidecar.record(Event::Decided(Box::new(decided.clone())));
    sidecar.ship_from(first).await.unwrap();
    let opened = sidecar.open(&decided).await.unwrap();
    (decided, opened.escalation)
}

async fn approved(desk: &Service, id: &str) {
    desk.vote(id, "ada", approve(&[])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_approve_and_the_sidecar_mints_under_what_they_said() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    let (decided, id) = asking(&mut sidecar, r#"{"id":1}"#).await;
    assert_eq!(Some(id.clone()), decided.escalation.map(|id| id.to_string()));
    let again = sidecar.open(&decided).await.unwrap();
    assert_eq!(again.escalation, id, "opening it again gives the same answer");
    let waiting = replayed(&docket(&sidecar, &id).await.unwrap());
    assert_eq!(waiting.recorded_status(), Status::Pending);
    let opening = waiting.case().opening();
    assert_eq!(
        (opening.operation, opening.txn, &opening.agent),
        (decided.digest, decided.txn, &sidecar.agent())
    );
    assert_eq!(
        step(&sidecar, claim(&id)).await.unwrap_err().code(),
        Code::FailedPrecondition,
        "nobody approved"
    );
    approved(&desk, &id).await;
    let claimed = replayed(&step(&sidecar, claim(&id)).await.unwrap());
    assert_eq!(claimed.recorded_status(), Status::Claimed);
    assert_eq!(step(&sidecar, claim(&id)).await.unwrap_err().code(), Code::FailedPrecondition, "once");
    let minted = sidecar.mint(&decided, Some(&claimed));
    let first = sidecar.leaves.len();
    sidecar.record(Event::Minted(Box::new(minted)));
    sidecar.ship_from(first).await.unwrap();
    // What an auditor says of all of it, every test asks when it is over.
    assert_eq!(record_of(&desk).iter().filter(|record| record.event.kind() == "minted").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_sidecar_of_the_agent_sees_it_and_may_not_claim_it() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    let (twin, other) = (Sidecar::of(&desk, "agent:one").await, Sidecar::of(&desk, "agent:two").await);
    let (decided, id) = asking(&mut sidecar, r#"{"id":1}"#).await;
    approved(&desk, &id).await;
    assert!(docket(&twin, &id).await.is_ok());
    assert_eq!(step(&twin, claim(&id)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(twin.open(&decided).await.unwrap_err().code(), Code::PermissionDenied);
    let block =
        StepRequest { escalation: id.clone(), amend: Some(Amend::default()), ..StepRequest::default() };
    assert_eq!(step(&sidecar, block).await.unwrap_err().code(), Code::PermissionDenied, "reviewers do that");
    // Another agent's sidecar is not even told that there is such a thing.
    let cancel =
        || StepRequest { escalation: id.clone(), cancel: Some(Reason::default()), ..StepRequest::default() };
    for refused in [
        docket(&other, &id).await.unwrap_err(),
        step(&other, claim(&id)).await.unwrap_err(),
        step(&other, cancel()).await.unwrap_err(),
        docket(&other, "esc_AAAAAAAAAAAAAAAAAAAAAA").await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
        assert!(refused.message().starts_with("there is no escalation"), "{refused:?}");
    }
    assert!(step(&sidecar, claim(&id)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_opened_but_what_a_decision_on_record_asks_for() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    let never = sidecar.decided("orders.delete", r#"{"id":9}"#, Some(Level::Medium));
    assert_eq!(
        sidecar.open(&never).await.unwrap_err().code(),
        Code::PermissionDenied,
        "it was not handed over"
    );
    let allowed = sidecar.allow(r#"{"limit":1}"#);
    sidecar.ship_from(0).await.unwrap();
    assert_eq!(sidecar.open(&allowed).await.unwrap_err().code(), Code::PermissionDenied, "it asks nobody");
    let (decided, id) = asking(&mut sidecar, r#"{"id":1}"#).await;
    let changed = OpenRequest { txn: decided.txn.to_string(), changed_in: id.clone() };
    let refused: Result<crate::wire::OpenResponse, _> =
        call(&sidecar.channel, "Open", sidecar.proven("Open", changed)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "nobody proposed that change");
    let cancel = StepRequest {
        escalation: id.clone(),
        cancel: Some(Reason { reason: "no more needed".to_owned() }),
        ..StepRequest::default()
    };
    let cancelled = replayed(&step(&sidecar, cancel).await.unwrap());
    assert_eq!(cancelled.recorded_status(), Status::Cancelled);
    for malformed in ["", "txn_x", &id] {
        let request = OpenRequest { txn: malformed.to_owned(), changed_in: String::new() };
        let refused: Result<crate::wire::OpenResponse, _> =
            call(&sidecar.channel, "Open", sidecar.proven("Open", request)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument, "{malformed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_has_room_for_so_many_over_all_of_its_sidecars() {
    let desk = desk("").await;
    let (mut one, mut two) = (Sidecar::of(&desk, "agent:one").await, Sidecar::of(&desk, "agent:one").await);
    let most = crate::sidecar::policy().open_per_agent();
    for number in 0..most {
        let sidecar = if number % 2 == 0 { &mut one } else { &mut two };
        asking(sidecar, &format!(r#"{{"id":{number}}}"#)).await;
    }
    for sidecar in [&mut one, &mut two] {
        let decided = sidecar.decided("orders.delete", r#"{"id":999}"#, Some(Level::Medium));
        let first = sidecar.leaves.len();
        sidecar.record(Event::Decided(Box::new(decided.clone())));
        sidecar.ship_from(first).await.unwrap();
        assert_eq!(sidecar.open(&decided).await.unwrap_err().code(), Code::ResourceExhausted);
    }
    let mut other = Sidecar::of(&desk, "agent:two").await;
    asking(&mut other, r#"{"id":1}"#).await;
}

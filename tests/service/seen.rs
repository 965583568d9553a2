//! What reviewers did before they voted: recorded once each, for those who are known by name, and missed where it is
//! asked for.

use crate::review::{sign_in, with_session};
use crate::support::{POLICY, Service, approve, cast, deploy, key, statement};
use countersign::audit::event::Event;
use countersign::client::Status;
use countersign::escalation::{self, Flag, Sight};
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};

/// People open what they approve, or are asked once more.
fn policy() -> String {
    let rule = "rules:\n  - name: read-first\n    match: {action: deploy.release}\n    decision: escalate\n    \
                escalation:\n      approvals: 1\n      diligence: {must_open: true, must_open_evidence: true, \
                poor_votes: ask_again, reading_speed: 0, nights: false}\n";
    POLICY.replacen("rules:\n", rule, 1)
}

/// What happened to escalations, oldest first.
async fn steps(service: &mut Service) -> Vec<escalation::Event> {
    service.stop().await;
    let (store, _) = EmbeddedStore::open(&service.config().data, Options::default()).unwrap();
    let events = (0..store.len()).map(|index| store.record(index).unwrap().event);
    let steps =
        events.filter_map(|event| if let Event::Escalation { step, .. } = event { Some(step) } else { None });
    let steps = steps.collect();
    store.close().unwrap();
    steps
}

fn sights(steps: &[escalation::Event]) -> Vec<(&str, Sight)> {
    let seen = steps.iter().filter_map(|step| {
        if let escalation::Event::Seen { person, what, .. } = step {
            Some((person.as_str(), *what))
        } else {
            None
        }
    });
    seen.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_before_somebody_is_recorded_once_and_what_a_program_reads_opens_nothing() {
    let mut service = Service::start_with(&policy(), "", "").await;
    let id = service.escalate(deploy("1")).await;
    let session = sign_in(&service, "ada", "ada").await.unwrap().session;
    let ada = with_session(&service, &session).await;
    // Nobody knows who that was.
    service.reviewer().await.look_at(&id).await.unwrap();
    // A program of hers has it, and then she does.
    for _ in 0..2 {
        ada.show(&id).await.unwrap();
    }
    for _ in 0..2 {
        ada.look_at(&id).await.unwrap();
    }
    let shown = ada.show(&id).await.unwrap();
    let statement = statement(&shown, "ada", approve(&[]));
    assert_eq!(cast(&ada, &id, &key("ada"), &statement).await.unwrap(), Status::Approved);
    let steps = steps(&mut service).await;
    let whole = [Sight::Delivered, Sight::Opened, Sight::Evidence].map(|sight| ("ada", sight));
    assert_eq!(sights(&steps), whole, "in this order, once each");
    let vote = steps
        .iter()
        .find_map(|step| if let escalation::Event::Voted(vote) = step { Some(vote) } else { None });
    assert_eq!(vote.unwrap().flags, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_opened_is_asked_for_once_in_words_that_say_what_was_missing() {
    let mut service = Service::start_with(&policy(), "", "").await;
    let id = service.escalate(deploy("1")).await;
    let session = sign_in(&service, "ada", "ada").await.unwrap().session;
    let ada = with_session(&service, &session).await;
    let statement = statement(&ada.show(&id).await.unwrap(), "ada", approve(&[]));
    let refused = cast(&ada, &id, &key("ada"), &statement).await.unwrap_err().to_string();
    for word in ["(vote.careless)", "had not opened it", "had not opened the evidence", "vote again"] {
        assert!(refused.contains(word), "{refused}");
    }
    let signature =
        key("ada").sign(countersign::presence::ssh::VOTE_NAMESPACE, &statement.to_bytes()).to_armored();
    let (status, _, reasons) = ada.vote(&id, statement.to_bytes(), signature).await.unwrap();
    assert_eq!(status, Status::Approved);
    assert!(
        reasons.iter().any(|reason| reason.contains("a poor one: the reviewer had not opened it")),
        "{reasons:?}"
    );
    let shown = ada.show(&id).await.unwrap();
    assert_eq!(
        shown.votes[0].flags,
        ["the reviewer had not opened it", "the reviewer had not opened the evidence"]
    );
    let steps = steps(&mut service).await;
    assert_eq!(sights(&steps), [("ada", Sight::Delivered)], "a program had it, and nobody looked");
    let missing = [Flag::NotOpened, Flag::EvidenceNotOpened];
    let refused = steps
        .iter()
        .filter(|step| matches!(step, escalation::Event::VoteRefused { flags, .. } if flags[..] == missing));
    let voted = steps
        .iter()
        .filter(|step| matches!(step, escalation::Event::Voted(vote) if vote.flags[..] == missing));
    assert_eq!((refused.count(), voted.count()), (1, 1), "the refusal and the vote say why");
}

//! Reviewers: how they sign in, and what nobody gets without it.

use crate::support::{POLICY, Service, approve, code, deploy, key, roster, statement};
use countersign::client::{ClientError, Connect, Filter, Order, ReviewClient, SignedIn, Target};
use countersign::presence::sign_in::{Challenge, SIGN_IN_NAMESPACE};
use countersign::presence::ssh::VOTE_NAMESPACE;
use countersign::sidecar::reload::Outcome;

/// Signs in as this person with the key of that one.
pub(crate) async fn sign_in(service: &Service, who: &str, with: &str) -> Result<SignedIn, ClientError> {
    let client = service.reviewer().await;
    let challenge = client.challenge(who).await?;
    let signature = key(with).sign(SIGN_IN_NAMESPACE, challenge.as_bytes()).to_armored();
    client.sign_in(&challenge, signature).await
}

pub(crate) async fn with_session(service: &Service, session: &str) -> ReviewClient {
    let connect = Connect::to(Target::Unix(service.path("review.sock"))).with_bearer(session).unwrap();
    ReviewClient::connect(connect).await.unwrap()
}

fn says(error: &ClientError, code: &str) -> bool {
    error.to_string().contains(&format!("({code})"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_who_calls_until_it_is_ended() {
    let service = Service::start().await;
    let anybody = service.reviewer().await;
    assert!(
        anybody.list(Filter::default(), Order::Newest, 10, None).await.is_ok(),
        "the connection may read"
    );
    let nobody = anybody.who_am_i().await.unwrap_err();
    assert!(nobody.to_string().contains("sign in"), "{nobody}");
    let session = sign_in(&service, "ada", "ada").await.unwrap();
    let ada = with_session(&service, &session.session).await;
    let myself = ada.who_am_i().await.unwrap();
    assert_eq!(
        (&*myself.person, &*myself.by, &myself.roles[..]),
        ("ada", "session", &["oncall".to_owned()][..])
    );
    assert_eq!(myself.credential, key("ada").public_key().fingerprint());
    assert_eq!(myself.until, session.until);
    ada.sign_out().await.unwrap();
    let ended = ada.list(Filter::default(), Order::Newest, 10, None).await.unwrap_err();
    assert!(says(&ended, "session.unknown") && code(ended) == "Unauthenticated");
    assert_eq!(code(ada.sign_out().await.unwrap_err()), "Unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_answers_a_challenge_of_this_desk_with_a_key_of_their_own() {
    let service = Service::start().await;
    let client = service.reviewer().await;
    assert!(says(&sign_in(&service, "ada", "grace").await.unwrap_err(), "sign_in.unknown_key"));
    assert!(says(&sign_in(&service, "eve", "grace").await.unwrap_err(), "sign_in.unknown_key"));
    assert_eq!(code(client.challenge("a da").await.unwrap_err()), "InvalidArgument");

    let challenge = client.challenge("ada").await.unwrap();
    let read = Challenge::parse(&challenge).unwrap();
    assert_eq!((read.domain.as_str(), read.person.as_str()), ("https://acme.example", "ada"));
    let signed = |namespace: &str| key("ada").sign(namespace, challenge.as_bytes()).to_armored();
    let as_vote = client.sign_in(&challenge, signed(VOTE_NAMESPACE)).await.unwrap_err();
    assert!(says(&as_vote, "ssh.signature.namespace"), "{as_vote}");
    client.sign_in(&challenge, signed(SIGN_IN_NAMESPACE)).await.unwrap();
    let again = client.sign_in(&challenge, signed(SIGN_IN_NAMESPACE)).await.unwrap_err();
    assert!(says(&again, "sign_in.answered"), "{again}");

    // And a signature made to sign in is no vote.
    let id = service.escalate(deploy("1")).await;
    let bytes = statement(&client.show(&id).await.unwrap(), "ada", approve(&[])).to_bytes();
    let signature = key("ada").sign(SIGN_IN_NAMESPACE, &bytes).to_armored();
    let refused = client.vote(&id, bytes, signature).await.unwrap_err();
    assert!(says(&refused, "ssh.signature.namespace"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_its_key_leaves_the_roster_and_when_the_service_stops() {
    let mut service = Service::prepare(POLICY, "", "");
    let leads = "oncall, platform-lead";
    std::fs::write(service.path("roster.yaml"), roster(&[("ada", leads), ("grace", leads)])).unwrap();
    service.run().await;
    let ada = sign_in(&service, "ada", "ada").await.unwrap();
    let grace = sign_in(&service, "grace", "grace").await.unwrap();
    let text = std::fs::read_to_string(service.path("roster.yaml")).unwrap();
    let line = |name: &str| key(name).public_key().to_line();
    let text = text.replace(&line("ada"), &line("ada's new one"));
    std::fs::write(service.path("roster.yaml"), text).unwrap();
    assert_eq!(service.running.as_ref().unwrap().reload().await, Outcome::Taken);
    let refused = with_session(&service, &ada.session)
        .await
        .list(Filter::default(), Order::Newest, 10, None)
        .await
        .unwrap_err();
    assert!(says(&refused, "session.revoked"), "{refused}");
    let myself = with_session(&service, &grace.session).await.who_am_i().await.unwrap();
    assert_eq!(myself.person, "grace", "others go on");
    service.stop().await;
    service.run().await;
    let refused = with_session(&service, &grace.session)
        .await
        .list(Filter::default(), Order::Newest, 10, None)
        .await
        .unwrap_err();
    assert!(says(&refused, "session.unknown"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_nothing_to_operators_and_agents() {
    let service = Service::start().await;
    let session = sign_in(&service, "ada", "ada").await.unwrap().session;
    let agent = Connect::to(service.tcp()).with_bearer(&session).unwrap();
    let agent = countersign::client::AgentClient::connect(agent).await.unwrap();
    assert_eq!(code(agent.authorize(deploy("1")).await.map(|_| ()).unwrap_err()), "Unauthenticated");
}

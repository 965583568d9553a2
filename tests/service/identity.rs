//! Who is calling: what the connection proves, and nothing that a message says.

use crate::support::{POLICY, Service, code, deploy, read};
use countersign::client::{AgentClient, ClientError, Connect, Filter, Order, Target, Verdict};
use countersign::digest::sha256;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn over_tcp(service: &Service, token: Option<&str>) -> Result<String, ClientError> {
    let connect = Connect::to(service.tcp());
    let connect = match token {
        Some(token) => connect.with_bearer(token).unwrap(),
        None => connect,
    };
    let answer = AgentClient::connect(connect).await.unwrap().authorize(read()).await?;
    assert_eq!(answer.verdict, Verdict::Allow);
    let token = answer.grant.unwrap().token;
    let claims = countersign::token::UnverifiedToken::inspect(&token).unwrap().claims;
    Ok(claims.as_object().unwrap().get("sub").unwrap().as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_names_the_agent_on_tcp_and_nothing_else_does() {
    let secret = hex(&sha256(&[b"s3cret"]));
    let lines = format!("  - id: agent:remote\n    by: {{token_sha256: {secret}}}\n");
    let service = Service::start_with(POLICY, &lines, "").await;
    assert_eq!(over_tcp(&service, Some("s3cret")).await.unwrap(), "agent:remote");
    assert_eq!(code(over_tcp(&service, Some("S3cret")).await.unwrap_err()), "Unauthenticated");
    assert_eq!(code(over_tcp(&service, None).await.unwrap_err()), "Unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_on_loopback_passes_only_where_the_configuration_says_the_unsafe_word() {
    let service = Service::start_with(POLICY, "", "unsafe_anyone_on_loopback_is: agent:anyone\n").await;
    assert_eq!(over_tcp(&service, None).await.unwrap(), "agent:anyone");
    // Whoever shows a wrong credential is not let in as less.
    assert_eq!(code(over_tcp(&service, Some("wrong")).await.unwrap_err()), "Unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_agents_escalation_does_not_exist_for_this_one() {
    let secret = hex(&sha256(&[b"other"]));
    let lines = format!("  - id: agent:other\n    by: {{token_sha256: {secret}}}\n");
    let service = Service::start_with(POLICY, &lines, "").await;
    let id = service.escalate(deploy("1")).await;
    let other = AgentClient::connect(Connect::to(service.tcp()).with_bearer("other").unwrap()).await.unwrap();
    assert_eq!(code(other.follow(&id).await.map(|_| ()).unwrap_err()), "NotFound");
    assert_eq!(code(other.cancel(&id, "mine now").await.unwrap_err()), "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_endpoint_has_no_review_service() {
    let service = Service::start().await;
    let reviewer =
        countersign::client::ReviewClient::connect(Connect::to(Target::Unix(service.path("agent.sock"))));
    let refused = reviewer.await.unwrap().list(Filter::default(), Order::Newest, 10, None).await.unwrap_err();
    assert_eq!(code(refused), "Unimplemented");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_must_be_known_to_read() {
    let mut service = Service::prepare(POLICY, "", "");
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    let uid = config.split("reviewers:\n  - uid: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let config = config.replace(&format!("reviewers:\n  - uid: {uid}"), "reviewers:\n  - uid: 4242424");
    std::fs::write(service.path("countersign.yaml"), config).unwrap();
    service.run().await;
    let refused =
        service.reviewer().await.list(Filter::default(), Order::Newest, 10, None).await.unwrap_err();
    assert_eq!(code(refused), "Unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_not_for_everyone() {
    use std::os::unix::fs::PermissionsExt as _;
    let service = Service::start().await;
    for name in ["agent.sock", "review.sock"] {
        let mode = std::fs::metadata(service.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o660, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_served_is_not_taken_over_and_the_store_opens_once() {
    let service = Service::start().await;
    let error = countersign::serve::start(&service.config()).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("another process") || error.to_string().contains("open"), "{error}");
}

struct Certified {
    pem: String,
    key: String,
    sha256: String,
}

/// An authority, a server's certificate for 127.0.0.1 and a client's, and another authority's client.
fn certificates() -> (String, Certified, Certified, Certified) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, theirs) = (authority(), authority());
    let issue = |issuer: &CertifiedIssuer<'_, KeyPair>, names: &[&str]| {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, issuer).unwrap();
        let sha256 = hex(&sha256(&[certificate.der()]));
        Certified { pem: certificate.pem(), key: key.serialize_pem(), sha256 }
    };
    let server = issue(&ours, &["127.0.0.1", "localhost"]);
    (ours.pem(), server, issue(&ours, &["agent"]), issue(&theirs, &["agent"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_names_the_agent_over_tls() {
    let (authority, server, client, stranger) = certificates();
    let lines = format!("  - id: agent:certified\n    by: {{certificate_sha256: {}}}\n", client.sha256);
    let mut service = Service::prepare(POLICY, &lines, "");
    for (name, text) in [("ca.pem", &authority), ("server.pem", &server.pem), ("server.key", &server.key)] {
        std::fs::write(service.path(name), text).unwrap();
    }
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap().replace(
        "tcp: \"127.0.0.1:0\"}",
        "tcp: \"127.0.0.1:0\", tls: {certificate: server.pem, key: server.key, client_authority: ca.pem}}",
    );
    std::fs::write(service.path("countersign.yaml"), config).unwrap();
    let error = countersign::serve::start(&service.config()).await.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    std::fs::set_permissions(service.path("server.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    service.run().await;
    let address = service.running.as_ref().unwrap().addresses().agent_tcp.unwrap();
    let target = || Target::Tcp(format!("https://{address}"));
    let trusting = || Connect::to(target()).trusting(authority.as_bytes());

    let known = trusting().presenting(client.pem.as_bytes(), client.key.as_bytes());
    let answer = AgentClient::connect(known).await.unwrap().authorize(read()).await.unwrap();
    let claims = countersign::token::UnverifiedToken::inspect(&answer.grant.unwrap().token).unwrap().claims;
    assert_eq!(claims.as_object().unwrap().get("sub").unwrap().as_str(), Some("agent:certified"));

    let nobody = AgentClient::connect(trusting()).await.unwrap().authorize(read()).await.unwrap_err();
    assert_eq!(code(nobody), "Unauthenticated");
    let foreign = trusting().presenting(stranger.pem.as_bytes(), stranger.key.as_bytes());
    let refused = match AgentClient::connect(foreign).await {
        Ok(agent) => agent.authorize(read()).await.map(|_| ()).unwrap_err(),
        Err(error) => error,
    };
    assert!(!matches!(&refused, ClientError::Unintelligible(_)), "{refused}");
    // Without the authority the server itself is not believed.
    assert!(AgentClient::connect(Connect::to(target())).await.is_err());
    // And a credential is not sent in the clear over a network.
    let clear = Connect::to(Target::Tcp("http://192.0.2.1:1".to_owned())).with_bearer("secret").unwrap();
    assert!(matches!(AgentClient::connect(clear).await.unwrap_err(), ClientError::Target(_)));
}

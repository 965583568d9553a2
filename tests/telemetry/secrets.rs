//! What must never be told: whatever agents and reviewers send, and everything that is as good as a key.

use crate::collector::Collector;
use crate::metrics::with_metrics;
use crate::program::Program;
use crate::support::{FLEET, POLICY, Service, cast, key, statement};
use countersign::client::{AgentClient, Ask, Connect, Context, Outcome, ReviewClient, Target, Verdict};
use countersign::escalation::vote::{Choice, Conditions, Reason};
use countersign::presence::sign_in::SIGN_IN_NAMESPACE;
use std::path::Path;

/// What is put into every field that somebody else fills.
const MARK: &str = "Qx7MarkedQx7";
const BEARER: &str = "bearer-Qx7MarkedQx7-and-long-enough-to-be-one";

fn marked(n: u32) -> String {
    format!("{MARK}{n:04}")
}

fn asking(action: &str, resource: &str) -> Ask {
    Ask {
        request_id: marked(1),
        action: action.to_owned(),
        resource: resource.to_owned(),
        parameters: Some(format!(r#"{{"password":"{}","{}":1}}"#, marked(2), marked(3)).into_bytes()),
        executor: FLEET.to_owned(),
        context: Context {
            reason: marked(4),
            user_request: marked(5),
            reasoning: marked(6),
            blast_radius: marked(7),
            reversibility: marked(8),
            alternatives: vec![marked(9)],
        },
        ..Ask::default()
    }
}

/// The forms that the mark could take in a log.
fn forms() -> Vec<String> {
    let bytes = MARK.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    // In base64 it looks different at each of three places; the middle of it is what each has.
    let mut forms = vec![MARK.to_lowercase(), hex.clone(), hex.to_uppercase(), list];
    for before in 0..3 {
        let mut shifted = vec![b' '; before];
        shifted.extend_from_slice(bytes);
        let text = countersign::digest::base64url(&shifted);
        let start = (before * 4).div_ceil(3);
        forms.push(text[start..text.len() - 3].to_owned());
    }
    forms
}

/// Everything in the folder of keys that is not published.
fn private_parts(folder: &Path) -> Vec<String> {
    let mut parts = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            parts.extend(private_parts(&path));
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let pieces: Vec<&str> = text.split("\"d\"").collect();
        for piece in &pieces[1..] {
            let value = piece.split('"').nth(1).unwrap();
            assert!(value.len() > 40, "{}", path.display());
            parts.push(value.to_owned());
        }
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_told_has_what_must_not_be_told() {
    let (collector, at) = Collector::listen().await;
    let bearer: String =
        countersign::digest::sha256(&[BEARER.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
    let agent = format!("  - id: agent:bearer\n    by: {{token_sha256: {bearer}}}\n");
    let mut service = Service::prepare(POLICY, &agent, &format!("telemetry: {{otlp: \"{at}\"}}\n"));
    with_metrics(&mut service);
    let program = Program::start(service, "trace");
    let connect = Connect::to(Target::Tcp(format!("http://{}", program.agents)));
    let agent = AgentClient::connect(connect.with_bearer(BEARER).unwrap()).await.unwrap();
    let mut secrets = vec![BEARER.to_owned()];

    // Allowed, with a marked resource and parameters.
    let allowed =
        agent.authorize(asking("orders.read", &format!("db/staging/{}", marked(10)))).await.unwrap();
    assert_eq!(allowed.verdict, Verdict::Allow);
    let grant = allowed.grant.unwrap();
    secrets.push(grant.token.clone());
    agent.report(&allowed.decision, Outcome::Refused, &marked(11), &marked(12)).await.unwrap();
    // An action and a payload of the agent's making.
    let payload = Ask {
        request_id: marked(13),
        parameters: None,
        payload: Some(format!("DROP TABLE {}", marked(14)).into_bytes()),
        ..asking(&format!("{}.do", MARK.to_lowercase()), &marked(15))
    };
    let _ = agent.authorize(payload).await;
    // Refused in every way.
    let wrong = [
        Ask { executor: marked(16), ..asking("orders.read", "db") },
        Ask { parameters: Some(marked(17).into_bytes()), ..asking("orders.read", "db") },
        Ask { holder_key: marked(18).into_bytes(), ..asking("orders.read", "db") },
        Ask { request_id: format!("{} é", marked(19)), ..asking("orders.read", "db") },
        asking(&format!("{} with blanks", marked(20)), "db"),
    ];
    for ask in wrong {
        agent.authorize(ask).await.unwrap_err();
    }
    let _ = agent.cancel(&marked(21), &marked(22)).await;

    // Escalated, looked at, voted on and claimed.
    let ask = Ask {
        request_id: marked(23),
        ..asking("deploy.release", &format!("shop/production/{}", marked(24)))
    };
    let id = agent.authorize(ask).await.unwrap().pending.unwrap().escalation;
    let reviewers = || async {
        ReviewClient::connect(Connect::to(Target::Unix(program.service.path("review.sock")))).await.unwrap()
    };
    let reviewer = reviewers().await;
    let challenge = reviewer.challenge("ada").await.unwrap();
    let signature = key("ada").sign(SIGN_IN_NAMESPACE, challenge.as_bytes()).to_armored();
    let session = reviewer.sign_in(&challenge, signature.clone()).await.unwrap().session;
    secrets.extend([session.clone(), signature]);
    let connect =
        Connect::to(Target::Unix(program.service.path("review.sock"))).with_bearer(&session).unwrap();
    let signed_in = ReviewClient::connect(connect).await.unwrap();
    let shown = signed_in.look_at(&id).await.unwrap();
    let mut vote = statement(&shown, "ada", Choice::Approve(Conditions::new(&[]).unwrap()));
    vote.reason = Reason::new(&marked(25)).unwrap();
    let bytes = vote.to_bytes();
    secrets.push(key("ada").sign(countersign::presence::ssh::VOTE_NAMESPACE, &bytes).to_armored());
    let _ = reviewer.vote(&id, marked(26).into_bytes(), marked(27)).await;
    cast(&reviewer, &id, &key("ada"), &vote).await.unwrap();
    let _ = cast(&reviewer, &id, &key("ada"), &vote).await;
    let mut following = agent.follow(&id).await.unwrap();
    let token = loop {
        if let Some(grant) = following.next().await.unwrap().unwrap().grant {
            break grant.token;
        }
    };
    secrets.push(token);
    // One that is cancelled, with a reason.
    let ask = Ask { request_id: marked(28), ..asking("deploy.release", "shop/production") };
    let id = agent.authorize(ask).await.unwrap().pending.unwrap().escalation;
    agent.cancel(&id, &marked(29)).await.unwrap();

    let (metrics, _) = program.scrape().await;
    let (service, said) = program.stop().await;
    secrets.extend(private_parts(&service.config().data.join("keys")));
    assert!(secrets.len() > 6, "private keys are among them");
    let spans = collector.all();
    assert!(
        spans.contains("Authorize") && said.contains("\"TRACE\"") | said.contains("\"DEBUG\""),
        "it was told"
    );
    for (what, text) in [("the log", &said), ("the spans", &spans), ("the metrics", &metrics)] {
        let lower = text.to_lowercase();
        for form in forms() {
            let found = text.find(&form).or(lower.find(&form));
            assert_eq!(found, None, "{what}: {}", around(text, found));
        }
        for secret in &secrets {
            // Any part of it that is long enough to be of use.
            let lines = secret.lines().filter(|line| !line.starts_with("-----"));
            for part in lines.flat_map(|line| line.split('.')).filter(|part| part.len() >= 24) {
                let found = text.find(&part[..24]);
                // The header of a token is the same for all and says which key signed it.
                let header = part.starts_with("eyJhbGciOi");
                assert!(header || found.is_none(), "{what}: {}", around(text, found));
            }
        }
    }
}

fn around(text: &str, found: Option<usize>) -> String {
    let Some(at) = found else { return String::new() };
    let line = text.lines().scan(0, |from, line| {
        let start = *from;
        *from += line.len() + 1;
        Some((start, line))
    });
    line.filter(|(start, _)| *start <= at)
        .last()
        .map(|(_, line)| line.chars().take(600).collect())
        .unwrap_or_default()
}

#[test]
fn the_mark_is_found_in_every_form() {
    let text = format!("…{MARK}…");
    for shift in 0..3 {
        let shifted = format!("{}{MARK}{}", "x".repeat(shift), "y".repeat(5));
        let encoded = countersign::digest::base64url(shifted.as_bytes());
        assert!(forms().iter().any(|form| encoded.contains(form)), "{encoded}");
    }
    assert!(forms().iter().any(|form| text.to_lowercase().contains(form)));
    assert!(forms().iter().any(|form| format!("{:?}", MARK.as_bytes()).contains(form)));
}

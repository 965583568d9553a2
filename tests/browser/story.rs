//! The whole story with a real browser: enrol, sign in, read, approve a canary with the passkey, and the executor checks
//! the passkey's own signature.

use crate::chromium::{Size, Window};
use crate::service::{FLEET, deploy, presented};
use crate::site::Site;
use core::num::NonZeroUsize;
use countersign::client::{Ask, Context, Status};
use countersign::clock::{Clock as _, SystemClock};
use countersign::condition::{ConditionKind, ExecutionFacts};
use countersign::escalation::evidence::{PinnedKeys, RosterEvidence};
use countersign::party::ExecutorId;
use countersign::replay::memory::MemoryGuard;
use countersign::token::{Executor, Refusal, VerifierConfig};
use std::process::Command;
use std::sync::Arc;

async fn story(size: Size) {
    let site = Site::start().await;
    let window = Window::open(size).await;
    let began = SystemClock::start().now();

    // An operator invites, and the person enrols what they have at hand.
    let invited = site.service.operator().await.invite("ada").await.unwrap();
    window.go(&invited.link).await;
    let mut flaws = window.flaws("enrol").await;
    window.fill("#name", "my phone").await;
    window.press_button("Set up the passkey").await;
    window.wait_for("!location.pathname.startsWith('/enrol') && document.querySelector('header.bar')").await;

    // They sign out, and in again with it.
    window.go(&format!("{}/account", site.origin)).await;
    flaws.extend(window.flaws("account-with-passkey").await);
    window.press_button("Sign out").await;
    window.wait_for("location.pathname == '/sign-in'").await;
    window.press_button("Sign in with a passkey").await;
    window.wait_for("location.pathname == '/' && document.querySelector('h1')").await;

    // An agent asks and waits; the queue has it without anybody looking again.
    let context = Context { reason: "the checkout fails".to_owned(), ..Context::default() };
    let id = site.service.escalate(Ask { context, ..deploy("2.0.0") }).await;
    window
        .wait_for(
            "document.body.innerText.includes('deploy.release') || document.querySelector('a[href=\"/\"]')",
        )
        .await;
    window.go(&format!("{}/", site.origin)).await;
    flaws.extend(window.flaws("queue-one").await);
    window.press(&format!("a[href^='/e/{id}']")).await;
    window.wait_for("document.querySelector('#reason')").await;

    // They read, attach a canary, and sign.
    flaws.extend(window.flaws("proposal-one").await);
    window.fill("#reason", "one of ten first").await;
    window.press("details.conditions > summary").await;
    window.fill("#percent", "10").await;
    flaws.extend(window.flaws("proposal-filled").await);
    window.press("button[value='approve']").await;
    window.wait_for("document.querySelector('form[data-passkey-get]')").await;
    flaws.extend(window.flaws("confirm").await);
    let ending = {
        let service = &site.service;
        let (ending, ()) = tokio::join!(service.end_of(&id), async {
            window.press_button("Sign with your passkey").await;
            window.wait_for(&format!("location.pathname == '/e/{id}'")).await;
        });
        ending
    };
    flaws.extend(window.flaws("proposal-approved").await);
    window.close().await;
    assert_eq!(flaws, [""; 0]);

    // The agent's wait is over, with a token that says `canary`.
    assert_eq!(ending.status, Status::Claimed, "{:?}", ending.reasons);
    let grant = ending.grant.unwrap();

    // The executor pins the passkey itself, as a person puts it there, and believes nobody else.
    let pins = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["reviewers", "passkeys", "--desk"])
        .arg(format!("unix:{}", site.service.path("review.sock").display()))
        .output()
        .unwrap();
    assert!(pins.status.success(), "{}", String::from_utf8_lossy(&pins.stderr));
    let pins = PinnedKeys::parse(std::str::from_utf8(&pins.stdout).unwrap()).unwrap();
    let verifier = |pins| {
        let evidence = RosterEvidence::new(pins, NonZeroUsize::MIN).unwrap();
        let executor = Executor::new(ExecutorId::new(FLEET).unwrap(), [ConditionKind::Canary]).unwrap();
        let config = VerifierConfig::new(site.service.anchor(), executor);
        config.demands_evidence(Arc::new(evidence)).build().unwrap()
    };
    let verify = |verifier: &countersign::token::Verifier, targets, evidence: &[&[u8]]| {
        let now = SystemClock::start().now();
        let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
        let facts =
            ExecutionFacts { targets: Some(targets), all_targets: Some(10), ..ExecutionFacts::default() };
        let presented = presented(&grant, &certificates, evidence, &facts);
        verifier.verify(presented, now, &MemoryGuard::new(began)).map(drop)
    };
    let evidence: Vec<&[u8]> = grant.evidence.iter().map(Vec::as_slice).collect();
    assert_eq!(evidence.len(), 1, "the vote comes with the token");
    let careful = verifier(pins);
    assert_eq!(verify(&careful, 1, &evidence), Ok(()));
    assert!(matches!(verify(&careful, 5, &evidence), Err(Refusal::Condition { .. })), "half is no canary");
    assert!(verify(&careful, 1, &[]).is_err(), "without the passkey's signature it is nothing");
    let stranger = crate::service::key("somebody else").public_key().to_line();
    let stranger = PinnedKeys::parse(&format!("ada {stranger}")).unwrap();
    assert!(verify(&verifier(stranger), 1, &evidence).is_err(), "a passkey that it does not know");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_at_a_desk_approves_a_canary_with_a_passkey() {
    story(Size::Desktop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_on_a_phone_approves_a_canary_with_a_passkey() {
    story(Size::Phone).await;
}

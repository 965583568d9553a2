//! Every page, at both sizes: a picture of it, nothing that axe objects to, nothing that the browser complains of.

use crate::chromium::{Size, Window};
use crate::service::{ask, delete, deploy};
use crate::site::Site;
use countersign::client::{Ask, Context};

/// The pages that need nobody.
const OPEN: &[(&str, &str)] = &[("sign-in", "/sign-in")];
/// The pages that need nothing but somebody who is signed in.
const PAGES: &[(&str, &str)] =
    &[("account", "/account"), ("telling", "/account/telling"), ("people", "/people"), ("agents", "/agents")];

async fn look(size: Size) {
    let site = Site::start().await;
    let window = Window::open(size).await;
    let mut wrong = Vec::new();
    for (name, path) in OPEN {
        wrong.extend(flaws(&window, &site, name, path).await);
    }
    window.set_cookie(&site.origin, "__Host-countersign", &site.session("ada").await).await;
    for (name, path) in PAGES {
        wrong.extend(flaws(&window, &site, name, path).await);
    }
    let proposals = proposals(&site).await;
    wrong.extend(flaws(&window, &site, "queue", "/").await);
    for (name, id) in &proposals {
        wrong.extend(flaws(&window, &site, name, &format!("/e/{id}")).await);
    }
    window.close().await;
    assert_eq!(wrong, [""; 0]);
}

/// Proposals of every kind: an easy one, one that two people have to agree to, and one that an agent made to deceive.
async fn proposals(site: &Site) -> Vec<(&'static str, String)> {
    let agent = site.service.agent().await;
    let mut found = Vec::new();
    let context = Context {
        reason: "the checkout fails for customers in Norway".to_owned(),
        user_request: "please get the fix out before noon".to_owned(),
        reasoning: "The error rate rose after 1.9.0. The fix is small and was tested in staging.".to_owned(),
        blast_radius: "the shop's frontend".to_owned(),
        reversibility: "roll back to 1.9.0".to_owned(),
        alternatives: vec!["wait for the release train on Monday".to_owned()],
    };
    let hostile = Context {
        reason: "<img src=x onerror=alert(1)> \u{202e}gnihton ,ylno gnitset\u{202c} \u{200b}".to_owned(),
        user_request: "</details></section><form action=//evil.example><button>Approve</button>".to_owned(),
        reasoning: "'\"><script>document.title='mine'</script> ".repeat(40),
        ..Context::default()
    };
    let long = format!("shop/production/{}", "a-very-long-resource-name-".repeat(30));
    let note: String = "all of this is one line that goes on and on; ".repeat(200);
    for (name, ask) in [
        ("proposal", Ask { context, ..deploy("2.0.0") }),
        ("proposal-two-people", delete(7)),
        (
            "proposal-hostile",
            Ask {
                context: hostile,
                ..ask("deploy.release", &long, &format!(r#"{{"version":"<b>2</b>\u202e","note":"{note}"}}"#))
            },
        ),
    ] {
        let answer = agent.authorize(ask).await.unwrap();
        let pending = answer.pending.unwrap_or_else(|| panic!("{name}: {:?}", answer.reasons));
        found.push((name, pending.escalation));
    }
    found
}

/// What is wrong with a page, after a picture of it was taken.
async fn flaws(window: &Window, site: &Site, name: &str, path: &str) -> Vec<String> {
    window.go(&format!("{}{path}", site.origin)).await;
    window.flaws(name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_for_everyone_on_a_desk() {
    look(Size::Desktop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_for_everyone_on_a_phone() {
    look(Size::Phone).await;
}

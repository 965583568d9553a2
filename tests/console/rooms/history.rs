//! The history: finding decisions, their chains, records and proofs.

use super::{house, is_clean};
use crate::service::{POLICY, approve, deploy, read};
use crate::site::Site;
use countersign::audit::event::Record;
use countersign::escalation::vote::Choice;
use countersign::tlog::{LogPolicy, LogProof};

/// A deployment that grace approved with a signature, and whose token was minted.
async fn approved(site: &Site, version: &str) -> String {
    let id = site.service.escalate(deploy(version)).await;
    site.service.vote(&id, "grace", approve(&["canary:max_percent=5"])).await.unwrap();
    site.service.end_of(&id).await;
    id
}

#[tokio::test]
async fn decisions_are_found_by_agent_action_effect_person_and_time() {
    let site = house(POLICY).await;
    let agent = site.service.agent().await;
    agent.authorize(read()).await.unwrap();
    let decided = approved(&site, "1").await;
    let mut linus = site.signed_in("linus").await;
    for (query, reads, deploys) in [
        ("", 1, 1),
        ("?agent=agent:tester", 1, 1),
        ("?agent=nobody", 0, 0),
        ("?action=orders.*", 1, 0),
        ("?effect=escalate", 0, 1),
        ("?effect=allow&action=deploy.*", 0, 0),
        ("?person=grace", 0, 1),
        ("?person=ada", 0, 0),
        ("?until=2001-01-01T00:00", 0, 0),
        ("?from=2001-01-01T00:00", 1, 1),
        ("?before=0", 0, 0),
    ] {
        let page = linus.get(&format!("/history{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        is_clean(&page);
        let count = |words: &str| page.body.matches(words).count();
        assert_eq!(
            (count("<strong>orders.read"), count("<strong>deploy.release")),
            (reads, deploys),
            "{query}"
        );
    }
    for query in ["?effect=perhaps", "?person=a b<b>", "?from=soon", "?before=x", "?id=nothing"] {
        let page = linus
            .get(&format!("/history{}", query.replace(" ", "%20").replace('<', "%3C").replace('>', "%3E")))
            .await;
        assert_eq!(page.status, 422, "{query}");
        is_clean(&page);
    }
    let found = linus.get(&format!("/history?id={decided}")).await;
    assert_eq!((found.status, found.header("location")), (303, &*format!("/history/{decided}")));
}

#[tokio::test]
async fn a_long_history_goes_on_on_the_next_page() {
    let site = house(POLICY).await;
    let agent = site.service.agent().await;
    for _ in 0..51 {
        agent.authorize(read()).await.unwrap();
    }
    let mut linus = site.signed_in("linus").await;
    let first = linus.get("/history?action=orders.*").await;
    assert_eq!(first.body.matches("<strong>orders.read").count(), 50);
    let next = first.body.split("href=\"").find(|part| part.contains("before=")).unwrap();
    let next = crate::browser::unescaped(next.split('"').next().unwrap());
    assert!(next.contains("action=orders."), "{next}");
    let second = linus.get(&next).await;
    assert_eq!(second.body.matches("<strong>orders.read").count(), 1, "{next}");
    assert!(!second.body.contains(">Earlier<"));
}

#[tokio::test]
async fn a_chain_tells_who_did_what_and_its_proof_holds_offline() {
    let site = house(POLICY).await;
    let mut ask = deploy("1<script>alert(1)</script>\u{202e}");
    ask.context.reason = "ship <b>it</b>\u{202e}".to_owned();
    let id = site.service.escalate(ask).await;
    site.service.vote(&id, "grace", approve(&["canary:max_percent=5"])).await.unwrap();
    site.service.end_of(&id).await;
    // Whoever reviews reads what people were asked about.
    let mut ada = site.signed_in("ada").await;
    let page = ada.get(&format!("/history/{id}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    is_clean(&page);
    for words in [
        "deploy.release on shop/production",
        "ship &#60;b&#62;it&#60;/b&#62;⟨U+202E⟩",
        "<strong>grace</strong> approved",
        "known by signed; signed with an SSH key of theirs; the signature holds",
        "it was looked at",
        "the approval was claimed",
        "was minted with key",
        "the token’s mint",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }

    // Its proofs: that of the mint, and one for each record, whose exact bytes are what is proved.
    let hrefs: Vec<String> = page
        .body
        .split("href=\"")
        .filter_map(|part| part.split('"').next())
        .filter(|href| href.contains("/proof/"))
        .map(str::to_owned)
        .collect();
    assert!(hrefs.len() >= 4, "{hrefs:?}");
    let key = page
        .body
        .split("<pre>")
        .map(|part| part.split("</pre>").next().unwrap())
        .find(|text| text.contains('+') && !text.contains(' '));
    let key = crate::browser::unescaped(key.unwrap());
    let policy = LogPolicy::parse(&format!("log {key}\nquorum none\n")).unwrap();
    for href in &hrefs {
        let file = ada.get(href).await;
        assert_eq!(file.status, 200, "{href}");
        assert!(file.header("content-disposition").starts_with("attachment; filename=\"record-"));
        let proof = LogProof::parse(file.body.as_bytes()).unwrap();
        let bytes = ada.get(&href.replace("/proof/", "/records/")).await;
        assert_eq!(proof.extra.as_deref(), Some(bytes.body.as_bytes()));
        proof.verify(bytes.body.as_bytes(), &policy).unwrap();
        let mut altered = bytes.body.clone();
        altered.push(' ');
        assert!(proof.verify(altered.as_bytes(), &policy).is_err());
        Record::from_bytes(bytes.body.as_bytes()).unwrap();
    }
    let minted = hrefs.last().unwrap();
    assert!(ada.get(minted).await.body.len() > 100);
    assert_eq!(ada.get(&format!("/history/{id}/proof/0")).await.status, 404, "a record of something else");
    assert_eq!(ada.get(&format!("/history/{id}/records/0")).await.status, 404);

    // The offline checker of the command takes the same file.
    let folder = site.service.folder.path();
    std::fs::write(folder.join("p"), ada.get(minted).await.body).unwrap();
    std::fs::write(folder.join("log.vkey"), format!("{key}\n")).unwrap();
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["audit", "check-proof", "p", "--trust", "log.vkey"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test]
async fn what_is_open_or_was_never_put_before_people_is_not_for_every_reviewer() {
    let site = house(POLICY).await;
    let allowed = site.service.agent().await.authorize(read()).await.unwrap().decision;
    let open = site.service.escalate(deploy("1")).await;
    let decided = site.service.escalate(deploy("2")).await;
    site.service.vote(&decided, "ada", Choice::Deny).await.unwrap();
    let mut ada = site.signed_in("ada").await;
    let mut grace = site.signed_in("grace").await;
    let mut linus = site.signed_in("linus").await;
    let none = "esc_AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    // Ada may vote on what is open; grace too, although she operates; linus may not, and audits.
    for (id, expected) in [
        (&allowed, [404, 200, 200]),
        (&open, [403, 403, 200]),
        (&decided, [200, 200, 200]),
        (&none, [404, 404, 404]),
        (&"nonsense".to_owned(), [404, 404, 404]),
    ] {
        let mut statuses = Vec::new();
        for browser in [&mut ada, &mut grace, &mut linus] {
            let page = browser.get(&format!("/history/{id}")).await;
            is_clean(&page);
            statuses.push(page.status);
        }
        assert_eq!(statuses, expected, "{id}");
    }
    // In the list of a reviewer is what people were asked about and have decided.
    let page = ada.get("/history?effect=allow").await;
    assert!(page.body.contains(&decided) && !page.body.contains(&open), "{}", page.body);
    assert!(!page.body.contains("orders.read"), "{}", page.body);
    // Where a chain is not to be read, neither are its records and proofs.
    for path in [format!("/history/{allowed}/records/3"), format!("/history/{open}/proof/3")] {
        assert_ne!(ada.get(&path).await.status, 200, "{path}");
        assert_eq!(site.browser().get(&path).await.status, 303, "{path}");
    }
}

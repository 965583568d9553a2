//! The policy, and drafts tried on the record.

use super::{followed, house, is_clean};
use crate::service::{POLICY, deploy, read};

const READS: &str =
    "    match: {kind: read, sensitivity: ordinary, level: [low, medium]}\n    decision: allow";

#[tokio::test]
async fn the_policy_in_force_is_shown_with_its_lines_and_its_files() {
    let text = "# kept in <b>git</b>\nversion: 1\nname: starter\n\
                levels: {low: allow, medium: deny, high: deny, critical: deny}\n";
    let site = house(text).await;
    let mut ada = site.signed_in("ada").await;
    let page = ada.get("/policy").await;
    is_clean(&page);
    for words in [
        "<dd>starter</dd>",
        "<li id=\"l1\"><code># kept in &#60;b&#62;git",
        "<li id=\"l4\"><code>levels:",
        "In force since",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("/policy/draft") && !page.body.contains("/policy/reload"), "not hers");
    // A changed file comes into force when an operator has it looked at.
    let mut grace = site.signed_in("grace").await;
    std::fs::write(site.service.path("policy.yaml"), text.replace("name: starter", "name: changed")).unwrap();
    let answer = grace.post("/policy/reload", &[]).await;
    let page = followed(&mut grace, answer).await;
    is_clean(&page);
    assert!(page.body.contains("<dd>changed</dd>"), "{}", page.body);
    // One that is wrong does not.
    std::fs::write(site.service.path("policy.yaml"), text.replace("name: starter", "nam<b>e: x")).unwrap();
    let answer = grace.post("/policy/reload", &[]).await;
    let page = followed(&mut grace, answer).await;
    is_clean(&page);
    assert!(
        page.body.contains("The changed files are not in force") && page.body.contains("<dd>changed</dd>")
    );
}

#[tokio::test]
async fn a_draft_is_tried_on_the_record_and_leaves_nothing_there() {
    let site = house(POLICY).await;
    let agent = site.service.agent().await;
    let mut hostile = read();
    hostile.resource = "db/staging/<b>x\u{202e}".to_owned();
    agent.authorize(read()).await.unwrap();
    agent.authorize(hostile).await.unwrap();
    site.service.escalate(deploy("1")).await;
    let mut linus = site.signed_in("linus").await;
    let page = linus.get("/policy/draft").await;
    is_clean(&page);
    assert!(page.body.contains("name: starter") && page.body.contains("draft."), "{}", page.body);
    let records = site.service.running.as_ref().unwrap().records();

    let same = linus.post("/policy/draft", &[("draft", &POLICY.replace('\n', "\r\n"))]).await;
    assert_eq!(same.status, 200, "{}", same.body);
    is_clean(&same);
    for words in ["3 decisions", "Alike: 3", "1 ×: escalate by rule"] {
        assert!(same.body.contains(words), "{words}: {}", same.body);
    }
    assert!(POLICY.contains(READS));
    let stricter = POLICY.replace(READS, &READS.replace("allow", "deny"));
    let page = linus.post("/policy/draft", &[("draft", &stricter)]).await;
    is_clean(&page);
    for words in ["Stricter: <strong class=\"good\">2</strong>", "Alike: 1", "⟨U+202E⟩", "/history/txn_"]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let looser = POLICY.replace("  - name: deploy-to-production", "  - name: anything-<b>goes\n    match: {action: deploy.release, level: [low, medium]}\n    decision: allow\n\n  - name: deploy-to-production");
    let page = linus.post("/policy/draft", &[("draft", &looser)]).await;
    is_clean(&page);
    assert!(page.body.contains("Less strict") && page.status < 500, "{}", page.body);
    for (draft, words) in [
        ("", "It was not tried"),
        ("version: 1\n<b>: x\u{202e}", "It was not tried"),
        ("rules: [[[[", "It was not tried"),
    ] {
        let page = linus.post("/policy/draft", &[("draft", draft)]).await;
        assert_eq!(page.status, 422, "{draft}");
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert_eq!(site.service.running.as_ref().unwrap().records(), records, "nothing is recorded");
}

#[tokio::test]
async fn the_console_can_be_installed() {
    let site = house(POLICY).await;
    let mut nobody = site.browser();
    let manifest = nobody.get("/manifest.webmanifest").await;
    assert_eq!((manifest.status, manifest.header("content-type")), (200, "application/manifest+json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest.body).unwrap();
    assert_eq!((&manifest["start_url"], &manifest["display"]), (&"/".into(), &"standalone".into()));
    for icon in manifest["icons"].as_array().unwrap() {
        let file = nobody.get(icon["src"].as_str().unwrap()).await;
        assert_eq!((file.status, file.header("content-type")), (200, icon["type"].as_str().unwrap()));
    }
    let page = site.signed_in("ada").await.get("/people").await;
    assert!(page.body.contains("rel=\"manifest\" href=\"/manifest.webmanifest\""), "{}", page.body);
}

//! What an agent, or whoever else, writes to change a page: it stands there as text, every character of it visible.

use crate::browser::{Answer, Browser};
use crate::markup::Markup;
use crate::service::{FLEET, POLICY};
use crate::site::Site;
use countersign::client::{Ask, Context};

/// What breaks out of text, attributes and elements of a page that does not escape, and what no eye sees.
const TRICKS: &[&str] = &[
    "<pwned pwned=1>",
    "</p></pre></blockquote></section></textarea></title><pwned>",
    "\" pwned=\"1\" onmouseover=\"alert(1)",
    "' pwned='1",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "--><pwned><!--",
    "&lt;pwned&gt; &#60;pwned&#62; &amp;lt;",
    "{{ 7*7 }}{% include \"layout.html\" %}",
    "javascript:alert(1)",
    "\u{202e}txt.exe\u{202c}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
    "a\u{200b}b\u{200d}c\u{feff}d\u{2060}e\u{ad}f\u{34f}g\u{115f}h\u{3164}i",
    "\u{e0041}\u{e0001}\u{fe0f}\u{180e}\u{1d173}",
    "\u{7}\u{1b}[2J\u{9b}\u{85}\u{2028}\u{2029}\u{7f}",
    "⟨U+202E⟩ ⟨secret, 7 characters⟩",
];

fn tricks() -> String {
    TRICKS.join(" ")
}

/// Whether a character may not go through as it is.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{9}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[track_caller]
fn is_unharmed(path: &str, answer: &Answer) {
    let markup = Markup::of(&answer.body);
    for tag in &markup.tags {
        assert!(
            !matches!(&*tag.name, "pwned" | "img" | "iframe" | "object" | "style" | "base"),
            "{path}: {tag:?}"
        );
        for (name, value) in &tag.attributes {
            let ours = name != "pwned" && !name.starts_with("on") && name != "style" && name != "srcdoc";
            assert!(ours, "{path}: `{name}` in {tag:?}");
            if matches!(&**name, "href" | "src" | "action") {
                assert!(
                    value.starts_with('/') && !value.starts_with("//") || value.starts_with('#'),
                    "{path}: {value}"
                );
            }
        }
        if tag.name == "script" {
            assert!(
                tag.attributes.iter().any(|(name, value)| name == "src" && value.starts_with("/static/"))
            );
        }
    }
    let hidden: Vec<char> = answer.body.chars().filter(|character| is_hidden(*character)).collect();
    assert!(hidden.is_empty(), "{path}: {hidden:x?}");
}

async fn visit(browser: &mut Browser, path: &str) -> Answer {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    is_unharmed(path, &answer);
    answer
}

/// An agent whose name is a trick, too, and a colleague whose name is one.
async fn site() -> Site {
    let policy = POLICY.replace(
        "  assurance: signed ",
        "  diligence: {reading_speed: 0, nights: false}\n  assurance: session ",
    );
    let mut site = Site::prepare(&policy, "");
    let file = site.service.path("countersign.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("id: agent:tester", "id: \"agent:<pwned>&lt;'pwned='1'>\""))
        .unwrap();
    let file = site.service.path("roster.yaml");
    let roster = std::fs::read_to_string(&file).unwrap();
    let name = "id: grace\n    name: \"<pwned>' pwned='1' \\u202egrace\\u200b\"\n";
    std::fs::write(&file, roster.replace("id: grace\n", name)).unwrap();
    site.service.run().await;
    site
}

/// Everything that an agent can write, written to do harm.
fn hostile() -> Ask {
    let words = serde_json::to_string(&tricks()).unwrap();
    Ask {
        request_id: "<pwned>'".to_owned(),
        action: "deploy.release".to_owned(),
        resource: format!("shop/production/{}", tricks().replace(char::is_control, "")),
        parameters: Some(format!("{{{words}: {words}, \"list\": [{words}, {{{words}: 1}}]}}").into_bytes()),
        executor: FLEET.to_owned(),
        context: Context {
            reason: tricks(),
            user_request: tricks(),
            reasoning: format!("{}\n{}", tricks(), "and so on \u{202e}".repeat(200)),
            blast_radius: tricks(),
            reversibility: tricks(),
            alternatives: vec![tricks(), tricks()],
        },
        ..Ask::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_agent_writes_becomes_part_of_a_page() {
    let site = site().await;
    let id = site.service.escalate(hostile()).await;
    let more = site.service.escalate(Ask { request_id: String::new(), ..hostile() }).await;
    let mut ada = site.signed_in("ada").await;
    for path in ["/".to_owned(), "/?show=open".to_owned(), format!("/e/{id}"), format!("/e/{id}?evidence=1")]
    {
        let page = visit(&mut ada, &path).await;
        let text = Markup::of(&page.body).text();
        if !path.starts_with("/e/") {
            // In a line among others a long name is told by its beginning and its end.
            assert!(text.contains("characters …"), "{path}");
            continue;
        }
        assert!(text.contains("<pwned pwned=1>"), "it is shown as what it is: {path}");
        assert!(text.contains("⟨U+202E⟩txt.exe⟨U+202C⟩"), "{path}");
        assert!(text.contains("⟨U+27E8⟩U+202E⟩"), "nothing can look like a mark of ours: {path}");
    }
    let brief = visit(&mut ada, &format!("/e/{id}")).await;
    assert!(Markup::of(&brief.body).text().contains("characters more"), "nothing is cut without a word");
    assert!(Markup::of(&brief.body).text().contains("mislead the eye"));

    let change = visit(&mut ada, &format!("/e/{id}/change")).await;
    assert!(change.body.contains("\\u202e"), "a hidden character is written out where it is edited");
    let fields =
        [("resource", "shop/production/x"), ("parameters", r#"{"a": "<pwned>\u202e"}"#), ("step", "preview")];
    let preview = ada.post(&format!("/e/{id}/change"), &fields).await;
    assert_eq!(preview.status, 200);
    is_unharmed("preview", &preview);
    let wrong = ada
        .post(
            &format!("/e/{id}/change"),
            &[("resource", "x"), ("parameters", "<pwned>"), ("step", "preview")],
        )
        .await;
    assert_eq!(wrong.status, 422);
    is_unharmed("wrong", &wrong);

    let shown = brief.input("shown");
    let reason = "<pwned> \" pwned=\"1 ' \u{200b}";
    let denied = ada
        .post(&format!("/e/{id}/vote"), &[("choice", "deny"), ("reason", reason), ("shown", &shown)])
        .await;
    assert_eq!(denied.status, 303);
    let ended = visit(&mut ada, &format!("/e/{id}?did=deny")).await;
    assert!(Markup::of(&ended.body).text().contains("denied by ada: <pwned> \" pwned=\"1 ' ⟨U+200B⟩"));
    visit(&mut ada, "/?show=ended").await;
    let grace = &mut site.signed_in("grace").await;
    let page = visit(grace, &format!("/e/{more}")).await;
    assert!(Markup::of(&page.body).text().contains("Decided before on the like"), "the first is among them");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_an_address_or_a_form_becomes_part_of_a_page() {
    let site = site().await;
    let id = site.service.escalate(hostile()).await;
    let mut ada = site.signed_in("ada").await;
    let trick = "%22%3E%3Cpwned%20pwned%3D%221%22%3E%E2%80%AE";
    for path in [
        "/?show=open&agent=%22%3E%3Cpwned%20pwned%3D%221%22%3E&action=%27%3E%3Cpwned%3E".to_owned(),
        format!("/e/{id}?did={trick}&intent={trick}&evidence={trick}"),
    ] {
        visit(&mut ada, &path).await;
    }
    let answer = ada.get(&format!("/?agent={trick}")).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, "text/plain; charset=utf-8"));
    assert!(answer.body.is_ascii());
    let answer = ada.get(&format!("/e/{trick}")).await;
    assert_eq!(answer.status, 404);
    is_unharmed("no id", &answer);
    let typed = "\"></textarea><pwned>\u{202e}";
    let shown = ada.get(&format!("/e/{id}")).await.input("shown");
    let fields = [("choice", "approve"), ("reason", typed), ("shown", &*shown)];
    let answer = ada.post(&format!("/e/{id}/vote"), &fields).await;
    assert_eq!(answer.status, 422);
    let markup = Markup::of(&answer.body);
    assert!(markup.tags.iter().all(|tag| tag.name != "pwned"), "what one typed oneself comes back as text");
    let fields = [("choice", "approve"), ("reason", "<pwned>'\""), ("sign", "on"), ("shown", &*shown)];
    let confirm = ada.post(&format!("/e/{id}/vote"), &fields).await;
    assert_eq!(confirm.status, 200);
    is_unharmed("confirm", &confirm);
    for fields in [&[("to", "<pwned>")][..], &[("to", "\u{202e}")]] {
        is_unharmed("pass", &ada.post(&format!("/e/{id}/pass"), fields).await);
    }
    let fields = [("statement", "<pwned>\u{202e}"), ("credential", "<pwned>")];
    is_unharmed("signed", &ada.post(&format!("/e/{id}/signed"), &fields).await);
}

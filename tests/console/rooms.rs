//! The other rooms of the console: who may be in which, what their forms do, and hostile text in all of them.

#[path = "rooms/agents.rs"]
mod agents;
#[path = "rooms/analytics.rs"]
mod analytics;
#[path = "rooms/drills.rs"]
mod drills;
#[path = "rooms/history.rs"]
mod history;
#[path = "rooms/people.rs"]
mod people;
#[path = "rooms/policy.rs"]
mod policy;

use crate::browser::{Answer, Browser};
use crate::service::POLICY;
use crate::site::Site;

/// Ada reviews, grace operates as well, linus audits as well; ada lives in Berlin and works there.
pub(crate) async fn house(policy: &str) -> Site {
    let mut site = Site::prepare(policy, "auditors:\n  - person: linus\n");
    let file = site.service.path("countersign.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("operators:\n", "operators:\n  - person: grace\n")).unwrap();
    let file = site.service.path("roster.yaml");
    let roster = std::fs::read_to_string(&file).unwrap();
    let ada = "  - id: ada\n    name: \"Ada <b>of \\u202eBerlin</b>\"\n    time_zone: Europe/Berlin\n    \
               hours: {days: [mon, tue, wed, thu, fri, sat, sun], from: \"00:00\", until: \"24:00\"}\n";
    std::fs::write(&file, roster.replace("  - id: ada\n", ada)).unwrap();
    site.service.run().await;
    site
}

/// Nothing that somebody wrote is markup or hidden in a page.
#[track_caller]
pub(crate) fn is_clean(answer: &Answer) {
    let page = &answer.body;
    for bad in ["<b>", "<script>alert", "onerror=", "\u{202e}", "\u{200b}", "style=\""] {
        assert!(!page.contains(bad), "{bad:?} is in the page:\n{page}");
    }
    assert_eq!(page.matches("<h1").count(), 1, "one heading of the page");
}

#[tokio::test]
async fn who_may_be_in_which_room() {
    let site = house(POLICY).await;
    let mut ada = site.signed_in("ada").await;
    let mut grace = site.signed_in("grace").await;
    let mut linus = site.signed_in("linus").await;
    let mut nobody = site.browser();
    // What is asked for, and what a reviewer, an operator, an auditor and a stranger get.
    for (path, expected) in [
        ("/people", [200, 200, 200, 303]),
        ("/agents", [200, 200, 200, 303]),
        ("/history", [200, 200, 200, 303]),
        ("/analytics", [403, 200, 200, 303]),
        ("/drills", [200, 200, 200, 303]),
        ("/policy", [200, 200, 200, 303]),
        ("/policy/draft", [403, 200, 200, 303]),
    ] {
        let mut statuses = Vec::new();
        for browser in [&mut ada, &mut grace, &mut linus, &mut nobody] {
            let answer = browser.get(path).await;
            if answer.status == 200 {
                is_clean(&answer);
            }
            statuses.push(answer.status);
        }
        assert_eq!(statuses, expected, "{path}");
    }
    for (path, fields, expected) in [
        ("/agents/suspend", &[("agent", "a"), ("reason", "r")][..], [403, 200, 403]),
        ("/drills", &[("agent", "a b")], [403, 422, 403]),
        ("/policy/reload", &[], [403, 303, 403]),
        ("/policy/draft", &[("draft", "x")], [403, 422, 422]),
        ("/agents/lift", &[("id", "sus_AAAAAAAAAAAAAAAAAAAAAA")], [403, 404, 403]),
    ] {
        let statuses = [
            ada.post(path, fields).await.status,
            grace.post(path, fields).await.status,
            linus.post(path, fields).await.status,
        ];
        assert_eq!(statuses, expected, "{path}");
        assert_eq!(nobody.post_bare(path, fields).await.status, 401, "{path}");
        assert_eq!(grace.post_bare(path, fields).await.status, 403, "{path} without the form's token");
    }
}

/// Follows a form's answer to the page that it leads to.
pub(crate) async fn followed(browser: &mut Browser, answer: Answer) -> Answer {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let to = answer.header("location").to_owned();
    assert!(to.starts_with('/') && !to.starts_with("//"), "{to}");
    browser.get(&to).await
}

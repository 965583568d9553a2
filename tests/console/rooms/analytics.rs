//! The analytics: plots, their numbers, how people look, and the advice.

use super::{house, is_clean};
use crate::browser::{Answer, Browser};
use crate::service::{POLICY, approve, deploy, read};
use countersign::escalation::vote::Choice;

/// The page once something is in it: counting goes on beside it.
async fn until(browser: &mut Browser, words: &str) -> Answer {
    for _ in 0..200 {
        let page = browser.get("/analytics").await;
        assert_eq!(page.status, 200, "{}", page.body);
        is_clean(&page);
        if page.body.contains(words) {
            return page;
        }
        tokio::task::yield_now().await;
    }
    panic!("never: {words}");
}

#[tokio::test]
async fn what_the_record_says_is_plotted_with_its_numbers() {
    let site = house(POLICY).await;
    let agent = site.service.agent().await;
    agent.authorize(read()).await.unwrap();
    let id = site.service.escalate(deploy("1")).await;
    site.service.vote(&id, "grace", approve(&["canary:max_percent=5"])).await.unwrap();
    let id = site.service.escalate(deploy("2")).await;
    site.service.vote(&id, "ada", Choice::Deny).await.unwrap();
    let mut linus = site.signed_in("linus").await;
    let page = until(&mut linus, "Nothing to advise").await;
    for words in [
        "2 of 3 (66.7 %)",
        "1 of 2 (50.0 %)",
        "<th scope=\"row\">deploy.release</th>",
        "<strong>ada</strong>: 1 votes",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // Every plot has a name, a sentence and a table.
    let plots = page.body.matches("role=\"img\"").count();
    assert!(plots >= 7, "{}", page.body);
    assert_eq!(page.body.matches("<desc id=").count(), plots);
    assert_eq!(page.body.matches("<table>").count(), plots);
}

#[tokio::test]
async fn a_record_without_operations_has_a_page_too() {
    let site = house(POLICY).await;
    let page = until(&mut site.signed_in("grace").await, "Nothing to advise").await;
    assert!(page.body.contains("none yet") && page.body.contains("Nobody was asked yet"), "{}", page.body);
}

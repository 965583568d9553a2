//! What changes while somebody looks: told as it happens, to whoever may hear it, for as long as they may.

use crate::browser::Browser;
use crate::service::{POLICY, deploy};
use crate::site::Site;
use countersign::escalation::vote::Choice;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;

/// A stream of events, as a browser reads it.
struct Events {
    body: Incoming,
    read: String,
}

impl Events {
    async fn open(browser: &mut Browser, path: &str) -> Self {
        let response = browser.open(Method::GET, path, &[("accept", "text/event-stream")], "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), read: String::new() }
    }

    /// The next event's name and data; nothing at the end.
    async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines =
                        event.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.next().unwrap_or_default().to_owned()
                };
                let found = (field("event"), field("data"));
                self.read = rest.to_owned();
                return Some(found);
            }
            let frame = self.body.frame().await?.ok()?;
            self.read.push_str(core::str::from_utf8(&frame.into_data().ok()?).unwrap());
        }
    }

    /// The next change.
    async fn change(&mut self) -> serde_json::Value {
        loop {
            let (event, data) = self.next().await.expect("it ended");
            if event == "changed" {
                return serde_json::from_str(&data).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_hears_what_is_opened_voted_on_and_over() {
    let site = Site::start().await;
    let (mut ada, mut linus) = (site.signed_in("ada").await, site.signed_in("linus").await);
    let mut hers = Events::open(&mut ada, "/live").await;
    let mut his = Events::open(&mut linus, "/live").await;
    assert_eq!(hers.next().await.unwrap(), ("stands".to_owned(), r#"{"yours":0}"#.to_owned()));
    assert_eq!(hers.next().await.unwrap().0, "beat", "from here on nothing is missed");
    let id = site.service.escalate(deploy("1")).await;
    let opened = hers.change().await;
    assert_eq!(
        (&opened["id"], &opened["yours"], &opened["over"]),
        (&id.clone().into(), &true.into(), &false.into())
    );
    assert_eq!(his.change().await["yours"], false, "it is not his to decide");
    site.service.vote(&id, "grace", Choice::Deny).await.unwrap();
    let denied = hers.change().await;
    assert_eq!(
        (&denied["state"], &denied["words"], &denied["yours"]),
        (&"denied".into(), &"denied".into(), &false.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_hears_of_itself_alone() {
    let site = Site::start().await;
    let id = site.service.escalate(deploy("1")).await;
    let other = site.service.escalate(deploy("2")).await;
    let mut ada = site.signed_in("ada").await;
    let mut events = Events::open(&mut ada, &format!("/live?e={id}")).await;
    let (event, data) = events.next().await.unwrap();
    assert_eq!(event, "stands");
    assert!(data.contains("0 of 1 agreed") && data.contains(&id), "{data}");
    site.service.vote(&other, "grace", Choice::Deny).await.unwrap();
    site.service.vote(&id, "grace", Choice::Deny).await.unwrap();
    assert_eq!(events.change().await["id"], id);
    for (path, status) in [("/live?e=x", 404), ("/live?e=esc_AAAAAAAAAAAAAAAAAAAAAA", 404)] {
        assert_eq!(ada.get(path).await.status, status);
    }
    assert_eq!(site.browser().get("/live").await.status, 303, "nobody hears anything without signing in");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_on_after_signing_out_or_when_the_service_stops() {
    let mut site = Site::start_with(POLICY, "").await;
    let (mut ada, mut grace) = (site.signed_in("ada").await, site.signed_in("grace").await);
    let mut hers = Events::open(&mut ada, "/live").await;
    let mut others = Events::open(&mut grace, "/live").await;
    assert_eq!(hers.next().await.unwrap().0, "stands");
    assert_eq!(others.next().await.unwrap().0, "stands");
    ada.post("/sign-out", &[]).await;
    let id = site.service.escalate(deploy("1")).await;
    assert_eq!(others.change().await["id"], id);
    while let Some((event, _)) = hers.next().await {
        assert_eq!(event, "beat", "of before");
    }
    let (_, ended) = tokio::join!(site.service.stop(), async { while others.next().await.is_some() {} });
    let () = ended;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_and_whoever_comes_then_is_told_to_come_again() {
    let site = Site::start().await;
    let session = site.session("ada").await;
    let mut open = Vec::new();
    let mut ada = site.browser();
    ada.set_cookie("__Host-countersign", &session);
    for _ in 0..countersign::desk::queue::MAX_WATCHERS {
        open.push(Events::open(&mut ada, "/live").await);
    }
    let full = ada.get("/live").await;
    assert_eq!((full.status, full.header("retry-after")), (503, "15"));
    assert_eq!(ada.get("/").await.status, 200, "the pages are there all the same");
    drop(open);
}

//! The other rooms in a real browser, at both sizes: axe, errors, policy violations, width; and a draft that is tried
//! while it is written.

use crate::chromium::{Size, Window};
use crate::service::{POLICY, approve, deploy, read};
use crate::site::Site;

async fn rooms(size: Size) {
    let mut site = Site::prepare(POLICY, "");
    let file = site.service.path("countersign.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("operators:\n", "operators:\n  - person: grace\n")).unwrap();
    site.service.run().await;
    site.service.agent().await.authorize(read()).await.unwrap();
    let decided = site.service.escalate(deploy("1")).await;
    site.service.vote(&decided, "ada", approve(&["canary:max_percent=5"])).await.unwrap();
    site.service.end_of(&decided).await;
    site.service.escalate(deploy("2")).await;

    let window = Window::open(size).await;
    window.go(&format!("{}/sign-in", site.origin)).await;
    window.set_cookie(&site.origin, "__Host-countersign", &site.session("grace").await).await;
    let mut flaws = Vec::new();
    for room in ["people", "agents", "history", "analytics", "drills", "policy", "policy/draft"] {
        window.go(&format!("{}/{room}", site.origin)).await;
        // What is folded away is a part of the page too.
        window.run("for (const one of document.querySelectorAll('details')) one.open = true").await;
        flaws.extend(window.flaws(&format!("room-{}", room.replace('/', "-"))).await);
    }
    window.go(&format!("{}/history/{decided}", site.origin)).await;
    flaws.extend(window.flaws("room-chain").await);

    // The draft is tried once somebody has written in it, without the button.
    window.go(&format!("{}/policy/draft", site.origin)).await;
    window.fill("#draft", "\n# a note").await;
    window.wait_for("document.querySelector('#result').innerText.includes('Alike')").await;
    flaws.extend(window.flaws("room-draft-tried").await);
    window.close().await;
    assert_eq!(flaws, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_rooms_at_a_desk() {
    rooms(Size::Desktop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_rooms_on_a_phone() {
    rooms(Size::Phone).await;
}

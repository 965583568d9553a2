//! Every page, at both sizes: a picture of it, nothing that axe objects to, nothing that the browser complains of.

use crate::chromium::{Size, Window};
use crate::site::Site;

/// The pages that need nothing but somebody who is signed in.
const PAGES: &[(&str, &str)] = &[("account", "/account")];

async fn look(size: Size) {
    let site = Site::start().await;
    let window = Window::open(size).await;
    window.set_cookie(&site.origin, "__Host-countersign", &site.session("ada").await).await;
    let mut wrong = Vec::new();
    for (name, path) in PAGES {
        window.go(&format!("{}{path}", site.origin)).await;
        window.picture(name).await;
        let barriers = window.barriers().await;
        wrong.extend(barriers.into_iter().map(|barrier| format!("{path}: {barrier}")));
        wrong.extend(window.troubles().await.into_iter().map(|trouble| format!("{path}: {trouble}")));
        if !window.fits().await {
            wrong.push(format!("{path}: something is wider than the window"));
        }
    }
    window.close().await;
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_for_everyone_on_a_desk() {
    look(Size::Desktop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_for_everyone_on_a_phone() {
    look(Size::Phone).await;
}

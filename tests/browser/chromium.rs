//! A window of Chromium: where it is, what is in it, what a person does there, and what went wrong behind it.

use crate::driver::Driver;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How large a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Desktop,
    Phone,
}

/// A window.
pub(crate) struct Window {
    driver: Driver,
    session: String,
    size: Size,
    _profile: tempfile::TempDir,
}

/// How long a person waits for something to appear, in steps of a tenth of a second.
const PATIENCE: usize = 150;

impl Window {
    /// Opens one with an authenticator in it, whose owner has their finger on it.
    pub(crate) async fn open(size: Size) -> Self {
        let driver = Driver::start().await;
        let profile = tempfile::tempdir().unwrap();
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--force-prefers-reduced-motion".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut options = json!({});
        match size {
            Size::Desktop => arguments.push("--window-size=1280,900".to_owned()),
            Size::Phone => {
                options["mobileEmulation"] = json!({
                    "deviceMetrics": {"width": 360, "height": 740, "pixelRatio": 2.0, "mobile": true, "touch": true},
                });
            }
        }
        options["args"] = json!(arguments);
        let session = driver.begin(options).await;
        let window = Self { driver, session, size, _profile: profile };
        window
            .post("webauthn/authenticator", json!({
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
                "isUserVerified": true, "isUserConsenting": true,
            }))
            .await;
        window
    }

    async fn post(&self, what: &str, body: Value) -> Value {
        let path = format!("/session/{}/{what}", self.session);
        self.driver.say(Method::POST, &path, Some(body)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn read(&self, what: &str) -> Value {
        self.driver.say(Method::GET, &format!("/session/{}/{what}", self.session), None).await.unwrap()
    }

    /// Goes to a page.
    pub(crate) async fn go(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    /// Where it is.
    pub(crate) async fn url(&self) -> String {
        self.read("url").await.as_str().unwrap().to_owned()
    }

    /// Puts a cookie of this origin into the jar.
    pub(crate) async fn set_cookie(&self, origin: &str, name: &str, value: &str) {
        let cookie = json!({"url": origin, "name": name, "value": value, "path": "/", "secure": true, "httpOnly": true});
        self.command("Network.setCookie", cookie).await;
    }

    /// What a function body gives in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({"script": script, "args": []})).await
    }

    /// What an asynchronous function body gives in the page by calling its last argument.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.post("execute/async", json!({"script": script, "args": []})).await
    }

    /// Says something to the browser itself.
    pub(crate) async fn command(&self, name: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({"cmd": name, "params": parameters})).await
    }

    /// The text that a person reads in what a selector finds first.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(selector));
        self.run(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a condition holds in the page: an expression.
    pub(crate) async fn wait_for(&self, condition: &str) {
        for _ in 0..PATIENCE {
            // A page that is just being left answers nothing.
            let path = format!("/session/{}/execute/sync", self.session);
            let body = json!({"script": format!("return Boolean({condition})"), "args": []});
            if self.driver.say(Method::POST, &path, Some(body)).await == Ok(Value::Bool(true)) {
                return;
            }
            tokio::time::sleep(core::time::Duration::from_millis(100)).await;
        }
        let page = self.text("body").await;
        panic!(
            "waited in vain for `{condition}` at {}:\n{page}\n{:?}",
            self.url().await,
            self.troubles().await
        );
    }

    async fn element(&self, using: &str, value: &str) -> (String, Value) {
        let element = self.post("element", json!({"using": using, "value": value})).await;
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        (id, element)
    }

    /// Scrolls to it as a person does, so that it is in the middle, and presses it.
    async fn press_it(&self, (id, element): (String, Value)) {
        let script = json!({"script": "arguments[0].scrollIntoView({block: 'center'})", "args": [element]});
        self.post("execute/sync", script).await;
        self.post(&format!("element/{id}/click"), json!({})).await;
    }

    /// Presses what a selector finds first.
    pub(crate) async fn press(&self, selector: &str) {
        self.press_it(self.element("css selector", selector).await).await;
    }

    /// Presses the button with this text.
    pub(crate) async fn press_button(&self, text: &str) {
        self.press_it(self.element("xpath", &format!("//button[normalize-space()='{text}']")).await).await;
    }

    /// Types into what a selector finds first.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let (element, _) = self.element("css selector", selector).await;
        self.post(&format!("element/{element}/value"), json!({"text": text})).await;
    }

    /// What the browser complained of since it was asked last: errors of scripts, of the network, of the policy.
    pub(crate) async fn troubles(&self) -> Vec<String> {
        let entries = self.post("se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().unwrap().iter();
        let serious = entries.filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")));
        // RS256 is left out on purpose: nothing here takes it.
        let serious =
            serious.filter(|entry| !entry["message"].as_str().unwrap().contains("pubKeyCredParams"));
        serious.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// What axe finds that is serious or worse, one line each.
    pub(crate) async fn barriers(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(axe())
            .expect("axe is not installed: `tests/run` installs what the tests need");
        self.run(&axe).await;
        let found = self
            .run_async(
                "const done = arguments[arguments.length - 1]; \
                 axe.run(document, {resultTypes: ['violations']}).then(result => done(result.violations \
                 .filter(one => ['serious', 'critical'].includes(one.impact)) \
                 .map(one => `${one.id}: ${one.help}: ${one.nodes.map(node => node.html).slice(0, 3).join(' | ')}`)))",
            )
            .await;
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        let height =
            self.run("return document.documentElement.scrollHeight").await.as_u64().unwrap().min(12_000);
        let (width, scale) = match self.size {
            Size::Desktop => (1280, 1),
            Size::Phone => (360, 1),
        };
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": scale});
        let taken = self
            .command(
                "Page.captureScreenshot",
                json!({"format": "png", "captureBeyondViewport": true, "clip": clip}),
            )
            .await;
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let folder = target().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let size = match self.size {
            Size::Desktop => "desktop",
            Size::Phone => "phone",
        };
        std::fs::write(folder.join(format!("{name}-{size}.png")), bytes).unwrap();
    }

    /// Nothing is wider than the window.
    pub(crate) async fn fits(&self) -> bool {
        let script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        self.run(script).await == Value::Bool(true)
    }

    /// Keeps a picture of the page and says what is wrong with it: what axe or the browser objects to, and what is wider
    /// than the window.
    pub(crate) async fn flaws(&self, name: &str) -> Vec<String> {
        self.picture(name).await;
        let mut flaws = self.barriers().await;
        flaws.extend(self.troubles().await);
        if !self.fits().await {
            flaws.push("something is wider than the window".to_owned());
        }
        flaws.into_iter().map(|flaw| format!("{name}: {flaw}")).collect()
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        let path = format!("/session/{}", self.session);
        drop(self.driver.say(Method::DELETE, &path, None).await);
    }
}

/// Where the tests' own executable was built.
fn target() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(3).unwrap().to_owned()
}

fn axe() -> PathBuf {
    target().join("parts/browser/node_modules/axe-core/axe.min.js")
}

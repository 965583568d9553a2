//! A service with a console, and people who are signed in to it.

use crate::browser::Browser;
use crate::service::{POLICY, Service, key};
use countersign::presence::sign_in::SIGN_IN_NAMESPACE;
use std::net::TcpListener;

/// A service whose console is at `origin`.
pub(crate) struct Site {
    pub(crate) service: Service,
    pub(crate) origin: String,
}

impl Site {
    /// The starter policy, three people (ada, grace, linus), whose passkeys are used on this console.
    pub(crate) async fn start() -> Self {
        Self::start_with(POLICY, "").await
    }

    /// Another policy, and more lines in the configuration.
    pub(crate) async fn start_with(policy: &str, config_lines: &str) -> Self {
        let mut site = Self::prepare(policy, config_lines);
        site.service.run().await;
        site
    }

    /// As [`start_with`](Self::start_with), but not started: files can still be changed.
    pub(crate) fn prepare(policy: &str, config_lines: &str) -> Self {
        // The origin of passkeys has the port in it, so that it has to be known before the roster is written.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let origin = format!("http://localhost:{port}");
        let service = Service::prepare(policy, "", config_lines);
        let file = service.path("countersign.yaml");
        let config = std::fs::read_to_string(&file).unwrap();
        let config =
            config.replace("listen:\n", &format!("listen:\n  console: {{tcp: \"127.0.0.1:{port}\"}}\n"));
        std::fs::write(&file, config).unwrap();
        let file = service.path("roster.yaml");
        let roster = std::fs::read_to_string(&file).unwrap();
        let party = format!("passkeys: {{rp_id: localhost, origins: [\"{origin}\"]}}\npeople:\n");
        std::fs::write(&file, roster.replace("people:\n", &party)).unwrap();
        Self { service, origin }
    }

    /// Says in the configuration where the console is reached, and this: what can be said only of a service with a console.
    pub(crate) fn configure(&self, lines: &str) {
        let file = self.service.path("countersign.yaml");
        let config = std::fs::read_to_string(&file).unwrap();
        let url = format!("console: {{url: \"{}\", ", self.origin);
        std::fs::write(&file, format!("{}\n{lines}", config.replace("console: {", &url))).unwrap();
    }

    /// A browser in which nobody is signed in.
    pub(crate) fn browser(&self) -> Browser {
        Browser::at(&self.origin)
    }

    /// A browser with the session that this person began with their SSH key.
    pub(crate) async fn signed_in(&self, person: &str) -> Browser {
        let mut browser = self.browser();
        browser.set_cookie("__Host-countersign", &self.session(person).await);
        browser
    }

    /// The bearer token of a session that this person began with their SSH key.
    pub(crate) async fn session(&self, person: &str) -> String {
        let reviewer = self.service.reviewer().await;
        let challenge = reviewer.challenge(person).await.unwrap();
        let signature = key(person).sign(SIGN_IN_NAMESPACE, challenge.as_bytes()).to_armored();
        reviewer.sign_in(&challenge, signature).await.unwrap().session
    }
}

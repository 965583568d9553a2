//! What every page has around it: title, navigation, who is there.

use super::assets;
use super::visitor::Visitor;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

/// The parts of the console that the navigation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// What waits.
    Queue,
    /// What was.
    History,
    /// The policy.
    Policy,
    /// The people.
    People,
    /// The agents.
    Agents,
    /// The figures.
    Analytics,
    /// Rehearsals.
    Drills,
    /// One's own account.
    Account,
}

impl Place {
    /// All of them but the account, in the order of the navigation.
    pub(super) const ALL: &'static [Self] = &[
        Self::Queue,
        Self::History,
        Self::Policy,
        Self::People,
        Self::Agents,
        Self::Analytics,
        Self::Drills,
    ];

    /// What it is called.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Queue => "Queue",
            Self::History => "History",
            Self::Policy => "Policy",
            Self::People => "People",
            Self::Agents => "Agents",
            Self::Analytics => "Analytics",
            Self::Drills => "Drills",
            Self::Account => "Account",
        }
    }

    /// Where it is.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Queue => "/",
            Self::History => "/history",
            Self::Policy => "/policy",
            Self::People => "/people",
            Self::Agents => "/agents",
            Self::Analytics => "/analytics",
            Self::Drills => "/drills",
            Self::Account => "/account",
        }
    }
}

/// What `layout.html` asks of a page: a template has one as its field `page`.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// What the browser calls it.
    pub(super) title: String,
    /// Which part of the console it is in.
    pub(super) place: Option<Place>,
    /// Who looks at it, where somebody is signed in.
    pub(super) visitor: Option<Visitor>,
    /// Scripts that it needs, by the names of their files.
    pub(super) scripts: &'static [&'static str],
}

impl Page {
    /// A page of somebody who is signed in.
    pub(super) fn new(title: impl Into<String>, place: Place, visitor: &Visitor) -> Self {
        Self { title: title.into(), place: Some(place), visitor: Some(visitor.clone()), scripts: &[] }
    }

    /// … with these scripts.
    pub(super) const fn with(mut self, scripts: &'static [&'static str]) -> Self {
        self.scripts = scripts;
        self
    }

    /// The parts of the console.
    pub(super) const fn places(&self) -> &'static [Place] {
        Place::ALL
    }

    /// Whether it is in this part.
    pub(super) fn is_in(&self, place: &Place) -> bool {
        self.place == Some(*place)
    }

    /// The path of a file beside the pages.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::path(name)
    }

    /// What a form has to bring back.
    pub(super) fn form_token(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| &visitor.form_token)
    }
}

/// A page as an answer.
pub(super) fn show(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

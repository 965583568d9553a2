//! Shedding: calls that are not taken while there is little memory left or too many are under way.

use crate::ceiling::{Ceiling, Weight};
use crate::metrics::Metrics;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::{HeaderValue, Request, Response};
use std::sync::Arc;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// After how long whoever was not taken may try again (gRPC's own word for it, which clients that retry obey).
const AGAIN: (&str, &str) = ("grpc-retry-pushback-ms", "1000");

/// Takes what there is room for.
#[derive(Clone)]
pub(super) struct Shedding {
    pub(super) ceiling: Arc<Ceiling>,
    pub(super) metrics: Arc<Metrics>,
}

impl<S> Layer<S> for Shedding {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        Shed { inner, shedding: self.clone() }
    }
}

/// A service that is called only while there is room.
#[derive(Clone)]
pub(super) struct Shed<S> {
    inner: S,
    shedding: Shedding,
}

impl<S> Service<Request<Body>> for Shed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Shedding { ceiling, metrics } = &self.shedding;
        match ceiling.take(weight(request.uri().path())) {
            Ok(call) => {
                let answering = self.inner.call(request);
                Box::pin(async move {
                    let answer = answering.await;
                    drop(call);
                    answer
                })
            }
            Err(why) => {
                metrics.shed(why.as_str());
                Box::pin(async { Ok(overloaded()) })
            }
        }
    }
}

fn overloaded() -> Response<Body> {
    let what = "the service has as much to do as it can hold: ask again in a second (overloaded)";
    let mut answer = Status::resource_exhausted(what).into_http();
    answer.headers_mut().insert(AGAIN.0, HeaderValue::from_static(AGAIN.1));
    answer
}

/// What is shed first, and what never is. A method that is not here ends something, or stops somebody, or is small.
fn weight(path: &str) -> Weight {
    match path.trim_start_matches("/countersign.v1.") {
        // What begins something …
        "Authority/Authorize" | "Authority/Accept" | "Admin/StartDrill" | "Fleet/Open" => Weight::New,
        // … or looks back.
        "Audit/ListDecisions" | "Audit/GetChain" | "Audit/ListRecords" | "Audit/FollowRecords" => Weight::New,
        "Admin/GetStatistics" | "Admin/GetAdvice" | "Admin/ListDrills" | "Admin/ListLate" => Weight::New,
        "Review/Watch" | "Review/ListPeople" | "Review/WhoCan" | "Review/DraftChange" => Weight::New,
        // What was begun goes on for as long as it can; sidecars keep what they could not ship.
        "Authority/Await" | "Review/List" | "Review/Show" | "Fleet/Ship" | "Fleet/Follow" => Weight::Ongoing,
        // Votes, cancels, reports, suspensions, signing in and out, steps of an escalation, health.
        _ => Weight::Vital,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_something_is_never_shed() {
        for vital in [
            "/countersign.v1.Authority/Cancel",
            "/countersign.v1.Authority/Report",
            "/countersign.v1.Review/Vote",
            "/countersign.v1.Review/SignIn",
            "/countersign.v1.Admin/Suspend",
            "/countersign.v1.Fleet/Step",
            "/grpc.health.v1.Health/Check",
        ] {
            assert_eq!(weight(vital), Weight::Vital, "{vital}");
        }
        assert_eq!(weight("/countersign.v1.Authority/Authorize"), Weight::New);
        assert_eq!(weight("/countersign.v1.Authority/Await"), Weight::Ongoing);
    }

    #[test]
    fn every_method_that_is_shed_is_one_that_there_is() {
        let source = include_str!("shed.rs");
        let listed = source.split('"').filter(|part| part.split('/').count() == 2 && !part.starts_with('/'));
        let listed: Vec<&str> =
            listed.filter(|part| part.chars().all(|c| c.is_alphanumeric() || c == '/')).collect();
        assert!(listed.len() > 15, "{listed:?}");
        let proto = [
            include_str!("../../proto/countersign/v1/admin.proto"),
            include_str!("../../proto/countersign/v1/audit.proto"),
            include_str!("../../proto/countersign/v1/authority.proto"),
            include_str!("../../proto/countersign/v1/fleet.proto"),
            include_str!("../../proto/countersign/v1/review.proto"),
        ];
        for method in listed {
            let (service, name) = method.split_once('/').unwrap();
            let has = |text: &&str| {
                text.contains(&format!("service {service} {{")) && text.contains(&format!("rpc {name}("))
            };
            assert!(proto.iter().any(has), "{method}");
        }
    }
}

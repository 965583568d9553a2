//! The certificate's renewal: two replicas that share it, API servers that are behind, and no request that fails.

use crate::api::{KubernetesApi, SECRET, WEBHOOKS};
use crate::corpus::rows;
use crate::reviews::review;
use crate::webhook::{Replica, ask, post};
use countersign::inject::certificate::{HALF_LIFE, LIFE, OVERLAP, SETTLING};
use countersign::moment::Moment;
use serde_json::json;
use std::time::Duration;

const START: Moment = Moment::from_unix_seconds(1_900_000_000);
const MINUTE: Duration = Duration::from_secs(60);

/// How many authorities are in a bundle.
fn count(bundle: &str) -> usize {
    bundle.matches("BEGIN CERTIFICATE").count()
}

/// Goes through two renewals minute by minute. In each minute both replicas look after the certificate while API
/// servers ask both of them, each with the authorities that it knew of up to five minutes ago.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_the_certificate_is_renewed_under_load() {
    let kubernetes = KubernetesApi::start().await;
    let replicas = [Replica::start(&kubernetes, START).await, Replica::start(&kubernetes, START).await];
    let text =
        review(&rows().into_iter().find(|row| row.name == "the least of a pod").unwrap().pod).to_string();
    let (first, second) = tokio::join!(replicas[0].keeper.round(START), replicas[1].keeper.round(START));
    let made = usize::from(first.unwrap().made) + usize::from(second.unwrap().made);
    assert_eq!(made, 1, "one of the two made it, and the other took it");
    let mut known = vec![kubernetes.bundles().remove(0)];
    assert_eq!(count(&known[0]), 1);
    let (mut most, mut renewals, mut asked) = (0, 0, 0);
    let lag = usize::try_from(SETTLING.as_secs() / 60).unwrap();
    for renewal in 1..=2_u32 {
        let begin = START.plus((HALF_LIFE + MINUTE * 90) * renewal).minus(MINUTE * 95);
        let minutes = u32::try_from((SETTLING + OVERLAP).as_secs() / 60).unwrap() + 110;
        for minute in 0..minutes {
            let now = begin.plus(MINUTE * minute);
            let requests = (0..2).flat_map(|replica| [0, lag / 2, lag].map(|behind| (replica, behind)));
            let requests = requests.map(|(replica, behind)| {
                let bundle = known[known.len().saturating_sub(1 + behind)].clone();
                let (address, text) = (replicas[replica].address, text.clone());
                tokio::spawn(
                    async move { ask(address, &bundle, now, behind == 0, post("/inject", text)).await },
                )
            });
            let requests: Vec<_> = requests.collect();
            let (a, b) = tokio::join!(replicas[0].keeper.round(now), replicas[1].keeper.round(now));
            renewals += usize::from(a.unwrap().made) + usize::from(b.unwrap().made);
            for request in requests {
                let (status, body) = request
                    .await
                    .unwrap()
                    .unwrap_or_else(|error| panic!("minute {minute} of {renewal}: {error}"));
                assert_eq!(status, 200);
                assert!(String::from_utf8(body).unwrap().contains("\"patch\""));
                asked += 1;
            }
            let bundles = kubernetes.bundles();
            assert_eq!(bundles[0], bundles[1], "both webhooks know the same");
            most = most.max(count(&bundles[0]));
            known.push(bundles[0].clone());
        }
        assert_eq!(count(known.last().unwrap()), 1, "the old authority is not told of for ever");
        assert_ne!(known.last(), known.first(), "it is another one");
    }
    assert_eq!(
        (renewals, most),
        (2, 2),
        "each renewal was made once, and both authorities were known meanwhile"
    );
    assert!(asked > 1000, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_breaks_is_mended_in_the_next_round() {
    let kubernetes = KubernetesApi::start().await;
    let replica = Replica::start(&kubernetes, START).await;
    replica.keeper.round(START).await.unwrap();
    let bundle = kubernetes.bundles().remove(0);
    // A deployment tool puts the configuration back as it was.
    let mut configuration = kubernetes.state().objects[WEBHOOKS].clone();
    configuration["webhooks"][1]["clientConfig"]["caBundle"] = json!("");
    kubernetes.put(WEBHOOKS, configuration);
    replica.keeper.round(START.plus(MINUTE)).await.unwrap();
    assert_eq!(kubernetes.bundles(), [bundle.clone(), bundle.clone()]);
    // Somebody empties the Secret, or writes nonsense into it: there is a new certificate, and the API server knows it.
    for data in [json!({}), json!({ "generations.json": "bm9uc2Vuc2U=" })] {
        kubernetes
            .put(SECRET, json!({ "metadata": { "name": "countersign-injector-certificate" }, "data": data }));
        assert!(replica.keeper.round(START.plus(MINUTE * 2)).await.unwrap().made);
        let bundle = kubernetes.bundles().remove(0);
        assert!(
            ask(replica.address, &bundle, START.plus(MINUTE * 2), true, post("/inject", "{}")).await.is_ok()
        );
    }
    // The Secret is gone.
    kubernetes.state().objects.remove(SECRET);
    assert!(replica.keeper.round(START.plus(MINUTE * 3)).await.unwrap().made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_away_or_says_no_changes_nothing() {
    let kubernetes = KubernetesApi::start().await;
    let replica = Replica::start(&kubernetes, START).await;
    let absent = kubernetes.state().objects.remove(WEBHOOKS).unwrap();
    let error = replica.keeper.round(START).await.unwrap_err().to_string();
    assert!(error.starts_with("the webhook configuration"), "{error}");
    kubernetes.put(WEBHOOKS, absent);
    replica.keeper.round(START).await.unwrap();
    let bundle = kubernetes.bundles().remove(0);
    for (down, read_only) in [(Some(503), false), (None, true)] {
        kubernetes.state().down = down;
        kubernetes.state().read_only = read_only;
        let later = START.plus(HALF_LIFE);
        assert!(replica.keeper.round(later).await.is_err());
        assert!(
            ask(replica.address, &bundle, later, false, post("/inject", "{}")).await.is_ok(),
            "it goes on with what it has"
        );
    }
    kubernetes.state().read_only = false;
    // Away for longer than a life: what is over is not shown as if it were good, and mended at once.
    let much_later = START.plus(LIFE + MINUTE);
    assert!(ask(replica.address, &bundle, much_later, false, post("/inject", "{}")).await.is_err());
    assert!(replica.keeper.round(much_later).await.unwrap().made);
    let bundle = kubernetes.bundles().remove(0);
    assert_eq!(count(&bundle), 1);
    assert!(ask(replica.address, &bundle, much_later, false, post("/inject", "{}")).await.is_ok());
}

//! Tells people what was done about a pod, as an event of whoever manages it: once in a while, and in nobody's way.

use super::review::{Owner, Reviewed, told};
use crate::clock::Clock;
use crate::cluster::{Announcement, Cluster, ObjectReference};
use crate::entropy::Entropy;
use crate::metrics::admission::AdmissionMetrics;
use crate::moment::Moment;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many events wait at most; what comes when it is full is not told.
const QUEUE: usize = 256;
/// How long the same is not told again of the same object.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// How many objects are remembered for that.
const MOST_REMEMBERED: usize = 4096;

/// Takes what is to be told.
pub struct Announcer {
    queue: mpsc::Sender<News>,
    metrics: Arc<AdmissionMetrics>,
}

/// What is to be told, and of whom.
struct News {
    namespace: String,
    about: ObjectReference,
    reason: &'static str,
    warning: bool,
    message: String,
}

/// What it takes to tell it.
pub struct Means {
    /// Where events are written.
    pub cluster: Arc<dyn Cluster>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What makes names unique.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted.
    pub metrics: Arc<AdmissionMetrics>,
}

impl Announcer {
    /// An announcer, and what goes on for as long as there is one.
    pub fn new(means: Means) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, news) = mpsc::channel(QUEUE);
        (Self { queue, metrics: means.metrics.clone() }, announce(news, means))
    }

    /// Tells of this review, if it is news and no trial.
    pub(super) fn tell(&self, reviewed: &Reviewed) {
        let Some(about) = reviewed.about.as_ref().filter(|about| !about.dry_run) else { return };
        let Some((reason, warning, message)) = told(reviewed) else { return };
        let news = News {
            namespace: about.namespace.clone(),
            about: reference(&about.namespace, about.owner.as_ref()),
            reason,
            warning,
            message,
        };
        if self.queue.try_send(news).is_err() {
            self.metrics.event("dropped");
        }
    }
}

/// Whoever manages the pod; or its namespace: the pod itself is not there yet, and may never be.
fn reference(namespace: &str, owner: Option<&Owner>) -> ObjectReference {
    match owner {
        Some(owner) => ObjectReference {
            api_version: owner.api_version.as_str().into(),
            kind: owner.kind.as_str().into(),
            name: owner.name.as_str().into(),
            uid: owner.uid.as_str().into(),
        },
        None => ObjectReference {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            name: namespace.into(),
            uid: "".into(),
        },
    }
}

async fn announce(mut queue: mpsc::Receiver<News>, means: Means) {
    let mut told: HashMap<(ObjectReference, String, &'static str), Moment> = HashMap::new();
    while let Some(news) = queue.recv().await {
        let now = means.clock.now();
        let key = (news.about.clone(), news.namespace.clone(), news.reason);
        if told.get(&key).is_some_and(|last| now < last.plus(SILENCE)) {
            continue;
        }
        if told.len() >= MOST_REMEMBERED {
            told.retain(|_, last| now < last.plus(SILENCE));
            if told.len() >= MOST_REMEMBERED {
                told.clear();
            }
        }
        told.insert(key, now);
        let Ok(unique) = means.entropy.bits128() else { continue };
        let News { namespace, about, reason, warning, message } = news;
        let [a, b, c, d, e, f, g, h, ..] = unique;
        let announcement = Announcement {
            namespace: namespace.into(),
            about,
            warning,
            reason,
            message,
            at: now,
            unique: [a, b, c, d, e, f, g, h],
        };
        match means.cluster.announce(&announcement).await {
            Ok(()) => means.metrics.event("written"),
            Err(error) => {
                means.metrics.event("failed");
                tracing::debug!(%error, "an event was not written");
            }
        }
    }
}

//! A clock that was set back while the service was down: it is noticed by the record, and nothing is minted meanwhile.

use crate::process::Served;
use crate::support::{POLICY, Service, read};
use countersign::audit::event::Event;
use countersign::clock::{Clock as _, SystemClock};
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::store::{Change, Store as _};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_help_a_clock_that_was_set_back() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    assert!(served.service.agent().await.authorize(read()).await.unwrap().grant.is_some());
    let stopped = served.stop();
    // As if it had last run eight seconds from now.
    let told = SystemClock::start().now().plus(Duration::from_secs(8));
    let (store, _) = EmbeddedStore::open(&stopped.service().config().data, Options::default()).unwrap();
    store.commit(Change::of(told, [Event::Stopped {}])).await.unwrap();
    store.close().unwrap();
    drop(store);

    let served = stopped.again();
    let agent = served.service.agent().await;
    let mut refused = 0;
    loop {
        let asked = SystemClock::start().now();
        match agent.authorize(read()).await {
            Ok(answer) => {
                assert!(answer.grant.is_some());
                break;
            }
            Err(error) => {
                assert!(error.to_string().contains("the clock was set back"), "{error}");
                assert!(asked < told, "it has caught up, and is still refused");
                refused += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(refused > 0);
    assert!(served.log().contains("the clock was set back"), "{}", served.log());
    let stopped = served.stop();
    assert_eq!(stopped.minted(), 2);
    assert!(stopped.events().iter().any(|event| matches!(event, Event::ClockInDoubt { .. })));
}

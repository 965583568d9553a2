//! A full disk, end to end: nothing is allowed that could not be recorded, and it goes on when there is space again.

use crate::process::{Served, command};
use crate::support::{POLICY, Service, code, delete, read};
use countersign::audit::event::Event;
use countersign::client::{Ask, ClientError};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A small file system in memory, gone when this is.
struct Mounted(PathBuf);

impl Mounted {
    /// Mounts it, or says that this user may not.
    fn at(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m,mode=0700", "countersign-full"]).arg(folder);
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then(|| Self(folder.to_owned()))
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there must not keep it.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_allowed_and_nothing_is_lost() {
    let service = Service::prepare(POLICY, "", "");
    let (data, aside) = (service.path("data"), service.path("aside"));
    std::fs::rename(&data, &aside).unwrap();
    std::fs::create_dir(&data).unwrap();
    let Some(mounted) = Mounted::at(&data) else {
        assert!(std::env::var_os("CI").is_none(), "a tmpfs could not be mounted");
        println!("not run: a tmpfs could not be mounted");
        return;
    };
    let copied = Command::new("cp").arg("-a").arg(aside.join("keys")).arg(&data).status().unwrap();
    assert!(copied.success());

    let served = Served::start(service);
    let agent = served.service.agent().await;
    let mut acknowledged = HashSet::new();
    for n in 0..20 {
        acknowledged.insert(agent.authorize(read()).await.unwrap().decision);
        acknowledged.insert(agent.authorize(delete(n)).await.unwrap().decision);
    }
    let filler = mounted.fill();
    // Some may still fit into space that the journal has already.
    let mut refused = None;
    for _ in 0..5000 {
        match agent.authorize(read()).await {
            Ok(answer) => drop(acknowledged.insert(answer.decision)),
            // The views may be full before the journal is; they are mended meanwhile.
            Err(ClientError::Refused { code, .. }) if code == "Unavailable" => {}
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.expect("the disk is full, and it still says yes");
    assert!(
        matches!(&refused, ClientError::Refused { code, message }
            if code == "ResourceExhausted" && message.contains("the disk is full")),
        "{refused:?}"
    );
    for n in 0..20 {
        for ask in [read(), delete(100 + n)] {
            let code = code(agent.authorize(ask).await.unwrap_err());
            assert!(["ResourceExhausted", "Unavailable"].contains(&code.as_str()), "{code}");
        }
    }
    let path = served.service.path("agent.sock");
    let target = format!("unix:{}", path.display());
    let asked = command(served.service.folder.path())
        .args([
            "authorize",
            "--target",
            &target,
            "--action",
            "orders.read",
            "--resource",
            "db/staging/orders",
        ])
        .args(["--parameters", "{}", "--executor", "exec:fleet"])
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(122), "{asked:?}");

    std::fs::remove_file(filler).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let again = Ask { request_id: "after".to_owned(), ..read() };
        match agent.authorize(again).await {
            Ok(answer) => {
                assert!(answer.grant.is_some());
                acknowledged.insert(answer.decision);
                break;
            }
            Err(error) => assert!(Instant::now() < until, "it did not go on: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(agent);
    let stopped = served.stop();
    let events = stopped.events();
    let recorded: HashSet<String> = events
        .iter()
        .filter_map(
            |event| if let Event::Decided(decided) = event { Some(decided.txn.to_string()) } else { None },
        )
        .collect();
    assert_eq!(acknowledged, recorded, "what was told is what was recorded");
    drop(mounted);
}

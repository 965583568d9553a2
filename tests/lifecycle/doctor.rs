//! `doctor`: what it finds on a machine that is well, and on one that is not.

use crate::process::{Ended, file, run_with};
use crate::program::{Program, free};
use crate::support::{POLICY, Service};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn doctor(folder: &Path, more: &[&str]) -> Ended {
    let arguments: Vec<&str> = ["doctor"].iter().chain(more).copied().collect();
    run_with(folder, &arguments, b"", &[])
}

/// What is said of one thing, as `standing: what`.
fn said(folder: &Path, about: &str, more: &[&str]) -> (Option<i32>, Vec<String>) {
    let more: Vec<&str> = ["--json"].iter().chain(more).copied().collect();
    let ended = doctor(folder, &more);
    let document = ended.json();
    let healthy = document["healthy"].as_bool().unwrap();
    assert_eq!(healthy, ended.code == Some(0), "{ended:?}");
    let findings = document["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for finding in findings {
        let well = finding["standing"] == "ok";
        assert_eq!(well, finding["advice"].is_null() && finding["matters"].is_null(), "{finding}");
    }
    let of = findings.iter().filter(|finding| finding["about"] == about);
    (
        ended.code,
        of.map(|finding| format!("{}: {}", text(&finding["standing"]), text(&finding["what"]))).collect(),
    )
}

#[track_caller]
fn finds(folder: &Path, about: &str, start: &str, words: &str, more: &[&str]) {
    let (code, found) = said(folder, about, more);
    assert!(
        found.iter().any(|one| one.starts_with(start) && one.contains(words)),
        "`{start}: …{words}` is not in {found:#?}"
    );
    assert_eq!(code == Some(1), start == "fail", "{found:#?}");
}

#[test]
fn a_machine_that_is_well_is_said_to_be_and_a_running_service_too() {
    let program = Program::start(Service::prepare(POLICY, "", ""), &[]);
    let here = program.service.path("");
    let metrics = format!("listen.metrics={}", program.health);
    let set = ["--set", metrics.as_str()];
    finds(&here, "service", "ok", "it runs, and takes work", &set);
    for about in ["record", "clock", "disk", "limits"] {
        let (_, found) = said(&here, about, &set);
        assert!(!found.is_empty() && found.iter().all(|one| !one.starts_with("fail")), "{about}: {found:#?}");
    }
    finds(&here, "keys", "ok", "the issuer's certificate ends in", &set);
    finds(&here, "keys", "warn", "the private root key is on this machine", &set);
    let words = doctor(&here, &set);
    words.prints(0, &["ok   record: ", "warn keys: ", "→ move `root.jwk`"]);
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn what_is_not_well_is_found_with_what_to_do() {
    let service = Service::prepare(POLICY, "", "");
    let here = service.folder.path();
    finds(here, "configuration", "fail", "--set dat=…", &["--set", "dat=x"]);
    finds(here, "configuration", "fail", "missing.yaml", &["--config", "missing.yaml"]);
    finds(here, "configuration", "fail", "missing.yaml", &["--set", "policy=missing.yaml"]);
    finds(here, "record", "ok", "there is none yet", &[]);
    let (_, found) = said(here, "disk", &["--set", "data=nowhere"]);
    assert!(found.iter().any(|one| one.starts_with("warn: ") && one.contains("is not there")), "{found:?}");
    // Somebody else answers where the service wants to.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("listen.metrics={}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            drop(std::io::Write::write_all(&mut stream.unwrap(), b"SSH-2.0-x\n"));
        }
    });
    finds(here, "service", "warn", "something else", &["--set", &taken]);
    // A certificate that has ended, and one that will soon.
    let certificate = |days: i64| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["desk.example".to_owned()]).unwrap();
        let today = rcgen::date_time_ymd(1970, 1, 1) + std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        let day = std::time::Duration::from_secs(86_400);
        let far = day * u32::try_from(days.abs()).unwrap();
        parameters.not_after = if days < 0 { today - far } else { today + far };
        file(here, "tls.crt", parameters.self_signed(&key).unwrap().pem());
        let key = file(here, "tls.key", key.serialize_pem());
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let tls = ["--set", "listen.agents.tls={certificate: tls.crt, key: tls.key}"];
    for (days, start) in [(-3, "fail"), (3, "warn"), (300, "ok")] {
        certificate(days);
        finds(here, "certificates", start, "the certificate of `listen.agents` ends", &tls);
    }
    std::fs::set_permissions(here.join("tls.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    finds(here, "certificates", "fail", "0644", &tls);
    let slack = "channels.slack={team: T1, token_file: none, signing_secret_file: tls.key}";
    let console = "listen.console={tcp: 127.0.0.1:8080, url: http://localhost:8080}";
    finds(here, "secrets", "fail", "`none`", &["--offline", "--set", slack, "--set", console]);
    // Nobody is there.
    let nobody = format!("telemetry.otlp=http://{}", free());
    finds(here, "reachability", "warn", "the collector of traces", &["--set", &nobody]);
    let (_, found) = said(here, "reachability", &["--offline", "--set", &nobody]);
    assert!(found.is_empty(), "{found:?}");
    let desk = format!("https://{}", free());
    finds(here, "reachability", "fail", "the desk", &["--desk", &desk]);
}

#[test]
fn a_damaged_record_is_found_where_it_is() {
    let program = Program::start(Service::prepare(POLICY, "", ""), &[]);
    program.signal(Signal::TERM);
    let data = program.service.path("data");
    let copy = tempfile::tempdir().unwrap();
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .arg(program.service.path(""))
            .arg(copy.path())
            .status()
            .unwrap()
            .success()
    );
    let name = program.service.folder.path().file_name().unwrap().to_owned();
    assert_eq!(program.end().0, Some(0));
    drop(data);
    let here = copy.path().join(name);
    let entries = std::fs::read_dir(here.join("data/journal")).unwrap().map(|entry| entry.unwrap().path());
    let segment = entries
        .filter(|path| path.is_file())
        .max_by_key(|path| std::fs::metadata(path).unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end / 2] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    finds(&here, "record", "fail", "damaged", &["--offline"]);
}

//! The whole story in each language: asked, decided, approved under a condition, verified, executed or refused.

use crate::language::Language;
use crate::service::{DOMAIN, Service, finish, spawn, succeed, words};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

/// A resource that the starter policy takes for a test's, and one of production.
const TEST: &str = "files/test/site";
const PRODUCTION: &str = "shop/production";

/// One language's agent and executors, and the files that they change.
struct Parts {
    service: Service,
    language: Language,
    id: String,
    folder: PathBuf,
}

impl Parts {
    fn new(language: Language) -> Self {
        let id = format!("https://exec.example/{}", language.name());
        let service = Service::start(&[&id]);
        let folder = service.home().join("executor");
        for (name, resource) in [("test", TEST), ("production", PRODUCTION)] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
            let settings = json!({
                "id": id, "domain": DOMAIN, "roots": [service.root()],
                "resource": resource, "folder": name, "used": "used-tokens",
            });
            std::fs::write(folder.join(format!("{name}.json")), settings.to_string()).unwrap();
        }
        Self { service, language, id, folder }
    }

    fn program(&self, name: &str) -> Command {
        let program = self.language.program(name).expect("the language was there a moment ago");
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]);
        command
    }

    fn settings(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// The agent: asks for one operation and hands the grant to the executor with these settings.
    fn agent(
        &self,
        connection: &[&str],
        action: &str,
        on: &str,
        parameters: &Value,
        settings: &str,
    ) -> Command {
        let mut agent = self.program("agent");
        agent.args(connection).args(["--executor", &self.id, "--action", action, "--resource", on]);
        agent.args(["--parameters", &parameters.to_string(), "--reason", "the test asked for it", "--"]);
        let executor = self.language.program("executor").unwrap();
        agent.args(executor).arg(self.settings(settings));
        agent
    }

    /// The agent on the socket, asking for a release, which people decide.
    fn asks_for_release(&self, version: &str) -> Child {
        let connection = ["--target", &self.service.agent_socket()];
        spawn(&mut self.agent(&connection, "deploy.release", PRODUCTION, &release(version), "production"))
    }

    /// The agent on the socket, asking for a release for which a reviewer proposes another one, on two targets.
    fn asks_for_a_release_that_is_changed(
        &self,
        version: &str,
        changed: &str,
        options: &[&str],
    ) -> (i32, Value) {
        let socket = self.service.agent_socket();
        let connection = [&["--target", &*socket], options].concat();
        let asked = release(version);
        let agent = spawn(&mut self.agent(&connection, "deploy.release", PRODUCTION, &asked, "production"));
        let fewer = json!({ "version": changed, "targets": ["web-01", "web-02"] }).to_string();
        let escalation = self.service.escalation();
        let args = ["review", "change", &escalation, "--parameters", &fewer, "--yes", "-m", "two will do"];
        succeed(&mut self.service.command(&args));
        answer(&finish(agent))
    }

    /// The executor, given a grant.
    fn executor(&self, options: &[&str], grant: &Path) -> Child {
        spawn(self.program("executor").args(options).arg(self.settings("production")).arg(grant))
    }

    /// What the executor says to a grant, and how it ends.
    fn execute(&self, options: &[&str], grant: &Path) -> (i32, Value) {
        answer(&finish(self.executor(options, grant)))
    }

    /// Gets a grant by the command line, approved for two of the ten targets.
    fn grant(&self, version: &str) -> PathBuf {
        let file = self.service.home().join(format!("grant-{version}.json"));
        let parameters = release(version).to_string();
        let mut asking = self.service.command(&["authorize", "--wait", "--action", "deploy.release"]);
        asking.args([
            "--resource",
            PRODUCTION,
            "--parameters",
            &parameters,
            "--executor",
            &self.id,
            "--grant",
        ]);
        let asking = spawn(asking.arg(&file));
        self.service.approve(&self.service.escalation(), "canary:max_percent=20");
        let done = finish(asking);
        assert!(done.status.success(), "{}", words(&done));
        file
    }

    /// On how many targets this release is.
    fn released(&self, version: &str) -> usize {
        let targets = std::fs::read_dir(self.folder.join("production")).unwrap();
        let there =
            |target: &std::fs::DirEntry| std::fs::read_to_string(target.path().join("VERSION")).unwrap();
        targets.filter(|target| there(target.as_ref().unwrap()) == version).count()
    }

    fn stock_libraries_judge(&self, grant: &Path) {
        succeed(self.program("stock").arg(self.settings("production")).arg(grant));
    }
}

fn release(version: &str) -> Value {
    let targets: Vec<String> = (1..=10).map(|number| format!("web-{number:02}")).collect();
    json!({ "version": version, "targets": targets })
}

/// The exit code, and the one JSON document that was printed.
fn answer(done: &Output) -> (i32, Value) {
    let document = serde_json::from_slice(&done.stdout);
    (done.status.code().unwrap(), document.unwrap_or_else(|_| panic!("{}", words(done))))
}

fn refused(code: &str, answer: &(i32, Value)) {
    assert_eq!((answer.0, answer.1["refused"].as_str()), (120, Some(code)), "{}", answer.1);
}

fn what_policy_allows_runs_at_once(parts: &Parts) {
    let parameters = json!({ "path": "notes/hello.txt", "text": "hello, ünïcode\n" });
    let socket = ["--target", &parts.service.agent_socket()];
    let mut agent = parts.agent(&socket, "files.write", TEST, &parameters, "test");
    let (exit, told) = answer(&finish(spawn(&mut agent)));
    assert_eq!((exit, told["executor"]["done"][0].as_str()), (0, Some("wrote notes/hello.txt")), "{told}");
    let file = parts.folder.join("test/notes/hello.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello, ünïcode\n");

    // On TCP a bearer token says who asks; a wrong one is nobody.
    let parameters = json!({ "path": "notes/hello.txt" });
    let wrong = parts.service.home().join("wrong");
    std::fs::write(&wrong, "another token").unwrap();
    for (bearer, expected) in [(wrong, 122), (parts.service.bearer_file(), 0)] {
        assert!(file.exists());
        let tcp = ["--target", &parts.service.tcp, "--token-file", bearer.to_str().unwrap()];
        let mut agent = parts.agent(&tcp, "files.delete", TEST, &parameters, "test");
        let (exit, told) = answer(&finish(spawn(&mut agent)));
        assert_eq!(exit, expected, "{told}");
    }
    assert!(!file.exists());
}

/// What an executor can't do it does not try, whoever allowed it; and its token is not spent.
fn what_leads_out_of_the_folder_is_not_done(parts: &Parts) {
    std::os::unix::fs::symlink(parts.service.home(), parts.folder.join("test/link")).unwrap();
    let socket = ["--target", &parts.service.agent_socket()];
    for path in ["../escaped", "/tmp/escaped", "link/escaped", ""] {
        let parameters = json!({ "path": path, "text": "x" });
        let mut agent = parts.agent(&socket, "files.write", TEST, &parameters, "test");
        let (exit, told) = answer(&finish(spawn(&mut agent)));
        assert!(exit == 1 && told["executor"]["failed"].is_string(), "{path}: {told}");
    }
    assert!(!parts.service.home().join("escaped").exists() && !parts.folder.join("escaped").exists());
}

fn what_people_deny_never_runs(parts: &Parts) {
    let agent = parts.asks_for_release("1.0.0");
    parts.service.deny(&parts.service.escalation());
    let (exit, told) = answer(&finish(agent));
    assert_eq!((exit, told["ended"].as_str()), (120, Some("denied")), "{told}");
    assert_eq!(parts.released("1.0.0"), 0);
}

/// Approved for 20 %, after the service was killed while the agent waited.
fn what_people_approve_runs_as_far_as_they_said(parts: &mut Parts) {
    let agent = parts.asks_for_release("2.0.0");
    let escalation = parts.service.escalation();
    parts.service.kill_and_restart();
    assert_eq!(parts.service.escalation(), escalation);
    parts.service.approve(&escalation, "canary:max_percent=20");
    let (exit, told) = answer(&finish(agent));
    assert_eq!((exit, told["ended"].as_str()), (0, Some("claimed")), "{told}");
    assert_eq!(parts.released("2.0.0"), 2);
}

fn what_a_reviewer_changes_runs_only_where_the_agent_takes_it(parts: &Parts) {
    let (exit, told) = parts.asks_for_a_release_that_is_changed("2.1.0", "2.1.1", &[]);
    assert_eq!((exit, told["ended"].as_str()), (120, Some("cancelled")), "{told}");
    assert!(told["reasons"][0].as_str().unwrap().contains("two will do"), "{told}");
    assert_eq!((parts.released("2.1.0"), parts.released("2.1.1")), (0, 0));
    let (exit, told) = parts.asks_for_a_release_that_is_changed("2.2.0", "2.2.1", &["--accept-changes"]);
    assert_eq!((exit, told["ended"].as_str()), (0, Some("claimed")), "{told}");
    assert_eq!((parts.released("2.2.0"), parts.released("2.2.1")), (0, 2));
}

fn whoever_breaks_or_ignores_the_condition_refuses(parts: &Parts, grant: &Path) {
    refused("condition.unmet", &parts.execute(&["--everywhere"], grant));
    refused("condition.unknown", &parts.execute(&["--knows-no-conditions"], grant));
}

fn what_was_changed_after_the_approval_is_refused(parts: &Parts, grant: &Path) {
    let text = std::fs::read_to_string(grant).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut grant: Value = serde_json::from_str(&text).unwrap();
        change(&mut grant);
        let file = parts.service.home().join("changed.json");
        std::fs::write(&file, grant.to_string()).unwrap();
        parts.execute(&[], &file)
    };
    let in_operation = |from: &str, to: &str| {
        changed(&|grant| {
            let operation = grant["operation"].as_str().unwrap();
            assert!(operation.contains(from));
            grant["operation"] = operation.replace(from, to).into();
        })
    };
    refused("audience.mismatch", &in_operation("3.0.0", "6.6.6"));
    refused("audience.mismatch", &in_operation("web-10", "db-10"));
    refused("operation.not_canonical", &in_operation(",\"v\":1", ", \"v\":1"));
    refused("json.duplicate_name", &in_operation("{\"targets\"", "{\"version\":\"6.6.6\",\"targets\""));
    refused("key.unknown", &changed(&|grant| grant["certificates"] = json!([])));
    refused("malformed.compact", &changed(&|grant| grant["token"] = "no token".into()));
    refused(
        "signature.invalid",
        &changed(&|grant| {
            // The claims of the same token with a wider canary.
            let parts: Vec<&str> = grant["token"].as_str().unwrap().split('.').collect();
            let claims = countersign::digest::from_base64url(parts[1]).unwrap();
            let claims =
                String::from_utf8(claims).unwrap().replace("\"max_percent\":20", "\"max_percent\":90");
            let claims = countersign::digest::base64url(claims.as_bytes());
            grant["token"] = format!("{}.{claims}.{}", parts[0], parts[2]).into();
        }),
    );
}

/// Many processes with one token: one acts.
fn a_token_works_once(parts: &Parts, grant: &Path) {
    let racing: Vec<Child> = (0..8).map(|_| parts.executor(&[], grant)).collect();
    let answers: Vec<_> = racing.into_iter().map(|child| answer(&finish(child))).collect();
    let (acted, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(exit, _)| *exit == 0);
    assert_eq!(acted.len(), 1, "{others:?}");
    others.iter().for_each(|other| refused("replay", other));
    assert_eq!(parts.released("3.0.0"), 2);
    refused("replay", &parts.execute(&[], grant));
}

/// Where the record of used tokens can't be kept, nothing is done.
fn without_a_record_nothing_is_done(parts: &Parts, grant: &Path) {
    let record = parts.folder.join("used-tokens");
    let kept = parts.folder.join("kept");
    std::fs::rename(&record, &kept).unwrap();
    // A folder where sqlite wants its file, a file where the other guard wants its folder.
    match parts.language {
        Language::Python => std::fs::create_dir(&record).unwrap(),
        Language::TypeScript => std::fs::write(&record, "").unwrap(),
    }
    let (exit, told) = parts.execute(&[], grant);
    assert_eq!((exit, told["refused"].as_str()), (122, Some("undetermined.replay_store")), "{told}");
    assert_eq!(told["verdict"], "undetermined");
    std::fs::rename(&record, parts.folder.join("broken")).unwrap();
    std::fs::rename(&kept, &record).unwrap();
}

fn told_in(language: Language) {
    if language.program("agent").is_none() {
        return;
    }
    let mut parts = Parts::new(language);
    what_policy_allows_runs_at_once(&parts);
    what_leads_out_of_the_folder_is_not_done(&parts);
    what_people_approve_runs_as_far_as_they_said(&mut parts);
    what_a_reviewer_changes_runs_only_where_the_agent_takes_it(&parts);

    let grant = parts.grant("3.0.0");
    parts.stock_libraries_judge(&grant);
    whoever_breaks_or_ignores_the_condition_refuses(&parts, &grant);
    what_was_changed_after_the_approval_is_refused(&parts, &grant);
    without_a_record_nothing_is_done(&parts, &grant);
    assert_eq!(parts.released("3.0.0"), 0);
    a_token_works_once(&parts, &grant);

    let unconditional = parts.service.home().join("unconditional.json");
    let mut asking = parts.service.command(&["authorize", "--action", "files.write", "--resource", TEST]);
    asking.args(["--parameters", r#"{"path":"a","text":"b"}"#, "--executor", &parts.id, "--grant"]);
    succeed(asking.arg(&unconditional));
    parts.stock_libraries_judge(&unconditional);
    // Last, because from here on every release goes back to whoever denied this one.
    what_people_deny_never_runs(&parts);
}

#[test]
fn the_whole_story_in_python() {
    told_in(Language::Python);
}

#[test]
fn the_whole_story_in_typescript() {
    told_in(Language::TypeScript);
}

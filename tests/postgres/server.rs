//! A real server of the test's own, in a folder of its own, that ends with the test.

use countersign::store::postgres::Options;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A cluster and the server that runs on it.
pub(crate) struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    pub(crate) port: u16,
    /// Stops the server when its standard input ends: with this process, however it ends.
    keeper: Mutex<Option<Child>>,
    settings: Vec<String>,
    /// The command that the server is run by: one that puts it into another network, for example.
    within: Vec<String>,
}

/// The programs of the newest version that is installed.
fn binaries() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is needed: tests/run installs it")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            path.join("bin/postgres").exists().then(|| (version, path.join("bin")))
        })
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL is needed: tests/run installs it").1
}

/// A command as somebody who may run a server: it refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn succeed(mut command: Command) -> String {
    let output = command.current_dir("/").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Server {
    /// The one that most tests share, each with a schema of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// A new cluster, started with these settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::make(&[], settings, &[])
    }

    /// … run by a command.
    pub(crate) fn start_within(within: &[&str], settings: &[&str]) -> Self {
        Self::make(within, settings, &[])
    }

    /// … with these files beside its data, which only it may read.
    pub(crate) fn start_with(settings: &[&str], files: &[(&str, String)]) -> Self {
        Self::make(&[], settings, files)
    }

    fn make(within: &[&str], settings: &[&str], files: &[(&str, String)]) -> Self {
        let mut command = unprivileged(Path::new("mktemp"));
        command.args(["-d", "/tmp/countersign-postgres-XXXXXX"]);
        let folder = PathBuf::from(succeed(command).trim());
        let binaries = binaries();
        let mut command = unprivileged(&binaries.join("initdb"));
        command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        command.arg("-D").arg(folder.join("data"));
        succeed(command);
        for (name, text) in files {
            let path = folder.join("data").join(name);
            let mut command = unprivileged(Path::new("sh"));
            command.args(["-c", &format!("umask 077; cat >'{}'", path.display())]).stdin(Stdio::piped());
            let mut child = command.current_dir("/").spawn().unwrap();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let within = within.iter().map(|&word| word.to_owned()).collect();
        let server = Self { folder, binaries, port, keeper: Mutex::new(None), settings, within };
        server.run();
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs the server, which ends when this process does, and waits until it answers.
    pub(crate) fn run(&self) {
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.display()),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ];
        settings.extend(self.settings.iter().cloned());
        let settings: Vec<String> = settings.iter().map(|setting| format!("-c '{setting}'")).collect();
        // The keeper waits for the end of its input, then stops the server and removes what it left.
        let script = format!(
            "'{postgres}' -D '{data}' {settings} >>'{folder}/log' 2>&1 & server=$!; cat >/dev/null; \
             kill -QUIT $server 2>/dev/null; wait $server; [ -e '{folder}/keep' ] || rm -rf '{folder}'",
            postgres = self.binaries.join("postgres").display(),
            data = self.data().display(),
            settings = settings.join(" "),
            folder = self.folder.display(),
        );
        let unprivileged = unprivileged(Path::new("sh"));
        let mut command = match self.within.split_first() {
            None => unprivileged,
            Some((program, args)) => {
                let mut command = Command::new(program);
                command.args(args).arg(unprivileged.get_program()).args(unprivileged.get_args());
                command
            }
        };
        command.args(["-c", &script]).current_dir("/").stdin(Stdio::piped());
        *self.keeper.lock().unwrap() = Some(command.spawn().unwrap());
        let since = Instant::now();
        while !self.answers() {
            assert!(since.elapsed() < Duration::from_secs(60), "{}", self.log());
            std::thread::yield_now();
        }
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(self.binaries.join("pg_isready"));
        command.arg("-q").arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
        command.status().unwrap().success()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends the server at once, as the loss of its machine's power does, and waits until all of it is gone.
    pub(crate) fn kill(&self) {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let pid = text.lines().next().unwrap();
        std::fs::write(self.folder.join("keep"), "").unwrap();
        succeed({
            let mut command = unprivileged(Path::new("kill"));
            command.args(["-9", pid]);
            command
        });
        let mut keeper = self.keeper.lock().unwrap().take().unwrap();
        drop(keeper.stdin.take());
        keeper.wait().unwrap();
        std::fs::remove_file(self.folder.join("keep")).unwrap();
        // Its other processes notice soon, and until then no new one may start.
        let group = format!("{}/data", self.folder.display());
        let since = Instant::now();
        while Command::new("pgrep").args(["-f", &group]).output().unwrap().status.success() {
            assert!(since.elapsed() < Duration::from_secs(60), "they do not end");
            std::thread::yield_now();
        }
        drop(std::fs::remove_file(self.data().join("postmaster.pid")));
    }

    /// Lets others in, by a line of `pg_hba.conf`.
    pub(crate) fn allow(&self, line: &str) {
        let hba = self.data().join("pg_hba.conf");
        let text = std::fs::read_to_string(&hba).unwrap();
        std::fs::write(&hba, format!("{text}{line}")).unwrap();
        self.sql("SELECT pg_reload_conf()");
    }

    /// Where the server is, for a role.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgresql:///postgres?host={}&port={}&user={role}", self.folder.display(), self.port)
    }

    /// Where it is over TCP, on this port, which may be another's that passes on what it gets.
    pub(crate) fn url_by(&self, port: u16) -> String {
        format!("postgresql://postgres@127.0.0.1:{port}/postgres")
    }

    /// Options for a schema.
    pub(crate) fn options(&self, schema: &str) -> Options {
        Options { schema: schema.to_owned(), ..Options::at(&self.url("postgres")) }
    }

    /// A session of the owner of everything.
    pub(crate) async fn session(&self) -> tokio_postgres::Client {
        self.session_of("postgres").await
    }

    /// A session of a role.
    pub(crate) async fn session_of(&self, role: &str) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url(role), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Has the owner of everything run this.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let mut command = Command::new(self.binaries.join("psql"));
        let port = self.port.to_string();
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h"]).arg(&self.folder);
        command.args(["-p", &port, "-U", "postgres", "postgres"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.lock().unwrap().take() {
            drop(keeper.stdin.take());
            drop(keeper.wait());
        }
    }
}

//! `countersign exec`: asks for a command, waits, verifies the token, and runs exactly that command.

use super::authorize::{Asking, exit_of as exit_of_status, offer_words, wait};
use super::connection::AgentConnection;
use super::exit::{Exit, Failed};
use super::output::Output;
use super::receipt::{ReceiptFile, Receipts};
use super::trust::Trust;
use super::verify::exit_of;
use crate::client::{AgentClient, Grant, Outcome, Status, Verdict};
use crate::condition::ExecutionFacts;
use crate::operation::Operation;
use crate::operation::json::{Object, Value};
use crate::replay::journal::JournalGuard;
use crate::token::{Presented, UseOutcome, VerifiedOperation};
use core::time::Duration;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use tokio::signal::unix::{SignalKind, signal};

/// The action under which commands are asked for.
pub(super) const ACTION: &str = "process.exec";

/// Ask for a command, wait for the answer, verify it, and run exactly that command and nothing else
///
/// Ends with the command's own exit code, or 120 denied, 121 expired, 122 undetermined.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    connection: AgentConnection,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    asking: Asking,
    /// Where used tokens are remembered
    #[arg(long, env = "COUNTERSIGN_REPLAY", value_name = "FOLDER")]
    replay: Option<PathBuf>,
    /// The key, certified by `keys certify-executor`, with which receipts are signed; its certificate lies beside it
    #[arg(long, env = "COUNTERSIGN_RECEIPT_KEY", value_name = "FILE")]
    receipt_key: Option<PathBuf>,
    /// Where receipts are kept
    #[arg(long, env = "COUNTERSIGN_RECEIPTS", value_name = "FOLDER", requires = "receipt_key")]
    receipts: Option<PathBuf>,
    /// Do not wait for people: end with 123 if they must decide
    #[arg(long)]
    no_wait: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// A command as it is asked for and run: what is hashed is what is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proposed {
    program: String,
    arguments: Vec<String>,
    folder: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if it may not run or could not be started.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let proposed = Proposed::resolve(&args.command)?;
    let verifier = args.trust.verifier(super::now())?;
    // Found out now, not after people have approved: a token is not asked for that could not be used up.
    let replay = replay_folder(args.replay)?;
    drop(open_guard(&replay).await?);
    let receipts = args.receipt_key.as_deref().map(|key| Receipts::open(key, args.receipts.as_deref()));
    let receipts = receipts.transpose()?;
    let client = args.connection.open().await?;
    let executor_id = args.trust.executor_id()?;
    let executor = executor_id.to_string();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let resource = format!("host:{}{}", host.trim(), proposed.folder);
    let parameters = Some(proposed.to_parameters());
    let answer = client.authorize(args.asking.ask(ACTION.to_owned(), resource, parameters, executor)).await?;
    let grant = match (answer.verdict, answer.grant, answer.pending) {
        (Verdict::Allow, Some(grant), _) => grant,
        (Verdict::Escalate, _, Some(pending)) if args.no_wait => {
            let what = format!("people must decide: escalation {}", pending.escalation);
            return Err(Failed::new(Exit::Pending, what));
        }
        (Verdict::Escalate, _, Some(pending)) => {
            eprintln!("countersign: waiting for {} (escalation {})", pending.requirement, pending.escalation);
            let end = wait(&client, &pending.escalation, |progress| progress.offer.is_some()).await?;
            if let Some(offer) = &end.offer {
                // It runs what it was told to or nothing.
                let cancelled = client.cancel(&pending.escalation, "exec takes no changed operation").await;
                drop(cancelled);
                let words = offer_words(Output::new(false), offer, false);
                return Err(Failed::new(Exit::Denied, words));
            }
            match (end.status, end.grant) {
                (Status::Claimed, Some(grant)) => grant,
                (status, _) => {
                    let what = format!("{}: {}", status.as_str(), end.reasons.join("; "));
                    return Err(Failed::new(exit_of_status(status), what));
                }
            }
        }
        (Verdict::Allow | Verdict::Deny | Verdict::Escalate, ..) => {
            return Err(Failed::new(Exit::Denied, format!("denied: {}", answer.reasons.join("; "))));
        }
    };
    let guard = open_guard(&replay).await?;
    let verified = verify(&verifier, &guard, &grant);
    // Others may use the folder while the command runs.
    drop(guard);
    let verified = match verified {
        Ok(verified) => verified,
        Err(refusal) => {
            let (code, what) = (refusal.code(), refusal.to_string());
            report(&client, &answer.decision, Outcome::Refused, code, &what).await;
            return Err(Failed::new(exit_of(&refusal), format!("the token is refused: {what} ({code})")));
        }
    };
    // Before it runs: should this program end before the command has, what is on the disk says that it began.
    let begun = receipts.map(|receipts| receipts.begin(&verified, &executor_id, &ExecutionFacts::default()));
    let begun = match begun.transpose() {
        Ok(begun) => begun,
        Err(failed) => {
            report(&client, &answer.decision, Outcome::Failed, "", &failed.what).await;
            return Err(failed);
        }
    };
    let status = execute(&verified).await;
    let (outcome, detail) = match &status {
        Ok(status) if status.success() => (Outcome::Succeeded, status.to_string()),
        Ok(status) => (Outcome::Failed, status.to_string()),
        Err(failed) => (Outcome::Failed, failed.what.clone()),
    };
    let outcome_of_use = match &status {
        Ok(status) if status.success() => UseOutcome::Succeeded,
        Ok(_) | Err(_) => UseOutcome::Failed,
    };
    let receipt = begun.map(|begun| begun.end(outcome_of_use)).transpose();
    match receipt {
        Ok(Some(ReceiptFile { receipt, certificates })) => {
            let said = client.report_with(&answer.decision, outcome, &detail, &receipt, &certificates).await;
            if let Err(error) = said {
                eprintln!("countersign: what happened could not be reported: {error}");
            }
        }
        Ok(None) => report(&client, &answer.decision, outcome, "", &detail).await,
        Err(failed) => {
            eprintln!("countersign: {}", failed.what);
            report(&client, &answer.decision, outcome, "", &detail).await;
        }
    }
    status.map(|status| Exit::Command(code_of(status)))
}

fn verify(
    verifier: &crate::token::Verifier,
    guard: &JournalGuard,
    grant: &Grant,
) -> Result<VerifiedOperation, crate::token::Refusal> {
    let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
    let evidence: Vec<&[u8]> = grant.evidence.iter().map(Vec::as_slice).collect();
    let operation =
        Operation::from_op_bytes(&grant.op_bytes).map_err(|_| crate::token::Refusal::OperationMismatch)?;
    let presented = Presented {
        token: &grant.token,
        certificates: &certificates,
        operation,
        facts: &ExecutionFacts::default(),
        proof: None,
        evidence: &evidence,
        log_proof: grant.log_proof.as_deref(),
    };
    verifier.verify(presented, super::now(), guard)
}

/// Starts what the verified operation says, read from the bytes that were hashed, and waits for its end.
async fn execute(verified: &VerifiedOperation) -> Result<ExitStatus, Failed> {
    let unclear = || Failed::new(Exit::Undetermined, "the verified operation is not a command");
    let operation = verified.operation();
    let command = (operation.action() == ACTION).then(|| Proposed::from_operation(operation)).flatten();
    let Proposed { program, arguments, folder } = command.ok_or_else(unclear)?;
    let mut command = tokio::process::Command::new(&program);
    command.args(&arguments).current_dir(&folder);
    let mut child = command
        .spawn()
        .map_err(|error| Failed::plain(format!("cannot run `{program}` in `{folder}`: {error}")))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::plain)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failed::plain)?;
    // The terminal sends an interrupt to the command itself; ending before it would lose its exit code.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::plain)?;
    loop {
        let forward = tokio::select! {
            status = child.wait() => return status.map_err(Failed::plain),
            _ = terminate.recv() => rustix::process::Signal::TERM,
            _ = hang_up.recv() => rustix::process::Signal::HUP,
            _ = interrupt.recv() => continue,
        };
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, forward);
        }
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let signalled = status.signal().map(|signal| 128 + signal);
    status.code().or(signalled).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

async fn report(client: &AgentClient, decision: &str, outcome: Outcome, code: &str, detail: &str) {
    if let Err(error) = client.report(decision, outcome, code, detail).await {
        eprintln!("countersign: what happened could not be reported: {error}");
    }
}

/// The guard opens for one process at a time; another `exec` needs it for milliseconds only.
async fn open_guard(folder: &Path) -> Result<JournalGuard, Failed> {
    let mut tries = 0;
    loop {
        match JournalGuard::open(folder) {
            Ok(guard) => return Ok(guard),
            Err(error) if error.is_locked() && tries < 200 => tries += 1,
            Err(error) => return Err(Failed::new(Exit::Undetermined, error)),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn replay_folder(given: Option<PathBuf>) -> Result<PathBuf, Failed> {
    let folder = match given {
        Some(folder) => folder,
        None => default_folder()?,
    };
    let above = folder.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(above).map_err(|error| {
        Failed::new(Exit::Undetermined, format!("cannot make `{}`: {error}", above.display()))
    })?;
    Ok(folder)
}

fn default_folder() -> Result<PathBuf, Failed> {
    let state = super::state_folder();
    let state = state.ok_or_else(|| Failed::new(Exit::Usage, "no HOME: say where with `--replay FOLDER`"))?;
    Ok(state.join("replay"))
}

impl Proposed {
    /// The program is looked up now, so that what is asked for does not depend on a search path later.
    fn resolve(command: &[OsString]) -> Result<Self, Failed> {
        let text = |text: &OsString| {
            let text = text.to_str().map(str::to_owned);
            text.ok_or_else(|| {
                Failed::new(Exit::Usage, "an argument is not UTF-8, so it could not be shown to anybody")
            })
        };
        let mut words = command.iter().map(text);
        let name = words.next().ok_or_else(|| Failed::new(Exit::Usage, "there is no command"))??;
        let folder = std::env::current_dir().map_err(Failed::plain)?;
        let program = find(&name, &folder)
            .ok_or_else(|| Failed::new(Exit::Usage, format!("there is no program `{name}` to run")))?;
        Ok(Self {
            program: text(&program.into_os_string())?,
            arguments: words.collect::<Result<_, _>>()?,
            folder: text(&folder.into_os_string())?,
        })
    }

    fn to_parameters(&self) -> Vec<u8> {
        let arguments: Vec<Value> = self.arguments.iter().map(|text| Value::from(text.as_str())).collect();
        let object = Object::new()
            .with("program", self.program.as_str())
            .with("arguments", arguments)
            .with("folder", self.folder.as_str());
        Value::from(object).to_canonical()
    }

    fn from_operation(operation: &Operation) -> Option<Self> {
        let parameters = operation.parameters()?;
        let object = parameters.as_object().filter(|object| object.len() == 3)?;
        let text = |name| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let arguments = object.get("arguments")?.as_array()?;
        let arguments =
            arguments.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        Some(Self { program: text("program")?, arguments, folder: text("folder")? })
    }
}

fn find(name: &str, folder: &Path) -> Option<PathBuf> {
    let runnable = |path: &PathBuf| path.is_file();
    if name.contains('/') {
        return Some(folder.join(name)).filter(runnable);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|entry| folder.join(entry).join(name)).find(runnable)
}

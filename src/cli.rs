//! The command line: what a person or a script types, and what it ends with.

mod audit;
mod authorize;
mod channels;
mod config;
mod configured;
mod connection;
mod demo;
mod doctor;
mod drill;
mod exec;
mod exit;
mod fleet;
mod incident;
mod init;
mod inject;
mod install;
mod keys;
mod output;
mod policy;
mod probe;
mod receipt;
mod review;
mod reviewers;
mod serve;
mod sidecar;
mod ssh;
mod stats;
mod suspend;
mod trust;
mod verify;
mod wait;
mod when;
mod witness;

use exit::{Exit, Failed};

use crate::clock::{Clock as _, SystemClock};
use crate::moment::Moment;
use clap::{Parser, Subcommand};
use core::time::Duration;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Decides what an AI agent may do, asks people where that is needed, and binds the answer to the exact operation.
///
/// Exit codes: 0 done or allowed · 1 failed · 2 wrong usage · 3 looser policy · 120 denied · 121 expired ·
/// 122 undetermined (do not act) · 123 still pending. `exec` ends with the command's own code.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Install(install::Args),
    Serve(serve::Args),
    /// Serve sidecars and people: the desk of a fleet, one of several on PostgreSQL or one alone
    Desk(serve::Args),
    Probe(probe::Args),
    Doctor(doctor::Args),
    Inject(Box<inject::Args>),
    Sidecar(sidecar::Args),
    /// Check a service's configuration, and show what of it is in force and where that was said
    #[command(subcommand)]
    Config(config::Command),
    Authorize(authorize::Args),
    Exec(exec::Args),
    Verify(verify::Args),
    /// List, watch, read, approve and deny what waits for people
    #[command(subcommand)]
    Review(review::Command),
    /// Check, test, explain and preview policies; show what a running service decides under, and reload it
    #[command(subcommand)]
    Policy(policy::Command),
    /// Check and list the people of a roster, and simulate what they would have to do
    #[command(subcommand)]
    Reviewers(reviewers::Command),
    /// Put proposals that ought to be denied before people, and see who lets them through
    #[command(subcommand)]
    Drill(drill::Command),
    /// Read the record: what was decided, by whom, and what came of it
    #[command(subcommand)]
    Audit(audit::Command),
    Stats(stats::Args),
    /// Tell the record what went wrong because of an operation
    #[command(subcommand)]
    Incident(incident::Command),
    Suspend(suspend::SuspendArgs),
    Resume(suspend::ResumeArgs),
    Suspensions(suspend::ListArgs),
    /// See how people are told: channels, dead letters, what is late
    #[command(subcommand)]
    Channels(channels::Command),
    /// List, invite and revoke the sidecars that have their desk here
    #[command(subcommand)]
    Fleet(fleet::Command),
    Wait(wait::Args),
    Witness(witness::Args),
    /// Make, rotate, revoke and publish keys
    #[command(subcommand)]
    Keys(keys::Command),
}

/// Reads the command line, does what it says, and tells the exit code.
#[must_use]
pub fn run() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            // Asking for help is no mistake.
            return if error.use_stderr() { Exit::Usage.code() } else { Exit::Success.code() };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&Failed::plain(format!("cannot start: {error}"))),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Init(args) => init::run(&args),
            Command::Install(args) => install::run(&args),
            Command::Serve(args) => serve::run(args).await,
            Command::Desk(args) => serve::desk(args).await,
            Command::Probe(args) => probe::run(&args),
            Command::Doctor(args) => doctor::run(args).await,
            Command::Inject(args) => inject::run(*args).await,
            Command::Sidecar(args) => sidecar::run(args).await,
            Command::Config(command) => config::run(&command),
            Command::Authorize(args) => authorize::run(args).await,
            Command::Exec(args) => exec::run(args).await,
            Command::Verify(args) => verify::run(&args),
            Command::Review(command) => review::run(command).await,
            Command::Policy(command) => policy::run(command).await,
            Command::Reviewers(command) => reviewers::run(command).await,
            Command::Drill(command) => drill::run(command).await,
            Command::Audit(command) => audit::run(command).await,
            Command::Stats(args) => stats::run(&args),
            Command::Incident(command) => incident::run(command).await,
            Command::Suspend(args) => suspend::suspend(args).await,
            Command::Resume(args) => suspend::resume(args).await,
            Command::Suspensions(args) => suspend::list(args).await,
            Command::Channels(command) => channels::run(command).await,
            Command::Fleet(command) => fleet::run(command).await,
            Command::Wait(args) => wait::run(args).await,
            Command::Witness(args) => witness::run(args).await,
            Command::Keys(command) => keys::run(&command),
        }
    });
    // What is left on a thread, as a recovery that was told to stop, is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(exit) => exit.code(),
        Err(failed) => complain(&failed),
    }
}

fn complain(failed: &Failed) -> u8 {
    let coloured = std::io::stderr().is_terminal() && output::colours_wanted();
    let (red, plain) = if coloured { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    eprintln!("{red}error:{plain} {}", output::visible(&failed.what));
    if let Some(advice) = &failed.advice {
        eprintln!("  {advice}");
    }
    failed.exit.code()
}

/// Where this user's commands keep what they have to remember.
fn state_folder() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    Some(state.filter(|path| path.is_absolute()).or_else(home)?.join("countersign"))
}

fn now() -> Moment {
    SystemClock::start().now()
}

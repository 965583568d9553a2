//! `countersign init`: a folder with a configuration, the starter policy, a roster and fresh keys.

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::config::Config;
use crate::files;
use crate::party::{PersonId, TrustDomain};
use crate::presence::ssh::PublicKey;
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The policy that a platform team could start with.
pub(super) const STARTER_POLICY: &str = include_str!("../../examples/policies/starter.yaml");

/// Write a folder with a configuration, a policy, a roster and keys to start from
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The new folder
    #[arg(value_name = "FOLDER", default_value = "countersign")]
    folder: PathBuf,
    /// The trust domain, a URI of yours
    #[arg(long, value_name = "URI", default_value = "https://countersign.localhost")]
    trust_domain: String,
    /// A reviewer and the public SSH key that signs their votes, as in ada=ada.pub (may be repeated)
    #[arg(long = "reviewer", value_name = "PERSON=FILE")]
    reviewers: Vec<String>,
    /// Where browsers reach the console on this machine, or `none`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8453")]
    console: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the folder is there already or can't be written.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let domain = TrustDomain::new(&args.trust_domain).map_err(|error| {
        Failed::new(Exit::Usage, format!("`--trust-domain {}`: {error}", args.trust_domain))
    })?;
    let console = console(&args.console)?;
    let reviewers = args.reviewers.iter().map(|text| read_reviewer(text)).collect::<Result<Vec<_>, _>>()?;
    let folder = &args.folder;
    let made = std::fs::DirBuilder::new().mode(0o700).create(folder);
    made.map_err(|error| Failed::plain(format!("cannot make `{}`: {error}", folder.display())))?;
    let config = folder.join("countersign.yaml");
    write(&folder.join("policy.yaml"), STARTER_POLICY)?;
    write(&folder.join("roster.yaml"), &roster(&reviewers, console.map(origin).as_deref()))?;
    write(
        &config,
        &configuration(&domain, own_uid(folder)?, console, reviewers.first().map(|(person, _)| person)),
    )?;
    let loaded = Config::load(&config).map_err(Failed::plain)?;
    let keys = crate::serve::key_directory(&loaded).map_err(Failed::plain)?;
    std::fs::DirBuilder::new().mode(0o700).create(&loaded.data).map_err(Failed::plain)?;
    keys.init(super::now()).map_err(Failed::plain)?;
    let root = loaded.data.join("keys/root.public.jwk");
    let document =
        || json!({ "config": config, "policy": loaded.policy, "roster": loaded.roster, "root": root });
    Output::new(args.json).print(document, |_| {
        let (folder, config) = (folder.display(), config.display());
        let mut steps = vec![format!(
            "read {folder}/policy.yaml: it says what is allowed, what people decide, what never runs"
        )];
        if reviewers.is_empty() {
            steps.push(format!("put your reviewers and their SSH keys into {folder}/roster.yaml"));
        }
        steps.push(format!("countersign serve --config {config}"));
        if let Some(console) = console {
            let person = reviewers.first().map_or("PERSON", |(person, _)| person.as_str());
            steps.push(format!(
                "countersign reviewers invite {person} --desk unix:{folder}/review.sock: a link to the console at {}, for \
                 their passkey",
                origin(console)
            ));
        }
        steps.push(format!("take {folder}/data/keys/root.jwk away; executors pin root.public.jwk beside it"));
        let steps: Vec<String> =
            steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}", at + 1)).collect();
        format!("{folder} is ready\n\n{}", steps.join("\n"))
    });
    Ok(Exit::Success)
}

fn console(text: &str) -> Result<Option<SocketAddr>, Failed> {
    if text == "none" {
        return Ok(None);
    }
    let address: Option<SocketAddr> = text.parse().ok();
    let address = address.filter(|address| address.ip().is_loopback() && address.port() != 0);
    let wrong = || {
        format!("`--console {text}` is neither an address of this machine, as in 127.0.0.1:8453, nor `none`")
    };
    address.map(Some).ok_or_else(|| Failed::new(Exit::Usage, wrong()))
}

/// Where browsers of this machine reach it. Passkeys belong to a name; an address has none.
fn origin(console: SocketAddr) -> String {
    format!("http://localhost:{}", console.port())
}

fn read_reviewer(text: &str) -> Result<(PersonId, String), Failed> {
    let usage = |what: String| Failed::new(Exit::Usage, what);
    let (person, path) =
        text.split_once('=').ok_or_else(|| usage(format!("`--reviewer {text}` is not PERSON=FILE")))?;
    let person = PersonId::new(person).map_err(|error| usage(format!("`{person}`: {error}")))?;
    let line =
        std::fs::read_to_string(path).map_err(|error| usage(format!("cannot read `{path}`: {error}")))?;
    let key = PublicKey::from_line(line.trim()).map_err(|error| usage(format!("`{path}`: {error}")))?;
    Ok((person, key.to_line()))
}

/// A roster of these people, all of them on call, who use their passkeys at this origin of the console.
#[must_use]
pub(super) fn roster(reviewers: &[(PersonId, String)], origin: Option<&str>) -> String {
    let mut text = String::from(
        "# The people who may be asked. `keys` are lines as in their `id_ed25519.pub`.\n\nversion: 1\n\n\
         # Lowest first; the policy names these.\nroles: [engineer, oncall, platform-lead, security-lead]\n\n",
    );
    if let Some(origin) = origin {
        text.push_str(&format!(
            "# Whose pages may use passkeys: the console's.\npasskeys: {{rp_id: localhost, origins: [\"{origin}\"]}}\n\n"
        ));
    }
    if reviewers.is_empty() {
        text.push_str(
            "people: []\n#  - id: ada\n#    roles: [oncall]\n#    keys:\n#      - ssh-ed25519 AAAA… ada@example.com\n",
        );
        return text;
    }
    text.push_str("people:\n");
    for (person, key) in reviewers {
        text.push_str(&format!(
            "  - id: \"{person}\"\n    roles: [oncall, platform-lead]\n    keys:\n      - {key}\n"
        ));
    }
    text
}

fn configuration(
    domain: &TrustDomain,
    uid: u32,
    console: Option<SocketAddr>,
    operator: Option<&PersonId>,
) -> String {
    let operator = operator.filter(|_| console.is_some());
    let operator = operator
        .map_or_else(String::new, |person| format!("\x20 - person: \"{person}\"        # at the console\n"));
    let console = console.map_or_else(String::new, |console| {
        format!("\x20 console:                 # for browsers; other than on loopback only with `tls`\n    tcp: {console}\n")
    });
    format!(
        "# What `countersign serve` is told. Relative paths start at this folder.\n\
         \n\
         trust_domain: \"{domain}\"\n\
         data: data                 # the record, the views and the keys\n\
         policy: policy.yaml\n\
         roster: roster.yaml\n\
         \n\
         listen:\n\
         \x20 agents:\n\
         \x20   socket: agent.sock\n\
         #   tcp: 127.0.0.1:7443    # beside it or instead; other than loopback only with `tls`\n\
         \x20 reviewers:\n\
         \x20   socket: review.sock\n\
         {console}\
         \n\
         # Who an agent is follows from what its connection proves: `uid` on the socket, `token_sha256` of a bearer\n\
         # token, or `certificate_sha256` of a client certificate.\n\
         agents:\n\
         \x20 - id: agent:local\n\
         \x20   by: {{uid: {uid}}}\n\
         #   on_behalf_of: ada      # then ada can't approve what it asks\n\
         \n\
         # Who may read what waits. Votes are signed besides.\n\
         reviewers:\n\
         \x20 - uid: {uid}\n\
         \n\
         # Who may stop agents (`countersign suspend`) and see to the policy.\n\
         operators:\n\
         \x20 - uid: {uid}\n\
         #   name: ada              # what the record calls them\n\
         {operator}\
         \n\
         # The programs that act, and the conditions that each enforces.\n\
         executors:\n\
         \x20 - id: exec:local\n\
         \x20   conditions: [time_window]\n"
    )
}

fn own_uid(folder: &Path) -> Result<u32, Failed> {
    std::fs::metadata(folder).map(|metadata| metadata.uid()).map_err(Failed::plain)
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    files::write_public(path, text.as_bytes())
        .map_err(|error| Failed::plain(format!("cannot write `{}`: {error}", path.display())))
}

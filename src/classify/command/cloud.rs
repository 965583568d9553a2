//! Command lines of clouds: what their verbs say.

use super::{Call, Options, Reader, Style, path};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "aws" | "awslocal" => aws,
        "gcloud" | "az" | "gsutil" | "oci" | "ibmcloud" | "aliyun" | "gh" | "glab" | "s3cmd" | "s5cmd"
        | "rclone" | "mc" => words,
        _ => return None,
    })
}

const VALUED: &[&str] = &[
    "--profile",
    "--region",
    "--output",
    "--query",
    "--endpoint-url",
    "--project",
    "--zone",
    "--account",
    "--subscription",
    "-g",
    "--resource-group",
    "-n",
    "--name",
    "--format",
    "--filter",
    "--filters",
    "--cli-input-json",
    "--configuration",
    "--cluster",
    "-s",
    "-R",
    "--repo",
    "--location",
    "--ids",
    "-o",
    "-H",
    "-X",
    "-f",
    "-F",
    "--method",
    "--field",
    "--jq",
    "-m",
    "-b",
];

/// Services whose every change is about who may do what.
const POWERFUL: &[&str] = &[
    "iam",
    "sts",
    "kms",
    "organizations",
    "sso",
    "sso-admin",
    "identitystore",
    "secretsmanager",
    "cognito-idp",
    "ram",
    "account",
    "role",
    "ad",
    "keyvault",
    "policy",
    "acm",
    "acm-pca",
    "cloudtrail",
    "guardduty",
    "securityhub",
    "config",
    "service-accounts",
    "iam-policy-binding",
    "auth",
    "secrets",
    "secret",
    "ssh-key",
    "lock",
    "projects",
    "login",
    "logout",
    "configure",
];

/// What a verb begins with, and what kind of thing that is; the first that fits counts.
const VERBS: &[(&str, Kind)] = &[
    ("delete", Kind::Delete),
    ("terminate", Kind::Delete),
    ("deregister", Kind::Delete),
    ("remove", Kind::Delete),
    ("destroy", Kind::Delete),
    ("purge", Kind::Delete),
    ("rm", Kind::Delete),
    ("rb", Kind::Delete),
    ("drop", Kind::Delete),
    ("release", Kind::Delete),
    ("uninstall", Kind::Delete),
    ("del", Kind::Delete),
    ("cancel", Kind::Delete),
    ("disassociate", Kind::Update),
    ("revoke", Kind::Admin),
    ("authorize", Kind::Admin),
    ("assume", Kind::Admin),
    ("grant", Kind::Admin),
    ("add-iam", Kind::Admin),
    ("set-iam", Kind::Admin),
    ("login", Kind::Admin),
    ("attach-role", Kind::Admin),
    ("put-bucket-policy", Kind::Admin),
    ("put-bucket-acl", Kind::Admin),
    ("put-public", Kind::Admin),
    ("modify-db-snapshot-attribute", Kind::Admin),
    ("unseal", Kind::Admin),
    ("seal", Kind::Admin),
    ("drain", Kind::Admin),
    ("schedule-key-deletion", Kind::Admin),
    ("describe", Kind::Read),
    ("list", Kind::Read),
    ("get", Kind::Read),
    ("show", Kind::Read),
    ("ls", Kind::Read),
    ("head", Kind::Read),
    ("view", Kind::Read),
    ("status", Kind::Read),
    ("search", Kind::Read),
    ("lookup", Kind::Read),
    ("filter", Kind::Read),
    ("tail", Kind::Read),
    ("logs", Kind::Read),
    ("diff", Kind::Read),
    ("preview", Kind::Read),
    ("help", Kind::Read),
    ("wait", Kind::Read),
    ("scan", Kind::Read),
    ("query", Kind::Read),
    ("batch-get", Kind::Read),
    ("simulate", Kind::Read),
    ("version", Kind::Read),
    ("stat", Kind::Read),
    ("du", Kind::Read),
    ("cat", Kind::Read),
    ("info", Kind::Read),
    ("read", Kind::Read),
    ("history", Kind::Read),
    ("synth", Kind::Read),
    ("validate", Kind::Read),
    ("lint", Kind::Read),
    ("watch", Kind::Read),
    ("tree", Kind::Read),
    ("checks", Kind::Read),
    ("build", Kind::Write),
    ("select-object", Kind::Read),
    ("presign", Kind::Admin),
    ("put", Kind::Update),
    ("update", Kind::Update),
    ("modify", Kind::Update),
    ("set", Kind::Update),
    ("stop", Kind::Update),
    ("start", Kind::Update),
    ("reboot", Kind::Update),
    ("restart", Kind::Update),
    ("reset", Kind::Update),
    ("resize", Kind::Update),
    ("scale", Kind::Update),
    ("sync", Kind::Update),
    ("mv", Kind::Update),
    ("cp", Kind::Write),
    ("copy", Kind::Write),
    ("move", Kind::Update),
    ("rollback", Kind::Update),
    ("failover", Kind::Update),
    ("promote", Kind::Update),
    ("attach", Kind::Update),
    ("detach", Kind::Update),
    ("associate", Kind::Update),
    ("tag", Kind::Update),
    ("untag", Kind::Update),
    ("enable", Kind::Update),
    ("disable", Kind::Update),
    ("restore", Kind::Update),
    ("replace", Kind::Update),
    ("apply", Kind::Update),
    ("deploy", Kind::Update),
    ("up", Kind::Update),
    ("patch", Kind::Update),
    ("write", Kind::Update),
    ("edit", Kind::Update),
    ("merge", Kind::Update),
    ("close", Kind::Update),
    ("reopen", Kind::Update),
    ("rename", Kind::Update),
    ("release", Kind::Update),
    ("suspend", Kind::Update),
    ("resume", Kind::Update),
    ("reconcile", Kind::Update),
    ("rotate", Kind::Admin),
    ("batch-write", Kind::Update),
    ("rsync", Kind::Update),
    ("create", Kind::Write),
    ("run", Kind::Write),
    ("allocate", Kind::Write),
    ("add", Kind::Write),
    ("import", Kind::Write),
    ("export", Kind::Write),
    ("register", Kind::Write),
    ("request", Kind::Write),
    ("mb", Kind::Write),
    ("upload", Kind::Write),
    ("comment", Kind::Write),
    ("install", Kind::Write),
    ("new", Kind::Write),
    ("issue", Kind::Write),
    ("publish", Kind::ExternalCall),
    ("send", Kind::ExternalCall),
    ("invoke", Kind::ExternalCall),
    ("clone", Kind::ExternalCall),
    ("download", Kind::ExternalCall),
    ("ssh", Kind::ExternalCall),
    ("exec", Kind::ExternalCall),
    ("call", Kind::ExternalCall),
];

fn kind_of(word: &str) -> Option<Kind> {
    let fits = |start: &str| {
        word.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':']))
    };
    VERBS.iter().find(|(start, _)| fits(start)).map(|(_, kind)| *kind)
}

fn aws(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, VALUED, Style::Mixed);
    let places = options.values(&["--profile", "--region", "--endpoint-url"]);
    // Names come as the values of options that differ from service to service.
    let (named, resources) = resources(call);
    let words = options.names();
    let service = words.first().map_or("", String::as_str);
    let action = words.get(1).map_or("", String::as_str);
    if service == "s3" {
        return s3(session, action, &options, places);
    }
    if !named && options.value(&["--cli-input-json"]).is_some() {
        session.doubt(Why::Foreign, "aws --cli-input-json");
    }
    let Some(kind) = kind_of(action) else {
        return verb(session, call, "aws", &words, places);
    };
    let looks = kind == Kind::Read;
    let secrets = matches!(
        action,
        "get-secret-value" | "get-session-token" | "get-federation-token" | "get-password-data"
    );
    let powerful = POWERFUL.contains(&service) && (!looks || secrets);
    let grants = ["policy", "acl", "permission", "public-access", "security-group"]
        .iter()
        .any(|word| action.contains(word))
        && !looks
        && kind != Kind::Delete;
    let gone = kind == Kind::Delete;
    let admin = powerful || grants;
    let targets = if resources.is_empty() { words.iter().skip(2).cloned().collect() } else { resources };
    let dry = options.has_exactly(&["--dry-run"]);
    let kind = if admin { Kind::Admin } else { kind };
    let kind = if dry { Kind::Read } else { kind };
    session.act(Act {
        targets,
        places,
        irreversible: gone && !dry,
        ..Act::new(format!("aws {service} {action}"), kind)
    });
}

/// The values of options that end in `-id`, `-ids`, `-name` and the like.
fn resources(call: &Call<'_>) -> (bool, Vec<String>) {
    let mut found = Vec::new();
    let mut taking = false;
    for argument in call.arguments {
        if let Some(option) = argument.text.strip_prefix("--") {
            let (name, value) =
                option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
            let tells = ["-id", "-ids", "-name", "-names", "-arn", "-identifier", "-url"]
                .iter()
                .any(|end| name.ends_with(end))
                || matches!(name, "bucket" | "key" | "cluster" | "service" | "queue" | "id" | "instances");
            taking = tells && name != "endpoint-url" && value.is_none();
            found.extend(value.filter(|_| tells).map(str::to_owned));
        } else if taking {
            found.push(argument.text.clone());
        }
    }
    (!found.is_empty(), found)
}

fn s3(session: &mut Session, action: &str, options: &Options<'_>, places: Vec<String>) {
    let targets: Vec<String> = options.names().into_iter().skip(2).collect();
    let recursive = options.has(&["--recursive"]);
    let deletes = options.has(&["--delete"]);
    let dry = options.has_exactly(&["--dryrun"]);
    let flag = |set: bool, flag: &str| if set { format!(" {flag}") } else { String::new() };
    let (what, kind, all) = match action {
        "rm" => (format!("rm{}", flag(recursive, "--recursive")), Kind::Delete, recursive),
        "rb" => (format!("rb{}", flag(options.has(&["--force"]), "--force")), Kind::Delete, true),
        "sync" if deletes => ("sync --delete".to_owned(), Kind::Delete, true),
        "sync" | "mv" => (action.to_owned(), Kind::Update, recursive),
        "cp" | "mb" => (action.to_owned(), Kind::Write, recursive),
        "presign" | "website" => (action.to_owned(), Kind::Admin, false),
        "ls" => (action.to_owned(), Kind::Read, false),
        _ => {
            session.doubt(Why::Unfamiliar, &format!("aws s3 {action}"));
            (action.to_owned(), Kind::Unknown, false)
        }
    };
    let public = options.values(&["--acl", "--grants"]).iter().any(|acl| acl.contains("public"))
        || options.names().iter().any(|name| name.starts_with("public-read"));
    let local =
        matches!(action, "cp" | "sync") && targets.last().is_some_and(|target| path::is_system(target));
    let kind = if public || local { Kind::Admin } else { kind };
    let kind = if dry { Kind::Read } else { kind };
    let gone = kind == Kind::Delete;
    let extent = if all && !dry { Extent::Everything } else { Extent::Unstated };
    session.act(Act {
        targets,
        places,
        extent,
        irreversible: gone,
        ..Act::new(format!("aws s3 {what}"), kind)
    });
}

fn words(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, VALUED, Style::Mixed);
    let mut places = options.values(&[
        "--project",
        "--region",
        "--zone",
        "--account",
        "--subscription",
        "-g",
        "--resource-group",
        "--configuration",
        "--cluster",
        "--location",
        "-R",
        "--repo",
    ]);
    places.dedup();
    let mut words = options.names();
    words.extend(options.values(&["-n", "--name", "--ids"]));
    if matches!(call.name, "gh" | "glab") && words.first().is_some_and(|word| word == "api") {
        let method = options.value(&["-X", "--method"]);
        let fields = !options.values(&["-f", "-F", "--field"]).is_empty();
        let method = method.unwrap_or_else(|| (if fields { "POST" } else { "GET" }).to_owned());
        let kind = match method.to_ascii_uppercase().as_str() {
            "GET" | "HEAD" => Kind::Read,
            "DELETE" => Kind::Delete,
            "PUT" | "PATCH" => Kind::Update,
            _ => Kind::Write,
        };
        let targets = words.into_iter().skip(1).collect();
        return session.act(Act { targets, places, ..Act::new(format!("{} api {method}", call.name), kind) });
    }
    verb(session, call, call.name, &words, places);
}

/// What the verb among a command's words says; the last one that is a verb counts, and the words after it are names.
pub(super) fn verb(
    session: &mut Session,
    call: &Call<'_>,
    name: &str,
    words: &[String],
    places: Vec<String>,
) {
    // The gravest verb counts where several words could be one: a name may be `list`.
    let verbs = || words.iter().take(5).enumerate().filter_map(|(at, word)| Some((at, kind_of(word)?)));
    let Some((at, kind)) = verbs().max_by_key(|(_, kind)| weight(*kind)) else {
        let what = words.iter().take(2).fold(name.to_owned(), |what, word| format!("{what} {word}"));
        session.act(Act {
            targets: words.iter().skip(2).cloned().collect(),
            places,
            ..Act::new(what.as_str(), Kind::Unknown)
        });
        return session.doubt(Why::Unfamiliar, &what);
    };
    let what = words.iter().take(at + 1).fold(name.to_owned(), |what, word| format!("{what} {word}"));
    let targets: Vec<String> = words.iter().skip(at + 1).cloned().collect();
    let powerful =
        kind != Kind::Read && words.iter().take(at + 1).any(|word| POWERFUL.contains(&word.as_str()));
    let recursive = call
        .arguments
        .iter()
        .any(|argument| matches!(argument.text.as_str(), "-r" | "--recursive" | "--all" | "-a" | "--purge"));
    let wild = targets.iter().any(|target| target.contains('*'));
    let gone = kind == Kind::Delete;
    let extent = if gone
        && (recursive || wild || matches!(words.get(at).map(String::as_str), Some("destroy" | "purge")))
    {
        Extent::Everything
    } else {
        Extent::Unstated
    };
    let kind = if powerful { Kind::Admin } else { kind };
    session.act(Act { targets, places, extent, irreversible: gone, ..Act::new(what, kind) });
}

/// How grave a kind is, as MISSION R2 weighs it.
const fn weight(kind: Kind) -> u8 {
    match kind {
        Kind::Read => 0,
        Kind::Write => 1,
        Kind::Update => 2,
        Kind::ExternalCall | Kind::Unknown => 3,
        Kind::Delete => 4,
        Kind::Admin => 5,
    }
}

//! kubectl: what it does to a cluster, and to which.

use super::{Argument, Call, Options, Style, names};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind, Why};

const VALUED: &[&str] = &[
    "-n",
    "-f",
    "-k",
    "-l",
    "-o",
    "-c",
    "-s",
    "-p",
    "-v",
    "--namespace",
    "--context",
    "--cluster",
    "--user",
    "--kubeconfig",
    "--server",
    "--token",
    "--as",
    "--as-group",
    "--filename",
    "--selector",
    "--field-selector",
    "--output",
    "--container",
    "--replicas",
    "--image",
    "--patch",
    "--type",
    "--timeout",
    "--grace-period",
    "--cascade",
    "--from-literal",
    "--from-file",
    "--tail",
    "--since",
    "--overrides",
    "--sort-by",
    "--template",
    "--patch-file",
    "--to-revision",
    "--revision",
    "--port",
    "--target-port",
    "--name",
    "--clusterrole",
    "--role",
    "--serviceaccount",
    "--verb",
    "--resource",
    "--group",
    "--min",
    "--max",
    "--cpu-percent",
    "--kustomize",
    "--env",
    "--restart",
    "--labels",
    "--certificate-authority",
    "--request-timeout",
    "--pod-selector",
    "--profile",
    "--target",
];

/// Kinds of objects that say who may do what, or that everything else is in.
const POWERFUL: &[&str] = &[
    "role",
    "roles",
    "rolebinding",
    "rolebindings",
    "clusterrole",
    "clusterroles",
    "clusterrolebinding",
    "clusterrolebindings",
    "serviceaccount",
    "serviceaccounts",
    "sa",
    "secret",
    "secrets",
    "networkpolicy",
    "networkpolicies",
    "netpol",
    "mutatingwebhookconfiguration",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfiguration",
    "validatingwebhookconfigurations",
    "csr",
    "certificatesigningrequest",
    "token",
    "priorityclass",
    "resourcequota",
    "quota",
    "podsecuritypolicy",
    "psp",
];

/// Kinds of objects that take everything in them along.
const WHOLE: &[&str] = &[
    "ns",
    "namespace",
    "namespaces",
    "crd",
    "crds",
    "customresourcedefinition",
    "customresourcedefinitions",
    "all",
    "pv",
    "persistentvolume",
    "persistentvolumes",
    "pvc",
    "persistentvolumeclaim",
    "persistentvolumeclaims",
    "node",
    "nodes",
    "no",
];

pub(super) fn kubectl(session: &mut Session, call: &Call<'_>) {
    let dashes = call.arguments.iter().position(|argument| argument.text == "--");
    let (own, inner) = match dashes {
        Some(at) => {
            (call.arguments.get(..at).unwrap_or_default(), call.arguments.get(at + 1..).unwrap_or_default())
        }
        None => (call.arguments, &[][..]),
    };
    let options = Options::new(own, VALUED, Style::Mixed);
    let flags = ["--context", "--cluster", "-n", "--namespace", "--kubeconfig", "-s", "--server"];
    let mut places: Vec<String> = flags.iter().flat_map(|flag| options.values(&[flag])).collect();
    // Only `logs` and `exec` have other meanings for `-p` and `-s`; whom one acts as matters more than where.
    let (verb, rest) = options.verb();
    // Of `create`, `--user` says for whom.
    let own: &[&str] = if verb == "create" { &[] } else { &["--user"] };
    for user in [options.values(&["--as", "--as-group", "--token"]), options.values(own)].concat() {
        session.act(Act { targets: vec![user], ..Act::new("kubectl --as", Kind::Admin) });
    }
    let files = options.values(&["-f", "--filename", "-k", "--kustomize"]);
    for url in files.iter().filter(|file| file.contains("://") || file.starts_with("github.com")) {
        session.act(Act { targets: vec![url.clone()], ..Act::new("kubectl -f URL", Kind::ExternalCall) });
        session.doubt(Why::Foreign, url);
    }
    if options.has_exactly(&["-A", "--all-namespaces"]) {
        places.push("all namespaces".to_owned());
    }
    let dry = options.has_exactly(&["--dry-run"]);
    session.at(places, |session| {
        let context = Context { options: &options, verb, rest: &rest, files, inner, dry };
        context.read(session, call);
    });
}

/// One call, sorted.
struct Context<'a> {
    options: &'a Options<'a>,
    verb: &'a str,
    rest: &'a [&'a Argument],
    files: Vec<String>,
    inner: &'a [Argument],
    dry: bool,
}

impl Context<'_> {
    fn read(&self, session: &mut Session, call: &Call<'_>) {
        let Self { options, verb, rest, files, inner, dry } = self;
        let (second, _) =
            rest.split_first().map_or(("", &[][..]), |(second, others)| (second.text.as_str(), others));
        let kind_named = second.split(['/', '.', ',']).next().unwrap_or_default().to_ascii_lowercase();
        let powerful = POWERFUL.contains(&kind_named.as_str());
        let milder = |kind: Kind| if *dry { Kind::Read } else { kind };
        let graver = |kind: Kind| if powerful { Kind::Admin } else { kind };
        match *verb {
            "get" | "describe" | "logs" | "log" | "top" | "explain" | "version" | "api-resources"
            | "api-versions" | "cluster-info" | "diff" | "events" | "wait" | "options" | "help"
            | "completion" | "kustomize" | "" => {
                self.act(session, verb, self.targets(), Kind::Read);
            }
            "delete" => self.delete(session, &kind_named),
            "apply" | "create" | "replace" | "edit" | "run" | "expose" | "autoscale" => {
                let what = if *verb == "create" && files.is_empty() {
                    format!("create {second}")
                } else {
                    (*verb).to_owned()
                };
                let force = *verb == "replace" && options.has(&["--force"])
                    || *verb == "apply" && options.has(&["--prune"]);
                let plain =
                    if matches!(*verb, "create" | "run" | "expose") { Kind::Write } else { Kind::Update };
                let kind = if force { Kind::Delete } else { graver(plain) };
                let overrides = options.value(&["--overrides"]).is_some() || options.has(&["--privileged"]);
                self.act(session, &what, self.targets(), milder(if overrides { Kind::Admin } else { kind }));
                if !files.is_empty() && !*dry {
                    // What is in the file is read elsewhere, where it is the payload.
                    session.doubt(Why::Foreign, &format!("kubectl {verb} {}", files.join(" ")));
                }
                if !inner.is_empty() {
                    session.run(inner, call.input);
                }
            }
            "scale" | "rollout" | "set" | "patch" | "label" | "annotate" | "uncordon" => {
                let looks = *verb == "rollout" && matches!(second, "status" | "history");
                let named = matches!(*verb, "rollout" | "set");
                let what = if named { format!("{verb} {second}") } else { (*verb).to_owned() };
                let targets = if named { joined(rest.get(1..).unwrap_or_default()) } else { joined(rest) };
                let all =
                    options.has(&["--all"]) || options.values(&["-l", "--selector"]).iter().any(|_| true);
                let stops =
                    *verb == "scale" && options.values(&["--replicas"]).iter().any(|count| count == "0");
                let kind = if looks { Kind::Read } else { milder(graver(Kind::Update)) };
                let extent =
                    if (all || stops) && kind != Kind::Read { Extent::Everything } else { Extent::Unstated };
                let what = format!("kubectl {what}{}", if stops { " --replicas=0" } else { "" });
                session.act(Act { targets, extent, ..Act::new(what, kind) });
            }
            "drain" | "cordon" | "taint" => {
                let all = options.has(&["--all"])
                    || *verb == "drain"
                    || options.value(&["-l", "--selector"]).is_some();
                let extent = if all { Extent::Everything } else { Extent::Unstated };
                session.act(Act {
                    targets: self.targets(),
                    extent,
                    ..Act::new(format!("kubectl {verb}"), milder(Kind::Admin))
                });
            }
            "auth" if matches!(second, "can-i" | "whoami") => {
                self.act(session, &format!("auth {second}"), Vec::new(), Kind::Read)
            }
            "auth" | "certificate" => self.act(
                session,
                &format!("{verb} {second}"),
                joined(rest.get(1..).unwrap_or_default()),
                milder(Kind::Admin),
            ),
            "exec" | "debug" | "attach" => self.exec(session, call),
            "cp" => {
                let local = rest.last().is_some_and(|target| !target.text.contains(':'));
                self.act(session, "cp", names(rest), if local { Kind::Read } else { Kind::Update });
            }
            "port-forward" | "proxy" => self.act(session, verb, names(rest), Kind::ExternalCall),
            "config" => {
                let looks = matches!(
                    second,
                    "view" | "get-contexts" | "current-context" | "get-clusters" | "get-users"
                );
                if matches!(second, "use-context" | "use" | "set-context")
                    && let Some(context) = rest.get(1).filter(|context| !context.text.starts_with('-'))
                {
                    session.act(Act {
                        targets: vec![context.text.clone()],
                        ..Act::new(format!("kubectl config {second}"), Kind::Update)
                    });
                    return;
                }
                let kind = if looks { Kind::Read } else { Kind::Admin };
                self.act(
                    session,
                    &format!("config {second}"),
                    joined(rest.get(1..).unwrap_or_default()),
                    kind,
                );
            }
            // Another word is a plugin: any program.
            _ => {
                self.act(session, verb, names(rest), Kind::Unknown);
                session.doubt(Why::Unfamiliar, &format!("kubectl {verb}"));
            }
        }
    }

    fn act(&self, session: &mut Session, what: &str, targets: Vec<String>, kind: Kind) {
        session.act(Act { targets, ..Act::new(format!("kubectl {what}").trim(), kind) });
    }

    fn targets(&self) -> Vec<String> {
        let named = if self.verb == "create" && self.files.is_empty() {
            self.rest.get(1..).unwrap_or_default()
        } else {
            self.rest
        };
        [joined(named), self.files.clone()].concat()
    }

    fn delete(&self, session: &mut Session, kind: &str) {
        let Self { options, rest, dry, files, .. } = self;
        let several = joined(rest);
        let selects = options.has(&["-l", "--selector", "--field-selector"]);
        let all = options.has(&["--all", "-A", "--all-namespaces"])
            || kind == "all"
            || WHOLE.contains(&kind)
            || rest.iter().any(|word| word.pattern);
        // A kind without a name, a directory of files or a selector: as many as there are.
        let unnamed = several.iter().all(|name| !name.contains('/')) || !files.is_empty();
        let extent = if all || selects || unnamed {
            Extent::Everything
        } else {
            Extent::Counted(u64::try_from(several.len()).unwrap_or(u64::MAX))
        };
        let plural = |kind: &str| if kind == "ns" { "namespace".to_owned() } else { kind.to_owned() };
        let what = if kind.is_empty() {
            "kubectl delete".to_owned()
        } else {
            format!("kubectl delete {}", plural(kind))
        };
        let kind = if *dry { Kind::Read } else { Kind::Delete };
        let extent = if *dry { Extent::Unstated } else { extent };
        let targets =
            [several, files.clone(), options.values(&["-l", "--selector", "--field-selector"])].concat();
        session.act(Act { targets, extent, irreversible: !dry, ..Act::new(what, kind) });
    }

    fn exec(&self, session: &mut Session, call: &Call<'_>) {
        let pod = self.rest.first().map_or("", |pod| pod.text.as_str()).to_owned();
        // Without `--`, older versions take the words after the pod.
        let after: Vec<Argument> = self.rest.iter().skip(1).map(|word| (*word).clone()).collect();
        let words = if self.inner.is_empty() { &after[..] } else { self.inner };
        if words.is_empty() || self.verb != "exec" {
            let kind = if self.verb == "debug" { Kind::Admin } else { Kind::Unknown };
            session
                .act(Act { targets: vec![pod.clone()], ..Act::new(format!("kubectl {}", self.verb), kind) });
        }
        session.at(vec![pod], |session| {
            if words.is_empty() {
                super::interpreter::given(session, "kubectl exec", call.input);
            } else {
                session.run(words, call.input);
            }
        });
    }
}

/// `deployment web` and `pod/a` as `deployment/web` and `pod/a`.
fn joined(words: &[&Argument]) -> Vec<String> {
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    if first.text.contains('/') || rest.is_empty() {
        return names(words);
    }
    let names = rest.iter().map(|word| {
        if word.text.contains(['/', '=']) {
            word.text.clone()
        } else {
            format!("{}/{}", first.text, word.text)
        }
    });
    names.collect()
}

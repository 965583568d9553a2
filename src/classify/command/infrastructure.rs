//! Infrastructure as code: terraform and its relatives, helm.

use super::{Argument, Call, Options, Reader, Style, names};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "terraform" | "tofu" | "terragrunt" => terraform,
        "helm" => helm,
        "pulumi" | "cdk" | "serverless" | "sls" | "eksctl" | "kops" | "argocd" | "flux" | "vault"
        | "consul" | "nomad" | "skaffold" | "helmfile" | "kustomize" | "istioctl" | "velero" | "packer"
        | "heroku" | "flyctl" | "fly" | "vercel" | "netlify" | "wrangler" | "doctl" | "linode-cli"
        | "hcloud" => deployer,
        _ => return None,
    })
}

fn terraform(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-var",
        "-var-file",
        "-target",
        "-state",
        "-out",
        "-replace",
        "-lock-timeout",
        "-backend-config",
        "--terragrunt-working-dir",
    ];
    // `--auto-approve` is `-auto-approve`.
    let single = |argument: &Argument| {
        let text =
            argument.text.strip_prefix("--").filter(|rest| !rest.is_empty()).map(|rest| format!("-{rest}"));
        Argument { text: text.unwrap_or_else(|| argument.text.clone()), ..argument.clone() }
    };
    let arguments: Vec<Argument> = call.arguments.iter().map(single).collect();
    let options = Options::new(&arguments, &valued, Style::Words);
    let (first, rest) = options.verb();
    let (first, rest) = if first == "run-all" || first == "run" {
        (rest.first().map_or("", |verb| verb.text.as_str()), rest.get(1..).unwrap_or_default().to_vec())
    } else {
        (first, rest)
    };
    let mut places = options.values(&["-chdir", "-state", "-var-file", "-terragrunt-working-dir"]);
    for variable in options.values(&["-var"]) {
        if let Some((name, value)) = variable.split_once('=')
            && [
                "env",
                "environment",
                "stage",
                "region",
                "project",
                "workspace",
                "account",
                "cluster",
                "namespace",
            ]
            .iter()
            .any(|known| name.contains(known))
        {
            places.push(value.to_owned());
        }
    }
    let chosen = options.values(&["-target", "-replace"]);
    let (second, others) =
        rest.split_first().map_or(("", &[][..]), |(second, others)| (second.text.as_str(), others));
    let destroys = first == "destroy" || options.has_exactly(&["-destroy"]);
    let approved = options.has_exactly(&["-auto-approve"]);
    let extent = if chosen.is_empty() {
        Extent::Everything
    } else {
        Extent::Counted(u64::try_from(chosen.len()).unwrap_or(u64::MAX))
    };
    let all = |what: &str, kind| Act {
        targets: chosen.clone(),
        places: places.clone(),
        ..Act::new(format!("{} {what}", call.name), kind)
    };
    match first {
        "apply" | "destroy" => {
            let what =
                if destroys { if first == "apply" { "apply -destroy" } else { "destroy" } } else { "apply" };
            let what = if approved { format!("{what} -auto-approve") } else { what.to_owned() };
            let kind = if destroys { Kind::Delete } else { Kind::Update };
            let mut act = Act {
                extent: if destroys { extent } else { Extent::Unstated },
                irreversible: destroys,
                ..all(&what, kind)
            };
            // A plan that was made before: what it does is in that file.
            if let Some(plan) = rest.first() {
                act.targets.push(plan.text.clone());
                session.doubt(Why::Foreign, &plan.text);
            }
            session.act(act);
        }
        "plan" | "show" | "validate" | "fmt" | "output" | "version" | "graph" | "providers" | "console"
        | "test" | "hclfmt" | "metadata" | "-version" | "" => {
            session.act(all(if first.is_empty() { "help" } else { first }, Kind::Read));
        }
        "init" | "get" | "login" | "logout" => session.act(all(first, Kind::ExternalCall)),
        "refresh" | "taint" | "untaint" | "import" | "force-unlock" => {
            let kind = if matches!(first, "force-unlock") { Kind::Admin } else { Kind::Update };
            session.act(Act { targets: names(&rest), ..all(first, kind) });
        }
        "state" => {
            let looks = matches!(second, "list" | "show" | "pull");
            let kind = if looks { Kind::Read } else { Kind::Admin };
            session.act(Act {
                targets: names(others),
                irreversible: matches!(second, "rm" | "push"),
                ..all(&format!("state {second}"), kind)
            });
        }
        "workspace" => {
            let name = names(others);
            let kind = match second {
                "list" | "show" => Kind::Read,
                "delete" => Kind::Delete,
                "new" => Kind::Write,
                _ => Kind::Update,
            };
            if second == "select"
                && let Some(name) = name.first()
            {
                session.place(name.clone());
                session.act(all("workspace select", Kind::Read));
                return;
            }
            session.act(Act {
                targets: name,
                irreversible: second == "delete",
                ..all(&format!("workspace {second}"), kind)
            });
        }
        _ => {
            session.act(all(first, Kind::Unknown));
            session.doubt(Why::Unfamiliar, &format!("{} {first}", call.name));
        }
    }
}

fn helm(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-n",
        "-f",
        "--namespace",
        "--kube-context",
        "--kubeconfig",
        "--values",
        "--set",
        "--set-string",
        "--set-file",
        "--version",
        "--timeout",
        "--repo",
        "--post-renderer",
        "--kube-apiserver",
        "--kube-token",
        "-o",
        "--output",
        "--history-max",
        "--description",
        "--kube-as-user",
        "--set-json",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let places = options.values(&["--kube-context", "-n", "--namespace", "--kubeconfig", "--kube-apiserver"]);
    if let Some(program) = options.value(&["--post-renderer"]) {
        session.doubt(Why::Foreign, &program);
    }
    let (verb, rest) = options.verb();
    let dry = options.has_exactly(&["--dry-run"]);
    let act = |kind| Act {
        targets: names(&rest),
        places: places.clone(),
        ..Act::new(format!("helm {verb}").trim(), if dry { Kind::Read } else { kind })
    };
    match verb {
        "list" | "ls" | "status" | "get" | "history" | "template" | "lint" | "show" | "search"
        | "version" | "diff" | "env" | "verify" | "" => session.act(act(Kind::Read)),
        "install" | "package" | "create" => session.act(act(Kind::Write)),
        "upgrade" | "rollback" | "test" => session.act(act(Kind::Update)),
        "uninstall" | "delete" | "del" | "un" => {
            let extent = super::extent(&rest);
            session.act(Act { extent, irreversible: !dry, ..act(Kind::Delete) });
        }
        "repo" | "pull" | "push" | "dependency" | "dep" | "registry" | "fetch" => {
            session.act(act(Kind::ExternalCall))
        }
        "plugin" => session.act(act(Kind::Admin)),
        _ => {
            session.act(act(Kind::Unknown));
            session.doubt(Why::Unfamiliar, &format!("helm {verb}"));
        }
    }
}

/// Tools whose verbs say enough.
fn deployer(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-s",
        "-f",
        "-n",
        "-e",
        "-a",
        "-c",
        "--stack",
        "--cwd",
        "--namespace",
        "--context",
        "--kube-context",
        "--stage",
        "--region",
        "--profile",
        "--environment",
        "--app",
        "--cluster",
        "--name",
        "--project",
        "--file",
        "--address",
        "-address",
        "--server",
        "--env",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let places = options.values(&[
        "-s",
        "--stack",
        "-n",
        "--namespace",
        "--context",
        "--kube-context",
        "--stage",
        "--region",
        "--profile",
        "-e",
        "--environment",
        "-a",
        "--app",
        "--cluster",
        "--project",
        "--address",
        "--server",
        "--env",
    ]);
    super::cloud::verb(session, call, call.name, &options.names(), places);
}

//! Containers: docker, podman and what composes them.

use super::{Argument, Call, Options, Reader, Style, extent, names, path};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "docker" | "podman" | "nerdctl" | "buildah" | "ctr" | "crictl" | "lxc" | "incus" => docker,
        "docker-compose" | "podman-compose" => compose,
        _ => return None,
    })
}

const GLOBAL: &[&str] = &[
    "-H",
    "-c",
    "-l",
    "--host",
    "--context",
    "--config",
    "--log-level",
    "--url",
    "--connection",
    "-f",
    "-p",
    "--file",
    "--profile",
    "--project-name",
    "--env-file",
];

fn docker(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, GLOBAL, Style::First);
    let (verb, rest) = options.verb();
    let places = options.values(&["-H", "-c", "--host", "--context", "--url", "--connection"]);
    let rest: Vec<Argument> = rest.into_iter().cloned().collect();
    if verb == "compose" {
        let inner = Call { name: "docker compose", arguments: &rest, input: call.input };
        return session.at(places, |session| compose(session, &inner));
    }
    session.at(places, |session| {
        // `docker container rm` is `docker rm`; of other objects the noun stays.
        let nouns = [
            "container",
            "image",
            "volume",
            "network",
            "system",
            "builder",
            "swarm",
            "service",
            "stack",
            "node",
            "secret",
            "config",
            "context",
            "buildx",
            "plugin",
            "manifest",
            "trust",
            "pod",
            "machine",
        ];
        if nouns.contains(&verb) {
            let inner = Options::new(&rest, &[], Style::First);
            let (second, after) = inner.verb();
            let after: Vec<Argument> = after.into_iter().cloned().collect();
            let noun = if matches!(verb, "container") { "" } else { verb };
            object(session, call, noun, second, &after);
        } else {
            object(session, call, "", verb, &rest);
        }
    });
}

const VALUED: &[&str] = &[
    "-v",
    "-e",
    "-p",
    "-w",
    "-u",
    "-l",
    "-h",
    "-m",
    "-c",
    "-t",
    "-n",
    "--volume",
    "--env",
    "--publish",
    "--workdir",
    "--user",
    "--label",
    "--name",
    "--network",
    "--net",
    "--mount",
    "--entrypoint",
    "--memory",
    "--cpus",
    "--hostname",
    "--restart",
    "--device",
    "--cap-add",
    "--cap-drop",
    "--security-opt",
    "--pid",
    "--ipc",
    "--userns",
    "--env-file",
    "--filter",
    "--format",
    "--tag",
    "--file",
    "--build-arg",
    "--platform",
    "--time",
    "--tail",
    "--since",
    "--add-host",
    "--log-driver",
    "--ulimit",
    "--tmpfs",
    "--dns",
    "--uts",
    "--cgroupns",
    "--volumes-from",
    "--gpus",
    "--shm-size",
    "--pull",
    "--signal",
    "--compose-file",
    "--image",
    "--replicas",
];

/// Flags of `docker run` that give the container the machine.
fn takes_machine(options: &Options<'_>) -> bool {
    let host = |value: &String| value == "host" || value.starts_with("container:");
    let mounts = [options.values(&["-v", "--volume"]), options.values(&["--mount"])].concat();
    let sensitive = |mount: &String| {
        let source = mount
            .split(',')
            .find_map(|part| part.strip_prefix("source=").or_else(|| part.strip_prefix("src=")));
        let source = source.unwrap_or_else(|| mount.split(':').next().unwrap_or_default());
        source == "/" || path::is_system(source) || source.ends_with("docker.sock") || source == "~"
    };
    options.has(&["--privileged"])
        || !options.values(&["--cap-add", "--device", "--volumes-from"]).is_empty()
        || options.values(&["--security-opt"]).iter().any(|value| value.contains("unconfined"))
        || options
            .values(&["--pid", "--ipc", "--userns", "--uts", "--network", "--net", "--cgroupns"])
            .iter()
            .any(host)
        || mounts.iter().any(sensitive)
}

fn object(session: &mut Session, call: &Call<'_>, noun: &str, verb: &str, rest: &[Argument]) {
    let style = if matches!(verb, "run" | "exec" | "create") { Style::First } else { Style::Mixed };
    // `-c`, `-t` and `-h` take values for some verbs only.
    let plain: &[&str] = match verb {
        "run" | "create" => &["-t", "-n"],
        "exec" => &["-t", "-c", "-n", "-p", "-v", "-l", "-h", "-m"],
        "rm" | "ps" | "ls" | "stop" | "kill" | "prune" | "images" | "rmi" => {
            &["-v", "-l", "-t", "-n", "-c", "-h"]
        }
        _ => &[],
    };
    let valued: Vec<&str> = VALUED.iter().copied().filter(|flag| !plain.contains(flag)).collect();
    let options = Options::new(rest, &valued, style);
    let what =
        [call.name, noun, verb].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let act = |kind| Act { targets: options.names(), ..Act::new(what.as_str(), kind) };
    let volumes = options.has(&["-v", "--volumes"]);
    match verb {
        "ps" | "ls" | "list" | "images" | "logs" | "inspect" | "info" | "version" | "stats" | "top"
        | "port" | "diff" | "history" | "df" | "search" | "events" | "show" | "wait" | "services"
        | "tasks" | "" => session.act(act(Kind::Read)),
        "run" | "create" if matches!(noun, "" | "pod") => {
            let (image, words) = options.verb();
            let kind = if takes_machine(&options) { Kind::Admin } else { Kind::Write };
            session.act(Act { targets: vec![image.to_owned()], ..Act::new(what.as_str(), kind) });
            let mut words: Vec<Argument> = words.into_iter().cloned().collect();
            if let Some(program) = options.value(&["--entrypoint"]) {
                words.insert(0, Argument::new(&program));
            }
            inside(session, call, image, &words);
        }
        "exec" => {
            let (container, words) = options.verb();
            let kind = if options.has(&["--privileged"]) { Kind::Admin } else { Kind::Unknown };
            let words: Vec<Argument> = words.into_iter().cloned().collect();
            if words.is_empty() || kind == Kind::Admin {
                session.act(Act { targets: vec![container.to_owned()], ..Act::new(what.as_str(), kind) });
            }
            inside(session, call, container, &words);
        }
        "prune" => {
            let all = options.has(&["-a", "--all"]) || volumes;
            let what = if all { format!("{what} -a") } else { what.clone() };
            session.act(Act {
                extent: Extent::Everything,
                irreversible: true,
                ..Act::new(what, Kind::Delete)
            });
        }
        "rm" | "rmi" | "remove" | "delete" => {
            let extent = extent(&options.operands);
            let kept = noun != "volume" && !volumes;
            session.act(Act { extent, irreversible: !kept, ..act(Kind::Delete) });
        }
        "push" | "login" | "logout" | "pull" | "import" | "publish" => session.act(act(Kind::ExternalCall)),
        "build" | "commit" | "tag" | "save" | "load" | "export" | "cp" | "create" => {
            session.act(act(Kind::Write))
        }
        "start" | "stop" | "restart" | "kill" | "pause" | "unpause" | "rename" | "update" | "scale"
        | "rollback" | "connect" | "disconnect" | "attach" | "use" => {
            session.act(act(Kind::Update));
        }
        "deploy" | "up" | "init" | "join" | "leave" | "promote" | "demote" | "enable" | "disable"
        | "install" | "sign" => session.act(act(Kind::Admin)),
        _ => {
            session.act(act(Kind::Unknown));
            session.doubt(Why::Unfamiliar, &what);
        }
    }
}

/// What runs inside a container.
fn inside(session: &mut Session, call: &Call<'_>, container: &str, words: &[Argument]) {
    if !words.is_empty() {
        session.at(vec![container.to_owned()], |session| session.run(words, call.input));
    } else if call.input.given {
        session.at(vec![container.to_owned()], |session| {
            super::interpreter::given(session, call.name, call.input)
        });
    }
}

fn compose(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, GLOBAL, Style::First);
    let (verb, rest) = options.verb();
    let places = options.values(&["-f", "-p", "--file", "--project-name", "--profile", "--env-file", "-H"]);
    let rest: Vec<Argument> = rest.into_iter().cloned().collect();
    let inner = Options::new(
        &rest,
        &["-t", "-e", "-w", "-u", "--scale", "--timeout", "--index", "--tail"],
        if matches!(verb, "exec" | "run") { Style::First } else { Style::Mixed },
    );
    let what = format!("{} {verb}", call.name);
    let act = |kind| Act {
        targets: names(&inner.operands),
        places: places.clone(),
        ..Act::new(what.as_str(), kind)
    };
    let volumes = inner.has(&["-v", "--volumes"]);
    match verb {
        "ps" | "logs" | "config" | "images" | "ls" | "top" | "port" | "version" | "events" | "" => {
            session.act(act(Kind::Read))
        }
        "down" | "rm" => {
            let extent = if inner.operands.is_empty() { Extent::Everything } else { extent(&inner.operands) };
            let kind = if volumes || verb == "rm" { Kind::Delete } else { Kind::Update };
            let what = if volumes { format!("{what} -v") } else { what.clone() };
            session.act(Act { what, extent, irreversible: volumes, ..act(kind) });
        }
        "exec" | "run" => {
            let (service, words) = inner.verb();
            let words: Vec<Argument> = words.into_iter().cloned().collect();
            if words.is_empty() || verb == "run" {
                session.act(Act {
                    targets: vec![service.to_owned()],
                    places: places.clone(),
                    ..Act::new(what.as_str(), Kind::Unknown)
                });
                session.doubt(Why::Foreign, &what);
            }
            session.at(places.clone(), |session| inside(session, call, service, &words));
        }
        "push" | "pull" | "publish" => session.act(act(Kind::ExternalCall)),
        "up" | "start" | "stop" | "restart" | "kill" | "pause" | "unpause" | "build" | "create" | "scale"
        | "watch" => session.act(act(Kind::Update)),
        _ => {
            session.act(act(Kind::Unknown));
            session.doubt(Why::Unfamiliar, &what);
        }
    }
}

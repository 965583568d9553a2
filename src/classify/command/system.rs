//! Programs that run a machine: services, processes, accounts, firewalls, mounts.

use super::{Call, Options, Reader, Style, extent};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "systemctl" | "service" | "launchctl" | "rc-service" | "supervisorctl" | "initctl" | "loginctl"
        | "hostnamectl" | "timedatectl" | "pm2" => service,
        "reboot" | "shutdown" | "halt" | "poweroff" | "init" | "telinit" | "kexec" => power,
        "kill" | "pkill" | "killall" | "skill" | "xkill" | "fuser" => kill,
        "userdel" | "groupdel" | "deluser" | "delgroup" => account_gone,
        "swapoff"
        | "swapon"
        | "umount"
        | "mount"
        | "losetup"
        | "sysctl"
        | "modprobe"
        | "insmod"
        | "rmmod"
        | "ip"
        | "ifconfig"
        | "route"
        | "iptables"
        | "ip6tables"
        | "nft"
        | "ufw"
        | "firewall-cmd"
        | "hostname"
        | "date"
        | "ethtool"
        | "tc"
        | "setenforce"
        | "auditctl"
        | "update-alternatives"
        | "ss" => settings,
        name if is_account(name) => account,
        _ => return None,
    })
}

/// Programs that say who may do what.
fn is_account(name: &str) -> bool {
    matches!(
        name,
        "useradd"
            | "usermod"
            | "adduser"
            | "addgroup"
            | "groupadd"
            | "groupmod"
            | "gpasswd"
            | "passwd"
            | "chpasswd"
            | "visudo"
            | "vipw"
            | "vigr"
            | "chsh"
            | "chfn"
            | "chage"
            | "newgrp"
            | "pwck"
            | "ssh-keygen"
            | "ssh-copy-id"
            | "ssh-add"
            | "ssh-agent"
            | "grub-install"
            | "update-grub"
            | "efibootmgr"
            | "depmod"
            | "ldconfig"
            | "visudoedit"
            | "authselect"
            | "pam-auth-update"
            | "certbot"
            | "keytool"
            | "security"
            | "semanage"
            | "dpkg-reconfigure"
            | "logrotate"
            | "dconf"
            | "gsettings"
            | "nvram"
            | "csrutil"
            | "spctl"
            | "defaults"
    )
}

fn service(session: &mut Session, call: &Call<'_>) {
    let valued =
        ["-H", "-M", "-n", "-p", "-t", "--host", "--machine", "--property", "--type", "--state", "--lines"];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let words: Vec<&str> = options.operands.iter().map(|operand| operand.text.as_str()).collect();
    // `service nginx stop` names the service first.
    let (verb, targets) = match (call.name, words.as_slice()) {
        ("service" | "rc-service", [unit, verb, ..]) => (*verb, vec![(*unit).to_owned()]),
        (_, [verb, units @ ..]) => (*verb, units.iter().map(|unit| (*unit).to_owned()).collect()),
        (_, []) => ("status", Vec::new()),
    };
    let looks = verb.starts_with("list")
        || verb.starts_with("is-")
        || verb.starts_with("show")
        || matches!(
            verb,
            "status" | "cat" | "help" | "get-default" | "logs" | "print" | "blame" | "list" | "ls"
        );
    let power = matches!(verb, "reboot" | "poweroff" | "halt" | "kexec" | "rescue" | "emergency" | "isolate");
    let extent =
        if power { Extent::Everything } else { super::extent(&options.operands).min(Extent::Everything) };
    let extent = if extent == Extent::Everything { extent } else { Extent::Unstated };
    let kind = if looks { Kind::Read } else { Kind::Admin };
    let places = options.values(&["-H", "-M", "--host", "--machine"]);
    session.act(Act { targets, places, extent, ..Act::new(format!("{} {verb}", call.name), kind) });
}

fn power(session: &mut Session, call: &Call<'_>) {
    session.act(Act { extent: Extent::Everything, ..Act::new(call.name, Kind::Admin) });
}

fn kill(session: &mut Session, call: &Call<'_>) {
    let options =
        Options::new(call.arguments, &["-s", "-u", "-t", "-g", "-n", "--signal", "--user"], Style::Mixed);
    let named = call.arguments.first().is_some_and(|first| matches!(first.text.as_str(), "-l" | "-L" | "-0"));
    let looks = named || (call.name == "fuser" && !options.has(&["-k", "--kill"]));
    let all = options.operands.iter().any(|operand| matches!(operand.text.as_str(), "-1" | "1" | "."))
        || call.arguments.iter().skip(1).any(|argument| argument.text == "-1");
    let extent =
        if all || options.operands.is_empty() { Extent::Everything } else { extent(&options.operands) };
    let kind = if looks { Kind::Read } else { Kind::Admin };
    let extent = if looks { Extent::Unstated } else { extent };
    session.act(Act { targets: options.names(), extent, ..Act::new(call.name, kind) });
}

fn account_gone(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-R", "-P"], Style::Mixed);
    session.act(Act { targets: options.names(), irreversible: true, ..Act::new(call.name, Kind::Admin) });
}

fn account(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-G", "-g", "-s", "-d", "-u", "-c", "-p", "-e", "-f", "-b", "-t", "-C", "-N", "-m", "--groups",
        "--shell", "--uid",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let targets = [options.names(), options.values(&["-G", "--groups"])].concat();
    session.act(Act { targets, ..Act::new(call.name, Kind::Admin) });
}

/// Programs that show settings unless they are told to change them.
fn settings(session: &mut Session, call: &Call<'_>) {
    let words: Vec<&str> = call.arguments.iter().map(|argument| argument.text.as_str()).collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    let operands: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let looks = match call.name {
        "mount" | "hostname" | "ifconfig" | "swapon" | "losetup" => {
            operands.is_empty() && !has(&["-a", "--all"])
        }
        "sysctl" => {
            !has(&["-w", "-p", "--write", "--load", "--system"])
                && !operands.iter().any(|word| word.contains('='))
        }
        "ip" | "tc" => {
            let changes = [
                "add", "del", "delete", "flush", "set", "change", "replace", "append", "restore", "exec",
                "link set",
            ];
            !has(&changes)
        }
        "route" => !has(&["add", "del", "delete", "flush", "change"]),
        "iptables" | "ip6tables" => {
            has(&["-L", "-S", "--list", "--list-rules", "-nL", "-nvL", "-vnL"])
                && !has(&["-F", "-X", "-Z", "-D", "-A", "-I"])
        }
        "date" => {
            !has(&["-s", "--set"])
                && words.iter().all(|word| {
                    word.starts_with(['+', '-']) && !word.starts_with("--s") && !word.starts_with("-s")
                })
        }
        "ss" => !has(&["-K", "--kill"]),
        "nft" => operands.first() == Some(&"list"),
        "ufw" => operands.first() == Some(&"status"),
        "firewall-cmd" => words.iter().all(|word| {
            word.starts_with("--list") || word.starts_with("--get") || word.starts_with("--state")
        }),
        "auditctl" => has(&["-l", "-s"]),
        "update-alternatives" => has(&["--list", "--display", "--query"]),
        _ => false,
    };
    let wipes = has(&["-F", "flush", "--flush", "-X", "reset", "disable"]);
    let verb = operands
        .first()
        .copied()
        .filter(|_| matches!(call.name, "ufw" | "nft" | "ip" | "tc"))
        .unwrap_or_default();
    let what = if wipes && call.name.starts_with("ip") && verb.is_empty() {
        format!("{} -F", call.name)
    } else {
        format!("{} {verb}", call.name)
    };
    let extent = if wipes && !looks { Extent::Everything } else { Extent::Unstated };
    let targets =
        operands.iter().skip(usize::from(!verb.is_empty())).map(|word| (*word).to_owned()).collect();
    let kind = if looks { Kind::Read } else { Kind::Admin };
    session.act(Act { targets, extent, ..Act::new(what.trim(), kind) });
}

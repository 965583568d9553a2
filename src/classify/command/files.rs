//! Programs that change files and disks.

use super::{Argument, Call, Options, Reader, Style, extent, names, path};
use crate::classify::shell::Session;
use crate::classify::{Act, Extent, Kind};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "rm" | "rmdir" | "unlink" | "shred" | "srm" | "trash" | "wipe" => remove,
        "dd" => dd,
        "wipefs" | "fdisk" | "sfdisk" | "gdisk" | "sgdisk" | "parted" | "lvremove" | "vgremove"
        | "pvremove" | "zpool" | "zfs" | "cryptsetup" | "mdadm" | "blkdiscard" | "hdparm" | "mkswap"
        | "diskutil" => disk,
        name if name == "mkfs" || name.starts_with("mkfs.") => disk,
        "truncate" | "fallocate" => truncate,
        "mv" | "cp" | "ln" | "install" | "rename" => place,
        "chmod" | "chown" | "chgrp" | "setfacl" | "chattr" | "setcap" | "chcon" => permit,
        "touch" | "mkdir" | "mkfifo" | "mknod" | "mktemp" => make,
        "tee" | "split" | "csplit" => tee,
        "sort" | "uniq" | "shuf" | "tree" | "xxd" => sort,
        "tar" | "bsdtar" => tar,
        "zip" | "unzip" | "gzip" | "gunzip" | "bzip2" | "bunzip2" | "xz" | "unxz" | "zstd" | "7z"
        | "cpio" | "patch" => archive,
        "rsync" => rsync,
        "openssl" | "gpg" => cipher,
        "less" | "more" | "man" | "top" | "htop" | "journalctl" | "dmesg" | "tcpdump" | "rg" | "ag" => pager,
        _ => return None,
    })
}

/// The kind of a change to these: an administrator's if one is the system's own.
fn kind_of(operands: &[&Argument], plain: Kind) -> Kind {
    if operands.iter().any(|operand| path::is_system(&operand.text)) { Kind::Admin } else { plain }
}

/// A change to files, as many as are named.
fn change(what: impl Into<String>, plain: Kind, operands: &[&Argument]) -> Act {
    Act { targets: names(operands), extent: extent(operands), ..Act::new(what, kind_of(operands, plain)) }
}

fn remove(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-n", "-s", "--iterations", "--size"], Style::Mixed);
    let shreds = matches!(call.name, "shred" | "srm" | "wipe");
    let recursive = !shreds && options.has(&["-r", "-R", "--recursive", "--no-preserve-root"]);
    let force = options.has(&["-f", "--force"]) && !shreds;
    let letters =
        [(recursive, 'r'), (force, 'f')].into_iter().filter_map(|(set, letter)| set.then_some(letter));
    let letters: String = letters.collect();
    let what = if letters.is_empty() { call.name.to_owned() } else { format!("{} -{letters}", call.name) };
    // How many lie below a named folder, nobody can tell; below a root, a wildcard or something unknown, all there are.
    let whole = |operand: &&Argument| !operand.sure || path::is_system(&operand.text);
    let extent = match extent(&options.operands) {
        Extent::Counted(_) if recursive && options.operands.iter().any(whole) => Extent::Everything,
        Extent::Counted(_) if recursive => Extent::Unstated,
        Extent::Unstated if recursive => Extent::Everything,
        known @ (Extent::Unstated | Extent::Counted(_) | Extent::Everything) => known,
    };
    session.act(Act { targets: options.names(), extent, irreversible: true, ..Act::new(what, Kind::Delete) });
}

fn dd(session: &mut Session, call: &Call<'_>) {
    let value = |name: &str| {
        call.arguments.iter().find_map(|argument| argument.text.strip_prefix(name).map(str::to_owned))
    };
    let Some(target) = value("of=") else {
        let targets = value("if=").into_iter().collect();
        return session.act(Act { targets, ..Act::new("dd", Kind::Read) });
    };
    let device = path::is_device(&path::normal(&target));
    let kind = path::kind_of_change(&target, Kind::Update);
    let extent = if device { Extent::Everything } else { Extent::Counted(1) };
    session.act(Act { targets: vec![target], extent, irreversible: true, ..Act::new("dd", kind) });
}

fn disk(session: &mut Session, call: &Call<'_>) {
    let verb = call.arguments.first().map_or("", |argument| argument.text.as_str());
    let looks =
        matches!(verb, "-l" | "--list" | "list" | "status" | "get" | "--detail" | "iostat" | "history");
    let options = Options::new(call.arguments, &["-L", "-t", "-n", "-o", "-F"], Style::Mixed);
    if looks {
        return session
            .act(Act { targets: options.names(), ..Act::new(format!("{} {verb}", call.name), Kind::Read) });
    }
    session.act(Act {
        targets: options.names(),
        extent: Extent::Everything,
        irreversible: true,
        ..Act::new(call.name, Kind::Admin)
    });
}

fn truncate(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-s", "-r", "-o", "-l", "--size", "--reference", "--length"],
        Style::Mixed,
    );
    session.act(Act {
        irreversible: call.name == "truncate",
        ..change(call.name, Kind::Update, &options.operands)
    });
}

/// Files that get another place: what is at the new one is written over.
fn place(session: &mut Session, call: &Call<'_>) {
    let valued =
        ["-t", "-S", "-m", "-o", "-g", "--target-directory", "--suffix", "--mode", "--owner", "--group"];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let mut targets = options.names();
    targets.extend(options.values(&["-t", "--target-directory"]));
    let system = |text: &String| path::is_system(text);
    // Copying from the system looks at it; moving from there changes it.
    let changed =
        if call.name == "mv" { targets.iter().any(system) } else { targets.last().is_some_and(system) };
    let powers =
        call.name == "install" && options.value(&["-m", "--mode"]).is_some_and(|mode| grants_much(&mode));
    let plain = if matches!(call.name, "mv" | "rename") { Kind::Update } else { Kind::Write };
    let kind = if changed || powers { Kind::Admin } else { plain };
    let gone = call.name == "mv" && targets.last().is_some_and(|target| path::is_sink(target));
    let extent = extent(options.operands.split_last().map_or(&[][..], |(_, from)| from));
    let kind = if gone { Kind::Delete } else { kind };
    session.act(Act { targets, extent, irreversible: gone, ..Act::new(call.name, kind) });
}

/// Modes that let anybody write, or let a program run as its owner.
fn grants_much(mode: &str) -> bool {
    let octal = mode.bytes().all(|b| b.is_ascii_digit()) && mode.len() >= 3;
    let special = octal && mode.len() > 3 && !mode.starts_with('0') && !mode.starts_with('1');
    let world = octal && mode.ends_with(['2', '3', '6', '7']);
    let named = mode.split(',').any(|part| {
        let (who, what) = part.split_once(['+', '=']).unwrap_or((part, ""));
        what.contains('s') || (what.contains('w') && (who.is_empty() || who.contains(['o', 'a'])))
    });
    special || world || (!octal && named)
}

fn permit(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["--reference", "-m", "-x", "-M", "--from"], Style::Mixed);
    let (mode, files) = options.verb();
    let recursive = options.has(&["-R", "--recursive"]);
    let much = call.name != "chmod" || recursive || grants_much(mode);
    let kind = if much { Kind::Admin } else { kind_of(&files, Kind::Update) };
    let what = [call.name, if recursive { "-R" } else { "" }, mode].join(" ").replace("  ", " ");
    let extent = if recursive { Extent::Everything } else { extent(&files) };
    session.act(Act { targets: names(&files), extent, ..Act::new(what.trim(), kind) });
}

fn make(session: &mut Session, call: &Call<'_>) {
    let valued = ["-m", "-d", "-r", "-t", "--mode", "--date", "--reference", "--suffix", "--tmpdir", "-p"];
    let valued = if call.name == "mkdir" { valued.get(..1).unwrap_or_default() } else { &valued };
    let options = Options::new(call.arguments, valued, Style::Mixed);
    session.act(change(call.name, Kind::Write, &options.operands));
}

fn tee(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-b", "-l", "-n"], Style::Mixed);
    for text in options.values(&["--filter"]) {
        session.script(&text, call.input);
    }
    let appends = options.has(&["-a", "--append"]);
    let files: Vec<&Argument> = options
        .operands
        .iter()
        .copied()
        .filter(|file| !path::is_sink(&file.text) && !file.text.starts_with(">("))
        .collect();
    if files.is_empty() {
        return;
    }
    let (what, plain) = if appends { ("tee -a", Kind::Write) } else { ("tee", Kind::Update) };
    let what = if call.name == "tee" { what } else { call.name };
    let device = files.iter().any(|file| path::is_device(&path::normal(&file.text)));
    session.act(Act { irreversible: device, ..change(what, plain, &files) });
}

/// `sort -o` writes; `--compress-program` runs.
fn sort(session: &mut Session, call: &Call<'_>) {
    let valued = ["-o", "-k", "-t", "-T", "-S", "--output", "--key", "--compress-program"];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    if let Some(program) = options.value(&["--compress-program"]) {
        session.script(&program, call.input);
    }
    session.act(Act { targets: options.names(), ..Act::new(call.name, Kind::Read) });
    // The second file of these is written.
    let second = options.names().into_iter().skip(1).filter(|_| matches!(call.name, "uniq" | "xxd"));
    for file in options.values(&["-o", "--output"]).into_iter().chain(second) {
        session.act(change(call.name, Kind::Update, &[&Argument::new(&file)]));
    }
}

fn tar(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-f",
        "-C",
        "-T",
        "-X",
        "-I",
        "--file",
        "--directory",
        "--use-compress-program",
        "--to-command",
        "--checkpoint-action",
    ];
    // `tar xzf a.tgz`: the first word may be options without their dash.
    let mut arguments = call.arguments.to_vec();
    if let Some(first) = arguments.first_mut().filter(|first| !first.text.starts_with('-')) {
        first.text.insert(0, '-');
    }
    let options = Options::new(&arguments, &valued, Style::Mixed);
    for text in options.values(&["-I", "--use-compress-program", "--to-command", "--checkpoint-action"]) {
        session.script(text.strip_prefix("exec=").unwrap_or(&text), call.input);
    }
    let files = options.values(&["-f", "--file"]);
    let into = options.values(&["-C", "--directory"]);
    let system = into.iter().any(|folder| path::is_system(folder) || path::normal(folder) == "/");
    if options.has(&["-t", "--list"]) {
        session.act(Act { targets: files, ..Act::new("tar -t", Kind::Read) });
    } else if options.has(&["-x", "--extract", "--get"]) {
        let kind = if system { Kind::Admin } else { Kind::Update };
        session.act(Act { targets: [files, into].concat(), ..Act::new("tar -x", kind) });
    } else {
        session.act(Act { targets: [files, options.names()].concat(), ..Act::new("tar -c", Kind::Write) });
    }
    if options.has(&["--remove-files"]) {
        let (targets, extent) = (options.names(), Extent::Everything);
        session.act(Act {
            targets,
            extent,
            irreversible: true,
            ..Act::new("tar --remove-files", Kind::Delete)
        });
    }
}

fn archive(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-d", "-P", "-i", "-x"], Style::Mixed);
    if options.has(&["-TT", "--unzip-command"]) {
        session.doubt(crate::classify::Why::Foreign, call.name);
    }
    let shows =
        options.has_exactly(&["-c", "-l", "--stdout", "--list", "--dry-run"]) || options.operands.is_empty();
    let kind = if shows && call.name != "patch" { Kind::Read } else { Kind::Update };
    let targets = [options.names(), options.values(&["-d"])].concat();
    let system = targets.iter().any(|target| path::is_system(target)) && kind != Kind::Read;
    session.act(Act { targets, ..Act::new(call.name, if system { Kind::Admin } else { kind }) });
}

fn rsync(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-e",
        "-f",
        "-T",
        "-B",
        "-M",
        "--rsh",
        "--rsync-path",
        "--exclude",
        "--include",
        "--filter",
        "--port",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    for text in options.values(&["-e", "--rsh"]) {
        if text != "ssh" {
            session.script(&text, call.input);
        }
    }
    let targets = options.names();
    let host = |text: &String| {
        text.split_once(':').map(|(host, _)| host.to_owned()).filter(|host| !host.contains('/'))
    };
    let places: Vec<String> = targets.iter().filter_map(host).collect();
    let dry = options.has_exactly(&["-n", "--dry-run"]);
    let deletes = ["", "-before", "-during", "-delay", "-after", "-excluded", "-missing-args"]
        .iter()
        .any(|suffix| options.has(&[format!("--delete{suffix}").as_str(), "--del"]));
    let kind = match () {
        () if dry => Kind::Read,
        () if deletes => Kind::Delete,
        () if targets.last().is_some_and(|target| path::is_system(target)) => Kind::Admin,
        () if !places.is_empty() => Kind::ExternalCall,
        () => Kind::Update,
    };
    let what = if deletes { "rsync --delete" } else { "rsync" };
    let extent = if deletes && !dry { Extent::Everything } else { Extent::Unstated };
    session.act(Act { targets, places, extent, irreversible: deletes && !dry, ..Act::new(what, kind) });
    if options.has(&["--remove-source-files"]) && !dry {
        let (targets, extent) = (options.names(), Extent::Everything);
        session.act(Act {
            targets,
            extent,
            irreversible: true,
            ..Act::new("rsync --remove-source-files", Kind::Delete)
        });
    }
}

fn cipher(session: &mut Session, call: &Call<'_>) {
    let options =
        Options::new(call.arguments, &["-in", "-out", "-o", "-u", "-r", "-k", "-pass"], Style::Words);
    let (verb, _) = options.verb();
    let what = format!("{} {verb}", call.name);
    let deletes = options.has(&["--delete-keys", "--delete-secret-keys", "--delete-secret-and-public-key"]);
    let calls = matches!(verb, "s_client" | "s_server") || options.has(&["--send-keys", "--recv-keys"]);
    let writes = options.values(&["-out", "-o", "--output"]);
    let kind = match () {
        () if deletes => Kind::Delete,
        () if calls => Kind::ExternalCall,
        () if !writes.is_empty() => Kind::Write,
        () => Kind::Read,
    };
    session.act(Act { targets: writes, irreversible: deletes, ..Act::new(what.trim(), kind) });
}

/// Programs that look, but can be told to change or to run something.
fn pager(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-n", "-u", "-w", "-z", "-g", "-t", "-e", "-p", "-o", "-i", "--pre"],
        Style::Mixed,
    );
    let flags = ["--vacuum-size", "--vacuum-time", "--vacuum-files", "--rotate", "--clear", "-C"];
    let clears = matches!(call.name, "journalctl" | "dmesg") && options.has(&flags);
    let runs = (call.name == "man" && options.has(&["-P", "-H", "--pager", "--html"]))
        || (call.name == "tcpdump" && options.value(&["-z"]).is_some())
        || options.value(&["--pre"]).is_some();
    if runs
        || call
            .arguments
            .iter()
            .any(|argument| argument.text.starts_with("+!") || argument.text.starts_with("--pager"))
    {
        session.doubt(crate::classify::Why::Foreign, call.name);
    }
    if clears {
        let (extent, irreversible) = (Extent::Everything, true);
        return session.act(Act {
            extent,
            irreversible,
            ..Act::new(format!("{} --clear", call.name), Kind::Delete)
        });
    }
    session.act(Act { targets: options.names(), ..Act::new(call.name, Kind::Read) });
}

//! Programs that reach other machines.

use super::{Argument, Call, Options, Reader, Style, path};
use crate::classify::shell::{Session, Stream};
use crate::classify::{Act, Kind, Why, http};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "curl" => curl,
        "wget" => wget,
        "http" | "https" | "xh" | "curlie" => httpie,
        "ssh" | "autossh" | "mosh" => ssh,
        "scp" | "sftp" | "rcp" => scp,
        "nc" | "ncat" | "netcat" | "socat" | "telnet" | "ftp" | "lftp" => socket,
        "ping" | "ping6" | "traceroute" | "tracepath" | "mtr" | "nmap" | "whois" | "arping" | "dig"
        | "host" | "nslookup" => probe,
        "mail" | "sendmail" | "mailx" | "mutt" | "swaks" => mail,
        _ => return None,
    })
}

/// The host of `user@host:path`, if it is one.
fn host_of(text: &str) -> Option<String> {
    let (host, _) = text.split_once(':')?;
    (!host.contains('/') && !host.is_empty()).then(|| host.rsplit('@').next().unwrap_or(host).to_owned())
}

fn requests(session: &mut Session, method: &str, urls: &[String], headers: &[String]) {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .filter_map(|header| header.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    for url in urls {
        let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
        session.absorb(http::read(method, &url, &headers), &[]);
    }
}

/// Files that a download is written to.
fn downloads(session: &mut Session, name: &str, files: &[String]) {
    for file in files.iter().filter(|file| !path::is_sink(file)) {
        let kind = path::kind_of_change(file, Kind::Write);
        session.act(Act { targets: vec![file.clone()], ..Act::new(format!("{name} -o"), kind) });
    }
}

fn curl(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-X",
        "-d",
        "-F",
        "-T",
        "-H",
        "-o",
        "-u",
        "-A",
        "-b",
        "-c",
        "-e",
        "-K",
        "-m",
        "-x",
        "-w",
        "-E",
        "-U",
        "-r",
        "-C",
        "-D",
        "-t",
        "-Y",
        "-y",
        "-z",
        "-P",
        "-Q",
        "--request",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--data-ascii",
        "--json",
        "--form",
        "--form-string",
        "--upload-file",
        "--header",
        "--output",
        "--user",
        "--url",
        "--config",
        "--proxy",
        "--cacert",
        "--cert",
        "--key",
        "--connect-to",
        "--resolve",
        "--unix-socket",
        "--max-time",
        "--connect-timeout",
        "--retry",
        "--retry-delay",
        "--write-out",
        "--cookie",
        "--cookie-jar",
        "--user-agent",
        "--referer",
        "--output-dir",
        "--oauth2-bearer",
        "--quote",
        "--dump-header",
        "--interface",
        "--limit-rate",
        "--range",
        "--url-query",
        "--variable",
        "--expand-url",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    if options.has_exactly(&["-V", "--version", "--help"]) {
        return session.act(Act::new("curl", Kind::Read));
    }
    for file in options.values(&["-K", "--config"]) {
        session.doubt(Why::Foreign, &format!("curl -K {file}"));
    }
    // What makes the host in the URL another.
    for other in options.values(&[
        "--connect-to",
        "--resolve",
        "--unix-socket",
        "--abstract-unix-socket",
        "-x",
        "--proxy",
        "--url-query",
    ]) {
        session.doubt(Why::Dynamic, &format!("curl to {other}"));
    }
    let data = [
        "-d",
        "-F",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--data-ascii",
        "--json",
        "--form",
        "--form-string",
    ];
    let sends = data.iter().any(|flag| options.has(&[flag])) && !options.has(&["-G", "--get"]);
    let uploads = options.has(&["-T", "--upload-file"]);
    let method = options.values(&["-X", "--request"]).pop().unwrap_or_else(|| {
        let plain = if options.has(&["-I", "--head"]) { "HEAD" } else { "GET" };
        (if uploads {
            "PUT"
        } else if sends {
            "POST"
        } else {
            plain
        })
        .to_owned()
    });
    let urls = [options.names(), options.values(&["--url"])].concat();
    if urls.is_empty() {
        session.doubt(Why::Missing, "url");
    }
    requests(session, &method, &urls, &options.values(&["-H", "--header"]));
    if sends && matches!(method.as_str(), "GET" | "HEAD")
        || options.values(&data).iter().any(|value| sends_file(value))
        || uploads
    {
        session.act(Act { targets: urls.clone(), ..Act::new("curl --data", Kind::ExternalCall) });
    }
    let mut files = options.values(&["-o", "--output", "-c", "--cookie-jar", "-D", "--dump-header"]);
    if options.has(&["-O", "--remote-name", "--remote-name-all"]) {
        files.extend(urls.iter().filter_map(|url| url.rsplit('/').next()).map(str::to_owned));
    }
    downloads(session, "curl", &files);
}

/// `-d @file`, `-F x=@file`: what is sent is a file.
fn sends_file(value: &str) -> bool {
    value.starts_with('@') || value.contains("=@") || value.contains("=<")
}

fn wget(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-O",
        "-o",
        "-P",
        "-i",
        "-U",
        "-t",
        "-T",
        "-e",
        "-a",
        "-A",
        "-R",
        "-D",
        "-l",
        "-Q",
        "-w",
        "--method",
        "--body-data",
        "--body-file",
        "--post-data",
        "--post-file",
        "--header",
        "--output-document",
        "--directory-prefix",
        "--input-file",
        "--execute",
        "--use-askpass",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    for text in options.values(&["-e", "--execute", "-i", "--input-file", "--use-askpass"]) {
        session.doubt(Why::Dynamic, &format!("wget {text}"));
    }
    let posts = options.has(&["--post-data", "--post-file", "--body-data", "--body-file"]);
    let method =
        options.value(&["--method"]).unwrap_or_else(|| (if posts { "POST" } else { "GET" }).to_owned());
    requests(session, &method, &options.names(), &options.values(&["--header"]));
    if options.has(&["--post-file", "--body-file"]) || (posts && method == "GET") {
        session.act(Act { targets: options.names(), ..Act::new("wget --post-file", Kind::ExternalCall) });
    }
    let mut files = options.values(&["-O", "--output-document"]);
    if files.is_empty() && !options.has_exactly(&["--spider"]) {
        files = options.values(&["-P", "--directory-prefix"]);
        if files.is_empty() {
            files.extend(options.names().iter().filter_map(|url| url.rsplit('/').next()).map(str::to_owned));
        }
    }
    let files: Vec<String> = files.into_iter().filter(|file| file != "-").collect();
    downloads(session, "wget", &files);
}

/// `http DELETE example.org/users/7`, `http example.org name=value`.
fn httpie(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-a", "-o", "-A", "--auth", "--output", "--session", "--proxy"],
        Style::Mixed,
    );
    let words = options.names();
    let is_method = |word: &&String| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase());
    let method = words.first().filter(is_method).cloned();
    let mut rest = words.iter().skip(usize::from(method.is_some()));
    let url: Vec<String> = rest.next().cloned().into_iter().collect();
    let sends = rest.any(|word| word.contains('=') && !word.contains("==")) || call.input.given;
    let method = method.unwrap_or_else(|| (if sends { "POST" } else { "GET" }).to_owned());
    requests(session, &method, &url, &[]);
    downloads(session, call.name, &options.values(&["-o", "--output"]));
}

fn ssh(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-b", "-B", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-Q",
        "-R", "-S", "-W", "-w",
    ];
    let options = Options::new(call.arguments, &valued, Style::First);
    // OpenSSH also takes options after the host.
    let (host, rest) = options.verb();
    let after: Vec<Argument> = rest.into_iter().cloned().collect();
    let more = Options::new(&after, &valued, Style::First);
    let host = host.strip_prefix("ssh://").unwrap_or(host);
    let place = host.rsplit('@').next().unwrap_or(host).to_owned();
    for setting in [options.values(&["-o"]), more.values(&["-o"])].concat() {
        let (name, value) = setting.split_once(['=', ' ']).unwrap_or((&setting, ""));
        if ["ProxyCommand", "LocalCommand", "KnownHostsCommand"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            session.doubt(Why::Dynamic, &setting);
            session.script(value, &Stream::default());
        }
    }
    if options.value(&["-F"]).is_some() {
        session.doubt(Why::Foreign, "ssh -F");
    }
    session.act(Act {
        targets: vec![host.to_owned()],
        places: vec![place.clone()],
        ..Act::new("ssh", Kind::ExternalCall)
    });
    for tunnel in [options.values(&["-L", "-R", "-D", "-W"]), more.values(&["-L", "-R", "-D"])].concat() {
        session.act(Act {
            targets: vec![tunnel],
            places: vec![place.clone()],
            ..Act::new("ssh tunnel", Kind::ExternalCall)
        });
    }
    let command: Vec<&str> = more.operands.iter().map(|word| word.text.as_str()).collect();
    if !command.is_empty() {
        session.script_at(&command.join(" "), vec![place], call.input);
    } else if call.input.given {
        session.at(vec![place], |session| super::interpreter::given(session, "ssh", call.input));
    }
}

fn scp(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-c", "-F", "-i", "-J", "-l", "-o", "-P", "-S", "-b", "-B", "-D", "-R", "-s"],
        Style::Mixed,
    );
    for setting in options.values(&["-o", "-S", "-D", "-b", "-F"]) {
        session.doubt(Why::Foreign, &format!("{} {setting}", call.name));
    }
    let targets = options.names();
    let mut places: Vec<String> = targets.iter().filter_map(|target| host_of(target)).collect();
    if call.name == "sftp" && places.is_empty() {
        places.clone_from(&targets);
        if call.input.given {
            session.doubt(Why::Foreign, "sftp");
        }
    }
    let system =
        targets.last().is_some_and(|target| path::is_system(target.rsplit(':').next().unwrap_or(target)));
    let kind = if system { Kind::Admin } else { Kind::ExternalCall };
    session.act(Act { targets, places, ..Act::new(call.name, kind) });
}

fn socket(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-e", "-c", "-p", "-w", "-s", "-X", "-x", "--exec", "--sh-exec"],
        Style::Mixed,
    );
    for text in options.values(&["-e", "-c", "--exec", "--sh-exec"]) {
        session.script(&text, &Stream::unknown());
    }
    let targets = options.names();
    for (_, text) in targets
        .iter()
        .filter_map(|target| target.split_once(':'))
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("exec") || kind.eq_ignore_ascii_case("system"))
    {
        session.script(text, &Stream::unknown());
    }
    let places = targets.iter().filter(|_| call.name != "socat").take(1).cloned().collect();
    session.act(Act { targets, places, ..Act::new(call.name, Kind::ExternalCall) });
}

fn probe(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-c", "-i", "-s", "-w", "-W", "-t", "-p", "-m", "--script", "-I"],
        Style::Mixed,
    );
    if options.value(&["--script"]).is_some() {
        session.doubt(Why::Foreign, "nmap --script");
    }
    session.act(Act { targets: options.names(), ..Act::new(call.name, Kind::ExternalCall) });
}

fn mail(session: &mut Session, call: &Call<'_>) {
    let options =
        Options::new(call.arguments, &["-s", "-a", "-c", "-b", "-r", "-A", "-S", "-f"], Style::Mixed);
    session.act(Act {
        targets: options.names(),
        irreversible: true,
        ..Act::new(call.name, Kind::ExternalCall)
    });
}

//! `countersign probe`: asks a process of this machine how it is, for whoever can only run a command to find out.

use super::exit::{Exit, Failed};
use super::output::visible;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

/// The longest answer that is read.
const LONGEST: u64 = 4096;

/// Ask a running countersign how it is: ends with 0 if it is so, with 1 and the reason if not
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whether it has started, whether it is alive, or whether it takes work
    #[arg(value_enum)]
    what: What,
    /// Where it answers probes; `0.0.0.0` stands for this machine
    #[arg(long, env = "COUNTERSIGN_HEALTH", value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    address: SocketAddr,
    /// How long it has to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    Startup,
    Live,
    Ready,
}

impl What {
    const fn path(self) -> &'static str {
        match self {
            Self::Startup => "/startup",
            Self::Live => "/live",
            Self::Ready => "/ready",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with why it is not so, as far as that is known.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let address = here(args.address);
    let silent = |error: std::io::Error| Failed::plain(format!("{address} does not answer: {error}"));
    let answer = ask(address, args.what.path(), Duration::from_secs(args.timeout)).map_err(silent)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(Exit::Success),
        Some("503") => Err(Failed::plain(visible(body.trim()))),
        Some(_) | None => Err(Failed::plain(format!("{address} answers something else than probes"))),
    }
}

/// An address to listen on as one to connect to.
pub(super) fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr, path: &str, patience: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! Host: which machine a request goes to, however its name or address is spelled.

use super::url::decode;
use crate::classify::{Reading, Why};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host, by the one name that all its spellings have.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) reach: Reach,
}

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A cloud's metadata service, which gives out credentials.
    Metadata,
    /// This machine, or its link.
    Local,
    /// Anywhere else.
    Elsewhere,
}

impl Host {
    /// Reads a host as it stands in a URL.
    pub(super) fn read(written: &str, reading: &mut Reading) -> Self {
        let decoded = decode(written);
        if decoded != written {
            reading.doubt(Why::Encoded, written);
        }
        let name = decoded.trim_end_matches('.').to_lowercase();
        if !name.is_ascii() || name.split('.').any(|label| label.starts_with("xn--")) {
            reading.doubt(Why::Disguised, &name);
        }
        match address(&name) {
            Some((address, usual)) => {
                let plain = match address {
                    IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
                    IpAddr::V4(_) => address,
                };
                if !usual || plain != address {
                    reading.doubt(Why::Disguised, &format!("{written} is {plain}"));
                }
                let shown = if plain.is_ipv6() { format!("[{plain}]") } else { plain.to_string() };
                Self { name: shown, reach: reach_of_address(plain) }
            }
            None => {
                if ANY_ADDRESS.iter().any(|zone| name == *zone || name.ends_with(&format!(".{zone}"))) {
                    // Names of these zones resolve to whatever address they spell.
                    reading.doubt(Why::Disguised, &name);
                }
                let reach = reach_of_name(&name);
                Self { name, reach }
            }
        }
    }

    pub(super) fn places(&self) -> Vec<String> {
        if self.name.is_empty() { Vec::new() } else { vec![self.name.clone()] }
    }
}

/// Zones whose names resolve to the address that they spell, or to this machine.
const ANY_ADDRESS: &[&str] =
    &["nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me", "vcap.me", "lacolhost.com"];

fn reach_of_name(name: &str) -> Reach {
    if matches!(
        name,
        "metadata"
            | "metadata.google.internal"
            | "metadata.goog"
            | "instance-data"
            | "instance-data.ec2.internal"
    ) {
        return Reach::Metadata;
    }
    let local =
        matches!(name, "localhost" | "localhost.localdomain" | "ip6-localhost" | "host.docker.internal");
    if local || name.ends_with(".localhost") { Reach::Local } else { Reach::Elsewhere }
}

fn reach_of_address(address: IpAddr) -> Reach {
    const METADATA_V4: &[Ipv4Addr] = &[
        Ipv4Addr::new(169, 254, 169, 254),
        Ipv4Addr::new(169, 254, 170, 2),
        Ipv4Addr::new(169, 254, 170, 23),
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(192, 0, 0, 192),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    const METADATA_V6: &[Ipv6Addr] = &[
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    match address {
        IpAddr::V4(v4) if METADATA_V4.contains(&v4) => Reach::Metadata,
        IpAddr::V6(v6) if METADATA_V6.contains(&v6) => Reach::Metadata,
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() || v4.octets().first() == Some(&0) => {
            Reach::Local
        }
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() => {
            Reach::Local
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Reach::Elsewhere,
    }
}

/// The address that a host spells, and whether it spells it in the usual way.
fn address(name: &str) -> Option<(IpAddr, bool)> {
    if let Some(inside) = name.strip_prefix('[') {
        let inside = inside.trim_end_matches(']');
        let (plain, zone) = inside.split_once('%').map_or((inside, ""), |(plain, zone)| (plain, zone));
        return Some((IpAddr::V6(plain.parse().ok()?), zone.is_empty()));
    }
    let parts: Vec<&str> = name.split('.').collect();
    let usual = parts.len() == 4
        && parts
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()) && (*part == "0" || !part.starts_with('0')));
    let numbers: Vec<u64> = parts.iter().map(|part| number(part)).collect::<Option<_>>()?;
    // The last part fills what the others leave: `127.1`, `2130706433`.
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 8 * (4 - first.len());
    let high = first.iter().fold(0_u64, |sum, part| sum << 8 | part);
    let whole = high.checked_shl(u32::try_from(room).ok()?)?.checked_add(*last)?;
    let fits = room >= 64 || *last < 1_u64 << room;
    let address = Ipv4Addr::from(u32::try_from(whole).ok().filter(|_| fits)?);
    Some((IpAddr::V4(address), usual))
}

/// A part of an address: decimal, hexadecimal after `0x`, octal after `0`.
fn number(part: &str) -> Option<u64> {
    if let Some(digits) = part.strip_prefix("0x") {
        return if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 16).ok() };
    }
    if part.starts_with('+') || part.is_empty() {
        return None;
    }
    let octal = part.len() > 1 && part.starts_with('0');
    u64::from_str_radix(part, if octal { 8 } else { 10 }).ok()
}

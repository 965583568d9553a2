//! Where somebody can be reached, and in which order that is tried.

use crate::escalation::Channel;
use crate::reviewer::Person;
use crate::reviewer::profile::Preferences;

/// In which order kinds are tried where nobody says anything else: what reaches a pocket at once, then what is read
/// later, then what costs something.
const ORDER: [&str; 4] = ["slack", "push", "email", "sms"];
/// The most ways that are tried for one person.
const MAX_ROUTES: usize = 8;

/// What is known about reaching somebody.
#[derive(Clone, Copy, Debug)]
pub struct Reachable<'a> {
    /// The person, with their accounts.
    pub person: &'a Person,
    /// What they prefer themselves.
    pub preferences: Option<&'a Preferences>,
    /// The browsers that they subscribed.
    pub browsers: &'a [Box<str>],
}

/// The ways to reach somebody, what is tried first in front. Each is one channel with all addresses that are told
/// together there: several browsers, otherwise one.
///
/// First comes what the person likes, then what the roster says of them, then what the rule says, then whatever is
/// configured. Where the roster, or else the rule, knows only the console for them, they are told nowhere else.
#[must_use]
pub fn routes(to: Reachable<'_>, rule: &[Channel], configured: &[&'static str]) -> Vec<Vec<Channel>> {
    let Reachable { person, preferences, .. } = to;
    let by_rule = rule.iter().filter(|channel| channel.which().is_none());
    let by_rule: Vec<&Channel> = by_rule.collect();
    let said: &[&Channel] = &person.channels.iter().collect::<Vec<_>>();
    let said = if said.is_empty() { by_rule.as_slice() } else { said };
    if !said.is_empty() && said.iter().all(|channel| channel.kind() == "console") {
        return Vec::new();
    }
    let preferred = preferences.map(|preferences| preferences.channels.as_slice()).unwrap_or_default();
    // Whoever says where they like to be told says it of addresses that are known to be theirs.
    let own = |channel: &Channel| match channel.which() {
        None => addresses(to, channel.kind()),
        Some(_) => {
            let all = addresses(to, channel.kind());
            all.into_iter().filter(|address| address == channel).collect()
        }
    };
    let as_said = |channel: &Channel| match channel.which() {
        None => addresses(to, channel.kind()),
        Some(_) => vec![channel.clone()],
    };
    let usual = ORDER.iter().filter(|kind| configured.contains(kind)).map(|kind| addresses(to, kind));
    let ways = preferred
        .iter()
        .map(own)
        .chain(person.channels.iter().map(as_said))
        .chain(by_rule.iter().map(|channel| addresses(to, channel.kind())))
        .chain(usual);
    let mut routes: Vec<Vec<Channel>> = Vec::new();
    for mut way in ways {
        way.retain(|channel| configured.contains(&channel.kind()) && !routes.concat().contains(channel));
        // Of several mailboxes one is read.
        if !matches!(way.first().map(Channel::kind), Some("push")) {
            way.truncate(1);
            if way.first().is_some_and(|one| routes.iter().flatten().any(|other| same_kind(one, other))) {
                continue;
            }
        }
        if !way.is_empty() && routes.len() < MAX_ROUTES {
            routes.push(way);
        }
    }
    routes
}

fn same_kind(one: &Channel, other: &Channel) -> bool {
    one.kind() == other.kind()
}

/// Where this kind of channel reaches them: `ada@example.com`, `slack:T01:U02` and `tel:+15550100` are accounts that
/// say so.
fn addresses(to: Reachable<'_>, kind: &str) -> Vec<Channel> {
    let accounts = to.person.accounts.iter();
    let found: Vec<&str> = match kind {
        "email" => accounts.filter_map(|account| mailbox(account)).collect(),
        "slack" => accounts.filter_map(|account| slack_user(account)).collect(),
        "sms" => accounts.filter_map(|account| telephone(account)).collect(),
        "push" => to.browsers.iter().map(|browser| &**browser).collect(),
        _ => Vec::new(),
    };
    found.into_iter().filter_map(|address| Channel::parse(&format!("{kind}:{address}"))).collect()
}

fn mailbox(account: &str) -> Option<&str> {
    let bare = account.strip_prefix("mailto:").or_else(|| account.strip_prefix("email:")).unwrap_or(account);
    let (local, domain) = bare.rsplit_once('@')?;
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', ':', '@', ' ', '<', '>', ',', '"']);
    (plain(local) && plain(domain)).then_some(bare)
}

fn slack_user(account: &str) -> Option<&str> {
    let both = account.strip_prefix("slack:")?;
    let (team, user) = both.split_once(':')?;
    let id = |text: &str| text.len() >= 2 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    (id(team) && id(user)).then_some(both)
}

fn telephone(account: &str) -> Option<&str> {
    let number = account.strip_prefix("tel:")?;
    let digits = number.strip_prefix('+')?;
    ((7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reviewer::Directory;

    const ALL: [&str; 5] = ["slack", "push", "email", "sms", "webhook"];

    fn told(channels: &str, preferred: &[&str], rule: &[&str], configured: &[&'static str]) -> String {
        let channels =
            if channels.is_empty() { String::new() } else { format!("    channels: {channels}\n") };
        let roster = format!(
            "version: 1\npeople:\n  - id: ada\n{channels}    accounts: [ada@example.com, mailto:ada@work.example, \
             'slack:T01:U02', 'slack:U3', 'tel:+15550100', 'tel:0555', 'uid:1000']\n"
        );
        let directory = Directory::parse(&roster, "roster.yaml").unwrap();
        let parse = |all: &[&str]| all.iter().map(|one| Channel::parse(one).unwrap()).collect::<Vec<_>>();
        let preferences = Preferences { channels: parse(preferred), quiet: None };
        let browsers = ["b1".into(), "b2".into()];
        let person = directory.people().next().unwrap();
        let to = Reachable { person, preferences: Some(&preferences), browsers: &browsers };
        let routes = routes(to, &parse(rule), configured);
        let way = |way: &Vec<Channel>| way.iter().map(Channel::as_str).collect::<Vec<_>>().join("+");
        routes.iter().map(way).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn people_are_told_where_they_like_it_then_where_others_say() {
        let usual = "slack:T01:U02 push:b1+push:b2 email:ada@example.com sms:+15550100";
        assert_eq!(told("", &[], &[], &ALL), usual);
        assert_eq!(told("", &["sms"], &[], &["sms", "email"]), "sms:+15550100 email:ada@example.com");
        assert_eq!(
            told("email", &[], &["slack"], &["email", "slack"]),
            "email:ada@example.com slack:T01:U02"
        );
        assert_eq!(told("", &[], &["email"], &["email", "slack"]), "email:ada@example.com slack:T01:U02");
        assert_eq!(
            told("email", &["push"], &[], &ALL),
            "push:b1+push:b2 email:ada@example.com slack:T01:U02 sms:+15550100"
        );
        let own = "email:ada@work.example";
        assert_eq!(told("email:ada@work.example", &[], &[], &["email"]), own);
    }

    #[test]
    fn nobody_is_told_where_they_can_not_be_or_do_not_read() {
        assert_eq!(told("", &[], &[], &[]), "");
        assert_eq!(told("", &[], &[], &["webhook"]), "", "a webhook is told where somebody says so");
        assert_eq!(told("webhook:pager", &[], &[], &["webhook"]), "webhook:pager");
        assert_eq!(told("console", &["email"], &[], &ALL), "");
        assert_eq!(told("", &[], &["console"], &ALL), "");
        assert_eq!(told("email", &[], &["console"], &["email"]), "email:ada@example.com");
        assert_eq!(told("", &["email:eve@example.org"], &[], &["email"]), "email:ada@example.com");
        // A place is told itself, not through a person.
        assert_eq!(told("", &[], &["slack:#approvals"], &["slack"]), "slack:T01:U02");
    }
}

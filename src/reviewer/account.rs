//! Accounts: when two of them are the same one, however they are written.

/// The form under which an account is known: in lower case; an e-mail address also without the tag after a plus, the
/// dot at the end of its domain and the `mailto:` or `email:` before it.
///
/// `Ada+Alerts@Example.COM.` reaches whoever reads `ada@example.com`, so that it is no second person (E2).
pub(super) fn canonical(account: &str) -> Box<str> {
    let lower = account.to_ascii_lowercase();
    address(&lower).unwrap_or(lower).into()
}

/// The address without its decoration; `None` for what is no address.
fn address(lower: &str) -> Option<String> {
    let bare = lower.strip_prefix("mailto:").or_else(|| lower.strip_prefix("email:")).unwrap_or(lower);
    let (local, domain) = bare.rsplit_once('@')?;
    let domain = domain.trim_end_matches('.');
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', ':', '@', ' ']);
    if !plain(local) || !plain(domain) {
        return None;
    }
    let user = local.split_once('+').map_or(local, |(user, _)| user);
    // `+x@example.com` has no user in front of a tag: the plus is part of the name.
    let user = if user.is_empty() { local } else { user };
    Some(format!("{user}@{}", domain.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_the_same_account() {
        for alias in [
            "ada@example.com",
            "ADA@example.com",
            "ada+x@example.com",
            "ada+x+y@Example.COM.",
            "mailto:ada@example.com",
            "email:Ada+@example.com",
        ] {
            assert_eq!(&*canonical(alias), "ada@example.com", "{alias}");
        }
    }

    #[test]
    fn what_is_no_address_is_only_compared_without_case() {
        for (account, expected) in [
            ("uid:1000", "uid:1000"),
            ("slack:U024+BE7", "slack:u024+be7"),
            ("https://x+y@host/path", "https://x+y@host/path"),
            ("+x@example.com", "+x@example.com"),
            ("ada+x@", "ada+x@"),
            ("@example.com", "@example.com"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(&*canonical(account), expected);
        }
    }
}

//! The address that a channel's text is.

use crate::escalation::Channel;
use crate::notify::Address;

/// The address; `None` if the text names none of its kind.
pub(super) fn address(channel: &Channel) -> Option<Address> {
    let which = channel.which()?;
    match channel.kind() {
        "email" => which.contains('@').then(|| Address::Email(which.into())),
        "slack" => Some(match which.split_once(':') {
            Some((team, user)) => Address::SlackUser { team: team.into(), user: user.into() },
            None => Address::SlackChannel(which.into()),
        }),
        "sms" => which.starts_with('+').then(|| Address::Phone(which.into())),
        "push" => Some(Address::Browser(which.into())),
        "webhook" => Some(Address::Webhook(which.into())),
        _ => None,
    }
}

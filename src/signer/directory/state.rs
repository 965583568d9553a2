//! What a folder of keys remembers beside its keys: a number that never falls, and what was revoked.

use crate::digest::KeyId;
use crate::moment::Moment;
use crate::operation::json::{self, Limits, Object, Value};
use crate::party::TokenId;
use crate::token::MAX_LIFE;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

const LIMITS: Limits = Limits { bytes: 1024 * 1024, depth: 4, members: 65_536 };

/// How long a revoked token is remembered after its end, for executors whose clocks are behind.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The most tokens that are listed one by one; where more are to be revoked, all that were issued before are.
pub(super) const MAX_TOKENS: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) sequence: u64,
    pub(super) revoked: BTreeSet<KeyId>,
    /// Tokens, with the moment when each expires by itself.
    pub(super) tokens: BTreeMap<TokenId, Moment>,
    /// Every token issued before this moment.
    pub(super) not_before: Option<Moment>,
}

impl State {
    /// Reads what [`State::to_bytes`] wrote.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let value = json::read(text, &LIMITS).ok()?;
        let object = value.as_object()?;
        let revoked = object.get("revoked")?.as_array()?.iter().map(|id| id.as_str().and_then(KeyId::parse));
        let tokens = match object.get("tokens") {
            None => BTreeMap::new(),
            Some(tokens) => tokens.as_object()?.iter().map(token).collect::<Option<_>>()?,
        };
        let not_before = match object.get("not_before") {
            None => None,
            Some(seconds) => Some(Moment::from_unix_seconds(seconds.as_u64()?)),
        };
        let sequence = object.get("sequence")?.as_u64()?;
        Some(Self { sequence, revoked: revoked.collect::<Option<_>>()?, tokens, not_before })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let revoked: Vec<Value> = self.revoked.iter().map(|id| Value::from(id.to_string())).collect();
        let mut object = Object::new().with("revoked", revoked).with("sequence", self.sequence);
        if !self.tokens.is_empty() {
            let mut tokens = Object::new();
            for (id, expires_at) in &self.tokens {
                tokens.set(&id.to_string(), expires_at.unix_seconds());
            }
            object.set("tokens", Value::from(tokens));
        }
        if let Some(moment) = self.not_before {
            object.set("not_before", moment.unix_seconds());
        }
        Value::from(object).to_canonical()
    }

    /// Revokes these tokens and, where a moment is given, every one that was issued before it.
    pub(super) fn revoke(&mut self, tokens: &BTreeMap<TokenId, Moment>, before: Option<Moment>, now: Moment) {
        self.tokens.extend(tokens);
        self.not_before = self.not_before.max(before);
        self.forget(now);
        if self.tokens.len() > MAX_TOKENS {
            // More than is needed, and never less.
            self.tokens.clear();
            let next_second = Moment::from_unix_seconds(now.unix_seconds().saturating_add(1));
            self.not_before = self.not_before.max(Some(next_second));
        }
    }

    /// Leaves out what has expired by itself.
    fn forget(&mut self, now: Moment) {
        self.tokens.retain(|_, expires_at| now < expires_at.plus(REMEMBERED));
        self.not_before = self.not_before.filter(|before| now < before.plus(MAX_LIFE).plus(REMEMBERED));
    }
}

fn token((id, expires_at): (&str, &Value)) -> Option<(TokenId, Moment)> {
    Some((TokenId::parse(id)?, Moment::from_unix_seconds(expires_at.as_u64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(numbers: core::ops::Range<u16>, end: u64) -> BTreeMap<TokenId, Moment> {
        let id = |n: u16| TokenId::from_random([n.to_be_bytes(); 8].concat().try_into().unwrap());
        numbers.map(|n| (id(n), Moment::from_unix_seconds(end))).collect()
    }

    #[test]
    fn what_is_written_is_read_also_as_it_was_written_before_tokens_were_in_it() {
        let now = Moment::from_unix_seconds(1000);
        let mut state = State { sequence: 7, ..State::default() };
        state.revoked.insert(KeyId::from_bytes([3; 32]));
        assert_eq!(State::read(&state.to_bytes()), Some(state.clone()));
        assert_eq!(
            State::read(br#"{"revoked":[],"sequence":7}"#),
            Some(State { sequence: 7, ..State::default() })
        );
        state.revoke(&tokens(0..9, 1300), Some(now), now);
        assert_eq!(State::read(&state.to_bytes()), Some(state));
        for wrong in [
            &b"{}"[..],
            br#"{"revoked":[],"sequence":7,"tokens":[]}"#,
            br#"{"revoked":[],"sequence":7,"tokens":{"x":1}}"#,
            br#"{"revoked":[],"sequence":7,"not_before":"1"}"#,
            br#"{"revoked":["x"],"sequence":7}"#,
        ] {
            assert_eq!(State::read(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn what_has_expired_is_forgotten_and_too_many_are_revoked_by_their_time() {
        let at = Moment::from_unix_seconds;
        let mut state = State::default();
        state.revoke(&tokens(0..5, 1300), Some(at(1000)), at(1000));
        state.revoke(&tokens(5..6, 9000), None, at(1599));
        assert_eq!((state.tokens.len(), state.not_before), (6, Some(at(1000))));
        state.revoke(&BTreeMap::new(), None, at(1600));
        assert_eq!(state.tokens.len(), 1);
        state.revoke(&BTreeMap::new(), None, at(4900));
        assert_eq!(state.not_before, None);
        state.revoke(&tokens(0..5000, 9000), None, at(5000));
        assert_eq!((state.tokens.len(), state.not_before), (0, Some(at(5001))));
        assert!(state.to_bytes().len() < 1024);
    }
}

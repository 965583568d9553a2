//! Header and claims in exactly the form that this library writes, read without building a tree.
//!
//! Every byte is matched against the RFC 8785 form of a token: members in their one order, no white space, no escapes.
//! What has any other form is `None` here and goes the general way, which also says what is wrong with it; so this is
//! quicker for almost every token and decides nothing. That it never says otherwise than the general way is tested.

use super::audience::Audience;
use super::claims::{Approval, Assurance, Claims, LogLeaf, ReadClaims, RiskScore, Times};
use super::compact::Header;
use super::members::{LAST_SECOND, MAX_INTEGER};
use crate::digest::{OperationDigest, PolicyDigest, VoteDigest};
use crate::moment::Moment;
use crate::operation::json::{Limits, Value, read};
use crate::party::{AgentId, LogOrigin, PersonId, SeatName, TokenId, TrustDomain, TxnId};

pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let mut form = Form::of(bytes)?;
    let alg = form.string(r#"{"alg":"#)?;
    let kid = form.string(r#","kid":"#)?;
    let typ = form.string(r#","typ":"#)?;
    form.end("}")?;
    Some(Header { alg: alg.into(), typ: typ.into(), kid: kid.into() })
}

/// Claims without `cnf`, which few tokens have.
pub(super) fn claims(bytes: &[u8], limits: &Limits) -> Option<ReadClaims> {
    let mut form = Form::of(bytes)?;
    form.literal("{")?;
    let mut on_behalf_of = None;
    if form.next_is(r#""act":"#) {
        on_behalf_of = Some(PersonId::new(form.string(r#"{"sub":"#)?).ok()?);
        form.literal("},")?;
    }
    let audience = Audience::received(form.string(r#""aud":"#)?);
    let mut approvals = Vec::new();
    if form.next_is(r#","cs_appr":["#) {
        approvals.push(form.approval()?);
        while form.next_is(",") {
            approvals.push(form.approval()?);
        }
        form.literal("]")?;
    }
    let mut conditions = Vec::new();
    if form.next_is(r#","cs_cond":"#) {
        conditions = form.conditions(limits)?;
    }
    let index = form.number(r#","cs_log":{"index":"#)?;
    let origin = LogOrigin::new(form.string(r#","origin":"#)?).ok()?;
    let operation = OperationDigest::parse(form.string(r#"},"cs_op":"#)?)?;
    let policy = PolicyDigest::parse(form.string(r#","cs_pol":"#)?)?;
    let risk = RiskScore::from_thousandths(form.number(r#","cs_risk":"#)?)?;
    let version = form.number(r#","cs_v":"#)?;
    let expires_at = form.second(r#","exp":"#)?;
    let issued_at = form.second(r#","iat":"#)?;
    let issuer = TrustDomain::new(form.string(r#","iss":"#)?).ok()?;
    let jti = TokenId::parse(form.string(r#","jti":"#)?)?;
    let not_before = form.second(r#","nbf":"#)?;
    let subject = AgentId::new(form.string(r#","sub":"#)?).ok()?;
    let txn = TxnId::parse(form.string(r#","txn":"#)?)?;
    form.end("}")?;
    let times = Times { issued_at, not_before, expires_at };
    let log = LogLeaf { origin, index };
    let claims = Claims {
        issuer,
        subject,
        on_behalf_of,
        audience,
        times,
        jti,
        txn,
        holder: None,
        operation,
        policy,
        risk,
        conditions: Vec::new(),
        approvals,
        log,
    };
    Some(ReadClaims { version, claims, conditions })
}

/// What is left of a text.
struct Form<'a>(&'a str);

impl<'a> Form<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        core::str::from_utf8(bytes).ok().map(Self)
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    fn next_is(&mut self, literal: &str) -> bool {
        self.literal(literal).is_some()
    }

    fn end(self, literal: &str) -> Option<()> {
        (self.0 == literal).then_some(())
    }

    /// After `before`: a string of printable ASCII without escapes.
    fn string(&mut self, before: &str) -> Option<&'a str> {
        self.literal(before)?;
        let after_quote = self.0.strip_prefix('"')?;
        let (text, rest) = after_quote.split_once('"')?;
        let plain = text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'\\');
        self.0 = plain.then_some(rest)?;
        Some(text)
    }

    /// After `before`: a whole number without sign or leading zero.
    fn number(&mut self, before: &str) -> Option<u64> {
        self.literal(before)?;
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (text, rest) = self.0.split_at_checked(digits)?;
        // What follows a number here begins with `,` or `}`; a fraction or an exponent does not.
        let whole = (digits == 1 || !text.starts_with('0')) && rest.starts_with([',', '}']);
        let number = text.parse::<u64>().ok().filter(|number| whole && *number <= MAX_INTEGER)?;
        self.0 = rest;
        Some(number)
    }

    fn second(&mut self, before: &str) -> Option<Moment> {
        let second = self.number(before)?;
        (second <= LAST_SECOND).then(|| Moment::from_unix_seconds(second))
    }

    fn approval(&mut self) -> Option<Approval> {
        let assurance = Assurance::parse(self.string(r#"{"assurance":"#)?)?;
        let at = self.second(r#","at":"#)?;
        let person = PersonId::new(self.string(r#","id":"#)?).ok()?;
        let mut seats = vec![SeatName::new(self.string(r#","seats":["#)?).ok()?];
        while self.next_is(",") {
            seats.push(SeatName::new(self.string("")?).ok()?);
        }
        let vote = VoteDigest::parse(self.string(r#"],"vote":"#)?)?;
        self.literal("}")?;
        Some(Approval { person, seats, at, assurance, vote })
    }

    /// The conditions, read by the general reader: the text up to the only place where `cs_log` can follow.
    fn conditions(&mut self, limits: &Limits) -> Option<Vec<Value>> {
        const NEXT: &str = r#","cs_log":{"#;
        let (list, _) = self.0.split_once(NEXT)?;
        let rest = self.0.get(list.len()..)?;
        // Cut at the wrong place, within a list or a string, it is no JSON.
        let value = read(list.as_bytes(), &Limits { depth: limits.depth - 1, ..*limits }).ok()?;
        let Value::Array(conditions) = value else { return None };
        self.0 = rest;
        (!conditions.is_empty()).then_some(conditions)
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts are ASCII")]
mod tests {
    use super::*;
    use crate::token::claims::LIMITS;
    use proptest::prelude::*;

    const HEADER: &str = r#"{"alg":"EdDSA","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","typ":"countersign-authority+jwt"}"#;

    const CLAIMS: &str = concat!(
        r#"{"act":{"sub":"carol"},"aud":"https://exec.example#op=x;cond","cs_appr":[{"assurance":"signed","#,
        r#""at":1795258851,"id":"alice","seats":["oncall","lead"],"vote":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},"#,
        r#"{"assurance":"channel","at":0,"id":"bob","seats":["oncall"],"vote":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}],"#,
        r#""cs_cond":[{"max_percent":10,"type":"canary"},{"type":"dry_run"}],"cs_log":{"index":41,"origin":"log"},"#,
        r#""cs_op":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","cs_pol":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","#,
        r#""cs_risk":455,"cs_v":1,"exp":1795259211,"iat":1795258911,"iss":"https://acme.example","#,
        r#""jti":"BwcHBwcHBwcHBwcHBwcHBw","nbf":1795258906,"sub":"agent","txn":"txn_CQkJCQkJCQkJCQkJCQkJCQ"}"#,
    );

    /// The quick way is taken only where the general way says the same.
    fn agree(text: &[u8]) -> bool {
        if let Some(quick) = header(text) {
            assert_eq!(Header::read_generally(text).ok(), Some(quick));
        }
        let Some(quick) = claims(text, &LIMITS) else { return false };
        assert_eq!(ReadClaims::read_generally(text).ok(), Some(quick));
        true
    }

    #[test]
    fn what_this_library_writes_is_read_the_quick_way() {
        assert!(agree(CLAIMS.as_bytes()));
        assert!(header(HEADER.as_bytes()).is_some());
        let cut = |from: &str, to: &str| {
            let (start, end) = (CLAIMS.find(from).unwrap(), CLAIMS.find(to).unwrap());
            [&CLAIMS[..start], &CLAIMS[end..]].concat()
        };
        assert!(agree(cut("\"act\"", "\"aud\"").as_bytes()));
        assert!(agree(cut("\"cs_appr\"", "\"cs_cond\"").as_bytes()));
        assert!(agree(cut("\"cs_cond\"", "\"cs_log\"").as_bytes()));
    }

    #[test]
    fn what_looks_like_it_goes_the_general_way() {
        for (from, to) in [
            ("455", "0455"),
            ("455", "455.0"),
            ("455", "4e2"),
            ("455", "+455"),
            ("455", "-455"),
            ("455", "9007199254740993"),
            ("455", ""),
            ("41", "00"),
            ("carol", "c\\u0061rol"),
            ("carol", "c\"rol"),
            ("carol", "c\u{e4}rol"),
            ("carol", "c\u{7f}rol"),
            ("carol", ""),
            (r#"[{"max_percent":10,"type":"canary"},{"type":"dry_run"}]"#, "[]"),
            (
                r#"[{"max_percent":10,"type":"canary"},{"type":"dry_run"}]"#,
                r#"[{"a":[1],"cs_log":{"index":41}}]"#,
            ),
            (r#"[{"max_percent":10,"type":"canary"},{"type":"dry_run"}]"#, r#"[],"cs_log":{},"x":[1]"#),
            (r#"[{"max_percent":10,"type":"canary"},{"type":"dry_run"}]"#, "[[[[[[[[1]]]]]]]]"),
            (r#"["oncall"]"#, r#"["oncall",]"#),
            (r#"["oncall"]"#, "[]"),
            ("}]", "},]"),
            (",\"iat\"", ", \"iat\""),
            ("{\"act\"", " {\"act\""),
            ("CQ\"}", "CQ\"} "),
            ("\"iss\"", "\"iss\":\"x\",\"iss\""),
        ] {
            assert!(CLAIMS.contains(from));
            let text = CLAIMS.replacen(from, to, 1);
            assert!(!agree(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_quick_way_never_says_otherwise(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
        ) {
            let mut text = CLAIMS.as_bytes().to_vec();
            for (at, byte, how) in edits {
                // Cut off after one byte and that one removed: nothing is left to edit.
                if text.is_empty() {
                    break;
                }
                let at = at.index(text.len());
                // Mostly bytes that mean something to JSON.
                let byte = if byte < 128 { br#"{}[],:"\ 0123456789-+.eEtfn"#[usize::from(byte) % 27] } else { byte };
                match how {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    2 => { text.remove(at); }
                    _ => text.truncate(at.max(1)),
                }
            }
            agree(&text);
        }
    }
}

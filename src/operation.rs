//! What someone proposes to do: its canonical bytes and the digest that tokens and votes bind (TOKEN §5).
//!
//! ```
//! use countersign::operation::Operation;
//!
//! let a = Operation::from_json("db.rows.delete", "prod/orders", br#"{"where": "id = 7", "limit": 1}"#)?;
//! let b = Operation::from_json("db.rows.delete", "prod/orders", br#"{"limit":1.0,"where":"id = 7"}"#)?;
//! assert_eq!(a.digest(), b.digest());
//! # Ok::<(), countersign::operation::OperationError>(())
//! ```

#[cfg(feature = "engine")]
pub mod context;
pub mod json;
#[cfg(feature = "engine")]
pub mod mask;
pub mod render;

use crate::digest::{OperationDigest, PayloadDigest, sha256};
use core::fmt;
use core::ops::Range;
use json::{Limits, ReadError, Value};

/// The most bytes of an action.
pub const MAX_ACTION: usize = 256;

/// The most bytes of a resource.
pub const MAX_RESOURCE: usize = 2048;

/// What keeps an operation's digest apart from every other SHA-256.
const LABEL: &[u8] = b"countersign/op/v1\n";

/// An action on a resource, with parameters or with a payload of which only the digest is here.
///
/// Two operations are equal only if they are the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    action: Box<str>,
    resource: Box<str>,
    op_bytes: Vec<u8>,
    arguments: Arguments,
    digest: OperationDigest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Arguments {
    /// Where in `op_bytes` the parameters are.
    Parameters(Range<usize>),
    Payload(PayloadDigest),
}

impl Operation {
    /// An operation whose parameters are a JSON object (JSON mode).
    ///
    /// # Errors
    /// [`OperationError`]: a malformed action or resource, or parameters that cannot be hashed unambiguously.
    pub fn from_json(action: &str, resource: &str, parameters: &[u8]) -> Result<Self, OperationError> {
        check_action(action)?;
        check_resource(resource)?;
        let mut op_bytes = Vec::with_capacity(64 + action.len() + resource.len() + parameters.len());
        op_bytes.extend_from_slice(br#"{"action":""#);
        op_bytes.extend_from_slice(action.as_bytes());
        op_bytes.extend_from_slice(br#"","parameters":"#);
        let start = op_bytes.len();
        json::canonicalize(parameters, &Limits::OPERATION, &mut op_bytes)
            .map_err(OperationError::Parameters)?;
        if op_bytes.get(start) != Some(&b'{') {
            return Err(OperationError::ParametersNotObject);
        }
        // A short number such as 1e20 can have a long form; what is written must be readable again.
        if op_bytes.len() - start > Limits::OPERATION.bytes {
            let error = ReadError { fault: json::Fault::TooLarge, at: parameters.len() };
            return Err(OperationError::Parameters(error));
        }
        let arguments = Arguments::Parameters(start..op_bytes.len());
        Ok(Self::finish(action, resource, op_bytes, arguments))
    }

    /// An operation whose argument is a payload of any kind: the exact bytes that the executor will receive
    /// (raw mode). Only their SHA-256 becomes part of the operation.
    ///
    /// # Errors
    /// [`OperationError`]: a malformed action or resource.
    pub fn from_payload(action: &str, resource: &str, payload: &[u8]) -> Result<Self, OperationError> {
        Self::from_payload_digest(action, resource, PayloadDigest::from_bytes(sha256(&[payload])))
    }

    /// As [`Operation::from_payload`], where the payload's SHA-256 is already known.
    ///
    /// # Errors
    /// [`OperationError`]: a malformed action or resource.
    pub fn from_payload_digest(
        action: &str,
        resource: &str,
        digest: PayloadDigest,
    ) -> Result<Self, OperationError> {
        check_action(action)?;
        check_resource(resource)?;
        let mut op_bytes = Vec::with_capacity(128 + action.len() + resource.len());
        op_bytes.extend_from_slice(br#"{"action":""#);
        op_bytes.extend_from_slice(action.as_bytes());
        op_bytes.extend_from_slice(br#"","payload_sha256":""#);
        op_bytes.extend_from_slice(digest.to_string().as_bytes());
        op_bytes.push(b'"');
        Ok(Self::finish(action, resource, op_bytes, Arguments::Payload(digest)))
    }

    fn finish(action: &str, resource: &str, mut op_bytes: Vec<u8>, arguments: Arguments) -> Self {
        op_bytes.extend_from_slice(br#","resource":"#);
        json::write_string(resource, &mut op_bytes);
        op_bytes.extend_from_slice(br#","v":1}"#);
        let digest = OperationDigest::from_bytes(sha256(&[LABEL, &op_bytes]));
        Self { action: action.into(), resource: resource.into(), op_bytes, arguments, digest }
    }

    /// Reads what [`Operation::op_bytes`] gave out. Only the canonical form is taken, byte for byte.
    ///
    /// # Errors
    /// [`OperationError`]: [`OperationError::NotCanonical`] for anything that this module would not have written,
    /// or the error that the parts themselves have.
    pub fn from_op_bytes(bytes: &[u8]) -> Result<Self, OperationError> {
        let value = json::read(bytes, &ENVELOPE).map_err(OperationError::Envelope)?;
        let envelope = value.as_object().ok_or(OperationError::NotCanonical)?;
        let member = |name| envelope.get(name);
        let text = |name| member(name).and_then(Value::as_str).ok_or(OperationError::NotCanonical);
        let (action, resource) = (text("action")?, text("resource")?);
        let operation = match (member("parameters"), member("payload_sha256")) {
            (Some(parameters), None) => Self::from_json(action, resource, &parameters.to_canonical())?,
            (None, Some(digest)) => {
                let digest =
                    digest.as_str().and_then(PayloadDigest::parse).ok_or(OperationError::NotCanonical)?;
                Self::from_payload_digest(action, resource, digest)?
            }
            (Some(_), Some(_)) | (None, None) => return Err(OperationError::NotCanonical),
        };
        // Catches another order, space, another version and members that no operation has.
        if operation.op_bytes == bytes { Ok(operation) } else { Err(OperationError::NotCanonical) }
    }

    /// What is done: a dotted name.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// What it is done to.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The digest that tokens and votes bind.
    #[must_use]
    pub const fn digest(&self) -> OperationDigest {
        self.digest
    }

    /// The canonical form: what the digest is the digest of, after its label.
    #[must_use]
    pub fn op_bytes(&self) -> &[u8] {
        &self.op_bytes
    }

    /// The parameters' canonical JSON text; `None` in raw mode.
    #[must_use]
    pub fn parameters_json(&self) -> Option<&[u8]> {
        match &self.arguments {
            Arguments::Parameters(range) => self.op_bytes.get(range.clone()),
            Arguments::Payload(_) => None,
        }
    }

    /// The parameters, always an object, read anew from the hashed bytes at each call; `None` in raw mode.
    #[must_use]
    pub fn parameters(&self) -> Option<Value> {
        // Canonical text within the limits is always read again: the constructors made sure of both.
        self.parameters_json().and_then(|text| json::read(text, &Limits::OPERATION).ok())
    }

    /// The payload's digest; `None` in JSON mode.
    #[must_use]
    pub const fn payload_digest(&self) -> Option<PayloadDigest> {
        match &self.arguments {
            Arguments::Parameters(_) => None,
            Arguments::Payload(digest) => Some(*digest),
        }
    }
}

/// Enough for the largest parameters and everything around them.
const ENVELOPE: Limits = Limits {
    bytes: Limits::OPERATION.bytes + MAX_ACTION + 2 * MAX_RESOURCE + 128,
    depth: Limits::OPERATION.depth + 1,
    members: Limits::OPERATION.members + 4,
};

fn check_action(action: &str) -> Result<(), OperationError> {
    let segment = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let fits = action.len() <= MAX_ACTION && action.split('.').all(segment);
    if fits { Ok(()) } else { Err(OperationError::Action) }
}

fn check_resource(resource: &str) -> Result<(), OperationError> {
    let bad = |c: char| c.is_control() || json::noncharacter(c);
    let fits = (1..=MAX_RESOURCE).contains(&resource.len()) && !resource.contains(bad);
    if fits { Ok(()) } else { Err(OperationError::Resource) }
}

/// Why something is not an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationError {
    /// The action is not a dotted name.
    Action,
    /// The resource is empty, too long, or has a control character or noncharacter.
    Resource,
    /// The parameters are not JSON that can be hashed unambiguously.
    Parameters(ReadError),
    /// The parameters are JSON, but no object.
    ParametersNotObject,
    /// The canonical bytes are not JSON that can be hashed unambiguously.
    Envelope(ReadError),
    /// The bytes are not those of an operation in canonical form.
    NotCanonical,
}

impl OperationError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Action => "operation.action",
            Self::Resource => "operation.resource",
            Self::Parameters(error) | Self::Envelope(error) => error.fault.code(),
            Self::ParametersNotObject => "operation.parameters_not_object",
            Self::NotCanonical => "operation.not_canonical",
        }
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action => write!(
                f,
                "an action is a dotted name of at most {MAX_ACTION} bytes, each part of letters, digits, `_` and `-`"
            ),
            Self::Resource => {
                write!(
                    f,
                    "a resource is 1 to {MAX_RESOURCE} bytes without control characters or noncharacters"
                )
            }
            Self::Parameters(error) => write!(f, "the parameters cannot be hashed unambiguously: {error}"),
            Self::ParametersNotObject => f.write_str("the parameters are JSON, but not an object"),
            Self::Envelope(error) => write!(f, "the operation's bytes are not strict JSON: {error}"),
            Self::NotCanonical => f.write_str("the bytes are not those of an operation in canonical form"),
        }
    }
}

impl std::error::Error for OperationError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_bytes_and_the_digest_are_those_of_the_profile() {
        let operation =
            Operation::from_json("k8s.apply", "ns/\"a\"", br#"{ "b": [1.50], "a": null }"#).unwrap();
        let bytes =
            br#"{"action":"k8s.apply","parameters":{"a":null,"b":[1.5]},"resource":"ns/\"a\"","v":1}"#;
        assert_eq!(operation.op_bytes(), bytes);
        let labelled = [b"countersign/op/v1\n", &bytes[..]].concat();
        assert_eq!(operation.digest().as_bytes(), &sha256(&[&labelled]));
        assert_eq!(operation.parameters_json(), Some(&br#"{"a":null,"b":[1.5]}"#[..]));
        assert_eq!(operation.payload_digest(), None);
        assert_eq!(Operation::from_op_bytes(bytes), Ok(operation));
    }

    #[test]
    fn a_payload_is_bound_by_its_sha256() {
        let operation = Operation::from_payload("sql.run", "db", b"select 1").unwrap();
        let text = String::from_utf8(operation.op_bytes().to_vec()).unwrap();
        let digest = operation.payload_digest().unwrap();
        assert_eq!(digest.as_bytes(), &sha256(&[b"select 1"]));
        assert_eq!(
            text,
            format!(r#"{{"action":"sql.run","payload_sha256":"{digest}","resource":"db","v":1}}"#)
        );
        assert_eq!(operation.parameters(), None);
        assert_eq!(Operation::from_op_bytes(text.as_bytes()), Ok(operation));
    }

    #[test]
    fn what_is_no_action_or_resource_is_refused() {
        let long = "a".repeat(257);
        for action in ["", ".", "a.", ".a", "a..b", "a b", "a/b", "ä", "a.b\n", &long] {
            assert_eq!(Operation::from_json(action, "r", b"{}"), Err(OperationError::Action), "{action:?}");
        }
        let long = "r".repeat(2049);
        for resource in ["", "\0", "a\u{7f}", "a\u{85}", "\n", "\u{ffff}", &long] {
            let refused = Err(OperationError::Resource);
            assert_eq!(Operation::from_json("a", resource, b"{}"), refused, "{resource:?}");
            assert_eq!(Operation::from_payload("a", resource, b"{}"), refused, "{resource:?}");
        }
        assert!(Operation::from_json(&"a".repeat(256), &"\"".repeat(2048), b"{}").is_ok());
        assert!(Operation::from_json("A-1_b.c", "ünïcode \u{202e}", b"{}").is_ok());
    }

    #[test]
    fn parameters_are_an_object_within_the_limits_in_both_forms() {
        let code = |parameters: &[u8]| {
            Operation::from_json("a", "r", parameters).map_err(OperationError::code).err()
        };
        for parameters in [&b"[]"[..], b"1", b"null", b"\"{}\""] {
            assert_eq!(code(parameters), Some("operation.parameters_not_object"));
        }
        let numbers = format!("{{\"a\":[1e20{}]}}", ",1e20".repeat(20_000));
        assert_eq!(code(numbers.as_bytes()), Some("json.too_large"));
        assert_eq!(code(br#"{"a":1,"a":1}"#), Some("json.duplicate_name"));
        assert_eq!(code(b""), Some("json.truncated"));
    }

    #[test]
    fn only_the_canonical_form_is_read_back() {
        let good = r#"{"action":"a","parameters":{"x":1},"resource":"r","v":1}"#;
        assert!(Operation::from_op_bytes(good.as_bytes()).is_ok());
        for (from, to, code) in [
            ("{\"x\":1}", "{\"x\": 1}", "operation.not_canonical"),
            ("{\"x\":1}", "{\"x\":1.0}", "operation.not_canonical"),
            ("{\"x\":1}", "[]", "operation.parameters_not_object"),
            ("\"v\":1", "\"v\":2", "operation.not_canonical"),
            (",\"v\":1", "", "operation.not_canonical"),
            ("\"v\":1", "\"v\":1,\"w\":1", "operation.not_canonical"),
            ("\"parameters\":{\"x\":1},", "", "operation.not_canonical"),
            ("\"resource\"", "\"payload_sha256\":\"x\",\"resource\"", "operation.not_canonical"),
            ("\"parameters\":{\"x\":1}", "\"payload_sha256\":\"AAAA\"", "operation.not_canonical"),
            ("\"a\"", "\"\\u0061\"", "operation.not_canonical"),
            ("\"a\"", "\"a b\"", "operation.action"),
            ("\"r\"", "\"\"", "operation.resource"),
            ("\"r\"", "7", "operation.not_canonical"),
            ("\"v\":1}", "\"v\":1} ", "operation.not_canonical"),
            ("\"v\":1}", "\"v\":1", "json.truncated"),
            ("{\"x\":1}", "{\"x\":1,\"x\":1}", "json.duplicate_name"),
            (good, "[]", "operation.not_canonical"),
        ] {
            let bytes = good.replace(from, to);
            assert_eq!(Operation::from_op_bytes(bytes.as_bytes()).unwrap_err().code(), code, "{bytes}");
        }
    }

    #[test]
    fn the_largest_operations_are_read_back() {
        let members: Vec<String> = (0..4095).map(|n| format!("\"{n}\":0")).collect();
        let deep = format!("{}{}", "[".repeat(31), "]".repeat(31));
        let parameters = format!("{{\"deep\":{deep},{}}}", members.join(","));
        let operation =
            Operation::from_json(&"a".repeat(256), &"\"".repeat(2048), parameters.as_bytes()).unwrap();
        assert_eq!(Operation::from_op_bytes(operation.op_bytes()).as_ref(), Ok(&operation));
        let wide = format!("{{\"\":\"{}\"}}", "x".repeat(256 * 1024 - 7));
        let operation = Operation::from_json(&"a".repeat(256), &"\"".repeat(2048), wide.as_bytes()).unwrap();
        assert!(operation.parameters().is_some());
        assert_eq!(Operation::from_op_bytes(operation.op_bytes()).as_ref(), Ok(&operation));
    }
}

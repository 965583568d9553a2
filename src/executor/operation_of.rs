//! What a request asks the executor to do, read from the request that will be executed.

use crate::operation::{Operation, OperationError};
use bytes::Bytes;
use core::fmt;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;

/// Reads from a request the operation that the service behind is going to execute.
///
/// Everything that the service lets decide what it does has to be in the operation: method, path, query, host, media
/// type, body. It is called before anything is verified, so it only reads. A closure will do:
///
/// ```
/// use bytes::Bytes;
/// use countersign::executor::{NoOperation, OperationOf};
/// use countersign::operation::Operation;
/// use http::request::Parts;
///
/// fn operation(parts: &Parts, body: &Bytes) -> Result<Operation, NoOperation> {
///     match (parts.method.as_str(), parts.uri.path(), parts.uri.query()) {
///         ("POST", "/mail", None) => Ok(Operation::from_json("mail.send", "smtp/out", body)?),
///         _ => Err(NoOperation::Unknown),
///     }
/// }
/// # fn check(_: impl OperationOf) {}
/// # check(operation);
/// ```
pub trait OperationOf: Send + Sync + 'static {
    /// The operation.
    ///
    /// # Errors
    /// [`NoOperation`] if the request is for nothing that this executor does.
    fn operation(&self, parts: &Parts, body: &Bytes) -> Result<Operation, NoOperation>;
}

impl<F> OperationOf for F
where
    F: Fn(&Parts, &Bytes) -> Result<Operation, NoOperation> + Send + Sync + 'static,
{
    fn operation(&self, parts: &Parts, body: &Bytes) -> Result<Operation, NoOperation> {
        self(parts, body)
    }
}

/// Why a request is for nothing that this executor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOperation {
    /// The method, the path or another part of the request is none that this executor knows.
    Unknown,
    /// The body's media type is not the one that this executor reads.
    MediaType,
    /// The body is compressed or otherwise encoded, so it is not what a reviewer was shown.
    Encoded,
    /// There is a query string, which is not part of the operation.
    Query,
    /// The parts are there, and are no operation.
    Malformed(OperationError),
}

impl NoOperation {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "operation.unknown",
            Self::MediaType => "operation.media_type",
            Self::Encoded => "operation.encoded",
            Self::Query => "operation.query",
            Self::Malformed(error) => error.code(),
        }
    }
}

impl From<OperationError> for NoOperation {
    fn from(error: OperationError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for NoOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the request is for nothing that this executor does"),
            Self::MediaType => f.write_str("the body's media type is not the one that this executor reads"),
            Self::Encoded => f.write_str("the body has a content encoding"),
            Self::Query => f.write_str("the request has a query string, which is not part of the operation"),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoOperation {}

/// What a request acts on, and how: an operation but for its parameters or payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is done: a dotted name.
    pub action: String,
    /// What it is done to.
    pub resource: String,
}

/// Operations whose parameters are the body, a JSON object (JSON mode).
///
/// The body has to say that it is `application/json`, without a content encoding. A request with a query string is
/// refused; see [`JsonBody::with_query`].
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<F> {
    shape: Shape,
    target: F,
}

impl<F: Fn(&Parts) -> Option<Target> + Send + Sync + 'static> JsonBody<F> {
    /// Asks `target` what a request acts on; `None` is a request that this executor does not know.
    ///
    /// It has to look at all of method and path that the service looks at.
    pub const fn new(target: F) -> Self {
        Self { shape: Shape { media_type: "application/json", query: false }, target }
    }

    /// Takes requests with a query string: `target` puts into action and resource what it says.
    #[must_use]
    pub const fn with_query(mut self) -> Self {
        self.shape.query = true;
        self
    }
}

impl<F: Fn(&Parts) -> Option<Target> + Send + Sync + 'static> OperationOf for JsonBody<F> {
    fn operation(&self, parts: &Parts, body: &Bytes) -> Result<Operation, NoOperation> {
        let target = self.shape.target(parts, &self.target)?;
        Ok(Operation::from_json(&target.action, &target.resource, body)?)
    }
}

/// Operations whose payload is the body, of one media type (raw mode).
///
/// As [`JsonBody`], but the token binds the SHA-256 of the body's exact bytes.
#[derive(Clone, Copy, Debug)]
pub struct RawBody<F> {
    shape: Shape,
    target: F,
}

impl<F: Fn(&Parts) -> Option<Target> + Send + Sync + 'static> RawBody<F> {
    /// Takes bodies of this media type, such as `application/sql`, and asks `target` what a request acts on.
    ///
    /// The media type is fixed because the bytes are all that the token binds, and another type can give them
    /// another meaning.
    pub const fn new(media_type: &'static str, target: F) -> Self {
        Self { shape: Shape { media_type, query: false }, target }
    }

    /// Takes requests with a query string: `target` puts into action and resource what it says.
    #[must_use]
    pub const fn with_query(mut self) -> Self {
        self.shape.query = true;
        self
    }
}

impl<F: Fn(&Parts) -> Option<Target> + Send + Sync + 'static> OperationOf for RawBody<F> {
    fn operation(&self, parts: &Parts, body: &Bytes) -> Result<Operation, NoOperation> {
        let target = self.shape.target(parts, &self.target)?;
        Ok(Operation::from_payload(&target.action, &target.resource, body)?)
    }
}

/// What a request must look like so that action, resource and body are all there is to it.
#[derive(Clone, Copy, Debug)]
struct Shape {
    media_type: &'static str,
    query: bool,
}

impl Shape {
    fn target(
        &self,
        parts: &Parts,
        target: impl Fn(&Parts) -> Option<Target>,
    ) -> Result<Target, NoOperation> {
        let target = target(parts).ok_or(NoOperation::Unknown)?;
        if parts.uri.query().is_some() && !self.query {
            return Err(NoOperation::Query);
        }
        if parts.headers.contains_key(CONTENT_ENCODING) {
            return Err(NoOperation::Encoded);
        }
        if self.is_media_type_of(parts) { Ok(target) } else { Err(NoOperation::MediaType) }
    }

    /// Whether there is one `content-type`, and it is ours, with no parameter but `charset=utf-8`.
    fn is_media_type_of(&self, parts: &Parts) -> bool {
        let mut values = parts.headers.get_all(CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Ok(text) = value.to_str() else { return false };
        let (essence, parameter) = text.split_once(';').unwrap_or((text, "charset=utf-8"));
        let utf8 = |text: &str| {
            ["charset=utf-8", "charset=\"utf-8\""].iter().any(|known| text.eq_ignore_ascii_case(known))
        };
        essence.trim().eq_ignore_ascii_case(self.media_type) && utf8(parameter.trim())
    }
}

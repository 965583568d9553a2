//! The receipts that a gate has signed: one before the service is called, one after it has answered.

use crate::condition::ExecutionFacts;
use crate::moment::Moment;
use crate::party::TokenId;
use crate::token::{PublicKey, Receipt, UseOutcome, VerifiedOperation};
use core::fmt;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use std::io;
use std::sync::Arc;

/// `countersign-receipt`: the signed receipt, in the response.
pub const RECEIPT: HeaderName = HeaderName::from_static("countersign-receipt");
/// `countersign-receipt-certificate`: the certificates of its key, the root's first, each in a header of its own.
pub const RECEIPT_CERTIFICATE: HeaderName = HeaderName::from_static("countersign-receipt-certificate");

type Sign = dyn Fn(&[u8]) -> Option<[u8; 64]> + Send + Sync;
type Keep = dyn Fn(&TokenId, &str, &[String]) -> io::Result<()> + Send + Sync;

/// How receipts are signed and where they are kept.
#[derive(Clone)]
pub struct Receipts {
    key: PublicKey,
    certificates: Arc<[String]>,
    sign: Arc<Sign>,
    keep: Arc<Keep>,
}

impl Receipts {
    /// Receipts that are signed with this key, to which the certificates lead from a root, and are kept by nobody: the
    /// caller gets them in the response, and a request that breaks off leaves none.
    pub fn new(
        key: PublicKey,
        certificates: impl Into<Arc<[String]>>,
        sign: impl Fn(&[u8]) -> Option<[u8; 64]> + Send + Sync + 'static,
    ) -> Self {
        let keep = Arc::new(|_: &TokenId, _: &str, _: &[String]| Ok(()));
        Self { key, certificates: certificates.into(), sign: Arc::new(sign), keep }
    }

    /// … and are kept by this function, durably, under the token's id: first that it began, then in its place how it
    /// ended. What can't be kept before the service is called is not done.
    #[must_use]
    pub fn kept(
        mut self,
        keep: impl Fn(&TokenId, &str, &[String]) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.keep = Arc::new(keep);
        self
    }

    /// The receipt of what is about to run, once it is kept.
    pub(super) fn begin(
        &self,
        verified: &VerifiedOperation,
        facts: Option<&ExecutionFacts>,
        now: Moment,
    ) -> Result<Receipt, NoReceipt> {
        let none = ExecutionFacts::default();
        let begun = Receipt::begun(verified, facts.unwrap_or(&none), now).ok_or(NoReceipt)?;
        self.signed(&begun)?;
        Ok(begun)
    }

    /// The headers with the receipt of what has ended; nothing if it can't be signed or kept: the one of its beginning
    /// stays.
    pub(super) fn end(&self, begun: Receipt, status: Option<StatusCode>, now: Moment) -> Option<HeaderMap> {
        let outcome = match status.is_some_and(|status| status.is_success()) {
            true => UseOutcome::Succeeded,
            false => UseOutcome::Failed,
        };
        let receipt = self.signed(&begun.ended(outcome, now)).ok()?;
        let mut headers = HeaderMap::new();
        headers.insert(RECEIPT, HeaderValue::try_from(receipt).ok()?);
        for certificate in &*self.certificates {
            headers.append(RECEIPT_CERTIFICATE, HeaderValue::try_from(certificate).ok()?);
        }
        Some(headers)
    }

    fn signed(&self, receipt: &Receipt) -> Result<String, NoReceipt> {
        let input = receipt.signing_input(&self.key).map_err(|_| NoReceipt)?;
        let signature = (self.sign)(input.bytes()).ok_or(NoReceipt)?;
        let signed = input.assemble(&signature);
        (self.keep)(&receipt.claims().jti, &signed, &self.certificates).map_err(|_| NoReceipt)?;
        Ok(signed)
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipts({})", self.key.id())
    }
}

/// A receipt could not be signed or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReceipt;

impl fmt::Display for NoReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a receipt could not be signed or kept, so nothing was done")
    }
}

impl std::error::Error for NoReceipt {}

/// Puts the receipt beside what a service answered.
pub(super) fn hand_out<B>(response: &mut Response<B>, receipt: Option<HeaderMap>) {
    // A service behind the gate signs none: what it says under these names is not handed on.
    response.headers_mut().remove(RECEIPT);
    response.headers_mut().remove(RECEIPT_CERTIFICATE);
    response.headers_mut().extend(receipt.into_iter().flatten());
}

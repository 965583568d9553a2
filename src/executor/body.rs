//! A request's body as the bytes that are hashed and handed on: all of it, or a refusal.

use super::refused::BodyFault;
use bytes::{Buf as _, BufMut as _, Bytes};
use core::pin::pin;
use http_body::Body;
use http_body_util::BodyExt as _;

/// Reads a whole body of at most `limit` bytes. Trailers are dropped: they are not among the bytes that are hashed.
///
/// The data is copied, so that many small pieces cost no more memory than one large one.
pub(super) async fn read<B: Body>(body: B, limit: usize) -> Result<Bytes, BodyFault> {
    let mut body = pin!(body);
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
        return Err(BodyFault::TooLarge);
    }
    let mut read = Vec::new();
    while let Some(frame) = body.as_mut().frame().await {
        let Ok(data) = frame.map_err(|_| BodyFault::Unreadable)?.into_data() else { continue };
        if data.remaining() > limit.saturating_sub(read.len()) {
            return Err(BodyFault::TooLarge);
        }
        read.put(data);
    }
    Ok(read.into())
}

//! A record as a CloudEvent 1.0 in the JSON format.

use super::Entry;
use crate::audit::event::Event;
use serde_json::{Value, json};

/// The event, with the whole record as its data.
///
/// `source` and `id` together are the log's origin and the place in it, so that a consumer can drop what it got twice.
/// The extension `sidecarlog` is where a sidecar recorded it first, as `origin/place`; then `time` is when that was.
/// The extension `ophash` is the operation's digest, where the record decides one.
///
/// # Errors
/// Where the record has no JSON form, which none has that was recorded.
pub fn cloud_event(entry: &Entry<'_>) -> Result<Value, serde_json::Error> {
    let mut event = json!({
        "specversion": "1.0",
        "id": entry.index.to_string(),
        "source": entry.origin,
        "type": format!("dev.countersign.{}", entry.kind()),
        "time": entry.record.happened().to_string(),
        "datacontenttype": "application/json",
        "data": serde_json::to_value(entry.record)?,
    });
    if let Some(event) = event.as_object_mut() {
        if let Some(subject) = entry.subject() {
            event.insert("subject".to_owned(), subject.into());
        }
        if let Some(from) = &entry.record.from {
            event.insert("sidecarlog".to_owned(), format!("{}/{}", from.origin, from.index).into());
        }
        if let Event::Decided(decided) = &entry.record.event {
            event.insert("ophash".to_owned(), decided.digest.to_string().into());
        }
    }
    Ok(event)
}

//! HTTP/2 by hand: frames as they are, so that they can be wrong, slow or half there.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The headers of a gRPC call: literal fields, none of them indexed.
pub(crate) fn headers(method: &str, extra: &[(&str, &str)]) -> Vec<u8> {
    let fixed = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", "hostile"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in fixed.iter().chain(extra) {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, END_HEADERS, 1, &block)
}

/// A gRPC message before its HTTP/2 frame.
pub(crate) fn message(bytes: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    framed.extend(bytes);
    framed
}

/// One call as bytes on a new connection.
pub(crate) fn open(socket: &Path, frames: &[Vec<u8>]) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frames.concat());
    // It may have hung up already: that is its right.
    drop(stream.write_all(&bytes));
    stream
}

/// What came back on stream 1 until it ended: whether it ended in time, and how many bytes of messages.
pub(crate) fn answer(mut stream: UnixStream, within: Duration) -> (bool, usize) {
    let until = Instant::now() + within;
    let (mut bytes, mut data) = (Vec::<u8>::new(), 0);
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    while Instant::now() < until {
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) => return (true, data),
            Ok(length) => bytes.extend(&part[..length]),
            Err(_) => continue,
        }
        while bytes.len() >= 9 {
            let length = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
            if bytes.len() < 9 + length {
                break;
            }
            let (kind, flags, on) = (bytes[3], bytes[4], bytes[8]);
            if on == 1 && kind == DATA {
                data += length;
            }
            if on == 1 && (kind == RESET || (kind <= HEADERS && flags & END_STREAM != 0)) {
                return (true, data);
            }
            bytes.drain(..9 + length);
        }
    }
    (false, data)
}

//! What may become of a Qdrant: on the way to it, and in what it says.

use std::time::Duration;

use tonic::{Code, Status};

use crate::proxy::Fault;

/// What is done on the way to Qdrant, and whether answers must show it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    pub(crate) reset: bool,
    pub(crate) shows: bool,
}

pub(crate) fn cases() -> Vec<Case> {
    let ms = Duration::from_millis;
    let case = |name, fault, reset, shows| Case { name, fault, reset, shows };
    let instead = |bytes: &[u8]| Fault::Instead(bytes.to_vec());
    // An HTTP/2 frame: length, kind, flags, stream.
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let mut bytes = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
        bytes.extend_from_slice(payload);
        Fault::Instead(bytes)
    };
    vec![
        case("2 ms of latency", Fault::Slow(ms(2)), false, false),
        case("100 ms of latency", Fault::Slow(ms(100)), false, true),
        case("1 s of latency", Fault::Slow(Duration::from_secs(1)), false, true),
        case("one answer in seven is late", Fault::Sometimes(7, ms(200)), false, true),
        case("answers in pieces of 3 bytes", Fault::Pieces(3), false, false),
        case("connections are refused", Fault::Refuse, true, true),
        case("connections are taken and nothing is said", Fault::Silent, true, true),
        case("open connections fall silent", Fault::Silent, false, true),
        case("half open: answers get lost", Fault::HalfOpen, false, true),
        case("half open, new connections", Fault::HalfOpen, true, true),
        case("cut at every answer", Fault::Cut, false, true),
        case("cut after 1 byte", Fault::Truncate(1), false, true),
        case("cut after 40 bytes", Fault::Truncate(40), false, true),
        case("garbage", instead(b"\x01\x02garbage\x00no frame of HTTP/2\r\n"), false, true),
        case("HTTP/1.1", instead(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), false, true),
        case("Redis", instead(b"+PONG\r\n"), false, true),
        case("a stream that nobody opened", frame(0, 1, 2, b"none"), false, true),
        case("go away, and why", frame(7, 0, 0, b"\0\0\0\0\0\0\0\x0bfull"), false, true),
        case("a flipped byte at the beginning", Fault::Flip(0), false, true),
        case("a flipped byte within", Fault::Flip(30), false, true),
    ]
}

/// What Qdrant itself says.
pub(crate) fn refusals() -> Vec<(&'static str, Status)> {
    let case = |name, code, message: &str| (name, Status::new(code, message));
    vec![
        case("out of memory", Code::ResourceExhausted, "Out of memory, free: 1MB, 2MB required"),
        case("out of disk", Code::Internal, "Service internal error: No space left on device"),
        case("loading", Code::Unavailable, "Service unavailable: shards are recovering"),
        case("no key", Code::Unauthenticated, "Must provide an API key"),
        case("a collection is gone", Code::NotFound, "Not found: Collection `x` doesn't exist!"),
        case("another Qdrant", Code::Unimplemented, "unknown method Query"),
        case("nonsense", Code::InvalidArgument, "\u{1}\u{2}\u{3}"),
        case("a long story", Code::Unknown, &"why ".repeat(1_000)),
    ]
}

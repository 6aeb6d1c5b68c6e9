//! The two UUID versions that identify operations (RFC 9562).

use blake2::{Blake2b512, Digest};

/// A UUIDv7 (RFC 9562 clause 5.7): 48 bits of Unix milliseconds, then 74 of the given random bits. Time and randomness are injected.
#[must_use]
pub fn uuid7(utc_ms: u64, random: u128) -> String {
    let bits = (u128::from(utc_ms & 0xFFFF_FFFF_FFFF) << 80) | (random & ((1 << 80) - 1));
    text(marked(bits, 7))
}

/// A UUIDv8 (RFC 9562 clause 5.8) that names the same parts the same way for ever: the first 16 octets of BLAKE2b-512 over every
/// part, each preceded by its length as eight octets, big-endian. So `["ab","c"]` and `["a","bc"]` differ.
#[must_use]
pub fn uuid8(parts: &[&[u8]]) -> String {
    let mut hasher = Blake2b512::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let bits = digest.iter().take(16).fold(0u128, |sum, octet| (sum << 8) | u128::from(*octet));
    text(marked(bits, 8))
}

/// The operationId of a stream message: UUIDv8 of (bridge, stream, epoch, first seq, count), so that a retry repeats it.
#[must_use]
pub fn stream_operation_id(bridge: &str, stream: u32, epoch: u64, first_seq: u64, count: u64) -> String {
    uuid8(&[
        b"ies-stream/1",
        bridge.as_bytes(),
        &stream.to_be_bytes(),
        &epoch.to_be_bytes(),
        &first_seq.to_be_bytes(),
        &count.to_be_bytes(),
    ])
}

/// The 128 bits of a UUID in its 8-4-4-4-12 text form, either case; `None` if the text is anything else.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<u128> {
    let octets = text.as_bytes();
    if octets.len() != 36 {
        return None;
    }
    octets.iter().enumerate().try_fold(0u128, |sum, (at, c)| match at {
        8 | 13 | 18 | 23 => (*c == b'-').then_some(sum),
        _ => char::from(*c).to_digit(16).map(|digit| (sum << 4) | u128::from(digit)),
    })
}

/// The text form of 128 bits.
#[must_use]
pub fn format_uuid(bits: u128) -> String {
    text(bits)
}

const fn marked(bits: u128, version: u128) -> u128 {
    (bits & !(0xF << 76) & !(0b11 << 62)) | (version << 76) | (0b10 << 62)
}

fn text(v: u128) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        v >> 96,
        (v >> 80) & 0xFFFF,
        (v >> 64) & 0xFFFF,
        (v >> 48) & 0xFFFF,
        v & 0xFFFF_FFFF_FFFF
    )
}

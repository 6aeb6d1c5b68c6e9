//! The two digests and the base64 forms of the wire.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use blake2::{Blake2b512, Digest as _};

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// BLAKE2b with 64 octets of output, unkeyed (RFC 7693).
#[must_use]
pub fn blake2b_512(bytes: &[u8]) -> [u8; 64] {
    Blake2b512::digest(bytes).into()
}

/// `sha-256=<base64>` over bytes: how operations and settings are named on the wire.
#[must_use]
pub fn sha256_text(bytes: &[u8]) -> String {
    format!("sha-256={}", base64_encode(&sha256(bytes)))
}

/// `BLAKE-512=<base64>` over bytes: the digest of a Beckn body.
#[must_use]
pub fn blake_text(bytes: &[u8]) -> String {
    format!("BLAKE-512={}", base64_encode(&blake2b_512(bytes)))
}

/// Standard base64 with padding (RFC 4648 clause 4).
#[must_use]
pub fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The inverse of [`base64_encode`]; `None` for anything that is not its exact output.
#[must_use]
pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn base64url_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Exactly `N` octets of standard base64.
pub(crate) fn base64_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    base64_decode(text)?.try_into().ok()
}

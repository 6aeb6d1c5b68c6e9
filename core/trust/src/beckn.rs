//! The Beckn v2 signature: `Authorization` on requests and callbacks, `Signature` on synchronous answers.
//!
//! The signing string follows draft-cavage-http-signatures-12 with three or four lines; the digest is BLAKE2b-512 over the body's
//! bytes as sent. Verification is over the bytes received, never over re-serialised JSON. The parser is strict: what it does not
//! know, it refuses.

use bridge_ies::beckn::code;

use crate::digest::{base64_array, base64_encode, blake_text};
use crate::key::verify_ed25519;
use crate::{AuthError, Ed25519Key};

/// Longest header value that is parsed, in bytes.
pub const MAX_HEADER_BYTES: usize = 4096;
/// Longest life of a signature, from `created` to `expires`, in seconds.
pub const MAX_LIFE_S: i64 = 3600;
/// The label that is written before the digest.
const LABEL: &str = "BLAKE-512=";
/// A label that some peers write for the same digest.
const OTHER_LABEL: &str = "BLAKE2b-512=";
const HEADERS_3: &str = "(created) (expires) digest";
const HEADERS_4: &str = "(created) (expires) digest request-signature";

/// What a verified header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Who signed.
    pub subscriber: String,
    /// With which of its keys.
    pub key_id: String,
    /// When, in Unix seconds.
    pub created: i64,
    /// Until when, in Unix seconds.
    pub expires: i64,
    /// The signature as base64, to bind the answer to.
    pub signature: String,
}

/// The header value for a body. With `request_signature` (the base64 signature of the request answered) the four-line form of
/// callbacks and synchronous answers, without it the three-line form. `created` and `expires` in Unix seconds.
#[must_use]
pub fn sign(
    key: &Ed25519Key,
    subscriber: &str,
    key_id: &str,
    created: i64,
    expires: i64,
    body: &[u8],
    request_signature: Option<&str>,
) -> String {
    let text = signing_string(created, expires, &blake_text(body), request_signature);
    let signature = base64_encode(&key.sign(text.as_bytes()));
    let headers = if request_signature.is_some() { HEADERS_4 } else { HEADERS_3 };
    format!(
        "Signature keyId=\"{subscriber}|{key_id}|ed25519\",algorithm=\"ed25519\",created=\"{created}\",expires=\"{expires}\",\
         headers=\"{headers}\",signature=\"{signature}\""
    )
}

/// Verifies a request or an unsolicited callback: the three-line form.
///
/// `now_s` is UTC in Unix seconds; `created` may lie up to `skew_s` ahead of it, `expires` not one second behind. `lookup` gives
/// the public key for (subscriber, key id), or `None` if it is unknown, expired or revoked.
///
/// # Errors
/// [`AuthError`] with a code of [`bridge_ies::beckn::code`] and the reason.
pub fn verify(
    authorization: &str,
    body: &[u8],
    now_s: i64,
    skew_s: i64,
    lookup: impl Fn(&str, &str) -> Option<[u8; 32]>,
) -> Result<Verified, AuthError> {
    let header = Header::parse(authorization)?;
    if header.bound {
        return Err(AuthError::signature("the header is bound to a request, but none is known that it answers"));
    }
    header.verify(body, None, now_s, skew_s, lookup)
}

/// Verifies a solicited callback or a synchronous answer: the four-line form, bound to `request_signature`, the base64 signature
/// that the request carried. `Signature` before the parameters is optional, as peers differ.
///
/// # Errors
/// As [`verify`]; a three-line header is refused.
pub fn verify_reply(
    header: &str,
    body: &[u8],
    request_signature: &str,
    now_s: i64,
    skew_s: i64,
    lookup: impl Fn(&str, &str) -> Option<[u8; 32]>,
) -> Result<Verified, AuthError> {
    let header = Header::parse(header)?;
    if !header.bound {
        return Err(AuthError::signature("the header does not name request-signature"));
    }
    header.verify(body, Some(request_signature), now_s, skew_s, lookup)
}

/// Whether a header claims to answer a request: then [`verify_reply`] is to be used.
///
/// # Errors
/// [`AuthError`] for a header that cannot be parsed.
pub fn is_reply(header: &str) -> Result<bool, AuthError> {
    Header::parse(header).map(|header| header.bound)
}

/// The base64 signature in a header, not verified: what a four-line answer to it is bound to.
///
/// # Errors
/// [`AuthError`] for a header that cannot be parsed.
pub fn signature_of(header: &str) -> Result<String, AuthError> {
    Header::parse(header).map(|header| header.signature.to_owned())
}

/// The value of `WWW-Authenticate` beside a 401.
#[must_use]
pub fn challenge(realm: &str) -> String {
    format!("Signature realm=\"{realm}\",headers=\"{HEADERS_3}\"")
}

/// The bytes that are signed: lines joined by a line feed, none at the end.
fn signing_string(created: i64, expires: i64, digest: &str, request_signature: Option<&str>) -> String {
    let mut text = format!("(created): {created}\n(expires): {expires}\ndigest: {digest}");
    if let Some(signature) = request_signature {
        text.push_str("\nrequest-signature: ");
        text.push_str(signature);
    }
    text
}

/// A header's parameters, checked for form.
struct Header<'h> {
    subscriber: &'h str,
    key_id: &'h str,
    created: i64,
    expires: i64,
    bound: bool,
    signature: &'h str,
}

impl<'h> Header<'h> {
    fn parse(text: &'h str) -> Result<Self, AuthError> {
        if text.len() > MAX_HEADER_BYTES {
            return Err(AuthError::signature(format!("the header has {} bytes, at most {MAX_HEADER_BYTES} are read", text.len())));
        }
        let parameters = text.strip_prefix("Signature ").unwrap_or(text);
        let [key_id, algorithm, created, expires, headers, signature] = parameters_of(parameters)?;
        if algorithm != "ed25519" {
            return Err(AuthError::signature("the algorithm must be ed25519"));
        }
        let parts: Vec<&str> = key_id.split('|').collect();
        let &[subscriber, key_id, "ed25519"] = parts.as_slice() else {
            return Err(AuthError::signature("keyId must be subscriber|key|ed25519"));
        };
        if subscriber.is_empty() || key_id.is_empty() {
            return Err(AuthError::signature("keyId must be subscriber|key|ed25519"));
        }
        let bound = match headers {
            HEADERS_3 => false,
            HEADERS_4 => true,
            _ => return Err(AuthError::signature(format!("headers must be {HEADERS_3:?} or {HEADERS_4:?}"))),
        };
        Ok(Self { subscriber, key_id, created: seconds(created)?, expires: seconds(expires)?, bound, signature })
    }

    fn verify(
        &self,
        body: &[u8],
        request_signature: Option<&str>,
        now_s: i64,
        skew_s: i64,
        lookup: impl Fn(&str, &str) -> Option<[u8; 32]>,
    ) -> Result<Verified, AuthError> {
        if self.created > now_s.saturating_add(skew_s) {
            return Err(AuthError::signature(format!("created {} s ahead of this clock", self.created - now_s)));
        }
        if self.expires < now_s {
            return Err(AuthError::new(code::CTX_TTL_EXPIRED, format!("the signature expired {} s ago", now_s - self.expires)));
        }
        if self.expires <= self.created || self.expires - self.created > MAX_LIFE_S {
            return Err(AuthError::signature(format!("the signature must live 1 to {MAX_LIFE_S} s")));
        }
        let raw: [u8; 64] = base64_array(self.signature).ok_or_else(|| AuthError::signature("the signature is not 64 octets in base64"))?;
        let key = lookup(self.subscriber, self.key_id).ok_or_else(|| {
            AuthError::new(code::AUT_KEY_EXPIRED_OR_REVOKED, format!("no valid key {} of {}", self.key_id, self.subscriber))
        })?;
        let digest = blake_text(body);
        let other = digest.replacen(LABEL, OTHER_LABEL, 1);
        let valid = [digest, other].iter().any(|digest| {
            let text = signing_string(self.created, self.expires, digest, request_signature);
            verify_ed25519(&key, text.as_bytes(), &raw)
        });
        if !valid {
            return Err(AuthError::signature(format!("the signature of {} does not fit the body", self.subscriber)));
        }
        Ok(Verified {
            subscriber: self.subscriber.to_owned(),
            key_id: self.key_id.to_owned(),
            created: self.created,
            expires: self.expires,
            signature: self.signature.to_owned(),
        })
    }
}

const NAMES: [&str; 6] = ["keyId", "algorithm", "created", "expires", "headers", "signature"];

/// The six parameters in the order of [`NAMES`]: `name="value"`, separated by a comma and optional spaces, each exactly once, in any
/// order, without escapes. Numbers may stand without quotes, as in the draft.
fn parameters_of(text: &str) -> Result<[&str; 6], AuthError> {
    let mut found: [Option<&str>; 6] = [None; 6];
    let mut rest = text;
    loop {
        let (name, tail) = rest.split_once('=').ok_or_else(|| AuthError::signature("a parameter without a value"))?;
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| AuthError::signature("a quote that is not closed"))?,
            None => tail.split_at(tail.find(',').unwrap_or(tail.len())),
        };
        let slot = NAMES.iter().position(|known| *known == name).and_then(|at| found.get_mut(at));
        let slot = slot.ok_or_else(|| AuthError::signature("a parameter that is not known"))?;
        if slot.replace(value).is_some() {
            return Err(AuthError::signature(format!("{name} stands twice")));
        }
        if tail.is_empty() {
            break;
        }
        rest =
            tail.strip_prefix(',').ok_or_else(|| AuthError::signature("parameters must be separated by commas"))?.trim_start_matches(' ');
    }
    let mut values = [""; 6];
    for ((value, found), name) in values.iter_mut().zip(found).zip(NAMES) {
        *value = found.ok_or_else(|| AuthError::signature(format!("{name} is missing")))?;
    }
    Ok(values)
}

/// Unix seconds as plain digits.
fn seconds(text: &str) -> Result<i64, AuthError> {
    let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|c| c.is_ascii_digit());
    let number = if plain { text.parse().ok() } else { None };
    number.ok_or_else(|| AuthError::signature("created and expires must be Unix seconds"))
}

//! The operation's own signature: ES256 (RFC 7518) as a detached JWS with unencoded payload (RFC 7797) over the canonical form
//! (RFC 8785) of the object without `provenance`. It survives every hop; the Beckn signature dies at the first.

use bridge_ies::beckn::code;
use bridge_ies::{jcs, parse_strict};
use serde_json::{Map, Value, json};

use crate::digest::{base64url_decode, base64url_encode, sha256_text};
use crate::key::verify_es256;
use crate::{AuthError, Error, Es256Key};

/// Longest `jws` text that is read, in bytes.
pub const MAX_JWS_BYTES: usize = 4096;

/// What a verified operation says of its signer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JwsVerified {
    /// The key: `did#fragment`, and the DID is the operation's issuer.
    pub kid: String,
    /// `sha-256=<base64>` of the canonical form: names exactly this operation in acknowledgements.
    pub digest: String,
}

/// Signs `op` in place: sets `provenance {alg, kid, canon, digest, jws, source?}`. An earlier `provenance` is replaced.
///
/// `kid` is `did#fragment`. `source` says which gateway and mapping it came from; the protected header carries its digest, so that
/// it cannot be changed either.
///
/// # Errors
/// [`Error::Unsignable`] if `op` is no object, or holds a number that has no canonical form.
pub fn sign(op: &mut Value, key: &Es256Key, kid: &str, source: Option<Value>) -> Result<(), Error> {
    let payload = canonical(op).map_err(|source| Error::Unsignable { source })?;
    let mut header = json!({"alg": "ES256", "b64": false, "crit": ["b64"], "kid": kid});
    let mut provenance = json!({"alg": "ES256", "kid": kid, "canon": "JCS", "digest": sha256_text(&payload)});
    if let Some(origin) = &source {
        let bytes = jcs(origin).map_err(|source| Error::Unsignable { source })?;
        set(&mut header, "source", Value::String(sha256_text(&bytes)));
    }
    let protected = base64url_encode(&jcs(&header).map_err(|source| Error::Unsignable { source })?);
    let signature = base64url_encode(&key.sign(&signing_input(&protected, &payload)));
    set(&mut provenance, "jws", Value::String(format!("{protected}..{signature}")));
    if let Some(origin) = source {
        set(&mut provenance, "source", origin);
    }
    set(op, "provenance", provenance);
    Ok(())
}

/// Verifies the received value of an operation; `lookup` gives the uncompressed public key of a `kid` that is valid at the time,
/// or `None`.
///
/// # Errors
/// [`AuthError`]: no or malformed `provenance`, an algorithm other than ES256, a digest or signature that does not fit, an unknown
/// key, or a `kid` that is not a key of the operation's issuer.
pub fn verify(op: &Value, lookup: impl Fn(&str) -> Option<[u8; 65]>) -> Result<JwsVerified, AuthError> {
    let provenance = op.get("provenance").and_then(Value::as_object).ok_or_else(|| AuthError::signature("provenance is missing"))?;
    let text = |name: &str| {
        provenance.get(name).and_then(Value::as_str).ok_or_else(|| AuthError::signature(format!("provenance.{name} is missing")))
    };
    if text("alg")? != "ES256" || text("canon")? != "JCS" {
        return Err(AuthError::signature("provenance must be ES256 over JCS"));
    }
    let kid = text("kid")?;
    check_issuer(op, kid)?;
    let payload = canonical(op).map_err(|e| AuthError::signature(e.to_string()))?;
    let digest = sha256_text(&payload);
    if text("digest")? != digest {
        return Err(AuthError::signature("provenance.digest does not fit the operation"));
    }
    let jws = text("jws")?;
    let (protected, signature) = split(jws)?;
    check_header(protected, kid, provenance.get("source"))?;
    let raw = base64url_decode(signature).ok_or_else(|| AuthError::signature("the JWS signature is not base64url"))?;
    let key = lookup(kid).ok_or_else(|| AuthError::new(code::AUT_KEY_EXPIRED_OR_REVOKED, format!("no valid key {kid}")))?;
    if !verify_es256(&key, &signing_input(protected, &payload), &raw) {
        return Err(AuthError::signature(format!("the JWS of {kid} does not fit the operation")));
    }
    Ok(JwsVerified { kid: kid.to_owned(), digest })
}

/// `sha-256=<base64>` of the canonical form of an operation without `provenance`: what acknowledgements refer to.
///
/// # Errors
/// [`Error::Unsignable`] as [`sign`].
pub fn request_digest(op: &Value) -> Result<String, Error> {
    canonical(op).map(|bytes| sha256_text(&bytes)).map_err(|source| Error::Unsignable { source })
}

fn canonical(op: &Value) -> Result<Vec<u8>, bridge_ies::Error> {
    let Value::Object(fields) = op else {
        return Err(bridge_ies::Error::Shape { path: String::new(), problem: "must be an object".into() });
    };
    let without: Map<String, Value> =
        fields.iter().filter(|(name, _)| *name != "provenance").map(|(n, v)| (n.clone(), v.clone())).collect();
    jcs(&Value::Object(without))
}

/// RFC 7797 clause 3: the encoded header, a point, the payload as it is.
fn signing_input(protected: &str, payload: &[u8]) -> Vec<u8> {
    [protected.as_bytes(), b".", payload].concat()
}

fn split(jws: &str) -> Result<(&str, &str), AuthError> {
    if jws.len() > MAX_JWS_BYTES {
        return Err(AuthError::signature(format!("the JWS has {} bytes, at most {MAX_JWS_BYTES} are read", jws.len())));
    }
    jws.split_once("..").ok_or_else(|| AuthError::signature("the JWS must be detached: header, two points, signature"))
}

fn check_header(protected: &str, kid: &str, source: Option<&Value>) -> Result<(), AuthError> {
    let bytes = base64url_decode(protected).ok_or_else(|| AuthError::signature("the JWS header is not base64url"))?;
    let header = parse_strict(&bytes).map_err(|e| AuthError::signature(format!("the JWS header is {e}")))?;
    let mut expected = json!({"alg": "ES256", "b64": false, "crit": ["b64"], "kid": kid});
    if let Some(source) = source {
        let bytes = jcs(source).map_err(|e| AuthError::signature(e.to_string()))?;
        set(&mut expected, "source", Value::String(sha256_text(&bytes)));
    }
    // Equality, not inspection: an unknown header parameter could change what is signed.
    if header == expected { Ok(()) } else { Err(AuthError::signature("the JWS header does not fit provenance")) }
}

/// A key signs for the party whose DID stands before its fragment.
fn check_issuer(op: &Value, kid: &str) -> Result<(), AuthError> {
    let issuer = op.pointer("/issuer/partyId").and_then(Value::as_str).unwrap_or_default();
    match kid.split_once('#') {
        Some((did, fragment)) if did == issuer && !fragment.is_empty() => Ok(()),
        Some(_) | None => Err(AuthError::new(code::AUT_UNAUTHORIZED_ACTION, format!("{kid} is not a key of the issuer {issuer}"))),
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

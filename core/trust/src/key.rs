//! The two kinds of signing keys. Neither can be printed.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Error;
use crate::digest::{base64_encode, base64url_encode};

/// An Ed25519 key (RFC 8032): checkpoints, Beckn requests, officers.
pub struct Ed25519Key {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl Ed25519Key {
    /// The key of a 32-octet seed.
    ///
    /// # Errors
    /// [`Error::Key`] if the cryptographic library refuses, which it does for no seed of 32 octets.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|e| Error::Key { problem: e.to_string() })?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, public })
    }

    /// A new key from 32 random octets, which are wiped.
    ///
    /// # Errors
    /// As [`Ed25519Key::from_seed`].
    pub fn generate(seed: [u8; 32]) -> Result<Self, Error> {
        Self::from_seed(&Zeroizing::new(seed))
    }

    /// Signs, deterministically.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        // An Ed25519 signature has 64 octets (RFC 8032 clause 5.1.6); were it ever otherwise, zeros would fail every verification.
        if let Ok(signature) = <[u8; 64]>::try_from(self.pair.sign(message).as_ref()) {
            out = signature;
        }
        out
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Key(public {})", base64_encode(&self.public))
    }
}

/// Whether `signature` is the Ed25519 signature of `message` under `public`.
#[must_use]
pub fn verify_ed25519(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// An ECDSA key on P-256 with SHA-256: the content identity of a party.
pub struct Es256Key {
    key: SigningKey,
}

impl Es256Key {
    /// The key of a secret scalar, big-endian.
    ///
    /// # Errors
    /// [`Error::Key`] if the scalar is zero or not below the group order.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, Error> {
        let key = SigningKey::from_slice(scalar).map_err(|_| Error::Key { problem: "the P-256 scalar is out of range".into() })?;
        Ok(Self { key })
    }

    /// Signs with SHA-256; r and s, 32 octets each (RFC 7518 clause 3.4). Deterministic: RFC 6979.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.key.sign(message);
        signature.to_bytes().into()
    }

    /// The public key, uncompressed: 0x04, x, y (SEC 1 clause 2.3.3).
    #[must_use]
    pub fn public_sec1(&self) -> [u8; 65] {
        let point = self.key.verifying_key().to_encoded_point(false);
        let mut out = [0; 65];
        // An uncompressed P-256 point has 65 octets.
        if point.len() == out.len() {
            out.copy_from_slice(point.as_bytes());
        }
        out
    }

    /// The public key as a JSON web key (RFC 7517), for the party's DID document.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let point = self.public_sec1();
        json!({"kty": "EC", "crv": "P-256", "x": base64url_encode(&point[1..33]), "y": base64url_encode(&point[33..])})
    }
}

impl fmt::Debug for Es256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Es256Key(public {})", base64_encode(&self.public_sec1()))
    }
}

/// Whether `signature` (r and s) is the ES256 signature of `message` under the uncompressed point `public`.
#[must_use]
pub fn verify_es256(public: &[u8; 65], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(message, signature).is_ok()
}

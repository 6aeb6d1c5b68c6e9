//! Who may be believed: keys in files, the Beckn v2 signature, the operation's own ES256 signature, the signed local trust bundle, and
//! the replay guard.
//!
//! This crate deliberately knows no clock, no socket, no registry, no random source and no policy: time and randomness are arguments,
//! whether an authentic command is wise is `bridge-policy`'s. Start at [`TrustBundle`] (whom to believe) and [`KeyStore`] (who we
//! are); [`beckn`] and [`jws`] sign and verify.
//!
//! Implements: Beckn v2.0.0 signing (draft-cavage-http-signatures-12 with Ed25519, RFC 8032, and BLAKE2b-512, RFC 7693), JWS ES256
//! (RFC 7515, 7518) detached and unencoded (RFC 7797) over JCS (RFC 8785), deterministic ECDSA (RFC 6979); rule R26. Secrets have no
//! printable form: `Debug` shows public keys only, and buffers that held secrets are wiped.

pub mod beckn;
mod bundle;
mod digest;
mod error;
pub mod jws;
mod key;
mod replay;
mod store;

pub use bundle::{
    AgeLimits, BUNDLE_SCHEMA, BundleAge, BundleAuthority, BundleContent, BundleKey, BundleParty, DEAD_AFTER, KeyUse, MAX_AHEAD,
    MAX_BUNDLE_BYTES, MIN_OFFICERS, PublicKey, STALE_AFTER, TrustBundle, sign_bundle,
};
pub use digest::{base64_decode, base64_encode, blake_text, blake2b_512, sha256, sha256_text};
pub use error::{AuthError, Error};
pub use key::{Ed25519Key, Es256Key, verify_ed25519, verify_es256};
pub use replay::{MAX_ENTRIES, MAX_ENTRIES_PER_SUBSCRIBER, MAX_NAME_BYTES, ReplayEntry, ReplayGuard, Seen};
pub use store::{KeyStore, read_ed25519_file, write_ed25519_file};

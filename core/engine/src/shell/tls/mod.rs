//! TLS on a link (IEC 62351-3): both ends prove themselves by certificate, always, and every refusal says which check failed and why.
//!
//! Start at [`Tls`], the configuration of one link. `material` reads its files and judges a peer's certificates by them, `keeper` reads
//! them again while the link runs, `stream` moves octets. There is no resumption and no renegotiation: each connection proves its peer anew,
//! so nobody comes back on a ticket from before a revocation. An open session keeps its keys when files change; its peer's certificate is
//! judged again by the new files.

mod allow;
mod certificate;
mod keeper;
mod material;
mod refusal;
mod stream;

use std::path::PathBuf;
use std::time::Duration;

use bridge_model::Utc;

pub use allow::{Allow, Allowed, MAX_ALLOWED};
pub(crate) use certificate::{Facts, utc_text};
pub(crate) use keeper::{Keeper, Look};
pub use material::{EXPIRY_NEAR, MAX_CHAIN, MAX_CRL_BYTES, MAX_FILE_BYTES, Problem};
pub(crate) use material::{Material, Usage};
pub(crate) use refusal::{Check, Refusal};
pub use stream::{HANDSHAKE_BYTES, HANDSHAKE_TIMEOUT};
pub(crate) use stream::{Handshake, TlsStream};

/// How often files are looked at, unless configured otherwise.
pub const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// How long a revocation list is believed past its next update, unless configured otherwise.
pub const CRL_GRACE: Duration = Duration::from_secs(86_400);

/// How long an open session may outlive its peer's certificate, unless configured otherwise.
pub const EXPIRED_GRACE: Duration = Duration::from_secs(86_400);

/// How often an open session of TLS 1.3 takes new keys, unless configured otherwise.
pub const REKEY_EVERY: Duration = Duration::from_secs(12 * 3600);

/// The oldest version that is spoken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TlsVersion {
    /// TLS 1.2, and 1.3 if the peer can.
    #[default]
    V12,
    /// TLS 1.3 only.
    V13,
}

/// The TLS of one link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tls {
    /// Our certificate and what leads to its root, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM, readable by us alone.
    pub key: PathBuf,
    /// The roots that peers are believed by, in PEM.
    pub roots: PathBuf,
    /// Revocation lists, PEM or DER: one for each issuer that may occur. None: revocation is not checked.
    pub crl: Vec<PathBuf>,
    /// Whom we accept. A connecting link may leave it empty if it names the server.
    pub allow: Allow,
    /// The name or address that the server's certificate must carry (a connecting link).
    pub server_name: Option<String>,
    /// The oldest version spoken.
    pub min_version: TlsVersion,
    /// How long a revocation list is believed past its next update. Then nobody new is accepted.
    pub crl_grace: Duration,
    /// How long an open session may outlive its peer's certificate. Then it is closed. A revoked peer's is closed at once.
    pub expired_grace: Duration,
    /// How often the files are looked at.
    pub reload: Duration,
    /// How often an open session of TLS 1.3 takes new keys. One of TLS 1.2 cannot without renegotiation, which is not done.
    pub rekey: Duration,
}

impl Tls {
    /// With every default, and nobody allowed yet.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>, roots: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            roots: roots.into(),
            crl: Vec::new(),
            allow: Allow::default(),
            server_name: None,
            min_version: TlsVersion::default(),
            crl_grace: CRL_GRACE,
            expired_grace: EXPIRED_GRACE,
            reload: RELOAD_EVERY,
            rekey: REKEY_EVERY,
        }
    }

    /// Whether both would show the same certificate and believe the same issuers: what links behind one port must have in common.
    #[must_use]
    pub fn same_but_for_whom(&self, other: &Self) -> bool {
        Self { allow: Allow::default(), ..self.clone() } == Self { allow: Allow::default(), ..other.clone() }
    }

    /// Reads and checks the files: everything that can be known before a connection.
    #[must_use]
    pub fn problems(&self, now: Utc) -> Vec<Problem> {
        Material::read(self, now).1
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key, &self.roots].into_iter().chain(&self.crl).chain(&self.allow.file)
    }
}

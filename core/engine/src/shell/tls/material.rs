//! The files of one link's TLS, read and checked; and the judgement of a peer's certificates by them.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bridge_model::Utc;
use rustls::DistinguishedName;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, TrustAnchor, UnixTime};
use webpki::{CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::allow::AllowList;
use super::certificate::{Facts, RSA_BITS, fingerprint_text, parts, shown, utc_text};
use super::{Check, Refusal, Tls};

/// Certificates of one chain, ours or a peer's.
pub const MAX_CHAIN: usize = 8;

/// The largest file of certificates, keys or lists of peers, in octets.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// The largest revocation list, in octets.
pub const MAX_CRL_BYTES: u64 = 16 << 20;

/// From so long before the end of our own certificate on it is said that it ends.
pub const EXPIRY_NEAR: Duration = Duration::from_secs(30 * 86_400);

/// What is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The key of the configuration: `certificate`, `key`, `roots`, `crl`, `allow`, `server_name`.
    pub field: &'static str,
    /// It works all the same, for now.
    pub warning: bool,
    /// One clause: the file's name and what is wrong.
    pub text: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.text, self.fix)
    }
}

/// Which side the peer is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Usage {
    /// We connected to it.
    Server,
    /// It connected to us.
    Client,
}

struct Crl {
    list: CertRevocationList<'static>,
    raw_issuer: Vec<u8>,
    issuer: String,
    number: String,
    this_update: i64,
    next_update: Option<i64>,
    /// Serial numbers and when each was revoked.
    revoked: Vec<(Vec<u8>, i64)>,
}

/// Everything of the files, ready for use.
pub(crate) struct Material {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) own: Arc<SingleCertAndKey>,
    own_facts: Facts,
    roots: Vec<TrustAnchor<'static>>,
    pub(crate) root_names: Vec<DistinguishedName>,
    crls: Vec<Crl>,
    pub(crate) allow: Arc<AllowList>,
    /// There is a list, so it binds.
    pub(crate) listed: bool,
    pub(crate) server_name: Option<ServerName<'static>>,
    crl_grace: Duration,
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("own", &self.own_facts.subject).finish_non_exhaustive()
    }
}

/// Collects problems while reading.
struct Reader {
    problems: Vec<Problem>,
}

impl Material {
    /// Reads the files. All problems at once; `Some` exactly if none of them is an error.
    pub(crate) fn read(tls: &Tls, now: Utc) -> (Option<Self>, Vec<Problem>) {
        let mut reader = Reader { problems: Vec::new() };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let own = reader.own(tls, &provider, now);
        let roots = reader.roots(&tls.roots);
        let crls = reader.crls(tls, now);
        let allow = AllowList::read(&tls.allow);
        if let Err(cause) = &allow {
            let file = tls.allow.file.as_deref().unwrap_or_else(|| Path::new("allow"));
            reader.error("allow", format!("{}: {cause}", name(file)), "one fingerprint (sha256:…) or subject (CN=…,O=…) a line");
        }
        let server_name = tls.server_name.as_ref().map(|text| ServerName::try_from(text.clone()));
        if let Some(Err(_)) = &server_name {
            let text = shown(tls.server_name.as_deref().unwrap_or_default());
            reader.error(
                "server_name",
                format!("`{text}` is no host name and no address"),
                "write the dNSName or iPAddress of its certificate",
            );
        }
        let good = reader.problems.iter().all(|problem| problem.warning);
        let material = || {
            let (own, own_facts) = own?;
            let (roots, root_names) = roots?;
            Some(Self {
                provider,
                own,
                own_facts,
                roots,
                root_names,
                crls: crls?,
                allow: Arc::new(allow.ok()?),
                listed: tls.allow.is_there(),
                server_name: server_name.transpose().ok()?,
                crl_grace: tls.crl_grace,
            })
        };
        (if good { material() } else { None }, reader.problems)
    }

    /// What we show, in one clause.
    pub(crate) fn summary(&self) -> String {
        let crls: Vec<String> = self.crls.iter().map(|crl| format!("CRL number {} of {}", crl.number, crl.issuer)).collect();
        let crls = if crls.is_empty() { "no CRL".to_owned() } else { crls.join(", ") };
        format!(
            "{} ({}) valid until {}, {} roots, {crls}",
            self.own_facts.who(),
            fingerprint_text(&self.own_facts.fingerprint),
            utc_text(self.own_facts.not_after),
            self.roots.len()
        )
    }

    /// What will soon be a refusal, each with a word that stays the same while it lasts.
    pub(crate) fn warnings(&self, now: Utc) -> Vec<String> {
        let seconds = now.as_secs();
        let mut warnings = Vec::new();
        if self.own_facts.not_after < seconds {
            warnings.push(format!(
                "our certificate, {}: expired at {}; renew it",
                self.own_facts.who(),
                utc_text(self.own_facts.not_after)
            ));
        } else if self.own_facts.not_after.saturating_sub(secs(EXPIRY_NEAR)) < seconds {
            warnings.push(format!(
                "our certificate, {}: expires at {}; renew it",
                self.own_facts.who(),
                utc_text(self.own_facts.not_after)
            ));
        }
        for crl in &self.crls {
            let Some(next) = crl.next_update.filter(|next| *next < seconds) else { continue };
            let end = next.saturating_add(secs(self.crl_grace));
            let then = if end < seconds { "nobody new is accepted since" } else { "nobody new is accepted from" };
            warnings.push(format!(
                "CRL number {} of {}: its next update was due at {}, {then} {}; fetch a new one",
                crl.number,
                crl.issuer,
                utc_text(next),
                utc_text(end)
            ));
        }
        warnings
    }

    /// Whether a list of `self` is older than the one of the same issuer in `old`: a list that goes back would forget revocations.
    pub(crate) fn goes_back(&self, old: &Self) -> Option<String> {
        self.crls.iter().find_map(|crl| {
            let older = old.crls.iter().find(|before| before.raw_issuer == crl.raw_issuer && before.this_update > crl.this_update)?;
            Some(format!("CRL number {} of {} is older than number {}, which is in force", crl.number, crl.issuer, older.number))
        })
    }

    /// Judges a chain, end entity first, without the list of allowed peers.
    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>], usage: Usage, peer: SocketAddr, now: Utc) -> Result<Facts, Refusal> {
        let Some((first, intermediates)) = chain.split_first() else {
            return Err(Refusal::from_error(&rustls::Error::NoCertificatesPresented));
        };
        let nameless = |check, text: String| Refusal::new(check, format!("certificate of {peer}: {text}"));
        if chain.len() > MAX_CHAIN {
            return Err(nameless(
                Check::Form,
                format!("a chain of {} certificates, at most {MAX_CHAIN}; send only what leads to the root", chain.len()),
            ));
        }
        let facts = Facts::read(first).map_err(|cause| nameless(Check::Form, format!("not X.509: {cause}; replace it")))?;
        let mut all = vec![facts];
        for der in intermediates {
            all.push(Facts::read(der).map_err(|cause| nameless(Check::Form, format!("an issuer in its chain is not X.509: {cause}")))?);
        }
        let seconds = now.as_secs();
        // A root that the peer sends along is believed for being ours, or not at all: what it says of itself counts for nothing.
        let is_root = |place: usize, facts: &Facts| place > 0 && facts.raw_subject == facts.raw_issuer;
        for (place, facts) in all.iter().enumerate().filter(|(place, facts)| !is_root(*place, facts)) {
            let refuse = |check, text: String| Refusal::new(check, format!("certificate of {}: {text}", whose(peer, &all, place)));
            if let Some(digest) = facts.weak_signature {
                return Err(refuse(Check::Signature, format!("signed with {digest}; have it issued with SHA-256 or better")));
            }
            if let Some(bits) = facts.weak_key {
                return Err(refuse(Check::Key, format!("RSA key of {bits} bits, at least {RSA_BITS}; make a new key")));
            }
            if seconds > facts.not_after {
                let text = format!("expired at {}, now {}; renew it", utc_text(facts.not_after), utc_text(seconds));
                return Err(refuse(Check::Expired(facts.not_after), text));
            }
            if seconds < facts.not_before {
                let text =
                    format!("not valid before {}, now {}; compare the clocks, or wait", utc_text(facts.not_before), utc_text(seconds));
                return Err(refuse(Check::NotYet, text));
            }
        }
        self.path(first, intermediates, &all, usage, peer, now)?;
        // A chain ends with the first of its certificates.
        let end = all.iter().enumerate().filter(|(place, facts)| !is_root(*place, facts)).map(|(_, facts)| facts.not_after).min();
        all.truncate(1);
        let mut facts = all.pop().ok_or_else(|| nameless(Check::Form, "none".to_owned()))?;
        facts.not_after = end.unwrap_or(facts.not_after);
        Ok(facts)
    }

    /// The path to a root, with revocation; then the name.
    fn path(
        &self,
        first: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        all: &[Facts],
        usage: Usage,
        peer: SocketAddr,
        now: Utc,
    ) -> Result<(), Refusal> {
        let refuse = |error: &webpki::Error| self.words(error, all, usage, peer, now);
        let lists: Vec<&CertRevocationList<'_>> = self.crls.iter().map(|crl| &crl.list).collect();
        // No list configured: `new` refuses, and revocation is not checked.
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(RevocationOptionsBuilder::build);
        let certificate = EndEntityCert::try_from(first).map_err(|error| refuse(&error))?;
        let eku = match usage {
            Usage::Server => KeyUsage::server_auth(),
            Usage::Client => KeyUsage::client_auth(),
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_secs()).unwrap_or(0)));
        let algorithms = self.provider.signature_verification_algorithms.all;
        certificate
            .verify_for_usage(algorithms, &self.roots, intermediates, time, eku, revocation, None)
            .map_err(|error| refuse(&error))?;
        let issuers = all.iter().map(|facts| &facts.raw_issuer);
        for crl in issuers.filter_map(|issuer| self.crls.iter().find(|crl| crl.raw_issuer == *issuer)) {
            let Some(next) = crl.next_update else { continue };
            if now.as_secs() > next.saturating_add(secs(self.crl_grace)) {
                let text = format!(
                    "certificate of {}: whether it is revoked is not known: CRL number {} of {} was to be replaced at {} and crl_grace of {} s is over; fetch a new one",
                    whose(peer, all, 0),
                    crl.number,
                    crl.issuer,
                    utc_text(next),
                    self.crl_grace.as_secs()
                );
                return Err(Refusal::new(Check::Status, text));
            }
        }
        if let (Usage::Server, Some(name)) = (usage, &self.server_name) {
            certificate.verify_is_valid_for_subject_name(name).map_err(|error| refuse(&error))?;
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library names more than an engineer needs told apart")]
    fn words(&self, error: &webpki::Error, all: &[Facts], usage: Usage, peer: SocketAddr, now: Utc) -> Refusal {
        let refuse = |check, text: String| Refusal::new(check, format!("certificate of {}: {text}", whose(peer, all, 0)));
        match error {
            webpki::Error::UnknownIssuer => {
                let issuer = all.last().map_or("", |facts| facts.issuer.as_str());
                refuse(
                    Check::Issuer,
                    format!(
                        "issuer unknown: nothing in `roots` is {issuer}, or its key differs; add that root, or have the peer send what leads to one"
                    ),
                )
            }
            webpki::Error::CertRevoked => self.revoked(all, peer, now),
            webpki::Error::UnknownRevocationStatus => {
                let without = all.iter().find(|facts| !self.crls.iter().any(|crl| crl.raw_issuer == facts.raw_issuer));
                let issuer = without.or(all.first()).map_or("", |facts| facts.issuer.as_str());
                refuse(Check::Status, format!("whether it is revoked is not known: no file of `crl` is of {issuer}; add its CRL"))
            }
            webpki::Error::InvalidCrlSignatureForPublicKey | webpki::Error::IssuerNotCrlSigner => {
                let crl = all.iter().find_map(|facts| self.crls.iter().find(|crl| crl.raw_issuer == facts.raw_issuer));
                let crl = crl.map_or_else(String::new, |crl| format!("number {} of {} ", crl.number, crl.issuer));
                refuse(
                    Check::Status,
                    format!("whether it is revoked is not known: CRL {crl}is not signed by that issuer; fetch the real one"),
                )
            }
            webpki::Error::CertNotValidForName(_) => {
                let names = all.first().map(|facts| facts.names.join(", ")).unwrap_or_default();
                let names = if names.is_empty() { "no name at all".to_owned() } else { shown(&names) };
                let wanted = self.server_name.as_ref().map(|name| name.to_str().into_owned()).unwrap_or_default();
                refuse(
                    Check::Name,
                    format!(
                        "wrong name: server_name is {wanted} and it carries {names}; correct server_name, or connect to the right station"
                    ),
                )
            }
            webpki::Error::RequiredEkuNotFoundContext(_) | webpki::Error::EmptyEkuExtension => {
                let side = match usage {
                    Usage::Server => "a server (extended key usage serverAuth)",
                    Usage::Client => "a client (extended key usage clientAuth)",
                };
                refuse(Check::Usage, format!("not made for {side}; have it issued with that usage"))
            }
            webpki::Error::CaUsedAsEndEntity => {
                refuse(Check::Usage, "it is an authority's own; give the station one of its own".to_owned())
            }
            webpki::Error::UnsupportedSignatureAlgorithmContext(_) | webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                refuse(
                    Check::Signature,
                    format!(
                        "a signature of its chain does not fit, or its algorithm is not taken here ({error}); have it issued anew with ECDSA P-256 or RSA {RSA_BITS} and SHA-256"
                    ),
                )
            }
            webpki::Error::InvalidSignatureForPublicKey => {
                let issuer = all.last().map_or("", |facts| facts.issuer.as_str());
                refuse(
                    Check::Issuer,
                    format!(
                        "issuer unknown: it names {issuer}, and the key of that name in `roots` did not sign it; take the right root, or mistrust the peer"
                    ),
                )
            }
            webpki::Error::UnsupportedCertVersion => {
                refuse(Check::Form, "X.509 version 1, which has no extensions; have it issued as version 3".to_owned())
            }
            other => refuse(Check::Form, format!("not acceptable: {other}; have it issued anew")),
        }
    }

    fn revoked(&self, all: &[Facts], peer: SocketAddr, now: Utc) -> Refusal {
        for (place, facts) in all.iter().enumerate() {
            let Some(crl) = self.crls.iter().find(|crl| crl.raw_issuer == facts.raw_issuer) else { continue };
            let entry = crl.revoked.iter().find(|(serial, _)| trim(serial) == trim(&facts.raw_serial));
            if let Some((_, since)) = entry {
                let text = format!(
                    "certificate of {}: revoked by CRL number {} of {} since {}, now {}; the peer needs a new one",
                    whose(peer, all, place),
                    crl.number,
                    crl.issuer,
                    utc_text(*since),
                    utc_text(now.as_secs())
                );
                return Refusal::new(Check::Revoked, text);
            }
        }
        Refusal::new(Check::Revoked, format!("certificate of {}: revoked; the peer needs a new one", whose(peer, all, 0)))
    }

    /// Whether the peer is on our own list.
    pub(crate) fn on_list(&self, facts: &Facts, peer: SocketAddr) -> Result<(), Refusal> {
        Self::allowed(facts, std::slice::from_ref(&self.allow), peer)
    }

    /// Whether the peer is on one of the lists.
    pub(crate) fn allowed(facts: &Facts, lists: &[Arc<AllowList>], peer: SocketAddr) -> Result<(), Refusal> {
        if lists.iter().any(|list| list.fits(facts)) {
            return Ok(());
        }
        let text = format!(
            "certificate of {peer}, {}: fingerprint {} is not in `allow`, and neither is its subject; add it if this peer is meant",
            facts.who(),
            fingerprint_text(&facts.fingerprint)
        );
        Err(Refusal::new(Check::Allow, text))
    }
}

/// `127.0.0.1:40312, CN=rtu-7`, or the same for one of its issuers.
fn whose(peer: SocketAddr, all: &[Facts], place: usize) -> String {
    let subject = |place: usize| all.get(place).map_or("without a subject", Facts::who);
    if place == 0 { format!("{peer}, {}", subject(0)) } else { format!("{peer}, {}, its issuer {}", subject(0), subject(place)) }
}

/// A serial number without leading zeros.
fn trim(serial: &[u8]) -> &[u8] {
    let start = serial.iter().position(|octet| *octet != 0).unwrap_or(serial.len());
    serial.get(start..).unwrap_or_default()
}

fn secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn name(file: &Path) -> String {
    file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}

impl Reader {
    fn error(&mut self, field: &'static str, text: String, fix: &str) {
        self.problems.push(Problem { field, warning: false, text, fix: fix.to_owned() });
    }

    fn warning(&mut self, field: &'static str, text: String, fix: &str) {
        self.problems.push(Problem { field, warning: true, text, fix: fix.to_owned() });
    }

    fn octets(&mut self, field: &'static str, file: &Path, most: u64) -> Option<Vec<u8>> {
        let read = std::fs::metadata(file).and_then(|metadata| {
            if metadata.len() > most {
                return Err(std::io::Error::other(format!("{} octets, at most {most}", metadata.len())));
            }
            std::fs::read(file)
        });
        read.map_err(|cause| self.error(field, format!("{} cannot be read: {cause}", name(file)), "give a file that this user may read"))
            .ok()
    }

    fn certificates(&mut self, field: &'static str, file: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let octets = self.octets(field, file, MAX_FILE_BYTES)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
        match read {
            Ok(certificates) if !certificates.is_empty() => return Some(certificates),
            Ok(_) => self.error(field, format!("{} has no CERTIFICATE section", name(file)), "give certificates in PEM"),
            Err(cause) => self.error(field, format!("{} is no PEM: {cause}", name(file)), "give certificates in PEM"),
        }
        None
    }

    /// Our chain and key.
    fn own(&mut self, tls: &Tls, provider: &CryptoProvider, now: Utc) -> Option<(Arc<SingleCertAndKey>, Facts)> {
        let chain = self.certificates("certificate", &tls.certificate);
        let key = self.key(&tls.key, provider);
        let chain = chain?;
        let file = name(&tls.certificate);
        if chain.len() > MAX_CHAIN {
            self.error(
                "certificate",
                format!("{file} has {} certificates, at most {MAX_CHAIN}", chain.len()),
                "keep what leads to the root",
            );
        }
        let mut first = None;
        for der in chain.iter().take(MAX_CHAIN) {
            match Facts::read(der) {
                Ok(facts) => {
                    if first.is_none() || facts.raw_subject != facts.raw_issuer {
                        self.own_certificate(&file, &facts, now);
                    }
                    first.get_or_insert(facts);
                }
                Err(cause) => self.error("certificate", format!("{file} is not X.509: {cause}"), "give a certificate in PEM"),
            }
        }
        let certified = CertifiedKey::new(chain, key?);
        if certified.keys_match().is_err() {
            let text = format!("{} is not the key of {file}", name(&tls.key));
            self.error("key", text, "give the key that the certificate was requested with, or request a new certificate");
            return None;
        }
        Some((Arc::new(SingleCertAndKey::from(certified)), first?))
    }

    fn own_certificate(&mut self, file: &str, facts: &Facts, now: Utc) {
        let (field, who) = ("certificate", facts.who());
        if let Some(digest) = facts.weak_signature {
            self.error(field, format!("{file}, {who}: signed with {digest}"), "have it issued with SHA-256 or better: peers refuse it");
        }
        if let Some(bits) = facts.weak_key {
            self.error(field, format!("{file}, {who}: RSA key of {bits} bits, at least {RSA_BITS}"), "make a new key: peers refuse it");
        }
        let (seconds, until) = (now.as_secs(), utc_text(facts.not_after));
        if seconds > facts.not_after {
            self.error(field, format!("{file}, {who}: expired at {until}"), "renew it: peers refuse it");
        } else if seconds < facts.not_before {
            let from = utc_text(facts.not_before);
            self.error(field, format!("{file}, {who}: not valid before {from}"), "compare this machine's clock, or wait: peers refuse it");
        } else if seconds > facts.not_after.saturating_sub(secs(EXPIRY_NEAR)) {
            self.warning(field, format!("{file}, {who}: expires at {until}"), "renew it now; the new file is taken while the link runs");
        }
    }

    fn key(&mut self, file: &Path, provider: &CryptoProvider) -> Option<Arc<dyn rustls::sign::SigningKey>> {
        let octets = zeroize::Zeroizing::new(self.octets("key", file, MAX_FILE_BYTES)?);
        if let Ok(metadata) = std::fs::metadata(file)
            && metadata.mode() & 0o077 != 0
        {
            let text = format!("{} has mode {:04o}: others can read it", name(file), metadata.mode() & 0o7777);
            self.error("key", text, "chmod 0600, and make a new key if others had access");
        }
        let key = PrivateKeyDer::from_pem_slice(&octets);
        let Ok(key) = key.map_err(|cause| {
            self.error("key", format!("{} holds no key in PEM: {cause}", name(file)), "give PKCS#8, PKCS#1 or SEC1 in PEM, not encrypted")
        }) else {
            return None;
        };
        let signing = provider.key_provider.load_private_key(key);
        signing
            .map_err(|cause| {
                self.error(
                    "key",
                    format!("{} is a key that is not taken here: {cause}", name(file)),
                    "use ECDSA P-256 or RSA of at least 2048 bits",
                )
            })
            .ok()
    }

    fn roots(&mut self, file: &Path) -> Option<(Vec<TrustAnchor<'static>>, Vec<DistinguishedName>)> {
        let (mut anchors, mut names) = (Vec::new(), Vec::new());
        for der in self.certificates("roots", file)? {
            let facts = Facts::read(&der);
            if let Ok(Facts { weak_key: Some(bits), subject, .. }) = &facts {
                let text = format!("{}, {subject}: RSA key of {bits} bits, at least {RSA_BITS}", name(file));
                self.error("roots", text, "take a root with a longer key");
            }
            match (webpki::anchor_from_trusted_cert(&der), facts) {
                (Ok(anchor), Ok(facts)) => {
                    anchors.push(anchor.to_owned());
                    names.push(DistinguishedName::from(facts.raw_subject));
                }
                (anchor, facts) => {
                    let cause = facts.err().or_else(|| anchor.err().map(|error| error.to_string())).unwrap_or_default();
                    self.error("roots", format!("{}: a root cannot be used: {cause}", name(file)), "give root certificates in PEM");
                }
            }
        }
        Some((anchors, names))
    }

    /// The newest list of each issuer.
    fn crls(&mut self, tls: &Tls, now: Utc) -> Option<Vec<Crl>> {
        let mut lists: Vec<Crl> = Vec::new();
        for file in &tls.crl {
            let octets = self.octets("crl", file, MAX_CRL_BYTES)?;
            let pem: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&octets).collect();
            let ders = match pem {
                Ok(lists) if !lists.is_empty() => lists,
                // Authorities publish them in DER.
                Ok(_) | Err(_) => vec![CertificateRevocationListDer::from(octets)],
            };
            for der in ders {
                match Crl::read(&der) {
                    Ok(crl) => {
                        self.overdue(file, &crl, tls.crl_grace, now);
                        match lists.iter_mut().find(|known| known.raw_issuer == crl.raw_issuer) {
                            Some(known) if known.this_update >= crl.this_update => {}
                            Some(known) => *known = crl,
                            None => lists.push(crl),
                        }
                    }
                    Err(cause) => {
                        self.error("crl", format!("{} is no revocation list: {cause}", name(file)), "give X.509 CRLs, PEM or DER")
                    }
                }
            }
        }
        Some(lists)
    }

    fn overdue(&mut self, file: &Path, crl: &Crl, grace: Duration, now: Utc) {
        let Some(next) = crl.next_update.filter(|next| *next < now.as_secs()) else { return };
        let end = next.saturating_add(secs(grace));
        let text = format!("{}, CRL number {} of {}: its next update was due at {}", name(file), crl.number, crl.issuer, utc_text(next));
        let then = if end < now.as_secs() { "nobody is accepted since" } else { "nobody new is accepted from" };
        self.warning("crl", text, &format!("fetch a new one: {then} {}", utc_text(end)));
    }
}

impl Crl {
    fn read(der: &CertificateRevocationListDer<'_>) -> Result<Self, String> {
        let list = OwnedCertRevocationList::from_der(der).map_err(|error| error.to_string())?;
        let (_, words) = CertificateRevocationList::from_der(der).map_err(|error| shown(&error.to_string()))?;
        Ok(Self {
            list: list.into(),
            raw_issuer: words.issuer().as_raw().to_vec(),
            issuer: shown(&parts(words.issuer()).join(",")),
            number: words.crl_number().map_or_else(|| "without number".to_owned(), |number| shown(&number.to_string())),
            this_update: words.last_update().timestamp(),
            next_update: words.next_update().map(|time| time.timestamp()),
            revoked: words
                .iter_revoked_certificates()
                .map(|entry| (entry.raw_serial().to_vec(), entry.revocation_date.timestamp()))
                .collect(),
        })
    }
}

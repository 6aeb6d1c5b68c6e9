//! Authorities and certificates made at test time, and the files a link is configured with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bridge_engine::shell::{Allow, Allowed, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A folder of this test alone, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("bridge-tls-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Writes a file as an operator's tools do: whole, then moved into place, readable by the owner only.
    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let (fresh, path) = (self.path(&format!("{file}.new")), self.path(file));
        std::fs::write(&fresh, text).unwrap();
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&fresh, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Genco");
    name.push(DnType::CommonName, common_name);
    name
}

/// An authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Paper {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) fingerprint: Allowed,
    pub(crate) serial: u8,
}

impl Paper {
    pub(crate) fn read(certificate: String, key: String, serial: u8) -> Self {
        use rustls_pki_types::pem::PemObject as _;
        let der = rustls_pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        Self { certificate, key, fingerprint: Allowed::Fingerprint(bridge_trust::sha256(&der)), serial }
    }

    pub(crate) fn fingerprint_text(&self) -> String {
        self.fingerprint.to_string()
    }
}

impl Authority {
    pub(crate) fn new(common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issue(&self, common_name: &str, serial: u8) -> Paper {
        self.issue_with(common_name, serial, |_| {})
    }

    /// For 127.0.0.1 and `NAME.example`, both usages, a year, unless `change` says otherwise.
    pub(crate) fn issue_with(&self, common_name: &str, serial: u8, change: impl FnOnce(&mut CertificateParams)) -> Paper {
        let names = vec!["127.0.0.1".to_owned(), format!("{common_name}.example")];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = named(common_name);
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = now() - Duration::from_secs(3600);
        params.not_after = now() + Duration::from_secs(365 * 86_400);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Paper::read(certificate.pem(), key.serialize_pem(), serial)
    }

    /// A revocation list with this number over these serial numbers, to be replaced after `life` (seconds; negative: overdue).
    pub(crate) fn crl(&self, number: u64, revoked: &[u8], life: i64) -> String {
        let entry = |serial: &u8| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: OffsetDateTime::from_unix_timestamp(1_767_225_600).unwrap(),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let this_update = OffsetDateTime::from_unix_timestamp(1_767_225_600).unwrap() + Duration::from_secs(number);
        let params = CertificateRevocationListParams {
            this_update,
            next_update: now() + time::Duration::seconds(life),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// The files of one side in its folder, with everyone of `allow` allowed.
pub(crate) fn files(folder: &Folder, name: &str, paper: &Paper, roots: &str, allow: &[&Allowed]) -> Tls {
    let mut tls = Tls::new(
        folder.write(&format!("{name}.pem"), &paper.certificate),
        folder.write(&format!("{name}.key"), &paper.key),
        folder.write(&format!("{name}-roots.pem"), roots),
    );
    tls.allow = Allow { entries: allow.iter().map(|entry| (*entry).clone()).collect(), file: None };
    tls.reload = Duration::from_millis(50);
    tls
}

/// One authority, a station (ours or theirs) and an EMS.
pub(crate) struct Town {
    pub(crate) folder: Folder,
    pub(crate) authority: Authority,
    pub(crate) server: Paper,
    pub(crate) client: Paper,
}

impl Town {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("Test CA");
        let (server, client) = (authority.issue("rtu-7", 7), authority.issue("ems-1", 1));
        Self { folder: Folder::new(), authority, server, client }
    }

    pub(crate) fn server_files(&self) -> Tls {
        files(&self.folder, "server", &self.server, &self.authority.pem, &[&self.client.fingerprint])
    }

    pub(crate) fn client_files(&self) -> Tls {
        files(&self.folder, "client", &self.client, &self.authority.pem, &[&self.server.fingerprint])
    }
}

/// Runs the independent tool, which `./check` installs.
pub(crate) fn openssl(folder: &Path, args: &[&str]) {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(args).stdin(Stdio::null());
    let ran = command.output().expect("openssl is installed (./check installs it)");
    assert!(ran.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A certificate that our own tools rightly do not make: RSA of so many bits, signed with this digest, by an authority of its own.
/// Gives the paper and the root.
pub(crate) fn weak(folder: &Folder, bits: u32, digest: &str) -> (Paper, String) {
    let dir = folder.path("");
    let subject = "/O=Genco/CN=old-rtu";
    folder.write("weak.ext", "subjectAltName = IP:127.0.0.1\n");
    openssl(
        &dir,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "weak-ca.key",
            "-out",
            "weak-ca.pem",
            "-subj",
            "/CN=Old CA",
            "-days",
            "30",
            "-sha256",
        ],
    );
    openssl(&dir, &["req", "-newkey", &format!("rsa:{bits}"), "-nodes", "-keyout", "weak.key", "-out", "weak.csr", "-subj", subject]);
    openssl(
        &dir,
        &[
            "x509",
            "-req",
            "-in",
            "weak.csr",
            "-CA",
            "weak-ca.pem",
            "-CAkey",
            "weak-ca.key",
            "-extfile",
            "weak.ext",
            "-set_serial",
            "9",
            "-out",
            "weak.pem",
            "-days",
            "30",
            digest,
        ],
    );
    let read = |file: &str| std::fs::read_to_string(folder.path(file)).unwrap();
    (Paper::read(read("weak.pem"), read("weak.key"), 9), read("weak-ca.pem"))
}

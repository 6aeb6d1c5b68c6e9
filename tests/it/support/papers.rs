//! Certificates made at test time.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, SerialNumber,
};

/// An authority, and what it issues, as files of a folder.
pub(crate) struct Papers(Issuer<'static, KeyPair>);

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Genco");
    name.push(DnType::CommonName, common_name);
    name
}

/// Writes a file that only its owner may read.
pub(crate) fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("writable");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
}

impl Papers {
    /// Makes the authority and writes `roots.pem` and an empty `ca.crl` (number 1) into the folder.
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("writable");
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        std::fs::write(folder.join("roots.pem"), params.self_signed(&key).expect("signed").pem()).expect("writable");
        let issuer = Issuer::new(params, key);
        let crl = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = crl.signed_by(&issuer).expect("signed");
        std::fs::write(folder.join("ca.crl"), crl.pem().expect("PEM")).expect("writable");
        Self(issuer)
    }

    /// Writes `NAME.pem` and `NAME.key`: for 127.0.0.1 and `NAME.example`, until 2095 unless `change` says otherwise.
    pub(crate) fn issue(&self, folder: &Path, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), format!("{name}.example")]).expect("names");
        params.distinguished_name = named(name);
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2095, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("writable");
        private(&folder.join(format!("{name}.key")), &key.serialize_pem());
    }
}

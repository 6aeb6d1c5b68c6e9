//! Who a certificate says its holder is (RFC 5280 §4.2.1.6, §4.1.2.6).

use std::fmt::Write;

use bridge_model::Utc;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// The names of one certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateIdentity {
    uris: Vec<String>,
    common_name: Option<String>,
    fingerprint: String,
}

/// The certificate cannot be decoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub struct Unreadable(String);

impl CertificateIdentity {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// It is not an X.509 certificate.
    pub fn read(der: &[u8]) -> Result<Self, Unreadable> {
        let (_, certificate) = parse_x509_certificate(der).map_err(|e| Unreadable(e.to_string()))?;
        let mut uris = Vec::new();
        if let Some(names) = certificate.subject_alternative_name().map_err(|e| Unreadable(e.to_string()))? {
            for name in &names.value.general_names {
                if let GeneralName::URI(uri) = name {
                    uris.push((*uri).to_owned());
                }
            }
        }
        let common_name = certificate.subject().iter_common_name().next().and_then(|n| n.as_str().ok()).map(str::to_owned);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let mut fingerprint = String::from("sha256:");
        for octet in digest.as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(fingerprint, "{octet:02x}");
        }
        Ok(Self { uris, common_name, fingerprint })
    }

    /// The one name handed to the engine: the first SAN URI, else the subject's common name, else the fingerprint.
    pub fn name(&self) -> &str {
        self.uris.first().or(self.common_name.as_ref()).unwrap_or(&self.fingerprint)
    }

    /// `sha256:` and the certificate's SHA-256 in lower-case hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether the certificate is `expected`'s: one of its SAN URIs; its common name, if it has no SAN URI; or its fingerprint.
    pub fn is(&self, expected: &str) -> bool {
        self.uris.iter().any(|uri| uri == expected)
            || (self.uris.is_empty() && self.common_name.as_deref() == Some(expected))
            || self.fingerprint.eq_ignore_ascii_case(expected)
    }
}

/// Whether the certificate is valid at `now`; the text says which bound it misses.
pub(crate) fn check_validity(der: &[u8], now: Utc) -> Result<(), Unreadable> {
    let (_, certificate) = parse_x509_certificate(der).map_err(|e| Unreadable(e.to_string()))?;
    let validity = certificate.validity();
    let seconds = now.0.div_euclid(1_000_000_000);
    if seconds < validity.not_before.timestamp() {
        return Err(Unreadable(format!("not valid before {}", validity.not_before)));
    }
    if seconds > validity.not_after.timestamp() {
        return Err(Unreadable(format!("expired at {}", validity.not_after)));
    }
    Ok(())
}

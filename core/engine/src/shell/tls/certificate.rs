//! What a certificate says, in words an engineer can act on (RFC 5280).

use std::fmt::Write as _;
use std::net::IpAddr;

use bridge_trust::sha256;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

/// The shortest RSA key, in bits (IEC 62351-3 leaves shorter ones behind).
pub(crate) const RSA_BITS: usize = 2048;

/// Octets of a name that are shown: what a stranger sends must not fill a log.
const SHOWN: usize = 200;

/// Signature algorithms whose digest no longer binds, by object identifier.
const WEAK_SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.3.14.3.2.29", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
    ("1.2.840.10040.4.3", "SHA-1"),
];

/// A certificate's fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    /// The subject, most specific part first (`CN=rtu-7,O=Genco`).
    pub(crate) subject: String,
    /// The same, part by part.
    pub(crate) parts: Vec<String>,
    pub(crate) issuer: String,
    /// The issuer as encoded: what a revocation list is found by.
    pub(crate) raw_issuer: Vec<u8>,
    pub(crate) raw_subject: Vec<u8>,
    pub(crate) raw_serial: Vec<u8>,
    /// Subject alternative names: `dns:…`, `uri:…`, `ip:…`, `email:…`.
    pub(crate) names: Vec<String>,
    common_name: Option<String>,
    pub(crate) fingerprint: [u8; 32],
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// The digest under its signature, if that is too weak.
    pub(crate) weak_signature: Option<&'static str>,
    /// The length of its RSA key in bits, if that is too short.
    pub(crate) weak_key: Option<usize>,
}

impl Facts {
    /// Reads a certificate in DER. `Err`: it is none.
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        let (rest, certificate) = parse_x509_certificate(der).map_err(|error| shown(&error.to_string()))?;
        if !rest.is_empty() {
            return Err("octets after its end".to_owned());
        }
        let parts = parts(certificate.subject());
        let issuer = self::parts(certificate.issuer());
        let validity = certificate.validity();
        let common_name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(shown);
        Ok(Self {
            subject: shown(&parts.join(",")),
            parts,
            issuer: shown(&issuer.join(",")),
            raw_issuer: certificate.issuer().as_raw().to_vec(),
            raw_subject: certificate.subject().as_raw().to_vec(),
            raw_serial: certificate.raw_serial().to_vec(),
            names: names(&certificate),
            common_name,
            fingerprint: sha256(der),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            weak_signature: weak_signature(&certificate),
            weak_key: weak_key(&certificate),
        })
    }

    /// The one name that a session hears: the first alternative name that is a URI, else the common name, else the fingerprint.
    pub(crate) fn name(&self) -> String {
        let uri = self.names.iter().find_map(|name| name.strip_prefix("uri:"));
        uri.map(str::to_owned).or_else(|| self.common_name.clone()).unwrap_or_else(|| fingerprint_text(&self.fingerprint))
    }

    /// The subject as it stands in a sentence.
    pub(crate) fn who(&self) -> &str {
        if self.subject.is_empty() { "without a subject" } else { &self.subject }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| {
        Some(match name {
            GeneralName::DNSName(name) => format!("dns:{}", shown(name)),
            GeneralName::URI(name) => format!("uri:{}", shown(name)),
            GeneralName::RFC822Name(name) => format!("email:{}", shown(name)),
            GeneralName::IPAddress(octets) => format!("ip:{}", address(octets)?),
            GeneralName::OtherName(..)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::RegisteredID(_)
            | GeneralName::Invalid(..) => return None,
        })
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn weak_signature(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    WEAK_SIGNATURES.iter().find(|(id, _)| *id == algorithm).map(|(_, digest)| *digest)
}

fn weak_key(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(key.key_size()).filter(|bits| *bits < RSA_BITS),
        // Their strength is the curve's, and which curves are taken the cryptography decides.
        Ok(PublicKey::EC(_) | PublicKey::DSA(_) | PublicKey::GostR3410(_) | PublicKey::GostR3410_2012(_) | PublicKey::Unknown(_))
        | Err(_) => None,
    }
}

/// The parts of a distinguished name, most specific first (RFC 4514).
pub(crate) fn parts(name: &X509Name<'_>) -> Vec<String> {
    let part = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let kind = oid2abbrev(attribute.attr_type(), oid_registry());
        let kind = kind.map_or_else(|_| attribute.attr_type().to_id_string(), str::to_owned);
        let value = attribute.as_str().map_or_else(|_| hex(attribute.as_slice()), escaped);
        format!("{kind}={value}")
    };
    let mut parts: Vec<String> = name.iter().map(|rdn| rdn.iter().map(part).collect::<Vec<_>>().join("+")).collect();
    parts.reverse();
    parts
}

/// A value with what separates parts escaped (RFC 4514 §2.4).
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        if matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            text.push('\\');
        }
        text.push(if letter.is_control() { '?' } else { letter });
    }
    text
}

/// Text from outside, without control characters and of bounded length.
pub(crate) fn shown(text: &str) -> String {
    let mut clean: String = text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        clean.push('…');
    }
    clean
}

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn fingerprint_text(fingerprint: &[u8]) -> String {
    format!("sha256:{}", hex(fingerprint))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Seconds since 1970 as `2026-01-01T00:00:00Z`.
pub(crate) fn utc_text(seconds: i64) -> String {
    let Ok(time) = ASN1Time::from_timestamp(seconds) else { return format!("{seconds} s after 1970") };
    let t = time.to_datetime();
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.year(), u8::from(t.month()), t.day(), t.hour(), t.minute(), t.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(utc_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc_text(1_767_225_600), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn what_strangers_send_is_shown_without_controls_and_bounded() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "a?b?[31m");
        assert_eq!(shown(&"x".repeat(100_000)).chars().count(), SHOWN + 1);
        assert_eq!(escaped("Genco, Ltd\n"), "Genco\\, Ltd?");
    }

    #[test]
    fn a_certificate_is_read_into_words() {
        let mut params = rcgen::CertificateParams::new(vec!["rtu-7.genco.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Genco, Ltd");
        params.distinguished_name.push(rcgen::DnType::CommonName, "rtu-7");
        params.not_after = rcgen::date_time_ymd(2026, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let facts = Facts::read(certificate.der()).unwrap();
        assert_eq!(facts.subject, "CN=rtu-7,O=Genco\\, Ltd");
        assert_eq!(facts.names, ["dns:rtu-7.genco.example", "ip:127.0.0.1"]);
        assert_eq!((facts.name().as_str(), facts.not_after), ("rtu-7", 1_767_225_600));
        assert_eq!((facts.weak_signature, facts.weak_key), (None, None));
        assert!(Facts::read(b"x").is_err());
    }
}

//! Why a peer was not believed.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

use super::certificate::shown;

/// Which check failed. It chooses the alert that the peer hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Check {
    /// It is no certificate, or its chain is too long.
    Form,
    /// Signed with a weak digest, or with a signature that does not fit.
    Signature,
    /// A short key.
    Key,
    NotYet,
    /// Past its end, in seconds since 1970.
    Expired(i64),
    Issuer,
    Name,
    /// Not made for this side of TLS.
    Usage,
    Revoked,
    /// Whether it is revoked cannot be known.
    Status,
    /// Good, but not on our list.
    Allow,
    /// Not about a certificate.
    Protocol,
}

/// One clause or two: what failed, with the field, the time, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) check: Check,
    pub(crate) text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(check: Check, text: impl Into<String>) -> Self {
        Self { check, text: text.into() }
    }

    /// What the library is told, so that the peer gets the fitting alert.
    pub(crate) fn to_error(&self) -> Error {
        let certificate = match self.check {
            Check::Form | Check::Key => CertificateError::BadEncoding,
            Check::Signature => CertificateError::BadSignature,
            Check::NotYet => CertificateError::NotValidYet,
            Check::Expired(_) => CertificateError::Expired,
            Check::Issuer => CertificateError::UnknownIssuer,
            Check::Name => CertificateError::NotValidForName,
            Check::Usage => CertificateError::InvalidPurpose,
            Check::Revoked => CertificateError::Revoked,
            Check::Status => CertificateError::UnknownRevocationStatus,
            Check::Allow => CertificateError::ApplicationVerificationFailure,
            Check::Protocol => return Error::General(self.text.clone()),
        };
        Error::InvalidCertificate(certificate)
    }

    /// In an engineer's words what the library said.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library names more than an engineer needs told apart")]
    pub(crate) fn from_error(error: &Error) -> Self {
        let text = match error {
            Error::NoCertificatesPresented => {
                "no certificate came: both ends show one (mutual authentication); give the peer a certificate of our roots".to_owned()
            }
            Error::AlertReceived(alert) => format!("the peer ended TLS with alert {alert:?}: {}", meaning(*alert)),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                "what came is not TLS: the peer speaks without it, or speaks something else".to_owned()
            }
            Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge) => {
                "a handshake message of more than 65,535 octets: shorten the peer's certificate chain".to_owned()
            }
            // Mbed TLS does the last when it refuses a client in TLS 1.3.
            Error::DecryptError => {
                "what came cannot be decrypted: damaged on the way, or the peer refuses our certificate and says so in the clear; see its log"
                    .to_owned()
            }
            Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => {
                "the peer asks for renegotiation again and again: it is refused here; switch it off at the peer, a new connection gives new keys"
                    .to_owned()
            }
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                // What a hello of TLS 1.1 lacks.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls13RequiredForQuic,
            ) => "no common TLS version: the peer's is older than our min_version; raise the peer's or lower ours (1.2 is the lowest)".to_owned(),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => {
                "no common cipher suite: the peer needs one with ECDHE and AES-GCM or ChaCha20".to_owned()
            }
            other => shown(&other.to_string()),
        };
        Self::new(Check::Protocol, text)
    }
}

/// What the peer complains about, and so where to look. Alerts say little: its own log says more.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library names more than an engineer needs told apart")]
fn meaning(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateExpired => {
            "our certificate has expired or is not yet valid by its clock; renew ours or compare clocks"
        }
        AlertDescription::CertificateRevoked => "our certificate is revoked; get a new one",
        AlertDescription::UnknownCA => {
            "it does not know who issued our certificate, or cannot tell whether it is revoked; give it our root and its CRL"
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate => {
            "it does not take our certificate; look at its key, name and usage"
        }
        AlertDescription::AccessDenied => "our certificate is good but not on its list; have it added there",
        AlertDescription::CertificateRequired => "it got no certificate from us",
        AlertDescription::ProtocolVersion => "no common TLS version; it may allow only another one",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "nothing in common that it takes; compare versions, cipher suites and certificates"
        }
        AlertDescription::DecryptError => "a signature did not fit; our certificate may be signed with an algorithm it does not take",
        _ => "see the peer's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_says_becomes_an_engineers_words() {
        let text = |error: Error| Refusal::from_error(&error).text;
        assert!(text(Error::NoCertificatesPresented).contains("mutual authentication"));
        assert!(text(Error::AlertReceived(AlertDescription::CertificateExpired)).contains("renew ours"));
        assert!(text(Error::InvalidMessage(InvalidMessage::InvalidContentType)).contains("not TLS"));
        assert!(text(Error::DecryptError).contains("see its log"));
        assert!(text(Error::EncryptError).len() > 5);
    }
}

//! Why the adapter does not start. What happens later is a value of the contract (`Ack::Unreachable`, `StreamEvent::Lost`), not an error.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

/// What was checked in a TLS file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TlsCheck {
    /// The file can be read and holds what it should, in PEM.
    Readable,
    /// The certificate can be decoded.
    Certificate,
    /// The certificate is valid now.
    Validity,
    /// The key belongs to the certificate.
    KeyMatches,
    /// Each root can be used as a trust anchor.
    Roots,
}

impl fmt::Display for TlsCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Readable => "reading PEM",
            Self::Certificate => "decoding the certificate",
            Self::Validity => "the certificate's validity",
            Self::KeyMatches => "matching key and certificate",
            Self::Roots => "using the roots",
        })
    }
}

/// A configuration that the adapter refuses, or a port that it cannot have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A TLS file failed a check.
    #[error("{check} failed for {}", file.display())]
    Tls {
        /// Which check.
        check: TlsCheck,
        /// Which file.
        file: PathBuf,
        /// What it found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Plain HTTP away from loopback.
    #[error("plain HTTP is for loopback only, and {address} is not: give TLS files")]
    PlainListen {
        /// Where it should have listened.
        address: SocketAddr,
    },
    /// The port is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A peer's entry is wrong.
    #[error("peer {name}: {problem}")]
    Peer {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A webhook's entry is wrong.
    #[error("webhook {name}: {problem}")]
    Hook {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A limit is out of its range.
    #[error("{name} is {value}, at least {least} is needed")]
    Limit {
        /// The field.
        name: &'static str,
        /// What it says.
        value: usize,
        /// The least useful value.
        least: usize,
    },
}

/// The whole chain of an error in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

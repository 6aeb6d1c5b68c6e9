//! Two errors: one that is told to a peer, one that is told to the operator.

use std::path::PathBuf;

use bridge_ies::beckn::code;

/// Why a peer's message is not authentic or not allowed. The peer's fault; travels as a NACK.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AuthError {
    /// One of [`bridge_ies::beckn::code`].
    pub code: &'static str,
    /// For people; names no secret.
    pub message: String,
}

impl AuthError {
    /// An error with a code and a text.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn signature(message: impl Into<String>) -> Self {
        Self::new(code::AUT_SIGNATURE_INVALID, message)
    }
}

/// Why keys or the trust bundle cannot be used. The operator's fault, or the disk's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {action} failed", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key file or folder that others may read.
    #[error("{}: mode {mode:04o} lets others read it; run: chmod {fix} {}", path.display(), path.display())]
    Permissions {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The mode it must have.
        fix: &'static str,
    },
    /// A key file is already there: keys are never overwritten.
    #[error("{}: exists already; keys are never overwritten, move the folder away first", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// A key file does not hold a key.
    #[error("{}: {problem}", path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Key material that is no key.
    #[error("not a key: {problem}")]
    Key {
        /// What is wrong.
        problem: String,
    },
    /// A trust bundle that does not hold together.
    #[error("trust bundle: {problem}")]
    Bundle {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A value that cannot be signed.
    #[error("cannot be signed")]
    Unsignable {
        /// Why.
        #[source]
        source: bridge_ies::Error,
    },
}

impl Error {
    pub(crate) fn bundle(problem: impl Into<String>) -> Self {
        Self::Bundle { problem: problem.into() }
    }
}

//! What can go wrong, and whose fault it is.

use std::io;

use crate::format::Position;

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {file}")]
    Io {
        /// What was being done, as an infinitive.
        doing: &'static str,
        /// The file, or `.` for the folder.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk is full. The group was not appended, the part of it that was written is cut off again, the journal stays usable.
    #[error("the disk is full: the group was not appended")]
    Full,
    /// An earlier sync or write failed, so nothing is known about the disk. Final: the journal must be opened anew.
    #[error("the journal has failed: {reason}")]
    Failed {
        /// The first failure.
        reason: String,
    },
    /// A body or a group above its limit.
    #[error("{what} of {len} octets is above the limit of {max}")]
    TooLarge {
        /// `record`, `group`, `origin` or `meta`.
        what: &'static str,
        /// Its length, octets.
        len: usize,
        /// The limit, octets.
        max: usize,
    },
    /// Octets that are not what was written.
    #[error("{file} at octet {offset}: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// Octet offset in the file.
        offset: u64,
        /// The logical position, where one can be given.
        position: Position,
        /// What is wrong.
        what: &'static str,
    },
    /// A part of the journal in the middle is not there.
    #[error("positions {from} to {until} are missing")]
    Missing {
        /// First missing position.
        from: Position,
        /// First position that is there again.
        until: Position,
    },
    /// The position lies before the oldest segment that is kept.
    #[error("position {position} is no longer kept: the journal starts at {start}")]
    Removed {
        /// What was asked for.
        position: Position,
        /// What there is.
        start: Position,
    },
    /// A format this program does not read.
    #[error("{file} has format {major}.{minor}, this program reads 1.x")]
    UnknownVersion {
        /// The file.
        file: String,
        /// Its major number.
        major: u16,
        /// Its minor number.
        minor: u16,
    },
    /// The segment needs features that this program does not have.
    #[error("{file} requires features {bits:#x} that this program does not know")]
    UnknownRequired {
        /// The file.
        file: String,
        /// The unknown bits.
        bits: u64,
    },
    /// The journal belongs to another origin.
    #[error("the journal belongs to {found}, not to {wanted}")]
    Origin {
        /// In the segment.
        found: String,
        /// In the options.
        wanted: String,
    },
    /// A later writer has been here: its fence token is above ours.
    #[error("a writer with fence token {disk} has been here, ours is {ours}")]
    Fenced {
        /// The highest token on the disk.
        disk: u64,
        /// The token of the options.
        ours: u64,
    },
    /// Another process writes this journal.
    #[error("another process has this journal open for writing")]
    Locked,
    /// The journal ends before the position that its head file says is durable: opening it would fork the log. Nothing was changed.
    #[error("the journal ends at {end} but its head says that {head} was durable: refusing to start")]
    Behind {
        /// The position of the head file.
        head: Position,
        /// The end of the last whole group.
        end: Position,
    },
    /// A head must not claim what is not durable.
    #[error("position {position} is not durable yet: {durable} is")]
    NotDurable {
        /// What was asked for.
        position: Position,
        /// What is durable.
        durable: Position,
    },
    /// There is no journal in the folder.
    #[error("there is no journal here")]
    Empty,
    /// A name of a meta file may have a-z, 0-9 and '-' only.
    #[error("{name:?} is not a name for a meta file")]
    Name {
        /// The name.
        name: String,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str, file: &str, source: io::Error) -> Self {
        Self::Io { doing, file: file.to_owned(), source }
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

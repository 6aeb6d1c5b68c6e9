//! Append-only durable log of opaque records: segment files, atomic groups, recovery, cursors and `fsck`.
//!
//! What it deliberately does not know: what a record means (a [`Kind`] is a number), who signs, what time it is, and threads. It starts no
//! thread and reads no clock; the blocking part of a commit is a value ([`SyncJob`]) that the caller runs where it may block.
//!
//! Start at [`Journal`]. The format is drawn byte by byte in `docs/spec/journal.md` (format 1.0).
//!
//! Promises:
//! - a [`Group`] is in the journal whole or not at all;
//! - what [`Journal::durable`] covers survives a loss of power; recovery syncs what it keeps before anything builds on it;
//! - a failed sync is final: nothing is appended and nothing is synced again ([`Error::Failed`]);
//! - a full disk is not: [`Error::Full`] leaves the journal as it was, and usable;
//! - decoding never panics and allocates no more than the octets that are on the disk (a body has at most [`MAX_BODY`] octets).

mod disk;
mod error;
mod file_disk;
mod format;
mod fsck;
mod group;
mod journal;
mod mem_disk;
mod meta;
mod read_only;
mod reader;
mod scan;

pub use disk::Disk;
pub use error::Error;
pub use file_disk::{FileDisk, MAX_HANDLES};
pub use format::{
    FORMAT_MAJOR, FORMAT_MINOR, FRAME_HEADER, Kind, MAGIC, MAX_BODY, MAX_GROUP, MAX_ORIGIN, Position, SegmentHeader, segment_name,
};
pub use fsck::{FsckProblem, FsckReport, FsckSegment, fsck};
pub use group::Group;
pub use journal::{Appended, Journal, Options, Recovery, SyncDone, SyncJob};
pub use mem_disk::MemDisk;
pub use meta::{MAX_META, get_meta, put_meta};
pub use read_only::{Problem, ReadOnly, open_read_only};
pub use reader::{Reader, Record};

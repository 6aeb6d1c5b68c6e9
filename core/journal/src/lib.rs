//! Append-only durable log of opaque records.

mod disk;

pub use disk::Disk;

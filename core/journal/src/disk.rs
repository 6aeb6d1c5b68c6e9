//! The disk as the journal sees it: one folder of named files. All of the journal's I/O goes through here, so that a simulator can lose
//! power between any two calls.

use std::io;

/// One folder of append-only files. Every call is blocking; `sync` may be called from another thread than the rest.
///
/// What a crash keeps: every byte of a file that a returned [`Disk::sync`] covered; every name that a returned [`Disk::sync_dir`] covered.
/// Of the rest anything: nothing, all, or a torn part.
pub trait Disk: Send + Sync {
    /// The names of all files, sorted.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// The length of a file in octets.
    ///
    /// # Errors
    /// `NotFound` if it does not exist.
    fn len(&self, file: &str) -> io::Result<u64>;

    /// Appends octets; creates the file if it does not exist.
    ///
    /// # Errors
    /// `StorageFull` leaves a part behind: the caller truncates.
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes every octet appended so far durable.
    ///
    /// # Errors
    /// After an error nothing is known about what is on the disk: never retried.
    fn sync(&self, file: &str) -> io::Result<()>;

    /// Reads up to `buf.len()` octets at `offset`; zero at the end.
    ///
    /// # Errors
    /// As the operating system says.
    fn read(&self, file: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Cuts a file to `len` octets.
    ///
    /// # Errors
    /// As the operating system says.
    fn truncate(&self, file: &str, len: u64) -> io::Result<()>;

    /// Renames a file, replacing the target.
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, file: &str) -> io::Result<()>;

    /// Makes created, renamed and removed names durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_dir(&self) -> io::Result<()>;

    /// Claims the folder for one writer, for as long as this value lives. The default claims nothing (memory, simulation).
    ///
    /// # Errors
    /// `WouldBlock` if another writer has it.
    fn lock(&self) -> io::Result<()> {
        Ok(())
    }
}

//! A disk in memory, for tests: it loses what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use crate::disk::Disk;

/// A disk in memory. [`MemDisk::crash`] drops everything that no sync covered, names too.
#[derive(Debug, Default)]
pub struct MemDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    capacity: Option<u64>,
    fail_sync: bool,
    fuse: Option<u64>,
}

#[derive(Debug, Default, Clone)]
struct File {
    bytes: Vec<u8>,
    synced: usize,
}

impl MemDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Power off and on: names go back to the last [`Disk::sync_dir`], files to the last [`Disk::sync`] and at most `torn` octets more.
    /// Clears the fuse and the failing sync.
    pub fn crash(&self, torn: usize) {
        let mut state = self.state();
        state.names = state.durable_names.clone();
        for file in &mut state.files {
            file.bytes.truncate(file.synced.saturating_add(torn));
            file.synced = file.bytes.len();
        }
        state.fuse = None;
        state.fail_sync = false;
    }

    /// From now on every sync fails, or no longer.
    pub fn fail_sync(&self, fail: bool) {
        self.state().fail_sync = fail;
    }

    /// Octets that fit; an append beyond writes what fits and fails with `StorageFull`.
    pub fn set_capacity(&self, octets: Option<u64>) {
        self.state().capacity = octets;
    }

    /// After this many changes (append, sync, truncate, rename, remove, sync_dir) every further one fails: the power is gone.
    pub fn set_fuse(&self, changes: Option<u64>) {
        self.state().fuse = changes;
    }

    /// The octets of a file, `None` if it is not there.
    #[must_use]
    pub fn bytes(&self, file: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(file).map(|&i| state.files[i].bytes.clone())
    }

    /// Puts a durable file in place: for tests that damage one.
    pub fn set_bytes(&self, file: &str, bytes: &[u8]) {
        let mut state = self.state();
        let index = state.files.len();
        state.files.push(File { bytes: bytes.to_vec(), synced: bytes.len() });
        state.names.insert(file.to_owned(), index);
        state.durable_names.insert(file.to_owned(), index);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.fuse {
            Some(0) => return Err(io::Error::other("the power is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }
}

impl State {
    fn index(&self, file: &str) -> io::Result<usize> {
        self.names.get(file).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Disk for MemDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn len(&self, file: &str) -> io::Result<u64> {
        let state = self.state();
        Ok(state.files[state.index(file)?].bytes.len() as u64)
    }

    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.change()?;
        let used: usize = state.names.values().map(|&i| state.files[i].bytes.len()).sum();
        let room = state.capacity.map_or(usize::MAX, |c| usize::try_from(c).unwrap_or(usize::MAX).saturating_sub(used));
        let index = match state.index(file) {
            Ok(index) => index,
            Err(_) => {
                state.files.push(File::default());
                let index = state.files.len() - 1;
                state.names.insert(file.to_owned(), index);
                index
            }
        };
        let fits = bytes.len().min(room);
        state.files[index].bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let mut state = self.change()?;
        if state.fail_sync {
            return Err(io::Error::other("input/output error"));
        }
        let index = state.index(file)?;
        state.files[index].synced = state.files[index].bytes.len();
        Ok(())
    }

    fn read(&self, file: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.state();
        let bytes = &state.files[state.index(file)?].bytes;
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn truncate(&self, file: &str, len: u64) -> io::Result<()> {
        let mut state = self.change()?;
        let index = state.index(file)?;
        let file = &mut state.files[index];
        file.bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        file.synced = file.synced.min(file.bytes.len());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.change()?;
        let index = state.index(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), index);
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut state = self.change()?;
        state.index(file)?;
        state.names.remove(file);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.change()?;
        if state.fail_sync {
            return Err(io::Error::other("input/output error"));
        }
        state.durable_names = state.names.clone();
        Ok(())
    }
}

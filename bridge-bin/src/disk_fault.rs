//! Faults of the disk on purpose, for tests of the running process: a sync that hangs, a sync that fails.

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bridge_journal::Disk;
use bridge_profile::parse_duration;

use crate::clock;
use crate::say;

/// `EIO`: the device could not write.
const EIO: i32 = 5;

/// What goes wrong, and after how many calls of `sync` that went well: `sync-delay=3s,after=40;eio,after=41`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct DiskFault {
    /// One sync takes this much longer.
    delay: Option<(Duration, u64)>,
    /// Every later sync fails.
    eio: Option<u64>,
}

impl FromStr for DiskFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not `sync-delay=3s,after=40;eio,after=41`");
        let mut fault = Self::default();
        for part in text.split(';') {
            let (what, after) = part.split_once(",after=").ok_or_else(form)?;
            let after = after.parse().map_err(|_| form())?;
            match what.split_once('=') {
                Some(("sync-delay", delay)) => fault.delay = Some((parse_duration(delay).ok_or_else(form)?, after)),
                None if what == "eio" => fault.eio = Some(after),
                Some(_) | None => return Err(form()),
            }
        }
        Ok(fault)
    }
}

/// A disk whose syncs go wrong. It says so on standard output, with UTC in nanoseconds, before it does anything.
pub(crate) struct FaultyDisk {
    disk: Arc<dyn Disk>,
    fault: DiskFault,
    syncs: AtomicU64,
}

impl FaultyDisk {
    /// A disk with this fault.
    pub(crate) const fn new(disk: Arc<dyn Disk>, fault: DiskFault) -> Self {
        Self { disk, fault, syncs: AtomicU64::new(0) }
    }
}

fn tell(text: &str) {
    // Nobody may be watching.
    let _ = say::line(format!("DISK {text} {}", clock::now().utc.0));
}

impl Disk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn len(&self, file: &str) -> io::Result<u64> {
        self.disk.len(file)
    }

    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(file, bytes)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let before = self.syncs.fetch_add(1, Ordering::Relaxed);
        if let Some((delay, after)) = self.fault.delay
            && before == after
        {
            tell("sync hangs");
            std::thread::sleep(delay);
            tell("sync goes on");
        }
        if self.fault.eio.is_some_and(|after| before >= after) {
            tell("sync fails");
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.disk.sync(file)
    }

    fn read(&self, file: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.read(file, offset, buf)
    }

    fn truncate(&self, file: &str, len: u64) -> io::Result<()> {
        self.disk.truncate(file, len)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.disk.remove(file)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }

    fn lock(&self) -> io::Result<()> {
        self.disk.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_or_refused() {
        let fault: DiskFault = "sync-delay=3s,after=40;eio,after=41".parse().unwrap();
        assert_eq!(fault, DiskFault { delay: Some((Duration::from_secs(3), 40)), eio: Some(41) });
        assert_eq!("eio,after=0".parse(), Ok(DiskFault { delay: None, eio: Some(0) }));
        for bad in ["", "eio", "eio,after=x", "eio=1,after=2", "sync-delay,after=1", "sync-delay=3,after=1", "slow=3s,after=1"] {
            assert!(bad.parse::<DiskFault>().is_err(), "{bad}");
        }
    }
}

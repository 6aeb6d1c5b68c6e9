//! A disk that forgets: everything not covered by a returned sync may be gone, or torn, after [`SimDisk::crash`].
//!
//! Files are octets behind names. A file remembers how much of it is durable; names remember which of their changes are. A crash keeps the
//! durable part of each file plus, by chance, nothing, a torn part or a holed whole of the rest; and a prefix of the pending name changes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_journal::Disk;

use crate::rng::{Rng, TraceHash};

/// The unit a disk writes whole, in octets: holes left by a crash are aligned to it.
pub const SECTOR: usize = 512;

/// One simulated folder. Clones share it, as two processes share a real one.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, File>,
    next_file: u64,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Name changes since the last `sync_dir`, oldest first.
    pending: Vec<NameChange>,
    faults: Faults,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Faults {
    fail_next_sync: bool,
    fail_syncs: bool,
    free: Option<u64>,
    delay: Duration,
    operations_left: Option<u64>,
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// `bytes[..durable]` is on the disk.
    durable: usize,
    /// What the disk still holds after `durable`: cut away by a truncation that is not durable yet.
    old_tail: Vec<u8>,
    /// Where the last unsynced append began.
    last_append: usize,
    /// A sync failed: the kernel forgot which pages were dirty, so later syncs succeed and persist nothing.
    poisoned: bool,
}

#[derive(Debug)]
enum NameChange {
    Link(String, u64),
    Unlink(String),
    Rename(String, String),
}

fn not_found(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{file} does not exist"))
}

impl SimDisk {
    /// An empty, faultless disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Power is lost and returns. What was not durable is gone, torn or, by chance, there; every fault but the size limit is over.
    pub fn crash(&self, rng: &mut Rng) {
        let mut state = self.lock();
        let kept = rng.index(state.pending.len() + 1);
        let mut names = std::mem::take(&mut state.durable_names);
        for change in state.pending.drain(..).take(kept) {
            change.apply(&mut names);
        }
        state.files.retain(|number, _| names.values().any(|held| held == number));
        let mut freed = 0_i64;
        for file in state.files.values_mut() {
            let before = file.bytes.len();
            file.crash(rng);
            freed += before as i64 - file.bytes.len() as i64;
        }
        state.names.clone_from(&names);
        state.durable_names = names;
        let free = state.faults.free.map(|free| free.saturating_add_signed(freed));
        state.faults = Faults { free, ..Faults::default() };
    }

    /// The next `sync` fails with EIO, and what it should have covered is silently lost: a retried sync lies.
    pub fn fail_sync_once(&self) {
        self.lock().faults.fail_next_sync = true;
    }

    /// Every `sync` fails with EIO until the next crash.
    pub fn fail_sync_forever(&self) {
        self.lock().faults.fail_syncs = true;
    }

    /// Only `octets` more fit: the append that passes them writes a part and fails with `StorageFull`. Truncated and removed octets become
    /// free again.
    pub fn full_after(&self, octets: u64) {
        self.lock().faults.free = Some(octets);
    }

    /// Room again without limit.
    pub fn unlimit(&self) {
        self.lock().faults.free = None;
    }

    /// How long a sync takes. The disk itself never waits: the simulation reads [`Self::sync_delay`] and runs the job that much later.
    pub fn delay(&self, by: Duration) {
        self.lock().faults.delay = by;
    }

    /// How long a sync takes now, in virtual time.
    #[must_use]
    pub fn sync_delay(&self) -> Duration {
        self.lock().faults.delay
    }

    /// Power is lost after this many more calls that change or sync: from there every call fails until [`Self::crash`].
    pub fn power_off_after(&self, calls: u64) {
        self.lock().faults.operations_left = Some(calls);
    }

    /// Whether the power of [`Self::power_off_after`] is gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.lock().faults.operations_left == Some(0)
    }

    /// Syncs that returned Ok, for tests of group commit.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Flips bits of one octet, durably: a sabotage or a rotten sector. `false` if there is no such octet.
    pub fn flip(&self, file: &str, offset: u64, mask: u8) -> bool {
        let mut state = self.lock();
        let Some(number) = state.names.get(file).copied() else { return false };
        let Some(octet) = state.files.get_mut(&number).and_then(|file| file.bytes.get_mut(usize::try_from(offset).unwrap_or(usize::MAX)))
        else {
            return false;
        };
        *octet ^= mask;
        true
    }

    /// All files as a reader sees them now.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        state.names.iter().filter_map(|(name, number)| Some((name.clone(), state.files.get(number)?.bytes.clone()))).collect()
    }

    /// A hash of all names and contents: the same seed must give the same disk.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hash = TraceHash::default();
        for (name, bytes) in self.contents() {
            hash.add(name.as_bytes());
            hash.add_u64(bytes.len() as u64);
            hash.add(&bytes);
        }
        hash.value()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Link(name, number) => {
                names.insert(name, number);
            }
            Self::Unlink(name) => {
                names.remove(&name);
            }
            Self::Rename(from, to) => {
                if let Some(number) = names.remove(&from) {
                    names.insert(to, number);
                }
            }
        }
    }
}

impl File {
    fn crash(&mut self, rng: &mut Rng) {
        let unsynced = self.bytes.len() - self.durable;
        match rng.below(10) {
            // Nothing of it was written; a truncation was not either, perhaps.
            0..4 => self.bytes.truncate(self.durable),
            // The last write is torn; what was written before it arrived.
            4..6 => {
                let last = self.last_append.max(self.durable);
                let torn = rng.index(self.bytes.len() - last + 1);
                self.bytes.truncate(last + torn);
            }
            // Torn anywhere.
            6..8 => {
                let torn = rng.index(unsynced + 1);
                self.bytes.truncate(self.durable + torn);
            }
            // The length arrived, one sector in the middle did not.
            8 => {
                let start = self.durable + rng.index(unsynced + 1);
                let end = ((start / SECTOR + 1) * SECTOR).min(self.bytes.len());
                if let Some(hole) = self.bytes.get_mut(start..end) {
                    if rng.chance(0.5) {
                        hole.fill(0);
                    } else {
                        rng.fill(hole);
                    }
                }
            }
            // All of it arrived.
            _ => {}
        }
        if !self.old_tail.is_empty() && self.bytes.len() == self.durable && rng.chance(0.5) {
            self.bytes.append(&mut self.old_tail);
        }
        *self = Self { durable: self.bytes.len(), bytes: std::mem::take(&mut self.bytes), ..Self::default() };
    }
}

impl State {
    /// Counts one changing call against the remaining power.
    fn power(&mut self) -> io::Result<()> {
        match &mut self.faults.operations_left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("power is off")),
            Some(left) => {
                *left -= 1;
                if *left == 0 { Err(io::Error::other("power is off")) } else { Ok(()) }
            }
        }
    }

    fn number(&self, file: &str) -> io::Result<u64> {
        self.names.get(file).copied().ok_or_else(|| not_found(file))
    }

    fn file(&mut self, file: &str) -> io::Result<&mut File> {
        let number = self.number(file)?;
        self.files.get_mut(&number).ok_or_else(|| not_found(file))
    }

    fn release(&mut self, octets: usize) {
        if let Some(free) = &mut self.faults.free {
            *free = free.saturating_add(octets as u64);
        }
    }

    /// Forgets files that no name, durable or not, can reach any more.
    fn collect(&mut self) {
        let names = &self.names;
        let durable = &self.durable_names;
        self.files.retain(|number, _| names.values().chain(durable.values()).any(|held| held == number));
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn len(&self, file: &str) -> io::Result<u64> {
        Ok(self.lock().file(file)?.bytes.len() as u64)
    }

    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let power = state.power();
        if power.is_err() && state.faults.operations_left != Some(0) {
            return power;
        }
        if state.number(file).is_err() {
            let number = state.next_file;
            state.next_file += 1;
            state.files.insert(number, File::default());
            state.names.insert(file.to_owned(), number);
            state.pending.push(NameChange::Link(file.to_owned(), number));
        }
        let fits = state.faults.free.map_or(bytes.len(), |free| bytes.len().min(usize::try_from(free).unwrap_or(usize::MAX)));
        if let Some(free) = &mut state.faults.free {
            *free -= fits as u64;
        }
        let target = state.file(file)?;
        target.last_append = target.bytes.len();
        target.bytes.extend_from_slice(bytes.get(..fits).unwrap_or_default());
        power?;
        if fits < bytes.len() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the simulated disk"));
        }
        Ok(())
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.power()?;
        let fails = std::mem::take(&mut state.faults.fail_next_sync) || state.faults.fail_syncs;
        let target = state.file(file)?;
        if fails {
            target.poisoned = true;
            return Err(io::Error::other("EIO: simulated sync failure"));
        }
        if !target.poisoned {
            target.durable = target.bytes.len();
            target.old_tail.clear();
        }
        state.syncs += 1;
        Ok(())
    }

    fn read(&self, file: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        let bytes = &state.file(file)?.bytes;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let there = bytes.get(from..).unwrap_or_default();
        let count = there.len().min(buf.len());
        buf.iter_mut().zip(there).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn truncate(&self, file: &str, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.power()?;
        let target = state.file(file)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let cut = target.bytes.len().saturating_sub(len);
        if len < target.durable {
            let mut tail = target.bytes.get(len..target.durable).unwrap_or_default().to_vec();
            tail.append(&mut target.old_tail);
            target.old_tail = tail;
            target.durable = len;
        }
        target.bytes.truncate(len);
        target.last_append = target.last_append.min(target.bytes.len());
        state.release(cut);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.power()?;
        let number = state.number(from)?;
        let replaced = state.file(to).map_or(0, |file| file.bytes.len());
        state.release(replaced);
        state.names.remove(from);
        state.names.insert(to.to_owned(), number);
        state.pending.push(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.power()?;
        let gone = state.file(file)?.bytes.len();
        state.release(gone);
        state.names.remove(file);
        state.pending.push(NameChange::Unlink(file.to_owned()));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.power()?;
        state.durable_names = state.names.clone();
        state.pending.clear();
        state.collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, Duration, Rng, SimDisk};
    use std::io::ErrorKind;

    fn content(disk: &SimDisk, file: &str) -> Option<Vec<u8>> {
        disk.contents().remove(file)
    }

    /// A disk with `a` = "durable", name and all.
    fn prepared() -> SimDisk {
        let disk = SimDisk::new();
        disk.append("a", b"durable").expect("append");
        disk.sync("a").expect("sync");
        disk.sync_dir().expect("sync_dir");
        disk
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_loses_or_tears_the_rest() {
        let (mut lost, mut torn, mut whole, mut holed) = (0, 0, 0, 0);
        for seed in 0..400 {
            let disk = prepared();
            disk.append("a", &[1; 900]).expect("append");
            disk.append("a", &[2; 900]).expect("append");
            disk.crash(&mut Rng::new(seed));
            let after = content(&disk, "a").expect("the name was durable");
            assert_eq!(&after[..7], b"durable");
            let expected = [vec![1; 900], vec![2; 900]].concat();
            match after.len() - 7 {
                0 => lost += 1,
                1800 if after[7..] == expected[..] => whole += 1,
                1800 => holed += 1,
                n => {
                    assert_eq!(after[7..], expected[..n], "a torn tail is a prefix");
                    torn += 1;
                }
            }
        }
        assert!(lost > 50 && torn > 50 && whole > 10 && holed > 10, "{lost} {torn} {whole} {holed}");
    }

    #[test]
    fn what_survived_a_crash_survives_the_next() {
        let disk = prepared();
        disk.append("a", b" and more").expect("append");
        disk.crash(&mut Rng::new(3));
        let once = disk.contents();
        disk.crash(&mut Rng::new(4));
        assert_eq!(disk.contents(), once);
    }

    #[test]
    fn a_name_without_a_synced_folder_may_vanish() {
        let (mut there, mut gone) = (0, 0);
        for seed in 0..100 {
            let disk = prepared();
            disk.append("b", b"x").expect("append");
            disk.sync("b").expect("sync");
            disk.crash(&mut Rng::new(seed));
            match content(&disk, "b") {
                Some(bytes) => {
                    assert_eq!(bytes, b"x");
                    there += 1;
                }
                None => gone += 1,
            }
        }
        assert!(there > 20 && gone > 20);
    }

    #[test]
    fn a_rename_is_kept_or_undone_never_both() {
        let (mut old, mut new) = (0, 0);
        for seed in 0..100 {
            let disk = prepared();
            disk.rename("a", "b").expect("rename");
            assert_eq!(disk.list().expect("list"), ["b"]);
            disk.crash(&mut Rng::new(seed));
            match disk.list().expect("list").as_slice() {
                [name] if name == "a" => old += 1,
                [name] if name == "b" => new += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(old > 20 && new > 20);
    }

    #[test]
    fn a_removed_file_may_come_back() {
        let back = (0..50)
            .filter(|seed| {
                let disk = prepared();
                disk.remove("a").expect("remove");
                disk.crash(&mut Rng::new(*seed));
                content(&disk, "a").is_some_and(|bytes| bytes == b"durable")
            })
            .count();
        assert!((10..40).contains(&back), "{back}");
    }

    #[test]
    fn a_truncation_may_be_undone_until_it_is_synced() {
        let undone = |sync: bool| {
            (0..60)
                .filter(|seed| {
                    let disk = prepared();
                    disk.truncate("a", 3).expect("truncate");
                    if sync {
                        disk.sync("a").expect("sync");
                    }
                    disk.crash(&mut Rng::new(*seed));
                    let after = content(&disk, "a").expect("name");
                    assert!(after == b"dur" || after == b"durable");
                    after == b"durable"
                })
                .count()
        };
        assert!(undone(false) > 10);
        assert_eq!(undone(true), 0);
    }

    #[test]
    fn a_failed_sync_makes_every_later_one_lie() {
        let mut kept = 0;
        for seed in 0..50 {
            let disk = prepared();
            disk.append("a", b" lost").expect("append");
            disk.fail_sync_once();
            assert!(disk.sync("a").is_err());
            disk.sync("a").expect("the retried sync says yes");
            disk.crash(&mut Rng::new(seed));
            kept += usize::from(content(&disk, "a").expect("name") == b"durable lost");
        }
        assert!(kept < 40, "the retry must not have made it durable");
    }

    #[test]
    fn a_sync_that_fails_forever_fails_until_the_crash() {
        let disk = prepared();
        disk.fail_sync_forever();
        assert!(disk.sync("a").is_err());
        assert!(disk.sync("a").is_err());
        disk.crash(&mut Rng::new(0));
        disk.sync("a").expect("a new disk");
    }

    #[test]
    fn a_full_disk_takes_a_part_and_gets_room_from_truncation() {
        let disk = prepared();
        disk.full_after(3);
        assert_eq!(disk.append("a", b"12345").expect_err("full").kind(), ErrorKind::StorageFull);
        assert_eq!(content(&disk, "a").expect("name"), b"durable123");
        disk.truncate("a", 7).expect("truncate");
        disk.append("a", b"456").expect("room again");
        assert!(disk.append("a", b"7").is_err());
        disk.unlimit();
        disk.append("a", b"7").expect("no limit");
    }

    #[test]
    fn power_goes_between_two_calls() {
        let disk = prepared();
        disk.power_off_after(2);
        disk.append("a", b"1").expect("still on");
        assert!(disk.sync("a").is_err());
        assert!(disk.is_off());
        assert!(disk.append("a", b"2").is_err());
        disk.crash(&mut Rng::new(1));
        disk.append("a", b"3").expect("on again");
    }

    #[test]
    fn delay_is_told_not_waited() {
        let disk = SimDisk::new();
        disk.delay(Duration::from_secs(3));
        assert_eq!(disk.sync_delay(), Duration::from_secs(3));
    }

    #[test]
    fn a_flipped_bit_changes_the_hash_and_nothing_else() {
        let disk = prepared();
        let before = disk.hash();
        assert!(disk.flip("a", 2, 0x01));
        assert!(!disk.flip("a", 7, 0x01));
        assert_ne!(disk.hash(), before);
        assert!(disk.flip("a", 2, 0x01));
        assert_eq!(disk.hash(), before);
    }
}

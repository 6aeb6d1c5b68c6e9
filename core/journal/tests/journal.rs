//! The journal against a disk that loses, tears, fills and fails.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use std::sync::Arc;

use bridge_journal::{
    Disk, Error, FRAME_HEADER, FileDisk, Group, Journal, Kind, MemDisk, Options, Position, Record, Recovery, fsck, open_read_only,
};

const ORIGIN: &str = "plant.example/bridge/1";

fn options() -> Options {
    Options { origin: ORIGIN.into(), epoch: 7, writer: 1, fence: 1, segment_bytes: 400 }
}

fn open(disk: &Arc<MemDisk>) -> Result<(Journal, Recovery), Error> {
    Journal::open(Arc::<MemDisk>::clone(disk), options())
}

fn dynamic(disk: &Arc<MemDisk>) -> Arc<dyn Disk> {
    Arc::<MemDisk>::clone(disk)
}

/// Group `n`: 1–3 records whose octets follow from `n`.
fn group(n: u64) -> Group {
    let mut group = Group::new();
    for i in 0..=n % 3 {
        group.push(Kind(1 + i as u8), format!("group {n} record {i} {}", "x".repeat((n * 7 % 40) as usize)).as_bytes());
    }
    group
}

fn bodies(n: u64) -> Vec<(u8, Vec<u8>)> {
    group(n).records().map(|(_, kind, body)| (kind.0, body.to_vec())).collect()
}

fn append(journal: &mut Journal, n: u64) -> Result<Position, Error> {
    Ok(journal.append(&mut group(n))?.first)
}

fn sync(journal: &mut Journal) -> Result<(), Error> {
    match journal.sync_job() {
        Some(job) => journal.handle_sync(job.run()).map(|_| ()),
        None => Ok(()),
    }
}

/// All groups of a journal by number; fails if one is not whole and as it was written.
fn whole_groups(journal: &Journal) -> u64 {
    let mut reader = journal.reader(journal.start());
    let mut n = 0;
    let mut open = Vec::new();
    let mut at = journal.start();
    while let Some(record) = reader.next().unwrap() {
        assert_eq!(record.position, at, "positions are contiguous");
        at = record.end;
        open.push((record.kind.0, record.body));
        if record.last {
            assert_eq!(open, bodies(n), "group {n}");
            open.clear();
            n += 1;
        }
    }
    assert!(open.is_empty());
    assert_eq!(at, journal.end());
    n
}

#[test]
fn what_is_appended_is_read_back_over_segments_and_restarts() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, recovery) = open(&disk).unwrap();
    assert_eq!(recovery, Recovery { new: true, records: 0, cut_bytes: 0, end: Position(0), sound_after_cut: false });
    assert_eq!((journal.epoch(), journal.origin()), (7, ORIGIN));
    let mut rolls = 0;
    let mut positions = Vec::new();
    for n in 0..50 {
        let mut group = group(n);
        let appended = journal.append(&mut group).unwrap();
        rolls += u64::from(appended.rolled);
        assert_eq!(appended.rolled, journal.segment_start() == appended.first);
        assert!(group.is_empty());
        positions.extend(group.offsets().iter().map(|offset| Position(appended.first.0 + offset)));
    }
    assert!(rolls > 5);
    sync(&mut journal).unwrap();
    assert_eq!(journal.durable(), journal.end());
    assert!(journal.sync_job().is_none());
    assert_eq!(whole_groups(&journal), 50);
    let end = journal.end();
    drop(journal);
    let (mut journal, recovery) = Journal::open(dynamic(&disk), Options { epoch: 99, ..options() }).unwrap();
    assert_eq!((recovery.new, recovery.cut_bytes, recovery.end, journal.durable(), journal.epoch()), (false, 0, end, end, 7));
    for (i, position) in positions.iter().enumerate() {
        assert_eq!(journal.read_at(*position).unwrap().position, *position, "record {i}");
    }
    append(&mut journal, 50).unwrap();
    assert_eq!(whole_groups(&journal), 51);
}

#[test]
fn a_reader_sees_what_comes_later() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    let mut reader = journal.reader(Position(0));
    let mut read_only = None;
    let mut record = Record::default();
    for n in 0..40 {
        append(&mut journal, n).unwrap();
        for (kind, body) in bodies(n) {
            assert!(reader.next_into(&mut record).unwrap());
            assert_eq!((record.kind.0, &record.body), (kind, &body));
        }
        assert!(!reader.next_into(&mut record).unwrap());
        let (other, cursor) = read_only.get_or_insert_with(|| {
            let other = open_read_only(dynamic(&disk)).unwrap();
            let cursor = other.reader(Position(0));
            (other, cursor)
        });
        other.refresh().unwrap();
        assert_eq!((other.end(), other.epoch(), other.origin()), (journal.end(), 7, ORIGIN));
        let mut seen = 0;
        while cursor.next().unwrap().is_some() {
            seen += 1;
        }
        assert_eq!(seen, bodies(n).len(), "group {n}");
    }
}

#[test]
fn a_write_torn_at_any_octet_of_the_last_group_leaves_the_groups_before() {
    let full = Arc::new(MemDisk::new());
    let (mut journal, _) = Journal::open(dynamic(&full), Options { segment_bytes: 1 << 20, ..options() }).unwrap();
    for n in 0..5 {
        append(&mut journal, n).unwrap();
    }
    let file = "seg-0000000000000000.log";
    let whole = full.bytes(file).unwrap().len();
    append(&mut journal, 5).unwrap();
    let octets = full.bytes(file).unwrap();
    drop(journal);
    for cut in whole..octets.len() {
        let disk = Arc::new(MemDisk::new());
        disk.set_bytes(file, &octets[..cut]);
        let read_only = open_read_only(dynamic(&disk)).unwrap();
        assert_eq!((read_only.torn_bytes(), read_only.torn_tail().is_some()), ((cut - whole) as u64, cut > whole));
        let report = fsck(&dynamic(&disk)).unwrap();
        assert_eq!((report.is_sound(), report.torn_bytes), (true, (cut - whole) as u64), "cut {cut}");
        let (mut journal, recovery) = open(&disk).unwrap();
        assert_eq!((recovery.cut_bytes, recovery.sound_after_cut), ((cut - whole) as u64, false), "cut {cut}");
        assert_eq!(whole_groups(&journal), 5);
        append(&mut journal, 5).unwrap();
        assert_eq!(whole_groups(&journal), 6);
    }
}

#[test]
fn a_tail_of_zeros_or_of_noise_is_cut() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    append(&mut journal, 0).unwrap();
    drop(journal);
    let file = "seg-0000000000000000.log";
    let octets = disk.bytes(file).unwrap();
    let mut seed = 5u64;
    for round in 0..50 {
        let mut torn = octets.clone();
        for _ in 0..round * 3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            torn.push(if round % 2 == 0 { 0 } else { (seed >> 56) as u8 });
        }
        disk.set_bytes(file, &torn);
        let (journal, recovery) = open(&disk).unwrap();
        assert_eq!((recovery.cut_bytes, whole_groups(&journal)), (round * 3, 1));
    }
}

/// Power goes at every single change of the disk; nothing that was durable may be lost, nothing may be half there, and the journal goes on.
#[test]
fn a_crash_at_any_step_loses_nothing_durable() {
    let run = |disk: &Arc<MemDisk>| -> (u64, u64) {
        let (mut durable, mut appended) = (0, 0);
        let _ = (|| -> Result<(), Error> {
            let (mut journal, _) = open(disk)?;
            for n in 0..24 {
                append(&mut journal, n)?;
                appended = n + 1;
                if n % 3 == 2 {
                    sync(&mut journal)?;
                    durable = n + 1;
                    if n % 6 == 5 {
                        journal.put_head(journal.durable(), b"")?;
                    }
                }
            }
            Ok(())
        })();
        (durable, appended)
    };
    let mut steps = 0;
    for fuse in 0.. {
        for torn in [0, 1, 13, 60, usize::MAX] {
            let disk = Arc::new(MemDisk::new());
            disk.set_fuse(Some(fuse));
            let (durable, appended) = run(&disk);
            disk.crash(torn);
            let (mut journal, recovery) = open(&disk).unwrap();
            let found = whole_groups(&journal);
            assert!(found >= durable, "fuse {fuse} torn {torn}: {found} of {durable} durable groups");
            assert!(found <= appended + 1, "fuse {fuse} torn {torn}");
            assert_eq!(recovery.end, journal.durable());
            append(&mut journal, found).unwrap();
            sync(&mut journal).unwrap();
            disk.crash(0);
            drop(journal);
            let (journal, recovery) = open(&disk).unwrap();
            assert_eq!((recovery.cut_bytes, whole_groups(&journal)), (0, found + 1));
            if durable == 24 {
                steps = fuse;
            }
        }
        if steps > 0 {
            break;
        }
    }
    assert!(steps > 40, "{steps} steps");
}

#[test]
fn a_failed_sync_is_final() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    append(&mut journal, 0).unwrap();
    let job = journal.sync_job().unwrap();
    assert!(journal.sync_job().is_none(), "one job at a time");
    disk.fail_sync(true);
    assert!(matches!(journal.handle_sync(job.run()), Err(Error::Failed { .. })));
    disk.fail_sync(false);
    assert!(journal.failed().unwrap().contains("input/output error"));
    assert!(matches!(append(&mut journal, 1), Err(Error::Failed { .. })));
    assert!(journal.sync_job().is_none());
    assert_eq!(journal.durable(), Position(0));
}

#[test]
fn a_failed_sync_at_a_roll_is_final_too() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    let mut n = 0;
    while journal.end().0 + 96 < 400 {
        append(&mut journal, n).unwrap();
        n += 1;
    }
    disk.fail_sync(true);
    assert!(matches!(append(&mut journal, n), Err(Error::Failed { .. })));
    disk.fail_sync(false);
    assert!(matches!(append(&mut journal, n), Err(Error::Failed { .. })));
}

#[test]
fn a_job_covers_what_was_appended_before_it() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    append(&mut journal, 0).unwrap();
    let first = journal.end();
    let job = journal.sync_job().unwrap();
    append(&mut journal, 1).unwrap();
    assert_eq!((job.until(), journal.durable()), (first, Position(0)));
    assert_eq!(journal.handle_sync(job.run()).unwrap(), first);
    assert!(journal.sync_job().is_some());
}

#[test]
fn a_full_disk_refuses_the_group_and_nothing_else() {
    for room in 0..200 {
        let disk = Arc::new(MemDisk::new());
        let (mut journal, _) = open(&disk).unwrap();
        append(&mut journal, 0).unwrap();
        append(&mut journal, 1).unwrap();
        let used: usize = disk.list().unwrap().iter().map(|f| disk.bytes(f).unwrap().len()).sum();
        disk.set_capacity(Some((used + room) as u64));
        let mut n = 2;
        let refused = loop {
            let mut next = group(n);
            let records = next.len();
            match journal.append(&mut next) {
                Ok(_) => n += 1,
                Err(e) => {
                    assert_eq!(next.len(), records, "the group is kept");
                    break e;
                }
            }
        };
        assert!(matches!(refused, Error::Full), "room {room}: {refused}");
        assert_eq!((journal.failed(), whole_groups(&journal)), (None, n));
        sync(&mut journal).unwrap();
        disk.set_capacity(None);
        append(&mut journal, n).unwrap();
        sync(&mut journal).unwrap();
        drop(journal);
        disk.crash(0);
        let (journal, recovery) = open(&disk).unwrap();
        assert_eq!((recovery.cut_bytes, whole_groups(&journal)), (0, n + 1), "room {room}");
    }
}

#[test]
fn a_head_ahead_of_the_disk_refuses_and_changes_nothing() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    append(&mut journal, 0).unwrap();
    assert!(matches!(journal.put_head(journal.end(), b"x"), Err(Error::NotDurable { .. })));
    sync(&mut journal).unwrap();
    journal.put_head(journal.durable(), b"batch 3").unwrap();
    let end = journal.end();
    assert_eq!(journal.head().unwrap().unwrap(), (end, b"batch 3".to_vec()));
    drop(journal);
    let file = "seg-0000000000000000.log";
    let octets = disk.bytes(file).unwrap();
    disk.set_bytes(file, &octets[..octets.len() - 1]);
    assert!(matches!(open(&disk), Err(Error::Behind { head, end: Position(0) }) if head == end));
    assert_eq!(disk.bytes(file).unwrap().len(), octets.len() - 1, "the evidence is not touched");
    assert!(fsck(&dynamic(&disk)).unwrap().behind_head);
    disk.remove(file).unwrap();
    assert!(matches!(open(&disk), Err(Error::Behind { .. })));
    disk.set_bytes(file, &octets);
    open(&disk).unwrap();
}

#[test]
fn another_origin_an_older_fence_a_second_writer_and_unknown_features_are_refused() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = Journal::open(dynamic(&disk), Options { fence: 5, ..options() }).unwrap();
    append(&mut journal, 0).unwrap();
    drop(journal);
    assert!(matches!(Journal::open(dynamic(&disk), Options { origin: "other".into(), fence: 5, ..options() }), Err(Error::Origin { .. })));
    assert!(matches!(open(&disk), Err(Error::Fenced { disk: 5, ours: 1 })));
    let long = Options { origin: "x".repeat(256), ..options() };
    assert!(matches!(Journal::open(dynamic(&disk), long), Err(Error::TooLarge { what: "origin", .. })));
    // Another writer begins a segment of its own.
    let (mut journal, _) = Journal::open(dynamic(&disk), Options { writer: 2, fence: 6, ..options() }).unwrap();
    assert!(journal.append(&mut group(1)).unwrap().rolled);
    assert_eq!((disk.list().unwrap().len(), whole_groups(&journal)), (2, 2));
    drop(journal);
    let file = "seg-0000000000000000.log";
    let mut octets = disk.bytes(file).unwrap();
    let header_len = octets[12] as usize;
    let reseal = |octets: &mut Vec<u8>| {
        let crc = crc32c::crc32c(&octets[..header_len - 4]).to_le_bytes();
        octets[header_len - 4..header_len].copy_from_slice(&crc);
    };
    octets[16] = 0x10;
    reseal(&mut octets);
    disk.set_bytes(file, &octets);
    assert!(matches!(open(&disk), Err(Error::UnknownRequired { bits: 0x10, .. })));
    assert!(matches!(open_read_only(dynamic(&disk)), Err(Error::UnknownRequired { .. })));
    octets[16] = 0;
    octets[24] = 0x10;
    reseal(&mut octets);
    disk.set_bytes(file, &octets);
    assert!(Journal::open(dynamic(&disk), Options { fence: 6, ..options() }).is_ok());
}

#[test]
fn every_flipped_bit_is_named_by_fsck() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    let mut starts = vec![0];
    for n in 0..12 {
        append(&mut journal, n).unwrap();
        starts.push(journal.end().0);
    }
    drop(journal);
    assert!(fsck(&dynamic(&disk)).unwrap().is_sound());
    let files = disk.list().unwrap();
    assert!(files.len() > 1);
    for (index, file) in files.iter().enumerate() {
        let octets = disk.bytes(file).unwrap();
        let header_len = octets[12] as usize;
        for bit in (0..octets.len() * 8).step_by(5) {
            let mut bad = octets.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            disk.set_bytes(file, &bad);
            let Ok(report) = fsck(&dynamic(&disk)) else { continue };
            let named = report.problems.iter().chain(&report.torn_tail).find(|p| p.file == *file);
            let named = named.unwrap_or_else(|| panic!("{file} bit {bit}: {report:?}"));
            if bit / 8 >= header_len {
                assert!(named.offset as usize <= bit / 8, "{file} bit {bit} named at {}", named.offset);
                assert!(bit / 8 - named.offset as usize <= 80, "{file} bit {bit} named at {}", named.offset);
                assert!(!report.is_sound() || index + 1 == files.len());
            }
        }
        disk.set_bytes(file, &octets);
    }
}

#[test]
fn damage_in_the_middle_is_found_by_readers_and_a_missing_segment_refuses() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    for n in 0..30 {
        append(&mut journal, n).unwrap();
    }
    let end = journal.end();
    drop(journal);
    let files = disk.list().unwrap();
    let middle = &files[2];
    let octets = disk.bytes(middle).unwrap();
    let mut bad = octets.clone();
    let at = bad.len() - 3;
    bad[at] ^= 1;
    disk.set_bytes(middle, &bad);
    let (journal, _) = open(&disk).unwrap();
    let mut reader = journal.reader(journal.start());
    let error = loop {
        match reader.next() {
            Ok(record) => assert!(record.is_some()),
            Err(e) => break e,
        }
    };
    let Error::Damaged { file, position, .. } = error else { panic!("{error}") };
    assert_eq!(&file, middle);
    let read_only = open_read_only(dynamic(&disk)).unwrap();
    let next = read_only.resync(position).unwrap().unwrap();
    assert!(next > position);
    assert!(read_only.reader(next).next().unwrap().is_some());
    drop(journal);

    disk.remove(middle).unwrap();
    assert!(matches!(open(&disk), Err(Error::Missing { .. })));
    let report = fsck(&dynamic(&disk)).unwrap();
    assert_eq!(report.gaps.len(), 1);
    let read_only = open_read_only(dynamic(&disk)).unwrap();
    assert_eq!(read_only.end(), end);
    assert!(matches!(read_only.reader(report.gaps[0].0).next(), Err(Error::Missing { until, .. }) if until == report.gaps[0].1));
    // A copy of another segment in its place is not taken for it.
    disk.set_bytes(middle, &disk.bytes(&files[1]).unwrap());
    assert!(open(&disk).is_err());
    assert_eq!(fsck(&dynamic(&disk)).unwrap().problems[0].file, *middle);
}

#[test]
fn old_segments_are_dropped_whole_and_readers_are_told() {
    let disk = Arc::new(MemDisk::new());
    let (mut journal, _) = open(&disk).unwrap();
    for n in 0..30 {
        append(&mut journal, n).unwrap();
    }
    let files = disk.list().unwrap().len();
    let keep = journal.segment_start();
    assert_eq!(journal.drop_before(Position(1)).unwrap(), 0);
    assert!(journal.drop_before(Position(keep.0 - 1)).unwrap() > 0);
    assert_eq!(disk.list().unwrap().len(), 2);
    assert!(files > 3);
    journal.drop_before(Position(u64::MAX)).unwrap();
    assert_eq!((disk.list().unwrap().len(), journal.start()), (1, keep));
    assert!(matches!(journal.reader(Position(0)).next(), Err(Error::Removed { start, .. }) if start == keep));
    append(&mut journal, 30).unwrap();
    let end = journal.end();
    sync(&mut journal).unwrap();
    drop(journal);
    disk.crash(0);
    let (journal, _) = open(&disk).unwrap();
    assert_eq!((journal.start(), journal.end()), (keep, end));
}

#[test]
fn an_empty_folder_has_no_journal_and_a_wrong_position_is_damage() {
    let disk = Arc::new(MemDisk::new());
    assert!(matches!(open_read_only(dynamic(&disk)), Err(Error::Empty)));
    assert!(matches!(fsck(&dynamic(&disk)), Err(Error::Empty)));
    let (mut journal, _) = open(&disk).unwrap();
    append(&mut journal, 2).unwrap();
    assert!(matches!(journal.read_at(Position(1)), Err(Error::Damaged { .. })));
    assert!(matches!(journal.read_at(journal.end()), Err(Error::Missing { .. })));
    assert_eq!(journal.read_at(Position(0)).unwrap().end.0, (FRAME_HEADER + bodies(2)[0].1.len()) as u64);
}

#[test]
fn real_files_one_writer_and_a_kept_tail() {
    let dir = std::env::temp_dir().join(format!("bridge-journal-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let disk = || -> Arc<dyn Disk> { Arc::new(FileDisk::open(&dir).unwrap()) };
    let (mut journal, _) = Journal::open(disk(), options()).unwrap();
    assert!(matches!(Journal::open(disk(), options()), Err(Error::Locked)));
    for n in 0..30 {
        append(&mut journal, n).unwrap();
        sync(&mut journal).unwrap();
    }
    let last = journal.segment_start();
    drop(journal);
    let path = dir.join(bridge_journal::segment_name(last));
    let octets = std::fs::read(&path).unwrap();
    std::fs::write(&path, [octets.as_slice(), &[1, 2, 3]].concat()).unwrap();
    assert_eq!(open_read_only(disk()).unwrap().torn_bytes(), 3);
    let (journal, recovery) = Journal::open(disk(), options()).unwrap();
    assert_eq!((recovery.cut_bytes, whole_groups(&journal)), (3, 30));
    assert_eq!(std::fs::read(&path).unwrap(), octets);
    std::fs::remove_dir_all(&dir).unwrap();
}

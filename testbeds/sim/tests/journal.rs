//! The journal on the disk that forgets: what it called durable is there after every crash.

use std::sync::Arc;

use bridge_journal::{Group, Journal, Kind, Options, Position, Record};
use bridge_sim::{Rng, SimDisk};

const KIND: Kind = Kind(1);

fn options() -> Options {
    Options { origin: "plant.example/bridge/1".to_owned(), epoch: 7, writer: 1, fence: 0, segment_bytes: 2048 }
}

/// One record as it was appended.
#[derive(Clone)]
struct Written {
    end: Position,
    body: Vec<u8>,
}

/// Appends groups and syncs until the power goes, a sync fails or the disk is full for good. Gives what was called durable.
fn write(journal: &mut Journal, written: &mut Vec<Written>, rng: &mut Rng) -> Position {
    let mut out = None;
    for _ in 0..80 {
        let mut group = Group::new();
        let mut bodies = Vec::new();
        for _ in 0..=rng.index(4) {
            let mut body = vec![0; rng.index(200)];
            rng.fill(&mut body);
            group.push(KIND, &body);
            bodies.push(body);
        }
        // A group whose write failed may be there all the same, whole, and was never called durable.
        let end = journal.append(&mut group).map(|appended| appended.end);
        let failed = end.is_err();
        let end = end.unwrap_or(Position(u64::MAX));
        written.extend(bodies.into_iter().map(|body| Written { end, body }));
        if failed {
            break;
        }
        if out.is_none() && rng.chance(0.3) {
            // Run at once, told later: what is appended meanwhile must not count as durable.
            out = journal.sync_job().map(bridge_journal::SyncJob::run);
        } else if rng.chance(0.5)
            && let Some(done) = out.take()
            && journal.handle_sync(done).is_err()
        {
            break;
        }
    }
    journal.durable()
}

fn read(journal: &Journal) -> Vec<Record> {
    let mut reader = journal.reader(journal.start());
    let mut records = Vec::new();
    while let Some(record) = reader.next().expect("a recovered journal reads to its end") {
        records.push(record);
    }
    records
}

/// The seed's whole life: three times a journal is opened, written and loses power.
fn live(seed: u64, fault: impl Fn(&SimDisk, &mut Rng)) -> (SimDisk, usize) {
    let mut rng = Rng::new(seed);
    let disk = SimDisk::new();
    let mut written: Vec<Written> = Vec::new();
    let mut durable = Position(0);
    for _ in 0..3 {
        fault(&disk, &mut rng);
        if let Ok((mut journal, _)) = Journal::open(Arc::new(disk.clone()), options()) {
            durable = durable.max(write(&mut journal, &mut written, &mut rng));
        }
        disk.crash(&mut rng);
        disk.unlimit();
        let (journal, recovery) = Journal::open(Arc::new(disk.clone()), options()).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(recovery.end >= durable, "seed {seed}: ends at {:?}, {durable:?} was durable", recovery.end);
        let records = read(&journal);
        assert!(records.len() <= written.len(), "seed {seed}: more than was written");
        for (record, written) in records.iter().zip(&written) {
            assert!(record.body == written.body, "seed {seed}: the record at {:?} changed", record.position);
        }
        let kept = written.iter().filter(|written| written.end <= durable).count();
        assert!(records.len() >= kept, "seed {seed}: {} of {kept} durable records", records.len());
        // What recovery kept counts from now on.
        written.truncate(records.len());
        durable = recovery.end;
    }
    (disk, written.len())
}

#[test]
fn durable_records_survive_power_loss_between_any_two_calls() {
    let mut kept = 0;
    for seed in 0..1000 {
        kept += live(seed, |disk, rng| disk.power_off_after(rng.below(150))).1;
    }
    assert!(kept > 10_000, "the journals were written: {kept}");
}

#[test]
fn durable_records_survive_a_failed_sync_and_a_full_disk() {
    for seed in 0..200 {
        live(seed, |disk, rng| {
            if rng.chance(0.5) {
                disk.full_after(rng.below(60_000));
            }
            disk.power_off_after(50 + rng.below(150));
            if rng.chance(0.5) {
                disk.fail_sync_forever();
            }
        });
    }
}

#[test]
fn same_seed_same_disk() {
    let hash = |seed| live(seed, |disk, rng| disk.power_off_after(rng.below(150))).0.hash();
    assert_eq!(hash(11), hash(11));
    assert_ne!(hash(11), hash(12));
}

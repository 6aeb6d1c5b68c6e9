//! A restart continues the log as if there had been none.

use std::sync::Arc;

use bridge_journal::{MemDisk, Position};
use bridge_provenance::{BatchHeader, Error, Sealer, Verdict};

use crate::plant::{BRIDGE, ORIGIN, Plant, mem, meta, plant, signer, verify};

#[test]
fn replay_gives_the_same_next_seal_as_no_restart() {
    for frames in 1..40 {
        for segment_bytes in [1 << 20, 3000] {
            let (disk, mut straight) = plant(frames, segment_bytes);
            let next = straight.sealer.seal(straight.journal.end(), &meta(9), &signer());
            drop(straight);
            let mut again = Plant::resume(mem(&disk), segment_bytes).unwrap();
            assert_eq!(again.sealer.seal(again.journal.end(), &meta(9), &signer()), next, "after {frames} frames");
        }
    }
}

#[test]
fn a_snapshot_continues_after_older_segments_are_dropped() {
    let (disk, mut plant) = plant(60, 3000);
    let batches = plant.sealer.batches();
    assert!(plant.journal.drop_before(plant.journal.segment_start()).unwrap() > 0);
    let next = plant.sealer.seal(plant.journal.end(), &meta(9), &signer()).unwrap();
    let snapshot = plant.sealer.snapshot();
    assert_eq!(Sealer::restore(&snapshot).unwrap().snapshot(), snapshot);
    drop(plant);
    let mut again = Plant::resume(mem(&disk), 3000).unwrap();
    assert_eq!(again.sealer.batches(), batches);
    assert_eq!(again.sealer.seal(again.journal.end(), &meta(9), &signer()), Some(next.clone()));
    assert_eq!(again.sealer.log_path(next.batch).len(), next.batch.count_ones() as usize);
    drop(again);
    let mut again = Plant::resume(mem(&disk), 3000).unwrap();
    again.run(20).unwrap();
    again.sync().unwrap();
    let report = verify(&disk);
    assert_eq!((report.verdict, report.first_problem), (Verdict::Verified, None));
    assert!(report.first_batch.unwrap() > 0 && report.batches > 5);
    for cut in 0..snapshot.len() {
        assert!(Sealer::restore(&snapshot[..cut]).is_err());
    }
}

/// Power goes at every change of the disk: what is left verifies, before and after the restart, and the restarted bridge goes on.
#[test]
fn a_journal_that_ends_in_a_crash_verifies() {
    let mut last = false;
    for fuse in 6.. {
        for torn in [0, 7, 150, usize::MAX] {
            let disk = Arc::new(MemDisk::new());
            let mut plant = Plant::start(mem(&disk), 2500);
            disk.set_fuse(Some(fuse));
            let mut sealed = 0;
            last = (0..12)
                .try_for_each(|i| {
                    plant.run(3)?;
                    plant.sync()?;
                    sealed = plant.sealer.batches();
                    if i % 2 == 1 { plant.put_head() } else { Ok(()) }
                })
                .is_ok();
            drop(plant);
            disk.crash(torn);
            let report = verify(&disk);
            assert_eq!((report.verdict, &report.first_problem), (Verdict::Verified, &None), "fuse {fuse} torn {torn}");
            assert!(report.batches >= sealed, "fuse {fuse} torn {torn}: {} of {sealed}", report.batches);
            let mut plant = Plant::resume(mem(&disk), 2500).unwrap();
            plant.run(6).unwrap();
            plant.sync().unwrap();
            plant.put_head().unwrap();
            let report = verify(&disk);
            assert_eq!((report.verdict, &report.first_problem, report.torn_tail), (Verdict::Verified, &None, None));
            assert!(report.batches > sealed);
        }
        if last {
            break;
        }
    }
    assert!(last);
}

#[test]
fn a_seal_covers_only_what_is_before_until_and_heartbeats_cover_nothing() {
    let (_, mut plant) = plant(7, 1 << 20);
    while plant.sealer.seal(plant.journal.end(), &meta(0), &signer()).is_some() {}
    assert_eq!(plant.sealer.pending(), 0);
    let before = plant.sealer.batches();
    let quiet = plant.sealer.seal(plant.journal.end(), &bridge_provenance::SealMeta { heartbeat: true, ..meta(1) }, &signer()).unwrap();
    assert_eq!((quiet.batch, quiet.leaves, plant.sealer.batches()), (before, 0, before + 1));
    let middle = plant.journal.end();
    plant.frame().unwrap();
    assert!(plant.sealer.seal(middle, &meta(2), &signer()).is_none());
    let pending = plant.sealer.pending() as u64;
    let seal = plant.sealer.seal(plant.journal.end(), &meta(2), &signer()).unwrap();
    let header = BatchHeader::decode(&seal.header).unwrap();
    assert_eq!((seal.leaves, header.first, header.end, header.records), (pending, middle, plant.journal.end(), pending + 1));
    assert_eq!(header.prev_header, Some(bridge_provenance::leaf_hash(&quiet.header)));
}

#[test]
fn a_header_that_does_not_continue_is_refused_and_changes_nothing() {
    let (_, plant) = plant(20, 1 << 20);
    let [first, second] = [&plant.seals[0], &plant.seals[1]];
    let mut sealer = Sealer::new(ORIGIN, BRIDGE, 3);
    let before = sealer.snapshot();
    for (header, checkpoint) in [(&second.header, &second.checkpoint), (&first.header, &first.checkpoint)] {
        assert!(matches!(sealer.replay_header(header, checkpoint), Err(Error::Mismatch { .. })));
        assert_eq!(sealer.snapshot(), before);
    }
    sealer.push(0, 0, [0; 32], 0, Position(0));
    assert!(sealer.replay_header(&first.header, &first.checkpoint).unwrap_err().to_string().starts_with("batch 0: "));
}

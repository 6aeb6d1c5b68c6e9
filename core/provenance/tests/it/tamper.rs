//! The mutation suite: whatever is changed in a journal, the check says so and names the place.

use std::sync::Arc;

use bridge_journal::{Disk, FRAME_HEADER, Kind, MemDisk, Record};
use bridge_provenance::{Ed25519Signer, Report, Signer, Verdict, kind, verify_journal};

use crate::plant::{ORIGIN, keys, plant, read_only, verify};

/// One frame of a segment file: kind, flags and body, to be written again with a right CRC.
#[derive(Clone, PartialEq)]
struct RawFrame {
    kind: u8,
    flags: u8,
    body: Vec<u8>,
}

fn parse(octets: &[u8]) -> (Vec<u8>, Vec<RawFrame>) {
    let header_len = u32::from_le_bytes(octets[12..16].try_into().unwrap()) as usize;
    let mut at = header_len;
    let mut frames = Vec::new();
    while at < octets.len() {
        let len = u32::from_le_bytes(octets[at..at + 4].try_into().unwrap()) as usize;
        let end = at + FRAME_HEADER + len;
        frames.push(RawFrame { kind: octets[at + 8], flags: octets[at + 9], body: octets[at + FRAME_HEADER..end].to_vec() });
        at = end;
    }
    (octets[..header_len].to_vec(), frames)
}

fn build(header: &[u8], frames: &[RawFrame]) -> Vec<u8> {
    let mut out = header.to_vec();
    for frame in frames {
        let covered = [&[frame.kind, frame.flags], frame.body.as_slice()].concat();
        out.extend_from_slice(&(frame.body.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&covered).to_le_bytes());
        out.extend_from_slice(&covered);
    }
    out
}

/// A journal in one segment that ends with a seal.
fn sealed() -> (Arc<MemDisk>, Vec<u8>, Vec<RawFrame>) {
    let (disk, plant) = plant(14, 1 << 20);
    assert_eq!(plant.sealer.batches(), 5);
    let (header, frames) = parse(&disk.bytes(FILE).unwrap());
    assert_eq!(frames.last().unwrap().kind, kind::CHECKPOINT.0);
    (disk, header, frames)
}

const FILE: &str = "seg-0000000000000000.log";

fn put(disk: &MemDisk, header: &[u8], frames: &[RawFrame]) {
    disk.set_bytes(FILE, &build(header, frames));
}

fn is_named(report: &Report) -> bool {
    report.first_problem.as_ref().is_some_and(|p| p.contains("seg-") && p.contains("octet") || p.contains("meta-head"))
}

/// Records that the last seal covers: the leaves behind its range are unsealed.
fn sealed_records(disk: &Arc<MemDisk>) -> usize {
    let mut reader = read_only(disk).reader(bridge_journal::Position(0));
    let mut records: Vec<Record> = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    let header = records.iter().rfind(|r| r.kind == kind::HEADER).unwrap();
    let end = bridge_provenance::BatchHeader::decode(&header.body).unwrap().end;
    records.iter().filter(|r| r.position < end).count()
}

#[test]
fn a_whole_journal_verifies() {
    let (disk, _, frames) = sealed();
    let report = verify(&disk);
    assert_eq!((report.verdict, report.batches, report.frames, report.first_problem), (Verdict::Verified, 5, 14, None));
    let leaves = frames.iter().filter(|f| f.kind == kind::LEAF.0).count() as u64;
    assert_eq!(report.leaves + report.unsealed_leaves, leaves);
    assert!(report.unsealed_leaves > 0, "the seal came one frame later");
    assert_eq!(report.first_batch, Some(0));
    let (disk, _) = plant(80, 2000);
    assert!(disk.list().unwrap().len() > 5);
    assert_eq!(verify(&disk).verdict, Verdict::Verified);
}

#[test]
fn every_flipped_octet_with_a_right_crc_is_tampering() {
    let (disk, header, frames) = sealed();
    let covered = sealed_records(&disk);
    for (i, frame) in frames.iter().enumerate() {
        let seal = [kind::HEADS, kind::HEADER, kind::CHECKPOINT].contains(&Kind(frame.kind));
        if i >= covered && !seal {
            continue;
        }
        // Every octet of the first records of each kind, every third of the others.
        for at in (0..frame.body.len()).step_by(if i < 12 { 1 } else { 3 }) {
            let mut bad = frames.clone();
            bad[i].body[at] ^= 1 << (at % 8);
            put(&disk, &header, &bad);
            let report = verify(&disk);
            // A signature line whose name or key id is changed is the line of a key that is not known.
            let stranger = frame.kind == kind::CHECKPOINT.0 && report.verdict == Verdict::UntrustedKey;
            assert!(report.verdict == Verdict::Tampered || stranger, "record {i} of kind {} octet {at}: {report:?}", frame.kind);
            assert!(is_named(&report), "{report:?}");
        }
        let mut bad = frames.clone();
        bad[i].kind ^= 0x40;
        put(&disk, &header, &bad);
        let report = verify(&disk);
        let harmless = frame.kind == kind::HEADS.0;
        assert!(report.verdict == Verdict::Tampered || harmless, "kind of record {i}: {report:?}");
    }
}

#[test]
fn every_flipped_octet_without_a_right_crc_is_named() {
    let (disk, header, frames) = sealed();
    let octets = build(&header, &frames);
    let last_group = octets.len() - frames.iter().rev().take(3).map(|f| f.body.len() + FRAME_HEADER).sum::<usize>();
    for at in (header.len()..octets.len()).step_by(3) {
        let mut bad = octets.clone();
        bad[at] ^= 0x10;
        disk.set_bytes(FILE, &bad);
        let report = verify(&disk);
        if at < last_group {
            assert_eq!(report.verdict, Verdict::Tampered, "octet {at}: {report:?}");
            assert!(is_named(&report), "{report:?}");
        } else {
            // With nothing sound behind it, damage and a torn write look the same: a head file tells them apart.
            assert!(report.verdict == Verdict::Tampered || report.torn_tail.is_some(), "octet {at}: {report:?}");
        }
    }
}

#[test]
fn dropped_doubled_swapped_and_inserted_records_are_tampering() {
    let (disk, header, frames) = sealed();
    let covered = sealed_records(&disk);
    let mut tried = 0;
    let mut deny = |what: String, bad: Vec<RawFrame>| {
        if bad == frames {
            return;
        }
        put(&disk, &header, &bad);
        let report = verify(&disk);
        assert_eq!(report.verdict, Verdict::Tampered, "{what}: {report:?}");
        assert!(is_named(&report), "{what}: {report:?}");
        tried += 1;
    };
    for i in 0..covered {
        let mut bad = frames.clone();
        let removed = bad.remove(i);
        if removed.flags == 1 && i > 0 {
            bad[i - 1].flags = 1;
        }
        deny(format!("record {i} dropped"), bad);
        let mut bad = frames.clone();
        bad.insert(i, frames[i].clone());
        deny(format!("record {i} doubled"), bad);
        let mut bad = frames.clone();
        bad.swap(i, i + 1);
        deny(format!("records {i} and {} swapped", i + 1), bad);
        let mut bad = frames.clone();
        bad.insert(i, RawFrame { kind: kind::STATE.0, flags: 0, body: b"forged".to_vec() });
        deny(format!("record inserted at {i}"), bad);
    }
    // Whole batches: the three records of a seal.
    let seals: Vec<usize> = (0..frames.len()).filter(|&i| frames[i].kind == kind::HEADS.0).collect();
    for pair in seals.windows(2) {
        let mut bad = frames.clone();
        for k in 0..3 {
            bad.swap(pair[0] + k, pair[1] + k);
        }
        deny("two seals swapped".into(), bad);
        let mut bad = frames.clone();
        bad.drain(pair[0]..pair[0] + 3);
        deny("a seal dropped".into(), bad);
        let mut bad = frames.clone();
        bad.splice(pair[1]..pair[1], frames[pair[0]..pair[0] + 3].iter().cloned());
        deny("a seal doubled".into(), bad);
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn the_place_is_the_first_bad_one() {
    let (disk, header, frames) = sealed();
    let i = (20..).find(|&i| frames[i].kind == kind::LEAF.0).unwrap();
    let mut bad = frames.clone();
    *bad[i].body.last_mut().unwrap() ^= 1;
    put(&disk, &header, &bad);
    let offset = build(&header, &frames[..i]).len();
    let problem = verify(&disk).first_problem.unwrap();
    assert!(problem.contains("stream") && problem.contains("leaves"), "{problem}");
    // The stream's first leaf of the batch: at most one batch before the flipped one.
    let named: usize = problem.split("octet ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(named <= offset && offset - named < 1500, "{problem}: flipped at {offset}");
    let mut bad = frames.clone();
    bad.remove(i);
    put(&disk, &header, &bad);
    let problem = verify(&disk).first_problem.unwrap();
    assert!(problem.contains("stream 0: leaves") || problem.contains("expected"), "{problem}");
}

#[test]
fn segments_that_are_missing_doubled_or_exchanged() {
    let (disk, _) = plant(80, 2000);
    let files: Vec<String> = disk.list().unwrap();
    let whole = verify(&disk);
    for (i, file) in files.iter().enumerate() {
        let octets = disk.bytes(file).unwrap();
        disk.remove(file).unwrap();
        let report = verify(&disk);
        if i == 0 {
            // As after retention: it verifies from the first snapshot on.
            assert_eq!((report.verdict, report.gaps.len()), (Verdict::Verified, 0), "{report:?}");
            assert!(report.first_batch.unwrap() > 0);
        } else if i + 1 < files.len() {
            assert_eq!((report.verdict, report.gaps.len()), (Verdict::Incomplete, 1), "{file}: {report:?}");
            assert!(is_named(&report) && report.batches < whole.batches && report.batches > 0);
        }
        // Another segment's octets under its name.
        let other = disk.bytes(&files[(i + 1) % files.len()]).unwrap();
        disk.set_bytes(file, &other);
        let report = verify(&disk);
        assert_eq!(report.verdict, Verdict::Tampered, "{file}: {report:?}");
        assert!(is_named(&report));
        disk.set_bytes(file, &octets);
        // A segment under a further name.
        disk.set_bytes("seg-00000000ffffffff.log", &octets);
        assert_eq!(verify(&disk).verdict, Verdict::Tampered);
        disk.remove("seg-00000000ffffffff.log").unwrap();
        // Records behind a segment's end, where the next one has begun.
        if i + 1 < files.len() {
            let forged = build(&octets, &[RawFrame { kind: kind::STATE.0, flags: 1, body: b"forged".to_vec() }]);
            disk.set_bytes(file, &forged);
            assert_eq!(verify(&disk).verdict, Verdict::Tampered);
            disk.set_bytes(file, &octets);
        }
    }
    assert_eq!(verify(&disk), whole);
}

#[test]
fn every_flipped_bit_of_a_segment_header_is_tampering() {
    let (disk, _) = plant(30, 2000);
    let file = disk.list().unwrap()[1].clone();
    let octets = disk.bytes(&file).unwrap();
    for bit in 0..octets[12] as usize * 8 {
        let mut bad = octets.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        disk.set_bytes(&file, &bad);
        let report = verify(&disk);
        assert_eq!(report.verdict, Verdict::Tampered, "bit {bit}");
        assert!(report.first_problem.unwrap().starts_with(&file));
    }
}

#[test]
fn an_unknown_key_is_untrusted_and_tampering_outranks_it() {
    let (disk, header, frames) = sealed();
    let stranger = [Ed25519Signer::from_seed(ORIGIN, &[9; 32]).unwrap().public_key()];
    let report = verify_journal(&read_only(&disk), &stranger);
    assert_eq!((report.verdict, report.batches), (Verdict::UntrustedKey, 5));
    assert!(is_named(&report));
    let mut bad = frames.clone();
    bad[1].body[30] ^= 1;
    put(&disk, &header, &bad);
    assert_eq!(verify_journal(&read_only(&disk), &stranger).verdict, Verdict::Tampered);
    // A forger who has no key but makes everything else right: the checkpoints are unsigned by ours.
    put(&disk, &header, &frames);
    assert_eq!(verify_journal(&read_only(&disk), &[stranger[0], keys()[0]]).verdict, Verdict::Verified);
}

#[test]
fn a_cut_end_is_seen_only_by_the_head() {
    let (disk, plant) = plant(14, 1 << 20);
    let octets = disk.bytes(FILE).unwrap();
    let (header, frames) = parse(&octets);
    let without_last_seal = build(&header, &frames[..frames.len() - 3]);
    disk.set_bytes(FILE, &without_last_seal);
    let report = verify(&disk);
    assert_eq!((report.verdict, report.batches), (Verdict::Verified, 4));
    disk.set_bytes(FILE, &octets);
    plant.put_head().unwrap();
    assert_eq!(verify(&disk).verdict, Verdict::Verified);
    disk.set_bytes(FILE, &without_last_seal);
    let report = verify(&disk);
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert!(report.first_problem.unwrap().contains("its end is missing"));
    disk.set_bytes(FILE, &octets);
    let mut head = disk.bytes("meta-head").unwrap();
    let at = head.len() - 1;
    head[at] ^= 1;
    disk.set_bytes("meta-head", &head);
    assert_eq!(verify(&disk).verdict, Verdict::Tampered);
}

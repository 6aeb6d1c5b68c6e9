//! What a receiver believes, and what not.

use std::collections::BTreeSet;

use bridge_provenance::{
    Collector, Ed25519Signer, JournalBatch, ReceiverState, SealedBatch, Sealer, Side, Signer, StreamHead, VerifyError, leaf_hash,
    verify_batch,
};

use crate::plant::{BRIDGE, ORIGIN, Plant, keys, meta, plant, signer};

fn journal_batches(plant: &Plant) -> Vec<JournalBatch> {
    let mut reader = plant.journal.reader(plant.journal.start());
    let mut collector = Collector::new();
    let mut batches = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        batches.extend(collector.take(&record).unwrap());
    }
    batches
}

fn batches(frames: u64, wanted: &dyn Fn(u32) -> bool) -> Vec<SealedBatch> {
    let (_, plant) = plant(frames, 3000);
    let batches = journal_batches(&plant);
    assert_eq!(batches.len(), plant.seals.len());
    batches.iter().map(|b| b.sealed(plant.sealer.log_path(b.header.batch), wanted).unwrap()).collect()
}

fn check(batch: &SealedBatch, state: &mut ReceiverState) -> Result<bool, VerifyError> {
    verify_batch(batch, ORIGIN, &keys(), state).map(|verified| verified.duplicate)
}

#[test]
fn all_batches_of_all_subscriptions_verify_and_the_state_survives_a_restart() {
    for mask in 0..16u32 {
        let wanted = |stream: u32| mask >> stream.min(3) & 1 == 1;
        let mut state = ReceiverState::new();
        let mut seen = BTreeSet::new();
        for batch in batches(60, &wanted) {
            let verified = verify_batch(&batch, ORIGIN, &keys(), &mut state).unwrap();
            assert!(!verified.duplicate);
            for (stream, sealed) in verified.streams.iter().zip(&batch.streams) {
                assert!(wanted(stream.stream) && stream.count == sealed.leaves.len() as u64);
                for seq in stream.first_seq..stream.first_seq + stream.count {
                    assert!(seen.insert((stream.stream, seq)));
                }
            }
            state = ReceiverState::decode(&state.encode()).unwrap();
        }
        assert_eq!(seen.is_empty(), mask == 0);
        for stream in seen.iter().map(|(stream, _)| *stream).collect::<BTreeSet<_>>() {
            let last = state.next_seq(stream).unwrap();
            assert_eq!(seen.iter().filter(|(s, _)| *s == stream).count() as u64, last, "stream {stream} from 0, no hole");
        }
    }
}

#[test]
fn a_repeated_batch_is_told_as_such() {
    let all = batches(30, &|_| true);
    let mut state = ReceiverState::new();
    for batch in &all {
        assert_eq!(check(batch, &mut state), Ok(false));
        let before = state.clone();
        assert_eq!(check(batch, &mut state), Ok(true));
        assert_eq!(check(&all[0], &mut state), Ok(true));
        assert_eq!(state, before);
    }
}

#[test]
fn a_skipped_batch_with_leaves_is_a_gap_that_can_be_accepted() {
    let all = batches(30, &|stream| stream == 0);
    let mut state = ReceiverState::new();
    check(&all[0], &mut state).unwrap();
    let first = state.next_seq(0).unwrap();
    let head = StreamHead::decode(&all[2].streams[0].head).unwrap();
    let before = state.clone();
    assert_eq!(check(&all[2], &mut state), Err(VerifyError::Gap { stream: 0, first, last: head.first_seq - 1 }));
    assert_eq!(state, before, "an error changes nothing");
    state.accept_gap(0, head.first_seq);
    assert_eq!(check(&all[2], &mut state), Ok(false));
    assert_eq!(check(&all[3], &mut state), Ok(false));
}

#[test]
fn a_stranger_is_not_trusted_and_a_wrong_origin_is_refused() {
    let all = batches(10, &|_| true);
    let stranger = Ed25519Signer::from_seed(ORIGIN, &[9; 32]).unwrap();
    let result = verify_batch(&all[0], ORIGIN, &[stranger.public_key()], &mut ReceiverState::new());
    assert_eq!(result, Err(VerifyError::UntrustedKey));
    assert!(matches!(verify_batch(&all[0], "other", &keys(), &mut ReceiverState::new()), Err(VerifyError::Tampered(_))));
}

/// Two histories with the same key.
#[test]
fn a_fork_is_seen() {
    let all = batches(40, &|_| true);
    // Another run of the same bridge: the first batch differs in its times only, later ones hang on it.
    let (_, plant) = plant(40, 3000);
    let mut forked = Sealer::new(ORIGIN, BRIDGE, 3);
    let mut other = Vec::new();
    let batches = journal_batches(&plant);
    let mut reader = plant.journal.reader(plant.journal.start());
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    for batch in &batches {
        let from = forked.covered();
        for record in records.iter().filter(|r| r.position >= from && r.position < batch.header.end) {
            forked.observe(record.kind, &record.body, record.position).unwrap();
        }
        let seal = forked.seal(batch.header.end, &meta(batch.header.batch + 1), &signer()).unwrap();
        let again = JournalBatch { header_octets: seal.header, heads: seal.heads, checkpoint: seal.checkpoint, ..batch.clone() };
        other.push(again.sealed(forked.log_path(seal.batch), &|_| true).unwrap());
    }
    let mut state = ReceiverState::new();
    for batch in &other {
        assert_eq!(check(batch, &mut state), Ok(false), "the other history is sound in itself");
    }
    let mut state = ReceiverState::new();
    check(&all[0], &mut state).unwrap();
    assert!(matches!(check(&other[0], &mut state), Err(VerifyError::Fork(_))), "two headers of one number");
    assert!(matches!(check(&other[1], &mut state), Err(VerifyError::Fork(_))), "a header that continues another");
}

#[test]
fn whatever_is_changed_in_a_batch_is_refused() {
    let all = batches(60, &|_| true);
    let batch = all.iter().max_by_key(|b| b.streams.len() * 100 + b.log_path.len()).unwrap();
    assert!(batch.streams.len() >= 3 && batch.log_path.len() >= 2 && batch.streams[0].leaves.len() >= 2);
    let mut refused = 0;
    let mut deny = |what: &str, change: &dyn Fn(&mut SealedBatch)| {
        let mut bad = batch.clone();
        change(&mut bad);
        assert_ne!(bad, *batch, "{what}");
        let result = check(&bad, &mut ReceiverState::new());
        assert!(
            matches!(result, Err(VerifyError::Tampered(_) | VerifyError::Malformed(_) | VerifyError::UntrustedKey)),
            "{what}: {result:?}"
        );
        refused += 1;
    };
    deny("another number", &|b| b.batch += 1);
    deny("leaf dropped", &|b| drop(b.streams[0].leaves.pop()));
    deny("first leaf dropped", &|b| drop(b.streams[0].leaves.remove(0)));
    deny("leaves swapped", &|b| b.streams[0].leaves.swap(0, 1));
    deny("leaf doubled", &|b| b.streams[0].leaves.push(batch.streams[0].leaves[0].clone()));
    deny("leaf of another stream", &|b| b.streams[0].leaves[0] = batch.streams[1].leaves[0].clone());
    deny("heads swapped", &|b| b.streams[0].head = batch.streams[1].head.clone());
    deny("path cut", &|b| b.streams[0].path.truncate(1));
    deny("path turned", &|b| {
        let side = &mut b.streams[0].path[0].1;
        *side = if *side == Side::Left { Side::Right } else { Side::Left };
    });
    deny("log path cut", &|b| b.log_path.truncate(1));
    deny("log path longer", &|b| b.log_path.push([0; 32]));
    deny("header of another batch", &|b| b.header = all[0].header.clone());
    deny("checkpoint of another batch", &|b| b.checkpoint = all[0].checkpoint.clone());
    for i in 0..batch.log_path.len() * 32 {
        deny("log path", &|b| b.log_path[i / 32][i % 32] ^= 4);
    }
    for i in 0..batch.header.len() {
        deny("header", &|b| b.header[i] ^= 1 << (i % 8));
    }
    for i in 0..batch.checkpoint.len() {
        deny("checkpoint", &|b| b.checkpoint[i] ^= 1 << (i % 8));
    }
    for s in 0..batch.streams.len() {
        for i in 0..batch.streams[s].head.len() {
            deny("head", &|b| b.streams[s].head[i] ^= 1 << (i % 8));
        }
        for i in 0..batch.streams[s].path.len() * 32 {
            deny("path", &|b| b.streams[s].path[i / 32].0[i % 32] ^= 1);
        }
        for l in 0..batch.streams[s].leaves.len() {
            for i in 0..batch.streams[s].leaves[l].len() {
                deny("leaf", &|b| b.streams[s].leaves[l][i] ^= 1 << (i % 8));
            }
        }
    }
    assert!(refused > 1000);
}

#[test]
fn heads_or_leaves_that_are_not_the_batchs_are_refused_by_the_sender() {
    let (_, plant) = plant(30, 3000);
    let batches = journal_batches(&plant);
    let [a, b] = [&batches[1], &batches[2]];
    let path = || plant.sealer.log_path(a.header.batch);
    assert!(a.sealed(path(), &|_| true).is_ok());
    assert!(JournalBatch { heads: b.heads.clone(), ..a.clone() }.sealed(path(), &|_| true).is_err());
    assert!(JournalBatch { heads: Vec::new(), ..a.clone() }.sealed(path(), &|_| true).is_err());
    assert!(JournalBatch { leaves: b.leaves.clone(), ..a.clone() }.sealed(path(), &|_| true).is_err());
    let mut fewer = a.clone();
    fewer.leaves.pop();
    assert!(fewer.sealed(path(), &|_| true).is_err());
    assert_eq!(leaf_hash(&a.header_octets), b.header.prev_header.unwrap());
}

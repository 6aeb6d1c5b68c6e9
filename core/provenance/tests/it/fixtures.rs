//! Journals of format 1 that were written once and open in every build. `write_the_fixtures` made them and is deterministic: with the same
//! program it makes the same octets, which the first test holds it to; a later format gets a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_journal::{Disk, FileDisk, Journal, MemDisk, fsck, open_read_only};
use bridge_provenance::{Signer, Verdict, verify_journal};

use crate::plant::{Plant, keys, mem, options, signer};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/journal")
}

const README: &str = "\
Journals of format 1.0 with provenance (docs/spec/journal.md, docs/spec/provenance.md), written by the test
core/provenance/tests/it/fixtures.rs. They are never rewritten: every later build must open and verify them.

  sealed/    three segments, 14 batches, a head file; everything is sealed and durable
  torn/      one segment whose last group was torn in the middle by a crash; two batches before it
  unsealed/  one segment; frames and leaves behind the last of two batches that no seal covers yet
  key.pub    the public key (Ed25519, hex) of the log plant.example/bridge/1

The private key is the seed of 32 octets 0x42: it is public by intention and good for nothing else.
";

type Files = Vec<(String, Vec<u8>)>;

/// The files of each fixture.
fn made() -> Vec<(&'static str, Files)> {
    let files = |disk: &Arc<MemDisk>| disk.list().unwrap().into_iter().map(|f| (f.clone(), disk.bytes(&f).unwrap())).collect::<Vec<_>>();

    let sealed = Arc::new(MemDisk::new());
    let mut plant = Plant::start(mem(&sealed), 11_000);
    plant.run(40).unwrap();
    plant.sync().unwrap();
    plant.seal().unwrap();
    plant.sync().unwrap();
    plant.put_head().unwrap();

    let unsealed = Arc::new(MemDisk::new());
    let mut plant = Plant::start(mem(&unsealed), 1 << 20);
    plant.run(7).unwrap();

    let torn = Arc::new(MemDisk::new());
    let mut plant = Plant::start(mem(&torn), 1 << 20);
    plant.run(7).unwrap();
    plant.frame().unwrap();
    let name = torn.list().unwrap().remove(0);
    let octets = torn.bytes(&name).unwrap();
    torn.set_bytes(&name, &octets[..octets.len() - 60]);

    vec![("sealed", files(&sealed)), ("torn", files(&torn)), ("unsealed", files(&unsealed))]
}

#[test]
#[ignore = "writes into the source tree: only for a new format"]
fn write_the_fixtures() {
    for (name, files) in made() {
        let dir = folder().join(name);
        fs::create_dir_all(&dir).unwrap();
        for (file, octets) in files {
            fs::write(dir.join(file), octets).unwrap();
        }
    }
    let key: String = signer().public_key().iter().map(|b| format!("{b:02x}")).collect();
    fs::write(folder().join("key.pub"), key + "\n").unwrap();
    fs::write(folder().join("README.txt"), README).unwrap();
}

/// The public key as it stands beside the fixtures.
fn public_key() -> [u8; 32] {
    let text = fs::read_to_string(folder().join("key.pub")).unwrap();
    let octets: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
    octets.try_into().unwrap()
}

/// A copy in memory, so that nothing can change the fixture.
fn load(name: &str) -> Arc<MemDisk> {
    let source = FileDisk::open(&folder().join(name)).unwrap();
    let disk = Arc::new(MemDisk::new());
    for file in source.list().unwrap() {
        let mut octets = vec![0; source.len(&file).unwrap() as usize];
        assert_eq!(source.read(&file, 0, &mut octets).unwrap(), octets.len());
        disk.set_bytes(&file, &octets);
    }
    disk
}

#[test]
fn the_writer_still_writes_format_1_as_it_was_committed() {
    for (name, files) in made() {
        for (file, octets) in files {
            assert!(fs::read(folder().join(name).join(&file)).unwrap() == octets, "{name}/{file} differs");
        }
    }
    assert_eq!([public_key()], keys());
}

#[test]
fn format_1_sealed_opens_and_verifies() {
    let disk = load("sealed");
    let report = verify_journal(&open_read_only(mem(&disk)).unwrap(), &[public_key()]);
    assert_eq!((report.verdict, report.batches, report.frames, report.unsealed_leaves), (Verdict::Verified, 14, 40, 0));
    assert_eq!((report.torn_tail, report.first_problem), (None, None));
    assert!(fsck(&mem(&disk)).unwrap().is_sound());
    assert_eq!(disk.list().unwrap().iter().filter(|f| f.starts_with("seg-")).count(), 3);
    let mut plant = Plant::resume(mem(&disk), 11_000).unwrap();
    plant.run(6).unwrap();
    plant.sync().unwrap();
    let report = verify_journal(&open_read_only(mem(&disk)).unwrap(), &[public_key()]);
    assert_eq!((report.verdict, report.batches), (Verdict::Verified, 15));
}

#[test]
fn format_1_torn_opens_verifies_and_is_cut() {
    let disk = load("torn");
    let report = verify_journal(&open_read_only(mem(&disk)).unwrap(), &[public_key()]);
    assert_eq!((report.verdict, report.batches, report.torn_tail.is_some()), (Verdict::Verified, 2, true));
    let report = fsck(&mem(&disk)).unwrap();
    assert!(report.is_sound() && report.torn_bytes > 0);
    let (_, recovery) = Journal::open(mem(&disk), options(1 << 20)).unwrap();
    assert_eq!((recovery.cut_bytes, recovery.sound_after_cut), (report.torn_bytes, false));
    let report = verify_journal(&open_read_only(mem(&disk)).unwrap(), &[public_key()]);
    assert_eq!((report.verdict, report.batches, report.torn_tail), (Verdict::Verified, 2, None));
}

#[test]
fn format_1_unsealed_opens_verifies_and_is_sealed_by_the_next_start() {
    let disk = load("unsealed");
    let report = verify_journal(&open_read_only(mem(&disk)).unwrap(), &[public_key()]);
    assert_eq!((report.verdict, report.batches), (Verdict::Verified, 2));
    assert!(report.unsealed_leaves > 0 && report.first_problem.is_none());
    let mut plant = Plant::resume(mem(&disk), 1 << 20).unwrap();
    plant.sync().unwrap();
    plant.seal().unwrap();
    let report = verify_journal(&open_read_only(mem(&disk)).unwrap(), &[public_key()]);
    assert_eq!((report.verdict, report.batches, report.unsealed_leaves), (Verdict::Verified, 3, 0));
}

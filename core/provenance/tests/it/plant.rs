//! A small deterministic bridge: frames in, leaves, seals.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge_journal::{Disk, Error as JournalError, Group, Journal, MemDisk, Options, Position, ReadOnly, open_read_only};
use bridge_provenance::{
    ClockState, Ed25519Signer, FrameRecord, Head, LeafPoint, LeafValue, NoteLeaf, PointsLeaf, Report, Seal, SealMeta, Sealer, Signer, kind,
    verify_journal,
};

pub(crate) const ORIGIN: &str = "plant.example/bridge/1";
pub(crate) const BRIDGE: &str = "did:web:plant.example:bridge:1";
/// The test key: public by intention, of no use but here.
pub(crate) const SEED: [u8; 32] = [0x42; 32];

pub(crate) fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &SEED).unwrap()
}

pub(crate) fn keys() -> [[u8; 32]; 1] {
    [signer().public_key()]
}

pub(crate) fn meta(batch: u64) -> SealMeta {
    SealMeta {
        t_open_ns: 1_790_000_000_000_000_000 + batch as i64 * 100_000_000,
        t_seal_ns: 1_790_000_000_100_000_000 + batch as i64 * 100_000_000,
        clock: ClockState { source: "ntp".into(), synchronised: true, uncertainty_us: 900 },
        dropped: BTreeMap::from([("queue full".to_owned(), batch)]),
        config_hash: [1; 32],
        policy_hash: [2; 32],
        build_hash: [3; 32],
        recovered: false,
        heartbeat: false,
    }
}

pub(crate) fn mem(disk: &Arc<MemDisk>) -> Arc<dyn Disk> {
    Arc::<MemDisk>::clone(disk)
}

pub(crate) fn options(segment_bytes: u64) -> Options {
    Options { origin: ORIGIN.into(), epoch: 3, writer: 1, fence: 1, segment_bytes }
}

pub(crate) fn verify(disk: &Arc<MemDisk>) -> Report {
    verify_journal(&read_only(disk), &keys())
}

pub(crate) fn read_only(disk: &Arc<MemDisk>) -> ReadOnly {
    open_read_only(mem(disk)).unwrap()
}

pub(crate) struct Plant {
    pub(crate) journal: Journal,
    pub(crate) sealer: Sealer,
    pub(crate) frames: u64,
    pub(crate) seals: Vec<Seal>,
    group: Group,
}

impl Plant {
    pub(crate) fn start(disk: Arc<dyn Disk>, segment_bytes: u64) -> Self {
        let (journal, recovery) = Journal::open(disk, options(segment_bytes)).unwrap();
        assert!(recovery.new);
        let sealer = Sealer::new(ORIGIN, BRIDGE, journal.epoch());
        Self { journal, sealer, frames: 0, seals: Vec::new(), group: Group::new() }
    }

    /// Continues a journal: from the last snapshot of the sealer, or from the beginning.
    pub(crate) fn resume(disk: Arc<dyn Disk>, segment_bytes: u64) -> Result<Self, JournalError> {
        let (journal, _) = Journal::open(disk, options(segment_bytes))?;
        let mut sealer = (journal.start() == Position(0)).then(|| Sealer::new(ORIGIN, BRIDGE, journal.epoch()));
        let mut reader = journal.reader(journal.start());
        let (mut frames, mut header) = (0, Vec::new());
        while let Some(record) = reader.next()? {
            if record.kind == kind::SEALER {
                sealer = Some(Sealer::restore(&record.body).unwrap());
            }
            if record.kind == kind::FRAME {
                frames = FrameRecord::decode(&record.body).unwrap().number;
            }
            let Some(sealer) = &mut sealer else { continue };
            sealer.observe(record.kind, &record.body, record.position).unwrap();
            if record.kind == kind::HEADER {
                header = record.body;
            } else if record.kind == kind::CHECKPOINT {
                sealer.replay_header(&header, &record.body).unwrap();
            }
        }
        Ok(Self { journal, sealer: sealer.unwrap(), frames, seals: Vec::new(), group: Group::new() })
    }

    pub(crate) fn append(&mut self) -> Result<(), JournalError> {
        let appended = self.journal.append(&mut self.group)?;
        self.sealer.observe_group(&self.group, appended.first).unwrap();
        if appended.rolled {
            let mut group = Group::new();
            group.push(kind::SEALER, &self.sealer.snapshot());
            let appended = self.journal.append(&mut group)?;
            self.sealer.observe_group(&group, appended.first).unwrap();
        }
        Ok(())
    }

    /// One frame with leaves in one to three streams; each fifth also a note.
    pub(crate) fn frame(&mut self) -> Result<(), JournalError> {
        self.frames += 1;
        let number = self.frames;
        let received_ns = 1_790_000_000_000_000_000 + number as i64 * 1_000_000;
        let octets = [0x68, 0x0e, number as u8, 0, 0, 0, 36, 1, 3, 0, 1, 0];
        let frame = FrameRecord { link: 1, connection: 2, number, received_ns, octets: &octets, hashed_only: number.is_multiple_of(4) };
        self.group.push_with(kind::FRAME, |out| frame.encode(out));
        for stream in 0..=(number % 3) as u32 {
            let points = (0..=number % 2)
                .map(|i| LeafPoint {
                    point: 10 * stream + i as u32,
                    value: LeafValue::F32(number as f32 * 0.1),
                    quality: 0,
                    raw: 0,
                    time_ns: received_ns - 5,
                    time_flags: 0,
                    cause: 3,
                    flags: 0,
                })
                .collect();
            let leaf = PointsLeaf {
                stream,
                epoch: self.journal.epoch(),
                seq: self.sealer.next_seq(stream),
                resource: stream,
                received_ns,
                frame: Some((1, 2, number)),
                descriptors: [stream as u8; 16],
                withheld: (number % 5) as u32,
                points,
            };
            self.group.push_with(kind::LEAF, |out| leaf.encode(out));
        }
        if number.is_multiple_of(5) {
            let note = NoteLeaf {
                stream: 900,
                epoch: self.journal.epoch(),
                seq: self.sealer.next_seq(900),
                at_ns: received_ns,
                kind: "decision".into(),
                text: "accepted".into(),
                fields: BTreeMap::from([("operation".to_owned(), format!("op-{number}"))]),
            };
            self.group.push_with(kind::LEAF, |out| note.encode(out));
            self.group.push(kind::STATE, &number.to_le_bytes());
        }
        self.append()
    }

    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        if let Some(job) = self.journal.sync_job() {
            self.journal.handle_sync(job.run())?;
        }
        Ok(())
    }

    /// Seals what is durable and appends the seal.
    pub(crate) fn seal(&mut self) -> Result<(), JournalError> {
        let meta = meta(self.sealer.batches());
        if let Some(seal) = self.sealer.seal(self.journal.durable(), &meta, &signer()) {
            seal.push_to(&mut self.group);
            self.append()?;
            self.seals.push(seal);
        }
        Ok(())
    }

    pub(crate) fn put_head(&self) -> Result<(), JournalError> {
        let (Some(header), Some(batch)) = (self.sealer.last_header(), self.sealer.batches().checked_sub(1)) else { return Ok(()) };
        self.journal.put_head(self.journal.durable(), &Head { batch, header }.encode())
    }

    /// Frames `n` in number; a seal after each third, over what was synced one frame earlier, so that leaves stand between.
    pub(crate) fn run(&mut self, n: u64) -> Result<(), JournalError> {
        for _ in 0..n {
            self.frame()?;
            match self.frames % 3 {
                1 => self.sync()?,
                2 => self.seal()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A journal of `frames` frames in segments of about `segment_bytes`, all of it durable.
pub(crate) fn plant(frames: u64, segment_bytes: u64) -> (Arc<MemDisk>, Plant) {
    let disk = Arc::new(MemDisk::new());
    let mut plant = Plant::start(mem(&disk), segment_bytes);
    plant.run(frames).unwrap();
    plant.sync().unwrap();
    (disk, plant)
}

//! Provenance: canonical bytes → leaf → stream sub-tree → batch tree → header → RFC 6962 log → signed checkpoint, and back.
//!
//! What it deliberately does not know: profiles, protocols, IES verbs, where keys are kept, what time it is. Keys stand behind [`Signer`].
//!
//! Start at [`Sealer`] (makes seals), [`verify_batch`] (a receiver's check) and [`verify_journal`] (the offline check). The formats are drawn
//! in `docs/spec/provenance.md`.
//!
//! Implements: RFC 6962 §2.1 (Merkle tree, audit paths), RFC 8949 §4.2.1 (core deterministic CBOR), C2SP `signed-note` and
//! `tlog-checkpoint` (Ed25519, type 0x01; lines of unknown keys, such as ML-DSA cosignatures, are ignored as the specification asks).

mod batch;
mod cbor;
mod error;
mod frame;
mod header;
pub mod kind;
mod leaf;
mod note;
mod sealer;
mod tree;
mod verify;

pub use batch::{
    Collector, JournalBatch, MAX_RECENT_BATCHES, MAX_STREAMS, ReceiverState, SealedBatch, SealedStream, VerifiedBatch, VerifiedStream,
    VerifyError, sealed_batch, verify_batch,
};
pub use error::Error;
pub use frame::{FRAME_RECORD_FIXED, FrameRecord};
pub use header::{BatchHeader, ClockState, Head, SealMeta, StreamHead, decode_heads, encode_heads};
pub use leaf::{
    Direction, FrameRef, Leaf, LeafId, LeafPoint, LeafValue, NoteLeaf, OperationLeaf, PointsHead, PointsLeaf, StreamRef, UnknownLeaf,
    encode_points, leaf_flags,
};
pub use note::{Checkpoint, Ed25519Signer, MAX_NOTE, MAX_NOTE_SIGNATURES, NoteError, Signer, key_id, open_checkpoint, sign_checkpoint};
pub use sealer::{Seal, Sealer};
pub use tree::{CompactRange, Hash, LogTree, Side, audit_path, empty_root, leaf_hash, node_hash, root_from_path, sha256, tree_root};
pub use verify::{JournalGap, Report, Verdict, verify_journal};

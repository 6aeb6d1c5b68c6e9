//! The registry of record kinds. The journal does not interpret them.

use bridge_journal::Kind;

/// One received frame ([`FrameRecord`](crate::FrameRecord)).
pub const FRAME: Kind = Kind(0x01);
/// One leaf: deterministic CBOR ([`Leaf`](crate::Leaf)).
pub const LEAF: Kind = Kind(0x02);
/// A batch header: deterministic CBOR ([`BatchHeader`](crate::BatchHeader)). The next record, of the same group, is its [`CHECKPOINT`].
pub const HEADER: Kind = Kind(0x03);
/// A checkpoint: the text of a C2SP signed note.
pub const CHECKPOINT: Kind = Kind(0x04);
/// A change of the bridge's own state: programmes, tickets, tags, timers, cursors. Opaque here.
pub const STATE: Kind = Kind(0x05);
/// A snapshot of the bridge's own state, in one group: written by earlier versions only. Opaque here.
pub const SNAPSHOT: Kind = Kind(0x06);
/// A snapshot of the sealer ([`Sealer::snapshot`](crate::Sealer::snapshot)): the first record of a segment after a roll.
pub const SEALER: Kind = Kind(0x07);
/// A descriptor: what the 16 octets in a leaf stand for (device, link, address, profile).
pub const DESCRIPTOR: Kind = Kind(0x08);
/// A part of a snapshot of the bridge's own state. Opaque here.
pub const TABLES: Kind = Kind(0x09);
/// The stream heads of a batch ([`encode_heads`](crate::encode_heads)), in the group of its header, before it. Optional: they say nothing that
/// the header does not prove, but links to earlier heads cannot be computed from one batch.
pub const HEADS: Kind = Kind(0x89);

/// True for the kinds whose records a header covers: all but the records of a seal itself.
#[must_use]
pub const fn is_covered(kind: Kind) -> bool {
    !matches!(kind, HEADS | HEADER | CHECKPOINT)
}

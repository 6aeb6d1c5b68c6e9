//! Received frames with the updates they carried, in buffers that are reused.

use std::ops::Range;

use bridge_model::{PointUpdate, Utc};

/// One received frame that the protocol will acknowledge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Counts the link's transport connections; never reused within a session's life.
    pub connection: u32,
    /// Counts the connection's frames from 1, without gaps. With link and connection it is the receipt's name.
    pub number: u64,
    /// When it was read.
    pub received: Utc,
    /// Its octets within [`FrameBatch::bytes`].
    pub bytes: Range<usize>,
    /// How many of them, from the front, differ when a peer sends the same content again (104: the six of the APCI).
    pub header: usize,
    /// Its updates within [`FrameBatch::updates`].
    pub updates: Range<usize>,
    /// A connection and the number up to which its frames were acknowledged to the peer when this one was read, where a peer sends ahead of
    /// acknowledgements (104); on the first frame of a connection those of the one before. `None`: a frame proves that the acknowledgements
    /// of those before it on its connection arrived (DNP3).
    pub settled: Option<(u32, u64)>,
}

/// Frames of one link, in order of arrival. One read of the transport is one batch.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FrameBatch {
    /// The frames' octets, one after the other.
    pub bytes: Vec<u8>,
    /// The frames' updates, one after the other.
    pub updates: Vec<PointUpdate>,
    /// The frames.
    pub frames: Vec<Frame>,
}

impl FrameBatch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.updates.clear();
        self.frames.clear();
    }

    /// Appends one frame; `updates` were already pushed from index `first_update` on.
    pub fn push(&mut self, connection: u32, number: u64, received: Utc, octets: &[u8], first_update: usize) {
        self.push_framed(connection, number, received, octets, 0, first_update);
    }

    /// Appends one frame whose first `header` octets change when it is sent again.
    pub fn push_framed(&mut self, connection: u32, number: u64, received: Utc, octets: &[u8], header: usize, first_update: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(octets);
        let updates = first_update..self.updates.len();
        let (bytes, header) = (start..self.bytes.len(), header.min(octets.len()));
        self.frames.push(Frame { connection, number, received, bytes, header, updates, settled: None });
    }

    /// Says of the last frame what its peer was told before it: see [`Frame::settled`].
    pub fn settled(&mut self, connection: u32, number: u64) {
        if let Some(frame) = self.frames.last_mut() {
            frame.settled = Some((connection, number));
        }
    }

    /// The octets of a frame that are the same when its content is sent again.
    #[must_use]
    pub fn content(&self, frame: &Frame) -> &[u8] {
        self.octets(frame).get(frame.header..).unwrap_or_default()
    }

    /// The octets of a frame of this batch.
    #[must_use]
    pub fn octets(&self, frame: &Frame) -> &[u8] {
        self.bytes.get(frame.bytes.clone()).unwrap_or_default()
    }

    /// The updates of a frame of this batch.
    #[must_use]
    pub fn updates_of(&self, frame: &Frame) -> &[PointUpdate] {
        self.updates.get(frame.updates.clone()).unwrap_or_default()
    }
}

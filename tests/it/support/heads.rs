//! What a journal sealed, as a webhook's receiver must have it.

use bridge_journal::ReadOnly;
use bridge_provenance::{Collector, Leaf, StreamHead};

/// (stream, first seq) of every head of a stream of points, sealed batch by sealed batch, in order.
pub(crate) fn point_heads(journal: &ReadOnly) -> Vec<(u32, u64)> {
    let (mut reader, mut collector, mut heads) = (journal.reader(journal.start()), Collector::new(), Vec::new());
    while let Some(record) = reader.next().expect("a sound journal") {
        let Some(batch) = collector.take(&record).expect("a sound batch") else { continue };
        let sealed = batch.sealed(Vec::new(), &|_| true).expect("its own heads");
        let mut of_batch = Vec::new();
        for stream in sealed.streams {
            if matches!(Leaf::decode(&stream.leaves[0]), Ok(Leaf::Points(_))) {
                let head = StreamHead::decode(&stream.head).expect("a head");
                of_batch.push((head.stream, head.first_seq));
            }
        }
        of_batch.sort_unstable();
        heads.extend(of_batch);
    }
    heads
}

/// Stream and sequence number of an event's id.
pub(crate) fn place(id: &str) -> (u32, u64) {
    let mut parts = id.split('-').skip(1).map(|part| part.parse::<u64>().expect("a number"));
    let (stream, seq) = (parts.next().expect("a stream"), parts.next().expect("a number"));
    (u32::try_from(stream).expect("a stream"), seq)
}

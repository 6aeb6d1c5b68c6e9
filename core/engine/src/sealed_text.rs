//! Sealed batches as the base64 texts of a stream message, and back.

use bridge_ies::{Counter, PathStep, Sealed, SealedStreamText};
use bridge_provenance::{Hash, SealedBatch, SealedStream, Side};
use bridge_trust::{base64_decode, base64_encode};

pub(crate) fn to_text(batch: &SealedBatch) -> Sealed {
    Sealed {
        batch: Counter(batch.batch),
        header: base64_encode(&batch.header),
        checkpoint: base64_encode(&batch.checkpoint),
        log_path: batch.log_path.iter().map(|hash| base64_encode(hash)).collect(),
        streams: batch
            .streams
            .iter()
            .map(|stream| SealedStreamText {
                head: base64_encode(&stream.head),
                path: stream
                    .path
                    .iter()
                    .map(|(hash, side)| PathStep {
                        hash: base64_encode(hash),
                        side: if *side == Side::Left { "L".into() } else { "R".into() },
                    })
                    .collect(),
                leaves: stream.leaves.iter().map(|leaf| base64_encode(leaf)).collect(),
            })
            .collect(),
    }
}

pub(crate) fn from_text(sealed: &Sealed) -> Option<SealedBatch> {
    let hash = |text: &String| -> Option<Hash> { base64_decode(text)?.try_into().ok() };
    Some(SealedBatch {
        batch: sealed.batch.0,
        header: base64_decode(&sealed.header)?,
        checkpoint: base64_decode(&sealed.checkpoint)?,
        log_path: sealed.log_path.iter().map(hash).collect::<Option<_>>()?,
        streams: sealed
            .streams
            .iter()
            .map(|stream| {
                Some(SealedStream {
                    head: base64_decode(&stream.head)?,
                    path: stream
                        .path
                        .iter()
                        .map(|step| Some((hash(&step.hash)?, if step.side == "L" { Side::Left } else { Side::Right })))
                        .collect::<Option<_>>()?,
                    leaves: stream.leaves.iter().map(|leaf| base64_decode(leaf)).collect::<Option<_>>()?,
                })
            })
            .collect::<Option<_>>()?,
    })
}

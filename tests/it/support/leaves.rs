//! What a bridge's journal says of its points.

use bridge_journal::ReadOnly;
use bridge_profile::Plan;
use bridge_provenance::{Leaf, LeafValue, kind, leaf_flags};

/// A change of a point, as it was journaled.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Journaled {
    /// The point's id.
    pub(crate) point: String,
    /// Its value, and whether it is a state.
    pub(crate) value: f64,
    pub(crate) is_state: bool,
    /// UTC ns since 1970, and whether the bridge had to give it.
    pub(crate) stamp: i64,
    pub(crate) by_bridge: bool,
    /// Whether it is flagged as a possible duplicate.
    pub(crate) flagged: bool,
}

/// The changes in the journal's order: what was interrogated and what was told again is none.
#[track_caller]
pub(crate) fn changes(journal: &ReadOnly, plan: &Plan) -> Vec<Journaled> {
    let mut reader = journal.reader(journal.start());
    let mut found = Vec::new();
    while let Some(record) = reader.next().expect("a sound journal") {
        if record.kind != kind::LEAF {
            continue;
        }
        let Leaf::Points(leaf) = Leaf::decode(&record.body).expect("a leaf") else { continue };
        for point in leaf.points.iter().filter(|point| point.flags & (leaf_flags::FROM_INTERROGATION | leaf_flags::IMAGE) == 0) {
            #[expect(clippy::cast_precision_loss, reason = "tests count no further than 2^53")]
            let (value, is_state) = match point.value {
                LeafValue::Bool(value) => (f64::from(u8::from(value)), true),
                LeafValue::Double(value) => (f64::from(value), true),
                LeafValue::Int(value) => (value as f64, false),
                LeafValue::F32(value) => (f64::from(value), false),
                LeafValue::F64(value) => (value, false),
            };
            found.push(Journaled {
                point: plan.points[point.point as usize].id.clone(),
                value,
                is_state,
                stamp: point.time_ns,
                by_bridge: point.time_flags & 0x80 != 0,
                flagged: point.flags & leaf_flags::POSSIBLE_DUPLICATE != 0,
            });
        }
    }
    found
}

//! The link under measurement, as a checked profile would give it.

use bridge_model::{PointId, Zone};
use bridge_session::{AddressUse, Field, LinkPoint, LinkSpec, Role};

use crate::measure::CONTROLS;

/// A link with so many analogues and binaries, points `1..` in this order, and [`CONTROLS`] analogue outputs (short floats) behind
/// them.
pub(crate) fn link(role: Role, analogs: usize, binaries: usize) -> LinkSpec {
    let point = |point: u32, usage, of: &str, index: u32| LinkPoint {
        point: PointId(point),
        usage,
        address: [("type".to_owned(), Field::Text(of.to_owned())), ("index".to_owned(), Field::Int(i64::from(index)))].into(),
    };
    let count = |points: usize| u32::try_from(points).expect("few points");
    let (analogs, binaries) = (count(analogs), count(binaries));
    let analog = (0..analogs).map(|index| point(1 + index, AddressUse::Monitor, "analog", index));
    let binary = (0..binaries).map(|index| point(1 + analogs + index, AddressUse::Monitor, "binary", index));
    let controls = (0..CONTROLS).map(|index| point(1 + analogs + binaries + index, AddressUse::Control, "analog_output", index));
    LinkSpec {
        name: "bench".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: [("outstation".to_owned(), Field::Int(i64::from(crate::wire::OUTSTATION)))].into(),
        points: analog.chain(binary).chain(controls).collect(),
        max_unacked: 4096,
        fresh_link_ms: 2000,
    }
}

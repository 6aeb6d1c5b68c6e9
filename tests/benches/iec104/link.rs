//! The link under measurement, as a checked profile would give it.

use bridge_model::{PointId, Zone};
use bridge_session::{AddressUse, Field, LinkPoint, LinkSpec, Role};

use crate::measure::CONTROLS;

/// The common address.
pub(crate) const CA: u16 = 1;

/// A link whose points `1..` are floats of this type at the object addresses from 1 on, and whose controls are floating set-points.
pub(crate) fn link(role: Role, points: usize, type_id: &str) -> LinkSpec {
    let point = |point: u32, usage, ioa: u32, type_id: &str| LinkPoint {
        point: PointId(point),
        usage,
        address: [("ioa".to_owned(), Field::Int(i64::from(ioa))), ("ti".to_owned(), Field::Text(type_id.to_owned()))].into(),
    };
    let count = u32::try_from(points).expect("few points");
    let floats = (0..count).map(|index| point(index, AddressUse::Monitor, index + 1, type_id));
    let controls = (0..CONTROLS).map(|index| point(count + index, AddressUse::Control, count + 1 + index, "C_SE_NC_1"));
    let params = [("ca", i64::from(CA)), ("k", 12), ("w", 8)];
    LinkSpec {
        name: "bench".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: params.into_iter().map(|(name, value)| (name.to_owned(), Field::Int(value))).collect(),
        points: floats.chain(controls).collect(),
        max_unacked: 4096,
        fresh_link_ms: 2000,
    }
}

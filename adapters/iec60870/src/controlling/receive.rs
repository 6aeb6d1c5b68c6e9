//! The hot path: monitored objects to updates. No allocation beyond the batch, one table look-up and one push per object.

use bridge_model::{Cause as UpdateCause, Detail, DoublePoint, PointId, PointUpdate, Quality, Timestamp, Utc, Validity, Value, Zone};
use bridge_session::Event;

use super::Controlling;
use crate::address::{CaTable, PointTable};
use crate::asdu::{IOA, Objects};
use crate::error::{Error, Malformed};
use crate::{AsduView, Cause, Cp56Time2a, DayCache, Family, QualityBits};

impl Controlling {
    /// Types 1, 3, 13, 30, 31 and 36.
    pub(super) fn monitored(&mut self, view: &AsduView<'_>, family: Family, tagged: bool, now: bridge_model::Now) -> Result<(), Error> {
        let misfit = read_objects(view, family, tagged, &self.table, self.zone, now.utc, &mut self.days, &mut self.batch.updates)?;
        if view.cot.cause == Cause::INTERROGATED {
            self.interrogation.heard(now.mono);
        }
        if let Some(what) = misfit
            && !self.misfits_told
        {
            self.misfits_told = true;
            self.events.push_back(Event::Refused { what });
        }
        Ok(())
    }
}

/// What every update of one ASDU shares.
#[derive(Clone, Copy)]
struct Shared {
    received: Utc,
    cause: UpdateCause,
    /// The T bit: worsens nothing but marks the value (row 30).
    test: bool,
}

/// Appends the updates of a monitored ASDU; gives a finding for the log if an object did not fit its point.
///
/// # Errors
/// If the objects do not fill the ASDU.
#[expect(clippy::too_many_arguments, reason = "the hot path borrows the session's parts one by one")]
pub(crate) fn read_objects(
    view: &AsduView<'_>,
    family: Family,
    tagged: bool,
    table: &PointTable,
    zone: Zone,
    received: Utc,
    days: &mut DayCache,
    updates: &mut Vec<PointUpdate>,
) -> Result<Option<String>, Malformed> {
    let value_octets = match family {
        Family::Single | Family::Double => 1,
        Family::Float => 5,
    };
    let objects = view.objects(value_octets + if tagged { 7 } else { 0 })?;
    let Some(cause) = view.cot.cause.of_update() else {
        return Ok(Some(format!("{} with cause {} is journaled and not read", view.type_id, view.cot.cause.0)));
    };
    let Some(table) = table.of_ca(view.ca) else { return Ok(None) };
    let shared = Shared { received, cause, test: view.cot.test };
    updates.reserve(usize::from(view.count));
    let strangers = match (family, tagged) {
        (Family::Single, false) => each::<1>(objects, table, family, shared, updates, |e| single(e[0], at_receipt(received))),
        (Family::Double, false) => each::<1>(objects, table, family, shared, updates, |e| double(e[0], at_receipt(received))),
        (Family::Float, false) => each::<5>(objects, table, family, shared, updates, |e| float(e, at_receipt(received))),
        (Family::Single, true) => each::<8>(objects, table, family, shared, updates, |&[o, a, b, c, d, e, f, g]| {
            single(o, Cp56Time2a([a, b, c, d, e, f, g]).timestamp(zone, received, days))
        }),
        (Family::Double, true) => each::<8>(objects, table, family, shared, updates, |&[o, a, b, c, d, e, f, g]| {
            double(o, Cp56Time2a([a, b, c, d, e, f, g]).timestamp(zone, received, days))
        }),
        (Family::Float, true) => each::<12>(objects, table, family, shared, updates, |&[v, w, x, y, o, a, b, c, d, e, f, g]| {
            float(&[v, w, x, y, o], Cp56Time2a([a, b, c, d, e, f, g]).timestamp(zone, received, days))
        }),
    };
    Ok(strangers.map(|ioa| format!("ca {} ioa {ioa} is configured with another type than {}", view.ca, view.type_id)))
}

/// Every object of `N` octets per element; gives the first address that is known, but in another family.
#[inline]
fn each<const N: usize>(
    objects: Objects<'_>,
    table: &CaTable,
    family: Family,
    shared: Shared,
    updates: &mut Vec<PointUpdate>,
    mut read: impl FnMut(&[u8; N]) -> (Value, Quality, Timestamp),
) -> Option<u32> {
    let map = table.family(family);
    let mut stranger = None;
    let prefix = if objects.base.is_some() { 0 } else { IOA };
    for (chunk, in_sequence) in objects.octets.chunks_exact(prefix + N).zip(objects.base.unwrap_or(0)..) {
        let (ioa, element) = match (objects.base, chunk) {
            (None, [a, b, c, element @ ..]) => (u32::from_le_bytes([*a, *b, *c, 0]), element),
            (_, element) => (in_sequence, element),
        };
        let Some(element) = element.first_chunk::<N>() else { break };
        let Some(point) = map.find(ioa) else {
            if stranger.is_none() && table.knows(ioa) {
                stranger = Some(ioa);
            }
            continue;
        };
        let (value, mut quality, time) = read(element);
        if shared.test {
            quality.detail = quality.detail.with(Detail::TEST);
        }
        updates.push(PointUpdate { point: PointId(point), value, quality, time, received: shared.received, cause: shared.cause });
    }
    stranger
}

const fn at_receipt(received: Utc) -> Timestamp {
    Timestamp::at_receipt(received)
}

#[inline]
fn single(octet: u8, time: Timestamp) -> (Value, Quality, Timestamp) {
    (Value::Bool(octet & 1 != 0), QualityBits(octet & 0xF0).quality(), time)
}

#[inline]
fn double(octet: u8, time: Timestamp) -> (Value, Quality, Timestamp) {
    (Value::Double(DoublePoint::from_bits(octet)), QualityBits(octet & 0xF0).quality(), time)
}

/// A value that is no number is kept and marked INVALID and OVERFLOW: no later stage may compute with it.
#[inline]
fn float(&[a, b, c, d, qds]: &[u8; 5], time: Timestamp) -> (Value, Quality, Timestamp) {
    let value = f32::from_le_bytes([a, b, c, d]);
    let mut quality = QualityBits(qds & 0xF1).quality();
    if !value.is_finite() {
        quality = quality.worsened(Validity::Invalid, Detail::OVERFLOW);
    }
    (Value::Real32(value), quality, time)
}

//! The hot path: monitored objects to updates. No allocation beyond the batch, one table look-up and one push per object.

use bridge_model::{Cause as UpdateCause, Detail, DoublePoint, PointId, PointUpdate, Quality, Timestamp, Utc, Validity, Value, Zone};
use bridge_session::Event;

use super::Controlling;
use crate::address::{CaTable, PointTable};
use crate::asdu::Objects;
use crate::error::{Error, Malformed};
use crate::{AsduView, Cp24Time2a, Cp56Time2a, DayCache, Family, MonitorElement, Part, QualityBits, Tag};

impl Controlling {
    /// Process information, types 1 to 21 and 30 to 40.
    pub(super) fn monitored(&mut self, view: &AsduView<'_>, family: Family, tag: Tag, now: bridge_model::Now) -> Result<(), Error> {
        let misfit = read_objects(view, family, tag, &self.table, self.zone, now.utc, &mut self.days, &mut self.batch.updates)?;
        self.interrogation.heard(view.cot.cause, now.mono);
        self.housekeeping.heard(view, &mut self.events, now.mono);
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
    tag: Tag,
    table: &PointTable,
    zone: Zone,
    received: Utc,
    days: &mut DayCache,
    updates: &mut Vec<PointUpdate>,
) -> Result<Option<String>, Malformed> {
    let objects = view.objects(family.octets() + tag.octets())?;
    let Some(cause) = view.cot.cause.of_update() else {
        return Ok(Some(format!("{} with cause {} is journaled and not read", view.type_id, view.cot.cause.0)));
    };
    let Some(table) = table.of_ca(view.ca) else { return Ok(None) };
    let shared = Shared { received, cause, test: view.cot.test };
    updates.reserve(usize::from(view.count));
    let untagged = Timestamp::at_receipt(received);
    let tagged = |time: &[u8; 7], days: &mut DayCache| Cp56Time2a(*time).timestamp(zone, received, days);
    let strangers = match (family, tag) {
        // The types that carry nearly all traffic have element and tag of a known size: one copy, no branch per object.
        (Family::Single, Tag::None) => each::<1>(objects, table, family, shared, updates, |e| single(e[0], untagged)),
        (Family::Double, Tag::None) => each::<1>(objects, table, family, shared, updates, |e| double(e[0], untagged)),
        (Family::Float, Tag::None) => each::<5>(objects, table, family, shared, updates, |e| float(e, untagged)),
        (Family::Scaled, Tag::None) => each::<3>(objects, table, family, shared, updates, |e| scaled(e, untagged)),
        (Family::Normalised, Tag::None) => each::<3>(objects, table, family, shared, updates, |e| normalised(e, untagged)),
        (Family::Single, Tag::Cp56) => {
            each::<8>(objects, table, family, shared, updates, |&[o, ref time @ ..]| single(o, tagged(time, days)))
        }
        (Family::Double, Tag::Cp56) => {
            each::<8>(objects, table, family, shared, updates, |&[o, ref time @ ..]| double(o, tagged(time, days)))
        }
        (Family::Float, Tag::Cp56) => each::<12>(objects, table, family, shared, updates, |&[v, w, x, y, o, ref time @ ..]| {
            float(&[v, w, x, y, o], tagged(time, days))
        }),
        (Family::Scaled, Tag::Cp56) => {
            each::<10>(objects, table, family, shared, updates, |&[v, w, o, ref time @ ..]| scaled(&[v, w, o], tagged(time, days)))
        }
        (Family::Normalised, Tag::Cp56) => {
            each::<10>(objects, table, family, shared, updates, |&[v, w, o, ref time @ ..]| normalised(&[v, w, o], tagged(time, days)))
        }
        _ => each_element(objects, table, (family, tag), shared, updates, |tag| match tag {
            [] => untagged,
            [a, b, c] => Cp24Time2a([*a, *b, *c]).timestamp(zone, received),
            _ => time_of(tag, zone, received, days),
        }),
    };
    Ok(strangers.map(|ioa| format!("ca {} ioa {ioa} is configured with another type than {}", view.ca, view.type_id)))
}

fn time_of(octets: &[u8], zone: Zone, received: Utc, days: &mut DayCache) -> Timestamp {
    // The sizes come from the type table: seven octets.
    octets.try_into().map_or(Timestamp::at_receipt(received), |octets| Cp56Time2a(octets).timestamp(zone, received, days))
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
    let layout = objects.layout;
    let prefix = if objects.base.is_some() { 0 } else { layout.ioa_octets() };
    for (chunk, in_sequence) in objects.octets.chunks_exact(prefix + N).zip(objects.base.unwrap_or(0)..) {
        let (ioa, element) = match objects.base {
            None => layout.split_ioa(chunk).unwrap_or((0, chunk)),
            Some(_) => (in_sequence, chunk),
        };
        let Some(element) = element.first_chunk::<N>() else { break };
        let Some(point) = map.find(ioa) else {
            if stranger.is_none() && table.knows(ioa) {
                stranger = Some(ioa);
            }
            continue;
        };
        let (value, quality, time) = read(element);
        shared.push(PointId(point), value, quality, time, updates);
    }
    stranger
}

/// As [`each`], for the rarer families: through the element's meaning, with points that are parts of an object.
fn each_element(
    objects: Objects<'_>,
    table: &CaTable,
    (family, tag): (Family, Tag),
    shared: Shared,
    updates: &mut Vec<PointUpdate>,
    mut time_of: impl FnMut(&[u8]) -> Timestamp,
) -> Option<u32> {
    let map = table.family(family);
    let mut stranger = None;
    for (ioa, octets) in objects.map(|ioa, octets| (ioa, octets)) {
        let Some((element, time)) = octets.split_at_checked(family.octets()).filter(|(_, time)| time.len() == tag.octets()) else { break };
        let Some((element, bits)) = MonitorElement::read(family, element) else { break };
        let (whole, parts) = (map.find(ioa), table.parts(family, ioa));
        if whole.is_none() && parts.is_empty() {
            if stranger.is_none() && table.knows(ioa) {
                stranger = Some(ioa);
            }
            continue;
        }
        let time = time_of(time);
        if let Some(point) = whole {
            let (value, quality) = whole_of(element, bits);
            shared.push(PointId(point), value, quality, time, updates);
        }
        for (part, point) in parts {
            if let Some((value, quality)) = part_of(element, bits, *part) {
                shared.push(*point, value, quality, time, updates);
            }
        }
    }
    stranger
}

impl Shared {
    #[inline]
    fn push(self, point: PointId, value: Value, mut quality: Quality, time: Timestamp, updates: &mut Vec<PointUpdate>) {
        if self.test {
            quality.detail = quality.detail.with(Detail::TEST);
        }
        updates.push(PointUpdate { point, value, quality, time, received: self.received, cause: self.cause });
    }
}

#[inline]
fn single(octet: u8, time: Timestamp) -> (Value, Quality, Timestamp) {
    (Value::Bool(octet & 1 != 0), QualityBits(octet & 0xF0).quality(), time)
}

#[inline]
fn double(octet: u8, time: Timestamp) -> (Value, Quality, Timestamp) {
    (Value::Double(DoublePoint::from_bits(octet)), QualityBits(octet & 0xF0).quality(), time)
}

#[inline]
fn scaled(&[a, b, qds]: &[u8; 3], time: Timestamp) -> (Value, Quality, Timestamp) {
    (Value::Int(i64::from(i16::from_le_bytes([a, b]))), QualityBits(qds & 0xF1).quality(), time)
}

#[inline]
fn normalised(&[a, b, qds]: &[u8; 3], time: Timestamp) -> (Value, Quality, Timestamp) {
    (of_full_scale(i16::from_le_bytes([a, b])), QualityBits(qds & 0xF1).quality(), time)
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

/// A normalised value is a fraction of full scale, exact in a short float.
#[inline]
fn of_full_scale(value: i16) -> Value {
    Value::Real32(f32::from(value) / 32768.0)
}

/// The value and quality of a whole object. What besides the quality octet the device says of it stays in the high octet of `raw`: the
/// transient bit of a step position, the sequence, carry and adjustment of a counter, EI of an event.
fn whole_of(element: MonitorElement, bits: QualityBits) -> (Value, Quality) {
    let mut quality = QualityBits(bits.0 & !QualityBits::EI).quality();
    quality.raw = u16::from(bits.0);
    let value = match element {
        MonitorElement::Single(on) => Value::Bool(on),
        MonitorElement::Double(state) | MonitorElement::Protection(state, _) => Value::Double(DoublePoint::from_bits(state)),
        MonitorElement::Step(step, transient) => {
            if transient {
                quality = quality.worsened(Validity::Questionable, Detail(0));
                quality.raw |= 0x8000;
            }
            Value::Int(i64::from(step))
        }
        MonitorElement::Bits(bits) | MonitorElement::Packed(bits) => Value::Int(i64::from(bits)),
        MonitorElement::Normalised(value) | MonitorElement::Bare(value) => of_full_scale(value),
        MonitorElement::Scaled(value) => Value::Int(i64::from(value)),
        MonitorElement::Float(value) => Value::Real32(value),
        MonitorElement::Counter(bcr) => {
            quality.raw |= u16::from(bcr.sequence_octet()) << 8;
            if bcr.adjusted {
                quality.detail = quality.detail.with(Detail::INCONSISTENT);
            }
            Value::Int(i64::from(bcr.count))
        }
        MonitorElement::Start(bits, _) | MonitorElement::Circuit(bits, _) => Value::Int(i64::from(bits)),
    };
    (value, quality)
}

fn part_of(element: MonitorElement, bits: QualityBits, part: Part) -> Option<(Value, Quality)> {
    let (_, mut quality) = whole_of(element, bits);
    let value = match (part, element) {
        (Part::Bit(bit), MonitorElement::Bits(bits) | MonitorElement::Packed(bits)) => Value::Bool(bits >> bit & 1 == 1),
        (Part::Bit(bit), MonitorElement::Start(bits, _) | MonitorElement::Circuit(bits, _)) => Value::Bool(bits >> bit & 1 == 1),
        (Part::Elapsed, MonitorElement::Protection(_, ms) | MonitorElement::Start(_, ms) | MonitorElement::Circuit(_, ms)) => {
            if bits.0 & QualityBits::EI != 0 || !ms.is_in_range() {
                quality = quality.worsened(Validity::Invalid, Detail(0));
            }
            Value::Int(i64::from(ms.0))
        }
        (Part::Whole | Part::Bit(_) | Part::Elapsed, _) => return None,
    };
    Some((value, quality))
}

//! The served values: what interrogations read, and which of them changed.

use std::collections::VecDeque;

use bridge_model::{Detail, DoublePoint, PointId, Quality, Timestamp, Validity, Value, Zone};
use bridge_session::Publish;

use crate::address::{Address, IndexMap};
use crate::apci::ASDU_MAX;
use crate::asdu::{MonitorElement, MonitorObject, put_header, put_ioa};
use crate::{Cause, Cot, Cp56Time2a, Family, QualityBits, TypeId};

/// One served point. Values are kept as published; the wire form is made when they leave.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) ca: u16,
    ioa: u32,
    pub(super) family: Family,
    tagged: bool,
    type_id: TypeId,
    state: State,
    /// Queued in `changed`.
    is_changed: bool,
}

/// What a point shows at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    value: Value,
    quality: Quality,
    time: Timestamp,
    return_info: bool,
}

impl State {
    pub(super) fn of(publish: &Publish) -> Self {
        Self { value: publish.value, quality: publish.quality, time: publish.time, return_info: publish.return_info }
    }
}

/// All served points, in order of common address, family and object address: neighbours share an ASDU.
#[derive(Debug, Default)]
pub(super) struct Image {
    points: Vec<Served>,
    by_id: IndexMap,
    /// Points with a value to send, each once, in order of their first change.
    changed: VecDeque<u32>,
    cas: Vec<u16>,
}

/// What all objects of one spontaneous ASDU share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Group {
    ca: u16,
    type_id: TypeId,
    cause: Cause,
    test: bool,
}

impl Image {
    /// Every point starts as never read: invalid and not topical until its first value (R19).
    pub(super) fn new(points: impl Iterator<Item = (PointId, Address)>, extra_cas: impl Iterator<Item = u16>) -> Self {
        let mut all: Vec<(PointId, Served)> = points
            .filter_map(|(point, Address { ca, ioa, type_id })| {
                let (family, tagged) = type_id.family()?;
                let value = match family {
                    Family::Single => Value::Bool(false),
                    Family::Double => Value::Double(DoublePoint::Intermediate),
                    Family::Float => Value::Real32(0.0),
                };
                let state = State { value, quality: Quality::NEVER_READ, time: Timestamp::default(), return_info: false };
                Some((point, Served { ca, ioa, family, tagged, type_id, state, is_changed: false }))
            })
            .collect();
        all.sort_by_key(|(_, served)| (served.ca, served.family, served.ioa));
        let by_id = IndexMap::new(all.iter().zip(0_u32..).map(|((point, _), index)| (point.0, index)).collect());
        let mut cas: Vec<u16> = all.iter().map(|(_, served)| served.ca).chain(extra_cas).collect();
        cas.sort_unstable();
        cas.dedup();
        Self { points: all.into_iter().map(|(_, served)| served).collect(), by_id, changed: VecDeque::new(), cas }
    }

    /// The common addresses of the station, ascending.
    pub(super) fn cas(&self) -> impl Iterator<Item = u16> {
        self.cas.iter().copied()
    }

    pub(super) fn knows_ca(&self, ca: u16) -> bool {
        self.cas.binary_search(&ca).is_ok()
    }

    /// The index of a served point.
    pub(super) fn find(&self, point: PointId) -> Option<u32> {
        self.by_id.find(point.0)
    }

    /// The index of the first point of a common address.
    pub(super) fn first_of(&self, ca: u16) -> usize {
        self.points.partition_point(|served| served.ca < ca)
    }

    /// Takes a value; `change`: it is to be sent.
    pub(super) fn set(&mut self, index: u32, state: State, change: bool) {
        let Some(served) = self.points.get_mut(index as usize) else { return };
        served.state = state;
        if change && !served.is_changed {
            served.is_changed = true;
            self.changed.push_back(index);
        }
    }

    /// Takes the value of a queued event. What waited to be sent of the point is older than the event, and would repeat its stamp.
    pub(super) fn set_event(&mut self, index: u32, state: State) {
        self.set(index, state, false);
        if let Some(served) = self.points.get_mut(index as usize)
            && std::mem::take(&mut served.is_changed)
        {
            self.changed.retain(|waiting| *waiting != index);
        }
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Sends these once more, with their newest value.
    pub(super) fn change_again(&mut self, indices: &[u32]) {
        for index in indices {
            if let Some(served) = self.points.get_mut(*index as usize)
                && !served.is_changed
            {
                served.is_changed = true;
                self.changed.push_back(*index);
            }
        }
    }

    /// Appends one ASDU of changed points, as many as fit and share a header; gives which.
    pub(super) fn put_changes(&mut self, zone: Zone, out: &mut Vec<u8>) -> Vec<u32> {
        let mut taken = Vec::new();
        let mut asdu = None::<Packer>;
        while let Some(index) = self.changed.front().copied() {
            let Some(served) = self.points.get_mut(index as usize) else { break };
            if !Packer::add(&mut asdu, served, served.state, zone, out) {
                break;
            }
            served.is_changed = false;
            self.changed.pop_front();
            taken.push(index);
        }
        if let Some(packer) = asdu {
            packer.finish(out);
        }
        taken
    }

    /// Appends one ASDU of the image of `ca` from point `from` on, without time tags; gives where to go on, `None` at the end.
    pub(super) fn put_image(&self, ca: u16, from: usize, out: &mut Vec<u8>) -> Option<usize> {
        let first = self.points.get(from).filter(|served| served.ca == ca)?;
        let header = out.len();
        put_header(out, first.family.untagged(), 0, Cot::new(Cause::INTERROGATED), ca);
        let mut count = 0_u8;
        for served in self.points.iter().skip(from).take_while(|s| s.ca == ca && s.family == first.family).take(127) {
            let before = out.len();
            put_ioa(out, served.ioa);
            let mut quality = served.state.quality;
            if quality.detail.contains(Detail::TEST) {
                // The T bit is one per ASDU and an image is never a test: a test value is no value.
                quality = quality.worsened(Validity::Invalid, Detail::TEST);
            }
            object(served, State { quality, ..served.state }, None).put(out);
            if out.len() - header > ASDU_MAX {
                out.truncate(before);
                break;
            }
            count += 1;
        }
        set_count(out, header, count);
        Some(from + usize::from(count))
    }

    /// Whether `ca` has a point at `from`.
    pub(super) fn has_more(&self, ca: u16, from: usize) -> bool {
        self.points.get(from).is_some_and(|served| served.ca == ca)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Served> {
        self.points.get(index as usize)
    }
}

fn set_count(out: &mut [u8], header: usize, count: u8) {
    if let Some(vsq) = out.get_mut(header + 1) {
        *vsq = count;
    }
}

/// One spontaneous ASDU that is being filled.
#[derive(Debug)]
pub(super) struct Packer {
    group: Group,
    header: usize,
    count: u8,
}

impl Packer {
    /// Adds one value to the ASDU, opening it with the first; `false` if it does not fit in.
    pub(super) fn add(asdu: &mut Option<Self>, served: &Served, state: State, zone: Zone, out: &mut Vec<u8>) -> bool {
        let cause = if state.return_info { Cause::RETURN_REMOTE } else { Cause::SPONTANEOUS };
        let test = state.quality.detail.contains(Detail::TEST);
        let group = Group { ca: served.ca, type_id: served.type_id, cause, test };
        let packer = asdu.get_or_insert_with(|| {
            let header = out.len();
            put_header(out, group.type_id, 0, Cot { test, ..Cot::new(cause) }, group.ca);
            Self { group, header, count: 0 }
        });
        if packer.group != group || packer.count == 127 {
            return false;
        }
        let before = out.len();
        put_ioa(out, served.ioa);
        object(served, state, served.tagged.then(|| Cp56Time2a::from_timestamp(state.time, zone))).put(out);
        if out.len() - packer.header > ASDU_MAX {
            out.truncate(before);
            return false;
        }
        packer.count += 1;
        true
    }

    pub(super) fn finish(self, out: &mut [u8]) {
        set_count(out, self.header, self.count);
    }
}

/// The wire form of a value in its point's family. What does not fit the family goes out invalid, never as a plausible other value.
fn object(served: &Served, state: State, time: Option<Cp56Time2a>) -> MonitorObject {
    let State { value, mut quality, .. } = state;
    let element = match served.family {
        Family::Single => MonitorElement::Single(single(value, &mut quality)),
        Family::Double => MonitorElement::Double(double(value, &mut quality)),
        Family::Float => MonitorElement::Float(float(value, &mut quality)),
    };
    MonitorObject { ioa: served.ioa, element, quality: QualityBits::from_quality(quality, served.family), time }
}

fn misfit(quality: &mut Quality) {
    *quality = quality.worsened(Validity::Invalid, Detail::INCONSISTENT);
}

fn single(value: Value, quality: &mut Quality) -> bool {
    match value {
        Value::Bool(on) => on,
        Value::Double(DoublePoint::On) | Value::Int(1) => true,
        Value::Double(DoublePoint::Off) | Value::Int(0) => false,
        Value::Real32(_) | Value::Real(_) if value.as_f64() == 0.0 => false,
        Value::Real32(_) | Value::Real(_) if value.as_f64() == 1.0 => true,
        Value::Double(DoublePoint::Intermediate | DoublePoint::Bad) | Value::Int(_) | Value::Real32(_) | Value::Real(_) => {
            misfit(quality);
            false
        }
    }
}

fn double(value: Value, quality: &mut Quality) -> u8 {
    match value {
        Value::Bool(on) => 1 + u8::from(on),
        Value::Double(state) => state as u8,
        Value::Int(_) | Value::Real32(_) | Value::Real(_) => match [0_u8, 1, 2, 3].into_iter().find(|n| f64::from(*n) == value.as_f64()) {
            Some(bits) => bits,
            None => {
                misfit(quality);
                DoublePoint::Bad as u8
            }
        },
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries a short float; an overflow becomes infinite and is marked")]
fn float(value: Value, quality: &mut Quality) -> f32 {
    let short = match value {
        Value::Real32(short) => short,
        Value::Bool(_) | Value::Double(_) | Value::Int(_) | Value::Real(_) => value.as_f64() as f32,
    };
    if !short.is_finite() {
        *quality = quality.worsened(Validity::Invalid, Detail::OVERFLOW);
    }
    short
}

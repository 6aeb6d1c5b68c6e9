//! The served values: what interrogations read, and which of them changed.

use std::collections::{BTreeMap, VecDeque};

use bridge_model::{Detail, DoublePoint, Mono, PointId, Quality, Timestamp, Validity, Value, Zone};
use bridge_session::{IndexMap, Publish};

use super::pace::{Pace, Verdict};
use crate::address::Address;
use crate::apci::ASDU_MAX;
use crate::cp56::CivilDay;
use crate::elements::Bcr;
use crate::{
    Cause, Cot, Cp16Time2a, Cp56Time2a, Family, Layout, MonitorElement, MonitorObject, Part, QualityBits, Repertoire, Tag, TimeTag,
    Transmission, TypeId,
};

/// One served object. Values are kept as published; the wire form is made when they leave.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) ca: u16,
    pub(super) ioa: u32,
    pub(super) family: Family,
    tagged: bool,
    pub(super) type_id: TypeId,
    pub(super) transmission: Transmission,
    state: State,
    /// The elapsed time of an event of protection equipment, if one was published.
    elapsed: Option<Cp16Time2a>,
    /// Queued in `changed`.
    is_changed: bool,
}

impl Served {
    /// What it shows now.
    pub(super) const fn state(&self) -> State {
        self.state
    }
}

/// What a point shows at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) value: Value,
    pub(super) quality: Quality,
    pub(super) time: Timestamp,
    return_info: bool,
}

impl State {
    pub(super) fn of(publish: &Publish) -> Self {
        Self { value: publish.value, quality: publish.quality, time: publish.time, return_info: publish.return_info }
    }

    /// The cause of a spontaneous transmission.
    fn cause(self) -> Cause {
        if self.return_info { Cause::RETURN_REMOTE } else { Cause::SPONTANEOUS }
    }
}

/// All served objects, in order of common address, family and object address: neighbours share an ASDU.
#[derive(Debug, Default)]
pub(super) struct Image {
    points: Vec<Served>,
    by_id: IndexMap,
    /// Points that are parts of an object, with the quality each was published with.
    parts: BTreeMap<PointId, (Part, Quality)>,
    /// Objects made of parts, with their parts.
    parts_of: BTreeMap<u32, Vec<PointId>>,
    by_address: BTreeMap<(u16, u32), u32>,
    paces: BTreeMap<u32, Pace>,
    /// Points with a value to send, each once, in order of their first change.
    changed: VecDeque<u32>,
    cas: Vec<u16>,
}

/// Objects of one ASDU of measurands with time: room for so many is made at once.
const USUAL_OBJECTS: usize = 16;

/// What all objects of one spontaneous ASDU share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Group {
    ca: u16,
    type_id: TypeId,
    cause: Cause,
    test: bool,
}

/// A served point as configured.
pub(super) type Configured = (PointId, Address, Transmission);

impl Image {
    /// Every point starts as never read: invalid and not topical until its first value (R19). Points that are parts of one object share it.
    pub(super) fn new(points: impl Iterator<Item = Configured>, extra_cas: impl Iterator<Item = u16>) -> Self {
        let mut all: Vec<(PointId, Part, Served)> = points
            .filter_map(|(point, Address { ca, ioa, type_id, part, .. }, transmission)| {
                let (family, tag) = type_id.family()?;
                let state =
                    State { value: first_value(family), quality: Quality::NEVER_READ, time: Timestamp::default(), return_info: false };
                let tagged = tag == Tag::Cp56;
                Some((point, part, Served { ca, ioa, family, tagged, type_id, transmission, state, elapsed: None, is_changed: false }))
            })
            .collect();
        all.sort_by_key(|(_, _, served)| (served.ca, served.family, served.ioa));
        let mut image = Self::default();
        let mut ids = Vec::new();
        for (point, part, served) in all {
            let same = image.points.last().is_some_and(|last| (last.ca, last.family, last.ioa) == (served.ca, served.family, served.ioa));
            if !same {
                image.points.push(served);
            }
            // A link has fewer objects than a u32 can count: their addresses are 40 bits wide, their points are u32.
            let index = u32::try_from(image.points.len() - 1).unwrap_or(u32::MAX);
            ids.push((point.0, index));
            if part != Part::Whole {
                image.parts.insert(point, (part, Quality::NEVER_READ));
                image.parts_of.entry(index).or_default().push(point);
            }
        }
        for (served, index) in image.points.iter().zip(0_u32..) {
            image.by_address.entry((served.ca, served.ioa)).or_insert(index);
            if let Some(pace) = Pace::new(served.transmission) {
                image.paces.insert(index, pace);
            }
        }
        image.by_id = IndexMap::new(ids);
        image.cas = image.points.iter().map(|served| served.ca).chain(extra_cas).collect();
        image.cas.sort_unstable();
        image.cas.dedup();
        image
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

    /// The index of the served object at an address.
    pub(super) fn at(&self, ca: u16, ioa: u32) -> Option<u32> {
        self.by_address.get(&(ca, ioa)).copied()
    }

    /// Every served object with its index.
    pub(super) fn objects(&self) -> impl Iterator<Item = (u32, &Served)> {
        (0_u32..).zip(&self.points)
    }

    /// What an object shows once `point` has this state: the point itself, or the object with this part of it changed. The quality of an
    /// object made of parts is the worst of theirs.
    pub(super) fn compose(&mut self, point: PointId, index: u32, state: State) -> State {
        let Some((part, quality)) = self.parts.get_mut(&point) else { return state };
        let part = *part;
        *quality = state.quality;
        let Some(served) = self.points.get_mut(index as usize) else { return state };
        let number = state.value.as_f64();
        let value = match part {
            Part::Bit(bit) => {
                let Value::Int(bits) = served.state.value else { return state };
                Value::Int(if number == 0.0 { bits & !(1 << bit) } else { bits | 1 << bit })
            }
            Part::Elapsed => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within")]
                let ms = (0.0..=f64::from(Cp16Time2a::MAX_MS)).contains(&number).then_some(Cp16Time2a(number as u16));
                served.elapsed = ms.filter(|_| state.quality.validity != Validity::Invalid);
                served.state.value
            }
            Part::Whole => state.value,
        };
        let worst = |all: Quality, point: &PointId| {
            self.parts.get(point).map_or(all, |(part, quality)| match part {
                Part::Elapsed => all,
                Part::Bit(_) | Part::Whole => all.worsened(quality.validity, quality.detail),
            })
        };
        let quality = self.parts_of.get(&index).map_or(state.quality, |points| points.iter().fold(Quality::GOOD, worst));
        State { value, quality, ..state }
    }

    /// What an object showed when `point` had this state, as far as that is known: its other parts are as they stand. Nothing is moved (R20).
    pub(super) fn compose_past(&mut self, point: PointId, index: u32, state: State) -> State {
        let known = self.parts.get(&point).copied();
        let elapsed = self.points.get(index as usize).and_then(|served| served.elapsed);
        let state = self.compose(point, index, state);
        if let (Some(known), Some(served)) = (known, self.points.get_mut(index as usize)) {
            self.parts.insert(point, known);
            served.elapsed = elapsed;
        }
        state
    }

    /// The index of the first point of a common address.
    pub(super) fn first_of(&self, ca: u16) -> usize {
        self.points.partition_point(|served| served.ca < ca)
    }

    /// Takes a value; `change`: it is to be sent, as far as the point's pace allows.
    pub(super) fn set(&mut self, index: u32, state: State, change: bool, now: Mono) {
        let Some(served) = self.points.get_mut(index as usize) else { return };
        let requalified = served.state.quality.to_bits() != state.quality.to_bits();
        served.state = state;
        let tell = match self.paces.get_mut(&index) {
            Some(pace) => pace.consider(state.value.as_f64(), requalified, change, now) == Verdict::Tell,
            None => change,
        };
        if !tell {
            return;
        }
        if state.return_info {
            // The consequence of a command goes before everything else that changed: its termination waits for it (row 54).
            if served.is_changed {
                self.changed.retain(|waiting| *waiting != index);
            }
            self.changed.push_front(index);
        } else if !served.is_changed {
            self.changed.push_back(index);
        }
        served.is_changed = true;
    }

    /// Whether the consequence of a command waits to be told.
    pub(super) fn has_returns(&self) -> bool {
        let first = self.changed.front().and_then(|index| self.points.get(*index as usize));
        first.is_some_and(|served| served.state.return_info)
    }

    /// Values that their pace held back and whose time has come.
    pub(super) fn handle_timeout(&mut self, now: Mono) {
        for (index, pace) in &mut self.paces {
            if pace.deadline() <= now
                && let Some(served) = self.points.get_mut(*index as usize)
            {
                pace.release(served.state.value.as_f64(), now);
                if !served.is_changed {
                    served.is_changed = true;
                    self.changed.push_back(*index);
                }
            }
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        self.paces.values().map(Pace::deadline).min().unwrap_or(Mono::NEVER)
    }

    /// Puts every loaded parameter in or out of operation; `false` if none is loaded.
    pub(super) fn activate_all(&mut self, on: bool) -> bool {
        self.paces.values_mut().map(|pace| pace.activate(on)).filter(|done| *done).count() > 0
    }

    /// What was loaded is forgotten; what is configured stays.
    pub(super) fn forget_parameters(&mut self) {
        self.paces.clear();
        for (served, index) in self.points.iter().zip(0_u32..) {
            if let Some(pace) = Pace::new(served.transmission) {
                self.paces.insert(index, pace);
            }
        }
    }

    /// The pace of an object, made if it has none.
    pub(super) fn pace(&mut self, index: u32) -> &mut Pace {
        self.paces.entry(index).or_default()
    }

    /// Takes the value of a queued event. What waited to be sent of the point is older than the event, and would repeat its stamp.
    pub(super) fn set_event(&mut self, index: u32, state: State) {
        if let Some(served) = self.points.get_mut(index as usize) {
            served.state = state;
        }
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
        let mut taken = Vec::with_capacity(self.changed.len().min(USUAL_OBJECTS));
        let mut asdu = None::<Packer>;
        while let Some(index) = self.changed.front().copied() {
            let Some(served) = self.points.get_mut(index as usize) else { break };
            if !Packer::add(&mut asdu, served, served.state, Telling::spontaneous(served.state), zone, out) {
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

    /// Appends one ASDU of the image of `ca` from index `from` on, without time tags, of all points or of one group; gives where to go on,
    /// `None` if nothing was left.
    pub(super) fn put_image(&self, ca: u16, from: usize, group: Option<u8>, out: &mut Vec<u8>) -> Option<usize> {
        let fits = |served: &Served| served.family.is_interrogated() && group.is_none_or(|group| served.transmission.is_in(group));
        let mut asdu = None::<Packer>;
        let mut next = from;
        for served in self.points.iter().skip(from).take_while(|served| served.ca == ca) {
            if fits(served) {
                let mut state = served.state;
                if state.quality.detail.contains(Detail::TEST) {
                    // The T bit is one per ASDU and an image is never a test: a test value is no value.
                    state.quality = state.quality.worsened(Validity::Invalid, Detail::TEST);
                    state.quality.detail.0 &= !Detail::TEST.0;
                }
                let telling = Telling { cause: Cause::of_interrogation(group), tagged: false };
                if !Packer::add(&mut asdu, served, state, telling, Zone::Utc, out) {
                    break;
                }
            }
            next += 1;
        }
        asdu.map(|packer| {
            packer.finish(out);
            next
        })
    }

    /// Appends one ASDU of the objects at the front of `queue` that share a cause and a header; takes them off it.
    pub(super) fn put_queued(&self, queue: &mut VecDeque<(Cause, u32)>, zone: Zone, out: &mut Vec<u8>) {
        let mut asdu = None::<Packer>;
        while let Some((cause, index)) = queue.front().copied() {
            if let Some(served) = self.points.get(index as usize) {
                // Cyclic and background transmissions have no time tag; what was read has its own type.
                let telling = Telling { cause, tagged: cause == Cause::REQUESTED };
                if !Packer::add(&mut asdu, served, served.state, telling, zone, out) {
                    break;
                }
            }
            queue.pop_front();
        }
        if let Some(packer) = asdu {
            packer.finish(out);
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&Served> {
        self.points.get(index as usize)
    }
}

/// How a value is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Telling {
    pub(super) cause: Cause,
    /// With the point's own type and tag, if it has one.
    pub(super) tagged: bool,
}

impl Telling {
    pub(super) fn spontaneous(state: State) -> Self {
        Self { cause: state.cause(), tagged: true }
    }
}

/// One ASDU that is being filled.
#[derive(Debug)]
pub(super) struct Packer {
    group: Group,
    header: usize,
    count: u8,
    /// Of the last time tag.
    date: CivilDay,
}

impl Packer {
    /// Adds one value to the ASDU, opening it with the first; `false` if it does not fit in.
    #[inline]
    pub(super) fn add(asdu: &mut Option<Self>, served: &Served, state: State, telling: Telling, zone: Zone, out: &mut Vec<u8>) -> bool {
        let tagged = served.tagged && telling.tagged;
        let element = element(served, state);
        let mut date = asdu.as_ref().map(|packer| packer.date).unwrap_or_default();
        let time = tagged.then(|| TimeTag::Cp56(Cp56Time2a::from_timestamp_near(state.time, zone, &mut date)));
        let is_test = state.quality.detail.contains(Detail::TEST);
        let added = Self::add_element(asdu, served, element, tagged, time, is_test, telling.cause, out);
        if let Some(packer) = asdu {
            packer.date = date;
        }
        added
    }

    #[expect(clippy::too_many_arguments, reason = "one object and what its ASDU shares")]
    pub(super) fn add_element(
        asdu: &mut Option<Self>,
        served: &Served,
        (element, quality): (MonitorElement, QualityBits),
        tagged: bool,
        time: Option<TimeTag>,
        test: bool,
        cause: Cause,
        out: &mut Vec<u8>,
    ) -> bool {
        let type_id = match element.family().untagged() {
            Some(untagged) if !tagged => untagged,
            Some(_) | None => served.type_id,
        };
        let cause = Repertoire::lawful(type_id, cause);
        let group = Group { ca: served.ca, type_id, cause, test };
        let packer = asdu.get_or_insert_with(|| {
            let header = out.len();
            Layout::IEC104.put_header(out, group.type_id, 0, Cot { test, ..Cot::new(cause) }, group.ca);
            Self { group, header, count: 0, date: CivilDay::default() }
        });
        if packer.group != group || packer.count == 127 {
            return false;
        }
        let before = out.len();
        Layout::IEC104.put_ioa(out, served.ioa);
        MonitorObject { ioa: served.ioa, element, quality, time }.put(out);
        if out.len() - packer.header > ASDU_MAX {
            out.truncate(before);
            return false;
        }
        packer.count += 1;
        true
    }

    pub(super) fn finish(self, out: &mut [u8]) {
        if let Some(vsq) = out.get_mut(self.header + 1) {
            *vsq = self.count;
        }
    }
}

const fn first_value(family: Family) -> Value {
    match family {
        Family::Single => Value::Bool(false),
        Family::Double | Family::Protection => Value::Double(DoublePoint::Intermediate),
        Family::Normalised | Family::Float | Family::Bare => Value::Real32(0.0),
        Family::Step | Family::Bits | Family::Scaled | Family::Counter | Family::Start | Family::Circuit | Family::Packed => Value::Int(0),
    }
}

/// The wire form of a value in its object's family. What does not fit the family goes out invalid, never as a plausible other value.
fn element(served: &Served, state: State) -> (MonitorElement, QualityBits) {
    let State { value, mut quality, .. } = state;
    let elapsed = served.elapsed.unwrap_or_default();
    let element = match served.family {
        Family::Single => MonitorElement::Single(single(value, &mut quality)),
        Family::Double => MonitorElement::Double(double(value, &mut quality)),
        Family::Float => MonitorElement::Float(float(value, &mut quality)),
        Family::Step => MonitorElement::Step(ranged(value, -64, 63, &mut quality), state.quality.raw & 0x8000 != 0),
        Family::Scaled => MonitorElement::Scaled(ranged(value, i64::from(i16::MIN), i64::from(i16::MAX), &mut quality)),
        Family::Normalised => MonitorElement::Normalised(fraction(value, &mut quality)),
        // Without quality only a good value may leave: any other goes as the type that can say so.
        Family::Bare if quality.validity == Validity::Good => MonitorElement::Bare(fraction(value, &mut quality)),
        Family::Bare => MonitorElement::Normalised(fraction(value, &mut quality)),
        Family::Bits => MonitorElement::Bits(ranged(value, 0, i64::from(u32::MAX), &mut quality)),
        Family::Packed => MonitorElement::Packed(ranged(value, 0, i64::from(u32::MAX), &mut quality)),
        Family::Counter => {
            let total = whole(value);
            if total.is_none() {
                misfit(&mut quality);
            }
            MonitorElement::Counter(Bcr { count: total.map_or(0, low_bits), ..Bcr::default() })
        }
        Family::Protection => MonitorElement::Protection(double(value, &mut quality), elapsed),
        Family::Start => MonitorElement::Start(ranged(value, 0, 0x3F, &mut quality), elapsed),
        Family::Circuit => MonitorElement::Circuit(ranged(value, 0, 0x0F, &mut quality), elapsed),
    };
    let mut bits = QualityBits::from_quality(quality, element.family());
    if served.family.has_elapsed() && served.elapsed.is_none() {
        bits.0 |= QualityBits::EI;
    }
    (element, bits)
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

/// A whole number within the family's range; beyond it the nearest end, marked.
fn ranged<T: TryFrom<i64> + Default>(value: Value, from: i64, to: i64, quality: &mut Quality) -> T {
    let number = match value {
        Value::Int(number) => number,
        Value::Bool(_) | Value::Double(_) | Value::Real32(_) | Value::Real(_) => {
            let number = value.as_f64().round();
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked against the range below")]
            let whole = number as i64;
            if number.is_nan() { i64::MIN } else { whole }
        }
    };
    if !(from..=to).contains(&number) {
        *quality = quality.worsened(Validity::Invalid, Detail::OVERFLOW);
    }
    T::try_from(number.clamp(from, to)).unwrap_or_default()
}

/// A fraction of full scale; beyond it the nearest end, marked.
fn fraction(value: Value, quality: &mut Quality) -> i16 {
    ranged(Value::Real(value.as_f64() * 32768.0), i64::from(i16::MIN), i64::from(i16::MAX), quality)
}

/// A total as the nearest whole number; `None` if it is no number, or one that 64 bits do not hold.
pub(super) fn whole(value: Value) -> Option<i64> {
    /// 2 to the 63rd.
    const END: f64 = 9_223_372_036_854_775_808.0;
    match value {
        Value::Int(total) => Some(total),
        Value::Real32(_) | Value::Real(_) => {
            let total = value.as_f64().round();
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked beside it")]
            (-END..END).contains(&total).then_some(total as i64)
        }
        Value::Bool(_) | Value::Double(_) => None,
    }
}

/// A total of any width as one of 32 bits: a counter runs over, it does not stop.
pub(super) fn low_bits(total: i64) -> i32 {
    let [a, b, c, d, ..] = total.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

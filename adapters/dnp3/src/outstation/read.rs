//! READ: a request becomes steps, and steps become fragments, one at a time (rows 24 to 28, 55 and 56).
//!
//! A step knows what of it is still to be said. Nothing is collected beforehand: a range over four thousand million indexes is clipped to
//! the points there are, and each fragment costs what fits in it.

use std::collections::VecDeque;
use std::ops::Range;

use bridge_model::{Now, TimeFlags, TimeOrigin, Timestamp, Zone};

use super::attributes;
use super::buffer::{Buffer, Entry, Lot, Put, Subject, Wanted};
use super::image::Image;
use super::statistics::{Statistic, Statistics};
use crate::address::PointType;
use crate::app::{FragmentView, FragmentWriter, HeaderView, Iin, Qualifier, Range as HeaderRange, Refused};
use crate::objects::{
    CommandEvent, CommonTime, ControlStatus, DnpTime, IndexedTime, Kind, Lookup, Measurement, ObjectTime, SecurityStatistic, Tag,
    Variation, lookup,
};
use crate::params::Params;

/// Object headers of one READ: each may stand for the whole image, and a request is small.
pub(super) const HEADERS_MAX: usize = 64;
/// The types whose values are class 0, in order. Frozen objects are read by name.
const STATIC: [PointType; 8] = [
    PointType::Binary,
    PointType::DoubleBit,
    PointType::BinaryOutput,
    PointType::Counter,
    PointType::Analog,
    PointType::AnalogOutput,
    PointType::Unsigned,
    PointType::OctetString,
];

/// One thing that is still to be said.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Step {
    /// Values of a type, by slot; each as its own default if no variation is named.
    Values { of: PointType, variation: Option<&'static Variation>, slots: Range<usize> },
    /// Values of points that were named one by one.
    Listed { of: PointType, variation: Option<&'static Variation>, slots: VecDeque<usize> },
    /// Dead-bands of analogue inputs.
    Deadbands { variation: &'static Variation, slots: Range<usize> },
    /// Events, at most so many.
    Events { wanted: Wanted, variation: Option<&'static Variation>, left: u64 },
    /// The time (g50v1).
    Time,
    /// The time and interval of a freeze to come (g50v4).
    Schedule(u32, IndexedTime),
    /// A security statistic.
    Statistic(Statistic),
    /// The indications (g80v1).
    Indications,
    /// A device attribute.
    Attribute(u8),
}

/// What there is to be read.
pub(super) struct There<'a> {
    pub(super) image: &'a Image,
    /// Events that were entered before.
    pub(super) before: u64,
    /// The freezes to come, by index.
    pub(super) schedules: Vec<IndexedTime>,
}

/// The steps of a READ, and what is wrong with it: what is right is answered all the same.
pub(super) fn plan(view: &FragmentView<'_>, there: &There<'_>) -> (VecDeque<Step>, Iin) {
    let mut steps = VecDeque::new();
    let mut wrong = Iin(0);
    for (count, header) in view.headers().enumerate() {
        let header = match header {
            Ok(header) if count < HEADERS_MAX => header,
            Ok(_) => return (VecDeque::new(), Iin::PARAMETER_ERROR),
            // Nothing is carried out of a request that does not read to its end.
            Err(error) => return (VecDeque::new(), error.indication().unwrap_or(Iin::PARAMETER_ERROR)),
        };
        if let Err(indication) = plan_header(&header, there, &mut steps) {
            wrong = wrong.with(indication);
        }
    }
    (steps, wrong)
}

/// Whether objects of a kind can be read.
fn is_readable(kind: Kind, variation: u8) -> bool {
    matches!(
        (kind, variation),
        (
            Kind::Class
                | Kind::DeviceAttribute
                | Kind::InternalIndications
                | Kind::AnalogDeadband
                | Kind::BinaryCommandEvent
                | Kind::AnalogCommandEvent
                | Kind::SecurityStatistic
                | Kind::SecurityStatisticEvent,
            _
        ) | (Kind::TimeAndDate, 0 | 1 | 4)
    ) || PointType::of(kind).is_some()
}

fn plan_header(header: &HeaderView<'_>, there: &There<'_>, steps: &mut VecDeque<Step>) -> Result<(), Iin> {
    let There { image, before, schedules } = there;
    let before = *before;
    let variation = header.object.known();
    let kind = header.object.kind().filter(|kind| is_readable(*kind, header.header.variation)).ok_or(Iin::OBJECT_UNKNOWN)?;
    let range = header.header.range;
    if header.header.qualifier == Qualifier::FreeFormat {
        // It carries objects, and a READ names them.
        return Err(Iin::PARAMETER_ERROR);
    }
    let limit = match range {
        HeaderRange::All => Ok(u64::MAX),
        HeaderRange::Count(count) if !matches!(header.header.qualifier, Qualifier::Indexed(_)) => Ok(u64::from(count)),
        HeaderRange::Count(_) | HeaderRange::StartStop { .. } => Err(Iin::PARAMETER_ERROR),
    };
    match (kind, header.header.variation) {
        (Kind::Class, variation) => match variation {
            1 if range == HeaderRange::All => {
                steps.extend(STATIC.map(|of| Step::Values { of, variation: None, slots: image.slots(of) }));
                Ok(())
            }
            class @ 2..=4 => {
                let wanted = Wanted { classes: 1 << (class - 1), of: None, before };
                steps.push_back(Step::Events { wanted, variation: None, left: limit? });
                Ok(())
            }
            _ => Err(Iin::PARAMETER_ERROR),
        },
        (Kind::DeviceAttribute, _) => {
            if !matches!(range, HeaderRange::All | HeaderRange::StartStop { start: 0, stop: 0 }) {
                return Err(Iin::PARAMETER_ERROR);
            }
            match header.header.variation {
                254 => steps.extend(attributes::SERVED.iter().map(|variation| Step::Attribute(*variation))),
                variation if variation == attributes::LIST || attributes::SERVED.contains(&variation) => {
                    steps.push_back(Step::Attribute(variation));
                }
                _ => return Err(Iin::OBJECT_UNKNOWN),
            }
            Ok(())
        }
        (Kind::TimeAndDate, 4) => {
            let all: Vec<u32> = (0..).take(schedules.len()).collect();
            let (named, beyond) = few(header, &all)?;
            steps.extend(named.into_iter().filter_map(|index| Some(Step::Schedule(index, *schedules.get(index as usize)?))));
            beyond
        }
        (Kind::SecurityStatistic, _) => {
            let (named, beyond) = few(header, &Statistic::ALL.map(|known| u32::from(known.index())))?;
            let known = |index: &u32| Statistic::ALL.into_iter().find(|known| u32::from(known.index()) == *index);
            steps.extend(named.iter().filter_map(known).map(Step::Statistic));
            beyond
        }
        (Kind::TimeAndDate, _) => {
            limit?;
            steps.push_back(Step::Time);
            Ok(())
        }
        (Kind::InternalIndications, _) => {
            steps.push_back(Step::Indications);
            Ok(())
        }
        (Kind::AnalogDeadband, _) => {
            let variation = variation.or(lookup(34, 3).known()).ok_or(Iin::OBJECT_UNKNOWN)?;
            let (slots, beyond) = within(range, PointType::Analog, image)?;
            steps.push_back(Step::Deadbands { variation, slots });
            beyond
        }
        _ => {
            if kind.is_event() {
                let wanted = Wanted { classes: 0b1110, of: Some(kind), before };
                steps.push_back(Step::Events { wanted, variation, left: limit? });
                return Ok(());
            }
            let of = PointType::of(kind).ok_or(Iin::OBJECT_UNKNOWN)?;
            if let Qualifier::Indexed(_) = header.header.qualifier {
                let slots: VecDeque<usize> = header.objects().filter_map(|named| image.find(of, named.index)).collect();
                let all = slots.len() as u64 == range.count();
                steps.push_back(Step::Listed { of, variation, slots });
                return if all { Ok(()) } else { Err(Iin::PARAMETER_ERROR) };
            }
            let (slots, beyond) = within(range, of, image)?;
            steps.push_back(Step::Values { of, variation, slots });
            beyond
        }
    }
}

/// What a header names of a few ascending indexes, and whether it names more than there are.
fn few(header: &HeaderView<'_>, all: &[u32]) -> Result<(Vec<u32>, Result<(), Iin>), Iin> {
    let (named, asked): (Vec<u32>, u64) = match (header.header.range, header.header.qualifier) {
        (HeaderRange::All, _) => return Ok((all.to_vec(), Ok(()))),
        (HeaderRange::Count(count), Qualifier::Indexed(_)) => {
            (header.objects().map(|object| object.index).filter(|index| all.contains(index)).collect(), u64::from(count))
        }
        (HeaderRange::Count(count), _) => {
            (all.iter().copied().take(usize::try_from(count).unwrap_or(usize::MAX)).collect(), u64::from(count))
        }
        // Between the first and the last some may be missing: the range is then answered with those that there are.
        (HeaderRange::StartStop { start, stop }, _) => {
            let named: Vec<u32> = all.iter().copied().filter(|index| (start..=stop).contains(index)).collect();
            let asked = if named.is_empty() || all.last().is_none_or(|last| stop > *last) { u64::MAX } else { 0 };
            (named, asked)
        }
    };
    let beyond = if asked <= named.len() as u64 { Ok(()) } else { Err(Iin::PARAMETER_ERROR) };
    Ok((named, beyond))
}

/// The slots that a range names, and whether it names more than there are.
fn within(range: HeaderRange, of: PointType, image: &Image) -> Result<(Range<usize>, Result<(), Iin>), Iin> {
    match range {
        HeaderRange::All => Ok((image.slots(of), Ok(()))),
        HeaderRange::Count(count) => {
            let slots = image.slots(of);
            let few = usize::try_from(count).unwrap_or(usize::MAX);
            let beyond = if few <= slots.len() { Ok(()) } else { Err(Iin::PARAMETER_ERROR) };
            Ok((slots.start..slots.end.min(slots.start.saturating_add(few)), beyond))
        }
        HeaderRange::StartStop { start, stop } => {
            let slots = image.slots_within(of, start, stop);
            let beyond = slots.is_empty() || image.last_index(of).is_none_or(|last| stop > u32::from(last));
            Ok((slots, if beyond { Err(Iin::PARAMETER_ERROR) } else { Ok(()) }))
        }
    }
}

/// What fragments are filled from.
pub(super) struct Sources<'a> {
    pub(super) image: &'a mut Image,
    pub(super) buffer: &'a mut Buffer,
    pub(super) params: &'a Params,
    pub(super) zone: Zone,
    pub(super) now: Now,
    pub(super) iin: Iin,
    /// Whether our clock may be called synchronised.
    pub(super) synchronised: bool,
    pub(super) statistics: Statistics,
}

/// Fills a fragment with what is still to be said. Gives how many events of `lot` it holds; `steps` is what is left.
pub(super) fn fill(steps: &mut VecDeque<Step>, lot: Lot, sources: &mut Sources<'_>, writer: &mut FragmentWriter) -> u64 {
    let mut common = None;
    let mut events = 0;
    while let Some(step) = steps.front_mut() {
        let done = match step {
            Step::Events { wanted, variation, left } => {
                let (zone, synchronised) = (sources.zone, sources.synchronised);
                let put = |held: &Entry, image: &Image| {
                    let is_bare = writer.is_bare();
                    match put_event(held, image, *variation, zone, synchronised, &mut common, writer) {
                        Ok(()) => Put::Said,
                        // What does not fit in an empty fragment never will, and must not hold up what stands behind it.
                        Err(Refused::Full) if !is_bare => Put::Full,
                        Err(_) => Put::Unsaid,
                    }
                };
                let (taken, all) = sources.buffer.offer(*wanted, *left, lot, sources.image, put);
                events += taken;
                *left = left.saturating_sub(taken);
                all
            }
            Step::Values { of, variation, slots } => loop {
                let Some(slot) = slots.clone().next() else { break true };
                if put_value(slot, *of, *variation, sources, writer) == Err(Refused::Full) {
                    break false;
                }
                slots.next();
            },
            Step::Listed { of, variation, slots } => loop {
                let Some(slot) = slots.front() else { break true };
                if put_value(*slot, *of, *variation, sources, writer) == Err(Refused::Full) {
                    break false;
                }
                slots.pop_front();
            },
            Step::Deadbands { variation, slots } => loop {
                let Some(served) = slots.clone().next().and_then(|slot| sources.image.get(slot)) else { break true };
                let value = bridge_model::Value::Real(served.deadband);
                if put_plain(value, variation, served.index, writer) == Err(Refused::Full) {
                    break false;
                }
                slots.next();
            },
            Step::Time => {
                let time = DnpTime::from_utc(sources.now.utc, sources.zone).unwrap_or_default();
                writer.counted(50, 1, &time.octets()) != Err(Refused::Full)
            }
            Step::Schedule(index, time) => writer.ranged(50, 4, *index, &time.encode()) != Err(Refused::Full),
            Step::Statistic(statistic) => sources.statistics.put(*statistic, writer) != Err(Refused::Full),
            Step::Indications => put_indications(sources.iin, writer) != Err(Refused::Full),
            Step::Attribute(variation) => attributes::put(*variation, sources.image, sources.params, writer) != Err(Refused::Full),
        };
        if !done && !writer.is_bare() {
            return events;
        }
        // What does not fit in an empty fragment never will.
        if done || !matches!(step, Step::Events { .. }) {
            steps.pop_front();
        } else {
            return events;
        }
    }
    events
}

/// As the point's own variation, or the one that was asked for; with flags where there is something to say against the value.
fn put_value(
    slot: usize,
    of: PointType,
    variation: Option<&'static Variation>,
    sources: &Sources<'_>,
    writer: &mut FragmentWriter,
) -> Result<(), Refused> {
    let Some(served) = sources.image.get(slot) else { return Ok(()) };
    let frozen = Image::source(of).1;
    let default = || if frozen { default_of(of).0 } else { Some(served.fixed) };
    let Some(variation) = variation.or_else(default) else { return Ok(()) };
    let (value, flags, time) = served.shown(frozen);
    if of == PointType::OctetString {
        return put_text(&served.words.say(value, flags), variation.group, served.index, false, writer);
    }
    let time = match variation.tag {
        Tag::None => ObjectTime::None,
        // A frozen value that never was has no time.
        Tag::Absolute | Tag::Relative => {
            ObjectTime::Absolute(time.and_then(|time| DnpTime::from_utc(time.utc, sources.zone)).unwrap_or_default())
        }
    };
    let measurement = Measurement { value, flags, time };
    let index = u32::from(served.index);
    match measurement.write_ranged(writer, variation, index) {
        Err(Refused::Unsaid) => match variation.flagged() {
            Some(flagged) => measurement.write_ranged(writer, flagged, index),
            None => Err(Refused::Unsaid),
        },
        written => written,
    }
}

fn put_plain(value: bridge_model::Value, variation: &Variation, index: u16, writer: &mut FragmentWriter) -> Result<(), Refused> {
    let measurement = Measurement { value, flags: crate::objects::Flags::PLAIN, time: ObjectTime::None };
    // A dead-band beyond what the variation can say goes out as the greatest that it can.
    match measurement.write_ranged(writer, variation, u32::from(index)) {
        Err(Refused::Unsaid) => {
            let greatest = if variation.variation == 1 { 65_535.0 } else { f64::from(u32::MAX) };
            Measurement { value: bridge_model::Value::Real(greatest), ..measurement }.write_ranged(writer, variation, u32::from(index))
        }
        written => written,
    }
}

fn put_indications(iin: Iin, writer: &mut FragmentWriter) -> Result<(), Refused> {
    (0..16_u8).try_for_each(|bit| writer.packed(80, 1, u32::from(bit), 1, u8::from(iin.0 >> bit & 1 != 0)))
}

/// A string; its variation is its length.
fn put_text(text: &str, group: u8, index: u16, is_event: bool, writer: &mut FragmentWriter) -> Result<(), Refused> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length > 0).ok_or(Refused::Unsaid)?;
    if is_event {
        writer.indexed(group, length, u32::from(index), text.as_bytes())
    } else {
        writer.ranged(group, length, u32::from(index), text.as_bytes())
    }
}

/// One event with its index, behind a common time of occurrence where the variation counts from one.
fn put_event(
    held: &Entry,
    image: &Image,
    mut variation: Option<&'static Variation>,
    zone: Zone,
    synchronised: bool,
    common: &mut Option<CommonTime>,
    writer: &mut FragmentWriter,
) -> Result<(), Refused> {
    let (index, own) = match held.subject {
        Subject::Point(slot, of) => {
            let Some(served) = image.get(slot) else { return Err(Refused::Unsaid) };
            if of == PointType::OctetString {
                return put_text(&served.words.say(held.value, held.flags), served.event.group, served.index, true, writer);
            }
            (served.index, if Image::source(of).1 { default_of(of).1 } else { Some(served.event) })
        }
        Subject::Command(_, index, _) => {
            // A value that the variation asked for cannot say goes out in the one that can.
            variation = variation.filter(|asked| can_say(asked, held.value));
            (index, command_variation(held.value))
        }
        Subject::Statistic(index) => (index, lookup(122, 2).known()),
    };
    let mut variation = variation.or(own).ok_or(Refused::Unsaid)?;
    let stamp = held.time.and_then(|time| tellable(time, held.number.is_some()));
    let stamp = stamp.and_then(|(time, its_own)| DnpTime::from_utc(time.utc, zone).map(|told| (told, its_own && is_synchronised(time))));
    if let (Tag::Absolute, Some((_, false))) = (variation.tag, stamp) {
        // An absolute time has no mark for it.
        variation = like(variation, Tag::Relative).or_else(|| like(variation, Tag::None)).ok_or(Refused::Unsaid)?;
    }
    let time = match (variation.tag, stamp) {
        (Tag::None, _) => ObjectTime::None,
        (Tag::Absolute, Some((time, _))) => ObjectTime::Absolute(time),
        (Tag::Relative, Some((time, is_synchronised))) => {
            let of_clock = is_synchronised && synchronised;
            let offset = common.filter(|common| common.synchronised == of_clock).and_then(|common| common.offset_of(time));
            match offset {
                Some(offset) => ObjectTime::Relative(offset),
                None => {
                    let next = CommonTime { time, synchronised: of_clock };
                    writer.counted(51, next.variation(), &time.octets())?;
                    *common = Some(next);
                    ObjectTime::Relative(0)
                }
            }
        }
        // A time that is none is not told as one.
        (Tag::Absolute | Tag::Relative, None) => {
            variation = like(variation, Tag::None).ok_or(Refused::Unsaid)?;
            ObjectTime::None
        }
    };
    let index = u32::from(index);
    match held.subject {
        Subject::Point(..) => {
            let measurement = Measurement { value: held.value, flags: held.flags, time };
            match measurement.write_indexed(writer, variation, index) {
                // What is to be said against a value is said, whatever was asked for.
                Err(Refused::Unsaid) => match variation.flagged() {
                    Some(flagged) => measurement.write_indexed(writer, flagged, index),
                    None => Err(Refused::Unsaid),
                },
                written => written,
            }
        }
        Subject::Command(_, _, status) => {
            let octets = CommandEvent { status, value: held.value, time }.encode(variation).ok_or(Refused::Unsaid)?;
            writer.indexed(variation.group, variation.variation, index, octets.octets())
        }
        Subject::Statistic(_) => {
            let statistic = SecurityStatistic { flags: held.flags, association: 0, count: count_of(held.value), time };
            let octets = statistic.encode(variation).ok_or(Refused::Unsaid)?;
            writer.indexed(variation.group, variation.variation, index, octets.octets())
        }
    }
}

/// A count, modulo 2^32.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are told modulo their width")]
fn count_of(value: bridge_model::Value) -> u32 {
    match value {
        bridge_model::Value::Int(count) => count as u32,
        bridge_model::Value::Bool(_) | bridge_model::Value::Double(_) | bridge_model::Value::Real32(_) | bridge_model::Value::Real(_) => 0,
    }
}

/// Whether a variation of command events can say a value.
fn can_say(variation: &Variation, value: bridge_model::Value) -> bool {
    let time = match variation.tag {
        Tag::None | Tag::Relative => ObjectTime::None,
        Tag::Absolute => ObjectTime::Absolute(DnpTime::default()),
    };
    CommandEvent { status: ControlStatus::SUCCESS, value, time }.encode(variation).is_some()
}

/// The event of a command that says the value as it was asked for, with its time.
fn command_variation(value: bridge_model::Value) -> Option<&'static Variation> {
    let (group, variation) = match value {
        bridge_model::Value::Bool(_) | bridge_model::Value::Double(_) => (13, 2),
        bridge_model::Value::Int(_) => (43, 3),
        bridge_model::Value::Real32(_) => (43, 7),
        bridge_model::Value::Real(_) => (43, 8),
    };
    lookup(group, variation).known()
}

/// The time of an event that may be told, and whether it is the source's own. What the bridge had to give, because the change came without
/// one, is at least the time of its receipt: it goes out as that of a clock that is not synchronised. What is no event of the source's (a
/// state that an integrity poll found) has none: it would read as a line of the sequence of events that never was (R20).
fn tellable(stamp: Timestamp, is_event: bool) -> Option<(Timestamp, bool)> {
    let its_own = stamp.origin == TimeOrigin::Device && !stamp.flags.contains(TimeFlags::SUBSTITUTED);
    (!stamp.flags.contains(TimeFlags::INVALID) && (its_own || is_event)).then_some((stamp, its_own))
}

fn is_synchronised(stamp: Timestamp) -> bool {
    !stamp.flags.contains(TimeFlags::NOT_SYNCHRONISED)
}

/// The same object with its time told in another way, or not at all.
fn like(variation: &Variation, tag: Tag) -> Option<&'static Variation> {
    let same = |other: &&Variation| {
        other.group == variation.group && other.coding == variation.coding && other.lead == variation.lead && other.tag == tag
    };
    Variation::all().iter().find(same)
}

/// The objects of a type's values and events if nothing is said.
fn default_of(of: PointType) -> (Option<&'static Variation>, Option<&'static Variation>) {
    let ((fixed, event), (fixed_variation, event_variation)) = (of.groups(), of.default_variations());
    let known = |group, variation| match lookup(group, variation) {
        Lookup::Known(known) => Some(known),
        Lookup::Any(_) | Lookup::Unsupported | Lookup::Unknown => None,
    };
    (known(fixed, fixed_variation), known(event, event_variation))
}

//! From the objects of a response to updates.

use std::collections::BTreeMap;

use bridge_model::{Cause, PointId, PointUpdate, TimeFlags, TimeOrigin, Timestamp, Utc, Zone};

use crate::address::PointType;
use crate::app::{FragmentError, FragmentView, HeaderView};
use crate::objects::{CommonTime, FlagKind, Kind, Measurement, TimeFault};
use crate::table::StationTable;
use crate::words::Words;

/// What a fragment held besides its updates.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Reading {
    /// Objects that report something that happened.
    pub(crate) events: bool,
    /// Where the reading ended before the fragment did.
    pub(crate) unread: Option<FragmentError>,
    /// The first event whose time cannot be told: group and variation.
    pub(crate) untimed: Option<(u8, u8, TimeFault)>,
}

/// How updates are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) table: &'a StationTable,
    /// How octet strings are understood.
    pub(crate) words: &'a BTreeMap<PointId, Words>,
    pub(crate) zone: Zone,
    pub(crate) received: Utc,
    /// Why static values were sent.
    pub(crate) cause: Cause,
}

impl Reader<'_> {
    /// Appends the updates of a fragment.
    pub(crate) fn read(&self, view: &FragmentView<'_>, updates: &mut Vec<PointUpdate>) -> Reading {
        let mut reading = Reading::default();
        let mut common = None;
        for header in view.headers() {
            match header {
                Ok(header) => self.objects(&header, &mut common, &mut reading, updates),
                Err(error) => {
                    reading.unread = Some(error);
                    break;
                }
            }
        }
        reading
    }

    fn objects(&self, header: &HeaderView<'_>, common: &mut Option<CommonTime>, reading: &mut Reading, updates: &mut Vec<PointUpdate>) {
        let Some(variation) = header.object.known() else { return };
        if variation.kind == Kind::CommonTime {
            // Until the next one or the end of the fragment (row 46).
            *common = header.objects().last().and_then(|object| CommonTime::decode(variation.variation, object.payload.octets()));
            return;
        }
        let is_event = variation.kind.is_event();
        reading.events |= is_event;
        let Some(of) = PointType::of(variation.kind) else { return };
        let (points, flags) = (self.table.of_type(of), FlagKind::of(variation.kind));
        let cause = if is_event { Cause::Spontaneous } else { self.cause };
        for object in header.objects() {
            let Some(point) = points.find(object.index) else { continue };
            if of == PointType::OctetString {
                updates.extend(self.heard(PointId(point), object.payload.octets(), cause));
                continue;
            }
            let Some(measured) = Measurement::decode(variation, object.payload) else { continue };
            let time = match measured.time.stamp(*common, self.zone) {
                Ok(Some(time)) => time,
                Ok(None) => Timestamp::at_receipt(self.received),
                Err(fault) => {
                    reading.untimed.get_or_insert((variation.group, variation.variation, fault));
                    // The value is what it is; nobody knows since when.
                    Timestamp { utc: self.received, origin: TimeOrigin::Bridge, flags: TimeFlags::INVALID }
                }
            };
            let quality = measured.flags.quality(flags);
            updates.push(PointUpdate { point: PointId(point), value: measured.value, quality, time, received: self.received, cause });
        }
    }

    /// A string has no time: it is known from its arrival. An empty one says nothing.
    fn heard(&self, point: PointId, octets: &[u8], cause: Cause) -> Option<PointUpdate> {
        let words = self.words.get(&point).filter(|_| !octets.is_empty())?;
        let (value, quality) = words.hear(octets);
        Some(PointUpdate { point, value, quality, time: Timestamp::at_receipt(self.received), received: self.received, cause })
    }
}

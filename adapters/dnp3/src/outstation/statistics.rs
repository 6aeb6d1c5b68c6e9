//! What an outstation counts of what is said about security (g121, g122). Only what it really counts is served: without secure
//! authentication there are no keys to change and no challenges to fail.

use bridge_model::{Now, Timestamp, Value};

use super::buffer::{Event, Subject};
use super::{Outstation, Station};
use crate::app::{FragmentWriter, Refused};
use crate::objects::{Flags, ObjectTime, SecurityStatistic, lookup};

/// A statistic, with its index of the standard's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Statistic {
    /// Fragments that can be read and that nobody waited for: a CONFIRM of nothing, a request that is none.
    Unexpected = 0,
    /// Controls that the bridge did not authorise.
    AuthorizationFailures = 1,
    /// Fragments sent.
    Sent = 5,
    /// Fragments received.
    Received = 6,
    /// Fragments that could not be read.
    Discarded = 9,
}

impl Statistic {
    /// Those that are counted, ascending.
    pub(super) const ALL: [Self; 5] = [Self::Unexpected, Self::AuthorizationFailures, Self::Sent, Self::Received, Self::Discarded];

    pub(super) const fn index(self) -> u16 {
        self as u16
    }

    /// Whether its growth says that something is wrong: it has events.
    const fn alarms(self) -> bool {
        matches!(self, Self::Unexpected | Self::AuthorizationFailures | Self::Discarded)
    }
}

/// The counts of one outstation since its session began.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Statistics {
    /// Each with the count of its last event, in the order of [`Statistic::ALL`].
    counts: [(u32, u32); Statistic::ALL.len()],
}

impl Statistics {
    fn of(&mut self, what: Statistic) -> Option<&mut (u32, u32)> {
        let at = Statistic::ALL.iter().position(|known| *known == what)?;
        self.counts.get_mut(at)
    }

    pub(super) fn put(self, what: Statistic, writer: &mut FragmentWriter) -> Result<(), Refused> {
        let mut all = self;
        let count = all.of(what).map_or(0, |(count, _)| *count);
        let statistic = SecurityStatistic { flags: Flags::PLAIN, association: 0, count, time: ObjectTime::None };
        let octets = lookup(121, 1).known().and_then(|known| statistic.encode(known)).ok_or(Refused::Unsaid)?;
        writer.ranged(121, 1, u32::from(what.index()), octets.octets())
    }
}

impl Outstation {
    /// Counts; `statistics_threshold` more than at the last event is an event of `statistics_class`.
    pub(super) fn count(&mut self, s: usize, what: Statistic, now: Now) {
        let (class, threshold) = (self.params.statistics_class, self.params.statistics_threshold);
        let Some(Station { image, buffer, statistics, .. }) = self.stations.get_mut(s) else { return };
        let Some((count, told)) = statistics.of(what) else { return };
        *count = count.wrapping_add(1);
        if class == 0 || !what.alarms() || count.wrapping_sub(*told) < threshold {
            return;
        }
        *told = *count;
        let event = Event {
            subject: Subject::Statistic(what.index()),
            value: Value::Int(i64::from(*count)),
            flags: Flags::PLAIN,
            time: Some(Timestamp::by_device(now.utc)),
            number: None,
        };
        // One that finds no room is shown by EVENT_BUFFER_OVERFLOW, and the count is there to be read.
        buffer.enter(class, event, image);
    }
}

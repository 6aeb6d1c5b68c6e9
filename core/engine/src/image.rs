//! The point image: the last value of every point, and whether it may still be believed (R19, R20).
//!
//! A value belongs to a *reading* of its source. When the source is lost the reading ends, and everything read in it is QUESTIONABLE +
//! oldData until it is read again, INVALID after `invalid_after`. Nothing but a new reading makes a value fresh.

use bridge_model::{Detail, Mono, Quality, Timestamp, Validity, Value};

/// A source of points: a link or a peer's stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    /// Counts readings.
    reading: u32,
    /// Whether the present reading may be believed.
    pub(crate) live: bool,
    /// Lost for longer than `invalid_after`.
    pub(crate) expired: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// As the source gave it.
    pub(crate) quality: Quality,
    pub(crate) time: Timestamp,
    reading: u32,
    /// When it was read, on the deadline clock.
    pub(crate) read: Mono,
    /// Not refreshed in time although the source lives.
    stale: bool,
}

pub(crate) struct Image {
    entries: Vec<Option<Entry>>,
    source_of: Vec<usize>,
    sources: Vec<Source>,
}

impl Image {
    /// `source_of` gives each point's source, in `0..sources`.
    pub(crate) fn new(source_of: Vec<usize>, sources: usize) -> Self {
        Self { entries: vec![None; source_of.len()], source_of, sources: vec![Source { reading: 1, live: false, expired: false }; sources] }
    }

    /// A fresh reading of a point. `current` is false for what a stream replays from before an outage: it is kept, and stays stale.
    pub(crate) fn set(&mut self, point: usize, value: Value, quality: Quality, time: Timestamp, now: Mono, current: bool) {
        let reading = if current { self.sources[self.source_of[point]].reading } else { 0 };
        self.entries[point] = Some(Entry { value, quality, time, reading, read: now, stale: false });
    }

    /// What the journal remembers: shown as old until read.
    pub(crate) fn restore(&mut self, point: usize, value: Value, quality: Quality, time: Timestamp, now: Mono) {
        if let Some(entry) = self.entries.get_mut(point) {
            *entry = Some(Entry { value, quality, time, reading: 0, read: now, stale: false });
        }
    }

    /// The last value as the source gave it.
    pub(crate) fn entry(&self, point: usize) -> Option<&Entry> {
        self.entries.get(point)?.as_ref()
    }

    /// Whether the last value was read since the source was last lost.
    pub(crate) fn is_of_this_reading(&self, point: usize) -> bool {
        self.entry(point).is_some_and(|entry| entry.reading == self.sources[self.source_of[point]].reading)
    }

    /// The last value with the quality it deserves now; `None` if it was never read.
    pub(crate) fn current(&self, point: usize) -> Option<(Value, Quality, Timestamp)> {
        let entry = self.entry(point)?;
        Some((entry.value, self.quality_now(point, entry), entry.time))
    }

    fn quality_now(&self, point: usize, entry: &Entry) -> Quality {
        let source = self.sources[self.source_of[point]];
        if entry.reading != source.reading || entry.stale {
            let quality = entry.quality.stale();
            return if source.expired { quality.worsened(Validity::Invalid, Detail::OLD_DATA) } else { quality };
        }
        entry.quality
    }

    /// A value that may be used for control: GOOD, of the present reading, and read no longer than `age` ago.
    pub(crate) fn good(&self, point: usize) -> Option<Value> {
        let (value, quality, _) = self.current(point)?;
        (quality.validity == Validity::Good && !quality.detail.contains(Detail::TEST)).then_some(value)
    }

    pub(crate) fn source(&self, source: usize) -> Source {
        self.sources[source]
    }

    /// The source of this point, behind a peer's stream, is lost (`expired`: for long).
    pub(crate) fn mark(&mut self, point: usize, expired: bool) {
        if let Some(entry) = self.entries.get_mut(point).and_then(Option::as_mut) {
            entry.reading = 0;
            if expired {
                entry.quality = entry.quality.worsened(Validity::Invalid, Detail::OLD_DATA);
            }
        }
    }

    /// The source is lost: whatever was read from it is old.
    pub(crate) fn lose(&mut self, source: usize) {
        let source = &mut self.sources[source];
        source.reading += 1;
        source.live = false;
    }

    /// The source is back: what is read from now on may be believed.
    pub(crate) fn revive(&mut self, source: usize) {
        let source = &mut self.sources[source];
        source.live = true;
        source.expired = false;
    }

    /// The source stayed away too long.
    pub(crate) fn expire(&mut self, source: usize) {
        self.sources[source].expired = true;
    }

    /// Where a point comes from.
    pub(crate) fn source_of(&self, point: usize) -> usize {
        self.source_of[point]
    }

    /// The points of a source.
    pub(crate) fn points_of(&self, source: usize) -> impl Iterator<Item = usize> + '_ {
        self.source_of.iter().enumerate().filter(move |(_, of)| **of == source).map(|(point, _)| point)
    }

    /// Some points of a live source do not answer: what was read from them is old until they are read again. Gives those newly marked.
    pub(crate) fn silence(&mut self, points: impl Iterator<Item = usize>) -> Vec<usize> {
        let entries = &mut self.entries;
        let newly = |point: &usize| {
            entries.get_mut(*point).and_then(Option::as_mut).is_some_and(|entry| !std::mem::replace(&mut entry.stale, true))
        };
        points.filter(newly).collect()
    }

    /// Marks the points of a live source that were last read before `limit`; gives those newly marked.
    pub(crate) fn age(&mut self, source: usize, limit: Mono) -> Vec<usize> {
        let Source { reading, live, .. } = self.sources[source];
        let mut aged = Vec::new();
        if live {
            for (point, entry) in self.entries.iter_mut().enumerate() {
                if let Some(entry) = entry
                    && self.source_of[point] == source
                    && entry.reading == reading
                    && !entry.stale
                    && entry.read < limit
                {
                    entry.stale = true;
                    aged.push(point);
                }
            }
        }
        aged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let mut image = Image::new(vec![0, 0, 1], 2);
        image.revive(0);
        image.revive(1);
        image.set(0, Value::Real32(1.0), Quality::GOOD, Timestamp::default(), Mono(5), true);
        image.set(2, Value::Real32(3.0), Quality::GOOD, Timestamp::default(), Mono(5), true);
        image
    }

    fn validity(image: &Image, point: usize) -> Option<Validity> {
        image.current(point).map(|(_, quality, _)| quality.validity)
    }

    #[test]
    fn r19_a_lost_source_makes_its_values_old_and_keeps_them() {
        let mut image = image();
        image.lose(0);
        let (value, quality, _) = image.current(0).expect("kept");
        assert_eq!(value, Value::Real32(1.0));
        assert_eq!(quality, Quality::GOOD.stale());
        assert_eq!(validity(&image, 2), Some(Validity::Good), "the other source is not touched");
        image.expire(0);
        assert_eq!(validity(&image, 0), Some(Validity::Invalid));
        assert_eq!(image.current(1).map(|_| ()), None, "never read");
    }

    #[test]
    fn r20_only_a_new_reading_makes_a_value_fresh() {
        let mut image = image();
        image.lose(0);
        image.revive(0);
        assert_eq!(validity(&image, 0), Some(Validity::Questionable), "back, but not read yet");
        image.set(0, Value::Real32(2.0), Quality::GOOD, Timestamp::default(), Mono(9), false);
        assert_eq!(validity(&image, 0), Some(Validity::Questionable), "a replayed value is not a reading");
        image.set(0, Value::Real32(2.0), Quality::GOOD, Timestamp::default(), Mono(9), true);
        assert_eq!(validity(&image, 0), Some(Validity::Good));
    }

    #[test]
    fn r19_a_value_that_is_not_refreshed_in_time_is_old() {
        let mut image = image();
        assert_eq!(image.age(0, Mono(5)), Vec::<usize>::new());
        assert_eq!(image.age(0, Mono(6)), vec![0]);
        assert_eq!(validity(&image, 0), Some(Validity::Questionable));
        assert_eq!(image.age(0, Mono(6)), Vec::<usize>::new(), "told once");
    }
}

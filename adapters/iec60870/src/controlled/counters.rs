//! Integrated totals: frozen, reset and told as IEC 60870-5-5 clause 6.9 lists (modes A to D, row 47).
//!
//! The source's count is not ours to reset: a reset notes where the count stood, and the difference is what is told from then on. Notes do
//! not survive a restart: the first reading after one carries CA (adjusted).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{Detail, Mono, Now, Timestamp, Zone};

use super::image::{Image, Packer, State, low_bits, whole};
use crate::params::{CounterMode, Params};
use crate::{Bcr, Cause, Cp56Time2a, Freeze, MonitorElement, QualityBits, Tag, TimeTag};

#[derive(Clone, Copy, Debug)]
struct Frozen {
    state: State,
    bcr: Bcr,
}

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    /// What the source showed at the last reset.
    base: i64,
    adjusted: bool,
    sequence: u8,
    /// The count at the last reading, beyond 32 bits.
    last: Option<i64>,
    frozen: Option<Frozen>,
}

#[derive(Debug)]
pub(super) struct Counters {
    mode: CounterMode,
    every: Duration,
    next: Mono,
    totals: BTreeMap<u32, Total>,
    /// Frozen readings to be told spontaneously.
    spontaneous: VecDeque<u32>,
}

impl Counters {
    pub(super) fn new(params: &Params, image: &Image) -> Self {
        let counters = image.objects().filter(|(_, served)| served.family == crate::Family::Counter);
        let totals: BTreeMap<u32, Total> = counters.map(|(index, _)| (index, Total { adjusted: true, ..Total::default() })).collect();
        Self { mode: params.counters, every: params.freeze_every, next: Mono::NEVER, totals, spontaneous: VecDeque::new() }
    }

    /// Data transfer started: the clock of local freezes runs from the first time on.
    pub(super) fn start(&mut self, now: Mono) {
        let is_local = matches!(self.mode, CounterMode::A | CounterMode::B) && !self.totals.is_empty();
        if is_local && self.next == Mono::NEVER {
            self.next = now + self.every;
        }
    }

    /// Whether commands may freeze here.
    pub(super) fn takes_freeze(&self) -> bool {
        matches!(self.mode, CounterMode::C | CounterMode::D)
    }

    /// The counters of a common address in a group, or all.
    fn chosen(&self, image: &Image, ca: u16, group: Option<u8>) -> Vec<u32> {
        let fits = |index: &u32| {
            image.get(*index).is_some_and(|served| served.ca == ca && group.is_none_or(|group| served.transmission.is_in(group)))
        };
        self.totals.keys().copied().filter(fits).collect()
    }

    /// Freezes and resets as asked.
    pub(super) fn freeze(&mut self, image: &Image, ca: u16, group: Option<u8>, freeze: Freeze, now: Now) {
        for index in self.chosen(image, ca, group) {
            match freeze {
                Freeze::Read => {}
                Freeze::Freeze => self.take(image, index, now),
                Freeze::FreezeReset => {
                    self.take(image, index, now);
                    self.reset(image, index);
                }
                Freeze::Reset => self.reset(image, index),
            }
        }
    }

    fn take(&mut self, image: &Image, index: u32, now: Now) {
        let Some(mut frozen) = self.present(image, index) else { return };
        let Some(total) = self.totals.get_mut(&index) else { return };
        total.sequence = (total.sequence + 1) & 0x1F;
        frozen.bcr.sequence = total.sequence;
        // Frozen here and now: that is what its time says.
        frozen.state.time = Timestamp::at_receipt(now.utc);
        total.adjusted = false;
        total.last = whole(frozen.state.value);
        total.frozen = Some(frozen);
        if matches!(self.mode, CounterMode::A | CounterMode::D) && !self.spontaneous.contains(&index) {
            self.spontaneous.push_back(index);
        }
    }

    fn reset(&mut self, image: &Image, index: u32) {
        if let (Some(served), Some(total)) = (image.get(index), self.totals.get_mut(&index)) {
            total.base = whole(served.state().value).unwrap_or(total.base);
            total.last = None;
        }
    }

    /// What the counter shows at this moment.
    fn present(&self, image: &Image, index: u32) -> Option<Frozen> {
        let (served, total) = (image.get(index)?, self.totals.get(&index)?);
        let state = served.state();
        let bcr = match whole(state.value) {
            Some(now) => {
                let ran_over = total.last.is_some_and(|last| last.wrapping_sub(total.base) >> 31 != now.wrapping_sub(total.base) >> 31);
                Bcr { count: low_bits(now.wrapping_sub(total.base)), sequence: total.sequence, carry: ran_over, adjusted: total.adjusted }
            }
            None => Bcr { adjusted: total.adjusted, ..Bcr::default() },
        };
        Some(Frozen { state, bcr })
    }

    /// Appends one ASDU of a counter request from `from` on; gives where to go on, `None` if nothing was left.
    pub(super) fn put_requested(
        &self,
        image: &Image,
        (ca, from, group): (u16, usize, Option<u8>),
        zone: Zone,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let chosen = self.chosen(image, ca, group);
        let mut asdu = None::<Packer>;
        let mut next = from;
        for index in chosen.iter().skip(from) {
            let frozen = if self.mode == CounterMode::Live { self.present(image, *index) } else { self.frozen(image, *index) };
            if let Some(frozen) = frozen
                && !put(&mut asdu, image, *index, frozen, Cause::of_counters(group), zone, out)
            {
                break;
            }
            next += 1;
        }
        asdu.map(|packer| {
            packer.finish(out);
            next
        })
    }

    /// The last frozen reading; one that was never frozen is invalid.
    fn frozen(&self, image: &Image, index: u32) -> Option<Frozen> {
        self.totals.get(&index)?.frozen.or_else(|| {
            let mut present = self.present(image, index)?;
            present.state.quality = present.state.quality.worsened(bridge_model::Validity::Invalid, Detail(0));
            Some(present)
        })
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.spontaneous.is_empty()
    }

    /// Appends one ASDU of frozen readings that are told by themselves.
    pub(super) fn put_spontaneous(&mut self, image: &Image, zone: Zone, out: &mut Vec<u8>) {
        let mut asdu = None::<Packer>;
        while let Some(index) = self.spontaneous.front().copied() {
            if let Some(frozen) = self.frozen(image, index)
                && !put(&mut asdu, image, index, frozen, Cause::SPONTANEOUS, zone, out)
            {
                break;
            }
            self.spontaneous.pop_front();
        }
        if let Some(packer) = asdu {
            packer.finish(out);
        }
    }

    /// The connection is gone: what it did not acknowledge is not known. Every frozen reading is told again.
    pub(super) fn again(&mut self) {
        if matches!(self.mode, CounterMode::A | CounterMode::D) {
            self.spontaneous = self.totals.iter().filter(|(_, total)| total.frozen.is_some()).map(|(index, _)| *index).collect();
        }
    }

    pub(super) fn handle_timeout(&mut self, image: &Image, now: Now) {
        if self.next <= now.mono {
            self.next = now.mono + self.every;
            let all: Vec<u32> = self.totals.keys().copied().collect();
            for index in all {
                self.take(image, index, now);
            }
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        self.next
    }
}

fn put(asdu: &mut Option<Packer>, image: &Image, index: u32, frozen: Frozen, cause: Cause, zone: Zone, out: &mut Vec<u8>) -> bool {
    let Some(served) = image.get(index) else { return true };
    let Frozen { state, bcr } = frozen;
    let is_number = whole(state.value).is_some();
    let quality = if is_number { QualityBits::from_quality(state.quality, served.family) } else { QualityBits(QualityBits::IV) };
    let tagged = served.type_id.family().is_some_and(|(_, tag)| tag == Tag::Cp56);
    let time = tagged.then(|| TimeTag::Cp56(Cp56Time2a::from_timestamp(state.time, zone)));
    let test = state.quality.detail.contains(Detail::TEST);
    Packer::add_element(asdu, served, (MonitorElement::Counter(bcr), quality), tagged, time, test, cause, out)
}

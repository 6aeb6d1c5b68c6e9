//! Cyclic and background transmission (row 61): measurands that change rarely are told again by the clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{Mono, Zone};

use super::image::Image;
use super::outbox::REPLIES_MAX;
use crate::{Cause, Family};

#[derive(Debug)]
pub(super) struct Cycles {
    background: Option<(Duration, Mono)>,
    /// Object index to its period and next time.
    cyclic: BTreeMap<u32, (Duration, Mono)>,
    /// To be sent by the clock.
    queue: VecDeque<(Cause, u32)>,
    /// To be sent because it was asked for.
    requested: VecDeque<(Cause, u32)>,
}

impl Cycles {
    pub(super) fn new(background: Option<Duration>, image: &Image) -> Self {
        let cyclic = image.objects().filter_map(|(index, served)| served.transmission.cyclic.map(|every| (index, (every, Mono::NEVER))));
        Self {
            background: background.map(|every| (every, Mono::NEVER)),
            cyclic: cyclic.collect(),
            queue: VecDeque::new(),
            requested: VecDeque::new(),
        }
    }

    /// Data transfer started: every cycle begins.
    pub(super) fn start(&mut self, now: Mono) {
        if let Some((every, next)) = &mut self.background {
            *next = now + *every;
        }
        for (every, next) in self.cyclic.values_mut() {
            *next = now + *every;
        }
    }

    /// Data transfer ended: nothing is sent, and nothing waits.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        self.requested.clear();
        if let Some((_, next)) = &mut self.background {
            *next = Mono::NEVER;
        }
        for (_, next) in self.cyclic.values_mut() {
            *next = Mono::NEVER;
        }
    }

    /// Starts or stops the cyclic transmission of one object (QPA 3); `false` if it has no period.
    pub(super) fn activate(&mut self, index: u32, every: Option<Duration>, on: bool, now: Mono) -> bool {
        if !on {
            return self.cyclic.remove(&index).is_some();
        }
        every.is_some_and(|every| {
            self.cyclic.insert(index, (every, now + every));
            true
        })
    }

    /// One object is to be told because it was asked for.
    pub(super) fn read(&mut self, index: u32) {
        self.requested.push_back((Cause::REQUESTED, index));
    }

    /// Whether more was asked for than a peer that acknowledges would ask.
    pub(super) fn is_overfull(&self) -> bool {
        self.requested.len() > REPLIES_MAX
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.is_asked() || !self.queue.is_empty()
    }

    /// Whether something waits that was asked for: its peer has a timer for it.
    pub(super) fn is_asked(&self) -> bool {
        !self.requested.is_empty()
    }

    pub(super) fn put(&mut self, image: &Image, zone: Zone, out: &mut Vec<u8>) {
        let queue = if self.requested.is_empty() { &mut self.queue } else { &mut self.requested };
        image.put_queued(queue, zone, out);
    }

    pub(super) fn handle_timeout(&mut self, image: &Image, now: Mono) {
        // What was not taken since the last round is still there: told once, not twice.
        let waiting = |queue: &VecDeque<(Cause, u32)>, entry| queue.contains(&entry);
        for (index, (every, next)) in &mut self.cyclic {
            if *next <= now {
                *next = now + *every;
                if !waiting(&self.queue, (Cause::CYCLIC, *index)) {
                    self.queue.push_back((Cause::CYCLIC, *index));
                }
            }
        }
        if let Some((every, next)) = &mut self.background
            && *next <= now
        {
            *next = now + *every;
            if !self.queue.iter().any(|(cause, _)| *cause == Cause::BACKGROUND) {
                let measurands = image.objects().filter(|(index, served)| is_measurand(served.family) && !self.cyclic.contains_key(index));
                self.queue.extend(measurands.map(|(index, _)| (Cause::BACKGROUND, index)));
            }
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        let cyclic = self.cyclic.values().map(|(_, next)| *next).min().unwrap_or(Mono::NEVER);
        self.background.map_or(Mono::NEVER, |(_, next)| next).min(cyclic)
    }
}

const fn is_measurand(family: Family) -> bool {
    matches!(family, Family::Step | Family::Normalised | Family::Scaled | Family::Float | Family::Bare)
}

//! Unsolicited responses (rows 31 to 33): the announcement of a start, then the events of the classes that a master enabled.

use std::collections::VecDeque;

use bridge_model::{Mono, Now};

use super::association::{Reply, Unconfirmed};
use super::buffer::Wanted;
use super::read::{Sources, Step, fill};
use super::{Outstation, Station};
use crate::app::{AppControl, Function, Iin};
use crate::link::address::Broadcast;

impl Outstation {
    /// Begins what may be begun.
    pub(super) fn drive_unsolicited(&mut self, now: Now) {
        if self.params.unsolicited == 0 {
            return;
        }
        for (s, a) in self.associations() {
            self.drive(s, a, now);
        }
    }

    fn drive(&mut self, s: usize, a: usize, now: Now) {
        let delay = self.params.unsolicited_delay;
        if self.is_restarting(s, now.mono) {
            return;
        }
        let Some(station) = self.stations.get_mut(s) else { return };
        let classes = station.buffer.classes();
        let Some(association) = station.associations.get_mut(a) else { return };
        let unsolicited = &mut association.unsolicited;
        if association.channel.is_none() || unsolicited.waiting.is_some() || unsolicited.rests_until.is_some() {
            return;
        }
        if !matches!(association.reply, Reply::None) {
            return;
        }
        if !unsolicited.announced {
            self.send_unsolicited(s, a, None, now);
            return;
        }
        let classes = classes & unsolicited.enabled;
        if classes == 0 {
            unsolicited.collecting = None;
            return;
        }
        if now.mono >= *unsolicited.collecting.get_or_insert(now.mono) + delay {
            unsolicited.collecting = None;
            self.send_unsolicited(s, a, Some(classes), now);
        }
    }

    fn send_unsolicited(&mut self, s: usize, a: usize, classes: Option<u8>, now: Now) {
        let Some(seq) = self.association(s, a).map(|association| association.unsolicited.seq) else { return };
        self.writer.begin_response(AppControl::unsolicited(seq, true), Function::UnsolicitedResponse, Iin(0));
        let iin = self.iin(s, a, now.mono);
        let Some(Station { image, buffer, clock, statistics, .. }) = self.stations.get_mut(s) else { return };
        let lot = buffer.lot();
        if let Some(classes) = classes {
            let wanted = Wanted { classes, of: None, before: buffer.horizon() };
            let mut steps = VecDeque::from([Step::Events { wanted, variation: None, left: u64::MAX }]);
            let synchronised = clock.is_synchronised(&self.params, self.system);
            let mut sources =
                Sources { image, buffer, params: &self.params, zone: self.zone, now, iin, synchronised, statistics: *statistics };
            if fill(&mut steps, lot, &mut sources, &mut self.writer) == 0 {
                return;
            }
        }
        let iin = self.iin(s, a, now.mono);
        self.writer.set_iin(iin);
        let octets = self.writer.octets().to_vec();
        let sent = self.transmit(s, a, &octets, now);
        let until = now.mono + self.params.confirm_timeout;
        if !sent {
            self.release(s, lot);
        }
        let rest = now.mono + self.params.unsolicited_rest;
        let Some(association) = self.association(s, a) else { return };
        let unsolicited = &mut association.unsolicited;
        if sent {
            unsolicited.seq = AppControl::next(seq);
            unsolicited.waiting =
                Some(Unconfirmed { lot, octets, shows_broadcast: true, until, repeated: 0, is_null: classes.is_none(), is_stopped: false });
        } else {
            unsolicited.rests_until = Some(rest);
        }
        if sent && association.broadcast.is_some_and(|broadcast| broadcast != Broadcast::Mandatory) {
            association.broadcast = None;
        }
    }

    /// Takes the CONFIRM of the unsolicited response under way. `false`: it is of none.
    pub(super) fn unsolicited_confirmed(&mut self, s: usize, a: usize, seq: u8, now: Now) -> bool {
        let Some(association) = self.association(s, a) else { return false };
        let of_seq = |waiting: &mut Unconfirmed| waiting.octets.first().is_some_and(|octet| AppControl::from_octet(*octet).seq == seq);
        let Some(waiting) = association.unsolicited.waiting.take_if(of_seq) else { return false };
        association.unsolicited.announced |= waiting.is_null;
        if waiting.shows_broadcast {
            association.broadcast = None;
        }
        self.deliver(s, waiting.lot);
        self.run_deferred(s, a, now);
        true
    }

    pub(super) fn time_out_unsolicited(&mut self, s: usize, a: usize, now: Now) {
        let (timeout, retries, rest) = (self.params.confirm_timeout, self.params.unsolicited_retries, self.params.unsolicited_rest);
        let Some(association) = self.association(s, a) else { return };
        let is_deferred = association.deferred.is_some();
        let master = association.master;
        let unsolicited = &mut association.unsolicited;
        unsolicited.rests_until = unsolicited.rests_until.filter(|until| now.mono < *until);
        let Some(waiting) = unsolicited.waiting.as_mut().filter(|waiting| now.mono >= waiting.until) else { return };
        if waiting.is_stopped {
            self.end_unsolicited(s, a);
            return;
        }
        if is_deferred {
            // The READ was put off until now: it gets the events.
            self.end_unsolicited(s, a);
            self.run_deferred(s, a, now);
            return;
        }
        if retries.is_none_or(|retries| waiting.repeated < retries) {
            waiting.repeated = waiting.repeated.saturating_add(1);
            waiting.until = now.mono + timeout;
            let octets = waiting.octets.clone();
            self.transmit(s, a, &octets, now);
            return;
        }
        let repeated = waiting.repeated;
        self.end_unsolicited(s, a);
        if let Some(association) = self.association(s, a) {
            association.unsolicited.rests_until = Some(now.mono + rest);
        }
        self.tell(|| format!("master {master} did not confirm an unsolicited response after {repeated} repetitions: it is kept"), now.mono);
    }

    /// What is under way is not waited for any more; its events are offered again.
    pub(super) fn end_unsolicited(&mut self, s: usize, a: usize) {
        let Some(association) = self.association(s, a) else { return };
        (association.unsolicited.collecting, association.unsolicited.rests_until) = (None, None);
        if let Some(waiting) = association.unsolicited.waiting.take() {
            self.release(s, waiting.lot);
        }
    }

    /// The master stopped classes: what is under way is not repeated. Its CONFIRM may be on the way already, so its events are offered again
    /// only to the next READ or when the CONFIRM is overdue. The announcement of a start goes on.
    pub(super) fn stop_unsolicited_events(&mut self, s: usize, a: usize) {
        if let Some(waiting) = self.association(s, a).and_then(|association| association.unsolicited.waiting.as_mut()) {
            waiting.is_stopped = !waiting.is_null;
        }
    }

    /// Whether a READ must wait for the CONFIRM of an unsolicited response (row 33); one whose classes were stopped gives way to it.
    pub(super) fn defers_reads(&mut self, s: usize, a: usize) -> bool {
        let waiting = self.association(s, a).and_then(|association| association.unsolicited.waiting.as_ref());
        let stopped = waiting.is_some_and(|waiting| waiting.is_stopped);
        let any = waiting.is_some();
        if stopped {
            self.end_unsolicited(s, a);
        }
        any && !stopped
    }

    /// When collected events are to leave.
    pub(super) fn collected(&self) -> impl Iterator<Item = Mono> {
        let delay = self.params.unsolicited_delay;
        let all = self.stations.iter().flat_map(|station| &station.associations);
        let free = all.filter(|association| matches!(association.reply, Reply::None) && association.unsolicited.waiting.is_none());
        free.filter_map(move |association| association.unsolicited.collecting.map(|since| since + delay))
    }
}

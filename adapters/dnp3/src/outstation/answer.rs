//! What goes out: indications, fragments of a READ, the answer that is repeated, time-outs.

use std::collections::VecDeque;

use bridge_model::{Mono, Now};

use super::association::{Confirming, Reply};
use super::buffer::Lot;
use super::read::{Sources, Step, fill};
use super::statistics::Statistic;
use super::{Outstation, Station};
use crate::app::{AppControl, Function, Iin};
use crate::link::address::Broadcast;

impl Outstation {
    /// The indications towards one master, without what is wrong with its request (rows 20 and 21).
    pub(super) fn iin(&self, s: usize, a: usize, now: Mono) -> Iin {
        let Some(station) = self.stations.get(s) else { return Iin(0) };
        let Some(association) = station.associations.get(a) else { return Iin(0) };
        let classes = (1..=3).filter(|class| station.buffer.waiting(*class) > 0).map(Iin::class_events);
        let set = [
            (association.broadcast.is_some(), Iin::BROADCAST),
            (station.clock.needs_time(&self.params, self.system, now), Iin::NEED_TIME),
            (self.system.local, Iin::LOCAL_CONTROL),
            (self.system.trouble, Iin::DEVICE_TROUBLE),
            (association.restart, Iin::DEVICE_RESTART),
            (self.system.overflow || station.buffer.overflow(), Iin::EVENT_BUFFER_OVERFLOW),
        ];
        set.into_iter().filter(|(on, _)| *on).map(|(_, bit)| bit).chain(classes).fold(Iin(0), Iin::with)
    }

    /// Begins the answer to a request of one fragment.
    pub(super) fn begin_answer(&mut self, seq: u8) {
        self.writer.begin_response(AppControl::single(seq), Function::Response, Iin(0));
    }

    /// Sends the answer that was written, as the only fragment.
    pub(super) fn answer(&mut self, s: usize, a: usize, wrong: Iin, now: Now) {
        let seq = self.writer.octets().first().map_or(0, |octet| AppControl::from_octet(*octet).seq);
        self.send_answer(s, a, (seq, true), wrong, (Lot::default(), 0), VecDeque::new(), now);
    }

    /// Sends the next fragment of a READ.
    pub(super) fn answer_read(&mut self, s: usize, a: usize, (seq, fir): (u8, bool), mut steps: VecDeque<Step>, wrong: Iin, now: Now) {
        self.begin_answer(seq);
        let iin = self.iin(s, a, now.mono).with(wrong);
        let Some(Station { image, buffer, clock, statistics, .. }) = self.stations.get_mut(s) else { return };
        let lot = buffer.lot();
        let synchronised = clock.is_synchronised(&self.params, self.system);
        let mut sources = Sources { image, buffer, params: &self.params, zone: self.zone, now, iin, synchronised, statistics: *statistics };
        let events = fill(&mut steps, lot, &mut sources, &mut self.writer);
        self.send_answer(s, a, (seq, fir), wrong, (lot, events), steps, now);
    }

    #[expect(clippy::too_many_arguments, reason = "one fragment has that many parts")]
    fn send_answer(
        &mut self,
        s: usize,
        a: usize,
        (seq, fir): (u8, bool),
        wrong: Iin,
        (lot, events): (Lot, u64),
        steps: VecDeque<Step>,
        now: Now,
    ) {
        let iin = self.iin(s, a, now.mono).with(wrong);
        let until = now.mono + self.params.confirm_timeout;
        let Some(association) = self.association(s, a) else { return };
        let mandatory = association.broadcast == Some(Broadcast::Mandatory);
        let fin = steps.is_empty();
        let con = !fin || events > 0 || mandatory;
        self.writer.set_control(AppControl { fir, fin, con, uns: false, seq });
        self.writer.set_iin(iin);
        let octets = self.writer.octets().to_vec();
        let sent = self.transmit(s, a, &octets, now);
        let Some(association) = self.association(s, a) else { return };
        if sent && !mandatory {
            association.broadcast = None;
        }
        if fir && let Some(last) = &mut association.last {
            last.answer = octets;
        }
        if con && sent {
            association.reply = Reply::Confirming(Confirming { seq, lot, until, steps, is_first: fir, shows_broadcast: true });
        } else if events > 0 {
            self.release(s, lot);
        }
    }

    /// Hands a fragment to the master's line. `false`: it has none, or no room.
    pub(super) fn transmit(&mut self, s: usize, a: usize, octets: &[u8], now: Now) -> bool {
        let Some(station) = self.stations.get(s) else { return false };
        let Some(association) = station.associations.get(a) else { return false };
        let (outstation, master) = (station.address, association.master);
        let member = association.channel.and_then(|channel| self.members.iter_mut().find(|member| member.channel == channel));
        let Some(member) = member.filter(|member| member.cause.is_empty()) else { return false };
        match member.line.send(master, outstation, octets, now.mono) {
            Ok(()) => {
                self.count(s, Statistic::Sent, now);
                true
            }
            Err(error) => {
                self.tell(|| format!("a fragment to master {master} was dropped: {error}"), now.mono);
                false
            }
        }
    }

    /// The events of a fragment are offered again.
    pub(super) fn release(&mut self, s: usize, lot: Lot) {
        if let Some(Station { image, buffer, .. }) = self.stations.get_mut(s) {
            buffer.release(lot, image);
        }
    }

    /// The answer to the last request is not waited for any more.
    pub(super) fn end_reply(&mut self, s: usize, a: usize, why: &str, now: Now) {
        let Some(association) = self.association(s, a) else { return };
        match std::mem::take(&mut association.reply) {
            Reply::None => {}
            Reply::Confirming(confirming) => self.release(s, confirming.lot),
            Reply::Held(held) => self.drop_held(s, a, held, why, now),
        }
    }

    /// What is due of one association.
    pub(super) fn time_out(&mut self, s: usize, a: usize, now: Now) {
        let Some(association) = self.association(s, a) else { return };
        let master = association.master;
        match &association.reply {
            Reply::Confirming(confirming) if now.mono >= confirming.until => {
                let seq = confirming.seq;
                self.end_reply(s, a, "", now);
                self.tell(|| format!("master {master} did not confirm SEQ {seq} in time: its events are kept"), now.mono);
            }
            Reply::Held(held) if now.mono >= held.until => self.end_reply(s, a, "it was not answered in time", now),
            Reply::None | Reply::Confirming(_) | Reply::Held(_) => {}
        }
        let lapsed = self.association(s, a).and_then(|association| association.selection.as_mut());
        if let Some(selection) = lapsed.filter(|selection| !selection.lapsed && now.mono >= selection.until) {
            selection.lapsed = true;
            let points = std::mem::take(&mut selection.points);
            self.events.extend(points.into_iter().map(bridge_session::Event::SelectLapsed));
        }
        self.time_out_unsolicited(s, a, now);
    }
}

//! Fragments of masters: what they confirm, what comes again, what is carried out (clauses 4.2 and 4.3).

use bridge_model::{Mono, Now};
use bridge_session::{Channel, Event, LinkState};

use super::Outstation;
use super::association::{COMMAND_MEMORY, Confirming, Last, Reply};
use super::buffer::runs;
use super::requests::Handled;
use super::statistics::Statistic;
use crate::app::{AppControl, FragmentError, FragmentView, Function, Iin};
use crate::link::address::Broadcast;

/// Whether a request is evidence that the journal keeps: it commands, writes, or changes what is told.
const fn is_recorded(function: Function) -> bool {
    !matches!(
        function,
        Function::Confirm
            | Function::Read
            | Function::EnableUnsolicited
            | Function::DisableUnsolicited
            | Function::DelayMeasure
            | Function::RecordCurrentTime
            | Function::CloseFile
            | Function::GetFileInfo
            | Function::AbortFile
            // What stands in it is a password.
            | Function::AuthenticateFile
            | Function::AuthenticateRequest
            | Function::AuthenticateRequestNoAck
    )
}

impl Outstation {
    /// A fragment for one outstation.
    pub(super) fn take(&mut self, channel: Channel, (outstation, master): (u16, u16), octets: &[u8], now: Now) {
        let Some((s, a)) = self.place(outstation, master) else { return };
        if self.is_restarting(s, now.mono) {
            return;
        }
        self.count(s, Statistic::Received, now);
        let Some((control, code)) = FragmentView::opening(octets) else {
            self.count(s, Statistic::Discarded, now);
            self.tell(|| format!("master {master}: {}", FragmentError::Short(octets.len())), now.mono);
            return;
        };
        self.hear(s, a, channel, now);
        if code == Function::Confirm.code() {
            self.confirmed(s, a, control, now);
            return;
        }
        if !self.is_request(master, control, now.mono) {
            self.count(s, Statistic::Unexpected, now);
            return;
        }
        match FragmentView::request(octets) {
            Ok(view) => self.request(s, a, &view, octets, channel, now),
            Err(error) => {
                let of_other = matches!(error, FragmentError::Direction(_));
                self.count(s, if of_other { Statistic::Unexpected } else { Statistic::Discarded }, now);
                self.tell(|| format!("master {master}: {error}"), now.mono);
                if let Some(indication) = error.indication() {
                    self.supersede(s, a, false, now);
                    self.begin_answer(control.seq);
                    self.answer(s, a, indication, now);
                }
            }
        }
    }

    /// A fragment for every outstation that knows the master: done without an answer (row 58).
    pub(super) fn broadcast(&mut self, channel: Channel, master: u16, broadcast: Broadcast, octets: &[u8], now: Now) {
        let Ok(view) = FragmentView::request(octets) else {
            self.tell(|| format!("master {master}: a broadcast that is no request"), now.mono);
            return;
        };
        if !self.is_request(master, view.control, now.mono) {
            return;
        }
        let Some(frame) = self.record(channel, &view, octets, now) else { return };
        for (s, a) in self.associations() {
            if self.is_restarting(s, now.mono) {
                continue;
            }
            let Some(association) = self.association(s, a).filter(|association| association.master == master) else { continue };
            association.broadcast_came(broadcast);
            self.count(s, Statistic::Received, now);
            let Some(association) = self.association(s, a) else { continue };
            let is_repeated = |(last, at): &(Vec<u8>, Mono)| last == octets && now.mono.since(*at) < COMMAND_MEMORY;
            if view.function.is_control() && association.last_broadcast.as_ref().is_some_and(is_repeated) {
                continue;
            }
            association.last_broadcast = Some((octets.to_vec(), now.mono));
            self.hear(s, a, channel, now);
            let wrong = self.execute_broadcast(s, a, &view, frame, now);
            if wrong != Iin(0) {
                self.tell(|| format!("master {master}: broadcast {} not carried out: {wrong:?}", view.function.name()), now.mono);
            }
        }
    }

    fn place(&self, outstation: u16, master: u16) -> Option<(usize, usize)> {
        let s = self.stations.binary_search_by_key(&outstation, |station| station.address).ok()?;
        let a = self.stations.get(s)?.associations.binary_search_by_key(&master, |association| association.master).ok()?;
        Some((s, a))
    }

    /// The master is on this channel from here on.
    fn hear(&mut self, s: usize, a: usize, channel: Channel, now: Now) {
        if self.association(s, a).is_some_and(|association| association.channel != Some(channel)) {
            self.leave(s, a, now);
            if let Some(association) = self.association(s, a) {
                association.channel = Some(channel);
            }
        }
        if !std::mem::replace(&mut self.is_started, true) {
            self.events.push_back(Event::LinkState(LinkState::Started));
        }
    }

    /// Whether a control octet is one of a request: a single fragment, of the solicited series.
    fn is_request(&mut self, master: u16, control: AppControl, now: Mono) -> bool {
        if !control.fir || !control.fin || control.uns {
            self.tell(|| format!("master {master}: a request with control octet {:#04x} was dropped", control.octet()), now);
            return false;
        }
        if control.con {
            // Harmless: the answer confirms it.
            self.tell(|| format!("master {master}: a request asks to be confirmed"), now);
        }
        true
    }

    /// Hands a request that is evidence to the journal; gives connection and frame. `None`: the journal is too far behind.
    fn record(&mut self, channel: Channel, view: &FragmentView<'_>, octets: &[u8], now: Now) -> Option<(u32, u64)> {
        let at = self.find(channel)?;
        let member = self.members.get_mut(at)?;
        if !is_recorded(view.function) {
            return Some((member.connection, 0));
        }
        if member.framed - member.durable >= self.max_unacked {
            self.shut(at, "the journal is too far behind its requests", false);
            return None;
        }
        member.framed += 1;
        let (connection, number) = (member.connection, member.framed);
        let first = self.batch.updates.len();
        self.batch.push_framed(connection, number, now.utc, octets, 1, first);
        Some((connection, number))
    }

    fn request(&mut self, s: usize, a: usize, view: &FragmentView<'_>, octets: &[u8], channel: Channel, now: Now) {
        let Some(frame) = self.record(channel, view, octets, now) else { return };
        let is_datagram = self.is_datagram(channel);
        let Some(association) = self.association(s, a) else { return };
        let is_read = view.function == Function::Read;
        if let Some(last) = association.last.as_ref().filter(|last| !is_read && last.request == octets) {
            // It is carried out once: the answer is given again, or is on its way (row 34).
            let answer = last.answer.clone();
            if !answer.is_empty() {
                self.transmit(s, a, &answer, now);
            }
            return;
        }
        if let Some(answer) = association.carried_out(octets, now.mono) {
            let master = association.master;
            let became = if answer.is_empty() { "ignored" } else { "answered, not carried out" };
            if !answer.is_empty() {
                self.transmit(s, a, &answer, now);
            }
            self.tell(|| format!("master {master}: {} came again behind other requests: {became}", view.function.name()), now.mono);
            return;
        }
        if let Some(last) = association.last.as_ref().filter(|last| is_read && last.request == octets) {
            // Its events may go twice in the same octets, and not in others of the same number: a CONFIRM of the first would take what only
            // the second holds (row 27).
            match &association.reply {
                Reply::Confirming(confirming) if confirming.is_first => {
                    let answer = last.answer.clone();
                    self.transmit(s, a, &answer, now);
                    return;
                }
                // Its master is at a later fragment, or has confirmed all of it: this one was late.
                Reply::Confirming(_) | Reply::None | Reply::Held(_)
                    if is_datagram && last.is_confirmed && now.mono.since(last.at) < COMMAND_MEMORY =>
                {
                    return;
                }
                Reply::Confirming(_) | Reply::None | Reply::Held(_) => {}
            }
        }
        if is_read && self.defers_reads(s, a) {
            // Not before the unsolicited response is confirmed or given up: the same events would go twice (row 33).
            self.supersede(s, a, false, now);
            if let Some(association) = self.association(s, a) {
                association.deferred = Some(octets.to_vec());
                if is_datagram {
                    association.step();
                }
                association.last = None;
            }
            return;
        }
        self.carry_out(s, a, view, octets, frame, now);
    }

    /// Whether what comes on a channel may come twice, and behind what was sent later.
    fn is_datagram(&self, channel: Channel) -> bool {
        self.find(channel).and_then(|at| self.members.get(at)).is_some_and(|member| member.is_datagram)
    }

    /// A READ that waited for an unsolicited response.
    pub(super) fn run_deferred(&mut self, s: usize, a: usize, now: Now) {
        let Some(octets) = self.association(s, a).and_then(|association| association.deferred.take()) else { return };
        if let Ok(view) = FragmentView::request(&octets) {
            self.carry_out(s, a, &view, &octets, (0, 0), now);
        }
    }

    fn carry_out(&mut self, s: usize, a: usize, view: &FragmentView<'_>, octets: &[u8], frame: (u32, u64), now: Now) {
        self.supersede(s, a, view.function == Function::Operate, now);
        let is_datagram =
            self.association(s, a).and_then(|association| association.channel).is_some_and(|channel| self.is_datagram(channel));
        let Some(association) = self.association(s, a) else { return };
        if is_datagram {
            association.step();
        }
        association.last = Some(Last { at: now.mono, request: octets.to_vec(), answer: Vec::new(), is_confirmed: false });
        let seq = view.control.seq;
        self.begin_answer(seq);
        match self.execute(s, a, view, frame, now) {
            Handled::Answer(iin) if view.function.wants_response() => self.answer(s, a, iin, now),
            Handled::Answer(iin) => {
                if iin != Iin(0) {
                    let master = self.association(s, a).map_or(0, |association| association.master);
                    self.tell(|| format!("master {master}: {} not carried out: {iin:?}", view.function.name()), now.mono);
                }
            }
            Handled::Read(steps, iin) => self.answer_read(s, a, (seq, true), steps, iin, now),
            Handled::Later => {}
            Handled::Restart => {
                self.answer(s, a, Iin(0), now);
                self.restart(s, a, view.function, now);
            }
        }
    }

    /// A new request: its master waits for nothing older any more.
    fn supersede(&mut self, s: usize, a: usize, is_operate: bool, now: Now) {
        self.end_reply(s, a, "its master went on", now);
        if !is_operate {
            self.lapse(s, a);
        }
        if let Some(association) = self.association(s, a) {
            association.deferred = None;
        }
    }

    /// A CONFIRM: it ends what it matches, and nothing else (row 27).
    fn confirmed(&mut self, s: usize, a: usize, control: AppControl, now: Now) {
        let Some(association) = self.association(s, a) else { return };
        let master = association.master;
        if control.uns {
            if !self.unsolicited_confirmed(s, a, control.seq, now) {
                self.count(s, Statistic::Unexpected, now);
                self.tell(|| format!("master {master}: CONFIRM of no unsolicited response, SEQ {}", control.seq), now.mono);
            }
            return;
        }
        let Reply::Confirming(confirming) = &association.reply else {
            self.count(s, Statistic::Unexpected, now);
            self.tell(|| format!("master {master}: CONFIRM of nothing, SEQ {}", control.seq), now.mono);
            return;
        };
        if confirming.seq != control.seq {
            let expected = confirming.seq;
            self.count(s, Statistic::Unexpected, now);
            self.tell(|| format!("master {master}: CONFIRM of SEQ {} instead of {expected}", control.seq), now.mono);
            return;
        }
        let Reply::Confirming(Confirming { lot, steps, shows_broadcast, .. }) = std::mem::take(&mut association.reply) else { return };
        if shows_broadcast {
            association.broadcast = None;
        }
        if let Some(last) = &mut association.last {
            last.is_confirmed = true;
        }
        self.deliver(s, lot);
        if !steps.is_empty() {
            self.answer_read(s, a, (AppControl::next(control.seq), false), steps, Iin(0), now);
        }
    }

    /// The events of a fragment are with a master.
    pub(super) fn deliver(&mut self, s: usize, lot: super::buffer::Lot) {
        let Some(station) = self.stations.get_mut(s) else { return };
        let numbers = station.buffer.confirm(lot);
        self.events.extend(runs(&numbers).map(|(first, last)| Event::DeliveredOf(first, last)));
    }
}

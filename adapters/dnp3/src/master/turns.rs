//! What leaves next: confirmations, then commands, then by turns housekeeping and what each outstation is due.

use std::time::Duration;

use bridge_model::{Mono, Now, PointId};
use bridge_session::Event;

use super::commands::Leaving;
use super::remote::{Duty, Reason, Remote};
use super::{Ask, CHANGE_MARGIN, Change, Flight, Master, PROBE_AFTER};
use crate::app::{AppControl, Harmless, IndexWidth, Refused};
use crate::error::Error;
use crate::master::housekeeping::put_classes;

/// While others answer, a silent outstation gets one part of so many of the line's time.
const SILENT_SHARE: u32 = 5;
/// How long a poll of an outstation that has always answered is waited for while a command to another one is due.
const PATIENCE: Duration = Duration::from_millis(500);

impl Master {
    /// CONFIRMs of what is durable.
    pub(super) fn put_confirms(&mut self, now: Now) {
        let local = self.local();
        let timeout = self.params.response_timeout;
        while let Some(open) = self.open.as_mut().filter(|open| open.is_usable()) {
            let Some((at, control)) = open.confirms.pop_front() else { return };
            let Some(remote) = self.remotes.get_mut(at) else { continue };
            self.writer.begin_request(control, Harmless::CONFIRM);
            let sent = open.line.send(remote.address, local, self.writer.octets(), now.mono);
            if sent.is_err() {
                // Too much waits to be sent: it leaves later.
                open.confirms.push_front((at, control));
                return;
            }
            if control.uns {
                continue;
            }
            remote.confirm_due = None;
            // The next fragment comes only now.
            if let Some(flight) = self.flight.as_mut().filter(|flight| flight.remote == at) {
                flight.answer_by = now.mono + timeout;
            }
        }
    }

    /// One request, if none is on the line and everything before it was taken.
    pub(super) fn put_request(&mut self, now: Now) {
        if self.makes_way_at(now.mono) <= now.mono {
            self.make_way(now);
        }
        if self.flight.is_some() || self.usable().is_none_or(|open| !open.line.is_drained()) {
            return;
        }
        if self.put_command(now) {
            return;
        }
        // A clock's time follows at once what it is counted from (10.3.3): there are outstations that take it as the next request only.
        let was_task = self.was_task && !self.tasks.is_setting_clock();
        self.was_task = false;
        if !was_task && self.put_task(now) {
            self.was_task = true;
            return;
        }
        if self.put_duty(now) || !was_task {
            return;
        }
        self.was_task = self.put_task(now);
    }

    /// The point whose selection makes way for a command on this one.
    fn gives_way(&self, remote: &Remote, point: PointId, now: Mono) -> Option<PointId> {
        remote.holder(now).filter(|holder| *holder != point && self.commands.is_selected(*holder))
    }

    /// From when a poll that is not answered makes way for a command to another outstation: a ramp's step does not live as long as an answer
    /// may take (R1). At once where the outstation failed before, else when nothing of it came for a while.
    fn makes_way_at(&self, now: Mono) -> Mono {
        let Some(flight) = self.flight.filter(|flight| flight.is_first && matches!(flight.ask, Ask::Duty(_))) else { return Mono::NEVER };
        let Some(asked) = self.remotes.get(flight.remote).filter(|_| self.permit.is_some()) else { return Mono::NEVER };
        let may_leave = |leaving: &Leaving| {
            let other = self.position(leaving.outstation).filter(|at| *at != flight.remote).and_then(|at| self.remotes.get(at));
            let is_free = |other: &Remote| other.free_for(self.gives_way(other, leaving.point, now).or(Some(leaving.point)), now);
            other.is_some_and(|other| !other.is_silent && is_free(other))
        };
        if !self.commands.leaving(now).any(|leaving| may_leave(&leaving)) {
            return Mono::NEVER;
        }
        let heard = self.open.as_ref().and_then(|open| open.line.heard(asked.address, self.local()));
        match asked.is_failing() {
            true => flight.sent.mono,
            // A long fragment is on its way.
            false if heard.is_some_and(|heard| heard > flight.sent.mono) => Mono::NEVER,
            false => flight.sent.mono + PATIENCE,
        }
    }

    /// Gives up what is on the line. It counts as unanswered when all that was given up so has taken as long as an answer may.
    fn make_way(&mut self, now: Now) {
        let (local, timeout) = (self.local(), self.params.response_timeout);
        let Some(flight) = self.flight else { return };
        let Some(address) = self.remotes.get(flight.remote).map(|remote| remote.address) else { return };
        if let Some(open) = self.usable() {
            open.line.withdraw(address, local);
        }
        let Some(remote) = self.remotes.get_mut(flight.remote) else { return };
        if remote.is_silent || remote.gave_way(now.mono.since(flight.sent.mono)) >= timeout {
            self.unanswered(now);
            return;
        }
        if let Ask::Duty(duty) = flight.ask {
            remote.wants_again(duty);
        }
        self.flight = None;
    }

    fn put_command(&mut self, now: Now) -> bool {
        if self.permit.is_none() {
            return false;
        }
        let due: Vec<Leaving> = self.commands.leaving(now.mono).collect();
        for leaving in due {
            let Some(at) = self.position(leaving.outstation) else { continue };
            let Some(remote) = self.remotes.get(at) else { continue };
            let gives_way = self.gives_way(remote, leaving.point, now.mono);
            if !remote.free_for(gives_way.or(Some(leaving.point)), now.mono) {
                continue;
            }
            let is_held = remote.hold.is_some_and(|(point, until)| point == leaving.point && now.mono < until);
            if leaving.needs_selection && !is_held {
                self.commands.hold_ended(leaving.point, &mut self.events, now);
                continue;
            }
            if leaving.operates && !self.is_fresh(at, now) {
                self.commands.awaits_freshness(leaving.serial);
                continue;
            }
            if let Some(holder) = gives_way {
                // What somebody selected and may operate or not does not stand in the way of a command that is due (R1).
                self.commands.give_way(holder, &mut self.events);
                self.settle_holds(now);
            }
            let seq = self.remotes.get_mut(at).map_or(0, Remote::take_seq);
            let Some(permit) = &self.permit else { return false };
            let Some(function) = self.commands.put(leaving.serial, permit, &mut self.writer, seq, &mut self.events) else { continue };
            let change = leaving.operates.then_some(leaving.not_after);
            debug_assert!(function.is_control(), "commands are controls");
            self.leave(at, seq, Ask::Command(leaving.serial), change, now);
            return true;
        }
        false
    }

    fn put_task(&mut self, now: Now) -> bool {
        let local = self.local();
        let Some(leaving) = self.tasks.leaving(now.mono) else { return false };
        let Some(at) = self.position(leaving.outstation) else { return false };
        if leaving.is_status {
            let timeout = self.params.status_timeout;
            if let Some(open) = self.usable() {
                open.line.ask_status(leaving.outstation, local, now.mono);
                self.tasks.status_asked(now.mono, timeout);
            }
            return false;
        }
        if self.remotes.get(at).is_none_or(|remote| !remote.free_for(None, now.mono)) {
            return false;
        }
        if let Some(not_after) = leaving.change {
            // It leaves in time or not at all, and only to an outstation that is known to be there.
            if now.mono >= not_after || !self.is_fresh(at, now) {
                return false;
            }
        }
        let Some(remote) = self.remotes.get_mut(at) else { return false };
        let seq = remote.take_seq();
        if self.tasks.put(self.permit.as_ref(), &mut self.writer, seq, &mut self.events, now).is_none() {
            return false;
        }
        if leaving.reads != 0 {
            remote.polled(leaving.reads, now.mono);
        }
        self.leave(at, seq, Ask::Task(leaving.serial), leaving.change, now);
        true
    }

    /// What an outstation is due, the next after the one before.
    fn put_duty(&mut self, now: Now) -> bool {
        let count = self.remotes.len();
        // More than the journal takes is not asked for (delivery rule 1).
        if !self.may_ask() {
            return false;
        }
        let keeps = self.keeps;
        let may_ask_silent = now.mono >= self.silent_at || self.remotes.iter().all(|remote| remote.is_silent);
        for step in 0..count {
            let at = (self.turn + step) % count;
            let Some(remote) = self.remotes.get_mut(at).filter(|remote| !remote.is_silent || may_ask_silent) else { continue };
            let Some(duty) = remote.duty(keeps, now.mono) else { continue };
            let seq = remote.take_seq();
            let written = write_duty(duty, self.params.unsolicited, &mut self.writer, seq);
            debug_assert!(written.is_ok(), "four headers fit the shortest fragment");
            remote.asked(duty, now.mono);
            self.turn = (at + 1) % count;
            if let Duty::Integrity(reason) = duty {
                if self.interrogating.is_none() {
                    self.interrogating = Some(false);
                    self.events.push_back(Event::InterrogationBegan);
                }
                // The opening is told as such, and who asked for it knows.
                if !matches!(reason, Reason::Opened | Reason::Requested) {
                    self.tell(at, || format!("everything is read, because {}", reason.text()), now.mono);
                }
            }
            self.leave(at, seq, Ask::Duty(duty), None, now);
            return true;
        }
        false
    }

    /// Whether what the answer brings has a place: in the journal, or beside it where static values alone are asked for (R23).
    fn may_ask(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !self.keeps || open.undurable() < self.max_unacked)
    }

    /// Whether the outstation was heard lately; if not, it is asked for a sign (R5).
    fn is_fresh(&mut self, at: usize, now: Now) -> bool {
        let (local, fresh) = (self.local(), self.fresh);
        let Some(address) = self.remotes.get(at).map(|remote| remote.address) else { return false };
        let Some(open) = self.usable() else { return false };
        let is_fresh = open.line.heard(address, local).is_some_and(|heard| now.mono.since(heard) <= fresh);
        if !is_fresh {
            open.line.ask_status(address, local, now.mono);
        }
        is_fresh
    }

    /// Sends what the writer holds.
    fn leave(&mut self, at: usize, seq: u8, ask: Ask, change: Option<Mono>, now: Now) {
        let local = self.local();
        let timeout = self.params.response_timeout;
        let Some(remote) = self.remotes.get_mut(at) else { return };
        let Some(open) = self.open.as_mut() else { return };
        if remote.confirm_due.take().is_some() {
            // The outstation forgets what it wanted confirmed when the next request comes: it will offer it again.
            open.awaiting.retain(|awaiting| awaiting.remote != at || awaiting.control.uns);
            open.confirms.retain(|(to, control)| *to != at || control.uns);
        }
        let sent = match change {
            // The link's own confirmation would hold it back and repeat it.
            Some(_) => open.line.send_once(remote.address, local, self.writer.octets(), now.mono),
            None => open.line.send(remote.address, local, self.writer.octets(), now.mono),
        };
        let life = |not_after: Mono| not_after.since(now.mono) + CHANGE_MARGIN;
        self.flight = Some(Flight {
            remote: at,
            ask,
            seq,
            is_first: true,
            sent: now,
            answer_by: now.mono + timeout,
            change: change.map(|not_after| Change {
                until: now.mono + life(not_after),
                probe_at: now.mono + PROBE_AFTER.min(life(not_after) / 2),
                probed: None,
                arrived: false,
            }),
            brought: false,
        });
        if let Err(why) = sent {
            // The line was drained and knows the outstation: it is about to close.
            self.fail(&Error::misbehaved(why.to_string()), false, now);
        }
    }

    /// Ends a request that was not answered in time; a change that may still be on its way is kept from arriving late.
    pub(super) fn supervise_flight(&mut self, now: Now) {
        let local = self.local();
        let Some(mut flight) = self.flight else { return };
        let Some(address) = self.remotes.get(flight.remote).map(|remote| remote.address) else { return };
        if let Some(change) = &mut flight.change
            && !change.arrived
            && let Some(open) = self.usable()
        {
            let answered = open.line.status_answered(address, local);
            change.arrived = change.probed.is_some_and(|probed| answered.is_some_and(|answered| answered >= probed));
            if !change.arrived && now.mono >= change.probe_at {
                open.line.ask_status(address, local, now.mono);
                (change.probed, change.probe_at) = (Some(now.mono), Mono::NEVER);
            }
            let (arrived, overdue) = (change.arrived, now.mono >= change.until.min(flight.answer_by));
            if !arrived && overdue {
                open.line.withdraw(address, local);
                change.arrived = true;
                if self.params.connected {
                    let after = now.mono.since(flight.sent.mono);
                    let what = "the answer to a request that must not arrive late";
                    self.fail(&Error::TimerExpired { timer: "change", after, what }, true, now);
                    return;
                }
            }
        }
        self.flight = Some(flight);
        if now.mono >= flight.answer_by {
            self.unanswered(now);
        }
    }

    /// The request on the line gets no answer that can be used.
    pub(super) fn unanswered(&mut self, now: Now) {
        let local = self.local();
        let Some(flight) = self.flight.take() else { return };
        let at = flight.remote;
        let Some(remote) = self.remotes.get_mut(at) else { return };
        let address = remote.address;
        // While a confirmation waits for the journal, the outstation waits for us.
        let waits_for_us = !flight.is_first && remote.confirm_due.is_some();
        let is_silent_now = !waits_for_us && remote.unanswered(now.mono);
        if let Ask::Duty(duty) = flight.ask {
            remote.wants_again(duty);
        }
        let is_silent = remote.is_silent;
        if is_silent {
            let lost = now.mono.since(flight.sent.mono);
            self.silent_at = now.mono + lost * (SILENT_SHARE - 1);
        }
        match flight.ask {
            Ask::Duty(_) => {}
            Ask::Command(serial) => self.commands.unanswered(serial, &mut self.events, now),
            Ask::Task(serial) => self.tasks.unanswered(serial, &mut self.events),
        }
        if let Some(open) = self.usable().filter(|_| !waits_for_us) {
            // On a connection that is dead it is found out now, not when the keep-alive is due.
            open.line.ask_status(address, local, now.mono);
        }
        if is_silent_now {
            self.became_silent(at);
        }
        self.settle_holds(now);
    }

    /// When [`super::Session::handle_timeout`] has something to do, or something may leave.
    pub(super) fn deadline(&self) -> Mono {
        let Some(open) = self.open.as_ref().filter(|open| open.is_usable()) else { return Mono::NEVER };
        let mut next = open.line.deadline().min(self.commands.deadline()).min(self.tasks.deadline());
        let later = |at: Mono| if at > self.considered { at } else { Mono::NEVER };
        for remote in &self.remotes {
            next = next.min(remote.hold.map_or(Mono::NEVER, |(_, until)| until));
            next = next.min(remote.confirm_due.map_or(Mono::NEVER, later));
            if remote.needs_time && self.tasks.may_set_clocks() {
                next = next.min(later(remote.clock_at));
            }
        }
        if let Some(flight) = &self.flight {
            next = next.min(flight.answer_by).min(later(self.makes_way_at(self.considered)));
            if let Some(change) = flight.change.filter(|change| !change.arrived) {
                next = next.min(change.probe_at).min(change.until);
            }
            return next;
        }
        if self.may_ask() {
            let all_silent = self.remotes.iter().all(|remote| remote.is_silent);
            for remote in &self.remotes {
                let at = remote.deadline(self.keeps);
                next = next.min(later(if remote.is_silent && !all_silent { at.max(self.silent_at) } else { at }));
            }
        }
        next
    }
}

/// Writes a request that the master makes of its own accord.
fn write_duty(duty: Duty, unsolicited: u8, writer: &mut crate::app::FragmentWriter, seq: u8) -> Result<(), Refused> {
    let control = AppControl::single(seq);
    match duty {
        Duty::Disable => {
            writer.begin_request(control, Harmless::DISABLE_UNSOLICITED);
            put_classes(0b1110, writer)
        }
        Duty::ClearRestart => {
            writer.begin_request(control, Harmless::WRITE);
            writer.use_width(IndexWidth::One);
            let written = writer.packed(80, 1, 7, 1, 0);
            writer.use_width(IndexWidth::Two);
            written
        }
        Duty::Integrity(_) => {
            writer.begin_request(control, Harmless::READ);
            put_classes(0b1111, writer)
        }
        Duty::Enable => {
            writer.begin_request(control, Harmless::ENABLE_UNSOLICITED);
            put_classes(unsolicited, writer)
        }
        Duty::Events(classes) => {
            writer.begin_request(control, Harmless::READ);
            put_classes(classes, writer)
        }
        Duty::Statics => {
            writer.begin_request(control, Harmless::READ);
            put_classes(0b0001, writer)
        }
    }
}

//! What outstations send: the order of fragments, indications, answers to what was asked, unsolicited responses (rows 25, 30 to 33, 54).

use bridge_model::{Cause, Mono, Now};
use bridge_session::{Event, LinkState};

use super::commands::NOT_DONE;
use super::receive::{Reader, Reading};
use super::remote::{Duty, Reason, STUBBORN_REST};
use super::{Ask, Awaiting, Flight, Master};
use crate::app::{AppControl, FragmentError, FragmentView, Function, Iin};
use crate::error::Error;

/// What an outstation is told that asks for secure authentication (row 59).
const NO_AUTHENTICATION: &str = "it asks for secure authentication, which is not supported";

impl Master {
    /// One fragment of a known outstation.
    pub(super) fn take_fragment(&mut self, source: u16, octets: &[u8], now: Now) {
        let Some(at) = self.position(source) else { return };
        match FragmentView::response(octets) {
            Ok(view) if view.function == Function::UnsolicitedResponse => self.unsolicited(at, octets, &view, now),
            Ok(view) if view.function == Function::AuthenticateResponse => self.challenged(at, view.control, now),
            // The view takes no other function.
            Ok(view) => self.response(at, octets, &view, now),
            Err(error) => self.tell(at, || format!("{error}: fragment dropped"), now.mono),
        }
    }

    fn response(&mut self, at: usize, octets: &[u8], view: &FragmentView<'_>, now: Now) {
        let control = view.control;
        let Some(mut flight) = self.flight.filter(|flight| flight.remote == at) else {
            self.tell(at, || format!("a response with sequence {} to nothing that was asked: dropped", control.seq), now.mono);
            return;
        };
        if control.uns || control.seq != flight.seq {
            let expected = flight.seq;
            self.tell(at, || format!("a response with sequence {} instead of {expected}: dropped", control.seq), now.mono);
            return;
        }
        if control.fir != flight.is_first {
            let what = if control.fir { "a first fragment among later ones" } else { "a later fragment before the first" };
            self.tell(at, || format!("{what}: dropped"), now.mono);
            return;
        }
        match view.check() {
            Ok(()) => {}
            Err(FragmentError::ObjectUnknown { group: 120, .. }) => {
                self.challenged(at, control, now);
                return;
            }
            // What stands before it can be read, and asking again would bring it again.
            Err(FragmentError::ObjectUnknown { .. }) => {}
            Err(error) => {
                self.tell(at, || format!("{error}: the answer is not taken"), now.mono);
                self.unanswered(now);
                return;
            }
        }
        let is_last = control.fin;
        let reading = self.record(at, octets, view, Some(cause_of(flight.ask)), now);
        self.heard(at, view.iin, is_last, now);
        self.await_durable(at, control, &reading, false, now.mono);
        if !control.con && !is_last {
            self.tell(at, || "a fragment that is not the last wants no confirmation".to_owned(), now.mono);
        }
        flight.brought |= reading.events;
        if is_last {
            self.flight = None;
        } else {
            flight.seq = AppControl::next(flight.seq);
            flight.is_first = false;
            flight.answer_by = now.mono + self.params.response_timeout;
            self.flight = Some(flight);
        }
        self.answered(&flight, view, is_last, now);
        self.bound_undurable(now);
    }

    /// The answer to what was asked.
    fn answered(&mut self, flight: &Flight, view: &FragmentView<'_>, is_last: bool, now: Now) {
        match flight.ask {
            Ask::Duty(duty) if is_last => self.duty_done(flight, duty, view, now),
            Ask::Command(serial) if is_last => {
                if !self.commands.is_lawful(serial, view) {
                    self.tell(flight.remote, || "the answer to a control is not its echo".to_owned(), now.mono);
                }
                self.commands.answered(serial, view, flight.sent.mono, &mut self.events, now);
            }
            Ask::Duty(_) | Ask::Command(_) => {}
            Ask::Task(serial) => self.tasks.answered(serial, view, is_last, flight.sent, &mut self.events, now),
        }
        self.settle_holds(now);
    }

    fn duty_done(&mut self, flight: &Flight, duty: Duty, view: &FragmentView<'_>, now: Now) {
        let at = flight.remote;
        let refused = Iin(view.iin.0 & NOT_DONE.0);
        let is_refused = refused != Iin(0) && view.body.is_empty();
        let Some(remote) = self.remotes.get_mut(at) else { return };
        match duty {
            Duty::Disable | Duty::Enable => remote.is_polled_only |= refused.contains(Iin::NO_FUNC_CODE_SUPPORT),
            Duty::ClearRestart => {
                if view.iin.contains(Iin::DEVICE_RESTART) {
                    self.tell(at, || format!("DEVICE_RESTART stays set: cleared again in {STUBBORN_REST:?}"), now.mono);
                }
            }
            Duty::Integrity(_) => {
                remote.is_read = true;
                if let Some(good) = &mut self.interrogating {
                    *good |= !is_refused;
                }
            }
            Duty::Statics => remote.statics_read(now.mono.since(flight.sent.mono), now.mono),
            Duty::Events(_) => {
                if let Some(rest) = remote.events_read(flight.brought, now.mono) {
                    self.tell(at, || format!("it says that events wait and gives none: asked again in {rest:?}"), now.mono);
                }
            }
        }
        if refused != Iin(0) {
            let what = match duty {
                Duty::Disable => "DISABLE_UNSOLICITED",
                Duty::ClearRestart => "the clearing of DEVICE_RESTART",
                Duty::Integrity(_) => "an integrity poll",
                Duty::Enable => "ENABLE_UNSOLICITED",
                Duty::Events(_) => "a poll of events",
                Duty::Statics => "a poll of static values",
            };
            self.tell(at, || format!("{what} is answered with {}", refused.names().collect::<Vec<_>>().join(" ")), now.mono);
        }
        self.judge_interrogation();
    }

    /// An outstation that must be convinced first (g120) is not: what was asked is over.
    fn challenged(&mut self, at: usize, control: AppControl, now: Now) {
        self.tell(at, || NO_AUTHENTICATION.to_owned(), now.mono);
        let Some(flight) = self.flight.filter(|flight| flight.remote == at && flight.seq == control.seq && !control.uns) else { return };
        match flight.ask {
            Ask::Duty(_) => self.unanswered(now),
            Ask::Command(serial) => {
                self.flight = None;
                self.commands.challenged(serial, &mut self.events, now);
            }
            Ask::Task(serial) => {
                self.flight = None;
                self.tasks.refused(serial, NO_AUTHENTICATION, &mut self.events);
            }
        }
        self.settle_holds(now);
    }

    fn unsolicited(&mut self, at: usize, octets: &[u8], view: &FragmentView<'_>, now: Now) {
        let control = view.control;
        if !(control.fir && control.fin && control.uns) {
            self.tell(at, || "an unsolicited response that is not one whole fragment: dropped".to_owned(), now.mono);
            return;
        }
        match view.check() {
            Ok(()) | Err(FragmentError::ObjectUnknown { .. }) => {}
            Err(error) => {
                self.tell(at, || format!("{error}: the unsolicited response is not taken"), now.mono);
                return;
            }
        }
        self.heard(at, view.iin, true, now);
        let Some(remote) = self.remotes.get_mut(at) else { return };
        if !view.body.is_empty() && !remote.is_read {
            // Before everything was read an event would stand beside values that are older or of before a restart. Not confirmed, it
            // comes again.
            let is_told = self.flight.is_some_and(|flight| flight.remote == at && flight.ask == Ask::Duty(Duty::Disable));
            if !is_told {
                remote.quieten();
            }
            self.tell(at, || "unsolicited events before everything was read: they are offered again".to_owned(), now.mono);
            return;
        }
        if !view.body.is_empty() && !self.has_place() {
            // Not confirmed, it comes again; and until it stops, it puts what is read meanwhile off.
            if let Some(remote) = self.remotes.get_mut(at).filter(|_| !self.keeps) {
                remote.quieten();
            }
            self.tell(at, || "unsolicited events while the journal takes nothing: they are offered again".to_owned(), now.mono);
            return;
        }
        let Some(remote) = self.remotes.get_mut(at) else { return };
        // Its indications may be others.
        let last = &remote.last_unsolicited;
        let is_repeated = !last.is_empty() && last.first() == octets.first() && last.get(4..) == octets.get(4..);
        if !is_repeated {
            remote.last_unsolicited.clear();
            remote.last_unsolicited.extend_from_slice(octets);
        }
        // What came already is evidence and nothing more.
        let reading = self.record(at, octets, view, (!is_repeated).then_some(Cause::Background), now);
        self.await_durable(at, control, &reading, is_repeated, now.mono);
        self.bound_undurable(now);
    }

    /// Whether events have a place in the journal.
    fn has_place(&self) -> bool {
        self.keeps && self.open.as_ref().is_some_and(|open| open.undurable() < self.max_unacked)
    }

    /// Keeps a fragment as a frame, with its updates if it is to be taken.
    fn record(&mut self, at: usize, octets: &[u8], view: &FragmentView<'_>, cause: Option<Cause>, now: Now) -> Reading {
        let Some(open) = self.open.as_mut() else { return Reading::default() };
        open.frames += 1;
        let first = self.batch.updates.len();
        let mut reading = Reading::default();
        if let (Some(cause), Some(Some(table))) = (cause, self.tables.get(at)) {
            reading = Reader { table, words: &self.words, zone: self.zone, received: now.utc, cause }.read(view, &mut self.batch.updates);
        }
        self.batch.push_framed(open.connection, open.frames, now.utc, octets, 4, first);
        if cause.is_some() {
            self.tell_strings(at, view, now);
        }
        if let Some(error) = reading.unread {
            self.tell(at, || format!("{error}: what stands behind it is journaled and not read"), now.mono);
        }
        if let Some((group, variation, fault)) = reading.untimed {
            self.tell(at, || format!("g{group}v{variation}: {fault}"), now.mono);
        }
        reading
    }

    /// A fragment that wants to be confirmed is, when it is durable (row 27).
    fn await_durable(&mut self, at: usize, control: AppControl, reading: &Reading, is_repeated: bool, now: Mono) {
        if !control.con {
            return;
        }
        let Some(open) = self.open.as_mut() else { return };
        let control = if control.uns { AppControl::unsolicited(control.seq, false) } else { AppControl::single(control.seq) };
        if !self.keeps {
            // No outstation forgets anything by the CONFIRM of static values, and only with it comes the next fragment of them (R23).
            if !reading.events && reading.unread.is_none() {
                open.confirms.push_back((at, control));
            }
            return;
        }
        if control.uns {
            // Once for a fragment that came twice; and what came before another one is not waited for any more, nor confirmed in its place.
            if is_repeated && open.awaiting.iter().any(|awaiting| awaiting.remote == at && awaiting.control == control) {
                return;
            }
            open.awaiting.retain(|awaiting| awaiting.remote != at || !awaiting.control.uns);
            open.confirms.retain(|(to, confirm)| *to != at || !confirm.uns || is_repeated);
        } else if let Some(remote) = self.remotes.get_mut(at) {
            remote.confirm_due = Some(now + self.params.response_timeout);
        }
        open.awaiting.push_back(Awaiting { frame: open.frames, remote: at, control });
    }

    /// A peer that sends more than the journal takes is not listened to any longer (delivery rule 1).
    fn bound_undurable(&mut self, now: Now) {
        let max = self.max_unacked;
        if self.keeps && self.open.as_ref().is_some_and(|open| open.undurable() > max) {
            self.fail(&Error::misbehaved(format!("more than {max} fragments wait for the journal")), false, now);
        }
    }

    /// The clock of an outstation that needs it is set, and again after a rest if it still does: also where nothing else is asked of it.
    pub(super) fn want_clock(&mut self, at: usize, now: Mono) {
        let Some(remote) = self.remotes.get_mut(at).filter(|remote| remote.needs_time && now >= remote.clock_at) else { return };
        if self.tasks.want_clock(remote.address, now) {
            remote.clock_at = now + STUBBORN_REST;
        }
    }

    /// Something lawful came of an outstation.
    fn heard(&mut self, at: usize, iin: Iin, is_last: bool, now: Now) {
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_started) {
            open.is_started = true;
            self.events.push_back(Event::LinkState(LinkState::Started));
        }
        let reads_again = self.params.integrity_on.reconnect;
        let Some(remote) = self.remotes.get_mut(at) else { return };
        let is_back = remote.heard();
        if is_back && reads_again {
            remote.want_integrity(Reason::Returned);
        }
        let indicated = remote.indicate(iin, is_last, &self.params);
        self.want_clock(at, now.mono);
        if is_back {
            self.reach(at, true);
            self.tell(at, || "it answers again".to_owned(), now.mono);
        }
        if indicated.restarted {
            self.events.push_back(Event::PeerRestarted);
            self.tell(at, || "it restarted (DEVICE_RESTART)".to_owned(), now.mono);
        }
        if indicated.news != Iin(0) {
            self.tell(at, || format!("it shows {}", indicated.news.names().collect::<Vec<_>>().join(" ")), now.mono);
        }
    }
}

/// Why static values come in the answer to this.
const fn cause_of(ask: Ask) -> Cause {
    match ask {
        Ask::Duty(Duty::Integrity(_) | Duty::Statics) => Cause::Interrogated,
        Ask::Duty(Duty::Disable | Duty::ClearRestart | Duty::Enable | Duty::Events(_)) => Cause::Background,
        Ask::Command(_) | Ask::Task(_) => Cause::Requested,
    }
}

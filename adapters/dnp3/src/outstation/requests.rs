//! Carries requests out, function by function (rows 18, 24, 30, 43 to 45, 47, 49).

use std::collections::VecDeque;

use bridge_model::Now;

use super::files::Rights;
use super::read::{Step, There, plan};
use super::{Outstation, Station};
use crate::address::PointType;
use crate::app::{FragmentView, Function, HeaderView, Iin, Payload, Qualifier};
use crate::objects::{DnpTime, Kind, Measurement, TimeDelay};
use crate::params::Params;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Handled {
    /// Done, or not: the answer is written but for its indications.
    Answer(Iin),
    /// The answer is read step by step.
    Read(VecDeque<Step>, Iin),
    /// The answer follows, or went out already.
    Later,
    /// The answer is written; then the outstation restarts.
    Restart,
}

/// Whether an outstation with these parameters carries a function out; others are answered NO_FUNC_CODE_SUPPORT. The device profile is
/// written by it.
pub(crate) const fn supports(function: Function, params: &Params) -> bool {
    let allow = &params.allow;
    match function {
        Function::Confirm
        | Function::Read
        | Function::Write
        | Function::Select
        | Function::Operate
        | Function::DirectOperate
        | Function::DelayMeasure
        | Function::RecordCurrentTime => true,
        Function::DirectOperateNoAck => params.direct_no_ack,
        Function::ImmediateFreeze | Function::ImmediateFreezeNoAck | Function::FreezeAtTime | Function::FreezeAtTimeNoAck => {
            allow.counter_freeze
        }
        Function::FreezeClear | Function::FreezeClearNoAck => allow.counter_freeze && allow.counter_reset,
        Function::ColdRestart | Function::WarmRestart => allow.reset,
        Function::EnableUnsolicited | Function::DisableUnsolicited => params.unsolicited != 0,
        Function::AssignClass => allow.assign_class,
        Function::OpenFile
        | Function::CloseFile
        | Function::GetFileInfo
        | Function::AuthenticateFile
        | Function::AbortFile
        // Where writing is not allowed the file's own status says so.
        | Function::DeleteFile => allow.files,
        Function::InitializeData
        | Function::InitializeApplication
        | Function::StartApplication
        | Function::StopApplication
        | Function::SaveConfiguration
        | Function::ActivateConfiguration
        | Function::AuthenticateRequest
        | Function::AuthenticateRequestNoAck
        | Function::Response
        | Function::UnsolicitedResponse
        | Function::AuthenticateResponse => false,
    }
}

impl Outstation {
    /// Carries a request out.
    pub(super) fn execute(&mut self, s: usize, a: usize, view: &FragmentView<'_>, frame: (u32, u64), now: Now) -> Handled {
        if !supports(view.function, &self.params) {
            return Handled::Answer(Iin::NO_FUNC_CODE_SUPPORT);
        }
        if let Err(error) = view.check() {
            return Handled::Answer(error.indication().unwrap_or(Iin::PARAMETER_ERROR));
        }
        match view.function {
            Function::Read if touches_files(view) => self.serve_files(s, a, view, now),
            Function::Read => {
                let Some(station) = self.stations.get(s) else { return Handled::Later };
                let there = There { image: &station.image, before: station.buffer.horizon(), schedules: self.freezes_to_come(s, now) };
                let (steps, wrong) = plan(view, &there);
                Handled::Read(steps, wrong)
            }
            Function::Write if touches_files(view) => self.serve_files(s, a, view, now),
            Function::Write => Handled::Answer(self.write(s, a, view, now)),
            Function::Select | Function::Operate | Function::DirectOperate => self.control(s, a, view, frame, false, now),
            Function::DirectOperateNoAck => self.control(s, a, view, frame, true, now),
            Function::ImmediateFreeze
            | Function::ImmediateFreezeNoAck
            | Function::FreezeClear
            | Function::FreezeClearNoAck
            | Function::FreezeAtTime
            | Function::FreezeAtTimeNoAck => Handled::Answer(self.freeze(s, view, now)),
            Function::ColdRestart | Function::WarmRestart => {
                let delay = TimeDelay::from_duration(self.params.restart_delay);
                match self.writer.counted(52, delay.variation(), &delay.encode()) {
                    Ok(()) => Handled::Restart,
                    Err(_) => Handled::Answer(Iin::PARAMETER_ERROR),
                }
            }
            Function::EnableUnsolicited | Function::DisableUnsolicited => Handled::Answer(self.enable(s, a, view)),
            Function::AssignClass => Handled::Answer(self.assign(s, view)),
            Function::DelayMeasure => {
                // Nothing passes between taking a request and answering it.
                let delay = TimeDelay::Fine(0);
                let written = self.writer.counted(52, delay.variation(), &delay.encode());
                Handled::Answer(if written.is_ok() { Iin(0) } else { Iin::PARAMETER_ERROR })
            }
            Function::RecordCurrentTime => {
                if let Some(association) = self.association(s, a) {
                    association.recorded = Some(now.mono);
                }
                Handled::Answer(Iin(0))
            }
            Function::OpenFile
            | Function::CloseFile
            | Function::DeleteFile
            | Function::GetFileInfo
            | Function::AuthenticateFile
            | Function::AbortFile => self.serve_files(s, a, view, now),
            // Not supported, or no request; a CONFIRM was taken before.
            Function::InitializeData
            | Function::InitializeApplication
            | Function::StartApplication
            | Function::StopApplication
            | Function::SaveConfiguration
            | Function::ActivateConfiguration
            | Function::AuthenticateRequest
            | Function::AuthenticateRequestNoAck
            | Function::Confirm
            | Function::Response
            | Function::UnsolicitedResponse
            | Function::AuthenticateResponse => Handled::Later,
        }
    }

    /// What of a broadcast is carried out: what needs no answer (rows 41 and 58). Gives what is wrong with it.
    pub(super) fn execute_broadcast(&mut self, s: usize, a: usize, view: &FragmentView<'_>, frame: (u32, u64), now: Now) -> Iin {
        let operates = matches!(view.function, Function::DirectOperate | Function::DirectOperateNoAck);
        let needs_no_answer = matches!(
            view.function,
            Function::Write
                | Function::ImmediateFreeze
                | Function::ImmediateFreezeNoAck
                | Function::FreezeClear
                | Function::FreezeClearNoAck
                | Function::FreezeAtTime
                | Function::FreezeAtTimeNoAck
                | Function::EnableUnsolicited
                | Function::DisableUnsolicited
                | Function::AssignClass
                | Function::RecordCurrentTime
        );
        let handled = if operates && self.params.broadcast_controls {
            if let Err(error) = view.check() {
                return error.indication().unwrap_or(Iin::PARAMETER_ERROR);
            }
            self.supersede_for_broadcast(s, a, now);
            self.control(s, a, view, frame, true, now)
        } else if needs_no_answer && !touches_files(view) {
            // What it writes goes nowhere.
            self.begin_answer(view.control.seq);
            self.execute(s, a, view, frame, now)
        } else {
            return Iin::NO_FUNC_CODE_SUPPORT;
        };
        match handled {
            Handled::Answer(wrong) => wrong,
            Handled::Read(..) | Handled::Later | Handled::Restart => Iin(0),
        }
    }

    /// A command to all takes the place of what the master waited for.
    fn supersede_for_broadcast(&mut self, s: usize, a: usize, now: Now) {
        self.end_reply(s, a, "a broadcast command came", now);
        self.lapse(s, a);
    }

    fn serve_files(&mut self, s: usize, a: usize, view: &FragmentView<'_>, now: Now) -> Handled {
        if !self.params.allow.files {
            return Handled::Answer(Iin::OBJECT_UNKNOWN);
        }
        let max_fragment = self.params.max_transmit.min(self.params.max_receive);
        let rights = Rights { write: self.params.allow.file_write, max_fragment };
        Handled::Answer(self.files.serve(view, (s, a), rights, &mut self.writer, now.mono))
    }

    /// WRITE: all of it or nothing.
    fn write(&mut self, s: usize, a: usize, view: &FragmentView<'_>, now: Now) -> Iin {
        let mut wrong = if view.body.is_empty() { Iin::PARAMETER_ERROR } else { Iin(0) };
        for carry_out in [false, true] {
            for header in view.headers().flatten() {
                wrong = wrong.with(self.write_header(s, a, &header, carry_out, now));
            }
            if wrong != Iin(0) {
                break;
            }
        }
        wrong
    }

    fn write_header(&mut self, s: usize, a: usize, header: &HeaderView<'_>, carry_out: bool, now: Now) -> Iin {
        match (header.object.kind(), header.header.variation) {
            (Some(Kind::InternalIndications), 1) => {
                let clears = |object: crate::app::Object<'_>| object.index == 7 && object.payload == Payload::Bits(0);
                if !header.objects().all(clears) {
                    return Iin::PARAMETER_ERROR;
                }
                if let Some(association) = self.association(s, a).filter(|_| carry_out) {
                    association.restart = false;
                }
                Iin(0)
            }
            (Some(Kind::TimeAndDate), variation @ (1 | 3)) => {
                let zone = self.zone;
                let Some(association) = self.association(s, a) else { return Iin(0) };
                let (recorded, master) = (association.recorded, association.master);
                let at = if variation == 1 { Some(now.mono) } else { recorded };
                let mut times = header.objects();
                let time = times.next().and_then(|object| object.payload.octets().try_into().ok()).map(DnpTime::from_octets);
                let utc = time.and_then(|time| time.utc(zone));
                let (Some(utc), Some(at), None) = (utc, at, times.next()) else { return Iin::PARAMETER_ERROR };
                if carry_out {
                    association.recorded = None;
                    let Some(station) = self.stations.get_mut(s) else { return Iin(0) };
                    let (ahead, worth) = station.clock.write(utc, at, &self.params, now);
                    if worth {
                        let ms = ahead / 1_000_000;
                        self.tell(|| format!("the time of master {master} is {ms} ms ahead of ours: no clock was set"), now.mono);
                    }
                }
                Iin(0)
            }
            // What is there to be read and is not a master's to write: a freeze is scheduled by FREEZE_AT_TIME.
            (Some(Kind::TimeAndDate), 4) | (Some(Kind::SecurityStatistic), _) => Iin::PARAMETER_ERROR,
            (Some(Kind::AnalogDeadband), _) if self.params.allow.parameters => self.write_deadbands(s, header, carry_out),
            _ => Iin::OBJECT_UNKNOWN,
        }
    }

    fn write_deadbands(&mut self, s: usize, header: &HeaderView<'_>, carry_out: bool) -> Iin {
        let Some(variation) = header.object.known() else { return Iin::OBJECT_UNKNOWN };
        if matches!(header.header.qualifier, Qualifier::Count(_)) {
            return Iin::PARAMETER_ERROR;
        }
        let Some(Station { image, .. }) = self.stations.get_mut(s) else { return Iin(0) };
        for object in header.objects() {
            let deadband = Measurement::decode(variation, object.payload).map(|measurement| measurement.value.as_f64());
            let deadband = deadband.filter(|deadband| deadband.is_finite() && *deadband >= 0.0);
            let served = image.find(PointType::Analog, object.index).and_then(|slot| image.get_mut(slot));
            let (Some(deadband), Some(served)) = (deadband, served) else { return Iin::PARAMETER_ERROR };
            if carry_out {
                served.deadband = deadband;
            }
        }
        Iin(0)
    }

    /// A restart on demand (row 47): the answer leaves, then the link ends, and everything begins as it did at the start.
    pub(super) fn restart(&mut self, s: usize, a: usize, function: Function, now: Now) {
        let Some(master) = self.association(s, a).map(|association| association.master) else { return };
        let mut channels = Vec::new();
        let count = self.stations.get(s).map_or(0, |station| station.associations.len());
        for other in 0..count {
            let channel = self.association(s, other).and_then(|association| association.channel);
            channels.extend(channel);
            self.leave(s, other, now);
            if let Some(association) = self.association(s, other) {
                (association.restart, association.channel) = (true, channel);
                association.unsolicited = Default::default();
            }
        }
        if let Some(station) = self.stations.get_mut(s) {
            station.clock = Default::default();
            station.restarts_until = Some(now.mono + self.params.restart_delay);
        }
        self.schedules.retain(|schedule| schedule.station != s);
        self.tell(|| format!("{} by master {master}", function.name()), now.mono);
        if self.params.connected {
            let cause = format!("restart asked for by master {master}");
            for at in channels.into_iter().filter_map(|channel| self.find(channel)).collect::<Vec<_>>() {
                self.shut(at, &cause, false);
            }
        }
    }
}

fn touches_files(view: &FragmentView<'_>) -> bool {
    view.headers().flatten().any(|header| header.object.kind() == Some(Kind::File))
}

//! The end of every call: append, gate, commit, seal, deliver.

use std::collections::BTreeMap;

use bridge_ies::format_time;
use bridge_model::{LinkId, Mono, Now};
use bridge_profile::JournalFailure;
use bridge_session::Request;

use super::{Bridge, desk};
use crate::core::{Output, Passed, Then};
use crate::recorder::Unwritable;
use crate::timers::Timer;

impl Bridge {
    /// The end of every call: append, gate, commit, seal, deliver.
    pub(super) fn finish(&mut self, now: Now) {
        self.watch_journal(now);
        self.served.flush(&mut self.core);
        self.webhooks.push(&mut self.core, &mut self.exchange, now);
        let core = &mut self.core;
        if core.recorder.unwritable().is_none()
            && let Some(Passed { since, count, unacknowledged }) = core.passed.take()
        {
            core.tell(format!("journal writable again; {} items went on without it", count + unacknowledged));
            let span = [("from", format_time(since.utc.0)), ("to", format_time(now.utc.0))];
            if count > 0 {
                core.note(now, "gap", "acknowledged, not durable", &[span.as_slice(), &[("count", count.to_string())]].concat());
            }
            if unacknowledged > 0 {
                let fields = [span.as_slice(), &[("count", unacknowledged.to_string())]].concat();
                core.note(now, "gap", "static values used, neither durable nor acknowledged; events are offered again", &fields);
            }
            // What moved meanwhile and stands still now has no leaf, and nobody would get one.
            self.router.write_passed(core, now);
        }
        let end = core.recorder.flush(now);
        self.exchange.handle_flushed(end);
        core.then.extend(core.pending.drain(..).map(|then| (end, then)));
        core.recorder.snapshot(&core.store, now);
        self.seal(now);
        if let Some(job) = self.core.recorder.commit(now.mono) {
            self.core.out.push_back(Output::Sync(job));
        }
        self.release(now);
        self.stream_out.push(&mut self.core);
        self.exchange.deliver(&mut self.core, now);
        self.arm(now);
    }

    /// Tells the links that acknowledge no event meanwhile when the journal takes nothing any more, and when it does again (R23).
    fn watch_journal(&mut self, now: Now) {
        let rests = self.core.rests(now);
        if rests == self.journal_rests {
            return;
        }
        self.journal_rests = rests;
        let plan = self.core.plan.clone();
        let links = plan.links.iter().zip(0_u16..).filter(|(link, _)| link.on_journal_failure == JournalFailure::Statics);
        for (link, place) in links {
            let name = &link.spec.name;
            self.core.tell(if rests {
                format!("link {name}: the journal takes nothing, so no event is acknowledged; static values go on")
            } else {
                format!("link {name}: the journal takes what is read again")
            });
            self.core.ask(LinkId(place), Request::Journal { takes: !rests });
        }
    }

    pub(super) fn seal(&mut self, now: Now) {
        let core = &mut self.core;
        let due = core.recorder.seal_due().is_some_and(|due| due <= now.mono);
        let heartbeat = core.recorder.heartbeat_due() <= now.mono;
        if due || heartbeat {
            let (clock, dropped) = (core.clock.clone(), core.counters.dropped.clone());
            if let Some(leaves) = core.recorder.seal(heartbeat && !due, clock, dropped, now) {
                core.counters.events_sealed += leaves;
            }
        }
    }

    /// Does what has become durable.
    pub(super) fn release(&mut self, now: Now) {
        let durable = self.core.recorder.durable();
        // A link may have several live connections: each has its own receipts.
        let mut receipts: BTreeMap<(LinkId, u32), u64> = BTreeMap::new();
        while self.core.then.front().is_some_and(|(at, _)| *at <= durable) {
            let Some((_, then)) = self.core.then.pop_front() else { break };
            match then {
                Then::Receipt { link, connection, frame } => {
                    receipts.insert((link, connection), frame);
                }
                Then::North(outbound) => self.core.out.push_back(Output::North(outbound)),
                Then::Link { link, request } => self.core.ask(link, request),
                Then::Local(reply) => self.core.out.push_back(Output::Local(reply)),
                Then::Start { control } => {
                    self.programmes.start(&mut desk(&mut self.core, &mut self.exchange, &self.router, now), control);
                    self.append(now);
                }
            }
        }
        for ((link, connection), frame) in receipts {
            self.router.handle_receipt(link, connection, frame);
            self.core.out.push_back(Output::Durable { link, connection, frame });
        }
    }

    /// Appends what a release decided.
    pub(super) fn append(&mut self, now: Now) {
        let core = &mut self.core;
        let end = core.recorder.flush(now);
        self.exchange.handle_flushed(end);
        core.then.extend(core.pending.drain(..).map(|then| (end, then)));
        if let Some(job) = core.recorder.commit(now.mono) {
            core.out.push_back(Output::Sync(job));
        }
    }

    pub(super) fn arm(&mut self, now: Now) {
        let core = &mut self.core;
        match core.recorder.commit_due() {
            Some(at) => core.timers.set(Timer::Commit, at.max(Mono(now.mono.0 + 1))),
            None => core.timers.cancel(&Timer::Commit),
        }
        match core.recorder.seal_due() {
            // What is not durable yet cannot be sealed: the end of its commit looks again.
            Some(at) if at > now.mono => core.timers.set(Timer::Seal, at),
            Some(_) | None => core.timers.cancel(&Timer::Seal),
        }
        match core.recorder.snapshot_due() {
            Some(at) if core.recorder.unwritable().is_none() => core.timers.set(Timer::SnapshotPart, at.max(Mono(now.mono.0 + 1))),
            Some(_) | None => core.timers.cancel(&Timer::SnapshotPart),
        }
        if matches!(core.recorder.unwritable(), Some((Unwritable::Full, _))) {
            core.timers.set_earlier(Timer::Rewrite, now.mono + std::time::Duration::from_millis(200));
        }
        let heartbeat = core.recorder.heartbeat_due();
        core.timers.set(Timer::Heartbeat, if heartbeat > now.mono { heartbeat } else { now.mono + core.settings.pace.heartbeat });
    }
}

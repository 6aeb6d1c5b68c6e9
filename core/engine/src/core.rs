//! What every part of the engine shares within one call: the plan, the journal, the tables, the timers and the outputs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bridge_journal::{Position, SyncJob};
use bridge_model::{Command, CommandId, LinkId, Mono, Now, Utc};
use bridge_profile::Plan;
use bridge_provenance::ClockState;
use bridge_session::{Outbound, Request};
use bridge_trust::{Ed25519Key, Es256Key, TrustBundle};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::counters::Counters;
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::store::{Store, Table};
use crate::timers::Timers;

/// What the engine asks of its shell.
pub enum Output {
    /// Hand a request to a link's session.
    Link {
        /// The link.
        link: LinkId,
        /// The request.
        request: Request,
    },
    /// The receipt: every frame of this connection up to this one is durable.
    Durable {
        /// The link.
        link: LinkId,
        /// Its connection.
        connection: u32,
        /// The last durable frame.
        frame: u64,
    },
    /// Run this blocking commit elsewhere and bring back what it gives.
    Sync(SyncJob),
    /// Hand this to the IES side.
    North(Outbound),
    /// Answer a local request.
    Local(LocalReply),
    /// One line in an operator's words.
    Story(String),
}

/// The answer to a [`LocalRequest`](crate::LocalRequest).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalReply {
    /// Which request.
    pub id: u64,
    /// The JSON line to print.
    pub line: String,
}

/// What happens when something has become durable.
pub(crate) enum Then {
    /// The receipt of a frame.
    Receipt { link: LinkId, connection: u32, frame: u64 },
    /// Something leaves for the IES side.
    North(Outbound),
    /// A session may act.
    Link { link: LinkId, request: Request },
    /// A programme may start.
    Start { control: usize },
    /// A local request is answered.
    Local(LocalReply),
}

/// Who we are and what we sign with.
pub struct Identity {
    /// Signs the Beckn transport.
    pub beckn: Ed25519Key,
    /// The record id of that key.
    pub beckn_key_id: String,
    /// Signs operations.
    pub content: Es256Key,
    /// The verification method of that key (`did:web:…#key-0`).
    pub content_kid: String,
}

/// Injected randomness: 128 bits a call.
pub type Random = Box<dyn FnMut() -> u128 + Send>;

/// How long the wall clock must run with the steady one before it is believed again.
const CLOCK_QUIET: Duration = Duration::from_secs(60);

/// What went on without the journal (R23).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) since: Now,
    /// Frames that were acknowledged, and points.
    pub(crate) count: u64,
    /// Frames of links that acknowledge nothing meanwhile.
    pub(crate) unacknowledged: u64,
}

pub(crate) struct Core {
    pub(crate) plan: Arc<Plan>,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    pub(crate) trust: TrustBundle,
    pub(crate) recorder: Recorder,
    pub(crate) store: Store,
    pub(crate) timers: Timers,
    pub(crate) counters: Counters,
    pub(crate) out: VecDeque<Output>,
    pub(crate) then: VecDeque<(Position, Then)>,
    pub(crate) pending: Vec<Then>,
    /// What is held of the clock: a step makes it doubtful. Its synchronisation is not read from the system.
    pub(crate) clock: ClockState,
    last_now: Now,
    quiet_from: Mono,
    pub(crate) notes: u32,
    /// What went on without the journal (R23).
    pub(crate) passed: Option<Passed>,
    random: Random,
}

impl Core {
    #[expect(clippy::too_many_arguments, reason = "the one place where the parts meet")]
    pub(crate) fn new(
        plan: Arc<Plan>,
        settings: Settings,
        identity: Identity,
        trust: TrustBundle,
        mut recorder: Recorder,
        mut store: Store,
        random: Random,
        now: Now,
    ) -> Self {
        let notes = recorder.stream(&mut store, "notes");
        let clock = ClockState { source: settings.clock_source.clone(), synchronised: true, uncertainty_us: 0 };
        Self {
            plan,
            settings,
            identity,
            trust,
            recorder,
            store,
            timers: Timers::default(),
            counters: Counters::default(),
            out: VecDeque::new(),
            then: VecDeque::new(),
            pending: Vec::new(),
            clock,
            last_now: now,
            quiet_from: now.mono,
            notes,
            passed: None,
            random,
        }
    }

    /// The stream that tells subscribers which of our links were lost.
    pub(crate) fn links_stream(&mut self) -> u32 {
        self.recorder.stream(&mut self.store, "links")
    }

    /// A fresh time-ordered operation id.
    pub(crate) fn uuid(&mut self, now: Now) -> String {
        bridge_ies::uuid7(u64::try_from(now.utc.as_millis()).unwrap_or(0), (self.random)())
    }

    pub(crate) fn random(&mut self) -> u128 {
        (self.random)()
    }

    /// Does this as soon as everything decided in the present call is durable.
    pub(crate) fn when_durable(&mut self, then: Then) {
        self.pending.push(then);
    }

    /// The journal has been unwritable for so long that what may pass it does (R23).
    pub(crate) fn passes(&self, now: Now) -> bool {
        self.recorder.unwritable().is_some_and(|(_, since)| now.mono.since(since) >= self.settings.journal_patience)
    }

    /// Nothing has become durable for so long that what a station would forget is not acknowledged, and its static values go on (R23).
    pub(crate) fn rests(&self, now: Now) -> bool {
        self.recorder.stuck().is_some_and(|since| now.mono.since(since) >= self.settings.journal_patience)
    }

    /// Something was acknowledged without being durable.
    pub(crate) fn pass(&mut self, count: u64, now: Now) {
        self.passed(now).count += count;
        self.counters.passed_unsealed += count;
    }

    /// Frames were used that are neither durable nor acknowledged.
    pub(crate) fn pass_unacknowledged(&mut self, count: u64, now: Now) {
        self.passed(now).unacknowledged += count;
        self.counters.passed_unsealed += count;
    }

    fn passed(&mut self, now: Now) -> &mut Passed {
        self.passed.get_or_insert(Passed { since: now, count: 0, unacknowledged: 0 })
    }

    /// Takes back a command that has not been released to its session.
    pub(crate) fn withdraw(&mut self, id: CommandId) -> Option<Command> {
        let command = |then: &Then| match then {
            Then::Link { request: Request::Command(command), .. } if command.id == id => Some(*command),
            Then::Link { .. } | Then::Receipt { .. } | Then::North(_) | Then::Start { .. } | Then::Local(_) => None,
        };
        let found = self.pending.iter().chain(self.then.iter().map(|(_, then)| then)).find_map(command)?;
        self.pending.retain(|then| command(then).is_none());
        self.then.retain(|(_, then)| command(then).is_none());
        Some(found)
    }

    /// Looks whether the wall clock stepped against the steady one: commands are refused until it has been quiet for a while (R5).
    pub(crate) fn observe_clock(&mut self, now: Now) {
        let (steady, wall) = (now.mono.0.cast_signed() - self.last_now.mono.0.cast_signed(), now.utc.0 - self.last_now.utc.0);
        let step = steady.abs_diff(wall);
        self.last_now = now;
        if u128::from(step) > self.settings.clock_limit.as_nanos() {
            self.clock.synchronised = false;
            self.clock.uncertainty_us = u32::try_from(step / 1000).unwrap_or(u32::MAX);
            self.quiet_from = now.mono + CLOCK_QUIET;
            self.tell("the clock stepped: commands are refused until it has been quiet for a minute");
            self.note(now, "clock-step", "the wall clock stepped against the steady clock", &[("ns", step.to_string())]);
        } else if !self.clock.synchronised && now.mono >= self.quiet_from {
            self.clock.synchronised = true;
            self.clock.uncertainty_us = 0;
        }
    }

    /// Asks a session, now. Only for what needs no journal first.
    pub(crate) fn ask(&mut self, link: LinkId, request: Request) {
        self.out.push_back(Output::Link { link, request });
    }

    pub(crate) fn tell(&mut self, line: impl Into<String>) {
        self.out.push_back(Output::Story(line.into()));
    }

    /// A journaled, sealed remark.
    pub(crate) fn note(&mut self, now: Now, kind: &str, text: &str, fields: &[(&str, String)]) {
        let fields: BTreeMap<String, String> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let stream = self.notes;
        self.recorder.note(stream, now, kind, text, fields);
    }

    pub(crate) fn put<T: Serialize>(&mut self, table: Table, key: &[u8], value: &T) {
        // Only maps with non-string keys can fail, and no stored type has one.
        if let Ok(bytes) = serde_json::to_vec(value) {
            self.store.put(self.recorder.group(), table, key, &bytes);
        }
    }

    pub(crate) fn put_bytes(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.store.put(self.recorder.group(), table, key, value);
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.store.delete(self.recorder.group(), table, key);
    }

    pub(crate) fn load<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Option<T> {
        serde_json::from_slice(self.store.value(table, key)?).ok()
    }

    /// A UTC deadline on the monotonic clock. A deadline in the past is due now.
    pub(crate) fn mono(&self, due: Utc, now: Now) -> Mono {
        now.mono + due.since(now.utc)
    }
}

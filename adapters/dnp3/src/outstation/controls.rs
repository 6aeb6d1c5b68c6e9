//! SELECT, OPERATE, DIRECT_OPERATE (clause 5, rows 34 to 41; R15).
//!
//! The session never decides what happens to the plant: it refuses what is unlawful on the wire, hands every other control on, and echoes
//! the request with the bridge's answers when the last of them is there.

use std::collections::BTreeMap;

use bridge_model::{Action, Mono, PointId};
use bridge_session::{Answer, CommandToken, Refusal};

use crate::address::{Address, CommandAddress, CrobModel, PointType};
use crate::app::{FragmentView, Iin, Qualifier};
use crate::objects::{AnalogOutput, ControlModel, ControlPoint, ControlStatus, Crob, Intent, Kind};

/// The longest pulse that is taken, in milliseconds: what is operated is the plant's own pulse, the wish for a longer one is a mistake.
pub(super) const PULSE_MS_MAX: u32 = 60_000;
/// Unanswered selects that are remembered after their request was dropped.
const ORPHANS_MAX: usize = 1000;

/// One control of a request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Control {
    /// Where its status stands in the echo.
    status_at: usize,
    /// What is wanted of whom; nothing if it goes no further.
    pub(super) wish: Option<(PointId, Action)>,
    /// What became of it, once known.
    pub(super) status: Option<ControlStatus>,
    pub(super) token: Option<CommandToken>,
}

/// The controls of a request and the octets that echo them.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Controls {
    /// Object headers and objects as they came, the statuses as answered.
    echo: Vec<u8>,
    pub(super) all: Vec<Control>,
}

impl Controls {
    /// The controls of a request. What is unlawful about one is its status.
    ///
    /// # Errors
    /// The request as a whole is not one: an answer without objects says why.
    pub(super) fn read(view: &FragmentView<'_>, table: &ControlTable, outstation: u16) -> Result<Self, Iin> {
        let mut controls = Self { echo: view.body.to_vec(), all: Vec::new() };
        let mut at = 0;
        for header in view.headers() {
            let header = header.map_err(|error| error.indication().unwrap_or(Iin::PARAMETER_ERROR))?;
            let of = match (header.object.kind(), header.header.variation) {
                (Some(Kind::BinaryCommand), 1) => PointType::BinaryOutput,
                (Some(Kind::AnalogCommand), 1..=4) => PointType::AnalogOutput,
                _ => return Err(Iin::OBJECT_UNKNOWN),
            };
            let Qualifier::Indexed(width) = header.header.qualifier else { return Err(Iin::PARAMETER_ERROR) };
            at += header.octets.len() - header.carried.len();
            for object in header.objects() {
                let octets = object.payload.octets();
                at += width.octets() + octets.len();
                let wish = table.wish(outstation, of, object.index, header.header.variation, octets);
                let (wish, status) = wish.map_or_else(|status| (None, Some(status)), |wish| (Some(wish), None));
                controls.all.push(Control { status_at: at - 1, wish, status, token: None });
            }
        }
        if controls.all.is_empty() { Err(Iin::PARAMETER_ERROR) } else { Ok(controls) }
    }

    /// Everything that is not answered yet gets this status.
    pub(super) fn settle(&mut self, status: ControlStatus) {
        for control in &mut self.all {
            control.status.get_or_insert(status);
        }
    }

    /// Every control gets this status.
    pub(super) fn refuse(&mut self, status: ControlStatus) {
        for control in &mut self.all {
            control.status = Some(status);
        }
    }

    /// Whether every control is answered.
    pub(super) fn is_settled(&self) -> bool {
        self.all.iter().all(|control| control.status.is_some())
    }

    /// Whether every control was accepted.
    pub(super) fn is_accepted(&self) -> bool {
        self.all.iter().all(|control| control.status == Some(ControlStatus::SUCCESS))
    }

    /// The points that the bridge was asked for.
    pub(super) fn points(&self) -> impl Iterator<Item = PointId> {
        self.all.iter().filter_map(|control| control.wish.map(|(point, _)| point))
    }

    /// The answer's objects.
    pub(super) fn echoed(&mut self) -> &[u8] {
        for control in &self.all {
            if let (Some(octet), Some(status)) = (self.echo.get_mut(control.status_at), control.status) {
                *octet = status.0;
            }
        }
        &self.echo
    }
}

/// A request whose controls wait for the bridge.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) seq: u8,
    pub(super) is_select: bool,
    /// Without an answer to the master: DIRECT_OPERATE_NR, or a broadcast.
    pub(super) silent: bool,
    pub(super) controls: Controls,
    /// The objects as they came: an OPERATE has the same.
    pub(super) body: Vec<u8>,
    /// When the selection would run out: it counts from the SELECT.
    pub(super) selected_until: Mono,
    /// When nobody waits any more.
    pub(super) until: Mono,
}

/// What a master selected.
#[derive(Debug)]
pub(super) struct Selection {
    /// The sequence number that its OPERATE has.
    pub(super) operate_seq: u8,
    pub(super) body: Vec<u8>,
    pub(super) points: Vec<PointId>,
    pub(super) until: Mono,
    /// It ran out, and that was told; kept to tell TIMEOUT from NO_SELECT.
    pub(super) lapsed: bool,
}

/// The controls of a link, by address.
#[derive(Debug)]
pub(super) struct ControlTable {
    controls: BTreeMap<Address, (PointId, CommandAddress)>,
}

impl ControlTable {
    pub(super) fn new(controls: impl Iterator<Item = (PointId, CommandAddress)>) -> Self {
        let mut table = Self { controls: BTreeMap::new() };
        for (point, command) in controls {
            table.controls.entry(command.address).or_insert((point, command));
        }
        table
    }

    /// The outstations that have controls.
    pub(super) fn outstations(&self) -> impl Iterator<Item = u16> {
        self.controls.keys().map(|address| address.outstation)
    }

    /// What a command object wants.
    fn wish(&self, outstation: u16, of: PointType, index: u32, variation: u8, octets: &[u8]) -> Result<(PointId, Action), ControlStatus> {
        let index = u16::try_from(index).map_err(|_| ControlStatus::NOT_SUPPORTED)?;
        let found = self.controls.get(&Address { outstation, of, index });
        let status = octets.last().copied().unwrap_or_default();
        if status != 0 {
            return Err(ControlStatus::FORMAT_ERROR);
        }
        let action = if of == PointType::BinaryOutput {
            let crob = Crob::decode(octets).ok_or(ControlStatus::FORMAT_ERROR)?;
            let (_, command) = found.ok_or(ControlStatus::NOT_SUPPORTED)?;
            let model = match command.model {
                CrobModel::Latch => ControlModel::ComplementaryLatch,
                CrobModel::Activation => ControlModel::Activation,
                CrobModel::TripClose => ControlModel::ComplementaryTwoOutput,
            };
            let point = ControlPoint { model, lenient: false, count_max: command.count, pulse_ms_max: PULSE_MS_MAX };
            match point.intent(&crob)? {
                Intent::Activate | Intent::On => Action::Switch(true),
                Intent::Off => Action::Switch(false),
            }
        } else {
            let output = AnalogOutput::decode(variation, octets).ok_or(ControlStatus::FORMAT_ERROR)?;
            let value = output.value().as_f64();
            if !value.is_finite() {
                return Err(ControlStatus::OUT_OF_RANGE);
            }
            Action::Set(value)
        };
        found.map(|(point, _)| (*point, action)).ok_or(ControlStatus::NOT_SUPPORTED)
    }
}

/// Who waits for the answer of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiter {
    /// The request that an association holds: outstation, master, place in the request.
    Held(usize, usize, usize),
    /// Nobody any more. A confirmation of such a select selects nothing here, and that is told.
    Orphan(PointId),
}

/// The commands that the bridge has not answered.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    waiters: BTreeMap<CommandToken, Waiter>,
    orphans: usize,
    last: u64,
}

impl Tokens {
    pub(super) fn issue(&mut self, waiter: Waiter) -> CommandToken {
        self.last += 1;
        let token = CommandToken(self.last);
        self.waiters.insert(token, waiter);
        token
    }

    /// Who waits for this answer. A later answer to the same command has no meaning here.
    pub(super) fn take(&mut self, token: CommandToken) -> Option<Waiter> {
        let waiter = self.waiters.remove(&token)?;
        self.orphans -= usize::from(matches!(waiter, Waiter::Orphan(_)));
        Some(waiter)
    }

    /// Nobody waits any more for a control: of a select it is remembered.
    pub(super) fn abandon(&mut self, token: CommandToken, point: PointId, is_select: bool) {
        if self.waiters.remove(&token).is_some() && is_select {
            while self.orphans >= ORPHANS_MAX {
                let Some(oldest) = self.waiters.iter().find(|(_, waiter)| matches!(waiter, Waiter::Orphan(_))).map(|(token, _)| *token)
                else {
                    break;
                };
                self.take(oldest);
            }
            self.waiters.insert(token, Waiter::Orphan(point));
            self.orphans += 1;
        }
    }
}

/// The status of an answer; `None` if nothing is to be said.
pub(super) const fn status_of(answer: Answer) -> Option<ControlStatus> {
    match answer {
        Answer::Confirm | Answer::Terminate => Some(ControlStatus::SUCCESS),
        Answer::Refuse(why) => Some(match why {
            Refusal::TooLate => ControlStatus::TIMEOUT,
            Refusal::NotSelected => ControlStatus::NO_SELECT,
            Refusal::Malformed => ControlStatus::FORMAT_ERROR,
            Refusal::NotSupported => ControlStatus::NOT_SUPPORTED,
            Refusal::Busy => ControlStatus::ALREADY_ACTIVE,
            Refusal::Local => ControlStatus::LOCAL,
            Refusal::TooMany => ControlStatus::TOO_MANY_OBJECTS,
            Refusal::NotAuthorised => ControlStatus::NOT_AUTHORIZED,
            Refusal::Inhibited => ControlStatus::AUTOMATION_INHIBIT,
            Refusal::OutOfRange => ControlStatus::OUT_OF_RANGE,
            Refusal::Unavailable => ControlStatus::DOWNSTREAM_FAIL,
        }),
        Answer::Silence => None,
    }
}

//! SELECT, OPERATE, DIRECT_OPERATE (clause 5, rows 34 to 41; R15).
//!
//! The session never decides what happens to the plant: it refuses what is unlawful on the wire, hands every other control on, and echoes
//! the request with the bridge's answers when the last of them is there.

use std::collections::BTreeMap;

use bridge_model::{Action, Mono, PointId, Value};
use bridge_session::{Answer, CommandToken, Refusal};

use crate::address::{Address, CommandAddress, CrobModel, PointType};
use crate::app::{FragmentView, Iin, Payload, Qualifier};
use crate::objects::{AnalogOutput, ControlModel, ControlPoint, ControlStatus, Crob, Intent, Kind, OpType, TripClose};

/// The longest pulse that is taken, in milliseconds: what is operated is the plant's own pulse, the wish for a longer one is a mistake.
pub(super) const PULSE_MS_MAX: u32 = 60_000;
/// Unanswered selects that are remembered after their request was dropped.
const ORPHANS_MAX: usize = 1000;

/// What a command object asks for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Wish {
    pub(super) point: PointId,
    pub(super) action: Action,
}

/// What is told of a command that was given (g13, g43).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Told {
    /// The class of the event, 1 to 3.
    pub(super) class: u8,
    pub(super) of: PointType,
    pub(super) index: u16,
    /// The value as it was asked for.
    pub(super) value: Value,
}

/// One control of a request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Control {
    /// Where its status stands in the echo. The points of a pattern share one.
    status_at: usize,
    /// What is told of it, if its point declares that.
    pub(super) told: Option<Told>,
    /// What is wanted of whom; nothing if it goes no further.
    pub(super) wish: Option<Wish>,
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
    /// How many there are: a bit of a mask is one, and beyond `max_controls` they are only counted, because none is carried out then.
    pub(super) count: usize,
}

impl Controls {
    /// The controls of a request, of which `max` may be carried out. What is unlawful about one is its status.
    ///
    /// # Errors
    /// The request as a whole is not one: an answer without objects says why.
    pub(super) fn read(view: &FragmentView<'_>, table: &ControlTable, outstation: u16, max: usize) -> Result<Self, Iin> {
        let mut controls = Self { echo: view.body.to_vec(), all: Vec::new(), count: 0 };
        let mut pattern: Option<Pattern<'_>> = None;
        let mut at = 0;
        for header in view.headers() {
            let header = header.map_err(|error| error.indication().unwrap_or(Iin::PARAMETER_ERROR))?;
            let of = match (header.object.kind(), header.header.variation) {
                (Some(Kind::BinaryCommand), 1..=3) => PointType::BinaryOutput,
                (Some(Kind::AnalogCommand), 1..=4) => PointType::AnalogOutput,
                _ => return Err(Iin::OBJECT_UNKNOWN),
            };
            let begins = at;
            at += header.octets.len() - header.carried.len();
            if of == PointType::BinaryOutput && header.header.variation == 3 {
                // Only behind its block.
                let found = pattern.as_mut().ok_or(Iin::PARAMETER_ERROR)?;
                let named = header.objects().filter(|object| object.payload == Payload::Bits(1));
                for object in named {
                    found.is_used = true;
                    if controls.all.len() > max {
                        controls.count += 1;
                        continue;
                    }
                    controls.push(table.read(outstation, of, object.index, 1, found.octets), found.status_at);
                }
                at = begins + header.octets.len();
                continue;
            }
            end_pattern(pattern.take())?;
            if of == PointType::BinaryOutput && header.header.variation == 2 {
                let mut blocks = header.objects();
                let (Qualifier::Count(_), Some(block), None) = (header.header.qualifier, blocks.next(), blocks.next()) else {
                    return Err(Iin::PARAMETER_ERROR);
                };
                at = begins + header.octets.len();
                pattern = Some(Pattern { octets: block.payload.octets(), status_at: at - 1, is_used: false });
                continue;
            }
            let Qualifier::Indexed(width) = header.header.qualifier else { return Err(Iin::PARAMETER_ERROR) };
            for object in header.objects() {
                let octets = object.payload.octets();
                at += width.octets() + octets.len();
                controls.push(table.read(outstation, of, object.index, header.header.variation, octets), at - 1);
            }
        }
        end_pattern(pattern)?;
        if controls.all.is_empty() { Err(Iin::PARAMETER_ERROR) } else { Ok(controls) }
    }

    fn push(&mut self, (told, wish): (Option<Told>, Result<Wish, ControlStatus>), status_at: usize) {
        let (wish, status) = wish.map_or_else(|status| (None, Some(status)), |wish| (Some(wish), None));
        self.count += 1;
        self.all.push(Control { status_at, told, wish, status, token: None });
    }

    /// A pattern says one thing of all its points: if one of them cannot have it, none is asked for it.
    pub(super) fn settle_patterns(&mut self) {
        let refused: Vec<usize> = self.all.iter().filter(|control| control.status.is_some()).map(|control| control.status_at).collect();
        for control in self.all.iter_mut().filter(|control| control.status.is_none() && refused.contains(&control.status_at)) {
            control.status = Some(ControlStatus::NON_PARTICIPATING);
        }
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
        self.all.iter().filter_map(|control| control.wish.map(|wish| wish.point))
    }

    /// The answer's objects.
    pub(super) fn echoed(&mut self) -> &[u8] {
        for control in &self.all {
            if let Some(octet) = self.echo.get_mut(control.status_at) {
                *octet = ControlStatus::SUCCESS.0;
            }
        }
        // Of a pattern the first that was not accepted says why, and 0 means all of them.
        let why = |control: &&Control| control.status != Some(ControlStatus::NON_PARTICIPATING);
        let (whys, others): (Vec<&Control>, Vec<&Control>) = self.all.iter().partition(why);
        for control in whys.into_iter().chain(others) {
            if let (Some(octet), Some(status)) = (self.echo.get_mut(control.status_at), control.status)
                && *octet == ControlStatus::SUCCESS.0
            {
                *octet = status.0;
            }
        }
        &self.echo
    }
}

/// A pattern control block (g12v2): what the points have in common that the masks behind it name (g12v3).
struct Pattern<'a> {
    octets: &'a [u8],
    status_at: usize,
    /// A mask named a point.
    is_used: bool,
}

/// A block without a mask, or with one that names nothing, commands nobody.
fn end_pattern(pattern: Option<Pattern<'_>>) -> Result<(), Iin> {
    if pattern.is_some_and(|pattern| !pattern.is_used) { Err(Iin::PARAMETER_ERROR) } else { Ok(()) }
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

    /// What a command object wants, or the status that refuses it; and what is told of it.
    fn read(
        &self,
        outstation: u16,
        of: PointType,
        index: u32,
        variation: u8,
        octets: &[u8],
    ) -> (Option<Told>, Result<Wish, ControlStatus>) {
        let index = u16::try_from(index).ok();
        let found = index.and_then(|index| self.controls.get(&Address { outstation, of, index }));
        let asked = asked(of, variation, octets);
        let told = match (found, index, asked) {
            (Some((_, command)), Some(index), Ok((value, _))) if command.class > 0 => Some(Told { class: command.class, of, index, value }),
            _ => None,
        };
        (told, asked.and_then(|(_, asked)| wish(found, asked, octets)))
    }
}

/// A command object as it can be read.
#[derive(Clone, Copy)]
enum Asked {
    Relay(Crob),
    Number(f64),
}

/// The value that a command object asks for, as an event tells it, and the object.
fn asked(of: PointType, variation: u8, octets: &[u8]) -> Result<(Value, Asked), ControlStatus> {
    if of == PointType::BinaryOutput {
        let crob = Crob::decode(octets).ok_or(ControlStatus::FORMAT_ERROR)?;
        let on = crob.code.trip_close() == TripClose::Close
            || crob.code.trip_close() != TripClose::Trip && matches!(crob.code.op(), OpType::LatchOn | OpType::PulseOn);
        return Ok((Value::Bool(on), Asked::Relay(crob)));
    }
    let output = AnalogOutput::decode(variation, octets).ok_or(ControlStatus::FORMAT_ERROR)?;
    Ok((output.value(), Asked::Number(output.value().as_f64())))
}

/// What is wanted of whom; the status of what is unlawful on the wire.
fn wish(found: Option<&(PointId, CommandAddress)>, asked: Asked, octets: &[u8]) -> Result<Wish, ControlStatus> {
    if octets.last().copied().unwrap_or_default() != 0 {
        return Err(ControlStatus::FORMAT_ERROR);
    }
    let action = match asked {
        Asked::Relay(crob) => {
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
        }
        Asked::Number(value) if !value.is_finite() => return Err(ControlStatus::OUT_OF_RANGE),
        Asked::Number(value) => Action::Set(value),
    };
    found.map(|(point, _)| Wish { point: *point, action }).ok_or(ControlStatus::NOT_SUPPORTED)
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

//! A process for any point list: measurands walk, states rest, totals count, and what a control drives follows it with ramp and lag.
//!
//! Values are in engineering units; the station scales them to the wire. Every value is a function of seed and time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bridge_model::{Action, Mono, Now, PointId, Utc, Value};

use crate::rng::Rng;

/// How a point lives that no control drives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Life {
    /// It never changes by itself: a state, or something that stands still.
    Rest(Value),
    /// It walks at random between these, beginning half-way.
    Walk {
        /// The lowest value.
        low: f64,
        /// The highest value.
        high: f64,
    },
    /// It counts up, this much each turn.
    Count(u32),
}

/// A control and what follows it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Loop {
    /// The control point.
    pub control: PointId,
    /// The lowest target taken.
    pub min: f64,
    /// The highest target taken.
    pub max: f64,
    /// Where it begins.
    pub start: f64,
    /// The point that shows the target in force, at once.
    pub echo: Option<PointId>,
    /// The point that follows it.
    pub follows: Option<PointId>,
    /// The fastest change, in units per second.
    pub rate: f64,
    /// The time constant of the lag.
    pub lag: Duration,
    /// What follows is never above this point of the process: the power that the sun gives.
    pub ceiling: Option<PointId>,
    /// The latch that has to be on; while it is off, what follows goes as high as it may.
    pub enable: Option<PointId>,
}

/// One change.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ProcessChange {
    pub(crate) point: PointId,
    pub(crate) value: Value,
    pub(crate) stamp: Utc,
    pub(crate) by_command: bool,
}

#[derive(Debug)]
struct Held {
    life: Life,
    value: f64,
}

#[derive(Debug)]
struct Driven {
    spec: Loop,
    /// The control that drives the same point and was there before: what follows is the lower of both.
    beside: Option<PointId>,
    target: f64,
    value: f64,
    told: f64,
}

/// A control that stays as it was switched.
#[derive(Debug)]
struct Latch {
    on: bool,
    shown: Vec<PointId>,
}

/// The process.
#[derive(Debug)]
pub struct Process {
    points: BTreeMap<PointId, Held>,
    loops: BTreeMap<PointId, Driven>,
    latches: BTreeMap<PointId, Latch>,
    /// Between two changes of a walking or counting point; zero is never.
    every: Duration,
    next_walk: Mono,
    next_step: Mono,
    rng: Rng,
    changes: VecDeque<ProcessChange>,
}

impl Process {
    /// The step of what follows.
    pub const STEP: Duration = Duration::from_millis(100);
    /// A walking point moves at most by this share of its band.
    const SHARE: f64 = 0.02;
    /// What follows is told when it moved by this share of its control's range.
    const REPORT_SHARE: f64 = 0.0005;

    /// Nothing yet; what walks does so every `every`, zero for never.
    #[must_use]
    pub fn new(seed: u64, every: Duration) -> Self {
        Self {
            points: BTreeMap::new(),
            loops: BTreeMap::new(),
            latches: BTreeMap::new(),
            every,
            next_walk: Mono(0),
            next_step: Mono(0),
            rng: Rng::new(seed),
            changes: VecDeque::new(),
        }
    }

    /// With one more point.
    #[must_use]
    pub fn with_point(mut self, point: PointId, life: Life) -> Self {
        let value = match life {
            Life::Rest(value) => value.as_f64(),
            Life::Walk { low, high } => f64::midpoint(low, high),
            Life::Count(_) => 0.0,
        };
        self.points.insert(point, Held { life, value });
        self
    }

    /// With one more control; its points are not given a life of their own.
    #[must_use]
    pub fn with_loop(mut self, mut spec: Loop) -> Self {
        for point in [spec.echo, spec.follows].into_iter().flatten() {
            self.points.remove(&point);
        }
        let first = |held: &&Driven| spec.follows.is_some() && held.spec.follows == spec.follows;
        let beside = self.loops.values().find(first).map(|held| held.spec.control);
        if beside.is_some() {
            spec.follows = None;
        }
        self.loops.insert(spec.control, Driven { spec, beside, target: spec.start, value: spec.start, told: spec.start });
        self
    }

    /// With a control that stays as it is switched, off at first, and the points that show it.
    #[must_use]
    pub fn with_latch(mut self, control: PointId, shown: Vec<PointId>) -> Self {
        for point in &shown {
            self.points.remove(point);
        }
        self.latches.insert(control, Latch { on: false, shown });
        self
    }

    /// Every point with its value now, for the image.
    pub(crate) fn image(&self) -> Vec<(PointId, Value)> {
        let held = self.points.iter().map(|(point, held)| (*point, held.shown()));
        let driven = self.loops.values().flat_map(|driven| {
            let echo = driven.spec.echo.map(|point| (point, Value::Real(driven.target)));
            let follows = driven.spec.follows.filter(|point| driven.spec.echo != Some(*point));
            [echo, follows.map(|point| (point, Value::Real(driven.told)))].into_iter().flatten()
        });
        let latches = self.latches.values().flat_map(|latch| latch.shown.iter().map(|point| (*point, Value::Bool(latch.on))));
        held.chain(driven).chain(latches).collect()
    }

    /// Whether the process would do this; a control that it does not know it takes.
    pub(crate) fn check(&self, control: PointId, action: Action) -> Result<(), &'static str> {
        match (self.loops.get(&control), action) {
            (Some(driven), Action::Set(target)) => {
                // A wire in short floats may miss a limit by its rounding.
                let slack = (driven.spec.max - driven.spec.min).abs() * 1e-6;
                let lawful = (driven.spec.min - slack..=driven.spec.max + slack).contains(&target);
                if lawful { Ok(()) } else { Err("outside its limits") }
            }
            (None, Action::Set(_)) if self.latches.contains_key(&control) => Err("it is switched, not set"),
            (Some(_), Action::Switch(_)) | (None, Action::Set(_) | Action::Switch(_)) => Ok(()),
        }
    }

    /// Executes a command that was checked: the echo at once, the rest with time.
    pub(crate) fn handle_command(&mut self, control: PointId, action: Action, now: Now) {
        let stamp = Utc::from_millis(now.utc.as_millis());
        if let (Some(latch), Action::Switch(on)) = (self.latches.get_mut(&control), action) {
            if latch.on == on {
                return;
            }
            latch.on = on;
            let change = |point: &PointId| ProcessChange { point: *point, value: Value::Bool(on), stamp, by_command: true };
            self.changes.extend(latch.shown.iter().map(change));
            return;
        }
        let Some(driven) = self.loops.get_mut(&control) else { return };
        match action {
            Action::Set(target) => {
                driven.target = target;
                if let Some(point) = driven.spec.echo {
                    self.changes.push_back(ProcessChange { point, value: Value::Real(target), stamp, by_command: true });
                }
            }
            Action::Switch(on) => {
                driven.target = f64::from(u8::from(on));
                (driven.value, driven.told) = (driven.target, driven.target);
                let points = [driven.spec.echo, driven.spec.follows.filter(|point| driven.spec.echo != Some(*point))];
                let changes = points.into_iter().flatten();
                self.changes.extend(changes.map(|point| ProcessChange { point, value: Value::Bool(on), stamp, by_command: true }));
            }
        }
    }

    /// Moves the process to `now`, step by step.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        if self.next_step == Mono(0) {
            self.next_step = now.mono + Self::STEP;
            self.next_walk = if self.every.is_zero() { Mono::NEVER } else { now.mono + self.every };
        }
        while self.next_step <= now.mono {
            self.follow(now.utc - now.mono.since(self.next_step));
            self.next_step += Self::STEP;
        }
        while self.next_walk <= now.mono {
            self.walk(now.utc - now.mono.since(self.next_walk));
            self.next_walk += self.every;
        }
    }

    /// When the next step is due.
    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        let moving = self.loops.values().any(|driven| driven.moves(self.wanted(driven)));
        [moving.then_some(self.next_step), Some(self.next_walk).filter(|at| *at != Mono::NEVER)].into_iter().flatten().min()
    }

    pub(crate) fn poll_change(&mut self) -> Option<ProcessChange> {
        self.changes.pop_front()
    }

    /// Where what follows a control goes: the lowest of what the controls of the same point ask.
    fn wanted(&self, driven: &Driven) -> f64 {
        let beside = self.loops.values().filter(|other| other.beside == Some(driven.spec.control));
        beside.map(|other| self.asked(other)).fold(self.asked(driven), f64::min)
    }

    /// What one control asks: its target, if it is enabled, under its ceiling.
    fn asked(&self, driven: &Driven) -> f64 {
        let is_on = driven.spec.enable.and_then(|latch| self.latches.get(&latch)).is_none_or(|latch| latch.on);
        let ceiling = driven.spec.ceiling.and_then(|point| self.points.get(&point)).map_or(f64::INFINITY, |held| held.value);
        if is_on { driven.target.min(ceiling) } else { driven.spec.max.min(ceiling) }
    }

    fn follow(&mut self, utc: Utc) {
        let dt = Self::STEP.as_secs_f64();
        let stamp = Utc::from_millis(utc.as_millis());
        let wanted: Vec<f64> = self.loops.values().map(|driven| self.wanted(driven)).collect();
        for (driven, wanted) in self.loops.values_mut().zip(wanted).filter(|(driven, wanted)| driven.moves(*wanted)) {
            let spec = driven.spec;
            let most = spec.rate * dt;
            let gap = wanted - driven.value;
            let step = (gap * (dt / spec.lag.as_secs_f64().max(dt))).clamp(-most, most);
            let small = (spec.max - spec.min).abs() * Self::REPORT_SHARE;
            driven.value = if gap.abs() <= small { wanted } else { driven.value + step };
            let told = (driven.value - driven.told).abs() >= small || driven.value == wanted && driven.told != wanted;
            if let Some(point) = spec.follows.filter(|point| told && spec.echo != Some(*point)) {
                self.changes.push_back(ProcessChange { point, value: Value::Real(driven.value), stamp, by_command: false });
            }
            if told {
                driven.told = driven.value;
            }
        }
    }

    fn walk(&mut self, utc: Utc) {
        let stamp = Utc::from_millis(utc.as_millis());
        for (point, held) in &mut self.points {
            match held.life {
                Life::Rest(_) => continue,
                Life::Walk { low, high } => {
                    held.value = (held.value + self.rng.signed() * (high - low) * Self::SHARE).clamp(low, high);
                }
                Life::Count(by) => held.value += f64::from(by),
            }
            self.changes.push_back(ProcessChange { point: *point, value: held.shown(), stamp, by_command: false });
        }
    }
}

impl Held {
    fn shown(&self) -> Value {
        match self.life {
            Life::Rest(value) => value,
            Life::Walk { .. } => Value::Real(self.value),
            #[expect(clippy::cast_possible_truncation, reason = "a count is a whole number far below 2^53")]
            Life::Count(_) => Value::Int(self.value as i64),
        }
    }
}

impl Driven {
    #[expect(clippy::float_cmp, reason = "what has arrived is set to the target itself")]
    fn moves(&self, wanted: f64) -> bool {
        self.value != wanted || self.told != wanted
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Duration, Life, Loop, Mono, Now, PointId, Process, ProcessChange, Utc, Value};

    const CONTROL: PointId = PointId(0);
    const ECHO: PointId = PointId(1);
    const LEVEL: PointId = PointId(2);
    const FLOW: PointId = PointId(3);
    const ENERGY: PointId = PointId(4);
    const GATE: PointId = PointId(5);

    fn at(ms: u64) -> Now {
        Now { mono: Mono(1 + ms * 1_000_000), utc: Utc::from_millis(1_775_000_000_000 + i64::try_from(ms).expect("small")) }
    }

    fn process(seed: u64) -> Process {
        let spec = Loop {
            control: CONTROL,
            min: 0.0,
            max: 100.0,
            start: 50.0,
            echo: Some(ECHO),
            follows: Some(LEVEL),
            rate: 5.0,
            lag: Duration::from_secs(1),
            ceiling: None,
            enable: None,
        };
        let mut process = Process::new(seed, Duration::from_secs(1))
            .with_point(LEVEL, Life::Rest(Value::Real(0.0)))
            .with_point(FLOW, Life::Walk { low: 10.0, high: 20.0 })
            .with_point(ENERGY, Life::Count(3))
            .with_point(GATE, Life::Rest(Value::Bool(true)))
            .with_loop(spec);
        process.handle_timeout(at(0));
        process
    }

    fn of(changes: &[ProcessChange], point: PointId) -> Vec<f64> {
        changes.iter().filter(|change| change.point == point).map(|change| change.value.as_f64()).collect()
    }

    fn run(process: &mut Process, until_ms: u64, step: usize) -> Vec<ProcessChange> {
        let mut all = Vec::new();
        for ms in (0..until_ms).step_by(step).chain([until_ms]) {
            process.handle_timeout(at(ms));
            all.extend(std::iter::from_fn(|| process.poll_change()));
        }
        all
    }

    #[test]
    fn what_a_control_drives_follows_it_no_faster_than_its_rate() {
        let mut process = process(1);
        assert_eq!(process.check(CONTROL, Action::Set(101.0)), Err("outside its limits"));
        assert_eq!(process.check(CONTROL, Action::Set(80.0)), Ok(()));
        process.handle_command(CONTROL, Action::Set(80.0), at(0));
        let changes = run(&mut process, 60_000, 100);
        assert_eq!(of(&changes, ECHO), [80.0]);
        let level = of(&changes, LEVEL);
        assert!(level.is_sorted() && level.len() > 50 && level.last() == Some(&80.0), "{level:?}");
        assert!(level.windows(2).all(|pair| pair[1] - pair[0] <= 0.5 + 1e-9), "5 a second");
        assert!(changes.iter().all(|change| change.by_command == (change.point == ECHO)));
    }

    #[test]
    fn measurands_stay_in_their_band_totals_count_and_states_rest() {
        let mut process = process(2);
        let changes = run(&mut process, 600_000, 1000);
        let flow = of(&changes, FLOW);
        assert!(flow.len() == 600 && flow.iter().all(|value| (10.0..=20.0).contains(value)));
        assert!(flow.iter().any(|value| (value - 15.0).abs() > 0.5), "it walks");
        assert_eq!(of(&changes, ENERGY).last(), Some(&1800.0));
        assert_eq!((of(&changes, GATE).len(), of(&changes, LEVEL).len()), (0, 0));
        let image = process.image();
        let value = |point| image.iter().find(|(known, _)| *known == point).map(|(_, value)| *value);
        assert_eq!((value(GATE), value(ENERGY), value(LEVEL)), (Some(Value::Bool(true)), Some(Value::Int(1800)), Some(Value::Real(50.0))));
    }

    #[test]
    fn same_seed_same_changes_however_it_is_polled() {
        let all = |seed, step| run(&mut process(seed), 20_000, step);
        let sorted = |mut changes: Vec<ProcessChange>| {
            changes.sort_by_key(|change| (change.stamp, change.point));
            changes
        };
        assert_eq!(sorted(all(3, 100)), sorted(all(3, 733)));
        assert_ne!(all(3, 100), all(4, 100));
    }

    /// A park of 60 to 80 MW of sun and a limit with a switch.
    #[test]
    fn a_park_gives_what_the_sun_gives_and_no_more_than_its_limit_while_that_is_on() {
        const LIMIT: PointId = PointId(10);
        const ENABLE: PointId = PointId(11);
        const SUN: PointId = PointId(12);
        const OUTPUT: PointId = PointId(13);
        const STATUS: PointId = PointId(14);
        const IN_FORCE: PointId = PointId(15);
        let limit = Loop {
            control: LIMIT,
            min: 0.0,
            max: 100.0,
            start: 100.0,
            echo: None,
            follows: Some(OUTPUT),
            rate: 20.0,
            lag: Duration::from_secs(1),
            ceiling: Some(SUN),
            enable: Some(ENABLE),
        };
        let mut park = Process::new(3, Duration::from_secs(1))
            .with_point(SUN, Life::Walk { low: 60.0, high: 80.0 })
            .with_loop(limit)
            .with_latch(ENABLE, vec![STATUS, IN_FORCE]);
        park.handle_timeout(at(0));
        let last = |changes: &[ProcessChange], point| of(changes, point).last().copied().expect("it changed");
        let free = run(&mut park, 30_000, 100);
        assert!((last(&free, OUTPUT) - last(&free, SUN)).abs() < 3.0, "{} under a sun of {}", last(&free, OUTPUT), last(&free, SUN));
        park.handle_command(LIMIT, Action::Set(40.0), at(30_000));
        let off = run(&mut park, 60_000, 100);
        assert!(last(&off, OUTPUT) > 55.0, "a limit that is not on limits nothing: {}", last(&off, OUTPUT));
        park.handle_command(ENABLE, Action::Switch(true), at(60_000));
        let on = run(&mut park, 90_000, 100);
        assert_eq!((last(&on, OUTPUT), last(&on, STATUS), last(&on, IN_FORCE)), (40.0, 1.0, 1.0));
        assert!(of(&on, OUTPUT).windows(2).all(|pair| (pair[1] - pair[0]).abs() <= 2.0 + 1e-9), "it ramps");
        park.handle_command(ENABLE, Action::Switch(true), at(90_000));
        assert_eq!(park.poll_change(), None, "it is on already");
        park.handle_command(ENABLE, Action::Switch(false), at(90_000));
        let released = run(&mut park, 120_000, 100);
        assert!(last(&released, OUTPUT) > 55.0 && last(&released, STATUS) == 0.0, "{}", last(&released, OUTPUT));
        assert!(park.check(ENABLE, Action::Set(1.0)).is_err());
    }
}

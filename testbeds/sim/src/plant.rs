//! A thermal power station as a value: units whose power follows a set-point, with breaker, local/remote switch and remote enable.
//!
//! All figures are engineering units (MW, generation positive); the station scales them to the wire. The echo equals an executed
//! set-point at once; power follows through a first-order lag, no faster than the unit's ramp rate.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::{Action, DoublePoint, Mono, Now, Utc, Value};

use crate::rng::Rng;

/// What a point of a unit is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Quantity {
    /// Measured active power, MW.
    Power,
    /// Measured auxiliary power, MW.
    Auxiliary,
    /// The active power set-point, MW: a control.
    Setpoint,
    /// The echo of the set-point in force, MW.
    Echo,
    /// The generator breaker, double point; as a control, off and on.
    Breaker,
    /// The local/remote switch, single point: on is remote.
    Remote,
    /// The operator's permission for remote set-points, single point.
    RemoteEnable,
    /// The lower limit the unit can hold now, MW.
    LimitLow,
    /// The upper limit the unit can hold now, MW.
    LimitHigh,
    /// The limit by curtailment, MW: a control. It holds while it is switched on.
    Cap,
    /// The limit by curtailment that is set, MW.
    CapEcho,
    /// The switch of that limit: a control, on and off.
    CapSwitch,
    /// Whether that limit holds, single point.
    CapOn,
}

impl Quantity {
    /// Whether the point is a state: its changes are events.
    #[must_use]
    pub const fn is_state(self) -> bool {
        matches!(self, Self::Breaker | Self::Remote | Self::RemoteEnable | Self::CapOn)
    }

    const MONITORED: [Self; 10] = [
        Self::Power,
        Self::Auxiliary,
        Self::Echo,
        Self::Breaker,
        Self::Remote,
        Self::RemoteEnable,
        Self::LimitLow,
        Self::LimitHigh,
        Self::CapEcho,
        Self::CapOn,
    ];
}

/// One point of the plant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlantPoint {
    /// The unit, from 0.
    pub unit: usize,
    /// What of it.
    pub quantity: Quantity,
}

/// Which point names mean which plant points: a name is a unit's name followed by a suffix (`U1` + `.p_set`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlantBinding {
    /// The units' names, in the plant's order.
    pub units: Vec<String>,
    /// Suffix and meaning.
    pub suffixes: Vec<(String, Quantity)>,
}

impl Default for PlantBinding {
    /// Units `U1` and `U2`; suffixes `.p .aux .p_set .p_echo .cb .switch .remote .remote_enable .p_min .p_max`, and of a curtailment
    /// `.curtail .curtail.enable .cap_echo`, and `.cap_on` or `.curtail_on`.
    fn default() -> Self {
        let suffixes = [
            (".p", Quantity::Power),
            (".aux", Quantity::Auxiliary),
            (".p_set", Quantity::Setpoint),
            (".p_echo", Quantity::Echo),
            (".cb", Quantity::Breaker),
            (".switch", Quantity::Breaker),
            (".remote", Quantity::Remote),
            (".remote_enable", Quantity::RemoteEnable),
            (".p_min", Quantity::LimitLow),
            (".p_max", Quantity::LimitHigh),
            (".curtail", Quantity::Cap),
            (".curtail.enable", Quantity::CapSwitch),
            (".cap_echo", Quantity::CapEcho),
            (".cap_on", Quantity::CapOn),
            (".curtail_on", Quantity::CapOn),
        ];
        Self {
            units: vec!["U1".to_owned(), "U2".to_owned()],
            suffixes: suffixes.into_iter().map(|(suffix, quantity)| (suffix.to_owned(), quantity)).collect(),
        }
    }
}

impl PlantBinding {
    /// The plant point of a name, if it is one. Only the last path component of the name counts (`st1/U1.p` is `U1.p`).
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<PlantPoint> {
        let last = name.rsplit('/').next().unwrap_or(name);
        self.suffixes.iter().find_map(|(suffix, quantity)| {
            let prefix = last.strip_suffix(suffix.as_str())?;
            let unit = self.units.iter().position(|unit| unit == prefix)?;
            Some(PlantPoint { unit, quantity: *quantity })
        })
    }
}

/// What a unit can do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UnitLimits {
    /// Least power on bars, MW.
    pub min_mw: f64,
    /// Most power, MW.
    pub max_mw: f64,
    /// Fastest change either way, MW per minute.
    pub ramp_mw_per_min: f64,
    /// Time constant of the lag behind the set-point, seconds.
    pub lag_s: f64,
    /// Amplitude of the measurement noise on power and auxiliary power, MW.
    pub noise_mw: f64,
}

impl Default for UnitLimits {
    /// A 250 MW set: 125 to 250 MW, 30 MW/min, 4 s, 0.1 MW.
    fn default() -> Self {
        Self { min_mw: 125.0, max_mw: 250.0, ramp_mw_per_min: 30.0, lag_s: 4.0, noise_mw: 0.1 }
    }
}

/// A change of one plant point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PlantChange {
    /// Which point.
    pub point: PlantPoint,
    /// Its new value, in engineering units.
    pub value: Value,
    /// The station's own stamp, in whole milliseconds.
    pub stamp: Utc,
    /// Whether a remote command caused it directly (return information).
    pub by_command: bool,
}

/// Why the plant does not do as commanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlantRefusal {
    /// The unit is under local control.
    Local,
    /// The operator has not enabled remote set-points.
    NotEnabled,
    /// Outside the unit's limits, or not a number.
    OutOfLimits,
    /// The breaker is open: there is nothing to load.
    NotConnected,
    /// The limit's switch is blocked at the plant.
    Blocked,
    /// The point takes no command of this kind.
    NotAControl,
}

impl PlantRefusal {
    /// In an operator's words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Local => "the unit is under local control",
            Self::NotEnabled => "remote set-points are not enabled",
            Self::OutOfLimits => "outside the unit's limits",
            Self::NotConnected => "the breaker is open",
            Self::Blocked => "the limit's switch is blocked",
            Self::NotAControl => "the point takes no such command",
        }
    }
}

#[derive(Debug)]
struct Unit {
    limits: UnitLimits,
    setpoint: f64,
    /// The limit by curtailment, and whether it holds.
    cap: f64,
    capped: bool,
    /// Its switch takes no command.
    cap_blocked: bool,
    power: f64,
    closed: bool,
    remote: bool,
    enabled: bool,
    /// Power and auxiliary power as last told.
    told: [f64; 2],
}

/// The power station. Time moves it in steps of [`Plant::STEP`].
#[derive(Debug)]
pub struct Plant {
    units: Vec<Unit>,
    next_step: Mono,
    rng: Rng,
    changes: VecDeque<PlantChange>,
}

impl Plant {
    /// The step of the calculation, and so the fastest change of a measurand.
    pub const STEP: Duration = Duration::from_millis(100);
    /// A measurand is told when it moved by this, MW.
    pub const REPORT_MW: f64 = 0.05;
    /// Auxiliary power as a share of power.
    const AUXILIARY_SHARE: f64 = 0.07;

    /// Two units at `start_mw`, breakers closed, remote, enabled.
    #[must_use]
    pub fn new(seed: u64, limits: [UnitLimits; 2], start_mw: [f64; 2]) -> Self {
        let unit = |limits: UnitLimits, mw: f64| Unit {
            limits,
            setpoint: mw,
            cap: limits.max_mw,
            capped: false,
            cap_blocked: false,
            power: mw,
            closed: true,
            remote: true,
            enabled: true,
            told: [mw, mw * Self::AUXILIARY_SHARE],
        };
        let [a, b] = limits;
        Self { units: vec![unit(a, start_mw[0]), unit(b, start_mw[1])], next_step: Mono(0), rng: Rng::new(seed), changes: VecDeque::new() }
    }

    /// Every monitored point with its value now, for the image.
    #[must_use]
    pub fn image(&self) -> Vec<(PlantPoint, Value)> {
        let points = (0..self.units.len()).flat_map(|unit| Quantity::MONITORED.map(|quantity| PlantPoint { unit, quantity }));
        points.filter_map(|point| Some((point, self.read(point)?))).collect()
    }

    /// The value of a point; `None` for a control or a unit that does not exist.
    #[must_use]
    pub fn read(&self, point: PlantPoint) -> Option<Value> {
        let unit = self.units.get(point.unit)?;
        Some(match point.quantity {
            Quantity::Power => Value::Real32(unit.told[0] as f32),
            Quantity::Auxiliary => Value::Real32(unit.told[1] as f32),
            Quantity::Echo => Value::Real32(unit.setpoint as f32),
            Quantity::Breaker => Value::Double(if unit.closed { DoublePoint::On } else { DoublePoint::Off }),
            Quantity::Remote => Value::Bool(unit.remote),
            Quantity::RemoteEnable => Value::Bool(unit.enabled),
            Quantity::LimitLow => Value::Real32(unit.limits.min_mw as f32),
            Quantity::LimitHigh => Value::Real32(unit.limits.max_mw as f32),
            Quantity::CapEcho => Value::Real32(unit.cap as f32),
            Quantity::CapOn => Value::Bool(unit.capped),
            Quantity::Setpoint | Quantity::Cap | Quantity::CapSwitch => return None,
        })
    }

    /// Whether the plant would do this.
    ///
    /// # Errors
    /// The plant's lawful no.
    pub fn check(&self, point: PlantPoint, action: Action) -> Result<(), PlantRefusal> {
        let unit = self.units.get(point.unit).ok_or(PlantRefusal::NotAControl)?;
        if !unit.remote {
            return Err(PlantRefusal::Local);
        }
        match (point.quantity, action) {
            (Quantity::Setpoint, Action::Set(mw)) => {
                // A wire in short floats may miss a limit by its rounding.
                let slack = unit.limits.max_mw.abs() * 1e-6;
                if !unit.enabled {
                    Err(PlantRefusal::NotEnabled)
                } else if !unit.closed {
                    Err(PlantRefusal::NotConnected)
                } else if (unit.limits.min_mw - slack..=unit.limits.max_mw + slack).contains(&mw) {
                    Ok(())
                } else {
                    Err(PlantRefusal::OutOfLimits)
                }
            }
            (Quantity::Cap, Action::Set(mw)) => {
                let slack = unit.limits.max_mw.abs() * 1e-6;
                if (-slack..=unit.limits.max_mw + slack).contains(&mw) { Ok(()) } else { Err(PlantRefusal::OutOfLimits) }
            }
            (Quantity::CapSwitch, Action::Switch(_)) if unit.cap_blocked => Err(PlantRefusal::Blocked),
            (Quantity::Breaker | Quantity::CapSwitch, Action::Switch(_)) => Ok(()),
            (
                Quantity::Power
                | Quantity::Auxiliary
                | Quantity::Setpoint
                | Quantity::Echo
                | Quantity::Breaker
                | Quantity::Remote
                | Quantity::RemoteEnable
                | Quantity::LimitLow
                | Quantity::LimitHigh
                | Quantity::Cap
                | Quantity::CapEcho
                | Quantity::CapSwitch
                | Quantity::CapOn,
                Action::Set(_) | Action::Switch(_),
            ) => Err(PlantRefusal::NotAControl),
        }
    }

    /// Executes a remote command; its direct consequences follow from [`Self::poll_change`].
    ///
    /// # Errors
    /// The plant's lawful no: nothing moved.
    pub fn handle_command(&mut self, point: PlantPoint, action: Action, now: Now) -> Result<(), PlantRefusal> {
        self.check(point, action)?;
        match (point.quantity, action) {
            (Quantity::Cap, Action::Set(mw)) => {
                if let Some(unit) = self.units.get_mut(point.unit) {
                    unit.cap = mw;
                }
                self.tell(PlantPoint { quantity: Quantity::CapEcho, ..point }, now.utc, true);
            }
            (Quantity::CapSwitch, Action::Switch(on)) => {
                if let Some(unit) = self.units.get_mut(point.unit) {
                    unit.capped = on;
                }
                self.tell(PlantPoint { quantity: Quantity::CapOn, ..point }, now.utc, true);
            }
            (_, Action::Set(mw)) => {
                if let Some(unit) = self.units.get_mut(point.unit) {
                    unit.setpoint = mw;
                }
                self.tell(PlantPoint { quantity: Quantity::Echo, ..point }, now.utc, true);
            }
            (_, Action::Switch(on)) => self.switch_breaker(point.unit, on, now, true),
        }
        Ok(())
    }

    /// Someone turns the local/remote switch.
    pub fn handle_remote_switch(&mut self, unit: usize, remote: bool, now: Now) {
        if let Some(held) = self.units.get_mut(unit)
            && held.remote != remote
        {
            held.remote = remote;
            self.tell(PlantPoint { unit, quantity: Quantity::Remote }, now.utc, false);
        }
    }

    /// The plant's operator gives or withdraws the permission for remote set-points.
    pub fn handle_remote_enable(&mut self, unit: usize, enabled: bool, now: Now) {
        if let Some(held) = self.units.get_mut(unit)
            && held.enabled != enabled
        {
            held.enabled = enabled;
            self.tell(PlantPoint { unit, quantity: Quantity::RemoteEnable }, now.utc, false);
        }
    }

    /// Somebody blocks the switch of the limit, or lets it go.
    pub fn handle_cap_block(&mut self, unit: usize, blocked: bool) {
        if let Some(held) = self.units.get_mut(unit) {
            held.cap_blocked = blocked;
        }
    }

    /// The plant's operator sets a set-point at the desk.
    pub fn handle_local_setpoint(&mut self, unit: usize, mw: f64, now: Now) {
        if let Some(held) = self.units.get_mut(unit) {
            held.setpoint = mw.clamp(held.limits.min_mw, held.limits.max_mw);
            self.tell(PlantPoint { unit, quantity: Quantity::Echo }, now.utc, false);
        }
    }

    /// The breaker trips or is closed at the desk.
    pub fn handle_breaker(&mut self, unit: usize, closed: bool, now: Now) {
        self.switch_breaker(unit, closed, now, false);
    }

    /// Moves the plant to `now`, step by step.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.next_step == Mono(0) {
            self.next_step = now.mono + Self::STEP;
        }
        while self.next_step <= now.mono {
            let behind = now.mono.since(self.next_step);
            self.step(now.utc - behind);
            self.next_step += Self::STEP;
        }
    }

    /// When the next step is due.
    #[must_use]
    pub const fn poll_timeout(&self) -> Mono {
        self.next_step
    }

    /// The next change, oldest first.
    pub fn poll_change(&mut self) -> Option<PlantChange> {
        self.changes.pop_front()
    }

    fn step(&mut self, utc: Utc) {
        let dt = Self::STEP.as_secs_f64();
        for index in 0..self.units.len() {
            let Some(unit) = self.units.get_mut(index) else { return };
            let limits = unit.limits;
            if unit.closed {
                let most = limits.ramp_mw_per_min / 60.0 * dt;
                let wanted = if unit.capped { unit.setpoint.min(unit.cap) } else { unit.setpoint };
                unit.power += ((wanted - unit.power) * (dt / limits.lag_s.max(dt))).clamp(-most, most);
            } else {
                unit.power = 0.0;
            }
            let noise = if unit.closed { [self.rng.signed(), self.rng.signed()] } else { [0.0; 2] };
            let measured = [unit.power + noise[0] * limits.noise_mw, unit.power * Self::AUXILIARY_SHARE + noise[1] * limits.noise_mw];
            let mut moved = [false; 2];
            for ((told, now), moved) in unit.told.iter_mut().zip(measured).zip(&mut moved) {
                if (*told - now).abs() >= Self::REPORT_MW {
                    *told = now;
                    *moved = true;
                }
            }
            for (quantity, moved) in [Quantity::Power, Quantity::Auxiliary].into_iter().zip(moved) {
                if moved {
                    self.tell(PlantPoint { unit: index, quantity }, utc, false);
                }
            }
        }
    }

    fn switch_breaker(&mut self, unit: usize, closed: bool, now: Now, by_command: bool) {
        if let Some(held) = self.units.get_mut(unit)
            && held.closed != closed
        {
            held.closed = closed;
            self.tell(PlantPoint { unit, quantity: Quantity::Breaker }, now.utc, by_command);
        }
    }

    fn tell(&mut self, point: PlantPoint, utc: Utc, by_command: bool) {
        if let Some(value) = self.read(point) {
            self.changes.push_back(PlantChange { point, value, stamp: Utc::from_millis(utc.as_millis()), by_command });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Action, DoublePoint, Duration, Mono, Now, Plant, PlantBinding, PlantChange, PlantPoint, PlantRefusal, Quantity, UnitLimits, Utc,
        Value,
    };

    const U1: PlantPoint = PlantPoint { unit: 0, quantity: Quantity::Setpoint };

    fn at(ms: u64) -> Now {
        Now { mono: Mono(ms * 1_000_000), utc: Utc::from_millis(1_775_000_000_000 + ms as i64) }
    }

    fn plant(seed: u64) -> Plant {
        let mut plant = Plant::new(seed, [UnitLimits::default(); 2], [180.0, 200.0]);
        plant.handle_timeout(at(1));
        plant
    }

    fn changes(plant: &mut Plant) -> Vec<PlantChange> {
        std::iter::from_fn(|| plant.poll_change()).collect()
    }

    fn power(plant: &Plant) -> f64 {
        plant.read(PlantPoint { unit: 0, quantity: Quantity::Power }).expect("monitored").as_f64()
    }

    #[test]
    fn the_echo_is_at_once_and_power_follows_no_faster_than_the_ramp() {
        let mut plant = plant(1);
        plant.handle_command(U1, Action::Set(210.0), at(2)).expect("accepted");
        let echo = changes(&mut plant);
        assert_eq!(echo.len(), 1);
        assert_eq!((echo[0].point.quantity, echo[0].value, echo[0].by_command), (Quantity::Echo, Value::Real32(210.0), true));
        plant.handle_timeout(at(10_000));
        assert!((power(&plant) - 185.0).abs() < 0.3, "30 MW/min for 10 s: {}", power(&plant));
        plant.handle_timeout(at(120_000));
        assert!((power(&plant) - 210.0).abs() < 0.3, "{}", power(&plant));
    }

    #[test]
    fn what_the_plant_refuses_moves_nothing() {
        let mut plant = plant(2);
        let set = |plant: &mut Plant, mw| plant.handle_command(U1, Action::Set(mw), at(2));
        assert_eq!(set(&mut plant, 251.0), Err(PlantRefusal::OutOfLimits));
        assert_eq!(set(&mut plant, f64::NAN), Err(PlantRefusal::OutOfLimits));
        assert_eq!(plant.handle_command(U1, Action::Switch(true), at(2)), Err(PlantRefusal::NotAControl));
        plant.handle_remote_enable(0, false, at(3));
        assert_eq!(set(&mut plant, 200.0), Err(PlantRefusal::NotEnabled));
        plant.handle_remote_switch(0, false, at(4));
        assert_eq!(set(&mut plant, 200.0), Err(PlantRefusal::Local));
        let kinds: Vec<_> = changes(&mut plant).iter().map(|change| (change.point.quantity, change.value)).collect();
        assert_eq!(kinds, [(Quantity::RemoteEnable, Value::Bool(false)), (Quantity::Remote, Value::Bool(false))]);
        plant.handle_local_setpoint(0, 130.0, at(5));
        assert_eq!(changes(&mut plant).len(), 1);
    }

    #[test]
    fn an_open_breaker_means_no_power() {
        let mut plant = plant(3);
        let breaker = PlantPoint { unit: 0, quantity: Quantity::Breaker };
        plant.handle_command(breaker, Action::Switch(false), at(50)).expect("accepted");
        plant.handle_timeout(at(1_000));
        assert_eq!(plant.read(breaker), Some(Value::Double(DoublePoint::Off)));
        assert!(power(&plant).abs() < 1e-9);
        assert_eq!(plant.handle_command(U1, Action::Set(200.0), at(1_000)), Err(PlantRefusal::NotConnected));
    }

    #[test]
    fn a_cap_holds_while_it_is_switched_on() {
        let mut plant = plant(5);
        let cap = PlantPoint { unit: 0, quantity: Quantity::Cap };
        let switch = PlantPoint { unit: 0, quantity: Quantity::CapSwitch };
        plant.handle_command(cap, Action::Set(150.0), at(2)).expect("accepted");
        plant.handle_timeout(at(60_000));
        assert!((power(&plant) - 180.0).abs() < 0.3, "a limit that is not on holds nothing: {}", power(&plant));
        plant.handle_command(switch, Action::Switch(true), at(60_000)).expect("accepted");
        plant.handle_timeout(at(180_000));
        assert!((power(&plant) - 150.0).abs() < 0.3, "{}", power(&plant));
        plant.handle_command(switch, Action::Switch(false), at(180_000)).expect("accepted");
        plant.handle_timeout(at(300_000));
        assert!((power(&plant) - 180.0).abs() < 0.3, "the set-point was kept: {}", power(&plant));
        assert_eq!(plant.handle_command(cap, Action::Set(251.0), at(300_000)), Err(PlantRefusal::OutOfLimits));
        plant.handle_cap_block(0, true);
        assert_eq!(plant.handle_command(switch, Action::Switch(true), at(300_000)), Err(PlantRefusal::Blocked));
        let states: Vec<_> = changes(&mut plant).iter().filter(|c| c.point.quantity == Quantity::CapOn).map(|c| c.value).collect();
        assert_eq!(states, [Value::Bool(true), Value::Bool(false)]);
    }

    #[test]
    fn same_seed_same_changes_however_it_is_polled() {
        let run = |seed, step: usize| {
            let mut plant = plant(seed);
            let mut all = vec![];
            for ms in (1..=20_000_u64).step_by(step).chain([20_000]) {
                plant.handle_timeout(at(ms));
                all.extend(changes(&mut plant));
            }
            all
        };
        assert_eq!(run(4, 100), run(4, 733));
        assert_ne!(run(4, 100), run(5, 100));
        assert!(run(4, 100).len() > 100);
        assert_eq!(Plant::STEP, Duration::from_millis(100));
    }

    #[test]
    fn names_resolve_by_unit_and_suffix() {
        let binding = PlantBinding::default();
        let point = |unit, quantity| Some(PlantPoint { unit, quantity });
        assert_eq!(binding.resolve("U1.p"), point(0, Quantity::Power));
        assert_eq!(binding.resolve("st1/U2.p_set"), point(1, Quantity::Setpoint));
        assert_eq!(binding.resolve("U2.remote_enable"), point(1, Quantity::RemoteEnable));
        assert_eq!(["U1.cap_on", "U1.curtail_on"].map(|name| binding.resolve(name)), [point(0, Quantity::CapOn); 2]);
        assert_eq!(binding.resolve("U3.p"), None);
        assert_eq!(binding.resolve("bus.v"), None);
    }
}

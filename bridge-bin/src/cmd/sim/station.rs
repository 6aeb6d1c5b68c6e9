//! A controlled station on its socket: every point and every control of a client link.

use std::collections::BTreeMap;

use bridge_model::{LinkId, Now, PointId};
use bridge_profile::{Conversion, Plan};
use bridge_session::{AddressUse, Event, LinkSpec, Role, Session};
use bridge_sim::{
    Generator, GeneratorKind, Ledger, Misbehaviour, Names, Plant, PlantBinding, Side, Standard, Station, StationOptions, UnitLimits,
    misbehaving,
};

use super::lives::{is_thermal, process};
use super::{EndArgs, Simulated, duration, link_text, mode, tell};
use crate::fault::Fault;

/// A station on its socket.
pub(super) struct StationHost {
    station: Station,
    plan: Plan,
}

impl StationHost {
    pub(super) fn new(
        (standard, args): (Standard, &EndArgs),
        plan: Plan,
        (link, spec): (LinkId, &LinkSpec),
        names: Names,
        misbehaviours: Vec<Misbehaviour>,
        ledger: Box<dyn Ledger>,
        now: Now,
    ) -> Result<Self, Fault> {
        let lag = duration(&args.plant_lag, "--plant-lag")?;
        let shown = &shown(spec);
        let moving = moving(args, &plan, shown)?;
        let session = misbehaving(standard.station(spec), Side::Station, &misbehaviours);
        let options = StationOptions { conversions: conversions(&plan), misbehaviours, ..StationOptions::default() };
        let limits = UnitLimits { ramp_mw_per_min: args.plant_ramp, lag_s: lag.as_secs_f64(), ..UnitLimits::default() };
        let mut station = Station::new(session, spec, names, options, ledger);
        let binding = is_thermal(&plan, shown, &limits, args.start_mw).then(PlantBinding::default);
        if let Some(binding) = &binding {
            station = station.with_plant(Plant::new(args.seed, [limits; 2], [args.start_mw; 2]), binding);
        }
        let every = duration(&args.walk_every, "--walk-every")?;
        station = station.with_process(process(&plan, (link, shown), binding.as_ref(), &moving, (every, lag), args.seed, standard));
        let every = duration(&args.event_every, "--event-every")?;
        if !moving.is_empty() {
            let generator = Generator::new(GeneratorKind::Single, moving, now.mono + every, every, args.event_count, args.seed);
            station = station.with_generator(generator);
        }
        Ok(Self { station, plan })
    }
}

/// The link with the points that the station shows: on a link of both directions it is also shown some.
fn shown(spec: &LinkSpec) -> LinkSpec {
    let mut shown = spec.clone();
    shown.points.retain(|point| point.usage == AddressUse::Control || point.is_reversed() == (spec.role == Role::Client));
    shown
}

/// The points of `--events`.
fn moving(args: &EndArgs, plan: &Plan, spec: &LinkSpec) -> Result<Vec<PointId>, Fault> {
    let on_link = |point: &PointId| spec.points.iter().any(|p| p.usage == AddressUse::Monitor && p.point == *point);
    let one = |name: &String| {
        plan.point(name)
            .filter(on_link)
            .ok_or_else(|| Fault::new(format!("the link has no point `{name}`")).fix("name points of the profile, separated by commas"))
    };
    args.events.iter().map(one).collect()
}

fn conversions(plan: &Plan) -> BTreeMap<String, (f64, f64)> {
    let points = plan.points.iter().map(|point| (&point.id, point.conversion));
    let controls = plan.controls.iter().map(|control| (&control.id, control.conversion));
    let scaled = points.chain(controls).filter(|(_, conversion)| !conversion.is_identity());
    scaled.map(|(id, Conversion { factor, offset })| (id.clone(), (factor, offset))).collect()
}

impl Simulated for StationHost {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.station
    }

    fn obey(&mut self, line: &str, now: Now) {
        let mut words = line.split_whitespace();
        let (verb, unit) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if verb == "change" {
            let value = words.next().and_then(|value| value.parse::<f64>().ok()).filter(|value| value.is_finite());
            match value.filter(|value| self.station.handle_change(unit, *value, now)) {
                Some(value) => tell(format!("{unit} is {value}")),
                None => tell(format!("not understood: {line}")),
            }
            return;
        }
        let Some(index) = PlantBinding::default().units.iter().position(|known| known == unit) else {
            tell(format!("not understood: {line}"));
            return;
        };
        match verb {
            "local" | "remote" => self.station.handle_plant(now, |plant, now| plant.handle_remote_switch(index, verb == "remote", now)),
            "enable" | "disable" => self.station.handle_plant(now, |plant, now| plant.handle_remote_enable(index, verb == "enable", now)),
            "open" | "close" => self.station.handle_plant(now, |plant, now| plant.handle_breaker(index, verb == "close", now)),
            _ => {
                tell(format!("not understood: {line}"));
                return;
            }
        }
        tell(format!("{unit} {verb}"));
    }

    fn show(&self, event: &Event) {
        if let Event::CommandReceived(command) = event {
            let id = self.plan.controls.get(command.point.index()).map_or("?", |control| control.id.as_str());
            tell(format!("command {id} {} {}", command.action, mode(command.mode)));
        } else if let Some(text) = link_text(event) {
            tell(text);
        }
    }

    fn ledger_error(&self) -> Option<&str> {
        self.station.ledger_error()
    }
}

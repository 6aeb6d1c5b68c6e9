//! An independent controlled station (RTU) on the library's `rtu_server`: serves a point list, follows set-points, makes events, writes
//! down what truly happened.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use iec104::config::ServerConfig;
use iec104::cot::Cot;
use iec104::rtu_server::{
    CommandContext, CommandHandling, PointAddress, RtuHandleError, RtuInitialPoint, RtuServer, RtuServerHandle, command_handler_from_fn,
};
use iec104::types::quality_descriptors::Qds;
use iec104_peer::element::{Order, Told, order, point_value, quality_of};
use iec104_peer::ledger::Ledger;
use iec104_peer::points::{Spec, load};
use iec104_peer::stamp::{now_ns, tag};
use iec104_peer::{Arguments, HOST, fail, lines, say};
use serde_json::json;
use tokio::sync::mpsc;

const TICK: Duration = Duration::from_millis(100);
/// Commands that may wait for the plant.
const COMMANDS: usize = 1024;

/// The control side: what is selected, what is taken. It decides within the library's callback.
struct Controls {
    specs: BTreeMap<u32, Spec>,
    selected: BTreeMap<u32, (Instant, f64)>,
    direct_until: BTreeMap<u32, Instant>,
    select_timeout: Duration,
    ledger: Ledger,
    taken: mpsc::Sender<(u32, f64)>,
}

impl Controls {
    /// Whether the command is confirmed.
    fn receive(&mut self, cot: Cot, wanted: &Order) -> bool {
        let now = Instant::now();
        let Some(spec) = self.specs.get(&wanted.ioa) else { return false };
        let refuse = |text: &str| {
            self.ledger.write("refused", &spec.name, Some(wanted.value), json!({ "text": text }));
            false
        };
        if cot == Cot::Deactivation {
            self.ledger.write("cancel", &spec.name, None, json!({ "text": "selection taken back" }));
            return self.selected.remove(&wanted.ioa).is_some();
        }
        if !(spec.min..=spec.max).contains(&wanted.value) {
            return refuse("outside its limits");
        }
        if wanted.select {
            if !spec.select {
                return refuse("takes direct commands only");
            }
            self.ledger.write("select", &spec.name, Some(wanted.value), json!({ "text": "select received" }));
            self.selected.insert(wanted.ioa, (now + self.select_timeout, wanted.value));
            return true;
        }
        let selected = self.selected.remove(&wanted.ioa).is_some_and(|(until, value)| now < until && value == wanted.value);
        let open = self.direct_until.get(&wanted.ioa).is_some_and(|until| now < *until);
        if spec.select && !selected && !open {
            return refuse("not selected");
        }
        // An execute opens the way for direct ones for so long: only the first step of a ramp is selected.
        if spec.then_direct_s > 0.0 {
            self.direct_until.insert(wanted.ioa, now + Duration::from_secs_f64(spec.then_direct_s));
        }
        if self.taken.try_send((wanted.ioa, wanted.value)).is_err() {
            return refuse("too many commands wait");
        }
        self.ledger.write("execute", &spec.name, Some(wanted.value), json!({ "text": "executed" }));
        true
    }
}

fn handle(controls: &Mutex<Controls>, ctx: &CommandContext<'_>) -> CommandHandling {
    let wanted = order(&ctx.asdu.information_objects);
    let confirmed = wanted.is_some_and(|wanted| controls.lock().unwrap_or_else(PoisonError::into_inner).receive(ctx.asdu.cot, &wanted));
    CommandHandling {
        negative: !confirmed,
        reply_type_id: ctx.asdu.type_id,
        reply_information_objects: ctx.asdu.information_objects.clone(),
        apply_updates: Vec::new(),
    }
}

/// One monitoring point of the plant: its truth.
struct Point {
    spec: Spec,
    value: f64,
    quality: Qds,
    stamp_ns: i64,
    next_toggle: Instant,
}

impl Point {
    fn told(&self) -> Told {
        let stamped = (30..=40).contains(&iec104_peer::points::number(self.spec.ti));
        Told { ioa: self.spec.ioa, value: self.value, quality: self.quality.clone(), stamp_ns: stamped.then_some(self.stamp_ns) }
    }

    fn kind(&self) -> &'static str {
        if self.spec.is_event() { "event" } else { "change" }
    }
}

/// The process behind the station.
struct Plant {
    rtu: RtuServerHandle,
    ca: u16,
    points: BTreeMap<String, Point>,
    /// Control address to its target.
    targets: BTreeMap<u32, f64>,
    specs: BTreeMap<u32, Spec>,
    ledger: Ledger,
    random: u64,
}

impl Plant {
    /// The plant changes: written down first, then told to whoever listens.
    async fn change(&mut self, name: &str, value: f64, quality: Option<Qds>) -> Result<(), String> {
        let point = self.points.get_mut(name).ok_or_else(|| format!("no point {name}"))?;
        point.value = value;
        point.quality = quality.unwrap_or_else(|| point.quality.clone());
        // At most one change in each millisecond of the time tag: equal tags and values could not be told from a repetition.
        point.stamp_ns = whole_ms(now_ns()).max(point.stamp_ns + 1_000_000);
        self.ledger.value(point.kind(), name, &point.told(), "spontaneous");
        let element = point_value(point.spec.ti, value, &point.quality, tag(point.stamp_ns)).ok_or("no such type")?;
        let sent: Result<(), RtuHandleError> = self.rtu.set_point(PointAddress::new(self.ca, point.spec.ioa), element).await;
        sent.map_err(|error| format!("{name} was not sent: {error}"))
    }

    async fn take(&mut self, ioa: u32, value: f64) -> Result<(), String> {
        self.targets.insert(ioa, value);
        let echo = self.specs.get(&ioa).and_then(|spec| spec.echo.clone());
        match echo {
            Some(echo) if self.points.contains_key(&echo) => self.change(&echo, value, None).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn tick(&mut self) -> Result<(), String> {
        let ramps: Vec<(String, f64, f64)> = self
            .targets
            .iter()
            .filter_map(|(ioa, target)| {
                let spec = self.specs.get(ioa)?;
                Some((spec.drives.clone()?, *target, spec.ramp_per_s * TICK.as_secs_f64()))
            })
            .collect();
        for (driven, target, step) in ramps {
            let Some(value) = self.points.get(&driven).map(|point| point.value) else { continue };
            let gap = target - value;
            if gap != 0.0 {
                self.change(&driven, if gap.abs() <= step { target } else { value + step.copysign(gap) }, None).await?;
            }
        }
        let now = Instant::now();
        let names: Vec<String> = self.points.keys().cloned().collect();
        for name in names {
            let Some(point) = self.points.get_mut(&name) else { continue };
            if point.spec.toggle_ms > 0 && now >= point.next_toggle {
                point.next_toggle += Duration::from_millis(point.spec.toggle_ms);
                self.toggle(&name).await?;
            } else if point.spec.noise > 0.0 {
                self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let share = (self.random >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0;
                let value = point.value + share * point.spec.noise;
                self.change(&name, value, None).await?;
            }
        }
        Ok(())
    }

    async fn toggle(&mut self, name: &str) -> Result<(), String> {
        let point = self.points.get(name).ok_or_else(|| format!("no point {name}"))?;
        let double = format!("{:?}", point.spec.ti).starts_with("M_DP_");
        let value = if double { if point.value == 1.0 { 2.0 } else { 1.0 } } else { 1.0 - point.value };
        self.change(name, value, None).await
    }

    /// A line of standard input: see the README.
    async fn obey(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok()).ok_or("a number is missing");
        match words.as_slice() {
            [] => Ok(()),
            ["set", name, _, rest @ ..] => self.change(name, number(2)?, rest.first().map(|word| quality_of(word))).await,
            ["burst", name, ..] => {
                let (count, spacing) = (number(2)?, Duration::from_secs_f64(number(3)? / 1000.0));
                let mut due = tokio::time::Instant::now();
                for _ in 0..count as u64 {
                    self.toggle(name).await?;
                    due += spacing;
                    tokio::time::sleep_until(due).await;
                }
                say(&format!("BURST {name} {count}"));
                Ok(())
            }
            _ => Err("no such order".to_owned()),
        }
    }
}

const fn whole_ms(ns: i64) -> i64 {
    ns.div_euclid(1_000_000) * 1_000_000
}

fn initial(ca: u16, point: &Point) -> RtuInitialPoint {
    let spec = &point.spec;
    let element = point_value(spec.ti, point.value, &point.quality, tag(point.stamp_ns));
    let element = element.unwrap_or_else(|| fail(&format!("{}: {:?} is not served by this peer", spec.name, spec.ti)));
    let address = PointAddress::new(ca, spec.ioa);
    let grouped = spec.group.and_then(|group| {
        if element.is_counter_integration() {
            RtuInitialPoint::with_counter_interrogation_group(address, element.clone(), group)
        } else {
            RtuInitialPoint::with_interrogation_group(address, element.clone(), group)
        }
    });
    grouped.unwrap_or_else(|| (address, element).into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::read();
    let path = arguments.free.as_deref().unwrap_or_else(|| fail("station POINTS --port PORT --ledger FILE [--ca CA] [--seed N]"));
    let port = arguments.number("port", None) as u16;
    let ca = arguments.number("ca", Some(21)) as u16;
    let ledger = Ledger::create(arguments.text("ledger").unwrap_or_else(|| fail("--ledger wants a file")));
    let (commands, monitored): (Vec<Spec>, Vec<Spec>) = load(path).into_iter().partition(Spec::is_command);
    let specs: BTreeMap<u32, Spec> = commands.into_iter().map(|spec| (spec.ioa, spec)).collect();
    let stamp_ns = whole_ms(now_ns());
    let points: BTreeMap<String, Point> = monitored
        .into_iter()
        .map(|spec| {
            let next_toggle = Instant::now() + Duration::from_millis(spec.toggle_ms);
            (spec.name.clone(), Point { value: spec.value, quality: Qds::default(), stamp_ns, next_toggle, spec })
        })
        .collect();
    let (taken, mut commands) = mpsc::channel(COMMANDS);
    let controls = Mutex::new(Controls {
        specs: specs.clone(),
        selected: BTreeMap::new(),
        direct_until: BTreeMap::new(),
        select_timeout: Duration::from_millis(arguments.number("select-timeout-ms", Some(10_000))),
        ledger: ledger.clone(),
        taken,
    });
    let config = ServerConfig { address: HOST.to_owned(), port, ..ServerConfig::default() };
    let list: Vec<RtuInitialPoint> = points.values().map(|point| initial(ca, point)).collect();
    let rtu = RtuServer::start(config, list, command_handler_from_fn(move |ctx| handle(&controls, &ctx)));
    let rtu = rtu.await.unwrap_or_else(|error| fail(&format!("cannot listen: {error}")));
    for point in points.values() {
        ledger.value("change", &point.spec.name, &point.told(), "initial");
    }
    let mut plant = Plant { rtu, ca, points, targets: BTreeMap::new(), specs, ledger, random: arguments.number("seed", Some(1)) };
    say("READY");
    let mut orders = lines();
    let mut tick = tokio::time::interval(TICK);
    loop {
        let (what, done) = tokio::select! {
            line = orders.recv() => {
                let Some(line) = line else { break };
                let done = plant.obey(&line).await;
                (line, done)
            }
            Some((ioa, value)) = commands.recv() => ("command".to_owned(), plant.take(ioa, value).await),
            _ = tick.tick() => ("tick".to_owned(), plant.tick().await),
        };
        if let Err(error) = done {
            say(&format!("ERROR {what}: {error}"));
        }
    }
    say("END");
}

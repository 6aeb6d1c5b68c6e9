//! `sim dnp3` as a process: an outstation and a master of one profile over everything that they run over, and what they do wrong on purpose.

use std::path::Path;

use bridge_sim::{EntryKind, Standard};

use super::kit::run;
use super::sim_site::{Site, end, facts, values};
use crate::support::{PATIENCE, Process, free_port, kinds, ledger, plain_python, wait_until};

/// A solar park of one outstation: scaled, turned, with a set-point that is echoed by its output status and an output that the sun limits.
const PROFILE: &str = r#"
schema = "ies-cim-profile/1"
id = "in.rj.park"
version = "1.0.0"
cim = "CIM17"
[era]
PARK = { address = "era:in/rj/park", class = "PowerElectronicsConnection" }
[link]
park = { protocol = "dnp3", role = "client", outstation = 5, master = 2, zone = "UTC", response_timeout = "1s", keep_alive = "5s", status_timeout = "1s" }
[group.park]
on = "park"
points = [
  { id = "park.p", addr = { type = "analog", index = 0 }, cim = { on = "PARK", class = "Analog", type = "ThreePhaseActivePower" }, unit = "MW", wire_unit = "kW", sign = "consumption", basis = "EX_BUS", verbs = ["stream"] },
  { id = "park.avail", addr = { type = "analog", index = 1 }, cim = { on = "PARK", class = "Analog", type = "AvailableActivePower" }, unit = "MW", wire_unit = "kW", sign = "generation", basis = "EX_BUS", range = ["0 MW", "60 MW"], verbs = ["stream"] },
  { id = "park.echo", addr = { type = "analog_output", index = 0 }, cim = { on = "PARK", class = "Analog", type = "x-ActivePowerSetpoint" }, unit = "MW", wire_unit = "kW", sign = "generation", basis = "EX_BUS", verbs = ["stream"] },
  { id = "park.cb", addr = { type = "double", index = 0 }, cim = { on = "PARK", class = "Discrete", type = "SwitchPosition", alias = "dpos" }, verbs = ["stream", "log"] },
  { id = "park.auto", addr = { type = "binary", index = 0 }, cim = { on = "PARK", class = "Discrete", type = "x-RemoteEnable" }, verbs = ["stream", "log"] },
  { id = "park.energy", addr = { type = "counter", index = 0 }, cim = { on = "PARK", class = "Accumulator", type = "x-EnergyExport" }, unit = "MWh", verbs = ["stream"] },
]
[[control]]
id = "park.order"
on = "park"
addr = { type = "analog_output", index = 0 }
cim = { on = "PARK", class = "SetPoint", type = "ThreePhaseActivePower" }
verb = "dispatch"
unit = "MW"
wire_unit = "kW"
sign = "generation"
basis = "EX_BUS"
min = "0 MW"
max = "100 MW"
ramp = { up = "600 MW/min", by = "plant", step = "5s" }
select = "bridge"
execution = "automatic"
remote_enable = "park.auto"
requires = ["park.cb == 2"]
feedback = { taken = { point = "park.echo", tolerance = "0.1 MW", within = "5s" }, followed = { point = "park.p", tolerance = "0.5 MW", within = "60s", dwell = "10s" } }
bump_limit = "100 MW"
expires = { max_age = "30s", on_lapse = "hold" }
authority = ["sldc"]
exclusive = "PARK"
"#;

fn site(test: &str) -> Site {
    Site::new(test, "dnp3", PROFILE, &format!("127.0.0.1:{}", free_port()))
}

fn over(test: &str, station: [&str; 2], master: [&str; 2]) -> Site {
    Site::over(test, "dnp3", PROFILE, station, master)
}

fn events(path: &Path) -> Vec<(Option<f64>, Option<i64>)> {
    facts(path, "park.auto")
}

/// A set-point is selected, operated, echoed, followed as far as the sun goes, and refused beyond its limits.
fn plays(site: &Site) {
    let mut station = site.start("station", &["--walk-every", "200ms", "--plant-lag", "200ms"]);
    let mut master = site.start("master", &[]);
    master.wait_for_line("interrogation ended", PATIENCE);
    master.say("set park.order 20 select");
    master.wait_for_line("settled park.order set 20000 Completed", PATIENCE);
    let (ours, seen) = (site.ledger("station"), site.ledger("master"));
    wait_until("the output has followed", || values(&seen, "park.p").last() == Some(&-20_000.0));
    master.say("set park.order 90");
    master.wait_for_line("settled park.order set 90000 Completed", PATIENCE);
    master.say("set park.order 101");
    master.wait_for_line("settled park.order set 101000 Refused(Status(", PATIENCE);
    wait_until("the output is what the sun gives", || {
        let (output, sun) = (values(&seen, "park.p").last().copied(), values(&seen, "park.avail").last().copied());
        output.zip(sun).is_some_and(|(output, sun)| output < -25_000.0 && (output + sun).abs() < 3000.0)
    });
    assert!(values(&ours, "park.p").iter().all(|output| *output > -60_000.0), "never above the sun");
    for value in ["1", "2"] {
        station.say(&format!("change park.cb {value}"));
        station.wait_for_line(&format!("park.cb is {value}"), PATIENCE);
    }
    wait_until("both events came", || values(&seen, "park.cb").ends_with(&[1.0, 2.0]));
    wait_until("the total counts", || values(&seen, "park.energy").last() > Some(&3.0));
    assert_eq!(values(&seen, "park.echo").last(), Some(&90_000.0), "the output status shows what is in force");
    end(master);
    end(station);
    let done = kinds(&ledger(&ours), "park.order", &[EntryKind::Select, EntryKind::Execute, EntryKind::Refused]);
    assert_eq!(done, [EntryKind::Select, EntryKind::Execute, EntryKind::Execute, EntryKind::Refused]);
}

#[test]
fn an_outstation_and_a_master_over_tcp() {
    plays(&site("sim_dnp3_tcp"));
}

#[test]
fn an_outstation_and_a_master_over_udp() {
    let address = format!("127.0.0.1:{}", free_port());
    plays(&over("sim_dnp3_udp", ["--udp", &address], ["--udp", &address]));
}

#[test]
fn an_outstation_and_a_master_over_a_serial_line() {
    let lines = Process::spawn("serial line", &mut plain_python("serial_line.py"));
    let names = lines.wait_for_line("/dev/", PATIENCE);
    let [one, other] = names.split_whitespace().collect::<Vec<_>>()[..] else { panic!("two ends: {names}") };
    let site = over("sim_dnp3_serial", ["--serial", one], ["--serial", other]);
    plays(&site);
}

/// Whatever the outstation does wrong, its master has every event, once the event can be had.
#[test]
fn a_master_has_every_event_of_an_outstation_that_misbehaves() {
    for name in ["class-bits-never-clear", "restart-storm", "confirm-lost", "empty-g110"] {
        let site = site(&format!("sim_dnp3_{name}"));
        let load = ["--misbehave", name, "--events", "park.auto", "--event-every", "20ms", "--event-count", "200"];
        let station = site.start("station", &load);
        let master = site.start("master", &[]);
        let (ours, seen) = (site.ledger("station"), site.ledger("master"));
        wait_until("all events came", || {
            let (made, came) = (events(&ours), events(&seen));
            made.len() == 200 && made.iter().all(|event| came.contains(event))
        });
        match name {
            "class-bits-never-clear" => drop(master.wait_for_line("says that events wait and gives none", PATIENCE)),
            "restart-storm" => (0..2).for_each(|_| drop(master.wait_for_line("it restarted", PATIENCE))),
            _ => {}
        }
        end(master);
        end(station);
    }
}

#[test]
fn a_master_whose_confirms_are_lost_gets_its_events_again() {
    let site = site("sim_dnp3_confirms");
    let station = site.start("station", &["--events", "park.auto", "--event-every", "20ms", "--event-count", "100"]);
    let master = site.start("master", &["--misbehave", "confirm-lost"]);
    let (ours, seen) = (site.ledger("station"), site.ledger("master"));
    wait_until("all events came", || {
        let (made, came) = (events(&ours), events(&seen));
        made.len() == 100 && made.iter().all(|event| came.contains(event))
    });
    end(master);
    end(station);
}

#[test]
fn what_a_role_cannot_do_wrong_over_dnp3_is_said() {
    let site = site("sim_dnp3_roles");
    site.assert_misbehaviours_are_said("restart-storm", "confirm-lost", Standard::Dnp3);
    let args = ["sim", "dnp3", "--role", "master", "--profile", "own", "--connect", "127.0.0.1:1", "--udp", "127.0.0.1:1", "--ledger", "x"];
    let refused = run(&site.dir, &args);
    assert_eq!(refused.code, 2, "one way: {}", refused.err);
}

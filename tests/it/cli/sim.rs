//! `sim iec104` with a profile that no model was written for: a station, a master on the same link, and what they do wrong on purpose.

use std::path::Path;

use bridge_model::Detail;
use bridge_sim::{Entry, EntryKind, Standard};

use super::sim_site::{Site, end, facts, values};
use crate::support::{PATIENCE, free_port, kinds, ledger, wait_until};

/// A hydro station: scaled, turned and short of everything that the thermal plant's names say.
const PROFILE: &str = r#"
schema = "ies-cim-profile/1"
id = "in.nr.hps"
version = "1.0.0"
cim = "CIM17"
[era]
HPS = { address = "era:in/nr/hps", class = "Substation" }
M1 = { address = "era:in/nr/hps/m1", class = "HydroGeneratingUnit" }
[link]
hps = { protocol = "iec104", role = "client", ca = 7, zone = "IST", command_timeout = "1s", t1 = "3s", t2 = "1s", t3 = "5s" }
[group.hps]
on = "hps"
points = [
  { id = "HPS.f", addr = { ioa = 1, ti = "M_ME_TF_1" }, cim = { on = "HPS", class = "Analog", type = "Frequency" }, unit = "Hz", range = ["45 Hz", "55 Hz"], verbs = ["stream"] },
  { id = "HPS.kv", addr = { ioa = 2, ti = "M_ME_TF_1" }, cim = { on = "HPS", class = "Analog", type = "LineToLineVoltage" }, unit = "kV", range = ["0 kV", "145 kV"], verbs = ["stream"] },
  { id = "M1.power", addr = { ioa = 11, ti = "M_ME_NC_1" }, cim = { on = "M1", class = "Analog", type = "ThreePhaseActivePower" }, unit = "MW", wire_unit = "kW", sign = "consumption", basis = "GROSS", range = ["-1 MW", "42 MW"], verbs = ["stream"] },
  { id = "M1.target", addr = { ioa = 12, ti = "M_ME_NC_1" }, cim = { on = "M1", class = "Analog", type = "x-ActivePowerSetpoint" }, unit = "MW", wire_unit = "kW", sign = "consumption", basis = "GROSS", verbs = ["stream"] },
  { id = "M1.breaker", addr = { ioa = 13, ti = "M_DP_TB_1" }, cim = { on = "M1", class = "Discrete", type = "SwitchPosition", alias = "dpos" }, verbs = ["stream", "log"] },
  { id = "M1.auto", addr = { ioa = 14, ti = "M_SP_TB_1" }, cim = { on = "M1", class = "Discrete", type = "x-RemoteEnable" }, verbs = ["stream", "log"] },
  { id = "M1.fault", addr = { ioa = 15, ti = "M_SP_TB_1" }, cim = { on = "M1", class = "Discrete", type = "ProtectionTrip" }, alarm = { when = 0, severity = "critical", text = "fail-safe fault contact" }, verbs = ["stream", "alarm", "log"] },
]
[[control]]
id = "M1.order"
on = "hps"
addr = { ioa = 21, ti = "C_SE_NC_1" }
cim = { on = "M1", class = "SetPoint", type = "ThreePhaseActivePower" }
verb = "dispatch"
unit = "MW"
wire_unit = "kW"
sign = "consumption"
basis = "GROSS"
min = "5 MW"
max = "40 MW"
ramp = { up = "60 MW/min", down = "60 MW/min", by = "plant", step = "5s" }
select = "bridge"
execution = "automatic"
remote_enable = "M1.auto"
requires = ["M1.breaker == 2"]
feedback = { taken = { point = "M1.target", tolerance = "0.1 MW", within = "5s" }, followed = { point = "M1.power", tolerance = "0.5 MW", within = "60s", dwell = "10s" } }
bump_limit = "5 MW"
expires = { max_age = "30s", on_lapse = "hold" }
authority = ["sldc"]
exclusive = "M1"
"#;

fn site(test: &str) -> Site {
    Site::new(test, "iec104", PROFILE, &format!("127.0.0.1:{}", free_port()))
}

#[test]
fn a_station_and_a_master_of_any_profile() {
    let site = site("sim_any_profile");
    let station = site.start("station", &["--walk-every", "100ms"]);
    let mut master = site.start("master", &[]);
    master.wait_for_line("interrogation ended", PATIENCE);
    master.say("set M1.order 30 select");
    master.wait_for_line("settled M1.order set -30000 Completed", PATIENCE);
    master.say("set M9.order 1");
    master.wait_for_line("no control is called M9.order", PATIENCE);
    master.say("interrogate");
    master.wait_for_line("interrogation ended", PATIENCE);
    let (ours, seen) = (site.ledger("station"), site.ledger("master"));
    wait_until("the power has followed", || values(&seen, "M1.power").last() == Some(&-30_000.0));
    master.say("set M1.order 41");
    master.wait_for_line("settled M1.order set -41000 Refused", PATIENCE);
    end(master);
    end(station);

    let made = ledger(&ours);
    for (point, low, high) in [("HPS.f", 49.9, 50.1), ("HPS.kv", 130.0, 134.0), ("M1.power", -30_000.0, -22_500.0)] {
        let shown = values(&ours, point);
        assert!(shown.len() > 5 && shown.iter().all(|value| (low..=high).contains(value)), "{point}: {shown:?}");
        let told = values(&seen, point);
        assert!(told.iter().all(|value| shown.iter().any(|own| (*own - value).abs() < 0.01)), "{point}: what is seen was shown");
    }
    assert!(values(&seen, "M1.power").iter().rev().is_sorted(), "it follows without turning back");
    for (point, rest) in [("M1.breaker", 2.0), ("M1.auto", 1.0), ("M1.fault", 1.0)] {
        assert_eq!(values(&ours, point), [rest], "{point} rests");
        assert_eq!(values(&seen, point).last(), Some(&rest), "{point}");
    }
    assert_eq!(values(&seen, "M1.target").last(), Some(&-30_000.0), "the echo");
    let done = kinds(&made, "M1.order", &[EntryKind::Select, EntryKind::Execute, EntryKind::Refused]);
    assert_eq!(done, [EntryKind::Select, EntryKind::Execute, EntryKind::Refused]);
}

fn settled(path: &Path) -> Vec<String> {
    ledger(path).into_iter().filter(|entry| entry.kind == EntryKind::Settled).filter_map(|entry| entry.text).collect()
}

#[test]
fn a_station_that_never_confirms_leaves_its_master_without_an_outcome() {
    let site = site("sim_never_confirms");
    let station = site.start("station", &["--misbehave", "never-confirms"]);
    let mut master = site.start("master", &[]);
    master.wait_for_line("interrogation ended", PATIENCE);
    master.say("set M1.order 30");
    master.wait_for_line("settled M1.order set -30000 Indeterminate(Unanswered)", PATIENCE);
    master.say("set M1.order 30 select");
    master.wait_for_line("settled M1.order set -30000 NotOperated(SelectUnanswered)", PATIENCE);
    end(master);
    end(station);
    assert_eq!(settled(&site.ledger("master")), ["indeterminate: unanswered", "not_operated: select unanswered"]);
    assert_eq!(kinds(&ledger(&site.ledger("station")), "M1.order", &[EntryKind::Execute]), []);
}

#[test]
fn a_master_that_never_acknowledges_is_cut_off_and_gets_its_events_later() {
    let site = site("sim_never_acknowledges");
    let station = site.start("station", &["--walk-every", "100ms"]);
    let mut deaf = site.start("master", &["--misbehave", "never-confirms"]);
    station.wait_for_line("closed: timer expired: t1", PATIENCE);
    deaf.kill();
    let mut station = station;
    station.say("change M1.breaker 1");
    station.wait_for_line("M1.breaker is 1", PATIENCE);
    station.say("change M1.breaker 2");
    station.wait_for_line("M1.breaker is 2", PATIENCE);
    std::fs::remove_file(site.ledger("master")).expect("the deaf one's");
    let master = site.start("master", &[]);
    let seen = site.ledger("master");
    wait_until("both events came", || {
        let event = |entry: &&Entry| entry.kind == EntryKind::Event && entry.point == "M1.breaker";
        ledger(&seen).iter().filter(event).filter_map(|entry| entry.value).collect::<Vec<f64>>().ends_with(&[1.0, 2.0])
    });
    end(master);
    end(station);
}

#[test]
fn a_master_that_stops_and_starts_over_and_over_misses_nothing() {
    let site = site("sim_stopdt_storm");
    let station = site.start("station", &["--events", "M1.auto", "--event-every", "20ms", "--event-count", "200"]);
    let master = site.start("master", &["--misbehave", "stopdt-storm"]);
    let (ours, seen) = (site.ledger("station"), site.ledger("master"));
    let events = |path: &Path| facts(path, "M1.auto");
    wait_until("all events came", || events(&seen).len() >= 200);
    station.wait_for_line("stopped", PATIENCE);
    end(master);
    end(station);
    assert_eq!(events(&seen), events(&ours), "once, in order, with the station's stamps");
    let links = |entry: &&Entry| entry.kind == EntryKind::Link && entry.text.as_deref() == Some("stopped");
    assert!(ledger(&ours).iter().filter(links).count() >= 5, "it did stop");
}

#[test]
fn a_station_that_sends_stopdt_is_named_and_left() {
    let site = site("sim_station_storm");
    let station = site.start("station", &["--misbehave", "stopdt-storm"]);
    let master = site.start("master", &[]);
    master.wait_for_line("closed: peer misbehaved: STOPDT act from a controlled station", PATIENCE);
    master.wait_for_line("interrogation ended", PATIENCE);
    end(master);
    end(station);
    let stale = |entry: &Entry| entry.quality.is_some_and(|bits| Detail(bits).contains(Detail::OLD_DATA));
    assert!(!ledger(&site.ledger("station")).iter().any(stale), "its values were good all along");
}

#[test]
fn what_a_role_cannot_do_wrong_is_said() {
    site("sim_roles").assert_misbehaviours_are_said("avalanche", "stopdt-storm", Standard::Iec104);
}

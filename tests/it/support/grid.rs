//! Two bridges as real processes on loopback: their folders, their plans, the point lists that independent peers take.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bridge_diag::Report;
use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_journal::{FileDisk, ReadOnly, open_read_only};
use bridge_profile::{MemoryFiles, Plan, ServedSource, compile};
use bridge_session::{AddressUse, Field, Fields, LinkPoint};
use bridge_sim::{Book, ControlMap, Entry, EntryKind, PointMap, parse_jsonl};
use serde_json::{Value, json};

use super::{PATIENCE, Process, free_port, repository};
use crate::cli::kit::{LDC, Names, PLANT, Ran, Site, command, run};

const PROFILES: [&str; 2] = ["thermal-station-104", "ems-gateway-104"];

/// The plant's bridge (folder `plant`, link `rtu`) and the load despatch centre's (folder `ldc`, link `ems`).
pub(crate) struct Grid {
    pub(crate) site: Site,
    /// Where the station listens.
    pub(crate) rtu: u16,
    /// Where the load despatch centre's bridge listens for its EMS.
    pub(crate) ems: u16,
    /// The plant's plan.
    pub(crate) thermal: Plan,
    /// The load despatch centre's plan.
    pub(crate) gateway: Plan,
}

impl Grid {
    /// Keys, trust bundle and configurations below a scratch folder; `edit` changes both profiles before they are pinned.
    #[track_caller]
    pub(crate) fn new(test: &str, edit: impl Fn(String) -> String) -> Self {
        let shipped = |name: &str| std::fs::read_to_string(repository().join("cim-profiles").join(name).join("profile.toml"));
        Self::of(test, PROFILES.map(|name| edit(shipped(name).expect("a shipped profile"))))
    }

    /// The same over DNP3, with the profiles of the simulations.
    #[track_caller]
    pub(crate) fn over_dnp3(test: &str, edit: impl Fn(String) -> String) -> Self {
        let profiles = [include_str!("../sim/dnp3/plant.toml"), include_str!("../sim/dnp3/gateway.toml")];
        Self::of(test, profiles.map(|profile| edit(profile.to_owned())))
    }

    /// The plant's profile and the load despatch centre's.
    #[track_caller]
    fn of(test: &str, profiles: [String; 2]) -> Self {
        let site = Site::new(test);
        let [rtu, ems, plant, ldc] = std::array::from_fn(|_| free_port());
        let [thermal, gateway] = [0, 1].map(|at| own_profile(&site.dir, PROFILES[at], &profiles[at]));
        configure(
            &site,
            &PLANT,
            (&LDC, "sldc"),
            PROFILES[0],
            [plant, ldc],
            "commands_us = true\n[[operator]]\nname = \"asha\"\n[[operator]]\nname = \"guest\"\nroles = [\"GENCO\"]",
        );
        configure(&site, &LDC, (&PLANT, "genco"), PROFILES[1], [ldc, plant], "subscribe = true");
        for (folder, link, port) in [("plant", "rtu", rtu), ("ldc", "ems", ems)] {
            let text = format!("schema = \"ies-site/1\"\n[[link]]\nname = \"{link}\"\nendpoint = \"127.0.0.1:{port}\"\npeer = \"test\"\n");
            site.write(folder, "site.toml", &text);
        }
        Self { site, rtu, ems, thermal, gateway }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.site.dir
    }

    /// The command that runs the bridge of a folder.
    pub(crate) fn run(&self, folder: &str, more: &[&str]) -> Command {
        let mut args = vec!["run", folder, "--story"];
        args.extend(more);
        command(self.dir(), &args)
    }

    /// A bridge that has said READY.
    #[track_caller]
    pub(crate) fn start(&self, folder: &str) -> Process {
        let bridge = Process::spawn(folder, &mut self.run(folder, &[]));
        bridge.wait_for_line("READY", PATIENCE);
        bridge
    }

    /// The path of a file of this test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// What `ies-bridge verify` says of a bridge's journal.
    pub(crate) fn verify(&self, folder: &str) -> Ran {
        let [first, second] = &self.site.officers;
        self.site.run(&["verify", folder, "--json", "--trust", "trust.json", "--officer", first, "--officer", second])
    }

    /// The journal of a bridge, to read.
    #[track_caller]
    pub(crate) fn journal(&self, folder: &str) -> ReadOnly {
        let disk = FileDisk::open(&self.file(folder).join("data/journal")).expect("the journal's folder is there");
        open_read_only(Arc::new(disk)).expect("the journal is readable")
    }

    /// The point list of a station behind the plant's bridge; returns its file.
    pub(crate) fn station_points(&self) -> PathBuf {
        let list = point_list(&self.thermal.links[0].spec.points, |point| match point.usage {
            AddressUse::Monitor => station_value(&self.thermal.points[point.point.index()].id),
            AddressUse::Control => drive(&self.thermal.controls[point.point.index()].id, true),
        });
        self.write_points("station-points.json", &list)
    }

    /// The point list of what the load despatch centre's bridge serves; returns its file. A server that takes it can be commanded.
    pub(crate) fn ems_points(&self) -> PathBuf {
        let list = point_list(&self.gateway.links[0].spec.points, |point| match point.usage {
            AddressUse::Monitor => station_value(&self.gateway.served[point.point.index()].id),
            AddressUse::Control => drive(&self.gateway.controls[point.point.index()].id, false),
        });
        self.write_points("ems-points.json", &list)
    }

    fn write_points(&self, name: &str, list: &[Value]) -> PathBuf {
        let file = self.file(name);
        std::fs::write(&file, Value::from(list.to_vec()).to_string()).expect("writable");
        file
    }

    /// What belongs to what, from the station through both bridges to the EMS.
    pub(crate) fn book(&self) -> Book {
        let served = self.gateway.served.iter().filter_map(|served| match &served.source {
            ServedSource::Point(point) => Some(PointMap {
                station: self.gateway.points[point.index()].id.clone(),
                ems: served.id.clone(),
                factor: 1.0,
                offset: 0.0,
                deadband: 1.0,
            }),
            ServedSource::Status { .. } | ServedSource::LinkState(_) | ServedSource::QueueOverflow(_) => None,
        });
        let controls = ["U1.p_set", "U2.p_set"].map(|name| ControlMap {
            station: name.to_owned(),
            ems: name.to_owned(),
            factor: 1.0,
            offset: 0.0,
            min: 137.5,
            max: 250.0,
            stepped: name.starts_with("U1"),
        });
        Book { points: served.collect(), controls: controls.to_vec(), ..Book::default() }
    }
}

/// A ledger as its writer left it.
#[track_caller]
pub(crate) fn ledger(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse_jsonl(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The events of a point as (value, quality, stamp), in the ledger's order.
pub(crate) fn events(ledger: &[Entry], point: &str) -> Vec<(Option<f64>, Option<u16>, Option<i64>)> {
    let of_it = ledger.iter().filter(|entry| entry.kind == EntryKind::Event && entry.point == point);
    of_it.map(|entry| (entry.value, entry.quality, entry.stamp)).collect()
}

/// What happened at a point, of the wanted kinds.
pub(crate) fn kinds(ledger: &[Entry], point: &str, wanted: &[EntryKind]) -> Vec<EntryKind> {
    let of_it = ledger.iter().filter(|entry| entry.point == point && wanted.contains(&entry.kind));
    of_it.map(|entry| entry.kind).collect()
}

/// Waits for a state of the world that no line tells of.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let step = std::time::Duration::from_millis(50);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if is_so() {
            return;
        }
        std::thread::sleep(step);
    }
    panic!("within {PATIENCE:?} it did not come that {what}");
}

/// Asks a bridge to stop and waits until it has.
#[track_caller]
pub(crate) fn terminate(process: &mut Process) {
    let asked = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill runs");
    assert!(asked.success());
    process.wait_for_line("STOPPED", PATIENCE);
}

fn own_profile(dir: &Path, name: &str, text: &str) -> Plan {
    let folder = dir.join("own").join(name);
    std::fs::create_dir_all(&folder).expect("writable");
    std::fs::write(folder.join("profile.toml"), text).expect("writable");
    let mut report = Report::default();
    let files = MemoryFiles([("profile.toml".to_owned(), text.to_owned())].into());
    compile(&files, "profile.toml", &[&Iec104, &Dnp3], &mut report).unwrap_or_else(|| panic!("{}", report.render_text()))
}

fn configure(site: &Site, own: &Names, (peer, name): (&Names, &str), profile: &str, ports: [u16; 2], extra: &str) {
    let lint = run(&site.dir, &["profile", "lint", &format!("own/{profile}")]).good().out;
    let hash = lint.rsplit("sha256 ").next().expect("lint prints the hash").trim();
    let text = format!(
        "schema = \"ies-bridge/1\"\ndata_dir = \"data\"\nlisten = \"127.0.0.1:{}\"\n\
         profiles = [{{ path = \"../own/{profile}\", sha256 = \"{hash}\" }}]\n\
         [identity]\ndid = \"{}\"\nrole = \"{}\"\norigin = \"{}\"\nkeys = \"keys\"\n[network]\nid = \"ies.test\"\n\
         [trust]\nbundle = \"../trust.json\"\nofficers = [\"{{{{OFFICER1}}}}\", \"{{{{OFFICER2}}}}\"]\n\
         [[peer]]\nname = \"{name}\"\ndid = \"{}\"\nrole = \"{}\"\nuri = \"http://127.0.0.1:{}\"\norigin = \"{}\"\ncontract = \"soc-1\"\n{extra}\n",
        ports[0], own.did, own.role, own.origin, peer.did, peer.role, ports[1], peer.origin
    );
    site.write(own.folder, "bridge.toml", &text);
}

fn point_list(points: &[LinkPoint], more: impl Fn(&LinkPoint) -> (String, Value)) -> Vec<Value> {
    let entry = |point: &LinkPoint| {
        let (name, mut entry) = more(point);
        entry["name"] = name.into();
        if point.address.contains_key("ioa") {
            entry["ioa"] = number(&point.address, "ioa").into();
            entry["ti"] = word(&point.address, "ti").into();
        } else {
            let of = word(&point.address, "type");
            entry["index"] = number(&point.address, "index").into();
            entry["type"] = if point.usage == AddressUse::Control { of.replace("_output", "_command") } else { of }.into();
            // Selected or not: what the bridge selects is its own matter (R1).
            entry["select"] = false.into();
        }
        entry
    };
    points.iter().map(entry).collect()
}

fn number(address: &Fields, field: &str) -> i64 {
    match address.get(field) {
        Some(Field::Int(number)) => *number,
        other => panic!("an address without {field}: {other:?}"),
    }
}

fn word(address: &Fields, field: &str) -> String {
    match address.get(field) {
        Some(Field::Text(word)) => word.clone(),
        other => panic!("an address without {field}: {other:?}"),
    }
}

/// What a running unit shows.
fn station_value(id: &str) -> (String, Value) {
    let value = match id.rsplit('.').next().unwrap_or(id) {
        "f" => 50.0,
        "kv" if id.starts_with("BUS") => 220.0,
        "kv" => 15.75,
        "q" => 40.0,
        "p" | "p_echo" => 200.0,
        "state" | "cb" => 2.0,
        "remote" | "remote_enable" => 1.0,
        _ => 0.0,
    };
    (id.to_owned(), json!({ "value": value }))
}

/// A set-point that a station follows within seconds.
fn drive(id: &str, select: bool) -> (String, Value) {
    let unit = id.split('.').next().unwrap_or(id);
    let echo = format!("{unit}.p_echo");
    let driven = format!("{unit}.p");
    // The bridge ramps U1 in steps of which it selects the first (R1).
    let then_direct_s = if select && unit == "U1" { 5 } else { 0 };
    (
        id.to_owned(),
        json!({ "select": select, "then_direct_s": then_direct_s, "echo": echo, "drives": driven, "ramp_per_s": 10.0, "min": 137.5, "max": 250.0 }),
    )
}

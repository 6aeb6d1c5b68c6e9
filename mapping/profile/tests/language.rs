//! What the language means: good profiles and the plans they become.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_diag::Report;
use bridge_iec60870::Iec104;
use bridge_model::{LinkId, PointId, Zone};
use bridge_profile::{
    Ask, Basis, CapReason, Companion, ControlKind, Enable, Execution, Formula, JournalFailure, Lapse, MemoryFiles, Plan, PointSource,
    RampBy, ServedSource, Side, StatusKind, StreamClass, Verbs, compile,
};
use bridge_session::{AddressUse, CounterFreeze, Field, Housekeeping, Role};

const HEAD: &str = "schema = \"ies-cim-profile/1\"\nid = \"test\"\nversion = \"1.0.0\"\ncim = \"CIM17\"\n";

fn plan_of(files: &[(&str, &str)]) -> Plan {
    let files = MemoryFiles(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>());
    let mut report = Report::new();
    let plan = compile(&files, "profile.toml", &[&Iec104], &mut report);
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    plan.expect("no problem, so a plan")
}

fn plan(text: &str) -> Plan {
    plan_of(&[("profile.toml", &format!("{HEAD}{text}"))])
}

const PARK: &str = r#"
[era]
PLANT = { address = "era:in/rj/solar-b", class = "PowerElectronicsConnection" }
BLK = { address = "era:in/rj/solar-b/blk{n}", class = "PhotoVoltaicUnit", name = "block {n}", for = { n = "1..3" } }
[link]
ppc = { protocol = "iec104", role = "controlling", ca = 7, zone = "UTC", stale_after = "30s", k = 24, t1 = "20s" }
[template.block]
params = ["n", "base"]
points = [
  { id = "blk{n}.p", addr = { ioa = "{base+1}", ti = "M_ME_TF_1" }, cim = { on = "BLK{n}", class = "Analog", type = "ThreePhaseActivePower" }, unit = "kW", wire_unit = "MW", sign = "consumption", basis = "GROSS", deadband = "0.05 MW", verbs = ["stream"] },
  { id = "blk{n}.v_{ph}", for = { ph = ["A", "B"] }, addr = { ca = "{n}", ioa = "{base+2}", ti = "M_ME_TF_1" }, cim = { on = "BLK{n}", class = "Analog", type = "PhaseVoltage", phases = "{ph}" }, unit = "V", verbs = [] },
]
[[points_csv]]
file = "bop.csv"
on = "ppc"
"#;

const LIST: &str = "id,ioa,ti,on,class,type,unit,scale,sign,basis,deadband,verbs,text\n\
                    # the plant as a whole\n\
                    plant.p,1,M_ME_NC_1,PLANT,Analog,ThreePhaseActivePower,MW,0.01,generation,EX_BUS,0.1 MW,stream report,\"plant, ex-bus\"\n\
                    plant.cb,2,M_DP_TB_1,PLANT,Discrete,SwitchPosition,,,,,,stream;log,\n";

#[test]
fn ranges_and_lists_make_rows() {
    let text = PARK.replace("ph = [\"A\", \"B\"]", "ph = [\"A\"]");
    let text = format!(
        "{HEAD}{text}[[use]]\ntemplate = \"block\"\non = \"ppc\"\nwith = {{ base = 100 }}\nfor = [{{ n = 1 }}, {{ n = 2, base = 200 }}]\n"
    );
    let plan = plan_of(&[("profile.toml", &text), ("bop.csv", LIST)]);
    let keys: Vec<&str> = plan.resources.iter().map(|r| r.key.as_str()).collect();
    assert_eq!(keys, ["BLK1", "BLK2", "BLK3", "PLANT"]);
    assert_eq!(plan.resources[2].era, "era:in/rj/solar-b/blk3");
    let ids: Vec<&str> = plan.points.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(ids, ["blk1.p", "blk1.v_A", "blk2.p", "blk2.v_A", "plant.p", "plant.cb"]);

    let block = &plan.points[2];
    assert_eq!((block.conversion.factor, block.conversion.offset), (-1000.0, 0.0), "MW on the wire, kW delivered, sign turned");
    assert!((block.deadband - 50.0).abs() < 1e-9, "in kW");
    assert_eq!(block.basis, Some(Basis::Gross));
    assert_eq!(plan.points[1].phases.as_deref(), Some("A"));

    let link = &plan.links[0];
    assert_eq!((link.spec.role, link.spec.zone, link.stale_after), (Role::Client, Zone::Utc, Duration::from_secs(30)));
    assert_eq!(link.invalid_after, Duration::from_secs(300), "ten times as long");
    assert_eq!(link.on_journal_failure, JournalFailure::Hold);
    assert_eq!(link.spec.params.get("k"), Some(&Field::Int(24)));
    assert_eq!(link.spec.points[3].address.get("ca"), Some(&Field::Int(2)), "a whole expression keeps its type");
    assert_eq!(link.spec.points[2].address.get("ioa"), Some(&Field::Int(201)), "a row's own parameter wins");
}

#[test]
fn point_lists_come_as_csv() {
    let text = format!("{HEAD}{}", PARK.replace("[template.block]", "[template.unused]"));
    let plan = plan_of(&[("profile.toml", &text), ("bop.csv", LIST)]);
    let [power, breaker] = &plan.points[..] else { panic!("two rows") };
    assert_eq!((power.conversion.factor, power.deadband), (0.01, 0.1));
    assert_eq!(power.verbs, Verbs::STREAM.with(Verbs::REPORT));
    assert_eq!(power.text.as_deref(), Some("plant, ex-bus"));
    assert_eq!((power.class, breaker.class), (StreamClass::Telemetry, StreamClass::Event));
    assert_eq!(breaker.transit, Some(Duration::from_millis(500)), "a switch has a transit time unless stated");
    assert_eq!(breaker.verbs, Verbs::STREAM.with(Verbs::LOG));
}

#[test]
fn the_hash_covers_every_file() {
    let text = format!("{HEAD}{}", PARK.replace("[template.block]", "[template.unused]"));
    let one = plan_of(&[("profile.toml", &text), ("bop.csv", LIST)]);
    let same = plan_of(&[("profile.toml", &text), ("bop.csv", LIST)]);
    let other = plan_of(&[("profile.toml", &text), ("bop.csv", &LIST.replace("0.1 MW", "0.2 MW"))]);
    assert_eq!(one.hash, same.hash);
    assert_ne!(one.hash, other.hash);
}

const UNIT: &str = r#"
[era]
U1 = { address = "era:in/t/u1", class = "ThermalGeneratingUnit" }
[peer]
genco = {}
[alias]
unit_state = { 0 = "off", 2 = "synchronised" }
[limits]
p = [{ name = "H", above = "255 MW", hysteresis = "500 kW", delay = "5s", severity = "critical" }]
[link]
rtu = { protocol = "iec104", role = "client", ca = 21, zone = "IST" }
ems = { protocol = "iec104", role = "controlled", ca = 1, zone = "IST" }
[group.unit]
on = "rtu"
points = [
  { id = "p", addr = { ioa = 1, ti = "M_ME_TF_1" }, cim = { on = "U1", class = "Analog", type = "ThreePhaseActivePower" }, unit = "MW", sign = "generation", basis = "GROSS", limits = "p", verbs = ["alarm"] },
  { id = "echo", addr = { ioa = 2, ti = "M_ME_TF_1" }, cim = { on = "U1", class = "Analog", type = "x-Setpoint" }, unit = "MW", sign = "generation", basis = "GROSS" },
  { id = "state", addr = { ioa = 3, ti = "M_ME_TF_1" }, cim = { on = "U1", class = "Discrete", type = "UnitStatus", alias = "unit_state" } },
  { id = "enable", addr = { ioa = 4, ti = "M_SP_TB_1" }, cim = { on = "U1", class = "Discrete", type = "x-RemoteEnable" } },
]
controls = [
  { id = "p_set", addr = { ioa = 101, ti = "C_SE_NC_1" }, cim = { on = "U1", class = "SetPoint", type = "ThreePhaseActivePower" }, verb = "dispatch", unit = "MW", wire_unit = "kW", sign = "generation", basis = "GROSS", min = "137500 kW", max = "250 MW", ramp = { up = "150 MW/h", down = "0.05 MW/s", by = "bridge", step = "5s" }, select = "bridge", execution = "automatic", remote_enable = "enable", requires = ["state == synchronised"], feedback = { taken = { point = "echo", tolerance = "0.1 MW", within = "5s" }, followed = { point = "p", tolerance = "3 MW", within = "60s", dwell = "10s" } }, expires = { max_age = "30s", on_lapse = "hold" }, authority = ["sldc"] },
]
[[remote]]
id = "far.p"
peer = "genco"
era = "U1"
type = "AvailableActivePower"
unit = "MW"
basis = "EX_BUS"
[group.served]
on = "ems"
serves = [
  { point = "p", addr = { ioa = 1, ti = "M_ME_TF_1" }, wire_unit = "kW", sign = "consumption", basis = "GROSS" },
  { from = { era = "U1", type = "AvailableActivePower" }, addr = { ioa = 2, ti = "M_ME_TF_1" }, sign = "generation", basis = "EX_BUS" },
  { from = { control = "p_set", status = "time_left" }, addr = { ioa = 3, ti = "M_ME_TF_1" } },
  { from = { link = "rtu" }, addr = { ioa = 4, ti = "M_SP_TB_1" } },
]
"#;

#[test]
fn a_driven_control_has_its_envelope_in_its_own_unit() {
    let plan = plan(UNIT);
    let control = &plan.controls[0];
    let ControlKind::Drive(drive) = &control.kind else { panic!("on a client link we drive") };
    assert_eq!((drive.min, drive.max), (137.5, 250.0));
    let ramp = drive.ramp.expect("stated");
    assert!((ramp.up - 2.5).abs() < 1e-9 && (ramp.down - 3.0).abs() < 1e-9);
    assert_eq!((ramp.by, ramp.step), (RampBy::Bridge, Duration::from_secs(5)));
    assert_eq!((drive.taken.point, drive.followed.point), (PointId(1), PointId(0)));
    assert_eq!((drive.requires[0].point, drive.requires[0].equals), (PointId(2), 2.0), "a state by its name");
    assert_eq!((drive.execution, drive.remote_enable), (Execution::Automatic, Some(PointId(3))));
    assert_eq!((drive.exclusive.as_str(), drive.authority.as_slice()), ("U1", &["SLDC".to_owned()][..]));
    assert_eq!(drive.bump_limit, 3.0, "the band of `followed` unless stated");
    assert_eq!(plan.to_wire(control, 210.0), 210_000.0, "kW on the wire");
    let point = plan.links[usize::from(control.link.0)].spec.points.iter().find(|p| p.usage == AddressUse::Control);
    assert_eq!(point.map(|p| p.point), Some(PointId(0)), "an index into the controls");
}

#[test]
fn served_points_point_into_the_plan() {
    let plan = plan(UNIT);
    let ems = plan.link("ems").expect("there");
    assert_eq!(ems, LinkId(0), "links are numbered in the order of their names");
    assert_eq!(plan.links[0].on_journal_failure, JournalFailure::Pass, "a link that feeds an EMS goes on");
    assert!((plan.to_wire_served(&plan.served[0], 243.6) + 243_600.0).abs() < 1e-6);
    let sources: Vec<&ServedSource> = plan.served.iter().map(|served| &served.source).collect();
    assert_eq!(
        sources,
        [
            &ServedSource::Point(PointId(0)),
            &ServedSource::Point(PointId(4)),
            &ServedSource::Status { control: 0, what: StatusKind::TimeLeft },
            &ServedSource::LinkState("rtu".to_owned()),
        ]
    );
    let ids: Vec<&str> = plan.served.iter().map(|served| served.id.as_str()).collect();
    assert_eq!(ids, ["p", "far.p", "p_set.time_left", "rtu.link"]);
}

#[test]
fn limit_sets_take_the_unit_of_the_point() {
    let plan = plan(UNIT);
    let limit = &plan.points[0].limits[0];
    assert_eq!((limit.side, limit.value, limit.hysteresis, limit.delay), (Side::High, 255.0, 0.5, Duration::from_secs(5)));
}

#[test]
fn remote_points_are_known_by_peer_resource_and_type() {
    let plan = plan(UNIT);
    let source =
        PointSource::Remote { peer: "genco".to_owned(), era: "era:in/t/u1".to_owned(), measurement: "AvailableActivePower".to_owned() };
    assert_eq!(plan.points[4].source, source);
    assert!(plan.links.iter().all(|link| link.spec.points.iter().all(|p| link.spec.role == Role::Server || p.point != PointId(4))));
}

#[test]
fn the_far_side_has_the_other_role_and_the_same_points() {
    let plan = plan(UNIT);
    let far = plan.reversed();
    assert_eq!(far.iter().map(|spec| spec.role).collect::<Vec<_>>(), [Role::Client, Role::Server]);
    for (far, near) in far.iter().zip(&plan.links) {
        assert_eq!((&far.points, far.zone, &far.name), (&near.spec.points, near.spec.zone, &near.spec.name));
    }
}

/// The size of a large station: one row of the profile, ten thousand points.
#[test]
fn ten_thousand_points_from_one_row() {
    let text = r#"
[era]
B = { address = "era:in/t/b{n}", class = "Bay", for = { n = "1..10000" } }
[link]
rtu = { protocol = "iec104", role = "client", ca = 1, zone = "UTC" }
[[point]]
for = { n = "1..10000" }
id = "b{n}.p"
on = "rtu"
addr = { ioa = "{n}", ti = "M_ME_TF_1" }
cim = { on = "B{n}", class = "Analog", type = "ThreePhaseActivePower" }
unit = "MW"
sign = "generation"
basis = "GROSS"
verbs = ["stream"]
"#;
    let plan = plan(text);
    assert_eq!((plan.points.len(), plan.links[0].spec.points.len()), (10_000, 10_000));
    assert!(plan.points.iter().all(|point| point.deadband == 0.0));
}

/// Who asks by the clock is the client: on a server link of both directions the reversed one, with permissions of its own.
#[test]
fn r22_a_server_link_of_both_directions_asks_by_the_clock_what_allow_reverse_permits() {
    let text = r#"
[era]
U1 = { address = "era:in/t/u1", class = "ThermalGeneratingUnit" }
[link]
ems = { protocol = "iec104", role = "server", ca = 1, zone = "UTC", direction = "both", allow_reverse = "clock_sync, counter_freeze", clock_every = "1h", counters_every = "15min", counters_do = "freeze" }
[[point]]
id = "U1.p"
on = "ems"
addr = { ioa = 1, ti = "M_ME_TF_1", reversed = true }
cim = { on = "U1", class = "Analog", type = "ThreePhaseActivePower" }
unit = "MW"
sign = "generation"
basis = "GROSS"
deadband = "1 MW"
verbs = ["stream"]
"#;
    let plan = plan(text);
    assert!(plan.reads(LinkId(0)));
    let hour = Duration::from_secs(3600);
    let counters = |freeze| (Housekeeping::Counters { group: None, freeze }, hour / 4);
    let expected = [counters(CounterFreeze::Freeze), counters(CounterFreeze::Read), (Housekeeping::SynchroniseClock, hour)];
    assert_eq!(plan.links[0].housekeeping, expected);
}

const CAP: &str = r#"
[era]
PARK = { address = "era:in/t/park", class = "PowerElectronicsConnection" }
[peer]
ipp = {}
[link]
ems = { protocol = "iec104", role = "server", ca = 1, zone = "UTC" }
ppc = { protocol = "iec104", role = "client", ca = 21, zone = "IST" }
[group.park]
on = "ppc"
unit = "MW"
sign = "generation"
basis = "EX_BUS"
points = [
  { id = "p", addr = { ioa = 1001, ti = "M_ME_NC_1" }, cim = { on = "PARK", class = "Analog", type = "ThreePhaseActivePower" } },
  { id = "echo", addr = { ioa = 1031, ti = "M_ME_NC_1" }, cim = { on = "PARK", class = "Analog", type = "x-ActivePowerLimit" } },
  { id = "avail", addr = { ioa = 1005, ti = "M_ME_NC_1" }, cim = { on = "PARK", class = "Analog", type = "AvailableActivePower" } },
]
[[control]]
id = "limit"
on = "ppc"
addr = { ioa = 1101, ti = "C_SE_NC_1" }
cim = { on = "PARK", class = "SetPoint", type = "x-ActivePowerLimit" }
verb = "curtail"
unit = "MW"
sign = "generation"
basis = "EX_BUS"
min = "0 MW"
max = "300 MW"
deviation = "reject"
limit = { rated = "290 MW", available = "avail" }
ramp = { up = "10 MW/min", down = "60 MW/min", by = "plant" }
select = "bridge"
enable = { addr = { ioa = 1102, ti = "C_SC_NA_1" }, RELEASE }
reason_codes = { congestion = 1, overfrequency = { number = 2, at_end = "release" }, security = { number = 3, at_end = "hold" } }
reason = { addr = { ioa = 1104, ti = "C_SE_NB_1" } }
accept_within = "60s"
feedback = { taken = { point = "echo", tolerance = "0.1 MW", within = "5s" }, followed = { point = "p", compare = "at_most", tolerance = "3 MW", within = "120s", dwell = "5s" } }
expires = { max_age = "60s", until = "message.period", on_lapse = "release" }
authority = ["sldc"]
[[control]]
id = "ask"
on = "ems"
cim = { on = "PARK", class = "SetPoint", type = "x-ActivePowerLimit" }
verb = "curtail"
unit = "MW"
basis = "EX_BUS"
peer = "ipp"
[[serve]]
on = "ems"
from = { control = "ask", status = "state" }
addr = { ioa = 1, ti = "M_ME_NC_1" }
"#;

#[test]
fn r07_a_cap_brings_its_companions_and_knows_how_it_ends() {
    let with = |release: &str| plan(&CAP.replace("RELEASE", release));
    let same = with("release = { ioa = 1102, ti = \"C_SC_NA_1\" }");
    let ids: Vec<&str> = same.controls.iter().map(|control| control.id.as_str()).collect();
    assert_eq!(ids, ["limit", "limit.enable", "limit.reason", "ask"]);
    let ControlKind::Drive(drive) = &same.controls[0].kind else { panic!("driven") };
    let cap = drive.cap.as_ref().expect("a cap");
    assert_eq!((cap.rated, cap.available, cap.reason), (290.0, Some(PointId(2)), Some(2)));
    assert_eq!(cap.enable, Some(Enable { on: (1, true), off: (1, false) }), "one address, on and off");
    let reasons = [("CONGESTION", 1, false), ("OVERFREQUENCY", 2, true), ("SECURITY", 3, false)];
    let reasons = reasons.map(|(name, number, released)| (name.to_owned(), CapReason { number, released }));
    assert_eq!(cap.reasons, BTreeMap::from(reasons), "what says nothing is held");
    assert!(drive.followed.at_most && drive.followed.is_met(40.0, 120.0) && !drive.followed.is_met(123.1, 120.0));
    assert_eq!(drive.on_lapse, Lapse::Release);
    assert_eq!(same.controls[1].kind, ControlKind::Companion(Companion { of: 0 }));
    let ppc = same.link("ppc").expect("there");
    let controls: Vec<PointId> =
        same.links[ppc.index()].spec.points.iter().filter(|p| p.usage == AddressUse::Control).map(|p| p.point).collect();
    assert_eq!(controls, [PointId(0), PointId(1), PointId(2)], "each has its own address");
    assert_eq!(same.controls[3].kind, ControlKind::Ask(Ask { peer: "ipp".to_owned() }));
    assert_eq!((same.controls[3].unit.as_str(), same.controls[3].basis), ("MW", Some(Basis::ExBus)));
    // A release of its own is a pulse of its own.
    let own = with("release = { ioa = 1103, ti = \"C_SC_NA_1\" }");
    let ControlKind::Drive(drive) = &own.controls[0].kind else { panic!("driven") };
    assert_eq!(drive.cap.as_ref().and_then(|cap| cap.enable), Some(Enable { on: (1, true), off: (2, true) }));
    assert_eq!(own.controls[2].id, "limit.release");
}

#[test]
fn calculated_points_stand_behind_what_they_are_made_of() {
    let text = r#"
[era]
STN = { address = "era:in/t", class = "Substation" }
U = { address = "era:in/t/u{n}", class = "ThermalGeneratingUnit", for = { n = "1..2" } }
[link]
rtu = { protocol = "iec104", role = "client", ca = 1, zone = "UTC" }
[template.unit]
params = ["n", "unit"]
points = [{ id = "U{n}.p", on = "rtu", addr = { ioa = "{n}", ti = "M_ME_TF_1" }, cim = { on = "U{n}", class = "Analog", type = "ThreePhaseActivePower" }, unit = "{unit}", sign = "generation", basis = "EX_BUS", verbs = ["stream"] }]
calcs = [{ id = "U{n}.high", cim = { on = "U{n}", class = "Discrete", type = "x-High" }, cel = "p > 100.0", inputs = { p = "U{n}.p" }, verbs = ["log"] }]
[[use]]
template = "unit"
for = [{ n = 1, unit = "MW" }, { n = 2, unit = "kW" }]
[[calc]]
id = "A.twice"
cim = { on = "STN", class = "Analog", type = "x-Twice" }
sum = ["STN.p", "STN.p"]
unit = "kW"
basis = "EX_BUS"
[[calc]]
id = "STN.p"
cim = { on = "STN", class = "Analog", type = "ThreePhaseActivePower" }
difference = ["U1.p", "U2.p"]
unit = "MW"
basis = "EX_BUS"
verbs = ["report"]
"#;
    let plan = plan(text);
    let made = |id: &str| {
        let point = plan.point(id).expect("a point");
        assert_eq!(plan.points[point.index()].source, PointSource::Calculated, "{id}");
        plan.calculations.iter().find(|calculation| calculation.point == point).expect("a calculation")
    };
    assert_eq!(made("STN.p").formula, Formula::Weighted(vec![1.0, -0.001]), "kilowatts become megawatts");
    assert_eq!(made("STN.p").inputs, [PointId(0), PointId(1)]);
    assert_eq!(made("A.twice").formula, Formula::Weighted(vec![1000.0, 1000.0]));
    assert!(made("U2.high").state && !made("STN.p").state);
    for calculation in &plan.calculations {
        assert!(calculation.inputs.iter().all(|input| *input < calculation.point), "{}", plan.points[calculation.point.index()].id);
    }
}

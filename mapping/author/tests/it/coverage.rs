//! `coverage` sees what tests leave out.

use crate::kit::{PROTOCOLS, plan, shipped};
use bridge_author::{Device, DeviceVerdict, coverage};

const HEAD: &str = r#"schema = "ies-cim-profile/1"
id = "x"
version = "1.0.0"
cim = "CIM17"
[era]
B = { address = "era:b", class = "BusbarSection" }
[link]
rtu = { protocol = "iec104", role = "client", ca = 1, zone = "UTC" }
[group.g]
on = "rtu"
points = [
  { id = "f", addr = { ioa = 1, ti = "M_ME_TF_1" }, cim = { on = "B", class = "Analog", type = "Frequency" }, unit = "Hz", verbs = ["stream", "alarm"], limits = [
    { name = "L", below = "49.9 Hz", hysteresis = "0.01 Hz", severity = "warning" },
    { name = "H", above = "50.1 Hz", hysteresis = "0.01 Hz", severity = "warning" },
  ] },
  { id = "trip", addr = { ioa = 2, ti = "M_SP_TB_1" }, cim = { on = "B", class = "Discrete", type = "ProtectionTrip" }, verbs = ["alarm"], alarm = { when = 1, severity = "critical", latch = true } },
  { id = "kv", addr = { ioa = 3, ti = "M_ME_TF_1" }, cim = { on = "B", class = "Analog", type = "LineToLineVoltage" }, unit = "kV", verbs = ["stream"] },
]
"#;

#[test]
fn a_limit_counts_when_a_test_sees_it_come_and_go() {
    let none = coverage(&plan(HEAD), PROTOCOLS);
    assert_eq!(none.points, (3, vec!["f".to_owned(), "trip".to_owned(), "kv".to_owned()]));
    assert!(none.limits.iter().all(|limit| !limit.raised && limit.cleared != Some(true)));
    let raised = r#"
[[test]]
name = "t"
given = [{ link = "rtu", ioa = 1, value = 50.2 }, { link = "rtu", ioa = 2, value = 1 }]
expect = [{ verb = "alarm", limit = "H" }, { verb = "alarm", point = "trip" }]
never = [{ verb = "clear", limit = "H" }]
"#;
    let some = coverage(&plan(&format!("{HEAD}{raised}")), PROTOCOLS);
    assert_eq!(some.points, (3, vec!["kv".to_owned()]));
    let seen: Vec<(&str, bool, Option<bool>)> = some.limits.iter().map(|l| (l.limit.as_str(), l.raised, l.cleared)).collect();
    assert_eq!(seen, [("L", false, Some(false)), ("H", true, Some(false)), ("alarm", true, None)], "what must never be is no test of it");
    assert!(!some.is_whole());
    let text = some.to_text();
    for part in ["points: 2 of 3 in a test\n  not in any test: kv", "never raised nor cleared: L of f", "never cleared: H of f"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_control_counts_when_a_test_sees_it_taken_and_refused() {
    let station = coverage(&shipped("thermal-station-104").plan, PROTOCOLS);
    let of = |id: &str| station.controls.iter().find(|control| control.id == id).map(|control| (control.accepted, control.rejected));
    assert_eq!(of("U1.p_set"), Some((true, true)));
    assert_eq!(of("U2.p_set"), Some((false, false)), "the tests speak of U1");
    assert_eq!(of("U2.start"), Some((true, true)));
    let row = station.matrix.iter().find(|(key, _)| key == "U1").map(|(_, counts)| counts.clone());
    assert_eq!(station.verbs, ["stream", "report", "alarm", "log", "dispatch", "start", "stop"]);
    assert_eq!(row, Some(vec![25, 1, 2, 21, 1, 1, 1]));
    let park = coverage(&shipped("solar-park-dnp3").plan, PROTOCOLS);
    let open: Vec<&str> = park.controls.iter().filter(|c| !(c.accepted && c.rejected)).map(|c| c.id.as_str()).collect();
    assert_eq!(open, ["BLK2.switch"], "its tests speak of the one that is refused without a SELECT");
    let gateway = coverage(&shipped("ems-gateway-104").plan, PROTOCOLS);
    assert!(!gateway.served.1.contains(&"U1.p".to_owned()) && gateway.served.1.contains(&"U2.p".to_owned()));
}

#[test]
fn a_devices_list_is_bound_ignored_or_unknown() {
    let plan = plan(HEAD);
    let list = "ioa,name,ignore\n1,frequency,\n# a remark\n77,spare,not wired\n78,?,\n2,trip,\n";
    let device = Device::compare(&plan, None, list).unwrap();
    let verdicts: Vec<(usize, DeviceVerdict)> = device.rows.iter().map(|row| (row.line, row.verdict.clone())).collect();
    assert_eq!(
        verdicts,
        [
            (2, DeviceVerdict::Bound(vec!["f".to_owned()])),
            (4, DeviceVerdict::Ignored("not wired".to_owned())),
            (5, DeviceVerdict::Unknown),
            (6, DeviceVerdict::Bound(vec!["trip".to_owned()])),
        ]
    );
    assert_eq!(device.missing, [("kv".to_owned(), "ioa = 3, ti = \"M_ME_TF_1\"".to_owned())]);
    assert!(!device.is_whole());
    assert!(Device::compare(&plan, Some("rtx"), list).is_err());
    assert!(Device::compare(&plan, None, "name\nx\n").is_err_and(|problem| problem.contains("ioa, ti")));
    let typed = Device::compare(&plan, None, "ioa,ti\n1,M_SP_TB_1\n").unwrap();
    assert_eq!(typed.rows[0].verdict, DeviceVerdict::Unknown, "the device says another type");
}

#[test]
fn a_large_list_is_compared_at_once() {
    let more: String = (10..20_010)
        .map(|n| format!("  {{ id = \"p{n}\", addr = {{ ioa = {n}, ti = \"M_SP_TB_1\" }}, cim = {{ on = \"B\", class = \"Discrete\", type = \"x-{n}\" }} }},\n"))
        .collect();
    let plan = plan(&format!("{HEAD}[group.more]\non = \"rtu\"\npoints = [\n{more}]\n"));
    let list: String = std::iter::once("ioa\n".to_owned()).chain((1..20_010).map(|n| format!("{n}\n"))).collect();
    let device = Device::compare(&plan, Some("rtu"), &list).unwrap();
    assert_eq!(device.rows.iter().filter(|row| row.verdict == DeviceVerdict::Unknown).count(), 6, "4 to 9");
    assert!(device.missing.is_empty());
}

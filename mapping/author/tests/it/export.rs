//! What is exported says what the profile says, and reads back.

use crate::kit::{Profile, SHIPPED, all, in_memory, meaning, profile, shipped};
use bridge_author::{check_sheet, merge_csv, point_list, to_point_list};
use bridge_profile::MemoryFiles;

/// The profile with its points taken out of the text and read from a point list instead.
fn from_list(before: &Profile, list: &str) -> MemoryFiles {
    let mut rest = before.expansion.clone();
    for (name, rows) in &mut rest.rows {
        if *name == "points" {
            rows.clear();
        }
    }
    let text = format!("{}\n[[points_csv]]\nfile = \"points.csv\"\n", bridge_author::to_toml(&rest, &before.report));
    in_memory(&[("profile.toml", &text), ("points.csv", list)])
}

#[test]
fn a_point_list_reads_back_as_an_equal_plan() {
    for (name, before) in all() {
        let list = to_point_list(&before.expansion, None);
        assert_eq!(list.left, [], "{name}");
        if list.text.lines().count() < 2 {
            continue; // A gateway has no points of its own.
        }
        let after = profile(&from_list(&before, &list.text));
        assert_eq!(meaning(after.plan), meaning(before.plan), "{name}\n{}", list.text);
        let again = to_point_list(&after.expansion, None);
        assert_eq!(again.text, list.text, "{name}");
    }
}

const ALL_KEYS: &str = r#"schema = "ies-cim-profile/1"
id = "x"
version = "1.0.0"
cim = "CIM17"
points = [
  { id = "f", on = "rtu", addr = { ioa = 1, ti = "M_ME_TF_1" }, cim = { on = "B", class = "Analog", type = "Frequency", phases = "A" }, unit = "Hz", wire_unit = "mHz", scale = 2, offset = -1.5, range = ["45 Hz", "55 Hz"], deadband = "0.005 Hz", class = "event", verbs = ["stream", "alarm"], limits = [{ name = "L", below = "49.9 Hz", hysteresis = "0.01 Hz", severity = "warning" }], text = 'a, "b" | c' },
  { id = "sw", on = "rtu", addr = { ioa = 2, ti = "M_DP_TB_1" }, cim = { on = "B", class = "Discrete", type = "SwitchPosition", alias = "dpos" }, transit = "1s", verbs = ["alarm", "log"], alarm = { when = 2, severity = "critical", kind = "device", text = "42", latch = true } },
  { id = "odd", on = "rtu", addr = { ioa = 3, ti = "M_SP_TB_1" }, cim = { on = "B", class = "Discrete", type = "x-Odd" }, text = " wide " },
]
[era]
B = { address = "era:b", class = "BusbarSection" }
[link]
rtu = { protocol = "iec104", role = "client", ca = 1, zone = "UTC" }
"#;

#[test]
fn every_key_of_a_point_has_a_column_and_what_does_not_fit_is_named() {
    let before = profile(&in_memory(&[("profile.toml", ALL_KEYS)]));
    let list = to_point_list(&before.expansion, None);
    assert_eq!(list.left, [("odd".to_owned(), "`text` does not fit into a cell".to_owned())], "{}", list.text);
    let after = profile(&from_list(&before, &list.text));
    assert_eq!(meaning(after.plan.clone()).points, meaning(before.plan.clone()).points[..2], "{}", list.text);
}

#[test]
fn a_merge_keeps_what_people_wrote_around_the_rows() {
    let before = profile(&in_memory(&[("profile.toml", ALL_KEYS)]));
    let edited = "# checked by R. Iyer\nid,text,type,ioa\n\nsw,old words,SwitchPosition,9\n# spare from here\ngone,\"was, here\",x-Y,8\n";
    let merged = merge_csv(&before.expansion, None, edited).unwrap().text;
    let lines: Vec<&str> = merged.lines().collect();
    assert_eq!(lines[0], "# checked by R. Iyer");
    assert!(lines[1].starts_with("id,text,type,ioa,link,"), "{}", lines[1]);
    assert_eq!(lines[2], "");
    assert!(lines[3].starts_with("sw,,SwitchPosition,2,rtu,"), "{}", lines[3]);
    assert_eq!(lines[4], "# spare from here");
    assert_eq!(lines[5], "# not in the profile: gone,\"was, here\",x-Y,8");
    assert!(lines[6].starts_with("f,\"a, \"\"b\"\" | c\",Frequency,1,rtu,"), "{}", lines[6]);
    assert_eq!(merge_csv(&before.expansion, None, &merged).unwrap().text, merged, "a second merge changes nothing");
    let after = profile(&from_list(&before, &merged));
    let ids: Vec<&str> = after.plan.points.iter().map(|point| point.id.as_str()).collect();
    assert_eq!(ids, ["sw", "f"], "the order of people");
    assert!(merge_csv(&before.expansion, None, "name\nx\n").is_err());
}

#[test]
fn documents_hold_every_id_and_the_numbers_to_inject() {
    for name in SHIPPED {
        let plan = shipped(name).plan;
        let (list, sheet) = (point_list(&plan), check_sheet(&plan));
        for id in plan.points.iter().map(|point| &point.id).chain(plan.controls.iter().map(|control| &control.id)) {
            assert!(list.contains(&format!("| {id} |")), "{name}: {id} is not in the list");
        }
        for (_, line) in list.lines().chain(sheet.lines()).enumerate().filter(|(_, line)| line.starts_with('|')) {
            assert!(line.ends_with('|'), "{line}");
        }
    }
    let sheet = check_sheet(&shipped("solar-park-dnp3").plan);
    assert!(sheet.contains("| plant.p | index = 1, type = \"analog\" | 32000 | 320 MW |"), "{sheet}");
    assert!(sheet.contains("| 246 | 246 kV, alarm H after 10s |"), "{sheet}");
    assert!(sheet.contains("| plant.p_set |"), "{sheet}");
}

//! The device profile is found by asking the sessions; these hold it against what a reader knows of them, and the committed one against
//! what the code says.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bridge_dnp3::{DeviceProfile, Section};
use bridge_model::Zone;
use bridge_session::{Field, LinkSpec, Role};

fn of_link(role: Role, monitor_only: bool, params: &[(&str, Field)]) -> DeviceProfile {
    DeviceProfile::of_link(&LinkSpec {
        name: "ems".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only,
        params: params.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect(),
        points: Vec::new(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    })
}

fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

fn section<'a>(profile: &'a DeviceProfile, title: &str) -> &'a Section {
    profile.sections.iter().find(|section| section.title == title).unwrap()
}

/// The row of an object: its cells from the third on.
fn object(section: &Section, group: u8, variation: &str) -> Vec<String> {
    let row = section.rows.iter().find(|row| row[0] == group.to_string() && row[1].split(", ").any(|own| own == variation));
    row.unwrap_or_else(|| panic!("g{group}v{variation}"))[3..].to_vec()
}

fn is_marked(section: &Section, function: &str) -> bool {
    section.rows.iter().any(|row| row[1] == function && row[2] == "X")
}

#[test]
fn a2_r24_the_matrix_of_an_outstation_is_found_by_asking_it() {
    let everything = "clock_sync,counter_freeze,counter_reset,reset,assign_class,parameters,files,file_write";
    let profile = of_link(Role::Server, false, &[("allow", text(everything))]);
    let objects = section(&profile, "objects");
    for (group, variation, expected) in [
        (1, "1", ["READ: 00 01 02 06 07 08 09 17 28 39; ASSIGN_CLASS: 00 01 02 06 17 28 39", "01"]),
        (2, "0", ["READ: 06 07 08 09", ""]),
        (2, "3", ["READ: 06 07 08 09", "28"]),
        (32, "7", ["READ: 06 07 08 09", "28"]),
        (12, "1", ["SELECT, OPERATE, DIRECT_OPERATE, DIRECT_OPERATE_NR: 17 28 39", ""]),
        (41, "4", ["SELECT, OPERATE, DIRECT_OPERATE, DIRECT_OPERATE_NR: 17 28 39", ""]),
        (50, "3", ["WRITE: 00 01 02 07 08 09 17 28 39", ""]),
        (52, "2", ["", "07"]),
        (70, "5", ["READ, WRITE: 5b", "5b"]),
        (70, "7", ["GET_FILE_INFO: 5b", "5b"]),
        (51, "1", ["", "07"]),
        (60, "1", ["READ, ASSIGN_CLASS: 06", ""]),
        (12, "2", ["SELECT, OPERATE, DIRECT_OPERATE, DIRECT_OPERATE_NR: 07 08 09", ""]),
        (12, "3", ["SELECT, OPERATE, DIRECT_OPERATE, DIRECT_OPERATE_NR: 00 01 02", ""]),
        (13, "1", ["READ: 06 07 08 09", "28"]),
        (43, "8", ["READ: 06 07 08 09", "28"]),
        (50, "4", ["READ: 00 01 02 06 07 08 09 17 28 39", "01"]),
        (102, "1", ["READ: 00 01 02 06 07 08 09 17 28 39; ASSIGN_CLASS: 00 01 02 06 17 28 39", "01"]),
        (110, "1 to 255", ["READ: 00 01 02 06 07 08 09 17 28 39; ASSIGN_CLASS: 00 01 02 06 17 28 39", "01"]),
        (111, "1 to 255", ["READ: 06 07 08 09", "28"]),
        (112, "1 to 255", ["", ""]),
        (113, "1 to 255", ["", ""]),
        (90, "1", ["", ""]),
        (91, "1", ["", ""]),
        (121, "1", ["READ: 00 01 02 06 07 08 09 17 28 39", "01"]),
    ] {
        assert_eq!(object(objects, group, variation), expected, "g{group}v{variation}");
    }
    let freeze = object(objects, 20, "0");
    assert!(freeze[0].contains("IMMED_FREEZE") && freeze[0].contains("FREEZE_AT_TIME_NR"), "{freeze:?}");
    assert!(object(objects, 70, "3")[0].contains("OPEN_FILE"), "files");
    assert!(object(objects, 34, "3")[0].contains("WRITE"), "dead-bands");
}

/// Every cell of the four levels, as data: no request of a level is without its answer, and what a level says is said.
#[test]
fn a2_r24_every_cell_of_the_subset_levels_is_there() {
    let everything = "clock_sync,counter_freeze,counter_reset,reset,assign_class,parameters,files,file_write";
    let profile = of_link(Role::Server, false, &[("allow", text(everything))]);
    let objects = section(&profile, "objects");
    let table = include_str!("../testdata/subset_levels.txt");
    let (mut missing, mut cells) = (Vec::new(), [0_usize; 4]);
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [level, group, variations, functions, qualifiers] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let level: usize = level.parse().unwrap();
        for variation in variations.split(',') {
            let found = object(objects, group.parse().unwrap(), variation);
            for function in functions.split(',') {
                if function == "SAYS" {
                    cells[level - 1] += 1;
                    if !qualifiers.split(',').any(|qualifier| found[1].split(' ').any(|own| own == qualifier)) {
                        missing.push(format!("level {level}: g{group}v{variation} is not said in {qualifiers}"));
                    }
                    continue;
                }
                let mut takes = found[0].split("; ").filter_map(|taken| taken.split_once(": "));
                let own = takes.find(|(names, _)| names.split(", ").any(|name| name == function)).map_or("", |(_, own)| own);
                for qualifier in qualifiers.split(',') {
                    cells[level - 1] += 1;
                    if !own.split(' ').any(|own| own == qualifier) {
                        missing.push(format!("level {level}: {function} of g{group}v{variation} with {qualifier}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(cells.iter().all(|count| *count >= 30), "the table has its four levels: {cells:?}");
}

#[test]
fn a2_r01_the_ports_are_the_standards() {
    assert_eq!((bridge_dnp3::PORT, bridge_dnp3::PORT_TLS), (20_000, 19_999));
    for role in [Role::Client, Role::Server] {
        let profile = of_link(role, false, &[]);
        let ports = section(&profile, "link layer").rows.iter().find(|row| row[0].starts_with("ports")).unwrap();
        assert_eq!(ports[1], "20000, 19999");
    }
}

#[test]
fn what_a_link_does_not_allow_is_not_in_its_profile() {
    let plain = of_link(Role::Server, false, &[("unsolicited", text(""))]);
    assert!(!is_marked(section(&plain, "functions"), "COLD_RESTART") && !is_marked(section(&plain, "functions"), "ENABLE_UNSOLICITED"));
    assert!(is_marked(section(&plain, "functions"), "OPERATE"));
    let objects = section(&plain, "objects");
    assert_eq!(object(objects, 70, "3"), ["", ""]);
    assert!(!object(objects, 34, "3")[0].contains("WRITE") && !object(objects, 20, "0")[0].contains("FREEZE"));

    let monitor = of_link(Role::Client, true, &[]);
    let functions = section(&monitor, "functions");
    for function in
        ["SELECT", "OPERATE", "DIRECT_OPERATE", "COLD_RESTART", "IMMED_FREEZE", "ASSIGN_CLASS", "OPEN_FILE", "RECORD_CURRENT_TIME"]
    {
        assert!(!is_marked(functions, function), "{function}");
    }
    for function in ["CONFIRM", "READ", "WRITE", "ENABLE_UNSOLICITED", "DISABLE_UNSOLICITED"] {
        assert!(is_marked(functions, function), "{function}");
    }
    assert_eq!(object(section(&monitor, "objects sent"), 80, "1"), ["WRITE: 00"]);
}

#[test]
fn what_a_master_sends_is_found_by_letting_it_talk() {
    let everything = "clock_sync,counter_freeze,counter_reset,reset,assign_class,parameters,files,file_write";
    for (sync, function, variation) in [("lan", "RECORD_CURRENT_TIME", "3"), ("non_lan", "DELAY_MEASURE", "1")] {
        let profile = of_link(Role::Client, false, &[("allow", text(everything)), ("time_sync", text(sync))]);
        let functions = section(&profile, "functions");
        for function in [function, "SELECT", "OPERATE", "DIRECT_OPERATE", "COLD_RESTART", "WARM_RESTART", "FREEZE_CLEAR", "DELETE_FILE"] {
            assert!(is_marked(functions, function), "{function}");
        }
        assert!(!is_marked(functions, "DIRECT_OPERATE_NR") && !is_marked(functions, "AUTHENTICATE_REQ"));
        let sent = section(&profile, "objects sent");
        assert_eq!(object(sent, 50, variation), ["WRITE: 07"]);
        assert_eq!(object(sent, 12, "1"), ["SELECT: 28; OPERATE: 28; DIRECT_OPERATE: 28"]);
        for variation in ["1", "2", "3", "4"] {
            assert_eq!(object(sent, 41, variation), ["SELECT: 28; OPERATE: 28; DIRECT_OPERATE: 28"]);
        }
        let read = section(&profile, "objects read");
        assert_eq!(object(read, 2, "3"), ["00 01 02 07 08 09 17 28 39", "value of a point"]);
        assert_eq!(object(read, 111, "1 to 255")[1], "told in words, and value of a point");
    }
}

#[test]
fn the_committed_profile_is_what_the_code_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance/dnp3-device-profile.md");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let written = DeviceProfile::of_implementation().to_markdown();
    assert!(
        committed == written,
        "{} is not what the code says; write it again with: cargo run -q -- interop dnp3 > docs/conformance/dnp3-device-profile.md",
        path.display()
    );
}

//! `tail` with filters, on the journal of a bridge that runs and of one that has ended.

use serde_json::Value;

use super::inbox::station;
use crate::support::{Grid, PATIENCE, terminate};

fn lines(grid: &Grid, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["tail", "plant", "--json"];
    all.extend(args);
    let out = grid.site.run(&all).good().out;
    out.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

fn points(objects: &[Value]) -> Vec<(String, String)> {
    let all = objects.iter().flat_map(|object| object["points"].as_array().into_iter().flatten());
    all.map(|point| (point["id"].as_str().unwrap_or_default().to_owned(), point["quality"].as_str().unwrap_or_default().to_owned()))
        .collect()
}

#[test]
fn tail_shows_what_is_asked_for_and_names_what_it_does_not_know() {
    let grid = Grid::new("tail_filters", |profile| profile);
    let mut station = station(&grid, &[]);
    let mut plant = grid.start("plant");
    let mut ldc = grid.start("ldc");
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    station.say("change U1.trip 1");
    plant.wait_for_line("ALARM: U1.trip", PATIENCE);
    ldc.wait_for_line("alarm from genco", PATIENCE);

    // While it runs: what is followed ends by itself after its count.
    station.say("change U1.trip 0");
    let followed = lines(&grid, &["--follow", "--point", "U1.trip", "--count", "2"]);
    assert_eq!(points(&followed).len(), 2, "{followed:?}");
    terminate(&mut plant);
    terminate(&mut ldc);

    let power = points(&lines(&grid, &["--point", "U1.p", "--point", "U2.p"]));
    assert!(!power.is_empty() && power.iter().all(|(id, _)| id == "U1.p" || id == "U2.p"), "{power:?}");
    let unit = points(&lines(&grid, &["--point", "U1.*"]));
    assert!(unit.len() > power.len() && unit.iter().all(|(id, _)| id.starts_with("U1.")), "{unit:?}");
    let of_unit = points(&lines(&grid, &["--resource", "U2", "--verb", "stream"]));
    assert!(!of_unit.is_empty() && of_unit.iter().all(|(id, _)| id.starts_with("U2.")), "{of_unit:?}");
    let good = points(&lines(&grid, &["--quality", "good"]));
    assert!(!good.is_empty() && good.iter().all(|(_, quality)| quality == "GOOD"), "{good:?}");
    assert_eq!(points(&lines(&grid, &["--quality", "invalid", "--point", "U1.p"])), [], "filters narrow");

    let alarms = lines(&grid, &["--verb", "alarm", "--severity", "critical"]);
    assert!(!alarms.is_empty() && alarms.iter().all(|alarm| alarm["verb"] == "alarm" && alarm["kind"] == "operation"), "{alarms:?}");
    assert_eq!(lines(&grid, &["--verb", "alarm", "--severity", "info"]).len(), 0);
    let of_point = lines(&grid, &["--verb", "alarm", "--point", "U1.trip"]);
    assert_eq!(of_point.len(), 1, "{of_point:?}");
    let to_peer = lines(&grid, &["--link", "sldc"]);
    assert!(to_peer.iter().any(|object| object["kind"] == "operation") && to_peer.iter().all(|object| object["kind"] != "points"));
    let from_rtu = lines(&grid, &["--link", "rtu"]);
    assert!(from_rtu.iter().any(|object| object["kind"] == "points") && from_rtu.iter().all(|object| object["kind"] != "operation"));

    let all = lines(&grid, &[]).len();
    assert_eq!(lines(&grid, &["--since", "1h"]).len(), all);
    assert_eq!(lines(&grid, &["--until", "1h"]).len(), 0);
    assert_eq!(lines(&grid, &["--since", "2000-01-01T00:00:00Z", "--until", "2001-01-01T00:00:00+05:30"]).len(), 0);
    assert_eq!(lines(&grid, &["--count", "3"]).len(), 3);

    for (args, what, known) in [
        (["--verb", "alarn"], "no verb is called `alarn`", "did you mean `alarm`?"),
        (["--point", "U1.pp"], "no point is called `U1.pp`", "did you mean `U1.p`?"),
        (["--resource", "U7"], "no resource is called `U7`", "era:in/wr/tps-a/u1"),
        (["--link", "rtx"], "no link or peer is called `rtx`", "did you mean `rtu`?"),
        (["--quality", "fine"], "no quality is called `fine`", "good, questionable, invalid"),
        (["--severity", "major"], "no severity is called `major`", "CRITICAL, WARNING, INFO"),
        (["--since", "soon"], "`soon` is no time", "15min"),
    ] {
        let ran = grid.site.run(&["tail", "plant", args[0], args[1]]);
        assert!(ran.code == 1 && ran.out.is_empty(), "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(what) && ran.err.contains(known), "{args:?}: {}", ran.err);
    }
    assert!(station.finish(PATIENCE).success());
}

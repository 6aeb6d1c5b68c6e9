//! `diff` weighs what changed for those who rely on it.

use crate::kit::{plan, text};
use bridge_author::{Bump, Difference, Fate, diff};

/// The thermal station with some of its text exchanged, compared with itself.
fn changed(exchanges: &[(&str, &str)]) -> Difference {
    let before = text("thermal-station-104");
    let mut after = before.clone();
    for (from, to) in exchanges {
        assert!(after.contains(from), "{from} is not in the profile");
        after = after.replace(from, to);
    }
    diff(&plan(&before), &plan(&after))
}

fn needs(exchanges: &[(&str, &str)]) -> Bump {
    changed(exchanges).needed
}

#[test]
fn what_others_must_follow_is_major() {
    for (from, to) in [
        ("ioa = \"{base+1}\", ti", "ioa = \"{base+4}\", ti"),
        ("unit = \"MVAr\", sign = \"generation\"", "unit = \"MVAr\", sign = \"consumption\""),
        ("unit = \"MVAr\", sign", "unit = \"MVAr\", scale = 0.1, sign"),
        ("max = \"250 MW\"", "max = \"255 MW\""),
        ("min = \"137.5 MW\"", "min = \"130 MW\""),
        ("ramp = \"2.5 MW/min\"", "ramp = \"3 MW/min\""),
        ("requires = [\"{u}.remote == 1\", \"{u}.state == synchronised\"]", "requires = [\"{u}.remote == 1\"]"),
        ("expires = { max_age = \"30s\"", "expires = { max_age = \"60s\""),
        ("zone = \"IST\"", "zone = \"UTC\""),
        ("2 = \"synchronised\", 3 = \"shutting_down\"", "2 = \"synchronised\", 3 = \"stopping\""),
        ("address = \"era:in/wr/tps-a/u2\"", "address = \"era:in/wr/tps-a/unit2\""),
        ("limits = \"frequency\", verbs = [\"stream\", \"alarm\"]", "verbs = [\"stream\"]"),
    ] {
        assert_eq!(needs(&[(from, to)]), Bump::Major, "{from} → {to}");
    }
}

#[test]
fn what_narrows_or_adds_is_minor_and_what_is_said_to_people_is_patch() {
    for (from, to) in [
        ("max = \"250 MW\"", "max = \"245 MW\""),
        ("min = \"137.5 MW\"", "min = \"140 MW\""),
        ("above = \"255 MW\"", "above = \"256 MW\""),
        ("deadband = \"0.5 MW\"", "deadband = \"0.4 MW\""),
        ("3 = \"shutting_down\" }", "3 = \"shutting_down\", 4 = \"tripped\" }"),
        ("stale_after = \"90s\"", "stale_after = \"80s\""),
    ] {
        assert_eq!(needs(&[(from, to)]), Bump::Minor, "{from} → {to}");
    }
    assert_eq!(needs(&[("text = \"boiler feed pump A runs\"", "text = \"feed pump A runs\"")]), Bump::Patch);
    assert_eq!(needs(&[("name = \"a short excursion raises nothing\"", "name = \"a short one raises nothing\"")]), Bump::Patch);
    assert_eq!(
        needs(&[("# A thermal station", "# One thermal station"), ("{ u = \"U1\", base = 1000 }", "{ base = 1000, u = \"U1\" }")]),
        Bump::None
    );
}

#[test]
fn points_come_and_go_field_by_field() {
    let one = "{ id = \"{u}.pa_fan\"";
    let before = text("thermal-station-104");
    let line = before.lines().find(|line| line.contains(one)).expect("it is there");
    let without = before.replace(line, "");
    let gone = diff(&plan(&before), &plan(&without));
    let ids: Vec<(&str, &str, bool)> =
        gone.changes.iter().map(|change| (change.kind, change.id.as_str(), change.fate == Fate::Removed)).collect();
    assert_eq!(ids, [("point", "U1.pa_fan", true), ("point", "U2.pa_fan", true)]);
    assert_eq!((gone.needed, diff(&plan(&without), &plan(&before)).needed), (Bump::Major, Bump::Minor));

    let raised = changed(&[("max = \"250 MW\"", "max = \"255 MW\"")]);
    let text = raised.to_text();
    assert!(text.contains("~ control U1.p_set changed (major)\n    max: 250 MW → 255 MW (major)"), "{text}");
    assert_eq!(raised.to_json()["changes"][0]["fields"][0]["old"], "250 MW");
}

#[test]
fn the_version_must_admit_it() {
    let widened = ("max = \"250 MW\"", "max = \"255 MW\"");
    let version = |to| ("version = \"1.0.0\"", to);
    for (to, fits) in [
        ("version = \"1.0.0\"", false),
        ("version = \"1.0.1\"", false),
        ("version = \"1.1.0\"", false),
        ("version = \"2.0.0\"", true),
        ("version = \"0.9.0\"", false),
        ("version = \"two\"", false),
    ] {
        assert_eq!(changed(&[widened, version(to)]).fits(), fits, "{to}");
    }
    assert!(changed(&[]).fits(), "nothing changed");
    assert!(changed(&[version("version = \"1.0.1\"")]).fits(), "more than is asked");
    let early = |old: &str, new: &str| {
        let before = text("thermal-station-104").replace("version = \"1.0.0\"", old);
        let after = before.replace(widened.0, widened.1).replace(old, new);
        diff(&plan(&before), &plan(&after)).fits()
    };
    assert!(early("version = \"0.3.0\"", "version = \"0.4.0\""), "below 1.0.0 a minor number may break");
    assert!(!early("version = \"0.3.0\"", "version = \"0.3.1\""));
}

//! The generated profile: every point a float with a time tag, dead band off, streamed and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bridge_diag::Report;
use bridge_iec60870::Iec104;
use bridge_profile::{MemoryFiles, Plan, compile};

/// Objects of one frame.
pub(crate) const OBJECTS: usize = 16;
/// Points of one resource, a whole number of frames: a frame is one leaf, as from a feeder bay or a feeder's meter.
pub(crate) const PER_RESOURCE: usize = 13 * OBJECTS;
/// Points of a profile, over all links.
pub(crate) const POINTS: usize = 50 * PER_RESOURCE;
/// The address of the one state of a station that sends events.
pub(crate) const EVENT_IOA: u32 = 60_000;

/// `links` stations that share [`POINTS`]; the first also has a state. Each acknowledges at `w` durable frames.
pub(crate) fn plan(links: usize, w: u16) -> Plan {
    let mut text = String::from("schema = \"ies-cim-profile/1\"\nid = \"bench.path\"\nversion = \"1.0.0\"\ncim = \"CIM17\"\n");
    // Writing to a String cannot fail.
    let mut put = |line: std::fmt::Arguments<'_>| text.write_fmt(line).expect("memory");
    put(format_args!("[era]\n"));
    for resource in 0..POINTS / PER_RESOURCE {
        put(format_args!("R{resource} = {{ address = \"era:in/bench/r{resource}\", class = \"Bay\" }}\n"));
    }
    put(format_args!("[link]\n"));
    for link in 0..links {
        put(format_args!(
            "s{link:03} = {{ protocol = \"iec104\", role = \"client\", ca = {}, zone = \"UTC\", k = 12, w = {w}, monitor_only = true, stale_after = \"10m\" }}\n",
            link + 1
        ));
    }
    for point in 0..POINTS {
        let (link, at) = (point / (POINTS / links), point % (POINTS / links));
        put(format_args!(
            "[[point]]\nid = \"P{point}\"\non = \"s{link:03}\"\naddr = {{ ioa = {}, ti = \"M_ME_TF_1\" }}\ncim = {{ on = \"R{}\", class = \"Analog\", type = \"x-M{point}\" }}\nunit = \"kV\"\ndeadband = \"0 kV\"\nverbs = [\"stream\"]\n",
            at + 1,
            point / PER_RESOURCE
        ));
    }
    put(format_args!(
        "[[point]]\nid = \"EVENT\"\non = \"s000\"\naddr = {{ ioa = {EVENT_IOA}, ti = \"M_SP_TB_1\" }}\ncim = {{ on = \"R0\", class = \"Discrete\", type = \"x-Event\" }}\nverbs = [\"stream\"]\n"
    ));
    let mut report = Report::default();
    let files = MemoryFiles(BTreeMap::from([("profile.toml".to_owned(), text)]));
    compile(&files, "profile.toml", &[&Iec104], &mut report).unwrap_or_else(|| panic!("{}", report.render_text()))
}

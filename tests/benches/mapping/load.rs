//! A large profile from text to plan.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use bridge_diag::Report;
use bridge_iec60870::Iec104;
use bridge_profile::{MemoryFiles, compile};
use serde_json::json;

use crate::measure::{Target, cpu_s, resident_mb};
use crate::{Case, Told};

/// From text in memory to a plan.
pub(crate) const READ: Case = Case {
    name: "load_250k",
    prepare: |_| Ok(()),
    measure: |_| run(),
    figures: &[
        Told {
            field: "s",
            name: "mapping.load_250k_s",
            unit: "s",
            target: Target::AtMost(3.0),
            note: "CPU seconds: a template of 50 points in 5,000 bays on 50 links, compiled from text in memory",
        },
        Told {
            field: "mb",
            name: "mapping.load_250k_mb",
            unit: "MB",
            target: Target::AtMost(300.0),
            note: "VmHWM of the process that compiled it",
        },
    ],
};

const LINKS: usize = 50;
const BAYS: usize = 100;
const POINTS: usize = 50;

fn text() -> Result<String> {
    let mut text = String::from("schema = \"ies-cim-profile/1\"\nid = \"bench\"\nversion = \"1.0.0\"\ncim = \"CIM17\"\n[era]\n");
    for link in 0..LINKS {
        writeln!(text, "L{link}B = {{ address = \"era:in/b/l{link}/b{{n}}\", class = \"Bay\", for = {{ n = \"1..{BAYS}\" }} }}")?;
    }
    text.push_str("[link]\n");
    for link in 0..LINKS {
        writeln!(text, "l{link} = {{ protocol = \"iec104\", role = \"client\", ca = {}, zone = \"UTC\" }}", link + 1)?;
    }
    text.push_str("[limits]\nkv = [{ name = \"L\", below = \"198 kV\", hysteresis = \"1 kV\", severity = \"warning\" }, { name = \"H\", above = \"245 kV\", hysteresis = \"1 kV\", severity = \"warning\" }]\n");
    text.push_str("[template.bay]\nparams = [\"l\", \"n\"]\npoints = [\n");
    for point in 0..POINTS {
        let address = format!("id = \"l{{l}}.b{{n}}.p{point}\", addr = {{ ioa = \"{{n*100+{point}}}\", ti = ");
        match point % 4 {
            0 => writeln!(
                text,
                "  {{ {address}\"M_ME_TF_1\" }}, cim = {{ on = \"L{{l}}B{{n}}\", class = \"Analog\", type = \"x-M{point}\" }}, unit = \"MW\", sign = \"out_of_bus\", basis = \"EX_BUS\", deadband = \"0.5 MW\", verbs = [\"stream\"] }},"
            )?,
            1 => writeln!(
                text,
                "  {{ {address}\"M_ME_TF_1\" }}, cim = {{ on = \"L{{l}}B{{n}}\", class = \"Analog\", type = \"x-M{point}\" }}, unit = \"kV\", limits = \"kv\", deadband = \"0.5 kV\", verbs = [\"stream\", \"alarm\"] }},"
            )?,
            _ => writeln!(
                text,
                "  {{ {address}\"M_SP_TB_1\" }}, cim = {{ on = \"L{{l}}B{{n}}\", class = \"Discrete\", type = \"x-S{point}\" }}, verbs = [\"stream\", \"log\"] }},"
            )?,
        }
    }
    text.push_str("]\n");
    for link in 0..LINKS {
        writeln!(text, "[[use]]\ntemplate = \"bay\"\non = \"l{link}\"\nwith = {{ l = {link} }}\nfor = {{ n = \"1..{BAYS}\" }}")?;
    }
    Ok(text)
}

/// Seconds and megabytes.
fn run() -> Result<serde_json::Value> {
    let files = MemoryFiles(BTreeMap::from([("profile.toml".to_owned(), text()?)]));
    let mut report = Report::default();
    let begun = cpu_s()?;
    let plan = compile(&files, "profile.toml", &[&Iec104], &mut report).with_context(|| report.render_text())?;
    let s = cpu_s()? - begun;
    ensure!(plan.points.len() == LINKS * BAYS * POINTS, "{} points", plan.points.len());
    Ok(json!({ "s": s, "mb": resident_mb()? }))
}

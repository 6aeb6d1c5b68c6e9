//! Values through the upward mapping.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use anyhow::{Context as _, Result};
use bridge_diag::Report;
use bridge_iec60870::Iec104;
use bridge_model::{Cause, Mono, Now, PointId, PointUpdate, Quality, Timestamp, Utc, Value};
use bridge_profile::{Mapped, MemoryFiles, Plan, Upward, compile};
use serde_json::json;

use crate::measure::{Target, cpu_s};
use crate::{Case, Told};

/// Telemetry as most of it is.
pub(crate) const PLAIN: Case = Case {
    name: "plain",
    prepare: |_| Ok(()),
    measure: |_| run(false),
    figures: &[Told {
        field: "m_per_s",
        name: "mapping.upward_plain_m_per_s",
        unit: "Mpoint/CPU s",
        target: Target::AtLeast(20.0),
        note: "10,000 floats in turn: scale, kW to MW, sign, range, deadband that withholds every second one",
    }],
};

/// The same under limits.
pub(crate) const LIMITS: Case = Case {
    name: "limits",
    prepare: |_| Ok(()),
    measure: |_| run(true),
    figures: &[Told {
        field: "m_per_s",
        name: "mapping.upward_limits_m_per_s",
        unit: "Mpoint/CPU s",
        target: Target::AtLeast(5.0),
        note: "the same with four limits each, two of them with delay; one point in 64 crosses one at every second turn",
    }],
};

const POINTS: u32 = 10_000;
/// CPU seconds of a measurement.
const SPAN: f64 = 1.0;

fn plan(limits: bool) -> Result<Plan> {
    let mut text = String::from(
        "schema = \"ies-cim-profile/1\"\nid = \"bench\"\nversion = \"1.0.0\"\ncim = \"CIM17\"\n[era]\nR = { address = \"era:in/b\", class = \"Bay\" }\n[link]\nrtu = { protocol = \"iec104\", role = \"client\", ca = 1, zone = \"UTC\" }\n[limits]\np = [{ name = \"HH\", above = \"90 MW\", hysteresis = \"2 MW\", delay = \"2s\", severity = \"critical\" }, { name = \"H\", above = \"80 MW\", hysteresis = \"2 MW\", severity = \"warning\" }, { name = \"L\", below = \"10 MW\", hysteresis = \"2 MW\", severity = \"warning\" }, { name = \"LL\", below = \"5 MW\", hysteresis = \"2 MW\", delay = \"2s\", severity = \"critical\" }]\n",
    );
    let verbs = if limits { "limits = \"p\", verbs = [\"stream\", \"alarm\"]" } else { "verbs = [\"stream\"]" };
    writeln!(
        text,
        "[template.t]\nparams = [\"n\"]\npoints = [{{ id = \"P{{n}}\", addr = {{ ioa = \"{{n}}\", ti = \"M_ME_TF_1\" }}, cim = {{ on = \"R\", class = \"Analog\", type = \"x-P{{n}}\" }}, unit = \"MW\", wire_unit = \"kW\", scale = 10.0, sign = \"consumption\", basis = \"EX_BUS\", range = [\"-100 MW\", \"100 MW\"], deadband = \"0.5 MW\", {verbs} }}]\n[[use]]\ntemplate = \"t\"\non = \"rtu\"\nfor = {{ n = \"1..{POINTS}\" }}"
    )?;
    let mut report = Report::default();
    let files = MemoryFiles(BTreeMap::from([("profile.toml".to_owned(), text)]));
    compile(&files, "profile.toml", &[&Iec104], &mut report).with_context(|| report.render_text())
}

/// Million points per CPU second.
fn run(limits: bool) -> Result<serde_json::Value> {
    let plan = plan(limits)?;
    let mut upward = Upward::new(&plan);
    let mut mapped = Mapped::default();
    let turn = |turn: u32| -> Vec<PointUpdate> {
        (0..POINTS)
            .map(|point| {
                // 30 to 60 MW; every second turn moves by less than the deadband; a few swing beyond 80 MW and back.
                let crossing = limits && point % 64 == turn % 64 && turn.is_multiple_of(2);
                let mw =
                    if crossing { 85.0 } else { 30.0 + f64::from(point % 20) + f64::from(turn / 2 % 2) * 10.0 + f64::from(turn % 2) * 0.1 };
                #[expect(clippy::cast_possible_truncation, reason = "a short float, as on the wire")]
                let value = Value::Real32((-mw * 100.0) as f32);
                PointUpdate {
                    point: PointId(point),
                    value,
                    quality: Quality::GOOD,
                    time: Timestamp::default(),
                    received: Utc(0),
                    cause: Cause::Spontaneous,
                }
            })
            .collect()
    };
    let batches: Vec<Vec<PointUpdate>> = (0..128).map(turn).collect();
    let (mut points, mut passed, mut alarms) = (0_u64, 0_u64, 0_u64);
    let mut clock = 0_i64;
    let begun = cpu_s()?;
    while cpu_s()? - begun < SPAN {
        for batch in &batches {
            clock += 1_000_000;
            let now = Now { mono: Mono(clock.unsigned_abs()), utc: Utc(clock) };
            mapped.clear();
            upward.handle_timeout(&plan, now, &mut mapped);
            for frame in batch.chunks(16) {
                mapped.clear();
                for update in frame {
                    // The stamps go on, so that nothing is older than what is known.
                    let update = PointUpdate { time: Timestamp::by_device(now.utc), received: now.utc, ..*update };
                    upward.map(&plan, &update, now, &mut mapped);
                }
                let mapped = black_box(&mapped);
                points += mapped.points.len() as u64;
                passed += mapped.points.iter().filter(|point| point.changed).count() as u64;
                alarms += mapped.alarms.len() as u64;
            }
        }
    }
    let spent = cpu_s()? - begun;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = points as f64 / spent / 1e6;
    Ok(json!({ "m_per_s": rate, "points": points, "passed": passed, "alarms": alarms }))
}

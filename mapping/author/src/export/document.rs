//! Documents for people: the point list that is signed, and the sheet with which two of them walk the points.

use std::fmt::Write as _;

use bridge_model::LinkId;
use bridge_profile::{Control, ControlKind, Plan, PlannedPoint, PointSource};

use crate::facts::Addresses;
use crate::words;

/// The point list of a plan in Markdown: resources, points, controls and served points, each with all that matters on site.
#[must_use]
pub fn point_list(plan: &Plan) -> String {
    let addresses = Addresses::of(plan);
    let mut out = head(plan, "Point list");
    table(
        &mut out,
        "Resources",
        &["key", "IES address", "CIM class", "mRID", "name"],
        plan.resources.iter().map(|resource| {
            vec![
                resource.key.clone(),
                resource.era.clone(),
                resource.class.clone(),
                resource.mrid.clone().unwrap_or_default(),
                resource.name.clone().unwrap_or_default(),
            ]
        }),
    );
    table(
        &mut out,
        "Links",
        &["name", "protocol", "our role", "zone", "parameters", "stale after", "invalid after"],
        plan.links.iter().map(|link| {
            let spec = &link.spec;
            vec![
                spec.name.clone(),
                link.protocol.clone(),
                words::role(spec.role).to_owned(),
                words::zone(spec.zone).to_owned(),
                words::fields(&spec.params),
                words::duration(link.stale_after),
                words::duration(link.invalid_after),
            ]
        }),
    );
    let columns =
        ["id", "from", "address", "resource", "type", "unit", "conversion", "range", "deadband", "limits and alarms", "verbs", "text"];
    table(
        &mut out,
        "Points",
        &columns,
        plan.points.iter().enumerate().map(|(index, point)| {
            let unit = point.unit.as_deref().unwrap_or("");
            let basis = point.basis.map(|basis| format!(" {}", basis.as_str())).unwrap_or_default();
            vec![
                point.id.clone(),
                words::source(plan, &point.source),
                address(addresses.points.get(index)),
                key(plan, point.resource),
                format!("{}{}", point.measurement, point.phases.as_deref().map(|phases| format!(" {phases}")).unwrap_or_default()),
                format!("{unit}{basis}"),
                if point.conversion.is_identity() { String::new() } else { words::conversion(point.conversion) },
                point.range.map(|(low, high)| format!("{} to {}", words::number(low), words::number(high))).unwrap_or_default(),
                if point.deadband > 0.0 { words::quantity(point.deadband, unit) } else { String::new() },
                alarms(point).join("; "),
                words::verbs(point.verbs).join(" "),
                point.text.clone().unwrap_or_default(),
            ]
        }),
    );
    let columns = [
        "id",
        "link",
        "address",
        "resource",
        "verb",
        "unit",
        "conversion",
        "select",
        "envelope",
        "ramp",
        "conditions",
        "executed by",
        "feedback",
    ];
    table(
        &mut out,
        "Controls",
        &columns,
        plan.controls.iter().enumerate().map(|(index, control)| {
            let mut row = vec![
                control.id.clone(),
                link_name(plan, control.link),
                address(addresses.controls.get(index)),
                key(plan, control.resource),
                control.verb.clone(),
                control.unit.clone(),
                if control.conversion.is_identity() { String::new() } else { words::conversion(control.conversion) },
                words::select(control.select).to_owned(),
            ];
            row.extend(control_cells(plan, control));
            row
        }),
    );
    let columns = ["id", "link", "address", "shows", "conversion", "class", "deadband", "text"];
    table(
        &mut out,
        "Served points",
        &columns,
        plan.served.iter().enumerate().map(|(index, served)| {
            vec![
                served.id.clone(),
                link_name(plan, served.link),
                address(addresses.served.get(index)),
                words::served(plan, &served.source),
                if served.conversion.is_identity() { String::new() } else { words::conversion(served.conversion) },
                words::served_class(served.class).to_owned(),
                if served.deadband > 0.0 { words::number(served.deadband) } else { String::new() },
                served.text.clone().unwrap_or_default(),
            ]
        }),
    );
    signatures(&mut out, "approved for the plant", "approved for the control room");
    out
}

/// The sheet with which two people walk the points (R25): what is injected at the device, what must be seen at the far end, and room for
/// both marks.
#[must_use]
pub fn check_sheet(plan: &Plan) -> String {
    let addresses = Addresses::of(plan);
    let mut out = head(plan, "Check sheet");
    let columns = ["no", "id", "address", "inject", "see", "seen at the plant", "seen in the control room", "remark"];
    for link in 0..plan.links.len() {
        let mut rows = Vec::new();
        for (index, point) in plan.points.iter().enumerate() {
            if !matches!(&point.source, PointSource::Link(on) if on.index() == link) {
                continue;
            }
            for (inject, see) in injections(point) {
                rows.push(vec![
                    (rows.len() + 1).to_string(),
                    point.id.clone(),
                    address(addresses.points.get(index)),
                    inject,
                    see,
                    String::new(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
        let name = plan.links.get(link).map_or("", |link| link.spec.name.as_str());
        table(&mut out, &format!("Points of link {name}"), &columns, rows.into_iter());
        let columns = ["no", "id", "address", "command", "on the wire", "feedback seen", "refused in local", "remark"];
        let mut rows = Vec::new();
        for (index, control) in plan.controls.iter().enumerate().filter(|(_, control)| control.link.index() == link) {
            for (command, wire) in commands(plan, index, control) {
                rows.push(vec![
                    (rows.len() + 1).to_string(),
                    control.id.clone(),
                    address(addresses.controls.get(index)),
                    command,
                    wire,
                    String::new(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
        table(&mut out, &format!("Controls of link {name}"), &columns, rows.into_iter());
    }
    signatures(&mut out, "walked at the plant", "walked in the control room");
    out
}

fn head(plan: &Plan, title: &str) -> String {
    let hash: String = plan.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("# {title} of {}\n\nVersion {}, sha256 {hash}.\n", plan.id, plan.version)
}

fn signatures(out: &mut String, first: &str, second: &str) {
    let _ = write!(out, "\n## Signatures\n\n| | name | date | signature |\n|---|---|---|---|\n| {first} | | | |\n| {second} | | | |\n");
}

fn table(out: &mut String, title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title}\n\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

/// A text that cannot break out of its cell.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn address(fields: Option<&Option<&bridge_session::Fields>>) -> String {
    fields.copied().flatten().map(words::fields).unwrap_or_default()
}

fn key(plan: &Plan, resource: u16) -> String {
    plan.resources.get(usize::from(resource)).map(|resource| resource.key.clone()).unwrap_or_default()
}

fn link_name(plan: &Plan, link: LinkId) -> String {
    plan.links.get(link.index()).map(|link| link.spec.name.clone()).unwrap_or_default()
}

fn alarms(point: &PlannedPoint) -> Vec<String> {
    let unit = point.unit.as_deref().unwrap_or("");
    let mut all: Vec<String> = point.limits.iter().map(|limit| format!("{} {}", limit.name, words::limit(limit, unit))).collect();
    all.extend(point.alarm.as_ref().map(|alarm| {
        let latch = if alarm.latch { ", latched" } else { "" };
        format!("when {}: {} {}{latch}", alarm.when, alarm.severity.as_str(), alarm.kind.as_str())
    }));
    all
}

/// Envelope, ramp, conditions, who executes, feedback.
fn control_cells(plan: &Plan, control: &Control) -> [String; 5] {
    let shown = |value: f64| words::quantity(value, &control.unit);
    match &control.kind {
        ControlKind::Drive(drive) => [
            format!("{} to {}", shown(drive.min), shown(drive.max)),
            drive
                .ramp
                .map(|ramp| {
                    format!("{} up, {} down per min, by {}", words::number(ramp.up), words::number(ramp.down), words::ramp_by(ramp.by))
                })
                .unwrap_or_default(),
            drive.requires.iter().map(|require| require.text.clone()).collect::<Vec<_>>().join("; "),
            format!("{}; {}", words::execution(drive.execution), drive.authority.join(" ")),
            format!("taken {}, followed {}", words::point_id(plan, drive.taken.point), words::point_id(plan, drive.followed.point)),
        ],
        ControlKind::Relay(relay) => [String::new(), String::new(), String::new(), format!("peer {}", relay.peer), String::new()],
        ControlKind::Instruct(instruct) => [
            String::new(),
            String::new(),
            instruct.requires.iter().map(|require| require.text.clone()).collect::<Vec<_>>().join("; "),
            format!("operator; {}", instruct.authority.join(" ")),
            instruct.reached.state.text.clone(),
        ],
        ControlKind::Ask(ask) => [String::new(), String::new(), String::new(), format!("people of peer {}", ask.peer), String::new()],
        ControlKind::Companion(companion) => {
            let owner = plan.controls.get(companion.of).map_or("", |owner| owner.id.as_str());
            [String::new(), String::new(), String::new(), format!("with {owner}"), String::new()]
        }
    }
}

/// What is put on the wire of a point, and what the far end must show: of a quantity its ends and what passes each limit, of a state each
/// of its codes.
fn injections(point: &PlannedPoint) -> Vec<(String, String)> {
    let Some(unit) = point.unit.as_deref() else {
        let codes: Vec<i64> = if point.alias.is_empty() { vec![0, 1] } else { point.alias.keys().copied().collect() };
        return codes
            .into_iter()
            .map(|code| {
                let name = point.alias.get(&code).cloned().unwrap_or_else(|| code.to_string());
                let alarm =
                    point.alarm.as_ref().filter(|alarm| alarm.when == code).map(|alarm| format!(", alarm {}", alarm.severity.as_str()));
                (code.to_string(), format!("{name}{}", alarm.unwrap_or_default()))
            })
            .collect();
    };
    let at = |eng: f64, more: String| {
        let wire = point.conversion.to_wire(eng);
        (words::number((wire * 1e6).round() / 1e6), format!("{}{more}", words::quantity(eng, unit)))
    };
    let mut all = Vec::new();
    match point.range {
        Some((low, high)) => all.extend([low, f64::midpoint(low, high), high].map(|eng| at(eng, String::new()))),
        None => all.push((words::number(100.0), words::quantity(point.conversion.to_eng(100.0), unit))),
    }
    for limit in &point.limits {
        let beyond = match limit.side {
            bridge_profile::Side::High => limit.value + limit.hysteresis.max(0.001),
            bridge_profile::Side::Low => limit.value - limit.hysteresis.max(0.001),
        };
        let delay = if limit.delay.is_zero() { String::new() } else { format!(" after {}", words::duration(limit.delay)) };
        all.push(at(beyond, format!(", alarm {}{delay}", limit.name)));
    }
    all
}

fn commands(plan: &Plan, index: usize, control: &Control) -> Vec<(String, String)> {
    match &control.kind {
        ControlKind::Drive(drive) => [drive.min, f64::midpoint(drive.min, drive.max), drive.max]
            .into_iter()
            .map(|eng| (words::quantity(eng, &control.unit), words::number((control.conversion.to_wire(eng) * 1e6).round() / 1e6)))
            .collect(),
        ControlKind::Relay(_) => vec![(words::quantity(control.conversion.to_eng(100.0), &control.unit), "100".to_owned())],
        ControlKind::Instruct(_) | ControlKind::Ask(_) => vec![(control.verb.clone(), "nothing is written".to_owned())],
        ControlKind::Companion(_) if words::reasons_of(plan, index).is_some() => {
            let reasons = words::reasons_of(plan, index).into_iter().flatten();
            reasons.map(|(reason, known)| (reason.clone(), known.number.to_string())).collect()
        }
        ControlKind::Companion(_) => vec![("on".to_owned(), "1".to_owned()), ("off".to_owned(), "0".to_owned())],
    }
}

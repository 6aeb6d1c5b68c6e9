//! `interop`: the interoperability statement (104) or device profile (DNP3) of a protocol, or of one configured link.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_diag::Report;
use bridge_dnp3::DeviceProfile;
use bridge_iec60870::Statement;
use bridge_session::{LinkSpec, Role};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::config::check;
use crate::fault::Fault;
use crate::say;

/// Arguments of `interop`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  ies-bridge interop iec104\n  ies-bridge interop dnp3 --config plant/ --link inverters\n\n\
    Written by the code that the sessions run, in the shape of clause 9 of IEC 60870-5-104 and of the device profile of IEEE 1815.")]
pub(crate) struct Args {
    /// The protocol.
    #[arg(value_enum)]
    protocol: Protocol,
    /// The configuration's folder, or its bridge.toml, to state a link of it.
    #[arg(long, value_name = "DIR", requires = "link")]
    config: Option<PathBuf>,
    /// The link to state.
    #[arg(long, value_name = "NAME", requires = "config")]
    link: Option<String>,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Protocols with a statement.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    /// IEC 60870-5-104.
    Iec104,
    /// DNP3 (IEEE 1815).
    Dnp3,
}

impl Protocol {
    /// Its name in a profile.
    const fn name(self) -> &'static str {
        match self {
            Self::Iec104 => "iec104",
            Self::Dnp3 => "dnp3",
        }
    }
}

/// What is known of how a link's channels are made.
type Transport = Vec<(&'static str, String)>;

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let link = match (&args.config, &args.link) {
        (Some(config), Some(link)) => Some(of_link(args.protocol, config, link)?),
        (None, _) | (_, None) => None,
    };
    let (text, json) = match args.protocol {
        Protocol::Iec104 => {
            let statement = link.map_or_else(Statement::of_implementation, |(spec, rows)| Statement::of_link(&spec).with_transport(&rows));
            (statement.to_markdown(), statement_json(&statement))
        }
        Protocol::Dnp3 => {
            let profile =
                link.map_or_else(DeviceProfile::of_implementation, |(spec, rows)| DeviceProfile::of_link(&spec).with_transport(&rows));
            (profile.to_markdown(), profile_json(&profile))
        }
    };
    if args.json {
        say::line(json.to_string())?;
    } else {
        say::text(text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn of_link(protocol: Protocol, config: &std::path::Path, name: &str) -> Result<(LinkSpec, Transport), Fault> {
    let mut report = Report::new();
    let checked = check(config, clock::now(), &mut report).filter(|_| report.is_ok()).ok_or_else(|| {
        say::error(report.render_text());
        Fault::new(format!("the configuration in {} would not start", config.display())).fix("ies-bridge check DIR")
    })?;
    let links = checked.plan.links.iter().filter(|link| link.protocol == protocol.name());
    let Some(link) = links.clone().find(|link| link.spec.name == name) else {
        let names: Vec<&str> = links.map(|link| link.spec.name.as_str()).collect();
        let protocol = protocol.name();
        return Err(Fault::new(format!("there is no {protocol} link {name}")).because_of(format!("they are: {}", names.join(", "))));
    };
    let mut rows = Transport::new();
    if let Some(endpoint) = checked.endpoints.iter().find(|endpoint| endpoint.name == name) {
        let (way, who) = match endpoint.role {
            Role::Client => ("We connect to", String::new()),
            Role::Server if endpoint.allow.is_empty() => ("We listen on", "nobody".to_owned()),
            Role::Server => ("We listen on", endpoint.allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        rows.push((way, endpoint.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")));
        if !who.is_empty() {
            rows.push(("Who may connect", who));
        }
        rows.push(("Transport security", (if endpoint.tls.is_some() { "mutual TLS" } else { "none" }).to_owned()));
        rows.push(("Controls flow", (if endpoint.control { "yes" } else { "no: monitor only" }).to_owned()));
    }
    Ok((link.spec.clone(), rows))
}

/// Each row as an object whose keys are the columns.
fn rows_json<'a>(columns: impl Iterator<Item = &'a str> + Clone, rows: &[Vec<String>]) -> Vec<Map<String, Value>> {
    let row = |row: &Vec<String>| columns.clone().map(str::to_owned).zip(row.iter().map(|cell| Value::from(cell.as_str()))).collect();
    rows.iter().map(row).collect()
}

fn statement_json(statement: &Statement) -> Value {
    let section = |section: &bridge_iec60870::Section| {
        let rows = rows_json(section.columns.iter().map(String::as_str), &section.rows);
        json!({ "clause": section.clause, "title": section.title, "rows": rows, "note": section.note })
    };
    json!({ "title": statement.title, "sections": statement.sections.iter().map(section).collect::<Vec<_>>() })
}

fn profile_json(profile: &DeviceProfile) -> Value {
    let section = |section: &bridge_dnp3::Section| {
        let rows = rows_json(section.columns.iter().copied(), &section.rows);
        json!({ "title": section.title, "rows": rows, "note": section.note })
    };
    json!({ "title": profile.title, "sections": profile.sections.iter().map(section).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_every_cell_by_its_column() {
        let json = statement_json(&Statement::of_implementation());
        let sections = json["sections"].as_array().expect("sections");
        let types = sections.iter().find(|section| section["title"] == "Selection of standard ASDUs").expect("the selection");
        let float = types["rows"].as_array().expect("rows").iter().find(|row| row["name"] == "M_ME_TF_1").expect("type 36");
        // B: sent and read in the standard and in the reversed direction.
        assert_eq!((&float["type"], &float["used"]), (&Value::from("36"), &Value::from("B")));
        let matrix = sections.iter().find(|section| section["title"] == "Types and causes of the controlled station").expect("the matrix");
        let command = matrix["rows"].as_array().expect("rows").iter().find(|row| row["name"] == "C_SC_NA_1").expect("type 45");
        assert_eq!((&command["6"], &command["7"], &command["44-47"]), (&Value::from("T"), &Value::from("S"), &Value::from("S")));
    }

    #[test]
    fn a_device_profile_names_every_cell_by_its_column() {
        let json = profile_json(&DeviceProfile::of_implementation());
        let sections = json["sections"].as_array().expect("sections");
        let objects = sections.iter().find(|section| section["title"] == "Outstation: objects").expect("the objects");
        // Variations that are treated alike stand in one row.
        let is_static = |row: &&Value| row["group"] == "30" && row["variation"] == "1, 2, 3, 4, 5, 6";
        let analog = objects["rows"].as_array().expect("rows").iter().find(is_static).expect("g30");
        assert_eq!((&analog["object"], &analog["sent in responses"]), (&Value::from("analog input"), &Value::from("01")));
    }
}

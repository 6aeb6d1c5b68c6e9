//! `interop`: the interoperability statement of a protocol, or of one configured link.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_diag::Report;
use bridge_iec60870::Statement;
use bridge_session::Role;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::config::check;
use crate::fault::Fault;
use crate::say;

/// Arguments of `interop`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  ies-bridge interop iec104\n  ies-bridge interop iec104 --config plant/ --link rtu-1\n\n\
    Written from the tables that the sessions read, in the shape of clause 9 of IEC 60870-5-104.")]
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
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Protocol::Iec104 = args.protocol;
    let statement = match (&args.config, &args.link) {
        (Some(config), Some(link)) => of_link(config, link)?,
        (None, _) | (_, None) => Statement::of_implementation(),
    };
    if args.json {
        say::line(to_json(&statement).to_string())?;
    } else {
        say::text(statement.to_markdown())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn of_link(config: &std::path::Path, name: &str) -> Result<Statement, Fault> {
    let mut report = Report::new();
    let checked = check(config, clock::now(), &mut report).filter(|_| report.is_ok()).ok_or_else(|| {
        say::error(report.render_text());
        Fault::new(format!("the configuration in {} would not start", config.display())).fix("ies-bridge check DIR")
    })?;
    let links = checked.plan.links.iter().filter(|link| link.protocol == "iec104");
    let Some(link) = links.clone().find(|link| link.spec.name == name) else {
        let names: Vec<&str> = links.map(|link| link.spec.name.as_str()).collect();
        return Err(Fault::new(format!("there is no 104 link {name}")).because_of(format!("the 104 links: {}", names.join(", "))));
    };
    let mut rows = Vec::new();
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
    Ok(Statement::of_link(&link.spec).with_transport(&rows))
}

/// Each row as an object whose keys are the columns.
fn to_json(statement: &Statement) -> Value {
    let section = |section: &bridge_iec60870::Section| {
        let row = |row: &Vec<String>| {
            section.columns.iter().cloned().zip(row.iter().map(|cell| Value::from(cell.as_str()))).collect::<Map<String, Value>>()
        };
        let rows: Vec<Map<String, Value>> = section.rows.iter().map(row).collect();
        json!({ "clause": section.clause, "title": section.title, "rows": rows, "note": section.note })
    };
    json!({ "title": statement.title, "sections": statement.sections.iter().map(section).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_every_cell_by_its_column() {
        let json = to_json(&Statement::of_implementation());
        let sections = json["sections"].as_array().expect("sections");
        let types = sections.iter().find(|section| section["title"] == "Selection of standard ASDUs").expect("the selection");
        let float = types["rows"].as_array().expect("rows").iter().find(|row| row["name"] == "M_ME_TF_1").expect("type 36");
        // B: sent and read in the standard and in the reversed direction.
        assert_eq!((&float["type"], &float["used"]), (&Value::from("36"), &Value::from("B")));
        let matrix = sections.iter().find(|section| section["title"] == "Types and causes of the controlled station").expect("the matrix");
        let command = matrix["rows"].as_array().expect("rows").iter().find(|row| row["name"] == "C_SC_NA_1").expect("type 45");
        assert_eq!((&command["6"], &command["7"], &command["44-47"]), (&Value::from("T"), &Value::from("S"), &Value::from("S")));
    }
}

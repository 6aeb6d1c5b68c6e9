//! `operations`: what was asked, what was answered, how it ended; from the journal, without disturbing the bridge.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_engine::{Operation, Tally, read_operations};
use bridge_ies::format_time;
use bridge_provenance::{Direction, Leaf, kind};
use serde_json::{Value, json};

use crate::fault::{Fault, INPUT};
use crate::journal::Place;
use crate::say;

/// Arguments of `operations`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// One line for each operation.
    #[command(after_help = "Example:\n  ies-bridge operations list plant/")]
    List {
        /// The configuration's folder, its data folder, or the journal's own folder.
        dir: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Everything about one operation, in order of time.
    #[command(
        after_help = "Example:\n  ies-bridge operations trace plant/ 0199e0b0\n\nThe start of an id is enough if it names one operation; without an id the last one is shown."
    )]
    Trace {
        /// The configuration's folder, its data folder, or the journal's own folder.
        dir: PathBuf,
        /// The operation's id, or its start.
        id: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn read(dir: &Path) -> Result<(Place, Vec<Operation>), Fault> {
    let place = Place::find(dir)?;
    let journal = place.open()?;
    let operations = read_operations(&journal).map_err(|e| {
        Fault::new("the operations cannot be read").because(&e).fix("ies-bridge fsck DIR shows what is damaged and where").exit(INPUT)
    })?;
    Ok((place, operations.into_values().collect()))
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::List { dir, json } => list(dir, *json)?,
        Args::Trace { dir, id, json } => trace(dir, id.as_deref(), *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(dir: &Path, as_json: bool) -> anyhow::Result<()> {
    let (_, mut operations) = read(dir)?;
    operations.sort_by_key(|operation| operation.at_ns);
    let mut tally = Tally::default();
    operations.iter().for_each(|operation| tally.count(&operation.status));
    if as_json {
        let all: Vec<Value> = operations.iter().map(one_json).collect();
        say::line(json!({ "tally": tally, "operations": all }).to_string())?;
        return Ok(());
    }
    for operation in &operations {
        let way = if operation.ours { "to" } else { "from" };
        let reason = operation.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        say::line(format!(
            "{} {} {} {}{} {way} {}: {}{reason}",
            say::time(operation.at_ns),
            operation.id,
            operation.verb,
            operation.control,
            target(operation),
            operation.peer,
            operation.status,
        ))?;
    }
    say::line(format!(
        "{} operations: {} completed, {} refused, {} expired, {} not operated, {} indeterminate, {} partial, {} open",
        operations.len(),
        tally.completed,
        tally.refused,
        tally.expired,
        tally.not_operated,
        tally.indeterminate,
        tally.partial,
        tally.open
    ))?;
    Ok(())
}

/// The target of a set-point; a start and a stop have none.
fn target(operation: &Operation) -> String {
    if operation.unit.is_empty() { String::new() } else { format!(" {} {}", operation.target, operation.unit) }
}

fn one_json(operation: &Operation) -> Value {
    let mut value = serde_json::to_value(operation).unwrap_or_default();
    value["at"] = format_time(operation.at_ns).into();
    value["notAfter"] = format_time(operation.not_after_ns).into();
    value["acknowledgements"] = operation
        .history
        .iter()
        .map(|(at, stage, status, reason)| json!({ "at": format_time(*at), "stage": stage, "status": status, "reason": reason }))
        .collect();
    value
}

fn trace(dir: &Path, id: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let (place, operations) = read(dir)?;
    let operation = choose(&operations, id)?;
    let records = records_of(&place, &operation.id)?;
    if as_json {
        let mut value = one_json(operation);
        value["records"] = records.into_iter().map(|(at, what)| json!({ "at": format_time(at), "what": what })).collect();
        say::line(value.to_string())?;
        return Ok(());
    }
    say::line(format!("{} {}", operation.verb, operation.id))?;
    let way = if operation.ours { "asked of" } else { "asked by" };
    say::line(format!(
        "  {way} {}: {} ({}){}",
        operation.peer,
        operation.control,
        operation.era,
        target(operation).replacen(' ', " to ", 1)
    ))?;
    if let Some(person) = &operation.operator {
        say::line(format!("  {} {person}", if operation.ours { "ordered by" } else { "answered by" }))?;
    }
    say::line(format!("  issued {}, to start not after {}", say::time(operation.at_ns), say::time(operation.not_after_ns)))?;
    say::line(format!("  transaction {}, content {}", operation.transaction, operation.digest))?;
    say::line("acknowledgements:")?;
    for (at, stage, status, reason) in &operation.history {
        let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        say::line(format!("  {} {stage:<10} {status}{reason}", say::time(*at)))?;
    }
    say::line("journal:")?;
    for (at, what) in records {
        say::line(format!("  {} {what}", say::time(at)))?;
    }
    say::line(format!("now {}", operation.status))?;
    Ok(())
}

fn choose<'a>(operations: &'a [Operation], id: Option<&str>) -> Result<&'a Operation, Fault> {
    let Some(id) = id else {
        let last = operations.iter().max_by_key(|operation| operation.at_ns);
        return last.ok_or_else(|| Fault::new("the journal knows no operation"));
    };
    let mut found = operations.iter().filter(|operation| operation.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(operation), None) => Ok(operation),
        (Some(_), Some(_)) => Err(Fault::new(format!("several operations begin with {id}")).fix("give more of the id")),
        (None, _) => Err(Fault::new(format!("no operation begins with {id}")).fix("ies-bridge operations list DIR shows all")),
    }
}

/// What the journal says about an operation: messages and remarks that name it.
fn records_of(place: &Place, id: &str) -> Result<Vec<(i64, String)>, Fault> {
    let journal = place.open()?;
    let mut reader = journal.reader(journal.start());
    let mut found = Vec::new();
    while let Some(record) = reader.next().map_err(|e| Fault::new("the journal is damaged").because(&e))? {
        if record.kind != kind::LEAF {
            continue;
        }
        match Leaf::decode(&record.body) {
            Ok(Leaf::Operation(leaf)) => {
                let about = leaf.operation_id == id || leaf.body.windows(id.len()).any(|part| part == id.as_bytes());
                if about {
                    let way = match leaf.direction {
                        Direction::Sent => "sent to",
                        Direction::Received => "received from",
                    };
                    found.push((leaf.at_ns, format!("{} {way} {}{}", leaf.verb, leaf.peer, status_in(&leaf.body))));
                }
            }
            Ok(Leaf::Note(note)) if note.fields.get("operation").is_some_and(|operation| operation == id) => {
                found.push((note.at_ns, format!("{}: {}", note.kind, note.text)));
            }
            Ok(Leaf::Points(_) | Leaf::Note(_) | Leaf::Unknown(_)) | Err(_) => {}
        }
    }
    Ok(found)
}

/// Stage and status of an acknowledgement, from its Beckn body.
fn status_in(body: &[u8]) -> String {
    fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
        match value {
            Value::Object(fields) => fields.get(key).or_else(|| fields.values().find_map(|inner| find(inner, key))),
            Value::Array(list) => list.iter().find_map(|inner| find(inner, key)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let Some(payload) = find(&body, "payload") else { return String::new() };
    let word = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    format!(" {} {}", word("stage"), word("status")).trim_end().to_owned()
}

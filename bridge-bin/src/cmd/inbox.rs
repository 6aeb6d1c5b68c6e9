//! `inbox`: the instructions that wait for this plant's operators, and their answers (R8), through the running bridge's local door.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use crate::control::{Ask, ask};
use crate::fault::Fault;
use crate::journal::Place;
use crate::say;

/// How often a watched inbox is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Arguments of `inbox`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// Show what waits: what, from whom, how long it may still take.
    #[command(after_help = "Example:\n  ies-bridge inbox list --config plant/\n  ies-bridge inbox list --config plant/ --watch")]
    List {
        /// The configuration's folder of the running bridge.
        #[arg(long, default_value = ".")]
        config: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Print it again whenever it changes, until interrupted.
        #[arg(long, conflicts_with = "json")]
        watch: bool,
    },
    /// Accept an instruction; of a `released` control, the bridge then carries it out.
    #[command(after_help = "Example:\n  ies-bridge inbox accept --config plant/ 0199e0b0 --operator asha.kulkarni")]
    Accept {
        #[command(flatten)]
        answer: Answer,
    },
    /// Reject an instruction with a reason.
    #[command(
        after_help = "Example:\n  ies-bridge inbox reject --config plant/ 0199e0b0 --operator asha.kulkarni --reason EQUIPMENT_FAULT --text \"ID fan B vibrates\"\n\n\
        Reasons: UNIT_NOT_AVAILABLE, EQUIPMENT_FAULT, FUEL_SHORTAGE, MAINTENANCE, UNSAFE, OTHER (with --text). `ies-bridge explain CODE` says more."
    )]
    Reject {
        #[command(flatten)]
        answer: Answer,
        /// Why, as a code.
        #[arg(long, value_name = "CODE")]
        reason: String,
        /// Why, in words.
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
    },
    /// Report an instruction done; the bridge then looks at the feedback.
    #[command(after_help = "Example:\n  ies-bridge inbox done --config plant/ 0199e0b0 --operator asha.kulkarni")]
    Done {
        #[command(flatten)]
        answer: Answer,
        /// In words.
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
    },
}

/// Which instruction, and who answers.
#[derive(clap::Args, Debug)]
pub(crate) struct Answer {
    /// The configuration's folder of the running bridge.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// The instruction's id, or its start.
    id: String,
    /// Who answers: a name of an [[operator]] in bridge.toml.
    #[arg(long, value_name = "NAME")]
    operator: String,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::List { config, json, watch } => list(config, *json, *watch),
        Args::Accept { answer } => {
            let Answer { id, operator, .. } = answer;
            answered(&answer.config, &Ask::Accept { id: id.clone(), operator: operator.clone() })
        }
        Args::Reject { answer, reason, text } => {
            let Answer { id, operator, .. } = answer;
            let ask = Ask::Reject { id: id.clone(), operator: operator.clone(), reason: reason.to_ascii_uppercase(), text: text.clone() };
            answered(&answer.config, &ask)
        }
        Args::Done { answer, text } => {
            let Answer { id, operator, .. } = answer;
            answered(&answer.config, &Ask::Done { id: id.clone(), operator: operator.clone(), text: text.clone() })
        }
    }
}

fn answered(config: &Path, wish: &Ask) -> anyhow::Result<ExitCode> {
    let place = Place::find(config)?;
    let answer = ask(&place.socket(), wish)?;
    if let Some(error) = answer["error"].as_str() {
        return Err(Fault::new("the answer was not taken").because_of(error).fix("ies-bridge inbox list shows what waits").into());
    }
    say::line(answer.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Path, as_json: bool, watch: bool) -> anyhow::Result<ExitCode> {
    let place = Place::find(config)?;
    let mut before = String::new();
    loop {
        let inbox = ask(&place.socket(), &Ask::Inbox)?;
        if as_json {
            say::line(inbox.to_string())?;
        } else {
            // What only counts down is no change.
            let stands = table(&inbox, false);
            if stands != before {
                say::line(table(&inbox, true))?;
                before = stands;
            }
        }
        if !watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK);
    }
}

/// One line for each instruction, in columns.
fn table(inbox: &Value, with_time: bool) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut rows = vec![["ID", "STATE", "TIME LEFT", "WHAT", "RESOURCE", "VALUE", "FROM", "CODE", "OPERATOR"].map(str::to_owned)];
    for item in inbox["instructions"].as_array().into_iter().flatten() {
        let from = format!("{} ({})", word(&item["issuer"]), word(&item["issuedBy"]));
        let left = if with_time { item["timeLeftSeconds"].as_f64().map_or_else(|| "-".to_owned(), time_left) } else { String::new() };
        let value = item["value"].as_f64().map_or_else(|| detail(&item["payload"]), |value| format!("{value} {}", word(&item["unit"])));
        rows.push([
            word(&item["id"]),
            word(&item["state"]),
            left,
            format!("{} {}", word(&item["verb"]), word(&item["control"])),
            word(&item["resource"]),
            value,
            from,
            word(&item["instructionCode"]),
            word(&item["operator"]),
        ]);
    }
    if rows.len() == 1 {
        return "nothing waits".to_owned();
    }
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    let line = |row: &[String; 9]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What a start or a stop says beyond its verb.
fn detail(payload: &Value) -> String {
    let at = payload["targetAt"].as_str().map(|at| format!("at {at}"));
    let warmth = payload["startType"].as_str().map(str::to_lowercase);
    let reason = payload["reason"]["code"].as_str().map(str::to_owned);
    let parts: Vec<String> = [warmth, at, reason].into_iter().flatten().collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// `4 min 05 s`.
fn time_left(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a deadline is no more than days away, and is not below zero"
    )]
    let whole = seconds.max(0.0).floor() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds:02} s"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{table, time_left};

    #[test]
    fn a_deadline_is_told_as_time_left() {
        assert_eq!([time_left(-3.0), time_left(59.9), time_left(65.0), time_left(7261.0)], ["0 s", "59 s", "1 min 05 s", "2 h 01 min"]);
    }

    #[test]
    fn the_table_has_a_line_for_each_and_columns_that_stand_in_line() {
        assert_eq!(table(&json!({ "instructions": [] }), true), "nothing waits");
        let inbox = json!({ "instructions": [
            { "id": "0199", "state": "PRESENTED", "timeLeftSeconds": 61.0, "verb": "start", "control": "U1.start", "resource": "TPS-A unit 1",
              "value": null, "payload": { "startType": "WARM" }, "issuer": "sldc", "issuedBy": "asha", "instructionCode": "US-7" },
            { "id": "0200", "state": "OVERDUE", "verb": "dispatch", "control": "U1.p_set", "resource": "TPS-A unit 1", "value": 210.5,
              "unit": "MW", "issuer": "sldc", "issuedBy": "asha", "instructionCode": "DM-1", "operator": "ravi" },
        ] });
        let text = table(&inbox, true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("1 min 01 s") && lines[1].contains("warm") && lines[2].contains("210.5 MW"), "{text}");
        let column = |line: &str, word: &str| line.find(word).expect("there");
        assert_eq!(column(lines[0], "RESOURCE"), column(lines[1], "TPS-A"));
        assert_eq!(column(lines[0], "RESOURCE"), column(lines[2], "TPS-A"));
    }
}

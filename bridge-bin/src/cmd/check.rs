//! `check`: every problem of a configuration at once.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_diag::Report;
use bridge_profile::Plan;

use crate::adapters::housekeeping;
use crate::clock;
use crate::config::{Checked, check, hex};
use crate::say;

/// Arguments of `check`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  ies-bridge check plant/\n\nExit code: 0 it would start, 1 it would not")]
pub(crate) struct Args {
    /// The configuration's folder, or its bridge.toml.
    #[arg(default_value = ".")]
    config: PathBuf,
    /// How to print problems.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How problems are printed.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code hosting and editors.
    Sarif,
}

/// Prints a report; true if it has no error.
pub(crate) fn show(report: &Report, format: Format) -> std::io::Result<bool> {
    match format {
        Format::Text => say::text(report.render_text())?,
        Format::Json => say::line(report.to_json().to_string())?,
        Format::Sarif => say::line(report.to_sarif(&super::explain::explanations()).to_string())?,
    }
    Ok(report.is_ok())
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut report = Report::new();
    let checked = check(&args.config, clock::now(), &mut report);
    let good = show(&report, args.format)?;
    let Some(checked) = checked.filter(|_| good) else {
        if args.format == Format::Text {
            say::line("It will not start. `ies-bridge explain CODE` says more about each code in brackets.")?;
        }
        return Ok(ExitCode::FAILURE);
    };
    if args.format == Format::Text {
        summary(&checked)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(checked: &Checked) -> std::io::Result<()> {
    let Checked { plan, settings, .. } = checked;
    say::line(format!("{} ({}), log {}", settings.did, settings.role.as_str(), settings.origin))?;
    say::line(counts(plan))?;
    for endpoint in &checked.endpoints {
        let control = if endpoint.control { "controls flow (simulated peer, R14)" } else { "monitor only" };
        say::line(format!("link {}: {} {}, {control}", endpoint.name, endpoint.protocol, endpoint.words()))?;
        if let Some(link) = plan.links.iter().find(|link| link.spec.name == endpoint.name) {
            say::line(format!("  housekeeping (R22): {}", housekeeping(&link.protocol, &link.spec)))?;
        }
    }
    for peer in &settings.peers {
        let what = match (peer.subscribe, peer.commands_us) {
            (true, true) => "we take its stream and its orders",
            (true, false) => "we take its stream",
            (false, true) => "we take its orders",
            (false, false) => "we send to it",
        };
        say::line(format!("peer {}: {} ({}) at {}, {what}", peer.name, peer.did, peer.role.as_str(), peer.uri))?;
    }
    for (sink, receiver) in settings.hooks.iter().zip(&checked.northbound.hooks) {
        let words: Vec<&str> = sink.verbs.iter().map(|verb| verb.as_str()).collect();
        let what = if words.is_empty() { "everything of ours".to_owned() } else { words.join(", ") };
        let of = if sink.resources.is_empty() { String::new() } else { format!(" of {} resources", sink.resources.len()) };
        say::line(format!("sink {}: webhook, {what}{of}, to {}", sink.name, receiver.url))?;
    }
    if !settings.operators.is_empty() {
        let names: Vec<&str> = settings.operators.iter().map(|operator| operator.name.as_str()).collect();
        say::line(format!("operators (R8): {}", names.join(", ")))?;
    }
    say::line(format!("configuration {}", hex(&settings.config_hash)))?;
    say::line("It would start.")
}

/// One line about a plan.
pub(crate) fn counts(plan: &Plan) -> String {
    format!(
        "profile {} {}: {} links, {} points, {} controls, {} served, {} tests, sha256 {}",
        plan.id,
        plan.version,
        plan.links.len(),
        plan.points.len(),
        plan.controls.len(),
        plan.served.len(),
        plan.tests.len(),
        hex(&plan.hash)
    )
}

//! `profile`: lint and test a mapping profile.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_diag::Report;
use bridge_engine::{TrialOutcome, run_trial};
use bridge_profile::Plan;
use serde_json::json;

use super::check::{Format, counts, show};
use crate::adapters::protocols;
use crate::config::compile_profile;
use crate::say;

/// Arguments of `profile`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// Show every problem of a profile.
    #[command(
        after_help = "Example:\n  ies-bridge profile lint cim-profiles/thermal-station-104\n\nExit code: 0 it compiles, 1 it does not"
    )]
    Lint {
        /// The profile's folder.
        dir: PathBuf,
        /// How to print problems.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Run the tests that stand in a profile, each on a whole bridge with a virtual clock.
    #[command(after_help = "Example:\n  ies-bridge profile test cim-profiles/thermal-station-104\n\nExit code: 0 all passed, 1 not")]
    Test {
        /// The profile's folder.
        dir: PathBuf,
        /// Only tests whose name holds this.
        #[arg(long, value_name = "TEXT", alias = "only")]
        filter: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn compile(dir: &Path) -> (Option<Plan>, Report) {
    let mut report = Report::new();
    let plan = compile_profile(dir, &dir.display().to_string(), &mut report);
    (plan, report)
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args {
        Args::Lint { dir, format } => {
            let (plan, report) = compile(dir);
            let good = show(&report, *format)?;
            if let (Some(plan), Format::Text) = (&plan, format) {
                say::line(counts(plan))?;
            }
            Ok(ExitCode::from(u8::from(!good)))
        }
        Args::Test { dir, filter, json } => test(dir, filter.as_deref(), *json),
    }
}

fn test(dir: &Path, filter: Option<&str>, as_json: bool) -> anyhow::Result<ExitCode> {
    let (plan, report) = compile(dir);
    let Some(plan) = plan else {
        show(&report, if as_json { Format::Json } else { Format::Text })?;
        return Ok(ExitCode::FAILURE);
    };
    let (mut passed, mut failed) = (0, 0);
    let mut results = Vec::new();
    for case in plan.tests.iter().filter(|case| filter.is_none_or(|part| case.name.contains(part))) {
        let (word, problems) = match run_trial(&plan, &protocols(), case) {
            TrialOutcome::Passed => {
                passed += 1;
                ("passed", Vec::new())
            }
            TrialOutcome::Failed(problems) => {
                failed += 1;
                ("failed", problems)
            }
        };
        if as_json {
            results.push(json!({ "name": case.name, "place": case.place, "result": word, "problems": problems }));
        } else {
            say::line(format!("{word:<8} {}", case.name))?;
            if !problems.is_empty() {
                say::line(format!("         {}", case.place))?;
            }
            for problem in problems {
                say::line(format!("           {problem}"))?;
            }
        }
    }
    if as_json {
        say::line(json!({ "passed": passed, "failed": failed, "tests": results }).to_string())?;
    } else {
        say::line(format!("{passed} passed, {failed} failed"))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

//! `profile`: lint and test a mapping profile.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_diag::Report;
use bridge_profile::{Plan, TestOutcome, run_test};
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
    /// Run the tests that stand in a profile.
    #[command(after_help = "Example:\n  ies-bridge profile test cim-profiles/thermal-station-104\n\nExit code: 0 all passed, 1 not")]
    Test {
        /// The profile's folder.
        dir: PathBuf,
        /// Only tests whose name holds this.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
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
        Args::Test { dir, only, json } => test(dir, only.as_deref(), *json),
    }
}

fn test(dir: &Path, only: Option<&str>, as_json: bool) -> anyhow::Result<ExitCode> {
    let (plan, report) = compile(dir);
    let Some(plan) = plan else {
        show(&report, if as_json { Format::Json } else { Format::Text })?;
        return Ok(ExitCode::FAILURE);
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut results = Vec::new();
    for case in plan.tests.iter().filter(|case| only.is_none_or(|part| case.name.contains(part))) {
        let (word, problems) = match outcome(&plan, case) {
            TestOutcome::Passed => {
                passed += 1;
                ("passed", Vec::new())
            }
            TestOutcome::Failed(problems) => {
                failed += 1;
                ("failed", problems)
            }
            TestOutcome::NeedsEngine => {
                skipped += 1;
                ("skipped", Vec::new())
            }
        };
        if as_json {
            results.push(json!({ "name": case.name, "place": case.place, "result": word, "problems": problems }));
        } else {
            let note = if word == "skipped" { "  (needs a whole bridge: not run by this version)" } else { "" };
            say::line(format!("{word:<8} {}{note}", case.name))?;
            for problem in problems {
                say::line(format!("           {}: {problem}", case.place))?;
            }
        }
    }
    if as_json {
        say::line(json!({ "passed": passed, "failed": failed, "skipped": skipped, "tests": results }).to_string())?;
    } else {
        say::line(format!("{passed} passed, {failed} failed, {skipped} skipped"))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// Tests that speak of commands need the engine's runner.
fn outcome(plan: &Plan, case: &bridge_profile::TestCase) -> TestOutcome {
    run_test(plan, &protocols(), case)
}

//! `verify`: the offline check of a journal.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_provenance::{Report, Verdict, verify_journal};
use serde_json::{Value, json};

use crate::journal::{KeySource, Place};
use crate::say;

/// Arguments of `verify`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  ies-bridge verify plant/ --trust trust.json\n\nExit code: 0 verified, 1 tampered, 2 incomplete, 3 signed by a key that is not trusted, 5 the input cannot be used"
)]
pub(crate) struct Args {
    /// The configuration's folder, its data folder, or the journal's own folder.
    dir: PathBuf,
    #[command(flatten)]
    keys: KeySource,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What each verdict is called and which exit code it has.
pub(crate) const fn words(verdict: Verdict) -> (&'static str, u8) {
    match verdict {
        Verdict::Verified => ("verified", 0),
        Verdict::Tampered => ("tampered", 1),
        Verdict::Incomplete => ("incomplete", 2),
        Verdict::UntrustedKey => ("untrusted-key", 3),
    }
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let place = Place::find(&args.dir)?;
    let journal = place.open()?;
    let keys = place.keys(&args.keys, journal.origin())?;
    let report = verify_journal(&journal, &keys.keys);
    let (word, code) = words(report.verdict);
    if args.json {
        say::line(json(&report, journal.origin(), journal.epoch()).to_string())?;
    } else {
        say::text(text(&report, journal.origin()))?;
        if let Some(remark) = keys.remark {
            say::line(format!("note: {remark}"))?;
        }
        if code != 0 {
            say::line(format!("ies-bridge explain verify::{word} says what this means"))?;
        }
    }
    Ok(ExitCode::from(code))
}

/// The report as JSON.
pub(crate) fn json(report: &Report, origin: &str, epoch: u64) -> Value {
    json!({
        "verdict": words(report.verdict).0,
        "verified": report.verdict == Verdict::Verified,
        "origin": origin,
        "epoch": format!("{epoch:016x}"),
        "batches": report.batches,
        "firstBatch": report.first_batch,
        "leaves": report.leaves,
        "frames": report.frames,
        "unsealedLeaves": report.unsealed_leaves,
        "gaps": report.gaps.iter().map(|gap| json!({ "from": gap.from.0, "until": gap.until.0 })).collect::<Vec<_>>(),
        "tornTail": report.torn_tail,
        "firstProblem": report.first_problem,
    })
}

fn text(report: &Report, origin: &str) -> String {
    let verdict = match report.verdict {
        Verdict::Verified => "VERIFIED: everything sealed is as it was sealed",
        Verdict::Tampered => "TAMPERED: something is not as it was sealed",
        Verdict::Incomplete => "INCOMPLETE: what is there is as it was sealed, but a part is missing",
        Verdict::UntrustedKey => "UNTRUSTED KEY: it holds together, but is not signed by a key you believe",
    };
    let mut out = format!("{verdict}\n");
    if let Some(problem) = &report.first_problem {
        out.push_str(&format!("  first bad place: {problem}\n"));
    }
    let first = report.first_batch.unwrap_or(0);
    let range = if report.batches == 0 { "none".to_owned() } else { format!("{first} to {}", first + report.batches - 1) };
    out.push_str(&format!("  log:      {origin}\n"));
    out.push_str(&format!("  covered:  {} batches ({range}), {} leaves, {} frames\n", report.batches, report.leaves, report.frames));
    out.push_str(&format!("  unsealed: {} leaves at the end, not yet covered by a signature\n", report.unsealed_leaves));
    for gap in &report.gaps {
        out.push_str(&format!("  missing:  positions {} to {}\n", gap.from.0, gap.until.0));
    }
    if let Some(tail) = &report.torn_tail {
        out.push_str(&format!("  torn:     {tail}: the trace of a crash, cut off at the next start\n"));
    }
    out
}

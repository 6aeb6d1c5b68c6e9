//! `fsck`: every frame of every segment, without keys.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_journal::{Kind, fsck};
use bridge_provenance::kind;
use serde_json::json;

use crate::fault::Fault;
use crate::journal::Place;
use crate::say;

/// Arguments of `fsck`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  ies-bridge fsck plant/data\n\nNothing is changed. Exit code: 0 sound, 1 damaged or missing parts, 5 the input cannot be used"
)]
pub(crate) struct Args {
    /// The configuration's folder, its data folder, or the journal's own folder.
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn name(of: Kind) -> String {
    let known = [
        (kind::FRAME, "frames"),
        (kind::LEAF, "leaves"),
        (kind::HEADER, "batch headers"),
        (kind::CHECKPOINT, "checkpoints"),
        (kind::STATE, "changes of state"),
        (kind::SNAPSHOT, "snapshots"),
        (kind::TABLES, "parts of snapshots"),
        (kind::SEALER, "snapshots of the sealer"),
        (kind::DESCRIPTOR, "descriptors"),
        (kind::HEADS, "stream heads"),
    ];
    known.iter().find(|(kind, _)| *kind == of).map_or_else(|| format!("kind {:#04x}", of.0), |(_, name)| (*name).to_owned())
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let place = Place::find(&args.dir)?;
    let report = fsck(&place.disk()?).map_err(|e| {
        Fault::new(format!("the journal in {} cannot be read", place.journal.display())).because(&e).exit(crate::fault::INPUT)
    })?;
    let sound = report.is_sound();
    if args.json {
        say::line(
            json!({
                "sound": sound,
                "origin": report.origin,
                "epoch": format!("{:016x}", report.epoch),
                "segments": report.segments.iter().map(|s| json!({ "file": s.file, "start": s.start.0, "end": s.end.0, "records": s.records })).collect::<Vec<_>>(),
                "records": report.records.iter().map(|(kind, count)| (name(*kind), json!(count))).collect::<serde_json::Map<_, _>>(),
                "problems": report.problems.iter().map(|p| json!({ "file": p.file, "offset": p.offset, "what": p.what })).collect::<Vec<_>>(),
                "gaps": report.gaps.iter().map(|(from, until)| json!({ "from": from.0, "until": until.0 })).collect::<Vec<_>>(),
                "tornBytes": report.torn_bytes,
                "behindHead": report.behind_head,
            })
            .to_string(),
        )?;
        return Ok(ExitCode::from(u8::from(!sound)));
    }
    say::line(format!("log {}, epoch {:016x}", report.origin, report.epoch))?;
    for segment in &report.segments {
        say::line(format!("  {}  {} records, positions {} to {}", segment.file, segment.records, segment.start.0, segment.end.0))?;
    }
    for (kind, count) in &report.records {
        say::line(format!("  {count:>10} {}", name(*kind)))?;
    }
    for problem in &report.problems {
        say::line(format!("damaged: {problem}"))?;
    }
    for (from, until) in &report.gaps {
        say::line(format!("missing: positions {} to {}", from.0, until.0))?;
    }
    if let Some(tail) = &report.torn_tail {
        say::line(format!("torn tail: {tail} ({} octets): the trace of a crash, cut off at the next start", report.torn_bytes))?;
    }
    if report.behind_head {
        say::line("missing: the head file remembers more than there is; the next start will refuse")?;
    }
    say::line(if sound { "SOUND" } else { "DAMAGED" })?;
    Ok(ExitCode::from(u8::from(!sound)))
}

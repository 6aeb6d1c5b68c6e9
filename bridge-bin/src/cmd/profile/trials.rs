//! `profile test`: the embedded tests, as lines, JSON and a JUnit file.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_engine::{TrialOutcome, run_trial};
use serde_json::json;

use super::super::check::{Format, show};
use super::compile;
use crate::adapters::protocols;
use crate::fault::Fault;
use crate::say;

/// Arguments of `profile test`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The profile's folder.
    dir: PathBuf,
    /// Only tests whose name holds this.
    #[arg(long, value_name = "TEXT", alias = "only")]
    filter: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write the outcome as JUnit XML too, for build servers.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// One test and what was wrong; nothing if it passed.
struct Ran {
    name: String,
    place: String,
    problems: Vec<String>,
    passed: bool,
}

/// Runs them.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (plan, report) = compile(&args.dir);
    let Some(plan) = plan else {
        show(&report, if args.json { Format::Json } else { Format::Text })?;
        return Ok(ExitCode::FAILURE);
    };
    let mut all = Vec::new();
    for case in plan.tests.iter().filter(|case| args.filter.as_deref().is_none_or(|part| case.name.contains(part))) {
        let (passed, problems) = match run_trial(&plan, &protocols(), case) {
            TrialOutcome::Passed => (true, Vec::new()),
            TrialOutcome::Failed(problems) => (false, problems),
        };
        let ran = Ran { name: case.name.clone(), place: case.place.clone(), problems, passed };
        if !args.json {
            tell(&ran)?;
        }
        all.push(ran);
    }
    let failed = all.iter().filter(|ran| !ran.passed).count();
    let passed = all.len() - failed;
    if args.json {
        let tests: Vec<_> =
            all.iter().map(|ran| json!({ "name": ran.name, "place": ran.place, "result": word(ran), "problems": ran.problems })).collect();
        say::line(json!({ "passed": passed, "failed": failed, "tests": tests }).to_string())?;
    } else {
        say::line(format!("{passed} passed, {failed} failed"))?;
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, junit(&plan.id, &all))
            .map_err(|error| Fault::new(format!("{} cannot be written", file.display())).because(&error).fix("choose another --junit"))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

const fn word(ran: &Ran) -> &'static str {
    if ran.passed { "passed" } else { "failed" }
}

fn tell(ran: &Ran) -> std::io::Result<()> {
    say::line(format!("{:<8} {}", word(ran), ran.name))?;
    if !ran.problems.is_empty() {
        say::line(format!("         {}", ran.place))?;
    }
    for problem in &ran.problems {
        say::line(format!("           {problem}"))?;
    }
    Ok(())
}

/// One suite, one case for each test. The clock of the tests is virtual, so no time is told.
fn junit(suite: &str, all: &[Ran]) -> String {
    let failed = all.iter().filter(|ran| !ran.passed).count();
    let counts = format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\"", all.len());
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"{}\" {counts}>\n", xml(suite));
    for ran in all {
        let (file, line) = ran.place.rsplit_once(':').unwrap_or((&ran.place, "1"));
        let head =
            format!("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"", xml(suite), xml(&ran.name), xml(file), xml(line));
        if ran.passed {
            out.push_str(&format!("{head}/>\n"));
            continue;
        }
        let first = ran.problems.first().map_or("failed", String::as_str);
        let body = ran.problems.join("\n");
        out.push_str(&format!("{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n", xml(first), xml(&body)));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// A text inside XML 1.0: what the language forbids is shown as `?`.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Ran, junit};

    #[test]
    fn a_junit_file_counts_escapes_and_names_the_place() {
        let ran = |name: &str, problems: &[&str]| Ran {
            name: name.to_owned(),
            place: "profile.toml:120".to_owned(),
            problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
            passed: problems.is_empty(),
        };
        let text = junit("in.wr.tps-a", &[ran("a \"b\" & <c>", &[]), ran("d", &["1 < 2", "seen:\u{1}"])]);
        for part in [
            "<testsuites tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">",
            "<testcase classname=\"in.wr.tps-a\" name=\"a &quot;b&quot; &amp; &lt;c&gt;\" file=\"profile.toml\" line=\"120\"/>",
            "<failure message=\"1 &lt; 2\">1 &lt; 2\nseen:?</failure>",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}

//! `profile`: what an engineer does with a mapping profile before it goes to site.

mod author;
mod trials;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_diag::Report;
use bridge_profile::Plan;

use super::check::{Format, counts, show};
use crate::config::compile_profile;
use crate::fault::Fault;
use crate::say;

/// Arguments of `profile`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// Show every problem of a profile.
    #[command(
        after_help = "Examples:\n  ies-bridge profile lint cim-profiles/thermal-station-104\n  ies-bridge profile lint plant/profile --format sarif > lint.sarif\n\nExit code: 0 it compiles, 1 it does not"
    )]
    Lint {
        /// The profile's folder.
        dir: PathBuf,
        /// How to print problems.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Run the tests that stand in a profile, each on a whole bridge with a virtual clock.
    #[command(
        after_help = "Examples:\n  ies-bridge profile test cim-profiles/thermal-station-104\n  ies-bridge profile test plant/profile --filter overload --junit tests.xml\n\nExit code: 0 all passed, 1 not"
    )]
    Test(trials::Args),
    /// Print a profile flat: after templates, groups, `for` and point lists, each row with its origin.
    #[command(
        after_help = "Examples:\n  ies-bridge profile expand cim-profiles/thermal-station-104\n  ies-bridge profile expand plant/profile --format csv > flat.csv\n\nThe TOML compiles to an equal plan.\n\nExit code: 0 it expands, 1 it does not"
    )]
    Expand {
        /// The profile's folder.
        dir: PathBuf,
        /// A profile again, or one flat table.
        #[arg(long, value_enum, default_value_t = author::Flat::Toml)]
        format: author::Flat,
    },
    /// Explain an id, an address or a resource: from the wire to the message and back, with a worked number.
    #[command(
        after_help = "Examples:\n  ies-bridge profile explain cim-profiles/thermal-station-104 U1.p\n  ies-bridge profile explain cim-profiles/thermal-station-104 U1.p_set --value 210\n  ies-bridge profile explain cim-profiles/thermal-station-104 1001\n  ies-bridge profile explain cim-profiles/solar-park-dnp3 'type=analog index=1' --value 24360\n  ies-bridge profile explain cim-profiles/thermal-station-104 era:in/wr/tps-a/u1\n\nExit code: 0 explained, 1 the profile does not compile or nothing is called so"
    )]
    Explain {
        /// The profile's folder.
        dir: PathBuf,
        /// An id, a resource's key or IES address, a link, or an address: `1001`, `ioa=1001`, `LINK type=analog index=1`.
        #[arg(value_name = "ID or ADDRESS")]
        asked: String,
        /// The number to work with: on the wire for what is read, as commanded for what is driven.
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
        value: Option<f64>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what two editions of a profile say differently, and whether the version admits it.
    #[command(
        after_help = "Example:\n  ies-bridge profile diff released/profile work/profile\n\nExit code: 0 the version fits the changes, 1 it does not, 5 one of the two does not compile"
    )]
    Diff {
        /// The old edition's folder.
        old: PathBuf,
        /// The new edition's folder.
        new: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what the tests of a profile leave out, and what of a device's list nobody decided on.
    #[command(
        after_help = "Examples:\n  ies-bridge profile coverage cim-profiles/thermal-station-104\n  ies-bridge profile coverage plant/profile --device rtu-addresses.csv --link rtu\n\nThe device's list is CSV: its first line names address fields (`ioa`, `type`, `index`), a column `ignore` says why an address is left out.\n\nExit code: 0; with --strict 1 if anything is left out; 1 if the profile does not compile"
    )]
    Coverage(author::CoverageArgs),
    /// Write a profile's points for people: CSV that reads back, a point list to sign, a sheet to walk the points with.
    #[command(
        after_help = "Examples:\n  ies-bridge profile export csv cim-profiles/thermal-station-104 > points.csv\n  ies-bridge profile export csv plant/profile --merge points.csv --out points.csv\n  ies-bridge profile export point-list plant/profile --out point-list.md\n  ies-bridge profile export check-sheet plant/profile --out check-sheet.md\n\nThe CSV is a point list for [[points_csv]]: what is read from it is the same.\n\nExit code: 0 written, 1 not, or a point does not fit into a point list"
    )]
    Export(author::ExportArgs),
    /// Write a profile in its one form: white space and quotes change, values, order and comments do not.
    #[command(
        after_help = "Examples:\n  ies-bridge profile fmt plant/profile\n  ies-bridge profile fmt plant/profile --check\n\nExit code: 0 it is in its form now; with --check 1 if it was not; 1 if it cannot be"
    )]
    Fmt {
        /// The profile's folder, or one TOML file.
        path: PathBuf,
        /// Change nothing, only say whether it would change.
        #[arg(long)]
        check: bool,
    },
    /// Print the JSON Schema of the profile language, for editors.
    #[command(
        after_help = "Example:\n  ies-bridge profile schema > profile.schema.json\n\nAn editor with a TOML language server takes it by a first line `#:schema ./profile.schema.json`.\n\nExit code: 0"
    )]
    Schema,
}

fn compile(dir: &Path) -> (Option<Plan>, Report) {
    let mut report = Report::new();
    let plan = compile_profile(dir, &dir.display().to_string(), &mut report);
    (plan, report)
}

/// The plan, or a fault that names the way to its problems.
fn compiled(dir: &Path, exit: u8) -> Result<Plan, Fault> {
    let (plan, report) = compile(dir);
    let dir = dir.display();
    plan.ok_or_else(|| {
        Fault::new(format!("the profile in {dir} does not compile"))
            .because_of(report.sorted().first().map_or_else(String::new, |first| first.message.clone()))
            .fix(format!("`ies-bridge profile lint {dir}` shows every problem with its place"))
            .exit(exit)
    })
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
        Args::Test(args) => trials::run(args),
        Args::Expand { dir, format } => author::expand(dir, *format),
        Args::Explain { dir, asked, value, json } => author::explain(dir, asked, *value, *json),
        Args::Diff { old, new, json } => author::diff(old, new, *json),
        Args::Coverage(args) => author::coverage(args),
        Args::Export(args) => author::export(args),
        Args::Fmt { path, check } => author::fmt(path, *check),
        Args::Schema => {
            say::line(format!("{:#}", bridge_author::schema()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

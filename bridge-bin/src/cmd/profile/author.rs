//! The commands over `bridge-author`: files are read and written here, and nowhere in that crate.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bridge_author::{Carried, Device, Explained, Explainer};
use bridge_diag::Report;
use bridge_profile::Expansion;

use super::super::check::{Format, show};
use super::compiled;
use crate::adapters::protocols;
use crate::config::{ROOT, expand_profile};
use crate::fault::{FAILED, Fault, INPUT};
use crate::say;

/// How a flat profile is printed.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flat {
    /// A profile again.
    Toml,
    /// One table of all rows.
    Csv,
}

/// Arguments of `profile coverage`.
#[derive(clap::Args, Debug)]
pub(crate) struct CoverageArgs {
    /// The profile's folder.
    dir: PathBuf,
    /// A CSV list of the device's addresses.
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    /// The link that the device's list is about; not needed if there is one link only.
    #[arg(long, value_name = "LINK", requires = "device")]
    link: Option<String>,
    /// Exit with 1 if anything is left out.
    #[arg(long)]
    strict: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is written.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Document {
    /// A point list that reads back ([[points_csv]]).
    Csv,
    /// The point list in Markdown, to be signed.
    PointList,
    /// The sheet in Markdown with which two people walk the points.
    CheckSheet,
}

/// Arguments of `profile export`.
#[derive(clap::Args, Debug)]
pub(crate) struct ExportArgs {
    /// What to write.
    #[arg(value_enum)]
    what: Document,
    /// The profile's folder.
    dir: PathBuf,
    /// Only the points of this link (csv).
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    /// Keep the comments, order and columns of this point list (csv).
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    /// Write here instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The expansion, its report, and whether it has no error; problems are shown.
fn expanded(dir: &Path) -> anyhow::Result<Option<(Expansion, Report)>> {
    let mut report = Report::new();
    let expansion = expand_profile(dir, &mut report);
    if !report.is_ok() {
        show(&report, Format::Text)?;
        return Ok(None);
    }
    Ok(expansion.map(|expansion| (expansion, report)))
}

pub(super) fn expand(dir: &Path, format: Flat) -> anyhow::Result<ExitCode> {
    let Some((expansion, report)) = expanded(dir)? else { return Ok(ExitCode::FAILURE) };
    say::text(match format {
        Flat::Toml => bridge_author::to_toml(&expansion, &report),
        Flat::Csv => bridge_author::to_csv(&expansion, &report),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn explain(dir: &Path, asked: &str, value: Option<f64>, as_json: bool) -> anyhow::Result<ExitCode> {
    let plan = compiled(dir, FAILED)?;
    let Some((expansion, report)) = expanded(dir)? else { return Ok(ExitCode::FAILURE) };
    let protocols = protocols();
    let explainer = Explainer::new(&plan, &protocols, &expansion, &report);
    let found = explainer.explain(asked, value).map_err(|problem| {
        let (what, fix) = problem.split_once("; ").unwrap_or((&problem, ""));
        Fault::new(what).fix(fix)
    })?;
    if as_json {
        say::line(serde_json::Value::from(found.iter().map(Explained::to_json).collect::<Vec<_>>()).to_string())?;
    } else {
        say::text(found.iter().map(Explained::to_text).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn diff(old: &Path, new: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let difference = bridge_author::diff(&compiled(old, INPUT)?, &compiled(new, INPUT)?);
    if as_json {
        say::line(difference.to_json().to_string())?;
    } else {
        say::text(difference.to_text())?;
    }
    Ok(ExitCode::from(u8::from(!difference.fits())))
}

pub(super) fn coverage(args: &CoverageArgs) -> anyhow::Result<ExitCode> {
    let plan = compiled(&args.dir, FAILED)?;
    let coverage = bridge_author::coverage(&plan, &protocols());
    let device = match &args.device {
        Some(file) => {
            let list = read(file)?;
            let compared = Device::compare(&plan, args.link.as_deref(), &list);
            Some(compared.map_err(|problem| Fault::new(format!("{} cannot be compared", file.display())).because_of(problem))?)
        }
        None => None,
    };
    if args.json {
        let mut value = coverage.to_json();
        if let (Some(device), Some(object)) = (&device, value.as_object_mut()) {
            object.insert("device".to_owned(), device.to_json());
        }
        say::line(value.to_string())?;
    } else {
        say::text(coverage.to_text())?;
        if let Some(device) = &device {
            say::text(format!("\n{}", device.to_text()))?;
        }
    }
    let whole = coverage.is_whole() && device.is_none_or(|device| device.is_whole());
    Ok(ExitCode::from(u8::from(args.strict && !whole)))
}

pub(super) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let plan = compiled(&args.dir, FAILED)?;
    if let Some(link) = args.link.as_deref().filter(|link| plan.link(link).is_none()) {
        let names: Vec<&str> = plan.links.iter().map(|link| link.spec.name.as_str()).collect();
        return Err(Fault::new(format!("there is no link `{link}`")).fix(format!("the profile has {}", names.join(", "))).into());
    }
    let (text, left) = match args.what {
        Document::PointList => (bridge_author::point_list(&plan), Vec::new()),
        Document::CheckSheet => (bridge_author::check_sheet(&plan), Vec::new()),
        Document::Csv => {
            let Some((expansion, _)) = expanded(&args.dir)? else { return Ok(ExitCode::FAILURE) };
            let link = args.link.as_deref();
            let Carried { text, left } = match &args.merge {
                Some(file) => bridge_author::merge_csv(&expansion, link, &read(file)?)
                    .map_err(|problem| Fault::new(format!("{} cannot be merged", file.display())).because_of(problem))?,
                None => bridge_author::to_point_list(&expansion, link),
            };
            (text, left)
        }
    };
    match &args.out {
        Some(file) => std::fs::write(file, text)
            .map_err(|error| Fault::new(format!("{} cannot be written", file.display())).because(&error).fix("choose another --out"))?,
        None => say::text(text)?,
    }
    for (id, why) in &left {
        say::error(format!("left out: {id}: {why}"));
    }
    Ok(ExitCode::from(u8::from(!left.is_empty())))
}

pub(super) fn fmt(path: &Path, check: bool) -> anyhow::Result<ExitCode> {
    let file = if path.is_dir() { path.join(ROOT) } else { path.to_owned() };
    let shown = file.display();
    let before = read(&file)?;
    let after = bridge_author::format(&before)
        .map_err(|problem| Fault::new(format!("{shown} cannot be written in its one form")).because_of(problem))?;
    if before == after {
        return Ok(ExitCode::SUCCESS);
    }
    if check {
        say::line(format!("{shown} is not in its one form"))?;
        return Ok(ExitCode::FAILURE);
    }
    // Whole or not at all: a profile cut short by a full disk would be lost work.
    let beside = file.with_extension("toml.new");
    std::fs::write(&beside, after).and_then(|()| std::fs::rename(&beside, &file)).map_err(|error| {
        Fault::new(format!("{shown} cannot be written")).because(&error).fix("look at the folder's permissions and room")
    })?;
    say::line(format!("{shown} rewritten"))?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(file)
        .map_err(|error| Fault::new(format!("{} cannot be read", file.display())).because(&error).fix("name a file that is there"))
}

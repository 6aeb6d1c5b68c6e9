//! `link`: what an engineer asks of a station besides values and commands (R22): journaled, and off unless the link allows it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_engine::LinkWish;

use crate::control::{Ask, ask};
use crate::fault::Fault;
use crate::journal::Place;
use crate::say;

/// Arguments of `link`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  ies-bridge link rtu interrogate --config plant/ --operator plant:shift-2\n  ies-bridge link rtu read U1.p --config plant/ \
    --operator plant:shift-2\n  ies-bridge link rtu counters --freeze --config plant/ --operator plant:metering\n\nClock synchronisation, freeze and \
    reset of counters, reset process and parameters are off on every link until its profile says `allow = \"clock_sync, counter_freeze, \
    counter_reset, reset, parameters\"`; reset process and parameters also need a link that may carry controls."
)]
pub(crate) struct Args {
    /// The link's name in the profile.
    link: String,
    /// What to ask.
    #[command(subcommand)]
    what: What,
    /// The configuration's folder of the running bridge.
    #[arg(long, default_value = ".", global = true)]
    config: PathBuf,
    /// Who asks it.
    #[arg(long, value_name = "REF", global = true)]
    operator: Option<String>,
}

/// What may be asked.
#[derive(clap::Subcommand, Debug)]
enum What {
    /// Read the whole image (station interrogation).
    #[command(after_help = "Example:\n  ies-bridge link rtu interrogate --config plant/ --operator plant:shift-2")]
    Interrogate,
    /// Read one group of points, 1 to 16.
    #[command(after_help = "Example:\n  ies-bridge link rtu group 3 --config plant/ --operator plant:shift-2")]
    Group {
        /// Which.
        group: u8,
    },
    /// Read counters, or freeze or reset them.
    #[command(after_help = "Example:\n  ies-bridge link rtu counters --freeze --config plant/ --operator plant:metering")]
    Counters {
        /// Only this group, 1 to 4.
        #[arg(long)]
        group: Option<u8>,
        /// Memorise the readings.
        #[arg(long)]
        freeze: bool,
        /// Start again from zero.
        #[arg(long)]
        reset: bool,
    },
    /// Read one point.
    #[command(after_help = "Example:\n  ies-bridge link rtu read U1.p --config plant/ --operator plant:shift-2")]
    Read {
        /// Its id in the profile.
        point: String,
    },
    /// Send our time to the station.
    #[command(after_help = "Example:\n  ies-bridge link rtu clock --config plant/ --operator plant:shift-2")]
    Clock,
    /// Test the way to the station's application.
    #[command(after_help = "Example:\n  ies-bridge link rtu test --config plant/ --operator plant:shift-2")]
    Test,
    /// Restart the station's application (reset process).
    #[command(after_help = "Example:\n  ies-bridge link rtu reset --config plant/ --operator plant:shift-2")]
    Reset,
    /// Restart the whole station (DNP3 cold restart).
    #[command(after_help = "Example:\n  ies-bridge link ppc cold-restart --config plant/ --operator plant:shift-2")]
    ColdRestart,
    /// Poll classes of points: 0 static values, 1 to 3 events (DNP3).
    #[command(after_help = "Example:\n  ies-bridge link ppc poll 1 2 --config plant/ --operator plant:shift-2")]
    Poll {
        /// Which; all if none is named.
        classes: Vec<u8>,
    },
    /// Assign a point to an event class of 1 to 3, or with 0 to none (DNP3).
    #[command(after_help = "Example:\n  ies-bridge link ppc assign-class plant.p 2 --config plant/ --operator plant:protection")]
    AssignClass {
        /// Its id in the profile.
        point: String,
        /// The class.
        class: u8,
    },
    /// Let the station send events by itself, or stop it (DNP3).
    #[command(after_help = "Example:\n  ies-bridge link ppc unsolicited 1 2 3 --stop --config plant/ --operator plant:shift-2")]
    Unsolicited {
        /// Of these classes; of all if none is named.
        classes: Vec<u8>,
        /// Stop it.
        #[arg(long)]
        stop: bool,
    },
    /// Read what the station says of itself (DNP3 device attributes).
    #[command(after_help = "Example:\n  ies-bridge link ppc attributes --config plant/ --operator plant:shift-2")]
    Attributes,
    /// The station's files (DNP3), up to 512 KiB each.
    #[command(subcommand)]
    File(FileWhat),
    /// Load a parameter of a measurand, in wire units.
    #[command(after_help = "Example:\n  ies-bridge link rtu load U1.p threshold 0.5 --config plant/ --operator plant:protection")]
    Load {
        /// The measurand's id in the profile.
        point: String,
        /// threshold, smoothing, low or high.
        parameter: String,
        /// Its value.
        #[arg(allow_negative_numbers = true)]
        value: f64,
        /// In operation only after `activate`.
        #[arg(long)]
        inactive: bool,
    },
    /// Put loaded parameters in operation, of one measurand or all.
    #[command(after_help = "Example:\n  ies-bridge link rtu activate U1.p --config plant/ --operator plant:protection")]
    Activate {
        /// The measurand's id in the profile.
        point: Option<String>,
    },
    /// Put loaded parameters out of operation, of one measurand or all.
    #[command(after_help = "Example:\n  ies-bridge link rtu deactivate U1.p --config plant/ --operator plant:protection")]
    Deactivate {
        /// The measurand's id in the profile.
        point: Option<String>,
    },
    /// Start or stop the cyclic transmission of a measurand.
    #[command(after_help = "Example:\n  ies-bridge link rtu cyclic U1.p --stop --config plant/ --operator plant:shift-2")]
    Cyclic {
        /// Its id in the profile.
        point: String,
        /// Stop it.
        #[arg(long)]
        stop: bool,
    },
    /// Move data transfer to another connection of the link (redundancy group).
    #[command(after_help = "Example:\n  ies-bridge link rtu switch-over --config plant/ --operator plant:shift-2")]
    SwitchOver,
}

/// What may be asked of a station's files.
#[derive(clap::Subcommand, Debug)]
enum FileWhat {
    /// Show a folder.
    #[command(after_help = "Example:\n  ies-bridge link ppc file list / --config plant/ --operator plant:shift-2")]
    List {
        /// Its name at the station.
        name: String,
        /// Of which outstation, where the link has several.
        #[arg(long)]
        station: Option<u16>,
    },
    /// Fetch a file.
    #[command(
        after_help = "Example:\n  ies-bridge link ppc file get fault-17.cfg --out fault-17.cfg --config plant/ --operator plant:protection"
    )]
    Get {
        /// Its name at the station.
        name: String,
        /// Of which outstation, where the link has several.
        #[arg(long)]
        station: Option<u16>,
        /// Where to write it; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write a file.
    #[command(
        after_help = "Example:\n  ies-bridge link ppc file put settings.txt --from settings.txt --config plant/ --operator plant:protection"
    )]
    Put {
        /// Its name at the station.
        name: String,
        /// Of which outstation, where the link has several.
        #[arg(long)]
        station: Option<u16>,
        /// Where it is.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Delete a file.
    #[command(after_help = "Example:\n  ies-bridge link ppc file delete old.cfg --config plant/ --operator plant:protection")]
    Delete {
        /// Its name at the station.
        name: String,
        /// Of which outstation, where the link has several.
        #[arg(long)]
        station: Option<u16>,
    },
}

/// The largest file that goes to a station: in Base64 it is one line of the local door.
const FILE_MAX: u64 = 512 << 10;

impl FileWhat {
    fn wish(&self) -> Result<LinkWish, Fault> {
        Ok(match self {
            Self::List { name, station } => LinkWish::ListFiles { station: *station, name: name.clone() },
            Self::Get { name, station, .. } => LinkWish::ReadFile { station: *station, name: name.clone() },
            Self::Put { name, station, from } => {
                let cannot = |e: &std::io::Error| Fault::new(format!("{} cannot be read", from.display())).because(e);
                if std::fs::metadata(from).map_err(|e| cannot(&e))?.len() > FILE_MAX {
                    return Err(Fault::new(format!("{} is longer than {FILE_MAX} octets", from.display())));
                }
                let octets = STANDARD.encode(std::fs::read(from).map_err(|e| cannot(&e))?);
                LinkWish::WriteFile { station: *station, name: name.clone(), octets }
            }
            Self::Delete { name, station } => LinkWish::DeleteFile { station: *station, name: name.clone() },
        })
    }

    /// What came: a listing is shown, a file is written.
    fn show(&self, octets: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::List { .. } => say::text(String::from_utf8_lossy(octets))?,
            Self::Get { out, .. } => {
                let cannot = |e: std::io::Error| Fault::new(format!("{} cannot be written", out.display())).because(&e);
                let mut file = std::fs::File::create_new(out).map_err(cannot)?;
                file.write_all(octets).and_then(|()| file.sync_all()).map_err(cannot)?;
            }
            Self::Put { .. } | Self::Delete { .. } => {}
        }
        Ok(())
    }
}

impl What {
    fn wish(&self) -> Result<LinkWish, Fault> {
        Ok(match self {
            Self::Interrogate => LinkWish::Interrogate,
            Self::Group { group } => LinkWish::Group { group: *group },
            Self::Counters { group, freeze, reset } => LinkWish::Counters { group: *group, freeze: *freeze, reset: *reset },
            Self::Read { point } => LinkWish::Read { point: point.clone() },
            Self::Clock => LinkWish::Clock,
            Self::Test => LinkWish::Test,
            Self::Reset => LinkWish::Reset,
            Self::Load { point, parameter, value, inactive } => {
                LinkWish::Load { point: point.clone(), parameter: parameter.clone(), value: *value, inactive: *inactive }
            }
            Self::Activate { point } => LinkWish::Activate { point: point.clone(), on: true },
            Self::Deactivate { point } => LinkWish::Activate { point: point.clone(), on: false },
            Self::Cyclic { point, stop } => LinkWish::Cyclic { point: point.clone(), on: !stop },
            Self::SwitchOver => LinkWish::SwitchOver,
            Self::ColdRestart => LinkWish::ColdRestart,
            Self::Poll { classes } => LinkWish::Poll { classes: classes.clone() },
            Self::AssignClass { point, class } => LinkWish::AssignClass { point: point.clone(), class: *class },
            Self::Unsolicited { classes, stop } => LinkWish::Unsolicited { classes: classes.clone(), on: !stop },
            Self::Attributes => LinkWish::Attributes,
            Self::File(what) => what.wish()?,
        })
    }
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(operator) = args.operator.clone().filter(|name| !name.trim().is_empty()) else {
        return Err(Fault::new("nobody asks it").because_of("--operator is missing").fix("say who: --operator plant:shift-2").into());
    };
    let place = Place::find(&args.config)?;
    let answer = ask(&place.socket(), &Ask::Link { link: args.link.clone(), what: args.what.wish()?, operator_ref: operator })?;
    if let Some(error) = answer["error"].as_str() {
        return Err(Fault::new("it was not done").because_of(error).fix("ies-bridge link --help says what a link must allow").into());
    }
    if let (What::File(what), Some(octets)) = (&args.what, answer["octets"].as_str()) {
        what.show(&STANDARD.decode(octets)?)?;
    } else if let What::File(FileWhat::Get { .. }) = &args.what {
        return Err(Fault::new("the file did not come whole")
            .because_of(answer["done"].as_str().unwrap_or("it is empty or too long"))
            .into());
    }
    say::line(answer["done"].as_str().unwrap_or_default())?;
    Ok(ExitCode::SUCCESS)
}

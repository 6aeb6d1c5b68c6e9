//! `link`: what an engineer asks of a station besides values and commands (R22): journaled, and off unless the link allows it.

use std::path::PathBuf;
use std::process::ExitCode;

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

impl What {
    fn wish(&self) -> LinkWish {
        match self {
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
        }
    }
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(operator) = args.operator.clone().filter(|name| !name.trim().is_empty()) else {
        return Err(Fault::new("nobody asks it").because_of("--operator is missing").fix("say who: --operator plant:shift-2").into());
    };
    let place = Place::find(&args.config)?;
    let answer = ask(&place.socket(), &Ask::Link { link: args.link.clone(), what: args.what.wish(), operator_ref: operator })?;
    if let Some(error) = answer["error"].as_str() {
        return Err(Fault::new("it was not done").because_of(error).fix("ies-bridge link --help says what a link must allow").into());
    }
    say::line(answer["done"].as_str().unwrap_or_default())?;
    Ok(ExitCode::SUCCESS)
}

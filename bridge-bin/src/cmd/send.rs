//! `send`: an operator's instruction through the running bridge; and `status`.

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_profile::parse_duration;

use crate::control::{Ask, ask};
use crate::fault::Fault;
use crate::journal::Place;
use crate::say;

/// Arguments of `send`.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Args {
    /// Send a signed dispatch through a control that relays to a peer.
    #[command(
        after_help = "Example:\n  ies-bridge send dispatch --config ldc/ U1.p_set 210 --ramp 2.5 --valid-for 30s --operator sldc:shift-2 --instruction DM-114\n\n\
        Who orders and by which instruction is mandatory on every human command (R8). `operations trace` shows what became of it."
    )]
    Dispatch {
        /// The configuration's folder of the running bridge.
        #[arg(long, default_value = ".")]
        config: PathBuf,
        /// The control's id in the profile.
        control: String,
        /// The target, in the control's unit.
        #[arg(allow_negative_numbers = true)]
        value: f64,
        /// The ramp asked for, in the control's unit per minute.
        #[arg(long, value_name = "PER_MINUTE")]
        ramp: Option<f64>,
        /// How long it may take to start.
        #[arg(long, default_value = "30s", value_name = "DURATION")]
        valid_for: String,
        /// Who orders it.
        #[arg(long, value_name = "REF")]
        operator: String,
        /// By which instruction.
        #[arg(long, value_name = "CODE")]
        instruction: String,
    },
}

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  ies-bridge status plant/")]
pub(crate) struct StatusArgs {
    /// The configuration's folder of the running bridge.
    #[arg(default_value = ".")]
    config: PathBuf,
}

/// Runs `send`.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Args::Dispatch { config, control, value, ramp, valid_for, operator, instruction } = args;
    let life = parse_duration(valid_for).filter(|life| life.as_secs() >= 1 && life.as_secs() <= 3600);
    let life = life.ok_or_else(|| Fault::new(format!("`{valid_for}` is no time to start in")).fix("write 1s to 1h, for example 30s"))?;
    if !value.is_finite() || ramp.is_some_and(|ramp| !ramp.is_finite() || ramp <= 0.0) {
        return Err(Fault::new("target and ramp must be numbers, the ramp above zero").fix("ies-bridge explain NOT_A_NUMBER").into());
    }
    let place = Place::find(config)?;
    let answer = ask(
        &place.socket(),
        &Ask::Dispatch {
            control: control.clone(),
            target: *value,
            ramp: *ramp,
            valid_for_s: u32::try_from(life.as_secs()).unwrap_or(3600),
            operator_ref: operator.clone(),
            instruction_code: instruction.clone(),
        },
    )?;
    if let Some(error) = answer["error"].as_str() {
        return Err(Fault::new("the dispatch was not sent").because_of(error).fix("ies-bridge check shows the profile's controls").into());
    }
    say::line(answer.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `status`.
pub(crate) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let place = Place::find(&args.config)?;
    say::line(format!("{:#}", ask(&place.socket(), &Ask::Status)?))?;
    Ok(ExitCode::SUCCESS)
}

//! `send`: an operator's instruction through the running bridge; and `status`.

mod cap;

use std::path::PathBuf;
use std::process::ExitCode;

use bridge_engine::DispatchMode;
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
        after_help = "Examples:\n  ies-bridge send dispatch --config ldc/ U1.p_set 210 --ramp 2.5 --valid-for 30s --operator sldc:shift-2 --instruction DM-114\n  \
        ies-bridge send dispatch --config ldc/ U1.p_set 210 --select --operator sldc:shift-2 --instruction DM-115\n  \
        ies-bridge send dispatch --config ldc/ U1.p_set 210 --operate 0192f0a4-7c1e-7000-8000-00000000c0de --operator sldc:shift-2 --instruction DM-115\n\n\
        A control with `select = \"relay\"` is selected first, and operated or cancelled by the id that `--select` printed, with the same value, ramp and\n\
        operator (R4); the selection lapses with the station's own timer. Who orders and by which instruction is mandatory on every human command (R8). `operations trace` shows what became of it."
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
        /// Only select: nothing moves.
        #[arg(long, conflicts_with_all = ["operate", "cancel"])]
        select: bool,
        /// Execute what this SELECT holds.
        #[arg(long, value_name = "OPERATION", conflicts_with = "cancel")]
        operate: Option<String>,
        /// Give up what this SELECT holds.
        #[arg(long, value_name = "OPERATION")]
        cancel: Option<String>,
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
    /// Cap the output of a resource: a signed curtailment with its ramp and its way out.
    #[command(
        after_help = "Examples:\n  ies-bridge send curtail --config ldc/ PARK.curtail 120 --for 15min --ramp 30 --release at-end --reason OVERFREQUENCY --operator sldc:shift-2 --instruction CU-7\n  \
        ies-bridge send curtail --config ldc/ PARK.curtail 40% --of available --ramp 30 --release manual --reason CONGESTION --operator sldc:shift-2 --instruction CU-8\n\n\
        The lowest of several caps holds, each for its own period. The end of the period gives power back only with `--release at-end`, and never for SECURITY or CONGESTION: `send release` does (R7)."
    )]
    Curtail(cap::Cap),
    /// End a curtailment of ours: the power comes back, ramped.
    #[command(
        after_help = "Example:\n  ies-bridge send release --config ldc/ 0199e0b0 --ramp 10 --operator sldc:shift-2 --instruction CU-9\n\n\
        It is refused while a newer cap is in force on the same resource (NEWER_CAP). `operations list` shows the curtailments."
    )]
    Release(cap::Release),
    /// Ask the people of a plant to bring a unit to the grid.
    #[command(
        after_help = "Example:\n  ies-bridge send start --config ldc/ U1.start --type warm --target-at 2026-11-22T18:00:00+05:30 --operator sldc:shift-2 --instruction US-7\n\n\
        Nothing is written at the plant: a named operator there accepts, rejects or reports it done (R8). `operations trace` shows what became of it."
    )]
    Start {
        #[command(flatten)]
        order: Order,
        /// How warm the unit is.
        #[arg(long = "type", value_enum, value_name = "TYPE")]
        start_type: Option<Warmth>,
    },
    /// Ask the people of a plant to take a unit from the grid.
    #[command(
        after_help = "Example:\n  ies-bridge send stop --config ldc/ U1.stop --reason RESERVE_SHUTDOWN --operator sldc:shift-2 --instruction US-8"
    )]
    Stop {
        #[command(flatten)]
        order: Order,
    },
}

/// What `start` and `stop` have in common.
#[derive(clap::Args, Debug)]
pub(crate) struct Order {
    /// The configuration's folder of the running bridge.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// The control's id in the profile.
    control: String,
    /// When the unit should be there, RFC 3339.
    #[arg(long, value_name = "TIME")]
    target_at: Option<String>,
    /// Why, as a code.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Why, in words; needs --reason.
    #[arg(long, value_name = "TEXT", requires = "reason")]
    text: Option<String>,
    /// How long the plant's people may take to accept it; the plant's profile may allow less.
    #[arg(long, default_value = "15min", value_name = "DURATION")]
    valid_for: String,
    /// Who orders it.
    #[arg(long, value_name = "REF")]
    operator: String,
    /// By which instruction.
    #[arg(long, value_name = "CODE")]
    instruction: String,
}

/// How warm a unit is that is started.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Warmth {
    /// Hot.
    Hot,
    /// Warm.
    Warm,
    /// Cold.
    Cold,
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
    let (config, what, wish) = match args {
        Args::Dispatch { config, control, value, ramp, select, operate, cancel, valid_for, operator, instruction } => {
            if !value.is_finite() || ramp.is_some_and(|ramp| !ramp.is_finite() || ramp <= 0.0) {
                return Err(Fault::new("target and ramp must be numbers, the ramp above zero")
                    .fix("ies-bridge explain NOT_A_NUMBER")
                    .into());
            }
            let wish = Ask::Dispatch {
                control: control.clone(),
                target: *value,
                ramp: *ramp,
                mode: match (select, operate, cancel) {
                    (true, _, _) => DispatchMode::Select,
                    (false, Some(of), _) => DispatchMode::Operate { of: of.clone() },
                    (false, None, Some(of)) => DispatchMode::Cancel { of: of.clone() },
                    (false, None, None) => DispatchMode::Direct,
                },
                valid_for_s: life(valid_for)?,
                operator_ref: operator.clone(),
                instruction_code: instruction.clone(),
            };
            (config, "dispatch", wish)
        }
        Args::Curtail(cap) => (&cap.config, "curtailment", cap.wish()?),
        Args::Release(release) => (&release.config, "release", release.wish()?),
        Args::Start { order, start_type } => {
            let word = start_type.map(|warmth| match warmth {
                Warmth::Hot => "HOT",
                Warmth::Warm => "WARM",
                Warmth::Cold => "COLD",
            });
            (&order.config, "start", order.wish("start", word)?)
        }
        Args::Stop { order } => (&order.config, "stop", order.wish("stop", None)?),
    };
    let place = Place::find(config)?;
    let answer = ask(&place.socket(), &wish)?;
    if let Some(error) = answer["error"].as_str() {
        return Err(Fault::new(format!("the {what} was not sent"))
            .because_of(error)
            .fix("ies-bridge check shows the profile's controls")
            .into());
    }
    say::line(answer.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Seconds from a duration of 1 s to 1 h.
fn life(text: &str) -> Result<u32, Fault> {
    let life = parse_duration(text).filter(|life| life.as_secs() >= 1 && life.as_secs() <= 3600);
    let life = life.ok_or_else(|| Fault::new(format!("`{text}` is no time to start in")).fix("write 1s to 1h, for example 30s"))?;
    Ok(u32::try_from(life.as_secs()).unwrap_or(3600))
}

impl Order {
    fn wish(&self, verb: &str, start_type: Option<&str>) -> Result<Ask, Fault> {
        let mut payload = serde_json::json!({});
        if let Some(at) = &self.target_at {
            if bridge_ies::parse_time(at).is_err() {
                return Err(Fault::new(format!("`{at}` is no time")).fix("write it with date and offset: 2026-11-22T18:00:00+05:30"));
            }
            payload["targetAt"] = at.as_str().into();
        }
        if let Some(word) = start_type {
            payload["startType"] = word.into();
        }
        if let Some(code) = &self.reason {
            payload["reason"] = serde_json::json!({ "code": code });
            if let Some(text) = &self.text {
                payload["reason"]["text"] = text.as_str().into();
            }
        }
        Ok(Ask::Order {
            control: self.control.clone(),
            verb: verb.to_owned(),
            payload,
            valid_for_s: life(&self.valid_for)?,
            operator_ref: self.operator.clone(),
            instruction_code: self.instruction.clone(),
        })
    }
}

/// Runs `status`.
pub(crate) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let place = Place::find(&args.config)?;
    say::line(format!("{:#}", ask(&place.socket(), &Ask::Status)?))?;
    Ok(ExitCode::SUCCESS)
}

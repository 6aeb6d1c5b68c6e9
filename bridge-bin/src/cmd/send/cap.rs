//! `send curtail` and `send release`: a cap on a resource, and its end (R7).

use std::path::PathBuf;

use bridge_ies::format_duration;
use bridge_profile::parse_duration;
use serde_json::{Value, json};

use super::life;
use crate::control::Ask;
use crate::fault::Fault;

/// Arguments of `send curtail`.
#[derive(clap::Args, Debug)]
pub(crate) struct Cap {
    /// The configuration's folder of the running bridge.
    #[arg(long, default_value = ".")]
    pub(super) config: PathBuf,
    /// The control's id in the profile.
    control: String,
    /// The limit: in MW, or as a share with `%`.
    #[arg(value_name = "LIMIT", help = "The limit: `120` or `120MW`, or a share as `40%`")]
    limit: String,
    /// What the limit counts from; a share is of the rated power unless said otherwise.
    #[arg(long, value_enum, value_name = "BASIS")]
    of: Option<Basis>,
    /// How long it holds, from now; without it until it is released.
    #[arg(long = "for", value_name = "DURATION")]
    period: Option<String>,
    /// The ramp, in MW per minute: down now, and up again at the release (R7).
    #[arg(long, value_name = "PER_MINUTE")]
    ramp: f64,
    /// What ends it.
    #[arg(long, value_enum, value_name = "END")]
    release: End,
    /// Why, as a code. What the plant's profile does not declare released at its end waits for `send release`, as SECURITY and CONGESTION do.
    #[arg(long, value_name = "CODE")]
    reason: String,
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// The lost energy is paid for.
    #[arg(long)]
    compensable: bool,
    /// How long it may take to start.
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    valid_for: String,
    /// Who orders it.
    #[arg(long, value_name = "REF")]
    operator: String,
    /// By which instruction.
    #[arg(long, value_name = "CODE")]
    instruction: String,
}

/// Arguments of `send release`.
#[derive(clap::Args, Debug)]
pub(crate) struct Release {
    /// The configuration's folder of the running bridge.
    #[arg(long, default_value = ".")]
    pub(super) config: PathBuf,
    /// The curtailment's operation id, or its start.
    operation: String,
    /// How fast the power may rise, in MW per minute; as the curtailment's own ramp if absent.
    #[arg(long, value_name = "PER_MINUTE")]
    ramp: Option<f64>,
    /// Why, as a code.
    #[arg(long, default_value = "NO_LONGER_NEEDED", value_name = "CODE")]
    reason: String,
    /// How long it may take to start.
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    valid_for: String,
    /// Who orders it.
    #[arg(long, value_name = "REF")]
    operator: String,
    /// By which instruction.
    #[arg(long, value_name = "CODE")]
    instruction: String,
}

/// What a limit counts from.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Basis {
    /// The power that may remain.
    Cap,
    /// What is taken away from the measured power.
    Reduction,
    /// The rated power.
    Rated,
    /// What is available when it is accepted.
    Available,
}

/// What ends a curtailment.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The end of its period, ramped.
    AtEnd,
    /// Only `send release`.
    Manual,
}

impl Cap {
    pub(super) fn wish(&self) -> Result<Ask, Fault> {
        if self.release == End::AtEnd && self.period.is_none() {
            return Err(Fault::new("a curtailment that ends by itself needs its period").fix("add --for 15min, or say --release manual"));
        }
        let mut payload = json!({
            "limit": limit(&self.limit, self.of)?,
            "period": {},
            "ramp": rate(self.ramp)?,
            "release": match self.release { End::AtEnd => "AT_END", End::Manual => "MANUAL" },
            "reason": { "code": self.reason.to_ascii_uppercase() },
        });
        if let Some(text) = &self.period {
            let length = parse_duration(text).filter(|length| !length.is_zero());
            let length = length.ok_or_else(|| Fault::new(format!("`{text}` is no period")).fix("write a duration, for example 15min"))?;
            payload["period"]["duration"] = format_duration(length).into();
        }
        if let Some(text) = &self.text {
            payload["reason"]["text"] = text.as_str().into();
        }
        if self.compensable {
            payload["compensable"] = true.into();
        }
        Ok(order(self.control.clone(), payload, life(&self.valid_for)?, &self.operator, &self.instruction))
    }
}

impl Release {
    pub(super) fn wish(&self) -> Result<Ask, Fault> {
        let mut payload = json!({ "releaseOf": self.operation, "reason": { "code": self.reason.to_ascii_uppercase() } });
        if let Some(ramp) = self.ramp {
            payload["ramp"] = rate(ramp)?;
        }
        Ok(order(String::new(), payload, life(&self.valid_for)?, &self.operator, &self.instruction))
    }
}

fn order(control: String, payload: Value, valid_for_s: u32, operator: &str, instruction: &str) -> Ask {
    Ask::Order {
        control,
        verb: "curtail".to_owned(),
        payload,
        valid_for_s,
        operator_ref: operator.to_owned(),
        instruction_code: instruction.to_owned(),
    }
}

fn rate(ramp: f64) -> Result<Value, Fault> {
    if ramp.is_finite() && ramp > 0.0 {
        return Ok(json!({ "value": ramp, "unit": "MW/min" }));
    }
    Err(Fault::new("the ramp must be a number above zero").fix("ies-bridge explain NOT_A_NUMBER"))
}

/// `120`, `120MW` or `40%`.
fn limit(text: &str, of: Option<Basis>) -> Result<Value, Fault> {
    let (digits, percent) = match text.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (text.strip_suffix("MW").unwrap_or(text), false),
    };
    let value = digits.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    let value = value.ok_or_else(|| Fault::new(format!("`{text}` is no limit")).fix("write 120, 120MW or 40%"))?;
    let basis = match of.unwrap_or(if percent { Basis::Rated } else { Basis::Cap }) {
        Basis::Cap => "ABSOLUTE_CAP",
        Basis::Reduction => "REDUCTION_BY",
        Basis::Rated => "OF_RATED",
        Basis::Available => "OF_AVAILABLE",
    };
    Ok(json!({ "value": value, "unit": if percent { "PERCENT" } else { "MW" }, "basis": basis }))
}

#[cfg(test)]
mod tests {
    use super::{Basis, limit};

    #[test]
    fn a_limit_says_what_it_counts_from() {
        let of = |text, of| limit(text, of).map(|limit| format!("{} {} {}", limit["value"], limit["unit"], limit["basis"]));
        assert_eq!(of("120", None).unwrap(), r#"120.0 "MW" "ABSOLUTE_CAP""#);
        assert_eq!(of("120MW", Some(Basis::Reduction)).unwrap(), r#"120.0 "MW" "REDUCTION_BY""#);
        assert_eq!(of("40%", None).unwrap(), r#"40.0 "PERCENT" "OF_RATED""#);
        assert_eq!(of("40%", Some(Basis::Available)).unwrap(), r#"40.0 "PERCENT" "OF_AVAILABLE""#);
        for wrong in ["", "-1", "forty", "NaN", "%", "40 %%"] {
            assert!(of(wrong, None).is_err(), "{wrong}");
        }
    }
}

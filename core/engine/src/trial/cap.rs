//! A curtailment, or its release, as a test says it.

use bridge_ies::{format_duration, format_time};
use bridge_model::Utc;
use bridge_profile::parse_duration;
use bridge_session::{Field, Fields};
use serde_json::{Value, json};

use super::party::quantity;

/// The payload; `known` finds the operation of a cap that was given before: `first` or `last`.
pub(super) fn payload(fields: &Fields, issued: Utc, known: impl Fn(&str) -> Option<String>) -> Result<Value, String> {
    let word = |key: &str| match fields.get(key) {
        Some(Field::Text(text)) => Some(text.as_str()),
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => None,
    };
    let mut payload = json!({});
    if let Some(reason) = word("reason") {
        payload["reason"] = json!({ "code": reason.to_ascii_uppercase() });
    }
    if let Some(ramp) = word("ramp") {
        let (value, unit) = quantity("ramp", ramp)?;
        payload["ramp"] = json!({ "value": value, "unit": unit });
    }
    if let Some(of) = word("release_of") {
        payload["releaseOf"] =
            known(of).ok_or("`release_of` is \"first\" or \"last\", of the curtailments that this party gave before")?.into();
        return Ok(payload);
    }
    if let Some(limit) = word("limit") {
        let (value, unit) = quantity("limit", limit)?;
        let unit = if unit == "%" { "PERCENT".to_owned() } else { unit };
        let of = match word("of").unwrap_or("cap") {
            "cap" => "ABSOLUTE_CAP",
            "reduction" => "REDUCTION_BY",
            "rated" => "OF_RATED",
            "available" => "OF_AVAILABLE",
            "schedule" => "OF_SCHEDULE",
            other => return Err(format!("`of` is cap, reduction, rated, available or schedule, not `{other}`")),
        };
        payload["limit"] = json!({ "value": value, "unit": unit, "basis": of });
        if let Some(basis) = word("basis") {
            payload["limit"]["powerBasis"] = basis.into();
        }
    }
    payload["period"] = json!({ "start": format_time(issued.0) });
    if let Some(length) = word("for") {
        let length = parse_duration(length).ok_or_else(|| format!("`for`: `{length}` is no duration"))?;
        payload["period"]["duration"] = format_duration(length).into();
    }
    if let Some(release) = word("release") {
        payload["release"] = release.to_ascii_uppercase().into();
    }
    Ok(payload)
}

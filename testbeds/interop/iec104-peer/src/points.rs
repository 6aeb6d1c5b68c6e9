//! The point list: a JSON array, as the README of `testbeds/interop` describes it.

use iec104::types_id::TypeId;
use serde_json::Value;

/// One entry.
#[derive(Clone, Debug)]
pub struct Spec {
    pub ioa: u32,
    pub ti: TypeId,
    pub name: String,
    pub value: f64,
    pub noise: f64,
    pub toggle_ms: u64,
    /// Interrogation group of a value, counter group of a total.
    pub group: Option<u8>,
    pub select: bool,
    pub then_direct_s: f64,
    pub echo: Option<String>,
    pub drives: Option<String>,
    pub ramp_per_s: f64,
    pub min: f64,
    pub max: f64,
}

impl Spec {
    /// Whether it is commanded.
    pub fn is_command(&self) -> bool {
        (45..=64).contains(&number(self.ti))
    }

    /// Single- and double-point information: the sequence of events.
    pub fn is_event(&self) -> bool {
        is_event(self.ti)
    }
}

/// Whether changes of the type are events: states with a time tag.
pub fn is_event(ti: TypeId) -> bool {
    matches!(ti, TypeId::M_SP_TB_1 | TypeId::M_DP_TB_1)
}

/// The type's number.
pub fn number(ti: TypeId) -> u8 {
    (1..=127).find(|number| TypeId::from(*number) == ti).unwrap_or(0)
}

/// The type of a name, as the standard writes it.
pub fn type_of(name: &str) -> Option<TypeId> {
    (1..=127).map(TypeId::from).find(|ti| format!("{ti:?}") == name)
}

/// Reads the file, or ends the process with a word.
pub fn load(path: &str) -> Vec<Spec> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| crate::fail(&format!("{path}: {error}")));
    let list: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| crate::fail(&format!("{path}: {error}")));
    let mut specs: Vec<Spec> = Vec::new();
    for entry in &list {
        let spec = spec(entry).unwrap_or_else(|| crate::fail(&format!("{path}: no point that this peer knows: {entry}")));
        if specs.iter().any(|known| known.ioa == spec.ioa) {
            crate::fail(&format!("{path}: {}: object address {} is used twice", spec.name, spec.ioa));
        }
        specs.push(spec);
    }
    specs
}

fn spec(entry: &Value) -> Option<Spec> {
    let float = |key: &str, default: f64| entry[key].as_f64().unwrap_or(default);
    let word = |key: &str| entry[key].as_str().map(str::to_owned);
    Some(Spec {
        ioa: u32::try_from(entry["ioa"].as_u64()?).ok()?,
        ti: type_of(entry["ti"].as_str()?)?,
        name: word("name")?,
        value: float("value", 0.0),
        noise: float("noise", 0.0),
        toggle_ms: entry["toggle_ms"].as_u64().unwrap_or(0),
        group: entry["group"].as_u64().and_then(|group| u8::try_from(group).ok()),
        select: entry["select"].as_bool().unwrap_or(false),
        then_direct_s: float("then_direct_s", 0.0),
        echo: word("echo"),
        drives: word("drives"),
        ramp_per_s: float("ramp_per_s", 5.0),
        min: float("min", f64::NEG_INFINITY),
        max: float("max", f64::INFINITY),
    })
}

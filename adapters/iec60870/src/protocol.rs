//! The front door: checks, sessions, and the two things a profile's tests need.

use bridge_model::{Command, CommandMode, PointUpdate, TimeFlags, TimeOrigin, Timestamp, Utc};
use bridge_session::read::problem;
use bridge_session::{AddressUse, Field, FieldProblem, Fields, LinkSpec, Protocol, Rendered, Role, Session};

use crate::address::{Address, PointTable};
use crate::apci::{Apci, START};
use crate::controlling::{control_asdu, read_objects};
use crate::params::Params;
use crate::reverse::controlling_direction;
use crate::text::describe_control;
use crate::{
    AsduView, Bcr, Cause, ControlElement, ControlPermit, Controlled, Controlling, Cot, Cp16Time2a, Cp56Time2a, DayCache, Family,
    MonitorAsdu, MonitorElement, MonitorObject, QualityBits, Tag, TimeTag, TypeId,
};

/// IEC 60870-5-104. Link parameters: see [`Params`]. Address fields: `ca` (default: the link's), `ioa`, `ti`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Iec104;

impl Protocol for Iec104 {
    fn name(&self) -> &'static str {
        "iec104"
    }

    fn check_link(&self, role: Role, params: &Fields) -> Vec<FieldProblem> {
        Params::check(role, params)
    }

    fn check_address(&self, _role: Role, usage: AddressUse, params: &Fields, address: &Fields) -> Result<u64, Vec<FieldProblem>> {
        Address::from_fields(usage, params, address).map(|address| address.key(usage))
    }

    fn session(&self, spec: &LinkSpec) -> Box<dyn Session> {
        match spec.role {
            Role::Client => Box::new(Controlling::new(spec)),
            Role::Server => Box::new(Controlled::new(spec)),
        }
    }

    /// Fields: `ioa`, `value`; optional `ca`, `ti` (default: the point's), `cot` (a word as `spontaneous`, or a number), `time` (RFC 3339),
    /// `quality` (bit names as `"IV NT"`, or the octet), `test`, `bit` (of a packed value), `elapsed` (ms), `transient`. The fields `link` and `reversed` are not
    /// looked at: what a link reads is of one direction, its own or, on a server link, the reversed one. The input is encoded and read back
    /// through the receive path, so it gives what the wire would give.
    fn decode_test(&self, spec: &LinkSpec, input: &Fields, received: Utc) -> Result<Vec<PointUpdate>, FieldProblem> {
        let Some(spec) = &controlling_direction(spec, &Params::from_fields(&spec.params)) else {
            let what = format!("link {} is served and read by its peer", spec.name);
            return Err(problem("", "nothing-read", what, "give the input on a link that is read, or with `direction = \"both\"`"));
        };
        let asdu = test_asdu(spec, input, received)?;
        let mut octets = Vec::new();
        asdu.encode(&mut octets);
        let mut updates = Vec::new();
        let (Ok(view), Some((family, tag))) = (AsduView::parse(&octets), asdu.type_id.family()) else { return Ok(updates) };
        let table = PointTable::new(Address::all(spec, AddressUse::Monitor));
        let finding = read_objects(&view, family, tag, &table, spec.zone, received, &mut DayCache::default(), &mut updates);
        match finding {
            Ok(None) => Ok(updates),
            Ok(Some(what)) => Err(problem("ti", "ti-does-not-fit", what, "use the point's own type, with or without time tag")),
            Err(error) => Err(problem("", "malformed", error.to_string(), "check the input's fields")),
        }
    }

    fn render_command(&self, spec: &LinkSpec, command: &Command) -> Result<Rendered, FieldProblem> {
        let params = Params::from_fields(&spec.params);
        // A controlled station commands in the reversed direction only, and with the right of that direction.
        let direction = controlling_direction(spec, &params);
        let Some((spec, permit)) = direction.as_ref().and_then(|spec| Some((spec, ControlPermit::for_link(spec)?))) else {
            return Err(problem(
                "",
                "monitor-only",
                format!("link {} carries no controls", spec.name),
                "use a controlling link that may control",
            ));
        };
        let Some((_, address)) = Address::all(spec, AddressUse::Control).find(|(point, _)| *point == command.point) else {
            let what = format!("point {} has no control address on link {}", command.point.0, spec.name);
            return Err(problem("", "no-control-address", what, "give the control an address"));
        };
        let select = matches!(command.mode, CommandMode::SelectExecute | CommandMode::Select);
        let time = Some(Timestamp::by_device(command.not_after.utc));
        let Some(mut asdu) = control_asdu(address, command, select, params.oa, time, spec.zone) else {
            let what = format!("{} cannot carry `{}` with qualifier {}", address.type_id, command.action, command.qualifier);
            return Err(problem("ti", "action-does-not-fit", what, "use a set-point type for values and a command type for switching"));
        };
        if command.mode == CommandMode::Cancel {
            asdu.cot.cause = Cause::DEACTIVATION;
        }
        let mut bytes = vec![START, 0];
        bytes.extend_from_slice(&Apci::Information { ns: 0, nr: 0 }.octets());
        asdu.encode(&permit, &mut bytes);
        let length = u8::try_from(bytes.len() - 2).unwrap_or(u8::MAX);
        if let Some(octet) = bytes.get_mut(1) {
            *octet = length;
        }
        let value = match asdu.element {
            ControlElement::Single(on, _) => Field::Bool(on),
            ControlElement::Double(bits, _) | ControlElement::Step(bits, _) => Field::Bool(bits == 2),
            ControlElement::SetNormalised(value, _) => Field::Float(f64::from(value) / 32768.0),
            ControlElement::SetScaled(value, _) => Field::Int(i64::from(value)),
            ControlElement::SetBits(bits) => Field::Int(i64::from(bits)),
            // Through its shortest decimal form: 243.6 stays 243.6.
            ControlElement::SetFloat(value, _) => Field::Float(value.to_string().parse().unwrap_or(f64::from(value))),
        };
        let fields = [
            ("ca", Field::Int(i64::from(asdu.ca))),
            ("ioa", Field::Int(i64::from(asdu.ioa))),
            ("ti", Field::Text(asdu.type_id.to_string())),
            ("select", Field::Bool(select)),
            ("value", value),
        ];
        let fields = fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
        Ok(Rendered { text: describe_control(&asdu), bytes, fields })
    }
}

/// The ASDU that a test input describes.
fn test_asdu(spec: &LinkSpec, input: &Fields, received: Utc) -> Result<MonitorAsdu, FieldProblem> {
    const KNOWN: [&str; 13] =
        ["link", "reversed", "ca", "ioa", "ti", "value", "cot", "time", "quality", "test", "bit", "elapsed", "transient"];
    if let Some(name) = input.keys().find(|name| !KNOWN.contains(name)) {
        return Err(problem(
            name,
            "unknown-field",
            format!("`{name}` is no field of a 104 test input"),
            &format!("use {}", KNOWN.join(", ")),
        ));
    }
    let number = |name: &str| match input.get(name) {
        Some(Field::Int(value)) => Ok(Some(*value)),
        None => Ok(None),
        Some(Field::Float(_) | Field::Bool(_) | Field::Text(_)) => {
            Err(problem(name, "not-a-number", format!("`{name}` is no whole number"), "use a whole number"))
        }
    };
    let (ca, ioa) = (number("ca")?, number("ioa")?);
    let matches = |address: &Address| ioa == Some(i64::from(address.ioa)) && ca.is_none_or(|ca| ca == i64::from(address.ca));
    let Some((_, address)) = Address::all(spec, AddressUse::Monitor).find(|(_, address)| matches(address)) else {
        let what = format!("link {} has no monitored point at {}", spec.name, ioa.map_or("no ioa".to_owned(), |ioa| format!("ioa {ioa}")));
        return Err(problem("ioa", "unknown-address", what, "use an address of this link"));
    };
    let type_id = match input.get("ti") {
        None => Some(address.type_id),
        Some(Field::Text(name)) => TypeId::from_name(name),
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => None,
    };
    let Some((type_id, (family, tag))) = type_id.and_then(|id| id.family().filter(|_| !id.is_101_only()).map(|family| (id, family))) else {
        return Err(problem("ti", "ti-unsupported", "the type cannot be monitored".to_owned(), "use a type as M_ME_TF_1"));
    };
    let time = match input.get("time") {
        None => Timestamp { utc: received, origin: TimeOrigin::Device, flags: TimeFlags(0) },
        Some(Field::Text(text)) => Timestamp::by_device(
            rfc3339(text)
                .ok_or_else(|| problem("time", "not-a-time", format!("`{text}` is no time"), "write it as 2026-04-01T10:00:00+05:30"))?,
        ),
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => {
            return Err(problem("time", "not-a-time", "the time is no text".to_owned(), "write it as 2026-04-01T10:00:00+05:30"));
        }
    };
    let object = MonitorObject {
        ioa: address.ioa,
        element: test_element(family, input)?,
        quality: test_quality(input.get("quality"))?,
        time: (tag == Tag::Cp56).then(|| TimeTag::Cp56(Cp56Time2a::from_timestamp(time, spec.zone))),
    };
    let cot = Cot { test: input.get("test") == Some(&Field::Bool(true)), ..Cot::new(test_cause(input.get("cot"))?) };
    Ok(MonitorAsdu { type_id, sequence: false, cot, ca: address.ca, objects: vec![object] })
}

fn test_element(family: Family, input: &Fields) -> Result<MonitorElement, FieldProblem> {
    let value = input.get("value");
    let wrong = |fix: &str| problem("value", "value-does-not-fit", "the value does not fit the type".to_owned(), fix);
    let elapsed = match input.get("elapsed") {
        None => Cp16Time2a(0),
        Some(Field::Int(ms)) => Cp16Time2a(u16::try_from(*ms).map_err(|_| wrong("use 0 to 59999 ms"))?),
        Some(Field::Float(_) | Field::Bool(_) | Field::Text(_)) => return Err(wrong("use whole milliseconds")),
    };
    let whole = |from: i64, to: i64| match (input.get("bit"), value) {
        (Some(Field::Int(bit @ 0..=31)), Some(Field::Bool(on))) => Ok(i64::from(*on) << bit),
        (None, Some(Field::Int(value))) if (from..=to).contains(value) => Ok(*value),
        _ => Err(wrong(&format!("use a whole number from {from} to {to}"))),
    };
    let sixteen = |value: i64| i16::try_from(value).map_err(|_| wrong("use a whole number of 16 bits"));
    let octet = |value: i64| u8::try_from(value).map_err(|_| wrong("use a whole number of 8 bits"));
    let packed = |value: i64| u32::try_from(value).map_err(|_| wrong("use a whole number of 32 bits"));
    Ok(match family {
        Family::Single => MonitorElement::Single(single(value).ok_or_else(|| wrong("use true, false, 0, 1, \"on\" or \"off\""))?),
        Family::Double => MonitorElement::Double(double(value).ok_or_else(|| wrong(DOUBLE))?),
        Family::Float => MonitorElement::Float(short(value).ok_or_else(|| wrong("use a number"))?),
        Family::Step => {
            let step = i8::try_from(whole(-64, 63)?).map_err(|_| wrong("use -64 to 63"))?;
            MonitorElement::Step(step, input.get("transient") == Some(&Field::Bool(true)))
        }
        Family::Bits => MonitorElement::Bits(packed(whole(0, i64::from(u32::MAX))?)?),
        Family::Packed => MonitorElement::Packed(packed(whole(0, i64::from(u32::MAX))?)?),
        Family::Normalised | Family::Bare => {
            let fraction = short(value).filter(|value| (-1.0..=32767.0 / 32768.0).contains(value));
            #[expect(clippy::cast_possible_truncation, reason = "checked to be within")]
            let value = fraction.map(|value| (value * 32768.0).round() as i16).ok_or_else(|| wrong("use -1 to 0.99996"))?;
            if family == Family::Bare { MonitorElement::Bare(value) } else { MonitorElement::Normalised(value) }
        }
        Family::Scaled => MonitorElement::Scaled(sixteen(whole(-32768, 32767)?)?),
        Family::Counter => {
            let count = i32::try_from(whole(i64::from(i32::MIN), i64::from(i32::MAX))?).map_err(|_| wrong("use 32 bits"))?;
            MonitorElement::Counter(Bcr { count, ..Bcr::default() })
        }
        Family::Protection => MonitorElement::Protection(double(value).ok_or_else(|| wrong(DOUBLE))?, elapsed),
        Family::Start => MonitorElement::Start(octet(whole(0, 0x3F)?)?, elapsed),
        Family::Circuit => MonitorElement::Circuit(octet(whole(0, 0x0F)?)?, elapsed),
    })
}

const DOUBLE: &str = "use 0 to 3, \"intermediate\", \"off\", \"on\" or \"bad\"";

fn single(value: Option<&Field>) -> Option<bool> {
    match value? {
        Field::Bool(on) => Some(*on),
        Field::Int(bit @ 0..=1) => Some(*bit == 1),
        Field::Text(word) if word == "on" || word == "off" => Some(word == "on"),
        Field::Int(_) | Field::Text(_) | Field::Float(_) => None,
    }
}

fn double(value: Option<&Field>) -> Option<u8> {
    match value? {
        Field::Int(bits) => u8::try_from(*bits).ok().filter(|bits| *bits <= 3),
        Field::Bool(on) => Some(1 + u8::from(*on)),
        Field::Text(word) => ["intermediate", "off", "on", "bad"].iter().zip(0_u8..).find(|(w, _)| *w == word).map(|(_, bits)| bits),
        Field::Float(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the wire carries a short float")]
fn short(value: Option<&Field>) -> Option<f32> {
    match value? {
        Field::Float(value) => Some(*value as f32),
        Field::Int(value) => Some(*value as f32),
        Field::Bool(_) | Field::Text(_) => None,
    }
}

fn test_quality(field: Option<&Field>) -> Result<QualityBits, FieldProblem> {
    let wrong = || {
        problem("quality", "quality-unknown", "the quality is unknown".to_owned(), "use IV, NT, SB, BL, EI, OV, as \"IV NT\", or the octet")
    };
    match field {
        None => Ok(QualityBits(0)),
        Some(Field::Int(octet)) => u8::try_from(*octet).map(QualityBits).map_err(|_| wrong()),
        Some(Field::Text(text)) => {
            let mut bits = 0;
            for word in text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty() && *word != "GOOD") {
                bits |= QualityBits::NAMES.iter().find(|(_, name)| *name == word).ok_or_else(wrong)?.0;
            }
            Ok(QualityBits(bits))
        }
        Some(Field::Float(_) | Field::Bool(_)) => Err(wrong()),
    }
}

fn test_cause(field: Option<&Field>) -> Result<Cause, FieldProblem> {
    const WORDS: [(&str, Cause); 9] = [
        ("counters", Cause::COUNTERS_REQUESTED),
        ("spontaneous", Cause::SPONTANEOUS),
        ("cyclic", Cause::CYCLIC),
        ("background", Cause::BACKGROUND),
        ("interrogated", Cause::INTERROGATED),
        ("interrogation", Cause::INTERROGATED),
        ("requested", Cause::REQUESTED),
        ("return_remote", Cause::RETURN_REMOTE),
        ("return_local", Cause::RETURN_LOCAL),
    ];
    let found = match field {
        None => Some(Cause::SPONTANEOUS),
        Some(Field::Int(number)) => u8::try_from(*number).ok().map(Cause).filter(|cause| cause.of_update().is_some()),
        Some(Field::Text(word)) => WORDS.iter().find(|(name, _)| name == word).map(|(_, cause)| *cause),
        Some(Field::Float(_) | Field::Bool(_)) => None,
    };
    found.ok_or_else(|| {
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        problem("cot", "cot-unknown", "the cause is unknown".to_owned(), &format!("use {}", words.join(", ")))
    })
}

/// As [`bridge_session::read::rfc3339`], of the years that a time tag can say: 2000 to 2099.
fn rfc3339(text: &str) -> Option<Utc> {
    const YEARS: std::ops::Range<i64> = 946_684_800..4_102_444_800;
    bridge_session::read::rfc3339(text).filter(|time| YEARS.contains(&time.as_secs()))
}

#[cfg(test)]
mod tests;

//! The front door: checks, sessions, and the two things a profile's tests need.

use bridge_model::{Action, Cause, Command, CommandMode, DoublePoint, PointUpdate, Utc, Value};
use bridge_session::read::problem;
use bridge_session::{AddressUse, Field, FieldProblem, Fields, LinkSpec, Protocol, Rendered, Role, Session, Transports};

use crate::address::{Address, CommandAddress, PointType, ServedAddress};
use crate::app::{AppControl, FragmentView, FragmentWriter, Function, Iin, Refused};
use crate::master::{ControlObject, Master, Reader};
use crate::objects::{Coding, DnpTime, FlagKind, Flags, Lookup, Measurement, ObjectTime, Tag, Variation, lookup};
use crate::params::Params;
use crate::table::tables;
use crate::{ControlPermit, Outstation, describe};

/// DNP3. Link parameters: see [`Params`]. Address fields: `outstation` (default: the link's), `type`, `index`; of served points also
/// `class`, `static`, `event`, `deadband`; of controls also `model`, `on_ms`, `off_ms`, `count`, `variation`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dnp3;

impl Protocol for Dnp3 {
    fn name(&self) -> &'static str {
        "dnp3"
    }

    /// Frames are found in the midst of a stream, and a datagram holds whole ones (rows 1, 12, 16).
    fn transports(&self) -> Transports {
        Transports { udp: true, serial: true, dual: true }
    }

    /// A CONFIRM makes the outstation forget its events (R23: they stay unconfirmed).
    fn may_pass(&self, role: Role) -> bool {
        role == Role::Server
    }

    fn check_link(&self, role: Role, params: &Fields) -> Vec<FieldProblem> {
        Params::check(role, params)
    }

    /// Served points take fields that read points do not have.
    fn check_address(&self, role: Role, usage: AddressUse, params: &Fields, address: &Fields) -> Result<u64, Vec<FieldProblem>> {
        let params = Params::from_fields(params);
        let address = match (usage, role) {
            (AddressUse::Control, _) => CommandAddress::from_fields(&params, address).map(|control| control.address),
            (AddressUse::Monitor, Role::Server) => ServedAddress::from_fields(&params, address).map(|served| served.address),
            (AddressUse::Monitor, Role::Client) => Address::monitored(&params, address),
        };
        address.map(|address| address.key(usage))
    }

    /// The class of its events.
    fn event_queue(&self, params: &Fields, address: &Fields) -> u8 {
        ServedAddress::from_fields(&Params::from_fields(params), address).map_or(0, |served| served.class)
    }

    fn session(&self, spec: &LinkSpec) -> Box<dyn Session> {
        match spec.role {
            Role::Client => Box::new(Master::new(spec)),
            Role::Server => Box::new(Outstation::new(spec)),
        }
    }

    /// Fields: `type`, `index`, `value`; optional `outstation`, `event` or `static` (`"g2v2"`, `"g30v5"`; default: the type's event with
    /// time), `time` (RFC 3339), `quality` (flag names as `"ONLINE COMM_LOST"`, or the octet; default ONLINE). A field `link` is not
    /// looked at. The input is encoded and read back through the receive path, so it gives what the wire would give.
    fn decode_test(&self, spec: &LinkSpec, input: &Fields, received: Utc) -> Result<Vec<PointUpdate>, FieldProblem> {
        let (address, writer) = test_fragment(spec, input, received)?;
        let points: Vec<_> = Address::all_monitored(spec).collect();
        let tables = tables(&points);
        let mut updates = Vec::new();
        let Some(table) = tables.iter().find(|table| table.outstation == address.outstation) else { return Ok(updates) };
        let malformed = |what: String| problem("", "malformed", what, "check the input's fields");
        let view = FragmentView::response(writer.octets()).map_err(|error| malformed(error.to_string()))?;
        let words = Address::all_words(spec);
        let reading = Reader { table, words: &words, zone: spec.zone, received, cause: Cause::Interrogated }.read(&view, &mut updates);
        match reading.unread {
            Some(error) => Err(malformed(error.to_string())),
            None => Ok(updates),
        }
    }

    fn render_command(&self, spec: &LinkSpec, command: &Command) -> Result<Rendered, FieldProblem> {
        let Some(permit) = ControlPermit::for_link(spec) else {
            let what = format!("link {} carries no controls", spec.name);
            return Err(problem("", "monitor-only", what, "use a master's link that may control"));
        };
        let Some((_, address)) = CommandAddress::all(spec).find(|(point, _)| *point == command.point) else {
            let what = format!("point {} has no control address on link {}", command.point.0, spec.name);
            return Err(problem("", "no-control-address", what, "give the control an address"));
        };
        let Some(object) = ControlObject::of(&address, command) else {
            let what = format!("{} cannot carry `{}` with qualifier {}", address.address.of.name(), command.action, command.qualifier);
            return Err(problem("type", "action-does-not-fit", what, "use an analogue output for values, a binary one for switching"));
        };
        let function = match command.mode {
            CommandMode::Direct => Function::DirectOperate,
            CommandMode::SelectExecute | CommandMode::Select => Function::Select,
            CommandMode::Execute => Function::Operate,
            CommandMode::Cancel => {
                let what = "DNP3 cannot withdraw a selection: it lapses".to_owned();
                return Err(problem("", "action-does-not-fit", what, "use another mode"));
            }
        };
        let mut writer = FragmentWriter::new(Params::from_fields(&spec.params).max_transmit);
        object.write(&permit, &mut writer, 0, function, address.address.index);
        let (value, code) = match (object, command.action) {
            (ControlObject::Relay(crob), Action::Switch(on)) => (Field::Bool(on), crate::text::describe_code(crob.code)),
            (ControlObject::Relay(crob), Action::Set(_)) => (Field::Bool(false), crate::text::describe_code(crob.code)),
            (ControlObject::Analog(output), _) => (number(output.value()), format!("g41v{}", address.variation)),
        };
        let fields = [
            ("outstation", Field::Int(i64::from(address.address.outstation))),
            ("type", Field::Text(address.address.of.name().to_owned())),
            ("index", Field::Int(i64::from(address.address.index))),
            ("function", Field::Text(function.name().to_owned())),
            ("value", value),
            ("code", Field::Text(code)),
        ];
        Ok(Rendered {
            text: format!("outstation {}: {}", address.address.outstation, describe(writer.octets())),
            bytes: writer.octets().to_vec(),
            fields: fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect(),
        })
    }
}

fn number(value: Value) -> Field {
    match value {
        Value::Int(whole) => Field::Int(whole),
        // Through its shortest decimal form: 243.6 stays 243.6.
        Value::Real32(short) => Field::Float(short.to_string().parse().unwrap_or(f64::from(short))),
        Value::Real(long) => Field::Float(long),
        Value::Bool(on) => Field::Bool(on),
        Value::Double(state) => Field::Int(state as i64),
    }
}

/// The response that a test input describes, and whose point it is.
fn test_fragment(spec: &LinkSpec, input: &Fields, received: Utc) -> Result<(Address, FragmentWriter), FieldProblem> {
    const KNOWN: [&str; 9] = ["link", "outstation", "type", "index", "value", "event", "static", "time", "quality"];
    if let Some(name) = input.keys().find(|name| !KNOWN.contains(name)) {
        let what = format!("`{name}` is no field of a DNP3 test input");
        return Err(problem(name, "unknown-field", what, &format!("use {}", KNOWN.join(", "))));
    }
    let params = Params::from_fields(&spec.params);
    let named = |name: &str| ["outstation", "type", "index"].contains(&name);
    let fields: Fields = input.iter().filter(|(name, _)| named(name)).map(|(name, field)| (name, field.clone())).collect();
    let address = Address::monitored(&params, &fields).map_err(|mut problems| problems.remove(0))?;
    if !Address::all_monitored(spec).any(|(_, known)| known == address) {
        let what = format!("link {} has no {} {} of outstation {}", spec.name, address.of.name(), address.index, address.outstation);
        return Err(problem("index", "unknown-address", what, "use an address of this link"));
    }
    if address.of == PointType::OctetString {
        return test_string(&params, address, input);
    }
    let variation = test_variation(address.of, input)?;
    let time = match input.get("time") {
        None => received,
        Some(Field::Text(text)) => bridge_session::read::rfc3339(text)
            .ok_or_else(|| problem("time", "not-a-time", format!("`{text}` is no time"), "write it as 2026-04-01T10:00:00+05:30"))?,
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => {
            return Err(problem("time", "not-a-time", "the time is no text".to_owned(), "write it as 2026-04-01T10:00:00+05:30"));
        }
    };
    let time = DnpTime::from_utc(time, spec.zone)
        .ok_or_else(|| problem("time", "not-a-time", "the time is before 1970".to_owned(), "use a later one"))?;
    let time = match variation.tag {
        Tag::None => ObjectTime::None,
        Tag::Absolute => ObjectTime::Absolute(time),
        Tag::Relative => ObjectTime::Relative(0),
    };
    let measured =
        Measurement { value: test_value(address.of, input.get("value"))?, flags: test_flags(variation, input.get("quality"))?, time };
    let mut writer = FragmentWriter::new(params.max_receive);
    writer.begin_response(AppControl::single(0), Function::Response, Iin(0));
    let index = u32::from(address.index);
    let mut write = || {
        if let (ObjectTime::Relative(_), Some(base)) = (time, DnpTime::from_utc(received, spec.zone)) {
            writer.counted(51, 1, &base.octets())?;
        }
        if variation.kind.is_event() {
            measured.write_indexed(&mut writer, variation, index)
        } else {
            measured.write_ranged(&mut writer, variation, index)
        }
    };
    match write() {
        Ok(()) => Ok((address, writer)),
        Err(Refused::Full | Refused::Permit | Refused::Unsaid | Refused::TooLong) => {
            let what = format!("g{}v{} cannot say this value and quality", variation.group, variation.variation);
            Err(problem("value", "value-does-not-fit", what, "use a variation with flags, and a value of the type"))
        }
    }
}

/// The response with the string that a test input has as its value.
fn test_string(params: &Params, address: Address, input: &Fields) -> Result<(Address, FragmentWriter), FieldProblem> {
    let unfit =
        |what: &str| problem("value", "value-does-not-fit", what.to_owned(), "use a text of 1 to 255 octets, without time and quality");
    if input.contains_key("time") || input.contains_key("quality") || input.contains_key("event") || input.contains_key("static") {
        return Err(unfit("an octet string has neither time nor quality, and its variation is its length"));
    }
    let Some(Field::Text(text)) = input.get("value") else { return Err(unfit("the value of an octet string is no text")) };
    let length = u8::try_from(text.len()).ok().filter(|length| *length > 0).ok_or_else(|| unfit("an octet string has 1 to 255 octets"))?;
    let mut writer = FragmentWriter::new(params.max_receive);
    writer.begin_response(AppControl::single(0), Function::Response, Iin(0));
    match writer.indexed(111, length, u32::from(address.index), text.as_bytes()) {
        Ok(()) => Ok((address, writer)),
        Err(Refused::Full | Refused::Permit | Refused::Unsaid | Refused::TooLong) => Err(unfit("the text is longer than a fragment")),
    }
}

/// The object that a test names, or the type's event.
fn test_variation(of: PointType, input: &Fields) -> Result<&'static Variation, FieldProblem> {
    let ((fixed, event), (_, event_default)) = (of.groups(), of.default_variations());
    let (name, group, field) = match (input.get("event"), input.get("static")) {
        (Some(_), Some(_)) => {
            return Err(problem("static", "variation-unknown", "both `event` and `static` are given".to_owned(), "give one of them"));
        }
        (None, Some(field)) => ("static", fixed, Some(field)),
        (field, None) => ("event", event, field),
    };
    let number = match field {
        None => Some(event_default),
        Some(Field::Text(text)) => text.strip_prefix(&format!("g{group}v")).and_then(|number| number.parse().ok()),
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => None,
    };
    match number.map(|number| lookup(group, number)) {
        Some(Lookup::Known(found)) if found.coding != Coding::Other => Ok(found),
        Some(Lookup::Known(_) | Lookup::Any(_) | Lookup::Unsupported | Lookup::Unknown) | None => {
            let what = format!("`{name}` of {} is no variation of group {group}", of.name());
            Err(problem(name, "variation-unknown", what, &format!("use \"g{group}v1\" or another of group {group}")))
        }
    }
}

fn test_value(of: PointType, field: Option<&Field>) -> Result<Value, FieldProblem> {
    let wrong = |fix: &str| problem("value", "value-does-not-fit", "the value does not fit the type".to_owned(), fix);
    match of {
        PointType::Binary | PointType::BinaryOutput => match field {
            Some(Field::Bool(on)) => Ok(Value::Bool(*on)),
            Some(Field::Int(bit @ 0..=1)) => Ok(Value::Bool(*bit == 1)),
            Some(Field::Text(word)) if word == "on" || word == "off" => Ok(Value::Bool(word == "on")),
            Some(Field::Int(_) | Field::Float(_) | Field::Text(_)) | None => Err(wrong("use true, false, 0, 1, \"on\" or \"off\"")),
        },
        PointType::OctetString => Err(wrong("use a text")),
        PointType::DoubleBit => {
            let bits = match field {
                Some(Field::Int(bits @ 0..=3)) => u8::try_from(*bits).ok(),
                Some(Field::Text(word)) => {
                    ["intermediate", "off", "on", "bad"].iter().zip(0_u8..).find(|(known, _)| *known == word).map(|(_, bits)| bits)
                }
                Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => None,
            };
            bits.map(|bits| Value::Double(DoublePoint::from_bits(bits)))
                .ok_or_else(|| wrong("use 0 to 3, \"intermediate\", \"off\", \"on\" or \"bad\""))
        }
        PointType::Counter
        | PointType::FrozenCounter
        | PointType::Analog
        | PointType::FrozenAnalog
        | PointType::AnalogOutput
        | PointType::Unsigned => match field {
            Some(Field::Int(number)) => Ok(Value::Int(*number)),
            Some(Field::Float(number)) => Ok(Value::Real(*number)),
            Some(Field::Bool(_) | Field::Text(_)) | None => Err(wrong("use a number")),
        },
    }
}

fn test_flags(variation: &Variation, field: Option<&Field>) -> Result<Flags, FieldProblem> {
    let kind = FlagKind::of(variation.kind);
    let known: Vec<(u8, &str)> =
        (0..8).map(|bit| 1_u8 << bit).filter_map(|bit| Flags(bit).names(kind).next().map(|name| (bit, name))).collect();
    let wrong = || {
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        problem("quality", "quality-unknown", "the quality is unknown".to_owned(), &format!("use {}, or the octet", names.join(", ")))
    };
    match field {
        None => Ok(Flags::PLAIN),
        Some(Field::Int(octet)) => u8::try_from(*octet).map(Flags).map_err(|_| wrong()),
        Some(Field::Text(text)) => {
            let words = text.split(|c: char| !c.is_ascii_alphabetic() && c != '_').filter(|word| !word.is_empty());
            let mut bits = words.map(|word| known.iter().find(|(_, name)| *name == word).map(|(bit, _)| *bit).ok_or_else(wrong));
            bits.try_fold(0, |all, bit| Ok(all | bit?)).map(Flags)
        }
        Some(Field::Float(_) | Field::Bool(_)) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests;

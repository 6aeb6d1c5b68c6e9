//! A fragment in words, on one line: for goldens, logs and the command line. Never on the hot path.

use std::fmt::Write as _;

use bridge_model::{Value, Zone};

use crate::app::{AppControl, FragmentView, Function, HeaderView, Iin, Object, Payload, Qualifier, Range};
use crate::objects::{
    AnalogOutput, Attribute, AttributeValue, CommandEvent, CommonTime, ControlCode, Crob, DnpTime, FileAuthentication, FileBlock,
    FileBlockStatus, FileCommand, FileDescriptor, FileObject, FlagKind, Flags, FreezeTime, IndexedTime, Kind, Measurement, ObjectTime,
    OpType, OperationStatus, SecurityStatistic, TimeDelay, TripClose, Variation,
};

/// One line without zone: times are shown as the device's clock has them. What cannot be read is said where it stands.
///
/// ```
/// let text = bridge_dnp3::describe(&[0xC1, 129, 0x02, 0, 1, 2, 0, 3, 4, 0x81, 0x02]);
/// assert_eq!(text, "seq=1 RESPONSE iin=CLASS_1_EVENTS; g1v2 3..4: 3=on, 4=off RESTART");
/// ```
#[must_use]
pub fn describe(fragment: &[u8]) -> String {
    let view = match FragmentView::opening(fragment).map(|(_, code)| Function::from_code(code)) {
        Some(Some(function)) if function.is_response() => FragmentView::response(fragment),
        _ => FragmentView::request(fragment),
    };
    match view {
        Ok(view) => describe_view(&view),
        Err(error) => format!("malformed: {error}"),
    }
}

fn describe_view(view: &FragmentView<'_>) -> String {
    let mut text = control(view.control);
    text.push_str(view.function.name());
    if view.iin != Iin(0) {
        text.push_str(" iin=");
        join(&mut text, ",", view.iin.names());
    }
    for header in view.headers() {
        text.push_str("; ");
        match header {
            Ok(header) => describe_header(&mut text, &header),
            Err(error) => _ = write!(text, "malformed: {error}"),
        }
    }
    text
}

fn control(control: AppControl) -> String {
    let place = match (control.fir, control.fin) {
        (true, true) => "",
        (true, false) => "FIR ",
        (false, true) => "FIN ",
        (false, false) => "MIDDLE ",
    };
    let (con, uns) = (if control.con { "CON " } else { "" }, if control.uns { "UNS " } else { "" });
    format!("seq={} {place}{con}{uns}", control.seq)
}

fn describe_header(text: &mut String, view: &HeaderView<'_>) {
    let header = &view.header;
    // Writing to a string cannot fail.
    _ = write!(text, "g{}v{}", header.group, header.variation);
    _ = match (header.qualifier, header.range) {
        (_, Range::All) => write!(text, " all"),
        (_, Range::StartStop { start, stop }) => write!(text, " {start}..{stop}"),
        (Qualifier::Count(_), Range::Count(count)) => write!(text, " count {count}"),
        (_, Range::Count(count)) => write!(text, " x{count}"),
    };
    let Some(known) = view.object.known() else {
        if view.object.kind().is_none() {
            text.push_str(" unknown");
        }
        return names(text, view);
    };
    if !view.has_objects {
        return names(text, view);
    }
    for (object, comma) in view.objects().zip(std::iter::once(": ").chain(std::iter::repeat(", "))) {
        text.push_str(comma);
        if !matches!(header.qualifier, Qualifier::Count(_) | Qualifier::FreeFormat) {
            _ = write!(text, "{}=", object.index);
        }
        if !describe_object(text, known, header.variation, object) {
            hex(text, object.payload.octets());
        }
    }
}

/// An index list of a request.
fn names(text: &mut String, view: &HeaderView<'_>) {
    for (object, comma) in view.objects().zip(std::iter::once(": ").chain(std::iter::repeat(", "))) {
        _ = write!(text, "{comma}{}", object.index);
    }
}

/// Whether the object could be told.
fn describe_object(text: &mut String, known: &Variation, variation: u8, object: Object<'_>) -> bool {
    if let Some(measurement) = Measurement::decode(known, object.payload) {
        describe_measurement(text, known.kind, &measurement);
        return true;
    }
    let octets = object.payload.octets();
    match (known.kind, variation) {
        (Kind::BinaryCommandEvent | Kind::AnalogCommandEvent, _) => CommandEvent::decode(known, object.payload).map(|event| {
            value(text, event.value);
            _ = write!(text, " {}", event.status);
            time(text, event.time);
        }),
        (Kind::BinaryCommand, 1 | 2) => Crob::decode(octets).map(|crob| describe_crob(text, &crob)),
        (Kind::BinaryCommand | Kind::InternalIndications, _) => match object.payload {
            Payload::Bits(bits) => {
                _ = write!(text, "{bits}");
                Some(())
            }
            Payload::Absent | Payload::Octets(_) => None,
        },
        (Kind::AnalogCommand, _) => AnalogOutput::decode(variation, octets).map(|output| {
            value(text, output.value());
            _ = write!(text, " {}", output.status());
        }),
        (Kind::TimeAndDate | Kind::CommonTime | Kind::TimeDelay, _) => describe_time(text, known.kind, variation, octets),
        (Kind::DeviceAttribute, _) => Attribute::decode(octets).map(|attribute| describe_attribute(text, &attribute)),
        (Kind::File, _) => describe_file(text, variation, octets),
        (Kind::SecurityStatistic | Kind::SecurityStatisticEvent, _) => {
            SecurityStatistic::decode(known, object.payload).map(|statistic| describe_statistic(text, &statistic))
        }
        (Kind::OperationStatus, _) => OperationStatus::decode(octets).map(|status| {
            _ = write!(text, "delay={}ms statuses={:?} ", status.delay_ms, status.statuses);
            quoted(text, status.text);
        }),
        (Kind::Application | Kind::OctetString | Kind::OctetStringEvent | Kind::TerminalOutput | Kind::TerminalEvent, _) => {
            quoted(text, octets);
            Some(())
        }
        _ => None,
    }
    .is_some()
}

fn describe_measurement(text: &mut String, kind: Kind, measurement: &Measurement) {
    value(text, measurement.value);
    if measurement.flags == Flags(0) {
        text.push_str(" OFFLINE");
    } else if measurement.flags != Flags::PLAIN {
        text.push(' ');
        join(text, "|", measurement.flags.names(FlagKind::of(kind)));
    }
    time(text, measurement.time);
}

fn value(text: &mut String, value: Value) {
    _ = match value {
        Value::Bool(on) => write!(text, "{}", if on { "on" } else { "off" }),
        Value::Double(state) => write!(text, "{}", ["intermediate", "off", "on", "bad"][state as usize]),
        Value::Int(number) => write!(text, "{number}"),
        Value::Real32(number) => write!(text, "{number:?}"),
        Value::Real(number) => write!(text, "{number:?}"),
    };
}

fn time(text: &mut String, time: ObjectTime) {
    _ = match time {
        ObjectTime::None => Ok(()),
        ObjectTime::Absolute(time) => write!(text, " {}", clock(time)),
        ObjectTime::Relative(ms) => write!(text, " +{ms}ms"),
    };
}

fn describe_time(text: &mut String, kind: Kind, variation: u8, octets: &[u8]) -> Option<()> {
    _ = match (kind, variation) {
        (Kind::CommonTime, _) => {
            let common = CommonTime::decode(variation, octets)?;
            write!(text, "{}{}", clock(common.time), if common.synchronised { "" } else { " unsynchronised" })
        }
        (Kind::TimeDelay, _) => write!(text, "{:?}", TimeDelay::decode(variation, octets)?.duration()),
        (_, 2) => {
            let freeze = FreezeTime::decode(octets)?;
            write!(text, "{} every {}ms", clock(freeze.time), freeze.interval_ms)
        }
        (_, 4) => {
            let indexed = IndexedTime::decode(octets)?;
            write!(text, "{} every {} units={}", clock(indexed.time), indexed.interval, indexed.units)
        }
        _ => write!(text, "{}", clock(DnpTime::from_octets(octets.try_into().ok()?))),
    };
    Some(())
}

/// `3 association=0`, with what is to be said against it.
fn describe_statistic(text: &mut String, statistic: &SecurityStatistic) {
    _ = write!(text, "{} association={}", statistic.count, statistic.association);
    if statistic.flags == Flags(0) {
        text.push_str(" OFFLINE");
    } else if statistic.flags != Flags::PLAIN {
        text.push(' ');
        join(text, "|", statistic.flags.names(FlagKind::Counter));
    }
    time(text, statistic.time);
}

/// A command as a person reads it: `LATCH_ON count=1 on=100ms off=0ms SUCCESS`.
fn describe_crob(text: &mut String, crob: &Crob) {
    text.push_str(&describe_code(crob.code));
    _ = write!(text, " count={} on={}ms off={}ms {}", crob.count, crob.on_ms, crob.off_ms, crob.status);
}

/// A control code in words: `CLOSE PULSE_ON`, `LATCH_OFF`.
pub(crate) fn describe_code(code: ControlCode) -> String {
    let mut text = String::new();
    match code.trip_close() {
        TripClose::Nul => {}
        TripClose::Close => text.push_str("CLOSE "),
        TripClose::Trip => text.push_str("TRIP "),
        TripClose::Reserved => text.push_str("TCC_3 "),
    }
    match code.op() {
        OpType::Nul => text.push_str("NUL"),
        OpType::PulseOn => text.push_str("PULSE_ON"),
        OpType::PulseOff => text.push_str("PULSE_OFF"),
        OpType::LatchOn => text.push_str("LATCH_ON"),
        OpType::LatchOff => text.push_str("LATCH_OFF"),
        OpType::Reserved(op) => _ = write!(text, "OP_{op}"),
    }
    text.push_str(if code.queue() { " QUEUE" } else { "" });
    text.push_str(if code.clear() { " CLEAR" } else { "" });
    text
}

fn describe_attribute(text: &mut String, attribute: &Attribute<'_>) {
    match attribute.value {
        AttributeValue::Text(octets) => quoted(text, octets),
        AttributeValue::Unsigned(number) => _ = write!(text, "{number}"),
        AttributeValue::Signed(number) => _ = write!(text, "{number:+}"),
        AttributeValue::Float32(number) => _ = write!(text, "{number:?}"),
        AttributeValue::Float64(number) => _ = write!(text, "{number:?}"),
        AttributeValue::Octets(octets) | AttributeValue::Bits(octets) => hex(text, octets),
        AttributeValue::Time(time) => text.push_str(&clock(time)),
        AttributeValue::List(_) => {
            let items = attribute.listed().map(|(variation, writable)| format!("v{variation}{}", if writable { "*" } else { "" }));
            let items: Vec<String> = items.collect();
            _ = write!(text, "[{}]", items.join(" "));
        }
    }
}

fn describe_file(text: &mut String, variation: u8, octets: &[u8]) -> Option<()> {
    _ = match variation {
        2 => {
            // The password is not shown.
            let asked = FileAuthentication::decode(octets)?;
            text.push_str("user=");
            quoted(text, asked.user);
            Ok(())
        }
        3 => {
            let command = FileCommand::decode(octets)?;
            quoted(text, command.name);
            let (mode, size, block, request) = (command.mode.0, command.size, command.block_max, command.request_id);
            write!(text, " mode={mode} size={size} block={block} request={request}")
        }
        4 => {
            let file = FileObject::decode(octets)?;
            let (handle, size, block, request) = (file.handle, file.size, file.block_max, file.request_id);
            write!(text, "handle={handle} size={size} block={block} request={request} status={}", file.status.0)
        }
        5 => {
            let block = FileBlock::decode(octets)?;
            let last = if block.last { " last" } else { "" };
            write!(text, "handle={} block={}{last} octets={}", block.handle, block.number, block.octets.len())
        }
        6 => {
            let status = FileBlockStatus::decode(octets)?;
            let last = if status.last { " last" } else { "" };
            write!(text, "handle={} block={}{last} status={}", status.handle, status.number, status.status.0)
        }
        7 => {
            let file = FileDescriptor::decode(octets)?;
            quoted(text, file.name);
            write!(text, " type={} size={} {} request={}", file.file_type.0, file.size, clock(file.created), file.request_id)
        }
        _ => {
            quoted(text, octets);
            Ok(())
        }
    };
    Some(())
}

/// The clock of the device, without zone.
pub(crate) fn clock(time: DnpTime) -> String {
    let Some(utc) = time.utc(Zone::Utc) else { return format!("{}ms", time.millis()) };
    let ms = utc.as_millis();
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute, second, milli) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// The Gregorian date of a day counted from 1970-01-01, in years that begin in March.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

fn quoted(text: &mut String, octets: &[u8]) {
    _ = write!(text, "\"{}\"", octets.escape_ascii());
}

fn hex(text: &mut String, octets: &[u8]) {
    text.push_str("0x");
    for octet in octets {
        _ = write!(text, "{octet:02x}");
    }
}

fn join(text: &mut String, between: &str, names: impl Iterator<Item = &'static str>) {
    for (name, between) in names.zip(std::iter::once("").chain(std::iter::repeat(between))) {
        text.push_str(between);
        text.push_str(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r44_days_are_those_of_the_calendar() {
        for (ms, shown) in [
            (0, "1970-01-01T00:00:00.000"),
            (951_782_399_999, "2000-02-28T23:59:59.999"),
            (951_782_400_000, "2000-02-29T00:00:00.000"),
            (1_775_037_600_123, "2026-04-01T10:00:00.123"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000"),
        ] {
            assert_eq!(clock(DnpTime::from_millis(ms).unwrap()), shown);
        }
        assert_eq!(clock(DnpTime::MAX), "281474976710655ms");
    }

    #[test]
    fn b2_33_codes_that_mean_nothing_are_shown_as_they_are() {
        assert_eq!(describe_code(ControlCode(0xFF)), "TCC_3 OP_15 QUEUE CLEAR");
        assert_eq!(describe_code(ControlCode::TRIP), "TRIP PULSE_ON");
    }
}

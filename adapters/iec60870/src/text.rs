//! An APDU in words: for goldens, logs and the command line. Never on the hot path.

use std::fmt::Write as _;

use crate::apci::{Apci, split};
use crate::{
    Asdu, AsduView, Cause, ControlAsdu, ControlElement, Cot, Cp24Time2a, Cp56Time2a, DayCache, Freeze, MonitorElement, ParameterElement,
    Qcc, QualityBits, SystemElement, TimeTag,
};

/// One line per APDU and one per object, without zone: time tags are shown as the wall clock they carry.
///
/// ```
/// assert_eq!(bridge_iec60870::describe(&[0x68, 4, 0x43, 0, 0, 0]), "U TESTFR act");
/// ```
#[must_use]
pub fn describe(apdu: &[u8]) -> String {
    let (apci, asdu) = match split(apdu) {
        Ok(parts) => parts,
        Err(error) => return format!("malformed: {error}"),
    };
    match apci {
        Apci::Information { ns, nr } => format!("I ns={ns} nr={nr} {}", describe_asdu(asdu)),
        Apci::Supervisory { nr } => format!("S nr={nr}"),
        Apci::Unnumbered(function) => format!("U {}", function.name()),
    }
}

fn describe_asdu(octets: &[u8]) -> String {
    let view = match AsduView::parse(octets) {
        Ok(view) => view,
        Err(error) => return format!("malformed: {error}"),
    };
    let mut text = format!("{} {} ca={}", view.type_id, cause(view.cot), view.ca);
    // Writing to a string cannot fail.
    match view.meaning() {
        Err(error) => _ = write!(text, " malformed: {error}"),
        Ok(None) => _ = write!(text, " objects={} octets={}", view.count, view.body.len()),
        Ok(Some(Asdu::Monitor(asdu))) => {
            if asdu.sequence {
                text.push_str(" SQ");
            }
            for object in &asdu.objects {
                _ = write!(text, "\n  ioa={} ", object.ioa);
                text.push_str(&monitored(object.element));
                for (bit, name) in QualityBits::NAMES {
                    if object.quality.0 & bit != 0 {
                        _ = write!(text, " {name}");
                    }
                }
                match object.time {
                    None => {}
                    Some(TimeTag::Cp24(time)) => _ = write!(text, " {}", minute_clock(time)),
                    Some(TimeTag::Cp56(time)) => _ = write!(text, " {}", wall_clock(time)),
                }
            }
        }
        Ok(Some(Asdu::System(asdu))) => {
            _ = write!(text, " ioa={}", asdu.ioa);
            _ = match asdu.element {
                SystemElement::EndOfInit(coi) => write!(text, " coi={coi}"),
                SystemElement::Interrogation(qoi) => write!(text, " qoi={qoi}"),
                SystemElement::CounterInterrogation(Qcc { request, freeze }) => {
                    let freeze = match freeze {
                        Freeze::Read => "",
                        Freeze::Freeze => " freeze",
                        Freeze::FreezeReset => " freeze reset",
                        Freeze::Reset => " reset",
                    };
                    write!(text, " rqt={request}{freeze}")
                }
                SystemElement::Read => Ok(()),
                SystemElement::ClockSync(time) => write!(text, " {}", wall_clock(time)),
                SystemElement::TestPattern(pattern) => write!(text, " fbp={pattern:#06x}"),
                SystemElement::Delay(ms) => write!(text, " delay={}ms", ms.0),
                SystemElement::Test(counter, time) => write!(text, " tsc={counter:#06x} {}", wall_clock(time)),
            };
        }
        Ok(Some(Asdu::Parameter(asdu))) => {
            _ = write!(text, " ioa={}", asdu.ioa);
            let (value, qpm) = match asdu.element {
                ParameterElement::Reset(qrp) => (format!("qrp={qrp}"), None),
                ParameterElement::Activation(qpa) => (format!("qpa={qpa}"), None),
                ParameterElement::Normalised(value, qpm) => (normalised(value), Some(qpm)),
                ParameterElement::Scaled(value, qpm) => (value.to_string(), Some(qpm)),
                ParameterElement::Float(value, qpm) => (format!("{value:?}"), Some(qpm)),
            };
            _ = write!(text, " {value}");
            if let Some(qpm) = qpm {
                _ = write!(text, " kpa={}", qpm.kind);
                text.push_str(if qpm.local_change { " LPC" } else { "" });
                text.push_str(if qpm.not_in_operation { " POP" } else { "" });
            }
        }
        Ok(Some(Asdu::Control(asdu))) => text.push_str(&control(&asdu)),
    }
    text
}

/// A command as a person reads it: `C_SE_NC_1 act ca=21 ioa=1101 210.0 select`.
pub(crate) fn describe_control(asdu: &ControlAsdu) -> String {
    format!("{} {} ca={}{}", asdu.type_id, cause(asdu.cot), asdu.ca, control(asdu))
}

fn control(asdu: &ControlAsdu) -> String {
    let mut text = format!(" ioa={} ", asdu.ioa);
    let (what, qualifier) = match asdu.element {
        ControlElement::Single(on, qoc) => ((if on { "on" } else { "off" }).to_owned(), (qoc.qu > 0).then(|| format!(" qu={}", qoc.qu))),
        ControlElement::Double(bits, qoc) => (double(bits).to_owned(), (qoc.qu > 0).then(|| format!(" qu={}", qoc.qu))),
        ControlElement::Step(bits, qoc) => (
            ["not permitted 0", "lower", "higher", "not permitted 3"][usize::from(bits & 3)].to_owned(),
            (qoc.qu > 0).then(|| format!(" qu={}", qoc.qu)),
        ),
        ControlElement::SetNormalised(value, qos) => (normalised(value), (qos.ql > 0).then(|| format!(" ql={}", qos.ql))),
        ControlElement::SetScaled(value, qos) => (value.to_string(), (qos.ql > 0).then(|| format!(" ql={}", qos.ql))),
        ControlElement::SetFloat(value, qos) => (format!("{value:?}"), (qos.ql > 0).then(|| format!(" ql={}", qos.ql))),
        ControlElement::SetBits(bits) => (format!("{bits:#010x}"), None),
    };
    text.push_str(&what);
    text.push_str(&qualifier.unwrap_or_default());
    if asdu.element.is_select() {
        text.push_str(" select");
    }
    if let Some(time) = asdu.time {
        _ = write!(text, " {}", wall_clock(time));
    }
    text
}

fn monitored(element: MonitorElement) -> String {
    match element {
        MonitorElement::Single(on) => (if on { "on" } else { "off" }).to_owned(),
        MonitorElement::Double(bits) => double(bits).to_owned(),
        MonitorElement::Step(value, transient) => format!("{value}{}", if transient { " transient" } else { "" }),
        MonitorElement::Bits(bits) => format!("{bits:#010x}"),
        MonitorElement::Normalised(value) | MonitorElement::Bare(value) => normalised(value),
        MonitorElement::Scaled(value) => value.to_string(),
        MonitorElement::Float(value) => format!("{value:?}"),
        MonitorElement::Counter(bcr) => {
            let flags = [(bcr.carry, " CY"), (bcr.adjusted, " CA")];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
            format!("{} sq={}{flags}", bcr.count, bcr.sequence)
        }
        MonitorElement::Protection(state, ms) => format!("{} {}ms", double(state), ms.0),
        MonitorElement::Start(bits, ms) => format!("spe={bits:#04x} {}ms", ms.0),
        MonitorElement::Circuit(bits, ms) => format!("oci={bits:#04x} {}ms", ms.0),
        MonitorElement::Packed(scd) => format!("st={:#06x} cd={:#06x}", scd & 0xFFFF, scd >> 16),
    }
}

/// A fraction of full scale in its shortest form.
fn normalised(value: i16) -> String {
    (f32::from(value) / 32768.0).to_string()
}

const fn double(bits: u8) -> &'static str {
    match bits & 3 {
        0 => "intermediate",
        1 => "off",
        2 => "on",
        _ => "bad",
    }
}

fn cause(cot: Cot) -> String {
    let name = match cot.cause {
        Cause::CYCLIC => "cyclic",
        Cause::BACKGROUND => "background",
        Cause::SPONTANEOUS => "spont",
        Cause::INITIALISED => "init",
        Cause::REQUESTED => "req",
        Cause::ACTIVATION => "act",
        Cause::ACTIVATION_CON => "actcon",
        Cause::DEACTIVATION => "deact",
        Cause::DEACTIVATION_CON => "deactcon",
        Cause::ACTIVATION_TERM => "actterm",
        Cause::RETURN_REMOTE => "retrem",
        Cause::RETURN_LOCAL => "retloc",
        Cause::INTERROGATED => "inrogen",
        Cause(group @ 21..=36) => return format!("inro{}{}", group - 20, suffix(cot)),
        Cause::COUNTERS_REQUESTED => "reqcogen",
        Cause(group @ 38..=41) => return format!("reqco{}{}", group - 37, suffix(cot)),
        Cause(13) => "file",
        Cause::UNKNOWN_TYPE => "unknown-type",
        Cause::UNKNOWN_CAUSE => "unknown-cause",
        Cause::UNKNOWN_CA => "unknown-ca",
        Cause::UNKNOWN_IOA => "unknown-ioa",
        Cause(other) => return format!("cot={other}{}", suffix(cot)),
    };
    format!("{name}{}", suffix(cot))
}

fn suffix(cot: Cot) -> String {
    let mut text = String::new();
    if cot.negative {
        text.push_str(" negative");
    }
    if cot.test {
        text.push_str(" test");
    }
    if cot.originator != 0 {
        _ = write!(text, " oa={}", cot.originator);
    }
    text
}

fn minute_clock(time: Cp24Time2a) -> String {
    let Some(ms) = time.in_hour_ms() else { return format!("time={:02x?}", time.0) };
    let mut text = format!("xx:{:02}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000);
    for (set, name) in [(time.0[2] & 0x80, " time-IV"), (time.0[2] & 0x40, " GEN")] {
        if set != 0 {
            text.push_str(name);
        }
    }
    text
}

fn wall_clock(time: Cp56Time2a) -> String {
    let [low, high, minute, hour, day, month, year] = time.0;
    if time.wall_clock_ns(&mut DayCache::default()).is_none() {
        return format!("time={:02x?}", time.0);
    }
    let ms = u16::from_le_bytes([low, high]);
    let mut text = format!(
        "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
        year & 0x7F,
        month & 0x0F,
        day & 0x1F,
        hour & 0x1F,
        minute & 0x3F,
        ms / 1000,
        ms % 1000
    );
    for (set, name) in [(minute & 0x80, " time-IV"), (minute & 0x40, " GEN"), (hour & 0x80, " SU")] {
        if set != 0 {
            text.push_str(name);
        }
    }
    text
}

//! An APDU in words: for goldens, logs and the command line. Never on the hot path.

use std::fmt::Write as _;

use crate::apci::{Apci, split};
use crate::asdu::{Asdu, AsduView, ControlAsdu, ControlElement, MonitorElement, SystemElement};
use crate::{Cause, Cot, Cp56Time2a, DayCache, QualityBits};

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
                _ = match object.element {
                    MonitorElement::Single(on) => write!(text, "{}", if on { "on" } else { "off" }),
                    MonitorElement::Double(bits) => write!(text, "{}", double(bits)),
                    MonitorElement::Float(value) => write!(text, "{value:?}"),
                };
                for (bit, name) in QualityBits::NAMES {
                    if object.quality.0 & bit != 0 {
                        _ = write!(text, " {name}");
                    }
                }
                if let Some(time) = object.time {
                    _ = write!(text, " {}", wall_clock(time));
                }
            }
        }
        Ok(Some(Asdu::System(asdu))) => {
            _ = write!(text, " ioa={}", asdu.ioa);
            _ = match asdu.element {
                SystemElement::EndOfInit(coi) => write!(text, " coi={coi}"),
                SystemElement::Interrogation(qoi) => write!(text, " qoi={qoi}"),
                SystemElement::ClockSync(time) => write!(text, " {}", wall_clock(time)),
                SystemElement::Test(counter, time) => write!(text, " tsc={counter:#06x} {}", wall_clock(time)),
            };
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
        ControlElement::SetFloat(value, qos) => (format!("{value:?}"), (qos.ql > 0).then(|| format!(" ql={}", qos.ql))),
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

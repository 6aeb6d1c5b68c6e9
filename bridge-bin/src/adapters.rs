//! The protocols of this build: where concrete meets concrete.

use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_session::{Field, LinkSpec, Protocol, Role};

static IEC104: Iec104 = Iec104;
static DNP3: Dnp3 = Dnp3;

/// Every OT protocol, as profiles and engine see it.
pub(crate) fn protocols() -> [&'static dyn Protocol; 2] {
    [&IEC104, &DNP3]
}

/// The protocol of this name.
pub(crate) fn protocol(name: &str) -> Option<&'static dyn Protocol> {
    protocols().into_iter().find(|protocol| protocol.name() == name)
}

/// DNP3: whether a silent peer's channel is closed.
const CONNECTED: &str = "connected";

/// Whether a link says of itself that it is a connection, and runs over a way that is none (a serial line, UDP). The reverse is lawful: behind
/// a TCP connection may stand a terminal server with a line of its own.
pub(crate) fn contradicts(protocol: &str, spec: &LinkSpec, is_connection: bool) -> bool {
    protocol == DNP3.name() && !is_connection && spec.params.get(CONNECTED) == Some(&Field::Bool(true))
}

/// Tells a link's session what the way says that it runs over; what the profile says stays.
pub(crate) fn suit(protocol: &str, spec: &mut LinkSpec, is_connection: bool) {
    if protocol == DNP3.name() && !is_connection {
        spec.params.insert_if_absent(CONNECTED, Field::Bool(false));
    }
}

/// What a link may send, or take, besides values and commands (R22): the protocol's own and what the profile's `allow` and, on a link of both
/// directions, `allow_reverse` add; shown by `check`.
pub(crate) fn housekeeping(protocol: &str, spec: &LinkSpec) -> String {
    match protocol {
        "dnp3" => of_dnp3(spec),
        _ => of_iec104(spec),
    }
}

fn of_iec104(spec: &LinkSpec) -> String {
    let bridge_iec60870::Params { allow, allow_reverse, .. } = bridge_iec60870::Params::from_fields(&spec.params);
    let words = |allow: bridge_iec60870::Allowed, role: Role| {
        let may_change = role == Role::Server || !spec.monitor_only;
        permitted(&[
            ("clock synchronisation (103)", allow.clock_sync && role == Role::Client),
            ("freezing counters (101)", allow.counter_freeze),
            ("resetting counters (101)", allow.counter_reset),
            ("reset process (105)", allow.reset && may_change),
            ("parameters (110 to 113)", allow.parameters && may_change),
        ])
    };
    let both = spec.has_both_directions().then(|| {
        let role = match spec.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        format!("; in the reversed direction{}", words(allow_reverse, role))
    });
    format!(
        "STARTDT, STOPDT, TESTFR, interrogation and group reading (100), counter reading (101), read (102), test (107){}{}",
        words(allow, spec.role),
        both.unwrap_or_default()
    )
}

fn of_dnp3(spec: &LinkSpec) -> String {
    let bridge_dnp3::Params { allow, .. } = bridge_dnp3::Params::from_fields(&spec.params);
    let may_change = spec.role == Role::Server || !spec.monitor_only;
    let words = permitted(&[
        match spec.role {
            Role::Client => ("clock synchronisation (WRITE g50)", allow.clock_sync),
            // Nothing of ours is changed by it, so nothing allows it (R22).
            Role::Server => ("a master's time (WRITE g50), by which no clock is set", true),
        },
        ("freezing counters (FREEZE)", allow.counter_freeze && may_change),
        ("clearing counters (FREEZE_CLEAR)", allow.counter_freeze && allow.counter_reset && may_change),
        ("restart (COLD_RESTART, WARM_RESTART)", allow.reset && may_change),
        ("class assignment (ASSIGN_CLASS)", allow.assign_class && may_change),
        ("dead-bands (WRITE g34)", allow.parameters && may_change),
        ("reading files (g70)", allow.files),
        ("writing and deleting files (g70)", allow.files && allow.file_write && may_change),
    ]);
    format!(
        "link status, READ, CONFIRM, clearing DEVICE_RESTART (WRITE g80), DELAY_MEASURE, RECORD_CURRENT_TIME, ENABLE_UNSOLICITED and \
         DISABLE_UNSOLICITED{words}"
    )
}

/// What is allowed, and what is off.
fn permitted(words: &[(&str, bool)]) -> String {
    let list = |on: bool| words.iter().filter(|(_, is_on)| *is_on == on).map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let (on, off) = (list(true), list(false));
    let allowed = if on.is_empty() { String::new() } else { format!("; allowed: {on}") };
    let not = if off.is_empty() { String::new() } else { format!("; off: {off}") };
    format!("{allowed}{not}")
}

/// A master's link that says whether it is a connection, or nothing of it.
#[cfg(test)]
pub(crate) fn line_spec(connected: Option<bool>) -> LinkSpec {
    LinkSpec {
        name: "rtu".to_owned(),
        role: Role::Client,
        zone: bridge_model::Zone::Utc,
        monitor_only: true,
        params: connected.into_iter().map(|is| (CONNECTED.to_owned(), Field::Bool(is))).collect(),
        points: Vec::new(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_link_is_connected_follows_from_its_way() {
        let connected = |protocol, said: Option<bool>, is_connection| {
            let mut spec = line_spec(said);
            let contradicts = contradicts(protocol, &spec, is_connection);
            suit(protocol, &mut spec, is_connection);
            (bridge_dnp3::Params::from_fields(&spec.params).connected, contradicts)
        };
        assert_eq!(connected("dnp3", None, true), (true, false), "TCP");
        assert_eq!(connected("dnp3", None, false), (false, false), "a serial line, UDP");
        assert_eq!(connected("dnp3", Some(false), false), (false, false), "said twice");
        assert_eq!(connected("dnp3", Some(false), true), (false, false), "a terminal server");
        assert!(connected("dnp3", Some(true), false).1);
        assert_eq!(connected("iec104", None, false), (true, false), "others have no such key");
    }
}

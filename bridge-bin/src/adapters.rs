//! The protocols of this build: where concrete meets concrete.

use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_session::{LinkSpec, Protocol, Role};

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
        ("clock synchronisation (WRITE g50)", allow.clock_sync),
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

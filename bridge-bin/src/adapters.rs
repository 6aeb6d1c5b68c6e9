//! The protocols of this build: where concrete meets concrete.

use bridge_iec60870::{Allowed, Iec104, Params};
use bridge_session::{LinkSpec, Protocol, Role};

static IEC104: Iec104 = Iec104;

/// Every OT protocol, as profiles and engine see it.
pub(crate) fn protocols() -> [&'static dyn Protocol; 1] {
    [&IEC104]
}

/// The protocol of this name.
pub(crate) fn protocol(name: &str) -> Option<&'static dyn Protocol> {
    protocols().into_iter().find(|protocol| protocol.name() == name)
}

/// What a link may send, or take, besides values and commands (R22): the protocol's own and what the profile's `allow` and, on a link of both
/// directions, `allow_reverse` add; shown by `check`.
pub(crate) fn housekeeping(spec: &LinkSpec) -> String {
    // One protocol so far: IEC 60870-5-104.
    let Params { allow, allow_reverse, .. } = Params::from_fields(&spec.params);
    let own = permitted(&allow, spec.role, spec.monitor_only);
    let both = spec.has_both_directions().then(|| {
        let role = match spec.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        format!("; in the reversed direction{}", permitted(&allow_reverse, role, spec.monitor_only))
    });
    format!(
        "STARTDT, STOPDT, TESTFR, interrogation and group reading (100), counter reading (101), read (102), test (107){own}{}",
        both.unwrap_or_default()
    )
}

/// What is allowed in one direction, and what is off.
fn permitted(allow: &Allowed, role: Role, monitor_only: bool) -> String {
    let may_change = role == Role::Server || !monitor_only;
    let words = [
        ("clock synchronisation (103)", allow.clock_sync && role == Role::Client),
        ("freezing counters (101)", allow.counter_freeze),
        ("resetting counters (101)", allow.counter_reset),
        ("reset process (105)", allow.reset && may_change),
        ("parameters (110 to 113)", allow.parameters && may_change),
    ];
    let list = |on: bool| words.iter().filter(|(_, is_on)| *is_on == on).map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let (on, off) = (list(true), list(false));
    let allowed = if on.is_empty() { String::new() } else { format!("; allowed: {on}") };
    let not = if off.is_empty() { String::new() } else { format!("; off: {off}") };
    format!("{allowed}{not}")
}

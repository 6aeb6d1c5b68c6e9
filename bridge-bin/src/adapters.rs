//! The protocols of this build: where concrete meets concrete.

use bridge_iec60870::Iec104;
use bridge_session::Protocol;

static IEC104: Iec104 = Iec104;

/// Every OT protocol, as profiles and engine see it.
pub(crate) fn protocols() -> [&'static dyn Protocol; 1] {
    [&IEC104]
}

/// The protocol of this name.
pub(crate) fn protocol(name: &str) -> Option<&'static dyn Protocol> {
    protocols().into_iter().find(|protocol| protocol.name() == name)
}

/// What a monitor-only link of a protocol may still send (R22); shown by `check`.
pub(crate) const fn housekeeping(_protocol: &str) -> &'static str {
    // One protocol so far: IEC 60870-5-104.
    "STARTDT, STOPDT, TESTFR, station interrogation (type 100), acknowledgements; off: clock synchronisation (103), reset process (105)"
}

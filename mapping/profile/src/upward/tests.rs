use bridge_diag::Report;
use bridge_iec60870::Iec104;
use bridge_model::{Cause, Detail, DoublePoint, Mono, Now, PointId, PointUpdate, Quality, TimeFlags, Timestamp, Utc, Validity, Value};

use super::{AlarmChange, Mapped, MappedPoint, Upward};
use crate::plan::Plan;
use crate::{MemoryFiles, compile};

const PROFILE: &str = r#"
schema = "ies-cim-profile/1"
id = "test"
version = "1.0.0"
cim = "CIM17"
[era]
U1 = { address = "era:in/t/u1", class = "ThermalGeneratingUnit" }
Q1 = { address = "era:in/t/q1", class = "Disconnector" }
[peer]
genco = {}
[link]
rtu = { protocol = "iec104", role = "client", ca = 21, zone = "IST", clock_tolerance = "1s" }
[group.all]
on = "rtu"
points = [
  { id = "p", addr = { ioa = 1, ti = "M_ME_TF_1" }, cim = { on = "U1", class = "Analog", type = "ThreePhaseActivePower" }, unit = "MW", sign = "generation", basis = "GROSS", deadband = "0.5 MW", range = ["-10 MW", "275 MW"], verbs = ["stream", "alarm"], limits = [
    { name = "H", above = "255 MW", hysteresis = "2 MW", delay = "5s", severity = "warning" },
    { name = "L", below = "0.1 MW", hysteresis = "0.6 MW", severity = "info" },
  ] },
  { id = "load", addr = { ioa = 2, ti = "M_ME_TF_1" }, cim = { on = "U1", class = "Analog", type = "AvailableActivePower" }, unit = "MW", wire_unit = "kW", scale = 10, offset = 5, sign = "consumption", basis = "GROSS", verbs = ["stream"] },
  { id = "trip", addr = { ioa = 3, ti = "M_SP_TB_1" }, cim = { on = "U1", class = "Discrete", type = "ProtectionTrip" }, alarm = { when = 1, severity = "critical", latch = true }, verbs = ["alarm", "log"] },
  { id = "fan", addr = { ioa = 4, ti = "M_SP_TB_1" }, cim = { on = "U1", class = "Discrete", type = "x-Fan" }, alarm = { when = 0, severity = "warning" }, verbs = ["alarm", "log"] },
  { id = "q1", addr = { ioa = 5, ti = "M_DP_TB_1" }, cim = { on = "Q1", class = "Discrete", type = "SwitchPosition" }, verbs = ["log"] },
  { id = "state", addr = { ioa = 6, ti = "M_ME_TF_1" }, cim = { on = "U1", class = "Discrete", type = "UnitStatus" }, verbs = ["stream"] },
]
"#;

const P: PointId = PointId(0);
const LOAD: PointId = PointId(1);
const TRIP: PointId = PointId(2);
const FAN: PointId = PointId(3);
const Q1: PointId = PointId(4);
const STATE: PointId = PointId(5);

fn plan() -> Plan {
    let files = MemoryFiles([("profile.toml".to_owned(), PROFILE.to_owned())].into());
    let mut report = Report::new();
    let plan = compile(&files, "profile.toml", &[&Iec104], &mut report);
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    plan.unwrap()
}

/// A clock that starts at 1,000 s UTC and one second.
fn at(ms: u64) -> Now {
    Now { mono: Mono(1_000_000_000 + ms * 1_000_000), utc: Utc(1_000_000_000_000 + i64::try_from(ms).unwrap() * 1_000_000) }
}

struct Rig {
    plan: Plan,
    upward: Upward,
}

impl Rig {
    fn new() -> Self {
        let plan = plan();
        Self { upward: Upward::new(&plan), plan }
    }

    /// A device-stamped, spontaneous GOOD value, stamped and received now.
    fn value(&mut self, point: PointId, value: Value, ms: u64) -> Mapped {
        self.update(spontaneous(point, value, ms, ms), ms)
    }

    fn update(&mut self, update: PointUpdate, ms: u64) -> Mapped {
        let mut out = Mapped::default();
        self.upward.map(&self.plan, &update, at(ms), &mut out);
        out
    }

    fn timeout(&mut self, ms: u64) -> Mapped {
        let mut out = Mapped::default();
        self.upward.handle_timeout(&self.plan, at(ms), &mut out);
        out
    }

    fn restart(&mut self) {
        let bytes = self.upward.snapshot();
        self.upward = Upward::new(&self.plan);
        assert!(self.upward.restore(&bytes));
    }
}

fn spontaneous(point: PointId, value: Value, stamped_ms: u64, received_ms: u64) -> PointUpdate {
    PointUpdate {
        point,
        value,
        quality: Quality::GOOD,
        time: Timestamp::by_device(at(stamped_ms).utc),
        received: at(received_ms).utc,
        cause: Cause::Spontaneous,
    }
}

/// The answer to an interrogation: no time tag.
fn interrogated(point: PointId, value: Value, ms: u64) -> PointUpdate {
    PointUpdate { time: Timestamp::at_receipt(at(ms).utc), cause: Cause::Interrogated, ..spontaneous(point, value, ms, ms) }
}

fn with_quality(update: PointUpdate, validity: Validity, detail: Detail) -> PointUpdate {
    PointUpdate { quality: Quality::GOOD.worsened(validity, detail), ..update }
}

fn only(out: &Mapped) -> MappedPoint {
    assert_eq!(out.points.len(), 1);
    out.points[0]
}

fn names(alarms: &[AlarmChange]) -> Vec<(&str, bool)> {
    alarms.iter().map(|alarm| (alarm.name.as_str(), alarm.active)).collect()
}

#[test]
fn scale_unit_and_sign() {
    let mut rig = Rig::new();
    // (100 × 10 + 5) kW = 1.005 MW, consumption: −1.005 MW.
    assert_eq!(only(&rig.value(LOAD, Value::Real32(100.0), 0)).value, Value::Real32(-1.005));
    assert_eq!(only(&rig.value(LOAD, Value::Int(100), 1)).value, Value::Real(-1.005));
    let control = rig.plan.points[1].conversion;
    assert!((control.to_wire(-1.005) - 100.0).abs() < 1e-9, "and back");
    assert_eq!(only(&rig.value(P, Value::Real32(243.6), 0)).value, Value::Real32(243.6), "untouched");
    assert_eq!(only(&rig.value(STATE, Value::Real32(2.0), 0)).value, Value::Int(2), "a code is a whole number");
}

#[test]
fn outside_the_range_and_no_number_at_all() {
    let mut rig = Rig::new();
    let high = only(&rig.value(P, Value::Real32(275.1), 0)).quality;
    assert_eq!((high.validity, high.detail), (Validity::Questionable, Detail::OUT_OF_RANGE));
    assert_eq!(only(&rig.value(P, Value::Real32(275.0), 1)).quality, Quality::GOOD);
    let none = only(&rig.value(P, Value::Real32(f32::NAN), 2)).quality;
    assert_eq!((none.validity, none.detail), (Validity::Invalid, Detail::OVERFLOW));
}

#[test]
fn the_deadband_withholds_small_changes_and_nothing_else() {
    let mut rig = Rig::new();
    let mut changed = |value: f32, ms: u64| only(&rig.value(P, Value::Real32(value), ms)).changed;
    assert!(changed(100.0, 0), "the first value");
    assert!(!changed(100.5, 1), "up to the deadband");
    assert!(changed(100.75, 2));
    assert!(!changed(100.5, 3), "counted from what was passed on");
    let update = with_quality(spontaneous(P, Value::Real32(100.5), 4, 4), Validity::Questionable, Detail::OLD_DATA);
    assert!(only(&rig.update(update, 4)).changed, "quality");
    rig.upward.forget(P);
    let update = with_quality(spontaneous(P, Value::Real32(100.5), 5, 5), Validity::Questionable, Detail::OLD_DATA);
    assert!(only(&rig.update(update, 5)).changed, "forgotten");
}

#[test]
fn states_pass_at_every_event_and_are_withheld_when_only_read_again() {
    let mut rig = Rig::new();
    assert!(only(&rig.value(FAN, Value::Bool(true), 0)).changed);
    assert!(only(&rig.value(FAN, Value::Bool(true), 1)).changed, "an event is an event");
    assert!(!only(&rig.update(interrogated(FAN, Value::Bool(true), 2), 2)).changed);
    assert!(only(&rig.update(interrogated(FAN, Value::Bool(false), 3), 3)).changed);
    assert!(only(&rig.value(STATE, Value::Real32(1.0), 0)).changed);
    assert!(!only(&rig.update(interrogated(STATE, Value::Real32(1.0), 2), 2)).changed);
}

#[test]
fn a_limit_waits_for_its_delay_and_clears_with_hysteresis() {
    let mut rig = Rig::new();
    assert!(rig.value(P, Value::Real32(256.0), 0).alarms.is_empty());
    assert_eq!(rig.upward.poll_timeout(), Some(at(5000).mono));
    assert!(rig.timeout(4999).alarms.is_empty());
    let raised = rig.timeout(5000).alarms;
    assert_eq!(names(&raised), [("H", true)]);
    assert_eq!((raised[0].value, raised[0].limit), (Value::Real32(256.0), Some(255.0)));
    assert_eq!(rig.upward.poll_timeout(), None);
    assert!(rig.value(P, Value::Real32(254.0), 6000).alarms.is_empty(), "inside the hysteresis");
    assert_eq!(names(&rig.value(P, Value::Real32(253.0), 7000).alarms), [("H", false)]);
}

#[test]
fn a_delay_that_is_not_met_raises_nothing() {
    let mut rig = Rig::new();
    rig.value(P, Value::Real32(256.0), 0);
    assert!(rig.value(P, Value::Real32(255.0), 4000).alarms.is_empty());
    assert_eq!(rig.upward.poll_timeout(), None);
    // The late driver: the value comes back after the delay, but before the timeout was handled.
    rig.value(P, Value::Real32(256.0), 5000);
    assert_eq!(names(&rig.value(P, Value::Real32(200.0), 11_000).alarms), [("H", true), ("H", false)]);
}

/// 0.1 and 0.7 as short floats are not 0.1 and 0.7 as long ones; the operator's limit is meant in the value's own width.
#[test]
fn limits_compare_in_the_width_of_the_value() {
    let mut rig = Rig::new();
    assert!(rig.value(P, Value::Real32(0.1), 0).alarms.is_empty(), "0.1 is not below 0.1");
    assert_eq!(names(&rig.value(P, Value::Real32(0.09), 1).alarms), [("L", true)]);
    assert_eq!(names(&rig.value(P, Value::Real32(0.7), 2).alarms), [("L", false)]);
}

#[test]
fn r18_questionable_raises_invalid_says_unknown_once_and_clears_nothing() {
    let mut rig = Rig::new();
    let questionable = with_quality(spontaneous(FAN, Value::Bool(false), 0, 0), Validity::Questionable, Detail::OSCILLATORY);
    assert_eq!(names(&rig.update(questionable, 0).alarms), [("alarm", true)]);
    let invalid = with_quality(spontaneous(FAN, Value::Bool(true), 1, 1), Validity::Invalid, Detail(0));
    let alarms = rig.update(invalid, 1).alarms;
    assert_eq!(names(&alarms), [("state-unknown", true)]);
    assert!(alarms[0].unknown);
    let again = PointUpdate { time: Timestamp::by_device(at(2).utc), ..invalid };
    assert!(rig.update(again, 2).alarms.is_empty(), "once");
    assert_eq!(names(&rig.value(FAN, Value::Bool(false), 3).alarms), [("state-unknown", false)], "the alarm itself still stands");
    assert_eq!(names(&rig.value(FAN, Value::Bool(true), 4).alarms), [("alarm", false)]);
}

/// R16: a lost link is one event, not one alarm for each of its points.
#[test]
fn r18_invalid_because_the_link_is_lost_raises_nothing() {
    let mut rig = Rig::new();
    let lost = with_quality(spontaneous(FAN, Value::Bool(true), 0, 0), Validity::Invalid, Detail::OLD_DATA);
    assert!(rig.update(lost, 0).alarms.is_empty());
}

#[test]
fn r18_test_values_move_neither_values_nor_alarms() {
    let mut rig = Rig::new();
    rig.value(TRIP, Value::Bool(false), 0);
    let test = with_quality(spontaneous(TRIP, Value::Bool(true), 50, 50), Validity::Good, Detail::TEST);
    let out = rig.update(test, 50);
    assert!(out.alarms.is_empty());
    assert!(!only(&out).moves_image());
    let real = rig.value(TRIP, Value::Bool(true), 20);
    assert!(!only(&real).historic, "the test value's time does not count either");
    assert_eq!(names(&real.alarms), [("alarm", true)]);
}

#[test]
fn r18_bad_time_never_affects_value_quality() {
    let mut rig = Rig::new();
    rig.value(TRIP, Value::Bool(false), 1000);
    let mut update = spontaneous(TRIP, Value::Bool(true), 0, 2000);
    update.time.flags = TimeFlags::INVALID;
    let out = rig.update(update, 2000);
    assert_eq!((only(&out).quality, only(&out).historic), (Quality::GOOD, false), "a disowned stamp orders nothing");
    assert_eq!(names(&out.alarms), [("alarm", true)]);
}

#[test]
fn r18_transit_is_told_only_if_it_lasts() {
    let mut rig = Rig::new();
    let moving = Value::Double(DoublePoint::Intermediate);
    rig.value(Q1, Value::Double(DoublePoint::On), 0);
    assert!(!only(&rig.value(Q1, moving, 1000)).changed);
    assert!(only(&rig.value(Q1, Value::Double(DoublePoint::Off), 9000)).changed);
    assert_eq!(rig.upward.poll_timeout(), None);

    assert!(!only(&rig.value(Q1, moving, 10_000)).changed);
    assert_eq!(rig.upward.poll_timeout(), Some(at(30_000).mono), "a disconnector may take 20 s");
    let told = only(&rig.timeout(30_000));
    assert!(told.changed);
    assert_eq!((told.value, told.quality.validity, told.quality.detail), (moving, Validity::Invalid, Detail::INCONSISTENT));
    assert_eq!(told.time, Timestamp::at_receipt(at(30_000).utc));
    assert_eq!(only(&rig.value(Q1, Value::Double(DoublePoint::Bad), 31_000)).quality.validity, Validity::Invalid);
    assert_eq!(only(&rig.value(Q1, Value::Double(DoublePoint::On), 32_000)).quality, Quality::GOOD);
}

#[test]
fn r20_a_change_found_by_interrogation_has_the_bridges_time() {
    let mut rig = Rig::new();
    rig.value(TRIP, Value::Bool(false), 0);
    let out = rig.update(interrogated(TRIP, Value::Bool(true), 60_000), 60_000);
    assert_eq!(names(&out.alarms), [("alarm", true)]);
    assert!(out.alarms[0].from_interrogation);
    assert_eq!(out.alarms[0].time, Timestamp::at_receipt(at(60_000).utc));
}

/// The buffer of an outage, delivered after the interrogation: log only.
#[test]
fn r20_older_events_go_to_the_log_and_move_nothing() {
    let mut rig = Rig::new();
    // The link's transit time is known to be 10 ms.
    rig.update(spontaneous(FAN, Value::Bool(true), 0, 10), 10);
    rig.update(interrogated(FAN, Value::Bool(true), 600_000), 600_000);
    for (index, stamped) in (1000..599_900).step_by(1000).enumerate() {
        let out = rig.update(spontaneous(FAN, Value::Bool(index % 2 == 0), stamped, 600_100), 600_100);
        assert!(out.alarms.is_empty(), "{stamped}");
        let point = only(&out);
        assert!(point.historic && point.changed && !point.moves_image(), "{stamped}");
    }
    let fresh = rig.update(spontaneous(FAN, Value::Bool(false), 600_200, 600_210), 600_210);
    assert_eq!(names(&fresh.alarms), [("alarm", true)], "and the next real one counts");
}

/// The station sampled the interrogated value a transit time before the bridge stamped it: a change in between is newer.
#[test]
fn r20_a_change_just_after_the_interrogation_is_not_older() {
    let mut rig = Rig::new();
    rig.update(spontaneous(FAN, Value::Bool(true), 0, 10), 10);
    rig.update(interrogated(FAN, Value::Bool(true), 60_000), 60_000);
    let out = rig.update(spontaneous(FAN, Value::Bool(false), 59_995, 60_005), 60_005);
    assert!(!only(&out).historic);
    assert_eq!(names(&out.alarms), [("alarm", true)]);
    assert!(only(&rig.update(spontaneous(FAN, Value::Bool(true), 59_990, 60_006), 60_006)).historic, "against a device's stamp: exact");
}

#[test]
fn r20_the_tolerance_is_bounded_by_the_profile() {
    let mut rig = Rig::new();
    // A clock 30 s slow: the link's own bound of 1 s holds.
    rig.update(spontaneous(FAN, Value::Bool(true), 0, 30_000), 30_000);
    rig.update(interrogated(FAN, Value::Bool(true), 60_000), 60_000);
    assert!(only(&rig.update(spontaneous(FAN, Value::Bool(false), 58_999, 60_100), 60_100)).historic);
    assert!(!only(&rig.update(spontaneous(FAN, Value::Bool(false), 59_000, 60_100), 60_100)).historic);
}

#[test]
fn a_latched_alarm_stays_until_it_is_reset() {
    let mut rig = Rig::new();
    let mut out = Mapped::default();
    rig.value(TRIP, Value::Bool(true), 0);
    assert!(!rig.upward.reset(&rig.plan, TRIP, at(1), &mut out), "the cause is still there");
    assert!(rig.value(TRIP, Value::Bool(false), 2).alarms.is_empty());
    assert!(rig.value(TRIP, Value::Bool(true), 3).alarms.is_empty(), "already raised");
    rig.value(TRIP, Value::Bool(false), 4);
    assert!(rig.upward.reset(&rig.plan, TRIP, at(5), &mut out));
    assert_eq!(names(&out.alarms), [("alarm", false)]);
    assert!(!rig.upward.reset(&rig.plan, TRIP, at(6), &mut out), "nothing left to reset");
}

#[test]
fn a_restart_raises_nothing_twice_and_forgets_no_clear() {
    let mut rig = Rig::new();
    rig.value(TRIP, Value::Bool(true), 0);
    rig.value(FAN, Value::Bool(false), 0);
    rig.value(P, Value::Real32(256.0), 0);
    rig.timeout(5000);
    rig.restart();
    assert!(rig.update(interrogated(TRIP, Value::Bool(true), 6000), 6000).alarms.is_empty());
    assert!(rig.update(interrogated(FAN, Value::Bool(false), 6000), 6000).alarms.is_empty());
    assert!(rig.update(interrogated(P, Value::Real32(256.0), 6000), 6000).alarms.is_empty());
    assert_eq!(names(&rig.value(FAN, Value::Bool(true), 7000).alarms), [("alarm", false)]);
    assert_eq!(names(&rig.value(P, Value::Real32(100.0), 7000).alarms), [("H", false)]);
    assert!(rig.value(TRIP, Value::Bool(false), 7000).alarms.is_empty(), "latched across the restart");
}

/// A delay that ran across a restart ends when it would have ended, on the clock of the wall.
#[test]
fn a_restart_keeps_a_running_delay() {
    let mut rig = Rig::new();
    rig.value(P, Value::Real32(256.0), 0);
    rig.restart();
    assert_eq!(rig.upward.poll_timeout(), Some(Mono(0)), "asks for the clock");
    assert!(rig.timeout(3000).alarms.is_empty());
    assert_eq!(rig.upward.poll_timeout(), Some(at(5000).mono));
    assert_eq!(names(&rig.timeout(5000).alarms), [("H", true)]);
}

#[test]
fn a_restart_knows_the_newest_time_and_passes_every_first_value() {
    let mut rig = Rig::new();
    rig.value(FAN, Value::Bool(true), 5000);
    rig.restart();
    assert!(only(&rig.update(spontaneous(FAN, Value::Bool(false), 4000, 6000), 6000)).historic);
    assert!(only(&rig.update(interrogated(FAN, Value::Bool(true), 6000), 6000)).changed);
}

#[test]
fn any_bytes_are_refused_or_read_but_never_a_panic() {
    let mut rig = Rig::new();
    rig.value(P, Value::Real32(256.0), 0);
    let good = rig.upward.snapshot();
    for cut in 0..good.len() {
        let mut upward = Upward::new(&rig.plan);
        assert!(!upward.restore(&good[..cut]), "cut at {cut}");
    }
    let mut seed = 1_u32;
    for _ in 0..500 {
        let mut bytes = good.clone();
        for _ in 0..4 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = usize::try_from(seed >> 8).unwrap() % bytes.len();
            bytes[place] = seed.to_le_bytes()[3];
        }
        let mut upward = Upward::new(&rig.plan);
        let _ = upward.restore(&bytes);
        upward.handle_timeout(&rig.plan, at(0), &mut Mapped::default());
    }
}

#[test]
fn a_point_that_is_not_planned_is_left_out() {
    let mut rig = Rig::new();
    assert!(rig.value(PointId(99), Value::Bool(true), 0).points.is_empty());
    rig.upward.forget(PointId(99));
}

#[test]
fn nothing_grows_in_the_steady_state() {
    let mut rig = Rig::new();
    let mut out = Mapped { points: Vec::with_capacity(4), alarms: Vec::new() };
    for ms in 0..10_000 {
        out.clear();
        let update = spontaneous(P, Value::Real32(f32::from(u8::try_from(ms % 200).unwrap()) + 1.0), ms, ms);
        rig.upward.map(&rig.plan, &update, at(ms), &mut out);
        assert_eq!((out.points.len(), out.points.capacity(), out.alarms.len()), (1, 4, 0));
    }
    assert!(rig.upward.timers.is_empty() && rig.upward.restored.is_empty());
}

/// What is left out because a value is calm changes nothing: the same walk with every value looked at in full gives the same.
#[test]
fn a_calm_value_is_one_that_could_raise_nothing() {
    let (mut quick, mut full) = (Rig::new(), Rig::new());
    let mut state = 0x9e37_79b9_u64;
    let mut draw = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut alarms = 0;
    for step in 0..20_000 {
        let ms = step * 700;
        // Around both limits, their hysteresis and their nearest neighbours in either width.
        let base = [0.1, 0.7, 253.0, 255.0, 100.0][usize::try_from(draw(5)).unwrap()];
        let wide = base + [-1.0, 0.0, 1.0][usize::try_from(draw(3)).unwrap()] * [1e-9, 1e-3, 2.5][usize::try_from(draw(3)).unwrap()];
        #[expect(clippy::cast_possible_truncation, reason = "the short width")]
        let value = if draw(2) == 0 { Value::Real(wide) } else { Value::Real32(wide as f32) };
        let mut update = spontaneous(P, value, ms, ms);
        if draw(10) == 0 {
            update = with_quality(update, if draw(2) == 0 { Validity::Invalid } else { Validity::Questionable }, Detail(0));
        }
        if draw(50) == 0 {
            quick.restart();
            full.restart();
        }
        assert_eq!(quick.timeout(ms), full.timeout(ms), "step {step}");
        for slot in &mut full.upward.slots {
            slot.calm = super::NEVER_CALM;
        }
        let out = quick.update(update, ms);
        assert_eq!(out, full.update(update, ms), "step {step}: {value:?}");
        alarms += out.alarms.len();
    }
    assert!(alarms > 1000, "{alarms}");
}

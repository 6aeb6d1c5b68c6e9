//! Every code, the default, and the one property that must never break: nothing outside the envelope is accepted.

use std::collections::BTreeSet;
use std::time::Duration;

use bridge_ies::{Limits, Mode, PowerBasis, Quantity, RampRate, RampUnit, Setpoint, Unit};
use bridge_model::{Quality, Utc};

use crate::{ClockFacts, Condition, ControlFacts, Decision, Facts, Request, code, codes, decide, explain};

const NOW: Utc = Utc(1_795_000_000_000_000_000);

fn setpoint(value: f64) -> Setpoint {
    Setpoint {
        quantity: Quantity::ActivePower,
        value,
        unit: Unit::Mw,
        relative: None,
        ramp: None,
        deadband: None,
        limits: None,
        hold_for: None,
        power_basis: Some(PowerBasis::ExBus),
        expected_base: None,
    }
}

fn request(setpoint: &Setpoint) -> Request<'_> {
    Request {
        mode: Some(Mode::Direct),
        setpoint,
        issued_at: NOW - Duration::from_secs(1),
        valid_from: None,
        valid_until: Some(NOW + Duration::from_mins(1)),
        message_expires: Some(NOW + Duration::from_secs(30)),
    }
}

fn met(text: &str) -> Condition {
    Condition { text: text.into(), equals: 1.0, value: Some(1.0), quality: Quality::GOOD, fresh: true }
}

fn control() -> ControlFacts {
    ControlFacts {
        quantity: Quantity::ActivePower,
        unit: Unit::Mw,
        basis: Some(PowerBasis::ExBus),
        min: 140.0,
        max: 250.0,
        cap: None,
        ramp_up: Some(3.0),
        ramp_down: Some(5.0),
        present: Some(180.0),
        max_age: Duration::from_secs(10),
        max_ahead: Duration::from_secs(1),
    }
}

fn facts() -> Facts {
    Facts {
        now: NOW,
        control: Some(control()),
        authorised: true,
        issuer_selects: false,
        journal_ok: true,
        clock: ClockFacts { synchronised: true, uncertainty: Duration::from_millis(5), limit: Duration::from_secs(1) },
        link_up: true,
        locked: None,
        remote_enable: Some(met("U1 remote")),
        requires: vec![met("U1 breaker closed")],
    }
}

fn refused(decision: &Decision) -> Option<&'static str> {
    match decision {
        Decision::Accept => None,
        Decision::Reject { code, .. } => Some(code),
    }
}

/// One change to a good request and its facts, and the code it must give.
struct Case {
    code: &'static str,
    what: &'static str,
    change: fn(&mut Setpoint, &mut Times, &mut Facts),
}

struct Times {
    mode: Option<Mode>,
    issued_at: Utc,
    valid_from: Option<Utc>,
    valid_until: Option<Utc>,
    message_expires: Option<Utc>,
}

fn with_control(facts: &mut Facts, change: impl FnOnce(&mut ControlFacts)) {
    change(facts.control.as_mut().unwrap());
}

const CASES: &[Case] = &[
    Case { code: code::ABOVE_MAX, what: "above Pmax", change: |s, _, _| s.value = 250.001 },
    Case {
        code: code::ABOVE_MAX,
        what: "above the issuer's own limit",
        change: |s, _, _| s.limits = Some(Limits { min: 0.0, max: 200.0 }),
    },
    Case { code: code::ABOVE_CAP, what: "above a cap in force", change: |_, _, f| with_control(f, |c| c.cap = Some(209.9)) },
    Case { code: code::ABOVE_CAP, what: "a cap that is NaN", change: |_, _, f| with_control(f, |c| c.cap = Some(f64::NAN)) },
    Case { code: code::BELOW_MIN, what: "below Pmin", change: |s, _, _| s.value = 139.9 },
    Case {
        code: code::BELOW_MIN,
        what: "below the issuer's own limit",
        change: |s, _, _| s.limits = Some(Limits { min: 220.0, max: 300.0 }),
    },
    Case { code: code::BELOW_MIN, what: "an empty envelope", change: |_, _, f| with_control(f, |c| c.min = 240.0) },
    Case {
        code: code::RAMP_TOO_FAST,
        what: "faster up than declared",
        change: |s, _, _| s.ramp = Some(RampRate { value: 3.1, unit: RampUnit::MwPerMin }),
    },
    Case {
        code: code::RAMP_TOO_FAST,
        what: "faster down than declared",
        change: |s, _, _| {
            s.value = 150.0;
            s.ramp = Some(RampRate { value: 5.1, unit: RampUnit::MwPerMin });
        },
    },
    Case {
        code: code::RAMP_TOO_FAST,
        what: "direction unknown: the slower holds",
        change: |s, _, f| {
            with_control(f, |c| c.present = None);
            s.ramp = Some(RampRate { value: 4.0, unit: RampUnit::MwPerMin });
        },
    },
    Case {
        code: code::RAMP_TOO_FAST,
        what: "ramp of zero",
        change: |s, _, _| s.ramp = Some(RampRate { value: 0.0, unit: RampUnit::MwPerMin }),
    },
    Case {
        code: code::RAMP_TOO_FAST,
        what: "no ramp declared",
        change: |s, _, f| {
            with_control(f, |c| c.ramp_up = None);
            s.ramp = Some(RampRate { value: 1.0, unit: RampUnit::MwPerMin });
        },
    },
    Case { code: code::EXPIRED, what: "validUntil passed", change: |_, t, _| t.valid_until = Some(NOW - Duration::from_nanos(1)) },
    Case { code: code::EXPIRED, what: "validUntil is now", change: |_, t, _| t.valid_until = Some(NOW) },
    Case { code: code::EXPIRED, what: "no validUntil", change: |_, t, _| t.valid_until = None },
    Case { code: code::EXPIRED, what: "ttl passed", change: |_, t, _| t.message_expires = Some(NOW - Duration::from_secs(1)) },
    Case { code: code::TOO_OLD, what: "older than max_age", change: |_, t, _| t.issued_at = NOW - Duration::from_millis(10_001) },
    Case { code: code::TOO_OLD, what: "issued in the future", change: |_, t, _| t.issued_at = NOW + Duration::from_secs(2) },
    Case { code: code::NOT_YET_VALID, what: "validFrom ahead", change: |_, t, _| t.valid_from = Some(NOW + Duration::from_secs(1)) },
    Case { code: code::NOT_AUTHORISED, what: "not in the bundle", change: |_, _, f| f.authorised = false },
    Case { code: code::LOCAL_CONTROL, what: "local", change: |_, _, f| f.remote_enable.as_mut().unwrap().value = Some(0.0) },
    Case { code: code::LOCAL_CONTROL, what: "remote-enable stale", change: |_, _, f| f.remote_enable.as_mut().unwrap().fresh = false },
    Case {
        code: code::LOCAL_CONTROL,
        what: "remote-enable questionable",
        change: |_, _, f| f.remote_enable.as_mut().unwrap().quality = Quality::GOOD.stale(),
    },
    Case { code: code::LOCAL_CONTROL, what: "remote-enable never read", change: |_, _, f| f.remote_enable.as_mut().unwrap().value = None },
    Case { code: code::NOT_READY, what: "precondition not met", change: |_, _, f| f.requires[0].value = Some(2.0) },
    Case { code: code::NOT_READY, what: "precondition invalid", change: |_, _, f| f.requires[0].quality = Quality::NEVER_READ },
    Case { code: code::NOT_READY, what: "precondition not fresh", change: |_, _, f| f.requires[0].fresh = false },
    Case { code: code::BAD_BASIS, what: "other basis", change: |s, _, _| s.power_basis = Some(PowerBasis::Gross) },
    Case { code: code::BAD_BASIS, what: "no basis", change: |s, _, _| s.power_basis = None },
    Case {
        code: code::BAD_BASIS,
        what: "a power control without basis takes nothing",
        change: |s, _, f| {
            s.power_basis = None;
            with_control(f, |c| c.basis = None);
        },
    },
    Case { code: code::BAD_UNIT, what: "kW", change: |s, _, _| s.unit = Unit::Kw },
    Case {
        code: code::BAD_UNIT,
        what: "a ramp in MW for a control in kW",
        change: |s, _, f| {
            s.unit = Unit::Kw;
            s.ramp = Some(RampRate { value: 1.0, unit: RampUnit::MwPerMin });
            with_control(f, |c| c.unit = Unit::Kw);
        },
    },
    Case { code: code::BAD_QUANTITY, what: "reactive power", change: |s, _, _| s.quantity = Quantity::ReactivePower },
    Case { code: code::CLOCK_UNSYNCHRONISED, what: "not synchronised", change: |_, _, f| f.clock.synchronised = false },
    Case { code: code::CLOCK_UNSYNCHRONISED, what: "too uncertain", change: |_, _, f| f.clock.uncertainty = Duration::from_millis(1001) },
    Case { code: code::POINT_LOCKED, what: "locked", change: |_, _, f| f.locked = Some("outcome of an earlier command unknown".into()) },
    Case { code: code::UNKNOWN_RESOURCE, what: "no control", change: |_, _, f| f.control = None },
    Case { code: code::SELECT_NOT_SUPPORTED, what: "SELECT", change: |_, t, _| t.mode = Some(Mode::Select) },
    Case { code: code::SELECT_NOT_SUPPORTED, what: "OPERATE", change: |_, t, _| t.mode = Some(Mode::Operate) },
    Case { code: code::SELECT_NOT_SUPPORTED, what: "no mode", change: |_, t, _| t.mode = None },
    Case { code: code::SELECT_REQUIRED, what: "DIRECT where the issuer selects", change: |_, _, f| f.issuer_selects = true },
    Case {
        code: code::SELECT_NOT_SUPPORTED,
        what: "TEST where the issuer selects",
        change: |_, t, f| (t.mode, f.issuer_selects) = (Some(Mode::Test), true),
    },
    Case { code: code::RELATIVE_NOT_SUPPORTED, what: "relative", change: |s, _, _| s.relative = Some(true) },
    Case { code: code::LINK_DOWN, what: "link down", change: |_, _, f| f.link_up = false },
    Case { code: code::JOURNAL_FAILED, what: "journal failed", change: |_, _, f| f.journal_ok = false },
    Case { code: code::NOT_A_NUMBER, what: "NaN", change: |s, _, _| s.value = f64::NAN },
    Case { code: code::NOT_A_NUMBER, what: "infinite", change: |s, _, _| s.value = f64::NEG_INFINITY },
    Case { code: code::NOT_A_NUMBER, what: "a limit that is NaN", change: |_, _, f| with_control(f, |c| c.max = f64::NAN) },
    Case {
        code: code::NOT_A_NUMBER,
        what: "a ramp that is NaN",
        change: |s, _, _| s.ramp = Some(RampRate { value: f64::NAN, unit: RampUnit::MwPerMin }),
    },
];

fn run(case: &Case) -> Decision {
    let (mut setpoint, mut facts) = (setpoint(210.0), facts());
    let good = request(&setpoint);
    let mut times = Times {
        mode: good.mode,
        issued_at: good.issued_at,
        valid_from: good.valid_from,
        valid_until: good.valid_until,
        message_expires: good.message_expires,
    };
    (case.change)(&mut setpoint, &mut times, &mut facts);
    let request = Request {
        mode: times.mode,
        setpoint: &setpoint,
        issued_at: times.issued_at,
        valid_from: times.valid_from,
        valid_until: times.valid_until,
        message_expires: times.message_expires,
    };
    decide(&request, &facts)
}

#[test]
fn a_good_dispatch_is_accepted_and_its_edges_too() {
    for value in [210.0, 140.0, 250.0] {
        let mut good = setpoint(value);
        assert_eq!(decide(&request(&good), &facts()), Decision::Accept, "{value}");
        good.ramp = Some(RampRate { value: 3.0, unit: RampUnit::MwPerMin });
        assert_eq!(decide(&request(&good), &facts()), Decision::Accept, "{value} with the declared ramp");
    }
}

#[test]
fn every_reason_gives_its_code_and_a_text() {
    for case in CASES {
        match run(case) {
            Decision::Accept => panic!("{} was accepted", case.what),
            Decision::Reject { code, text } => {
                assert_eq!(code, case.code, "{}: {text}", case.what);
                assert!(!text.is_empty(), "{}", case.what);
            }
        }
    }
}

#[test]
fn every_code_is_tested_and_explained() {
    let tested: BTreeSet<&str> = CASES.iter().map(|case| case.code).collect();
    // What people answered, or a selection came to, is no decision of the envelope.
    let others: BTreeSet<&str> = code::answers().chain(code::selections()).chain(code::caps()).collect();
    let explained: BTreeSet<&str> = codes().filter(|code| !others.contains(code)).collect();
    assert_eq!(tested, explained);
    assert_eq!(explained.len(), 22);
    for code in codes() {
        assert!(explain(code).is_some_and(|text| text.len() > 80), "{code} has a paragraph");
    }
    assert_eq!(explain("above_max"), None);
}

#[test]
fn knowing_nothing_refuses() {
    let setpoint = setpoint(210.0);
    assert_eq!(refused(&decide(&request(&setpoint), &Facts::default())), Some(code::NOT_AUTHORISED));
    // Each fact that is taken away from a complete picture refuses too.
    let takes: [fn(&mut Facts); 5] = [
        |f| f.control = None,
        |f| f.authorised = false,
        |f| f.journal_ok = false,
        |f| f.clock = ClockFacts::default(),
        |f| f.link_up = false,
    ];
    for take in takes {
        let mut facts = facts();
        take(&mut facts);
        assert!(refused(&decide(&request(&setpoint), &facts)).is_some());
    }
}

#[test]
fn a_stranger_learns_nothing_of_the_plant() {
    let mut facts = facts();
    facts.authorised = false;
    facts.link_up = false;
    facts.locked = Some("secret".into());
    assert_eq!(refused(&decide(&request(&setpoint(9999.0)), &facts)), Some(code::NOT_AUTHORISED));
}

#[test]
fn r12_a_relative_setpoint_is_refused_even_with_its_base() {
    let mut relative = setpoint(10.0);
    relative.relative = Some(true);
    relative.expected_base = Some(200.0);
    assert_eq!(refused(&decide(&request(&relative), &facts())), Some(code::RELATIVE_NOT_SUPPORTED));
}

/// xorshift64*: a few lines, seeded, no dependency.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Any double at all: bit patterns, and values around the envelope.
    fn double(&mut self) -> f64 {
        match self.next() % 4 {
            0 => f64::from_bits(self.next()),
            1 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MAX, f64::MIN_POSITIVE][(self.next() % 7) as usize],
            _ => (self.next() % 600_000) as f64 / 1000.0 - 100.0,
        }
    }
}

#[test]
fn nothing_outside_the_envelope_is_ever_accepted() {
    let mut random = Random(0x1E5_B41D6E);
    let mut accepted = 0;
    for round in 0..200_000 {
        let mut facts = facts();
        let mut setpoint = setpoint(random.double());
        with_control(&mut facts, |c| {
            if random.next().is_multiple_of(2) {
                (c.min, c.max) = (random.double(), random.double());
            }
            if random.next().is_multiple_of(4) {
                c.cap = Some(random.double());
            }
            if random.next().is_multiple_of(4) {
                c.present = Some(random.double());
            }
        });
        if random.next().is_multiple_of(4) {
            setpoint.limits = Some(Limits { min: random.double(), max: random.double() });
        }
        if random.next().is_multiple_of(4) {
            setpoint.ramp = Some(RampRate { value: random.double(), unit: RampUnit::MwPerMin });
        }
        if decide(&request(&setpoint), &facts) == Decision::Accept {
            accepted += 1;
            let c = facts.control.unwrap();
            assert!(setpoint.value.is_finite() && setpoint.value >= c.min && setpoint.value <= c.max, "round {round}: {setpoint:?} {c:?}");
            assert!(c.cap.is_none_or(|cap| setpoint.value <= cap), "round {round}: {setpoint:?} {c:?}");
            assert!(setpoint.limits.is_none_or(|l| setpoint.value >= l.min && setpoint.value <= l.max), "round {round}: {setpoint:?}");
            assert!(setpoint.ramp.is_none_or(|r| r.value > 0.0 && r.value <= 5.0), "round {round}: {setpoint:?}");
        }
    }
    assert!(accepted > 1000, "the property was exercised: {accepted}");
}

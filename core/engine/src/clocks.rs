//! Which stations' clocks are wrong: by a zone, by summer time, or by a constant (R21). Stamps stay as they are; what is found is told, and the
//! time of the link's values is no longer called synchronised.
//!
//! A run of spontaneous changes whose age at receipt hardly varies for some seconds says how the station's clock stands: a buffer that is
//! emptied after an outage gives ages that vary, because its stamps do not go on as fast as the clock.

use std::time::Duration;

use bridge_model::{Cause, LinkId, Mono, Now, PointUpdate, TimeFlags, TimeOrigin, Zone};

const SECOND_NS: i64 = 1_000_000_000;
/// Ages of one run lie within this.
const SPREAD_NS: i64 = 2 * SECOND_NS;
/// A clock this far off is right enough.
const TOLERANCE_NS: i64 = 5 * SECOND_NS;
/// How near to a whole zone counts as one.
const NEAR_NS: i64 = 60 * SECOND_NS;
/// A run speaks after so many changes…
const ENOUGH: u32 = 5;
/// …over so long.
const LONG: Duration = Duration::from_secs(10);

/// Changes of about the same age.
#[derive(Clone, Copy)]
struct Run {
    since: Mono,
    count: u32,
    least_ns: i64,
    most_ns: i64,
}

#[derive(Clone, Copy, Default)]
struct Watch {
    run: Option<Run>,
    /// How old changes are at receipt, if that is too much or too little.
    wrong_ns: Option<i64>,
}

/// The clocks behind the links.
pub(crate) struct Clocks {
    watches: Vec<Watch>,
}

/// What was found of one link's clock; `wrong_ns` as in [`describe`], `None` when it is right again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClockChange {
    pub(crate) link: LinkId,
    pub(crate) wrong_ns: Option<i64>,
}

impl Clocks {
    pub(crate) fn new(links: usize) -> Self {
        Self { watches: vec![Watch::default(); links] }
    }

    /// Looks at the stamps of a frame; a finding is told once.
    pub(crate) fn observe(&mut self, link: LinkId, updates: &[PointUpdate], now: Now) -> Option<ClockChange> {
        let watch = self.watches.get_mut(link.index())?;
        let stamped = |update: &&PointUpdate| {
            update.cause == Cause::Spontaneous
                && update.time.origin == TimeOrigin::Device
                && !update.time.flags.contains(TimeFlags::INVALID)
        };
        // The last one of a frame: it waited for no other.
        let update = updates.iter().rev().find(stamped)?;
        let age = update.received.0.saturating_sub(update.time.utc.0);
        let run = match watch.run {
            Some(run) if run.most_ns.max(age).saturating_sub(run.least_ns.min(age)) <= SPREAD_NS => {
                Run { count: run.count.saturating_add(1), least_ns: run.least_ns.min(age), most_ns: run.most_ns.max(age), ..run }
            }
            Some(_) | None => Run { since: now.mono, count: 1, least_ns: age, most_ns: age },
        };
        watch.run = Some(run);
        if run.count < ENOUGH || now.mono.since(run.since) < LONG {
            return None;
        }
        let wrong_ns = Some(run.least_ns).filter(|age| age.saturating_abs() > TOLERANCE_NS);
        let same = match (watch.wrong_ns, wrong_ns) {
            (Some(a), Some(b)) => a.saturating_sub(b).saturating_abs() <= SPREAD_NS,
            (None, None) => true,
            _ => false,
        };
        if same {
            return None;
        }
        watch.wrong_ns = wrong_ns;
        Some(ClockChange { link, wrong_ns })
    }

    /// Whether the stamps of this link are not to be called synchronised.
    pub(crate) fn is_wrong(&self, link: LinkId) -> bool {
        self.watches.get(link.index()).is_some_and(|watch| watch.wrong_ns.is_some())
    }
}

/// What is wrong, and what a commissioning engineer would look at. `age_ns`: how old a change is at receipt, by its own stamp.
pub(crate) fn describe(age_ns: i64, zone: Zone) -> String {
    let near = |hours: f64| (age_ns.saturating_abs() as f64 - hours * 3600e9).abs() <= NEAR_NS as f64;
    let side = if age_ns < 0 { "ahead of" } else { "behind" };
    if near(5.5) {
        let why = match (zone, age_ns < 0) {
            (Zone::Utc, true) => "it seems to stamp in IST, and the profile says `zone = \"UTC\"`",
            (Zone::Ist, false) => "it seems to stamp in UTC, and the profile says `zone = \"IST\"`",
            (Zone::Utc, false) | (Zone::Ist, true) => "a zone is applied twice",
        };
        return format!("its stamps are 5:30 h {side} ours: {why}");
    }
    if near(1.0) {
        return format!("its stamps are 1 h {side} ours: as if it kept summer time, which India does not");
    }
    format!("its stamps are {:.1} s {side} ours", age_ns.saturating_abs() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use bridge_model::{PointId, Quality, Timestamp, Utc, Value};

    use super::*;

    const LINK: LinkId = LinkId(0);

    fn observe(clocks: &mut Clocks, second: i64, age_ms: i64) -> Option<ClockChange> {
        let received = Utc(1_000_000 * SECOND_NS + second * SECOND_NS);
        let now = Now { mono: Mono(second.unsigned_abs() * 1_000_000_000), utc: received };
        let time = Timestamp::by_device(Utc(received.0 - age_ms * 1_000_000));
        let (value, quality, cause) = (Value::Real(1.0), Quality::GOOD, Cause::Spontaneous);
        clocks.observe(LINK, &[PointUpdate { point: PointId(0), value, quality, time, received, cause }], now)
    }

    #[test]
    fn r21_a_station_in_another_zone_is_named_within_a_minute_and_forgotten_when_mended() {
        let mut clocks = Clocks::new(1);
        let found: Vec<ClockChange> = (0..60).filter_map(|second| observe(&mut clocks, second, -19_800_000 + second % 3 * 200)).collect();
        let [ClockChange { wrong_ns: Some(age), .. }] = found.as_slice() else { panic!("told once: {found:?}") };
        assert!(clocks.is_wrong(LINK));
        assert!(describe(*age, Zone::Utc).contains("seems to stamp in IST"), "{}", describe(*age, Zone::Utc));
        let found: Vec<ClockChange> = (60..120).filter_map(|second| observe(&mut clocks, second, 40)).collect();
        assert_eq!(found, [ClockChange { link: LINK, wrong_ns: None }]);
        assert!(!clocks.is_wrong(LINK));
    }

    #[test]
    fn r21_an_hour_and_a_constant_are_named_and_four_seconds_are_not() {
        for (age_ms, words) in [(3_600_500, "summer time"), (-3_600_500, "summer time"), (7_000, "7.0 s behind"), (-6_000, "6.0 s ahead")] {
            let mut clocks = Clocks::new(1);
            let found = (0..20).find_map(|second| observe(&mut clocks, second, age_ms)).and_then(|change| change.wrong_ns);
            assert!(describe(found.expect("named"), Zone::Ist).contains(words), "{age_ms}");
        }
        let mut clocks = Clocks::new(1);
        assert_eq!((0..20).find_map(|second| observe(&mut clocks, second, 4_000)), None);
    }

    #[test]
    fn r21_a_buffer_that_is_emptied_after_an_outage_says_nothing_of_the_clock() {
        let mut clocks = Clocks::new(1);
        // Ten minutes of changes in one, then a buffer that is read for a minute at three times the pace at which it was filled.
        for second in 0..600 {
            assert_eq!(observe(&mut clocks, 0, (600 - second) * 1000), None);
        }
        for second in 0..60 {
            assert_eq!(observe(&mut clocks, second, 180_000 - second * 2000), None, "{second}");
        }
        assert_eq!((60..90).find_map(|second| observe(&mut clocks, second, 30)), None, "it was right all the time");
    }
}

use super::{Book, ControlMap, Dispatch, PointMap, Verdict, compare, still_good};
use crate::ledger::{Entry, EntryKind};
use bridge_model::{Quality, Timestamp, Utc, Validity};

const MS: i64 = 1_000_000;

fn value(kind: EntryKind, point: &str, value: f64, at_ms: i64, stamp_ms: i64) -> Entry {
    Entry::new(at_ms * MS, kind).at_point(point).with_value(value).with_facts(Quality::GOOD, Timestamp::by_device(Utc(stamp_ms * MS)))
}

fn event(point: &str, v: f64, stamp_ms: i64) -> Entry {
    value(EntryKind::Event, point, v, stamp_ms, stamp_ms)
}

fn command(id: &str, target: f64, at_ms: i64, outcome: &str) -> Vec<Entry> {
    let mut issue = Entry::new(at_ms * MS, EntryKind::Command).at_point("EMS.U1.set").with_value(target);
    issue.id = Some(id.to_owned());
    issue.not_after = Some((at_ms + 5_000) * MS);
    let mut settled = Entry::new((at_ms + 100) * MS, EntryKind::Settled).with_text(outcome);
    settled.id = Some(id.to_owned());
    let mut terminated = settled.clone();
    terminated.kind = EntryKind::Terminated;
    if outcome == "completed" { vec![issue, terminated, settled] } else { vec![issue, settled] }
}

fn execute(v: f64, at_ms: i64) -> Entry {
    Entry::new(at_ms * MS, EntryKind::Execute).at_point("U1.p_set").with_value(v)
}

fn book(stepped: bool) -> Book {
    let state = |name: &str| PointMap { station: name.to_owned(), ems: format!("EMS.{name}"), factor: 1.0, offset: 0.0, deadband: 0.0 };
    Book {
        points: vec![
            state("U1.cb"),
            PointMap { station: "U1.p".to_owned(), ems: "EMS.U1.p".to_owned(), factor: 0.1, offset: 0.0, deadband: 0.5 },
        ],
        controls: vec![ControlMap {
            station: "U1.p_set".to_owned(),
            ems: "EMS.U1.set".to_owned(),
            factor: 1.0,
            offset: 0.0,
            min: 125.0,
            max: 250.0,
            stepped,
        }],
        ..Book::default()
    }
}

/// Lost, double, late, wrong.
fn counts(verdict: &Verdict) -> [u64; 4] {
    [verdict.lost, verdict.double, verdict.late, verdict.wrong]
}

fn judge(station: &[Entry], ems: &[Entry], stepped: bool) -> ([u64; 4], Vec<String>) {
    let verdict = compare(station, ems, &book(stepped));
    assert_eq!(verdict.is_clean(), counts(&verdict) == [0; 4]);
    (counts(&verdict), verdict.details)
}

#[test]
fn what_arrives_once_in_order_is_clean() {
    let station = [event("U1.cb", 2.0, 10), event("U1.cb", 1.0, 20), value(EntryKind::Change, "U1.p", 2100.0, 21, 21)];
    let mut ems = [event("EMS.U1.cb", 2.0, 10), event("EMS.U1.cb", 1.0, 20), value(EntryKind::Change, "EMS.U1.p", 210.0, 40, 21)];
    let verdict = compare(&station, &ems, &book(false));
    assert!(verdict.is_clean(), "{:?}", verdict.details);
    assert_eq!([verdict.events, verdict.values], [2, 1]);
    ems[2].value = Some(f64::from(210.0_f32 * 1.000_000_1));
    assert_eq!(judge(&station, &ems, false).0, [0; 4], "the rounding of a short float");
}

#[test]
fn a_missing_a_repeated_and_an_invented_event_are_found() {
    let station = [event("U1.cb", 2.0, 10), event("U1.cb", 1.0, 86_400_020)];
    let last = event("EMS.U1.cb", 1.0, 86_400_020);
    let (found, details) = judge(&station, std::slice::from_ref(&last), false);
    assert_eq!(found, [1, 0, 0, 0]);
    assert_eq!(details, ["lost: U1.cb = 2 at 00:00:00.010 UTC never reached the EMS"]);

    let first = event("EMS.U1.cb", 2.0, 10);
    assert_eq!(judge(&station, &[first.clone(), first.clone(), last.clone()], false).0, [0, 1, 0, 0]);
    assert_eq!(judge(&station, &[first.clone(), event("EMS.U1.cb", 2.0, 11), last.clone()], false).0, [0, 0, 0, 1]);
    // The right moment with the wrong state: that event is lost and another one is invented.
    assert_eq!(judge(&station, &[event("EMS.U1.cb", 1.0, 10), last], false).0, [1, 0, 0, 1]);
    assert_eq!(judge(&station, &[], false).0, [3, 0, 0, 0], "both events and the last state");
}

#[test]
fn events_out_of_order_are_wrong() {
    let station = [event("U1.cb", 2.0, 10), event("U1.cb", 1.0, 20), event("U1.cb", 2.0, 30)];
    let ems = [event("EMS.U1.cb", 1.0, 20), event("EMS.U1.cb", 2.0, 10), event("EMS.U1.cb", 2.0, 30)];
    assert_eq!(judge(&station, &ems, false).0, [0, 0, 0, 1]);
}

#[test]
fn equal_events_of_one_moment_are_counted() {
    let station = [event("U1.cb", 2.0, 10), event("U1.cb", 1.0, 10), event("U1.cb", 2.0, 10)];
    let mirror = |count: usize| {
        let mut all = vec![event("EMS.U1.cb", 2.0, 10), event("EMS.U1.cb", 1.0, 10)];
        all.extend((0..count).map(|_| event("EMS.U1.cb", 2.0, 10)));
        all
    };
    assert_eq!(judge(&station, &mirror(1), false).0, [0; 4]);
    assert_eq!(judge(&station, &mirror(2), false).0, [0, 1, 0, 0]);
}

#[test]
fn quality_never_improves_on_the_way() {
    let mut station = [event("U1.cb", 2.0, 10)];
    let mut ems = [event("EMS.U1.cb", 2.0, 10)];
    station[0].quality = Some(Quality { validity: Validity::Invalid, ..Quality::GOOD }.to_bits());
    assert_eq!(judge(&station, &ems, false).0, [0, 0, 0, 1]);
    ems[0].quality = station[0].quality;
    station[0].quality = Some(Quality::GOOD.to_bits());
    // Worse is allowed for the event, but not as the last word.
    assert_eq!(judge(&station, &ems, false).0, [1, 0, 0, 0]);
}

#[test]
fn a_value_must_be_one_the_station_had_at_that_time() {
    let station = [value(EntryKind::Change, "U1.p", 2100.0, 1, 1), value(EntryKind::Change, "U1.p", 2110.0, 2, 2)];
    let shown = |v, stamp| value(EntryKind::Change, "EMS.U1.p", v, 9, stamp);
    assert_eq!(judge(&station, &[shown(211.0, 2)], false).0, [0; 4]);
    assert_eq!(judge(&station, &[shown(210.6, 2)], false).0, [0, 0, 0, 1], "never had that value");
    assert_eq!(judge(&station, &[shown(210.0, 2), shown(211.0, 2)], false).0, [0, 0, 0, 1], "not at that time");
    assert_eq!(judge(&station, &[shown(-211.0, 2)], false).0, [0, 0, 0, 2], "the sign, and the last value with it");
    // Without a time tag (an interrogation) only the value counts.
    let mut untagged = shown(211.0, 7);
    untagged.by = Some(crate::StampedBy::Receipt);
    assert_eq!(judge(&station, &[untagged], false).0, [0; 4]);
    let mut never_read = shown(0.0, 0);
    never_read.quality = Some(Quality::NEVER_READ.to_bits());
    assert_eq!(judge(&station, &[never_read, shown(211.0, 2)], false).0, [0; 4]);
}

#[test]
fn the_last_values_agree_within_the_deadband_and_are_topical() {
    let changes = |last: f64| [value(EntryKind::Change, "U1.p", 2100.0, 1, 1), value(EntryKind::Change, "U1.p", last, 2, 2)];
    let mut ems = [value(EntryKind::Change, "EMS.U1.p", 210.0, 9, 1)];
    assert_eq!(judge(&changes(2104.0), &ems, false).0, [0; 4]);
    assert_eq!(judge(&changes(2106.0), &ems, false).0, [0, 0, 0, 1]);
    ems[0].quality = Some(Quality::GOOD.stale().to_bits());
    let (found, details) = judge(&changes(2104.0), &ems, false);
    assert_eq!(found, [1, 0, 0, 0]);
    assert_eq!(details, ["lost: EMS.U1.p is still marked not topical at the end"]);
}

#[test]
fn a_dispatch_is_executed_once_in_time_inside_the_envelope() {
    let ems = command("a", 210.0, 1_000, "completed");
    assert_eq!(judge(&[execute(210.0, 1_050)], &ems, false).0, [0; 4]);
    assert_eq!(judge(&[], &ems, false).0, [1, 0, 0, 0], "told as done, never done");
    assert_eq!(judge(&[execute(210.0, 1_050), execute(210.0, 1_060)], &ems, false).0, [0, 1, 0, 0]);
    assert_eq!(judge(&[execute(200.0, 1_050), execute(210.0, 1_060)], &ems, false).0, [0, 0, 0, 1]);
    assert_eq!(judge(&[execute(210.0, 500)], &ems, false).0, [1, 0, 0, 1], "before it was issued");
    let (found, details) = judge(&[execute(210.0, 6_100)], &ems, false);
    assert_eq!(found, [0, 0, 1, 0]);
    assert_eq!(
        details,
        ["late: EMS.U1.set to 210, issued at 00:00:01.000 UTC was executed at 00:00:06.100 UTC, 100 ms after its latest moment"]
    );
    assert_eq!(judge(&[execute(260.0, 1_050)], &command("a", 260.0, 1_000, "completed"), false).0, [0, 0, 0, 1], "outside the envelope");
    let unknown = [Entry::new(0, EntryKind::Execute).at_point("U9.p_set").with_value(1.0)];
    assert_eq!(judge(&unknown, &[], false).0, [0, 0, 0, 1]);
}

#[test]
fn what_was_refused_must_not_be_executed_and_what_is_unknown_may() {
    for outcome in ["refused", "not_operated: expired"] {
        assert_eq!(judge(&[execute(210.0, 1_050)], &command("a", 210.0, 1_000, outcome), false).0, [0, 0, 0, 1], "{outcome}");
    }
    let unknown = command("a", 210.0, 1_000, "indeterminate: unanswered");
    assert_eq!(judge(&[execute(210.0, 1_050)], &unknown, false).0, [0; 4]);
    assert_eq!(judge(&[], &unknown, false).0, [0; 4]);
}

#[test]
fn two_equal_dispatches_are_two_executions() {
    let ems = [command("a", 210.0, 1_000, "completed"), command("b", 210.0, 2_000, "completed")].concat();
    assert_eq!(judge(&[execute(210.0, 1_050), execute(210.0, 2_050)], &ems, false).0, [0; 4]);
    assert_eq!(judge(&[execute(210.0, 1_050), execute(210.0, 2_050), execute(210.0, 2_060)], &ems, false).0, [0, 1, 0, 0]);
}

#[test]
fn steps_lead_to_the_target_and_only_the_first_is_bound_by_time() {
    let ems = command("a", 210.0, 1_000, "completed");
    let steps = |values: &[(f64, i64)]| values.iter().map(|(v, at)| execute(*v, *at)).collect::<Vec<_>>();
    assert_eq!(judge(&steps(&[(185.0, 1_050), (195.0, 11_000), (210.0, 21_000)]), &ems, true).0, [0; 4]);
    assert_eq!(judge(&steps(&[(185.0, 1_050), (185.0, 11_000), (210.0, 21_000)]), &ems, true).0, [0, 1, 0, 0]);
    assert_eq!(judge(&steps(&[(185.0, 1_050), (180.0, 11_000)]), &ems, true).0, [0, 0, 0, 1], "away from the target");
    assert_eq!(judge(&steps(&[(205.0, 1_050), (215.0, 11_000)]), &ems, true).0, [0, 0, 0, 1], "beyond the target");
    assert_eq!(judge(&steps(&[(185.0, 7_000), (195.0, 11_000)]), &ems, true).0, [0, 0, 1, 0]);
    // A newer dispatch takes over in mid-ramp, down again.
    let both = [ems, command("b", 150.0, 12_000, "completed")].concat();
    assert_eq!(judge(&steps(&[(185.0, 1_050), (195.0, 11_000), (180.0, 13_000), (150.0, 23_000)]), &both, true).0, [0; 4]);
    assert_eq!(judge(&steps(&[(185.0, 1_050), (195.0, 11_000), (180.0, 13_000), (190.0, 23_000)]), &both, true).0, [0, 0, 0, 1]);
}

#[test]
fn dispatches_from_elsewhere_count() {
    let mut book = book(false);
    let station = [execute(140.0, 1_050)];
    assert_eq!(counts(&compare(&station, &[], &book)), [0, 0, 0, 1]);
    book.dispatches.push(Dispatch { control: "U1.p_set".to_owned(), target: 140.0, issued: 1_000 * MS, not_after: 5_000 * MS });
    assert_eq!(counts(&compare(&station, &[], &book)), [0; 4]);
}

#[test]
fn r19_what_stays_good_after_a_cut_is_named() {
    let mut ems = vec![value(EntryKind::Change, "EMS.U1.p", 210.0, 10, 10), value(EntryKind::Change, "EMS.U2.p", 200.0, 10, 10)];
    let mut stale = ems[0].clone();
    stale.t = 30 * MS;
    stale.quality = Some(Quality::GOOD.stale().to_bits());
    ems.push(stale);
    assert_eq!(still_good(&ems, &["EMS.U1.p", "EMS.U2.p"], 20 * MS), ["EMS.U1.p", "EMS.U2.p"]);
    assert_eq!(still_good(&ems, &["EMS.U1.p", "EMS.U2.p"], 40 * MS), ["EMS.U2.p"]);
}

#[test]
fn findings_beyond_the_limit_are_counted_not_written() {
    let station: Vec<Entry> = (0..500).map(|i| event("U1.cb", f64::from(i % 2 + 1), i64::from(i))).collect();
    let verdict = compare(&station, &[], &book(false));
    assert_eq!((verdict.lost, verdict.details.len()), (501, Verdict::DETAILS));
}

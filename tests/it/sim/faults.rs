//! Faults with a name, each with what it must not do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge_journal::{Disk, open_read_only};
use bridge_model::{PointId, Validity};
use bridge_provenance::{FrameRecord, Verdict, kind, verify_journal};
use bridge_sim::{EntryKind, Generator, GeneratorKind, Rng};

use super::story::order;
use super::world::{GENCO, SLDC, Tune, World, log_key};

/// How many crashes `./check` plays.
const SEEDS: u64 = 1000;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn singles(world: &World) -> Vec<PointId> {
    let plan = &world.nodes[GENCO].plan;
    ["U1.bfp_a", "U1.bfp_b", "U1.id_fan", "U1.fd_fan", "U1.pa_fan", "U2.bfp_a", "U2.id_fan"]
        .iter()
        .filter_map(|name| plan.point(name))
        .collect()
}

/// Durability (i): on a disk that forgets every unsynced write and tears the last one, every frame whose receipt left is recovered.
#[test]
fn every_frame_whose_receipt_left_is_recovered_from_a_thousand_crashes() {
    for seed in 0..SEEDS {
        crashed_under_load(seed, &Tune::default());
    }
}

/// A world whose plant's bridge died under a load of events on a slow disk: what left is recovered, before it runs again.
pub(super) fn crashed_under_load(seed: u64, tune: &Tune) -> World {
    let mut world = World::tuned(seed, tune.clone());
    let points = singles(&world);
    let begin = world.now().mono + Duration::from_millis(200);
    world.load(Generator::new(GeneratorKind::Single, points, begin, Duration::from_millis(2), 100_000, seed));
    let mut rng = Rng::new(seed ^ 0xD15C);
    world.nodes[GENCO].disk.delay(rng.duration(Duration::from_millis(40)));
    world.run_for(Duration::from_millis(250 + rng.below(350)));
    let receipts = world.receipts.clone();
    world.crash(GENCO);
    let disk: Arc<dyn Disk> = world.nodes[GENCO].disk.clone();
    let journal = open_read_only(disk).expect("a journal");
    let mut found: BTreeMap<u32, u64> = BTreeMap::new();
    let mut reader = journal.reader(journal.start());
    while let Ok(Some(record)) = reader.next() {
        if record.kind == kind::FRAME {
            let frame = FrameRecord::decode(&record.body).expect("a frame record");
            let last = found.entry(frame.connection).or_default();
            assert_eq!(frame.number, *last + 1, "seed {seed}: frames without gaps");
            *last = frame.number;
        }
    }
    for (connection, number) in &receipts {
        assert!(
            found.get(connection).is_some_and(|last| last >= number),
            "seed {seed}: receipt for {connection}/{number} left, the disk has {found:?}"
        );
    }
    assert!(seed > 20 || !receipts.is_empty(), "seed {seed} proves nothing");
    world
}

/// R23: a full disk must not blind the control room, and must not confirm to the plant's station what is not durable.
#[test]
fn r23_a_full_disk_holds_the_station_link_and_passes_the_ems_link() {
    let mut world = World::new(23);
    world.run_for(s(10));
    // Hold: the plant's bridge.
    world.nodes[GENCO].disk.full_after(2000);
    let before = world.receipts.clone();
    world.run_for(s(20));
    assert_eq!(world.bridge(GENCO).journal_failure(), Some("full"));
    assert!(
        world.receipts.values().max() <= before.values().max().map(|last| last + 20).as_ref(),
        "the station's frames stay unacknowledged"
    );
    order(&mut world, "U1.p_set", 205.0);
    world.run_for(s(15));
    let executed = world.station_entries().iter().filter(|entry| entry.kind == EntryKind::Execute).count();
    assert_eq!(executed, 0, "control is refused while the journal cannot be written");
    world.nodes[GENCO].disk.unlimit();
    world.run_for(s(60));
    assert_eq!(world.bridge(GENCO).journal_failure(), None);
    // Pass: the gateway's bridge goes on serving the EMS.
    world.nodes[SLDC].disk.full_after(2000);
    world.run_for(s(15));
    let seen = world.ems_ledger.entries().len();
    let now = world.now();
    world.station.handle_change("U1.bfp_a", 0.0, now);
    world.run_for(s(15));
    assert!(world.ems_ledger.entries().len() > seen, "live values go on to the EMS");
    world.nodes[SLDC].disk.unlimit();
    world.run_for(s(60));
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.late, verdict.wrong), (0, 0, 0), "{:#?}\n{}", verdict.details, world.told());
    for party in [GENCO, SLDC] {
        let disk: Arc<dyn Disk> = world.nodes[party].disk.clone();
        let report = verify_journal(&open_read_only(disk).expect("a journal"), &[log_key(party)]);
        assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.first_problem);
    }
}

/// A clock that steps an hour moves no deadline and starts no command.
#[test]
fn a_clock_step_of_an_hour_moves_no_deadline() {
    for hour in [-1_i64, 1] {
        let mut world = World::new(31);
        world.run_for(s(10));
        order(&mut world, "U1.p_set", 215.0);
        world.run_for(s(6));
        world.clock.step_utc(hour * 3_600_000_000_000);
        world.run_for(s(40));
        let executed = world.station_entries().iter().filter(|entry| entry.kind == EntryKind::Execute).count();
        assert!((4..=9).contains(&executed), "steps went on at their pace: {executed}");
        let good = world.bridge(SLDC).point("U1.p").map(|(_, quality, _)| quality.validity);
        assert_eq!(good, Some(Validity::Good), "{}", world.told());
    }
}

/// A dead sink is retried, holds nobody up, and gets everything when it comes back.
#[test]
fn a_dead_peer_is_waited_for_and_nothing_else_waits() {
    let mut world = World::new(41);
    world.run_for(s(5));
    world.crash(SLDC);
    world.run_for(s(60));
    let durable = world.receipts.clone();
    world.run_for(s(5));
    assert!(world.receipts.values().max() > durable.values().max(), "the station is still acknowledged");
    world.start(SLDC);
    world.run_for(s(60));
    let waiting = world.bridge(GENCO).status(world.now())["peers"][0]["waiting"].clone();
    assert_eq!(waiting, 0, "everything was delivered");
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.wrong), (0, 0), "{:#?}", verdict.details);
}

/// A sink that lags beyond its limit is parked: its queue is bounded, nobody else waits, and what it missed is told as a gap.
#[test]
fn a_dead_sink_is_parked_and_its_gap_is_told() {
    let mut world = World::tuned(42, Tune { settings: |settings| settings.max_lag = 100, ..Tune::default() });
    world.run_for(s(5));
    let begin = world.now().mono + s(1);
    // Slow enough that the lines are not gathered into few letters.
    world.load(Generator::new(GeneratorKind::Single, singles(&world), begin, Duration::from_millis(500), 600, 42));
    world.cut_wan();
    world.run_for(s(305));
    let waiting = world.bridge(GENCO).status(world.now())["peers"][0]["waiting"].as_u64().expect("a number");
    assert!((90..=110).contains(&waiting), "bounded: {waiting}");
    assert!(world.receipts.values().max() > Some(&300), "the station is acknowledged all the while");
    world.heal_wan();
    world.run_for(s(60));
    let told = |part: &str| world.story.iter().any(|(_, party, line)| *party == GENCO && line.contains(part));
    assert!(told("is parked") && told("no longer parked"), "{}", world.told());
    assert_eq!(world.bridge(GENCO).status(world.now())["peers"][0]["waiting"], 0);
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "the stream has every event all the same: {:#?}", verdict.details);
}

/// After an outage an acknowledgement does not wait behind hundreds of logs: the EMS has its confirmation in time (R15).
#[test]
fn r15_acknowledgements_go_before_a_backlog_of_logs() {
    let mut world = World::new(51);
    world.run_for(s(5));
    let begin = world.now().mono + s(1);
    // Slow enough that each line is a letter.
    world.load(Generator::new(GeneratorKind::Single, singles(&world), begin, Duration::from_millis(1050), 600, 51));
    world.cut_wan();
    world.run_for(s(640));
    world.heal_wan();
    for _ in 0..30 {
        world.run_for(s(1));
        if world.bridge(SLDC).status(world.now())["peers"][0]["heard"] == true {
            break;
        }
    }
    let waiting = world.bridge(GENCO).status(world.now())["peers"][0]["waiting"].as_u64();
    assert!(waiting.is_some_and(|waiting| waiting > 400), "a backlog: {waiting:?}");
    order(&mut world, "U1.p_set", 205.0);
    world.run_for(s(9));
    let confirmed = world.ems_ledger.entries().iter().any(|entry| entry.kind == EntryKind::Confirmed);
    assert!(confirmed, "{}", world.told());
}

/// What a test changes is used: a bridge without permission drives nothing (R14).
#[test]
fn r14_without_permission_nothing_is_driven() {
    let mut world = World::tuned(14, Tune { settings: |settings| settings.control_links.clear(), ..Tune::default() });
    world.run_for(s(8));
    order(&mut world, "U1.p_set", 205.0);
    world.run_for(s(20));
    let executed = world.station_entries().iter().filter(|entry| entry.kind == EntryKind::Execute).count();
    assert_eq!(executed, 0);
    let ended: Vec<String> = world.bridge(SLDC).operations().values().map(|operation| operation.status.clone()).collect();
    assert_eq!(ended, ["REJECTED"]);
}

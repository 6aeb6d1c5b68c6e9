//! What the outstation towards an EMS tells of the system behind it, with the shipped park and the shipped gateway.

use bridge_sim::{EntryKind, Wish};

use super::super::rules::s;
use super::super::world::{SLDC, Tune, World};

fn shipped() -> Tune {
    Tune {
        thermal: |_| include_str!("../../../../cim-profiles/solar-park-dnp3/profile.toml").to_owned(),
        gateway: |_| include_str!("../../../../cim-profiles/ems-gateway-dnp3/profile.toml").to_owned(),
        units: ["plant", "annex"],
        ..Tune::default()
    }
}

/// How often the EMS saw IIN1.5 rise. Only what fell rises again.
fn seen_local(world: &World) -> usize {
    let entries = world.ems_ledger.entries();
    entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Note && entry.text.as_deref().is_some_and(|text| text.contains("LOCAL_CONTROL")))
        .count()
}

/// The EMS reads everything, and so sees the indications of now.
fn look(world: &mut World) -> usize {
    world.run_for(s(5));
    let now = world.now();
    world.ems.handle_wish(Wish::Interrogate, now);
    world.run_for(s(5));
    seen_local(world)
}

/// The relayed controls name what enables them at the plant: its local switch, and its leave.
#[test]
fn a2_r20_local_control_at_the_park_rises_and_falls_at_the_ems() {
    let mut world = World::tuned(1601, shipped());
    world.run_for(s(20));
    let set = |world: &mut World, remote: bool, enabled: bool| {
        let now = world.now();
        world.station.handle_plant(now, |plant, now| {
            plant.handle_remote_switch(0, remote, now);
            plant.handle_remote_enable(0, enabled, now);
        });
        look(world)
    };
    let start = set(&mut world, true, true);
    for (times, remote, enabled) in [(1, false, true), (2, true, false), (3, false, true)] {
        assert_eq!(set(&mut world, remote, enabled), start + times, "it rises, so it had fallen\n{}", world.told());
        assert_eq!(set(&mut world, true, true), start + times, "it falls\n{}", world.told());
    }
    assert!(world.bridge(SLDC).point("plant.remote").is_some_and(|(value, ..)| value.as_f64() > 0.5));
}

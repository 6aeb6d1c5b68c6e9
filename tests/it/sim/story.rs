//! The story of the demonstration, in virtual time.

use std::time::Duration;

use bridge_model::{Action, CommandMode};
use bridge_sim::Wish;

use super::world::World;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn order(world: &mut World, control: &str, mw: f64) {
    let wish = Wish::Command { control: control.to_owned(), action: Action::Set(mw), mode: CommandMode::Direct, life: s(10) };
    let now = world.now();
    world.ems.handle_wish(wish, now);
}

#[test]
fn an_ems_set_point_reaches_the_plant_and_is_followed() {
    let mut world = World::new(1);
    world.run_for(s(10));
    order(&mut world, "U1.p_set", 210.0);
    world.run_for(s(60));
    println!("{}", world.told());
    let verdict = world.verdict();
    assert!(verdict.is_clean(), "{:#?}", verdict.details);
    let ended: Vec<String> = world.bridge(super::world::SLDC).operations().values().map(|operation| operation.status.clone()).collect();
    assert_eq!(ended, ["COMPLETED"]);
}

//! A link's session that was lost by a panic: the new one knows nothing, and is told all of its own link, and no other link anything.

use bridge_model::LinkId;
use bridge_profile::StatusKind;
use bridge_session::{Event, LinkState};
use bridge_sim::{Entry, EntryKind};

use super::rules::{s, status_point};
use super::story::order;
use super::world::{SLDC, Tune, World, protocol};

impl World {
    /// The task of a link fails: its session and its connections are gone, and the runtime makes a new one.
    fn lose_session(&mut self, party: usize, link: LinkId) {
        let now = self.now();
        let node = &mut self.nodes[party];
        let planned = &node.plan.links[link.index()];
        let place = &mut node.links[link.index()];
        for socket in place.wire.sockets().collect::<Vec<_>>() {
            self.net.abort(socket, now.mono);
        }
        place.wire.forget();
        place.session = protocol(&planned.protocol).session(&planned.spec);
        let bridge = node.bridge.as_mut().expect("running");
        bridge.handle_event(link, Event::LinkState(LinkState::Down), now);
        bridge.handle_restarted(link, now);
    }
}

/// The shipped gateway with a point for its own queue, and a second EMS that reads three states.
fn two_links(text: String) -> String {
    let first = "ems = { protocol = \"iec104\", role = \"server\", ca = 1,";
    let up = "  { id = \"genco.up\", from";
    assert!(text.contains(first) && text.contains(up), "the profile's own");
    let second = "ems_b = { protocol = \"iec104\", role = \"server\", ca = 2, zone = \"IST\", on_journal_failure = \"pass\", text = \"a second EMS\" }";
    let queue = "  { id = \"ems.lost\", from = { queue = \"ems\" }, addr = { ioa = 2, ti = \"M_SP_TB_1\" }, class = \"event\" },\n";
    let served = [(1, "U1.bfp_a"), (2, "U1.id_fan"), (3, "U2.bfp_b")]
        .map(|(ioa, id)| format!("  {{ id = \"b.{id}\", point = \"{id}\", addr = {{ ioa = {ioa}, ti = \"M_SP_TB_1\" }} }},\n"));
    let text = text.replacen(first, &format!("{second}\n{first}"), 1).replacen(up, &format!("{queue}{up}"), 1);
    text.replacen(
        "[template.unit]\n",
        &format!("[group.second_served]\non = \"ems_b\"\nserves = [\n{}]\n\n[template.unit]\n", served.concat()),
        1,
    )
}

/// What the EMS was last told of a point since then.
fn since(world: &World, point: &str, from: i64) -> Option<Entry> {
    let of = |entry: &&Entry| matches!(entry.kind, EntryKind::Change | EntryKind::Event) && entry.point == point && entry.t > from;
    world.ems_ledger.entries().iter().rfind(of).cloned()
}

#[test]
fn r15_r19_a_session_that_was_lost_by_a_panic_shows_everything_again() {
    let mut world = World::tuned(1901, Tune { gateway: two_links, ..Tune::default() });
    world.run_for(s(10));
    order(&mut world, "U1.p_set", 260.0);
    world.run_for(s(15));
    let state = status_point(&world, "U1.p_set", StatusKind::State);
    let reason = status_point(&world, "U1.p_set", StatusKind::Reason);
    let uncertain = status_point(&world, "U1.p_set", StatusKind::Uncertain);
    let shown = |world: &World, from: i64| {
        [state.as_str(), &reason, &uncertain, "genco.up", "ems.lost", "U1.state"]
            .map(|point| since(world, point, from).map(|entry| (entry.value, entry.quality)))
    };
    let before = shown(&world, 0);
    assert_eq!(before[0], Some((Some(5.0), Some(0))), "REJECTED\n{}", world.told());
    assert_eq!(before[1], Some((Some(1.0), Some(0))), "ABOVE_MAX\n{}", world.told());
    assert_eq!(before[3], Some((Some(1.0), Some(0))), "the far bridge is reached\n{}", world.told());
    let link = world.nodes[SLDC].plan.link("ems").expect("a link");
    let others = |world: &World| {
        let entries = world.second.as_ref().expect("a second EMS").ledger.entries();
        entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Change | EntryKind::Event)).count()
    };
    let (at, told) = (world.now().utc.0, others(&world));
    world.lose_session(SLDC, link);
    world.run_for(s(8));
    assert_eq!(shown(&world, at), before, "all as it was, and good\n{}", world.told());
    assert_eq!(others(&world), told, "the other EMS was told nothing");
}

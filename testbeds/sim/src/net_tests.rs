use super::{HostId, Lost, Mono, Net, NetEvent, NetOptions, Refused, Socket, Why};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn at(seconds: f64) -> Mono {
    Mono((seconds * 1e9) as u64)
}

struct World {
    net: Net<&'static str>,
    a: HostId,
    b: HostId,
    now: Mono,
    events: Vec<(Mono, NetEvent<&'static str>)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut net = Net::new(seed, NetOptions::default());
        let (a, b) = (net.host("a"), net.host("b"));
        net.listen(b, 2404);
        Self { net, a, b, now: Mono(0), events: Vec::new() }
    }

    /// Runs to `until`, noting every event with its time.
    fn run(&mut self, until: Mono) {
        while let Some(next) = self.net.next_event_at().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            let now = self.now;
            self.events.extend(self.net.poll(now).into_iter().map(|event| (now, event)));
        }
        self.now = until;
    }

    /// A connection that both ends know.
    fn connected(seed: u64) -> (Self, Socket, Socket) {
        let mut world = Self::new(seed);
        let client = world.net.connect(world.a, (world.b, 2404), Mono(0));
        world.run(at(1.0));
        let NetEvent::Accepted { socket, .. } = world.events[0].1 else { panic!("{:?}", world.events) };
        assert_eq!(world.events[1].1, NetEvent::Connected { socket: client });
        world.events.clear();
        (world, client, socket)
    }

    fn received(&self, by: Socket) -> Vec<u8> {
        let mut all = Vec::new();
        for (_, event) in &self.events {
            if let NetEvent::Data { socket, bytes } = event
                && *socket == by
            {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    fn saw(&self, event: &NetEvent<&'static str>) -> bool {
        self.events.iter().any(|(_, seen)| seen == event)
    }

    fn when(&self, wanted: impl Fn(&NetEvent<&'static str>) -> bool) -> Option<Mono> {
        self.events.iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
    }
}

#[test]
fn octets_arrive_all_in_order_in_random_pieces() {
    for seed in 0..20 {
        let (mut world, client, server) = World::connected(seed);
        let sent: Vec<u8> = (0..50_000_u32).map(|i| i as u8).collect();
        for piece in sent.chunks(7_001) {
            world.net.send(client, piece, world.now);
        }
        world.net.close(client, world.now);
        world.run(at(10.0));
        assert_eq!(world.received(server), sent);
        assert_eq!(world.events.last().map(|(_, event)| event), Some(&NetEvent::Closed { socket: server }));
        assert!(world.events.len() > 35);
        world.net.close(server, world.now);
        world.run(at(20.0));
        assert!(world.net.conns.is_empty(), "an orderly close leaves nothing behind");
        assert!(world.net.next_event_at().is_none_or(|next| next > at(20.0)));
    }
}

#[test]
fn latency_lies_between_its_bounds() {
    let (mut world, client, server) = World::connected(1);
    world.net.send(client, b"x", world.now);
    let sent = world.now;
    world.run(at(2.0));
    let took = world.when(|event| matches!(event, NetEvent::Data { socket, .. } if *socket == server)).expect("arrived").since(sent);
    assert!((Duration::from_millis(10)..=Duration::from_millis(15)).contains(&took), "{took:?}");
}

#[test]
fn a_cut_holds_octets_in_the_senders_buffer_until_after_the_heal() {
    let (mut world, client, server) = World::connected(2);
    world.net.cut(world.a, world.b);
    world.net.send(client, b"held", world.now);
    world.run(at(9.0));
    assert_eq!(world.events, []);
    assert_eq!(world.net.unacknowledged(client), 4);
    world.net.heal(world.a, world.b);
    world.run(at(60.0));
    assert_eq!(world.received(server), b"held");
    assert_eq!(world.net.unacknowledged(client), 0);
    // Sent at 1 s; retransmissions after 0.2, 0.6, 1.4, 3.0, 6.2, 12.6 s: the next one after the heal is at 13.6 s.
    let arrived = world.when(|event| matches!(event, NetEvent::Data { .. })).expect("arrived");
    assert!((at(13.6)..at(13.62)).contains(&arrived), "{arrived:?}");
}

#[test]
fn a_lost_acknowledgement_leaves_the_sender_in_doubt_and_delivers_once() {
    let (mut world, client, server) = World::connected(3);
    world.net.cut_one_way(world.b, world.a);
    world.net.send(client, b"executed", world.now);
    world.run(at(5.0));
    assert_eq!(world.received(server), b"executed");
    assert_eq!(world.net.unacknowledged(client), 8, "the sender cannot know");
    world.net.heal(world.a, world.b);
    world.run(at(60.0));
    assert_eq!(world.received(server), b"executed", "retransmissions are not delivered again");
    assert_eq!(world.net.unacknowledged(client), 0);
}

#[test]
fn r05_the_user_timeout_ends_the_connection_and_its_octets() {
    let (mut world, client, server) = World::connected(4);
    world.net.cut(world.a, world.b);
    world.net.set_user_timeout(client, Some(Duration::from_secs(3)));
    world.net.send(client, b"too late", world.now);
    world.run(at(20.0));
    assert_eq!(world.events, [(at(4.0), NetEvent::Reset { socket: client, why: Why::UserTimeout })]);
    world.net.heal(world.a, world.b);
    world.run(at(300.0));
    assert_eq!(world.received(server), b"");
    // The far end learns of it when it speaks.
    world.net.send(server, b"hello?", world.now);
    world.run(at(301.0));
    assert!(world.saw(&NetEvent::Reset { socket: server, why: Why::ByPeer }));
}

#[test]
fn a_user_timeout_shortened_while_octets_wait_counts_from_their_sending() {
    let (mut world, client, _) = World::connected(5);
    world.net.cut(world.a, world.b);
    world.net.send(client, b"x", world.now);
    world.run(at(3.0));
    world.net.set_user_timeout(client, Some(Duration::from_millis(2500)));
    world.run(at(10.0));
    assert_eq!(world.events, [(at(3.5), NetEvent::Reset { socket: client, why: Why::UserTimeout })]);
}

#[test]
fn r05_an_abort_drops_what_was_not_yet_on_its_way() {
    let (mut world, client, server) = World::connected(6);
    world.net.cut(world.a, world.b);
    world.net.send(client, b"never", world.now);
    world.run(at(2.0));
    world.net.abort(client, world.now);
    world.net.heal(world.a, world.b);
    world.run(at(400.0));
    assert_eq!(world.events, [], "the RST fell into the cut, the octets died with the buffer");
    world.net.send(server, b"?", world.now);
    world.run(at(401.0));
    assert!(world.saw(&NetEvent::Reset { socket: server, why: Why::ByPeer }));
}

#[test]
fn an_abort_comes_after_what_is_already_on_its_way() {
    let (mut world, client, server) = World::connected(7);
    world.net.send(client, b"first", world.now);
    world.net.abort(client, world.now);
    world.run(at(2.0));
    assert_eq!(world.received(server), b"first");
    assert_eq!(world.events.last().map(|(_, event)| event), Some(&NetEvent::Reset { socket: server, why: Why::ByPeer }));
}

#[test]
fn octets_to_a_closed_end_are_answered_with_reset() {
    let (mut world, client, server) = World::connected(8);
    world.net.close(server, world.now);
    world.run(at(2.0));
    assert!(world.saw(&NetEvent::Closed { socket: client }));
    world.net.send(client, b"anyone?", world.now);
    world.run(at(3.0));
    assert!(world.saw(&NetEvent::Reset { socket: client, why: Why::ByPeer }));
}

#[test]
fn a_forged_reset_hits_both_ends_even_when_cut() {
    let (mut world, client, server) = World::connected(9);
    world.net.cut(world.a, world.b);
    world.net.reset(client.conn, world.now);
    world.run(at(2.0));
    for socket in [client, server] {
        assert!(world.saw(&NetEvent::Reset { socket, why: Why::ByPeer }));
    }
}

#[test]
fn a_connection_attempt_is_refused_times_out_or_gets_through_after_a_heal() {
    let mut world = World::new(10);
    let refused = world.net.connect(world.a, (world.b, 1), Mono(0));
    world.run(at(1.0));
    assert!(world.saw(&NetEvent::Refused { socket: refused, why: Refused::Refused }));

    world.net.cut(world.a, world.b);
    let lost = world.net.connect(world.a, (world.b, 2404), world.now);
    world.run(at(30.0));
    assert_eq!(world.when(|event| *event == NetEvent::Refused { socket: lost, why: Refused::TimedOut }), Some(at(11.0)));

    let late = world.net.connect(world.a, (world.b, 2404), world.now);
    world.run(at(32.0));
    world.net.heal(world.a, world.b);
    world.run(at(40.0));
    assert_eq!(world.when(|event| *event == NetEvent::Connected { socket: late }).map(|t| t.0 / SECOND), Some(33));

    world.net.refuse(world.b, true);
    let refused = world.net.connect(world.a, (world.b, 2404), world.now);
    world.run(at(41.0));
    assert!(world.saw(&NetEvent::Refused { socket: refused, why: Refused::Refused }));
}

#[test]
fn a_killed_process_still_delivers_and_a_dead_machine_does_not() {
    let (mut world, client, server) = World::connected(11);
    world.net.send(client, b"last words", world.now);
    world.net.exit(world.a, world.now);
    world.run(at(2.0));
    assert_eq!(world.received(server), b"last words");
    assert!(world.saw(&NetEvent::Closed { socket: server }));

    let (mut world, client, server) = World::connected(11);
    world.net.send(client, b"last words", world.now);
    world.net.power_off(world.a);
    world.run(at(20.0));
    assert_eq!(world.events, []);
    world.net.power_on(world.a);
    world.net.send(server, b"?", world.now);
    world.run(at(21.0));
    assert!(world.saw(&NetEvent::Reset { socket: server, why: Why::ByPeer }));
}

#[test]
fn a_request_gets_its_reply_and_a_cut_loses_either() {
    let mut world = World::new(12);
    let id = world.net.request(world.a, world.b, "dispatch", Mono(0));
    world.run(at(0.1));
    assert!(world.saw(&NetEvent::Request { id, from: world.a, to: world.b, payload: "dispatch" }));
    world.net.reply(id, "ack", world.now);
    world.run(at(20.0));
    let seen: Vec<_> = world.events.iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(seen[1..], [NetEvent::Reply { id, to: world.a, payload: "ack" }], "and no time-out afterwards");

    // The request arrives, its reply does not: processed, but the sender cannot know.
    world.events.clear();
    let id = world.net.request(world.a, world.b, "again", world.now);
    world.run(at(20.1));
    world.net.cut(world.a, world.b);
    world.net.reply(id, "ack", world.now);
    world.run(at(40.0));
    assert!(world.saw(&NetEvent::Request { id, from: world.a, to: world.b, payload: "again" }));
    assert_eq!(world.events.last(), Some(&(at(25.0), NetEvent::Unreachable { id, to: world.a, why: Lost::TimedOut })));

    // The request itself is lost.
    world.events.clear();
    let id = world.net.request(world.a, world.b, "lost", world.now);
    world.run(at(60.0));
    assert_eq!(world.events, [(at(45.0), NetEvent::Unreachable { id, to: world.a, why: Lost::TimedOut })]);
}

#[test]
fn a_server_that_ends_tells_who_waits_and_refuses_who_comes() {
    let mut world = World::new(13);
    let waiting = world.net.request(world.a, world.b, "1", Mono(0));
    world.run(at(0.1));
    world.net.exit(world.b, world.now);
    let refused = world.net.request(world.a, world.b, "2", world.now);
    world.run(at(1.0));
    assert!(world.saw(&NetEvent::Unreachable { id: waiting, to: world.a, why: Lost::Reset }));
    assert!(world.saw(&NetEvent::Unreachable { id: refused, to: world.a, why: Lost::Refused }));
}

#[test]
fn same_seed_same_trace() {
    let run = |seed: u64| {
        let (mut world, client, server) = World::connected(seed);
        world.net.send(client, &[7; 9_000], world.now);
        world.net.send(server, &[8; 9_000], world.now);
        world.net.cut(world.a, world.b);
        world.run(at(3.0));
        world.net.heal(world.a, world.b);
        world.run(at(30.0));
        assert_eq!(world.received(server).len(), 9_000, "{seed}");
        assert_eq!(world.received(client).len(), 9_000, "{seed}");
        world.net.trace()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

//! Connecting, listening, reconnecting, latency.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bridge_engine::shell::{BACKOFF_FIRST, CONNECT_TIMEOUT, CONNECTIONS_PER_PEER, Endpoint};
use bridge_engine::{LocalWish, Output};
use bridge_model::LinkId;
use bridge_session::{Event, Inbound, LinkState, Outbound, Request, SinkId, StreamEvent, SubscriberId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::kit::{Peer, SOON, Told, Toy, ack, connect, free, link, listen, listener, start, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_is_acknowledged_when_it_is_durable_and_not_before() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(3, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    rig.disk.shut(true);
    peer.send(b"f").await;
    until("the frame arrives", || rig.book.frames(3) == [(1, 1, b'f')]).await;
    peer.silent_for(Duration::from_millis(100)).await;
    rig.disk.shut(false);
    peer.expect(&ack(1)).await;
    rig.ask(Output::Link { link: LinkId(3), request: Request::Interrogate });
    peer.expect(b"I").await;
    drop(peer);
    let down = Event::LinkState(LinkState::Down);
    until("the loss is told", || rig.book.events(3) == [Event::LinkState(LinkState::Connected), down.clone()]).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_come_after_growing_waits_and_go_on_until_somebody_listens() {
    let addr = free().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    let mut at = Vec::new();
    for _ in 0..4 {
        let peer = Peer::accept(&listener).await;
        at.push(Instant::now());
        drop(peer);
    }
    let waits: Vec<Duration> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The refused first attempt took the first wait already.
    for (round, wait) in waits.iter().enumerate() {
        let nominal = BACKOFF_FIRST * (2 << round);
        assert!(*wait > nominal * 3 / 4 && *wait < nominal * 2, "{waits:?}");
    }
    rig.stop().await;
}

/// A refusal may be faster than the end of the connecting.
async fn refusal(connected: std::io::Result<TcpStream>) -> Result<usize, ErrorKind> {
    match connected {
        Ok(stream) => Peer(stream).end().await,
        Err(error) => Err(error.kind()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_admits_only_allowed_peers_and_only_so_many_connections() {
    let addr = free().await;
    let rig = start(vec![link(0, listen(addr), Toy::default)]);
    let mut first = Peer::connect(addr).await;
    first.send(b"P").await;
    first.expect(b"p").await;

    let stranger = TcpSocket::new_v4().unwrap();
    stranger.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    assert_eq!(refusal(stranger.connect(addr).await).await, Err(ErrorKind::ConnectionReset));

    let mut others = Vec::new();
    for _ in 1..CONNECTIONS_PER_PEER {
        others.push(Peer::connect(addr).await);
    }
    let mut last = others.pop().unwrap();
    last.send(b"P").await;
    last.expect(b"p").await;
    assert_eq!(refusal(TcpStream::connect(addr).await).await, Err(ErrorKind::ConnectionReset));
    let admitted = vec![Event::LinkState(LinkState::Connected); CONNECTIONS_PER_PEER];
    until("the admitted are told", || rig.book.events(0) == admitted).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r19_a_session_that_takes_more_connections_has_them_and_one_beyond_is_refused_and_told() {
    const MOST: usize = CONNECTIONS_PER_PEER + 2;
    let addr = free().await;
    let rig = start(vec![link(0, listen(addr), || Toy::with_most(MOST))]);
    let mut peers = Vec::new();
    for _ in 0..MOST {
        peers.push(Peer::connect(addr).await);
    }
    let connected = Event::LinkState(LinkState::Connected);
    until("all are admitted", || rig.book.events(0) == vec![connected.clone(); MOST]).await;
    // The toy speaks on its newest connection.
    for beyond in 1..=2 {
        assert_eq!(refusal(TcpStream::connect(addr).await).await, Err(ErrorKind::ConnectionReset));
        until("the refusal is told", || rig.book.security(0).len() == beyond).await;
        assert!(rig.book.says(0, &["127.0.0.1", "refused", "6 connections open already"]), "{:?}", rig.book.security(0));
        let newest = peers.last_mut().unwrap();
        newest.send(b"P").await;
        newest.expect(b"p").await;
    }
    for peer in &mut peers {
        peer.silent_for(Duration::from_millis(20)).await;
    }
    assert_eq!(rig.book.events(0).len(), MOST, "the session hears nothing of those refused");
    // A place that becomes free is given again.
    drop(peers.remove(0));
    let mut again = loop {
        let mut peer = Peer::connect(addr).await;
        peer.0.write_all(b"P").await.ok();
        if peer.0.read_u8().await.is_ok() {
            break peer;
        }
    };
    again.send(b"P").await;
    again.expect(b"p").await;
    rig.stop().await;
}

/// A listener on loopback that answers no further SYN, with what fills it.
async fn black_hole() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(addr)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 64, "the backlog never fills");
    }
    (listener, addr, waiting)
}

/// The local ports of attempts to connect to an address that nobody answered yet, as the kernel sees them; it may list one of them twice
/// when the table changes while it is read.
fn attempts_under_way(to: SocketAddr) -> BTreeSet<String> {
    const SYN_SENT: &str = "02";
    let remote = format!("0100007F:{:04X}", to.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(2) == Some(&remote.as_str()) && row.get(3) == Some(&SYN_SENT)).map(|row| row[1].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r08_an_attempt_that_nobody_answers_ends_after_t0_and_the_next_one_begins() {
    const T0: Duration = Duration::from_millis(500);
    let (listener, addr, mut waiting) = black_hole().await;
    until("the probe that found it full is gone", || attempts_under_way(addr).is_empty()).await;
    let rig = start(vec![link(0, connect(addr), || Toy::with_patience(T0))]);
    let began = Instant::now();
    let mut seen: Vec<(String, Instant)> = Vec::new();
    while seen.len() < 3 {
        assert!(began.elapsed() < CONNECT_TIMEOUT / 2, "t0 has no effect: {seen:?}");
        let under_way = attempts_under_way(addr);
        assert!(under_way.len() <= 1, "one attempt at a time: {under_way:?}");
        for port in under_way {
            if !seen.iter().any(|(known, _)| *known == port) {
                seen.push((port, Instant::now()));
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The kernel itself would ask again after a second, and give up after minutes.
    let apart: Vec<Duration> = seen.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    assert!(apart.iter().all(|apart| *apart > BACKOFF_FIRST * 3 / 2), "the rest alone lies between them, no t0: {apart:?}");
    assert!(rig.book.events(0).is_empty(), "the session hears of connections, not of attempts");
    // As soon as somebody takes connections the next attempt succeeds.
    let mut ours = loop {
        let (stream, from) = tokio::time::timeout(SOON, listener.accept()).await.expect("somebody connects").unwrap();
        match waiting.iter().position(|fill| fill.local_addr().unwrap() == from) {
            Some(at) => drop(waiting.remove(at)),
            None => break Peer(stream),
        }
    };
    ours.send(b"P").await;
    ours.expect(b"p").await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_waits_for_its_port() {
    let (taken, addr) = listener().await;
    let rig = start(vec![link(0, listen(addr), Toy::default)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(taken);
    let mut peer = Peer::connect(addr).await;
    peer.send(b"P").await;
    peer.expect(b"p").await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_from_socket_to_engine_and_back_is_short() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    let mut pings = Vec::new();
    let mut receipts = Vec::new();
    for round in 0..200_u8 {
        let began = Instant::now();
        peer.send(b"P").await;
        peer.expect(b"p").await;
        pings.push(began.elapsed());
        let began = Instant::now();
        peer.send(b"f").await;
        peer.expect(&ack(round + 1)).await;
        receipts.push(began.elapsed());
        if round % 10 == 0 {
            // An idle link, not a spinning one.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    pings.sort();
    receipts.sort();
    println!("ping {:?} / {:?}, receipt {:?} / {:?} (median / 95 %)", pings[100], pings[190], receipts[100], receipts[190]);
    assert!(pings[100] < Duration::from_millis(2) && receipts[100] < Duration::from_millis(5), "{:?} {:?}", pings[100], receipts[100]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_connections_in_order_and_gives_the_engine_back() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    peer.send(b"f").await;
    peer.expect(&ack(1)).await;
    let clerk = rig.stop().await;
    assert_eq!(peer.end().await, Ok(0));
    assert_eq!(clerk.book.events(0).last(), Some(&Event::LinkState(LinkState::Down)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_run_ends_its_links_too() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    rig.running.abort();
    assert_eq!(peer.end().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wishes_stories_and_the_ies_side_pass_through() {
    let mut rig = start(vec![]);
    let (answer, answered) = oneshot::channel();
    rig.local.send((LocalWish::Status, answer)).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, answered).await.unwrap().unwrap(), "Status");
    rig.ask(Output::Story("once upon a time".to_owned()));
    until("the story is told", || *rig.story.lock().unwrap() == ["once upon a time"]).await;

    // Far more than the channel holds, both ways at once: nothing waits for anything, nothing is lost, nothing changes places.
    for n in 0..1000 {
        rig.ask(Output::North(Outbound::End(SubscriberId(n))));
    }
    let inbound = |n| Inbound::Stream(StreamEvent::Opened(SinkId(n)));
    for n in 0..1000 {
        tokio::time::timeout(SOON, rig.north_in.send(inbound(n))).await.expect("the engine goes on taking").unwrap();
    }
    for n in 0..1000 {
        let message = tokio::time::timeout(SOON, rig.north_out.recv()).await.expect("in time");
        assert_eq!(message, Some(Outbound::End(SubscriberId(n))));
    }
    let expected: Vec<Told> = (0..1000).map(|n| Told::North(inbound(n))).collect();
    assert_eq!(*rig.book.told.lock().unwrap(), expected);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_choose_its_address() {
    let (listener, addr) = listener().await;
    let local = "127.0.0.3".parse().unwrap();
    let rig = start(vec![link(0, Endpoint::Connect { to: vec![addr], bind: Some(local), tls: None }, Toy::default)]);
    let peer = Peer::accept(&listener).await;
    assert_eq!(peer.0.peer_addr().unwrap().ip(), local);
    rig.stop().await;
}

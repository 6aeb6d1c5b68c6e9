//! Connecting, listening, reconnecting, latency.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bridge_engine::shell::{BACKOFF_FIRST, CONNECTIONS_PER_PEER, Endpoint};
use bridge_engine::{LocalWish, Output};
use bridge_model::LinkId;
use bridge_session::{Event, Inbound, LinkState, Outbound, Request, SinkId, StreamEvent, SubscriberId};
use tokio::net::{TcpSocket, TcpStream};
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

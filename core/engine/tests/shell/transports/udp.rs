//! One socket, and each peer a channel.

use std::net::SocketAddr;
use std::time::Duration;

use bridge_engine::Output;
use bridge_engine::shell::{Endpoint, SECURITY_BURST, UDP_PEERS, UdpPeers};
use bridge_model::LinkId;
use bridge_session::{Event, LinkState, Request};
use tokio::net::UdpSocket;

use crate::kit::{SOON, Toy, ack, link, start, until};

const UP: Event = Event::LinkState(LinkState::Connected);
const DOWN: Event = Event::LinkState(LinkState::Down);

async fn socket(at: &str) -> UdpSocket {
    UdpSocket::bind(format!("{at}:0")).await.unwrap()
}

/// An address that nobody has.
async fn free() -> SocketAddr {
    socket("127.0.0.1").await.local_addr().unwrap()
}

fn client(bind: SocketAddr, peer: &UdpSocket) -> Endpoint {
    Endpoint::Udp { bind, peers: UdpPeers::One(peer.local_addr().unwrap()) }
}

fn server(bind: SocketAddr, first: Option<SocketAddr>) -> Endpoint {
    Endpoint::Udp { bind, peers: UdpPeers::Any { allow: vec!["127.0.0.1".parse().unwrap()], first } }
}

/// The next datagram is this one.
async fn expect(peer: &UdpSocket, from: SocketAddr, bytes: &[u8]) {
    let mut buffer = [0; 2048];
    let (count, sender) = tokio::time::timeout(SOON, peer.recv_from(&mut buffer)).await.expect("a datagram in time").unwrap();
    assert_eq!((&buffer[..count], sender), (bytes, from));
}

/// Asks until there is an answer: before the link's socket is there, datagrams go nowhere.
async fn ping(peer: &UdpSocket, to: SocketAddr) {
    let mut buffer = [0; 64];
    for _ in 0..1000 {
        peer.send_to(b"P", to).await.unwrap();
        if let Ok(got) = tokio::time::timeout(Duration::from_millis(20), peer.recv_from(&mut buffer)).await {
            assert_eq!((got.unwrap(), buffer[0]), ((1, to), b'p'));
            return;
        }
    }
    panic!("no answer from {to}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_speaks_first_and_what_it_says_at_once_is_one_datagram() {
    let (peer, local) = (socket("127.0.0.1").await, free().await);
    let rig = start(vec![link(0, client(local, &peer), Toy::of_datagrams)]);
    until("the channel is open", || rig.book.events(0) == [UP]).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Interrogate });
    expect(&peer, local, b"I").await;
    peer.send_to(b"PPP", local).await.unwrap();
    expect(&peer, local, b"ppp").await;
    // Receipts as everywhere.
    rig.disk.shut(true);
    peer.send_to(b"f", local).await.unwrap();
    until("the frame arrives", || rig.book.frames(0) == [(1, 1, b'f')]).await;
    rig.disk.shut(false);
    expect(&peer, local, &ack(1)).await;
    // An empty datagram is no end.
    peer.send_to(b"", local).await.unwrap();
    peer.send_to(b"P", local).await.unwrap();
    expect(&peer, local, b"p").await;
    assert_eq!(rig.book.events(0), [UP]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_answers_each_peer_on_a_channel_of_its_own() {
    let (one, two, local) = (socket("127.0.0.1").await, socket("127.0.0.1").await, free().await);
    let rig = start(vec![link(0, server(local, None), Toy::of_datagrams)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(rig.book.events(0).is_empty(), "there is nobody to speak to yet");
    ping(&one, local).await;
    ping(&two, local).await;
    until("each peer is a channel", || rig.book.events(0) == [UP, UP]).await;
    for _ in 0..20 {
        for (peer, said) in [(&one, b"PP".as_slice()), (&two, b"P"), (&one, b"PPP")] {
            peer.send_to(said, local).await.unwrap();
            expect(peer, local, &said.to_ascii_lowercase()).await;
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peers_of_a_socket_are_bounded_and_the_others_go_on() {
    let (known, local) = (socket("127.0.0.1").await, free().await);
    let rig = start(vec![link(0, server(local, None), Toy::of_datagrams)]);
    ping(&known, local).await;
    let mut others = Vec::new();
    for _ in 0..UDP_PEERS - 1 {
        let other = socket("127.0.0.1").await;
        ping(&other, local).await;
        others.push(other);
    }
    let beyond = socket("127.0.0.1").await;
    beyond.send_to(b"P", local).await.unwrap();
    let from = beyond.local_addr().unwrap().to_string();
    until("it is told", || rig.book.says(0, &[&from, "peers speak already"])).await;
    ping(&known, local).await;
    assert_eq!(rig.book.events(0).len(), UDP_PEERS, "a channel each, and none for one more");
    // One that leaves makes room.
    others[0].send_to(b"Q", local).await.unwrap();
    expect(&others[0], local, b"bye").await;
    ping(&beyond, local).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_knows_its_peer_speaks_before_it_is_asked() {
    let (configured, other, local) = (socket("127.0.0.1").await, socket("127.0.0.1").await, free().await);
    let rig = start(vec![link(0, server(local, configured.local_addr().ok()), Toy::of_datagrams)]);
    until("the channel is open", || rig.book.events(0) == [UP]).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Interrogate });
    expect(&configured, local, b"I").await;
    ping(&other, local).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_of_strangers_are_dropped_and_told_at_a_bounded_rate() {
    let (peer, local) = (socket("127.0.0.1").await, free().await);
    let stranger = socket("127.0.0.2").await;
    // Before the channel is open, too.
    let rig = start(vec![link(0, server(local, None), Toy::of_datagrams)]);
    for _ in 0..100 {
        stranger.send_to(b"!", local).await.ok();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until("it is told", || rig.book.says(0, &["a datagram of 127.0.0.2", "is no peer of this link"])).await;
    assert!(rig.book.events(0).is_empty(), "a stranger opens nothing");
    ping(&peer, local).await;
    for _ in 0..1000 {
        stranger.send_to(b"!", local).await.unwrap();
    }
    ping(&peer, local).await;
    let told = rig.book.security(0).len();
    assert!((1..=SECURITY_BURST as usize + 1).contains(&told), "{told}");
    assert_eq!(rig.book.events(0), [UP], "none of them reached the session: it would have panicked");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_hears_its_peer_from_the_peers_own_port_only() {
    let (peer, impostor, local) = (socket("127.0.0.1").await, socket("127.0.0.1").await, free().await);
    let rig = start(vec![link(0, client(local, &peer), Toy::of_datagrams)]);
    ping(&peer, local).await;
    impostor.send_to(b"!", local).await.unwrap();
    let from = impostor.local_addr().unwrap().to_string();
    until("it is told", || rig.book.says(0, &[&from, "dropped"])).await;
    ping(&peer, local).await;
    assert_eq!(rig.book.events(0), [UP]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_its_session_closes_or_that_panics_opens_again() {
    let (peer, local) = (socket("127.0.0.1").await, free().await);
    let rig = start(vec![link(0, client(local, &peer), Toy::of_datagrams)]);
    ping(&peer, local).await;
    peer.send_to(b"Q", local).await.unwrap();
    expect(&peer, local, b"bye").await;
    until("it is back", || rig.book.events(0) == [UP, DOWN, UP]).await;
    peer.send_to(b"!", local).await.unwrap();
    until("it is back", || rig.book.events(0) == [UP, DOWN, UP, DOWN, UP]).await;
    ping(&peer, local).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_waits_for_its_port_and_a_peer_that_is_away_ends_nothing() {
    let taken = socket("127.0.0.1").await;
    let (local, nobody) = (taken.local_addr().unwrap(), free().await);
    let endpoint = Endpoint::Udp { bind: local, peers: UdpPeers::One(nobody) };
    let rig = start(vec![link(0, endpoint, Toy::of_datagrams)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(rig.book.events(0).is_empty());
    drop(taken);
    until("the channel is open", || rig.book.events(0) == [UP]).await;
    for _ in 0..3 {
        rig.ask(Output::Link { link: LinkId(0), request: Request::Interrogate });
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let peer = UdpSocket::bind(nobody).await.unwrap();
    ping(&peer, local).await;
    assert_eq!(rig.book.events(0), [UP]);
    rig.stop().await;
}

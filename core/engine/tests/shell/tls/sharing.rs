//! Several links behind one port, and several lines of one link (rows 20 and 63 of the 104 table want a transport).

use std::net::SocketAddr;
use std::time::Duration;

use bridge_engine::shell::{Allowed, Endpoint, Second};
use bridge_session::{Event, LinkState};
use tokio::net::{TcpSocket, TcpStream};

use super::good::listen;
use super::papers::{Town, files};
use super::peers::{TLS12, TLS13, TlsPeer};
use crate::kit::{Peer, Toy, free, link, listener, start, until};

const UP: Event = Event::LinkState(LinkState::Connected);

async fn call_from(local: &str, to: SocketAddr) -> std::io::Result<Peer> {
    let began = std::time::Instant::now();
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
        match socket.connect(to).await {
            // Nobody listens yet.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused && began.elapsed() < crate::kit::SOON => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            connected => return connected.map(Peer),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r20_two_masters_on_one_port_reach_their_own_links_by_address() {
    let addr = free().await;
    let to = |ip: &str| Endpoint::listen(addr, vec![ip.parse().unwrap()]);
    let rig = start(vec![link(0, to("127.0.0.2"), Toy::default), link(1, to("127.0.0.3"), Toy::default)]);
    let mut first = call_from("127.0.0.2", addr).await.unwrap();
    let mut second = call_from("127.0.0.3", addr).await.unwrap();
    for peer in [&mut first, &mut second] {
        peer.send(b"P").await;
        peer.expect(b"p").await;
    }
    until("each link has its master", || (rig.book.events(0), rig.book.events(1)) == (vec![UP], vec![UP])).await;
    // A stranger, told once.
    let stranger = call_from("127.0.0.4", addr).await;
    if let Ok(mut stranger) = stranger {
        assert!(stranger.end().await.is_err());
    }
    until("it is told", || rig.book.says(0, &["127.0.0.4", "is not in `allow`"])).await;
    // A link that panics comes back behind the same port; the other never notices.
    first.send(b"!").await;
    assert!(first.end().await.is_err());
    let began = std::time::Instant::now();
    loop {
        // Reset while the link is away.
        if let Ok(mut again) = call_from("127.0.0.2", addr).await
            && tokio::io::AsyncWriteExt::write_all(&mut again.0, b"P").await.is_ok()
        {
            let mut answer = [0];
            let read = tokio::io::AsyncReadExt::read_exact(&mut again.0, &mut answer);
            if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(300), read).await {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() < crate::kit::SOON, "the link does not come back");
    }
    second.send(b"P").await;
    second.expect(b"p").await;
    assert_eq!(rig.book.events(1), [UP]);
    rig.stop().await;
    assert_eq!(second.end().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r20_two_masters_on_one_port_reach_their_own_links_by_certificate() {
    let (town, addr) = (Town::new(), free().await);
    let (second, third, fourth) = (town.authority.issue("ems-2", 2), town.authority.issue("ems-3", 3), town.authority.issue("ems-4", 4));
    let roots = &town.authority.pem;
    let subject = |name: &str| Allowed::subject(&format!("CN={name},O=Genco")).unwrap();
    let of_first = files(&town.folder, "server", &town.server, roots, &[&town.client.fingerprint, &subject("ems-4")]);
    let of_second = files(&town.folder, "server", &town.server, roots, &[&subject("ems-2"), &fourth.fingerprint]);
    let rig = start(vec![link(0, listen(addr, of_first), Toy::default), link(1, listen(addr, of_second), Toy::default)]);
    let mut one = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    let mut two = TlsPeer::call(addr, Some(&second), &[TLS12]).await.unwrap();
    one.ping().await;
    two.ping().await;
    let told = |name: &str| vec![UP, Event::Refused { what: format!("the peer is {name}") }];
    until("each link has its master", || (rig.book.events(0), rig.book.events(1)) == (told("ems-1"), told("ems-2"))).await;
    assert!(TlsPeer::call(addr, Some(&third), &[TLS12]).await.is_err());
    until("a stranger is told", || rig.book.says(0, &["CN=ems-3", "is not in `allow`"])).await;
    // On both lists: nobody can say whose it is.
    if let Ok(mut both) = TlsPeer::call(addr, Some(&fourth), &[TLS12]).await {
        assert_ne!(both.lament().await, "");
    }
    until("it is told", || rig.book.says(0, &["2 links on 127.0.0.1:", "allow it", "disjoint"])).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_keeps_a_connection_to_each_of_its_addresses() {
    let ((first, one), (second, two)) = (listener().await, listener().await);
    let both = Endpoint::Connect { to: vec![one, two], bind: None, tls: None };
    let rig = start(vec![link(0, both, Toy::default)]);
    let (mut a, b) = (Peer::accept(&first).await, Peer::accept(&second).await);
    until("both are told", || rig.book.events(0).len() == 2).await;
    // One line falls and comes back by itself; the other is not touched.
    drop(b);
    let mut b = Peer::accept(&second).await;
    b.send(b"P").await;
    b.expect(b"p").await;
    a.silent_for(Duration::from_millis(50)).await;
    // A line that nobody answers keeps the other from nothing.
    drop((b, second));
    a.silent_for(Duration::from_millis(600)).await;
    assert!(TcpStream::connect(two).await.is_err());
    rig.stop().await;
    assert_eq!(a.end().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_r16_a_dual_end_point_proves_its_peer_whoever_calls() {
    let (town, (listener, to), here) = (Town::new(), listener().await, free().await);
    let dual =
        |tls| Endpoint::Dual { to: vec![to], listen: here, allow: vec![here.ip()], second: Second::Replace, tls: Some(Box::new(tls)) };
    let rig = start(vec![link(0, dual(town.client_files()), Toy::default)]);
    let mut answers = TlsPeer::answer(&listener, &town.server, &[TLS13]).await.unwrap();
    answers.ping().await;
    // Whoever is not on the list pushes nobody out.
    if let Ok(mut stranger) = TlsPeer::call(here, Some(&town.client), &[TLS12]).await {
        assert!(stranger.end().await.is_err());
    }
    until("it is told", || rig.book.says(0, &["refused"])).await;
    answers.ping().await;
    let mut calls = TlsPeer::call(here, Some(&town.server), &[TLS12]).await.unwrap();
    calls.ping().await;
    assert_eq!(answers.end().await, Err(std::io::ErrorKind::ConnectionReset));
    rig.stop().await;
}

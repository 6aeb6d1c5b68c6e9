//! Those who should reach each other do.

use std::io::ErrorKind;
use std::time::Duration;

use bridge_engine::shell::{Allow, Allowed, Endpoint, Tls, TlsVersion};
use bridge_session::{Event, LinkState};

use super::papers::Town;
use super::peers::{TLS12, TLS13, TlsPeer};
use crate::kit::{Toy, free, link, listener, start, until};

pub(crate) fn listen(addr: std::net::SocketAddr, tls: Tls) -> Endpoint {
    Endpoint::listen(addr, vec![addr.ip()]).with_tls(tls)
}

pub(crate) fn connect(addr: std::net::SocketAddr, tls: Tls) -> Endpoint {
    Endpoint::connect(addr).with_tls(tls)
}

fn peer_is(name: &str) -> Event {
    Event::Refused { what: format!("the peer is {name}") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_a_peer_is_served_in_tls_12_and_13_and_its_name_reaches_the_session() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    for versions in [[TLS12], [TLS13]] {
        let mut peer = TlsPeer::call(addr, Some(&town.client), &versions).await.unwrap();
        peer.ping().await;
        peer.send(b"Q").await;
        peer.expect(b"bye").await;
        assert_eq!(peer.end().await, Ok(0), "a goodbye of TLS before the end");
    }
    until("both sessions are told", || rig.book.events(0).iter().filter(|event| **event == Event::LinkState(LinkState::Down)).count() == 2)
        .await;
    assert!(rig.book.events(0).contains(&peer_is("ems-1")));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_a_station_is_called_in_tls_12_and_13_by_name_or_by_list() {
    let town = Town::new();
    let by_list = town.client_files();
    let by_subject =
        Tls { allow: Allow { entries: vec![Allowed::subject("O=Genco,CN=rtu-7").unwrap()], file: None }, ..town.client_files() };
    let by_name = Tls { allow: Allow::default(), server_name: Some("rtu-7.example".to_owned()), ..town.client_files() };
    let by_address = Tls { allow: Allow::default(), server_name: Some("127.0.0.1".to_owned()), ..town.client_files() };
    for (tls, version) in [(by_list, TLS12), (by_subject, TLS13), (by_name, TLS12), (by_address, TLS13)] {
        let (listener, addr) = listener().await;
        let rig = start(vec![link(0, connect(addr, tls), Toy::default)]);
        let mut peer = TlsPeer::answer(&listener, &town.server, &[version]).await.unwrap();
        assert!(Allowed::Fingerprint(peer.sees()) == town.client.fingerprint, "we show our certificate too");
        peer.ping().await;
        until("the session is told", || rig.book.events(0).contains(&peer_is("rtu-7"))).await;
        rig.stop().await;
        assert_eq!(peer.end().await, Ok(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_two_bridges_find_each_other_and_frames_flow_both_ways() {
    let (town, addr) = (Town::new(), free().await);
    let toy = || Toy::keeping_alive(Duration::from_millis(20));
    let mut client = town.client_files();
    client.min_version = TlsVersion::V13;
    let rig = start(vec![link(0, listen(addr, town.server_files()), toy), link(1, connect(addr, client), toy)]);
    until("frames both ways", || rig.book.frames(0).len() > 5 && rig.book.frames(1).len() > 5).await;
    assert!(
        rig.book.security(0).iter().chain(&rig.book.security(1)).all(|what| what.contains("TLS files read")),
        "{:?}",
        rig.book.security(0)
    );
    rig.stop().await;
}

/// New keys every few milliseconds, from both ends, under traffic; and where TLS 1.2 has none, the session goes on with the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_keys_change_while_frames_flow() {
    for version in [TLS12, TLS13] {
        let (town, addr) = (Town::new(), free().await);
        let tls = Tls { rekey: Duration::from_millis(5), ..town.server_files() };
        let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
        let mut peer = TlsPeer::call(addr, Some(&town.client), &[version]).await.unwrap();
        for _ in 0..100 {
            peer.ping().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        rig.stop().await;
    }
    let (town, addr) = (Town::new(), free().await);
    let toy = || Toy::keeping_alive(Duration::from_millis(20));
    let often = |tls: Tls| Tls { rekey: Duration::from_millis(5), ..tls };
    let rig = start(vec![link(0, listen(addr, often(town.server_files())), toy), link(1, connect(addr, often(town.client_files())), toy)]);
    until("frames both ways", || rig.book.frames(0).len() > 30 && rig.book.frames(1).len() > 30).await;
    assert!(rig.book.events(0).len() == 2 && rig.book.events(1).len() == 2, "one connection all the time");
    rig.stop().await;
}

/// Many devices send their root along; it is not looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_that_comes_along_does_no_harm() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let whole = super::papers::Paper { certificate: format!("{}{}", town.client.certificate, town.authority.pem), ..town.client.clone() };
    TlsPeer::call(addr, Some(&whole), &[TLS12]).await.unwrap().ping().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_an_abort_is_a_reset_under_tls_too() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut peer = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    peer.ping().await;
    peer.send(b"X").await;
    assert_eq!(peer.end().await, Err(ErrorKind::ConnectionReset));
    rig.stop().await;
}

/// More than the socket and the TLS buffers hold, with a peer that reads late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_octets_arrive_whole_and_in_order() {
    use tokio::io::AsyncReadExt as _;
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut peer = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    let pings = vec![b'P'; 3_000_000];
    let (mut read, mut write) = tokio::io::split(&mut peer.0);
    let sent = async {
        tokio::io::AsyncWriteExt::write_all(&mut write, &pings).await.unwrap();
        tokio::io::AsyncWriteExt::flush(&mut write).await.unwrap();
    };
    let received = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut pongs = vec![0; 3_000_000];
        read.read_exact(&mut pongs).await.unwrap();
        pongs
    };
    let ((), pongs) = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(sent, received) }).await.unwrap();
    assert!(pongs.iter().all(|octet| *octet == b'p'));
    rig.stop().await;
}

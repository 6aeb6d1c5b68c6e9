//! Dual end points, and the second connection (row 16 of the DNP3 table).

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use bridge_engine::Output;
use bridge_engine::shell::{Endpoint, Second, SystemClock, host};
use bridge_model::LinkId;
use bridge_session::{Event, LinkState, Request, Session};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::kit::{Peer, SOON, Toy, free, link, listener, start, until};

const UP: Event = Event::LinkState(LinkState::Connected);
const DOWN: Event = Event::LinkState(LinkState::Down);

fn dual(to: SocketAddr, listen: SocketAddr, second: Second) -> Endpoint {
    Endpoint::Dual { to: vec![to], listen, allow: vec![listen.ip()], second, tls: None }
}

fn listening(addr: SocketAddr, second: Second) -> Endpoint {
    Endpoint::Listen { addr, allow: vec![addr.ip()], second: Some(second), tls: None }
}

async fn ping(peer: &mut Peer) {
    peer.send(b"P").await;
    peer.expect(b"p").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_r16_of_two_connections_to_a_listening_link_the_second_replaces_or_is_refused() {
    let (first_at, second_at) = (free().await, free().await);
    let rig = start(vec![
        link(0, listening(first_at, Second::Replace), Toy::default),
        link(1, listening(second_at, Second::Refuse), Toy::default),
    ]);
    let mut old = Peer::connect(first_at).await;
    ping(&mut old).await;
    let mut new = Peer::connect(first_at).await;
    ping(&mut new).await;
    assert_eq!(old.end().await, Err(ErrorKind::ConnectionReset), "nothing half said may still arrive");
    until("the session sees one close and one open", || rig.book.events(0) == [UP, DOWN, UP]).await;

    let mut old = Peer::connect(second_at).await;
    ping(&mut old).await;
    let mut new = Peer::connect(second_at).await;
    assert_eq!(new.end().await, Err(ErrorKind::ConnectionReset));
    until("it is told", || rig.book.says(1, &["refused", "is connected and second = refuse"])).await;
    ping(&mut old).await;
    drop(old);
    until("the place is free", || rig.book.events(1) == [UP, DOWN]).await;
    let mut next = Peer::connect(second_at).await;
    ping(&mut next).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_r16_a_dual_end_point_is_reached_either_way_and_does_not_call_while_it_is_connected() {
    let (listener, to) = listener().await;
    let here = free().await;
    let rig = start(vec![link(0, dual(to, here, Second::Refuse), Toy::default)]);
    let mut called = Peer::accept(&listener).await;
    ping(&mut called).await;
    // While it is connected it answers nobody.
    let mut refused = Peer::connect(here).await;
    assert_eq!(refused.end().await, Err(ErrorKind::ConnectionReset));
    drop(listener);
    drop(called);
    until("the loss is told", || rig.book.events(0) == [UP, DOWN]).await;
    let mut calls = Peer::connect(here).await;
    ping(&mut calls).await;
    // And calls nobody.
    let listener = TcpListener::bind(to).await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(1500), listener.accept()).await;
    assert!(silence.is_err(), "it called while it was connected");
    ping(&mut calls).await;
    drop(calls);
    let mut called = Peer::accept(&listener).await;
    ping(&mut called).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Interrogate });
    called.expect(b"I").await;
    assert_eq!(rig.book.events(0), [UP, DOWN, UP, DOWN, UP]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_r16_a_dual_end_point_may_take_the_newer_connection() {
    let (listener, to) = listener().await;
    let here = free().await;
    let rig = start(vec![link(0, dual(to, here, Second::Replace), Toy::default)]);
    let mut old = Peer::accept(&listener).await;
    ping(&mut old).await;
    let mut new = Peer::connect(here).await;
    ping(&mut new).await;
    assert_eq!(old.end().await, Err(ErrorKind::ConnectionReset));
    assert_eq!(rig.book.events(0), [UP, DOWN, UP]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dual_end_points_find_each_other_whatever_they_do_with_a_second_connection() {
    for second in [Second::Replace, Second::Refuse] {
        let (one_at, two_at) = (free().await, free().await);
        let (stop, stopped) = watch::channel(false);
        let clock = SystemClock::new();
        let rig = start(vec![link(0, dual(two_at, one_at, second), Toy::default)]);
        let other: Box<dyn Session> = Box::new(Toy::keeping_alive(Duration::from_millis(10)));
        let other = host(other, dual(one_at, two_at, second), clock, stopped);
        let settled = async {
            // Calls that crossed may have ended each other; in the end one connection lasts.
            let mut quiet = 0;
            let mut events = 0;
            while quiet < 20 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let now = rig.book.events(0);
                quiet = if now.len() == events && now.last() == Some(&UP) && !rig.book.frames(0).is_empty() { quiet + 1 } else { 0 };
                events = now.len();
            }
            stop.send_replace(true);
        };
        tokio::time::timeout(SOON, async { tokio::join!(other, settled) }).await.expect("they settle");
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dual_end_point_shares_its_port_with_other_links() {
    let (listener, to) = listener().await;
    let here = free().await;
    let mut other = Endpoint::listen(here, vec!["127.0.0.2".parse().unwrap()]);
    if let Endpoint::Listen { second, .. } = &mut other {
        *second = Some(Second::Refuse);
    }
    let rig = start(vec![link(0, dual(to, here, Second::Replace), Toy::default), link(1, other, Toy::default)]);
    let mut called = Peer::accept(&listener).await;
    ping(&mut called).await;
    let mut calls = Peer::connect(here).await;
    ping(&mut calls).await;
    until("it came to its link", || rig.book.events(0) == [UP, DOWN, UP]).await;
    assert!(rig.book.events(1).is_empty());
    rig.stop().await;
}

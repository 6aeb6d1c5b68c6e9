//! Panics, aborts, slow disks, slow engines.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bridge_engine::Output;
use bridge_engine::shell::{INBOX, MAX_WAITING};
use bridge_model::{IndeterminateWhy, LinkId, Outcome};
use bridge_session::{Event, LinkState, Request};

use super::kit::{Peer, Toy, ack, command, connect, link, listener, start, until};

const UP: Event = Event::LinkState(LinkState::Connected);
const DOWN: Event = Event::LinkState(LinkState::Down);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_one_link_restarts_that_link_and_no_other() {
    let (bad_listener, bad) = listener().await;
    let (good_listener, good) = listener().await;
    let rig = start(vec![link(0, connect(bad), Toy::default), link(1, connect(good), Toy::default)]);
    let mut bad = Peer::accept(&bad_listener).await;
    let mut good = Peer::accept(&good_listener).await;
    bad.send(b"f").await;
    bad.expect(&ack(1)).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Command(command(7)) });
    bad.expect(b"C").await;

    // A frame that is not durable yet when its session is lost.
    rig.disk.shut(true);
    bad.send(b"g").await;
    until("the frame arrives", || rig.book.frames(0).len() == 2).await;
    bad.send(b"!").await;
    assert!(bad.end().await.is_err(), "a panic ends with a reset: nothing half said may still arrive");

    let mut again = Peer::accept(&bad_listener).await;
    rig.disk.shut(false);
    again.send(b"hij").await;
    // The new session's frames are numbered from one, and the old receipt did not reach it: the toy would have panicked.
    again.expect(&ack(3)).await;
    assert_eq!(rig.book.frames(0), [(1, 1, b'f'), (1, 2, b'g'), (2, 1, b'h'), (2, 2, b'i'), (2, 3, b'j')]);
    let events = rig.book.events(0);
    let [first, Event::Settled { command: settled, outcome, .. }, third, fourth] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((first, third, fourth), (&UP, &DOWN, &UP));
    assert_eq!((settled.id, *outcome), (command(7).id, Outcome::Indeterminate(IndeterminateWhy::Dropped)));

    good.send(b"Pf").await;
    good.expect(b"p").await;
    good.expect(&ack(1)).await;
    assert_eq!(rig.book.events(1), [UP]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settled_command_is_not_settled_again_by_a_panic() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Command(command(7)) });
    peer.expect(b"C").await;
    peer.send(b"c").await;
    until("it is settled", || rig.book.events(0).len() == 2).await;
    peer.send(b"!").await;
    until("the link is back", || rig.book.events(0).len() == 4).await;
    let settled = rig.book.events(0).into_iter().filter(|event| matches!(event, Event::Settled { .. })).count();
    assert_eq!(settled, 1);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_an_abort_is_a_reset_and_a_close_is_an_end_after_the_last_octets() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    peer.send(b"X").await;
    assert_eq!(peer.end().await, Err(ErrorKind::ConnectionReset));
    let mut peer = Peer::accept(&listener).await;
    peer.send(b"Q").await;
    peer.expect(b"bye").await;
    assert_eq!(peer.end().await, Ok(0));
    until("both ends are told", || rig.book.events(0) == [UP, DOWN, UP, DOWN]).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_the_kernel_drops_a_command_that_the_peer_never_takes() {
    let (listener, addr) = listener().await;
    let toy = || Toy::with_life(Duration::from_millis(300));
    let rig = start(vec![link(0, connect(addr), toy)]);
    // A peer that does not read: its window closes, and octets stay unacknowledged.
    let peer = Peer::accept(&listener).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Command(command(1)) });
    let flood = Request::Publish(vec![publish(); 200_000]);
    for _ in 0..100 {
        rig.ask(Output::Link { link: LinkId(0), request: flood.clone() });
    }
    let began = Instant::now();
    until("the connection is given up", || rig.book.events(0).contains(&DOWN)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(peer);
    rig.stop().await;
}

fn publish() -> bridge_session::Publish {
    bridge_session::Publish {
        point: bridge_model::PointId(0),
        value: bridge_model::Value::Bool(true),
        quality: bridge_model::Quality::default(),
        time: bridge_model::Timestamp::default(),
        class: bridge_session::PublishClass::Latest,
        spontaneous: true,
        return_info: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_does_not_answer_keeps_no_session_from_its_keep_alive() {
    let (listener, addr) = listener().await;
    let toy = || Toy::keeping_alive(Duration::from_millis(50));
    let rig = start(vec![link(0, connect(addr), toy)]);
    let mut peer = Peer::accept(&listener).await;
    rig.disk.shut(true);
    peer.send(b"f").await;
    until("the frame arrives", || rig.book.frames(0).len() == 1).await;
    let began = Instant::now();
    peer.expect(b"TTTTTTTTTT").await;
    let took = began.elapsed();
    assert!(took > Duration::from_millis(400) && took < Duration::from_millis(1500), "{took:?}");
    rig.disk.shut(false);
    rig.stop().await;
}

/// One worker thread, and it must not be the one that the engine blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_engine_that_stands_still_keeps_no_session_from_answering_and_loses_nothing() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    let book = std::sync::Arc::clone(&rig.book);
    let (held, release) = std::sync::mpsc::sync_channel::<()>(0);
    let holder = std::thread::spawn(move || {
        let engine = book.hold_engine.lock().unwrap();
        // Until the test lets go.
        assert!(release.recv().is_err());
        drop(engine);
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    // One read each, and more of them than the inbox holds.
    let total = INBOX + 500;
    assert!(total < INBOX + MAX_WAITING);
    for n in 0..total {
        peer.send(&[b'0' + (n % 10) as u8, b'P']).await;
        peer.expect(b"p").await;
    }
    assert!(rig.book.frames(0).is_empty());
    drop(held);
    holder.join().unwrap();
    until("everything arrives", || rig.book.frames(0).len() == total).await;
    for (n, frame) in rig.book.frames(0).into_iter().enumerate() {
        assert_eq!(frame, (1, n as u64 + 1, b'0' + (n % 10) as u8));
    }
    rig.stop().await;
}

/// A protocol without acknowledgements (the toy never closes by itself): reading stops at the limit and resumes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_stops_only_when_far_too_much_waits_for_the_engine() {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    let book = std::sync::Arc::clone(&rig.book);
    let (held, release) = std::sync::mpsc::sync_channel::<()>(0);
    let holder = std::thread::spawn(move || {
        let engine = book.hold_engine.lock().unwrap();
        assert!(release.recv().is_err());
        drop(engine);
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut sent = 0;
    loop {
        peer.send(b"fP").await;
        sent += 1;
        let mut answer = [0];
        let read = tokio::io::AsyncReadExt::read_exact(&mut peer.0, &mut answer);
        if tokio::time::timeout(Duration::from_millis(300), read).await.is_err() {
            break;
        }
        assert!(sent <= INBOX + MAX_WAITING + 100, "reading never stops");
    }
    assert!(sent >= INBOX + MAX_WAITING, "reading stopped after {sent}");
    drop(held);
    holder.join().unwrap();
    until("everything arrives", || rig.book.frames(0).len() == sent).await;
    rig.stop().await;
}

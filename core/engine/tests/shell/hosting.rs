//! Sessions on sockets without an engine.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge_engine::shell::{Hosted, SystemClock, host, spawn};
use bridge_model::{Mono, Now};
use bridge_session::{Event, FrameBatch, LinkState, Request, Session};
use tokio::sync::{oneshot, watch};

use super::kit::{Peer, SOON, Toy, ack, connect, free, listen, until};

/// Asks for an interrogation every so often, and writes down what it gets.
struct Operator {
    toy: Toy,
    next: Option<Mono>,
    seen: Arc<Mutex<Vec<u8>>>,
    states: Vec<LinkState>,
}

impl Hosted for Operator {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.toy
    }

    fn handle_frames(&mut self, batch: &FrameBatch, _now: Now) {
        self.seen.lock().unwrap().extend(batch.frames.iter().flat_map(|frame| batch.octets(frame)));
    }

    fn handle_event(&mut self, event: Event, now: Now) {
        if let Event::LinkState(state) = event {
            self.states.push(state);
            self.next = (state == LinkState::Connected).then_some(now.mono);
        }
    }

    fn tick(&mut self, now: Now) {
        self.toy.handle_request(Request::Interrogate, now);
        self.next = Some(now.mono + Duration::from_millis(20));
    }

    fn next_tick(&self) -> Option<Mono> {
        self.next
    }
}

#[tokio::test]
async fn a_hosted_session_gets_its_ticks_its_receipts_and_its_end() {
    let addr = free().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let operator = Operator { toy: Toy::default(), next: None, seen: Arc::clone(&seen), states: Vec::new() };
    let (stop, stopped) = watch::channel(false);
    let (give, given) = oneshot::channel();
    spawn("operator", async move {
        let back = host(operator, listen(addr), SystemClock::new(), stopped).await;
        drop(give.send(back));
    });
    let mut peer = Peer::connect(addr).await;
    peer.expect(b"III").await;
    peer.send(b"xy").await;
    let seen_all = || *seen.lock().unwrap() == b"xy";
    until("the frames arrive", seen_all).await;
    let mut answer = Vec::new();
    while !answer.ends_with(&ack(2)) {
        answer.push(tokio::io::AsyncReadExt::read_u8(&mut peer.0).await.unwrap());
        assert!(answer.len() < 1000);
    }
    stop.send_replace(true);
    let back = tokio::time::timeout(SOON, given).await.unwrap().unwrap();
    assert_eq!(back.states, [LinkState::Connected, LinkState::Down]);
}

#[tokio::test]
async fn two_hosted_sessions_find_each_other() {
    let addr = free().await;
    let clock = SystemClock::new();
    let (stop, stopped) = watch::channel(false);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let operator = Operator { toy: Toy::default(), next: None, seen: Arc::clone(&seen), states: Vec::new() };
    let client = host(operator, connect(addr), clock, stopped.clone());
    let server = Toy::keeping_alive(Duration::from_millis(10));
    let server: Box<dyn Session> = Box::new(server);
    let server = host(server, listen(addr), clock, stopped);
    let enough = async {
        until("keep-alives arrive", || seen.lock().unwrap().iter().filter(|octet| **octet == b'T').count() > 5).await;
        stop.send_replace(true);
    };
    let (operator, _, ()) = tokio::time::timeout(SOON, async { tokio::join!(client, server, enough) }).await.unwrap();
    assert_eq!(operator.states, [LinkState::Connected, LinkState::Down]);
}

/// Counts how often it is looked at.
struct Looked(Toy, Arc<AtomicU32>);

impl Hosted for Looked {
    fn session(&mut self) -> &mut dyn Session {
        &mut self.0
    }

    fn next_tick(&self) -> Option<Mono> {
        self.1.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[tokio::test]
async fn an_idle_link_sleeps() {
    let addr = free().await;
    let looks = Arc::new(AtomicU32::new(0));
    let (stop, stopped) = watch::channel(false);
    let link = host(Looked(Toy::default(), Arc::clone(&looks)), listen(addr), SystemClock::new(), stopped);
    let idle = async {
        let mut peer = Peer::connect(addr).await;
        peer.send(b"P").await;
        peer.expect(b"p").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = looks.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let during = looks.load(Ordering::Relaxed) - before;
        stop.send_replace(true);
        during
    };
    let (_, during) = tokio::join!(link, idle);
    assert!(during <= 2, "it was looked at {during} times in half a second of silence");
}

//! Serial lines, over pseudo-terminals.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bridge_engine::Output;
use bridge_engine::shell::{Endpoint, Parity, Serial};
use bridge_model::LinkId;
use bridge_session::{Event, LinkState, Publish, PublishClass, Request};

use crate::kit::{SOON, Toy, ack, command, link, start, until};

const UP: Event = Event::LinkState(LinkState::Connected);
const DOWN: Event = Event::LinkState(LinkState::Down);

/// Octets that a pseudo-terminal has handed to its reader's side and that nothing brings back.
const HANDED_OVER: usize = 4096;

/// The other end of a line.
struct Far {
    master: std::fs::File,
    path: PathBuf,
}

impl Far {
    fn new() -> Self {
        let (master, slave) = serial2::SerialPort::pair().unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        Self { master: OwnedFd::from(master).into(), path }
    }

    fn line(&self) -> Serial {
        Serial::new(&self.path, 115_200)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// So many octets, or what there was before the line fell silent.
    async fn read(&mut self, most: usize, patience: Duration) -> Vec<u8> {
        let (mut read, mut buffer, mut last) = (Vec::new(), vec![0; most], Instant::now());
        while read.len() < most && last.elapsed() < patience {
            match self.master.read(&mut buffer[read.len()..]) {
                Ok(count @ 1..) => {
                    read.extend_from_slice(&vec![0; count]);
                    last = Instant::now();
                }
                Ok(0) => tokio::time::sleep(Duration::from_millis(2)).await,
                // EIO: nobody has the device open.
                Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(5) => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        buffer.truncate(read.len());
        buffer
    }

    async fn expect(&mut self, bytes: &[u8]) {
        assert_eq!(self.read(bytes.len(), SOON).await, bytes);
    }
}

fn flood() -> Output {
    let publish = Publish {
        point: bridge_model::PointId(0),
        value: bridge_model::Value::Bool(true),
        quality: bridge_model::Quality::default(),
        time: bridge_model::Timestamp::default(),
        class: PublishClass::Latest,
        spontaneous: true,
        return_info: false,
    };
    Output::Link { link: LinkId(0), request: Request::Publish(vec![publish; 200_000]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_a_channel_and_its_octets_pass_unchanged() {
    let mut far = Far::new();
    let rig = start(vec![link(0, Endpoint::Serial(far.line()), Toy::default)]);
    until("the device is open", || rig.book.events(0) == [UP]).await;
    far.send(b"PP").await;
    far.expect(b"pp").await;
    // Nothing is echoed, translated or taken for a signal.
    let odd: Vec<u8> = (1..=0x1f).chain([0x7f, b'\r', b'\n']).collect();
    far.send(&odd).await;
    until("every octet arrives", || rig.book.frames(0).iter().map(|frame| frame.2).eq(odd.iter().copied())).await;
    let mut answer = far.read(2 * odd.len(), SOON).await;
    while !answer.ends_with(&ack(odd.len() as u8)) {
        answer = far.read(2, SOON).await;
        assert!(!answer.is_empty());
    }
    rig.ask(Output::Link { link: LinkId(0), request: Request::Interrogate });
    far.expect(b"I").await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_missing_or_unplugged_is_tried_again() {
    let place = std::env::temp_dir().join(format!("ies-bridge-line-{}", std::process::id()));
    let _ = std::fs::remove_file(&place);
    let rig = start(vec![link(0, Endpoint::Serial(Serial::new(&place, 9600)), Toy::default)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(rig.book.events(0).is_empty());
    for round in 1..=2 {
        let mut far = Far::new();
        std::os::unix::fs::symlink(&far.path, &place).unwrap();
        until("the device is open", || rig.book.events(0).len() == 2 * round - 1).await;
        far.send(b"P").await;
        far.expect(b"p").await;
        std::fs::remove_file(&place).unwrap();
        drop(far);
        until("the loss is told", || rig.book.events(0).len() == 2 * round).await;
    }
    assert_eq!(rig.book.events(0), [UP, DOWN, UP, DOWN]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_has_one_user_and_its_settings_or_it_does_not_open() {
    let mut far = Far::new();
    // A pseudo-terminal has no parity.
    let odd = Serial { parity: Parity::Odd, ..far.line() };
    let rig = start(vec![
        link(0, Endpoint::Serial(far.line()), Toy::default),
        link(1, Endpoint::Serial(far.line()), Toy::default),
        link(2, Endpoint::Serial(odd), Toy::default),
    ]);
    until("one of them has it", || rig.book.events(0) == [UP] || rig.book.events(1) == [UP]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.book.events(0).len() + rig.book.events(1).len(), 1);
    assert!(rig.book.events(2).is_empty());
    far.send(b"P").await;
    far.expect(b"p").await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_lets_the_last_octets_leave() {
    let mut far = Far::new();
    let rig = start(vec![link(0, Endpoint::Serial(far.line()), Toy::default)]);
    until("the device is open", || rig.book.events(0) == [UP]).await;
    far.send(b"Q").await;
    far.expect(b"bye").await;
    until("it is back", || rig.book.events(0) == [UP, DOWN, UP]).await;
    rig.stop().await;
}

/// Fills the line, ends its channel by this octet, and counts what still comes.
async fn after(octet: u8) -> usize {
    let mut far = Far::new();
    let rig = start(vec![link(0, Endpoint::Serial(far.line()), Toy::default)]);
    until("the device is open", || rig.book.events(0) == [UP]).await;
    rig.ask(flood());
    tokio::time::sleep(Duration::from_millis(200)).await;
    far.send(&[octet]).await;
    until("its end is told", || rig.book.events(0).len() >= 2).await;
    let read = far.read(1 << 20, Duration::from_millis(150)).await.len();
    assert_eq!(rig.book.events(0)[1], DOWN);
    rig.stop().await;
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_an_abort_or_a_panic_throws_away_what_has_not_left() {
    // A test of the test: more than that fits into the line.
    let mut far = Far::new();
    let rig = start(vec![link(0, Endpoint::Serial(far.line()), Toy::default)]);
    until("the device is open", || rig.book.events(0) == [UP]).await;
    rig.ask(flood());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(far.read(200_000, SOON).await.len(), 200_000, "a reader in time has it all");
    rig.stop().await;

    for octet in [b'X', b'!'] {
        let read = after(octet).await;
        assert!(read <= HANDED_OVER, "{read} octets arrived after the end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_a_command_that_the_line_holds_back_dies_with_its_life() {
    let mut far = Far::new();
    let toy = || Toy::with_life(Duration::from_millis(300));
    let rig = start(vec![link(0, Endpoint::Serial(far.line()), toy)]);
    until("the device is open", || rig.book.events(0) == [UP]).await;
    rig.ask(Output::Link { link: LinkId(0), request: Request::Command(command(1)) });
    far.expect(b"C").await;
    // From here on the other end takes nothing, and the command is not settled: what the line holds back is thrown away again and again.
    rig.ask(flood());
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let late = far.read(1 << 20, Duration::from_millis(200)).await.len();
    assert!((1..190_000).contains(&late), "{late} of 200000 octets arrived in the end");
    assert_eq!(rig.book.events(0), [UP], "the line stays open, and what became of the command is the session's word");
    rig.stop().await;
}

//! A controlled station of a few lines that writes down every N(R) it is given, and when. It shares no code with ours.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unacknowledged frames that it sends at most (k).
pub(crate) const K: u64 = 12;
/// Between two looks at the socket; a frame is sent at each while the window has room.
const STEP: Duration = Duration::from_millis(5);
/// Looks between two TESTFR.
const TEST_EVERY: u32 = 40;

const STARTDT_ACT: u8 = 0x07;
const STARTDT_CON: u8 = 0x0B;
const TESTFR_ACT: u8 = 0x43;
const TESTFR_CON: u8 = 0x83;

/// What happened, at UTC nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Note {
    /// The connection's frame of this count (from 1) was sent.
    Sent(u64),
    /// So many frames of the connection are acknowledged.
    Acknowledged(u64),
    /// A TESTFR was answered.
    TestAnswered,
    /// A connection began or ended.
    Opened,
    Closed,
}

type Notes = Arc<Mutex<Vec<(i64, Note)>>>;

/// The station on its port.
pub(crate) struct Station {
    notes: Notes,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Station {
    pub(crate) fn listen(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        listener.set_nonblocking(true).expect("a listener");
        let (notes, stop) = (Notes::default(), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&notes), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => serve(stream, &kept, &stopped),
                    Err(_) => std::thread::sleep(STEP),
                }
            }
        });
        Self { notes, stop, thread: Some(thread) }
    }

    pub(crate) fn notes(&self) -> Vec<(i64, Note)> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Connection<'a> {
    stream: TcpStream,
    notes: &'a Notes,
    sent: u64,
    acknowledged: u64,
    received: u64,
    started: bool,
}

fn serve(stream: TcpStream, notes: &Notes, stop: &AtomicBool) {
    stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(STEP))).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    let mut connection = Connection { stream, notes, sent: 0, acknowledged: 0, received: 0, started: false };
    connection.note(Note::Opened);
    let mut looks = 0_u32;
    let mut input = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        looks += 1;
        if connection.step(&mut input, looks).is_err() {
            break;
        }
    }
    connection.note(Note::Closed);
}

impl Connection<'_> {
    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push((utc_ns(), note));
    }

    fn step(&mut self, input: &mut Vec<u8>, looks: u32) -> std::io::Result<()> {
        let mut octets = [0; 1024];
        match self.stream.read(&mut octets) {
            Ok(0) => return Err(ErrorKind::ConnectionReset.into()),
            Ok(count) => input.extend_from_slice(&octets[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        while input.len() >= 6 && input.len() >= 2 + usize::from(input[1]) {
            let frame: Vec<u8> = input.drain(..2 + usize::from(input[1])).collect();
            self.take(&frame)?;
        }
        if looks.is_multiple_of(TEST_EVERY) {
            self.stream.write_all(&[0x68, 4, TESTFR_ACT, 0, 0, 0])?;
        }
        if self.started && self.sent - self.acknowledged < K {
            let value = u8::from(self.sent.is_multiple_of(2));
            // Single point 1051 with time tag, spontaneous, common address 21.
            self.send(&[30, 1, 3, 0, 21, 0, 0x1B, 0x04, 0, value], true)?;
        }
        Ok(())
    }

    fn take(&mut self, frame: &[u8]) -> std::io::Result<()> {
        match frame[2] & 3 {
            3 => match frame[2] {
                STARTDT_ACT => {
                    self.started = true;
                    self.stream.write_all(&[0x68, 4, STARTDT_CON, 0, 0, 0])?;
                }
                TESTFR_ACT => self.stream.write_all(&[0x68, 4, TESTFR_CON, 0, 0, 0])?,
                TESTFR_CON => self.note(Note::TestAnswered),
                _ => {}
            },
            1 => self.acknowledge(frame),
            _ => {
                self.acknowledge(frame);
                self.received += 1;
                if frame[6] == 100 {
                    // An interrogation: confirmed, nothing to tell, ended.
                    for cause in [7, 10] {
                        self.send(&[100, 1, cause, 0, 21, 0, 0, 0, 0, 20], false)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, frame: &[u8]) {
        let number = u64::from(u16::from_le_bytes([frame[4], frame[5]]) >> 1);
        // Counts since the connection began; the sequence number has 15 bits.
        let count = self.acknowledged + (number.wrapping_sub(self.acknowledged) & 0x7FFF);
        if count != self.acknowledged {
            self.acknowledged = count;
            self.note(Note::Acknowledged(count));
        }
    }

    fn send(&mut self, asdu: &[u8], stamped: bool) -> std::io::Result<()> {
        let mut frame = vec![0x68, 0, 0, 0, 0, 0];
        frame[2..4].copy_from_slice(&number(self.sent));
        frame[4..6].copy_from_slice(&number(self.received));
        frame.extend_from_slice(asdu);
        if stamped {
            let seconds = utc_ns() / 1_000_000_000;
            let ms = u16::try_from(utc_ns() / 1_000_000 % 60_000).expect("below a minute");
            let [low, high] = ms.to_le_bytes();
            let (minute, hour) = ((seconds / 60 % 60) as u8, (seconds / 3600 % 24) as u8);
            frame.extend_from_slice(&[low, high, minute, hour, 1, 4, 26]);
        }
        frame[1] = u8::try_from(frame.len() - 2).expect("a short frame");
        self.sent += 1;
        self.note(Note::Sent(self.sent));
        self.stream.write_all(&frame)
    }
}

fn number(count: u64) -> [u8; 2] {
    (((count & 0x7FFF) as u16) << 1).to_le_bytes()
}

#[expect(clippy::disallowed_methods, reason = "a real process is watched in real time")]
fn utc_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

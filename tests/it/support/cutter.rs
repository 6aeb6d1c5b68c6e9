//! What stands between a DNP3 master and its outstation and cuts their connection at a chosen fragment. It reads no more of the wire than the
//! lengths of link frames, and shares no code with ours.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Application functions (IEEE 1815-2012 4.2.2.5).
const CONFIRM: u8 = 0;
const RESPONSE: u8 = 129;
const UNSOLICITED_RESPONSE: u8 = 130;
/// The bit of the application control that asks for a CONFIRM.
const CON: u8 = 0x20;
/// Between two looks for a connection.
const LOOK: Duration = Duration::from_millis(5);

/// Which frame the connection ends before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Before {
    /// The master's CONFIRM: the master has the events, the outstation does not know.
    Confirm,
    /// The outstation's fragment that wants to be confirmed: the master never sees it.
    Events,
}

#[derive(Default)]
struct Shared {
    order: Mutex<Option<Before>>,
    stop: AtomicBool,
}

impl Shared {
    fn order(&self) -> MutexGuard<'_, Option<Before>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the connection ends before this frame; an order is carried out once.
    fn cuts(&self, frame: &[u8]) -> bool {
        // Of a link frame: ten octets of header, transport octet, application control, function.
        let Some([control, function]) = frame.get(11..13) else { return false };
        let met = match *function {
            CONFIRM => Before::Confirm,
            RESPONSE | UNSOLICITED_RESPONSE if control & CON != 0 => Before::Events,
            _ => return false,
        };
        let mut order = self.order();
        let due = *order == Some(met);
        if due {
            *order = None;
        }
        due
    }
}

/// The process in between; dropped, its connections end.
pub(crate) struct Cutter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Cutter {
    /// Listens where the master connects to, and passes on to where the outstation listens.
    pub(crate) fn between(master_side: u16, outstation: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", master_side)).expect("the port is free");
        listener.set_nonblocking(true).expect("a listener");
        let shared = Arc::<Shared>::default();
        let known = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !known.stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((master, _)) => serve(&master, outstation, &known),
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Cuts at the next such frame.
    pub(crate) fn cut(&self, before: Before) {
        *self.shared.order() = Some(before);
    }

    /// Whether what was ordered has happened.
    pub(crate) fn has_cut(&self) -> bool {
        self.shared.order().is_none()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One connection, until either side or an order ends it.
fn serve(master: &TcpStream, outstation: u16, shared: &Shared) {
    let Ok(outstation) = TcpStream::connect(("127.0.0.1", outstation)) else { return };
    for stream in [master, &outstation] {
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(LOOK))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (from, to) in [(master, &outstation), (&outstation, master)] {
            let over = &over;
            scope.spawn(move || {
                pass(from, to, shared, over);
                over.store(true, Ordering::Relaxed);
                for stream in [from, to] {
                    // It may be closed already.
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        }
    });
}

/// Passes whole frames on.
fn pass(mut from: &TcpStream, mut to: &TcpStream, shared: &Shared, over: &AtomicBool) {
    let (mut octets, mut kept) = ([0; 4096], Vec::new());
    while !over.load(Ordering::Relaxed) && !shared.stop.load(Ordering::Relaxed) {
        match from.read(&mut octets) {
            Ok(0) => return,
            Ok(count) => kept.extend_from_slice(&octets[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => continue,
            Err(_) => return,
        }
        while let Some(length) = whole(&kept) {
            let frame: Vec<u8> = kept.drain(..length).collect();
            if shared.cuts(&frame) || to.write_all(&frame).is_err() {
                return;
            }
        }
    }
}

/// The octets of the frame at the front, if it is there: a header of ten, and a checksum behind every 16 of what its length counts beside
/// the header's own five (9.2.4).
fn whole(octets: &[u8]) -> Option<usize> {
    let counted = usize::from(*octets.get(2)?).checked_sub(5)?;
    let length = 10 + counted + 2 * counted.div_ceil(16);
    (octets.len() >= length).then_some(length)
}

#[test]
fn a_frame_is_cut_off_once_and_what_stands_before_it_passes() {
    let shared = Shared::default();
    *shared.order() = Some(Before::Confirm);
    let confirm = [0x05, 0x64, 8, 0xC4, 10, 0, 1, 0, 0, 0, 0xC0, 0xD0, CONFIRM, 0, 0];
    let read = [0x05, 0x64, 8, 0xC4, 10, 0, 1, 0, 0, 0, 0xC0, 0xC1, 1, 0, 0];
    assert_eq!([whole(&confirm), whole(&confirm[..14]), whole(&confirm[..2])], [Some(15), None, None]);
    assert_eq!([&read, &confirm, &confirm].map(|frame| shared.cuts(frame)), [false, true, false]);
    *shared.order() = Some(Before::Events);
    let mut events = confirm;
    events[12] = UNSOLICITED_RESPONSE;
    let null = {
        let mut null = events;
        null[11] = 0xD0 & !CON;
        null
    };
    events[11] = 0xF0;
    assert_eq!([&null, &events].map(|frame| shared.cuts(frame)), [false, true]);
}

//! The other process: plain stations of our own on blocking sockets, which do no more than the measurement needs.

use std::io::Write as _;
use std::net::TcpListener;

use anyhow::Result;
use bridge_engine::shell::SystemClock;
use serde_json::Value;

use crate::POINTS;
use crate::measure::{connect, local, read, say};
use crate::wire::{BY_MASTER, DATA, MASTER, OUTSTATION, fragment, read as read_wire};

/// Fragments that lie ready: as often as the sequence numbers go round, so that each has its own.
const READY: usize = 64;
/// Octets of a fragment that objects may take: 2048 without its own header.
const ROOM: usize = 2048 - 4;

/// What a plain outstation does besides answering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// Sends unsolicited events, a fragment of 2048 octets for each CONFIRM: short floats with time (g32v7).
    Analogs,
    /// Binaries with time (g2v2).
    Binaries,
    /// Answers, and echoes controls.
    Answer,
}

impl Act {
    /// Events in one of its fragments.
    pub(crate) const fn events(self) -> usize {
        match self {
            Self::Analogs => (ROOM - 5) / (2 + 11),
            Self::Binaries => (ROOM - 5) / (2 + 7),
            Self::Answer => 0,
        }
    }

    /// Its fragments as link frames, in the order of their numbers.
    fn ready(self) -> Vec<Vec<u8>> {
        let now_ms = SystemClock::new().now().utc.0 / 1_000_000;
        let one = |number: usize| {
            let count = self.events();
            let (group, variation) = if self == Self::Analogs { (32, 7) } else { (2, 2) };
            let [low, high] = u16::try_from(count).expect("few").to_le_bytes();
            let mut octets = vec![0xF0 | u8::try_from(number % 16).expect("small"), 130, 0x02, 0, group, variation, 0x28, low, high];
            for event in number * count..(number + 1) * count {
                octets.extend(u16::try_from(event % POINTS).expect("few points").to_le_bytes());
                if self == Self::Analogs {
                    octets.push(0x01);
                    octets.extend((200.0 + (event % 1024) as f32 / 64.0).to_le_bytes());
                } else {
                    octets.push(0x01 | if event % 2 == 0 { 0x80 } else { 0 });
                }
                octets.extend(&(now_ms + i64::try_from(event).expect("few")).to_le_bytes()[..6]);
            }
            fragment(DATA, MASTER, OUTSTATION, &octets)
        };
        if self == Self::Answer { Vec::new() } else { (0..READY).map(one).collect() }
    }
}

/// Listens, says where, and serves one connection.
pub(crate) fn outstation(act: Act) -> Result<()> {
    let ready = act.ready();
    let listener = TcpListener::bind(local(0))?;
    say(&listener.local_addr()?.port().to_string());
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let (mut buffer, mut kept, mut out) = (vec![0; 64 << 10], 0, Vec::new());
    let mut next = None::<usize>;
    while let Some(count) = read(&mut stream, buffer.get_mut(kept..).unwrap_or_default())? {
        let end = kept + count;
        let whole = whole_frames(buffer.get(..end).unwrap_or_default());
        for (_, heard) in read_wire(buffer.get(..whole).unwrap_or_default()) {
            let answer = |body: &[u8]| fragment(DATA, MASTER, OUTSTATION, &[&[0xC0 | heard[0] & 0x0F, 129, 0, 0], body].concat());
            match heard.get(1) {
                // REQUEST_LINK_STATUS.
                Some(0x49) if heard[0] == 0xFF => out.extend(crate::wire::frame(0x0B, MASTER, OUTSTATION, &[])),
                Some(0) => {
                    if let Some(number) = next {
                        // Of what was sent last, and not of something older.
                        anyhow::ensure!(heard[0] & 0x1F == 0x10 | u8::try_from(number % 16)?, "CONFIRM {:02x} of {number}", heard[0]);
                        next = Some((number + 1) % READY);
                        out.extend_from_slice(&ready[(number + 1) % READY]);
                    }
                }
                Some(3..=5) => out.extend(answer(&heard[2..])),
                Some(20) => {
                    out.extend(answer(&[]));
                    if next.is_none() && !ready.is_empty() {
                        next = Some(0);
                        out.extend_from_slice(&ready[0]);
                    }
                }
                _ => out.extend(answer(&[])),
            }
        }
        buffer.copy_within(whole..end, 0);
        kept = end - whole;
        stream.write_all(&out)?;
        out.clear();
    }
    Ok(())
}

/// Octets of the whole frames at the beginning.
fn whole_frames(octets: &[u8]) -> usize {
    let mut at = 0;
    while let Some(size) = frame_size(octets.get(at..).unwrap_or_default()).filter(|size| at + size <= octets.len()) {
        at += size;
    }
    at
}

/// Octets of the frame that begins here.
fn frame_size(octets: &[u8]) -> Option<usize> {
    let data = usize::from(*octets.get(2)?).checked_sub(5)?;
    Some(10 + data + 2 * data.div_ceil(16))
}

/// A plain master: enables unsolicited responses and confirms each; notes when each with events was there, up to `fragments` of them.
/// It looks at no CRC and no object.
pub(crate) fn master(port: u16, fragments: Option<usize>) -> Result<()> {
    let mut stream = connect(port)?;
    let clock = SystemClock::new();
    let (mut buffer, mut kept, mut out) = (vec![0; 64 << 10], 0, Vec::new());
    let (mut instants, mut opening, mut has_events) = (Vec::<i64>::new(), 0_u8, false);
    let mut is_enabled = false;
    while let Some(count) = read(&mut stream, buffer.get_mut(kept..).unwrap_or_default())? {
        let now = clock.now();
        let end = kept + count;
        let mut at = 0;
        while let Some(size) = frame_size(buffer.get(at..end).unwrap_or_default()).filter(|size| at + size <= end) {
            let frame = buffer.get(at..at + size).unwrap_or_default();
            at += size;
            let Some(transport) = frame.get(10) else { continue };
            if transport & 0x40 != 0 {
                opening = *frame.get(11).unwrap_or(&0);
                has_events = size > 10 + 1 + 4 + 2;
            }
            // The last segment of a fragment that wants to be confirmed.
            if transport & 0x80 != 0 && opening & 0x20 != 0 {
                out.extend(fragment(DATA | BY_MASTER, OUTSTATION, MASTER, &[0xC0 | opening & 0x1F, 0]));
                if fragments.is_some() && has_events {
                    instants.push(now.utc.0);
                }
                if !std::mem::replace(&mut is_enabled, true) {
                    let enable = [0xC0, 20, 60, 2, 6, 60, 3, 6, 60, 4, 6];
                    out.extend(fragment(DATA | BY_MASTER, OUTSTATION, MASTER, &enable));
                }
            }
        }
        buffer.copy_within(at..end, 0);
        kept = end - at;
        stream.write_all(&out)?;
        out.clear();
        if fragments == Some(instants.len()) {
            say(&Value::from(instants).to_string());
            return Ok(());
        }
    }
    Ok(())
}

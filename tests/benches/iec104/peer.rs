//! The other process: plain stations of our own on blocking sockets, which do no more than the measurement needs.

use std::io::Write as _;
use std::net::TcpListener;

use anyhow::Result;
use bridge_engine::shell::SystemClock;
use bridge_model::Now;
use serde_json::{Value, json};

use crate::GI_POINTS;
use crate::measure::{K, POINTS, READ_TIMES, READ_WARM, Station, connect, local, quantile, read, say};

/// Frames after which the plain controlling station acknowledges.
const W: u64 = 8;

/// What a plain controlled station does besides answering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// Sends as fast as the window allows.
    Flood,
    /// Answers.
    Answer,
    /// Announces a restart whenever an answer was acknowledged, and prints how long each answer took.
    Restart,
}

/// Listens, says where, and serves one connection.
pub(crate) fn station(act: Act) -> Result<()> {
    let listener = TcpListener::bind(local(0))?;
    say(&listener.local_addr()?.port().to_string());
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let clock = SystemClock::new();
    let mut station = Station::new(usize::from(crate::link::CA) - 1, POINTS);
    if act != Act::Flood {
        station = station.with_image(GI_POINTS);
    }
    let (mut input, mut out) = (vec![0; 64 << 10], Vec::with_capacity(16 << 10));
    let (mut asked, mut taken_ms) = (None::<Now>, Vec::new());
    while let Some(count) = read(&mut stream, &mut input)? {
        station.take(input.get(..count).unwrap_or_default(), &mut out)?;
        match act {
            Act::Answer => {}
            Act::Flood => station.floats(K, clock.now(), &mut out),
            Act::Restart if asked.is_none() && station.is_answering() => asked = Some(clock.now()),
            Act::Restart if station.is_idle() && !station.is_answering() => {
                if let Some(asked) = asked.take() {
                    taken_ms.push(clock.now().mono.since(asked.mono).as_secs_f64() * 1e3);
                    if taken_ms.len() == READ_WARM + READ_TIMES {
                        let mut taken_ms = taken_ms.split_off(READ_WARM);
                        say(&json!({ "gi_ms": quantile(&mut taken_ms, 0.5) }).to_string());
                    }
                    station.restarted(&mut out);
                }
            }
            Act::Restart => {}
        }
        stream.write_all(&out)?;
        out.clear();
    }
    Ok(())
}

/// A plain controlling station: starts data transfer, acknowledges as w asks and notes when each frame was there, up to `frames` of them.
pub(crate) fn receiver(port: u16, frames: Option<usize>) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(&[0x68, 4, 0x07, 0, 0, 0])?;
    let clock = SystemClock::new();
    let mut input = vec![0; 64 << 10];
    let mut kept = 0;
    let (mut received, mut acknowledged) = (0_u64, 0_u64);
    let mut instants = Vec::<i64>::new();
    while let Some(count) = read(&mut stream, input.get_mut(kept..).unwrap_or_default())? {
        let now = clock.now();
        let end = kept + count;
        let mut at = 0;
        while let Some([0x68, length, control, ..]) = input.get(at..end)
            && at + usize::from(*length) + 2 <= end
        {
            if control & 1 == 0 {
                received += 1;
                // Values, and not the end of initialisation.
                if frames.is_some() && input.get(at + 6) == Some(&36) {
                    instants.push(now.utc.0);
                }
            }
            at += usize::from(*length) + 2;
        }
        input.copy_within(at..end, 0);
        kept = end - at;
        // A window of events is short: none waits for its acknowledgement.
        if received - acknowledged >= if frames.is_some() { 1 } else { W } {
            acknowledged = received;
            let [low, high] = (((received & 0x7FFF) as u16) << 1).to_le_bytes();
            stream.write_all(&[0x68, 4, 1, 0, low, high])?;
        }
        if frames == Some(instants.len()) {
            say(&Value::from(instants).to_string());
            return Ok(());
        }
    }
    Ok(())
}

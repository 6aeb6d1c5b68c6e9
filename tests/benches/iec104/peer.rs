//! The other process: plain stations of our own on blocking sockets, which do no more than the measurement needs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bridge_engine::shell::SystemClock;
use bridge_model::Now;
use serde_json::{Value, json};

use crate::link::local;
use crate::measure::{K, POINTS, Station, quantile, say};
use crate::{GI_POINTS, GI_TIMES, GI_WARM};

/// Frames after which the plain controlling station acknowledges.
const W: u64 = 8;
/// Attempts to connect, and between two of them.
const ATTEMPTS: u32 = 500;
const ATTEMPT_EVERY: Duration = Duration::from_millis(10);

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
    while let Some(heard) = read(&mut stream, &mut input)? {
        station.take(heard, &mut out)?;
        match act {
            Act::Answer => {}
            Act::Flood => station.floats(K, clock.now(), &mut out),
            Act::Restart if asked.is_none() && station.is_answering() => asked = Some(clock.now()),
            Act::Restart if station.is_idle() && !station.is_answering() => {
                if let Some(asked) = asked.take() {
                    taken_ms.push(clock.now().mono.since(asked.mono).as_secs_f64() * 1e3);
                    if taken_ms.len() == GI_WARM + GI_TIMES {
                        let mut taken_ms = taken_ms.split_off(GI_WARM);
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
    stream.set_nodelay(true)?;
    stream.write_all(&[0x68, 4, 0x07, 0, 0, 0])?;
    let clock = SystemClock::new();
    let mut input = vec![0; 64 << 10];
    let mut kept = 0;
    let (mut received, mut acknowledged) = (0_u64, 0_u64);
    let mut instants = Vec::<i64>::new();
    loop {
        let count = match stream.read(input.get_mut(kept..).unwrap_or_default()) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            count => count?,
        };
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
}

fn connect(port: u16) -> Result<TcpStream> {
    for _ in 1..ATTEMPTS {
        if let Ok(stream) = TcpStream::connect(local(port)) {
            return Ok(stream);
        }
        std::thread::sleep(ATTEMPT_EVERY);
    }
    TcpStream::connect(local(port)).context("nobody listens")
}

fn read<'a>(stream: &mut TcpStream, input: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
    match stream.read(input) {
        Ok(0) => Ok(None),
        Ok(count) => Ok(input.get(..count)),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error.into()),
    }
}

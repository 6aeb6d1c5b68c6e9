//! The peer: controlled stations that send prepared frames and obey the window. A process of its own; cheap on purpose.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bridge_engine::shell::{self, SystemClock};
use bridge_iec60870::Cp56Time2a;
use bridge_model::{Now, Timestamp, Zone};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::case::{Case, Load};
use crate::figures::quantile;
use crate::profile::{EVENT_IOA, OBJECTS, POINTS};

/// I frames without acknowledgement.
const K: u16 = 12;
/// One information object: address, short float, quality, seven octets of time.
const OBJECT: usize = 3 + 5 + 7;
/// APCI and ASDU header.
const HEADER: usize = 6 + 6;
/// Frames of one burst of a paced station: w of the bridge, so that each burst is acknowledged.
const BURST: u16 = 8;
/// Between two bursts of a paced station: 50 of them are 50,000 points a second.
const BURST_EVERY: Duration = Duration::from_millis(128);
/// Between two frames on an idle link.
const PROBE_EVERY: Duration = Duration::from_millis(15);

/// Listens, says where, and sends until the process is ended.
pub(crate) fn run(case: &Case) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ports = Vec::new();
        let mut stations = Vec::new();
        for link in 0..case.links {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            ports.push(listener.local_addr()?.port().to_string());
            stations.push(shell::spawn(format!("station {link}"), station(*case, link, listener)));
        }
        crate::say(&ports.join(" "));
        for station in stations {
            station.await?;
        }
        Ok(())
    })
}

async fn station(case: Case, link: usize, listener: TcpListener) {
    loop {
        let served = match listener.accept().await {
            Ok((stream, _)) => serve(&case, link, stream).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = served {
            crate::tell(format!("station {link}: {error:#}"));
        }
    }
}

async fn serve(case: &Case, link: usize, mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let clock = SystemClock::new();
    let mut station = Station::new(link, POINTS / case.links);
    let mut input = vec![0; 4096];
    let mut out = Vec::with_capacity(16 << 10);
    let mut next = tokio::time::Instant::from_std(std::time::Instant::now()) + BURST_EVERY.mul_f64((link % 50) as f64 / 50.0);
    let mut probe = Probe::default();
    loop {
        let event_link = case.load == Load::Paced && link == 0;
        let pause = match case.load {
            Load::Flood => None,
            Load::Idle | Load::Paced => Some(next),
        };
        tokio::select! {
            biased;
            read = stream.read(&mut input) => {
                let count = read.context("read")?;
                if count == 0 {
                    return Ok(());
                }
                let heard = input.get(..count).unwrap_or_default();
                station.take(heard, &mut out)?;
                if case.load == Load::Idle {
                    probe.heard(&station, clock.now());
                }
            }
            () = tokio::time::sleep_until(pause.unwrap_or(next)), if pause.is_some() => {
                let now = clock.now();
                match case.load {
                    Load::Idle => {
                        next += PROBE_EVERY;
                        if station.is_idle() {
                            station.floats(1, now, &mut out);
                            probe.sent(now);
                        }
                    }
                    Load::Paced if event_link => {
                        // 23 to 53 ms: no beat with the seals.
                        next += Duration::from_millis(23 + station.random() % 31);
                        station.event(now, &mut out);
                    }
                    Load::Paced => {
                        next += BURST_EVERY;
                        station.floats(BURST, now, &mut out);
                    }
                    Load::Flood => {}
                }
            }
        }
        if case.load == Load::Flood {
            station.floats(K, clock.now(), &mut out);
        }
        if !out.is_empty() {
            stream.write_all(&out).await.context("write")?;
            out.clear();
        }
    }
}

/// One connection of a controlled station.
struct Station {
    /// Every frame of the station, all of its points once, as octets.
    frames: Vec<u8>,
    at: usize,
    round: u32,
    ca: u16,
    sent: u64,
    acknowledged: u64,
    received: u16,
    started: bool,
    state: bool,
    seed: u64,
    partial: Vec<u8>,
}

const FRAME: usize = HEADER + OBJECTS * OBJECT;

impl Station {
    fn new(link: usize, points: usize) -> Self {
        let ca = u16::try_from(link + 1).expect("few links");
        let [ca_low, ca_high] = ca.to_le_bytes();
        let mut frames = Vec::with_capacity(points / OBJECTS * FRAME);
        for first in (0..points).step_by(OBJECTS) {
            frames.extend([0x68, (FRAME - 2) as u8, 0, 0, 0, 0, 36, OBJECTS as u8, 3, 0, ca_low, ca_high]);
            for point in first..first + OBJECTS {
                frames.extend(&u32::try_from(point + 1).expect("few points").to_le_bytes()[..3]);
                frames.extend([0; OBJECT - 3]);
            }
        }
        Self {
            frames,
            at: 0,
            round: 0,
            ca,
            sent: 0,
            acknowledged: 0,
            received: 0,
            started: false,
            state: false,
            seed: link as u64 + 1,
            partial: Vec::new(),
        }
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 33
    }

    fn is_idle(&self) -> bool {
        self.started && self.sent == self.acknowledged
    }

    fn room(&self) -> u16 {
        K - u16::try_from(self.sent - self.acknowledged).unwrap_or(K).min(K)
    }

    /// Appends the next frames, at most `most` and as the window allows.
    fn floats(&mut self, most: u16, now: Now, out: &mut Vec<u8>) {
        let count = if self.started { most.min(self.room()) } else { 0 };
        if count == 0 {
            return;
        }
        let time = tag(now);
        for _ in 0..count {
            if self.at + FRAME > self.frames.len() {
                self.at = 0;
                self.round += 1;
            }
            let start = out.len();
            out.extend_from_slice(&self.frames[self.at..self.at + FRAME]);
            self.at += FRAME;
            let frame = &mut out[start..];
            self.number(frame);
            // Differs from the round before in every point, whatever the number of rounds.
            let value = (200.0 + f64::from(self.round % 8192) / 64.0) as f32;
            for object in frame[HEADER..].chunks_exact_mut(OBJECT) {
                object[3..7].copy_from_slice(&value.to_le_bytes());
                object[8..].copy_from_slice(&time);
            }
        }
    }

    /// Appends a change of the station's state.
    fn event(&mut self, now: Now, out: &mut Vec<u8>) {
        if !self.started || self.room() == 0 {
            return;
        }
        self.state = !self.state;
        let [low, high] = self.ca.to_le_bytes();
        let [a, b, c, _] = EVENT_IOA.to_le_bytes();
        let mut frame = vec![0x68, 0, 0, 0, 0, 0, 30, 1, 3, 0, low, high, a, b, c, u8::from(self.state)];
        frame.extend(tag(now));
        self.put(&mut frame, out);
    }

    fn put(&mut self, frame: &mut [u8], out: &mut Vec<u8>) {
        frame[1] = u8::try_from(frame.len() - 2).expect("a short frame");
        self.number(frame);
        out.extend_from_slice(frame);
    }

    fn number(&mut self, frame: &mut [u8]) {
        let ns = ((self.sent & 0x7FFF) as u16) << 1;
        frame[2..4].copy_from_slice(&ns.to_le_bytes());
        frame[4..6].copy_from_slice(&(self.received << 1).to_le_bytes());
        self.sent += 1;
    }

    /// Takes what the bridge sent; appends what it must hear.
    fn take(&mut self, heard: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.partial.extend_from_slice(heard);
        let octets = std::mem::take(&mut self.partial);
        let mut rest = octets.as_slice();
        while let [0x68, length, ..] = rest
            && let Some((apdu, behind)) = rest.split_at_checked(usize::from(*length) + 2)
        {
            rest = behind;
            let [_, _, c1, c2, c3, c4, asdu @ ..] = apdu else { anyhow::bail!("a short APDU") };
            match c1 & 3 {
                1 => self.acknowledge(u16::from_le_bytes([*c3, *c4]) >> 1),
                3 => self.control(*c1, out),
                _ => {
                    anyhow::ensure!(u16::from_le_bytes([*c1, *c2]) >> 1 == self.received, "N(S) out of order");
                    self.received = (self.received + 1) & 0x7FFF;
                    self.acknowledge(u16::from_le_bytes([*c3, *c4]) >> 1);
                    // An interrogation: confirmed and ended, as by a station that has nothing to add.
                    if asdu.first() == Some(&100) {
                        for cause in [7, 10] {
                            let mut frame = vec![0x68, 0, 0, 0, 0, 0];
                            frame.extend_from_slice(asdu);
                            frame[8] = cause;
                            self.put(&mut frame, out);
                        }
                    }
                }
            }
        }
        self.partial = rest.to_vec();
        Ok(())
    }

    fn control(&mut self, function: u8, out: &mut Vec<u8>) {
        match function {
            0x07 => {
                self.started = true;
                out.extend([0x68, 4, 0x0B, 0, 0, 0]);
            }
            0x43 => out.extend([0x68, 4, 0x83, 0, 0, 0]),
            _ => {}
        }
    }

    fn acknowledge(&mut self, nr: u16) {
        let ahead = (nr.wrapping_sub((self.acknowledged & 0x7FFF) as u16)) & 0x7FFF;
        self.acknowledged += u64::from(ahead);
    }
}

fn tag(now: Now) -> [u8; 7] {
    Cp56Time2a::from_timestamp(Timestamp::by_device(now.utc), Zone::Utc).0
}

/// From the write of one frame to its N(R).
#[derive(Default)]
struct Probe {
    waiting: Option<Now>,
    taken_ms: Vec<f64>,
}

/// Frames of one measurement on the idle link.
const PROBES: usize = 150;
/// The first ones warm caches.
const WARM: usize = 10;

impl Probe {
    fn sent(&mut self, now: Now) {
        self.waiting = Some(now);
    }

    fn heard(&mut self, station: &Station, now: Now) {
        if station.is_idle()
            && let Some(sent) = self.waiting.take()
        {
            self.taken_ms.push(now.mono.since(sent.mono).as_secs_f64() * 1e3);
            if self.taken_ms.len() == PROBES + WARM {
                self.taken_ms.drain(..WARM);
                let line = serde_json::json!({ "p50_ms": quantile(&mut self.taken_ms, 0.5), "p99_ms": quantile(&mut self.taken_ms, 0.99) });
                crate::say(&line.to_string());
            }
        }
    }
}

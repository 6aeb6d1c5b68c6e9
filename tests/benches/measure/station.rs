//! A plain controlled station: prepared frames that obey the window, as a value without I/O. Cheap on purpose.

use std::collections::VecDeque;

use anyhow::Result;
use bridge_iec60870::Cp56Time2a;
use bridge_model::{Now, Timestamp, Zone};

use super::profile::{EVENT_IOA, OBJECTS};

/// I frames without acknowledgement.
pub(crate) const K: u16 = 12;
/// One information object: address, short float, quality, seven octets of time.
const OBJECT: usize = 3 + 5 + 7;
/// APCI and ASDU header.
const HEADER: usize = 6 + 6;
/// C_IC_NA_1.
const INTERROGATION: u8 = 100;
/// C_SE_NC_1.
const SETPOINT: u8 = 50;

/// One connection of a controlled station.
pub(crate) struct Station {
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
    /// The answer to an interrogation between confirmation and termination, prepared.
    image: Vec<Vec<u8>>,
    /// What waits for the window, oldest first.
    waiting: VecDeque<Vec<u8>>,
}

const FRAME: usize = HEADER + OBJECTS * OBJECT;

impl Station {
    /// The station of this link, with so many points.
    pub(crate) fn new(link: usize, points: usize) -> Self {
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
            image: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// A number that repeats from run to run.
    pub(crate) fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 33
    }

    /// Whether data transfer is started and all of it acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        self.started && self.sent == self.acknowledged
    }

    fn room(&self) -> u16 {
        K - u16::try_from(self.sent - self.acknowledged).unwrap_or(K).min(K)
    }

    /// Appends the next frames, at most `most` and as the window allows.
    pub(crate) fn floats(&mut self, most: u16, now: Now, out: &mut Vec<u8>) {
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
    pub(crate) fn event(&mut self, now: Now, out: &mut Vec<u8>) {
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
    pub(crate) fn take(&mut self, heard: &[u8], out: &mut Vec<u8>) -> Result<()> {
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
                    match asdu.first() {
                        // An interrogation: confirmed, answered and ended; by a station without an image as by one that has nothing to add.
                        Some(&INTERROGATION) => {
                            self.waiting.push_back(mirrored(asdu, 7));
                            self.waiting.extend(self.image.iter().cloned());
                            self.waiting.push_back(mirrored(asdu, 10));
                        }
                        Some(&SETPOINT) => self.waiting.push_back(mirrored(asdu, 7)),
                        _ => {}
                    }
                }
            }
        }
        self.partial = rest.to_vec();
        self.answer(out);
        Ok(())
    }

    /// Sends what waits, as the window allows.
    fn answer(&mut self, out: &mut Vec<u8>) {
        while self.room() > 0
            && let Some(mut frame) = self.waiting.pop_front()
        {
            self.put(&mut frame, out);
        }
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

/// What only one bench asks of it.
impl Station {
    /// An interrogation is answered with `points` floats without time, as many to a frame as fit.
    pub(crate) fn with_image(mut self, points: usize) -> Self {
        const MOST: usize = 30;
        let [low, high] = self.ca.to_le_bytes();
        for first in (0..points).step_by(MOST) {
            let count = MOST.min(points - first);
            let mut frame = vec![0x68, 0, 0, 0, 0, 0, 13, count as u8, 20, 0, low, high];
            for point in first..first + count {
                frame.extend(&u32::try_from(point + 1).expect("few points").to_le_bytes()[..3]);
                frame.extend((point as f32).to_le_bytes());
                frame.push(0);
            }
            self.image.push(frame);
        }
        self
    }

    /// Whether an answer is not all sent.
    pub(crate) fn is_answering(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Announces a restart: whoever keeps an image reads it again.
    pub(crate) fn restarted(&mut self, out: &mut Vec<u8>) {
        let [low, high] = self.ca.to_le_bytes();
        self.put(&mut [0x68, 0, 0, 0, 0, 0, 70, 1, 4, 0, low, high, 0, 0, 0, 0], out);
    }
}

/// A request as it comes back with this cause.
fn mirrored(asdu: &[u8], cause: u8) -> Vec<u8> {
    let mut frame = vec![0x68, 0, 0, 0, 0, 0];
    frame.extend_from_slice(asdu);
    frame[8] = cause;
    frame
}

fn tag(now: Now) -> [u8; 7] {
    Cp56Time2a::from_timestamp(Timestamp::by_device(now.utc), Zone::Utc).0
}

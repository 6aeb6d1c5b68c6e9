//! What holds for any octets: how they were split changes nothing, nothing panics, memory is bounded; and what foreign stations sent.

use super::kit::*;
use super::*;

/// Octets and choices from a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: u64) -> usize {
        usize::try_from(self.next() % limit).unwrap()
    }

    fn octet(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn octets(&mut self, most: u64) -> Vec<u8> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.octet()).collect()
    }

    /// A stream of lawful, unlawful and spoilt frames, junk and false starts.
    fn stream(&mut self, role: Role) -> Vec<u8> {
        let mut stream = Vec::new();
        for _ in 0..1 + self.below(12) {
            let payload = [vec![self.octet()], self.octets(249)].concat();
            let mut piece = match self.below(8) {
                0 => self.octets(40),
                1 => [0x05, 0x64].repeat(self.below(4)),
                2 => to(role, [RESET, STATUS, TEST | FCB, ACK, NOT_SUPPORTED][self.below(5)], &[]),
                3 => to(role, CONFIRMED | (self.octet() & FCB), &payload),
                4 => frame(self.octet(), [1, 10, 0xFFFF, 0xFFFC, 7][self.below(5)], [1, 10, 7, 0xFFFF][self.below(4)], &payload),
                5 => to(role, DATA, &[&[0xC0], &payload[..]].concat()),
                _ => to(role, DATA, &payload),
            };
            if self.below(6) == 0 && !piece.is_empty() {
                let at = self.below(u64::try_from(piece.len()).unwrap());
                piece[at] ^= 1 << self.below(8);
            }
            if self.below(10) == 0 {
                piece.truncate(self.below(300));
            }
            stream.extend(piece);
        }
        stream
    }
}

#[test]
fn a2_r12_any_split_gives_the_same() {
    for seed in 0..400 {
        for role in ROLES {
            let mut dice = Dice(seed);
            let stream = dice.stream(role);
            let settings = LineSettings { closes: seed % 2 == 0, self_address: seed % 3 == 0, ..LineSettings::new(role) };
            let whole = shown(settings, &stream, stream.len().max(1));
            for step in [1, 2, 3, 9, 10, 11, 17, 100, 291, 292, 293] {
                assert_eq!(shown(settings, &stream, step), whole, "seed {seed}, pieces of {step}");
            }
            let mut bench = Bench::new(settings);
            let (mut rest, mut fragments) = (&stream[..], Vec::new());
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(dice.below(60).min(rest.len()));
                fragments.extend(bench.input(piece));
                rest = others;
            }
            assert_eq!(bench.shown(fragments), whole, "seed {seed}, pieces of any length");
        }
    }
}

#[test]
fn a2_r14_any_octets_neither_panic_nor_take_memory() {
    for seed in 0..300 {
        for role in ROLES {
            let mut dice = Dice(seed);
            let settings = LineSettings { closes: false, confirmed: seed % 2 == 0, ..LineSettings::new(role) };
            let mut bench = Bench::new(settings);
            let streams: Vec<_> = (0..20).map(|_| if dice.below(3) == 0 { dice.octets(2000) } else { dice.stream(role) }).collect();
            let (local, remote) = addresses(role);
            let measured = allocation_counter::measure(|| {
                for stream in &streams {
                    let mut chunk = if seed % 3 == 0 {
                        Chunk::Datagram { from: "127.0.0.1:20000".parse().unwrap(), bytes: stream }
                    } else {
                        Chunk::Stream(stream)
                    };
                    while let Some(received) = bench.line.receive(&mut chunk, bench.now) {
                        assert!((1..=settings.max_fragment).contains(&received.fragment.len()));
                    }
                    let _ = bench.line.send(remote, local, &[0; 600], bench.now);
                    bench.now += Duration::from_millis(700);
                    bench.line.handle_timeout(bench.now);
                }
            });
            // Two fragments, one frame, findings and answers within their limits, and frames that nobody fetched.
            assert!(measured.bytes_max < 96 * 1024, "seed {seed}: {measured:?}");
        }
    }
}

#[test]
fn a2_r04_the_steady_state_allocates_nothing() {
    for role in ROLES {
        let mut bench = Bench::new(LineSettings::new(role));
        let fragment = vec![0x5A; 2048];
        let (local, remote) = addresses(role);
        let mut segmenter = Segmenter::default();
        let (mut stream, mut at) = (Vec::new(), 0);
        while let Some(segment) = segmenter.segment(&fragment, at) {
            stream.extend(to(role, DATA, segment.octets()));
            segmenter.advance();
            at += segment.octets().len() - 1;
        }
        stream.extend(to(role, STATUS, &[]));
        let mut out = Vec::with_capacity(8192);
        let mut round = |bench: &mut Bench| {
            let mut fragments = 0;
            // Cut anywhere, so that frames are put together too.
            for piece in stream.chunks(101) {
                let mut chunk = Chunk::Stream(piece);
                while let Some(received) = bench.line.receive(&mut chunk, bench.now) {
                    assert_eq!(received.fragment.len(), 2048);
                    fragments += 1;
                }
            }
            assert_eq!(fragments, 1);
            bench.line.send(remote, local, &fragment, bench.now).unwrap();
            out.clear();
            assert!(bench.line.poll_output(&mut out, 65536));
            assert_eq!(out.len(), 10 + 8 * 292 + 10 + 57 + 4 * 2, "an answer, then all frames of the fragment in one piece");
        };
        round(&mut bench);
        let measured = allocation_counter::measure(|| (0..100).for_each(|_| round(&mut bench)));
        assert_eq!((measured.count_total, bench.faults()), (0, Vec::new()), "{measured:?}");
    }
}

/// What stations of others sent is taken without a finding; and what we make of the same fragments are their octets.
fn golden(file: &str, frames_at_least: usize) {
    assert!(file.starts_with("# from capture "));
    for (role, sender) in [(Role::Server, "master "), (Role::Client, "outstation ")] {
        let mut bench = Bench::new(LineSettings::new(role));
        let own = if role == Role::Server { Role::Client } else { Role::Server };
        let mut echo = Bench::new(LineSettings::new(own));
        let (local, remote) = addresses(own);
        let (mut frames, mut sent, mut echoed) = (0, Vec::new(), Vec::new());
        for line in file.lines().filter_map(|line| line.strip_prefix(sender)) {
            let octets: Vec<u8> = (0..line.len() / 2).map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap()).collect();
            let fragments = bench.input(&octets);
            let mut deframer = Deframer::default();
            let mut rest = &octets[..];
            while let Some(cut) = deframer.next(&mut rest) {
                assert!(matches!(cut, Cut::Frame(_)), "{cut:?}");
                frames += 1;
            }
            for (source, destination, fragment) in fragments {
                assert_eq!((source, destination), (local, remote));
                echo.line.send(destination, source, &fragment, echo.now).unwrap();
            }
            assert_eq!(bench.faults(), []);
            sent.extend(octets);
            echoed.extend(echo.output());
        }
        assert_eq!(echoed, sent, "the {sender}'s octets");
        assert!(frames >= frames_at_least, "{frames} frames of the {sender}");
    }
}

#[test]
fn a2_r02_what_opendnp3_and_dnp3py_sent() {
    golden(include_str!("../../testdata/link/yadnp3_dnp3py.hex"), 13);
}

#[test]
fn a2_r13_what_opendnp3_sent_in_several_segments() {
    golden(include_str!("../../testdata/link/yadnp3_both.hex"), 23);
}

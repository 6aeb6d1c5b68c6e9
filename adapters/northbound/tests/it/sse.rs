//! Server-sent events: the parser as a value.

use bridge_northbound::{SseError, SseEvent, SseParser, encode_sse};
use bridge_session::StreamMessage;

fn parse(limit: usize, chunks: &[&[u8]]) -> (Vec<SseEvent>, Result<(), SseError>) {
    let (mut parser, mut out) = (SseParser::new(limit), Vec::new());
    for chunk in chunks {
        if let Err(error) = parser.handle_input(chunk, &mut out) {
            return (out, Err(error));
        }
    }
    (out, Ok(()))
}

fn event(id: &str, event: &str, data: &str) -> SseEvent {
    SseEvent { id: id.into(), event: event.into(), data: data.into() }
}

/// xorshift64*: enough for a property, and it repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
    }
}

const SAMPLE: &[u8] = "\u{feff}: a comment\r\nretry: 10\r\nid: 00a-1\r\nevent: stream\r\ndata: {\"é\":1}\r\n\r\n\
    data:one\rdata: two\r\rid\ndata\n\nevent: lonely\n\nid: x\0y\ndata: last\nunknown: field\n\n: unfinished\ndata: never"
    .as_bytes();

#[test]
fn the_format_is_read_as_the_standard_says() {
    let expected = vec![
        event("00a-1", "stream", "{\"é\":1}"),
        event("", "message", "one\ntwo"),
        event("", "message", ""),
        event("", "message", "last"),
    ];
    assert_eq!(parse(1024, &[SAMPLE]), (expected, Ok(())));
}

#[test]
fn however_a_stream_is_split_the_result_is_the_same() {
    let whole = parse(1024, &[SAMPLE]);
    let single: Vec<&[u8]> = SAMPLE.chunks(1).collect();
    assert_eq!(parse(1024, &single), whole);
    for cut in 0..SAMPLE.len() {
        assert_eq!(parse(1024, &[&SAMPLE[..cut], &SAMPLE[cut..]]), whole, "cut at {cut}");
    }
    for seed in 1..500 {
        let mut dice = Dice(seed);
        let mut rest = SAMPLE;
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(1 + dice.roll(rest.len()));
            chunks.push(chunk);
            rest = tail;
        }
        assert_eq!(parse(1024, &chunks), whole, "seed {seed}");
    }
}

#[test]
fn any_octets_never_panic_and_split_alike() {
    let alphabet: &[u8] = b"data:id event\n\n\n\r\r: \0\xff\xc3\xa9";
    for seed in 1..2000 {
        let mut dice = Dice(seed);
        let octets: Vec<u8> = (0..dice.roll(300)).map(|_| alphabet[dice.roll(alphabet.len())]).collect();
        let whole = parse(40, &[&octets]);
        let cut = dice.roll(octets.len() + 1);
        assert_eq!(parse(40, &[&octets[..cut], &octets[cut..]]), whole, "seed {seed}");
        assert!(whole.0.iter().all(|e| e.data.len() <= 40 && e.id.len() <= 40 && e.event.len() <= 40), "seed {seed}");
    }
}

#[test]
fn a_long_line_and_a_long_message_are_refused() {
    let too_long = Err(SseError::TooLong { limit: 16 });
    assert_eq!(parse(16, &[b"data: 0123456789\n\n"]), (vec![event("", "message", "0123456789")], Ok(())));
    assert_eq!(parse(16, &[b"data: 0123456789a"]).1, too_long, "refused before its end");
    assert_eq!(parse(16, &[b"data: 01234567\n", b"data: 01234567\n"]).1, too_long);
    assert_eq!(parse(16, &[b": 0123456789abcdef"]).1, too_long, "a comment too");
    assert_eq!(parse(16, &[b"data: ok\n\ndata: \xff\n"]), (vec![event("", "message", "ok")], Err(SseError::NotUtf8)));
}

#[test]
fn what_is_written_is_read_back() {
    for (id, data) in [("00000000000000ff-12", "{\"a\":1}"), ("", " leading space"), ("7", ""), ("8", "two\nlines")] {
        let octets = encode_sse(&StreamMessage { id: id.into(), event: "heartbeat", data: data.into() });
        assert_eq!(parse(64, &[&octets]), (vec![event(id, "heartbeat", data)], Ok(())));
    }
    let octets = encode_sse(&StreamMessage { id: "a\nevent: forged\r".into(), event: "stream", data: "x\r\n\rid: forged".into() });
    assert_eq!(parse(64, &[&octets]).0, [event("aevent: forged", "stream", "x\n\nid: forged")], "no field can be smuggled in");
}

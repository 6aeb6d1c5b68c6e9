//! Leaves: the exact octets that are hashed, stored and sent. Deterministic CBOR maps with integer keys; 0–3 are schema, stream, epoch, seq in
//! every schema.

use std::collections::BTreeMap;

use crate::cbor::{Encode, Fields, Reader, text_key_order};
use crate::error::Error;

const POINTS: &str = "ies-ev/1";
const OPERATION: &str = "ies-op/1";
const NOTE: &str = "ies-note/1";

/// One leaf of a journal; the epoch is the journal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamRef {
    /// The stream.
    pub stream: u32,
    /// Its place in the stream.
    pub seq: u64,
}

/// The value of a point, with its type as the device sent it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LeafValue {
    /// A single-point indication.
    Bool(bool),
    /// A double-point indication: 0 intermediate, 1 off, 2 on, 3 indeterminate.
    Double(u8),
    /// An integer.
    Int(i64),
    /// A number of single precision.
    F32(f32),
    /// A number of double precision.
    F64(f64),
}

/// The bits of [`LeafPoint::flags`].
pub mod leaf_flags {
    /// The frame was one of the last durable ones of its link before a reconnect, or repeats (point, time, value).
    pub const POSSIBLE_DUPLICATE: u8 = 1;
    /// The station marked it as a test.
    pub const TEST: u8 = 2;
    /// Found by an interrogation: changed some time before.
    pub const FROM_INTERROGATION: u8 = 4;
    /// Older than what is known: moves neither image nor alarms.
    pub const HISTORIC: u8 = 8;
    /// The present image, told again: to a new subscriber, or because the value grew old. Not a change.
    pub const IMAGE: u8 = 16;
    /// A change of a state that its source did not stamp: a line of the sequence of events all the same.
    pub const UNSTAMPED_EVENT: u8 = 32;
}

/// One point in a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeafPoint {
    /// The point, by its index in the profile.
    pub point: u32,
    /// Its value.
    pub value: LeafValue,
    /// Quality in the bridge's words, as bits.
    pub quality: u16,
    /// The device's own quality bits.
    pub raw: u16,
    /// Source time, UTC, ns since 1970, as read.
    pub time_ns: i64,
    /// Time quality; bit 7: stamped by the bridge.
    pub time_flags: u8,
    /// Cause of transmission.
    pub cause: u8,
    /// [`leaf_flags`].
    pub flags: u8,
}

/// A frame record by (link, connection, frame number).
pub type FrameRef = (u16, u32, u64);

/// All points of one stream from one frame: "ies-ev/1".
#[derive(Debug, Clone, PartialEq)]
pub struct PointsLeaf {
    /// The stream.
    pub stream: u32,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Its place in the stream.
    pub seq: u64,
    /// The resource, by its index in the profile.
    pub resource: u32,
    /// When the frame was received, UTC, ns since 1970.
    pub received_ns: i64,
    /// The frame record it was mapped from; none for derived points.
    pub frame: Option<FrameRef>,
    /// First 16 octets of the hash of the descriptor.
    pub descriptors: [u8; 16],
    /// Updates of this frame and stream that are in the frame record only.
    pub withheld: u32,
    /// The points.
    pub points: Vec<LeafPoint>,
}

/// The fields of a [`PointsLeaf`] before its points, for [`encode_points`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointsHead {
    /// As in [`PointsLeaf`].
    pub stream: u32,
    /// As in [`PointsLeaf`].
    pub epoch: u64,
    /// As in [`PointsLeaf`].
    pub seq: u64,
    /// As in [`PointsLeaf`].
    pub resource: u32,
    /// As in [`PointsLeaf`].
    pub received_ns: i64,
    /// As in [`PointsLeaf`].
    pub frame: Option<FrameRef>,
    /// As in [`PointsLeaf`].
    pub descriptors: [u8; 16],
    /// As in [`PointsLeaf`].
    pub withheld: u32,
}

/// Appends a points leaf without allocating (but for the growth of `out`). The iterator must give as many points as its length says.
pub fn encode_points(head: &PointsHead, points: impl ExactSizeIterator<Item = LeafPoint>, out: &mut Vec<u8>) {
    out.map(if head.frame.is_some() { 10 } else { 9 });
    open(out, POINTS, head.stream, head.epoch, head.seq);
    out.scratch(|s| {
        s.uint(4);
        s.uint(u64::from(head.resource));
        s.uint(5);
        s.int(head.received_ns);
        if let Some((link, connection, number)) = head.frame {
            s.uint(6);
            s.array(3);
            s.uint(u64::from(link));
            s.uint(u64::from(connection));
            s.uint(number);
        }
        s.uint(7);
    });
    out.bytes(&head.descriptors);
    out.scratch(|s| {
        s.uint(8);
        s.uint(u64::from(head.withheld));
        s.uint(9);
        s.array(points.len() as u64);
    });
    for p in points {
        // At most 1 + 5 + 1 + 9 + 3 + 3 + 9 + 2 + 2 + 2 = 37 octets.
        out.scratch(|s| {
            s.array(9);
            s.uint(u64::from(p.point));
            match p.value {
                LeafValue::Bool(v) => {
                    s.uint(0);
                    s.uint(u64::from(v));
                }
                LeafValue::Double(v) => {
                    s.uint(1);
                    s.uint(u64::from(v));
                }
                LeafValue::Int(v) => {
                    s.uint(2);
                    s.int(v);
                }
                LeafValue::F32(v) => {
                    s.uint(3);
                    s.f32(v);
                }
                LeafValue::F64(v) => {
                    s.uint(4);
                    s.f64(v);
                }
            }
            s.uint(u64::from(p.quality));
            s.uint(u64::from(p.raw));
            s.int(p.time_ns);
            s.uint(u64::from(p.time_flags));
            s.uint(u64::from(p.cause));
            s.uint(u64::from(p.flags));
        });
    }
}

fn open(out: &mut Vec<u8>, schema: &str, stream: u32, epoch: u64, seq: u64) {
    out.uint(0);
    out.text(schema);
    out.scratch(|s| {
        s.uint(1);
        s.uint(u64::from(stream));
        s.uint(2);
        s.uint(epoch);
        s.uint(3);
        s.uint(seq);
    });
}

impl PointsLeaf {
    /// Appends the leaf.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let head = PointsHead {
            stream: self.stream,
            epoch: self.epoch,
            seq: self.seq,
            resource: self.resource,
            received_ns: self.received_ns,
            frame: self.frame,
            descriptors: self.descriptors,
            withheld: self.withheld,
        };
        encode_points(&head, self.points.iter().copied(), out);
    }

    /// Reads a leaf; unknown keys are skipped.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "points leaf", POINTS)?;
        let (stream, epoch, seq) = (f.need(1)?.narrow()?, f.need(2)?.uint()?, f.need(3)?.uint()?);
        let (resource, received_ns) = (f.need(4)?.narrow()?, f.need(5)?.int()?);
        let frame = if f.seek(6)? {
            f.r.array_of(3)?;
            Some((f.r.narrow()?, f.r.narrow()?, f.r.uint()?))
        } else {
            None
        };
        let (descriptors, withheld) = (f.need(7)?.bytes_of()?, f.need(8)?.narrow()?);
        let r = f.need(9)?;
        let count = r.array()?;
        // A point takes at least ten octets.
        let mut points = Vec::with_capacity(usize::try_from(count).unwrap_or(0).min(r.left() / 10));
        for _ in 0..count {
            points.push(decode_point(r)?);
        }
        f.finish()?;
        Ok(Self { stream, epoch, seq, resource, received_ns, frame, descriptors, withheld, points })
    }
}

fn decode_point(r: &mut Reader<'_>) -> Result<LeafPoint, Error> {
    r.array_of(9)?;
    let point = r.narrow()?;
    let value = match r.uint()? {
        0 => match r.uint()? {
            0 => LeafValue::Bool(false),
            1 => LeafValue::Bool(true),
            _ => return r.fail("a single point is neither 0 nor 1"),
        },
        1 => LeafValue::Double(r.narrow::<u8>()?),
        2 => LeafValue::Int(r.int()?),
        3 => {
            let value = r.f64()?;
            let single = value as f32;
            if !value.is_nan() && f64::from(single).to_bits() != value.to_bits() {
                return r.fail("a number exceeds single precision");
            }
            LeafValue::F32(single)
        }
        4 => LeafValue::F64(r.f64()?),
        _ => return r.fail("unknown type of value"),
    };
    let (quality, raw, time_ns) = (r.narrow()?, r.narrow()?, r.int()?);
    Ok(LeafPoint { point, value, quality, raw, time_ns, time_flags: r.narrow()?, cause: r.narrow()?, flags: r.narrow()? })
}

/// Which way an operation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The bridge sent it.
    Sent,
    /// The bridge received it.
    Received,
}

/// One signed operation or answer, exactly as it was on the wire: "ies-op/1".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationLeaf {
    /// The stream.
    pub stream: u32,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Its place in the stream.
    pub seq: u64,
    /// Which way it went.
    pub direction: Direction,
    /// The other party.
    pub peer: String,
    /// The operation.
    pub operation_id: String,
    /// Its verb.
    pub verb: String,
    /// The HTTP `Authorization` value that signed it.
    pub authorization: String,
    /// The exact octets of its body on the wire.
    pub body: Vec<u8>,
    /// When, UTC, ns since 1970.
    pub at_ns: i64,
}

impl OperationLeaf {
    /// Appends the leaf.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.map(11);
        open(out, OPERATION, self.stream, self.epoch, self.seq);
        out.uint(4);
        out.uint(match self.direction {
            Direction::Sent => 0,
            Direction::Received => 1,
        });
        out.uint(5);
        out.int(self.at_ns);
        for (key, text) in [(6, &self.peer), (7, &self.operation_id), (8, &self.verb), (9, &self.authorization)] {
            out.uint(key);
            out.text(text);
        }
        out.uint(10);
        out.bytes(&self.body);
    }

    /// Reads a leaf; unknown keys are skipped.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "operation leaf", OPERATION)?;
        let (stream, epoch, seq) = (f.need(1)?.narrow()?, f.need(2)?.uint()?, f.need(3)?.uint()?);
        let r = f.need(4)?;
        let direction = match r.uint()? {
            0 => Direction::Sent,
            1 => Direction::Received,
            _ => return r.fail("unknown direction"),
        };
        let leaf = Self {
            stream,
            epoch,
            seq,
            direction,
            at_ns: f.need(5)?.int()?,
            peer: f.need(6)?.text()?.to_owned(),
            operation_id: f.need(7)?.text()?.to_owned(),
            verb: f.need(8)?.text()?.to_owned(),
            authorization: f.need(9)?.text()?.to_owned(),
            body: f.need(10)?.bytes()?.to_vec(),
        };
        f.finish()?;
        Ok(leaf)
    }
}

/// Something the bridge states about itself: a gap, a recovery, a decision, a command: "ies-note/1".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteLeaf {
    /// The stream.
    pub stream: u32,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Its place in the stream.
    pub seq: u64,
    /// When, UTC, ns since 1970.
    pub at_ns: i64,
    /// What it is: `gap`, `recovered`, `decision`, `command` …
    pub kind: String,
    /// In an operator's words.
    pub text: String,
    /// Facts.
    pub fields: BTreeMap<String, String>,
}

impl NoteLeaf {
    /// Appends the leaf.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.map(8);
        open(out, NOTE, self.stream, self.epoch, self.seq);
        out.uint(4);
        out.int(self.at_ns);
        out.uint(5);
        out.text(&self.kind);
        out.uint(6);
        out.text(&self.text);
        out.uint(7);
        let mut fields: Vec<(&String, &String)> = self.fields.iter().collect();
        fields.sort_by(|a, b| text_key_order(a.0, b.0));
        out.map(fields.len() as u64);
        for (name, value) in fields {
            out.text(name);
            out.text(value);
        }
    }

    /// Reads a leaf; unknown keys are skipped.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let mut f = Fields::open(octets, "note leaf", NOTE)?;
        let (stream, epoch, seq) = (f.need(1)?.narrow()?, f.need(2)?.uint()?, f.need(3)?.uint()?);
        let at_ns = f.need(4)?.int()?;
        let (kind, text) = (f.need(5)?.text()?.to_owned(), f.need(6)?.text()?.to_owned());
        let fields = text_map(f.need(7)?, |r| r.text().map(str::to_owned))?;
        f.finish()?;
        Ok(Self { stream, epoch, seq, at_ns, kind, text, fields })
    }
}

/// A map with text keys in deterministic order.
pub(crate) fn text_map<'a, T>(
    r: &mut Reader<'a>,
    mut value: impl FnMut(&mut Reader<'a>) -> Result<T, Error>,
) -> Result<BTreeMap<String, T>, Error> {
    let mut map = BTreeMap::new();
    let mut last: Option<&str> = None;
    for _ in 0..r.map()? {
        let key = r.text()?;
        if last.is_some_and(|last| text_key_order(last, key).is_ge()) {
            return r.fail("map keys are not ascending");
        }
        last = Some(key);
        map.insert(key.to_owned(), value(r)?);
    }
    Ok(map)
}

/// A leaf of a schema that this program does not know: it is hashed and sealed all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLeaf {
    /// Its schema.
    pub schema: String,
    /// The stream.
    pub stream: u32,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Its place in the stream.
    pub seq: u64,
}

/// A leaf of any schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// Points of one stream from one frame.
    Points(PointsLeaf),
    /// An operation on the wire.
    Operation(OperationLeaf),
    /// A statement of the bridge.
    Note(NoteLeaf),
    /// A schema of a later version.
    Unknown(UnknownLeaf),
}

impl Leaf {
    /// Reads a leaf of any schema.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let (_, schema) = Fields::open_any(octets, "leaf")?;
        match schema {
            POINTS => PointsLeaf::decode(octets).map(Self::Points),
            OPERATION => OperationLeaf::decode(octets).map(Self::Operation),
            NOTE => NoteLeaf::decode(octets).map(Self::Note),
            other => {
                let id = LeafId::decode(octets)?;
                Ok(Self::Unknown(UnknownLeaf { schema: other.to_owned(), stream: id.stream, epoch: id.epoch, seq: id.seq }))
            }
        }
    }
}

/// What sealing needs to know of a leaf: its place, and how many updates it withholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafId {
    /// The stream.
    pub stream: u32,
    /// The journal's incarnation.
    pub epoch: u64,
    /// Its place in the stream.
    pub seq: u64,
    /// Updates withheld; zero but for points.
    pub withheld: u32,
    /// The frame record it came from; none but for points.
    pub frame: Option<FrameRef>,
}

impl LeafId {
    /// Reads the first fields of a leaf of any schema, without its points.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        let (mut f, schema) = Fields::open_any(octets, "leaf")?;
        let (stream, epoch, seq) = (f.need(1)?.narrow()?, f.need(2)?.uint()?, f.need(3)?.uint()?);
        let (mut withheld, mut frame) = (0, None);
        if schema == POINTS {
            if f.seek(6)? {
                f.r.array_of(3)?;
                frame = Some((f.r.narrow()?, f.r.narrow()?, f.r.uint()?));
            }
            withheld = f.need(8)?.narrow()?;
        }
        Ok(Self { stream, epoch, seq, withheld, frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> PointsLeaf {
        let point = |point, value| LeafPoint {
            point,
            value,
            quality: 0x1ff,
            raw: 0x80,
            time_ns: 1_790_002_469_251_456_789,
            time_flags: 0x81,
            cause: 3,
            flags: leaf_flags::POSSIBLE_DUPLICATE | leaf_flags::HISTORIC,
        };
        PointsLeaf {
            stream: 70_000,
            epoch: 1,
            seq: u64::MAX,
            resource: 7,
            received_ns: -1,
            frame: Some((1, 2, 3)),
            descriptors: [0xdd; 16],
            withheld: 300,
            points: vec![
                point(0, LeafValue::Bool(true)),
                point(24, LeafValue::Double(3)),
                point(256, LeafValue::Int(i64::MIN)),
                point(65_536, LeafValue::F32(1.1)),
                point(u32::MAX, LeafValue::F64(1.1)),
                point(1, LeafValue::F32(50.5)),
                point(2, LeafValue::F64(f64::NEG_INFINITY)),
            ],
        }
    }

    fn encoded(f: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        f(&mut out);
        out
    }

    #[test]
    fn leaves_come_back() {
        let octets = encoded(|o| points().encode(o));
        assert_eq!(Leaf::decode(&octets), Ok(Leaf::Points(points())));
        let derived = PointsLeaf { frame: None, points: vec![], ..points() };
        assert_eq!(PointsLeaf::decode(&encoded(|o| derived.encode(o))), Ok(derived));
        let operation = OperationLeaf {
            stream: 1,
            epoch: 2,
            seq: 3,
            direction: Direction::Received,
            peer: "did:web:sldc.example".into(),
            operation_id: "op".into(),
            verb: "dispatch".into(),
            authorization: "Signature keyId=\"…\"".into(),
            body: b"{}".to_vec(),
            at_ns: 5,
        };
        assert_eq!(Leaf::decode(&encoded(|o| operation.encode(o))), Ok(Leaf::Operation(operation)));
        let fields = [("zz", "1"), ("a", "2"), ("bbb", "3")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let note = NoteLeaf { stream: 1, epoch: 2, seq: 3, at_ns: 4, kind: "gap".into(), text: "lost".into(), fields };
        let octets = encoded(|o| note.encode(o));
        assert_eq!(Leaf::decode(&octets), Ok(Leaf::Note(note)));
        // Shorter keys first (RFC 8949 §4.2.1).
        let at = |key: &[u8]| octets.windows(key.len()).position(|w| w == key).unwrap();
        assert!(at(b"\x61a") < at(b"\x62zz") && at(b"\x62zz") < at(b"\x63bbb"));
    }

    #[test]
    fn a_second_library_reads_the_same() {
        let octets = encoded(|o| points().encode(o));
        let mut d = minicbor::Decoder::new(&octets);
        assert_eq!((d.map().unwrap(), d.u8().unwrap(), d.str().unwrap()), (Some(10), 0, "ies-ev/1"));
        assert_eq!((d.u8().unwrap(), d.u32().unwrap(), d.u8().unwrap(), d.u64().unwrap()), (1, 70_000, 2, 1));
        assert_eq!((d.u8().unwrap(), d.u64().unwrap()), (3, u64::MAX));
        for _ in 0..8 {
            d.skip().unwrap();
        }
        assert_eq!((d.u8().unwrap(), d.u32().unwrap(), d.u8().unwrap(), d.array().unwrap()), (8, 300, 9, Some(7)));
        for p in points().points {
            assert_eq!((d.array().unwrap(), d.u32().unwrap()), (Some(9), p.point));
            let kind = d.u8().unwrap();
            match p.value {
                LeafValue::Bool(v) => assert_eq!((kind, d.u8().unwrap()), (0, u8::from(v))),
                LeafValue::Double(v) => assert_eq!((kind, d.u8().unwrap()), (1, v)),
                LeafValue::Int(v) => assert_eq!((kind, d.i64().unwrap()), (2, v)),
                LeafValue::F32(v) => assert_eq!((kind, d.f32().unwrap()), (3, v)),
                LeafValue::F64(v) => assert_eq!((kind, d.f64().unwrap()), (4, v)),
            }
            assert_eq!((d.u16().unwrap(), d.u16().unwrap(), d.i64().unwrap()), (p.quality, p.raw, p.time_ns));
            assert_eq!((d.u8().unwrap(), d.u8().unwrap(), d.u8().unwrap()), (p.time_flags, p.cause, p.flags));
        }
        assert_eq!(d.position(), octets.len());
    }

    #[test]
    fn the_first_fields_are_enough_to_seal() {
        let octets = encoded(|o| points().encode(o));
        let id = LeafId { stream: 70_000, epoch: 1, seq: u64::MAX, withheld: 300, frame: Some((1, 2, 3)) };
        assert_eq!(LeafId::decode(&octets), Ok(id));
    }

    #[test]
    fn unknown_schemas_and_unknown_keys_are_read_past() {
        let octets = encoded(|o| {
            o.map(5);
            open(o, "ies-ev/9", 4, 5, 6);
            o.uint(40);
            o.array(2);
            o.text("new");
            o.null();
        });
        let unknown = UnknownLeaf { schema: "ies-ev/9".into(), stream: 4, epoch: 5, seq: 6 };
        assert_eq!(Leaf::decode(&octets), Ok(Leaf::Unknown(unknown)));
        let mut extended = encoded(|o| points().encode(o));
        extended[0] += 1;
        extended.uint(11);
        extended.text("of a later version");
        assert_eq!(PointsLeaf::decode(&extended), Ok(points()));
    }

    #[test]
    fn cut_extended_or_unsorted_leaves_are_refused() {
        let octets = encoded(|o| points().encode(o));
        for cut in 0..octets.len() {
            assert!(Leaf::decode(&octets[..cut]).is_err(), "cut {cut}");
        }
        let mut longer = octets.clone();
        longer.push(0);
        assert!(Leaf::decode(&longer).is_err());
        let twice = encoded(|o| {
            o.map(5);
            open(o, "x", 1, 2, 3);
            o.uint(3);
            o.uint(3);
        });
        assert!(matches!(
            Fields::open(&twice, "x", "x").unwrap().finish(),
            Err(Error::Malformed { why: "map keys are not ascending", .. })
        ));
    }

    #[test]
    fn any_flipped_octet_of_a_leaf_is_read_or_refused_without_panic() {
        let octets = encoded(|o| points().encode(o));
        for at in 0..octets.len() {
            for value in 0..=255 {
                let mut bad = octets.clone();
                bad[at] = value;
                let _ = Leaf::decode(&bad);
                let _ = LeafId::decode(&bad);
            }
        }
    }
}

//! Core deterministic CBOR (RFC 8949 §4.2.1): shortest integers and floats, definite lengths, map keys ascending.
//!
//! The reader never panics: it looks at octets only through `get`, lengths are compared with what is left, nesting is bounded.

use crate::error::Error;

/// Nesting that [`Reader::skip`] follows.
const MAX_DEPTH: u32 = 16;

const UINT: u8 = 0;
const NINT: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

/// Octets of one point at most; see `leaf.rs`.
const SCRATCH: usize = 72;

/// Encodes small items on the stack, so that a point costs one copy into the output.
pub(crate) struct Scratch {
    buf: [u8; SCRATCH],
    len: usize,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { buf: [0; SCRATCH], len: 0 }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    #[inline]
    fn put<const N: usize>(&mut self, octets: [u8; N]) {
        if let Some(room) = self.buf.get_mut(self.len..self.len + N) {
            room.copy_from_slice(&octets);
            self.len += N;
        } else {
            debug_assert!(false, "a point fits the scratch");
        }
    }

    #[inline]
    fn head(&mut self, major: u8, n: u64) {
        let m = major << 5;
        if n < 24 {
            self.put([m | n as u8]);
        } else if n <= 0xff {
            self.put([m | 24, n as u8]);
        } else if n <= 0xffff {
            let b = (n as u16).to_be_bytes();
            self.put([m | 25, b[0], b[1]]);
        } else if n <= 0xffff_ffff {
            let b = (n as u32).to_be_bytes();
            self.put([m | 26, b[0], b[1], b[2], b[3]]);
        } else {
            let b = n.to_be_bytes();
            self.put([m | 27, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
        }
    }

    #[inline]
    pub(crate) fn array(&mut self, len: u64) {
        self.head(ARRAY, len);
    }

    #[inline]
    pub(crate) fn uint(&mut self, n: u64) {
        self.head(UINT, n);
    }

    #[inline]
    pub(crate) fn int(&mut self, n: i64) {
        if n >= 0 { self.head(UINT, n as u64) } else { self.head(NINT, !(n as u64)) }
    }

    /// The shortest float that holds the value; every NaN is the half-precision one.
    #[inline]
    pub(crate) fn f32(&mut self, value: f32) {
        match half_bits(value) {
            Some(half) => {
                let b = half.to_be_bytes();
                self.put([0xf9, b[0], b[1]]);
            }
            None => {
                let b = value.to_bits().to_be_bytes();
                self.put([0xfa, b[0], b[1], b[2], b[3]]);
            }
        }
    }

    /// As [`Scratch::f32`].
    #[inline]
    pub(crate) fn f64(&mut self, value: f64) {
        let single = value as f32;
        if value.is_nan() || f64::from(single).to_bits() == value.to_bits() {
            self.f32(single);
        } else {
            let b = value.to_bits().to_be_bytes();
            self.put([0xfb, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
        }
    }
}

/// The half-precision bits of a value that half precision holds exactly.
#[inline]
fn half_bits(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let exponent = (bits >> 23 & 0xff) as i32 - 127;
    let mantissa = bits & 0x7f_ffff;
    if value.is_nan() {
        return Some(0x7e00);
    }
    if exponent == 128 {
        return Some(sign | 0x7c00);
    }
    if bits << 1 == 0 {
        return Some(sign);
    }
    if (-14..=15).contains(&exponent) && mantissa & 0x1fff == 0 {
        return Some(sign | ((exponent + 15) as u16) << 10 | (mantissa >> 13) as u16);
    }
    if (-24..-14).contains(&exponent) {
        // Subnormal in half precision: the leading one becomes explicit.
        let shift = (-exponent - 1) as u32;
        let full = mantissa | 0x80_0000;
        if full & ((1 << shift) - 1) == 0 {
            return Some(sign | (full >> shift) as u16);
        }
    }
    None
}

fn half_value(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10 & 0x1f);
    let mantissa = u32::from(half & 0x3ff);
    match exponent {
        0 => {
            let magnitude = mantissa as f32 * 2f32.powi(-24);
            f32::from_bits(magnitude.to_bits() | sign)
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

/// Encodes into a buffer.
pub(crate) trait Encode {
    fn scratch(&mut self, f: impl FnOnce(&mut Scratch));
    fn map(&mut self, len: u64);
    fn array(&mut self, len: u64);
    fn uint(&mut self, n: u64);
    fn int(&mut self, n: i64);
    fn bytes(&mut self, octets: &[u8]);
    fn text(&mut self, text: &str);
    fn bool(&mut self, value: bool);
    fn null(&mut self);
}

impl Encode for Vec<u8> {
    #[inline]
    fn scratch(&mut self, f: impl FnOnce(&mut Scratch)) {
        let mut scratch = Scratch::new();
        f(&mut scratch);
        self.extend_from_slice(scratch.as_slice());
    }
    fn map(&mut self, len: u64) {
        self.scratch(|s| s.head(MAP, len));
    }
    fn array(&mut self, len: u64) {
        self.scratch(|s| s.head(ARRAY, len));
    }
    fn uint(&mut self, n: u64) {
        self.scratch(|s| s.uint(n));
    }
    fn int(&mut self, n: i64) {
        self.scratch(|s| s.int(n));
    }
    fn bytes(&mut self, octets: &[u8]) {
        self.scratch(|s| s.head(BYTES, octets.len() as u64));
        self.extend_from_slice(octets);
    }
    fn text(&mut self, text: &str) {
        self.scratch(|s| s.head(TEXT, text.len() as u64));
        self.extend_from_slice(text.as_bytes());
    }
    fn bool(&mut self, value: bool) {
        self.push(0xf4 | u8::from(value));
    }
    fn null(&mut self) {
        self.push(0xf6);
    }
}

/// Text keys in the order of their encodings: shorter first, then by octets.
pub(crate) fn text_key_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

/// Reads what [`Encode`] wrote, and refuses what it would have written otherwise.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8], what: &'static str) -> Self {
        Self { octets, at: 0, what }
    }

    pub(crate) fn fail<T>(&self, why: &'static str) -> Result<T, Error> {
        Err(Error::Malformed { what: self.what, why, offset: self.at })
    }

    pub(crate) fn left(&self) -> usize {
        self.octets.len() - self.at
    }

    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.left() == 0 { Ok(()) } else { self.fail("octets follow its end") }
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8], Error> {
        let end = usize::try_from(n).ok().and_then(|n| self.at.checked_add(n));
        match end.and_then(|end| Some((end, self.octets.get(self.at..end)?))) {
            Some((end, part)) => {
                self.at = end;
                Ok(part)
            }
            None => self.fail("it is cut short"),
        }
    }

    fn big_endian(&mut self, n: u64) -> Result<u64, Error> {
        Ok(self.take(n)?.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// Major type and argument; additional information 20–27 of major type 7 comes as (7, raw).
    fn head(&mut self) -> Result<(u8, u64), Error> {
        let first = self.big_endian(1)?;
        let (major, info) = ((first >> 5) as u8, first & 31);
        if major == SIMPLE {
            return Ok((major, info));
        }
        let (value, least) = match info {
            0..=23 => return Ok((major, info)),
            24 => (self.big_endian(1)?, 24),
            25 => (self.big_endian(2)?, 0x100),
            26 => (self.big_endian(4)?, 0x1_0000),
            27 => (self.big_endian(8)?, 0x1_0000_0000),
            _ => return self.fail("it has an indefinite length"),
        };
        if value < least { self.fail("a number is not in its shortest form") } else { Ok((major, value)) }
    }

    fn expect(&mut self, wanted: u8, why: &'static str) -> Result<u64, Error> {
        let back = self.at;
        let (major, value) = self.head()?;
        if major == wanted {
            return Ok(value);
        }
        self.at = back;
        self.fail(why)
    }

    pub(crate) fn map(&mut self) -> Result<u64, Error> {
        let n = self.expect(MAP, "a map is expected")?;
        if n > self.left() as u64 / 2 { self.fail("a map is longer than the octets") } else { Ok(n) }
    }

    pub(crate) fn array(&mut self) -> Result<u64, Error> {
        let n = self.expect(ARRAY, "an array is expected")?;
        if n > self.left() as u64 { self.fail("an array is longer than the octets") } else { Ok(n) }
    }

    pub(crate) fn array_of(&mut self, len: u64) -> Result<(), Error> {
        if self.array()? == len { Ok(()) } else { self.fail("an array has another length than expected") }
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Error> {
        self.expect(UINT, "an unsigned number is expected")
    }

    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Error> {
        let n = self.uint()?;
        T::try_from(n).or_else(|_| self.fail("a number is too large"))
    }

    pub(crate) fn int(&mut self) -> Result<i64, Error> {
        let (major, n) = self.head()?;
        match (major, i64::try_from(n)) {
            (UINT, Ok(n)) => Ok(n),
            (NINT, Ok(n)) => Ok(!n),
            (UINT | NINT, Err(_)) => self.fail("a number is too large"),
            _ => self.fail("a number is expected"),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let n = self.expect(BYTES, "octets are expected")?;
        self.take(n)
    }

    pub(crate) fn bytes_of<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let octets = self.bytes()?;
        octets.try_into().or_else(|_| self.fail("octets of another length are expected"))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Error> {
        let n = self.expect(TEXT, "text is expected")?;
        let octets = self.take(n)?;
        std::str::from_utf8(octets).or_else(|_| self.fail("text is not UTF-8"))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Error> {
        match self.head()? {
            (SIMPLE, 20) => Ok(false),
            (SIMPLE, 21) => Ok(true),
            _ => self.fail("true or false is expected"),
        }
    }

    /// Takes a null if one is next.
    pub(crate) fn null(&mut self) -> bool {
        let is_null = self.octets.get(self.at) == Some(&0xf6);
        self.at += usize::from(is_null);
        is_null
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Error> {
        let value = match self.head()? {
            (SIMPLE, 25) => return Ok(f64::from(half_value(self.big_endian(2)? as u16))),
            (SIMPLE, 26) => f64::from(f32::from_bits(self.big_endian(4)? as u32)),
            (SIMPLE, 27) => {
                let value = f64::from_bits(self.big_endian(8)?);
                if value.is_nan() || f64::from(value as f32).to_bits() == value.to_bits() {
                    return self.fail("a float is not in its shortest form");
                }
                return Ok(value);
            }
            _ => return self.fail("a float is expected"),
        };
        if half_bits(value as f32).is_some() { self.fail("a float is not in its shortest form") } else { Ok(value) }
    }

    /// Skips one item of any type.
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        self.skip_at(MAX_DEPTH)
    }

    fn skip_at(&mut self, depth: u32) -> Result<(), Error> {
        let Some(depth) = depth.checked_sub(1) else { return self.fail("it is nested too deeply") };
        let (major, n) = self.head()?;
        match major {
            UINT | NINT => {}
            BYTES | TEXT => {
                self.take(n)?;
            }
            ARRAY | MAP => {
                let items = if major == MAP { n.saturating_mul(2) } else { n };
                if items > self.left() as u64 {
                    return self.fail("an array is longer than the octets");
                }
                for _ in 0..items {
                    self.skip_at(depth)?;
                }
            }
            SIMPLE => match n {
                0..=23 => {}
                24 => {
                    self.take(1)?;
                }
                25 => {
                    self.take(2)?;
                }
                26 => {
                    self.take(4)?;
                }
                27 => {
                    self.take(8)?;
                }
                _ => return self.fail("it has an indefinite length"),
            },
            _ => self.skip_at(depth)?,
        }
        Ok(())
    }
}

/// Walks a map with ascending integer keys; keys that the caller does not take are skipped.
pub(crate) struct Fields<'a> {
    pub(crate) r: Reader<'a>,
    left: u64,
    /// A key that was read but not asked for yet.
    peeked: Option<u64>,
    last: Option<u64>,
}

impl<'a> Fields<'a> {
    /// Opens the map and checks field 0, the schema name.
    pub(crate) fn open(octets: &'a [u8], what: &'static str, schema: &str) -> Result<Self, Error> {
        let (fields, found) = Self::open_any(octets, what)?;
        if found == schema { Ok(fields) } else { fields.r.fail("it has another schema") }
    }

    /// Opens the map and reads field 0, the schema name.
    pub(crate) fn open_any(octets: &'a [u8], what: &'static str) -> Result<(Self, &'a str), Error> {
        let mut r = Reader::new(octets, what);
        let left = r.map()?;
        let mut fields = Self { r, left, peeked: None, last: None };
        if !fields.seek(0)? {
            return fields.r.fail("field 0, the schema, is missing");
        }
        let schema = fields.r.text()?;
        Ok((fields, schema))
    }

    /// Moves to a field; false if it is absent. Fields must be asked for in ascending order.
    pub(crate) fn seek(&mut self, key: u64) -> Result<bool, Error> {
        loop {
            let next = match self.peeked {
                Some(next) => next,
                None => {
                    if self.left == 0 {
                        return Ok(false);
                    }
                    let next = self.r.uint()?;
                    if self.last.is_some_and(|last| last >= next) {
                        return self.r.fail("map keys are not ascending");
                    }
                    self.left -= 1;
                    self.last = Some(next);
                    self.peeked = Some(next);
                    next
                }
            };
            if next > key {
                return Ok(false);
            }
            self.peeked = None;
            if next == key {
                return Ok(true);
            }
            self.r.skip()?;
        }
    }

    /// Moves to a field that must be there.
    pub(crate) fn need(&mut self, key: u64) -> Result<&mut Reader<'a>, Error> {
        if self.seek(key)? { Ok(&mut self.r) } else { self.r.fail("a field is missing") }
    }

    /// Skips what is left; nothing may follow.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        while self.seek(u64::MAX)? {
            self.r.skip()?;
        }
        self.r.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_shortest_and_come_back() {
        // RFC 8949 appendix A.
        let cases: [(f64, &[u8]); 14] = [
            (0.0, &[0xf9, 0, 0]),
            (-0.0, &[0xf9, 0x80, 0]),
            (1.0, &[0xf9, 0x3c, 0]),
            (1.1, &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
            (1.5, &[0xf9, 0x3e, 0]),
            (65504.0, &[0xf9, 0x7b, 0xff]),
            (100_000.0, &[0xfa, 0x47, 0xc3, 0x50, 0]),
            (3.402_823_466_385_288_6e38, &[0xfa, 0x7f, 0x7f, 0xff, 0xff]),
            (1.0e300, &[0xfb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0, 0x75, 0x9c]),
            (5.960_464_477_539_063e-8, &[0xf9, 0, 1]),
            (0.000_061_035_156_25, &[0xf9, 4, 0]),
            (-4.0, &[0xf9, 0xc4, 0]),
            (f64::INFINITY, &[0xf9, 0x7c, 0]),
            (f64::NAN, &[0xf9, 0x7e, 0]),
        ];
        for (value, wanted) in cases {
            let mut out = Vec::new();
            out.scratch(|s| s.f64(value));
            assert_eq!(out, wanted, "{value}");
            let back = Reader::new(&out, "float").f64().unwrap();
            assert!(back.to_bits() == value.to_bits() || back.is_nan() && value.is_nan(), "{value} {back}");
        }
        for half in 0..=u16::MAX {
            let value = half_value(half);
            if !value.is_nan() {
                assert_eq!(half_bits(value), Some(half));
            }
        }
    }

    #[test]
    fn numbers_are_as_in_rfc_8949_and_longer_forms_are_refused() {
        let cases: [(i64, &[u8]); 9] = [
            (0, &[0]),
            (23, &[0x17]),
            (24, &[0x18, 24]),
            (1000, &[0x19, 3, 0xe8]),
            (1_000_000, &[0x1a, 0, 0x0f, 0x42, 0x40]),
            (1_000_000_000_000, &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0]),
            (-1, &[0x20]),
            (-1000, &[0x39, 3, 0xe7]),
            (i64::MIN, &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (value, wanted) in cases {
            let mut out = Vec::new();
            out.int(value);
            assert_eq!(out, wanted);
            assert_eq!(Reader::new(&out, "number").int().unwrap(), value);
        }
        for long in [&[0x18u8, 23][..], &[0x19, 0, 255], &[0x1a, 0, 0, 255, 255], &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255]] {
            assert!(Reader::new(long, "number").int().is_err());
        }
        for long in [&[0xfau8, 0x3f, 0x80, 0, 0][..], &[0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]] {
            assert!(Reader::new(long, "float").f64().is_err());
        }
    }

    #[test]
    fn any_octets_neither_panic_nor_nest_without_bound() {
        let mut seed = 1u64;
        for _ in 0..20_000 {
            let octets: Vec<u8> = (0..24)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (seed >> 56) as u8
                })
                .collect();
            let _ = Reader::new(&octets, "junk").skip();
            let _ = Fields::open_any(&octets, "junk").map(|(f, _)| f.finish());
        }
        assert!(Reader::new(&[0x81; 64], "nest").skip().is_err());
        assert!(Reader::new(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "long").skip().is_err());
    }
}

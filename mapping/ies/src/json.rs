//! Strict reading, canonical writing (RFC 8785) and numbers that print as they were measured.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::Error;

/// Deepest nesting of arrays and objects that [`parse_strict`] and [`jcs`] accept.
pub const MAX_DEPTH: usize = 32;
/// Longest document that [`parse_strict`] reads, in bytes. Doors set tighter limits of their own.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// The largest integer that every JSON reader keeps exactly: 2^53 - 1 (RFC 7493 clause 2.2).
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Reads one JSON text in which nothing can be read in two ways.
///
/// Refuses duplicate keys at any depth, nesting beyond [`MAX_DEPTH`], whole numbers beyond [`MAX_SAFE_INTEGER`] (they travel as
/// strings), bytes after the value, invalid UTF-8, lone surrogates, and documents beyond [`MAX_DOCUMENT_BYTES`]. Key order is kept.
/// It cannot panic: the recursion is bounded by the depth limit, and memory grows only with the bytes read.
///
/// # Errors
/// [`Error::Json`] with the line and column.
pub fn parse_strict(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::Json { problem: format!("{} bytes, at most {MAX_DOCUMENT_BYTES} are read", bytes.len()) });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(|e| Error::Json { problem: e.to_string() })?;
    reader.end().map_err(|e| Error::Json { problem: e.to_string() })?;
    Ok(value)
}

/// The canonical bytes of a value: JSON Canonicalization Scheme, RFC 8785.
///
/// # Errors
/// [`Error::Number`] for integers beyond [`MAX_SAFE_INTEGER`], which a double cannot hold (clause 3.2.2.3); [`Error::Json`] beyond
/// [`MAX_DEPTH`]. NaN and infinities cannot be held by [`Value`] at all: see [`json_number`].
pub fn jcs(value: &Value) -> Result<Vec<u8>, Error> {
    check_canonical(value, 0)?;
    serde_json_canonicalizer::to_vec(value).map_err(|e| Error::Json { problem: e.to_string() })
}

/// A short float as a JSON number that prints as the float does: 243.6, not 243.60000610351562.
///
/// The shortest decimal that reads back as the same `f32` has at most nine digits, so the nearest `f64` prints the same digits.
///
/// # Errors
/// [`Error::Number`] for NaN and infinities.
pub fn json_number_f32(value: f32) -> Result<Number, Error> {
    let text = value.to_string();
    match text.parse::<f64>() {
        Ok(wide) if wide.is_finite() => json_number(wide),
        Ok(_) | Err(_) => Err(Error::Number { number: text }),
    }
}

/// A double as a JSON number in shortest round-trip form.
///
/// # Errors
/// [`Error::Number`] for NaN and infinities, which JSON cannot say.
pub fn json_number(value: f64) -> Result<Number, Error> {
    Number::from_f64(value).ok_or_else(|| Error::Number { number: value.to_string() })
}

/// A whole number as JSON: a number up to 2^53 - 1, beyond it a string of digits.
#[must_use]
pub fn json_integer(value: i64) -> Value {
    if value.unsigned_abs() <= MAX_SAFE_INTEGER { Value::from(value) } else { Value::String(value.to_string()) }
}

/// The unsigned form of [`json_integer`].
#[must_use]
pub fn json_unsigned(value: u64) -> Value {
    if value <= MAX_SAFE_INTEGER { Value::from(value) } else { Value::String(value.to_string()) }
}

fn check_canonical(value: &Value, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Json { problem: format!("nested deeper than {MAX_DEPTH}") });
    }
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match magnitude {
                Some(m) if m > MAX_SAFE_INTEGER => Err(Error::Number { number: number.to_string() }),
                Some(_) | None => Ok(()),
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_canonical(item, depth + 1)),
        Value::Object(fields) => fields.values().try_for_each(|field| check_canonical(field, depth + 1)),
    }
}

/// Builds a [`Value`] while watching depth, duplicate keys and unsafe integers.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

fn unsafe_integer<E: de::Error>(number: impl fmt::Display) -> E {
    E::custom(format_args!("the whole number {number} is beyond 2^53 and must be a string"))
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        if v > MAX_SAFE_INTEGER { Err(unsafe_integer(v)) } else { Ok(Value::from(v)) }
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        if v.unsigned_abs() > MAX_SAFE_INTEGER { Err(unsafe_integer(v)) } else { Ok(Value::from(v)) }
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        // An integer literal beyond u64 arrives here already rounded, so every whole double beyond 2^53 is refused.
        if v.fract() == 0.0 && v.abs() >= 9_007_199_254_740_992.0 {
            return Err(unsafe_integer(v));
        }
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }
    fn visit_string<E: de::Error>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut fields = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key {:?} stands twice", crate::error::cut(&key))));
            }
            let field = access.next_value_seed(inner)?;
            fields.insert(key, field);
        }
        Ok(Value::Object(fields))
    }
}

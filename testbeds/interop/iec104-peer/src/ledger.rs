//! One JSON object a line, written through at once, so that a killed process loses nothing it wrote.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::element::Told;
use crate::stamp::now_ns;

/// A ledger; clones share it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Mutex<(File, u64)>>,
}

impl Ledger {
    /// A new file.
    pub fn create(path: &str) -> Self {
        let file = File::create(path).unwrap_or_else(|error| crate::fail(&format!("{path}: {error}")));
        Self { inner: Arc::new(Mutex::new((file, 0))) }
    }

    /// One line; `more` are further fields, of which null ones are left out.
    pub fn write(&self, kind: &str, point: &str, value: Option<f64>, more: Value) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1 += 1;
        let mut line = Map::new();
        line.insert("t".to_owned(), json!(now_ns()));
        line.insert("kind".to_owned(), json!(kind));
        if !point.is_empty() {
            line.insert("point".to_owned(), json!(point));
        }
        line.insert("value".to_owned(), json!(value));
        if let Value::Object(more) = more {
            line.extend(more);
        }
        line.insert("seq".to_owned(), json!(inner.1));
        line.retain(|_, field| !field.is_null());
        let text = Value::Object(line).to_string();
        // A ledger that cannot be written proves nothing: the process ends.
        writeln!(inner.0, "{text}").unwrap_or_else(|error| crate::fail(&error.to_string()));
    }

    /// A value with quality and time.
    pub fn value(&self, kind: &str, point: &str, told: &Told, cause: &str) {
        let (stamp, by) = match told.stamp_ns {
            Some(stamp) => (stamp, "device"),
            None => (now_ns(), "receipt"),
        };
        let facts = json!({ "quality": told.quality_bits(), "stamp": stamp, "by": by, "cause": cause });
        self.write(kind, point, Some(told.value), facts);
    }
}

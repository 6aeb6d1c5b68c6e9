//! Server-sent events (WHATWG HTML §9.2.5–9.2.6): one message out, any octets in.
//!
//! The parser is a value: octets in, events out, whatever the split. It cannot panic, and it holds no more than one message of at most its
//! limit.

use bridge_session::StreamMessage;

/// One message as it goes over the wire: `id:` (if not empty), `event:`, `data:`, an empty line.
///
/// Line ends in `data` give more `data:` lines, as the format asks; in `id` they are left out, because they cannot be carried.
pub fn encode(message: &StreamMessage) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.id.len() + message.event.len() + message.data.len() + 32);
    if !message.id.is_empty() {
        out.extend_from_slice(b"id: ");
        out.extend(message.id.bytes().filter(|b| !matches!(b, b'\n' | b'\r' | 0)));
        out.push(b'\n');
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(message.event.as_bytes());
    out.push(b'\n');
    for line in message.data.replace("\r\n", "\n").split(['\n', '\r']) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// One message as received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SseEvent {
    /// The message's own `id`, empty if it has none. (Unlike a browser, an id is not carried over to later messages.)
    pub id: String,
    /// The `event` field, `message` if absent.
    pub event: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
}

/// The peer misbehaved: the stream cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// A line or a message is longer than the limit.
    #[error("a line or message of the stream is longer than {limit} octets")]
    TooLong {
        /// `Config::stream_line_limit`.
        limit: usize,
    },
    /// A line is not UTF-8.
    #[error("a line of the stream is not UTF-8")]
    NotUtf8,
}

/// The incremental parser.
#[derive(Clone, Debug)]
pub struct SseParser {
    limit: usize,
    line: Vec<u8>,
    /// The last octet was a CR that ended a line: a LF now belongs to it.
    after_cr: bool,
    /// No line was read yet: a byte order mark is skipped.
    first: bool,
    id: String,
    event: String,
    data: Option<String>,
}

impl SseParser {
    /// A parser at the start of a stream. `limit`: the longest line, and the most octets of one message's fields.
    pub fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), after_cr: false, first: true, id: String::new(), event: String::new(), data: None }
    }

    /// Takes the next octets and appends the messages that they complete.
    ///
    /// # Errors
    /// The stream cannot be read on; the messages completed before are in `out`.
    pub fn handle_input(&mut self, mut octets: &[u8], out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        while !octets.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                if let Some(rest) = octets.strip_prefix(b"\n") {
                    octets = rest;
                    continue;
                }
            }
            let end = octets.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let (part, rest) = octets.split_at(end.unwrap_or(octets.len()));
            if self.line.len().saturating_add(part.len()) > self.limit {
                return Err(SseError::TooLong { limit: self.limit });
            }
            self.line.extend_from_slice(part);
            octets = rest;
            if let Some((terminator, rest)) = octets.split_first() {
                self.after_cr = *terminator == b'\r';
                octets = rest;
                let line = std::mem::take(&mut self.line);
                self.handle_line(&line, out)?;
            }
        }
        Ok(())
    }

    fn handle_line(&mut self, line: &[u8], out: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let mut line = std::str::from_utf8(line).map_err(|_| SseError::NotUtf8)?;
        if std::mem::take(&mut self.first) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(out);
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                let held = self.data.as_ref().map_or(0, |d| d.len() + 1);
                if held + value.len() > self.limit {
                    return Err(SseError::TooLong { limit: self.limit });
                }
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
            }
            "event" => value.clone_into(&mut self.event),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // A comment (empty field name), `retry` (the engine decides when to try again) and whatever is unknown.
            _ => {}
        }
        Ok(())
    }

    /// An empty line ends a message; without data there is none.
    fn dispatch(&mut self, out: &mut Vec<SseEvent>) {
        let id = std::mem::take(&mut self.id);
        let event = std::mem::take(&mut self.event);
        if let Some(data) = self.data.take() {
            out.push(SseEvent { id, event: if event.is_empty() { "message".to_owned() } else { event }, data });
        }
    }
}

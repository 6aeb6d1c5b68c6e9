//! Problems with their byte offsets, and the second look at the files that turns offsets into lines and columns.
//!
//! A model of 100 MB is not kept as text. What is wrong is noted with document and offset; afterwards only the documents that have
//! problems are read again, up to the last problem, for the line around each.

use std::collections::BTreeMap;
use std::io::BufRead;

use bridge_diag::{Diagnostic, Report, Severity, Span};

use crate::input::Inputs;

/// A piece of a document: which input, where, how long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct At {
    pub(crate) document: u16,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

impl At {
    /// A place whose length is not known: up to the end of its tag or line.
    pub(crate) const fn start(document: u16, offset: u32) -> Self {
        Self { document, offset, len: 0 }
    }
}

/// What ends the reading of one document.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: &'static str,
    /// Offset and length in the document.
    pub(crate) at: Option<(u64, u64)>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, help: &'static str) -> Self {
        Self { code, message: message.into(), help, at: None }
    }

    pub(crate) fn at(mut self, offset: u64, len: u64) -> Self {
        self.at.get_or_insert((offset, len));
        self
    }
}

/// All problems of one reading.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<(Diagnostic, Option<At>)>,
    counts: BTreeMap<String, (usize, bool)>,
    /// Whether a document could not be read to its end.
    pub(crate) broken: bool,
}

impl Problems {
    /// Problems of one code that are shown; the others are counted.
    pub(crate) const SHOWN_PER_CODE: usize = 40;

    /// Whether more of this code are only counted: what is dear to say need not be said.
    pub(crate) fn is_full(&self, code: &str) -> bool {
        self.counts.get(code).is_some_and(|count| count.0 >= Self::SHOWN_PER_CODE)
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic, at: Option<At>) {
        let count = self.counts.entry(diagnostic.code.clone()).or_default();
        count.0 += 1;
        count.1 |= diagnostic.severity == Severity::Error;
        if count.0 <= Self::SHOWN_PER_CODE {
            self.found.push((diagnostic, at));
        }
    }

    /// A document that cannot be read to its end.
    pub(crate) fn fault(&mut self, document: u16, fault: Fault) {
        self.broken = true;
        let clip = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let at = fault.at.map_or(At::start(document, 0), |(offset, len)| At { document, offset: clip(offset), len: clip(len) });
        self.push(Diagnostic::error(fault.code, fault.message).fix(fault.help), Some(at));
    }

    /// Hands everything to the report, with places.
    pub(crate) fn tell(mut self, inputs: &Inputs, report: &mut Report) {
        self.found.sort_by_key(|(_, at)| *at);
        let mut spans: BTreeMap<At, Span> = BTreeMap::new();
        let mut places: Vec<At> = self.found.iter().filter_map(|(_, at)| *at).collect();
        places.dedup();
        for of_document in places.chunk_by(|a, b| a.document == b.document) {
            let Some(first) = of_document.first() else { continue };
            let name = inputs.name(first.document);
            // A file that can no longer be read was readable a moment ago; its problems are told without their lines.
            let _ = inputs.open(first.document, |reader| {
                excerpts(reader, of_document, |at, piece| {
                    let source = report.add_excerpt(name, piece.text, piece.line, piece.column);
                    spans.insert(at, Span { source, start: piece.start, end: piece.end });
                })
            });
        }
        for (diagnostic, at) in self.found {
            let span = at.and_then(|at| spans.get(&at).copied());
            let diagnostic = match at.filter(|_| span.is_none()) {
                Some(at) => Diagnostic { message: format!("{}: {}", inputs.name(at.document), diagnostic.message), ..diagnostic },
                None => diagnostic,
            };
            report.push(diagnostic.at(span));
        }
        for (code, (count, is_error)) in self.counts {
            if let Some(more) = count.checked_sub(Self::SHOWN_PER_CODE).filter(|more| *more > 0) {
                let message = format!("{more} more of these are not shown");
                report.push(if is_error { Diagnostic::error(code, message) } else { Diagnostic::warning(code, message) });
            }
        }
    }
}

/// A line, or a piece of a very long one, and what in it is meant.
struct Piece {
    text: String,
    line: usize,
    column: usize,
    start: usize,
    end: usize,
}

/// Bytes of a line that are shown at most.
const PIECE_BYTES: usize = 2048;

/// Finds the pieces at `places`, which are sorted.
fn excerpts(reader: &mut dyn BufRead, places: &[At], mut found: impl FnMut(At, Piece)) -> std::io::Result<()> {
    let mut places = places.iter().copied().peekable();
    let (mut offset, mut line, mut column) = (0_u64, 1_usize, 1_usize);
    let (mut bytes, mut last) = (Vec::with_capacity(PIECE_BYTES), Vec::new());
    let mut last_place = (1, 1);
    while places.peek().is_some() {
        std::mem::swap(&mut bytes, &mut last);
        bytes.clear();
        let is_whole = piece(reader, &mut bytes)?;
        let end = offset + bytes.len() as u64;
        if bytes.is_empty() {
            break;
        }
        last_place = (line, column);
        // A byte order mark is no character of the first line.
        let skipped = if offset == 0 && bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        while let Some(at) = places.next_if(|at| u64::from(at.offset) < end) {
            let inside = (u64::from(at.offset).saturating_sub(offset) as usize).max(skipped);
            found(at, cut(&bytes, skipped, inside, at.len as usize, line, column));
        }
        offset = end;
        if is_whole {
            line += 1;
            column = 1;
        } else {
            column += String::from_utf8_lossy(bytes.get(skipped..).unwrap_or_default()).chars().count();
        }
    }
    // An end that came too early is shown behind the last line.
    for at in places {
        found(at, cut(&last, 0, last.len(), 0, last_place.0, last_place.1));
    }
    Ok(())
}

/// Reads up to a line's end or [`PIECE_BYTES`]; whether the line's end was reached. A piece ends between two characters.
fn piece(reader: &mut dyn BufRead, into: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(false);
        }
        let room = PIECE_BYTES.saturating_sub(into.len());
        let chunk = chunk.get(..room.min(chunk.len())).unwrap_or(chunk);
        if let Some(at) = chunk.iter().position(|byte| *byte == b'\n') {
            into.extend_from_slice(chunk.get(..=at).unwrap_or(chunk));
            reader.consume(at + 1);
            return Ok(true);
        }
        let used = chunk.len();
        into.extend_from_slice(chunk);
        reader.consume(used);
        if into.len() >= PIECE_BYTES {
            // At most three more bytes belong to a character that was begun.
            while reader.fill_buf()?.first().is_some_and(|byte| (0x80..0xC0).contains(byte)) && into.len() < PIECE_BYTES + 3 {
                into.extend_from_slice(reader.fill_buf()?.get(..1).unwrap_or_default());
                reader.consume(1);
            }
            return Ok(false);
        }
    }
}

fn cut(bytes: &[u8], skipped: usize, inside: usize, len: usize, line: usize, column: usize) -> Piece {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(skipped, |at| at + 1).max(skipped);
    let inside = inside.min(end);
    let lossy = |from: usize, to: usize| String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default()).into_owned();
    let mut text = lossy(skipped, inside);
    let start = text.len();
    let rest = bytes.get(inside..end).unwrap_or_default();
    let tag = || rest.iter().position(|byte| *byte == b'>').map_or(rest.len(), |at| at + 1);
    let len = if len == 0 { tag() } else { len.min(rest.len()) };
    text.push_str(&lossy(inside, inside + len));
    let mark = text.len();
    text.push_str(&lossy(inside + len, end));
    Piece { text, line, column, start, end: mark }
}

#[cfg(test)]
mod tests {
    use super::{At, PIECE_BYTES, excerpts};

    fn places(text: &str, offsets: &[usize]) -> Vec<(usize, usize, String)> {
        let at: Vec<At> = offsets.iter().map(|offset| At::start(0, u32::try_from(*offset).unwrap())).collect();
        let mut found = Vec::new();
        let mut reader = std::io::BufReader::with_capacity(7, text.as_bytes());
        excerpts(&mut reader, &at, |_, piece| {
            let column = piece.text[..piece.start].chars().count() + piece.column;
            found.push((piece.line, column, piece.text[piece.start..piece.end].to_owned()));
        })
        .unwrap();
        found
    }

    #[test]
    fn offsets_become_lines_and_columns_in_characters() {
        let text = "\u{feff}<a>\r\n  <θ/><b/>\n";
        let at = |what: &str| text.find(what).unwrap();
        let found = places(text, &[at("<a>"), at("<θ"), at("<b"), text.len()]);
        let expected = [(1, 1, "<a>"), (2, 3, "<θ/>"), (2, 7, "<b/>"), (2, 11, "")];
        assert_eq!(found, expected.map(|(line, column, text)| (line, column, text.to_owned())));
    }

    #[test]
    fn a_very_long_line_is_shown_in_pieces() {
        let text = format!("x\n{}<here/>\nafter", "é".repeat(3 * PIECE_BYTES));
        let found = places(&text, &[text.find("<here").unwrap(), text.find("after").unwrap()]);
        let expected = [(2, 3 * PIECE_BYTES + 1, "<here/>"), (3, 1, "after")];
        assert_eq!(found, expected.map(|(line, column, text)| (line, column, text.to_owned())));
    }
}

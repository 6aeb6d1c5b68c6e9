//! Octet strings and what a virtual terminal says (g110, g111, g113): a value of the bridge is no text, so they are told in words (row 50).
//! A string that `words` name is a point beside that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bridge_model::{Now, Zone};

use super::Master;
use crate::app::FragmentView;
use crate::objects::{DnpTime, Kind};

/// Strings that are told of one fragment; the others are counted.
pub(super) const TOLD_MAX: usize = 16;
/// Strings whose last text is remembered; of others every text is told.
pub(super) const KNOWN_MAX: usize = 1024;

/// The last text of each string that is read as a value, by outstation and index: one that stays the same is told once.
#[derive(Debug, Default)]
pub(super) struct Strings {
    known: BTreeMap<(usize, u32), Vec<u8>>,
}

impl Strings {
    fn is_new(&mut self, at: (usize, u32), octets: &[u8]) -> bool {
        if self.known.get(&at).is_some_and(|known| known == octets) {
            return false;
        }
        if self.known.len() < KNOWN_MAX || self.known.contains_key(&at) {
            self.known.insert(at, octets.to_vec());
        }
        true
    }
}

impl Master {
    /// Tells what stands in the strings of a fragment.
    pub(super) fn tell_strings(&mut self, at: usize, view: &FragmentView<'_>, now: Now) {
        let (mut told, mut more) = (0, 0);
        for header in view.headers().map_while(Result::ok) {
            let what = match header.object.kind() {
                Some(Kind::OctetString) => "octet string",
                Some(Kind::OctetStringEvent) => "event of octet string",
                Some(Kind::TerminalEvent) => "virtual terminal",
                _ => continue,
            };
            let is_value = header.object.kind() == Some(Kind::OctetString);
            for object in header.objects() {
                let octets = object.payload.octets();
                if is_value && !self.strings.is_new((at, object.index), octets) {
                    continue;
                }
                if told == TOLD_MAX {
                    more += 1;
                    continue;
                }
                told += 1;
                let index = object.index;
                self.tell(
                    at,
                    || format!("{what} {index} says {}, without flags or time, received {}", quoted(octets), received(now)),
                    now.mono,
                );
            }
        }
        if more > 0 {
            self.tell(at, || format!("{more} more strings of the same fragment are in its record"), now.mono);
        }
    }
}

fn received(now: Now) -> String {
    DnpTime::from_utc(now.utc, Zone::Utc).map_or_else(|| "before 1970".to_owned(), |time| format!("{}Z", crate::text::clock(time)))
}

/// A text in quotation marks; what cannot be shown is escaped.
fn quoted(octets: &[u8]) -> String {
    let mut text = String::from("\"");
    match std::str::from_utf8(octets) {
        Ok(shown) if !shown.chars().any(char::is_control) => text.push_str(shown),
        // Writing to a string cannot fail.
        Ok(_) | Err(_) => _ = write!(text, "{}", octets.escape_ascii()),
    }
    text.push('"');
    text
}

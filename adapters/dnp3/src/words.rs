//! Octet strings (g110, g111; row 50) as points. The bridge's values are numbers and states: a string says one of them in words.
//!
//! | field | of | the text |
//! |---|---|---|
//! | `words = "idle, running"` | both | the first for 0, the second for 1, and so on |
//! | neither | both | the number in its shortest decimal form |
//! | `text = "SOLAR-B"` | served | always this, whatever the value; there are no events |
//!
//! A string has no flags, so what is to be said against a value stands in the text: ` ?` behind one that is questionable, `?` alone where
//! there is none. A string is never empty.

use bridge_model::{Detail, Quality, Validity, Value};
use bridge_session::read::problem;
use bridge_session::{Field, FieldProblem, Fields};

use crate::objects::Flags;

/// Octets of the longest text that is said: a variation is a length, and there is room for the mark.
pub(crate) const TEXT_MAX: usize = 253;
/// Octets of a number that is written without exponent.
const NUMBER_MAX: usize = 24;
/// Words of one point.
pub(crate) const WORDS_MAX: usize = 256;
/// Behind a text that is not good.
const DOUBT: &str = " ?";
/// There is no text.
const NONE: &str = "?";

/// How a point is said in words.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Words {
    text: Option<String>,
    words: Vec<String>,
}

impl Words {
    /// From the fields of an address; problems are of `words` and `text`.
    pub(crate) fn read(fields: &Fields, problems: &mut Vec<FieldProblem>) -> Self {
        let words = match fields.get("words").map(listed) {
            None => Vec::new(),
            Some(Some(words)) => words,
            Some(None) => {
                let what = format!("`words` is no list of at most {WORDS_MAX} different texts of 1 to {TEXT_MAX} octets");
                problems.push(problem("words", "words-unusable", what, "write them as \"idle, running\", the first for 0"));
                Vec::new()
            }
        };
        let text = match fields.get("text") {
            None => None,
            Some(Field::Text(text)) if is_sayable(text) => Some(text.clone()),
            Some(_) => {
                let what = format!("`text` is no text of 1 to {TEXT_MAX} octets");
                problems.push(problem("text", "text-unusable", what, "a string is never empty; leave it out"));
                None
            }
        };
        if text.is_some() && !words.is_empty() {
            let what = "both `text` and `words` are given".to_owned();
            problems.push(problem("text", "text-and-words", what, "`text` is always the same, `words` follow the value; give one of them"));
        }
        Self { text, words }
    }

    /// Whether the text is always the same.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        self.text.is_some()
    }

    /// The text of a value: 1 to 255 octets.
    pub(crate) fn say(&self, value: Value, flags: Flags) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        if !flags.contains(Flags::ONLINE) {
            return NONE.to_owned();
        }
        let mut text = self.word(value).map_or_else(|| number(value), str::to_owned);
        if flags != Flags::PLAIN {
            text.push_str(DOUBT);
        }
        text
    }

    fn word(&self, value: Value) -> Option<&str> {
        let place = value.as_f64();
        let found = (0_u32..).zip(&self.words).find(|(at, _)| f64::from(*at) == place);
        found.map(|(_, word)| word.as_str())
    }

    /// The value of a text, with the quality that it says: a text that is none of the words, or no number, is 0 and INVALID.
    pub(crate) fn hear(&self, octets: &[u8]) -> (Value, Quality) {
        let unread = (Value::Int(0), Quality::GOOD.worsened(Validity::Invalid, Detail::INCONSISTENT));
        let Ok(text) = std::str::from_utf8(octets) else { return unread };
        if let Some(value) = self.value(text) {
            return (value, Quality::GOOD);
        }
        match text.strip_suffix(DOUBT).and_then(|text| self.value(text)) {
            Some(value) => (value, Quality::GOOD.worsened(Validity::Questionable, Detail(0))),
            None => unread,
        }
    }

    fn value(&self, text: &str) -> Option<Value> {
        if let Some(at) = self.words.iter().position(|word| word == text) {
            return i64::try_from(at).ok().map(Value::Int);
        }
        // A number beyond the words is said as such.
        match text.parse::<i64>() {
            Ok(whole) => Some(Value::Int(whole)),
            Err(_) => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Real),
        }
    }
}

fn is_sayable(text: &str) -> bool {
    (1..=TEXT_MAX).contains(&text.len())
}

fn listed(field: &Field) -> Option<Vec<String>> {
    let Field::Text(list) = field else { return None };
    let words: Vec<String> = list.split(',').map(|word| word.trim().to_owned()).collect();
    let different = words.iter().enumerate().all(|(at, word)| !words.iter().take(at).any(|other| other == word));
    (words.len() <= WORDS_MAX && different && words.iter().all(|word| is_sayable(word))).then_some(words)
}

/// A number in its shortest decimal form; a state as its code.
fn number(value: Value) -> String {
    match value {
        Value::Bool(on) => u8::from(on).to_string(),
        Value::Double(state) => (state as u8).to_string(),
        Value::Int(whole) => whole.to_string(),
        Value::Real32(short) if short.is_finite() => shorter(short.to_string(), format!("{short:e}")),
        Value::Real(long) if long.is_finite() => shorter(long.to_string(), format!("{long:e}")),
        Value::Real32(_) | Value::Real(_) => NONE.to_owned(),
    }
}

/// 1e300 is not written with its three hundred zeros.
fn shorter(plain: String, exponent: String) -> String {
    if plain.len() <= NUMBER_MAX { plain } else { exponent }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        list.iter().map(|(name, text)| ((*name).to_owned(), Field::Text((*text).to_owned()))).collect()
    }

    fn words(list: &str) -> Words {
        let mut problems = Vec::new();
        let words = Words::read(&fields(&[("words", list)]), &mut problems);
        assert_eq!(problems, []);
        words
    }

    #[test]
    fn a2_r50_a_value_is_said_in_its_word_and_what_is_against_it_behind() {
        let states = words("idle, running");
        let plain = Flags::PLAIN;
        assert_eq!(states.say(Value::Int(1), plain), "running");
        assert_eq!(states.say(Value::Bool(false), plain), "idle");
        assert_eq!(states.say(Value::Int(2), plain), "2", "what has no word is its number");
        assert_eq!(states.say(Value::Int(1), Flags(Flags::ONLINE | Flags::COMM_LOST)), "running ?");
        assert_eq!(states.say(Value::Int(1), Flags(Flags::RESTART | Flags::COMM_LOST)), "?", "never read");
        assert_eq!(Words::default().say(Value::Real32(243.6), plain), "243.6");
        assert_eq!(Words::default().say(Value::Real(f64::NAN), plain), "?");
        assert_eq!(Words::default().say(Value::Real(-1e300), plain), "-1e300");
    }

    #[test]
    fn a2_r50_what_is_heard_is_a_word_a_number_or_not_valid() {
        let states = words("idle, running");
        assert_eq!(states.hear(b"running"), (Value::Int(1), Quality::GOOD));
        assert_eq!(states.hear(b"running ?").1.validity, Validity::Questionable);
        assert_eq!(states.hear(b"7"), (Value::Int(7), Quality::GOOD));
        for unread in [&b"RUNNING"[..], b"?", b" ?", b"", b"\xFF", b"inf", b"nan"] {
            assert_eq!(states.hear(unread).1.validity, Validity::Invalid, "{unread:?}");
        }
        assert_eq!(Words::default().hear(b"-1.5"), (Value::Real(-1.5), Quality::GOOD));
    }

    #[test]
    fn a2_r50_words_that_cannot_be_said_are_named() {
        let long = "x".repeat(TEXT_MAX + 1);
        for (bad, code) in [
            (&[("words", "a, , b")][..], "words-unusable"),
            (&[("words", "a, a")], "words-unusable"),
            (&[("words", long.as_str())], "words-unusable"),
            (&[("text", "")], "text-unusable"),
            (&[("text", long.as_str())], "text-unusable"),
            (&[("text", "a"), ("words", "b")], "text-and-words"),
        ] {
            let mut problems = Vec::new();
            Words::read(&fields(bad), &mut problems);
            assert_eq!(problems.iter().map(|found| found.code).collect::<Vec<_>>(), [code], "{bad:?}");
        }
    }

    #[test]
    fn a2_r50_what_is_said_is_heard_again() {
        let states = words("idle, running, tripped");
        let mut bits: u64 = 0x9E37_79B9_7F4A_7C15;
        for _ in 0..5000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for value in [Value::Int(bits.cast_signed()), Value::Int((bits >> 62).cast_signed()), Value::Real(f64::from_bits(bits))] {
                let said = states.say(value, Flags::PLAIN);
                assert!((1..=TEXT_MAX).contains(&said.len()), "{bits:#x}: {said}");
                let (heard, quality) = states.hear(said.as_bytes());
                if value.as_f64().is_finite() {
                    assert_eq!((heard.as_f64(), quality), (value.as_f64(), Quality::GOOD), "{bits:#x}: {said}");
                } else {
                    assert_eq!(quality.validity, Validity::Invalid, "{bits:#x}: {said}");
                }
                let doubtful = states.say(value, Flags(Flags::ONLINE | Flags::COMM_LOST));
                assert_ne!(states.hear(doubtful.as_bytes()).1.validity, Validity::Good, "{bits:#x}: {doubtful}");
            }
            // Whatever octets come, they are a value or they are not valid.
            let any = bits.to_le_bytes();
            let (value, quality) = states.hear(&any[..usize::from(any[0] % 9).min(8)]);
            assert!(value.as_f64().is_finite() || quality.validity == Validity::Invalid, "{bits:#x}");
        }
    }
}

//! What a test expects against what was seen, and the difference in a reader's words.

use std::time::Duration;

use bridge_model::{LinkId, Quality, Validity};
use bridge_profile::{Expect, ExpectKind, TestCase, unit};
use bridge_session::{Field, Fields};

/// Times that differ by no more are equal: an operation's path takes commits of its own.
const INSTANT: Duration = Duration::from_millis(1);
/// Values that differ by no more are equal, unless the test says `tolerance`.
const TOLERANCE: f64 = 1e-4;
/// Lines of what was seen that a failure shows.
const MAX_SHOWN: usize = 20;

/// Where something was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// In a message of this verb.
    Message(String),
    /// On this link.
    Wire(LinkId),
}

/// Something seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Since the start.
    pub(super) at: Duration,
    pub(super) what: What,
    pub(super) fields: Fields,
}

/// Every broken expectation, then what was seen; empty if the test passed.
pub(super) fn judge(test: &TestCase, seen: &[Seen], told: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for expect in &test.expect {
        if let Err(nearest) = find(expect, seen) {
            lines.push(format!("expected  {}", describe(expect)));
            match nearest {
                None => lines.push("actual    nothing of this kind".to_owned()),
                Some((one, differences)) => {
                    lines.push(format!("actual    {}", show(one)));
                    lines.extend(differences.into_iter().map(|difference| format!("          {difference}")));
                }
            }
        }
    }
    for never in &test.never {
        if let Some(one) = seen.iter().find(|one| differences(never, one).is_some_and(|list| list.is_empty())) {
            lines.push(format!("never     {}", describe(never)));
            lines.push(format!("actual    {}", show(one)));
        }
    }
    if !lines.is_empty() {
        lines.extend(seen.iter().take(MAX_SHOWN).map(|one| format!("seen      {}", show(one))));
        if seen.len() > MAX_SHOWN {
            lines.push(format!("seen      … and {} more", seen.len() - MAX_SHOWN));
        }
        lines.extend(told.iter().take(MAX_SHOWN).map(|line| format!("story     {line}")));
    }
    lines
}

type Nearest<'a> = Option<(&'a Seen, Vec<String>)>;

/// What fulfils an expectation, or what comes nearest to it with the differences.
fn find<'a>(expect: &Expect, seen: &'a [Seen]) -> Result<&'a Seen, Nearest<'a>> {
    let all: Vec<(&Seen, Vec<String>)> = seen.iter().filter_map(|one| Some((one, differences(expect, one)?))).collect();
    let of_order = ["first_value", "last_value"].into_iter().find(|name| expect.fields.contains_key(name));
    let nearest = match of_order {
        // The first or the last of those that are alike in everything else.
        Some(name) => {
            let alike = |(_, list): &&(&Seen, Vec<String>)| list.iter().all(|line| line.starts_with(name) || line.starts_with("within"));
            let mut alike = all.iter().filter(alike);
            if name == "first_value" { alike.next() } else { alike.next_back() }.cloned()
        }
        None => None,
    };
    // What it says weighs more than when.
    let distance = |(_, list): &(&Seen, Vec<String>)| {
        let late = list.iter().filter(|line| line.starts_with("at:") || line.starts_with("within:")).count();
        (list.len() - late, late)
    };
    match nearest.or_else(|| all.into_iter().min_by_key(distance)) {
        Some((one, list)) if list.is_empty() => Ok(one),
        nearest => Err(nearest),
    }
}

/// What differs, one line each; `None` if it is of another kind.
fn differences(expect: &Expect, seen: &Seen) -> Option<Vec<String>> {
    let same = match (&expect.what, &seen.what) {
        (ExpectKind::Message(verb), What::Message(seen)) => verb == seen,
        (ExpectKind::Wire(link), What::Wire(seen)) => link == seen,
        (ExpectKind::Message(_), What::Wire(_)) | (ExpectKind::Wire(_), What::Message(_)) => false,
    };
    if !same {
        return None;
    }
    let mut list = Vec::new();
    for (name, wanted) in &expect.fields {
        if name != "tolerance" && !matches(expect, name, wanted, seen) {
            let key = if matches!(name, "first_value" | "last_value") { "value" } else { name };
            let actual = seen.fields.get(key).map_or_else(|| "none".to_owned(), plain);
            list.push(format!("{name}: expected {}, actual {actual}", plain(wanted)));
        }
    }
    if let Some(at) = expect.at.filter(|at| seen.at.abs_diff(*at) > INSTANT) {
        list.push(format!("at: expected {at:?}, actual {:?}", seen.at));
    }
    if let Some(within) = expect.within.filter(|within| seen.at > *within) {
        list.push(format!("within: expected {within:?}, actual {:?}", seen.at));
    }
    Some(list)
}

fn matches(expect: &Expect, name: &str, wanted: &Field, seen: &Seen) -> bool {
    match name {
        // Every word named must be there; there may be more.
        "detail" => {
            let has = words(seen.fields.get(name));
            words(Some(wanted)).iter().all(|word| has.contains(word))
        }
        "value" | "first_value" | "last_value" => {
            let tolerance = expect.fields.get("tolerance").and_then(number).unwrap_or(TOLERANCE);
            value_matches(wanted, seen, tolerance)
        }
        _ => match (wanted, seen.fields.get(name)) {
            (Field::Text(wanted), Some(Field::Text(actual))) if matches!(name, "status" | "stage" | "severity" | "kind") => {
                wanted.eq_ignore_ascii_case(actual)
            }
            (wanted, Some(actual)) => match (number(wanted), number(actual)) {
                (Some(wanted), Some(actual)) => (wanted - actual).abs() <= TOLERANCE,
                (None, None) => wanted == actual,
                (Some(_), None) | (None, Some(_)) => false,
            },
            (_, None) => false,
        },
    }
}

/// A value may be given as a number, a quantity with unit or the name of a state.
fn value_matches(wanted: &Field, seen: &Seen, tolerance: f64) -> bool {
    let Some(value) = seen.fields.get("value").and_then(number) else { return false };
    let near = |wanted: f64| (value - wanted).abs() <= tolerance;
    let Field::Text(wanted) = wanted else { return number(wanted).is_some_and(near) };
    if seen.fields.get("state") == Some(&Field::Text(wanted.clone())) {
        return true;
    }
    let (Some((digits, name)), Some(Field::Text(own))) = (wanted.split_once(' '), seen.fields.get("unit")) else { return false };
    let Ok(digits) = digits.parse::<f64>() else { return false };
    unit(name.trim()).zip(unit(own)).and_then(|(name, own)| name.conversion(own)).is_some_and(|(factor, _)| near(digits * factor))
}

fn number(field: &Field) -> Option<f64> {
    match field {
        #[expect(clippy::cast_precision_loss, reason = "a person writes no whole number beyond 2^53 here")]
        Field::Int(value) => Some(*value as f64),
        Field::Float(value) => Some(*value),
        Field::Bool(value) => Some(f64::from(u8::from(*value))),
        Field::Text(_) => None,
    }
}

fn words(field: Option<&Field>) -> Vec<&str> {
    if let Some(Field::Text(text)) = field { text.split_whitespace().collect() } else { Vec::new() }
}

/// `quality` and `detail` in a test's words.
pub(super) fn quality_fields(quality: Quality, fields: &mut Fields) {
    let word = match quality.validity {
        Validity::Good => "good",
        Validity::Questionable => "questionable",
        Validity::Invalid => "invalid",
    };
    fields.insert("quality".to_owned(), text(word));
    fields.insert("detail".to_owned(), text(quality.detail.names().collect::<Vec<_>>().join(" ")));
}

pub(super) fn text(value: impl Into<String>) -> Field {
    Field::Text(value.into())
}

fn plain(field: &Field) -> String {
    match field {
        Field::Int(value) => value.to_string(),
        Field::Float(value) => value.to_string(),
        Field::Bool(value) => value.to_string(),
        Field::Text(value) => value.clone(),
    }
}

fn show(seen: &Seen) -> String {
    let what = match &seen.what {
        What::Message(verb) => verb.clone(),
        What::Wire(link) => format!("wire of link {}", link.0),
    };
    format!("{what}{} at {:?}", show_fields(&seen.fields), seen.at)
}

fn describe(expect: &Expect) -> String {
    let what = match &expect.what {
        ExpectKind::Message(verb) => verb.clone(),
        ExpectKind::Wire(link) => format!("wire of link {}", link.0),
    };
    let at = expect.at.map_or_else(String::new, |at| format!(" at {at:?}"));
    let within = expect.within.map_or_else(String::new, |within| format!(" within {within:?}"));
    format!("{what}{}{at}{within}", show_fields(&expect.fields))
}

fn show_fields(fields: &Fields) -> String {
    let shown = fields.iter().filter(|(_, field)| **field != Field::Text(String::new()));
    shown.map(|(name, field)| format!(" {name}={}", plain(field))).collect()
}

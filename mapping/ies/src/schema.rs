//! Checks a GridOperation against the published JSON schema, and reports every problem at once.
//!
//! The schema file is the one definition: this module interprets the part of JSON Schema 2020-12 that the file uses, so that the
//! check and the published file cannot drift apart. A keyword outside that part fails a test. Patterns are not run as regular
//! expressions: each pattern of the file has its own function here.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::{parse_duration, parse_time, parse_uuid};

/// The published schema of a GridOperation, draft 2020-12.
pub const GRID_OPERATION_SCHEMA: &str = include_str!("../schema/grid-operation.schema.json");
/// Most problems that one check reports.
pub const MAX_PROBLEMS: usize = 64;

/// One way in which a message does not fit the schema.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SchemaProblem {
    /// JSON pointer to the place (RFC 6901), empty for the root.
    pub path: String,
    /// What is wrong, for people.
    pub problem: String,
}

/// Every problem of a GridOperation, at most [`MAX_PROBLEMS`]; empty if it fits.
#[must_use]
pub fn validate(value: &Value) -> Vec<SchemaProblem> {
    let mut check = Check { root: &SCHEMA, problems: Vec::new() };
    check.node(&SCHEMA, value, "");
    check.problems
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(GRID_OPERATION_SCHEMA).unwrap_or(Value::Bool(false)));

/// Every pattern that the schema uses, and the function that stands for it.
type Pattern = (&'static str, fn(&str) -> bool, &'static str);
const PATTERNS: &[Pattern] = &[
    (
        "^P(?=.)([0-9]{1,9}D)?(T(?=[0-9])([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}(\\.[0-9]{1,9})?S)?)?$",
        |s| parse_duration(s).is_ok(),
        "must be an ISO 8601 duration of days, hours, minutes and seconds",
    ),
    ("^[!-~]+$", |s| !s.is_empty() && s.bytes().all(|c| c.is_ascii_graphic()), "must be an address without spaces"),
    ("^[0-9]{1,20}$", |s| (1..=20).contains(&s.len()) && s.bytes().all(|c| c.is_ascii_digit()), "must be digits"),
    (
        "^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$",
        |s| {
            let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._:%-".contains(&c);
            s.strip_prefix("did:").and_then(|rest| rest.split_once(':')).is_some_and(|(method, id)| {
                !method.is_empty()
                    && method.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && !id.is_empty()
                    && id.bytes().all(allowed)
            })
        },
        "must be a decentralised identifier (did:…)",
    ),
    (
        "^sha-256=[A-Za-z0-9+/]{43}=$",
        |s| {
            s.strip_prefix("sha-256=")
                .and_then(|rest| rest.strip_suffix('='))
                .is_some_and(|digits| digits.len() == 43 && digits.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/'))
        },
        "must be sha-256= and 44 base64 characters",
    ),
    (
        "^[A-Za-z0-9_-]+\\.\\.[A-Za-z0-9_-]+$",
        |s| {
            let word = |w: &str| !w.is_empty() && w.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
            s.split_once("..").is_some_and(|(head, signature)| word(head) && word(signature))
        },
        "must be a detached JWS: header, two dots, signature",
    ),
];

struct Check<'s> {
    root: &'s Value,
    problems: Vec<SchemaProblem>,
}

impl Check<'_> {
    fn report(&mut self, path: &str, problem: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(SchemaProblem { path: path.to_owned(), problem: problem.into() });
        }
    }

    /// Whether `value` fits `schema`, without reporting: for `if`, `anyOf`, `contains`, `not`.
    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut inner = Check { root: self.root, problems: Vec::new() };
        inner.node(schema, value, "");
        inner.problems.is_empty()
    }

    fn node(&mut self, schema: &Value, value: &Value, path: &str) {
        let rules = match schema {
            Value::Object(rules) => rules,
            Value::Bool(true) => return,
            Value::Null | Value::Bool(false) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return self.report(path, "is not allowed here");
            }
        };
        if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
            match target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                Some(target) => self.node(&target.clone(), value, path),
                None => self.report(path, format!("the schema names {target}, which it does not hold")),
            }
        }
        if let Some(kind) = rules.get("type").and_then(Value::as_str)
            && !is_type(value, kind)
        {
            // The remaining rules speak of the right type; a second message would not help.
            return self.report(path, format!("must be {kind}, is {}", type_name(value)));
        }
        self.choices(rules, value, path);
        match value {
            Value::Object(fields) => self.object(rules, fields, path),
            Value::Array(items) => self.array(rules, items, path),
            Value::String(text) => self.text(rules, text, path),
            Value::Number(_) => self.number(rules, value, path),
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(rules, value, path);
    }

    fn choices(&mut self, rules: &Map<String, Value>, value: &Value, path: &str) {
        if let Some(only) = rules.get("const")
            && only != value
        {
            self.report(path, format!("must be {only}"));
        }
        if let Some(list) = rules.get("enum").and_then(Value::as_array)
            && !list.contains(value)
        {
            let words: Vec<String> = list.iter().map(|w| w.as_str().map_or_else(|| w.to_string(), str::to_owned)).collect();
            self.report(path, format!("must be one of {}", words.join(", ")));
        }
    }

    fn object(&mut self, rules: &Map<String, Value>, fields: &Map<String, Value>, path: &str) {
        for name in rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.report(path, format!("`{name}` is missing"));
            }
        }
        let known = rules.get("properties").and_then(Value::as_object);
        for (name, schema) in known.into_iter().flatten() {
            if let Some(field) = fields.get(name) {
                self.node(schema, field, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")));
            }
        }
        if let Some(schema) = rules.get("additionalProperties") {
            for (name, field) in fields.iter().filter(|(name, _)| !known.is_some_and(|k| k.contains_key(*name))) {
                self.node(schema, field, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")));
            }
        }
        if let Some(schema) = rules.get("propertyNames") {
            for name in fields.keys() {
                self.node(schema, &Value::String(name.clone()), path);
            }
        }
    }

    fn array(&mut self, rules: &Map<String, Value>, items: &[Value], path: &str) {
        let length = items.len() as u64;
        if let Some(least) = rules.get("minItems").and_then(Value::as_u64).filter(|least| length < *least) {
            self.report(path, format!("must have at least {least} entries"));
        }
        if let Some(most) = rules.get("maxItems").and_then(Value::as_u64).filter(|most| length > *most) {
            return self.report(path, format!("must have at most {most} entries"));
        }
        if let Some(schema) = rules.get("items") {
            for (at, item) in items.iter().enumerate() {
                self.node(schema, item, &format!("{path}/{at}"));
            }
        }
    }

    fn text(&mut self, rules: &Map<String, Value>, text: &str, path: &str) {
        let length = text.chars().count() as u64;
        if let Some(least) = rules.get("minLength").and_then(Value::as_u64).filter(|least| length < *least) {
            self.report(path, format!("must have at least {least} characters"));
        }
        if let Some(most) = rules.get("maxLength").and_then(Value::as_u64).filter(|most| length > *most) {
            self.report(path, format!("must have at most {most} characters"));
        }
        match rules.get("format").and_then(Value::as_str) {
            Some("date-time") if parse_time(text).is_err() => self.report(path, "must be an RFC 3339 time with offset"),
            Some("uuid") if parse_uuid(text).is_none() => self.report(path, "must be a UUID"),
            Some(_) | None => {}
        }
        if let Some(pattern) = rules.get("pattern").and_then(Value::as_str) {
            match PATTERNS.iter().find(|(known, _, _)| *known == pattern) {
                Some((_, matches, problem)) if !matches(text) => self.report(path, *problem),
                Some(_) => {}
                None => self.report(path, "the schema uses a pattern that is not known here"),
            }
        }
    }

    fn number(&mut self, rules: &Map<String, Value>, value: &Value, path: &str) {
        let Some(number) = value.as_f64() else { return self.report(path, "must be a finite number") };
        let bound = |name: &str| rules.get(name).and_then(Value::as_f64);
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            self.report(path, format!("must be at least {least}"));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            self.report(path, format!("must be at most {most}"));
        }
        if let Some(below) = bound("exclusiveMinimum").filter(|below| number <= *below) {
            self.report(path, format!("must be above {below}"));
        }
    }

    fn combined(&mut self, rules: &Map<String, Value>, value: &Value, path: &str) {
        for schema in rules.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.node(schema, value, path);
        }
        if let Some(list) = rules.get("anyOf").and_then(Value::as_array)
            && !list.iter().any(|schema| self.fits(schema, value))
        {
            let hint = rules.get("description").and_then(Value::as_str).unwrap_or("one of the allowed forms");
            self.report(path, format!("must be {hint}"));
        }
        if let Some(condition) = rules.get("if") {
            let branch = if self.fits(condition, value) { rules.get("then") } else { rules.get("else") };
            if let Some(schema) = branch {
                self.node(schema, value, path);
            }
        }
    }
}

fn is_type(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => false,
    }
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every keyword that [`Check`] interprets, or that only informs.
    const KEYWORDS: &[&str] = &[
        "$schema",
        "$id",
        "$ref",
        "$defs",
        "title",
        "description",
        "type",
        "const",
        "enum",
        "required",
        "properties",
        "additionalProperties",
        "propertyNames",
        "minItems",
        "maxItems",
        "items",
        "minLength",
        "maxLength",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "allOf",
        "anyOf",
        "if",
        "then",
        "else",
    ];

    fn walk(schema: &Value, path: &str, problems: &mut Vec<String>) {
        let Value::Object(rules) = schema else { return };
        for (key, rule) in rules {
            if !KEYWORDS.contains(&key.as_str()) {
                problems.push(format!("{path}: {key}"));
            }
            match key.as_str() {
                "$ref" if SCHEMA.pointer(rule.as_str().unwrap().trim_start_matches('#')).is_none() => {
                    problems.push(format!("{path}: {rule}"))
                }
                "pattern" if !PATTERNS.iter().any(|(known, _, _)| *known == rule.as_str().unwrap()) => {
                    problems.push(format!("{path}: {rule}"))
                }
                "format" if !["date-time", "uuid"].contains(&rule.as_str().unwrap()) => problems.push(format!("{path}: {rule}")),
                "properties" | "$defs" => {
                    for (name, inner) in rule.as_object().unwrap() {
                        walk(inner, &format!("{path}/{key}/{name}"), problems);
                    }
                }
                "allOf" | "anyOf" => {
                    for inner in rule.as_array().unwrap() {
                        walk(inner, &format!("{path}/{key}"), problems);
                    }
                }
                _ => walk(rule, &format!("{path}/{key}"), problems),
            }
        }
    }

    #[test]
    fn the_schema_uses_only_what_is_interpreted_here() {
        assert!(SCHEMA.is_object(), "the schema file is JSON");
        let mut problems = Vec::new();
        walk(&SCHEMA, "", &mut problems);
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn problems_are_bounded() {
        let frames: Vec<Value> = (0..1000).map(|_| Value::Null).collect();
        let bad = serde_json::json!({"verb": "stream", "payload": {"frames": frames}});
        assert_eq!(validate(&bad).len(), MAX_PROBLEMS);
    }
}

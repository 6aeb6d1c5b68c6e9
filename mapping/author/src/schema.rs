//! `schema`: the language as a JSON Schema (draft 7), for editors, made of the forms that the compiler's readers are held against.

use std::collections::BTreeMap;

use bridge_diag::{Form, Key, Kind};
use bridge_profile::ROOT;
use serde_json::{Map, Value, json};

/// The JSON Schema of the language.
#[must_use]
pub fn schema() -> Value {
    let mut definitions = BTreeMap::new();
    collect(&ROOT, &mut definitions);
    let mut shown: Map<String, Value> = definitions.iter().map(|(name, form)| ((*name).to_owned(), object(form))).collect();
    shown.insert("filled".to_owned(), json!({ "description": "Filled by a parameter.", "type": "string", "pattern": "\\{[^{}]+\\}" }));
    let mut schema = object(&ROOT);
    if let Some(root) = schema.as_object_mut() {
        shown.remove(ROOT.name);
        root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        root.insert("title".to_owned(), json!("ies-cim-profile/1"));
        root.insert("definitions".to_owned(), Value::Object(shown));
    }
    schema
}

/// Every form that can be reached.
fn collect(form: &'static Form, all: &mut BTreeMap<&'static str, &'static Form>) {
    if all.insert(form.name, form).is_some() {
        return;
    }
    for kind in form.keys.iter().map(|key| key.kind).chain(form.rest) {
        collect_kind(kind, all);
    }
}

fn collect_kind(kind: Kind, all: &mut BTreeMap<&'static str, &'static Form>) {
    match kind {
        Kind::Table(form) | Kind::Tables(form) | Kind::Map(form) => collect(form, all),
        Kind::Either(a, b) => {
            collect_kind(*a, all);
            collect_kind(*b, all);
        }
        Kind::OfRows(forms) => forms.iter().for_each(|form| collect(form, all)),
        Kind::Text
        | Kind::Words(_)
        | Kind::Int
        | Kind::Number
        | Kind::Bool
        | Kind::Quantity
        | Kind::Duration
        | Kind::Rate
        | Kind::Texts
        | Kind::WordList(_)
        | Kind::Range
        | Kind::Scalar
        | Kind::Scalars
        | Kind::Any => {}
    }
}

fn object(form: &Form) -> Value {
    let mut properties: Map<String, Value> = form.keys.iter().map(property).collect();
    let rest = match form.rest {
        None => json!(false),
        Some(Kind::OfRows(forms)) => {
            for key in forms.iter().flat_map(|form| form.keys) {
                if !properties.contains_key(key.name) {
                    let (name, value) = property(key);
                    properties.insert(name, value);
                }
            }
            json!(false)
        }
        Some(kind) => of(kind),
    };
    let must: Vec<&str> = form.keys.iter().filter(|key| key.must).map(|key| key.name).collect();
    let mut out = json!({ "description": form.text, "type": "object", "properties": properties, "additionalProperties": rest });
    if let (false, Some(object)) = (must.is_empty(), out.as_object_mut()) {
        object.insert("required".to_owned(), json!(must));
    }
    out
}

fn property(key: &Key) -> (String, Value) {
    let mut value = of(key.kind);
    if let Some(object) = value.as_object_mut() {
        object.insert("description".to_owned(), json!(key.text));
    }
    (key.name.to_owned(), value)
}

/// A definition, in a form that takes a description beside it.
fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// In templates and rows with `for` a parameter may fill any value.
fn or_filled(value: Value) -> Value {
    json!({ "anyOf": [value, reference("filled")] })
}

fn of(kind: Kind) -> Value {
    let scalar = || json!({ "type": ["string", "number", "boolean"] });
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Words(words) => or_filled(json!({ "enum": words })),
        Kind::Int => or_filled(json!({ "type": "integer" })),
        Kind::Number => or_filled(json!({ "type": "number" })),
        Kind::Bool => or_filled(json!({ "type": "boolean" })),
        Kind::Quantity => json!({ "type": ["string", "number"] }),
        Kind::Duration => json!({ "type": "string", "pattern": "^\\s*\\+?[0-9.]+\\s*(us|ms|s|m|min|h|d)\\s*$|\\{" }),
        Kind::Rate => json!({ "type": "string", "pattern": "/(s|min|h)\\s*$|\\{" }),
        Kind::Texts => or_filled(json!({ "type": "array", "items": { "type": "string" } })),
        Kind::WordList(words) => or_filled(json!({ "type": "array", "items": or_filled(json!({ "enum": words })) })),
        Kind::Range => or_filled(json!({ "type": "array", "items": { "type": ["string", "number"] }, "minItems": 2, "maxItems": 2 })),
        Kind::Scalar => scalar(),
        Kind::Scalars => json!({ "anyOf": [scalar(), { "type": "array", "items": scalar() }] }),
        Kind::Table(form) => or_filled(reference(form.name)),
        Kind::Tables(form) => or_filled(json!({ "type": "array", "items": reference(form.name) })),
        Kind::Map(form) => json!({ "type": "object", "additionalProperties": reference(form.name) }),
        Kind::Either(a, b) => json!({ "anyOf": [of(*a), of(*b)] }),
        Kind::OfRows(_) | Kind::Any => json!({}),
    }
}

#[cfg(test)]
mod tests;

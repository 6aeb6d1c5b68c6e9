//! The schema accepts what compiles, and refuses each key that the compiler does not know.

use std::collections::BTreeSet;

use bridge_diag::{Dialect, Entry, Form, Kind, Node, Report, Shape, SourceId, Span, Table, read};
use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_profile::{MemoryFiles, ROOT, compile};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::schema;
use crate::toml;

const SHIPPED: [&str; 4] = ["thermal-station-104", "ems-gateway-104", "solar-park-dnp3", "ems-gateway-dnp3"];
/// A profile that uses every key of the language.
const EVERY_KEY: &str = include_str!("../../tests/every-key.toml");
const NOWHERE: Span = Span { source: SourceId(0), start: 0, end: 0 };

fn texts() -> Vec<(&'static str, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cim-profiles");
    let mut all: Vec<(&str, String)> =
        SHIPPED.iter().map(|name| (*name, std::fs::read_to_string(folder.join(name).join("profile.toml")).unwrap())).collect();
    all.push(("every-key", EVERY_KEY.to_owned()));
    all
}

fn tree(text: &str) -> Table {
    let mut report = Report::new();
    let source = report.add_source("profile.toml", text);
    read(source, &Dialect::PLAIN, &mut report).unwrap_or_else(|| panic!("{}", report.render_text()))
}

fn to_json(node: &Node) -> Value {
    match &node.shape {
        Shape::Str(text) | Shape::Datetime(text) => json!(text),
        Shape::Int(value) => json!(value),
        Shape::Float(value) => json!(value),
        Shape::Bool(value) => json!(value),
        Shape::List(list) => list.iter().map(to_json).collect(),
        Shape::Table(table) => table_json(table),
    }
}

fn table_json(table: &Table) -> Value {
    Value::Object(table.entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.node))).collect())
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// The codes of what is wrong with a tree.
fn codes(table: &Table) -> Vec<String> {
    let text: String = table.entries.iter().map(|entry| format!("{}\n", toml::entry(entry))).collect();
    let list = "id,ioa,ti,on,class,type,verbs\nlist.one,900,M_SP_TB_1,U,Discrete,x-Listed,log\n";
    let files = MemoryFiles([("profile.toml".to_owned(), text), ("list.csv".to_owned(), list.to_owned())].into());
    let mut report = Report::new();
    compile(&files, "profile.toml", &[&Iec104, &Dnp3], &mut report);
    report.diagnostics().iter().filter(|d| d.severity == bridge_diag::Severity::Error).map(|d| d.code.clone()).collect()
}

/// Visits every table with its form; `visit` may change it.
fn walk(table: &mut Table, form: &'static Form, visit: &mut dyn FnMut(&mut Table, &'static Form)) {
    visit(table, form);
    for entry in &mut table.entries {
        let kind = match (form.key(&entry.key), form.rest) {
            (Some(key), _) => key.kind,
            (None, Some(rest)) => rest,
            (None, None) => continue,
        };
        walk_kind(&mut entry.node, kind, visit);
    }
}

fn walk_kind(node: &mut Node, kind: Kind, visit: &mut dyn FnMut(&mut Table, &'static Form)) {
    match (kind, &mut node.shape) {
        (Kind::Table(form), Shape::Table(table)) => walk(table, form, visit),
        (Kind::Tables(form), Shape::List(list)) => {
            for item in list {
                if let Shape::Table(table) = &mut item.shape {
                    walk(table, form, visit);
                }
            }
        }
        (Kind::Map(form), Shape::Table(table)) => {
            for entry in &mut table.entries {
                if let Shape::Table(table) = &mut entry.node.shape {
                    walk(table, form, visit);
                }
            }
        }
        (Kind::Either(a, b), _) => {
            walk_kind(node, *a, visit);
            walk_kind(node, *b, visit);
        }
        _ => {}
    }
}

#[test]
fn every_profile_that_compiles_is_valid() {
    let validator = validator();
    for (name, text) in texts() {
        let table = tree(&text);
        assert_eq!(codes(&table), Vec::<String>::new(), "{name} compiles");
        let value = table_json(&table);
        let problems: Vec<String> = validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert_eq!(problems, Vec::<String>::new(), "{name}");
    }
}

/// A key of a form that no compiling profile uses may be one that the compiler does not know.
#[test]
fn every_key_of_the_forms_is_one_that_the_compiler_takes() {
    let mut used = BTreeSet::new();
    let mut known = BTreeSet::new();
    for (_, text) in texts() {
        walk(&mut tree(&text), &ROOT, &mut |table, form| {
            known.extend(form.keys.iter().map(|key| (form.name, key.name)));
            used.extend(table.entries.iter().map(|entry| (form.name, entry.key.clone())));
        });
    }
    let unused: Vec<_> = known.iter().filter(|(form, key)| !used.contains(&(*form, (*key).to_owned()))).collect();
    assert!(unused.is_empty(), "tests/every-key.toml does not use {unused:?}");
    assert!(known.len() > 150, "{}", known.len());
}

#[test]
fn an_unknown_key_is_refused_by_both() {
    let validator = validator();
    let mut tried = 0;
    for (name, text) in texts() {
        let original = tree(&text);
        let mut tables = 0;
        walk(&mut original.clone(), &ROOT, &mut |_, _| tables += 1);
        // Every table of the profile that uses every key, a sample of the others.
        let step = if name == "every-key" { 1 } else { 17 };
        for target in (0..tables).step_by(step) {
            let mut changed = original.clone();
            let (mut at, mut closed) = (0, None);
            walk(&mut changed, &ROOT, &mut |table, form| {
                if at == target && matches!(form.rest, None | Some(Kind::OfRows(_))) {
                    closed = Some(form.name);
                    let node = Node { span: NOWHERE, shape: Shape::Str("x".to_owned()) };
                    table.entries.push(Entry { key: "zz_unknown".to_owned(), key_span: NOWHERE, node });
                }
                at += 1;
            });
            let Some(form) = closed else { continue };
            tried += 1;
            assert!(!validator.is_valid(&table_json(&changed)), "{name}: the schema takes an unknown key of {form}");
            let codes = codes(&changed);
            assert!(
                codes.iter().any(|code| code == "profile::unknown-key"),
                "{name}: the compiler takes an unknown key of {form}: {codes:?}"
            );
        }
    }
    assert!(tried > 80, "{tried}");
}

#[test]
fn a_wrong_word_and_a_wrong_kind_are_refused_by_both() {
    let validator = validator();
    for (from, to) in [
        ("zone = \"UTC\"", "zone = \"GMT\""),
        ("severity = \"warning\"", "severity = \"severe\""),
        ("latch = true", "latch = 1"),
        ("stale_after = \"90s\"", "stale_after = \"90\""),
        ("schema = \"ies-cim-profile/1\"", "schema = \"ies-cim-profile/9\""),
        ("wire_unit = \"kW\"", "wire_unit = \"kw\""),
    ] {
        assert!(EVERY_KEY.contains(from), "{from}");
        let changed = tree(&EVERY_KEY.replacen(from, to, 1));
        assert!(!validator.is_valid(&table_json(&changed)), "the schema takes {to}");
        assert!(!codes(&changed).is_empty(), "the compiler takes {to}");
    }
}

//! `fmt`: one way to write a profile, with every comment kept.
//!
//! Keys keep their order. One blank line stands before a table and at most one anywhere else; one space stands around `=` and before a
//! comment behind a value; a list of several tables has one of them on each line; text is in the quotes that TOML's writer chooses. The
//! result is TOML 1.0: lists may span lines, inline tables do not.

use bridge_diag::{Dialect, Report, read};
use toml_edit::{Array, DocumentMut, InlineTable, Item, KeyMut, Table, Value};

use crate::export::says_the_same;

/// Lists longer than this many characters have one value on each line.
const WIDTH: usize = 140;

/// The text in its one form.
///
/// # Errors
/// It is not TOML, or it has a comment at a place where TOML 1.0 has none.
pub fn format(text: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| format!("this is not TOML: {}", error.message()))?;
    let trailing = block(document.trailing().as_str().unwrap_or_default(), true);
    table_body(document.as_table_mut(), true);
    document.set_trailing(trailing);
    let mut out = document.to_string();
    while out.starts_with('\n') {
        out.remove(0);
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    held_against(text, &out)?;
    Ok(out)
}

/// Nothing but white space may have changed: the same values in the same order, the same comments.
fn held_against(before: &str, after: &str) -> Result<(), String> {
    let tree = |text: &str| {
        let mut report = Report::new();
        let source = report.add_source("text", text);
        read(source, &Dialect::PLAIN, &mut report)
    };
    let same = match (tree(before), tree(after)) {
        (Some(before), Some(after)) => {
            let order = |table: &bridge_diag::Table| table.entries.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
            order(&before) == order(&after) && says_the_same(&node(before), &node(after))
        }
        (None, _) | (_, None) => false,
    };
    if !same {
        return Err(
            "this text cannot be written in its one form without changing what it says; keys with dots may be the reason".to_owned()
        );
    }
    let (mut was, mut is) = (comments(before), comments(after));
    was.sort();
    is.sort();
    if was == is {
        Ok(())
    } else {
        Err("a comment stands inside an inline table, which TOML 1.0 does not know; move it above the row".to_owned())
    }
}

fn node(table: bridge_diag::Table) -> bridge_diag::Node {
    bridge_diag::Node { span: table.span, shape: bridge_diag::Shape::Table(table) }
}

/// Every comment of a TOML text.
fn comments(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['#', '"', '\'']) {
        let found = rest.get(at..).unwrap_or_default();
        let skip = match found.chars().next() {
            Some('#') => {
                let end = found.find('\n').unwrap_or(found.len());
                out.push(found.get(..end).unwrap_or_default().trim_end().to_owned());
                end
            }
            Some(quote) => quoted_end(found, quote),
            None => found.len(),
        };
        rest = found.get(skip..).unwrap_or_default();
    }
    out
}

/// Where a quoted text that begins here ends.
fn quoted_end(text: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    let long = text.starts_with(&triple);
    let (mut at, end) = if long { (3, triple.as_str()) } else { (1, triple.get(..1).unwrap_or_default()) };
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if quote == '"' && rest.starts_with('\\') {
            at += 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
        } else if rest.starts_with(end) {
            at += end.len();
            // A long text may end in one or two quotes of its own.
            while long && text.get(at..).is_some_and(|rest| rest.starts_with(quote)) {
                at += 1;
            }
            return at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn table_body(table: &mut Table, is_first: bool) {
    let mut first = is_first;
    for (mut key, item) in table.iter_mut() {
        match item {
            Item::Value(value) => {
                before_key(&mut key, first);
                key_value(value);
            }
            Item::Table(inner) if inner.is_dotted() => dotted(inner),
            Item::Table(inner) => {
                plain_key(&mut key);
                header(inner);
            }
            Item::ArrayOfTables(tables) => {
                plain_key(&mut key);
                tables.iter_mut().for_each(header);
            }
            Item::None => {}
        }
        first = false;
    }
}

/// `a.b = 1`: only the value is looked at.
fn dotted(table: &mut Table) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Value(value) => key_value(value),
            Item::Table(inner) => dotted(inner),
            Item::ArrayOfTables(_) | Item::None => {}
        }
    }
}

fn header(table: &mut Table) {
    if !table.is_implicit() {
        let prefix = format!("\n{}", block(raw(table.decor().prefix()), false));
        let suffix = remark(raw(table.decor().suffix()));
        table.decor_mut().set_prefix(prefix);
        table.decor_mut().set_suffix(suffix);
    }
    table_body(table, true);
}

fn raw(text: Option<&toml_edit::RawString>) -> &str {
    text.and_then(toml_edit::RawString::as_str).unwrap_or_default()
}

fn plain_key(key: &mut KeyMut<'_>) {
    key.fmt();
    key.leaf_decor_mut().clear();
    key.dotted_decor_mut().clear();
}

fn before_key(key: &mut KeyMut<'_>, first: bool) {
    let prefix = block(raw(key.leaf_decor().prefix()), !first);
    key.fmt();
    key.leaf_decor_mut().set_prefix(prefix);
    key.leaf_decor_mut().set_suffix(" ");
}

/// The value behind a key, with its comment.
fn key_value(value: &mut Value) {
    let behind = remark(raw(value.decor().suffix()));
    canonical(value, "");
    value.decor_mut().set_prefix(" ");
    value.decor_mut().set_suffix(behind);
}

/// A value without white space of its own; lists that begin at `indent` end there.
fn canonical(value: &mut Value, indent: &str) {
    match value {
        Value::String(text) => *value = Value::from(text.value().as_str()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.decor_mut().clear(),
        Value::Array(list) => {
            list.decor_mut().clear();
            array(list, indent);
        }
        Value::InlineTable(table) => {
            table.decor_mut().clear();
            inline(table, indent);
        }
    }
}

fn inline(table: &mut InlineTable, indent: &str) {
    table.set_trailing("");
    table.set_trailing_comma(false);
    let last = table.len().saturating_sub(1);
    for (at, (mut key, value)) in table.iter_mut().enumerate() {
        if let Value::InlineTable(inner) = value
            && inner.is_dotted()
        {
            continue;
        }
        key.fmt();
        key.leaf_decor_mut().set_prefix(" ");
        key.leaf_decor_mut().set_suffix(" ");
        canonical(value, indent);
        value.decor_mut().set_prefix(" ");
        value.decor_mut().set_suffix(if at == last { " " } else { "" });
    }
}

/// One line if it has no comment and is short and no list of several tables; else a line for each value.
fn array(list: &mut Array, indent: &str) {
    // The comments: above each value, behind it, and below the last.
    let mut above: Vec<String> = Vec::new();
    let mut behind: Vec<String> = vec![String::new(); list.len()];
    let inner = format!("{indent}  ");
    for (at, value) in list.iter().enumerate() {
        let (first, rest) = first_line(raw(value.decor().prefix()));
        match at.checked_sub(1).and_then(|before| behind.get_mut(before)) {
            Some(before) if before.is_empty() => *before = remark(first),
            Some(_) | None => above.push(remark_line(first, &inner)),
        }
        let lines = indented(rest, &inner);
        if above.len() > at {
            above.iter_mut().skip(at).for_each(|text| text.push_str(&lines))
        } else {
            above.push(lines)
        }
        // A comment between a value and its comma.
        if let Some(own) = behind.get_mut(at) {
            *own = remark(raw(value.decor().suffix()));
        }
    }
    let (first, rest) = first_line(list.trailing().as_str().unwrap_or_default());
    let mut below = String::new();
    match behind.last_mut() {
        Some(last) if last.is_empty() => *last = remark(first),
        Some(_) | None => below.push_str(&remark_line(first, &inner)),
    }
    below.push_str(&indented(rest, &inner));
    let below = below.trim_end_matches('\n');
    let below = if below.trim().is_empty() { String::new() } else { format!("{below}\n") };

    let has_comments = above.iter().chain(&behind).any(|text| text.contains('#')) || below.contains('#');
    let tables = list.iter().filter(|value| value.is_inline_table()).count();
    for value in list.iter_mut() {
        canonical(value, &inner);
    }
    let width: usize = list.iter().map(|value| value.to_string().chars().count() + 2).sum();
    if list.is_empty() && !has_comments {
        list.set_trailing("");
        list.set_trailing_comma(false);
        return;
    }
    if !has_comments && tables < 2 && (width <= WIDTH || list.len() == 1) {
        for (at, value) in list.iter_mut().enumerate() {
            // A list inside begins on this line, so it ends at this indent.
            canonical(value, indent);
            value.decor_mut().set_prefix(if at == 0 { "" } else { " " });
            value.decor_mut().set_suffix("");
        }
        list.set_trailing("");
        list.set_trailing_comma(false);
        return;
    }
    let mut before = String::new();
    for (at, value) in list.iter_mut().enumerate() {
        let lines = above.get(at).map_or("", String::as_str);
        // A blank line may group values, but none stands at the head.
        let lines = if at == 0 { lines.trim_start_matches('\n') } else { lines };
        value.decor_mut().set_prefix(format!("{before}\n{lines}{inner}"));
        value.decor_mut().set_suffix("");
        before = behind.get(at).cloned().unwrap_or_default();
    }
    list.set_trailing_comma(!list.is_empty());
    list.set_trailing(format!("{before}\n{below}{indent}"));
}

fn first_line(raw: &str) -> (&str, &str) {
    raw.split_once('\n').unwrap_or((raw, ""))
}

/// ` # why`, if there is a comment.
fn remark(raw: &str) -> String {
    let text = raw.trim();
    if text.starts_with('#') { format!(" {}", text.lines().next().unwrap_or_default().trim_end()) } else { String::new() }
}

/// The same as a line of its own.
fn remark_line(raw: &str, indent: &str) -> String {
    let text = raw.trim();
    if text.starts_with('#') { format!("{indent}{text}\n") } else { String::new() }
}

/// Comment lines at an indent; a blank line between them stays, several are one. What stands behind the last line break is the indent of
/// what follows.
fn indented(raw: &str, indent: &str) -> String {
    let Some((lines, _)) = raw.rsplit_once('\n') else { return String::new() };
    let mut out = String::new();
    for line in lines.split('\n').map(str::trim) {
        if line.starts_with('#') {
            out.push_str(&format!("{indent}{line}\n"));
        } else if !out.ends_with("\n\n") && out != "\n" {
            out.push('\n');
        }
    }
    out
}

/// The comment lines above a key or header; `blank` keeps a blank line above them.
fn block(raw: &str, blank: bool) -> String {
    let lines = indented(raw, "");
    if blank { lines } else { lines.trim_start_matches('\n').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{comments, format};

    #[track_caller]
    fn becomes(before: &str, after: &str) {
        let once = format(before).unwrap();
        assert_eq!(once, after);
        assert_eq!(format(&once).unwrap(), once, "a second time changes nothing");
    }

    #[test]
    fn white_space_is_one_way_and_comments_stay() {
        becomes(
            "\n\n# head\n\n\n  a=1   # one\n\n\n'b'  = 'x'\n[t]    #  table\n\n c = {x=1,y  =  [1,2 , 3]}\n#end\n\n\n",
            "# head\n\na = 1 # one\n\nb = \"x\"\n\n[t] #  table\nc = { x = 1, y = [1, 2, 3] }\n#end\n",
        );
        becomes("[a]\n[a.b]\nx=1\n[[c]]\n[[c]]\ny=2", "[a]\n\n[a.b]\nx = 1\n\n[[c]]\n\n[[c]]\ny = 2\n");
        becomes("", "");
    }

    #[test]
    fn lists_of_tables_have_a_line_for_each() {
        becomes(
            "p = [ {a=1}, # first\n\n\n   # above the second\n {a=2} # odd\n ,\n {a=3},\n # last\n]\nq=[{a=1}]\nr = [\n]\n",
            "p = [\n  { a = 1 }, # first\n\n  # above the second\n  { a = 2 }, # odd\n  { a = 3 },\n  # last\n]\nq = [{ a = 1 }]\nr = []\n",
        );
        becomes("l = [{ s = [{ a = 1 }, { a = 2 }] }]\n", "l = [{ s = [\n  { a = 1 },\n  { a = 2 },\n] }]\n");
        becomes(
            "l = [{ s = [{ a = 1 }, { a = 2 }] }, 3, {}]\n",
            "l = [\n  { s = [\n    { a = 1 },\n    { a = 2 },\n  ] },\n  3,\n  {},\n]\n",
        );
    }

    #[test]
    fn a_comment_is_found_where_it_is_one() {
        let text = "a = \"# no\" # yes\nb = '#no\\' # two\nc = \"\"\"\n# no \"\"\"\"\nd = 1 # three\n";
        assert_eq!(comments(text), ["# yes", "# two", "# three"]);
    }

    #[test]
    fn what_toml_1_0_does_not_know_is_refused() {
        assert!(format("a = { b = 1, # why\n c = 2 }\n").is_err_and(|why| why.contains("inline table")));
        assert!(format("a = = 1").is_err());
        becomes("a = {\n b = 1,\n c = 2,\n}\n", "a = { b = 1, c = 2 }\n");
    }
}

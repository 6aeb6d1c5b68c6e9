//! Templates: `{name}`, `{base+1}`, `{n*10+1}` are the only interpolation; `for` makes rows.

use std::collections::BTreeMap;

use bridge_diag::{Diagnostic, Entry, Node, Report, Shape, Table};

/// The values of one row of `for`, by parameter.
pub(crate) type Params = BTreeMap<String, Shape>;

/// The most rows one `for` may make.
pub(crate) const MAX_ROWS: usize = 200_000;

/// The rows of a `for`: a list of tables is those rows; one table is the product of its ranges (`"1..8"`, inclusive) and lists.
/// Values of `with` are in every row.
pub(crate) fn rows(node: &Node, with: &Params, report: &mut Report) -> Vec<Params> {
    match &node.shape {
        Shape::List(list) => {
            let mut rows = Vec::new();
            for item in list {
                let Shape::Table(table) = &item.shape else {
                    report.push(bad_for(item, "each row of `for` is a table"));
                    continue;
                };
                rows.extend(product(table, with, report));
            }
            rows
        }
        Shape::Table(table) => product(table, with, report),
        Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) => {
            report.push(bad_for(node, "`for` is a list of tables or one table of ranges"));
            Vec::new()
        }
    }
}

fn bad_for(node: &Node, message: &str) -> Diagnostic {
    Diagnostic::error("profile::for-malformed", message)
        .at(node.span)
        .fix("write `for = [ { u = \"U1\", base = 1000 } ]` or `for = { n = \"1..8\" }`")
}

fn product(table: &Table, with: &Params, report: &mut Report) -> Vec<Params> {
    let mut rows = vec![with.clone()];
    for entry in &table.entries {
        let values = values(entry, report);
        if rows.len().saturating_mul(values.len()) > MAX_ROWS {
            report.push(bad_for(&entry.node, &format!("this `for` makes more than {MAX_ROWS} rows")));
            return Vec::new();
        }
        rows = rows
            .into_iter()
            .flat_map(|row| {
                values.iter().map(move |value| {
                    let mut row = row.clone();
                    row.insert(entry.key.clone(), value.clone());
                    row
                })
            })
            .collect();
    }
    rows
}

fn values(entry: &Entry, report: &mut Report) -> Vec<Shape> {
    match &entry.node.shape {
        Shape::Str(text) => match range(text) {
            Some(Ok(range)) => range.map(Shape::Int).collect(),
            Some(Err(())) => {
                report.push(bad_for(&entry.node, &format!("the range `{text}` is empty, falls or makes more than {MAX_ROWS} rows")));
                Vec::new()
            }
            None => vec![entry.node.shape.clone()],
        },
        Shape::List(list) => list.iter().map(|node| node.shape.clone()).collect(),
        Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) => vec![entry.node.shape.clone()],
        Shape::Datetime(_) | Shape::Table(_) => {
            report.push(bad_for(&entry.node, &format!("parameter `{}` is text, a number, a range or a list of those", entry.key)));
            Vec::new()
        }
    }
}

fn range(text: &str) -> Option<Result<std::ops::RangeInclusive<i64>, ()>> {
    let (first, last) = text.split_once("..")?;
    let (first, last): (i64, i64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let rows = last.checked_sub(first).and_then(|d| usize::try_from(d).ok());
    Some(if rows.is_some_and(|rows| rows < MAX_ROWS) { Ok(first..=last) } else { Err(()) })
}

/// `u=U1, base=1000`: the parameters of a row as people read them.
pub(crate) fn describe(params: &Params) -> String {
    params.iter().map(|(name, value)| format!("{name}={}", text_of(value))).collect::<Vec<_>>().join(", ")
}

fn text_of(shape: &Shape) -> String {
    match shape {
        Shape::Str(text) | Shape::Datetime(text) => text.clone(),
        Shape::Int(value) => value.to_string(),
        Shape::Float(value) => value.to_string(),
        Shape::Bool(value) => value.to_string(),
        Shape::List(_) | Shape::Table(_) => "…".to_owned(),
    }
}

/// A copy of `table` with every interpolation done. Problems name `origin`.
pub(crate) fn substitute(table: &Table, params: &Params, origin: Option<&str>, report: &mut Report) -> Table {
    let entries = table
        .entries
        .iter()
        .map(|entry| Entry { key: entry.key.clone(), key_span: entry.key_span, node: node(&entry.node, params, origin, report) })
        .collect();
    Table { span: table.span, entries }
}

fn node(from: &Node, params: &Params, origin: Option<&str>, report: &mut Report) -> Node {
    let shape = match &from.shape {
        Shape::Str(text) if text.contains('{') => match interpolate(text, params) {
            Ok(shape) => shape,
            Err(problem) => {
                let known = params.keys().cloned().collect::<Vec<_>>().join(", ");
                let fix = if known.is_empty() {
                    "there are no parameters here; interpolation works in templates and rows with `for`".to_owned()
                } else {
                    format!("parameters here: {known}; forms are {{name}}, {{name+1}}, {{name*10+1}}")
                };
                report.push(Diagnostic::error("profile::interpolation", problem).at(from.span).from_origin(origin).fix(fix));
                from.shape.clone()
            }
        },
        Shape::List(list) => Shape::List(list.iter().map(|item| node(item, params, origin, report)).collect()),
        Shape::Table(table) => Shape::Table(substitute(table, params, origin, report)),
        Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) => from.shape.clone(),
    };
    Node { span: from.span, shape }
}

/// The text with its braces filled. A text that is one expression keeps the type of its value: `"{base+1}"` is a number.
pub(crate) fn interpolate(text: &str, params: &Params) -> Result<Shape, String> {
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
        && !inner.contains(['{', '}'])
    {
        return expression(inner, params);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|at| open + at) else {
            return Err(format!("`{text}` opens a brace and does not close it"));
        };
        out.push_str(&rest[..open]);
        out.push_str(&text_of(&expression(&rest[open + 1..close], params)?));
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Ok(Shape::Str(out))
}

/// `name`, `name+1`, `name-1`, `name*10`, `name*10+1`.
fn expression(text: &str, params: &Params) -> Result<Shape, String> {
    let text = text.trim();
    let name_end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(name_end);
    let Some(value) = params.get(name) else {
        return Err(format!("there is no parameter `{name}`"));
    };
    if rest.is_empty() {
        return Ok(value.clone());
    }
    let Shape::Int(mut number) = *value else {
        return Err(format!("`{{{text}}}` calculates with `{name}`, which is {}", value.noun()));
    };
    if let Some(after) = rest.strip_prefix('*') {
        let (factor, tail) = leading_int(after).ok_or_else(|| format!("`{{{text}}}` is not understood"))?;
        number = number.checked_mul(factor).ok_or_else(|| format!("`{{{text}}}` is too large"))?;
        rest = tail;
    }
    if let Some(sign) = rest.chars().next() {
        let (term, tail) = leading_int(&rest[sign.len_utf8()..]).ok_or_else(|| format!("`{{{text}}}` is not understood"))?;
        number = match sign {
            '+' => number.checked_add(term),
            '-' => number.checked_sub(term),
            _ => None,
        }
        .ok_or_else(|| format!("`{{{text}}}` is not understood"))?;
        rest = tail;
    }
    if rest.is_empty() { Ok(Shape::Int(number)) } else { Err(format!("`{{{text}}}` is not understood")) }
}

fn leading_int(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text.get(..end)?.parse().ok()?, text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::{Params, interpolate, range};
    use bridge_diag::Shape;

    fn params() -> Params {
        Params::from([("u".to_owned(), Shape::Str("U1".to_owned())), ("base".to_owned(), Shape::Int(1000))])
    }

    #[test]
    fn only_names_and_simple_arithmetic() {
        let ok = |text: &str| interpolate(text, &params()).unwrap();
        assert_eq!(ok("{base+1}"), Shape::Int(1001));
        assert_eq!(ok("{base*10+1}"), Shape::Int(10_001));
        assert_eq!(ok("{base-1}"), Shape::Int(999));
        assert_eq!(ok("{u}.p"), Shape::Str("U1.p".to_owned()));
        assert_eq!(ok("{u}-{base}"), Shape::Str("U1-1000".to_owned()));
        for bad in ["{v}", "{u+1}", "{base+}", "{base/2}", "{base+1+1}", "{u.p", "{base*99999999999999999}"] {
            assert!(interpolate(bad, &params()).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_inclusive_and_bounded() {
        assert_eq!(range("1..8").unwrap().unwrap().count(), 8);
        assert!(range("8..1").unwrap().is_err());
        assert!(range("0..99999999").unwrap().is_err());
        assert!(range("U1").is_none());
    }
}

//! Documents that must agree with the code: conformance tables, the index of decisions, links.

use std::collections::{BTreeMap, BTreeSet};

use super::rust_text::{View, functions, view};
use super::tree::{File, files, rust_files};
use super::workspace::root;
use super::{assert_found, assert_none};

/// At most so many rows of all tables may name one test.
const ROWS_PER_TEST: usize = 2;

/// Statements that the code writes and holds itself against: they have no status.
const GENERATED: &[&str] = &["-interoperability.md", "-device-profile.md"];

/// How a row says that the checklist asks for a peer that misbehaves.
const NEGATIVE_MARK: &str = "(*neg*)";

/// What each table of a document must list, and which of it the checklist marks as negative.
const CHECKLISTS: &[Checklist] = &[
    Checklist {
        document: "docs/conformance/iec104.md",
        tables: &[("row", 74), ("input", 36)],
        negative: ("row", &[3, 4, 5, 13, 17, 32, 52, 55, 59, 72]),
    },
    Checklist {
        document: "docs/conformance/dnp3.md",
        tables: &[("row", 62), ("input", 38)],
        negative: ("row", &[8, 9, 12, 13, 15, 22, 23, 34, 35, 37, 39, 46, 50, 52, 54]),
    },
];

/// The checklist behind a document.
struct Checklist {
    document: &'static str,
    /// The title of a table's first column, and its last number; it begins with 1.
    tables: &'static [(&'static str, u32)],
    negative: (&'static str, &'static [u32]),
}

/// One row of a conformance table that claims to be met.
#[derive(Debug)]
struct MetRow {
    place: String,
    tests: Vec<String>,
}

/// The cells of a Markdown table line, or nothing if it is none.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// Names in back-ticks that could be functions; a path is reduced to its last part.
fn ticked(cell: &str) -> Vec<String> {
    let inside = cell.split('`').skip(1).step_by(2);
    let names = inside.filter_map(|name| name.rsplit("::").next());
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    names.filter(is_name).map(str::to_owned).collect()
}

/// The rows of status `met` in tables that have a column `status` and a column whose title starts with `test`; and what is wrong with the tables.
fn met_rows(file: &File) -> (Vec<MetRow>, Vec<String>) {
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    let mut columns: Option<(usize, usize, Option<usize>)> = None;
    let mut tables = 0;
    for (number, line) in file.text.lines().enumerate() {
        let place = format!("{}:{}", file.path, number + 1);
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        let title = |word: &str| cells.iter().position(|cell| cell.to_lowercase().starts_with(word));
        let Some((status, test, negative)) = columns else {
            columns = title("status").zip(title("test")).map(|(status, test)| (status, test, title("peer misbehaves")));
            tables += usize::from(columns.is_some());
            continue;
        };
        if cells.get(status).is_some_and(|cell| cell.trim_matches('*').eq_ignore_ascii_case("met")) {
            let named = |column: usize| cells.get(column).map(|cell| ticked(cell)).unwrap_or_default();
            let negatives = negative.map(named).unwrap_or_default();
            if line.contains(NEGATIVE_MARK) && negatives.is_empty() {
                problems.push(format!("{place}: a negative row names no test whose peer misbehaves"));
            }
            let mut tests = named(test);
            tests.extend(negatives);
            if tests.is_empty() {
                problems.push(format!("{place}: a met row names no test"));
            }
            rows.push(MetRow { place, tests });
        }
    }
    if tables == 0 && !file.path.ends_with("README.md") {
        problems.push(format!("{}: no table with the columns status and test", file.path));
    }
    (rows, problems)
}

/// Rows that a checklist has and a document's tables do not list once, in order; negative rows without their mark, and marks too many.
fn checklist_problems(document: &File, checklist: &Checklist) -> Vec<String> {
    let mut problems = Vec::new();
    for (title, last) in checklist.tables {
        let head = |line: &&str| cells(line).is_some_and(|cells| cells.first() == Some(title));
        let rows = document.text.lines().skip_while(|line| !head(line)).skip(2).map_while(cells);
        let mut listed = Vec::new();
        for row in rows {
            let number = row.first().and_then(|cell| cell.parse::<u32>().ok());
            let is_negative = checklist.negative.0 == *title && number.is_some_and(|number| checklist.negative.1.contains(&number));
            if is_negative != row.iter().any(|cell| cell.contains(NEGATIVE_MARK)) {
                problems.push(format!("{}: {title} {} and its negative mark do not agree", document.path, row.first().unwrap_or(&"")));
            }
            listed.extend(number);
        }
        if listed != (1..=*last).collect::<Vec<_>>() {
            problems.push(format!("{}: {title}s 1 to {last} are not listed once each, in order", document.path));
        }
    }
    problems
}

fn conformance_problems(documents: &[File], sources: &[File]) -> Vec<String> {
    let mut is_test: BTreeMap<String, bool> = BTreeMap::new();
    for (name, marked) in sources.iter().flat_map(|file| functions(&view(&file.text, View::Code))) {
        *is_test.entry(name).or_default() |= marked;
    }
    let mut problems = Vec::new();
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for document in documents {
        let (rows, faults) = met_rows(document);
        problems.extend(faults);
        for row in rows {
            for test in row.tests {
                match is_test.get(&test) {
                    Some(true) => uses.entry(test).or_default().push(row.place.clone()),
                    Some(false) => problems.push(format!("{}: {test} is a function, but no test", row.place)),
                    None => problems.push(format!("{}: there is no test {test}", row.place)),
                }
            }
        }
    }
    let overused = uses.iter().filter(|(_, places)| places.len() > ROWS_PER_TEST);
    problems.extend(overused.map(|(test, places)| format!("{test} serves {} rows: {}", places.len(), places.join(", "))));
    problems
}

/// Targets of the Markdown links of a text, without anchors, other sites and links in code.
fn links(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        fenced ^= line.trim_start().starts_with("```");
        !fenced
    });
    let targets = prose.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:"));
    local.filter_map(|target| target.split('#').next()).collect()
}

fn link_problems(documents: &[File], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for document in documents {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&document.text) {
            if !exists(&resolve(folder, link)) {
                problems.push(format!("{}: the link {link} leads nowhere", document.path));
            }
        }
    }
    problems
}

fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Parts that every decision record has.
const ADR_PARTS: &[&str] = &["## Decision", "## Because", "## Instead of", "## Cost"];

fn adr_problems(records: &[File], index: &str) -> Vec<String> {
    let linked: BTreeSet<&str> = links(index).into_iter().collect();
    let mut numbers = BTreeSet::new();
    let mut problems = Vec::new();
    for record in records {
        let name = record.path.rsplit('/').next().unwrap_or("");
        let number = name.get(..4).filter(|number| number.chars().all(|c| c.is_ascii_digit()));
        match number {
            None => problems.push(format!("{name} has no number NNNN-")),
            Some(number) if !numbers.insert(number) => problems.push(format!("{name} uses the number {number} again")),
            Some(_) => {}
        }
        if !linked.contains(name) {
            problems.push(format!("{name} is not in the index"));
        }
        let missing = ADR_PARTS.iter().filter(|part| !record.text.lines().any(|line| line.trim() == **part));
        problems.extend(missing.map(|part| format!("{name} has no part {part:?}")));
    }
    problems
}

#[test]
fn every_met_row_has_its_test() {
    let mut documents = files(&[".md"]);
    documents.retain(|file| file.path.starts_with("docs/conformance/") && !GENERATED.iter().any(|end| file.path.ends_with(end)));
    assert_none(&conformance_problems(&documents, &rust_files()));
}

#[test]
fn every_row_of_a_checklist_is_listed() {
    let documents = files(&[".md"]);
    for checklist in CHECKLISTS {
        let document = documents.iter().find(|file| file.path == checklist.document);
        assert_none(&checklist_problems(document.unwrap_or_else(|| panic!("{} is there", checklist.document)), checklist));
    }
}

#[test]
fn a_row_that_is_missing_or_not_marked_is_found() {
    let table = "| row | what | test | peer misbehaves | status |\n|---|---|---|---|---|\n| 1 | x (*neg*) | `a1_x` |  | met |\n\
        | 3 | x (*neg*) | `a1_x` | `a1_y` | met |\n";
    let document = File::by_hand("docs/conformance/t.md", table);
    let checklist = Checklist { document: "docs/conformance/t.md", tables: &[("row", 3)], negative: ("row", &[1]) };
    let expected = ["row 3 and its negative mark do not agree", "rows 1 to 3 are not listed once each"];
    assert_found(&checklist_problems(&document, &checklist), &expected);
    let source = File::by_hand("t.rs", "#[test]\nfn a1_x() {}\n#[test]\nfn a1_y() {}\n");
    let found = conformance_problems(&[document], &[source]);
    assert_found(&found, &["t.md:3: a negative row names no test whose peer misbehaves"]);
}

#[test]
fn a_row_without_its_test_is_found() {
    let table = "# T\n\n| row | what | status | tests |\n|---|---|---|---|\n\
        | a1 | x | met | `a1_x`, `it::y::a1_y` |\n| a2 | x | met | `a2_gone` |\n| a3 | x | later | `a3_gone` |\n\
        | a4 | x | met | none |\n| a5 | x | **met** | `shared` |\n| a6 | x | met | `shared` |\n| a7 | x | met | `shared` `plain` |\n";
    let source = "#[test]\nfn a1_x() {}\n#[test]\nfn a1_y() {}\n#[test]\nfn shared() {}\nfn plain() {}\n// #[test] fn a2_gone() {}\n";
    let found = conformance_problems(&[File::by_hand("docs/conformance/t.md", table)], &[File::by_hand("t.rs", source)]);
    let expected =
        ["t.md:6: there is no test a2_gone", "t.md:8: a met row names no test", "plain is a function, but no test", "shared serves 3 rows"];
    assert_found(&found, &expected);
    assert_found(&conformance_problems(&[File::by_hand("docs/conformance/u.md", "none")], &[]), &["u.md: no table"]);
}

#[test]
fn every_decision_is_in_the_index() {
    let mut records = files(&[".md"]);
    records.retain(|file| file.path.starts_with("docs/adr/") && !file.path.ends_with("README.md"));
    let index = std::fs::read_to_string(root().join("docs/adr/README.md")).expect("docs/adr/README.md is there");
    assert!(records.iter().any(|record| record.path.ends_with("0001-licences.md")), "0001 is missing");
    assert_none(&adr_problems(&records, &index));
}

#[test]
fn a_decision_outside_the_index_is_found() {
    let whole = "# x\n## Decision\n## Because\n## Instead of\n## Cost\n";
    let records = [
        File::by_hand("docs/adr/0001-a.md", whole),
        File::by_hand("docs/adr/0001-b.md", whole),
        File::by_hand("docs/adr/0002-c.md", "# x\n## Decision\n## Because\n## Instead of\n"),
        File::by_hand("docs/adr/notes.md", whole),
    ];
    let found = adr_problems(&records, "[a](0001-a.md) [c](0002-c.md) [n](notes.md)");
    let expected = [
        "0001-b.md uses the number 0001 again",
        "0001-b.md is not in the index",
        "0002-c.md has no part \"## Cost\"",
        "notes.md has no number",
    ];
    assert_found(&found, &expected);
}

#[test]
fn links_between_documents_lead_somewhere() {
    assert_none(&link_problems(&files(&[".md"]), &|path| root().join(path).exists()));
}

#[test]
fn a_dead_link_is_found() {
    let text = "[a](../b.md#x) [c](d/e.md) [w](https://x.org/y)\n```\n[f](fenced.md)\n```\n[h](#here)";
    let found = link_problems(&[File::by_hand("docs/a.md", text)], &|path| path == "b.md");
    assert_found(&found, &["the link d/e.md leads nowhere"]);
}

//! `diff`: what two profiles say differently, and whether the version admits it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use bridge_profile::Plan;
use serde_json::{Value, json};

use crate::facts::{Fact, Item, Rule, items};

/// How much a change asks of those who rely on the profile (semantic versioning).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bump {
    /// Nothing changed.
    None,
    /// Texts and tests.
    Patch,
    /// More, or the same service done otherwise.
    Minor,
    /// Whoever reads or commands it must look.
    Major,
}

impl Bump {
    /// `none`, `patch`, `minor`, `major`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened to a thing with an id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed(Vec<FieldChange>),
}

/// One statement that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldChange {
    /// Which: `max`, `limit HH`, `addr`.
    pub field: String,
    /// What it said; `None` if it was not said.
    pub old: Option<String>,
    /// What it says; `None` if it is not said any more.
    pub new: Option<String>,
    /// How much that is.
    pub bump: Bump,
}

/// One thing that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// `point`, `control`, `served point`, `link`, `resource`, `peer`, `test`, `profile`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What happened.
    pub fate: Fate,
    /// How much that is.
    pub bump: Bump,
}

/// Two profiles compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The versions, old and new.
    pub versions: (String, String),
    /// What changed, in the order of the new profile; what is gone comes last.
    pub changes: Vec<Change>,
    /// What the changes ask of the version.
    pub needed: Bump,
    /// What the version did.
    pub found: Found,
}

/// What became of the version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// It rose by so much, or stayed.
    Rose(Bump),
    /// It fell.
    Fell,
    /// One of the two is no `MAJOR.MINOR.PATCH`.
    NotSemantic,
}

impl Difference {
    /// Whether the version says at least what the changes ask. Below 1.0.0 a new minor number may break.
    #[must_use]
    pub fn fits(&self) -> bool {
        let Found::Rose(rose) = self.found else { return self.changes.is_empty() && self.versions.0 == self.versions.1 };
        let early = self.versions.0.starts_with("0.");
        let needed = if early { self.needed.min(Bump::Minor) } else { self.needed };
        rose >= needed
    }

    /// As people read it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for change in &self.changes {
            let (sign, word) = match &change.fate {
                Fate::Added => ('+', "added"),
                Fate::Removed => ('-', "removed"),
                Fate::Changed(_) => ('~', "changed"),
            };
            let _ = writeln!(out, "{sign} {} {} {word} ({})", change.kind, change.id, change.bump);
            if let Fate::Changed(fields) = &change.fate {
                for field in fields {
                    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "(nothing)".to_owned());
                    // A test's steps are for the editor, not for a line.
                    let what = if change.kind == "test" {
                        field.field.clone()
                    } else {
                        format!("{}: {} → {}", field.field, shown(&field.old), shown(&field.new))
                    };
                    let _ = writeln!(out, "    {what} ({})", field.bump);
                }
            }
        }
        out.push_str(&self.verdict());
        out.push('\n');
        out
    }

    /// The last line: what is needed, what the version did.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (old, new) = &self.versions;
        let rose = match self.found {
            Found::Rose(Bump::None) => format!("the version stayed {old}"),
            Found::Rose(bump) => format!("the version rose from {old} to {new} ({bump})"),
            Found::Fell => format!("the version fell from {old} to {new}"),
            Found::NotSemantic => format!("the versions `{old}` and `{new}` are not both MAJOR.MINOR.PATCH"),
        };
        let changes = if self.changes.is_empty() { "nothing changed".to_owned() } else { format!("{} needed", self.needed) };
        format!("{changes}; {rose}: {}", if self.fits() { "it fits" } else { "it does not fit" })
    }

    /// The same for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let field = |f: &FieldChange| json!({ "field": f.field, "old": f.old, "new": f.new, "bump": f.bump.as_str() });
        let changes: Vec<Value> = self
            .changes
            .iter()
            .map(|change| {
                let (fate, fields) = match &change.fate {
                    Fate::Added => ("added", Vec::new()),
                    Fate::Removed => ("removed", Vec::new()),
                    Fate::Changed(fields) => ("changed", fields.iter().map(field).collect()),
                };
                json!({ "kind": change.kind, "id": change.id, "fate": fate, "bump": change.bump.as_str(), "fields": fields })
            })
            .collect();
        let found = match self.found {
            Found::Rose(bump) => bump.as_str(),
            Found::Fell => "fell",
            Found::NotSemantic => "not-semantic",
        };
        let (old, new) = &self.versions;
        json!({ "old": old, "new": new, "needed": self.needed.as_str(), "found": found, "fits": self.fits(), "changes": changes })
    }
}

/// Compares two plans by what they say, not by how they are written.
#[must_use]
pub fn diff(old: &Plan, new: &Plan) -> Difference {
    let mut changes = Vec::new();
    if old.id != new.id {
        let field = FieldChange { field: "id".to_owned(), old: Some(old.id.clone()), new: Some(new.id.clone()), bump: Bump::Major };
        changes.push(Change { kind: "profile", id: new.id.clone(), fate: Fate::Changed(vec![field]), bump: Bump::Major });
    }
    let mut before: BTreeMap<(&'static str, String), Vec<Fact>> = BTreeMap::new();
    let mut order = Vec::new();
    for Item { kind, id, facts } in items(old) {
        order.push((kind, id.clone()));
        before.insert((kind, id), facts);
    }
    for Item { kind, id, facts } in items(new) {
        let Some(was) = before.remove(&(kind, id.clone())) else {
            let bump = if kind == "test" { Bump::Patch } else { Bump::Minor };
            changes.push(Change { kind, id, fate: Fate::Added, bump });
            continue;
        };
        let fields = compare(&was, &facts);
        if let Some(bump) = fields.iter().map(|field| field.bump).max() {
            changes.push(Change { kind, id, fate: Fate::Changed(fields), bump });
        }
    }
    for (kind, id) in order.into_iter().filter(|name| before.contains_key(name)) {
        let bump = if kind == "test" { Bump::Patch } else { Bump::Major };
        changes.push(Change { kind, id, fate: Fate::Removed, bump });
    }
    // Comments, or another way to write the same, ask nothing of the version: the hash tells.
    let needed = changes.iter().map(|change| change.bump).max().unwrap_or(Bump::None);
    let versions = (old.version.clone(), new.version.clone());
    let found = found(&old.version, &new.version);
    Difference { versions, changes, needed, found }
}

fn compare(old: &[Fact], new: &[Fact]) -> Vec<FieldChange> {
    let find = |facts: &[Fact], field: &str| facts.iter().find(|fact| fact.field == field).cloned();
    let mut changes = Vec::new();
    for now in new {
        let was = find(old, &now.field);
        if was.as_ref().is_none_or(|was| was.value != now.value) {
            let bump = weight(was.as_ref(), Some(now), now.rule);
            changes.push(FieldChange { field: now.field.clone(), old: was.map(|was| was.value), new: Some(now.value.clone()), bump });
        }
    }
    for was in old.iter().filter(|was| find(new, &was.field).is_none()) {
        let bump = weight(Some(was), None, was.rule);
        changes.push(FieldChange { field: was.field.clone(), old: Some(was.value.clone()), new: None, bump });
    }
    changes
}

fn weight(old: Option<&Fact>, new: Option<&Fact>, rule: Rule) -> Bump {
    let rises = match (old.and_then(|fact| fact.number), new.and_then(|fact| fact.number)) {
        (Some(old), Some(new)) => Some(new > old),
        // A bound that comes or goes: which side it opens is not for a rule to guess.
        (None, _) | (_, None) => None,
    };
    match (rule, old, new) {
        (Rule::Words, _, _) => Bump::Patch,
        (Rule::Refines, _, _) => Bump::Minor,
        (Rule::Breaks, _, _) => Bump::Major,
        (Rule::Upper, _, _) => {
            if rises == Some(false) {
                Bump::Minor
            } else {
                Bump::Major
            }
        }
        (Rule::Lower, _, _) => {
            if rises == Some(true) {
                Bump::Minor
            } else {
                Bump::Major
            }
        }
        (Rule::Promise | Rule::Offer, None, _) => Bump::Minor,
        (Rule::Offer, Some(_), Some(_)) => Bump::Minor,
        (Rule::Promise | Rule::Offer, Some(_), _) => Bump::Major,
    }
}

fn found(old: &str, new: &str) -> Found {
    let (Some(old), Some(new)) = (semantic(old), semantic(new)) else { return Found::NotSemantic };
    if new < old {
        return Found::Fell;
    }
    Found::Rose(match (old.0 == new.0, old.1 == new.1, old.2 == new.2) {
        (false, _, _) => Bump::Major,
        (true, false, _) => Bump::Minor,
        (true, true, false) => Bump::Patch,
        (true, true, true) => Bump::None,
    })
}

/// `1.3.0`; what follows a `-` or `+` is not compared.
fn semantic(version: &str) -> Option<(u64, u64, u64)> {
    let core = version.split(['-', '+']).next()?;
    let mut parts = core.split('.').map(|part| part.parse::<u64>().ok());
    let version = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}

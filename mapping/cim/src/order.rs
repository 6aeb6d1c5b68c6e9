//! In which order documents are read: what a model depends on or supersedes comes before it.

use std::collections::{BTreeMap, BTreeSet};

use bridge_diag::Diagnostic;

use crate::header::{DocumentKind, Header};
use crate::problems::{At, Problems};

/// Which documents count, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Order {
    /// Whole models.
    pub(crate) full: Vec<u16>,
    /// Differences, each behind what it changes.
    pub(crate) differences: Vec<u16>,
    /// Documents that a newer whole model takes the place of.
    pub(crate) superseded: Vec<u16>,
}

/// Orders the documents: `headers` with the place of each. Documents without a header count as whole models.
pub(crate) fn order(headers: &[(u16, Option<&Header>, At)], problems: &mut Problems) -> Order {
    let mut by_id: BTreeMap<&str, u16> = BTreeMap::new();
    for (document, header, at) in headers {
        let Some(header) = header else { continue };
        if by_id.insert(&header.id, *document).is_some() {
            problems.push(
                Diagnostic::error("cim::model-twice", format!("the model {} is given twice", header.id))
                    .fix("give each document once; a folder may hold it both packed and unpacked"),
                Some(*at),
            );
        }
    }
    let header = |document: u16| headers.iter().find(|(at, _, _)| *at == document).and_then(|(_, header, _)| *header);
    let is_difference = |document: u16| header(document).is_some_and(|header| header.kind == DocumentKind::Difference);
    let superseded: BTreeSet<u16> = headers
        .iter()
        .filter_map(|(_, header, _)| *header)
        .filter(|header| header.kind == DocumentKind::Full)
        .flat_map(|header| header.supersedes.iter().filter(|id| **id != header.id).filter_map(|id| by_id.get(id.as_str()).copied()))
        .collect();
    let mut order = Order { superseded: superseded.iter().copied().collect(), ..Order::default() };
    let mut done: BTreeSet<u16> = superseded;
    let mut waiting: Vec<u16> = headers.iter().map(|(document, _, _)| *document).filter(|document| !done.contains(document)).collect();
    // Whole models first: a difference never has one behind it.
    waiting.sort_by_key(|document| (is_difference(*document), *document));
    let before = |document: u16| -> Vec<u16> {
        let ids = header(document).into_iter().flat_map(|header| header.depends_on.iter().chain(&header.supersedes));
        ids.filter_map(|id| by_id.get(id.as_str()).copied()).filter(|at| *at != document).collect()
    };
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|document| before(*document).iter().all(|at| done.contains(at)));
        let next = waiting.remove(ready.unwrap_or(0));
        if ready.is_none() {
            let at = headers.iter().find(|(document, _, _)| *document == next).map(|(_, _, at)| *at);
            problems.push(
                Diagnostic::error("cim::model-loop", "the headers of these documents depend on each other in a circle")
                    .fix("a model depends only on models made before it"),
                at,
            );
        }
        done.insert(next);
        if is_difference(next) { order.differences.push(next) } else { order.full.push(next) }
    }
    missing(headers, &by_id, problems);
    order
}

/// Models that headers name and nobody gave.
fn missing(headers: &[(u16, Option<&Header>, At)], by_id: &BTreeMap<&str, u16>, problems: &mut Problems) {
    for (_, header, at) in headers {
        let Some(header) = header else { continue };
        for id in header.depends_on.iter().filter(|id| !by_id.contains_key(id.as_str())) {
            problems.push(
                Diagnostic::warning("cim::model-missing", format!("the model {id}, which this one depends on, is not given"))
                    .fix("give that document too, or go on without what it defines"),
                Some(*at),
            );
        }
        let is_lost = header.kind == DocumentKind::Difference
            && !header.supersedes.is_empty()
            && !header.supersedes.iter().any(|id| by_id.contains_key(id.as_str()));
        if is_lost {
            problems.push(
                Diagnostic::error(
                    "cim::difference-base",
                    format!("the model {} that this difference changes is not given", header.supersedes.join(", ")),
                )
                .fix("give the model that the difference was made for"),
                Some(*at),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, order};
    use crate::header::{DocumentKind, Header};
    use crate::problems::{At, Problems};

    fn header(id: &str, kind: DocumentKind, depends_on: &[&str], supersedes: &[&str]) -> Header {
        let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Header { depends_on: texts(depends_on), supersedes: texts(supersedes), ..Header::new(id, kind) }
    }

    fn ordered(headers: &[Header]) -> Order {
        let all: Vec<(u16, Option<&Header>, At)> = headers.iter().zip(0..).map(|(h, at)| (at, Some(h), At::start(at, 0))).collect();
        order(&all, &mut Problems::default())
    }

    #[test]
    fn what_is_depended_on_comes_first_and_differences_in_their_chain() {
        use DocumentKind::{Difference, Full};
        let found = ordered(&[
            header("d2", Difference, &[], &["d1"]),
            header("ssh", Full, &["eq"], &[]),
            header("d1", Difference, &[], &["eq"]),
            header("eq", Full, &[], &[]),
        ]);
        assert_eq!(found, Order { full: vec![3, 1], differences: vec![2, 0], superseded: vec![] });
    }

    #[test]
    fn a_newer_whole_model_takes_the_place_of_an_older_one() {
        use DocumentKind::Full;
        let found = ordered(&[header("eq-1", Full, &[], &[]), header("eq-2", Full, &[], &["eq-1"])]);
        assert_eq!(found, Order { full: vec![1], differences: vec![], superseded: vec![0] });
    }

    #[test]
    fn a_circle_is_told_and_read_all_the_same() {
        use DocumentKind::Full;
        let found = ordered(&[header("a", Full, &["b"], &[]), header("b", Full, &["a"], &[])]);
        assert_eq!(found.full.len(), 2);
    }
}

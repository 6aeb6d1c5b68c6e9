//! The rules of the house, read from the tree itself: `cargo metadata`, the manifests, the sources and the documents.
//!
//! Every rule is a checker: a pure function from what was read to a list of problems in words. One test holds it against this repository,
//! another shows it a bad example, so that no rule can pass by looking at nothing.

mod arrows;

mod documents;
mod licences;
mod manifests;
mod rust_text;
mod sources;
mod spdx;
mod tree;
mod workspace;

/// Fails with one problem a line.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problem(s):\n  {}", problems.len(), problems.join("\n  "));
}

/// Fails unless the checker found exactly these problems, each named by a part of its text.
#[track_caller]
fn assert_found(problems: &[String], parts: &[&str]) {
    let all_named = parts.iter().all(|part| problems.iter().any(|problem| problem.contains(part)));
    assert!(all_named && problems.len() == parts.len(), "expected {parts:?}, found {problems:#?}");
}

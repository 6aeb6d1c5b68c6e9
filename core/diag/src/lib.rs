//! Diagnostics for people who write configuration: what is wrong, where, and the fix; all problems at once.
//!
//! [`read`] turns TOML text into an owned tree in which every key and value knows its [`Span`]; a [`View`] hands out the keys of one
//! table, checks their kinds and names the keys nobody asked for, with the nearest known name. Problems go into a [`Report`], which
//! renders them as text, JSON or SARIF 2.1.0. An [`Explanations`] table holds the paragraph behind each code.
//!
//! This crate does not know what any key means, reads no file and knows no other crate of the bridge. Start at [`Report`].

mod explain;
mod form;
mod nearest;
mod render;
mod report;
mod tree;
mod view;

pub use explain::{Explanation, Explanations};
pub use form::{Form, Key, Kind};
pub use nearest::nearest;
pub use report::{Diagnostic, Place, Report, Severity, Source, SourceId, Span};
pub use tree::{Entry, Node, Shape, Table, read};
pub use view::{Dialect, View};

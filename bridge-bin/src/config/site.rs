//! `site.toml` as written: where each link goes and what stands at its other end.

use std::net::{IpAddr, SocketAddr};

use bridge_diag::{Diagnostic, Report, Table, View};

use super::bridge::{DIALECT, Placed};
use super::value::{address, ip};

/// The schema that this version reads.
pub(crate) const SCHEMA: &str = "ies-site/1";

/// What stands at the other end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PeerKind {
    /// A simulator of ours.
    Sim,
    /// An independent test peer, declared so.
    Test,
    /// A station or an EMS of the grid.
    Real,
}

/// One `[[link]]`.
pub(crate) struct SiteLink {
    pub(crate) name: Placed<String>,
    pub(crate) endpoint: Placed<SocketAddr>,
    pub(crate) peer: Placed<PeerKind>,
    /// Who may connect to a listening link; empty for everyone who reaches it.
    pub(crate) allow: Vec<IpAddr>,
    /// The endpoint lies in a network namespace of our own.
    pub(crate) namespace: bool,
}

/// Reads the table of `site.toml`.
pub(crate) fn read_site(table: &Table, report: &mut Report) -> Vec<SiteLink> {
    let mut view = View::new(table, DIALECT, "site.toml", None);
    if let Some((schema, span)) = view.need_str("schema", report)
        && schema != SCHEMA
    {
        report.push(
            Diagnostic::error("config::schema-unknown", format!("schema `{schema}` is not known here"))
                .at(span)
                .fix(format!("this version reads `{SCHEMA}`")),
        );
    }
    let tables = if view.take("link").is_some() { view.take_tables("link", report) } else { Vec::new() };
    let links = tables.into_iter().filter_map(|inner| link(view.inner(inner, "[[link]]"), report)).collect();
    view.finish(report);
    links
}

fn link(mut view: View<'_>, report: &mut Report) -> Option<SiteLink> {
    let name = view.need_str("name", report).map(|(text, span)| Placed { value: text.to_owned(), span });
    if let Some(name) = &name {
        view.rename(format!("link `{}`", name.value));
    }
    let endpoint =
        view.need_str("endpoint", report).and_then(|(text, span)| address(&view, text, span, report).map(|value| Placed { value, span }));
    let peer = view.need_str("peer", report).and_then(|(text, span)| {
        let kind = match text {
            "sim" => PeerKind::Sim,
            "test" => PeerKind::Test,
            "real" => PeerKind::Real,
            _ => {
                report.push(
                    view.error("config::bad-peer", span, format!("`{text}` says nothing about who is at the other end"))
                        .fix("use `sim` (a simulator of ours), `test` (an independent test peer) or `real`"),
                );
                return None;
            }
        };
        Some(Placed { value: kind, span })
    });
    let allow = view.take_strs("allow", report).unwrap_or_default();
    let allow = allow.into_iter().filter_map(|(text, span)| ip(&view, text, span, report)).collect();
    let namespace = view.take_bool("namespace", report).is_some_and(|(value, _)| value);
    view.finish(report);
    Some(SiteLink { name: name?, endpoint: endpoint?, peer: peer?, allow, namespace })
}

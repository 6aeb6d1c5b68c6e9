//! The device profile of an outstation's link (clause 14), written by the tables that the session reads: it cannot say more, or less,
//! than the code does.

use std::fmt::Write as _;

use bridge_session::LinkSpec;

use crate::app::Function;
use crate::objects::{Kind, Variation};
use crate::outstation::{is_readable, supports};
use crate::params::Params;

/// One part of the profile: a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its title.
    pub title: &'static str,
    /// The titles of its columns.
    pub columns: &'static [&'static str],
    /// As many cells as columns.
    pub rows: Vec<Vec<String>>,
}

/// The whole profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceProfile {
    /// What it is of.
    pub title: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

impl DeviceProfile {
    /// What an outstation's link is configured to do.
    #[must_use]
    pub fn of_outstation(spec: &LinkSpec) -> Self {
        let params = Params::from_fields(&spec.params);
        Self {
            title: format!("DNP3 device profile of outstation link {}", spec.name),
            sections: vec![application(&params), functions(&params), objects()],
        }
    }

    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n", self.title);
        // Writing to a string cannot fail.
        for section in &self.sections {
            _ = write!(text, "\n## {}\n\n| {} |\n|{}\n", section.title, section.columns.join(" | "), "---|".repeat(section.columns.len()));
            for row in &section.rows {
                _ = writeln!(text, "| {} |", row.join(" | "));
            }
        }
        text
    }
}

fn application(params: &Params) -> Section {
    let retries = params.unsolicited_retries.map_or("without end".to_owned(), |retries| retries.to_string());
    let rows = [
        ("longest fragment sent, octets", params.max_transmit.to_string()),
        ("longest fragment received, octets", params.max_receive.to_string()),
        ("masters known", params.masters.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")),
        ("data confirmed by the link", params.link_confirm.to_string()),
        ("self-address taken", params.self_address.to_string()),
        ("application confirmation", format!("{:?}", params.confirm_timeout)),
        ("life of a selection", format!("{:?}", params.select_timeout)),
        ("controls in one request", params.max_controls.to_string()),
        ("repetitions of an unsolicited response", retries),
        ("events", "delivered once, to the master that confirms first; kept until then".to_owned()),
        ("classes and dead-bands written by a master", "kept until the session ends".to_owned()),
    ];
    let rows = rows.into_iter().map(|(what, value)| vec![what.to_owned(), value]).collect();
    Section { title: "Application layer", columns: &["item", "value"], rows }
}

fn functions(params: &Params) -> Section {
    let requests = Function::ALL.iter().filter(|function| !function.is_response());
    let mark = |function: &Function| if supports(*function, params) { "X" } else { "" };
    let row = |function: &Function| vec![function.code().to_string(), function.name().to_owned(), mark(function).to_owned()];
    Section { title: "Functions", columns: &["code", "function", "taken"], rows: requests.map(row).collect() }
}

fn objects() -> Section {
    let row = |variation: &Variation| {
        let read = if is_readable(variation.kind, variation.variation) { "X" } else { "" };
        let name = if matches!(variation.kind, Kind::DeviceAttribute) { "any".to_owned() } else { variation.variation.to_string() };
        vec![variation.group.to_string(), name, read.to_owned()]
    };
    Section { title: "Objects read", columns: &["group", "variation", "READ"], rows: Variation::all().iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_model::Zone;
    use bridge_session::{Field, Role};

    fn profile(params: &[(&str, Field)]) -> String {
        let spec = LinkSpec {
            name: "ems".to_owned(),
            role: Role::Server,
            zone: Zone::Utc,
            monitor_only: false,
            params: params.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect(),
            points: Vec::new(),
            max_unacked: 64,
            fresh_link_ms: 2000,
        };
        DeviceProfile::of_outstation(&spec).to_markdown()
    }

    #[test]
    fn the_profile_says_what_the_link_is_configured_to() {
        let plain = profile(&[]);
        for line in ["| 1 | READ | X |", "| 13 | COLD_RESTART |  |", "| 32 | AUTHENTICATE_REQ |  |", "| 30 | 6 | X |", "| 12 | 1 |  |"] {
            assert!(plain.lines().any(|found| found == line), "{line}\n{plain}");
        }
        let open = profile(&[("allow", Field::Text("reset".to_owned())), ("unsolicited", Field::Text(String::new()))]);
        for line in ["| 13 | COLD_RESTART | X |", "| 20 | ENABLE_UNSOLICITED |  |"] {
            assert!(open.lines().any(|found| found == line), "{line}");
        }
    }
}

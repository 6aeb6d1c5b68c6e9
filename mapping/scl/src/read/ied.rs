//! Devices.

use std::collections::BTreeMap;

use bridge_diag::Diagnostic;

use super::{control_block, private};
use crate::document::{AccessPoint, Ied, Instance, LogicalDevice, LogicalNode, NodeName, Services, Value};
use crate::xml::{Element, Xml};

/// Bytes of a path inside a logical node; a whole reference has at most 129 (IEC 61850-7-2, ObjectReference of edition 2).
const MAX_PATH_BYTES: usize = 255;

pub(super) fn ied<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<Ied> {
    let mut ied = Ied {
        name: xml.need(element, "name")?,
        desc: element.text("desc"),
        kind: element.text("type"),
        manufacturer: element.text("manufacturer"),
        services: Services::default(),
        access_points: Vec::new(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "Services" => ied.services = services(xml, &child),
            "AccessPoint" => {
                let point = access_point(xml, &child);
                ied.access_points.extend(point);
            }
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(ied)
}

fn services<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Services {
    let mut services = Services::default();
    while let Some(child) = xml.child(element) {
        match child.name {
            "ConfDataSet" => {
                services.data_sets = xml.number(&child, "max");
                services.data_set_members = xml.number(&child, "maxAttributes");
            }
            "ConfReportControl" => services.reports = xml.number(&child, "max"),
            "GOOSE" => services.goose = xml.number(&child, "max"),
            // Each further service is an element of its own; the bridge asks the device itself.
            _ => {}
        }
    }
    services
}

fn access_point<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<AccessPoint> {
    let name = xml.need(element, "name")?;
    let mut point =
        AccessPoint { name, services: Services::default(), devices: Vec::new(), server_at: None, clients: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "Server" => server(xml, &child, &mut point.devices),
            "ServerAt" => point.server_at = child.optional("apName"),
            "LN" => {
                let node = node(xml, &child);
                point.clients.extend(node);
            }
            "Services" => point.services = services(xml, &child),
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(point)
}

fn server<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<LogicalDevice>) {
    while let Some(child) = xml.child(element) {
        match child.name {
            "LDevice" => {
                let device = logical_device(xml, &child);
                into.extend(device);
            }
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
}

fn logical_device<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<LogicalDevice> {
    if !xml.count_node(element) {
        return None;
    }
    let mut device = LogicalDevice {
        inst: xml.need(element, "inst")?,
        ld_name: element.optional("ldName"),
        desc: element.text("desc"),
        nodes: Vec::new(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "LN0" | "LN" => {
                let node = node(xml, &child);
                device.nodes.extend(node);
            }
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(device)
}

/// The name of a logical node, from attributes that are called differently at a node and at a reference to one.
pub(super) fn node_name(element: &Element<'_>, inst: &str) -> NodeName {
    NodeName { prefix: element.text("prefix"), class: element.text("lnClass"), inst: element.text(inst) }
}

fn node<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<LogicalNode> {
    if !xml.count_node(element) {
        return None;
    }
    let mut name = node_name(element, "inst");
    if element.name == "LN0" && name.class.is_empty() {
        name.class = "LLN0".to_owned();
    } else if name.class.is_empty() {
        xml.need(element, "lnClass")?;
    }
    let mut node = LogicalNode {
        name,
        type_id: xml.need(element, "lnType").unwrap_or_default(),
        desc: element.text("desc"),
        instances: BTreeMap::new(),
        data_sets: Vec::new(),
        reports: Vec::new(),
        goose: Vec::new(),
        sampled: Vec::new(),
        logs: Vec::new(),
        settings: None,
        inputs: Vec::new(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "DOI" => instance(xml, &child, "", &mut node.instances),
            "DataSet" => node.data_sets.extend(control_block::data_set(xml, &child)),
            "ReportControl" => node.reports.extend(control_block::report(xml, &child)),
            "GSEControl" => node.goose.extend(control_block::goose(xml, &child)),
            "SampledValueControl" => node.sampled.extend(control_block::sampled(xml, &child)),
            "LogControl" => node.logs.extend(control_block::log(xml, &child)),
            "SettingControl" => node.settings = Some(control_block::settings(xml, &child)),
            "Inputs" => control_block::inputs(xml, &child, &mut node.inputs),
            // The log itself, by name; control blocks name it.
            "Log" => {}
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(node)
}

/// Reads a DOI, SDI or DAI and what is in it. The depth of elements bounds the recursion.
fn instance<'t>(xml: &mut Xml<'t>, element: &Element<'t>, above: &str, into: &mut BTreeMap<String, Instance>) {
    let Some(name) = xml.need(element, "name") else { return };
    let index = if element.attr("ix").is_some() { xml.number::<u32>(element, "ix") } else { None };
    let mut path = if above.is_empty() { name } else { format!("{above}.{name}") };
    if let Some(index) = index {
        path.push_str(&format!("({index})"));
    }
    if path.len() > MAX_PATH_BYTES {
        xml.problem(
            Diagnostic::error("scl::name-too-long", format!("a path has more than {MAX_PATH_BYTES} characters"))
                .at(element.span)
                .fix("names inside a logical node have a few letters each; what stands here is left out"),
        );
        return;
    }
    let mut found = Instance {
        desc: element.text("desc"),
        values: Vec::new(),
        addresses: Vec::new(),
        is_attribute: element.name == "DAI",
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match (child.name, found.is_attribute) {
            ("SDI" | "DAI", false) => instance(xml, &child, &path, into),
            ("Val", _) => found.values.push(value(xml, &child)),
            ("Private", _) => private::addresses(xml, &child, &mut found.addresses),
            _ => xml.pass_over(&child, element),
        }
    }
    if let Some(first) = into.get_mut(&path) {
        // Tools write one SDI in several pieces; two attributes of one name are a mistake.
        if first.is_attribute || found.is_attribute {
            xml.problem(
                Diagnostic::error("scl::name-reused", format!("{path} is given twice in one logical node"))
                    .at(element.span)
                    .fix("join both into one; the first one is used"),
            );
        } else {
            first.addresses.append(&mut found.addresses);
            first.values.append(&mut found.values);
        }
        return;
    }
    into.insert(path, found);
}

/// A `Val`.
pub(super) fn value<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Value {
    let group = xml.number(element, "sGroup");
    Value { group, text: xml.content(element), span: element.span }
}

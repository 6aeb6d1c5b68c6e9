//! Names that must be unique, and parts that must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use bridge_diag::Span;

use crate::document::{LogicalDevice, LogicalNode};
use crate::model::Model;
use crate::problems::Problems;

pub(super) fn check(model: &Model, problems: &mut Problems) {
    unique(problems, model.scl.ieds.iter().map(|ied| (ied.name.as_str(), ied.span)), "device", || "the file".to_owned());
    for ied in &model.scl.ieds {
        if ied.name == "TEMPLATE" {
            problems.warning(
                "scl::ied-template",
                ied.span,
                "the device is called TEMPLATE: the file describes a type of device, not one of the station",
                "take the station's SCD or the device's CID; references of this file begin with TEMPLATE",
            );
        }
        let points = ied.access_points.iter();
        unique(problems, points.clone().map(|point| (point.name.as_str(), point.span)), "access point", || ied.name.clone());
        let devices = points.flat_map(|point| &point.devices);
        unique(problems, devices.clone().map(|device| (device.inst.as_str(), device.span)), "logical device", || ied.name.clone());
        for device in devices {
            logical_device(device, &ied.name, problems);
        }
    }
    device_names(model, problems);
    single_line(model, problems);
}

fn logical_device(device: &LogicalDevice, ied: &str, problems: &mut Problems) {
    let place = format!("{ied}{}", device.inst);
    unique(problems, device.nodes.iter().map(|node| (node.name.to_string(), node.span)), "logical node", || place.clone());
    if !device.nodes.iter().any(|node| node.name.class == "LLN0") {
        problems.error(
            "scl::lln0-missing",
            device.span,
            format!("the logical device {place} has no LLN0"),
            "add <LN0 lnClass=\"LLN0\" inst=\"\" lnType=\"…\"/>: mode, behaviour and data sets of the device are in it",
        );
    }
    for node in &device.nodes {
        node_members(node, &place, problems);
    }
}

fn node_members(node: &LogicalNode, device: &str, problems: &mut Problems) {
    let place = || format!("{device}/{}", node.name);
    unique(problems, node.data_sets.iter().map(|set| (set.name.as_str(), set.span)), "data set", place);
    let reports = node.reports.iter().map(|block| (block.name.as_str(), block.span));
    let goose = node.goose.iter().map(|block| (block.name.as_str(), block.span));
    let sampled = node.sampled.iter().map(|block| (block.name.as_str(), block.span));
    let logs = node.logs.iter().map(|block| (block.name.as_str(), block.span));
    unique(problems, reports, "report control block", place);
    unique(problems, goose, "GOOSE control block", place);
    unique(problems, sampled, "sampled value control block", place);
    unique(problems, logs, "log control block", place);
}

/// Two different devices may make one name: `A` + `BLD` and `AB` + `LD`.
fn device_names(model: &Model, problems: &mut Problems) {
    let mut known: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (id, name) in model.device_names() {
        let Some((ied, device)) = model.device_parts(id) else { continue };
        let parts = (ied.name.as_str(), device.inst.as_str());
        match known.get(name) {
            Some(first) if *first != parts => {
                let message = format!("{}/{} and {}/{} are both called {name} in references", first.0, first.1, parts.0, parts.1);
                problems.error(
                    "scl::ld-name-reused",
                    device.span,
                    message,
                    "rename one logical device or device: a client reaches only the first",
                );
            }
            Some(_) => {}
            None => {
                known.insert(name, parts);
            }
        }
    }
}

fn single_line(model: &Model, problems: &mut Problems) {
    let tops = model.scl.single_line.iter().filter(|(_, part)| part.parent.is_none());
    unique(problems, tops.map(|(_, part)| (part.name.as_str(), part.span)), "substation", || "the file".to_owned());
    for (id, part) in model.scl.single_line.iter() {
        let children = part.children.iter().filter_map(|child| model.scl.single_line.part(*child));
        unique(problems, children.map(|child| (child.name.as_str(), child.span)), "part", || model.scl.single_line.path(id));
        let nodes = part.connectivity.iter().map(|node| (node.name.as_str(), node.span));
        unique(problems, nodes, "connectivity node", || model.scl.single_line.path(id));
    }
}

/// Notes every name that came before.
fn unique<K: Ord + Display>(problems: &mut Problems, names: impl Iterator<Item = (K, Span)>, noun: &str, place: impl Fn() -> String) {
    let mut known = BTreeSet::new();
    for (name, span) in names {
        if known.contains(&name) {
            let message = format!("{} has two {noun}s {name}", place());
            problems.error("scl::name-reused", span, message, "rename one of them: a reference would reach only the first");
        } else {
            known.insert(name);
        }
    }
}

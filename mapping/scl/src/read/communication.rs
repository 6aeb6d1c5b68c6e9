//! Networks and addresses.

use crate::document::{ConnectedAccessPoint, ControlBlockAddress, Parameter, SubNetwork};
use crate::xml::{Element, Xml};

pub(super) fn communication<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<SubNetwork>) {
    while let Some(child) = xml.child(element) {
        match child.name {
            "SubNetwork" => {
                let network = network(xml, &child);
                into.extend(network);
            }
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
}

fn network<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<SubNetwork> {
    let name = xml.need(element, "name")?;
    let mut network = SubNetwork { name, protocol: element.text("type"), access_points: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "ConnectedAP" => {
                let point = connected(xml, &child);
                network.access_points.extend(point);
            }
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(network)
}

fn connected<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<ConnectedAccessPoint> {
    let (ied, access_point) = (xml.need(element, "iedName")?, xml.need(element, "apName")?);
    let mut point =
        ConnectedAccessPoint { ied, access_point, address: Vec::new(), goose: Vec::new(), sampled: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "Address" => address(xml, &child, &mut point.address),
            "GSE" => point.goose.push(control_block(xml, &child)),
            "SMV" => point.sampled.push(control_block(xml, &child)),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(point)
}

fn control_block<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> ControlBlockAddress {
    let mut block = ControlBlockAddress {
        device: element.text("ldInst"),
        control_block: element.text("cbName"),
        address: Vec::new(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "Address" => address(xml, &child, &mut block.address),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    block
}

fn address<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<Parameter>) {
    while let Some(child) = xml.child(element) {
        if child.name == "P" {
            let value = xml.content(&child);
            into.push(Parameter { kind: child.text("type"), value, span: child.span });
        } else {
            xml.pass_over(&child, element);
        }
    }
}

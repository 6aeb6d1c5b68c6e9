//! Substations and what is in them.

use bridge_diag::Diagnostic;

use crate::document::{ConnectivityNode, LNode, NodeName, Part, PartId, PartKind, SingleLine, Terminal, Voltage};
use crate::units::multiplier_power;
use crate::xml::{Element, Xml};

/// Reads a part and everything in it. The depth of elements bounds the recursion.
pub(super) fn part<'t>(xml: &mut Xml<'t>, element: &Element<'t>, parent: Option<PartId>, into: &mut SingleLine) {
    let Some(kind) = PartKind::parse(element.name) else { return };
    let depth = parent.map_or(0, |parent| into.upward(parent).count());
    let most = xml.limits.part_depth;
    if !xml
        .bound("scl::too-deep", element, depth < most, || format!("parts of the single line stand more than {most} deep inside each other"))
    {
        return;
    }
    let Some(name) = xml.need(element, "name") else { return };
    let Ok(index) = u32::try_from(into.parts.len()) else { return };
    let id = PartId(index);
    let code = element.attr("type").unwrap_or(if kind == PartKind::TapChanger { "LTC" } else { "" }).to_owned();
    into.parts.push(Part {
        kind,
        name,
        desc: element.text("desc"),
        code,
        parent,
        children: Vec::new(),
        nodes: Vec::new(),
        terminals: Vec::new(),
        connectivity: Vec::new(),
        voltage: None,
        privates: Vec::new(),
        span: element.span,
    });
    if let Some(parent) = parent.and_then(|parent| into.parts.get_mut(usize::try_from(parent.0).ok()?)) {
        parent.children.push(id);
    }
    // What belongs to the part itself is gathered apart: the list grows while its children are read.
    let (mut nodes, mut terminals, mut connectivity, mut privates, mut voltage) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), None);
    let mut has_voltage = false;
    while let Some(child) = xml.child(element) {
        match child.name {
            "LNode" => nodes.push(lnode(&child)),
            // The neutral point of a winding is a terminal with another name.
            "Terminal" | "NeutralPoint" => terminals.push(terminal(&child)),
            "ConnectivityNode" => {
                connectivity.push(ConnectivityNode { name: child.text("name"), path: child.text("pathName"), span: child.span });
            }
            "Voltage" => {
                has_voltage = true;
                voltage = nominal(xml, &child).or(voltage);
            }
            "Private" => super::private::texts(xml, &child, &mut privates),
            name if PartKind::parse(name).is_some() => part(xml, &child, Some(id), into),
            _ => xml.pass_over(&child, element),
        }
    }
    if kind == PartKind::VoltageLevel && !has_voltage && !xml.failed() {
        xml.problem(
            Diagnostic::warning("scl::voltage-missing", format!("the voltage level {} has no voltage", into.path(id)))
                .at(element.span)
                .fix("add <Voltage unit=\"V\" multiplier=\"k\">220</Voltage>"),
        );
    }
    if let Some(part) = usize::try_from(index).ok().and_then(|index| into.parts.get_mut(index)) {
        (part.nodes, part.terminals, part.connectivity, part.privates, part.voltage) = (nodes, terminals, connectivity, privates, voltage);
    }
}

fn lnode(element: &Element<'_>) -> LNode {
    LNode {
        ied: element.optional("iedName").filter(|ied| ied != "None"),
        device: element.text("ldInst"),
        node: NodeName { prefix: element.text("prefix"), class: element.text("lnClass"), inst: element.text("lnInst") },
        span: element.span,
    }
}

fn terminal(element: &Element<'_>) -> Terminal {
    Terminal { name: element.text("name"), path: element.text("connectivityNode"), node: element.text("cNodeName"), span: element.span }
}

fn nominal<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<Voltage> {
    let power = element.attr("multiplier").map_or(Some(0), multiplier_power);
    let text = xml.content(element);
    let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    if let (Some(number), Some(power)) = (number, power) {
        return Some(Voltage { volts: number * 10_f64.powi(power) });
    }
    xml.problem(
        Diagnostic::warning("scl::voltage-malformed", format!("a nominal voltage is {text:?}"))
            .at(element.span)
            .fix("write <Voltage unit=\"V\" multiplier=\"k\">220</Voltage>"),
    );
    None
}

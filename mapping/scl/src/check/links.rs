//! What refers from one section to another: the single line, networks, inputs, telecontrol addresses.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{ExternalReference, Fc, PartId, SingleLine};
use crate::model::{Model, NodeRef};
use crate::problems::Problems;

pub(super) fn check(model: &Model, problems: &mut Problems) {
    single_line(model, problems);
    networks(model, problems);
    for node in model.nodes() {
        for input in node.node.inputs.iter().filter(|input| !input.ied.is_empty()) {
            external(model, node, input, problems);
        }
    }
    messages(model, problems);
    telecontrol(model, problems);
}

fn single_line(model: &Model, problems: &mut Problems) {
    let line = &model.scl.single_line;
    let meeting = Meeting::new(line);
    for (id, part) in line.iter() {
        for link in &part.nodes {
            let Some(ied) = &link.ied else { continue };
            let found = model.ied(ied);
            // A client's own nodes stand at its access point, outside any logical device.
            if found.is_some_and(|at| link.device.is_empty() || model.node_in(at, &link.device, &link.node).is_some()) {
                continue;
            }
            let message = match found {
                None => format!("{} is linked to a node of {ied}, which is not in the file", line.path(id)),
                Some(_) => format!("{} is linked to {ied}{}/{}, which is not there", line.path(id), link.device, link.node),
            };
            problems.warning("scl::lnode-dangling", link.span, message, "correct the LNode, or remove it: signals find their bay by it");
        }
        for terminal in part.terminals.iter().filter(|terminal| !terminal.is_grounded() && !terminal.path.is_empty()) {
            if !meeting.has(&terminal.path) {
                let message = format!("a terminal of {} is at {}, which is no connectivity node", line.path(id), terminal.path);
                problems.warning(
                    "scl::terminal-dangling",
                    terminal.span,
                    message,
                    "correct connectivityNode, or add the ConnectivityNode to its bay",
                );
            }
        }
    }
}

/// Where equipment can meet: connectivity nodes by their place, and by the path that the file writes at them.
struct Meeting<'l> {
    parts: BTreeMap<(Option<PartId>, &'l str), PartId>,
    nodes: BTreeSet<(PartId, &'l str)>,
    written: BTreeSet<&'l str>,
}

impl<'l> Meeting<'l> {
    fn new(line: &'l SingleLine) -> Self {
        let nodes = || line.iter().flat_map(|(id, part)| part.connectivity.iter().map(move |node| (id, node)));
        Self {
            parts: line.iter().map(|(id, part)| ((part.parent, part.name.as_str()), id)).collect(),
            nodes: nodes().map(|(id, node)| (id, node.name.as_str())).collect(),
            written: nodes().map(|(_, node)| node.path.as_str()).collect(),
        }
    }

    fn has(&self, path: &str) -> bool {
        let by_place = || {
            let (above, name) = path.rsplit_once('/')?;
            let part = above.split('/').try_fold(None, |parent, name| self.parts.get(&(parent, name)).copied().map(Some))?;
            part.map(|part| self.nodes.contains(&(part, name)))
        };
        self.written.contains(path) || by_place().unwrap_or(false)
    }
}

fn networks(model: &Model, problems: &mut Problems) {
    for network in &model.scl.networks {
        let mut addresses: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for point in &network.access_points {
            let ied = model.ied(&point.ied).and_then(|at| model.scl.ieds.get(at));
            if !ied.is_some_and(|ied| ied.access_points.iter().any(|known| known.name == point.access_point)) {
                let message =
                    format!("the network {} connects {}/{}, which is not in the file", network.name, point.ied, point.access_point);
                problems.warning("scl::connected-unknown", point.span, message, "correct iedName and apName, or add the device");
            }
            let Some(ip) = point.parameter("IP").filter(|ip| !ip.is_empty()) else { continue };
            let own = (point.ied.as_str(), point.access_point.as_str());
            let first = *addresses.entry(ip).or_insert(own);
            if first != own {
                let message = format!("{}/{} and {}/{} have the address {ip} on {}", first.0, first.1, own.0, own.1, network.name);
                problems.warning("scl::ip-reused", point.span, message, "give one of them another address");
            }
        }
    }
}

fn external(model: &Model, node: NodeRef<'_>, input: &ExternalReference, problems: &mut Problems) {
    let name = if input.ied == "@" { &node.ied.name } else { &input.ied };
    let source = model.ied(name).and_then(|ied| model.node_in(ied, &input.device, &input.node)).and_then(|id| model.node(id));
    let path = if input.attribute.is_empty() { input.object.clone() } else { format!("{}.{}", input.object, input.attribute) };
    let is_there = source.is_some_and(|source| source.expansion.is_none_or(|expansion| expansion.below(&path, None).next().is_some()));
    if !is_there {
        let message =
            format!("an input of {} is {name}{}/{}.{path}, which is not there", node.reference("", None), input.device, input.node);
        problems.warning("scl::extref-dangling", input.span, message, "bind the input again: the device gets nothing there");
    }
}

/// GOOSE and sampled value control blocks need an address to go to, where the file has addresses of their device at all.
fn messages(model: &Model, problems: &mut Problems) {
    let mut connected = BTreeSet::new();
    let mut addressed = BTreeSet::new();
    for point in model.scl.networks.iter().flat_map(|network| &network.access_points) {
        connected.insert(point.ied.as_str());
        for block in point.goose.iter().chain(&point.sampled) {
            addressed.insert((point.ied.as_str(), block.device.as_str(), block.control_block.as_str()));
        }
    }
    for node in model.nodes().filter(|node| connected.contains(node.ied.name.as_str())) {
        let goose = node.node.goose.iter().filter(|block| block.data_set.is_some()).map(|block| (&block.name, block.span));
        let sampled = node.node.sampled.iter().filter(|block| block.data_set.is_some()).map(|block| (&block.name, block.span));
        for (name, span) in goose.chain(sampled) {
            if !addressed.contains(&(node.ied.name.as_str(), node.device.inst.as_str(), name.as_str())) {
                let message = format!("{} has no address in Communication", node.reference(name, None));
                problems.warning(
                    "scl::control-block-without-address",
                    span,
                    message,
                    "add its GSE or SMV to the ConnectedAP of the device",
                );
            }
        }
    }
}

fn telecontrol(model: &Model, problems: &mut Problems) {
    let mut known: BTreeMap<(&str, &str, u16, u32), (NodeRef<'_>, String)> = BTreeMap::new();
    for (node, path, address) in model.addresses() {
        let key = (node.ied.name.as_str(), address.protocol.as_str(), address.common_address, address.object_address);
        let numbers = format!("{}/{} on {}", address.common_address, address.object_address, address.protocol.as_str());
        // One command may stand at Oper and at SBOw.
        let command = path.replacen(".SBOw.", ".Oper.", 1);
        match known.get(&key) {
            Some((first, at)) if first.id == node.id && *at == command && path.contains(".SBOw.") => {}
            Some((first, at)) => {
                let message = format!("{} has the address {numbers} of {}", node.reference(path, None), first.reference(at, None));
                problems.warning(
                    "scl::address-reused",
                    address.span,
                    message,
                    "give one of them another ioa: a station cannot tell them apart",
                );
            }
            None => {
                known.insert(key, (node, command));
            }
        }
        let commands = match node.leaf(path).map(|leaf| leaf.fc) {
            Some(Fc::Co) => true,
            Some(Fc::St | Fc::Mx) => false,
            // Settings go both ways; what the types do not have was told before.
            Some(_) | None => continue,
        };
        if commands != address.is_command() {
            let way = if commands { "is commanded" } else { "is read" };
            let message =
                format!("{} {way}, and type {} of its address {numbers} runs the other way", node.reference(path, None), address.type_id);
            problems.warning("scl::address-direction", address.span, message, "commands are types 45 to 69, everything below is read");
        }
    }
}

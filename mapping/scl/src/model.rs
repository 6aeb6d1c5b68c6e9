//! A file with its names resolved: devices, nodes, types and the single line know of each other.

use std::collections::BTreeMap;

use bridge_diag::{Report, SourceId};

use crate::document::{
    AccessPoint, EnumType, Fc, Fcda, Ied, LogicalDevice, LogicalNode, NodeName, PartId, Scl, Telecontrol, TelecontrolAddress,
};
use crate::expand::{DataObject, Expansion, Leaf, Sizes, expand};
use crate::problems::Problems;
use crate::reference::{indices, without_indices};
use crate::{Error, Limits, ObjectReference, check, read};

/// Names a logical device of a [`Model`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceId(u32);

/// Names a logical node of a [`Model`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(u32);

#[derive(Clone, Debug)]
struct DeviceAt {
    ied: usize,
    access_point: usize,
    device: usize,
    name: String,
    first: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct NodeAt {
    device: DeviceId,
    node: usize,
    expansion: Option<usize>,
}

/// A file, resolved.
#[derive(Clone, Debug)]
pub struct Model {
    /// The file as it says it.
    pub scl: Scl,
    devices: Vec<DeviceAt>,
    nodes: Vec<NodeAt>,
    expansions: Vec<Expansion>,
    ied_by_name: BTreeMap<String, usize>,
    device_by_name: BTreeMap<String, DeviceId>,
    device_by_inst: BTreeMap<(usize, String), DeviceId>,
    node_by_name: BTreeMap<(DeviceId, String), NodeId>,
    places: BTreeMap<NodeId, Vec<PartId>>,
}

/// A logical node and what it is in.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'m> {
    /// Its id.
    pub id: NodeId,
    /// Its device.
    pub ied: &'m Ied,
    /// Its access point.
    pub access_point: &'m AccessPoint,
    /// Its logical device.
    pub device: &'m LogicalDevice,
    /// The logical device's name in references.
    pub device_name: &'m str,
    /// The node.
    pub node: &'m LogicalNode,
    /// The enumerations of the file.
    pub(crate) enums: &'m BTreeMap<String, EnumType>,
    /// What its type makes of it; nothing if the type is missing or refused.
    pub expansion: Option<&'m Expansion>,
}

/// What a reference stands for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'m> {
    /// The node.
    pub node: NodeRef<'m>,
    /// The leaf, if the reference goes down to one.
    pub leaf: Option<&'m Leaf>,
}

/// Where something is in the single line, by names.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Place {
    /// The part itself.
    pub part: Option<PartId>,
    /// All names from the top down: `AA1/J1/Bay A/QA1`.
    pub path: String,
    /// The substation.
    pub substation: Option<String>,
    /// The voltage level.
    pub voltage_level: Option<String>,
    /// Its nominal voltage, V.
    pub nominal_volts: Option<f64>,
    /// The bay.
    pub bay: Option<String>,
    /// The equipment: breaker, disconnector, transformer.
    pub equipment: Option<String>,
    /// The equipment's type code: `CBR`.
    pub code: Option<String>,
}

/// Reads a text with the default limits. See [`read_within`].
pub fn read_source(source: SourceId, report: &mut Report) -> Option<Model> {
    read_within(source, &Limits::default(), report)
}

/// Reads a text that a report holds, resolves it and checks it. Every problem goes into the report; there is a model unless the text is
/// not well-formed, no SCL, or beyond a limit. A model with errors is the file's own truth: what it refers to and does not have is
/// left out.
pub fn read_within(source: SourceId, limits: &Limits, report: &mut Report) -> Option<Model> {
    let text = report.source(source).map(|source| source.text.as_str()).unwrap_or_default();
    let (scl, mut problems) = read::document(text, source, *limits);
    let model = scl.map(|scl| Model::new(scl, limits, &mut problems));
    if let Some(model) = &model {
        check::check(model, &mut problems);
    }
    problems.report(report);
    model
}

impl Model {
    fn new(scl: Scl, limits: &Limits, problems: &mut Problems) -> Self {
        let mut model = Self {
            devices: Vec::new(),
            nodes: Vec::new(),
            expansions: Vec::new(),
            ied_by_name: BTreeMap::new(),
            device_by_name: BTreeMap::new(),
            device_by_inst: BTreeMap::new(),
            node_by_name: BTreeMap::new(),
            places: BTreeMap::new(),
            scl,
        };
        model.expand_nodes(limits, problems);
        model.place_nodes();
        model
    }

    /// Numbers devices and nodes and expands each type in use once. Of two things with one name the first is found by it.
    fn expand_nodes(&mut self, limits: &Limits, problems: &mut Problems) {
        let mut sizes = Sizes::new(&self.scl.templates, *limits);
        let mut known: BTreeMap<(&str, &str), Option<usize>> = BTreeMap::new();
        for (ied_at, ied) in self.scl.ieds.iter().enumerate() {
            self.ied_by_name.entry(ied.name.clone()).or_insert(ied_at);
            for (point_at, point) in ied.access_points.iter().enumerate() {
                for (device_at, device) in point.devices.iter().enumerate() {
                    let id = DeviceId(index(self.devices.len()));
                    let name = device.ld_name.clone().unwrap_or_else(|| format!("{}{}", ied.name, device.inst));
                    self.device_by_name.entry(name.clone()).or_insert(id);
                    self.device_by_inst.entry((ied_at, device.inst.clone())).or_insert(id);
                    let first = index(self.nodes.len());
                    for (node_at, node) in device.nodes.iter().enumerate() {
                        let kind = self.scl.templates.node(&node.type_id, &node.name.class);
                        let expansion = kind.and_then(|kind| {
                            *known.entry((&kind.id, &kind.class)).or_insert_with(|| {
                                sizes.admit(kind, problems).then(|| {
                                    self.expansions.push(expand(kind, &self.scl.templates, limits, problems));
                                    self.expansions.len() - 1
                                })
                            })
                        });
                        let node_id = NodeId(index(self.nodes.len()));
                        self.nodes.push(NodeAt { device: id, node: node_at, expansion });
                        self.node_by_name.entry((id, node.name.to_string())).or_insert(node_id);
                    }
                    let end = index(self.nodes.len());
                    self.devices.push(DeviceAt { ied: ied_at, access_point: point_at, device: device_at, name, first, end });
                }
            }
        }
        sizes.visit_rest(problems);
    }

    fn place_nodes(&mut self) {
        let mut places: BTreeMap<NodeId, Vec<PartId>> = BTreeMap::new();
        for (id, part) in self.scl.single_line.iter() {
            for link in &part.nodes {
                let node = link.ied.as_deref().and_then(|ied| self.node_in(self.ied(ied)?, &link.device, &link.node));
                if let Some(node) = node {
                    places.entry(node).or_default().push(id);
                }
            }
        }
        self.places = places;
    }

    /// Every logical node, in the order of the file.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        (0..index(self.nodes.len())).filter_map(|at| self.node(NodeId(at)))
    }

    /// The nodes of a logical device.
    pub fn nodes_of(&self, device: DeviceId) -> impl Iterator<Item = NodeRef<'_>> {
        let range = at(device.0).and_then(|at| self.devices.get(at)).map_or(0..0, |device| device.first..device.end);
        range.filter_map(|at| self.node(NodeId(at)))
    }

    /// The node behind an id.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<NodeRef<'_>> {
        let node_at = self.nodes.get(at(id.0)?)?;
        let device_at = self.devices.get(at(node_at.device.0)?)?;
        let ied = self.scl.ieds.get(device_at.ied)?;
        let access_point = ied.access_points.get(device_at.access_point)?;
        let device = access_point.devices.get(device_at.device)?;
        Some(NodeRef {
            id,
            ied,
            access_point,
            device,
            device_name: &device_at.name,
            node: device.nodes.get(node_at.node)?,
            enums: &self.scl.templates.enums,
            expansion: node_at.expansion.and_then(|at| self.expansions.get(at)),
        })
    }

    /// A logical device and its name in references.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<(&LogicalDevice, &str)> {
        let device_at = self.devices.get(at(id.0)?)?;
        let point = self.scl.ieds.get(device_at.ied)?.access_points.get(device_at.access_point)?;
        Some((point.devices.get(device_at.device)?, device_at.name.as_str()))
    }

    /// A logical device and the device it is in.
    pub(crate) fn device_parts(&self, id: DeviceId) -> Option<(&Ied, &LogicalDevice)> {
        let ied = self.scl.ieds.get(self.devices.get(at(id.0)?)?.ied)?;
        Some((ied, self.device(id)?.0))
    }

    /// The logical devices behind an access point, both by their numbers.
    pub(crate) fn devices_of(&self, ied: usize, access_point: usize) -> impl Iterator<Item = DeviceId> + use<> {
        // Devices are numbered in the order of the file.
        let key = |device: &DeviceAt| (device.ied, device.access_point);
        let first = self.devices.partition_point(|device| key(device) < (ied, access_point));
        let end = self.devices.partition_point(|device| key(device) <= (ied, access_point));
        (index(first)..index(end)).map(DeviceId)
    }

    /// The names of the logical devices, in the order of the file.
    pub fn device_names(&self) -> impl Iterator<Item = (DeviceId, &str)> {
        self.devices.iter().zip(0..).map(|(device, id)| (DeviceId(id), device.name.as_str()))
    }

    /// The number of a device of this name.
    pub(crate) fn ied(&self, name: &str) -> Option<usize> {
        self.ied_by_name.get(name).copied()
    }

    /// A node of a device, by the parts of its name.
    pub(crate) fn node_in(&self, ied: usize, device: &str, node: &NodeName) -> Option<NodeId> {
        let device = self.device_in(ied, device)?;
        self.node_by_name.get(&(device, node.to_string())).copied()
    }

    /// A logical device of a device, by its instance.
    pub(crate) fn device_in(&self, ied: usize, inst: &str) -> Option<DeviceId> {
        self.device_by_inst.get(&(ied, inst.to_owned())).copied()
    }

    /// What an object reference stands for: a node, an object, a structure or a leaf.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name, [`Error::IndexTooLarge`].
    pub fn resolve(&self, reference: &ObjectReference) -> Result<Target<'_>, Error> {
        let unknown = |noun, name: &str, place: String, near: Option<&str>| Error::Unknown {
            noun,
            name: name.to_owned(),
            place,
            near: near.map(str::to_owned),
        };
        let Some(device) = self.device_by_name.get(&reference.device) else {
            let near = bridge_diag::nearest(&reference.device, self.device_by_name.keys().map(String::as_str));
            return Err(unknown("the logical device", &reference.device, "the file".to_owned(), near));
        };
        let Some(node) = self.node_by_name.get(&(*device, reference.node.clone())).and_then(|id| self.node(*id)) else {
            let names: Vec<String> = self.nodes_of(*device).map(|node| node.node.name.to_string()).collect();
            let near = bridge_diag::nearest(&reference.node, names.iter().map(String::as_str));
            return Err(unknown("the logical node", &reference.node, reference.device.clone(), near));
        };
        if reference.path.is_empty() {
            return Ok(Target { node, leaf: None });
        }
        let path = without_indices(&reference.path);
        let place = || format!("{}/{}", reference.device, reference.node);
        let missing = |noun| {
            let expansion = node.expansion?;
            let paths = expansion.leaves.iter().map(|leaf| leaf.path.as_str()).chain(expansion.objects.iter().map(|o| o.path.as_str()));
            Some(unknown(noun, &reference.path, place(), bridge_diag::nearest(&path, paths)))
        };
        let first = node.expansion.and_then(|expansion| expansion.below(&path, reference.fc).next());
        let Some(first) = first else {
            return Err(missing("the data").unwrap_or_else(|| unknown("the data", &reference.path, place(), None)));
        };
        for (part, index) in indices(&reference.path) {
            let count = first.arrays.iter().find(|(at, _)| *at == part).map(|(_, count)| *count);
            // An array whose length the file does not say is the device's to bound.
            if count.is_none_or(|count| count > 0 && index >= count) {
                let name = reference.path.split('.').nth(part).unwrap_or_default().to_owned();
                return Err(Error::IndexTooLarge { name, count: count.unwrap_or(0) });
            }
        }
        Ok(Target { node, leaf: (first.path == path).then_some(first) })
    }

    /// The node and the leaves that a member of a data set stands for; `home` is the node that has the data set.
    ///
    /// # Errors
    /// [`Error::Unknown`]: a device, node or data that is not there.
    pub fn member<'m>(
        &'m self,
        home: NodeRef<'m>,
        member: &Fcda,
    ) -> Result<(NodeRef<'m>, impl Iterator<Item = &'m Leaf> + use<'m>), Error> {
        let unknown = |noun, name: String, place: &str| Error::Unknown { noun, name, place: place.to_owned(), near: None };
        let inst = if member.device.is_empty() { &home.device.inst } else { &member.device };
        let Some(node) = self.member_node(home, member).and_then(|id| self.node(id)) else {
            let device = self.ied(&home.ied.name).and_then(|ied| self.device_in(ied, inst));
            return Err(match device {
                Some(_) => unknown("the logical node", member.node.to_string(), inst),
                None => unknown("the logical device", inst.clone(), &home.ied.name),
            });
        };
        let path = member.path();
        let mut leaves =
            node.expansion.map(|expansion| expansion.below(&without_indices(&path), member.fc)).into_iter().flatten().peekable();
        if leaves.peek().is_none() {
            let fc = member.fc.map(|fc| format!("[{fc}]")).unwrap_or_default();
            return Err(unknown("the data", format!("{path}{fc}"), &node.reference("", None).to_string()));
        }
        Ok((node, leaves))
    }

    /// The node of a member of a data set.
    pub(crate) fn member_node(&self, home: NodeRef<'_>, member: &Fcda) -> Option<NodeId> {
        let inst = if member.device.is_empty() { &home.device.inst } else { &member.device };
        self.node_in(self.ied(&home.ied.name)?, inst, &member.node)
    }

    /// Where a node stands in the single line, by every link to it.
    #[must_use]
    pub fn parts_of(&self, node: NodeId) -> &[PartId] {
        self.places.get(&node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where a node stands in the single line: at the innermost of its places.
    #[must_use]
    pub fn place_of(&self, node: NodeId) -> Option<Place> {
        let depth = |part: &&PartId| self.scl.single_line.upward(**part).count();
        let part = self.parts_of(node).iter().max_by_key(depth)?;
        Some(self.place(*part))
    }

    /// The names around a part.
    #[must_use]
    pub fn place(&self, part: PartId) -> Place {
        use crate::document::PartKind as K;
        let mut place = Place { part: Some(part), path: self.scl.single_line.path(part), ..Place::default() };
        for (_, part) in self.scl.single_line.upward(part) {
            let name = Some(part.name.clone());
            match part.kind {
                K::Substation => place.substation = name,
                K::VoltageLevel => {
                    place.voltage_level = name;
                    place.nominal_volts = part.voltage.map(|voltage| voltage.volts);
                }
                K::Bay => place.bay = name,
                K::ConductingEquipment | K::PowerTransformer | K::GeneralEquipment => {
                    place.equipment = name;
                    place.code = Some(part.code.clone());
                }
                K::Process
                | K::Line
                | K::TransformerWinding
                | K::TapChanger
                | K::SubEquipment
                | K::Function
                | K::SubFunction
                | K::EqFunction
                | K::EqSubFunction => {}
            }
        }
        place
    }

    /// The enumeration of a leaf.
    #[must_use]
    pub fn enumeration(&self, leaf: &Leaf) -> Option<&EnumType> {
        self.scl.templates.enums.get(leaf.enum_id.as_deref()?)
    }

    /// Every telecontrol address of the file with the reference of its attribute, in the order of devices, nodes and names.
    pub fn addresses(&self) -> impl Iterator<Item = (NodeRef<'_>, &str, &TelecontrolAddress)> {
        self.nodes().flat_map(|node| {
            let instances = node.node.instances.iter();
            instances.flat_map(move |(path, instance)| instance.addresses.iter().map(move |address| (node, path.as_str(), address)))
        })
    }

    /// What a telecontrol address stands for at a device.
    #[must_use]
    pub fn by_address(&self, ied: &str, protocol: Telecontrol, common_address: u16, object_address: u32) -> Vec<ObjectReference> {
        let is_it = |node: &NodeRef<'_>, address: &TelecontrolAddress| {
            node.ied.name == ied
                && address.protocol == protocol
                && (address.common_address, address.object_address) == (common_address, object_address)
        };
        let found = self.addresses().filter(|(node, _, address)| is_it(node, address));
        found.map(|(node, path, _)| node.reference(path, node.leaf(path).map(|leaf| leaf.fc))).collect()
    }
}

impl<'m> NodeRef<'m> {
    /// The reference of a path in it.
    #[must_use]
    pub fn reference(&self, path: &str, fc: Option<Fc>) -> ObjectReference {
        ObjectReference { device: self.device_name.to_owned(), node: self.node.name.to_string(), path: path.to_owned(), fc }
    }

    /// The leaf of a path, with or without indices.
    #[must_use]
    pub fn leaf(&self, path: &str) -> Option<&'m Leaf> {
        self.expansion?.leaf(&without_indices(path), None)
    }

    /// The value of an attribute: that of the instance, else that of the type. Of several setting groups the first.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<&'m str> {
        let own = self.node.instances.get(path).and_then(|instance| instance.values.first());
        let value = own.or_else(|| self.leaf(path)?.values.first())?;
        Some(value.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The value of an attribute of an object, as [`Self::value`].
    #[must_use]
    pub fn value_of(&self, object: &DataObject, attribute: &str) -> Option<&'m str> {
        if !self.node.instances.is_empty() {
            return self.value(&format!("{}.{attribute}", object.path));
        }
        let mut leaves = self.expansion?.attribute(object, attribute, None);
        let leaf = leaves.find(|leaf| leaf.path.len() == object.path.len() + 1 + attribute.len())?;
        leaf.values.first().map(|value| value.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The telecontrol addresses of an attribute.
    #[must_use]
    pub fn addresses(&self, path: &str) -> &'m [TelecontrolAddress] {
        self.node.instances.get(path).map(|instance| instance.addresses.as_slice()).unwrap_or_default()
    }
}

fn index(length: usize) -> u32 {
    // The limit of elements is far below.
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn at(id: u32) -> Option<usize> {
    usize::try_from(id).ok()
}

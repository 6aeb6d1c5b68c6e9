//! What `profile init --from scl` writes: every value, every command and every other attribute with a telecontrol address, each once, with
//! its references, addresses, unit, states, place and a proposal for CIM. Data only; the profile language is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bridge_diag::Span;

use crate::cdc::{Kind, common_data_class};
use crate::control::Control;
use crate::document::{BasicType, ConnectedAccessPoint, EnumType, Fc, ReportControl, SubNetwork, TelecontrolAddress};
use crate::expand::{DataObject, Expansion, Leaf};
use crate::model::{Model, NodeId, NodeRef, Place};
use crate::proposal::{self, Proposal, Subject};
use crate::reference::without_indices;
use crate::units::{Unit, unit};
use crate::{CtlModel, ObjectReference};

/// Signals and commands of one file: twice what the largest profile holds.
const MAX_ROWS: usize = 500_000;

/// Common addresses that are named for one link; a device has one or two.
const MAX_COMMON: usize = 64;

/// Bytes that signals and commands may take together.
const MAX_BYTES: usize = 1 << 30;

/// Letters of a description that are kept.
const MAX_DESC: usize = 255;

/// Data sets that are named for one value.
const MAX_COVERAGE: usize = 8;

/// Everything a profile can be begun with.
#[derive(Clone, Debug, Default)]
pub struct Emission {
    /// Values, in the order of the file.
    pub signals: Vec<Signal>,
    /// Commands, in the order of the file.
    pub commands: Vec<Command>,
    /// Attributes with a telecontrol address that are neither: settings, companions, and what the types do not have.
    pub others: Vec<Addressed>,
    /// How its devices are reached.
    pub links: Vec<Link>,
    /// Whether rows were left out, beyond half a million or a gibibyte.
    pub is_cut: bool,
}

/// One way to a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The device.
    pub ied: String,
    /// Its access point.
    pub access_point: String,
    /// The network.
    pub network: String,
    /// What is spoken on it, as the file writes it: `8-MMS`, `104`.
    pub protocol: String,
    /// Its IP addresses: one, or one for each connection of a redundancy group.
    pub addresses: Vec<String>,
    /// Every parameter of its address, as the file writes it: selectors, timers, windows.
    pub parameters: Vec<(String, String)>,
    /// The common addresses that the device's telecontrol addresses have.
    pub common_addresses: BTreeSet<u16>,
}

/// One value of the plant.
#[derive(Clone, Debug)]
pub struct Signal {
    /// The device.
    pub ied: String,
    /// The data object, without constraint: `E1Q01CTRL/XCBR1.Pos`.
    pub object: ObjectReference,
    /// The attribute that has the value: `E1Q01CTRL/XCBR1.Pos.stVal[ST]`.
    pub value: ObjectReference,
    /// The attribute that has its quality.
    pub quality: Option<ObjectReference>,
    /// The attribute that has its time.
    pub time: Option<ObjectReference>,
    /// Its common data class.
    pub cdc: String,
    /// What the class says.
    pub kind: Kind,
    /// The value's basic type.
    pub basic: BasicType,
    /// Whether it is true for moments only.
    pub transient: bool,
    /// Whether it is about the device itself and not about the plant: mode, behaviour, health, what is in LPHD.
    pub is_housekeeping: bool,
    /// What the file calls it: the instance's words, else the type's.
    pub desc: String,
    /// Its addresses on IEC 60870-5-101 and -104; several if each says one state true.
    pub addresses: Vec<TelecontrolAddress>,
    /// The data sets that carry it, and the report control blocks that send them.
    pub coverage: Vec<Arc<Coverage>>,
    /// Its unit, if the file says one.
    pub unit: Option<Unit>,
    /// What a raw integer or a count is multiplied by, if the file says it (scaleFactor, pulsQty).
    pub scale: Option<f64>,
    /// What is added after that.
    pub offset: Option<f64>,
    /// The change that the device reports, if the file says it.
    pub deadband: Option<Deadband>,
    /// Names of its states.
    pub states: Arc<[(i64, String)]>,
    /// Where it is in the single line.
    pub place: Option<Arc<Place>>,
    /// What CIM would call it.
    pub proposal: Option<Proposal>,
    /// Where the file says it: the instance, else the node.
    pub span: Span,
}

/// The change of a value that the device reports (IEC 61850-7-3, db and dbRef).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Deadband {
    /// In the value's own unit: dbRef × db / 100000.
    Absolute(f64),
    /// Of the difference between the largest and the smallest value, percent: db / 1000. The file may not say these values.
    OfRange(f64),
}

/// A data set that carries a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Coverage {
    /// The data set: `E1Q01CTRL/LLN0.dsStatus`.
    pub data_set: String,
    /// The report control blocks of it, buffered ones first.
    pub reports: Vec<String>,
}

/// One command.
#[derive(Clone, Debug)]
pub struct Command {
    /// The device.
    pub ied: String,
    /// The data object: `E1Q01CTRL/CSWI1.Pos`.
    pub object: ObjectReference,
    /// The attribute that takes the command's value.
    pub value: ObjectReference,
    /// Its common data class.
    pub cdc: String,
    /// Its basic type.
    pub basic: BasicType,
    /// How it is commanded; nothing if the file does not say.
    pub model: Option<CtlModel>,
    /// How long a select lasts, ms.
    pub select_timeout_ms: Option<u32>,
    /// How long an operation may take, ms.
    pub operate_timeout_ms: Option<u32>,
    /// Whether it may ask for checks.
    pub has_check: bool,
    /// What shows that it was followed: the switch's own position for a switch controller, else the object's own value.
    pub feedback: Option<ObjectReference>,
    /// What the file calls it.
    pub desc: String,
    /// Its addresses on IEC 60870-5-101 and -104.
    pub addresses: Vec<TelecontrolAddress>,
    /// Objects that ask for checks on IEC 60870-5-101 and -104.
    pub check_addresses: Vec<TelecontrolAddress>,
    /// Its unit, if the file says one.
    pub unit: Option<Unit>,
    /// Names of what can be commanded.
    pub states: Arc<[(i64, String)]>,
    /// Where it is in the single line.
    pub place: Option<Arc<Place>>,
    /// What CIM would call it.
    pub proposal: Option<Proposal>,
    /// Where the file says it.
    pub span: Span,
}

/// Another attribute with a telecontrol address.
#[derive(Clone, Debug)]
pub struct Addressed {
    /// The device.
    pub ied: String,
    /// The attribute; without constraint if the types do not have it.
    pub reference: ObjectReference,
    /// Its basic type.
    pub basic: Option<BasicType>,
    /// Its addresses.
    pub addresses: Vec<TelecontrolAddress>,
    /// Where the file says it.
    pub span: Span,
}

/// Everything a profile of this file can be begun with.
#[must_use]
pub fn emission(model: &Model) -> Emission {
    let coverage = coverages(model);
    let mut emission = Emission { links: links(model), ..Emission::default() };
    let states = States::new(model);
    let mut bytes = 0;
    for node in model.nodes() {
        let mut used = BTreeSet::new();
        if let Some(expansion) = node.expansion {
            let name = node.node.name.to_string();
            let place = model.place_of(node.id).map(Arc::new);
            bytes += place.as_ref().map_or(0, |place| 4 * place.path.len());
            let work = Work { model, node, name, expansion, place, coverage: coverage.get(&node.id), states: &states };
            for object in &expansion.objects {
                if emission.signals.len() + emission.commands.len() >= MAX_ROWS || bytes > MAX_BYTES {
                    emission.is_cut = true;
                    return emission;
                }
                let (signal, command) = (work.signal(object, &mut used), work.command(object, &mut used));
                bytes += signal.as_ref().map_or(0, Signal::bytes) + command.as_ref().map_or(0, Command::bytes);
                emission.signals.extend(signal);
                emission.commands.extend(command);
            }
        }
        for (path, instance) in &node.node.instances {
            if !instance.addresses.is_empty() && !used.contains(path.as_str()) {
                let leaf = node.leaf(path);
                emission.others.push(Addressed {
                    ied: node.ied.name.clone(),
                    reference: node.reference(path, leaf.map(|leaf| leaf.fc)),
                    basic: leaf.map(|leaf| leaf.basic),
                    addresses: instance.addresses.clone(),
                    span: instance.span,
                });
            }
        }
    }
    emission
}

fn links(model: &Model) -> Vec<Link> {
    let mut common: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (node, _, address) in model.addresses() {
        common.entry(&node.ied.name).or_default().insert(address.common_address);
    }
    let points = model.scl.networks.iter().flat_map(|network| network.access_points.iter().map(move |point| (network, point)));
    let link = |(network, point): (&SubNetwork, &ConnectedAccessPoint)| {
        // A redundancy group has an address for each of its connections: `RG1-LL1-IP`.
        let is_ip = |kind: &str| kind == "IP" || kind.ends_with("-IP");
        let addresses = point.address.iter().filter(|parameter| is_ip(&parameter.kind)).map(|parameter| parameter.value.clone());
        Link {
            ied: point.ied.clone(),
            access_point: point.access_point.clone(),
            network: network.name.clone(),
            protocol: network.protocol.clone(),
            addresses: addresses.collect(),
            parameters: point.address.iter().map(|parameter| (parameter.kind.clone(), parameter.value.clone())).collect(),
            common_addresses: common.get(point.ied.as_str()).into_iter().flatten().copied().take(MAX_COMMON).collect(),
        }
    };
    points.take(MAX_ROWS).map(link).collect()
}

type PathCoverage = BTreeMap<(String, Option<Fc>), Vec<Arc<Coverage>>>;

/// What the data sets of a file carry, by node and path.
fn coverages(model: &Model) -> BTreeMap<NodeId, PathCoverage> {
    let mut all: BTreeMap<NodeId, PathCoverage> = BTreeMap::new();
    for home in model.nodes() {
        let mut blocks: BTreeMap<&str, Vec<&ReportControl>> = BTreeMap::new();
        for report in &home.node.reports {
            blocks.entry(report.data_set.as_deref().unwrap_or_default()).or_default().push(report);
        }
        for set in &home.node.data_sets {
            let mut reports = blocks.get(set.name.as_str()).cloned().unwrap_or_default();
            reports.sort_by_key(|report| !report.buffered);
            let named = Arc::new(Coverage {
                data_set: home.reference(&set.name, None).to_string(),
                reports: reports.iter().take(MAX_COVERAGE).map(|report| home.reference(&report.name, None).to_string()).collect(),
            });
            for member in &set.members {
                let Some(node) = model.member_node(home, member) else { continue };
                let known = all.entry(node).or_default().entry((without_indices(&member.path()), member.fc)).or_default();
                if known.len() < MAX_COVERAGE && known.last() != Some(&named) {
                    known.push(Arc::clone(&named));
                }
            }
        }
    }
    all
}

/// Names of states, made once for all signals.
struct States<'m> {
    enums: BTreeMap<&'m str, Arc<[(i64, String)]>>,
    positions: Arc<[(i64, String)]>,
    doubles: Arc<[(i64, String)]>,
    steps: Arc<[(i64, String)]>,
    orders: Arc<[(i64, String)]>,
}

impl<'m> States<'m> {
    fn new(model: &'m Model) -> Self {
        let named = |names: &[&str]| (0_i64..).zip(names).map(|(code, name)| (code, (*name).to_owned())).collect();
        let words = |kind: &EnumType| kind.values.iter().map(|(code, word)| (i64::from(*code), word.clone())).collect();
        Self {
            enums: model.scl.templates.enums.iter().map(|(id, kind)| (id.as_str(), words(kind))).collect(),
            positions: named(&["intermediate", "open", "closed", "bad"]),
            doubles: named(&["intermediate", "off", "on", "bad"]),
            steps: named(&["stop", "lower", "higher", "reserved"]),
            orders: named(&["open", "closed"]),
        }
    }
}

/// What the references, the addresses and the rest of one row take, roughly.
fn row_bytes(object: &ObjectReference, references: usize, desc: &str, addresses: usize) -> usize {
    let reference = object.device.len() + object.node.len() + object.path.len() + 200;
    size_of::<Signal>() + references * reference + desc.len() + addresses * size_of::<TelecontrolAddress>()
}

impl Signal {
    fn bytes(&self) -> usize {
        let unit = self.unit.as_ref().map_or(0, |unit| unit.symbol.len() + unit.multiplier.len());
        row_bytes(&self.object, 5, &self.desc, self.addresses.len()) + unit
    }
}

impl Command {
    fn bytes(&self) -> usize {
        let unit = self.unit.as_ref().map_or(0, |unit| unit.symbol.len() + unit.multiplier.len());
        row_bytes(&self.object, 4, &self.desc, self.addresses.len() + self.check_addresses.len()) + unit
    }
}

struct Work<'m> {
    model: &'m Model,
    node: NodeRef<'m>,
    name: String,
    expansion: &'m Expansion,
    place: Option<Arc<Place>>,
    coverage: Option<&'m PathCoverage>,
    states: &'m States<'m>,
}

impl<'m> Work<'m> {
    fn signal(&self, object: &DataObject, used: &mut BTreeSet<String>) -> Option<Signal> {
        let class = common_data_class(&object.cdc)?;
        if class.kind == Kind::Setting {
            return None;
        }
        let leaf = class.value.iter().find_map(|name| self.reading(object, name))?;
        let beside = |name: &str| self.reading(object, name).map(|leaf| self.node.reference(&leaf.path, Some(leaf.fc)));
        used.insert(leaf.path.clone());
        let base = if leaf.path.ends_with("valWTr.posVal") { None } else { leaf.path.rsplit_once('.') };
        // A value in a structure may be integer in one place and float in the other.
        let twin = base.map(|(above, _)| format!("{above}.{}", if leaf.path.ends_with(".f") { "i" } else { "f" }));
        let mut addresses = self.node.addresses(&leaf.path).to_vec();
        if let Some(twin) = twin.filter(|twin| self.expansion.leaf(twin, None).is_some()) {
            addresses.extend_from_slice(self.node.addresses(&twin));
            used.insert(twin);
        }
        let number = |name: &str| {
            self.node.value_of(object, name).and_then(|text| text.trim().parse().ok()).filter(|number: &f64| number.is_finite())
        };
        let is_integer = !matches!(leaf.basic, BasicType::Float32 | BasicType::Float64);
        let configuration = if class.kind == Kind::Vector { "magSVC" } else { "sVC" };
        let (scale, offset) = if class.kind == Kind::Counter {
            (number("pulsQty"), None)
        } else if is_integer && matches!(class.kind, Kind::Analog | Kind::Vector) {
            (number(&format!("{configuration}.scaleFactor")), number(&format!("{configuration}.offset")))
        } else {
            (None, None)
        };
        let share: Option<f64> = number("db").filter(|db| *db > 0.0);
        let deadband = share.map(|db| match number("dbRef").filter(|reference: &f64| *reference > 0.0) {
            Some(reference) => Deadband::Absolute(reference * db / 100_000.0),
            None => Deadband::OfRange(db / 1000.0),
        });
        Some(Signal {
            ied: self.node.ied.name.clone(),
            object: self.node.reference(&object.path, None),
            value: self.node.reference(&leaf.path, Some(leaf.fc)),
            quality: beside("q"),
            time: beside("t"),
            cdc: object.cdc.clone(),
            kind: class.kind,
            basic: leaf.basic,
            transient: object.transient,
            is_housekeeping: matches!(object.path.as_str(), "Mod" | "Beh" | "Health") || self.node.node.name.class == "LPHD",
            desc: self.desc(object),
            addresses,
            coverage: self.coverage(leaf),
            unit: self.unit(object),
            scale,
            offset,
            deadband,
            states: self.states(object, leaf),
            place: self.place.clone(),
            proposal: proposal::signal(self.subject(object, class.kind)),
            span: self.span(&object.path),
        })
    }

    fn command(&self, object: &DataObject, used: &mut BTreeSet<String>) -> Option<Command> {
        let control = Control::of(self.node, object)?;
        let leaf = control.value?;
        if control.model == Some(CtlModel::StatusOnly) {
            return None;
        }
        let class = common_data_class(&object.cdc)?;
        // Tools put the address of a command to Oper, to SBOw or to both.
        let at = |address: &TelecontrolAddress| (address.protocol, address.common_address, address.object_address);
        let mut take = |paths: &[String]| {
            let mut addresses: Vec<TelecontrolAddress> = Vec::new();
            for path in paths {
                for address in self.node.addresses(path) {
                    if !addresses.iter().any(|known| at(known) == at(address)) {
                        addresses.push(address.clone());
                    }
                }
                used.insert(path.clone());
            }
            addresses
        };
        let selected = leaf.path.replacen(".Oper.", ".SBOw.", 1);
        let addresses = take(&[leaf.path.clone(), selected]);
        let check_addresses = take(&[format!("{}.Oper.Check", object.path), format!("{}.SBOw.Check", object.path)]);
        Some(Command {
            ied: self.node.ied.name.clone(),
            object: self.node.reference(&object.path, None),
            value: self.node.reference(&leaf.path, Some(leaf.fc)),
            cdc: object.cdc.clone(),
            basic: leaf.basic,
            model: control.model,
            select_timeout_ms: control.select_timeout_ms,
            operate_timeout_ms: control.operate_timeout_ms,
            has_check: control.has_check,
            feedback: self.feedback(object, class.value),
            desc: self.desc(object),
            addresses,
            check_addresses,
            unit: self.unit(object),
            states: self.states(object, leaf),
            place: self.place.clone(),
            proposal: proposal::command(self.subject(object, class.kind), &object.cdc),
            span: self.span(&object.path),
        })
    }

    fn reading(&self, object: &DataObject, name: &str) -> Option<&'m Leaf> {
        self.expansion.reading(object, name)
    }

    /// A switch controller gives the command, the switch has the truth: its position, if one switch stands at the same place.
    fn feedback(&self, object: &DataObject, value: &[&str]) -> Option<ObjectReference> {
        if self.node.node.name.class == "CSWI" && object.path == "Pos" {
            let places = self.model.parts_of(self.node.id);
            let links = places.iter().filter_map(|part| self.model.scl.single_line.part(*part)).flat_map(|part| &part.nodes);
            let switches = links.filter(|link| matches!(link.node.class.as_str(), "XCBR" | "XSWI"));
            let mut found = switches.filter_map(|link| {
                let node = self.model.node_in(self.model.ied(link.ied.as_deref()?)?, &link.device, &link.node)?;
                let node = self.model.node(node)?;
                let leaf = node.leaf("Pos.stVal")?;
                Some(node.reference(&leaf.path, Some(leaf.fc)))
            });
            if let (Some(switch), None) = (found.next(), found.next()) {
                return Some(switch);
            }
        }
        let own = value.iter().find_map(|name| self.reading(object, name))?;
        Some(self.node.reference(&own.path, Some(own.fc)))
    }

    fn desc(&self, object: &DataObject) -> String {
        let instance = self.node.node.instances.get(&object.path).map(|instance| instance.desc.as_str());
        let text = |name: &str| self.node.value_of(object, name);
        let words = instance.filter(|desc| !desc.is_empty()).or_else(|| text("dU")).or_else(|| text("d"));
        words.unwrap_or(&object.desc).chars().take(MAX_DESC).collect()
    }

    fn span(&self, path: &str) -> Span {
        let top = path.split('.').next().unwrap_or_default();
        self.node.node.instances.get(top).map_or(self.node.node.span, |instance| instance.span)
    }

    fn unit(&self, object: &DataObject) -> Option<Unit> {
        let word = |name: &str| {
            let written = self.node.value_of(object, name)?.trim();
            // An ordinal of the file's own enumeration is its word; those of the standard are known anyway.
            let own = self.expansion.attribute(object, name, None).next().and_then(|leaf| self.model.enumeration(leaf));
            let by_ordinal = written.parse().ok().and_then(|ordinal| own?.word(ordinal)).filter(|word| !word.is_empty());
            Some(by_ordinal.unwrap_or(written))
        };
        word("units.SIUnit").map(|symbol| unit(symbol, word("units.multiplier").unwrap_or_default()))
    }

    fn states(&self, object: &DataObject, leaf: &Leaf) -> Arc<[(i64, String)]> {
        let is_switch = object.path == "Pos" && matches!(self.node.node.name.class.as_str(), "XCBR" | "XSWI" | "CSWI");
        let named = match (leaf.basic, is_switch) {
            (BasicType::Enum, _) => leaf.enum_id.as_deref().and_then(|id| self.states.enums.get(id)),
            (BasicType::Dbpos, true) => Some(&self.states.positions),
            (BasicType::Dbpos, false) => Some(&self.states.doubles),
            (BasicType::Tcmd, _) => Some(&self.states.steps),
            (BasicType::Boolean, true) => Some(&self.states.orders),
            _ => None,
        };
        named.map(Arc::clone).unwrap_or_default()
    }

    fn subject<'s>(&'s self, object: &'s DataObject, kind: Kind) -> Subject<'s> {
        let parts = self.model.parts_of(self.node.id).iter().filter_map(|part| self.model.scl.single_line.part(*part));
        let mut terminals = parts.flat_map(|part| &part.terminals);
        // SwTyp: 3 earthing switch, 4 high-speed earthing switch (IEC 61850-7-4).
        let by_type = self.node.value("SwTyp.stVal").is_some_and(|kind| {
            let kind = kind.to_ascii_lowercase();
            matches!(kind.as_str(), "3" | "4") || kind.contains("earthing")
        });
        Subject {
            name: &self.name,
            node: &self.node.node.name.class,
            object: &object.path,
            kind,
            code: self.place.as_ref().and_then(|place| place.code.as_deref()),
            is_grounding: by_type || terminals.any(|terminal| terminal.is_grounded()),
        }
    }

    /// The data sets that carry a leaf: by itself, by a structure or object above it, or by the whole node.
    fn coverage(&self, leaf: &Leaf) -> Vec<Arc<Coverage>> {
        let Some(known) = self.coverage else { return Vec::new() };
        let mut found: Vec<Arc<Coverage>> = Vec::new();
        let mut path = leaf.path.as_str();
        loop {
            let sets = known.get(&(path.to_owned(), Some(leaf.fc))).into_iter().flatten();
            for set in sets {
                if found.len() < MAX_COVERAGE && !found.contains(set) {
                    found.push(Arc::clone(set));
                }
            }
            if path.is_empty() {
                return found;
            }
            path = path.rsplit_once('.').map_or("", |(above, _)| above);
        }
    }
}

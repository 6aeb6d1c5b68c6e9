//! The header of a document (`md:FullModel`, `dm:DifferenceModel`; IEC 61970-552 clause 6), and the profiles it may name.

use crate::problems::Fault;
use crate::rdf::{Name, Place, Section, Sink, Subject, Take};
use crate::version::{Space, Version, space};

/// What a document is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DocumentKind {
    /// A whole model.
    Full,
    /// What changes in a model.
    Difference,
}

/// A profile of CGMES (IEC 61970-600-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Profile {
    /// EQ: equipment.
    Equipment,
    /// OP: measurements, controls, operational data; in 2.4.15 a part of EQ.
    Operation,
    /// SC: short-circuit data; in 2.4.15 a part of EQ.
    ShortCircuit,
    /// SSH: steady-state hypothesis.
    SteadyState,
    /// TP: topology.
    Topology,
    /// SV: state variables.
    StateVariables,
    /// EQBD: equipment at the boundary.
    EquipmentBoundary,
    /// TPBD: topology at the boundary.
    TopologyBoundary,
    /// DL, GL, DY and whatever else: read, kept, not checked.
    Other,
}

/// Words in the names of profiles, the longer before those that they contain.
const PROFILES: &[(&str, Profile)] = &[
    ("EquipmentCore/", Profile::Equipment),
    ("CoreEquipment-EU/", Profile::Equipment),
    ("EquipmentOperation/", Profile::Operation),
    ("/Operation-EU/", Profile::Operation),
    ("ShortCircuit", Profile::ShortCircuit),
    ("SteadyStateHypothesis", Profile::SteadyState),
    ("StateVariables", Profile::StateVariables),
    ("EquipmentBoundary", Profile::EquipmentBoundary),
    ("TopologyBoundary", Profile::TopologyBoundary),
    ("Topology", Profile::Topology),
    ("61970-452/Equipment", Profile::Equipment),
];

impl Profile {
    /// The profile of a URI.
    #[must_use]
    pub fn of(uri: &str) -> Self {
        PROFILES.iter().find(|(word, _)| uri.contains(word)).map_or(Self::Other, |(_, profile)| *profile)
    }

    /// The version that a profile's URI belongs to, if it says so.
    #[must_use]
    pub fn version(uri: &str) -> Option<Version> {
        if uri.starts_with("http://iec.ch/TC57/ns/CIM/") {
            Some(Version::Cim17)
        } else if uri.starts_with("http://entsoe.eu/CIM/") {
            Some(Version::Cim16)
        } else {
            None
        }
    }

    /// Whether objects come into being by `rdf:about` too: exporters of these profiles differ.
    pub(crate) const fn defines(self) -> bool {
        !matches!(self, Self::SteadyState | Self::Topology | Self::TopologyBoundary | Self::StateVariables)
    }
}

/// What a header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The identifier of the model, without `urn:uuid:` and the like.
    pub id: String,
    /// Whether the document is a whole model or a difference.
    pub kind: DocumentKind,
    /// The URIs of its profiles.
    pub profiles: Vec<String>,
    /// The identifiers of the models it depends on.
    pub depends_on: Vec<String>,
    /// The identifiers of the models it takes the place of.
    pub supersedes: Vec<String>,
    /// When it was made, as written.
    pub created: String,
    /// The time it is about, as written.
    pub scenario_time: String,
    /// Its version, as written.
    pub version: String,
    /// What it is, in words.
    pub description: String,
    /// Who is responsible for it.
    pub modeling_authority_set: String,
}

impl Header {
    /// Nothing but an identifier.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: DocumentKind) -> Self {
        let empty = String::new;
        Self {
            id: id.into(),
            kind,
            profiles: Vec::new(),
            depends_on: Vec::new(),
            supersedes: Vec::new(),
            created: empty(),
            scenario_time: empty(),
            version: empty(),
            description: empty(),
            modeling_authority_set: empty(),
        }
    }

    /// Whether one of its profiles is `profile`.
    #[must_use]
    pub fn has(&self, profile: Profile) -> bool {
        self.profiles.iter().any(|uri| Profile::of(uri) == profile)
    }
}

/// The identifier behind what is written in `rdf:ID`, `rdf:about` or `rdf:resource`: without `#`, `_`, `urn:uuid:` and a base. So
/// `_x`, `#_x`, `#x`, `urn:uuid:x` and `http://base#_x` are one object, as exporters mix them.
pub(crate) fn identifier(written: &str) -> &str {
    let written = written.trim();
    let plain = if let Some((_, fragment)) = written.rsplit_once('#') {
        fragment
    } else if written.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:")) {
        written.get(9..).unwrap_or_default()
    } else {
        written
    };
    plain.strip_prefix('_').unwrap_or(plain)
}

/// What the first look at a document finds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) header: Option<Header>,
    pub(crate) header_place: Option<Place>,
    /// The first version among its namespaces, or what namespace of another version it has.
    pub(crate) version: Option<Version>,
    pub(crate) other_version: Option<String>,
    names: Vec<String>,
    is_open: bool,
}

impl Sink for Scan {
    fn root(&mut self, namespaces: &[&str]) -> Result<(), Fault> {
        for uri in namespaces {
            match space(uri) {
                Space::Cim(version) => self.version = self.version.or(Some(version)),
                Space::OtherCim => self.other_version = Some((*uri).to_owned()),
                Space::European | Space::Rdf | Space::Header | Space::Difference | Space::Foreign => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, name: Name<'_>, subject: Subject<'_>, _: Section, place: Place) -> Result<Take, Fault> {
        let kind = match (space(name.namespace), name.local) {
            (Space::Header, "FullModel") => DocumentKind::Full,
            (Space::Difference, "DifferenceModel") => DocumentKind::Difference,
            _ => return Ok(Take::Skip),
        };
        let (Subject::About(id) | Subject::Defined(id)) = subject else {
            return Err(Fault::new("cim::header", "the header of the document has no rdf:about", "give the model its identifier"));
        };
        self.header = Some(Header::new(identifier(id), kind));
        self.header_place = Some(place);
        self.is_open = true;
        Ok(Take::Whole)
    }

    fn property(&mut self, name: Name<'_>) -> Result<u16, Fault> {
        let local = if space(name.namespace) == Space::Header { name.local } else { "" };
        let at = self.names.iter().position(|known| known == local).unwrap_or_else(|| {
            self.names.push(local.to_owned());
            self.names.len() - 1
        });
        u16::try_from(at).map_err(|_| Fault::new("cim::too-many", "the header has too many different attributes", "check the header"))
    }

    fn literal(&mut self, name: u16, text: &str, _: Place) -> Result<(), Fault> {
        let (Some(header), Some(name)) = (&mut self.header, self.names.get(usize::from(name))) else { return Ok(()) };
        match name.as_str() {
            "Model.profile" => header.profiles.push(text.to_owned()),
            "Model.created" => text.clone_into(&mut header.created),
            "Model.scenarioTime" => text.clone_into(&mut header.scenario_time),
            "Model.version" => text.clone_into(&mut header.version),
            "Model.description" => text.clone_into(&mut header.description),
            "Model.modelingAuthoritySet" => text.clone_into(&mut header.modeling_authority_set),
            // Some write these two as text.
            "Model.DependentOn" => header.depends_on.push(identifier(text).to_owned()),
            "Model.Supersedes" => header.supersedes.push(identifier(text).to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn resource(&mut self, name: u16, resource: &str, place: Place) -> Result<(), Fault> {
        match self.names.get(usize::from(name)).map(String::as_str) {
            Some("Model.profile") => self.literal(name, resource, place),
            Some("Model.DependentOn" | "Model.Supersedes") => self.literal(name, resource, place),
            Some(_) | None => Ok(()),
        }
    }

    fn structure(&mut self, _: u16) {}

    fn end(&mut self) -> Take {
        if std::mem::take(&mut self.is_open) { Take::Stop } else { Take::Whole }
    }
}

#[cfg(test)]
mod tests {
    use super::{Profile, identifier};
    use crate::version::Version;

    #[test]
    fn one_object_is_written_in_many_ways() {
        for written in ["_x-1", "#_x-1", "#x-1", "x-1", "urn:uuid:x-1", "URN:UUID:x-1", "http://base.example/model#_x-1"] {
            assert_eq!(identifier(written), "x-1", "{written}");
        }
        assert_eq!(identifier("_default+region_GR"), "default+region_GR");
    }

    #[test]
    fn profiles_of_both_versions_are_known() {
        for (uri, profile, version) in [
            ("http://entsoe.eu/CIM/EquipmentCore/3/1", Profile::Equipment, Some(Version::Cim16)),
            ("http://entsoe.eu/CIM/EquipmentOperation/3/1", Profile::Operation, Some(Version::Cim16)),
            ("http://iec.ch/TC57/ns/CIM/CoreEquipment-EU/3.0", Profile::Equipment, Some(Version::Cim17)),
            ("http://iec.ch/TC57/ns/CIM/Operation-EU/3.0", Profile::Operation, Some(Version::Cim17)),
            ("http://entsoe.eu/CIM/TopologyBoundary/3/1", Profile::TopologyBoundary, Some(Version::Cim16)),
            ("http://iec.ch/TC57/ns/CIM/Topology-EU/3.0", Profile::Topology, Some(Version::Cim17)),
            ("http://iec.ch/TC57/61970-452/Equipment/3", Profile::Equipment, None),
            ("http://entsoe.eu/CIM/DiagramLayout/3/1", Profile::Other, Some(Version::Cim16)),
        ] {
            assert_eq!((Profile::of(uri), Profile::version(uri)), (profile, version), "{uri}");
        }
    }
}

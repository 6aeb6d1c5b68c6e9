//! Versions of the information model, told apart by namespace.

use std::fmt;

/// A version of the information model (IEC 61970-301) and of the exchange standard built on it (IEC 61970-600-2, CGMES).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// CIM16, exchanged as CGMES 2.4.15.
    Cim16,
    /// CIM17 (`CIM100` in its namespace), exchanged as CGMES 3.0.
    Cim17,
}

impl Version {
    /// `CIM16`, `CIM17`: as a profile writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cim16 => "CIM16",
            Self::Cim17 => "CIM17",
        }
    }

    /// `2.4.15`, `3.0`.
    #[must_use]
    pub const fn cgmes(self) -> &'static str {
        match self {
            Self::Cim16 => "2.4.15",
            Self::Cim17 => "3.0",
        }
    }

    /// The namespace of its classes.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Cim16 => "http://iec.ch/TC57/2013/CIM-schema-cim16#",
            Self::Cim17 => "http://iec.ch/TC57/CIM100#",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a namespace is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Space {
    /// Classes of a version read here. Exporters write several years before `CIM-schema-cim16#`.
    Cim(Version),
    /// Classes of a version not read here.
    OtherCim,
    /// The European extension of a version.
    European,
    /// `rdf:`.
    Rdf,
    /// `md:`, headers (IEC 61970-552).
    Header,
    /// `dm:`, differences (IEC 61970-552).
    Difference,
    /// Anyone's own.
    Foreign,
}

pub(crate) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// What the namespace `uri` is.
pub(crate) fn space(uri: &str) -> Space {
    if uri == RDF {
        Space::Rdf
    } else if uri.ends_with("CIM-schema-cim16#") {
        Space::Cim(Version::Cim16)
    } else if uri.ends_with("/CIM100#") {
        Space::Cim(Version::Cim17)
    } else if uri.contains("CIM-schema-cim") || uri.ends_with("/CIM101#") || uri.ends_with("cim.ucaiug.io/ns#") {
        Space::OtherCim
    } else if uri.starts_with("http://entsoe.eu/CIM/SchemaExtension/") || uri.ends_with("/CIM100-European#") {
        Space::European
    } else if uri.contains("/61970-552/ModelDescription/") {
        Space::Header
    } else if uri.contains("/61970-552/DifferenceModel/") {
        Space::Difference
    } else {
        Space::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::{Space, Version, space};

    #[test]
    fn namespaces_are_told_apart() {
        for version in [Version::Cim16, Version::Cim17] {
            assert_eq!(space(version.namespace()), Space::Cim(version));
        }
        assert_eq!(space("http://iec.ch/TC57/2012/CIM-schema-cim16#"), Space::Cim(Version::Cim16));
        assert_eq!(space("http://iec.ch/TC57/2010/CIM-schema-cim15#"), Space::OtherCim);
        assert_eq!(space("http://entsoe.eu/CIM/SchemaExtension/3/1#"), Space::European);
        assert_eq!(space("http://iec.ch/TC57/61970-552/DifferenceModel/1#"), Space::Difference);
        assert_eq!(space("http://www.neplan.ch#"), Space::Foreign);
    }
}

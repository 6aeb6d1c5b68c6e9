//! Object references (IEC 61850-7-2, 5.4; IEC 61850-8-1, 7.3 for their form in MMS).

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::document::Fc;

/// `B1LD0/MMXU1.A.phsA.cVal.mag.f[MX]`: a logical device, a logical node, and what in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectReference {
    /// The logical device's name: that of the device and its instance, or its own.
    pub device: String,
    /// The logical node's name.
    pub node: String,
    /// The path in the node; empty for the node itself.
    pub path: String,
    /// The functional constraint, if it is said.
    pub fc: Option<Fc>,
}

impl ObjectReference {
    /// The same with another path and constraint.
    #[must_use]
    pub fn at(&self, path: impl Into<String>, fc: Option<Fc>) -> Self {
        Self { device: self.device.clone(), node: self.node.clone(), path: path.into(), fc }
    }

    /// Domain and item in MMS: `("B1LD0", "MMXU1$MX$A$phsA$cVal$mag$f")`. Without a constraint only a node has one; elements of
    /// arrays are reached by alternate access and have none.
    #[must_use]
    pub fn to_mms(&self) -> Option<(String, String)> {
        let item = match (self.path.is_empty(), self.fc) {
            _ if self.path.contains('(') => return None,
            (true, None) => self.node.clone(),
            (true, Some(fc)) => format!("{}${fc}", self.node),
            (false, Some(fc)) => format!("{}${fc}${}", self.node, self.path.replace('.', "$")),
            (false, None) => return None,
        };
        Some((self.device.clone(), item))
    }

    /// The reference of a domain and an item.
    ///
    /// # Errors
    /// [`Error::ReferenceMalformed`] if the item's second part is no functional constraint.
    pub fn from_mms(domain: &str, item: &str) -> Result<Self, Error> {
        let wanted = "a logical node, a functional constraint and names, with $ between them";
        let malformed = || Error::ReferenceMalformed { text: format!("{domain}/{item}"), wanted };
        let mut parts = item.split('$');
        let node = parts.next().filter(|node| !node.is_empty()).ok_or_else(malformed)?;
        let fc = parts.next().map(|fc| Fc::parse(fc).ok_or_else(malformed)).transpose()?;
        let path: Vec<&str> = parts.collect();
        if domain.is_empty() || path.iter().any(|part| part.is_empty()) {
            return Err(malformed());
        }
        Ok(Self { device: domain.to_owned(), node: node.to_owned(), path: path.join("."), fc })
    }
}

impl fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.device, self.node)?;
        if !self.path.is_empty() {
            write!(f, ".{}", self.path)?;
        }
        self.fc.map_or(Ok(()), |fc| write!(f, "[{fc}]"))
    }
}

impl FromStr for ObjectReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = |wanted| Error::ReferenceMalformed { text: text.chars().take(200).collect(), wanted };
        let (device, rest) = text.split_once('/').ok_or_else(|| malformed("a logical device stands before a /"))?;
        let (rest, fc) = match rest.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
            Some((rest, word)) => (rest, Some(Fc::parse(word).ok_or_else(|| malformed("[…] holds a functional constraint, as [ST]"))?)),
            None => (rest, None),
        };
        let (node, path) = rest.split_once('.').unwrap_or((rest, ""));
        let is_name = |name: &str| {
            let bare = name
                .strip_suffix(')')
                .and_then(|name| name.rsplit_once('('))
                .map_or(Some(name), |(name, index)| index.parse::<u32>().is_ok().then_some(name));
            bare.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        };
        if device.is_empty() || device.contains(['.', '[', '/']) {
            return Err(malformed("a logical device stands before the /"));
        }
        if !is_name(node) || node.ends_with(')') {
            return Err(malformed("a logical node stands behind the /"));
        }
        if !path.is_empty() && !path.split('.').all(is_name) {
            return Err(malformed("names stand between dots, an array's element in (…)"));
        }
        Ok(Self { device: device.to_owned(), node: node.to_owned(), path: path.to_owned(), fc })
    }
}

/// A path without the indices of array elements: `har(3).cVal` is in the type as `har.cVal`.
#[must_use]
pub(crate) fn without_indices(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').map(|part| part.split_once('(').map_or(part, |(name, _)| name)).collect();
    parts.join(".")
}

/// The indices of a path: the part's number from 0, and its index.
pub(crate) fn indices(path: &str) -> impl Iterator<Item = (usize, u32)> {
    path.split('.').enumerate().filter_map(|(at, part)| {
        let index = part.strip_suffix(')')?.rsplit_once('(')?.1.parse().ok()?;
        Some((at, index))
    })
}

#[cfg(test)]
mod tests {
    use super::ObjectReference;
    use crate::document::Fc;

    #[test]
    fn references_read_and_write_the_same() {
        for text in [
            "B1LD0/MMXU1.A.phsA.cVal.mag.f[MX]",
            "B1LD0/LLN0",
            "B1LD0/LLN0.Beh",
            "B1LD0/MHAI1.HA.phsAHar(3).cVal.mag.f[MX]",
            "E1Q01 LD/XCBR1.Pos.stVal[ST]",
        ] {
            let reference: ObjectReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "LD0",
            "/XCBR1.Pos",
            "LD0/",
            "LD0/.Pos",
            "LD0/XCBR1..Pos",
            "LD0/XCBR1.Pos[XX]",
            "LD0/XCBR1.Pos(x)",
            "LD0/XCBR1(1)",
            "A.B/C",
        ] {
            assert!(text.parse::<ObjectReference>().is_err(), "{text}");
        }
    }

    #[test]
    fn mms_names_go_both_ways() {
        let reference: ObjectReference = "B1LD0/MMXU1.A.phsA.cVal.mag.f[MX]".parse().unwrap();
        let (domain, item) = reference.to_mms().unwrap();
        assert_eq!((domain.as_str(), item.as_str()), ("B1LD0", "MMXU1$MX$A$phsA$cVal$mag$f"));
        assert_eq!(ObjectReference::from_mms(&domain, &item).unwrap(), reference);
        let node = ObjectReference::from_mms("B1LD0", "LLN0").unwrap();
        assert_eq!((node.fc, node.path.as_str()), (None, ""));
        assert_eq!(ObjectReference::from_mms("B1LD0", "LLN0$BR").unwrap().fc, Some(Fc::Br));
        assert!(ObjectReference::from_mms("B1LD0", "LLN0$XX$Mod").is_err());
        assert!(ObjectReference::from_mms("B1LD0", "LLN0$ST$$Mod").is_err());
        assert!("B1LD0/LLN0.Beh".parse::<ObjectReference>().unwrap().to_mms().is_none(), "an object has one item per constraint");
        assert!("B1LD0/MHAI1.HA(3).x[MX]".parse::<ObjectReference>().unwrap().to_mms().is_none());
    }
}

//! Whom a link accepts behind a good certificate.

use std::path::{Path, PathBuf};

use super::certificate::Facts;

/// Entries of one list.
pub const MAX_ALLOWED: usize = 1024;

/// The list of peers of one link: by fingerprint, by subject, or by one of the certificate's alternative names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allow {
    /// Entries of the configuration.
    pub entries: Vec<Allowed>,
    /// A file with more of them, one a line, `#` before remarks; re-read while the link runs.
    pub file: Option<PathBuf>,
}

/// One entry of a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Allowed {
    /// The SHA-256 of the certificate in DER.
    Fingerprint([u8; 32]),
    /// The parts of the subject, most specific first: `CN=rtu-7`, `O=Genco`.
    Subject(Vec<String>),
    /// An alternative name with its kind: `dns:rtu-7.genco.example`, `uri:…`, `ip:…`, `email:…`.
    Name(String),
}

impl Allowed {
    /// Reads a fingerprint: 64 hexadecimal digits, with or without `sha256:` (or what OpenSSL writes before it) and colons between octets.
    #[must_use]
    pub fn fingerprint(text: &str) -> Option<Self> {
        let text = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha256 Fingerprint=")).unwrap_or(text);
        let digits: String = text.chars().filter(|letter| *letter != ':').collect();
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut octets = [0; 32];
        for (octet, at) in octets.iter_mut().zip((0..64).step_by(2)) {
            *octet = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self::Fingerprint(octets))
    }

    /// Reads a subject (`CN=rtu-7,O=Genco`) or an alternative name (`dns:rtu-7.genco.example`).
    #[must_use]
    pub fn subject(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((kind, name)) = text.split_once(':')
            && matches!(kind, "dns" | "uri" | "ip" | "email")
        {
            let name = if kind == "ip" { name.parse::<std::net::IpAddr>().ok()?.to_string() } else { name.to_owned() };
            return (!name.is_empty()).then(|| Self::Name(format!("{kind}:{name}")));
        }
        // Tools write `CN=rtu-7` and `CN = rtu-7`.
        let part = |part: &String| {
            let (kind, value) = part.split_once('=')?;
            let (kind, value) = (kind.trim(), value.trim());
            (!kind.is_empty() && !value.is_empty()).then(|| format!("{kind}={value}"))
        };
        let parts: Option<Vec<String>> = split(text).iter().map(part).collect();
        parts.map(Self::Subject)
    }

    /// Reads a line of an allow-list file.
    fn line(text: &str) -> Option<Self> {
        Self::fingerprint(text).or_else(|| Self::subject(text))
    }

    fn fits(&self, facts: &Facts) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => *fingerprint == facts.fingerprint,
            Self::Subject(parts) => same(parts, &facts.parts),
            Self::Name(name) => facts.names.iter().any(|own| own == name || (name.starts_with("dns:") && own.eq_ignore_ascii_case(name))),
        }
    }
}

/// Splits at commas that are not escaped.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        if letter == ',' && !escaped {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        escaped = letter == '\\' && !escaped;
        part.push(letter);
    }
    parts.push(part);
    parts
}

/// The same subject, written from either end (tools differ).
fn same(wanted: &[String], shown: &[String]) -> bool {
    let alike = |(a, b): (&String, &String)| match (a.split_once('='), b.split_once('=')) {
        (Some((kind, value)), Some((other, theirs))) => kind.eq_ignore_ascii_case(other) && value == theirs,
        (Some(_) | None, Some(_) | None) => false,
    };
    wanted.len() == shown.len() && (wanted.iter().zip(shown).all(alike) || wanted.iter().rev().zip(shown).all(alike))
}

/// A list with its file read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AllowList(Vec<Allowed>);

impl AllowList {
    /// Reads the file of the list, if it has one. The error is one clause.
    pub(crate) fn read(allow: &Allow) -> Result<Self, String> {
        let mut entries = allow.entries.clone();
        if let Some(file) = &allow.file {
            entries.extend(lines(file)?);
        }
        if entries.len() > MAX_ALLOWED {
            return Err(format!("{} entries, at most {MAX_ALLOWED}", entries.len()));
        }
        Ok(Self(entries))
    }

    pub(crate) fn fits(&self, facts: &Facts) -> bool {
        self.0.iter().any(|entry| entry.fits(facts))
    }
}

fn lines(file: &Path) -> Result<Vec<Allowed>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let entry = Allowed::line(line);
        entries
            .push(entry.ok_or_else(|| format!("line {}: `{}` is no fingerprint and no subject", at + 1, super::certificate::shown(line)))?);
        if entries.len() > MAX_ALLOWED {
            break;
        }
    }
    Ok(entries)
}

impl Allow {
    /// Whether there is a list at all. An empty file is one, and lets nobody in.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        !self.entries.is_empty() || self.file.is_some()
    }

    /// Whether a certificate could be on both lists, as far as the lists alone can tell; files are read. A fingerprint on one list and a
    /// subject on the other may be of one certificate: that is found when it connects, and then it is refused.
    #[must_use]
    pub fn shared_entry(&self, other: &Self) -> Option<Allowed> {
        let read = |allow: &Self| AllowList::read(allow).unwrap_or_default().0;
        let theirs = read(other);
        let alike = |a: &Allowed, b: &Allowed| match (a, b) {
            (Allowed::Subject(a), Allowed::Subject(b)) => same(a, b),
            (Allowed::Fingerprint(_) | Allowed::Subject(_) | Allowed::Name(_), _) => a == b,
        };
        read(self).into_iter().find(|entry| theirs.iter().any(|their| alike(entry, their)))
    }
}

impl std::fmt::Display for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => f.write_str(&super::certificate::fingerprint_text(fingerprint)),
            Self::Subject(parts) => f.write_str(&parts.join(",")),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Allowed {
        Allowed::subject(text).unwrap()
    }

    #[test]
    fn fingerprints_are_read_as_tools_print_them() {
        let plain = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        let openssl = format!("sha256 Fingerprint={colons}");
        for text in [plain.clone(), colons.clone(), openssl, format!("sha256:{plain}"), format!("sha256:{colons}")] {
            assert_eq!(Allowed::fingerprint(&text), Some(Allowed::Fingerprint([0xAB; 32])), "{text}");
        }
        assert_eq!(Allowed::fingerprint("abcd"), None);
        assert_eq!(Allowed::fingerprint(&"é".repeat(32)), None);
    }

    #[test]
    fn subjects_match_from_either_end_and_only_whole() {
        let Allowed::Subject(own) = subject("CN=rtu-7,O=Genco\\, Ltd,C=IN") else { panic!() };
        for (text, fits) in [
            ("CN=rtu-7,O=Genco\\, Ltd,C=IN", true),
            ("C = IN, O = Genco\\, Ltd, CN = rtu-7", true),
            ("C=IN, O=Genco\\, Ltd, cn=rtu-7", true),
            ("CN=rtu-7", false),
            ("CN=rtu-8,O=Genco\\, Ltd,C=IN", false),
        ] {
            let Allowed::Subject(wanted) = subject(text) else { panic!() };
            assert_eq!(same(&wanted, &own), fits, "{text}");
        }
        assert_eq!(Allowed::subject("rtu-7"), None);
        assert_eq!(Allowed::subject("dns:"), None);
        assert_eq!(subject("ip:0:0:0:0:0:0:0:1"), Allowed::Name("ip:::1".to_owned()));
    }

    #[test]
    fn lists_that_share_an_entry_are_told() {
        let list = |entries: &[&str]| Allow { entries: entries.iter().map(|text| subject(text)).collect(), file: None };
        assert_eq!(list(&["CN=a", "CN=b,O=x"]).shared_entry(&list(&["O = x, CN = b"])), Some(subject("CN=b,O=x")));
        assert_eq!(list(&["CN=a"]).shared_entry(&list(&["CN=b", "dns:a"])), None);
    }
}

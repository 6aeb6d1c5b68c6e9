//! The XML of a file, element by element, within bounds.
//!
//! A reader asks for the children of an element that it opened; what it did not ask for is passed over. There is no document tree, no
//! document type definition and so no entity of a file's own: what a file costs is bounded by its length and by [`Limits`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use bridge_diag::{Diagnostic, SourceId, Span};
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::Limits;
use crate::document::Aside;
use crate::problems::Problems;

/// The namespace of SCL, the same in all editions (IEC 61850-6, 8.2).
pub(crate) const NAMESPACE: &str = "http://www.iec.ch/61850/2003/SCL";

/// One attribute.
#[derive(Clone, Debug)]
struct Attribute<'t> {
    key: &'t str,
    value: Cow<'t, str>,
    place: Range<usize>,
}

/// One element that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Element<'t> {
    /// Its name without prefix.
    pub(crate) name: &'t str,
    /// Its namespace, if it is not that of SCL.
    pub(crate) foreign: Option<String>,
    /// Its start tag.
    pub(crate) span: Span,
    attributes: Vec<Attribute<'t>>,
    depth: usize,
}

impl<'t> Element<'t> {
    /// The parent of the root.
    pub(crate) fn document(source: SourceId) -> Self {
        Self { name: "", foreign: None, span: Span { source, start: 0, end: 0 }, attributes: Vec::new(), depth: 0 }
    }

    /// An attribute's value.
    pub(crate) fn attr(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &*attribute.value)
    }

    /// An attribute's value, or nothing.
    pub(crate) fn text(&self, key: &str) -> String {
        self.attr(key).unwrap_or_default().to_owned()
    }

    /// An attribute's value, if there is one that is not empty.
    pub(crate) fn optional(&self, key: &str) -> Option<String> {
        self.attr(key).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Where an attribute's value stands; the start tag, if it has none.
    pub(crate) fn place(&self, key: &str) -> Span {
        let found = self.attributes.iter().find(|attribute| attribute.key == key);
        found.map_or(self.span, |attribute| Span { source: self.span.source, start: attribute.place.start, end: attribute.place.end })
    }

    /// Every attribute but namespace declarations, as written.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'t str, &str)> {
        self.attributes.iter().map(|attribute| (attribute.key, &*attribute.value))
    }
}

/// A file being read.
pub(crate) struct Xml<'t> {
    text: &'t str,
    source: SourceId,
    reader: NsReader<&'t [u8]>,
    /// What may be spent.
    pub(crate) limits: Limits,
    /// What is kept aside.
    pub(crate) aside: Aside,
    problems: Problems,
    elements: usize,
    nodes: usize,
    depth: usize,
    failed: bool,
}

impl<'t> Xml<'t> {
    /// Before the first element.
    pub(crate) fn new(text: &'t str, source: SourceId, limits: Limits) -> Self {
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut xml = Self {
            text,
            source,
            reader,
            limits,
            aside: Aside::default(),
            problems: Problems::default(),
            elements: 0,
            nodes: 0,
            depth: 0,
            failed: false,
        };
        if text.len() > limits.bytes {
            let message = format!("the file has {} bytes, more than {}", text.len(), limits.bytes);
            xml.fail("scl::too-large", 0..0, message, "split the station into several files, or export it without vendor data");
        }
        xml
    }

    /// Whether reading stopped before the end.
    pub(crate) const fn failed(&self) -> bool {
        self.failed
    }

    /// Notes a problem.
    pub(crate) fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// The problems, and what was kept aside.
    pub(crate) fn finish(self) -> (Problems, Aside) {
        (self.problems, self.aside)
    }

    /// The next child of `parent` in the namespace of SCL; children of other namespaces are counted aside.
    pub(crate) fn child(&mut self, parent: &Element<'t>) -> Option<Element<'t>> {
        loop {
            let child = self.any_child(parent)?;
            let Some(namespace) = &child.foreign else { return Some(child) };
            self.aside.count_foreign(namespace, self.limits.aside_kinds);
        }
    }

    /// The next child of `parent`, of whatever namespace. Children of children that nobody asked for are passed over.
    pub(crate) fn any_child(&mut self, parent: &Element<'t>) -> Option<Element<'t>> {
        while !self.failed && self.depth >= parent.depth {
            match self.event()? {
                Event::Start(start) => {
                    if self.open() && self.depth == parent.depth + 1 {
                        return self.element(&start);
                    }
                }
                Event::End(_) => self.depth = self.depth.saturating_sub(1),
                Event::GeneralRef(_)
                | Event::Empty(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::Eof => {}
            }
        }
        None
    }

    /// Whether text, and not a child, stands next.
    pub(crate) fn starts_with_text(&self) -> bool {
        let rest = self.text.get(self.position()..).unwrap_or_default();
        !rest.trim_start().starts_with('<')
    }

    /// The text of `parent`, without that of its children, without blanks around it. Reads to the parent's end.
    pub(crate) fn content(&mut self, parent: &Element<'t>) -> String {
        let mut content = String::new();
        while !self.failed && self.depth >= parent.depth {
            let Some(event) = self.event() else { break };
            let own = self.depth == parent.depth;
            match event {
                Event::Start(_) => {
                    self.open();
                }
                Event::End(_) => self.depth = self.depth.saturating_sub(1),
                Event::Text(text) if own => content.push_str(&text.xml10_content()),
                Event::CData(text) if own => content.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) if own => match reference.resolve_char_ref() {
                    Ok(Some(c)) => content.push(c),
                    // An entity of the file's own was refused by `event`.
                    Ok(None) | Err(_) => content.push_str(resolve_predefined_entity(&reference.into_inner()).unwrap_or_default()),
                },
                Event::Text(_)
                | Event::CData(_)
                | Event::GeneralRef(_)
                | Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::Eof => {}
            }
            if content.len() > self.limits.text_bytes {
                let message = format!("the text of <{}> is longer than {} bytes", parent.name, self.limits.text_bytes);
                self.fail("scl::too-large", parent.span.start..parent.span.end, message, "no value of a station is that long: remove it");
            }
        }
        let trimmed = content.trim();
        if trimmed.len() == content.len() { content } else { trimmed.to_owned() }
    }

    /// The next event; nothing at the end of the file and after a failure.
    fn event(&mut self) -> Option<Event<'t>> {
        let before = self.position();
        let event = match self.reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let at = usize::try_from(self.reader.error_position()).unwrap_or(before);
                let fix = "open the file in the tool that wrote it and export it again; an editor may have cut it";
                self.fail("scl::xml", at..at + 1, format!("this is not well-formed XML: {error}"), fix);
                return None;
            }
        };
        match &event {
            Event::DocType(_) => {
                let fix = "remove the document type definition: SCL has a schema and needs none";
                self.fail("scl::doctype", before..self.position(), "the file brings a document type definition".to_owned(), fix);
                return None;
            }
            Event::GeneralRef(reference) => {
                let known = match reference.resolve_char_ref() {
                    Ok(Some(_)) => true,
                    Ok(None) => resolve_predefined_entity(reference).is_some(),
                    Err(_) => false,
                };
                if !known {
                    let message = format!("the file uses the entity &{};, which XML alone does not define", &**reference);
                    self.fail("scl::entity", before..self.position(), message, "write the character itself; the file is UTF-8");
                    return None;
                }
            }
            Event::Eof if self.depth > 0 => {
                let message = "the file ends before its last element is closed".to_owned();
                self.fail("scl::xml", before..before, message, "copy the file again: it was cut on its way");
                return None;
            }
            Event::Eof => return None,
            Event::Start(_)
            | Event::End(_)
            | Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_) => {}
        }
        Some(event)
    }

    /// Counts an element that opens; false if it is one too many.
    fn open(&mut self) -> bool {
        self.depth += 1;
        self.elements += 1;
        let at = self.position();
        if self.depth > self.limits.depth {
            let message = format!("elements stand more than {} deep inside each other", self.limits.depth);
            self.fail("scl::too-deep", at..at, message, "no lawful file is that deep: export it again");
        } else if self.elements > self.limits.elements {
            let message = format!("the file has more than {} elements", self.limits.elements);
            self.fail("scl::too-large", at..at, message, "split the station into several files, or export it without vendor data");
        }
        !self.failed
    }

    fn element(&mut self, start: &BytesStart<'t>) -> Option<Element<'t>> {
        let name = start.name();
        let at = within(self.text, name.0)?;
        let begin = at.start.saturating_sub(1);
        let span = self.span(begin..self.position());
        let foreign = match self.reader.resolver().resolve_element(name).0 {
            ResolveResult::Bound(namespace) if namespace.0 == NAMESPACE => None,
            ResolveResult::Bound(namespace) => Some(namespace.0.to_owned()),
            // Files from before the first edition name no namespace.
            ResolveResult::Unbound => None,
            ResolveResult::Unknown(prefix) => Some(prefix),
        };
        let local = within(self.text, start.local_name().as_ref()).and_then(|range| self.text.get(range))?;
        let attributes = self.attributes(start, span, foreign.is_none())?;
        Some(Element { name: local, foreign, span, attributes, depth: self.depth })
    }

    fn attributes(&mut self, start: &BytesStart<'t>, span: Span, is_scl: bool) -> Option<Vec<Attribute<'t>>> {
        let mut attributes: Vec<Attribute<'t>> = Vec::new();
        let whole = span.start..span.end;
        let fix = "export the file again from the tool that wrote it";
        // Doubled names are looked for below, where their number is bounded.
        for attribute in start.attributes().with_checks(false) {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => {
                    self.fail("scl::xml", whole, format!("an attribute is malformed: {error}"), fix);
                    return None;
                }
            };
            let key = within(self.text, attribute.key.0).and_then(|range| self.text.get(range))?;
            if key.starts_with("xmlns") {
                continue;
            }
            let place = within(self.text, &attribute.value)?;
            let is_name = is_scl && !LONG.contains(&key) && !key.contains(':');
            let most = if is_name { self.limits.name_bytes } else { self.limits.attribute_bytes };
            if attributes.len() >= self.limits.attributes || place.len() > most {
                let message =
                    format!("an element has more than {} attributes, or {key} has more than {most} bytes", self.limits.attributes);
                self.fail("scl::too-large", place, message, "no name of a station is that long: remove it");
                return None;
            }
            if attributes.iter().any(|known| known.key == key) {
                self.fail("scl::xml", place, format!("the attribute {key} is given twice"), fix);
                return None;
            }
            let raw = self.text.get(place.clone())?;
            let value = if raw.contains(['&', '\n', '\r', '\t']) {
                match attribute.normalized_value(XmlVersion::Explicit1_0) {
                    Ok(value) => Cow::Owned(value.into_owned()),
                    Err(error) => {
                        self.fail(
                            "scl::entity",
                            place,
                            format!("the attribute {key} does not read: {error}"),
                            "write the character itself",
                        );
                        return None;
                    }
                }
            } else {
                Cow::Borrowed(raw)
            };
            attributes.push(Attribute { key, value, place });
        }
        Some(attributes)
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len())
    }

    fn span(&self, range: Range<usize>) -> Span {
        let start = range.start.min(self.text.len());
        Span { source: self.source, start, end: range.end.clamp(start, self.text.len()) }
    }

    /// Refuses the file if something in it is beyond a limit.
    pub(crate) fn bound(&mut self, code: &str, element: &Element<'t>, is_within: bool, message: impl FnOnce() -> String) -> bool {
        if !is_within {
            self.fail(code, element.span.start..element.span.end, message(), "no station has that: export the file again");
        }
        !self.failed
    }

    /// Counts a logical device or node; false if it is one too many.
    pub(crate) fn count_node(&mut self, element: &Element<'t>) -> bool {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let message = format!("the file has more than {} logical devices and nodes", self.limits.nodes);
            let fix = "split the station into several files";
            self.fail("scl::too-large", element.span.start..element.span.end, message, fix);
        }
        !self.failed
    }

    /// Stops reading for good.
    fn fail(&mut self, code: &str, range: Range<usize>, message: String, fix: &str) {
        self.failed = true;
        let mut span = self.span(range);
        while !self.text.is_char_boundary(span.start) {
            span.start -= 1;
        }
        while !self.text.is_char_boundary(span.end) {
            span.end += 1;
        }
        self.problems.push(Diagnostic::error(code, message).at(span).fix(fix));
    }

    /// An attribute that must be there; its absence is a problem.
    pub(crate) fn need(&mut self, element: &Element<'t>, key: &str) -> Option<String> {
        let found = element.optional(key);
        if found.is_none() {
            self.problem(
                Diagnostic::error("scl::attribute-missing", format!("<{}> has no {key}", element.name))
                    .at(element.span)
                    .fix(format!("add {key}=\"…\"; without it the element cannot be referred to")),
            );
        }
        found
    }

    /// A number, if there is one; another text is a problem.
    pub(crate) fn number<N: std::str::FromStr>(&mut self, element: &Element<'t>, key: &str) -> Option<N> {
        let text = element.attr(key)?.trim();
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok();
        if number.is_none() {
            self.malformed(element, key, "a whole number in its range");
        }
        number
    }

    /// A truth; `default` if there is none. Another text is a problem.
    pub(crate) fn truth(&mut self, element: &Element<'t>, key: &str, default: bool) -> bool {
        match element.attr(key).map(str::trim) {
            None => default,
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            Some(_) => {
                self.malformed(element, key, "true or false");
                default
            }
        }
    }

    /// Notes that an attribute's value is not what it must be.
    pub(crate) fn malformed(&mut self, element: &Element<'t>, key: &str, wanted: &str) {
        let message = format!("{key} of <{}> is {:?}, not {wanted}", element.name, element.attr(key).unwrap_or_default());
        self.problem(Diagnostic::error("scl::attribute-malformed", message).at(element.place(key)).fix(format!("write {wanted}")));
    }

    /// Notes an element of SCL that this reader passes over; one that SCL does not have is a problem.
    pub(crate) fn pass_over(&mut self, element: &Element<'t>, parent: &Element<'t>) {
        if PASSED_OVER.contains(&element.name) {
            return;
        }
        if self.aside.count_unknown(element.name, self.limits.aside_kinds) {
            let message = format!("<{}> holds an element <{}>, which SCL does not have there", parent.name, element.name);
            let fix = bridge_diag::nearest(element.name, READ.iter().copied()).map_or_else(
                || "put what is not SCL into a Private, or give it a namespace of its own".to_owned(),
                |near| format!("did you mean <{near}>?"),
            );
            self.problem(Diagnostic::warning("scl::element-unknown", message).at(element.span).fix(fix));
        }
    }
}

/// Attributes of SCL that are no names.
const LONG: &[&str] = &["desc", "intAddr", "sAddr", "pathName", "connectivityNode", "value", "toolID"];

/// Elements of SCL that say nothing the bridge needs.
const PASSED_OVER: &[&str] = &[
    "AccessControl",
    "Association",
    "Authentication",
    "BitRate",
    "GOOSESecurity",
    "History",
    "Hitem",
    "IssuerName",
    "KDC",
    "Labels",
    "MaxTime",
    "MinTime",
    "PhysConn",
    "Private",
    "Protocol",
    "ProtNs",
    "SMVSecurity",
    "SourceFiles",
    "Subject",
    "Symbol",
    "Text",
    "SubNetwork",
    "LNodeSpecNaming",
    "SCL",
    "UserRights",
    "SmvOpts",
];

/// Elements that this reader knows by name, for suggestions.
const READ: &[&str] = &[
    "AccessPoint",
    "Address",
    "BDA",
    "Bay",
    "ClientLN",
    "Communication",
    "ConductingEquipment",
    "ConnectedAP",
    "ConnectivityNode",
    "DA",
    "DAI",
    "DAType",
    "DO",
    "DOI",
    "DOType",
    "DataSet",
    "DataTypeTemplates",
    "EnumType",
    "EnumVal",
    "ExtRef",
    "FCDA",
    "GSE",
    "GSEControl",
    "Header",
    "IED",
    "IEDName",
    "Inputs",
    "LDevice",
    "LN",
    "LN0",
    "LNode",
    "LNodeType",
    "Log",
    "LogControl",
    "OptFields",
    "P",
    "PowerTransformer",
    "Private",
    "ReportControl",
    "RptEnabled",
    "SDI",
    "SDO",
    "SMV",
    "SampledValueControl",
    "Server",
    "Services",
    "SettingControl",
    "SubEquipment",
    "SubNetwork",
    "Substation",
    "TapChanger",
    "Terminal",
    "TransformerWinding",
    "TrgOps",
    "Val",
    "Voltage",
    "VoltageLevel",
];

/// Where `part`, a piece of `text`, stands in it; nothing if it is no piece of it.
fn within(text: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    text.get(range.clone()).map(|_| range)
}

/// How often each name occurs, with a bound on the names.
pub(crate) fn count(into: &mut BTreeMap<String, usize>, name: &str, kinds: usize) -> bool {
    if let Some(times) = into.get_mut(name) {
        *times += 1;
        return false;
    }
    let name: String = if into.len() < kinds { name.chars().take(256).collect() } else { "…".to_owned() };
    let times = into.entry(name).or_default();
    *times += 1;
    *times == 1
}

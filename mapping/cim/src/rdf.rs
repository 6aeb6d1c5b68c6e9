//! RDF/XML as models are exchanged in it (IEC 61970-552): a stream of nodes, their attributes and their references.
//!
//! The reader holds one tag at a time. Document types and entities other than the five of XML are refused: they are how a small file
//! becomes a large one. It cannot panic: every index is checked, every length has a bound in [`Bounds`].

use std::io::BufRead;

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::errors::Error;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, PrefixDeclaration, ResolveResult};

use crate::bounds::Bounds;
use crate::guard::{Guard, Over};
use crate::problems::Fault;
use crate::version::{RDF, Space, space};

/// A class or attribute as written: its namespace and its name in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) local: &'a str,
}

/// What a node is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject<'a> {
    /// `rdf:ID`: it is defined here.
    Defined(&'a str),
    /// `rdf:about`: something is said of it here.
    About(&'a str),
    /// Neither.
    Nameless,
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    /// In a model.
    Plain,
    /// In a difference: what is added.
    Forward,
    /// In a difference: what is taken away.
    Reverse,
    /// In a difference: what must be true before.
    Preconditions,
}

/// What to do with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Take {
    /// Tell what is in it.
    Whole,
    /// Pass over it.
    Skip,
    /// The document need not be read further.
    Stop,
}

/// Offset and length of a tag.
pub(crate) type Place = (u64, u64);

/// Who listens.
pub(crate) trait Sink {
    /// The namespaces that the root declares.
    fn root(&mut self, namespaces: &[&str]) -> Result<(), Fault>;
    /// A node begins.
    fn node(&mut self, name: Name<'_>, subject: Subject<'_>, section: Section, place: Place) -> Result<Take, Fault>;
    /// An attribute or reference of the node begins. What is returned stands for its name in the calls below.
    fn property(&mut self, name: Name<'_>) -> Result<u16, Fault>;
    /// The attribute's text.
    fn literal(&mut self, name: u16, text: &str, place: Place) -> Result<(), Fault>;
    /// The reference, as written.
    fn resource(&mut self, name: u16, resource: &str, place: Place) -> Result<(), Fault>;
    /// A value with an inner structure, which is passed over.
    fn structure(&mut self, name: u16);
    /// The node ends.
    fn end(&mut self) -> Take;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Frame {
    Root(Section),
    Node { is_difference: bool },
    Literal { name: u16, offset: u64, is_structure: bool },
    Resource,
    Skipped,
}

const XML_FIX: &str = "export the file again; if it was edited by hand, mend it here";

/// Reads one document.
pub(crate) fn parse(input: &mut dyn BufRead, bounds: &Bounds, most: u64, sink: &mut dyn Sink) -> Result<u64, Fault> {
    let guard = Guard::new(input, bounds.token_bytes, most, Over::Document(most));
    let mut reader = NsReader::from_reader(guard);
    let mut parser = Parser { bounds, sink, frames: Vec::new(), text: String::new(), has_root: false };
    // A byte order mark is taken by the first read and belongs to no event.
    let mut event = Vec::new();
    loop {
        event.clear();
        reader.get_mut().mark();
        let start = reader.get_mut().consumed();
        let found = match reader.read_event_into(&mut event) {
            Ok(found) => found,
            Err(error) => return Err(xml_fault(&error).at(start, 0)),
        };
        let end = reader.get_mut().consumed();
        let place = (start, end - start);
        let next = parser.event(&reader, found, place).map_err(|fault| fault.at(start, end - start))?;
        if next == Take::Stop {
            return Ok(end);
        }
    }
}

struct Parser<'a> {
    bounds: &'a Bounds,
    sink: &'a mut dyn Sink,
    frames: Vec<Frame>,
    text: String,
    has_root: bool,
}

impl Parser<'_> {
    fn event<R>(&mut self, reader: &NsReader<R>, event: Event<'_>, place: Place) -> Result<Take, Fault> {
        match event {
            Event::Start(tag) => self.open(reader, &tag, place),
            Event::Empty(tag) => match self.open(reader, &tag, place)? {
                Take::Stop => Ok(Take::Stop),
                Take::Whole | Take::Skip => self.close(place),
            },
            Event::End(_) => self.close(place),
            Event::Text(text) => self.append(&text.xml10_content()),
            Event::CData(text) => self.append(&text.xml10_content()),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(character)) => self.append(character.encode_utf8(&mut [0; 4])),
                Ok(None) => match resolve_predefined_entity(&entity) {
                    Some(text) => self.append(text),
                    None => Err(entity_fault(&entity)),
                },
                Err(error) => Err(xml_fault(&error)),
            },
            Event::Decl(declaration) => match declaration.encoding() {
                Some(Ok(encoding)) if !["utf-8", "utf8", "us-ascii"].contains(&encoding.to_ascii_lowercase().as_str()) => Err(Fault::new(
                    "cim::encoding",
                    format!("the file says that it is written in {encoding}"),
                    "write it in UTF-8, which IEC 61970-552 asks for",
                )),
                Some(Err(error)) => Err(xml_fault(&Error::from(error))),
                Some(Ok(_)) | None => Ok(Take::Whole),
            },
            Event::DocType(_) => Err(Fault::new(
                "cim::doctype",
                "the file has a document type definition",
                "remove <!DOCTYPE …>: no model needs it, and files that expand themselves do",
            )),
            Event::Comment(_) | Event::PI(_) => Ok(Take::Whole),
            Event::Eof if self.frames.is_empty() && self.has_root => Ok(Take::Stop),
            Event::Eof if self.has_root => Err(Fault::new("cim::xml", "the file ends in the middle", XML_FIX)),
            Event::Eof => Err(Fault::new("cim::not-rdf", "the file is empty", "give a CIM/XML file")),
        }
    }

    fn append(&mut self, text: &str) -> Result<Take, Fault> {
        match self.frames.last() {
            Some(Frame::Literal { .. }) => {
                if (self.text.len() + text.len()) as u64 > self.bounds.token_bytes {
                    return Err(over_fault(Over::Token(self.bounds.token_bytes)));
                }
                self.text.push_str(text);
            }
            Some(Frame::Skipped | Frame::Resource) => {}
            Some(Frame::Root(_) | Frame::Node { .. }) | None if text.trim().is_empty() => {}
            Some(Frame::Root(_) | Frame::Node { .. }) | None => {
                return Err(Fault::new("cim::xml", "text stands outside of an attribute", XML_FIX));
            }
        }
        Ok(Take::Whole)
    }

    fn open<R>(&mut self, reader: &NsReader<R>, tag: &BytesStart<'_>, place: Place) -> Result<Take, Fault> {
        if self.frames.len() >= self.bounds.depth {
            let message = format!("elements stand more than {} deep inside each other", self.bounds.depth);
            return Err(Fault::new("cim::too-deep", message, "no model needs it; check where the file is from"));
        }
        let (namespace, local) = reader.resolver().resolve_element(tag.name());
        let namespace = bound(&namespace)?;
        let name = Name { namespace, local: local.into_inner() };
        let frame = match self.frames.last_mut() {
            None => {
                self.root(reader, name)?;
                Frame::Root(Section::Plain)
            }
            Some(Frame::Root(section)) => {
                let section = *section;
                return self.node(reader, tag, name, section, place);
            }
            Some(Frame::Node { is_difference: true }) if space(namespace) == Space::Difference => match section_of(name.local) {
                Some(section) => Frame::Root(section),
                None => Frame::Skipped,
            },
            Some(Frame::Node { .. }) => self.property(reader, tag, name, place)?,
            Some(Frame::Literal { name, is_structure, .. }) => {
                if !*is_structure {
                    *is_structure = true;
                    self.sink.structure(*name);
                }
                Frame::Skipped
            }
            Some(Frame::Resource | Frame::Skipped) => Frame::Skipped,
        };
        self.frames.push(frame);
        Ok(Take::Whole)
    }

    fn root<R>(&mut self, reader: &NsReader<R>, name: Name<'_>) -> Result<(), Fault> {
        if name.namespace != RDF || name.local != "RDF" || self.has_root {
            let message = format!("the file begins with <{}>, not with <rdf:RDF>", name.local);
            return Err(Fault::new("cim::not-rdf", message, "give a CIM/XML file (IEC 61970-552)"));
        }
        self.has_root = true;
        let declared: Vec<&str> = reader
            .resolver()
            .bindings()
            .filter(|(prefix, _)| !matches!(prefix, PrefixDeclaration::Named("xml" | "xmlns")))
            .map(|(_, Namespace(uri))| uri)
            .collect();
        self.sink.root(&declared)
    }

    fn node<R>(
        &mut self,
        reader: &NsReader<R>,
        tag: &BytesStart<'_>,
        name: Name<'_>,
        section: Section,
        place: Place,
    ) -> Result<Take, Fault> {
        let mut written = Vec::new();
        let (mut id, mut about) = (None, None);
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| xml_fault(&Error::from(error)))?;
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| xml_fault(&error))?;
            match (namespace, local.into_inner()) {
                (ResolveResult::Bound(Namespace(RDF)), "ID") => id = Some(value),
                (ResolveResult::Bound(Namespace(RDF)), "about") => about = Some(value),
                (ResolveResult::Bound(Namespace(uri)), local) if matches!(space(uri), Space::Cim(_) | Space::European | Space::Header) => {
                    written.push((Name { namespace: uri, local }, value));
                }
                (ResolveResult::Bound(_) | ResolveResult::Unbound, _) => {}
                (ResolveResult::Unknown(prefix), _) => return Err(prefix_fault(&prefix)),
            }
        }
        let subject = match (&id, &about) {
            (Some(id), _) => Subject::Defined(id),
            (None, Some(about)) => Subject::About(about),
            (None, None) => Subject::Nameless,
        };
        let take = self.sink.node(name, subject, section, place)?;
        let is_difference = name.local == "DifferenceModel" && space(name.namespace) == Space::Difference;
        self.frames.push(match take {
            Take::Whole => Frame::Node { is_difference },
            Take::Skip => Frame::Skipped,
            Take::Stop => return Ok(Take::Stop),
        });
        if take == Take::Whole {
            for (name, value) in &written {
                let name = self.sink.property(*name)?;
                self.sink.literal(name, value.trim(), place)?;
            }
        }
        Ok(Take::Whole)
    }

    fn property<R>(&mut self, reader: &NsReader<R>, tag: &BytesStart<'_>, name: Name<'_>, place: Place) -> Result<Frame, Fault> {
        let handle = self.sink.property(name)?;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| xml_fault(&Error::from(error)))?;
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            match (namespace, local.into_inner()) {
                (ResolveResult::Bound(Namespace(RDF)), "resource") => {
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| xml_fault(&error))?;
                    self.sink.resource(handle, value.trim(), place)?;
                    return Ok(Frame::Resource);
                }
                (ResolveResult::Bound(Namespace(RDF)), "parseType" | "nodeID") => {
                    self.sink.structure(handle);
                    return Ok(Frame::Skipped);
                }
                (ResolveResult::Bound(_) | ResolveResult::Unbound, _) => {}
                (ResolveResult::Unknown(prefix), _) => return Err(prefix_fault(&prefix)),
            }
        }
        self.text.clear();
        Ok(Frame::Literal { name: handle, offset: place.0, is_structure: false })
    }

    fn close(&mut self, place: Place) -> Result<Take, Fault> {
        match self.frames.pop() {
            Some(Frame::Literal { name, offset, is_structure: false }) => {
                self.sink.literal(name, self.text.trim(), (offset, place.0 + place.1 - offset))?;
                Ok(Take::Whole)
            }
            Some(Frame::Node { .. }) => Ok(self.sink.end()),
            Some(Frame::Root(_) | Frame::Literal { .. } | Frame::Resource | Frame::Skipped) | None => Ok(Take::Whole),
        }
    }
}

fn section_of(local: &str) -> Option<Section> {
    match local {
        "forwardDifferences" | "DifferenceModel.forwardDifferences" => Some(Section::Forward),
        "reverseDifferences" | "DifferenceModel.reverseDifferences" => Some(Section::Reverse),
        "preconditions" | "DifferenceModel.preconditions" => Some(Section::Preconditions),
        _ => None,
    }
}

fn bound<'a>(namespace: &ResolveResult<'a>) -> Result<&'a str, Fault> {
    match namespace {
        ResolveResult::Bound(Namespace(uri)) => Ok(uri),
        ResolveResult::Unbound => Ok(""),
        ResolveResult::Unknown(prefix) => Err(prefix_fault(prefix)),
    }
}

fn prefix_fault(prefix: &str) -> Fault {
    Fault::new("cim::prefix-unbound", format!("the prefix `{prefix}:` stands for no namespace"), "declare it with xmlns in <rdf:RDF>")
}

fn entity_fault(entity: &str) -> Fault {
    let message = format!("the entity &{entity}; is none of the five of XML");
    Fault::new("cim::entity", message, "write the character itself, or its number as &#…;")
}

fn over_fault(over: Over) -> Fault {
    match over {
        Over::Token(_) => {
            Fault::new("cim::too-large", over.to_string(), "no attribute of a model is that long; check where the file is from")
        }
        Over::Document(_) => Fault::new("cim::too-large", over.to_string(), "split the model, or raise the bound if the file is right"),
        Over::Ratio(_) => Fault::new("cim::zip-bomb", over.to_string(), "no model packs that well; check where the archive is from"),
    }
}

/// The fault behind an error of the XML reader.
fn xml_fault(error: &Error) -> Fault {
    match error {
        Error::Io(error) => match Over::of(error) {
            Some(over) => over_fault(over),
            None if error.kind() == std::io::ErrorKind::InvalidData => {
                Fault::new("cim::zip-damaged", format!("the archive is damaged here: {error}"), "pack it again")
            }
            None => Fault::new("cim::file-unreadable", format!("the file cannot be read further: {error}"), "check the disk or the share"),
        },
        Error::Encoding(_) => Fault::new("cim::encoding", "the text is not UTF-8", "write the file in UTF-8, which IEC 61970-552 asks for"),
        Error::Escape(quick_xml::escape::EscapeError::UnrecognizedEntity(_, entity)) => entity_fault(entity),
        Error::Syntax(_) | Error::IllFormed(_) | Error::InvalidAttr(_) | Error::Escape(_) | Error::Namespace(_) => {
            Fault::new("cim::xml", format!("this is not XML: {error}"), XML_FIX)
        }
    }
}

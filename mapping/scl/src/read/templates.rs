//! Types.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bridge_diag::{Diagnostic, Span};

use super::ied::value;
use crate::document::{
    Attribute, BasicType, Count, DataAttributeType, DataObjectType, EnumType, Fc, LNodeType, Member, ObjectMember, Templates,
};
use crate::xml::{Element, Xml};

pub(super) fn templates<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Templates) {
    while let Some(child) = xml.child(element) {
        match child.name {
            "LNodeType" => node(xml, &child, into),
            "DOType" => object(xml, &child, into),
            "DAType" => attribute_type(xml, &child, into),
            "EnumType" => enumeration(xml, &child, into),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
}

/// A second type of one id is a problem, and left out: what refers to the id gets the first.
fn reused(xml: &mut Xml<'_>, element: &Element<'_>, id: &str) {
    xml.problem(
        Diagnostic::error("scl::type-reused", format!("there are two <{}> with the id {id}", element.name))
            .at(element.place("id"))
            .fix("rename one of them, and every reference to it; the first one is used"),
    );
}

fn keep<T>(xml: &mut Xml<'_>, element: &Element<'_>, into: &mut BTreeMap<String, T>, id: String, kind: T) {
    match into.entry(id) {
        Entry::Occupied(known) => reused(xml, element, known.key()),
        Entry::Vacant(place) => {
            place.insert(kind);
        }
    }
}

fn node<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Templates) {
    let (Some(id), Some(class)) = (xml.need(element, "id"), xml.need(element, "lnClass")) else { return };
    let mut kind = LNodeType { id: id.clone(), class, objects: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "DO" => kind.objects.extend(object_member(xml, &child)),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    unique(xml, kind.objects.iter().map(|object| (object.name.as_str(), object.span)), &format!("the node type {id}"));
    // Edition 1 tells types apart by id and class.
    let known = into.nodes.entry(id.clone()).or_default();
    if known.iter().any(|known| known.class == kind.class) {
        reused(xml, element, &id);
    } else {
        known.push(kind);
    }
}

fn object_member<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<ObjectMember> {
    Some(ObjectMember {
        name: name(xml, element)?,
        type_id: xml.need(element, "type")?,
        desc: element.text("desc"),
        transient: xml.truth(element, "transient", false),
        count: count(xml, element),
        span: element.span,
    })
}

/// A member's name; blanks around it are a slip of a tool and cut off.
fn name<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<String> {
    let written = xml.need(element, "name")?;
    let name = written.trim();
    let lawful = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if name.len() != written.len() || !lawful {
        xml.problem(
            Diagnostic::warning("scl::name-malformed", format!("{written:?} is no name of data"))
                .at(element.place("name"))
                .fix("names of data are letters and digits, without blanks"),
        );
    }
    (!name.is_empty()).then(|| name.to_owned())
}

fn count<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<Count> {
    let text = element.attr("count")?.trim();
    if text.is_empty() || text == "0" {
        return None;
    }
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some(Count::Named(text.to_owned()));
    }
    let limit = xml.limits.array;
    if let Some(count) = text.parse().ok().filter(|count| *count <= limit) {
        return Some(Count::Fixed(count));
    }
    xml.problem(
        Diagnostic::error("scl::array-too-large", format!("{} is an array of {text:?} elements", element.attr("name").unwrap_or("it")))
            .at(element.place("count"))
            .fix(format!("write a number up to {limit}, or the name of the attribute that has it; it is read as one element")),
    );
    None
}

fn object<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Templates) {
    let (Some(id), Some(cdc)) = (xml.need(element, "id"), xml.need(element, "cdc")) else { return };
    let mut kind = DataObjectType { cdc, members: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "SDO" => kind.members.extend(object_member(xml, &child).map(Member::Object)),
            "DA" => kind.members.extend(attribute(xml, &child, true).map(Member::Attribute)),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    let names = kind.members.iter().map(|member| match member {
        Member::Object(object) => (object.name.as_str(), object.span),
        Member::Attribute(attribute) => (attribute.name.as_str(), attribute.span),
    });
    unique(xml, names, &format!("the object type {id}"));
    keep(xml, element, &mut into.objects, id, kind);
}

fn attribute<'t>(xml: &mut Xml<'t>, element: &Element<'t>, with_fc: bool) -> Option<Attribute> {
    let name = name(xml, element)?;
    let fc = if with_fc { word(xml, element, "fc", "scl::fc-unknown", Fc::parse, Fc::ALL.iter().map(|fc| fc.as_str())) } else { None };
    let basic = word(xml, element, "bType", "scl::btype-unknown", BasicType::parse, BasicType::ALL.iter().map(|basic| basic.as_str()));
    let mut attribute = Attribute {
        name,
        fc,
        basic,
        type_id: element.text("type"),
        count: count(xml, element),
        dchg: xml.truth(element, "dchg", false),
        qchg: xml.truth(element, "qchg", false),
        dupd: xml.truth(element, "dupd", false),
        values: Arc::default(),
        span: element.span,
    };
    let mut values = Vec::new();
    while let Some(child) = xml.child(element) {
        match child.name {
            "Val" => values.push(value(xml, &child)),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    attribute.values = values.into();
    Some(attribute)
}

fn word<'t, W>(
    xml: &mut Xml<'t>,
    element: &Element<'t>,
    key: &str,
    code: &str,
    parse: impl Fn(&str) -> Option<W>,
    known: impl Iterator<Item = &'static str>,
) -> Option<W> {
    let written = xml.need(element, key)?;
    let word = parse(&written);
    if word.is_none() {
        let fix = bridge_diag::nearest(&written, known)
            .map_or_else(|| "take a word of the standard's table".to_owned(), |near| format!("did you mean {near}?"));
        let message = format!("{key} of {} is {written:?}, which the standard does not have", element.attr("name").unwrap_or("it"));
        xml.problem(Diagnostic::error(code, message).at(element.place(key)).fix(fix));
    }
    word
}

fn attribute_type<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Templates) {
    let Some(id) = xml.need(element, "id") else { return };
    let mut kind = DataAttributeType { members: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "BDA" => kind.members.extend(attribute(xml, &child, false)),
            "Private" => super::private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    unique(xml, kind.members.iter().map(|member| (member.name.as_str(), member.span)), &format!("the structure {id}"));
    keep(xml, element, &mut into.attributes, id, kind);
}

fn enumeration<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Templates) {
    let Some(id) = xml.need(element, "id") else { return };
    let mut kind = EnumType { values: Vec::new(), span: element.span };
    let mut ordinals = std::collections::BTreeSet::new();
    let most = xml.limits.enum_words;
    while let Some(child) = xml.child(element) {
        if child.name != "EnumVal" {
            xml.pass_over(&child, element);
            continue;
        }
        if !xml.bound("scl::too-large", &child, kind.values.len() < most, || format!("the enumeration {id} has more than {most} words")) {
            return;
        }
        let ordinal = if child.attr("ord").is_some() { xml.number(&child, "ord") } else { xml.need(&child, "ord").and(None) };
        let word = xml.content(&child);
        let Some(ordinal) = ordinal else { continue };
        if ordinals.insert(ordinal) {
            kind.values.push((ordinal, word));
        } else {
            xml.problem(
                Diagnostic::error("scl::name-reused", format!("the enumeration {id} gives the number {ordinal} to two words"))
                    .at(child.place("ord"))
                    .fix("give each word its own number; the first one is used"),
            );
        }
    }
    keep(xml, element, &mut into.enums, id, kind);
}

/// Notes every name that came before.
pub(super) fn unique<'n>(xml: &mut Xml<'_>, names: impl Iterator<Item = (&'n str, Span)>, place: &str) {
    let mut known = std::collections::BTreeSet::new();
    for (name, span) in names {
        if !known.insert(name) {
            xml.problem(
                Diagnostic::error("scl::name-reused", format!("{place} has two members {name}"))
                    .at(span)
                    .fix("rename one of them: a reference would reach only the first"),
            );
        }
    }
}

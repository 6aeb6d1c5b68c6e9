//! Privates: telecontrol addresses are read, texts in the single line are kept, everything else is counted aside.

use bridge_diag::Diagnostic;

use crate::document::{PrivateText, Telecontrol, TelecontrolAddress};
use crate::xml::{Element, Xml};

/// Private texts kept of one part of the single line.
const MAX_TEXTS: usize = 32;

/// Bytes of a private text that are kept; a longer one is no name of anything.
const MAX_TEXT_BYTES: usize = 1024;

/// Counts a Private that has nothing the bridge reads.
pub(super) fn pass_over<'t>(xml: &mut Xml<'t>, element: &Element<'t>) {
    let kinds = xml.limits.aside_kinds;
    let kind = element.text("type");
    xml.aside.count_private(&kind, kinds);
}

/// The telecontrol addresses in a Private; another Private is counted.
pub(super) fn addresses<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<TelecontrolAddress>) {
    let Some(protocol) = Telecontrol::of_private(element.attr("type").unwrap_or_default()) else {
        pass_over(xml, element);
        return;
    };
    while let Some(child) = xml.any_child(element) {
        if child.name == "Address" {
            into.extend(address(xml, &child, protocol));
        }
    }
}

fn address<'t>(xml: &mut Xml<'t>, element: &Element<'t>, protocol: Telecontrol) -> Option<TelecontrolAddress> {
    const OWN: &[&str] = &["casdu", "ioa", "ti", "expectedValue", "inverted", "check", "unitMultiplier", "scaleMultiplier", "scaleOffset"];
    let common_address = in_range(xml, element, "casdu", 1, 65_535);
    let object_address = in_range(xml, element, "ioa", 1, 16_777_215);
    let type_id = in_range(xml, element, "ti", 1, 127);
    let expected_value = element.attr("expectedValue").is_some().then(|| xml.number(element, "expectedValue")).flatten();
    let scale_multiplier = real(xml, element, "scaleMultiplier");
    let scale_offset = real(xml, element, "scaleOffset");
    let inverted = xml.truth(element, "inverted", false);
    let others = element.attributes().filter(|(key, _)| !OWN.contains(key)).map(|(key, value)| (key.to_owned(), value.to_owned()));
    Some(TelecontrolAddress {
        protocol,
        common_address: u16::try_from(common_address?).ok()?,
        object_address: object_address?,
        type_id: u8::try_from(type_id?).ok()?,
        expected_value,
        inverted,
        check: element.optional("check"),
        unit_multiplier: element.optional("unitMultiplier"),
        scale_multiplier,
        scale_offset,
        others: others.collect(),
        span: element.span,
    })
}

fn in_range<'t>(xml: &mut Xml<'t>, element: &Element<'t>, key: &str, least: u32, most: u32) -> Option<u32> {
    let number = element.attr(key).and_then(|text| text.trim().parse().ok()).filter(|number| (least..=most).contains(number));
    if number.is_none() {
        let written = element.attr(key).map_or_else(|| "is missing".to_owned(), |text| format!("is {text:?}"));
        xml.problem(
            Diagnostic::error("scl::address-malformed", format!("{key} of a telecontrol address {written}"))
                .at(element.place(key))
                .fix(format!("write a number from {least} to {most}; structured addresses are written as one number")),
        );
    }
    number
}

fn real<'t>(xml: &mut Xml<'t>, element: &Element<'t>, key: &str) -> Option<f64> {
    let text = element.attr(key)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    if number.is_none() {
        xml.malformed(element, key, "a number");
    }
    number
}

/// The texts of a Private in the single line: its own and those of its children, by text or by an attribute `value`.
pub(super) fn texts<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<PrivateText>) {
    pass_over(xml, element);
    let kind = element.text("type");
    let mut keep = |name: &str, text: &str| {
        if !text.is_empty() && text.len() <= MAX_TEXT_BYTES && into.len() < MAX_TEXTS {
            into.push(PrivateText { kind: kind.clone(), name: name.to_owned(), text: text.to_owned() });
        }
    };
    // A Private has either a text or children; asking for children passes over text, so the text is asked for by a look ahead.
    if xml.starts_with_text() {
        let own = xml.content(element);
        keep("", &own);
        return;
    }
    while let Some(child) = xml.any_child(element) {
        let by_attribute = child.text("value");
        let text = if by_attribute.is_empty() { xml.content(&child) } else { by_attribute };
        keep(child.name, &text);
    }
}

//! Values against their types.

use super::Budget;
use crate::document::{Attribute, BasicType, Member, Value};
use crate::model::Model;
use crate::problems::Problems;

/// The values that types give.
pub(super) fn templates(model: &Model, problems: &mut Problems, budget: &mut Budget) {
    let of_objects = model.scl.templates.objects.values().flat_map(|kind| &kind.members).filter_map(|member| match member {
        Member::Attribute(attribute) => Some(attribute),
        Member::Object(_) => None,
    });
    let of_structures = model.scl.templates.attributes.values().flat_map(|kind| &kind.members);
    for attribute in of_objects.chain(of_structures) {
        let Attribute { name, basic: Some(basic), type_id, values, .. } = attribute else { continue };
        let enum_id = (*basic == BasicType::Enum).then_some(type_id.as_str());
        for given in values.iter() {
            value(model, *basic, enum_id, given, name, problems, budget);
        }
    }
}

/// One value.
pub(super) fn value(
    model: &Model,
    basic: BasicType,
    enum_id: Option<&str>,
    value: &Value,
    name: &str,
    problems: &mut Problems,
    budget: &mut Budget,
) {
    let text = value.text.trim();
    if text.is_empty() {
        return;
    }
    let fits = match basic {
        BasicType::Boolean => matches!(text, "true" | "false" | "0" | "1"),
        BasicType::Float32 | BasicType::Float64 => text.parse::<f64>().is_ok(),
        BasicType::Int8 => text.parse::<i8>().is_ok(),
        BasicType::Int16 => text.parse::<i16>().is_ok(),
        BasicType::Int24 => in_bits(text, 24),
        BasicType::Int32 => text.parse::<i32>().is_ok(),
        BasicType::Int64 => text.parse::<i64>().is_ok(),
        BasicType::Int128 => text.parse::<i128>().is_ok(),
        BasicType::Int8U => text.parse::<u8>().is_ok(),
        BasicType::Int16U => text.parse::<u16>().is_ok(),
        BasicType::Int24U => text.parse::<u32>().is_ok_and(|number| number < 1 << 24),
        BasicType::Int32U => text.parse::<u32>().is_ok(),
        BasicType::Int64U => text.parse::<u64>().is_ok(),
        BasicType::Enum => {
            let Some(kind) = enum_id.and_then(|id| model.scl.templates.enums.get(id)) else { return };
            if !budget.spend(kind.values.len()) {
                return;
            }
            if kind.ordinal(text).is_none() {
                let fix = problems.suggest(text, kind.values.iter().map(|(_, word)| word.as_str()), "take a word of the enumeration");
                let message = format!("{name} is {text:?}, which the enumeration {} does not have", enum_id.unwrap_or_default());
                problems.warning("scl::value-malformed", value.span, message, fix);
            }
            return;
        }
        BasicType::Dbpos
        | BasicType::Tcmd
        | BasicType::Quality
        | BasicType::Timestamp
        | BasicType::VisString32
        | BasicType::VisString64
        | BasicType::VisString65
        | BasicType::VisString129
        | BasicType::VisString255
        | BasicType::Octet6
        | BasicType::Octet16
        | BasicType::Octet64
        | BasicType::Struct
        | BasicType::EntryTime
        | BasicType::Unicode255
        | BasicType::Check
        | BasicType::ObjRef
        | BasicType::Currency
        | BasicType::PhyComAddr
        | BasicType::TrgOps
        | BasicType::OptFlds
        | BasicType::SvOptFlds
        | BasicType::LogOptFlds
        | BasicType::EntryId => true,
    };
    if !fits {
        problems.warning(
            "scl::value-malformed",
            value.span,
            format!("{name} is {text:?}, which is no {basic}"),
            format!("write a value of {basic}; the device will refuse this one"),
        );
    }
}

fn in_bits(text: &str, bits: u32) -> bool {
    text.parse::<i32>().is_ok_and(|number| (-(1 << (bits - 1))..1 << (bits - 1)).contains(&number))
}

//! How data objects are commanded (IEC 61850-7-2, 20).

use crate::document::BasicType;
use crate::model::NodeRef;
use crate::{DataObject, Fc, Leaf, common_data_class};

/// A control model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CtlModel {
    /// Read only.
    StatusOnly,
    /// Operate alone.
    DirectNormal,
    /// Select, then operate.
    SboNormal,
    /// Operate alone, supervised to its end.
    DirectEnhanced,
    /// Select with value, then operate, supervised to its end.
    SboEnhanced,
}

impl CtlModel {
    /// Every model with its word, in the order of its number.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::StatusOnly, "status-only"),
        (Self::DirectNormal, "direct-with-normal-security"),
        (Self::SboNormal, "sbo-with-normal-security"),
        (Self::DirectEnhanced, "direct-with-enhanced-security"),
        (Self::SboEnhanced, "sbo-with-enhanced-security"),
    ];

    /// The model of a word, or of its number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let by_word = Self::ALL.iter().find(|(_, word)| *word == text);
        by_word.or_else(|| Self::ALL.get(text.parse::<usize>().ok()?)).map(|(model, _)| *model)
    }

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(model, _)| *model == self).map_or("", |(_, word)| word)
    }

    /// Whether a select comes first.
    #[must_use]
    pub const fn selects(self) -> bool {
        matches!(self, Self::SboNormal | Self::SboEnhanced)
    }

    /// Whether the end is supervised and told by CommandTermination.
    #[must_use]
    pub const fn is_enhanced(self) -> bool {
        matches!(self, Self::DirectEnhanced | Self::SboEnhanced)
    }
}

/// What a file says of commanding one data object.
#[derive(Clone, Debug)]
pub struct Control<'m> {
    /// Its model; nothing if the file says none or an unknown one: then the device must be asked.
    pub model: Option<CtlModel>,
    /// The model as written.
    pub written: Option<&'m str>,
    /// The attribute that takes the command's value; nothing if the type has none.
    pub value: Option<&'m Leaf>,
    /// Whether it can be selected without value (SBO).
    pub has_sbo: bool,
    /// Whether it can be selected with value (SBOw).
    pub has_sbow: bool,
    /// Whether a command can be cancelled.
    pub has_cancel: bool,
    /// Whether a command may ask for checks (synchrocheck, interlock).
    pub has_check: bool,
    /// How long a select lasts, ms.
    pub select_timeout_ms: Option<u32>,
    /// How long an operation may take, ms.
    pub operate_timeout_ms: Option<u32>,
}

impl<'m> Control<'m> {
    /// What the file says of commanding this object; nothing if its class cannot be commanded.
    #[must_use]
    pub fn of(node: NodeRef<'m>, object: &DataObject) -> Option<Self> {
        let class = common_data_class(&object.cdc).filter(|class| !class.command.is_empty())?;
        let expansion = node.expansion?;
        let has = |name: &str| expansion.attribute(object, name, Some(Fc::Co)).next().is_some();
        let number = |name: &str| node.value_of(object, name).and_then(|text| text.trim().parse().ok());
        let written = node.value_of(object, "ctlModel").map(str::trim);
        let leaf = |name: &&str| {
            let is_it = |leaf: &&Leaf| leaf.path.len() == object.path.len() + 1 + name.len();
            let of = |fc| expansion.attribute(object, name, Some(fc)).find(is_it);
            of(Fc::Co).or_else(|| of(Fc::Sp))
        };
        let by_word = written.and_then(CtlModel::parse);
        // A tool may write the ordinal of an enumeration of its own.
        let by_enum = || {
            let leaf = expansion.attribute(object, "ctlModel", None).next().filter(|leaf| leaf.basic == BasicType::Enum)?;
            let words = &node.enums.get(leaf.enum_id.as_deref()?)?;
            CtlModel::parse(words.word(words.ordinal(written?)?)?)
        };
        Some(Self {
            model: by_word.or_else(by_enum),
            written,
            value: class.command.iter().find_map(leaf),
            has_sbo: has("SBO"),
            has_sbow: has("SBOw"),
            has_cancel: has("Cancel"),
            has_check: has("Oper.Check"),
            select_timeout_ms: number("sboTimeout"),
            operate_timeout_ms: number("operTimeout"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::CtlModel;

    #[test]
    fn models_are_read_by_word_and_by_number() {
        for (number, (model, word)) in CtlModel::ALL.iter().enumerate() {
            assert_eq!(CtlModel::parse(word), Some(*model));
            assert_eq!(CtlModel::parse(&number.to_string()), Some(*model));
            assert_eq!(model.as_str(), *word);
        }
        assert_eq!(CtlModel::parse("5"), None);
        assert_eq!(CtlModel::parse("sbo"), None);
        assert!(CtlModel::SboNormal.selects() && !CtlModel::SboNormal.is_enhanced());
        assert!(CtlModel::DirectEnhanced.is_enhanced() && !CtlModel::DirectEnhanced.selects());
    }
}

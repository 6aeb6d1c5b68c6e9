//! How a served point is transmitted besides being read: groups, cycles, thresholds (rows 46, 47, 61 and 63).

use std::time::Duration;

use bridge_session::read::{duration_between, problem};
use bridge_session::{Field, FieldProblem, Fields};

use crate::{Family, TypeId};

/// Read from an address's fields beside `ca`, `ioa` and `ti`; used by serving links.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Transmission {
    /// `groups = "1,3"`: bit n−1 is group n, 1 to 16 (counters: 1 to 4). A point may be in several.
    pub groups: u16,
    /// `cyclic = "10s"`: sent with cause 1 as often.
    pub cyclic: Option<Duration>,
    /// `min_interval = "1s"`: spontaneous values leave no faster; the newest waits.
    pub min_interval: Option<Duration>,
    /// `integrate = 5.0`: sent when deviation times seconds since the last transmission reaches this (wire units × s).
    pub integrate: Option<f64>,
}

impl Transmission {
    /// Reads the fields of an address whose type is `type_id`.
    ///
    /// # Errors
    /// Every problem of them.
    pub fn from_fields(type_id: TypeId, fields: &Fields) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let family = type_id.family().map(|(family, _)| family);
        let mut take = |name: &str, taken: Result<(), FieldProblem>| {
            if fields.contains_key(name)
                && let Err(problem) = taken
            {
                problems.push(problem);
            }
        };
        let mut all = Self::default();
        let cycle = |name: &str| match fields.get(name) {
            None => Ok(None),
            Some(field) => duration_between(name, field, Duration::from_millis(100), Duration::from_secs(86_400)).map(Some),
        };
        take("groups", groups(fields.get("groups"), family).map(|groups| all.groups = groups));
        let is_quantity = family.is_some_and(is_quantity);
        let wrong = |name| {
            let what = format!("`{name}` is for measurands, and {type_id} is none");
            problem(name, "not-a-measurand", what, "leave it out")
        };
        let quantity = |name| if is_quantity { Ok(()) } else { Err(wrong(name)) };
        take("cyclic", quantity("cyclic").and_then(|()| cycle("cyclic")).map(|cyclic| all.cyclic = cyclic));
        take("min_interval", quantity("min_interval").and_then(|()| cycle("min_interval")).map(|least| all.min_interval = least));
        take("integrate", quantity("integrate").and_then(|()| threshold(fields.get("integrate"))).map(|limit| all.integrate = limit));
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    /// Whether the point is in group `group` of 1 to 16.
    #[must_use]
    pub const fn is_in(self, group: u8) -> bool {
        group >= 1 && group <= 16 && self.groups >> (group - 1) & 1 == 1
    }
}

const fn is_quantity(family: Family) -> bool {
    matches!(family, Family::Step | Family::Normalised | Family::Scaled | Family::Float | Family::Bare)
}

fn groups(field: Option<&Field>, family: Option<Family>) -> Result<u16, FieldProblem> {
    let most = if family == Some(Family::Counter) { 4 } else { 16 };
    let wrong = || problem("groups", "groups-unknown", format!("`groups` is no list of groups 1 to {most}"), "use \"1\" or \"1,3\"");
    let bit = |group: i64| match u32::try_from(group) {
        Ok(group) if (1..=most).contains(&group) => Ok(1_u16 << (group - 1)),
        Ok(_) | Err(_) => Err(wrong()),
    };
    match field {
        None => Ok(0),
        Some(Field::Int(group)) => bit(*group),
        Some(Field::Text(text)) => text.split(',').try_fold(0, |all, group| {
            let group = group.trim().parse().map_err(|_| wrong())?;
            Ok(all | bit(group)?)
        }),
        Some(Field::Float(_) | Field::Bool(_)) => Err(wrong()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a threshold of more than 2^53 is none")]
fn threshold(field: Option<&Field>) -> Result<Option<f64>, FieldProblem> {
    let number = match field {
        None => return Ok(None),
        Some(Field::Int(number)) => *number as f64,
        Some(Field::Float(number)) => *number,
        Some(Field::Bool(_) | Field::Text(_)) => f64::NAN,
    };
    if number.is_finite() && number > 0.0 {
        return Ok(Some(number));
    }
    Err(problem("integrate", "not-a-threshold", "`integrate` is no number above zero".to_owned(), "use wire units times seconds, as 5.0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_kit::{fields, text};

    #[test]
    fn a1_r46_a_point_may_be_in_several_groups() {
        let of = |field| Transmission::from_fields(TypeId::M_ME_NC_1, &fields(&[("groups", field)]));
        let all = of(text("1, 3,16")).unwrap();
        assert_eq!((1..=16).filter(|group| all.is_in(*group)).collect::<Vec<_>>(), [1, 3, 16]);
        assert!(of(Field::Int(2)).unwrap().is_in(2));
        assert_eq!(of(text("17")).unwrap_err()[0].code, "groups-unknown");
        assert_eq!(of(text("one")).unwrap_err()[0].code, "groups-unknown");
        let counter = Transmission::from_fields(TypeId::M_IT_NA_1, &fields(&[("groups", Field::Int(5))]));
        assert_eq!(counter.unwrap_err()[0].code, "groups-unknown", "counters have four groups");
    }

    #[test]
    fn a1_r61_a1_r63_cycles_and_thresholds_are_for_measurands() {
        let all = fields(&[("cyclic", text("10s")), ("min_interval", text("500ms")), ("integrate", Field::Float(2.5))]);
        let read = Transmission::from_fields(TypeId::M_ME_NB_1, &all).unwrap();
        assert_eq!(read.cyclic, Some(Duration::from_secs(10)));
        assert_eq!((read.min_interval, read.integrate), (Some(Duration::from_millis(500)), Some(2.5)));
        let codes: Vec<&str> = Transmission::from_fields(TypeId::M_SP_TB_1, &all).unwrap_err().iter().map(|p| p.code).collect();
        assert_eq!(codes, ["not-a-measurand"; 3]);
        assert_eq!(
            Transmission::from_fields(TypeId::M_ME_NB_1, &fields(&[("integrate", Field::Int(0))])).unwrap_err()[0].code,
            "not-a-threshold"
        );
    }
}

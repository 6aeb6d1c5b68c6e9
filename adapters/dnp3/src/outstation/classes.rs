//! ENABLE_UNSOLICITED, DISABLE_UNSOLICITED and ASSIGN_CLASS (rows 31 and 48).

use std::ops::Range;

use super::image::Image;
use super::{Outstation, Station};
use crate::address::PointType;
use crate::app::{FragmentView, Function, HeaderView, Iin, Qualifier, Range as HeaderRange};
use crate::objects::Kind;

/// The points that a header names: ranges of slots, or one by one.
///
/// # Errors
/// What is wrong with it: it names others than points, or some that are not there.
pub(super) fn named(header: &HeaderView<'_>, of: PointType, image: &Image) -> Result<Vec<Range<usize>>, Iin> {
    match (header.header.range, header.header.qualifier) {
        (HeaderRange::All, _) => Ok(vec![image.slots(of)]),
        (HeaderRange::StartStop { start, stop }, _) => {
            let slots = image.slots_within(of, start, stop);
            let all = slots.len() as u64 == header.header.range.count();
            if all { Ok(vec![slots]) } else { Err(Iin::PARAMETER_ERROR) }
        }
        (HeaderRange::Count(_), Qualifier::Indexed(_)) => {
            let slots = header.objects().map(|named| image.find(of, named.index).map(|slot| slot..slot + 1));
            slots.collect::<Option<_>>().ok_or(Iin::PARAMETER_ERROR)
        }
        (HeaderRange::Count(_), _) => Err(Iin::PARAMETER_ERROR),
    }
}

impl Outstation {
    /// Lets a master have the events of some classes unsolicited, or not.
    pub(super) fn enable(&mut self, s: usize, a: usize, view: &FragmentView<'_>) -> Iin {
        let supported = self.params.unsolicited;
        let mut classes = 0;
        let mut wrong = if view.body.is_empty() { Iin::PARAMETER_ERROR } else { Iin(0) };
        for header in view.headers().flatten() {
            match (header.object.kind(), header.header.variation, header.header.range) {
                (Some(Kind::Class), variation @ 2..=4, HeaderRange::All) => classes |= 1 << (variation - 1),
                (Some(Kind::Class), _, _) => wrong = wrong.with(Iin::PARAMETER_ERROR),
                _ => wrong = wrong.with(Iin::OBJECT_UNKNOWN),
            }
        }
        if view.function == Function::EnableUnsolicited && classes & !supported != 0 {
            wrong = wrong.with(Iin::PARAMETER_ERROR);
        }
        let Some(association) = self.association(s, a) else { return wrong };
        if view.function == Function::EnableUnsolicited {
            association.unsolicited.enabled |= classes & supported;
        } else {
            association.unsolicited.enabled &= !classes;
            self.stop_unsolicited_events(s, a);
        }
        wrong
    }

    /// Assigns points to classes: all of the request or nothing. What waits already keeps its class.
    pub(super) fn assign(&mut self, s: usize, view: &FragmentView<'_>) -> Iin {
        let Some(Station { image, .. }) = self.stations.get_mut(s) else { return Iin(0) };
        let mut assigned: Vec<(u8, bool, Range<usize>)> = Vec::new();
        let mut class = None;
        for header in view.headers().flatten() {
            let kind = header.object.kind();
            match (kind, header.header.variation, header.header.range) {
                (Some(Kind::Class), variation @ 1..=4, HeaderRange::All) => {
                    class = Some(variation - 1);
                    continue;
                }
                (Some(Kind::Class), _, _) => return Iin::PARAMETER_ERROR,
                _ => {}
            }
            let Some(of) = kind.filter(|kind| !kind.is_event()).and_then(PointType::of) else { return Iin::OBJECT_UNKNOWN };
            // Points before the first class are assigned to none.
            let Some(class) = class else { return Iin::PARAMETER_ERROR };
            match named(&header, of, image) {
                Ok(slots) => assigned.extend(slots.into_iter().map(|slots| (class, Image::source(of).1, slots))),
                Err(wrong) => return wrong,
            }
        }
        if class.is_none() {
            return Iin::PARAMETER_ERROR;
        }
        for (class, frozen, slots) in assigned {
            for slot in slots {
                let Some(served) = image.get_mut(slot) else { continue };
                if frozen {
                    served.frozen_class = class;
                } else {
                    served.class = class;
                }
            }
        }
        Iin(0)
    }
}

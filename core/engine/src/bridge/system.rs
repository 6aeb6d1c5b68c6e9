//! What a serving link may tell its peer about the system behind it (DNP3 internal indications).

use std::collections::{BTreeMap, BTreeSet};

use bridge_model::{LinkId, PointId};
use bridge_profile::{ControlKind, Plan, ServedSource};
use bridge_session::{Request, Role, SystemState};

use super::Bridge;
use crate::image::Image;
use crate::programme::good;

/// The system behind one serving link.
#[derive(Default)]
struct Behind {
    /// The sources of its points.
    sources: BTreeSet<usize>,
    /// What must hold of its points so that our controls may be used.
    enabling: Vec<(PointId, f64)>,
    told: Option<SystemState>,
}

/// What every serving link was told.
pub(super) struct Systems(BTreeMap<LinkId, Behind>);

impl Systems {
    pub(super) fn new(plan: &Plan, image: &Image) -> Self {
        let servers = plan.links.iter().zip(0_u16..).filter(|(planned, _)| planned.spec.role == Role::Server);
        let mut systems: BTreeMap<LinkId, Behind> = servers.map(|(_, link)| (LinkId(link), Behind::default())).collect();
        let mut conditions = BTreeMap::new();
        for control in &plan.controls {
            match &control.kind {
                ControlKind::Drive(drive) => {
                    conditions.extend(drive.requires.iter().map(|require| (require.point, require.equals)));
                    conditions.extend(drive.remote_enable.map(|point| (point, 1.0)));
                }
                // What a control behind another bridge needs is said by whoever wrote this profile.
                ControlKind::Relay(relay) => {
                    if let Some(behind) = systems.get_mut(&control.link) {
                        behind.enabling.extend(relay.enabled_by.iter().map(|require| (require.point, require.equals)));
                    }
                }
                ControlKind::Instruct(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => {}
            }
        }
        for served in &plan.served {
            if let (ServedSource::Point(point), Some(behind)) = (&served.source, systems.get_mut(&served.link)) {
                behind.sources.insert(image.source_of(point.index()));
                behind.enabling.extend(conditions.get(point).map(|wanted| (*point, *wanted)));
            }
        }
        Self(systems)
    }

    /// The link's session is a new one: it knows nothing yet.
    pub(super) fn forget(&mut self, link: LinkId) {
        if let Some(behind) = self.0.get_mut(&link) {
            behind.told = None;
        }
    }
}

impl Bridge {
    /// Tells every serving link how the system stands, if that changed since it was last told.
    pub(super) fn tell_systems(&mut self) {
        let image = &self.router.image;
        let (unwritable, unsynchronised) = (self.core.recorder.unwritable().is_some(), !self.core.clock.synchronised);
        for (link, behind) in &mut self.systems.0 {
            let system = SystemState {
                overflow: self.served.has_lost(*link),
                local: behind.enabling.iter().any(|(point, wanted)| good(image, *point) != Some(*wanted)),
                trouble: unwritable || behind.sources.iter().any(|source| !image.source(*source).live),
                unsynchronised,
            };
            if behind.told.replace(system) != Some(system) {
                self.core.ask(*link, Request::System(system));
            }
        }
    }
}

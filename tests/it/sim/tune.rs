//! What a test changes of the world.

use std::time::Duration;

use bridge_engine::Settings;
use bridge_sim::{Misbehaviour, Plant, StationOptions, UnitLimits};

/// What a test changes.
#[derive(Clone)]
pub(crate) struct Tune {
    pub(crate) station: fn() -> StationOptions,
    pub(crate) settings: fn(&mut Settings),
    pub(crate) thermal: fn(String) -> String,
    pub(crate) gateway: fn(String) -> String,
    /// The station sends its states without time tags, over DNP3; over 104 the profile says it by its types.
    pub(crate) untimed: bool,
    /// Both 104 links are redundancy groups of two paths.
    pub(crate) redundant: bool,
    pub(crate) plant: fn(u64) -> Plant,
    /// The names of the plant's units in the profile.
    pub(crate) units: [&'static str; 2],
    /// What the EMS does wrong.
    pub(crate) ems: &'static [Misbehaviour],
    /// How old each party's trust bundle is at its start.
    pub(crate) bundle_age: [Duration; 2],
}

impl Default for Tune {
    fn default() -> Self {
        Self {
            station: StationOptions::default,
            settings: |_| {},
            thermal: fast,
            gateway: |text| text,
            untimed: false,
            redundant: false,
            plant,
            units: ["U1", "U2"],
            ems: &[],
            bundle_age: [Duration::from_secs(1); 2],
        }
    }
}

fn plant(seed: u64) -> Plant {
    let limits = UnitLimits { ramp_mw_per_min: 120.0, lag_s: 1.0, ..UnitLimits::default() };
    Plant::new(seed, [limits, limits], [200.0, 180.0])
}

/// The shipped profile with a ramp that a test has patience for.
pub(crate) fn fast(profile: String) -> String {
    profile.replace("ramp = \"2.5 MW/min\", step = \"5s\"", "ramp = \"60 MW/min\", step = \"2s\"")
}

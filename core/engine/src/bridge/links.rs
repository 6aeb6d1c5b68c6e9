//! What a local operator, or the profile by the clock, asks of a link's station (R22).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_model::{LinkId, Now, PointId};
use bridge_profile::PointSource;
use bridge_session::{CounterFreeze, FileWish, Housekeeping, Parameter, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Bridge;
use crate::core::Then;
use crate::timers::Timer;

/// What may be asked of a link.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkWish {
    /// Read the whole image.
    Interrogate,
    /// Move data transfer to a connection that stands by.
    SwitchOver,
    /// Read one group.
    Group {
        /// 1 to 16.
        group: u8,
    },
    /// Read, freeze, reset counters.
    Counters {
        /// 1 to 4; all if absent.
        group: Option<u8>,
        /// Freeze them.
        freeze: bool,
        /// Reset them.
        reset: bool,
    },
    /// Read one point.
    Read {
        /// Its id.
        point: String,
    },
    /// Send our time.
    Clock,
    /// Test the way to the station's application.
    Test,
    /// Restart the station's application.
    Reset,
    /// Restart the whole station.
    ColdRestart,
    /// Poll classes.
    Poll {
        /// 0 static values, 1 to 3 events; all if empty.
        classes: Vec<u8>,
    },
    /// Assign a point to an event class.
    AssignClass {
        /// Its id.
        point: String,
        /// 1 to 3, or 0 for none.
        class: u8,
    },
    /// Let the station send events by itself, or stop it.
    Unsolicited {
        /// 1 to 3; all if empty.
        classes: Vec<u8>,
        /// Let, or stop.
        on: bool,
    },
    /// Read the station's device attributes.
    Attributes,
    /// Show the files of a folder.
    ListFiles {
        /// Of which station behind the link; `None`: the only one, or the link's own.
        #[serde(default)]
        station: Option<u16>,
        /// The folder's name at the station.
        name: String,
    },
    /// Read a file; its octets come back in Base64.
    ReadFile {
        /// Of which station behind the link; `None`: the only one, or the link's own.
        #[serde(default)]
        station: Option<u16>,
        /// Its name at the station.
        name: String,
    },
    /// Write a file.
    WriteFile {
        /// Of which station behind the link; `None`: the only one, or the link's own.
        #[serde(default)]
        station: Option<u16>,
        /// Its name at the station.
        name: String,
        /// Its octets, in Base64.
        octets: String,
    },
    /// Delete a file.
    DeleteFile {
        /// Of which station behind the link; `None`: the only one, or the link's own.
        #[serde(default)]
        station: Option<u16>,
        /// Its name at the station.
        name: String,
    },
    /// Load a parameter of a measurand.
    Load {
        /// The measurand's id.
        point: String,
        /// `threshold`, `smoothing`, `low` or `high`.
        parameter: String,
        /// In wire units.
        value: f64,
        /// In operation only after an activation.
        inactive: bool,
    },
    /// Activate or deactivate loaded parameters.
    Activate {
        /// Of this measurand, or all.
        point: Option<String>,
        /// Activate, or deactivate.
        on: bool,
    },
    /// Start or stop the cyclic transmission of a measurand.
    Cyclic {
        /// Its id.
        point: String,
        /// Start, or stop.
        on: bool,
    },
}

impl Bridge {
    /// Asks something of a link for a local operator; `None` if the answer comes when it has ended.
    pub(super) fn link_wish(&mut self, name: &str, what: &LinkWish, by: &str, local: u64, now: Now) -> Option<String> {
        let error = |text: String| Some(json!({ "error": text }).to_string());
        let plan = self.core.plan.clone();
        let Some(link) = plan.link(name).filter(|link| plan.reads(*link)) else {
            return error(format!("the profile has no link `{name}` that reads a station"));
        };
        let point = |id: &str| match plan.point(id) {
            Some(point) if plan.points[point.index()].source == PointSource::Link(link) => Ok(point),
            Some(_) | None => Err(format!("link {name} reads no point `{id}`")),
        };
        let (request, text) = match what {
            LinkWish::Interrogate => (Request::Interrogate, "interrogation"),
            LinkWish::SwitchOver => (Request::SwitchOver, "switch-over"),
            LinkWish::Group { .. }
            | LinkWish::Counters { .. }
            | LinkWish::Read { .. }
            | LinkWish::Clock
            | LinkWish::Test
            | LinkWish::Reset
            | LinkWish::ColdRestart
            | LinkWish::Poll { .. }
            | LinkWish::AssignClass { .. }
            | LinkWish::Unsolicited { .. }
            | LinkWish::Attributes
            | LinkWish::Load { .. }
            | LinkWish::Activate { .. }
            | LinkWish::Cyclic { .. } => {
                return match housekeeping_of(what, point) {
                    Ok(wish) => {
                        self.requests.ask(&mut self.core, link, wish, by, Some(local), now);
                        None
                    }
                    Err(text) => error(text),
                };
            }
            LinkWish::ListFiles { .. } | LinkWish::ReadFile { .. } | LinkWish::WriteFile { .. } | LinkWish::DeleteFile { .. } => {
                return match file_of(what) {
                    Ok(wish) => {
                        self.requests.ask_file(&mut self.core, link, wish, by, local, now);
                        None
                    }
                    Err(text) => error(text),
                };
            }
        };
        self.core.note(now, "housekeeping", &format!("{text} asked by {by}"), &[("link", name.to_owned())]);
        self.core.when_durable(Then::Link { link, request });
        Some(json!({ "done": format!("{text}: asked; `tail` shows its end") }).to_string())
    }

    /// One of the profile's own requests, again and again while the link carries data.
    pub(super) fn housekeep(&mut self, link: u16, place: usize, now: Now) {
        let link = LinkId(link);
        let plan = self.core.plan.clone();
        let Some((wish, every)) = plan.links[link.index()].housekeeping.get(place).filter(|_| self.link_started[link.index()]) else {
            return;
        };
        self.requests.ask(&mut self.core, link, *wish, "the profile", None, now);
        self.core.timers.set(Timer::Housekeep(link.0, place), now.mono + *every);
    }
}

fn housekeeping_of(what: &LinkWish, point: impl Fn(&str) -> Result<PointId, String>) -> Result<Housekeeping, String> {
    let group = |group: u8, most: u8| {
        let fits = (1..=most).contains(&group);
        fits.then_some(group).ok_or_else(|| format!("there is no group {group}: 1 to {most}"))
    };
    Ok(match what {
        LinkWish::Interrogate
        | LinkWish::SwitchOver
        | LinkWish::ListFiles { .. }
        | LinkWish::ReadFile { .. }
        | LinkWish::WriteFile { .. }
        | LinkWish::DeleteFile { .. } => return Err("another sort of request".to_owned()),
        LinkWish::Group { group: of } => Housekeeping::ReadGroup(group(*of, 16)?),
        LinkWish::Counters { group: of, freeze, reset } => {
            let freeze = match (freeze, reset) {
                (false, false) => CounterFreeze::Read,
                (true, false) => CounterFreeze::Freeze,
                (true, true) => CounterFreeze::FreezeReset,
                (false, true) => CounterFreeze::Reset,
            };
            Housekeeping::Counters { group: of.map(|of| group(of, 4)).transpose()?, freeze }
        }
        LinkWish::Read { point: id } => Housekeeping::Read(point(id)?),
        LinkWish::Clock => Housekeeping::SynchroniseClock,
        LinkWish::Test => Housekeeping::Test,
        LinkWish::Reset => Housekeeping::Reset,
        LinkWish::ColdRestart => Housekeeping::ColdRestart,
        LinkWish::Poll { classes } => Housekeeping::Poll(class_bits(classes, 0)?),
        LinkWish::AssignClass { point: id, class: class @ 0..=3 } => Housekeeping::AssignClass { point: point(id)?, class: *class },
        LinkWish::AssignClass { class, .. } => return Err(format!("there is no class {class}: 0 to 3")),
        LinkWish::Unsolicited { classes, on } => Housekeeping::Unsolicited { classes: class_bits(classes, 1)?, on: *on },
        LinkWish::Attributes => Housekeeping::Attributes,
        LinkWish::Load { point: id, parameter, value, inactive } => {
            let parameter = match parameter.as_str() {
                "threshold" => Parameter::Threshold,
                "smoothing" => Parameter::Smoothing,
                "low" => Parameter::LowLimit,
                "high" => Parameter::HighLimit,
                other => return Err(format!("`{other}` is no parameter: threshold, smoothing, low or high")),
            };
            Housekeeping::LoadParameter { point: point(id)?, parameter, value: *value, in_operation: !inactive }
        }
        LinkWish::Activate { point: id, on } => Housekeeping::ActivateParameters { point: id.as_deref().map(point).transpose()?, on: *on },
        LinkWish::Cyclic { point: id, on } => Housekeeping::CyclicTransmission { point: point(id)?, on: *on },
    })
}

/// A bit for each class from `lowest` to 3; all of them for an empty list.
fn class_bits(classes: &[u8], lowest: u8) -> Result<u8, String> {
    let all: Vec<u8> = (lowest..=3).collect();
    let listed = if classes.is_empty() { &all } else { classes };
    let bit = |class: &u8| if all.contains(class) { Ok(1 << class) } else { Err(format!("there is no class {class}: {lowest} to 3")) };
    listed.iter().map(bit).try_fold(0, |bits, one| Ok(bits | one?))
}

fn file_of(what: &LinkWish) -> Result<(Option<u16>, FileWish), String> {
    Ok(match what {
        LinkWish::ListFiles { station, name } => (*station, FileWish::List(name.clone())),
        LinkWish::ReadFile { station, name } => (*station, FileWish::Read(name.clone())),
        LinkWish::WriteFile { station, name, octets } => {
            let octets = STANDARD.decode(octets).map_err(|_| "the octets are no Base64".to_owned())?;
            (*station, FileWish::Write { name: name.clone(), octets })
        }
        LinkWish::DeleteFile { station, name } => (*station, FileWish::Delete(name.clone())),
        LinkWish::Interrogate
        | LinkWish::SwitchOver
        | LinkWish::Group { .. }
        | LinkWish::Counters { .. }
        | LinkWish::Read { .. }
        | LinkWish::Clock
        | LinkWish::Test
        | LinkWish::Reset
        | LinkWish::ColdRestart
        | LinkWish::Poll { .. }
        | LinkWish::AssignClass { .. }
        | LinkWish::Unsolicited { .. }
        | LinkWish::Attributes
        | LinkWish::Load { .. }
        | LinkWish::Activate { .. }
        | LinkWish::Cyclic { .. } => return Err("no request about files".to_owned()),
    })
}

//! What a reading side may ask of a station besides values and commands (R22): answered by one [`Event::Housekept`](crate::Event::Housekept).

use std::fmt;

use bridge_model::PointId;

/// One request. What changes a station's state (clock, freeze, reset, parameters) is off unless the link allows it by name.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Housekeeping {
    /// Read the points of one group, 1 to 16 (104 `C_IC_NA_1`, QOI 21 to 36).
    ReadGroup(u8),
    /// Read, freeze or reset counters of a group of 1 to 4, or all (104 `C_CI_NA_1`).
    Counters {
        /// Which; `None` for all.
        group: Option<u8>,
        /// What happens to them.
        freeze: CounterFreeze,
    },
    /// Read one point (104 `C_RD_NA_1`).
    Read(PointId),
    /// Send our time (104 `C_CS_NA_1`).
    SynchroniseClock,
    /// Test the whole way to the station's application (104 `C_TS_TA_1`).
    Test,
    /// Restart the station's application (104 `C_RP_NA_1`, QRP 1; DNP3 WARM_RESTART).
    Reset,
    /// Restart the whole station (DNP3 COLD_RESTART).
    ColdRestart,
    /// Poll the classes of this set: bit 0 static values, bits 1 to 3 the events of classes 1 to 3 (DNP3 READ of group 60).
    Poll(u8),
    /// Assign a point to an event class of 1 to 3, or to none with 0 (DNP3 ASSIGN_CLASS).
    AssignClass {
        /// Which.
        point: PointId,
        /// Its class.
        class: u8,
    },
    /// Let the station send events of these classes by itself, or stop it: bits 1 to 3 (DNP3 ENABLE_UNSOLICITED, DISABLE_UNSOLICITED).
    Unsolicited {
        /// The classes.
        classes: u8,
        /// Let, or stop.
        on: bool,
    },
    /// Read the station's device attributes (DNP3 group 0, variation 254).
    Attributes,
    /// Load one parameter of a measurand, in wire units (104 `P_ME_NA_1` to `P_ME_NC_1`, after the point's own type).
    LoadParameter {
        /// The measurand.
        point: PointId,
        /// Which.
        parameter: Parameter,
        /// Its value.
        value: f64,
        /// Whether it is in operation at once, or only after an activation.
        in_operation: bool,
    },
    /// Activate or deactivate loaded parameters (104 `P_AC_NA_1`): of one point, or all.
    ActivateParameters {
        /// Which; `None` for all.
        point: Option<PointId>,
        /// Activate, or deactivate.
        on: bool,
    },
    /// Start or stop the cyclic transmission of one point (104 `P_AC_NA_1`, QPA 3).
    CyclicTransmission {
        /// Which.
        point: PointId,
        /// Start, or stop.
        on: bool,
    },
}

/// What may be asked of a station's files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileWish {
    /// The listing of a directory, one name for each line.
    List(String),
    /// The octets of a file.
    Read(String),
    /// A file's new octets.
    Write {
        /// Its name.
        name: String,
        /// All of it.
        octets: Vec<u8>,
    },
    /// A file's end.
    Delete(String),
}

impl fmt::Display for FileWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(name) => write!(f, "list the files of `{name}`"),
            Self::Read(name) => write!(f, "read the file `{name}`"),
            Self::Write { name, octets } => write!(f, "write the file `{name}` of {} octets", octets.len()),
            Self::Delete(name) => write!(f, "delete the file `{name}`"),
        }
    }
}

impl FileWish {
    /// Whether the station is another one afterwards.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Delete(_))
    }
}

/// What a counter request does to the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CounterFreeze {
    /// Nothing.
    #[default]
    Read,
    /// Memorise.
    Freeze,
    /// Memorise and restart from zero.
    FreezeReset,
    /// Restart from zero.
    Reset,
}

/// A parameter of a measurand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parameter {
    /// A change below it is not told.
    Threshold,
    /// Smoothing factor.
    Smoothing,
    /// Told when the value falls below.
    LowLimit,
    /// Told when the value rises above.
    HighLimit,
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HousekeepingOutcome {
    /// Done; with what is worth knowing, as the offset of the station's clock.
    Done(String),
    /// The station said no, with its reason as far as the protocol has one.
    Refused(String),
    /// The station did not answer in time.
    Unanswered,
    /// Another request of the link has not ended, and no more may wait.
    Busy,
    /// The link does not carry data.
    LinkDown,
    /// The link's configuration does not allow it, or the protocol has no such request.
    NotPermitted,
    /// It would have changed the station too late: not sent, or not to every station of the link.
    Expired,
    /// It was sent and would change the station; then the link was lost.
    Indeterminate,
}

impl Housekeeping {
    /// Whether the station is another one afterwards: such a request must not arrive late (R5, R22).
    #[must_use]
    pub const fn changes(self) -> bool {
        match self {
            Self::ReadGroup(_)
            | Self::Counters { freeze: CounterFreeze::Read, .. }
            | Self::Read(_)
            | Self::Test
            | Self::Poll(_)
            | Self::Attributes => false,
            Self::Counters { freeze: CounterFreeze::Freeze | CounterFreeze::FreezeReset | CounterFreeze::Reset, .. }
            | Self::SynchroniseClock
            | Self::Reset
            | Self::ColdRestart
            | Self::AssignClass { .. }
            | Self::Unsolicited { .. }
            | Self::LoadParameter { .. }
            | Self::ActivateParameters { .. }
            | Self::CyclicTransmission { .. } => true,
        }
    }
}

impl fmt::Display for HousekeepingOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(what) if what.is_empty() => f.write_str("done"),
            Self::Done(what) => write!(f, "done: {what}"),
            Self::Refused(why) => write!(f, "refused by the station: {why}"),
            Self::Unanswered => f.write_str("not answered in time"),
            Self::Busy => f.write_str("too many requests wait"),
            Self::LinkDown => f.write_str("the link carries no data now"),
            Self::NotPermitted => f.write_str("not allowed on this link"),
            Self::Expired => f.write_str("its time was over before it could be sent"),
            Self::Indeterminate => f.write_str("not known: the link was lost after it was sent"),
        }
    }
}

impl fmt::Display for Housekeeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadGroup(group) => write!(f, "read group {group}"),
            Self::Counters { group, freeze } => {
                let what = match freeze {
                    CounterFreeze::Read => "read",
                    CounterFreeze::Freeze => "freeze",
                    CounterFreeze::FreezeReset => "freeze and reset",
                    CounterFreeze::Reset => "reset",
                };
                match group {
                    Some(group) => write!(f, "{what} counters of group {group}"),
                    None => write!(f, "{what} all counters"),
                }
            }
            Self::Read(point) => write!(f, "read point {}", point.0),
            Self::SynchroniseClock => f.write_str("synchronise the clock"),
            Self::Test => f.write_str("test"),
            Self::Reset => f.write_str("reset process"),
            Self::ColdRestart => f.write_str("restart the station"),
            Self::Poll(classes) => write!(f, "poll classes {classes:#06b}"),
            Self::AssignClass { point, class } => write!(f, "assign point {} to class {class}", point.0),
            Self::Unsolicited { classes, on } => {
                write!(f, "{} unsolicited events of classes {classes:#06b}", if *on { "enable" } else { "disable" })
            }
            Self::Attributes => f.write_str("read device attributes"),
            Self::LoadParameter { point, parameter, value, .. } => write!(f, "load {parameter:?} {value} of point {}", point.0),
            Self::ActivateParameters { point, on } => {
                write!(
                    f,
                    "{} parameters of {}",
                    if *on { "activate" } else { "deactivate" },
                    point.map_or("all".to_owned(), |p| format!("point {}", p.0))
                )
            }
            Self::CyclicTransmission { point, on } => write!(f, "{} cyclic point {}", if *on { "start" } else { "stop" }, point.0),
        }
    }
}

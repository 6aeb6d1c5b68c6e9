//! The objects of clause 11 (annex A): which there are, how large each is, and what each means. A file holds one noun, not one group.

mod analog_output;
mod application;
mod attribute;
mod command_event;
mod control_status;
mod crob;
mod file;
mod flags;
mod measurement;
mod read;
mod security;
mod time;
mod variation;

pub use analog_output::AnalogOutput;
pub use application::OperationStatus;
pub use attribute::{Attribute, AttributeValue, name as attribute_name};
pub use command_event::CommandEvent;
pub use control_status::ControlStatus;
pub use crob::{ControlCode, ControlModel, ControlPoint, Crob, Intent, OpType, TripClose};
pub use file::{FileAuthentication, FileBlock, FileBlockStatus, FileCommand, FileDescriptor, FileMode, FileObject, FileStatus, FileType};
pub use flags::{FlagKind, Flags};
pub use measurement::{Encoded, Measurement};
pub use security::SecurityStatistic;
pub use time::{CommonTime, DnpTime, FreezeTime, IndexedTime, ObjectTime, TimeDelay, TimeFault};
pub use variation::{Coding, Kind, Lead, Lookup, Size, Tag, Variation, class_of, class_variation, lookup};

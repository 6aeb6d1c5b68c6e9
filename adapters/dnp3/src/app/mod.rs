//! The application layer's octets (clause 4.2): control, function, internal indications, object headers; a checked view to read a
//! fragment and a writer to build one. Nothing here knows sequences, timers or points.

mod control;
mod error;
mod function;
mod header;
mod iin;
mod object;
mod view;
mod writer;

pub use control::AppControl;
pub use error::FragmentError;
pub use function::{Function, Harmless};
pub use header::{IndexWidth, ObjectHeader, Qualifier, Range};
pub use iin::Iin;
pub use object::{Object, Objects, Payload};
pub use view::{FragmentView, HeaderView, Headers};
pub use writer::{FragmentWriter, Refused};

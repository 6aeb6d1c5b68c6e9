//! The 60870-5-104 sessions of simulated stations.

use bridge_iec60870::{Controlled, Controlling, Params, SelectPolicy};
use bridge_session::{Field, LinkSpec, Role, Session};

/// A controlled station that takes selected and direct commands; with `select` false direct ones only. On a link of both directions where
/// the station is the one that connects, it is controlled in the reversed direction.
#[must_use]
pub fn station_session(spec: &LinkSpec, select: bool) -> Box<dyn Session> {
    let policy = if select { SelectPolicy::Either } else { SelectPolicy::Refuse };
    let params = Params { select: policy, ..Params::from_fields(&spec.params) };
    match spec.role {
        Role::Server => Box::new(Controlled::with_params(spec, params)),
        Role::Client => Box::new(Controlling::with_params(spec, params)),
    }
}

/// A legacy EMS that holds a command to be done at its ACT TERM, and tells its operator if none comes (R15).
#[must_use]
pub fn ems_session(spec: &LinkSpec) -> Box<dyn Session> {
    let mut spec = spec.clone();
    spec.params.insert("term".to_owned(), Field::Text("required".to_owned()));
    Box::new(Controlling::new(&spec))
}

/// A controlling station as the link says: the bridge's own place on a client link.
#[must_use]
pub fn master_session(spec: &LinkSpec) -> Box<dyn Session> {
    Box::new(Controlling::new(spec))
}

//! The right to encode a control.

use bridge_session::{LinkSpec, Role};

/// Proof that a link may carry what operates or changes an outstation. There is no other way to it than [`ControlPermit::for_link`],
/// which gives none for a monitor-only link; and the writer of a fragment begins no such request without it (delivery rule 6).
///
/// ```compile_fail,E0451
/// // A permit cannot be made up.
/// let permit = bridge_dnp3::ControlPermit { _private: () };
/// ```
///
/// ```compile_fail,E0308
/// // A control cannot be begun without one.
/// use bridge_dnp3::app::{AppControl, FragmentWriter, Function};
/// fn begin(writer: &mut FragmentWriter) {
///     writer.begin_request(AppControl::single(0), Function::Operate);
/// }
/// ```
#[derive(Debug)]
pub struct ControlPermit {
    _private: (),
}

impl ControlPermit {
    /// The permit of a link, if it is a master's that may carry controls.
    #[must_use]
    pub fn for_link(spec: &LinkSpec) -> Option<Self> {
        match spec.role {
            Role::Client if !spec.monitor_only => Some(Self { _private: () }),
            Role::Client | Role::Server => None,
        }
    }
}

//! The right to encode a control.

use bridge_session::{LinkSpec, Role};

/// Proof that a link may carry controls. There is no other way to it than [`ControlPermit::for_link`], which gives none for a
/// monitor-only link; and no encoder of a control works without it (delivery rule 6).
///
/// ```compile_fail,E0451
/// // A permit cannot be made up.
/// let permit = bridge_iec60870::ControlPermit { _private: () };
/// ```
///
/// ```compile_fail,E0061
/// // A control cannot be encoded without one.
/// fn encode(control: &bridge_iec60870::ControlAsdu, out: &mut Vec<u8>) {
///     control.encode(out);
/// }
/// ```
///
/// ```compile_fail,E0599
/// // The meaning as such has no encoder: only its harmless kinds have one.
/// fn encode(asdu: &bridge_iec60870::Asdu, out: &mut Vec<u8>) {
///     asdu.encode(out);
/// }
/// ```
#[derive(Debug)]
pub struct ControlPermit {
    _private: (),
}

impl ControlPermit {
    /// The permit of a link, if it is a controlling one that may carry controls.
    #[must_use]
    pub fn for_link(spec: &LinkSpec) -> Option<Self> {
        match spec.role {
            Role::Client if !spec.monitor_only => Some(Self { _private: () }),
            Role::Client | Role::Server => None,
        }
    }
}

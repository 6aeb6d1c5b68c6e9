//! The secondary station of an association: it answers what the peer's primary station asks (clause 9.2.6).

use super::fault::Fault;
use super::frame::{LinkFrame, PrimaryFunction, SecondaryFunction};

/// What it remembers: the frame count bit that comes next, once the link states were reset.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Secondary {
    expected: Option<bool>,
}

/// What is to be done about a frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Verdict {
    /// To be sent.
    pub(crate) answer: Option<SecondaryFunction>,
    /// The payload is for the transport function.
    pub(crate) deliver: bool,
    /// To be told.
    pub(crate) fault: Option<Fault>,
}

impl Verdict {
    fn answer(function: SecondaryFunction) -> Self {
        Self { answer: Some(function), ..Self::default() }
    }

    fn drop(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// Whether the frame was one that a primary station may send.
    pub(crate) fn is_lawful(&self) -> bool {
        self.fault.is_none() || self.answer.is_some()
    }
}

impl Secondary {
    /// Takes a frame of the peer's primary station, addressed to this station alone.
    pub(crate) fn take(&mut self, frame: &LinkFrame<'_>) -> Verdict {
        let control = frame.header.control;
        let code = control.code();
        let Some(function) = PrimaryFunction::from_code(code) else {
            return Verdict { fault: Some(Fault::PrimaryFunction(code)), ..Verdict::answer(SecondaryFunction::NotSupported) };
        };
        if let Err(fault) = check(function, frame) {
            return Verdict::drop(fault);
        }
        match function {
            PrimaryFunction::ResetLinkStates => {
                self.expected = Some(true);
                Verdict::answer(SecondaryFunction::Ack)
            }
            PrimaryFunction::UnconfirmedUserData => Verdict { deliver: true, ..Verdict::default() },
            PrimaryFunction::RequestLinkStatus => Verdict::answer(SecondaryFunction::LinkStatus),
            PrimaryFunction::TestLinkStates | PrimaryFunction::ConfirmedUserData => match &mut self.expected {
                None => Verdict { fault: Some(Fault::NotReset(code)), ..Verdict::answer(SecondaryFunction::Nack) },
                Some(expected) if *expected == control.fcb() => {
                    *expected = !*expected;
                    Verdict { deliver: function.carries(), ..Verdict::answer(SecondaryFunction::Ack) }
                }
                Some(_) => Verdict { fault: Some(Fault::Repeated), ..Verdict::answer(SecondaryFunction::Ack) },
            },
        }
    }
}

/// Of a frame to all: data that is never answered (the caller saw that it is unconfirmed data), whatever the frame count bit.
pub(crate) fn broadcast_verdict(frame: &LinkFrame<'_>) -> Verdict {
    match check(PrimaryFunction::UnconfirmedUserData, frame) {
        Ok(()) => Verdict { deliver: true, ..Verdict::default() },
        Err(fault) => Verdict::drop(fault),
    }
}

/// What a function says about the rest of its frame.
fn check(function: PrimaryFunction, frame: &LinkFrame<'_>) -> Result<(), Fault> {
    let control = frame.header.control;
    if control.fcv() != function.counts() {
        return Err(Fault::CountValid { function: control.code(), fcv: u8::from(control.fcv()) });
    }
    if frame.payload.is_empty() == function.carries() {
        return Err(Fault::PayloadLength { function: control.code(), octets: frame.payload.len() });
    }
    Ok(())
}

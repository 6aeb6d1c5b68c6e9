//! Function codes (clause 4.2.2.5).

macro_rules! functions {
    ($($(#[$doc:meta])* $code:literal $variant:ident $name:literal,)*) => {
        /// What a fragment asks for or answers.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum Function { $($(#[$doc])* $variant = $code,)* }

        impl Function {
            /// Every function, in ascending order of codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// From the wire; `None` for codes that the standard does not define (34 to 128, 132 to 255).
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The name in the standard.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

functions! {
    /// Confirms a fragment that had CON set.
    0 Confirm "CONFIRM",
    /// Asks for objects.
    1 Read "READ",
    /// Stores objects: clock, restart bit, dead-bands, strings, file blocks.
    2 Write "WRITE",
    /// First step of a control in two.
    3 Select "SELECT",
    /// Second step of a control in two.
    4 Operate "OPERATE",
    /// A control in one step.
    5 DirectOperate "DIRECT_OPERATE",
    /// A control in one step without an answer.
    6 DirectOperateNoAck "DIRECT_OPERATE_NR",
    /// Copies counters or analogue inputs to their frozen objects.
    7 ImmediateFreeze "IMMED_FREEZE",
    /// The same without an answer.
    8 ImmediateFreezeNoAck "IMMED_FREEZE_NR",
    /// Copies, then sets counters to zero.
    9 FreezeClear "FREEZE_CLEAR",
    /// The same without an answer.
    10 FreezeClearNoAck "FREEZE_CLEAR_NR",
    /// Copies at a time, and again after each interval (g50v2).
    11 FreezeAtTime "FREEZE_AT_TIME",
    /// The same without an answer.
    12 FreezeAtTimeNoAck "FREEZE_AT_TIME_NR",
    /// Restarts the device as by a power cycle.
    13 ColdRestart "COLD_RESTART",
    /// Restarts the DNP3 application only.
    14 WarmRestart "WARM_RESTART",
    /// Obsolete.
    15 InitializeData "INITIALIZE_DATA",
    /// Makes an application ready.
    16 InitializeApplication "INITIALIZE_APPL",
    /// Starts an application.
    17 StartApplication "START_APPL",
    /// Stops an application.
    18 StopApplication "STOP_APPL",
    /// Deprecated: stores the configuration in non-volatile memory.
    19 SaveConfiguration "SAVE_CONFIG",
    /// Allows unsolicited responses for event classes.
    20 EnableUnsolicited "ENABLE_UNSOLICITED",
    /// Forbids them.
    21 DisableUnsolicited "DISABLE_UNSOLICITED",
    /// Moves points to another event class.
    22 AssignClass "ASSIGN_CLASS",
    /// Measures the channel's delay (clock synchronisation outside a LAN).
    23 DelayMeasure "DELAY_MEASURE",
    /// Remembers when this request's last octet came (clock synchronisation in a LAN).
    24 RecordCurrentTime "RECORD_CURRENT_TIME",
    /// Opens a file.
    25 OpenFile "OPEN_FILE",
    /// Closes a file.
    26 CloseFile "CLOSE_FILE",
    /// Deletes a file.
    27 DeleteFile "DELETE_FILE",
    /// Asks for a file's description.
    28 GetFileInfo "GET_FILE_INFO",
    /// Asks for a key to open files with.
    29 AuthenticateFile "AUTHENTICATE_FILE",
    /// Gives up a file transfer.
    30 AbortFile "ABORT_FILE",
    /// Puts a configuration that was loaded into effect.
    31 ActivateConfiguration "ACTIVATE_CONFIG",
    /// Secure authentication.
    32 AuthenticateRequest "AUTHENTICATE_REQ",
    /// Secure authentication without an answer.
    33 AuthenticateRequestNoAck "AUTH_REQ_NO_ACK",
    /// Answers a request.
    129 Response "RESPONSE",
    /// Reports without having been asked.
    130 UnsolicitedResponse "UNSOLICITED_RESPONSE",
    /// Secure authentication.
    131 AuthenticateResponse "AUTHENTICATE_RESP",
}

impl Function {
    /// To the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether only outstations send it (codes from 129). Its fragments carry internal indications.
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.code() >= Self::Response.code()
    }

    /// Whether the outstation answers it. A CONFIRM and the "no acknowledgement" kinds get no response of their own.
    #[must_use]
    pub const fn wants_response(self) -> bool {
        !matches!(
            self,
            Self::Confirm
                | Self::DirectOperateNoAck
                | Self::ImmediateFreezeNoAck
                | Self::FreezeClearNoAck
                | Self::FreezeAtTimeNoAck
                | Self::AuthenticateRequestNoAck
                | Self::Response
                | Self::UnsolicitedResponse
                | Self::AuthenticateResponse
        )
    }

    /// Whether it operates outputs: SELECT, OPERATE, DIRECT_OPERATE with and without answer.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Select | Self::Operate | Self::DirectOperate | Self::DirectOperateNoAck)
    }

    /// Whether object headers of a group are followed by objects in a fragment of this function (clause 4.2.2.7). Free-format headers
    /// (0x5B) always are and are not asked about here. In requests that only name points (READ, freezes, classes) they are not, but for
    /// the time of a freeze.
    #[must_use]
    pub const fn carries_objects(self, group: u8) -> bool {
        match self {
            Self::Write
            | Self::Select
            | Self::Operate
            | Self::DirectOperate
            | Self::DirectOperateNoAck
            | Self::OpenFile
            | Self::CloseFile
            | Self::DeleteFile
            | Self::GetFileInfo
            | Self::AuthenticateFile
            | Self::AbortFile
            | Self::ActivateConfiguration
            | Self::AuthenticateRequest
            | Self::AuthenticateRequestNoAck
            | Self::Response
            | Self::UnsolicitedResponse
            | Self::AuthenticateResponse => true,
            Self::FreezeAtTime | Self::FreezeAtTimeNoAck => group == 50,
            Self::Confirm
            | Self::Read
            | Self::ImmediateFreeze
            | Self::ImmediateFreezeNoAck
            | Self::FreezeClear
            | Self::FreezeClearNoAck
            | Self::ColdRestart
            | Self::WarmRestart
            | Self::InitializeData
            | Self::InitializeApplication
            | Self::StartApplication
            | Self::StopApplication
            | Self::SaveConfiguration
            | Self::EnableUnsolicited
            | Self::DisableUnsolicited
            | Self::AssignClass
            | Self::DelayMeasure
            | Self::RecordCurrentTime => false,
        }
    }
}

/// A function that a monitor-only link may send (R22). Its WRITE stores nothing but the clock (g50) and the restart bit (g80), its
/// OPEN_FILE opens for reading: the writer refuses the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Harmless(Function);

impl Harmless {
    /// CONFIRM.
    pub const CONFIRM: Self = Self(Function::Confirm);
    /// READ.
    pub const READ: Self = Self(Function::Read);
    /// WRITE of the clock and the restart bit.
    pub const WRITE: Self = Self(Function::Write);
    /// ENABLE_UNSOLICITED.
    pub const ENABLE_UNSOLICITED: Self = Self(Function::EnableUnsolicited);
    /// DISABLE_UNSOLICITED.
    pub const DISABLE_UNSOLICITED: Self = Self(Function::DisableUnsolicited);
    /// DELAY_MEASURE.
    pub const DELAY_MEASURE: Self = Self(Function::DelayMeasure);
    /// RECORD_CURRENT_TIME.
    pub const RECORD_CURRENT_TIME: Self = Self(Function::RecordCurrentTime);
    /// OPEN_FILE for reading.
    pub const OPEN_FILE: Self = Self(Function::OpenFile);
    /// CLOSE_FILE.
    pub const CLOSE_FILE: Self = Self(Function::CloseFile);
    /// GET_FILE_INFO.
    pub const GET_FILE_INFO: Self = Self(Function::GetFileInfo);
    /// AUTHENTICATE_FILE.
    pub const AUTHENTICATE_FILE: Self = Self(Function::AuthenticateFile);
    /// ABORT_FILE.
    pub const ABORT_FILE: Self = Self(Function::AbortFile);

    /// The function.
    #[must_use]
    pub const fn function(self) -> Function {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r18_r19_functions_are_those_of_the_standard() {
        let defined: Vec<u8> = (0..=255).filter(|code| Function::from_code(*code).is_some()).collect();
        let expected: Vec<u8> = (0..=33).chain(129..=131).collect();
        assert_eq!(defined, expected);
        for function in Function::ALL {
            assert_eq!(Function::from_code(function.code()), Some(*function));
            assert_eq!(function.is_response(), function.code() > 128);
        }
        assert_eq!(Function::from_code(20).map(Function::name), Some("ENABLE_UNSOLICITED"));
        assert!(!Function::DirectOperateNoAck.wants_response() && Function::DirectOperate.wants_response());
    }

    #[test]
    fn a2_r18_only_the_time_of_a_freeze_carries_objects() {
        assert!(Function::FreezeAtTime.carries_objects(50));
        assert!(!Function::FreezeAtTime.carries_objects(20));
        assert!(!Function::Read.carries_objects(1) && Function::Response.carries_objects(1));
    }
}

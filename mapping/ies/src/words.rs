//! The closed word lists of a GridOperation. Each list is one enumeration; its wire words come from one place.

/// Declares an enumeration whose every variant has one wire word.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The variant with this wire word, case-sensitive.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What a GridOperation is: its discriminator.
    Verb {
        /// Telemetry and events with their sealed leaves.
        Stream = "stream",
        /// A limit or a state was violated.
        Alarm = "alarm",
        /// The violation is over.
        Clear = "clear",
        /// Set-points for one resource.
        Dispatch = "dispatch",
        /// A cap on the output of a resource, or its release.
        Curtail = "curtail",
        /// Bring a unit to the grid.
        Start = "start",
        /// Take a unit from the grid.
        Stop = "stop",
        /// Open or close switches.
        Reconfigure = "reconfigure",
        /// The staged answer to a command.
        Acknowledge = "acknowledge",
        /// Actual values and deviations over a period.
        Report = "report",
        /// A sequence of events.
        Log = "log",
        /// A statement about the bridge's own data quality, software or settings.
        Attest = "attest",
    }
}

impl Verb {
    /// Whether the verb asks the receiver to act: it then needs `mode`, `validUntil`, `authority`, `ack` and `provenance`.
    #[must_use]
    pub const fn is_command(self) -> bool {
        matches!(self, Self::Dispatch | Self::Curtail | Self::Start | Self::Stop | Self::Reconfigure)
    }

    /// Whether the operation carries an ES256 signature of its own; `stream` is covered by its sealed leaves instead.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        !matches!(self, Self::Stream)
    }
}

words! {
    /// What is done with a switch. Earthing is done by people, never written (R9).
    SwitchAction {
        /// Open it.
        Open = "OPEN",
        /// Close it.
        Close = "CLOSE",
    }
}

words! {
    /// How a switch stands.
    SwitchState {
        /// Open.
        Open = "OPEN",
        /// Closed.
        Closed = "CLOSED",
    }
}

words! {
    /// What happens when a step of a switching plan fails.
    OnFailure {
        /// Nothing more is switched, and nothing back (R9).
        Stop = "STOP",
    }
}

words! {
    /// What the limit of a `curtail` counts from.
    LimitBasis {
        /// The power that may remain.
        AbsoluteCap = "ABSOLUTE_CAP",
        /// The power to be taken away from what is measured when it is accepted.
        ReductionBy = "REDUCTION_BY",
        /// The share that may remain of the schedule.
        OfSchedule = "OF_SCHEDULE",
        /// The share that may remain of what is available when it is accepted.
        OfAvailable = "OF_AVAILABLE",
        /// The share that may remain of the rated power.
        OfRated = "OF_RATED",
    }
}

words! {
    /// What ends a `curtail` (R7).
    ReleaseMode {
        /// The end of its period: its issuer has signed that.
        AtEnd = "AT_END",
        /// Only a release by its issuer.
        Manual = "MANUAL",
    }
}

words! {
    /// Whether a unit is to be on the grid or off it: `start` says ON, `stop` says OFF.
    UnitState {
        /// On the grid.
        On = "ON",
        /// Off the grid.
        Off = "OFF",
    }
}

words! {
    /// How warm a thermal unit is when it is started.
    StartType {
        /// Hot.
        Hot = "HOT",
        /// Warm.
        Warm = "WARM",
        /// Cold.
        Cold = "COLD",
    }
}

words! {
    /// What the verb is about.
    Noun {
        /// A schedule.
        EnergySchedule = "ENERGY_SCHEDULE",
        /// A set-point.
        Setpoint = "SETPOINT",
        /// A generation limit.
        GenerationLimit = "GENERATION_LIMIT",
        /// A load.
        Load = "LOAD",
        /// A unit.
        Unit = "UNIT",
        /// A switching plan.
        SwitchingPlan = "SWITCHING_PLAN",
        /// A command: what an acknowledgement is about.
        Command = "COMMAND",
        /// Measured values.
        Actuals = "ACTUALS",
        /// The quality of telemetry.
        TelemetryQuality = "TELEMETRY_QUALITY",
        /// Software.
        Firmware = "FIRMWARE",
        /// Settings.
        Settings = "SETTINGS",
        /// A violated limit.
        LimitBreach = "LIMIT_BREACH",
        /// An outage.
        Outage = "OUTAGE",
        /// A sequence of events.
        Soe = "SOE",
        /// A receipt.
        Receipt = "RECEIPT",
        /// A permit.
        Permit = "PERMIT",
        /// A controller.
        Controller = "CONTROLLER",
    }
}

words! {
    /// What a party is in the grid (R28, and the roles of the IES verb tables).
    Role {
        /// National load despatch centre.
        Nldc = "NLDC",
        /// Regional load despatch centre.
        Rldc = "RLDC",
        /// State load despatch centre.
        Sldc = "SLDC",
        /// Area load despatch centre.
        Aldc = "ALDC",
        /// Renewable energy management centre.
        Remc = "REMC",
        /// State transmission utility.
        Stu = "STU",
        /// Central transmission utility.
        Ctu = "CTU",
        /// Distribution company.
        Discom = "DISCOM",
        /// Generating company.
        Genco = "GENCO",
        /// Independent power producer.
        Ipp = "IPP",
        /// Qualified coordinating agency.
        Qca = "QCA",
        /// Asset management company.
        Amc = "AMC",
        /// Aggregator.
        Aggregator = "AGGREGATOR",
        /// Equipment maker.
        Oem = "OEM",
        /// Power exchange.
        Px = "PX",
        /// Metering service provider.
        Amisp = "AMISP",
        /// Charge point operator.
        Cpo = "CPO",
        /// A named operator acting for a party.
        Operator = "OPERATOR",
    }
}

words! {
    /// How a command is meant (R4).
    Mode {
        /// Select: a real operation, moves nothing.
        Select = "SELECT",
        /// Execute what `selectOf` selected.
        Operate = "OPERATE",
        /// Execute without a select of the issuer's.
        Direct = "DIRECT",
        /// Withdraw.
        Cancel = "CANCEL",
        /// A test: never reaches the process.
        Test = "TEST",
    }
}

words! {
    /// How urgent.
    Priority {
        /// As usual.
        Normal = "NORMAL",
        /// Before others.
        Urgent = "URGENT",
        /// Grid emergency.
        Emergency = "EMERGENCY",
    }
}

words! {
    /// On what ground a command is issued.
    AuthorityBasis {
        /// The grid code.
        GridCode = "GRID_CODE",
        /// A contract.
        Contract = "CONTRACT",
        /// A market result.
        Market = "MARKET",
        /// An emergency.
        Emergency = "EMERGENCY",
        /// A test.
        Test = "TEST",
    }
}

words! {
    /// The last stage that the issuer wants acknowledged.
    AckRequired {
        /// None.
        None = "NONE",
        /// Received and durable.
        Receipt = "RECEIPT",
        /// Accepted or rejected.
        Acceptance = "ACCEPTANCE",
        /// Executed, with feedback.
        Execution = "EXECUTION",
    }
}

words! {
    /// The stage that an acknowledgement speaks of.
    AckStage {
        /// Received and durable.
        Receipt = "RECEIPT",
        /// Accepted or rejected.
        Acceptance = "ACCEPTANCE",
        /// Executing or executed.
        Execution = "EXECUTION",
    }
}

words! {
    /// What became of a command.
    AckStatus {
        /// On disk.
        Received = "RECEIVED",
        /// Authority, policy and envelope say yes.
        Accepted = "ACCEPTED",
        /// They, an operator or the station said no.
        Rejected = "REJECTED",
        /// Selected.
        Selected = "SELECTED",
        /// On its way.
        Executing = "EXECUTING",
        /// Done, and feedback shows it.
        Completed = "COMPLETED",
        /// Done in part.
        Partial = "PARTIAL",
        /// Sent, and feedback contradicts it.
        Failed = "FAILED",
        /// Its time passed before anything was sent.
        Expired = "EXPIRED",
        /// A newer instruction took its place.
        Superseded = "SUPERSEDED",
        /// A tag, a lock or local mode stopped it.
        Blocked = "BLOCKED",
        /// A promise: the plant was not touched.
        NotOperated = "NOT_OPERATED",
        /// The outcome is unknown.
        Indeterminate = "INDETERMINATE",
        /// It should have ended by now.
        Overdue = "OVERDUE",
    }
}

impl AckStatus {
    /// Whether nothing more follows, unless an operator resolves an indeterminate outcome.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Received | Self::Accepted | Self::Selected | Self::Executing | Self::Overdue => false,
            Self::Rejected
            | Self::Completed
            | Self::Partial
            | Self::Failed
            | Self::Expired
            | Self::Superseded
            | Self::Blocked
            | Self::NotOperated
            | Self::Indeterminate => true,
        }
    }
}

words! {
    /// The quantity of a set-point.
    Quantity {
        /// Active power, generation positive; needs `powerBasis` (R17).
        ActivePower = "ACTIVE_POWER",
        /// Reactive power, injection positive.
        ReactivePower = "REACTIVE_POWER",
        /// Voltage.
        Voltage = "VOLTAGE",
        /// Power factor.
        PowerFactor = "POWER_FACTOR",
        /// Frequency.
        Frequency = "FREQUENCY",
        /// State of charge.
        Soc = "SOC",
    }
}

words! {
    /// The unit of a set-point or measured value.
    Unit {
        /// Megawatt.
        Mw = "MW",
        /// Kilowatt.
        Kw = "kW",
        /// Megavar.
        Mvar = "MVAr",
        /// Kilovar.
        Kvar = "kvar",
        /// Kilovolt.
        Kv = "kV",
        /// Percent.
        Percent = "PERCENT",
        /// Hertz.
        Hz = "Hz",
    }
}

words! {
    /// Where a power is measured: without it 240 MW is two different numbers (R17).
    PowerBasis {
        /// At the bus, after auxiliary consumption.
        ExBus = "EX_BUS",
        /// At the generator terminals.
        Gross = "GROSS",
    }
}

words! {
    /// How bad an alarm is.
    Severity {
        /// Act now.
        Critical = "CRITICAL",
        /// Look today.
        Warning = "WARNING",
        /// Know it.
        Info = "INFO",
    }
}

words! {
    /// Whether an alarm stands.
    AlarmStatus {
        /// It stands.
        Active = "ACTIVE",
        /// It is over.
        Cleared = "CLEARED",
        /// The source is INVALID: whether it stands is not known (R18).
        Unknown = "UNKNOWN",
    }
}

words! {
    /// What kind of limit was violated.
    LimitType {
        /// Thermal.
        Thermal = "THERMAL",
        /// Voltage.
        Voltage = "VOLTAGE",
        /// Stability.
        Stability = "STABILITY",
        /// Frequency.
        Frequency = "FREQUENCY",
        /// A device's own alarm.
        Device = "DEVICE",
        /// Communication.
        Comms = "COMMS",
    }
}

words! {
    /// Which side of a limit.
    Side {
        /// Above.
        High = "HIGH",
        /// Below.
        Low = "LOW",
    }
}

words! {
    /// Whether a value may be used (IEC 61850-7-3).
    ValidityWord {
        /// Usable.
        Good = "GOOD",
        /// Usable with care.
        Questionable = "QUESTIONABLE",
        /// Not usable.
        Invalid = "INVALID",
    }
}

words! {
    /// Where a value came from.
    QualitySource {
        /// Measured.
        Process = "PROCESS",
        /// Entered by a person or a rule.
        Substituted = "SUBSTITUTED",
        /// Estimated.
        Estimated = "ESTIMATED",
        /// Calculated.
        Calculated = "CALCULATED",
    }
}

words! {
    /// The result of one interlock or precondition.
    InterlockResult {
        /// Met.
        Pass = "PASS",
        /// Not met.
        Fail = "FAIL",
        /// Bypassed by a named operator.
        Bypassed = "BYPASSED",
        /// Not known.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// Who caused a logged change.
    OriginKind {
        /// A person at the plant.
        Local = "LOCAL",
        /// A remote command.
        Remote = "REMOTE",
        /// An automatic function.
        Auto = "AUTO",
        /// Protection.
        Protection = "PROTECTION",
    }
}

words! {
    /// What a clock follows.
    TimeSource {
        /// A satellite receiver.
        Gnss = "GNSS",
        /// IEEE 1588.
        Ptp = "PTP",
        /// NTP.
        Ntp = "NTP",
        /// The telecontrol protocol.
        Protocol = "PROTOCOL",
        /// Nothing.
        None = "NONE",
    }
}

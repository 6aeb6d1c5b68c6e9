//! Link parameters (IEC 60870-5-104 clause 9.6 and our own), read from a profile's fields.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bridge_session::read::{duration_between, problem, truth, whole, word};
use bridge_session::{Field, FieldProblem, Fields, Role};

/// What a controlled station does with a clock synchronisation. It never steps a clock (R22).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockPolicy {
    /// Negative confirmation.
    #[default]
    Refuse,
    /// Positive confirmation that carries our own time.
    Answer,
}

/// What a controlled station does with a SELECT (R4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SelectPolicy {
    /// Negative confirmation; commands are direct.
    Refuse,
    /// The select is handed on, and an execute needs one.
    Relay,
    /// The select is handed on, and so is a direct execute: which of them a control takes is decided above.
    #[default]
    Either,
}

/// How counters are frozen and told (IEC 60870-5-5 clause 6.9, modes A to D).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CounterMode {
    /// Never frozen: a request reads the present totals.
    #[default]
    Live,
    /// Frozen here every `freeze_every`, told spontaneously.
    A,
    /// Frozen here every `freeze_every`, told on request.
    B,
    /// Frozen by command, told on request.
    C,
    /// Frozen by command, told spontaneously.
    D,
}

impl CounterMode {
    /// Each mode with its word.
    pub(crate) const WORDS: [(&'static str, Self); 5] =
        [("live", Self::Live), ("A", Self::A), ("B", Self::B), ("C", Self::C), ("D", Self::D)];
}

/// What a link may do besides reading and commanding (R22): off unless named in `allow`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// `clock_sync`: send our time (controlling station).
    pub clock_sync: bool,
    /// `counter_freeze`: freeze counters (controlling station; a controlled one takes it in modes C and D).
    pub counter_freeze: bool,
    /// `counter_reset`: reset counters.
    pub counter_reset: bool,
    /// `reset`: send or take reset process.
    pub reset: bool,
    /// `parameters`: load and activate parameters.
    pub parameters: bool,
}

/// When a controlling station holds a command to be completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TermPolicy {
    /// At the positive confirmation of the execute; a termination is welcome.
    #[default]
    Optional,
    /// Only at the termination.
    Required,
}

/// Which connection of a redundancy group is to be preferred, by the address of its peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preferred {
    /// Any port of this address.
    Ip(IpAddr),
    /// This address and port.
    Socket(SocketAddr),
}

impl Preferred {
    fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self::Ip).or_else(|_| text.parse().map(Self::Socket)).ok()
    }

    /// Whether a peer is the preferred one.
    #[must_use]
    pub fn matches(self, peer: SocketAddr) -> bool {
        match self {
            Self::Ip(ip) => ip == peer.ip().to_canonical(),
            Self::Socket(socket) => socket == peer,
        }
    }
}

/// The parameters of one link.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// `ca`: the default common address.
    pub ca: Option<u16>,
    /// `oa`: our originator address (controlling station), 0 for none.
    pub oa: u8,
    /// `k`: I frames we send without acknowledgement, 1 to 32767.
    pub k: u16,
    /// `w`: durable I frames we receive without acknowledging, 1 to k.
    pub w: u16,
    /// `t0`: connection establishment: the driver asks the session for it.
    pub t0: Duration,
    /// `t1`: answer to our I and U frames.
    pub t1: Duration,
    /// `t2`: our acknowledgement, less than t1.
    pub t2: Duration,
    /// `t3`: silence before a test frame.
    pub t3: Duration,
    /// `connections`: how many the redundancy group may have at a time, 1 to 16; one more is refused.
    pub connections: usize,
    /// `preferred`: the peer whose connection is started when there is a choice (controlling station).
    pub preferred: Option<Preferred>,
    /// `switch_back`: whether data transfer returns to the preferred connection when that has proven itself again.
    pub switch_back: bool,
    /// `ei_wait`: how long to await the end of initialisation before interrogating; zero interrogates at once.
    pub ei_wait: Duration,
    /// `gi_timeout`: silence that ends a running interrogation as failed.
    pub gi_timeout: Duration,
    /// `command_timeout`: each leg of a command.
    pub command_timeout: Duration,
    /// `term`: `optional` or `required`.
    pub term: TermPolicy,
    /// `clock`: `refuse` or `answer`.
    pub clock: ClockPolicy,
    /// `select`: `refuse`, `relay` or `either`.
    pub select: SelectPolicy,
    /// `select_timeout`: how long a selection lives at the station.
    pub select_timeout: Duration,
    /// `allow`: what of R22 is on.
    pub allow: Allowed,
    /// `allow_reverse`: the same of the reversed direction, on a link of both.
    pub allow_reverse: Allowed,
    /// `originators`: whose commands a controlled station takes, by originator address; empty for everybody's.
    pub originators: Vec<u8>,
    /// `max_commands`: commands in progress at a time, on different points.
    pub max_commands: usize,
    /// `direction`: `standard`, or `both` where the peer is controlling and controlled station at once (row 64).
    pub both_directions: bool,
    /// `background`: how often measurands are sent with cause 2; none by default.
    pub background: Option<Duration>,
    /// `counters`: `live`, `A`, `B`, `C` or `D`.
    pub counters: CounterMode,
    /// `freeze_every`: in modes A and B.
    pub freeze_every: Duration,
    /// `end_of_init`: send `M_EI_NA_1` at the session's first start.
    pub end_of_init: bool,
    /// `command_age`: the greatest difference between a command's own time tag and our clock.
    pub command_age: Duration,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            ca: None,
            oa: 0,
            k: 12,
            w: 8,
            t0: Duration::from_secs(30),
            t1: Duration::from_secs(15),
            t2: Duration::from_secs(10),
            t3: Duration::from_secs(20),
            connections: 4,
            preferred: None,
            switch_back: false,
            ei_wait: Duration::ZERO,
            gi_timeout: Duration::from_secs(60),
            command_timeout: Duration::from_secs(10),
            term: TermPolicy::Optional,
            clock: ClockPolicy::Refuse,
            select: SelectPolicy::Either,
            select_timeout: Duration::from_secs(30),
            allow: Allowed::default(),
            allow_reverse: Allowed::default(),
            originators: Vec::new(),
            max_commands: 16,
            both_directions: false,
            background: None,
            counters: CounterMode::Live,
            freeze_every: Duration::from_secs(900),
            end_of_init: true,
            command_age: Duration::from_secs(10),
        }
    }
}

/// A parameter of clause 9 with its range, in whole numbers or seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    pub(crate) name: &'static str,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Range {
    const fn new(name: &'static str, from: u32, to: u32) -> Self {
        Self { name, from, to }
    }

    fn whole<T: TryFrom<i64>>(&self, field: &Field) -> Result<T, FieldProblem> {
        whole(self.name, field, i64::from(self.from), i64::from(self.to))
    }

    fn seconds(&self, field: &Field) -> Result<Duration, FieldProblem> {
        let seconds = |count: u32| Duration::from_secs(u64::from(count));
        duration_between(self.name, field, seconds(self.from), seconds(self.to))
    }
}

pub(crate) const CA: Range = Range::new("ca", 1, 65534);
pub(crate) const K: Range = Range::new("k", 1, 32767);
pub(crate) const W: Range = Range::new("w", 1, 32767);
pub(crate) const T0: Range = Range::new("t0", 1, 255);
pub(crate) const T1: Range = Range::new("t1", 1, 255);
pub(crate) const T2: Range = Range::new("t2", 1, 255);
pub(crate) const T3: Range = Range::new("t3", 1, 48 * 3600);
pub(crate) const CONNECTIONS: Range = Range::new("connections", 1, 16);

const BOTH: &str = "ca, k, w, t0, t1, t2, t3, connections, allow, allow_reverse, select_timeout, direction";
const CLIENT: &str = "preferred, switch_back, oa, ei_wait, gi_timeout, command_timeout, term";
const SERVER: &str = "clock, select, end_of_init, command_age, originators, max_commands, background, counters, freeze_every";

impl Params {
    /// Reads checked fields; what is absent or wrong keeps its default.
    #[must_use]
    pub fn from_fields(fields: &Fields) -> Self {
        Self::read(fields, None).0
    }

    /// The parameters of the reversed direction: its own permissions, one connection, no end of initialisation.
    pub(crate) fn reversed(&self) -> Self {
        Self { both_directions: false, end_of_init: false, connections: 1, allow: self.allow_reverse, ..self.clone() }
    }

    /// Every problem of a link's fields in its role, unknown names included.
    #[must_use]
    pub fn check(role: Role, fields: &Fields) -> Vec<FieldProblem> {
        Self::read(fields, Some(role)).1
    }

    fn read(fields: &Fields, role: Option<Role>) -> (Self, Vec<FieldProblem>) {
        let mut params = Self::default();
        let mut problems = Vec::new();
        // On a link of both directions the keys of the other role are the reversed session's.
        let both = fields.get("direction") == Some(&Field::Text("both".to_owned()));
        for (name, field) in fields {
            if let Some(role) = role {
                let (own, role_name) = match role {
                    Role::Client => (CLIENT, "controlling"),
                    Role::Server => (SERVER, "controlled"),
                };
                let other = if both { [CLIENT, SERVER] } else { [own, own] };
                if !BOTH.split(", ").chain(other.iter().flat_map(|keys| keys.split(", "))).any(|known| known == name) {
                    let what = format!("`{name}` is no parameter of a {role_name} 104 link");
                    problems.push(problem(name, "unknown-field", what, &format!("use one of {BOTH}, {own}")));
                    continue;
                }
            }
            if let Err(found) = params.take(name, field) {
                problems.push(found);
            }
        }
        if role.is_some() && !both && fields.contains_key("allow_reverse") {
            let what = "the link has one direction, and this permits something of the other".to_owned();
            problems.push(problem("allow_reverse", "direction-standard", what, "add `direction = \"both\"`, or use `allow`"));
        }
        if params.t2 >= params.t1 {
            let what = format!("t2 ({:?}) is not below t1 ({:?})", params.t2, params.t1);
            problems.push(problem("t2", "t2-not-below-t1", what, "make t2 shorter than t1, or the peer closes before it is acknowledged"));
        }
        if params.w > params.k {
            let what = format!("w ({}) is above k ({})", params.w, params.k);
            problems.push(problem("w", "w-above-k", what, "use at most two thirds of k"));
        }
        (params, problems)
    }

    fn take(&mut self, name: &str, field: &Field) -> Result<(), FieldProblem> {
        let seconds = |from: u64, to: Duration| duration_between(name, field, Duration::from_secs(from), to);
        match name {
            "ca" => self.ca = Some(CA.whole(field)?),
            "oa" => self.oa = whole(name, field, 0, 255)?,
            "k" => self.k = K.whole(field)?,
            "w" => self.w = W.whole(field)?,
            "t0" => self.t0 = T0.seconds(field)?,
            "t1" => self.t1 = T1.seconds(field)?,
            "t2" => self.t2 = T2.seconds(field)?,
            "t3" => self.t3 = T3.seconds(field)?,
            "connections" => self.connections = CONNECTIONS.whole(field)?,
            "preferred" => self.preferred = Some(preferred(name, field)?),
            "switch_back" => self.switch_back = truth(name, field)?,
            "ei_wait" => self.ei_wait = seconds(0, Duration::from_secs(600))?,
            "gi_timeout" => self.gi_timeout = seconds(1, Duration::from_secs(3600))?,
            "command_timeout" => self.command_timeout = seconds(1, Duration::from_secs(600))?,
            "command_age" => self.command_age = seconds(0, Duration::from_secs(600))?,
            "term" => self.term = word(name, field, &[("optional", TermPolicy::Optional), ("required", TermPolicy::Required)])?,
            "clock" => self.clock = word(name, field, &[("refuse", ClockPolicy::Refuse), ("answer", ClockPolicy::Answer)])?,
            "select" => {
                let words = [("refuse", SelectPolicy::Refuse), ("relay", SelectPolicy::Relay), ("either", SelectPolicy::Either)];
                self.select = word(name, field, &words)?;
            }
            "select_timeout" => self.select_timeout = seconds(1, Duration::from_secs(600))?,
            "allow" => self.allow = Allowed::read(name, field)?,
            "allow_reverse" => self.allow_reverse = Allowed::read(name, field)?,
            "originators" => self.originators = originators(field)?,
            "direction" => self.both_directions = word(name, field, &[("standard", false), ("both", true)])?,
            "max_commands" => self.max_commands = whole(name, field, 1, 1000)?,
            "background" => self.background = Some(seconds(1, Duration::from_secs(86_400))?),
            "counters" => {
                self.counters = word(name, field, &CounterMode::WORDS)?;
            }
            "freeze_every" => self.freeze_every = seconds(1, Duration::from_secs(86_400))?,
            "end_of_init" => self.end_of_init = truth(name, field)?,
            _ => {}
        }
        Ok(())
    }
}

impl Allowed {
    /// The words of what is allowed.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let Self { clock_sync, counter_freeze, counter_reset, reset, parameters } = *self;
        let all = [
            ("clock_sync", clock_sync),
            ("counter_freeze", counter_freeze),
            ("counter_reset", counter_reset),
            ("reset", reset),
            ("parameters", parameters),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect()
    }

    fn read(name: &str, field: &Field) -> Result<Self, FieldProblem> {
        let mut all = Self::default();
        let words = match field {
            Field::Text(words) => words.as_str(),
            Field::Int(_) | Field::Float(_) | Field::Bool(_) => "?",
        };
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            *match word {
                "clock_sync" => &mut all.clock_sync,
                "counter_freeze" => &mut all.counter_freeze,
                "counter_reset" => &mut all.counter_reset,
                "reset" => &mut all.reset,
                "parameters" => &mut all.parameters,
                _ => {
                    let fix = "use words of clock_sync, counter_freeze, counter_reset, reset, parameters, as \"clock_sync, reset\"";
                    return Err(problem(name, "unknown-word", format!("`{name}` does not know `{word}`"), fix));
                }
            } = true;
        }
        Ok(all)
    }
}

fn originators(field: &Field) -> Result<Vec<u8>, FieldProblem> {
    let wrong =
        || problem("originators", "originators-unknown", "`originators` is no list of addresses 0 to 255".to_owned(), "use 1 or \"1,2\"");
    match field {
        Field::Int(one) => Ok(vec![u8::try_from(*one).map_err(|_| wrong())?]),
        Field::Text(list) => list.split(',').map(|one| one.trim().parse().map_err(|_| wrong())).collect(),
        Field::Float(_) | Field::Bool(_) => Err(wrong()),
    }
}

fn preferred(name: &str, field: &Field) -> Result<Preferred, FieldProblem> {
    let found = match field {
        Field::Text(text) => Preferred::parse(text),
        Field::Int(_) | Field::Float(_) | Field::Bool(_) => None,
    };
    let what = || format!("`{name}` is no address of a peer");
    found.ok_or_else(|| problem(name, "not-an-address", what(), "use \"10.0.0.1\" or \"10.0.0.1:2404\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, Field)]) -> Fields {
        list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
    }

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    #[test]
    fn a1_r06_to_r11_defaults_are_the_table_of_the_standard() {
        let params = Params::from_fields(&Fields::new());
        assert_eq!((params.k, params.w), (12, 8));
        let seconds: Vec<u64> = [params.t0, params.t1, params.t2, params.t3].iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [30, 15, 10, 20]);
    }

    #[test]
    fn a1_r08_a1_r19_t0_and_the_limit_of_connections_reach_the_driver() {
        for role in [Role::Client, Role::Server] {
            let link = crate::test_kit::spec(role, &[("t0", text("7s")), ("connections", Field::Int(9))]);
            let session = bridge_session::Protocol::session(&crate::Iec104, &link);
            assert_eq!((session.connect_timeout(), session.channels_max()), (Some(Duration::from_secs(7)), Some(9)));
            let session = bridge_session::Protocol::session(&crate::Iec104, &crate::test_kit::spec(role, &[]));
            assert_eq!((session.connect_timeout(), session.channels_max()), (Some(Duration::from_secs(30)), Some(4)));
        }
    }

    #[test]
    fn a1_r12_ranges_are_enforced() {
        let codes =
            |list: &[(&str, Field)]| -> Vec<&'static str> { Params::check(Role::Client, &fields(list)).iter().map(|p| p.code).collect() };
        assert!(codes(&[("t1", Field::Int(255)), ("t2", Field::Int(254)), ("t3", text("48h"))]).is_empty());
        assert_eq!(codes(&[("t1", Field::Int(256))]), ["out-of-range"]);
        assert_eq!(codes(&[("t2", Field::Int(0))]), ["out-of-range"]);
        assert_eq!(codes(&[("t3", text("49h"))]), ["out-of-range"]);
        assert_eq!(codes(&[("t1", text("10s"))]), ["t2-not-below-t1"]);
        assert_eq!(codes(&[("k", Field::Int(32768))]), ["out-of-range"]);
        assert_eq!(codes(&[("k", Field::Int(0))]), ["out-of-range"]);
        assert_eq!(codes(&[("k", Field::Int(4))]), ["w-above-k"]);
        assert_eq!(codes(&[("t1", text("soon"))]), ["not-a-duration"]);
        assert_eq!(codes(&[("clock", text("answer"))]), ["unknown-field"]);
    }

    #[test]
    fn a1_r19_the_group_is_bounded_and_may_prefer_a_peer() {
        assert_eq!(Params::from_fields(&Fields::new()).connections, 4);
        let client = |list: &[(&str, Field)]| Params::check(Role::Client, &fields(list)).iter().map(|p| p.code).collect::<Vec<_>>();
        assert!(client(&[("connections", Field::Int(2)), ("preferred", text("127.0.0.2")), ("switch_back", Field::Bool(true))]).is_empty());
        assert_eq!(client(&[("connections", Field::Int(0))]), ["out-of-range"]);
        assert_eq!(client(&[("connections", Field::Int(17))]), ["out-of-range"]);
        assert_eq!(client(&[("preferred", text("the left one"))]), ["not-an-address"]);
        assert_eq!(Params::check(Role::Server, &fields(&[("preferred", text("127.0.0.2"))]))[0].code, "unknown-field");
        let peer = |text: &str| text.parse().unwrap();
        assert!(Preferred::parse("127.0.0.2").unwrap().matches(peer("127.0.0.2:2404")));
        assert!(Preferred::parse("127.0.0.2").unwrap().matches(peer("[::ffff:127.0.0.2]:2404")));
        assert!(!Preferred::parse("127.0.0.2:2405").unwrap().matches(peer("127.0.0.2:2404")));
    }

    #[test]
    fn r22_what_changes_a_station_is_allowed_by_name_only() {
        assert_eq!(Params::from_fields(&Fields::new()).allow, Allowed::default());
        let params = Params::from_fields(&fields(&[("allow", text("clock_sync, parameters"))]));
        assert_eq!(params.allow, Allowed { clock_sync: true, parameters: true, ..Allowed::default() });
        assert_eq!(Params::check(Role::Client, &fields(&[("allow", text("everything"))]))[0].code, "unknown-word");
    }

    #[test]
    fn a1_r64_a_link_of_both_directions_has_the_keys_of_both_roles_and_grants_each_apart() {
        for (role, key, field) in [(Role::Client, "select", text("relay")), (Role::Server, "oa", Field::Int(3))] {
            let one = [(key, field.clone())];
            assert_eq!(Params::check(role, &fields(&one))[0].code, "unknown-field");
            let both = [(key, field), ("direction", text("both")), ("allow_reverse", text("reset"))];
            assert!(Params::check(role, &fields(&both)).is_empty());
            assert_eq!(Params::check(role, &fields(&both[2..]))[0].code, "direction-standard", "nothing is permitted to nobody");
        }
        let params = Params::from_fields(&fields(&[("allow", text("reset")), ("direction", text("both"))]));
        assert_eq!((params.allow.reset, params.allow_reverse), (true, Allowed::default()));
        let params = Params::from_fields(&fields(&[("allow_reverse", text("reset"))]));
        assert_eq!((params.allow, params.allow_reverse.reset), (Allowed::default(), true));
    }

    #[test]
    fn parameters_belong_to_a_role() {
        let server = |list: &[(&str, Field)]| Params::check(Role::Server, &fields(list));
        let all = [
            ("select", text("relay")),
            ("clock", text("answer")),
            ("end_of_init", Field::Bool(false)),
            ("originators", text("1, 7")),
            ("max_commands", Field::Int(4)),
            ("background", text("10min")),
            ("counters", text("C")),
            ("freeze_every", text("15min")),
        ];
        assert!(server(&all).is_empty());
        let params = Params::from_fields(&fields(&all));
        assert_eq!((params.select, params.counters, params.originators), (SelectPolicy::Relay, CounterMode::C, vec![1, 7]));
        assert_eq!(server(&[("oa", Field::Int(1))])[0].code, "unknown-field");
        assert_eq!(server(&[("counters", text("E"))])[0].code, "unknown-word");
        assert_eq!(server(&[("originators", text("300"))])[0].code, "originators-unknown");
        assert_eq!(Params::check(Role::Client, &fields(&all)).len(), all.len());
    }
}

//! Link parameters, read from a profile's fields.

use std::time::Duration;

use bridge_session::read::{duration_between, problem, truth, whole, word};
use bridge_session::{Field, FieldProblem, Fields, Role};

use crate::link::address::STATION_MAX;

/// How a master sets an outstation's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimeSync {
    /// RECORD_CURRENT_TIME, then the time of its last octet (row 43).
    #[default]
    Lan,
    /// DELAY_MEASURE, then our time and half of what the way there and back took (row 44).
    NonLan,
}

/// What an outstation of ours does with a master's time. It never steps a clock (R22).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockPolicy {
    /// Our clock is right: NEED_TIME only while it is not synchronised, and not for `need_time_every` after a master wrote the time, which
    /// is taken and only told.
    #[default]
    Own,
    /// The master is the clock: NEED_TIME at the start and every `need_time_every`; until then no event is stamped as synchronised.
    Master,
}

/// What a link may do besides reading and commanding (R22): off unless named in `allow`. Of a master what it sends, of an outstation what
/// it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// `clock_sync`: WRITE of the time by a master. An outstation takes one in any case: it steps no clock, so it is none of R22's
    /// commands, and what it is good for is said by `clock`.
    pub clock_sync: bool,
    /// `counter_freeze`: FREEZE.
    pub counter_freeze: bool,
    /// `counter_reset`: FREEZE_CLEAR, beside `counter_freeze`.
    pub counter_reset: bool,
    /// `reset`: COLD_RESTART and WARM_RESTART.
    pub reset: bool,
    /// `assign_class`: ASSIGN_CLASS.
    pub assign_class: bool,
    /// `parameters`: WRITE of dead-bands.
    pub parameters: bool,
    /// `files`: files are read and listed.
    pub files: bool,
    /// `file_write`: files are written and deleted, beside `files`.
    pub file_write: bool,
}

/// The parameters of one link.
#[derive(Clone, PartialEq, Debug)]
pub struct Params {
    /// `outstation`: the default outstation address, 0 to 65519.
    pub outstation: Option<u16>,
    /// `master`: the master's address; of an outstation all that it knows, as `1` or `"1,2"`.
    pub masters: Vec<u16>,
    /// `keep_alive`: silence before REQUEST_LINK_STATUS; zero is never (row 11).
    pub keep_alive: Duration,
    /// `status_timeout`: the answer to it.
    pub status_timeout: Duration,
    /// `link_confirm`: data is confirmed by the link layer (row 7).
    pub link_confirm: bool,
    /// `link_timeout`: a link confirmation.
    pub link_timeout: Duration,
    /// `link_retries`: how often confirmed data is sent again.
    pub link_retries: u8,
    /// `self_address`: an outstation takes 0xFFFC for its own (row 10).
    pub self_address: bool,
    /// `connected`: whether the channel is a connection, closed when its peer is silent; false for serial lines and UDP.
    pub connected: bool,
    /// `max_transmit`: octets of the longest fragment that is sent, 249 to 65535; 1191 unless stated where nothing is connected, so that
    /// it is one datagram.
    pub max_transmit: usize,
    /// `max_receive`: octets of the longest fragment that is received, 249 to 65535 (row 14).
    pub max_receive: usize,
    /// `connect_timeout`: how long opening a channel may take.
    pub connect_timeout: Duration,
    /// `connections`: channels at a time, 1 to 16 (row 16).
    pub connections: usize,
    /// `select_timeout`: how long a selection lives at the outstation (row 35).
    pub select_timeout: Duration,
    /// `allow`: what of R22 is on.
    pub allow: Allowed,
    /// `response_timeout`: silence that ends a request (row 26; of a master).
    pub response_timeout: Duration,
    /// `poll_1` to `poll_3`: how often the events of a class are polled; none if absent (row 53).
    pub polls: [Option<Duration>; 3],
    /// `integrity_on`: a finding that calls for an integrity poll; words of `restart`, `overflow`, `reconnect` (rows 29, 30). All by default.
    pub integrity_on: IntegrityOn,
    /// `unsolicited`: classes whose events the outstation may send by itself, as `"1,2,3"`; empty stops it. Of an outstation: the classes
    /// that may be enabled.
    pub unsolicited: u8,
    /// `time_sync`: `lan` or `non_lan`; takes effect with `allow = "clock_sync"` when the outstation asks (NEED_TIME).
    pub time_sync: TimeSync,
    /// `confirm_timeout`: the confirmation of a response (row 26; of an outstation).
    pub confirm_timeout: Duration,
    /// `unsolicited_retries`: how often an unsolicited response is repeated before `unsolicited_rest`; absent: without end (row 32).
    pub unsolicited_retries: Option<u32>,
    /// `unsolicited_rest`: after the last repetition.
    pub unsolicited_rest: Duration,
    /// `unsolicited_delay`: how long an event waits for others before it is sent unsolicited.
    pub unsolicited_delay: Duration,
    /// `max_controls`: controls in one request (row 39).
    pub max_controls: usize,
    /// `direct_no_ack`: whether DIRECT_OPERATE_NR is taken (row 41).
    pub direct_no_ack: bool,
    /// `broadcast_controls`: whether controls to a broadcast address are taken (row 41).
    pub broadcast_controls: bool,
    /// `clock`: `own` or `master`.
    pub clock: ClockPolicy,
    /// `need_time_every`: how long a time that a master wrote keeps NEED_TIME away.
    pub need_time_every: Duration,
    /// `restart_delay`: what a restart is said to take (row 47).
    pub restart_delay: Duration,
    /// `statistics_class`: the class of the events of security statistics (g122), 1 to 3; 0 for none.
    pub statistics_class: u8,
    /// `statistics_threshold`: how much a statistic grows from one event to the next, from 1.
    pub statistics_threshold: u32,
}

/// What calls for an integrity poll.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntegrityOn {
    /// `restart`: DEVICE_RESTART is set.
    pub restart: bool,
    /// `overflow`: EVENT_BUFFER_OVERFLOW is set.
    pub overflow: bool,
    /// `reconnect`: the channel was opened again, or the outstation answers again.
    pub reconnect: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            outstation: None,
            masters: vec![1],
            keep_alive: Duration::from_secs(60),
            status_timeout: Duration::from_secs(5),
            link_confirm: false,
            link_timeout: Duration::from_secs(1),
            link_retries: 3,
            self_address: false,
            connected: true,
            max_transmit: 2048,
            max_receive: 2048,
            connect_timeout: Duration::from_secs(30),
            connections: 1,
            select_timeout: Duration::from_secs(10),
            allow: Allowed::default(),
            response_timeout: Duration::from_secs(5),
            polls: [None; 3],
            integrity_on: IntegrityOn { restart: true, overflow: true, reconnect: true },
            unsolicited: 0b1110,
            time_sync: TimeSync::Lan,
            // Shorter than any master waits for an answer: a READ is put off for as long.
            confirm_timeout: Duration::from_secs(3),
            unsolicited_retries: None,
            unsolicited_rest: Duration::from_secs(60),
            unsolicited_delay: Duration::ZERO,
            max_controls: 16,
            direct_no_ack: true,
            broadcast_controls: false,
            clock: ClockPolicy::Own,
            need_time_every: Duration::from_secs(1800),
            restart_delay: Duration::from_secs(5),
            statistics_class: 0,
            statistics_threshold: 5,
        }
    }
}

/// The longest fragment whose link frames are one datagram of 1,400 octets: four full frames, and one of 195 octets of it.
const DATAGRAM_FRAGMENT: usize = 1191;

const BOTH: &str = "outstation, master, keep_alive, status_timeout, link_confirm, link_timeout, link_retries, connected, max_transmit, \
                    max_receive, connect_timeout, connections, select_timeout, allow, unsolicited";
const MASTER: &str = "response_timeout, poll_1, poll_2, poll_3, integrity_on, time_sync";
const OUTSTATION: &str = "self_address, confirm_timeout, unsolicited_retries, unsolicited_rest, unsolicited_delay, max_controls, \
                          direct_no_ack, broadcast_controls, clock, need_time_every, restart_delay, statistics_class, \
                          statistics_threshold";

impl Params {
    /// Reads checked fields; what is absent or wrong keeps its default.
    #[must_use]
    pub fn from_fields(fields: &Fields) -> Self {
        Self::read(fields, None).0
    }

    /// Every problem of a link's fields in its role, unknown names included.
    #[must_use]
    pub fn check(role: Role, fields: &Fields) -> Vec<FieldProblem> {
        Self::read(fields, Some(role)).1
    }

    /// Our address on a master's link.
    #[must_use]
    pub fn master(&self) -> u16 {
        self.masters.first().copied().unwrap_or(1)
    }

    fn read(fields: &Fields, role: Option<Role>) -> (Self, Vec<FieldProblem>) {
        let mut params = Self::default();
        if fields.get("connected") == Some(&Field::Bool(false)) {
            params.max_transmit = DATAGRAM_FRAGMENT;
        }
        let mut problems = Vec::new();
        for (name, field) in fields {
            if let Some(role) = role {
                let (own, role_name) = match role {
                    Role::Client => (MASTER, "a DNP3 master's"),
                    Role::Server => (OUTSTATION, "a DNP3 outstation's"),
                };
                if !BOTH.split(", ").chain(own.split(", ")).any(|known| known == name) {
                    let what = format!("`{name}` is no parameter of {role_name} link");
                    problems.push(problem(name, "unknown-field", what, &format!("use one of {BOTH}, {own}")));
                    continue;
                }
            }
            if let Err(found) = params.take(name, field) {
                problems.push(found);
            }
        }
        if role == Some(Role::Client) && params.masters.len() > 1 {
            let what = "`master` names several addresses, and we are one master".to_owned();
            problems.push(problem("master", "master-not-one", what, "use one address"));
        }
        (params, problems)
    }

    fn take(&mut self, name: &str, field: &Field) -> Result<(), FieldProblem> {
        let ms = |from: u64, to: u64| duration_between(name, field, Duration::from_millis(from), Duration::from_millis(to));
        const DAY: u64 = 86_400_000;
        match name {
            "outstation" => self.outstation = Some(whole(name, field, 0, i64::from(STATION_MAX))?),
            "master" => self.masters = addresses(name, field)?,
            "keep_alive" => self.keep_alive = ms(0, DAY)?,
            "status_timeout" => self.status_timeout = ms(10, 600_000)?,
            "link_confirm" => self.link_confirm = truth(name, field)?,
            "link_timeout" => self.link_timeout = ms(10, 60_000)?,
            "link_retries" => self.link_retries = whole(name, field, 0, 255)?,
            "self_address" => self.self_address = truth(name, field)?,
            "connected" => self.connected = truth(name, field)?,
            "max_transmit" => self.max_transmit = whole(name, field, 249, 65_535)?,
            "max_receive" => self.max_receive = whole(name, field, 249, 65_535)?,
            "connect_timeout" => self.connect_timeout = ms(100, 600_000)?,
            "connections" => self.connections = whole(name, field, 1, 16)?,
            "select_timeout" => self.select_timeout = ms(100, 600_000)?,
            "allow" => self.allow = Allowed::read(name, field)?,
            "response_timeout" => self.response_timeout = ms(10, 600_000)?,
            "poll_1" => self.polls[0] = Some(ms(10, DAY)?),
            "poll_2" => self.polls[1] = Some(ms(10, DAY)?),
            "poll_3" => self.polls[2] = Some(ms(10, DAY)?),
            "integrity_on" => self.integrity_on = IntegrityOn::read(name, field)?,
            "unsolicited" => self.unsolicited = classes(name, field)?,
            "time_sync" => self.time_sync = word(name, field, &[("lan", TimeSync::Lan), ("non_lan", TimeSync::NonLan)])?,
            "confirm_timeout" => self.confirm_timeout = ms(10, 600_000)?,
            "unsolicited_retries" => self.unsolicited_retries = Some(whole(name, field, 0, i64::from(u32::MAX))?),
            "unsolicited_rest" => self.unsolicited_rest = ms(100, DAY)?,
            "unsolicited_delay" => self.unsolicited_delay = ms(0, 600_000)?,
            "max_controls" => self.max_controls = whole(name, field, 1, 255)?,
            "direct_no_ack" => self.direct_no_ack = truth(name, field)?,
            "broadcast_controls" => self.broadcast_controls = truth(name, field)?,
            "clock" => self.clock = word(name, field, &[("own", ClockPolicy::Own), ("master", ClockPolicy::Master)])?,
            "need_time_every" => self.need_time_every = ms(1000, DAY)?,
            "statistics_class" => self.statistics_class = whole(name, field, 0, 3)?,
            "statistics_threshold" => self.statistics_threshold = whole(name, field, 1, i64::from(u32::MAX))?,
            "restart_delay" => self.restart_delay = ms(0, 65_535_000)?,
            _ => {}
        }
        Ok(())
    }
}

/// The words of a text, each setting one flag.
fn flags(name: &str, field: &Field, known: &str, mut set: impl FnMut(&str) -> bool) -> Result<(), FieldProblem> {
    let words = match field {
        Field::Text(words) => words.as_str(),
        Field::Int(_) | Field::Float(_) | Field::Bool(_) => "?",
    };
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        if !set(word) {
            return Err(problem(name, "unknown-word", format!("`{name}` does not know `{word}`"), &format!("use words of {known}")));
        }
    }
    Ok(())
}

impl Allowed {
    fn read(name: &str, field: &Field) -> Result<Self, FieldProblem> {
        let mut all = Self::default();
        let known = "clock_sync, counter_freeze, counter_reset, reset, assign_class, parameters, files, file_write";
        flags(name, field, known, |word| {
            let flag = match word {
                "clock_sync" => &mut all.clock_sync,
                "counter_freeze" => &mut all.counter_freeze,
                "counter_reset" => &mut all.counter_reset,
                "reset" => &mut all.reset,
                "assign_class" => &mut all.assign_class,
                "parameters" => &mut all.parameters,
                "files" => &mut all.files,
                "file_write" => &mut all.file_write,
                _ => return false,
            };
            *flag = true;
            true
        })?;
        Ok(all)
    }
}

impl IntegrityOn {
    fn read(name: &str, field: &Field) -> Result<Self, FieldProblem> {
        let mut all = Self { restart: false, overflow: false, reconnect: false };
        flags(name, field, "restart, overflow, reconnect", |word| {
            let flag = match word {
                "restart" => &mut all.restart,
                "overflow" => &mut all.overflow,
                "reconnect" => &mut all.reconnect,
                _ => return false,
            };
            *flag = true;
            true
        })?;
        Ok(all)
    }
}

/// Addresses of stations, as `1` or `"1,2"`.
fn addresses(name: &str, field: &Field) -> Result<Vec<u16>, FieldProblem> {
    let wrong =
        || problem(name, "address-out-of-range", format!("`{name}` is no list of addresses 0 to {STATION_MAX}"), "use 1 or \"1,2\"");
    let fits = |address: u16| if address <= STATION_MAX { Ok(address) } else { Err(wrong()) };
    match field {
        Field::Int(one) => Ok(vec![fits(u16::try_from(*one).map_err(|_| wrong())?)?]),
        Field::Text(list) => list.split(',').map(|one| fits(one.trim().parse().map_err(|_| wrong())?)).collect(),
        Field::Float(_) | Field::Bool(_) => Err(wrong()),
    }
}

/// Event classes, as `1` or `"1,2,3"` or `""`: bits 1 to 3.
fn classes(name: &str, field: &Field) -> Result<u8, FieldProblem> {
    let wrong = || problem(name, "class-out-of-range", format!("`{name}` is no list of classes 1 to 3"), "use 1 or \"1,2,3\" or \"\"");
    let bit = |class: i64| if (1..=3).contains(&class) { Ok(1_u8 << class) } else { Err(wrong()) };
    match field {
        Field::Int(class) => bit(*class),
        Field::Text(list) => {
            let listed = list.split(',').map(str::trim).filter(|one| !one.is_empty());
            listed.map(|one| bit(one.parse().map_err(|_| wrong())?)).try_fold(0, |all, one| Ok(all | one?))
        }
        Field::Float(_) | Field::Bool(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    fn codes(role: Role, list: &[(&str, Field)]) -> Vec<&'static str> {
        let fields = list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
        Params::check(role, &fields).iter().map(|found| found.code).collect()
    }

    fn read(list: &[(&str, Field)]) -> Params {
        Params::from_fields(&list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect())
    }

    #[test]
    fn every_parameter_has_its_range_and_its_role() {
        assert!(codes(Role::Client, &[("outstation", Field::Int(0)), ("master", Field::Int(65_519)), ("poll_1", text("2s"))]).is_empty());
        assert_eq!(codes(Role::Client, &[("outstation", Field::Int(65_520))]), ["out-of-range"], "reserved addresses");
        assert_eq!(codes(Role::Client, &[("master", text("1,65532"))]), ["address-out-of-range"]);
        assert_eq!(codes(Role::Client, &[("master", text("1,2"))]), ["master-not-one"]);
        assert!(codes(Role::Server, &[("master", text("1,2"))]).is_empty());
        assert_eq!(codes(Role::Server, &[("poll_1", text("2s"))]), ["unknown-field"]);
        assert_eq!(codes(Role::Client, &[("max_receive", Field::Int(248))]), ["out-of-range"]);
        assert_eq!(codes(Role::Client, &[("unsolicited", text("1,4"))]), ["class-out-of-range"]);
        assert_eq!(codes(Role::Client, &[("allow", text("reset, everything"))]), ["unknown-word"]);
        assert_eq!(codes(Role::Client, &[("time_sync", text("ntp"))]), ["unknown-word"]);
    }

    #[test]
    fn what_is_not_connected_sends_fragments_of_one_datagram() {
        assert_eq!(read(&[]).max_transmit, 2048);
        assert_eq!(read(&[("connected", Field::Bool(false))]).max_transmit, 1191);
        assert_eq!(read(&[("connected", Field::Bool(false)), ("max_transmit", Field::Int(2048))]).max_transmit, 2048);
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(read(&[("unsolicited", text("1, 3"))]).unsolicited, 0b1010);
        assert_eq!(read(&[("unsolicited", text(""))]).unsolicited, 0);
        assert_eq!(read(&[("master", text("3, 4"))]).masters, [3, 4]);
        let on = read(&[("integrity_on", text("overflow"))]).integrity_on;
        assert_eq!((on.restart, on.overflow, on.reconnect), (false, true, false));
        assert!(read(&[("allow", text("clock_sync,files"))]).allow.files);
    }
}

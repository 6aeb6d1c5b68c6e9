//! The story on the terminal: one line per event, with time and who, in an operator's words.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bridge_engine::shell::SystemClock;
use bridge_model::Mono;
use bridge_profile::Plan;

use super::cast::Actor;
use crate::say;

/// Tells. Shared by everyone who hears something.
pub(super) struct Teller {
    clock: SystemClock,
    began: Mono,
    /// What points are called by people.
    names: OnceLock<BTreeMap<String, String>>,
    /// The audience is gone (`| head`): nothing more is told, the demonstration goes on.
    alone: AtomicBool,
}

impl Teller {
    pub(super) fn new(clock: SystemClock) -> Self {
        Self { clock, began: clock.now().mono, names: OnceLock::new(), alone: AtomicBool::new(false) }
    }

    /// Learns what the profiles call their points.
    pub(super) fn learn(&self, plans: [&Plan; 2]) {
        let named = plans.into_iter().flat_map(|plan| &plan.points).filter_map(|point| Some((point.id.clone(), point.text.clone()?)));
        // Learnt once; a second time says the same.
        drop(self.names.set(named.collect()));
    }

    /// Seconds since the beginning.
    pub(super) fn seconds(&self) -> f64 {
        self.clock.now().mono.since(self.began).as_secs_f64()
    }

    /// What someone did or saw.
    pub(super) fn tell(&self, who: &str, text: &str) {
        self.line(&format!("{:7.2} s  {who:<12}  {text}", self.seconds()));
    }

    /// A headline of the story.
    pub(super) fn chapter(&self, text: &str) {
        self.line("");
        self.line(&format!("{:7.2} s  ---- {text}", self.seconds()));
    }

    /// A line as it is.
    pub(super) fn line(&self, text: &str) {
        if !self.alone.load(Ordering::Relaxed) && say::line(text).is_err() {
            self.alone.store(true, Ordering::Relaxed);
        }
    }

    /// A process said something: told if it is news to an operator.
    pub(super) fn heard(&self, who: Actor, line: &str) {
        let names = self.names.get_or_init(BTreeMap::new);
        if let Some(text) = words(names, who, line) {
            self.tell(who.name(), &text);
        }
    }
}

/// What an operator would say instead; `None` for what is no news.
fn words(names: &BTreeMap<String, String>, who: Actor, line: &str) -> Option<String> {
    let line = line.replace("plant.p_set", "SOLAR-B").replace(".p_set", "").replace("era:in/wr/tps-a/bus220", "the 220 kV bus");
    let line = line.replace("era:in/wr/tps-a/u1", "U1").replace("era:in/wr/tps-a/u2", "U2").replace("era:in/wr/tps-a", "TPS-A");
    let line = line.replace("era:in/rj/solar-b", "SOLAR-B");
    if line.starts_with("READY") {
        return Some("is ready".to_owned());
    }
    let text = match who {
        Actor::Station | Actor::Park => station(names, &line),
        Actor::Ems | Actor::ReEms => ems(who, &line),
        Actor::Genco => bridge(&line),
        Actor::Sldc => sldc(&line),
    };
    text.map(|text| text.replace("plant.curtail.enable", "the switch of SOLAR-B's limit").replace("plant.curtail", "SOLAR-B's limit"))
}

fn station(names: &BTreeMap<String, String>, line: &str) -> Option<String> {
    if let Some(command) = line.strip_prefix("command ") {
        let parts: Vec<&str> = command.split_whitespace().collect();
        if let [switch, state @ ("on" | "off"), mode] = parts.as_slice() {
            return Some(format!("receives {mode} {switch}: {}", state.to_uppercase()));
        }
        let [unit, "set", value, mode] = parts.as_slice() else { return Some(line.to_owned()) };
        let value = value.parse().map_or_else(|_| (*value).to_owned(), |value: f64| format!("{value:.1}"));
        let verb = match *mode {
            "select" => "select",
            "execute" => "execute",
            _ => "set-point",
        };
        return Some(format!("receives {verb} {unit} {value} MW"));
    }
    if let Some((point, value)) = line.split_once(" is ") {
        let (unit, short) = point.split_once('.').unwrap_or(("", point));
        let name = names.get(point).map_or(short, String::as_str);
        return Some(format!("{unit} {name}: {}", if value == "0" { "off" } else { "ON" }));
    }
    match line {
        "U2 open" => Some("U2 breaker opens".to_owned()),
        "started" => Some("is read by the genco bridge".to_owned()),
        "down" => Some("is read by nobody any more".to_owned()),
        _ => None,
    }
}

fn ems(who: Actor, line: &str) -> Option<String> {
    if let Some(order) = line.strip_prefix("sent ") {
        let (unit, target) = order.split_once(' ')?;
        return Some(format!("orders {unit} to {target}"));
    }
    if let Some(settled) = line.strip_prefix("settled ") {
        let parts: Vec<&str> = settled.split_whitespace().collect();
        let [unit, "set", value, outcome] = parts.as_slice() else { return Some(line.to_owned()) };
        return match *outcome {
            // ACT TERM said so.
            "Completed" => None,
            "Refused(ExecuteRefused)" => Some(format!("negative ACT CON: {unit} to {value} MW is refused")),
            other => Some(format!("{unit} to {value} MW: {other}")),
        };
    }
    match line {
        "ACT CON" if who == Actor::ReEms => Some("status 0: the order is accepted".to_owned()),
        "ACT CON" => Some("ACT CON: the order is accepted".to_owned()),
        "ACT TERM" => Some("ACT TERM: the plant took the first step".to_owned()),
        "started" => Some("is served by the sldc bridge".to_owned()),
        "down" => Some("is served by nobody any more".to_owned()),
        _ => None,
    }
}

fn bridge(line: &str) -> Option<String> {
    if line == "STOPPED" {
        return Some("has stopped".to_owned());
    }
    // What the network library adds helps nobody here; the log has it.
    let short = line.split(": error ").next().unwrap_or(line);
    Some(short.to_owned())
}

fn sldc(line: &str) -> Option<String> {
    // The EMS said it, and a receipt is followed by a decision.
    if line.starts_with("EMS orders") || line.contains("RECEIPT RECEIVED") {
        return None;
    }
    if let Some((what, of)) = line.split_once(" from genco: ") {
        return match what {
            "log" => Some(format!("receives a sequence-of-events line of {of}")),
            "alarm" => Some(format!("receives an ALARM of {of}")),
            "clear" => Some(format!("receives the end of an alarm of {of}")),
            "attest" => Some("receives the genco bridge's attestation of its counters".to_owned()),
            "report" => Some(format!("receives the mean injection of {of}")),
            other => Some(format!("receives {other} of {of}")),
        };
    }
    for (stage, word) in [
        (" ACCEPTANCE ACCEPTED", "the genco bridge accepts"),
        (" ACCEPTANCE REJECTED", "the genco bridge refuses"),
        (" ACCEPTANCE EXPIRED", "the genco bridge finds it too old"),
        (" EXECUTION EXECUTING", "under way"),
        (" EXECUTION COMPLETED", "FOLLOWED"),
        (" EXECUTION PARTIAL", "HELD on the way"),
        (" EXECUTION SUPERSEDED", "DISPLACED by another order"),
    ] {
        if let Some((order, rest)) = line.split_once(stage) {
            return Some(format!("{} MW: {word}{rest}", order.replacen(' ', " to ", 1)));
        }
    }
    bridge(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(who: Actor, line: &str) -> Option<String> {
        words(&BTreeMap::from([("U2.mft".to_owned(), "boiler master fuel trip".to_owned())]), who, line)
    }

    #[test]
    fn an_operator_is_told_in_his_own_words() {
        let cases = [
            (Actor::Station, "command U1.p_set set 201 select", Some("receives select U1 201.0 MW")),
            (Actor::Station, "U2.mft is 1", Some("U2 boiler master fuel trip: ON")),
            (Actor::Station, "connected", None),
            (Actor::Park, "command plant.p_set set 160.04 execute", Some("receives execute SOLAR-B 160.0 MW")),
            (Actor::Park, "command plant.curtail set 130 select", Some("receives select SOLAR-B's limit 130.0 MW")),
            (Actor::Park, "command plant.curtail.enable on execute", Some("receives execute the switch of SOLAR-B's limit: ON")),
            (Actor::Ems, "ACT CON", Some("ACT CON: the order is accepted")),
            (Actor::ReEms, "ACT CON", Some("status 0: the order is accepted")),
            (Actor::Genco, "curtailment of era:in/rj/solar-b to 100 MW accepted", Some("curtailment of SOLAR-B to 100 MW accepted")),
            (Actor::Sldc, "plant.p_set 220 EXECUTION SUPERSEDED (01a2)", Some("SOLAR-B to 220 MW: DISPLACED by another order (01a2)")),
            (Actor::Ems, "sent U1.p_set 210 MW", Some("orders U1 to 210 MW")),
            (Actor::Ems, "settled U1.p_set set 260 Refused(ExecuteRefused)", Some("negative ACT CON: U1 to 260 MW is refused")),
            (Actor::Genco, "dispatch of era:in/wr/tps-a/u1 to 210 MW accepted", Some("dispatch of U1 to 210 MW accepted")),
            (Actor::Sldc, "U1.p_set 210 RECEIPT RECEIVED", None),
            (Actor::Sldc, "U1.p_set 210 EXECUTION EXECUTING, set-point 201.0", Some("U1 to 210 MW: under way, set-point 201.0")),
        ];
        for (who, line, expected) in cases {
            assert_eq!(told(who, line).as_deref(), expected, "{line}");
        }
    }
}

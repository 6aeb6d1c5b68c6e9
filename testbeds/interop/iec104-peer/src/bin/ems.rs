//! An independent controlling station (EMS) on the library's client: interrogates, writes down every value it is told, and sends what it
//! is told to send.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use iec104::asdu::Asdu;
use iec104::client::{Client, ClientCallback};
use iec104::config::{ClientConfig, ProtocolConfig};
use iec104::cot::Cot;
use iec104::error::Error;
use iec104::types::commands::{Frz, Qoi, Qrp, Rqt};
use iec104::types::{CCiNa1, CCsNa1, CIcNa1, CRdNa1, CRpNa1, CTsTa1, GenericObject, InformationObjects};
use iec104::types_id::TypeId;
use iec104_peer::element::{Order, command, order, told};
use iec104_peer::ledger::Ledger;
use iec104_peer::points::{Spec, is_event, load};
use iec104_peer::stamp::{now_ns, tag};
use iec104_peer::{Arguments, HOST, fail, lines, say};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// What the library told and nobody has looked at yet; more than that makes it wait.
const NEWS: usize = 4096;

enum News {
    Started,
    Down,
    Told(Asdu),
}

struct Callback(mpsc::Sender<News>);

#[async_trait]
impl ClientCallback for Callback {
    async fn on_new_objects(&self, asdu: Asdu) {
        // The receiver lives as long as the process.
        let _ = self.0.send(News::Told(asdu)).await;
    }

    async fn on_connection_started(&self) {
        let _ = self.0.send(News::Started).await;
    }

    async fn on_connection_stopped(&self) {
        let _ = self.0.send(News::Down).await;
    }

    async fn on_error(&self, error: Error) {
        eprintln!("{error}");
        let _ = self.0.send(News::Down).await;
    }
}

struct Issued {
    id: String,
    /// An execute is to follow the positive confirmation of the select.
    then_execute: Option<(TypeId, Order)>,
    refused: bool,
}

struct Ems {
    client: Client<Callback>,
    ca: u16,
    life_ns: i64,
    names: BTreeMap<u32, String>,
    controls: BTreeMap<u32, Spec>,
    issued: BTreeMap<u32, Issued>,
    /// What each point showed last; before that, what the point list says.
    states: BTreeMap<u32, f64>,
    ledger: Ledger,
    random: u128,
    is_open: bool,
    test_counter: u16,
}

impl Ems {
    fn name(&self, ioa: u32) -> String {
        self.names.get(&ioa).cloned().unwrap_or_else(|| ioa.to_string())
    }

    async fn send(&self, type_id: TypeId, cot: Cot, information_objects: InformationObjects) -> Result<(), String> {
        let asdu = Asdu {
            type_id,
            cot,
            originator_address: 0,
            address_field: self.ca,
            sequence: false,
            test: false,
            negative: false,
            information_objects,
        };
        self.client.send_asdu(asdu).await.map_err(|error| error.to_string())
    }

    async fn interrogate(&self, qualifier: u8) -> Result<(), String> {
        let object = CIcNa1 { qoi: Qoi::from_byte(qualifier) };
        self.send(TypeId::C_IC_NA_1, Cot::Activation, vec![GenericObject { address: 0, object }].into()).await
    }

    async fn hear(&mut self, news: News) -> Result<(), String> {
        match news {
            News::Started => {
                self.is_open = true;
                self.ledger.write("link", "", None, json!({ "text": "started" }));
                say("OPEN");
                self.interrogate(20).await
            }
            News::Down => {
                if std::mem::take(&mut self.is_open) {
                    self.ledger.write("link", "", None, json!({ "text": "down" }));
                    say("CLOSED");
                }
                Ok(())
            }
            News::Told(asdu) => match told(&asdu.information_objects) {
                Some(values) => {
                    let cause = cause_name(asdu.cot);
                    for value in values {
                        let change = matches!(cause.as_str(), "spontaneous" | "return_remote" | "return_local");
                        // A state told again is no line of the sequence of events. The library does not tell whether a time tag is
                        // genuine (RES1, GEN), so what shows no change of state is taken as told again.
                        let changed = self.states.insert(value.ioa, value.value) != Some(value.value);
                        let event = is_event(asdu.type_id) && change && changed && !value.quality.nt;
                        let name = self.name(value.ioa);
                        self.ledger.value(if event { "event" } else { "change" }, &name, &value, &cause);
                    }
                    Ok(())
                }
                None => self.answered(&asdu).await,
            },
        }
    }

    /// A mirrored command, or another word of the station.
    async fn answered(&mut self, asdu: &Asdu) -> Result<(), String> {
        let negative = if asdu.negative { " NEGATIVE" } else { "" };
        let cause = answer_name(asdu.cot);
        let Some(wanted) = order(&asdu.information_objects) else {
            let what = match asdu.type_id {
                TypeId::C_IC_NA_1 => "interrogation",
                TypeId::C_CI_NA_1 => "counters",
                TypeId::C_RD_NA_1 => "read",
                TypeId::C_CS_NA_1 => "clock",
                TypeId::C_TS_TA_1 => "test",
                TypeId::C_RP_NA_1 => "reset",
                TypeId::M_EI_NA_1 => "initialised",
                _ => "other",
            };
            say(&format!("ANSWER {what} {cause}{negative}"));
            self.ledger.write("note", "", None, json!({ "text": format!("{what} {cause}{negative}") }));
            return Ok(());
        };
        let (name, select) = (self.name(wanted.ioa), wanted.select);
        say(&format!("ANSWER {name} {cause}{}{negative}", if select { " SELECT" } else { "" }));
        let issued = self.issued.get_mut(&wanted.ioa);
        let id = issued.as_ref().map(|issued| issued.id.clone());
        let value = Some(wanted.value);
        let text = select.then_some("select");
        if asdu.negative || !matches!(asdu.cot, Cot::ActivationConfirmation | Cot::ActivationTermination | Cot::DeactivationConfirmation) {
            let text = if select { "refused at select" } else { "refused" };
            self.ledger.write("settled", &name, value, json!({ "id": id, "text": text }));
            if let Some(issued) = issued {
                issued.refused = true;
            }
            return Ok(());
        }
        match asdu.cot {
            Cot::ActivationConfirmation if select => {
                self.ledger.write("selected", &name, value, json!({ "id": id, "text": text }));
                let next = issued.and_then(|issued| issued.then_execute.take());
                match next {
                    Some((ti, order)) => self.issue(ti, &order).await,
                    None => Ok(()),
                }
            }
            Cot::ActivationConfirmation => {
                self.ledger.write("confirmed", &name, value, json!({ "id": id }));
                Ok(())
            }
            _ => {
                self.ledger.write("terminated", &name, value, json!({ "id": id, "text": text }));
                if issued.is_some_and(|issued| !issued.refused) {
                    self.ledger.write("settled", &name, value, json!({ "id": id, "text": "completed" }));
                }
                Ok(())
            }
        }
    }

    async fn issue(&self, ti: TypeId, order: &Order) -> Result<(), String> {
        let objects = command(ti, order, tag(now_ns())).ok_or("no command type")?;
        self.send(ti, Cot::Activation, objects).await
    }

    /// A line of standard input: see the README.
    async fn obey(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let whole = |at: usize, default: u32| match words.get(at) {
            None => Ok(default),
            Some(word) => word.parse::<u32>().map_err(|_| format!("{word} is no whole number")),
        };
        let byte = |at, default| whole(at, default).and_then(|n| u8::try_from(n).map_err(|error| error.to_string()));
        match words.as_slice() {
            [] => Ok(()),
            ["gi", ..] => self.interrogate(byte(1, 20)?).await,
            ["ci", ..] => {
                let object = CCiNa1 { rqt: Rqt::from_byte(byte(1, 5)?), frz: Frz::from_byte(byte(2, 0)?) };
                self.send(TypeId::C_CI_NA_1, Cot::Activation, vec![GenericObject { address: 0, object }].into()).await
            }
            ["read", ..] => {
                let object = GenericObject { address: whole(1, 0)?, object: CRdNa1 {} };
                self.send(TypeId::C_RD_NA_1, Cot::Request, vec![object].into()).await
            }
            ["clock"] => {
                let object = CCsNa1 { time: tag(now_ns()) };
                self.send(TypeId::C_CS_NA_1, Cot::Activation, vec![GenericObject { address: 0, object }].into()).await
            }
            ["test"] => {
                self.test_counter += 1;
                let object = CTsTa1 { tsc: self.test_counter, time: tag(now_ns()) };
                self.send(TypeId::C_TS_TA_1, Cot::Activation, vec![GenericObject { address: 0, object }].into()).await
            }
            ["reset", ..] => {
                let object = CRpNa1 { qrp: Qrp::from_byte(byte(1, 1)?) };
                self.send(TypeId::C_RP_NA_1, Cot::Activation, vec![GenericObject { address: 0, object }].into()).await
            }
            ["set", _, value, rest @ ..] => {
                let value = value.parse::<f64>().map_err(|error| error.to_string())?;
                self.set(whole(1, 0)?, value, rest.first().copied()).await
            }
            _ => Err("no such order".to_owned()),
        }
    }

    async fn set(&mut self, ioa: u32, value: f64, mode: Option<&str>) -> Result<(), String> {
        let (ti, listed) = self.controls.get(&ioa).map_or((TypeId::C_SE_NC_1, false), |spec| (spec.ti, spec.select));
        let select = mode.map_or(listed, |mode| mode == "select");
        self.random = self.random.wrapping_mul(0xDA94_2042_E4DD_58B5).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let v = self.random.rotate_left(64) ^ self.random;
        let id = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            v >> 96,
            v >> 80 & 0xFFFF,
            v >> 64 & 0xFFFF,
            v >> 48 & 0xFFFF,
            v & 0xFFFF_FFFF_FFFF
        );
        let facts = json!({ "id": id, "not_after": now_ns() + self.life_ns, "text": format!("set {value}") });
        self.ledger.write("command", &self.name(ioa), Some(value), facts);
        let execute = Order { ioa, value, select: false };
        let first = Order { select, ..execute.clone() };
        self.issued.insert(ioa, Issued { id, then_execute: select.then_some((ti, execute)), refused: false });
        self.issue(ti, &first).await
    }
}

fn answer_name(cot: Cot) -> String {
    match cot {
        Cot::ActivationConfirmation => "ACTIVATION_CON".to_owned(),
        Cot::ActivationTermination => "ACTIVATION_TERMINATION".to_owned(),
        Cot::DeactivationConfirmation => "DEACTIVATION_CON".to_owned(),
        Cot::UnknownType => "UNKNOWN_TYPE_ID".to_owned(),
        Cot::UnknownCause => "UNKNOWN_COT".to_owned(),
        Cot::UnknownAsduAddress => "UNKNOWN_CA".to_owned(),
        Cot::UnknownObjectAddress => "UNKNOWN_IOA".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

/// A cause of transmission as the ledgers write it.
fn cause_name(cot: Cot) -> String {
    match cot {
        Cot::SpontaneousData => "spontaneous".to_owned(),
        Cot::Cyclic => "cyclic".to_owned(),
        Cot::Background => "background".to_owned(),
        Cot::Request => "requested".to_owned(),
        Cot::ReturnRemote => "return_remote".to_owned(),
        Cot::ReturnLocal => "return_local".to_owned(),
        other if (20..=41).contains(&(other as u8)) => "interrogated".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Connects and starts the data transfer; the library then reconnects by itself.
async fn connected(port: u16, news: &mpsc::Sender<News>) -> Client<Callback> {
    // A bridge that restarts is looked for every second.
    let protocol = ProtocolConfig { t0: Duration::from_secs(1), originator_address: 0, ..ProtocolConfig::default() };
    let config = ClientConfig { address: HOST.to_owned(), port, protocol, tls: None };
    let give_up = Instant::now() + CONNECT_PATIENCE;
    loop {
        let mut client = Client::new(config.clone(), Callback(news.clone()));
        if client.connect().await.is_ok() && client.start_receiving().await.is_ok() {
            return client;
        }
        if Instant::now() > give_up {
            fail(&format!("no connection to {HOST}:{port} within {CONNECT_PATIENCE:?}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::read();
    let port = arguments.number("port", None) as u16;
    let ledger =
        Ledger::create(arguments.text("ledger").unwrap_or_else(|| fail("ems --port PORT --ledger FILE [--points POINTS] [--ca CA]")));
    let specs = arguments.text("points").map(load).unwrap_or_default();
    let (sender, mut news) = mpsc::channel(NEWS);
    let mut ems = Ems {
        client: connected(port, &sender).await,
        ca: arguments.number("ca", Some(21)) as u16,
        life_ns: arguments.number("command-timeout-ms", Some(10_000)) as i64 * 1_000_000,
        names: specs.iter().map(|spec| (spec.ioa, spec.name.clone())).collect(),
        states: specs.iter().map(|spec| (spec.ioa, spec.value)).collect(),
        controls: specs.into_iter().filter(Spec::is_command).map(|spec| (spec.ioa, spec)).collect(),
        issued: BTreeMap::new(),
        ledger,
        random: u128::from(arguments.number("seed", Some(1))),
        is_open: false,
        test_counter: 0,
    };
    let mut orders = lines();
    let mut said = false;
    loop {
        let (what, done) = tokio::select! {
            line = orders.recv(), if said => {
                let Some(line) = line else { break };
                let done = ems.obey(&line).await;
                (line, done)
            }
            Some(told) = news.recv() => ("news".to_owned(), ems.hear(told).await),
        };
        if let Err(error) = done {
            say(&format!("ERROR {what}: {error}"));
        }
        if ems.is_open && !said {
            said = true;
            say("READY");
        }
    }
    say("END");
}

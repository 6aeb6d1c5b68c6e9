//! A webhook with real processes: an independent receiver that errs, hangs and dies, a bridge that is killed; the receiver's ledger against
//! the journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bridge_ies::Sealed;
use bridge_provenance::{ReceiverState, SealedBatch, SealedStream, Side, verify_batch};
use bridge_trust::base64_decode;
use serde_json::Value;

use crate::cli::kit::{PLANT, command};
use crate::support::{Grid, PATIENCE, Process, free_port, place, plain_python, point_heads, terminate, wait_until};

/// Events of the station, 10 ms apart.
const EVENTS: usize = 2400;
const TOKEN: &str = "not-a-real-token-3f9a";

fn receiver(grid: &Grid, port: u16, refuse: Option<&str>) -> Process {
    let mut command = plain_python("webhook_receiver.py");
    command.arg("--port").arg(port.to_string()).arg("--ledger").arg(grid.file("hook.jsonl"));
    if let Some(id) = refuse {
        command.args(["--refuse", id]);
    }
    let receiver = Process::spawn("receiver", &mut command);
    receiver.wait_for_line("READY", PATIENCE);
    receiver
}

fn configure(grid: &Grid, port: u16) {
    let file = grid.file("plant/bridge.toml");
    let mut text = std::fs::read_to_string(&file).expect("a configuration");
    text.push_str(&format!(
        "[[sink]]\nname = \"lake\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/hook?tenant=7\"\n\
         headers = {{ \"X-Api-Key\" = \"file:hook.token\" }}\nmax_events = 40\nmax_age = \"100ms\"\ntimeout = \"2s\"\ncontracted = true\non_poison = \"skip\"\n"
    ));
    std::fs::write(&file, text).expect("writable");
    std::fs::write(grid.file("plant/hook.token"), format!("{TOKEN}\n")).expect("writable");
}

/// The requests of the receiver's ledger; a line that a kill cut is no line.
fn requests(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().all(|line| line["kind"] == "request"), "a redirect was followed");
    lines
}

/// Every event taken, in order of arrival.
fn taken(requests: &[Value]) -> Vec<(String, Value)> {
    let events = requests.iter().flat_map(|request| request["events"].as_array().into_iter().flatten());
    events
        .map(|event| {
            let octets = event["octets"].as_str().expect("octets");
            (octets.to_owned(), serde_json::from_str(octets).expect("JSON"))
        })
        .collect()
}

fn count(grid: &Grid, answer: &Value) -> usize {
    requests(&grid.file("hook.jsonl")).iter().filter(|request| request["answer"] == *answer).count()
}

/// Gives the receiver an order and waits until it has answered so.
fn until_answered(grid: &Grid, receiver: &mut Process, order: &str, answer: &Value, times: usize) {
    let before = count(grid, answer);
    receiver.say(order);
    receiver.wait_for_line("MODE", PATIENCE);
    wait_until(&format!("the receiver answers {answer}"), || count(grid, answer) >= before + times);
    let taken = count(grid, &204.into());
    receiver.say("ok");
    wait_until("it takes again", || count(grid, &204.into()) > taken);
}

#[test]
fn a_webhook_loses_nothing_through_errors_kills_and_a_poison_event() {
    let grid = Grid::new("webhook", |profile| profile);
    let port = free_port();
    configure(&grid, port);
    let mut lake = receiver(&grid, port, None);
    let (address, events) = (format!("127.0.0.1:{}", grid.rtu), EVENTS.to_string());
    let mut args = vec!["sim", "iec104", "--role", "station", "--profile", "own/thermal-station-104", "--listen", &address];
    args.extend([
        "--ledger",
        "station.jsonl",
        "--events",
        "U1.bfp_a,U1.id_fan,U2.bfp_b",
        "--event-every",
        "10ms",
        "--event-count",
        &events,
    ]);
    let mut station = Process::spawn("station", &mut command(grid.dir(), &args));
    station.wait_for_line("READY", PATIENCE);
    let mut plant = grid.start("plant");

    wait_until("the receiver takes batches", || count(&grid, &204.into()) >= 3);
    until_answered(&grid, &mut lake, "answer 500", &500.into(), 2);
    until_answered(&grid, &mut lake, "answer 429 1", &429.into(), 2);
    plant.kill();
    plant = grid.start("plant");
    until_answered(&grid, &mut lake, "redirect", &307.into(), 2);
    until_answered(&grid, &mut lake, "hang 4", &"hang".into(), 1);
    // The receiver dies in the middle, and stays away for a while.
    lake.kill();
    std::thread::sleep(Duration::from_millis(1500));
    plant.kill();
    plant = grid.start("plant");
    lake = receiver(&grid, port, None);
    let before = count(&grid, &204.into());
    wait_until("it takes again", || count(&grid, &204.into()) > before);
    // One event is refused for good: it is found, skipped, and told.
    lake.say("refuse-next");
    let poison = lake.wait_for_line("REFUSED", PATIENCE).split_whitespace().last().expect("an id").to_owned();
    plant.wait_for_line("skipped, with a signed gap", PATIENCE);
    plant.kill();
    let mut plant = grid.start("plant");

    let made = || std::fs::read_to_string(grid.file("station.jsonl")).map_or(0, |text| text.matches("\"event\"").count());
    wait_until("the station has made its last event", || made() >= EVENTS);
    let last = *point_heads(&grid.journal("plant")).last().expect("something was sealed");
    wait_until("the receiver has what was sealed then", || {
        let all = taken(&requests(&grid.file("hook.jsonl")));
        all.iter().any(|(_, event)| event["type"] == "in.ies.grid.telemetry.v0" && place_of(event) == last)
    });
    terminate(&mut plant);
    assert!(station.finish(PATIENCE).success());
    lake.kill();
    judge(&grid, &poison);
}

fn place_of(event: &Value) -> (u32, u64) {
    place(event["id"].as_str().expect("an id"))
}

fn judge(grid: &Grid, poison: &str) {
    let requests = requests(&grid.file("hook.jsonl"));
    let all = taken(&requests);
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    let mut first: Vec<&Value> = Vec::new();
    for (octets, event) in &all {
        let id = event["id"].as_str().expect("an id").to_owned();
        match seen.get(&id) {
            Some(before) => assert_eq!(*before, octets, "a repetition of {id} has other octets"),
            None => {
                seen.insert(id, octets);
                first.push(event);
            }
        }
    }
    let points: Vec<(u32, u64)> =
        first.iter().filter(|event| event["type"] == "in.ies.grid.telemetry.v0").map(|event| place_of(event)).collect();
    let heads = point_heads(&grid.journal("plant"));
    let begin = heads.iter().position(|head| Some(head) == points.first()).expect("the first event is in the journal");
    let end = heads.iter().rposition(|head| Some(head) == points.last()).expect("the last too");
    let expected: Vec<(u32, u64)> = heads[begin..=end].iter().copied().filter(|head| *head != place(poison)).collect();
    assert_eq!(points, expected, "none lost, none out of order, and only the poison is missing");
    assert!(points.len() > 200, "{} events", points.len());
    let gaps: Vec<&&Value> = first.iter().filter(|event| event["type"] == "in.ies.grid.gap.v0").collect();
    assert!(gaps.len() == 1 && gaps[0]["data"]["fields"]["event"] == poison, "{gaps:?}");

    let before_hanging = requests.iter().take_while(|request| request["answer"] != "hang");
    assert!(before_hanging.map(|request| request["worst"].as_u64()).all(|worst| worst == Some(1)), "one request at a time");
    for request in &requests {
        assert_eq!((&request["path"], &request["key"]), (&"/hook?tenant=7".into(), &TOKEN.into()));
        assert!(request["type"].as_str().is_some_and(|kind| kind.starts_with("application/cloudevents-batch+json")), "{request}");
        assert!(request["ids"].as_array().is_some_and(|ids| ids.len() <= 40));
    }
    signed(&requests);
    verified(grid, &first);
    grid.verify("plant").good();
    let log = std::fs::read_to_string(grid.file("plant/bridge.toml")).expect("readable");
    assert!(!log.contains(TOKEN), "a secret does not stand in the configuration");
}

/// The signature over the body is that of every other delivery.
fn signed(requests: &[Value]) {
    let request = requests.iter().find(|request| request["body"].is_string()).expect("the first batch was kept whole");
    let authorization = request["authorization"].as_str().expect("signed");
    assert!(authorization.starts_with("Signature keyId=\"did:web:genco.example|plant-beckn|ed25519\""), "{authorization}");
    let digest = bridge_trust::blake_text(request["body"].as_str().expect("text").as_bytes());
    assert!(!digest.is_empty() && authorization.contains("headers=\"(created) (expires) digest\""), "{authorization}");
}

/// Each event of points carries its own proof, back to the log's signed checkpoint.
fn verified(grid: &Grid, events: &[&Value]) {
    let key = public_of(grid);
    let mut proven = 0;
    for event in events.iter().filter(|event| event["type"] == "in.ies.grid.telemetry.v0") {
        let sealed: Sealed = serde_json::from_value(event["data"]["payload"]["sealed"].clone()).expect("a sealed part");
        let batch = from_text(&sealed);
        verify_batch(&batch, PLANT.origin, &[key], &mut ReceiverState::new()).unwrap_or_else(|error| panic!("{}: {error}", event["id"]));
        proven += 1;
    }
    assert!(proven > 200);
}

fn public_of(grid: &Grid) -> [u8; 32] {
    let shown = grid.site.run(&["keys", "show", "plant/keys"]).good().out;
    let line = shown.lines().find(|line| line.trim_start().starts_with("log.key")).expect("the log's key");
    let key = base64_decode(line.split_whitespace().last().expect("a key")).expect("base64");
    key.try_into().expect("32 octets")
}

fn from_text(sealed: &Sealed) -> SealedBatch {
    let octets = |text: &String| base64_decode(text).expect("base64");
    let hash = |text: &String| -> [u8; 32] { octets(text).try_into().expect("a hash") };
    SealedBatch {
        batch: sealed.batch.0,
        header: octets(&sealed.header),
        checkpoint: octets(&sealed.checkpoint),
        log_path: sealed.log_path.iter().map(hash).collect(),
        streams: sealed
            .streams
            .iter()
            .map(|stream| SealedStream {
                head: octets(&stream.head),
                path: stream.path.iter().map(|step| (hash(&step.hash), if step.side == "L" { Side::Left } else { Side::Right })).collect(),
                leaves: stream.leaves.iter().map(octets).collect(),
            })
            .collect(),
    }
}

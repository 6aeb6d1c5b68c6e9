//! `tail`: what is in the journal, each batch verified before it is printed.

mod filter;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bridge_ies::format_time;
use bridge_journal::{Position, ReadOnly, Reader, Record};
use bridge_model::Quality;
use bridge_provenance::{
    Collector, Direction, Leaf, LeafPoint, LeafValue, NoteLeaf, OperationLeaf, PointsLeaf, Sealer, kind, leaf_flags, open_checkpoint,
};
use serde_json::{Value, json};

use filter::{Filter, FilterArgs, Item, Known, of_operation};

use crate::config::hex;
use crate::fault::Fault;
use crate::journal::{KeySource, Place};
use crate::say;

/// How often a followed journal is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Arguments of `tail`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  ies-bridge tail plant/ --follow\n  ies-bridge tail plant/ --verb alarm --verb clear --severity critical --since 1h\n  ies-bridge tail plant/ --point 'U1.*' --quality invalid --json\n\nFilters narrow; a filter given again widens itself. Every line of a sealed batch is printed only after the batch was verified. Lines marked `unsealed` are not signed yet.\nExit code: 0 all printed was verified, 1 a batch did not verify, 5 the input cannot be used"
)]
pub(crate) struct Args {
    /// The configuration's folder, its data folder, or the journal's own folder.
    dir: PathBuf,
    /// Go on as the journal grows.
    #[arg(long, short)]
    follow: bool,
    /// Print one JSON object per leaf.
    #[arg(long)]
    json: bool,
    /// Only the last batches, this many; all are verified.
    #[arg(long, short = 'n', value_name = "BATCHES")]
    last: Option<u64>,
    /// End after so many lines (objects with --json).
    #[arg(long, value_name = "LINES")]
    count: Option<u64>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    keys: KeySource,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let filter = args.filter.read()?;
    let place = Place::find(&args.dir)?;
    let mut journal = place.open()?;
    if filter.names_things() {
        filter.check(&known(&journal)?)?;
    }
    let keys = place.keys(&args.keys, journal.origin())?;
    if let Some(remark) = &keys.remark {
        say::error(format!("note: {remark}"));
    }
    let skip = match args.last {
        Some(last) => count_batches(&journal)?.saturating_sub(last),
        None => 0,
    };
    let mut tail = Tail::new(&journal, keys.keys, args.json, skip);
    tail.filter = filter;
    tail.left = args.count;
    let mut reader = journal.reader(journal.start());
    loop {
        tail.read(&journal, &mut reader)?;
        if !args.follow {
            tail.unsealed()?;
            return Ok(ExitCode::SUCCESS);
        }
        if tail.is_done() {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK);
        journal.refresh().map_err(|e| Fault::new("the journal can no longer be read").because(&e))?;
        reader = journal.reader(reader.position());
    }
}

/// The names that the journal's own descriptors know, and its peers.
fn known(journal: &ReadOnly) -> Result<Known, Fault> {
    let mut reader = journal.reader(journal.start());
    let (mut record, mut known) = (Record::default(), Known::default());
    while reader.next_into(&mut record).map_err(|e| Fault::new("the journal is damaged").because(&e))? {
        if record.kind != kind::LEAF {
            continue;
        }
        match Leaf::decode(&record.body) {
            Ok(Leaf::Note(note)) if note.kind == "descriptors" => {
                let set: Value = serde_json::from_str(&note.text).unwrap_or_default();
                for point in set["points"].as_array().into_iter().flatten() {
                    let text = |key: &str| point[key].as_str().map(str::to_owned);
                    known.points.extend(text("id"));
                    known.resources.extend(text("era"));
                    known.links.extend(text("source"));
                }
            }
            Ok(Leaf::Operation(operation)) => {
                known.links.insert(operation.peer);
            }
            Ok(Leaf::Note(_) | Leaf::Points(_) | Leaf::Unknown(_)) | Err(_) => {}
        }
    }
    Ok(known)
}

fn count_batches(journal: &ReadOnly) -> Result<u64, Fault> {
    let mut reader = journal.reader(journal.start());
    let (mut record, mut batches) = (Record::default(), 0);
    while reader.next_into(&mut record).map_err(|e| Fault::new("the journal is damaged").because(&e))? {
        batches += u64::from(record.kind == kind::HEADER);
    }
    Ok(batches)
}

struct Tail {
    keys: Vec<[u8; 32]>,
    json: bool,
    skip: u64,
    /// `None` until a snapshot of the sealer comes, if the journal no longer has its beginning.
    sealer: Option<Sealer>,
    collector: Collector,
    /// Leaves that no batch covered yet: their position and octets.
    waiting: BTreeMap<Position, Vec<u8>>,
    names: Names,
    filter: Filter,
    /// Lines that may still be printed.
    left: Option<u64>,
    /// The newest seal lies behind what is wanted.
    over: bool,
}

impl Tail {
    fn new(journal: &ReadOnly, keys: Vec<[u8; 32]>, json: bool, skip: u64) -> Self {
        let whole = journal.start() == Position(0);
        Self {
            keys,
            json,
            skip,
            sealer: whole.then(|| Sealer::new(journal.origin(), "", journal.epoch())),
            collector: Collector::new(),
            waiting: BTreeMap::new(),
            names: Names::default(),
            filter: Filter::default(),
            left: None,
            over: false,
        }
    }

    /// Nothing more will be printed.
    fn is_done(&self) -> bool {
        self.over || self.left == Some(0)
    }

    /// Counts one line; `false` if it is one too many.
    fn spend(&mut self) -> bool {
        match &mut self.left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn read(&mut self, journal: &ReadOnly, reader: &mut Reader) -> anyhow::Result<()> {
        let mut record = Record::default();
        while reader
            .next_into(&mut record)
            .map_err(|e| Fault::new("the journal is damaged").because(&e).fix("ies-bridge verify names the first bad place"))?
        {
            self.take(journal, &record)?;
        }
        let torn = journal.torn_tail().filter(|_| journal.sound_after_tear());
        if let Some(problem) = journal.problems().first().or(torn) {
            return Err(Fault::new(format!("the journal is damaged: {problem}")).fix("ies-bridge verify names the first bad place").into());
        }
        Ok(())
    }

    fn take(&mut self, journal: &ReadOnly, record: &Record) -> anyhow::Result<()> {
        let bad = |e: &dyn std::error::Error| {
            let (file, offset) = journal.place(record.position);
            Fault::new(format!("{file} at octet {offset} does not verify"))
                .because(e)
                .fix("nothing of this batch was printed; ies-bridge verify says more")
        };
        if record.kind == kind::SEALER && self.sealer.is_none() {
            self.sealer = Some(Sealer::restore(&record.body).map_err(|e| bad(&e))?);
        }
        if let Some(sealer) = &mut self.sealer {
            sealer.observe(record.kind, &record.body, record.position).map_err(|e| bad(&e))?;
        }
        if record.kind == kind::LEAF {
            self.waiting.insert(record.position, record.body.clone());
        }
        let Some(batch) = self.collector.take(record).map_err(|e| bad(&e))? else { return Ok(()) };
        let Some(sealer) = &mut self.sealer else { return Ok(()) };
        sealer.replay_header(&batch.header_octets, &batch.checkpoint).map_err(|e| bad(&e))?;
        open_checkpoint(&batch.checkpoint, journal.origin(), &self.keys).map_err(|e| bad(&e))?;
        self.waiting = self.waiting.split_off(&batch.header.end);
        for leaf in &batch.leaves {
            self.print(leaf, Some(batch.header.batch))?;
        }
        self.over = self.filter.over(batch.header.meta.t_seal_ns);
        Ok(())
    }

    fn unsealed(&mut self) -> anyhow::Result<()> {
        for leaf in std::mem::take(&mut self.waiting).into_values() {
            self.print(&leaf, None)?;
        }
        Ok(())
    }

    fn print(&mut self, octets: &[u8], batch: Option<u64>) -> anyhow::Result<()> {
        let leaf = Leaf::decode(octets)?;
        if let Leaf::Note(note) = &leaf {
            self.names.learn(note);
        }
        if batch.is_some_and(|batch| batch < self.skip) {
            return Ok(());
        }
        let Some(leaf) = self.wanted(leaf) else { return Ok(()) };
        if self.json {
            if self.spend() {
                say::line(self.names.json(&leaf, batch).to_string())?;
            }
        } else {
            let seal = batch.map_or_else(|| "unsealed".to_owned(), |batch| format!("#{batch}"));
            for line in self.names.text(&leaf) {
                if self.spend() {
                    say::line(format!("{seal:<9} {line}"))?;
                }
            }
        }
        Ok(())
    }

    /// The leaf with what passes the filters; nothing if nothing does.
    fn wanted(&self, leaf: Leaf) -> Option<Leaf> {
        match leaf {
            Leaf::Points(mut leaf) => {
                let points = std::mem::take(&mut leaf.points);
                leaf.points = points.into_iter().filter(|point| self.filter.takes(&self.names.item(&leaf, point))).collect();
                (!leaf.points.is_empty()).then_some(Leaf::Points(leaf))
            }
            Leaf::Operation(leaf) => self.filter.takes(&of_operation(&leaf)).then_some(Leaf::Operation(leaf)),
            Leaf::Note(note) => {
                let field = |name: &str| note.fields.get(name).cloned();
                let item = Item { link: field("link").or_else(|| field("peer")), at_ns: note.at_ns, ..Item::default() };
                self.filter.takes(&item).then_some(Leaf::Note(note))
            }
            Leaf::Unknown(leaf) => self.filter.takes(&Item::default()).then_some(Leaf::Unknown(leaf)),
        }
    }
}

/// What the numbers in leaves mean, from the descriptors that stand in the journal itself.
#[derive(Default)]
struct Names {
    /// Descriptor hash → point number → what it is.
    sets: BTreeMap<String, BTreeMap<u32, Described>>,
}

/// A point, as the journal describes it.
#[derive(Clone, Default)]
struct Described {
    id: String,
    unit: String,
    era: String,
    source: String,
}

impl Names {
    fn learn(&mut self, note: &NoteLeaf) {
        if note.kind != "descriptors" {
            return;
        }
        let (Some(hash), Ok(set)) = (note.fields.get("hash"), serde_json::from_str::<Value>(&note.text)) else { return };
        let points = set["points"].as_array().into_iter().flatten().filter_map(|point| {
            let number = u32::try_from(point["pt"].as_u64()?).ok()?;
            let text = |key: &str| point[key].as_str().unwrap_or_default().to_owned();
            Some((number, Described { id: point["id"].as_str()?.to_owned(), unit: text("unit"), era: text("era"), source: text("source") }))
        });
        self.sets.insert(hash.clone(), points.collect());
    }

    fn point(&self, leaf: &PointsLeaf, point: u32) -> Described {
        let known = self.sets.get(&hex(&leaf.descriptors)).and_then(|set| set.get(&point));
        known.cloned().unwrap_or_else(|| Described { id: format!("point {point}"), ..Described::default() })
    }

    /// What a filter may ask of one value.
    fn item(&self, leaf: &PointsLeaf, point: &LeafPoint) -> Item {
        let Described { id, era, source, .. } = self.point(leaf, point.point);
        Item {
            verb: Some("stream".to_owned()),
            resources: vec![era],
            points: vec![id],
            link: Some(source),
            quality: Some(Quality::from_bits(point.quality, point.raw).validity),
            severity: None,
            at_ns: point.time_ns,
        }
    }

    fn text(&self, leaf: &Leaf) -> Vec<String> {
        match leaf {
            Leaf::Points(leaf) => leaf.points.iter().map(|point| self.point_text(leaf, point)).collect(),
            Leaf::Operation(operation) => vec![operation_text(operation)],
            Leaf::Note(note) if note.kind == "descriptors" => {
                vec![format!("{} note descriptors {}", say::time(note.at_ns), note.fields.get("hash").map_or("", String::as_str))]
            }
            Leaf::Note(note) => {
                let fields: Vec<String> = note.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                vec![format!("{} note {}: {} {}", say::time(note.at_ns), note.kind, note.text, fields.join(" ")).trim_end().to_owned()]
            }
            Leaf::Unknown(unknown) => vec![format!("{} of a later version, stream {} seq {}", unknown.schema, unknown.stream, unknown.seq)],
        }
    }

    fn point_text(&self, leaf: &PointsLeaf, point: &LeafPoint) -> String {
        let Described { id, unit, .. } = self.point(leaf, point.point);
        let quality = quality(point);
        let mut line = format!("{} {id} {} {unit}", say::time(point.time_ns), value_text(point.value));
        line.truncate(line.trim_end().len());
        line.push_str(&format!(" {quality}"));
        for mark in marks(point) {
            line.push_str(&format!(" [{mark}]"));
        }
        line
    }

    fn json(&self, leaf: &Leaf, batch: Option<u64>) -> Value {
        let mut value = match leaf {
            Leaf::Points(leaf) => json!({
                "kind": "points",
                "stream": leaf.stream,
                "seq": leaf.seq,
                "received": format_time(leaf.received_ns),
                "frame": leaf.frame.map(|(link, connection, number)| json!({ "link": link, "connection": connection, "number": number })),
                "withheld": leaf.withheld,
                "points": leaf.points.iter().map(|point| {
                    let Described { id, unit, .. } = self.point(leaf, point.point);
                    json!({ "id": id, "value": value_json(point.value), "unit": unit, "quality": quality(point), "t": format_time(point.time_ns), "marks": marks(point) })
                }).collect::<Vec<_>>(),
            }),
            Leaf::Operation(operation) => json!({
                "kind": "operation",
                "stream": operation.stream,
                "seq": operation.seq,
                "at": format_time(operation.at_ns),
                "direction": direction(operation),
                "peer": operation.peer,
                "operationId": operation.operation_id,
                "verb": operation.verb,
                "body": serde_json::from_slice::<Value>(&operation.body).ok(),
            }),
            Leaf::Note(note) => json!({
                "kind": "note",
                "stream": note.stream,
                "seq": note.seq,
                "at": format_time(note.at_ns),
                "note": note.kind,
                "text": note.text,
                "fields": note.fields,
            }),
            Leaf::Unknown(unknown) => json!({ "kind": "unknown", "schema": unknown.schema, "stream": unknown.stream, "seq": unknown.seq }),
        };
        value["sealed"] = batch.is_some().into();
        value["batch"] = batch.into();
        value
    }
}

fn direction(operation: &OperationLeaf) -> &'static str {
    match operation.direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    }
}

fn operation_text(operation: &OperationLeaf) -> String {
    let (verb, way) = match operation.direction {
        Direction::Sent => ("sent", "to"),
        Direction::Received => ("received", "from"),
    };
    if operation.peer.is_empty() {
        return format!("{} published {} {}", say::time(operation.at_ns), operation.verb, operation.operation_id);
    }
    format!("{} {verb} {} {way} {} {}", say::time(operation.at_ns), operation.verb, operation.peer, operation.operation_id)
}

fn value_text(value: LeafValue) -> String {
    match value {
        LeafValue::Bool(on) => u8::from(on).to_string(),
        LeafValue::Double(state) => match state {
            0 => "intermediate".to_owned(),
            1 => "off".to_owned(),
            2 => "on".to_owned(),
            _ => "bad".to_owned(),
        },
        LeafValue::Int(value) => value.to_string(),
        LeafValue::F32(value) => value.to_string(),
        LeafValue::F64(value) => value.to_string(),
    }
}

fn value_json(value: LeafValue) -> Value {
    match value {
        LeafValue::Bool(on) => on.into(),
        LeafValue::Double(state) => state.into(),
        LeafValue::Int(value) => value.into(),
        // Through its shortest text, so that 243.6 stays 243.6.
        LeafValue::F32(value) => value.to_string().parse::<f64>().map_or(Value::Null, Value::from),
        LeafValue::F64(value) => value.into(),
    }
}

fn quality(point: &LeafPoint) -> String {
    let quality = Quality::from_bits(point.quality, point.raw);
    let mut text = format!("{:?}", quality.validity).to_uppercase();
    let names: Vec<&str> = quality.detail.names().collect();
    if !names.is_empty() {
        text.push_str(&format!(" ({})", names.join(", ")));
    }
    text
}

fn marks(point: &LeafPoint) -> Vec<&'static str> {
    let all = [
        (leaf_flags::POSSIBLE_DUPLICATE, "possible duplicate"),
        (leaf_flags::TEST, "test"),
        (leaf_flags::FROM_INTERROGATION, "from interrogation"),
        (leaf_flags::HISTORIC, "historic"),
        (leaf_flags::UNSTAMPED_EVENT, "unstamped event"),
    ];
    let mut marks: Vec<&str> = all.iter().filter(|(bit, _)| point.flags & bit != 0).map(|(_, name)| *name).collect();
    if point.time_flags & 0x80 != 0 {
        marks.push("stamped at receipt");
    }
    marks
}

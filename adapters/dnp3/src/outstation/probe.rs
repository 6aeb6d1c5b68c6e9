//! What an outstation takes and answers, found by asking one: every function with every object and qualifier. The device profile is
//! written from it, so that it cannot say more, or less, than the code does.

use std::collections::{BTreeMap, BTreeSet};

use bridge_model::{Mono, Now, PointId, Quality, Timestamp, Utc, Value};
use bridge_session::{LinkSpec, Publish, PublishClass, Request, Session};

use super::files::MemoryFiles;
use super::requests::Handled;
use super::statistics::Statistic;
use super::{Outstation, supports};
use crate::app::{AppControl, FragmentView, Function, Iin, IndexWidth, Qualifier};
use crate::objects::{
    DnpTime, FileAuthentication, FileBlock, FileCommand, FileDescriptor, FileMode, FileObject, FileStatus, FileType, Kind, Lookup, Size,
    Variation, lookup,
};
use crate::profile::{VALUES, rehearsal};

/// Group and variation.
pub(crate) type ObjectId = (u8, u8);

/// What happens with an object.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Use {
    /// By function, the qualifiers of requests that are carried out.
    pub(crate) taken: BTreeMap<Function, BTreeSet<u8>>,
    /// The qualifiers that it has in answers to them.
    pub(crate) answered: BTreeSet<u8>,
}

/// The qualifiers of clause 4.2.2.7.3 that stations use.
const QUALIFIERS: [Qualifier; 11] = [
    Qualifier::StartStop(IndexWidth::One),
    Qualifier::StartStop(IndexWidth::Two),
    Qualifier::StartStop(IndexWidth::Four),
    Qualifier::All,
    Qualifier::Count(IndexWidth::One),
    Qualifier::Count(IndexWidth::Two),
    Qualifier::Count(IndexWidth::Four),
    Qualifier::Indexed(IndexWidth::One),
    Qualifier::Indexed(IndexWidth::Two),
    Qualifier::Indexed(IndexWidth::Four),
    Qualifier::FreeFormat,
];
/// Unexpected messages that a probe may count, so that it ends.
const PROBED_MAX: u32 = 1000;
/// Functions that want no objects, and look at none.
const WITHOUT_OBJECTS: [Function; 5] =
    [Function::Confirm, Function::ColdRestart, Function::WarmRestart, Function::DelayMeasure, Function::RecordCurrentTime];
/// When everything is asked: any time that is one.
const NOW: Now = Now { mono: Mono(1_000_000_000), utc: Utc(1_775_037_600_000_000_000) };
/// Of each of [`VALUES`]; what is frozen follows from them.
const SERVED: [Value; VALUES.len()] = [
    Value::Bool(true),
    Value::Double(bridge_model::DoublePoint::On),
    Value::Bool(true),
    Value::Int(1),
    Value::Int(1),
    Value::Int(1),
    Value::Int(1),
    Value::Int(1),
];

/// Asks an outstation with the parameters of `spec`, and a value and a control of each type at index 0.
pub(crate) fn uses(spec: &LinkSpec) -> BTreeMap<ObjectId, Use> {
    let files = MemoryFiles { files: BTreeMap::from([("a".to_owned(), vec![1])]), key: None };
    let mut session = Outstation::with_files(&rehearsal(spec), Box::new(files));
    let values = SERVED.into_iter().zip(0..).map(|(value, point)| Publish {
        point: PointId(point),
        value,
        quality: Quality::GOOD,
        time: Timestamp::by_device(NOW.utc),
        class: PublishClass::Latest,
        spontaneous: true,
        return_info: false,
    });
    session.handle_request(Request::Publish(values.collect()), NOW);
    // Events of frozen objects, where classes are assigned and freezes taken.
    session.carries_out(Function::AssignClass, &[60, 4, 6, 21, 0, 6, 31, 0, 6]);
    session.carries_out(Function::ImmediateFreeze, &[20, 0, 6, 30, 0, 6]);
    // A freeze to come, commands whose events can be read, and a statistic that grew.
    session.carries_out(Function::FreezeAtTime, &[&[50, 2, 7, 1][..], &[0; 6], &60_000_u32.to_le_bytes(), &[20, 0, 6]].concat());
    for object in [(12, 1), (41, 1)] {
        if let Some(command) = body(Function::DirectOperate, object, Qualifier::Indexed(IndexWidth::One)) {
            session.carries_out(Function::DirectOperate, &command);
        }
    }
    for _ in 0..session.params.statistics_threshold.min(PROBED_MAX) {
        session.count(0, Statistic::Unexpected, NOW);
    }
    // A file whose blocks are there to be read.
    if let Some(open) = body(Function::OpenFile, (70, 3), Qualifier::FreeFormat) {
        session.carries_out(Function::OpenFile, &open);
    }
    let mut all: BTreeMap<ObjectId, Use> = objects().map(|object| (object, Use::default())).collect();
    let params = session.params.clone();
    for function in WITHOUT_OBJECTS.into_iter().filter(|function| supports(*function, &params)) {
        for (object, qualifier) in session.carries_out(function, &[]).unwrap_or_default() {
            all.entry(object).or_default().answered.insert(qualifier);
        }
    }
    // Ascending: READ comes before what changes classes and counters.
    let is_asked = |function: &Function| !function.is_response() && !WITHOUT_OBJECTS.contains(function) && supports(*function, &params);
    for function in Function::ALL.iter().copied().filter(is_asked) {
        for object in objects() {
            for qualifier in QUALIFIERS {
                let Some(body) = body(function, object, qualifier) else { continue };
                let Some(answered) = session.carries_out(function, &body) else { continue };
                all.entry(object).or_default().taken.entry(function).or_default().insert(qualifier.octet());
                for (object, qualifier) in answered {
                    all.entry(object).or_default().answered.insert(qualifier);
                }
            }
        }
    }
    all
}

/// Variation 0 of each group that has one, then every variation; of attributes those that are served, of strings one length.
pub(crate) fn objects() -> impl Iterator<Item = ObjectId> {
    let groups: BTreeSet<u8> = Variation::all().iter().map(|known| known.group).collect();
    let any = groups.into_iter().filter(|group| matches!(lookup(*group, 0), Lookup::Any(_))).map(|group| (group, 0));
    let attributes = super::attributes::SERVED.into_iter().chain([254, super::attributes::LIST]).map(|variation| (0, variation));
    let others = Variation::all().iter().filter(|known| known.kind != Kind::DeviceAttribute);
    any.chain(attributes).chain(others.map(|known| (known.group, known.variation.max(1))))
}

/// The qualifiers with which an object can stand in a response.
pub(crate) fn readable(object: ObjectId) -> BTreeSet<u8> {
    let whole = |body: &Vec<u8>| FragmentView::response(&[&[0xC0, 129, 0, 0], &body[..]].concat()).is_ok_and(|view| view.check().is_ok());
    let lawful = QUALIFIERS.iter().filter(|qualifier| body(Function::Response, object, **qualifier).as_ref().is_some_and(whole));
    lawful.map(|qualifier| qualifier.octet()).collect()
}

/// A request's objects that name or carry one object, index 0 (of indications, 7), with what its function wants beside it.
fn body(function: Function, (group, variation): ObjectId, qualifier: Qualifier) -> Option<Vec<u8>> {
    let carries = function.carries_objects(group) || qualifier == Qualifier::FreeFormat;
    let object = if carries { sample(function, group, variation)? } else { Vec::new() };
    let index: u8 = if group == 80 { 7 } else { 0 };
    let number = |width: IndexWidth, number: u8| [&[number][..], &[0; 3]].concat().into_iter().take(width.octets()).collect::<Vec<u8>>();
    let range = match qualifier {
        Qualifier::StartStop(width) => [number(width, index), number(width, index)].concat(),
        Qualifier::All => Vec::new(),
        Qualifier::Count(width) => number(width, 1),
        Qualifier::Indexed(width) => [number(width, 1), number(width, index)].concat(),
        Qualifier::FreeFormat => [&[1][..], &u16::try_from(object.len()).ok()?.to_le_bytes()].concat(),
    };
    let own = [&[group, variation, qualifier.octet()][..], &range, &object].concat();
    // A pattern is a block with a mask behind it.
    let own = match (group, variation) {
        (12, 2) if carries => [&own[..], &[12, 3, 0, 0, 0, 1]].concat(),
        (12, 3) if carries => [&[12, 2, 7, 1][..], &sample(function, 12, 2)?, &own].concat(),
        _ => own,
    };
    let at_time = matches!(function, Function::FreezeAtTime | Function::FreezeAtTimeNoAck);
    Some(match (function, group) {
        (Function::AssignClass, 60) => [&own[..], &[1, 0, 6]].concat(),
        (Function::AssignClass, _) => [&[60, 2, 6], &own[..]].concat(),
        (_, 50) if at_time => [&own[..], &[20, 0, 6]].concat(),
        _ if at_time => [&[50, 2, 7, 1][..], &[0; 10], &own].concat(),
        _ => own,
    })
}

/// The octets of one lawful object; `None` if there is none without its own.
fn sample(function: Function, group: u8, variation: u8) -> Option<Vec<u8>> {
    let known = lookup(group, variation).known()?;
    let created = DnpTime::default();
    Some(match (known.kind, known.size) {
        (Kind::File, _) => match variation {
            2 => FileAuthentication { user: b"a", password: b"a", key: 0 }.encode()?,
            3 => {
                let mode = FileMode::READ;
                // What is deleted is not what is read.
                let name = if function == Function::DeleteFile { b"b" } else { b"a" };
                FileCommand { name, created, permissions: 0, key: 0, size: 0, mode, block_max: 100, request_id: 1 }.encode()?
            }
            4 => FileObject { handle: 1, size: 0, block_max: 0, request_id: 1, status: FileStatus::SUCCESS, text: b"" }.encode(),
            5 => FileBlock { handle: 1, number: 0, last: true, octets: b"a" }.encode(),
            7 => FileDescriptor { name: b"a", file_type: FileType::FILE, size: 0, created, permissions: 0, request_id: 1 }.encode()?,
            _ => return None,
        },
        (_, Size::Absent | Size::Free) => Vec::new(),
        (_, Size::Fixed(octets)) => vec![0; usize::from(octets)],
        // A mask that names something.
        (_, Size::Bits(_)) => vec![u8::from(group == 12)],
        (_, Size::Variation) => vec![b'a'; usize::from(variation)],
        (_, Size::Attribute) => vec![1, 1, b'a'],
    })
}

impl Outstation {
    /// Whether a request of its first master is carried out, by the objects of its answer. Everything that waits for it is over then.
    fn carries_out(&mut self, function: Function, body: &[u8]) -> Option<Vec<(ObjectId, u8)>> {
        let octets = [&[AppControl::single(0).octet(), function.code()], body].concat();
        let view = FragmentView::request(&octets).ok()?;
        view.check().ok()?;
        // A recorded instant is what a time of g50v3 is written for.
        if let Some(association) = self.association(0, 0) {
            association.recorded = Some(NOW.mono);
        }
        self.begin_answer(0);
        let (wrong, answers) = match self.execute(0, 0, &view, (1, 0), NOW) {
            Handled::Answer(wrong) => (wrong, true),
            Handled::Read(steps, wrong) => {
                self.answer_read(0, 0, (0, true), steps, wrong, NOW);
                (wrong, true)
            }
            Handled::Restart => (Iin(0), true),
            // A control that waits for the bridge: it is echoed.
            Handled::Later => (Iin(0), false),
        };
        let answered = FragmentView::response(self.writer.octets()).ok().filter(|_| answers).map(|view| {
            let headers = view.headers().flatten();
            headers.map(|header| ((header.header.group, header.header.variation), header.header.qualifier.octet())).collect()
        });
        self.end_reply(0, 0, "", NOW);
        self.lapse(0, 0);
        self.events.clear();
        let refused = Iin::NO_FUNC_CODE_SUPPORT.with(Iin::OBJECT_UNKNOWN).with(Iin::PARAMETER_ERROR);
        (!wrong.intersects(refused)).then(|| answered.unwrap_or_default())
    }
}

//! Goldens of fragments: octets on one line, their meaning below, and the same octets back from the meaning.
//!
//! Each file `testdata/fragments_*.hex` says in its first line where its octets come from.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bridge_dnp3::app::{FragmentView, FragmentWriter, Function, HeaderView, IndexWidth, Object, Payload, Qualifier, Range, Refused};
use bridge_dnp3::objects::{
    AnalogOutput, Attribute, CommandEvent, CommonTime, Crob, DnpTime, FileAuthentication, FileBlock, FileBlockStatus, FileCommand,
    FileDescriptor, FileObject, FreezeTime, IndexedTime, Kind, Measurement, OperationStatus, SecurityStatistic, TimeDelay,
};
use bridge_dnp3::{ControlPermit, describe};
use bridge_model::Zone;
use bridge_session::{LinkSpec, Role};

fn octets(line: &str) -> Vec<u8> {
    let digits: String = line.split_whitespace().collect();
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn permit() -> ControlPermit {
    let link = LinkSpec {
        name: "golden".to_owned(),
        role: Role::Client,
        zone: Zone::Utc,
        monitor_only: false,
        params: Default::default(),
        points: Vec::new(),
        max_unacked: 1,
        fresh_link_ms: 2000,
    };
    ControlPermit::for_link(&link).unwrap()
}

/// Octets of an object, encoded from its meaning; `None` if it has no meaning of its own (strings, bits).
fn encoded(view: &HeaderView<'_>, object: Object<'_>) -> Option<Vec<u8>> {
    let known = view.object.known().unwrap();
    let octets = object.payload.octets();
    let variation = view.header.variation;
    if let Some(measurement) = Measurement::decode(known, object.payload) {
        return Some(measurement.encode(known).unwrap().octets().to_vec());
    }
    match (known.kind, variation) {
        (Kind::BinaryCommandEvent | Kind::AnalogCommandEvent, _) => {
            Some(CommandEvent::decode(known, object.payload).unwrap().encode(known).unwrap().octets().to_vec())
        }
        (Kind::BinaryCommand, 1 | 2) => Some(Crob::decode(octets).unwrap().encode().to_vec()),
        (Kind::AnalogCommand, _) => Some(AnalogOutput::decode(variation, octets).unwrap().encode().octets().to_vec()),
        (Kind::TimeAndDate, 1 | 3) => Some(DnpTime::from_octets(octets.try_into().unwrap()).octets().to_vec()),
        (Kind::TimeAndDate, 2) => Some(FreezeTime::decode(octets).unwrap().encode().to_vec()),
        (Kind::TimeAndDate, _) => Some(IndexedTime::decode(octets).unwrap().encode().to_vec()),
        (Kind::CommonTime, _) => {
            let common = CommonTime::decode(variation, octets).unwrap();
            assert_eq!(common.variation(), variation);
            Some(common.time.octets().to_vec())
        }
        (Kind::TimeDelay, _) => Some(TimeDelay::decode(variation, octets).unwrap().encode().to_vec()),
        (Kind::DeviceAttribute, _) => {
            let mut out = Vec::new();
            assert!(Attribute::decode(octets).unwrap().encode(&mut out));
            Some(out)
        }
        (Kind::SecurityStatistic | Kind::SecurityStatisticEvent, _) => {
            Some(SecurityStatistic::decode(known, object.payload).unwrap().encode(known).unwrap().octets().to_vec())
        }
        (Kind::OperationStatus, _) => {
            let mut out = Vec::new();
            assert!(OperationStatus::decode(octets).unwrap().encode(&mut out));
            Some(out)
        }
        (Kind::File, 2) => FileAuthentication::decode(octets).unwrap().encode(),
        (Kind::File, 3) => FileCommand::decode(octets).unwrap().encode(),
        (Kind::File, 4) => Some(FileObject::decode(octets).unwrap().encode()),
        (Kind::File, 5) => Some(FileBlock::decode(octets).unwrap().encode()),
        (Kind::File, 6) => Some(FileBlockStatus::decode(octets).unwrap().encode()),
        (Kind::File, 7) => FileDescriptor::decode(octets).unwrap().encode(),
        _ => None,
    }
}

/// Writes a header and its objects from their meaning.
fn write(view: &HeaderView<'_>, writer: &mut FragmentWriter) -> Result<(), Refused> {
    let (group, variation) = (view.header.group, view.header.variation);
    writer.part();
    if let Qualifier::StartStop(width) | Qualifier::Count(width) | Qualifier::Indexed(width) = view.header.qualifier {
        writer.use_width(width);
    } else {
        writer.use_width(IndexWidth::One);
    }
    match (view.has_objects, view.header.range) {
        (_, Range::All) => return writer.name_all(group, variation),
        (false, Range::StartStop { start, stop }) => return writer.name_range(group, variation, start, stop),
        (false, Range::Count(count)) if matches!(view.header.qualifier, Qualifier::Count(_)) => {
            return writer.name_count(group, variation, count);
        }
        _ => {}
    }
    for object in view.objects() {
        let meaning = encoded(view, object);
        let octets = meaning.as_deref().unwrap_or(object.payload.octets());
        match (view.header.qualifier, object.payload) {
            (_, Payload::Absent) => writer.name_index(group, variation, object.index)?,
            (_, Payload::Bits(bits)) => {
                let width = if group == 3 { 2 } else { 1 };
                let bits = meaning.as_ref().map_or(bits, |octets| octets[0]);
                writer.packed(group, variation, object.index, width, bits)?;
            }
            (Qualifier::StartStop(_), _) => writer.ranged(group, variation, object.index, octets)?,
            (Qualifier::Indexed(_), _) => writer.indexed(group, variation, object.index, octets)?,
            (Qualifier::Count(_), _) => writer.counted(group, variation, octets)?,
            (Qualifier::FreeFormat, _) => writer.free_format(group, variation, octets)?,
            (Qualifier::All, _) => unreachable!("no objects"),
        }
    }
    Ok(())
}

/// A fragment that can be read whole.
fn readable(fragment: &[u8]) -> Option<FragmentView<'_>> {
    let function = Function::from_code(*fragment.get(1)?)?;
    let view = if function.is_response() { FragmentView::response(fragment) } else { FragmentView::request(fragment) }.ok()?;
    view.check().ok()?;
    Some(view)
}

/// The fragment again from its meaning; `None` for one that cannot be read whole.
fn written(fragment: &[u8]) -> Option<Vec<u8>> {
    let view = readable(fragment)?;
    let function = view.function;
    let mut writer = FragmentWriter::new(2048);
    if function.is_response() {
        writer.begin_response(view.control, function, view.iin);
    } else {
        writer.begin_control(&permit(), view.control, function);
    }
    for header in view.headers() {
        write(&header.unwrap(), &mut writer).unwrap();
    }
    Some(writer.octets().to_vec())
}

#[test]
fn a2_r55_goldens_decode_to_their_text_and_encode_to_their_octets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files = 0;
    let (mut checked, mut round_trips) = (0, 0);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !(name.starts_with("fragments_") && name.ends_with(".hex")) {
            continue;
        }
        files += 1;
        let file = fs::read_to_string(&path).unwrap();
        assert!(file.starts_with("# from "), "{name} says where its octets come from");
        let lines: Vec<&str> = file.lines().skip(1).filter(|line| !line.is_empty()).collect();
        for pair in lines.chunks(2) {
            let fragment = octets(pair[0]);
            assert_eq!(describe(&fragment), pair[1], "{name}: {}", pair[0]);
            checked += 1;
            if let Some(again) = written(&fragment) {
                assert_eq!(again, fragment, "{name}: {}", pair[1]);
                round_trips += 1;
            }
        }
    }
    assert!(files >= 3 && checked >= 150 && round_trips >= 146, "{files} files, {checked} goldens, {round_trips} round trips");
}

/// The goldens by hand have every object of the table in a header that is read: with what follows it, where an object has octets.
#[test]
fn a2_r55_goldens_hold_every_object_of_the_table() {
    let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fragments_by_hand.hex")).unwrap();
    let lines: Vec<&str> = file.lines().skip(1).filter(|line| !line.is_empty()).collect();
    let (mut named, mut said) = (BTreeSet::new(), BTreeSet::new());
    for fragment in lines.iter().step_by(2).map(|line| octets(line)) {
        let Some(view) = readable(&fragment) else { continue };
        for header in view.headers().map(Result::unwrap) {
            let object = (header.header.group, header.header.variation);
            named.insert(object);
            if header.objects().any(|object| object.payload != Payload::Absent) {
                said.insert(object);
            }
        }
    }
    // Variation 0 of the table stands for every length of a string, and every attribute.
    let missing = |set: &BTreeSet<(u8, u8)>| -> Vec<(u8, u8)> {
        let has = |(group, variation): (u8, u8)| {
            set.contains(&(group, variation)) || (variation == 0 && set.iter().any(|(own, _)| *own == group))
        };
        let all = bridge_dnp3::objects::Variation::all().iter().map(|each| (each.group, each.variation));
        all.filter(|object| !has(*object)).collect()
    };
    assert_eq!(missing(&named), [], "in no header");
    // Classes have no octets.
    let unsaid: Vec<(u8, u8)> = missing(&said).into_iter().filter(|(group, _)| *group != 60).collect();
    assert_eq!(unsaid, [], "never with octets");
}

//! Properties of the application layer's codec, from a small deterministic generator; a failure names its seed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bridge_dnp3::app::{
    AppControl, FragmentError, FragmentView, FragmentWriter, Function, Iin, IndexWidth, ObjectHeader, Payload, Refused,
};
use bridge_dnp3::describe;
use bridge_dnp3::objects::{
    AnalogOutput, Attribute, Coding, CommandEvent, Crob, FileAuthentication, FileBlock, FileBlockStatus, FileCommand, FileDescriptor,
    FileObject, Kind, Lead, Measurement, OperationStatus, SecurityStatistic, Size, Variation,
};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn measurements() -> impl Iterator<Item = &'static Variation> {
    Variation::all().iter().filter(|each| each.coding != Coding::Other)
}

/// Octets of one object of a measurement, or its bits in one octet.
fn random_object(random: &mut Random, variation: &Variation) -> Vec<u8> {
    match variation.size {
        Size::Fixed(octets) => random.bytes(usize::from(octets)),
        Size::Bits(width) => vec![random.byte() & ((1 << width) - 1)],
        Size::Absent | Size::Variation | Size::Attribute | Size::Free => unreachable!("no measurement"),
    }
}

fn payload<'a>(variation: &Variation, octets: &'a [u8]) -> Payload<'a> {
    match variation.size {
        Size::Bits(_) => Payload::Bits(octets[0]),
        Size::Absent | Size::Fixed(_) | Size::Variation | Size::Attribute | Size::Free => Payload::Octets(octets),
    }
}

/// Any octets of the right length have a meaning, and the meaning has these octets: NaN, reserved flags and all.
#[test]
fn a2_r55_every_variation_decodes_and_encodes_to_its_octets() {
    let mut checked = 0;
    for variation in measurements() {
        for seed in 0..200 {
            let mut random = Random(seed);
            let octets = random_object(&mut random, variation);
            let name = format!("g{}v{} seed {seed} {octets:02x?}", variation.group, variation.variation);
            let encoded = if variation.lead == Lead::Status {
                CommandEvent::decode(variation, payload(variation, &octets)).unwrap().encode(variation)
            } else {
                Measurement::decode(variation, payload(variation, &octets)).unwrap().encode(variation)
            };
            assert_eq!(encoded.expect(&name).octets(), octets, "{name}");
        }
        checked += 1;
    }
    assert!(checked >= 85, "{checked} variations of measurements");
}

/// Security statistics: any octets of the right length have a meaning, and it has these octets; of another length there is none.
#[test]
fn a2_r55_every_statistic_decodes_and_encodes_to_its_octets() {
    let is_statistic = |each: &&Variation| matches!(each.kind, Kind::SecurityStatistic | Kind::SecurityStatisticEvent);
    let all: Vec<&Variation> = Variation::all().iter().filter(is_statistic).collect();
    assert_eq!(all.len(), 3);
    for (seed, variation) in (0..300).zip(all.into_iter().cycle()) {
        let mut random = Random(seed);
        let octets = random_object(&mut random, variation);
        let statistic = SecurityStatistic::decode(variation, Payload::Octets(&octets)).unwrap();
        assert_eq!(statistic.encode(variation).unwrap().octets(), octets, "g{}v{} seed {seed}", variation.group, variation.variation);
        let other = random.below(20);
        let any = random.bytes(other);
        assert_eq!(SecurityStatistic::decode(variation, Payload::Octets(&any)).is_some(), other == octets.len(), "seed {seed}: {any:02x?}");
    }
}

#[derive(Debug, PartialEq, Clone)]
struct Written {
    group: u8,
    variation: u8,
    index: u32,
    octets: Vec<u8>,
}

/// The measurements of a fragment, each encoded again.
fn read_back(fragment: &[u8], into: &mut Vec<Written>) {
    let view = FragmentView::response(fragment).unwrap();
    for header in view.headers() {
        let header = header.unwrap();
        let known = header.object.known().unwrap();
        for object in header.objects() {
            let octets = match object.payload {
                Payload::Bits(bits) => vec![bits],
                Payload::Octets(octets) => octets.to_vec(),
                Payload::Absent => unreachable!("a response carries its objects"),
            };
            let ObjectHeader { group, variation, .. } = header.header;
            assert_eq!(known.group, group);
            into.push(Written { group, variation, index: object.index, octets });
        }
    }
}

/// Static values and events in runs and gaps, over as many fragments as they need: what is read is what was written, in order, and no
/// fragment is longer than its most.
#[test]
fn a2_r25_what_is_written_over_fragments_is_read_from_them() {
    let all: Vec<&'static Variation> = measurements().filter(|each| each.lead != Lead::Status).collect();
    for seed in 0..400 {
        let mut random = Random(seed);
        let max = 40 + random.below(300);
        let mut writer = FragmentWriter::new(max);
        writer.use_width(random.pick(&[IndexWidth::One, IndexWidth::Two, IndexWidth::Four]));
        let control = AppControl { fir: true, fin: false, con: true, uns: false, seq: 0 };
        writer.begin_response(control, Function::Response, Iin(0));
        let (mut written, mut read, mut fragments) = (Vec::new(), Vec::new(), 0);
        for _ in 0..1 + random.below(30) {
            let variation = random.pick(&all);
            let event = random.below(2) == 1 && !matches!(variation.size, Size::Bits(_));
            let mut index = random.pick(&[0, 5, 250, 65_530, 70_000, u32::MAX - 40]);
            for _ in 0..1 + random.below(25) {
                let octets = random_object(&mut random, variation);
                let value = Measurement::decode(variation, payload(variation, &octets)).unwrap();
                let put = |writer: &mut FragmentWriter| {
                    if event { value.write_indexed(writer, variation, index) } else { value.write_ranged(writer, variation, index) }
                };
                let before = writer.octets().to_vec();
                if let Err(refused) = put(&mut writer) {
                    assert_eq!((refused, writer.octets()), (Refused::Full, &before[..]), "seed {seed}");
                    read_back(writer.octets(), &mut read);
                    fragments += 1;
                    writer.begin_response(AppControl { fir: false, ..control }, Function::Response, Iin(0));
                    put(&mut writer).unwrap();
                }
                assert!(writer.octets().len() <= max, "seed {seed}");
                written.push(Written { group: variation.group, variation: variation.variation, index, octets });
                index += if random.below(8) == 0 { 2 } else { 1 };
            }
        }
        read_back(writer.octets(), &mut read);
        assert_eq!(read, written, "seed {seed}, {fragments} fragments");
    }
}

#[test]
fn a2_r25_writing_allocates_nothing_once_the_writer_is_there() {
    let mut writer = FragmentWriter::new(2048);
    let variation = measurements().find(|each| (each.group, each.variation) == (32, 7)).unwrap();
    let value = Measurement::decode(variation, Payload::Octets(&[1, 0, 0, 0x80, 0x3F, 1, 2, 3, 4, 5, 6])).unwrap();
    let mut objects = 0;
    let used = allocation_counter::measure(|| {
        for _ in 0..10 {
            writer.begin_response(AppControl::single(0), Function::UnsolicitedResponse, Iin(0));
            while value.write_indexed(&mut writer, variation, objects).is_ok() {
                objects += 1;
            }
        }
    });
    assert_eq!((objects, used.count_total), (10 * 156, 0));
}

/// Walks everything that a fragment holds and decodes it in every way.
fn walk(fragment: &[u8]) -> usize {
    let mut objects = 0;
    for view in [FragmentView::request(fragment), FragmentView::response(fragment)].into_iter().flatten() {
        for header in view.headers().flatten() {
            for object in header.objects() {
                objects += 1;
                let octets = object.payload.octets();
                if let Some(known) = header.object.known() {
                    _ = Measurement::decode(known, object.payload);
                    _ = CommandEvent::decode(known, object.payload);
                }
                _ = (Crob::decode(octets), Attribute::decode(octets).map(|attribute| attribute.listed().count()));
                _ = AnalogOutput::decode(header.header.variation, octets);
                _ = (FileCommand::decode(octets), FileAuthentication::decode(octets), FileDescriptor::decode(octets));
                _ = (FileObject::decode(octets), FileBlock::decode(octets), FileBlockStatus::decode(octets));
                _ = OperationStatus::decode(octets);
            }
        }
    }
    objects
}

/// Random octets behind plausible headers, so that they get far.
fn plausible(random: &mut Random) -> Vec<u8> {
    let function = random.pick(Function::ALL);
    let mut fragment = vec![random.byte(), function.code()];
    if function.is_response() {
        fragment.extend(random.bytes(2));
    }
    for _ in 0..random.below(6) {
        let known = random.pick(Variation::all());
        let variation = if known.variation == 0 || random.below(10) == 0 { random.byte() } else { known.variation };
        let qualifier = random.pick(&[0x00, 0x01, 0x02, 0x06, 0x07, 0x08, 0x09, 0x17, 0x28, 0x39, 0x5B]);
        fragment.extend([known.group, variation, qualifier]);
        if random.below(4) > 0 {
            // One object, whole.
            let each = match known.size {
                Size::Fixed(octets) => usize::from(octets),
                Size::Bits(_) => 1,
                Size::Variation if qualifier != 0x5B => usize::from(variation),
                Size::Absent => 0,
                Size::Variation | Size::Attribute | Size::Free => random.below(30),
            };
            let prefix: &[u8] = match qualifier {
                0x00 => &[9, 9],
                0x01 => &[9, 1, 9, 1],
                0x02 => &[9, 1, 0, 0, 9, 1, 0, 0],
                0x07 => &[1],
                0x08 => &[1, 0],
                0x09 => &[1, 0, 0, 0],
                0x17 => &[1, 9],
                0x28 => &[1, 0, 9, 1],
                0x39 => &[1, 0, 0, 0, 9, 1, 0, 0],
                0x5B => &[1, u8::try_from(each).unwrap(), 0],
                _ => &[],
            };
            fragment.extend(prefix);
            fragment.extend(random.bytes(each));
        } else {
            for _ in 0..random.below(40) {
                let small = random.pick(&[0, 0, 1, 2, 3, 0xFF]);
                fragment.push(if random.below(2) == 0 { small } else { random.byte() });
            }
        }
    }
    fragment.truncate(2048);
    fragment
}

#[test]
fn b2_any_octets_never_panic_and_make_no_work_beyond_their_bits() {
    let (mut whole, mut objects) = (0, 0);
    for seed in 0..60_000 {
        let mut random = Random(seed);
        let fragment = if seed % 4 == 0 {
            let length = random.below(64);
            random.bytes(length)
        } else {
            plausible(&mut random)
        };
        let mut walked = 0;
        let used = allocation_counter::measure(|| walked = walk(&fragment));
        assert_eq!(used.count_total, 0, "seed {seed}");
        assert!(walked <= 2 * 8 * fragment.len(), "seed {seed}: {walked} objects from {} octets", fragment.len());
        let mut text = String::new();
        let used = allocation_counter::measure(|| text = describe(&fragment));
        assert!(used.bytes_max <= 4096 + 1024 * fragment.len() as u64, "seed {seed}: {} octets", used.bytes_max);
        objects += walked;
        whole += usize::from(FragmentView::response(&fragment).is_ok_and(|view| view.check().is_ok() && !view.body.is_empty()));
    }
    assert!(whole > 100 && objects > 20_000, "the generator gets far: {whole} whole responses, {objects} objects");
}

/// Every error of a request either asks for silence or sets exactly one bit of IIN2.
#[test]
fn a2_r21_every_error_has_its_indication() {
    let mut seen = [0_usize; 4];
    for seed in 0..20_000 {
        let fragment = plausible(&mut Random(seed));
        let Err(error) = FragmentView::request(&fragment).and_then(|view| view.check()) else { continue };
        let place = match error.indication() {
            None => {
                assert!(matches!(error, FragmentError::Short(_) | FragmentError::Direction(_)));
                0
            }
            Some(Iin::NO_FUNC_CODE_SUPPORT) => 1,
            Some(Iin::OBJECT_UNKNOWN) => 2,
            Some(Iin::PARAMETER_ERROR) => 3,
            Some(other) => panic!("seed {seed}: {other:?}"),
        };
        seen[place] += 1;
    }
    assert!(seen[0] > 0 && seen[2] > 0 && seen[3] > 0, "{seen:?}");
}

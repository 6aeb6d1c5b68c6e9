//! The ASDU codec in the header sizes of -101 (row 25): every combination, against the octets of -104 with the missing ones taken out.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bridge_iec60870::{
    Asdu, AsduView, Bcr, Cause, ControlAsdu, ControlElement, ControlPermit, Cot, Cp56Time2a, Layout, Malformed, MonitorAsdu,
    MonitorElement, MonitorObject, ParameterAsdu, ParameterElement, Qoc, Qpm, QualityBits, SystemAsdu, SystemElement, TimeTag, TypeId,
};
use bridge_model::{PointId, Zone};
use bridge_session::{AddressUse, Field, Fields, LinkPoint, LinkSpec, Role};

/// Sizes of cause, common address and object address.
fn layouts() -> impl Iterator<Item = ([u8; 3], Layout)> {
    let sizes = (1..=2).flat_map(|cot| (1..=2).flat_map(move |ca| (1..=3).map(move |ioa| [cot, ca, ioa])));
    sizes.map(|[cot, ca, ioa]| ([cot, ca, ioa], Layout::new(cot, ca, ioa).unwrap()))
}

/// The octets of -104 without those that smaller sizes leave out; `element` octets behind each address.
fn narrowed(octets: &[u8], [cot, ca, ioa]: [u8; 3], element: usize) -> Vec<u8> {
    let sequence = octets[1] & 0x80 != 0;
    let mut narrow = octets[..2].to_vec();
    narrow.extend(&octets[2..2 + usize::from(cot)]);
    narrow.extend(&octets[4..4 + usize::from(ca)]);
    let body = &octets[6..];
    let objects = if sequence { vec![body] } else { body.chunks(3 + element).collect() };
    for object in objects {
        narrow.extend(&object[..usize::from(ioa)]);
        narrow.extend(&object[3..]);
    }
    narrow
}

fn permit() -> ControlPermit {
    let address = Fields::from([("ioa".to_owned(), Field::Int(1)), ("ti".to_owned(), Field::Text("C_SC_NA_1".to_owned()))]);
    let spec = LinkSpec {
        name: "layouts".to_owned(),
        role: Role::Client,
        zone: Zone::Utc,
        monitor_only: false,
        params: Fields::from([("ca".to_owned(), Field::Int(1))]),
        points: vec![LinkPoint { point: PointId(0), usage: AddressUse::Control, address }],
        max_unacked: 12,
        fresh_link_ms: 2000,
    };
    ControlPermit::for_link(&spec).unwrap()
}

/// One ASDU of every kind at these addresses, with the octets of its element and tag.
fn asdus(cot: Cot, ca: u16, ioa: u32) -> Vec<(Asdu, usize)> {
    let time = Cp56Time2a([0x10, 0x27, 5, 10, 1, 4, 26]);
    let monitored = |type_id, sequence, objects: Vec<MonitorElement>, time: Option<TimeTag>| {
        let quality = QualityBits(QualityBits::IV);
        let objects = objects.into_iter().zip(ioa - 2..).map(|(element, ioa)| MonitorObject { ioa, element, quality, time }).collect();
        Asdu::Monitor(MonitorAsdu { type_id, sequence, cot, ca, objects })
    };
    let floats = vec![MonitorElement::Float(1.5), MonitorElement::Float(-2.5), MonitorElement::Float(1e30)];
    let singles = vec![MonitorElement::Single(true), MonitorElement::Single(false), MonitorElement::Single(true)];
    let counter = vec![MonitorElement::Counter(Bcr { count: -7, sequence: 3, carry: true, adjusted: false })];
    let qoc = Qoc { qu: 1, select: true };
    vec![
        (monitored(TypeId::M_SP_NA_1, false, singles.clone(), None), 1),
        (monitored(TypeId::M_SP_NA_1, true, singles, None), 1),
        (monitored(TypeId::M_ME_NC_1, true, floats.clone(), None), 5),
        (monitored(TypeId::M_ME_TF_1, false, floats, Some(TimeTag::Cp56(time))), 12),
        (monitored(TypeId::M_IT_NA_1, false, counter, None), 5),
        (Asdu::System(SystemAsdu { cot, ca, ioa: 0, element: SystemElement::Interrogation(20) }), 1),
        (Asdu::System(SystemAsdu { cot, ca, ioa, element: SystemElement::Read }), 0),
        (Asdu::System(SystemAsdu { cot, ca, ioa: 0, element: SystemElement::ClockSync(time) }), 7),
        (Asdu::Parameter(ParameterAsdu { cot, ca, ioa, element: ParameterElement::Float(0.5, Qpm::from_octet(1)) }), 5),
        (
            Asdu::Control(ControlAsdu {
                type_id: TypeId::C_SC_TA_1,
                cot,
                ca,
                ioa,
                element: ControlElement::Single(true, qoc),
                time: Some(time),
            }),
            8,
        ),
    ]
}

fn encode(asdu: &Asdu, layout: Option<Layout>, out: &mut Vec<u8>) -> Result<(), bridge_iec60870::Unfit> {
    let permit = permit();
    match (asdu, layout) {
        (Asdu::Monitor(asdu), None) => _ = asdu.encode(out),
        (Asdu::Monitor(asdu), Some(layout)) => assert_eq!(asdu.encode_as(layout, out)?, asdu.objects.len()),
        (Asdu::System(asdu), None) => asdu.encode(out),
        (Asdu::System(asdu), Some(layout)) => asdu.encode_as(layout, out)?,
        (Asdu::Parameter(asdu), None) => asdu.encode(&permit, out),
        (Asdu::Parameter(asdu), Some(layout)) => asdu.encode_as(layout, &permit, out)?,
        (Asdu::Control(asdu), None) => asdu.encode(&permit, out),
        (Asdu::Control(asdu), Some(layout)) => asdu.encode_as(layout, &permit, out)?,
    }
    Ok(())
}

/// By hand from IEC 60870-5-101 clause 7: the same single point in the smallest and in the largest sizes.
#[test]
fn a1_r25_a_single_point_by_hand_in_the_smallest_and_the_largest_sizes() {
    for (layout, octets, ca, ioa) in [
        (Layout::new(1, 1, 1).unwrap(), &[1, 1, 3, 21, 100, 0x81][..], 21, 100),
        (Layout::new(1, 1, 2).unwrap(), &[1, 1, 3, 21, 100, 1, 0x81], 21, 356),
        (Layout::new(2, 2, 3).unwrap(), &[1, 1, 3, 0, 21, 1, 100, 1, 2, 0x81], 277, 131_428),
    ] {
        let read = AsduView::parse_as(octets, layout).unwrap().meaning().unwrap().unwrap();
        let object = MonitorObject { ioa, element: MonitorElement::Single(true), quality: QualityBits(0x80), time: None };
        let cot = Cot::new(Cause::SPONTANEOUS);
        let expected = Asdu::Monitor(MonitorAsdu { type_id: TypeId::M_SP_NA_1, sequence: false, cot, ca, objects: vec![object] });
        assert_eq!(read, expected);
    }
}

#[test]
fn a1_r25_every_size_carries_what_104_carries_without_the_octets_it_has_not() {
    for (sizes, layout) in layouts() {
        let originators: &[u8] = if sizes[0] == 1 { &[0] } else { &[0, 9] };
        for &originator in originators {
            for (ca, ioa) in [(1, 3), (layout.broadcast() - 1, layout.ioa_max()), (21, layout.ioa_max() / 2)] {
                let cot = Cot { originator, test: true, ..Cot::new(Cause::ACTIVATION) };
                for (asdu, element) in asdus(cot, ca, ioa) {
                    let (mut wide, mut own) = (Vec::new(), vec![0xEE]);
                    encode(&asdu, None, &mut wide).unwrap();
                    encode(&asdu, Some(layout), &mut own).unwrap();
                    assert_eq!(own[1..], narrowed(&wide, sizes, element), "{sizes:?} {asdu:?}");
                    let view = AsduView::parse_as(&own[1..], layout).unwrap();
                    assert_eq!(view.meaning(), Ok(Some(asdu)), "{sizes:?}");
                }
            }
        }
    }
}

#[test]
fn a1_r25_what_a_size_cannot_carry_is_refused_and_nothing_written() {
    let mut refused = 0;
    for (sizes, layout) in layouts() {
        let plain = Cot::new(Cause::ACTIVATION);
        let mut unfit = Vec::new();
        if sizes[0] == 1 {
            unfit.push((Cot { originator: 1, ..plain }, 1, 3));
        }
        if sizes[1] == 1 {
            unfit.push((plain, 256, 3));
        }
        unfit.push((plain, 1, layout.ioa_max() + 1));
        for (cot, ca, ioa) in unfit {
            for (asdu, _) in asdus(cot, ca, ioa) {
                let without_address = matches!(&asdu, Asdu::System(system) if system.ioa == 0);
                let one_fits =
                    matches!(&asdu, Asdu::Monitor(monitor) if monitor.objects.iter().all(|object| object.ioa <= layout.ioa_max()));
                let fits = cot == plain && ca == 1 && (without_address || one_fits);
                let mut out = Vec::new();
                assert_eq!(encode(&asdu, Some(layout), &mut out).is_ok(), fits, "{sizes:?} {asdu:?}");
                assert_eq!(out.is_empty(), !fits, "{sizes:?} {asdu:?}");
                refused += usize::from(!fits);
            }
        }
    }
    assert!(refused > 150, "{refused}");
}

#[test]
fn a1_r25_a1_r26_objects_fill_the_asdu_and_addresses_end_at_the_last_one_in_every_size() {
    for (sizes, layout) in layouts() {
        let header = |count: u8| {
            let mut octets = vec![1, count, 3];
            octets.extend(vec![0; layout.header_octets() - 3]);
            octets
        };
        for short in 0..layout.header_octets() {
            assert_eq!(AsduView::parse_as(&header(1)[..short], layout), Err(Malformed::Header(short)), "{sizes:?}");
        }
        let objects = |count: u8, body: usize| {
            let octets = [header(count), vec![0; body]].concat();
            AsduView::parse_as(&octets, layout).unwrap().meaning().is_ok()
        };
        let each = layout.ioa_octets() + 1;
        for wrong in (0..4 * each).filter(|body| *body != 2 * each) {
            assert!(!objects(2, wrong), "{sizes:?} {wrong}");
        }
        assert!(objects(2, 2 * each) && objects(0x82, layout.ioa_octets() + 2), "{sizes:?}");
        assert!(!objects(0x82, layout.ioa_octets() - 1), "{sizes:?}: no whole address");
        // The last address is one, the next is none.
        let last = layout.ioa_max();
        let at = |count: u8| [header(0x80 | count), last.to_le_bytes()[..layout.ioa_octets()].to_vec(), vec![0; count.into()]].concat();
        let (one, two) = (at(1), at(2));
        assert!(AsduView::parse_as(&one, layout).unwrap().meaning().is_ok(), "{sizes:?}");
        assert_eq!(AsduView::parse_as(&two, layout).unwrap().meaning(), Err(Malformed::AddressWrap { last }), "{sizes:?}");
    }
}

#[test]
fn any_octets_in_any_size_give_an_error_or_a_meaning_that_reads_the_same_again() {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let mut meanings = 0;
    for (sizes, layout) in layouts() {
        for _ in 0..20_000 {
            let mut octets = vec![next() % 114, next() & 0x83];
            let length = usize::from(next() % 40);
            octets.extend(std::iter::repeat_with(&mut next).take(length));
            let Ok(view) = AsduView::parse_as(&octets, layout) else { continue };
            // Number 0 with SQ has an address and no object: nothing that is written has.
            let Some(asdu) = view.meaning().ok().flatten().filter(|_| view.count > 0) else { continue };
            let mut again = Vec::new();
            encode(&asdu, Some(layout), &mut again).unwrap_or_else(|error| panic!("{sizes:?} {octets:02x?}: {error}"));
            let read = AsduView::parse_as(&again, layout).unwrap().meaning().unwrap().unwrap();
            // As text: a value that is no number equals nothing.
            assert_eq!(format!("{read:?}"), format!("{asdu:?}"), "{sizes:?} {octets:02x?}");
            meanings += 1;
        }
    }
    assert!(meanings > 1000, "{meanings} had a meaning");
}

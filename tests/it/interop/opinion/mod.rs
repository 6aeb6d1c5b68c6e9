//! A second opinion on every type, in both directions: the crate `iec60870-5` is a codec that shares nothing with ours.
//!
//! [`rows`] has one line per type: the element in that crate's words, and what it means in ours. What our sessions make of its octets, and
//! what it makes of theirs, must be that meaning. Every line is played: what the adapter says of itself is checked, and excuses nothing.
//!
//! Where the two differ the standard decides, and the difference is stated beside the line. That crate reads these wrongly (0.2.1):
//! - cause of transmission: it reads P/N from bit 8 and T from bit 7, and writes them right (IEC 60870-5-101 7.2.3: P/N is bit 7, T bit 8);
//! - DCO: it reads one bit of the state instead of two (7.2.6.16);
//! - VTI: it reads the transient bit from the quality octet (7.2.6.5: bit 8 of the value's own octet);
//! - CP56Time2a: it drops GEN (RES1) and reads six bits of the year instead of seven (7.2.6.18); an unused day of week reads as Sunday;
//! - COI: it reads LPC as part of the cause (7.2.6.21: the cause is bits 1 to 7, LPC bit 8);
//! - QPM: it puts KPA where POP and LPC are (7.2.6.24: KPA is bits 1 to 6, LPC bit 7, POP bit 8);
//! - TSC: it takes the high octet first (IEC 60870-5-4: the low octet is first in every integer).

mod bench;
mod rows;

use std::collections::BTreeSet;

use bridge_iec60870::{Cause, apci, describe};
use bridge_model::{CommandMode, Detail, Quality, Timestamp, Utc, Validity};
use bridge_session::AddressUse;
use iec60870_5::telegram104::Telegram104;
use iec60870_5::types::COT;
use iec60870_5::types::datatype::{DIQ, DataType, M_DP_NA_1, M_ME_NC_1, M_SP_NA_1, QDS, R32, SIQ};

pub(super) use bench::reencode;
use bench::{Bench, CA, IOA, read_theirs, write_theirs};
use rows::{Means, Row, STAMP_MS, rows};

/// The quality that these flags mean: R18 and R19 in the words of IEC 61850-7-3.
fn quality([iv, nt, sb, bl, ov]: [bool; 5]) -> (Validity, Detail) {
    let mut detail = Detail(0);
    for (set, flag) in [(nt, Detail::OLD_DATA), (sb, Detail::SUBSTITUTED), (bl, Detail::OPERATOR_BLOCKED), (ov, Detail::OVERFLOW)] {
        detail = if set { detail.with(flag) } else { detail };
    }
    let validity = match (iv, nt || bl || ov) {
        (true, _) => Validity::Invalid,
        (false, true) => Validity::Questionable,
        (false, false) => Validity::Good,
    };
    (validity, detail)
}

/// The wire's own words for a quality that the row names by its flags.
fn of_row(row: &Row) -> Quality {
    let (validity, detail) = quality(row.flags);
    Quality { validity, detail, raw: 0 }
}

/// Types of a set of numbers.
fn types(ranges: &[std::ops::RangeInclusive<u8>]) -> BTreeSet<u8> {
    ranges.iter().cloned().flatten().collect()
}

/// Values of IEC 60870-5-104 clause 6; the types between them are those of -101 with its short time tags.
fn values() -> BTreeSet<u8> {
    &types(&[1..=15, 20..=21, 30..=40]) - &BTreeSet::from([2, 4, 6, 8, 10, 12, 14])
}

fn controls() -> BTreeSet<u8> {
    types(&[45..=51, 58..=64])
}

/// Neither value nor control: end of initialisation, system functions, parameters. File transfer (120 to 127) is refused.
fn others() -> BTreeSet<u8> {
    types(&[70..=70, 100..=103, 105..=105, 107..=107, 110..=113])
}

/// Those whose element is no one number: events of protection equipment.
fn events_of_protection() -> BTreeSet<u8> {
    types(&[38..=40])
}

fn all() -> impl Iterator<Item = u8> {
    0..=u8::MAX
}

#[test]
fn the_types_are_exactly_those_of_the_standard() {
    let rows = rows();
    let numbers: Vec<u8> = rows.iter().map(|row| row.ti as u8).collect();
    assert!(numbers.is_sorted(), "in order of the type identification");
    let listed: BTreeSet<u8> = numbers.iter().copied().collect();
    assert_eq!(listed, &(&values() | &controls()) | &others(), "every type has a line");
    let taken = |usage| all().filter(|number| bench::serves(usage, *number)).collect::<BTreeSet<u8>>();
    assert_eq!(taken(AddressUse::Monitor), values(), "as addresses of values");
    assert_eq!(taken(AddressUse::Control), controls(), "as addresses of controls");
}

/// Their octets, our meaning, our octets again, their element.
#[test]
fn a1_r24_what_they_write_we_write_again() {
    for row in &rows() {
        let apdu = write_theirs(row, 1, false);
        let text = describe(&apdu);
        for word in row.words {
            assert!(text.contains(word), "{:?}: {text:?} has no {word:?}", row.ti);
        }
        let again = reencode(&apdu).unwrap_or_else(|| panic!("{:?} has no meaning: {text}", row.ti));
        assert_eq!(again, apdu, "{:?}: {text}", row.ti);
        let read = read_theirs(&again);
        assert_eq!((read.data_type(), read.adsu(), read.iou().len()), (row.ti, CA, 1), "{:?}", row.ti);
        row.check(read.iou()[0].value());
    }
}

#[test]
fn what_they_send_in_monitor_direction_our_controlling_station_reads() {
    let mut seen = BTreeSet::new();
    for row in &rows() {
        let Means::Monitored(value) = row.means else { continue };
        // A sequence carries no time tag, and every type without one may be one (7.2.2.1).
        let shapes: &[(usize, bool)] = if row.stamped() { &[(1, false), (3, false)] } else { &[(1, false), (3, false), (3, true)] };
        for (count, sequence) in shapes {
            let mut bench = Bench::controlling(row);
            bench.receive(&write_theirs(row, *count, *sequence));
            let updates = bench.updates();
            assert_eq!(updates.len(), *count, "{:?} SQ={sequence}: {:?}", row.ti, bench.events());
            for (update, number) in updates.iter().zip(0..) {
                assert_eq!(update.point.0, number, "{:?} SQ={sequence}", row.ti);
                assert_eq!(update.value.as_f64(), value, "{:?} SQ={sequence}: {:?}", row.ti, update.value);
                assert_eq!((update.quality.validity, update.quality.detail), quality(row.flags), "{:?} SQ={sequence}", row.ti);
                let stamp = if row.stamped() { Timestamp::by_device(Utc::from_millis(STAMP_MS)) } else { bench.at_receipt() };
                assert_eq!(update.time, stamp, "{:?} SQ={sequence}", row.ti);
            }
        }
        seen.insert(row.ti as u8);
    }
    assert_eq!(seen, &values() - &events_of_protection());
}

#[test]
fn what_our_controlled_station_sends_they_read() {
    let mut seen = BTreeSet::new();
    for row in &rows() {
        let Means::Monitored(value) = row.means else { continue };
        let mut bench = Bench::controlled(row);
        bench.publish(row.value(value), of_row(row), Timestamp::by_device(Utc::from_millis(STAMP_MS)));
        let sent = bench.sent_of(row.ti);
        let [telegram] = sent.as_slice() else { panic!("{:?}: {} telegrams", row.ti, sent.len()) };
        assert_eq!((telegram.cot(), telegram.adsu(), telegram.is_sequental()), (COT::Spontan, CA, false), "{:?}", row.ti);
        assert_eq!(telegram.iou()[0].address(), IOA, "{:?}", row.ti);
        row.check(telegram.iou()[0].value());
        seen.insert(row.ti as u8);
    }
    assert_eq!(seen, &values() - &events_of_protection());
}

#[test]
fn what_they_command_our_controlled_station_takes() {
    let mut seen = BTreeSet::new();
    for row in &rows() {
        let Means::Commanded { action, qualifier, select } = row.means else { continue };
        let mut bench = Bench::controlled(row);
        bench.receive(&write_theirs(row, 1, false));
        let [command] = bench.commands().try_into().unwrap_or_else(|other| panic!("{:?}: {other:?} {:?}", row.ti, bench.events()));
        assert_eq!((command.action, command.qualifier), (action, qualifier), "{:?}", row.ti);
        assert_eq!(command.mode == CommandMode::Select, select, "{:?}: {:?}", row.ti, command.mode);
        let tag = row.stamped().then(|| Timestamp::by_device(Utc::from_millis(STAMP_MS)));
        assert_eq!(command.tagged, tag, "{:?}", row.ti);
        seen.insert(row.ti as u8);
    }
    assert_eq!(seen, controls());
}

#[test]
fn what_we_command_they_read() {
    let mut seen = BTreeSet::new();
    for row in &rows() {
        let Means::Commanded { action, qualifier, select } = row.means else { continue };
        let apdu = bench::rendered(row, action, qualifier, select);
        let read = read_theirs(&apdu);
        assert_eq!((read.data_type(), read.cot(), read.adsu()), (row.ti, COT::Act, CA), "{:?}", row.ti);
        assert_eq!(read.iou()[0].address(), IOA, "{:?}", row.ti);
        row.check(read.iou()[0].value());
        seen.insert(row.ti as u8);
    }
    assert_eq!(seen, controls());
}

/// Every combination of quality bits, in the three descriptors that have them.
#[test]
fn a1_r33_a1_r34_both_read_the_same_quality_bits() {
    let flags = |bits: u8| [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0, bits & 16 != 0];
    for bits in 0..32 {
        let all @ [iv, nt, sb, bl, ov] = flags(bits);
        let state = [iv, nt, sb, bl, false];
        let single = Row::monitored(DataType::M_SP_NA_1, M_SP_NA_1 { siq: SIQ { iv, nt, sb, bl, spi: true.into() } }, 1.0).flagged(state);
        let double = Row::monitored(DataType::M_DP_NA_1, M_DP_NA_1 { diq: DIQ { iv, nt, sb, bl, dpi: true.into() } }, 2.0).flagged(state);
        let float = M_ME_NC_1 { r32: R32 { value: -0.1 }, qds: QDS { iv, nt, sb, bl, ov } };
        let float = Row::monitored(DataType::M_ME_NC_1, float, f64::from(-0.1_f32)).flagged(all);
        for row in [single, double, float] {
            let mut bench = Bench::controlling(&row);
            bench.receive(&write_theirs(&row, 1, false));
            let [update] = bench.updates().try_into().unwrap_or_else(|other| panic!("{:?}: {other:?}", row.ti));
            assert_eq!((update.quality.validity, update.quality.detail), quality(row.flags), "{:?} {all:?}", row.ti);
            let mut bench = Bench::controlled(&row);
            bench.publish(update.value, update.quality, update.time);
            row.check(bench.sent_of(row.ti)[0].iou()[0].value());
        }
    }
}

/// P/N and T: what they write is the standard's; what they read is not, so their reading is not asked.
#[test]
fn a1_r30_causes_have_the_same_numbers_and_bits() {
    let pairs = [
        (Cause::CYCLIC, COT::Cyclic),
        (Cause::BACKGROUND, COT::Background),
        (Cause::SPONTANEOUS, COT::Spontan),
        (Cause::INITIALISED, COT::Init),
        (Cause::REQUESTED, COT::Req),
        (Cause::ACTIVATION, COT::Act),
        (Cause::ACTIVATION_CON, COT::ActCon),
        (Cause::DEACTIVATION, COT::Deact),
        (Cause::DEACTIVATION_CON, COT::DeactCon),
        (Cause::ACTIVATION_TERM, COT::ActTerm),
        (Cause::RETURN_REMOTE, COT::RetRem),
        (Cause::RETURN_LOCAL, COT::RetLoc),
        (Cause::INTERROGATED, COT::Inrogen),
        (Cause::UNKNOWN_TYPE, COT::UnknownType),
        (Cause::UNKNOWN_CAUSE, COT::UnknownCause),
        (Cause::UNKNOWN_CA, COT::UnknownAsduAddress),
        (Cause::UNKNOWN_IOA, COT::UnknownObjectAddress),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours.0, theirs as u8, "{theirs:?}");
    }
    for (negative, test) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut telegram = bench::empty(DataType::C_IC_NA_1, COT::ActCon).with_originator(9);
        telegram = if negative { telegram.with_negative() } else { telegram };
        telegram = if test { telegram.with_test() } else { telegram };
        telegram.append_iou(0, iec60870_5::types::datatype::C_IC_NA_1 { qoi: 20.into() });
        let apdu = bench::octets(&telegram.into());
        let (_, asdu) = apci::split(&apdu).expect("whole");
        let cot = bridge_iec60870::AsduView::parse(asdu).expect("whole").cot;
        assert_eq!((cot.cause, cot.negative, cot.test, cot.originator), (Cause::ACTIVATION_CON, negative, test, 9));
    }
}

#[test]
fn a1_r03_a1_r04_control_fields_are_the_same() {
    let functions = [
        (apci::Function::StartAct, Telegram104::new_start_dt()),
        (apci::Function::StopAct, Telegram104::new_stop_dt()),
        (apci::Function::TestAct, Telegram104::new_test()),
        (apci::Function::StartCon, bench::confirmed(Telegram104::new_start_dt())),
        (apci::Function::StopCon, bench::confirmed(Telegram104::new_stop_dt())),
        (apci::Function::TestCon, bench::confirmed(Telegram104::new_test())),
    ];
    for (ours, theirs) in functions {
        assert_eq!(apci::split(&bench::octets(&theirs)).map(|(apci, _)| apci), Ok(apci::Apci::Unnumbered(ours)));
    }
    for number in [0, 1, 127, 128, 255, 256, 16_383, 16_384, 32_767] {
        let row = &rows()[0];
        let apdu = write_theirs(row, 1, false);
        let (_, asdu) = apci::split(&apdu).expect("whole");
        let ours = bench::framed(apci::Apci::Information { ns: number, nr: 32_767 - number }, asdu);
        let read = read_theirs(&ours);
        assert_eq!((read.send_sn(), read.recv_sn()), (number, 32_767 - number));
        let theirs = bench::octets(&read.clone().into());
        assert_eq!(theirs, ours);
        let ours = bench::framed(apci::Apci::Supervisory { nr: number }, &[]);
        match Telegram104::read(ours.as_slice()) {
            Ok(Telegram104::S(s)) => assert_eq!(s.recv_sn(), number),
            other => panic!("{other:?}"),
        }
    }
}

/// A row's use, for the adapter's own check of addresses.
fn usage(row: &Row) -> Option<AddressUse> {
    match row.means {
        Means::Monitored(_) => Some(AddressUse::Monitor),
        Means::Commanded { .. } => Some(AddressUse::Control),
        Means::Octets => None,
    }
}

//! Bad input to the application layer's codec: each names its error, none panics, none makes work beyond its own octets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bridge_dnp3::app::{FragmentError, FragmentView, Function, Iin, Payload};
use bridge_dnp3::describe;
use bridge_dnp3::objects::{Attribute, Lookup, Measurement, lookup};

/// The first error of a response's objects.
fn response_error(objects: &[u8]) -> Option<FragmentError> {
    let fragment = [&[0xC0, 129, 0, 0], objects].concat();
    FragmentView::response(&fragment).unwrap().check().err()
}

/// The first error of a request's objects.
fn request_error(function: Function, objects: &[u8]) -> Option<FragmentError> {
    let fragment = [&[0xC0, function.code()], objects].concat();
    FragmentView::request(&fragment).unwrap().check().err()
}

#[test]
fn b2_19_a_fragment_of_one_octet_is_short_and_gets_no_answer() {
    for octets in [&[][..], &[0xC0]] {
        let error = FragmentView::request(octets).unwrap_err();
        assert_eq!((error, error.indication()), (FragmentError::Short(octets.len()), None));
        assert_eq!(FragmentView::response(octets).unwrap_err(), error);
    }
    assert!(FragmentView::request(&[0xC0, 13]).is_ok());
}

#[test]
fn b2_20_functions_that_are_not_defined_are_answered_as_unknown() {
    for code in (34..=128).chain(132..=255) {
        let error = FragmentView::request(&[0xC7, code]).unwrap_err();
        assert_eq!((error, error.indication()), (FragmentError::Function(code), Some(Iin::NO_FUNC_CODE_SUPPORT)));
        assert_eq!(FragmentView::response(&[0xC7, code, 0, 0]).unwrap_err(), error);
    }
    // What the answer repeats can be read all the same.
    let (control, code) = FragmentView::opening(&[0xC7, 200]).unwrap();
    assert_eq!((control.seq, code), (7, 200));
}

#[test]
fn b2_21_a_response_to_an_outstation_and_a_request_to_a_master_are_dropped() {
    for code in [129, 130, 131] {
        let error = FragmentView::request(&[0xC0, code, 0, 0]).unwrap_err();
        assert!(matches!(error, FragmentError::Direction(_)) && error.indication().is_none());
    }
    for code in 0..=33 {
        let error = FragmentView::response(&[0xC0, code, 0, 0]).unwrap_err();
        assert!(matches!(error, FragmentError::Direction(_)) && error.indication().is_none());
    }
}

#[test]
fn b2_22_b2_23_control_bits_that_cannot_be_are_seen_as_they_are() {
    let view = FragmentView::request(&[0xE3, 1]).unwrap();
    assert!(view.control.con && view.control.fir);
    let view = FragmentView::request(&[0x43, 1]).unwrap();
    assert!(!view.control.fir && view.control.fin);
}

#[test]
fn b2_24_uns_on_a_solicited_response_is_seen() {
    let view = FragmentView::response(&[0xD3, 129, 0, 0]).unwrap();
    assert!(view.control.uns && view.function == Function::Response);
}

#[test]
fn b2_25_an_unsolicited_response_without_indications_is_short() {
    assert_eq!(FragmentView::response(&[0xF0, 130]).unwrap_err(), FragmentError::Short(2));
    assert_eq!(FragmentView::response(&[0xF0, 130, 0x80]).unwrap_err(), FragmentError::Short(3));
    assert!(FragmentView::response(&[0xF0, 130, 0x80, 0]).is_ok());
}

#[test]
fn b2_26_unknown_objects_end_what_carries_objects_and_not_what_only_names_them() {
    for (group, variation) in [(1, 3), (2, 4), (5, 1), (20, 3), (41, 5), (99, 1), (255, 255), (1, 0)] {
        let error = response_error(&[group, variation, 0, 0, 0, 1, 60, 1, 6]).unwrap();
        assert_eq!((error, error.indication()), (FragmentError::ObjectUnknown { group, variation }, Some(Iin::OBJECT_UNKNOWN)));
        assert_eq!(request_error(Function::Read, &[group, variation, 0, 0, 0, 60, 1, 6]), None);
    }
    assert_eq!(lookup(1, 3), Lookup::Unknown);
    assert!(matches!(lookup(1, 0), Lookup::Any(_)));
}

#[test]
fn b2_27_qualifiers_that_are_not_defined_or_do_not_fit_are_parameter_errors() {
    for qualifier in (0..=255).filter(|octet| !matches!(octet, 0..=2 | 6..=9 | 0x17 | 0x28 | 0x39 | 0x5B)) {
        let error = request_error(Function::Read, &[1, 2, qualifier, 1, 0, 1, 0]).unwrap();
        assert_eq!(error, FragmentError::Qualifier { group: 1, variation: 2, qualifier });
        assert_eq!(error.indication(), Some(Iin::PARAMETER_ERROR));
    }
    // Sizes before commands, indexes before packed bits, values without range, files without size.
    let command = [1, 11, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (objects, qualifier) in [
        ([&[12, 1, 0x5B][..], &command].concat(), 0x5B),
        (vec![1, 1, 0x17, 1, 0, 1], 0x17),
        (vec![30, 1, 0x06, 1, 0, 0, 0, 0], 0x06),
        (vec![70, 5, 0x07, 1, 0, 0, 0, 0, 0, 0, 0, 0], 0x07),
        (vec![60, 1, 0x07, 1], 0x07),
    ] {
        let error = request_error(Function::DirectOperate, &objects).unwrap();
        assert_eq!(error, FragmentError::Qualifier { group: objects[0], variation: objects[1], qualifier });
    }
}

#[test]
fn b2_29_a_range_of_two_to_the_32_points_in_a_read_is_one_header_and_no_work() {
    let fragment = [0xC0, 1, 1, 0, 2, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 60, 1, 6];
    let view = FragmentView::request(&fragment).unwrap();
    let headers: Vec<_> = view.headers().map(Result::unwrap).collect();
    assert_eq!(headers.len(), 2);
    assert_eq!(headers[0].header.range.count(), 1 << 32);
    assert_eq!(headers[0].objects().count(), 0);
}

#[test]
fn b2_30_a_range_beyond_its_packed_octets_is_refused() {
    let long = [1, 1, 2, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3];
    let error = response_error(&long).unwrap();
    assert_eq!(error, FragmentError::Objects { group: 1, variation: 1, count: 1 << 32, left: 3 });
    assert_eq!(error.indication(), Some(Iin::PARAMETER_ERROR));
    // 24 bits are there, 25 are not.
    assert_eq!(response_error(&[1, 1, 0, 0, 23, 1, 2, 3]), None);
    assert!(response_error(&[1, 1, 0, 0, 24, 1, 2, 3]).is_some());
    assert_eq!(response_error(&[3, 1, 0, 0, 11, 1, 2, 3]), None);
    assert!(response_error(&[3, 1, 0, 0, 12, 1, 2, 3]).is_some());
}

#[test]
fn b2_31_counts_are_multiplied_in_64_bits() {
    let count = [0xFF, 0xFF, 0xFF, 0xFF];
    for qualifier in [0x09, 0x39] {
        let objects = [&[12, 1, qualifier][..], &count, &[0; 40]].concat();
        let error = request_error(Function::Operate, &objects).unwrap();
        assert_eq!(error, FragmentError::Objects { group: 12, variation: 1, count: 0xFFFF_FFFF, left: 40 });
    }
    // 0x1745_D175 objects of 11 octets are 2^32 + 7 octets: what 32 bits take for 7.
    let objects = [&[12, 1, 9][..], &0x1745_D175_u32.to_le_bytes(), &[0; 7]].concat();
    assert!(matches!(request_error(Function::Operate, &objects), Some(FragmentError::Objects { left: 7, .. })));
}

#[test]
fn b2_32_a_thousand_headers_are_walked_once_without_allocation() {
    let fragment = [&[0xC0, 1][..], &[60, 1, 6].repeat(1000)].concat();
    let view = FragmentView::request(&fragment).unwrap();
    let mut headers = 0;
    let used = allocation_counter::measure(|| headers = view.headers().filter(Result::is_ok).count());
    assert_eq!((headers, used.count_total), (1000, 0));
}

#[test]
fn b2_36_an_empty_string_is_seen_and_yields_nothing() {
    // Ten of them as an outstation may send for points never set, and 2^32 of them, which carry no octet.
    for range in [&[0, 0, 9][..], &[2, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]] {
        let fragment = [&[0xC0, 129, 0, 0, 110, 0], range, &[1, 2, 0, 5, 5, 0x81]].concat();
        let view = FragmentView::response(&fragment).unwrap();
        let headers: Vec<_> = view.headers().map(Result::unwrap).collect();
        assert_eq!(headers.len(), 2);
        assert_eq!((headers[0].header.variation, headers[0].objects().count()), (0, 0));
        assert_eq!(headers[1].objects().next().unwrap().index, 5);
    }
    // An event of no octets still has its index.
    let fragment = [0xC0, 130, 0, 0, 111, 0, 0x28, 1, 0, 7, 0];
    let view = FragmentView::response(&fragment).unwrap();
    let object = view.headers().next().unwrap().unwrap().objects().next().unwrap();
    assert_eq!((object.index, object.payload), (7, Payload::Octets(&[])));
}

#[test]
fn b2_36_strings_lists_and_data_sets_of_wrong_size_end_the_fragment() {
    assert!(matches!(response_error(&[111, 5, 0x28, 1, 0, 7, 0, b'a', b'b']), Some(FragmentError::Objects { left: 4, .. })));
    assert!(matches!(response_error(&[0, 255, 0, 0, 0, 254, 200, 1, 0]), Some(FragmentError::Objects { .. })));
    assert!(matches!(response_error(&[0, 255, 0, 0, 0, 255, 1, 1]), Some(FragmentError::Objects { .. })));
    assert!(matches!(response_error(&[0, 252, 0, 0, 1, 1, 1, 65]), Some(FragmentError::Objects { count: 2, .. })));
    // A list that lists itself is two pairs, not a list of lists.
    let fragment = [0xC0, 129, 0, 0, 0, 255, 0, 0, 0, 254, 4, 255, 0, 254, 0];
    let header = FragmentView::response(&fragment).unwrap().headers().next().unwrap().unwrap();
    let attribute = header.objects().next().map(|object| object.payload.octets()).and_then(Attribute::decode).unwrap();
    assert_eq!(attribute.listed().count(), 2);
    for group in [85, 86, 87, 88, 120] {
        for (variation, qualifier) in [(1, 0x5B), (1, 0x07), (3, 0x00)] {
            let error = response_error(&[group, variation, qualifier, 1, 0xFF, 0xFF, 1]).unwrap();
            assert_eq!(error.indication(), Some(Iin::OBJECT_UNKNOWN), "g{group}");
        }
        assert_eq!(lookup(group, 1), Lookup::Unsupported);
    }
}

#[test]
fn b2_37_sizes_of_files_past_the_end_are_refused() {
    for size in [9_u16, 0x7FFF, 0xFFFF] {
        let objects = [&[70, 5, 0x5B, 1][..], &size.to_le_bytes(), &[0; 8]].concat();
        assert!(matches!(request_error(Function::Write, &objects), Some(FragmentError::Objects { left: 10, .. })));
    }
    // 255 objects said, one there.
    assert!(request_error(Function::Write, &[70, 5, 0x5B, 255, 0, 0]).is_some());
}

#[test]
fn a2_r23_fragments_cut_anywhere_name_an_error_or_end_between_objects() {
    let whole: &[u8] = &[
        0xC0, 129, 0, 0, 2, 2, 0x28, 2, 0, 1, 0, 0x81, 1, 2, 3, 4, 5, 6, 2, 0, 0x01, 1, 2, 3, 4, 5, 6, 30, 5, 0x01, 0, 0, 0, 0, 1, 0, 0,
        0x80, 0x3F,
    ];
    let boundaries = [4, 27, whole.len()];
    for end in 4..=whole.len() {
        let view = FragmentView::response(&whole[..end]).unwrap();
        assert_eq!(view.check().is_ok(), boundaries.contains(&end), "{end} octets: {}", describe(&whole[..end]));
    }
    // A value is only decoded from an object of its size.
    let known = lookup(30, 1).known().unwrap();
    assert_eq!(Measurement::decode(known, Payload::Octets(&[1, 2, 3, 4])), None);
    assert_eq!(Measurement::decode(known, Payload::Octets(&[1, 2, 3, 4, 5, 6])), None);
    assert_eq!(Measurement::decode(known, Payload::Bits(1)), None);
}

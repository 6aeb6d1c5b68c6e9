//! JSON, numbers, times, durations and UUIDs against known answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::time::Duration;

use bridge_ies::{
    Counter, Error, MAX_DEPTH, QualityObject, StreamValue, format_duration, format_time, jcs, json_integer, json_number, json_number_f32,
    json_unsigned, parse_duration, parse_strict, parse_time, parse_uuid, stream_operation_id, uuid7, uuid8,
};
use serde_json::{Value, json};

fn canonical(text: &str) -> String {
    String::from_utf8(jcs(&serde_json::from_str(text).unwrap()).unwrap()).unwrap()
}

#[test]
fn rfc8785_clause_3_2_2_the_worked_example() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                    \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(input), expected);
}

#[test]
fn rfc8785_clause_3_2_3_keys_sort_by_utf16_code_units() {
    let input = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let value: Value = serde_json::from_str(&canonical(input)).unwrap();
    let order: Vec<&str> = value.as_object().unwrap().values().map(|v| v.as_str().unwrap()).collect();
    let expected = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ];
    assert_eq!(order, expected);
}

#[test]
fn rfc8785_appendix_b_numbers() {
    for (bits, text) in [
        (0x0000_0000_0000_0000_u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
    ] {
        let value = Value::Number(json_number(f64::from_bits(bits)).unwrap());
        assert_eq!(String::from_utf8(jcs(&value).unwrap()).unwrap(), text, "{bits:#018x}");
    }
}

#[test]
fn numbers_without_an_exact_form_are_refused() {
    assert!(matches!(jcs(&json!(9_007_199_254_740_993_u64)), Err(Error::Number { .. })));
    assert!(matches!(jcs(&json!({"a": [-9_007_199_254_740_993_i64]})), Err(Error::Number { .. })));
    assert_eq!(jcs(&json!(9_007_199_254_740_991_u64)).unwrap(), b"9007199254740991");
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(matches!(json_number(bad), Err(Error::Number { .. })));
    }
    for bad in [f32::NAN, f32::NEG_INFINITY] {
        assert!(matches!(json_number_f32(bad), Err(Error::Number { .. })));
    }
    assert_eq!(json_integer(-9_007_199_254_740_991), json!(-9_007_199_254_740_991_i64));
    assert_eq!(json_integer(i64::MIN), json!("-9223372036854775808"));
    assert_eq!(json_unsigned(u64::MAX), json!("18446744073709551615"));
}

#[test]
fn a_short_float_prints_as_it_was_measured() {
    for (value, text) in
        [(243.6_f32, "243.6"), (0.1, "0.1"), (-49.98, "-49.98"), (16_777_216.0, "16777216"), (1e-7, "1e-7"), (f32::MAX, "3.4028235e+38")]
    {
        let number = Value::Number(json_number_f32(value).unwrap());
        assert_eq!(String::from_utf8(jcs(&number).unwrap()).unwrap(), text);
    }
    assert_eq!(serde_json::to_string(&StreamValue::from_f32(243.6)).unwrap(), "243.6");
    assert_eq!(serde_json::to_string(&StreamValue::from_f32(f32::NAN)).unwrap(), "\"NaN\"");
    assert_eq!(serde_json::to_string(&StreamValue::from_i64(i64::MAX)).unwrap(), "\"9223372036854775807\"");
    // Every kind of short float comes back as the same short float.
    let mut bits = 1_u32;
    for _ in 0..100_000 {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let value = f32::from_bits(bits);
        if value.is_finite() {
            let number = json_number_f32(value).unwrap();
            assert_eq!(number.to_string().parse::<f32>().unwrap().to_bits(), value.to_bits());
        }
    }
}

#[test]
fn strict_reading_refuses_what_two_readers_read_differently() {
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    for (bad, why) in [
        (r#"{"a":1,"a":2}"#.to_owned(), "twice"),
        (r#"{"x":{"a":1,"b":2,"\u0061":2}}"#.to_owned(), "twice"),
        (deep(MAX_DEPTH + 1), "deeper"),
        ("9007199254740993".to_owned(), "2^53"),
        ("-9007199254740993".to_owned(), "2^53"),
        ("18446744073709551616".to_owned(), "2^53"),
        ("1e30".to_owned(), "2^53"),
        ("1e999".to_owned(), "out of range"),
        ("{} {}".to_owned(), "trailing"),
        ("".to_owned(), "EOF"),
        ("{\"a\":01}".to_owned(), "invalid number"),
        ("\"\\ud800\"".to_owned(), "escape"),
        ("NaN".to_owned(), "expected"),
        ("[1,]".to_owned(), "trailing comma"),
    ] {
        let error = parse_strict(bad.as_bytes()).expect_err(&bad).to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
    assert!(parse_strict(b"\"\xff\"").is_err(), "invalid UTF-8");
    assert!(parse_strict(deep(MAX_DEPTH).as_bytes()).is_ok());
    let kept = parse_strict(br#"{"b":1,"a":[0.5,null,true,"x"]}"#).unwrap();
    assert_eq!(kept.to_string(), r#"{"b":1,"a":[0.5,null,true,"x"]}"#);
}

#[test]
fn any_bytes_are_read_without_panic() {
    let seed = br#"{"a":[1,2.5e3,"\u00e9\n",{"b":null,"c":[true,false]}],"t":"2026-11-22T14:03:11.250+05:30"}"#;
    let mut state = 7_u32;
    for _ in 0..50_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] = (state >> 24) as u8;
        }
        if let Ok(value) = parse_strict(&bytes) {
            let canonical = jcs(&value).unwrap();
            assert_eq!(jcs(&parse_strict(&canonical).unwrap()).unwrap(), canonical, "canonical form is a fixed point");
        }
        let text = String::from_utf8_lossy(&bytes[60..]).into_owned();
        let _ = (parse_time(&text), parse_duration(&text), parse_uuid(&text));
    }
}

#[test]
fn times_carry_the_indian_offset_and_every_nanosecond() {
    for (ns, text) in [
        (0, "1970-01-01T05:30:00+05:30"),
        (1_795_336_391_250_000_000, "2026-11-22T14:03:11.250+05:30"),
        (1_795_336_391_250_000_001, "2026-11-22T14:03:11.250000001+05:30"),
        (1_795_336_391_000_001_000, "2026-11-22T14:03:11.000001+05:30"),
        (-1, "1970-01-01T05:29:59.999999999+05:30"),
        (i64::MAX, "2262-04-12T05:17:16.854775807+05:30"),
        (i64::MIN, "1677-09-21T05:42:43.145224192+05:30"),
    ] {
        assert_eq!(format_time(ns), text);
        assert_eq!(parse_time(text).unwrap(), ns);
    }
    let ns = 1_795_336_391_250_000_000;
    for same in ["2026-11-22T08:33:11.25Z", "2026-11-22T08:33:11.250+00:00", "2026-11-21T20:03:11.2500-12:30"] {
        assert_eq!(parse_time(same).unwrap(), ns, "{same}");
    }
    for bad in [
        "",
        "2026-11-22T14:03:11",
        "2026-11-22 14:03:11Z",
        "2026-11-22T14:03:11.Z",
        "2026-11-22T14:03:11.1234567891Z",
        "2026-11-22T14:03:60Z",
        "2026-02-29T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T14:03:11+5:30",
        "2026-11-22T14:03:11+05:60",
        "2026-11-22T14:03:11+0530",
        "+026-11-22T14:03:11Z",
        "2263-01-01T00:00:00Z",
        "2026-11-22T14:03:11Zé",
        "२०२६-11-22T14:03:11Z",
    ] {
        assert!(parse_time(bad).is_err(), "{bad}");
    }
}

#[test]
fn durations_are_exact() {
    for (text, ns) in [
        ("PT0S", 0_u128),
        ("PT30S", 30_000_000_000),
        ("PT15M", 900_000_000_000),
        ("PT1H30M", 5_400_000_000_000),
        ("P30D", 2_592_000_000_000_000),
        ("P1DT1S", 86_401_000_000_000),
        ("PT0.5S", 500_000_000),
        ("PT1M0.000000001S", 60_000_000_001),
    ] {
        let span = parse_duration(text).unwrap();
        assert_eq!(span.as_nanos(), ns, "{text}");
        assert_eq!(format_duration(span), text);
    }
    assert_eq!(parse_duration("PT90S").unwrap(), Duration::from_secs(90));
    assert_eq!(format_duration(Duration::from_secs(90)), "PT1M30S");
    for bad in [
        "",
        "P",
        "PT",
        "P1Y",
        "P1M",
        "P1W",
        "PT1S2M",
        "PT1.5M",
        "1S",
        "PT1",
        "P1DT",
        "-PT1S",
        "PT+1S",
        "PT1,5S",
        "PT.5S",
        "PT1.S",
        "PT1234567890S",
    ] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn uuids_are_marked_and_repeatable() {
    // RFC 9562 appendix A.6, the example of version 7.
    let random = (0xCC3_u128 << 64) | 0x18C4_DC0C_0C07_398F;
    assert_eq!(uuid7(0x017F_22E2_79B0, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    let id = stream_operation_id("did:web:a.example", 3, 1, 100, 16);
    assert_eq!(id, stream_operation_id("did:web:a.example", 3, 1, 100, 16));
    assert_ne!(id, stream_operation_id("did:web:a.example", 3, 1, 100, 17));
    assert_ne!(uuid8(&[b"ab", b"c"]), uuid8(&[b"a", b"bc"]));
    assert_eq!((&id[14..15], parse_uuid(&id).map(|bits| bits >> 62 & 0b11)), ("8", Some(0b10)));
    for bad in ["", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2079b0-7cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g"] {
        assert_eq!(parse_uuid(bad), None, "{bad}");
    }
}

#[test]
fn quality_packs_and_unpacks() {
    for bits in 0..=u16::MAX {
        let known = bits & 0b11_1111_1111_1111;
        let known = if known & 0b11 == 0b10 { known & !0b11 | 0b01 } else { known };
        assert_eq!(QualityObject::from_bits(bits).to_bits(), known, "{bits:#06x}");
    }
    let stale = serde_json::to_value(QualityObject::from_bits(0b1000_0011)).unwrap();
    assert_eq!(stale, json!({"validity": "QUESTIONABLE", "flags": ["OLD_DATA"]}));
}

#[test]
fn counters_beyond_2_53_are_strings() {
    assert_eq!(serde_json::to_string(&Counter(9_007_199_254_740_991)).unwrap(), "9007199254740991");
    assert_eq!(serde_json::to_string(&Counter(9_007_199_254_740_992)).unwrap(), "\"9007199254740992\"");
    assert_eq!(serde_json::from_str::<Counter>("\"18446744073709551615\"").unwrap(), Counter(u64::MAX));
    for bad in ["\"\"", "\"+1\"", "-1", "1.5", "\"18446744073709551616\""] {
        assert!(serde_json::from_str::<Counter>(bad).is_err(), "{bad}");
    }
}

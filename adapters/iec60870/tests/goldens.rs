//! Goldens: octets on one line, their meaning below, and the same octets back from the meaning.
//!
//! Each file of `testdata/` says in its first line where its octets come from.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use bridge_iec60870::{Asdu, AsduView, ControlPermit, apci, describe};
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

/// Entries of a golden file: octets and expected text.
fn entries(file: &str) -> Vec<(Vec<u8>, String)> {
    let text: String = file.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    text.split("\n\n")
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let (hex, meaning) = entry.split_once('\n').unwrap_or((entry, ""));
            (octets(hex), meaning.to_owned())
        })
        .collect()
}

#[test]
fn a1_r24_goldens_decode_to_their_text_and_encode_to_their_octets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "hex")).collect();
    paths.sort();
    assert!(paths.len() >= 3, "golden files in {}", folder.display());
    let (mut checked, mut round_trips) = (0, 0);
    for path in paths {
        let file = fs::read_to_string(&path).unwrap();
        assert!(file.starts_with("# from "), "{} says where its octets come from", path.display());
        for (apdu, meaning) in entries(&file) {
            assert_eq!(describe(&apdu), meaning, "{}", path.display());
            checked += 1;
            let Ok((apci @ apci::Apci::Information { .. }, asdu)) = apci::split(&apdu) else { continue };
            let Ok(Some(asdu_meaning)) = AsduView::parse(asdu).and_then(|view| view.meaning()) else { continue };
            let mut encoded = vec![apdu[0], apdu[1]];
            encoded.extend(apci.octets());
            match asdu_meaning {
                Asdu::Monitor(asdu) => assert_eq!(asdu.encode(&mut encoded), asdu.objects.len()),
                Asdu::System(asdu) => asdu.encode(&mut encoded),
                Asdu::Parameter(asdu) => asdu.encode(&permit(), &mut encoded),
                Asdu::Control(asdu) => asdu.encode(&permit(), &mut encoded),
            }
            assert_eq!(encoded, apdu, "{}: {meaning}", path.display());
            round_trips += 1;
        }
    }
    assert!(checked >= 60 && round_trips >= 35, "{checked} goldens, {round_trips} round trips");
}

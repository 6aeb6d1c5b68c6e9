//! Files made to exhaust or to mislead the reader. Each is refused with its code, within its bound.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use bridge_cim::{Bounds, Inputs, read};
use bridge_diag::Report;
use support::{EQ, Outcome, archive, document, read_all, read_text, substation};

/// Reading a refused file takes no more than this.
const MEMORY: u64 = 24 << 20;

/// Reads with the most memory that was in use at once.
fn measured(documents: &[(&str, &[u8])], bounds: Bounds) -> (Outcome, u64) {
    let mut outcome = None;
    let used = allocation_counter::measure(|| outcome = Some(read_all(documents, bounds)));
    (outcome.unwrap(), used.bytes_max)
}

#[track_caller]
fn refused(outcome: &Outcome, code: &str, words: &str) {
    assert!(outcome.model.is_none() || !outcome.report.is_ok(), "it was read");
    let found = outcome.report.diagnostics().iter().find(|diagnostic| diagnostic.code == code);
    let Some(found) = found else { panic!("no {code} in {:?}", outcome.report.diagnostics()) };
    assert!(found.message.contains(words), "{words:?} is not in {:?}", found.message);
}

#[test]
fn entities_that_expand_themselves_are_not_even_declared() {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n<!ENTITY a \"lol\">\n");
    for (name, of) in ('b'..='z').zip('a'..) {
        writeln!(text, "<!ENTITY {name} \"{}\">", format!("&{of};").repeat(10)).unwrap();
    }
    text += "]>\n<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">&z;</rdf:RDF>";
    let (outcome, used) = measured(&[("lol.xml", text.as_bytes())], Bounds::default());
    refused(&outcome, "cim::doctype", "document type definition");
    assert!(used < MEMORY, "{used}");
}

#[test]
fn an_entity_in_an_attribute_is_refused_too() {
    let text = substation().replace("rdf:ID=\"_cb\"", "rdf:ID=\"_&file;\"");
    refused(&read_text(&text), "cim::entity", "&file;");
}

#[test]
fn deep_nesting_ends_at_its_bound() {
    let text = document("eq", EQ, &"<cim:Breaker>".repeat(200_000));
    let (outcome, used) = measured(&[("deep.xml", text.as_bytes())], Bounds::default());
    refused(&outcome, "cim::too-deep", "32 deep");
    assert!(used < MEMORY, "{used}");
}

#[test]
fn a_gigabyte_in_one_attribute_is_not_held() {
    let path = scratch("gigabyte").join("big.xml");
    let mut file = File::create(&path).unwrap();
    let text = document("eq", EQ, "");
    file.write_all(text.trim_end().trim_end_matches("</rdf:RDF>").as_bytes()).unwrap();
    file.write_all(b"<cim:Breaker rdf:ID=\"").unwrap();
    // The rest of it is a hole: a gigabyte on paper, nothing on disk.
    file.set_len(1 << 30).unwrap();
    let mut report = Report::new();
    let mut model = None;
    let used = allocation_counter::measure(|| {
        let mut inputs = Inputs::new(Bounds::default());
        inputs.add_path(&path, &mut report);
        model = read(&inputs, &mut report);
    });
    refused(&Outcome { model, report }, "cim::too-large", "longer than 1048576 bytes");
    assert!(used.bytes_max < MEMORY, "{}", used.bytes_max);
}

#[test]
fn a_gigabyte_of_text_in_pieces_is_not_held() {
    let pieces = "<![CDATA[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]]>&amp;".repeat(40_000);
    let inside = format!("<cim:Breaker rdf:ID=\"_a\"><cim:IdentifiedObject.name>{pieces}</cim:IdentifiedObject.name></cim:Breaker>");
    refused(&read_text(&document("eq", EQ, &inside)), "cim::too-large", "1048576");
}

#[test]
fn an_archive_that_grows_a_thousandfold_is_stopped() {
    let filling = format!("<!--{}-->\n", " ".repeat(1000)).repeat(10_000);
    let packed = archive(&[("eq.xml", document("eq", EQ, &filling).as_bytes())]);
    assert!(packed.len() < 30_000, "{} bytes packed", packed.len());
    let (outcome, used) = measured(&[("bomb.zip", &packed)], Bounds::default());
    refused(&outcome, "cim::zip-bomb", "200 times");
    assert!(used < MEMORY, "{used}");
    // A header that lies about the packed size does not make more of it lawful.
    let mut lying = packed.clone();
    let central = lying.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    lying[central + 20..central + 24].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    refused(&read_all(&[("bomb.zip", &lying)], Bounds::default()), "cim::zip-bomb", "200 times");
}

#[test]
fn archives_inside_archives_are_bounded_in_depth_and_bytes() {
    let eq = substation();
    let one = archive(&[("eq.xml", eq.as_bytes())]);
    let two = archive(&[("one.zip", &one)]);
    let three = archive(&[("two.zip", &two)]);
    read_all(&[("two.zip", &two)], Bounds::default()).clean();
    refused(&read_all(&[("three.zip", &three)], Bounds::default()), "cim::too-deep", "three.zip/two.zip/one.zip");
    let mut bounds = Bounds::default();
    bounds.zip_nested_bytes = 100;
    refused(&read_all(&[("two.zip", &two)], bounds), "cim::too-large", "100 bytes in all");
}

#[test]
fn an_archive_has_no_more_entries_than_it_may() {
    let names: Vec<String> = (0..1025).map(|n| format!("{n}.txt")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    refused(&read_all(&[("many.zip", &archive(&entries))], Bounds::default()), "cim::too-many", "1025 entries");
}

#[test]
fn names_that_lead_out_of_an_archive_are_not_read() {
    let eq = substation();
    for name in ["../eq.xml", "/etc/eq.xml", "a/../../eq.xml", "C:\\eq.xml", "..\\eq.xml"] {
        let packed = archive(&[(name, eq.as_bytes())]);
        refused(&read_all(&[("a.zip", &packed)], Bounds::default()), "cim::path-outside", "leads out of its archive");
    }
}

#[cfg(unix)]
#[test]
fn links_in_a_folder_are_not_followed() {
    let folder = scratch("links");
    let target = scratch("links-target").join("eq.xml");
    fs::write(&target, substation()).unwrap();
    std::os::unix::fs::symlink(&target, folder.join("eq.xml")).unwrap();
    let mut report = Report::new();
    let mut inputs = Inputs::new(Bounds::default());
    inputs.add_path(&folder, &mut report);
    assert!(inputs.is_empty());
    let model = read(&inputs, &mut report);
    refused(&Outcome { model, report }, "cim::path-outside", "eq.xml leads out");
}

#[test]
fn damaged_and_locked_archives_are_told() {
    let packed = archive(&[("eq.xml", substation().as_bytes())]);
    let read = |bytes: &[u8]| read_all(&[("a.zip", bytes)], Bounds::default());
    refused(&read(&packed[..packed.len() - 30]), "cim::zip-damaged", "a.zip is not a readable archive");
    let mut flipped = packed.clone();
    // In the checksum of the entry, in both of its headers.
    let central = packed.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    flipped[14] ^= 1;
    flipped[central + 16] ^= 1;
    refused(&read(&flipped), "cim::zip-damaged", "damaged");
    let mut locked = packed.clone();
    locked[6] |= 1;
    locked[central + 8] |= 1;
    refused(&read(&locked), "cim::zip-method", "encrypted");
    let mut other = packed.clone();
    other[8] = 12;
    other[central + 10] = 12;
    refused(&read(&other), "cim::zip-method", "other than deflate");
    let two = archive(&[("EQ1.xml", b"a"), ("EQ2.xml", b"b")]);
    let mut twice = two.clone();
    while let Some(at) = twice.windows(4).position(|at| at == b"EQ2.") {
        twice[at + 2] = b'1';
    }
    refused(&read(&twice), "cim::zip-damaged", "the same name");
}

#[test]
fn every_count_has_its_bound() {
    let eq = substation();
    let with = |change: fn(&mut Bounds)| {
        let mut bounds = Bounds::default();
        change(&mut bounds);
        read_all(&[("a.xml", eq.as_bytes())], bounds)
    };
    refused(&with(|bounds| bounds.objects = 5), "cim::too-many", "more than 5 objects");
    refused(&with(|bounds| bounds.statements = 5), "cim::too-many", "more than 5 attributes");
    refused(&with(|bounds| bounds.text_bytes = 50), "cim::too-many", "more than 50 bytes of text");
    refused(&with(|bounds| bounds.document_bytes = 2000), "cim::too-large", "2000 bytes");
    refused(&with(|bounds| bounds.all_bytes = 2000), "cim::too-large", "2000 bytes");
    refused(&with(|bounds| bounds.documents = 0), "cim::too-many", "more than 0 documents");
}

#[test]
fn names_and_namespaces_are_bounded() {
    let mut inside = String::from("<cim:Breaker rdf:ID=\"_a\">");
    for n in 0..60_001 {
        write!(inside, "<cim:a{n}>1</cim:a{n}>").unwrap();
    }
    inside += "</cim:Breaker>";
    refused(&read_text(&document("eq", EQ, &inside)), "cim::too-many", "60000 names");
    let mut inside = String::from("<cim:Breaker rdf:ID=\"_a\">");
    for n in 0..70 {
        write!(inside, "<x:b xmlns:x=\"http://example.com/{n}#\">1</x:b>").unwrap();
    }
    inside += "</cim:Breaker>";
    refused(&read_text(&document("eq", EQ, &inside)), "cim::too-many", "64 namespaces");
}

#[test]
fn circles_of_references_end_every_walk() {
    let inside = r##"<cim:Bay rdf:ID="_a"><cim:IdentifiedObject.name>A</cim:IdentifiedObject.name><cim:Bay.VoltageLevel rdf:resource="#_b"/></cim:Bay>
<cim:VoltageLevel rdf:ID="_b"><cim:IdentifiedObject.name>B</cim:IdentifiedObject.name><cim:VoltageLevel.Substation rdf:resource="#_a"/></cim:VoltageLevel>
<cim:Bay rdf:ID="_c"><cim:IdentifiedObject.name>C</cim:IdentifiedObject.name><cim:Bay.VoltageLevel rdf:resource="#_c"/></cim:Bay>"##;
    let outcome = read_text(&document("eq", EQ, inside));
    assert_eq!(outcome.codes().iter().filter(|code| **code == "cim::containment-loop").count(), 2, "each circle once");
    let model = outcome.model.unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(model.object(id).unwrap().containers().count(), 16);
    }
    assert_eq!(model.find("B/A/B/A").len(), 1);
    assert!(model.find("B/A/X/A").is_empty());
}

#[test]
fn one_object_with_a_hundred_thousand_references_is_read_in_time() {
    let mut inside = String::from("<cim:TopologicalIsland rdf:ID=\"_i\">");
    for n in 0..100_000 {
        write!(inside, "<cim:TopologicalIsland.TopologicalNodes rdf:resource=\"#_n{}\"/>", n / 2).unwrap();
    }
    inside += "</cim:TopologicalIsland>";
    let model = read_text(&document("sv", "http://iec.ch/TC57/ns/CIM/StateVariables-EU/3.0", &inside)).model.unwrap();
    assert_eq!(model.statements(), 50_000, "what is said twice counts once");
}

#[test]
fn fifty_thousand_unknown_names_are_counted_not_explained() {
    let mut inside = String::from("<cim:Breaker rdf:ID=\"_a\">");
    for n in 0..50_000 {
        write!(inside, "<cim:Breaker.a{n}>1</cim:Breaker.a{n}><cim:Thing{n}/>").unwrap();
    }
    inside += "</cim:Breaker>";
    let outcome = read_text(&document("eq", EQ, &inside));
    refused(&outcome, "cim::too-many", "60000 names");
    let half = inside.split_at(inside.find("<cim:Thing20000/>").unwrap()).0.to_owned() + "</cim:Breaker>";
    let outcome = read_text(&document("eq", EQ, &half));
    assert_eq!(outcome.codes().len(), 41);
    assert_eq!(outcome.report.diagnostics().last().unwrap().message, "39961 more of these are not shown");
    assert!(outcome.model.is_some());
}

#[test]
fn no_change_of_bytes_makes_it_fail_otherwise_than_by_a_report() {
    let eq = substation().into_bytes();
    let packed = archive(&[("eq.xml", &eq)]);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let marks = b"<>\"'&;#/: =!-[]?\0\xff\x80aA0";
    for round in 0..1500 {
        let mut bytes = if round % 3 == 0 { packed.clone() } else { eq.clone() };
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = marks[random(marks.len())],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, marks[random(marks.len())]),
            }
        }
        let outcome = read_all(&[("changed", &bytes)], Bounds::default());
        assert!(outcome.model.is_some() || !outcome.report.is_ok(), "round {round}: no model and no error");
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cim-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

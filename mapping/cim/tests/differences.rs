//! Difference models: applied in the order of their headers, checked against what they change.

mod support;

use bridge_cim::{Bounds, DocumentKind, Model};
use support::{difference, read_all, substation};

fn applied(differences: &[String]) -> support::Outcome {
    let eq = substation();
    let names: Vec<String> = (0..differences.len()).map(|n| format!("d{n}.xml")).collect();
    // The differences come first: their headers say where they belong.
    let mut documents: Vec<(&str, &[u8])> = names.iter().zip(differences).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    documents.push(("eq.xml", eq.as_bytes()));
    read_all(&documents, Bounds::default())
}

fn rated(value: u32) -> String {
    format!("<rdf:Description rdf:about=\"#_cb\"><cim:Switch.ratedCurrent>{value}</cim:Switch.ratedCurrent></rdf:Description>")
}

fn rated_current(model: &Model) -> Option<f64> {
    model.object("cb")?.number("Switch.ratedCurrent")
}

#[test]
fn a_chain_is_applied_in_the_order_of_its_headers() {
    let second = difference("d-2", "d-1", &rated(2500), &rated(3150));
    let first = difference("d-1", "eq-1", &rated(2000), &rated(2500));
    let model = applied(&[second, first]).clean();
    assert_eq!(rated_current(&model), Some(3150.0));
    assert_eq!(model.headers().filter(|header| header.kind == DocumentKind::Difference).count(), 2);
}

#[test]
fn objects_come_change_and_go() {
    let reverse = r##"<cim:Terminal rdf:about="#_t2"><cim:IdentifiedObject.name>QA1</cim:IdentifiedObject.name><cim:ACDCTerminal.sequenceNumber>2</cim:ACDCTerminal.sequenceNumber><cim:Terminal.ConductingEquipment rdf:resource="#_cb"/></cim:Terminal>
<cim:Breaker rdf:about="#_cb"><cim:Switch.normalOpen>false</cim:Switch.normalOpen></cim:Breaker>"##;
    let forward = r##"<cim:Breaker rdf:about="#_cb"><cim:Switch.normalOpen>true</cim:Switch.normalOpen></cim:Breaker>
<cim:Disconnector rdf:about="#_qb1"><cim:IdentifiedObject.name>QB1</cim:IdentifiedObject.name><cim:Equipment.EquipmentContainer rdf:resource="#_bay"/></cim:Disconnector>"##;
    let model = applied(&[difference("d", "eq-1", reverse, forward)]).clean();
    assert!(model.object("t2").is_none(), "all of it was taken away");
    let breaker = model.object("cb").unwrap();
    assert_eq!((breaker.class(), breaker.boolean("Switch.normalOpen")), ("Breaker", Some(true)), "a change is no end");
    assert_eq!(rated_current(&model), Some(2000.0), "what the difference does not name stays");
    assert_eq!(breaker.terminals().len(), 1);
    assert_eq!(model.find("SSC/Q01/QB1")[0].class(), "Disconnector");
}

#[test]
fn an_attribute_may_go_without_its_object() {
    let reverse = "<cim:Breaker rdf:about=\"#_cb\"><cim:Switch.ratedCurrent>2000.0</cim:Switch.ratedCurrent></cim:Breaker>";
    let model = applied(&[difference("d", "eq-1", reverse, "")]).clean();
    assert_eq!((rated_current(&model), model.object("cb").is_some()), (None, true), "2000 and 2000.0 are one number");
}

#[test]
fn what_an_object_leaves_behind_in_other_documents_goes_with_it() {
    let reverse = r##"<cim:Bay rdf:about="#_bay"><cim:IdentifiedObject.name>Q01</cim:IdentifiedObject.name><cim:Bay.VoltageLevel rdf:resource="#_vl"/></cim:Bay>"##;
    let outcome = applied(&[difference("d", "eq-1", reverse, "")]);
    assert_eq!(outcome.codes(), ["cim::reference-dangling"], "the breaker's bay is gone, and that is told");
    assert!(outcome.model.unwrap().object("cb").unwrap().container().is_none());
}

#[test]
fn a_difference_to_another_state_of_the_model_is_an_error() {
    let outcome = applied(&[difference("d", "eq-1", &rated(1600), &rated(3150))]);
    // The new value has no place beside the one that is still there.
    assert_eq!(outcome.codes(), ["cim::difference-mismatch", "cim::difference-unpaired"]);
    assert!(!outcome.report.is_ok());
    let help = outcome.report.diagnostics().iter().find_map(|d| d.help.as_deref().filter(|help| help.contains("2000")));
    assert!(help.is_some(), "it says what the model has: {:?}", outcome.report.diagnostics());
}

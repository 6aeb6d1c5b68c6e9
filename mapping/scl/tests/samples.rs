#[test]
fn print_samples() {
    for path in std::env::var("SCLS").unwrap().split(' ') {
        let mut report = bridge_diag::Report::new();
        let source = report.add_source(path, std::fs::read_to_string(path).unwrap());
        let model = bridge_scl::read_source(source, &mut report);
        println!("{}", report.render_text());
        let model = model.unwrap();
        let e = bridge_scl::emission(&model);
        println!(
            "{} signals {} commands {} others {} addresses; aside {:?}",
            e.signals.len(),
            e.commands.len(),
            e.others.len(),
            model.addresses().count(),
            model.scl.aside
        );
        for s in &e.signals {
            println!(
                "{} {:?} {:?} {:?} addr {:?} {:?} {:?}",
                s.value,
                s.unit.as_ref().map(|u| u.name()),
                s.states.len(),
                s.proposal.as_ref().map(|p| (p.class, p.measurement.clone(), &p.own, p.subject, p.phases)),
                s.addresses.iter().map(|a| (a.common_address, a.object_address, a.type_id)).collect::<Vec<_>>(),
                s.place.as_ref().map(|p| &p.path),
                s.coverage
            );
        }
        for s in &e.commands {
            println!("CMD {} {:?} fb {:?} addr {:?}", s.value, s.model, s.feedback.as_ref().map(|f| f.to_string()), s.addresses.len());
        }
        for s in &e.others {
            println!("OTHER {} {:?}", s.reference, s.addresses.len());
        }
    }
}

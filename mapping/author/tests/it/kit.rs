//! The shipped profiles, and small ones in memory.

use std::io;
use std::path::PathBuf;

use bridge_diag::Report;
use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_profile::{Expansion, Files, MemoryFiles, Plan, compile, expand};
use bridge_session::Protocol;

pub(crate) const PROTOCOLS: &[&dyn Protocol] = &[&Iec104, &Dnp3];
pub(crate) const SHIPPED: [&str; 4] = ["thermal-station-104", "ems-gateway-104", "solar-park-dnp3", "ems-gateway-dnp3"];

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn shipped(name: &str) -> Self {
        Self(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cim-profiles").join(name))
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}

/// A profile compiled and expanded without a word.
pub(crate) struct Profile {
    pub(crate) plan: Plan,
    pub(crate) expansion: Expansion,
    pub(crate) report: Report,
}

pub(crate) fn profile(files: &dyn Files) -> Profile {
    let mut report = Report::new();
    let plan = compile(files, "profile.toml", PROTOCOLS, &mut report);
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    let mut report = Report::new();
    let expansion = expand(files, "profile.toml", &mut report).expect("what compiles expands");
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    Profile { plan: plan.expect("no problem, so a plan"), expansion, report }
}

pub(crate) fn shipped(name: &str) -> Profile {
    profile(&Folder::shipped(name))
}

/// A profile that uses every key of the language.
pub(crate) fn every_key() -> Profile {
    let list = "id,ioa,ti,on,class,type,verbs\nlist.one,900,M_SP_TB_1,U,Discrete,x-Listed,log\n";
    profile(&in_memory(&[("profile.toml", include_str!("../every-key.toml")), ("list.csv", list)]))
}

/// The shipped profiles and the one that uses every key, by name.
pub(crate) fn all() -> Vec<(&'static str, Profile)> {
    let shipped = SHIPPED.iter().map(|name| (*name, shipped(name)));
    shipped.chain([("every-key", every_key())]).collect()
}

/// The text of a shipped profile.
pub(crate) fn text(name: &str) -> String {
    Folder::shipped(name).read("profile.toml").expect("it is there")
}

pub(crate) fn in_memory(files: &[(&str, &str)]) -> MemoryFiles {
    MemoryFiles(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

/// The plan of one text.
pub(crate) fn plan(text: &str) -> Plan {
    profile(&in_memory(&[("profile.toml", text)])).plan
}

/// What a plan says, without how and where it is written.
pub(crate) fn meaning(mut plan: Plan) -> Plan {
    plan.hash = [0; 32];
    for test in &mut plan.tests {
        test.place.clear();
    }
    plan
}

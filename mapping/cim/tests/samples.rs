//! The public models that lie beside the repository, in `../shared/samples/cgmes`. Where that folder is not there, this says so, and
//! the committed models of the other tests remain.

#![expect(clippy::print_stderr, reason = "a sample that is not there is told")]

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use bridge_cim::{Bounds, Inputs, Model, Profile, Version, read};
use bridge_diag::Report;
use zip::ZipArchive;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/cgmes");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("{} is not there: no public model is read", folder.display());
    None
}

/// The sample, read without a single problem.
#[track_caller]
fn sample(name: &str) -> Option<Model> {
    let mut report = Report::new();
    let mut inputs = Inputs::new(Bounds::default());
    inputs.add_path(&folder()?.join(name), &mut report);
    let model = read(&inputs, &mut report);
    assert!(report.diagnostics().is_empty(), "{name}: {}", report.render_text());
    model
}

#[test]
fn every_sample_is_read_without_a_problem_and_keeps_everything() {
    let Some(folder) = folder() else { return };
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let archives: Vec<&String> = names.iter().filter(|name| name.ends_with(".zip")).collect();
    assert!(archives.len() >= 4, "{names:?}");
    for name in archives {
        let model = sample(name).unwrap();
        assert_eq!(model.unknown_classes(), [], "{name}");
        assert_eq!((model.passed_over(), model.headers().count()), (0, 4), "{name}");
        for profile in [Profile::Equipment, Profile::SteadyState, Profile::Topology, Profile::StateVariables] {
            assert!(model.headers().any(|header| header.has(profile)), "{name}: {profile:?}");
        }
        assert!(model.objects().all(|object| model.object(object.mrid()) == Some(object)), "{name}: every mRID finds its object");
        assert!(model.of_class("Terminal").all(|terminal| terminal.reference("Terminal.ConductingEquipment").is_some()), "{name}");
        for equipment in model.of_class("Switch").filter(|object| object.name().is_some()) {
            assert!(
                model.find(&equipment.path().join("/")).contains(&equipment),
                "{name}: {:?} is not found by its path",
                equipment.path()
            );
        }
    }
}

#[test]
fn the_four_substations_have_their_switches_limits_and_units() {
    let Some(model) = sample("cgmes-four-substations-cim100.zip") else { return };
    assert_eq!(model.version(), Version::Cim17);
    let count = |class: &str| model.of_class(class).count();
    assert_eq!((count("Substation"), count("VoltageLevel"), count("Breaker"), count("Disconnector")), (4, 5, 24, 35));
    assert_eq!((count("HydroGeneratingUnit"), count("ThermalGeneratingUnit"), count("GeneratingUnit")), (3, 2, 5));
    let breaker = model.find("S1/S1VL1/S1VL1_LD1_BREAKER");
    assert_eq!(breaker.len(), 1, "the terminals of the same name are not meant");
    assert_eq!((breaker[0].class(), breaker[0].terminals().len()), ("Breaker", 2));
    assert!(breaker[0].boolean("Switch.open").is_some(), "the steady state is laid over it");
    let unit = model.object("GH1_HGU").unwrap().ratings();
    assert_eq!((unit.active_power_min.map(|p| p.value), unit.active_power_max.map(|p| p.value)), (Some(0.0), Some(100.0)));
    let line = model.of_class("ACLineSegment").find(|line| line.id() == "LINE_S3S4").unwrap();
    let limits: Vec<f64> = line.limits().iter().map(|limit| limit.value.value).collect();
    assert_eq!(limits, [931.0, 931.0, 1640.0], "the largest float of a duration of 60 s is no limit");
}

#[test]
fn the_fourteen_buses_are_the_same_grid_in_both_versions() {
    let (Some(new), Some(old)) = (sample("cgmes-ieee14-cim100.zip"), sample("cgmes-ieee14.zip")) else { return };
    assert_eq!((old.version(), new.version()), (Version::Cim16, Version::Cim17));
    for class in ["Substation", "VoltageLevel", "ACLineSegment", "PowerTransformer", "SynchronousMachine", "Terminal", "SvVoltage"] {
        assert_eq!(old.of_class(class).count(), new.of_class(class).count(), "{class}");
    }
    for model in [&old, &new] {
        let machine = model.object("_B1-G").unwrap();
        assert_eq!(machine.number("RotatingMachine.p"), Some(-232.4), "the generator feeds in, and the model counts loads positive");
        let ratings = machine.ratings();
        assert!(ratings.active_power_max.is_none() && ratings.placeholders.contains(&"GeneratingUnit.maxOperatingP"), "{ratings:?}");
    }
}

#[test]
fn loose_files_and_a_folder_give_what_the_archive_gives() {
    let Some(folder) = folder() else { return };
    let archived = sample("cgmes-ieee9-cim100.zip").unwrap();
    let mut archive = ZipArchive::new(Cursor::new(fs::read(folder.join("cgmes-ieee9-cim100.zip")).unwrap())).unwrap();
    let loose = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cim-ieee9");
    let _ = fs::remove_dir_all(&loose);
    fs::create_dir_all(&loose).unwrap();
    let (mut report, mut files) = (Report::new(), Inputs::new(Bounds::default()));
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let path = loose.join(entry.name().unwrap().as_ref());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        fs::write(&path, bytes).unwrap();
        files.add_path(&path, &mut report);
    }
    let mut whole = Inputs::new(Bounds::default());
    whole.add_path(&loose, &mut report);
    for inputs in [files, whole] {
        let model = read(&inputs, &mut report).unwrap();
        assert_eq!((model.len(), model.statements()), (archived.len(), archived.statements()));
        assert!(archived.objects().all(|object| model.object(object.id()).is_some_and(|other| other.class() == object.class())));
    }
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
}

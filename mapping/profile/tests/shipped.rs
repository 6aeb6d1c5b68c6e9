//! The shipped profiles compile without a word, to what their READMEs say.

use std::io;
use std::path::PathBuf;

use bridge_diag::Report;
use bridge_dnp3::Dnp3;
use bridge_iec60870::Iec104;
use bridge_profile::{ControlKind, Files, Plan, PointSource, RampBy, ServedClass, compile};
use bridge_session::{AddressUse, Field, Protocol, Role};

const PROTOCOLS: &[&dyn Protocol] = &[&Iec104, &Dnp3];

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}

fn shipped(name: &str) -> Plan {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cim-profiles").join(name);
    let mut report = Report::new();
    let plan = compile(&Folder(folder), "profile.toml", PROTOCOLS, &mut report);
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    plan.expect("no problem, so a plan")
}

#[test]
fn the_station() {
    let plan = shipped("thermal-station-104");
    assert_eq!(plan.points.len(), 2 + 2 * 25 + 2, "of the station, of the units, calculated");
    assert_eq!(plan.controls.len(), 2 * 3, "a set-point, a start and a stop each");
    let ramps: Vec<RampBy> = plan
        .controls
        .iter()
        .filter_map(|control| if let ControlKind::Drive(drive) = &control.kind { drive.ramp.map(|ramp| ramp.by) } else { None })
        .collect();
    assert_eq!(ramps, [RampBy::Bridge, RampBy::Plant]);
}

#[test]
fn the_park() {
    let plan = shipped("solar-park-dnp3");
    assert_eq!(plan.points.len(), 13 + 8 * 4);
    assert_eq!(plan.controls.len(), 5, "a set-point, a limit and its switch, two breakers");
}

#[test]
fn the_gateway() {
    let plan = shipped("ems-gateway-104");
    assert_eq!(plan.served.len(), 3 + 2 * 34);
    assert!(plan.controls.iter().all(|control| matches!(control.kind, ControlKind::Relay(_) | ControlKind::Ask(_))));
    let classes = plan.served.iter().filter(|served| served.class == ServedClass::Event).count();
    assert_eq!(
        classes,
        1 + 2 * (6 - 1 + 16 + 3 + 4),
        "state, breaker, trip, remote, enable, 16 events, three of the progress, two of start and stop each"
    );
}

#[test]
fn the_gateway_of_the_park() {
    let plan = shipped("ems-gateway-dnp3");
    assert_eq!(plan.served.len(), 13 + 7 + 6 + 8 * 4);
    assert!(plan.controls.iter().all(|control| matches!(control.kind, ControlKind::Relay(_) | ControlKind::Ask(_))));
    let classes = plan.served.iter().filter(|served| served.class == ServedClass::Event).count();
    assert_eq!(
        classes,
        1 + 5 + 5 + 6 + 8 * 2,
        "the far bridge, states of the park, three of the progress, six of the breakers, two of a curtailment, of each block two"
    );
}

/// Every point a gateway expects of its station is there under the same resource, type and basis.
#[test]
fn the_gateways_fit_their_stations() {
    fits("thermal-station-104", "ems-gateway-104");
    fits("solar-park-dnp3", "ems-gateway-dnp3");
}

fn fits(station: &str, gateway: &str) {
    let (station, gateway) = (shipped(station), shipped(gateway));
    for point in &gateway.points {
        let PointSource::Remote { era, measurement, .. } = &point.source else { panic!("{} is not remote", point.id) };
        let twin = station
            .points
            .iter()
            .find(|p| {
                station.resource_of(p).expect("every point is of a resource").era == *era
                    && p.measurement == *measurement
                    && p.phases == point.phases
            })
            .unwrap_or_else(|| panic!("{} is not in the station", point.id));
        assert_eq!((&twin.unit, twin.basis, &twin.cim_class), (&point.unit, point.basis, &point.cim_class), "{}", point.id);
    }
}

#[test]
fn r21_shipped_commands_carry_no_time_tag() {
    for name in ["thermal-station-104", "ems-gateway-104"] {
        for link in shipped(name).links {
            for point in link.spec.points.iter().filter(|point| point.usage == AddressUse::Control) {
                assert_eq!(point.address.get("ti"), Some(&Field::Text("C_SE_NC_1".to_owned())));
            }
        }
    }
}

#[test]
fn the_far_side_is_a_valid_link() {
    for (name, role) in [("thermal-station-104", Role::Server), ("ems-gateway-104", Role::Client)] {
        let plan = shipped(name);
        let far = plan.reversed();
        assert_eq!(far.len(), 1);
        assert_eq!(far[0].role, role);
        assert_eq!(far[0].points, plan.links[0].spec.points);
        assert_eq!(Iec104.check_link(far[0].role, &far[0].params), []);
    }
}

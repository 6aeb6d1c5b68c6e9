//! The DNP3 sessions of simulated stations, and the far side of a link: the points that a master reads are served by an outstation, and
//! what an outstation serves is read.

use bridge_dnp3::{CommandAddress, Master, Outstation, Params, ServedAddress};
use bridge_model::PointId;
use bridge_session::{AddressUse, Field, Fields, LinkPoint, LinkSpec, Role, Session};

/// Address fields that say how a point is served: a master's addresses have none of them.
const SERVED_ONLY: [&str; 5] = ["class", "static", "event", "deadband", "text"];
/// How long an EMS waits for the answer to a control, if its link does not say: the bridge answers after the far acceptance (R15).
const EMS_TIMEOUT: &str = "12s";
/// How often an EMS asks for the events of a class that the outstation does not send by itself, if its link does not say.
const EMS_POLL: &str = "2s";

/// An outstation with all its addresses on the line.
pub(crate) fn station_session(spec: &LinkSpec) -> Box<dyn Session> {
    Box::new(Outstation::new(spec))
}

/// A legacy EMS: it polls what it is not sent, and waits for controls as long as an operator does.
pub(crate) fn ems_session(spec: &LinkSpec) -> Box<dyn Session> {
    let mut spec = spec.clone();
    let unsolicited = Params::from_fields(&spec.params).unsolicited;
    let mut default = |name: &str, value: &str| {
        spec.params.insert_if_absent(name, Field::Text(value.to_owned()));
    };
    default("response_timeout", EMS_TIMEOUT);
    for class in (1..=3_u8).filter(|class| unsolicited & 1 << class == 0) {
        default(&format!("poll_{class}"), EMS_POLL);
    }
    Box::new(Master::new(&spec))
}

/// A master as the link says.
pub(crate) fn master_session(spec: &LinkSpec) -> Box<dyn Session> {
    Box::new(Master::new(spec))
}

/// The far side of a link whose role is flipped already. Frozen values have no address of their own there: an outstation makes them when
/// it is told to freeze.
pub(crate) fn far_side(flipped: &LinkSpec) -> LinkSpec {
    let mut spec = flipped.clone();
    let (transmit, receive) = (spec.params.remove("max_transmit"), spec.params.remove("max_receive"));
    spec.params.extend(receive.map(|most| ("max_transmit".to_owned(), most)));
    spec.params.extend(transmit.map(|most| ("max_receive".to_owned(), most)));
    let params = Params::from_fields(&spec.params);
    match spec.role {
        Role::Client => {
            for point in spec.points.iter_mut().filter(|point| point.usage == AddressUse::Monitor) {
                point.address.retain(|name, _| !SERVED_ONLY.contains(&name));
            }
            // It is one of the masters that the outstation knows: the first.
            spec.params.insert("master".to_owned(), Field::Int(i64::from(params.master())));
        }
        Role::Server => {
            // A READ is put off while a CONFIRM is awaited: its master must not give up before that.
            let confirm = params.response_timeout / 2;
            let confirm = Field::Text(format!("{}ms", confirm.as_millis().max(10)));
            spec.params.insert_if_absent("confirm_timeout", confirm);
            let is_served = |address: &Fields| ServedAddress::from_fields(&params, address).is_ok();
            spec.points.retain(|point| point.usage == AddressUse::Control || is_served(&point.address));
        }
    }
    spec
}

/// The output status of a control: the served point of its outstation, type and index.
pub(crate) fn status_of(spec: &LinkSpec, control: &LinkPoint) -> Option<PointId> {
    let params = Params::from_fields(&spec.params);
    let own = CommandAddress::from_fields(&params, &control.address).ok()?.address;
    let shows = |point: &&LinkPoint| {
        let served = ServedAddress::from_fields(&params, &point.address);
        point.usage == AddressUse::Monitor && served.is_ok_and(|served| served.address == own)
    };
    spec.points.iter().find(shows).map(|point| point.point)
}

#[cfg(test)]
mod tests {
    use bridge_dnp3::Address;
    use bridge_model::Zone;

    use super::*;

    fn fields(list: &[(&str, Field)]) -> Fields {
        list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
    }

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    fn spec(role: Role, params: &[(&str, Field)], addresses: &[Fields]) -> LinkSpec {
        let point =
            |(number, address): (u32, &Fields)| LinkPoint { point: PointId(number), usage: AddressUse::Monitor, address: address.clone() };
        LinkSpec {
            name: "far".to_owned(),
            role,
            zone: Zone::Utc,
            monitor_only: false,
            params: fields(params),
            points: (0..).zip(addresses).map(point).collect(),
            max_unacked: 64,
            fresh_link_ms: 2000,
        }
    }

    #[test]
    fn what_a_master_reads_an_outstation_serves_and_sizes_change_sides() {
        let at = |of: &str, index| fields(&[("type", text(of)), ("index", Field::Int(index))]);
        let addresses = [at("analog", 7), at("frozen_counter", 0), at("binary", 3)];
        let flipped = spec(Role::Server, &[("outstation", Field::Int(21)), ("max_receive", Field::Int(300))], &addresses);
        let far = far_side(&flipped);
        assert_eq!(far.points.iter().map(|point| point.point.0).collect::<Vec<_>>(), [0, 2], "frozen values are nobody's to serve");
        let params = Params::from_fields(&far.params);
        assert_eq!((params.max_transmit, params.max_receive), (300, 2048));
        assert!(params.confirm_timeout < params.response_timeout, "a READ that is put off is answered in time");
        let served = ServedAddress::from_fields(&params, &far.points[0].address).expect("served");
        assert_eq!((served.address.outstation, served.address.index, served.class), (21, 7, 2));
    }

    #[test]
    fn a_control_is_shown_by_the_status_of_its_index() {
        let at = |of: &str, index| fields(&[("type", text(of)), ("index", Field::Int(index))]);
        let served =
            spec(Role::Server, &[("outstation", Field::Int(21))], &[at("binary_output", 0), at("binary_output", 1), at("analog", 1)]);
        let control = |of, index| LinkPoint { point: PointId(9), usage: AddressUse::Control, address: at(of, index) };
        assert_eq!(status_of(&served, &control("binary_output", 1)), Some(PointId(1)));
        assert_eq!(status_of(&served, &control("analog_output", 1)), None);
    }

    #[test]
    fn what_an_outstation_serves_a_master_reads_and_it_is_one_master() {
        let served = fields(&[
            ("type", text("analog")),
            ("index", Field::Int(7)),
            ("class", Field::Int(3)),
            ("static", text("g30v5")),
            ("event", text("g32v7")),
            ("deadband", Field::Float(0.5)),
        ]);
        let params = [("outstation", Field::Int(21)), ("master", text("5,6")), ("unsolicited", text("1"))];
        let far = far_side(&spec(Role::Client, &params, &[served]));
        let params = Params::from_fields(&far.params);
        assert_eq!(params.masters, [5]);
        let read = Address::monitored(&params, &far.points[0].address).expect("read");
        assert_eq!((read.outstation, read.index), (21, 7));
    }
}

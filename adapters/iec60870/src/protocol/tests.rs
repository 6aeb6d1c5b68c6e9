use bridge_model::{Action, CommandId, Mono, Now, PointId, Validity, Value};

use super::*;
use crate::test_kit::{UTC_START_NS, fields, spec, text};

fn decode(input: &[(&str, Field)]) -> Result<Vec<PointUpdate>, FieldProblem> {
    Iec104.decode_test(&spec(Role::Client, &[]), &fields(input), Utc(UTC_START_NS))
}

#[test]
fn a_test_input_gives_what_the_wire_would_give() {
    let updates = decode(&[
        ("link", text("rtu")),
        ("ioa", Field::Int(1001)),
        ("ti", text("M_ME_TF_1")),
        ("value", Field::Float(243.6)),
        ("cot", text("spontaneous")),
        ("time", text("2026-04-01T10:00:00+05:30")),
        ("quality", text("NT SB")),
    ])
    .unwrap();
    assert_eq!(updates.len(), 1);
    assert_eq!((updates[0].point, updates[0].value), (PointId(21), Value::Real32(243.6)));
    assert_eq!((updates[0].quality.validity, updates[0].quality.raw), (Validity::Questionable, 0x60));
    assert_eq!(updates[0].time.utc, Utc(UTC_START_NS - 19_800_000_000_000));
    let updates = decode(&[("ioa", Field::Int(200)), ("value", text("on")), ("cot", text("interrogated"))]).unwrap();
    assert_eq!(updates[0].cause, bridge_model::Cause::Interrogated);
}

#[test]
fn a_bad_test_input_names_its_field() {
    let problem_of = |input: &[(&str, Field)]| decode(input).unwrap_err().field;
    assert_eq!(problem_of(&[("ioa", Field::Int(5)), ("value", Field::Int(1))]), "ioa");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("value", text("much"))]), "value");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("value", Field::Int(1)), ("cot", text("why"))]), "cot");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("value", Field::Int(1)), ("time", text("noon"))]), "time");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("value", Field::Int(1)), ("quality", text("XX"))]), "quality");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("value", Field::Int(7)), ("ti", text("M_SP_NA_1"))]), "value");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("value", Field::Bool(true)), ("ti", text("M_SP_NA_1"))]), "ti");
    assert_eq!(problem_of(&[("ioa", Field::Int(1001)), ("valu", Field::Int(1))]), "valu");
}

fn command(point: u32, action: Action, mode: CommandMode) -> Command {
    let not_after = Now { mono: Mono(0), utc: Utc(UTC_START_NS) };
    Command { id: CommandId(1), point: PointId(point), action, mode, qualifier: 0, not_after }
}

#[test]
fn a_command_is_rendered_as_it_would_be_sent() {
    let link = spec(Role::Client, &[]);
    let rendered = Iec104.render_command(&link, &command(2, Action::Set(210.0), CommandMode::SelectExecute)).unwrap();
    assert_eq!(rendered.text, "C_SE_NC_1 act ca=21 ioa=2002 210.0 select");
    assert_eq!(rendered.bytes, [0x68, 18, 0, 0, 0, 0, 50, 1, 6, 0, 21, 0, 0xD2, 7, 0, 0, 0, 0x52, 0x43, 0x80]);
    assert_eq!(rendered.fields["value"], Field::Float(210.0));
    assert_eq!(rendered.fields["select"], Field::Bool(true));
    let rendered = Iec104.render_command(&link, &command(4, Action::Set(243.6), CommandMode::Direct)).unwrap();
    assert_eq!(rendered.fields["value"], Field::Float(243.6), "as written, not as widened");
    assert_eq!(rendered.text, "C_SE_TC_1 act ca=21 ioa=2004 243.6 2026-04-01T10:00:00.000");
}

#[test]
fn a_command_that_cannot_be_sent_is_not_rendered() {
    let mut link = spec(Role::Client, &[]);
    let code = |link: &LinkSpec, command| Iec104.render_command(link, &command).unwrap_err().code;
    assert_eq!(code(&link, command(9, Action::Set(1.0), CommandMode::Direct)), "no-control-address");
    assert_eq!(code(&link, command(2, Action::Switch(true), CommandMode::Direct)), "action-does-not-fit");
    link.monitor_only = true;
    assert_eq!(code(&link, command(2, Action::Set(1.0), CommandMode::Direct)), "monitor-only");
}

#[test]
fn a1_r01_the_ports_are_the_standards() {
    assert_eq!((crate::PORT, crate::PORT_TLS), (2404, 19998));
}

#[test]
fn times_are_read_strictly() {
    assert_eq!(rfc3339("2026-04-01T10:00:00Z"), Some(Utc(UTC_START_NS)));
    assert_eq!(rfc3339("2026-04-01T15:30:00.250+05:30"), Some(Utc(UTC_START_NS + 250_000_000)));
    for bad in ["", "2026-04-01", "2026-04-31T00:00:00Z", "2026-04-01T24:00:00Z", "1999-01-01T00:00:00Z", "2026-04-01T10:00:00", "TZ"] {
        assert_eq!(rfc3339(bad), None, "{bad}");
    }
}

//! Entries of `site.toml`, what they mean in words, and what is found in them. A protocol that runs over everything is assumed.

use std::path::Path;

use bridge_diag::read;
use bridge_model::LinkId;

use super::super::bridge::DIALECT;
use super::super::site::read_site;
use super::*;

const EVERYTHING: Transports = Transports { udp: true, serial: true, dual: true };

/// The words of each link, or one line per problem.
fn of(role: Role, transports: Transports, entries: &[&str]) -> Result<Vec<Endpoint>, Vec<String>> {
    let mut report = Report::new();
    let mut text = "schema = \"ies-site/1\"\n".to_owned();
    for (number, entry) in entries.iter().enumerate() {
        text.push_str(&format!("[[link]]\nname = \"l{number}\"\npeer = \"sim\"\n{entry}\n"));
    }
    let source = report.add_source("site.toml", text);
    let table = read(source, &DIALECT, &mut report).expect("TOML");
    let mut endpoints = Vec::new();
    for link in read_site(&table, Path::new("."), &mut report) {
        control_places(&link, &mut report);
        let Some(way) = check_way(&link, role, ("proto", transports), &mut report) else { continue };
        let endpoint = Endpoint {
            link: LinkId(0),
            name: link.name.value.clone(),
            protocol: "proto".to_owned(),
            role,
            way,
            addresses: link.endpoints.iter().map(|endpoint| endpoint.value).collect(),
            allow: link.allow.clone(),
            control: true,
            namespace: false,
            tls: None,
        };
        endpoints.push((endpoint, link.name.span));
    }
    check_own(&endpoints, &mut report);
    if report.is_ok() {
        return Ok(endpoints.into_iter().map(|(endpoint, _)| endpoint).collect());
    }
    let json = report.to_json();
    let found = json["diagnostics"].as_array().expect("diagnostics").iter();
    Err(found
        .map(|d| {
            format!(
                "{} {} | {}",
                d["code"].as_str().unwrap_or(""),
                d["message"].as_str().unwrap_or(""),
                d["help"].as_str().unwrap_or("NO FIX")
            )
        })
        .collect())
}

fn good(role: Role, entry: &str) -> (String, shell::Endpoint) {
    let endpoints = of(role, EVERYTHING, &[entry]).unwrap();
    (endpoints[0].words(), endpoints[0].shell())
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn every_transport_is_read_shown_and_handed_to_the_shell() {
    let (words, shell) = good(Role::Server, "endpoint = \"127.0.0.1:20000\"\nsecond = \"replace\"");
    assert_eq!(words, "listens on 127.0.0.1:20000, a second connection replaces the first");
    assert!(matches!(shell, shell::Endpoint::Listen { second: Some(Second::Replace), .. }));

    let dual =
        "endpoint = \"127.0.0.1:20000\"\ntransport = \"dual\"\nlisten = \"127.0.0.1:20001\"\nsecond = \"refuse\"\nallow = [\"127.0.0.1\"]";
    for role in [Role::Client, Role::Server] {
        let (words, shell) = good(role, dual);
        assert_eq!(words, "connects to 127.0.0.1:20000 or listens on 127.0.0.1:20001, a second connection is refused");
        let expected = shell::Endpoint::Dual {
            to: vec![at("127.0.0.1:20000")],
            listen: at("127.0.0.1:20001"),
            allow: vec![at("127.0.0.1:0").ip()],
            second: Second::Refuse,
            tls: None,
        };
        assert_eq!(shell, expected);
    }

    let (words, shell) = good(Role::Client, "endpoint = \"10.0.0.7:20000\"\ntransport = \"udp\"\nlocal = \"10.0.0.1:20000\"");
    assert_eq!(words, "speaks UDP from 10.0.0.1:20000 to 10.0.0.7:20000");
    assert_eq!(shell, shell::Endpoint::Udp { bind: at("10.0.0.1:20000"), peers: UdpPeers::One(at("10.0.0.7:20000")) });
    let (words, shell) = good(Role::Client, "endpoint = \"[::1]:20000\"\ntransport = \"udp\"");
    assert_eq!(words, "speaks UDP to [::1]:20000");
    assert_eq!(shell, shell::Endpoint::Udp { bind: at("[::1]:0"), peers: UdpPeers::One(at("[::1]:20000")) });
    let served = "endpoint = \"127.0.0.1:20000\"\ntransport = \"udp\"\nfirst = \"127.0.0.1:20001\"\nallow = [\"127.0.0.1\"]";
    let (words, shell) = good(Role::Server, served);
    assert_eq!(words, "answers UDP on 127.0.0.1:20000, first speaks to 127.0.0.1:20001");
    let peers = UdpPeers::Any { allow: vec![at("127.0.0.1:0").ip()], first: Some(at("127.0.0.1:20001")) };
    assert_eq!(shell, shell::Endpoint::Udp { bind: at("127.0.0.1:20000"), peers });

    let (words, shell) = good(Role::Client, "transport = \"serial\"\nserial = { device = \"/dev/ttyS0\", baud = 9600 }");
    assert_eq!(words, "is on the serial line /dev/ttyS0 at 9600 8N1 without flow control");
    assert_eq!(shell, shell::Endpoint::Serial(Serial::new("/dev/ttyS0", 9600)));
    let all = "serial = { device = \"/dev/ttyS1\", baud = 1200, data_bits = 7, parity = \"even\", stop_bits = 2, flow = \"rts-cts\" }";
    assert_eq!(
        good(Role::Server, &format!("transport = \"serial\"\n{all}")).0,
        "is on the serial line /dev/ttyS1 at 1200 7E2 with RTS/CTS"
    );
}

#[test]
fn what_does_not_fit_together_is_found_with_its_fix() {
    let endpoint = "endpoint = \"127.0.0.1:1\"";
    let serial = "serial = { device = \"/dev/ttyS0\", baud = 9600 }";
    let cases: [(Role, &str, &[&str]); 12] = [
        (
            Role::Client,
            "endpoint = \"127.0.0.1:1\"\ntransport = \"udp\"\ntls = { certificate = \"a\", key = \"file:b\", roots = \"c\" }",
            &["config::link-no-tls link `l0` asks for TLS over udp | use transport = \"tcp\""],
        ),
        (Role::Client, "endpoint = \"127.0.0.1:1\"\ntransport = \"pigeon\"", &["config::link-transport `pigeon` is no transport"]),
        (
            Role::Client,
            "endpoint = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\nlocal = \"127.0.0.1:3\"\nfirst = \"127.0.0.1:4\"\nsecond = \"refuse\"\nserial = { device = \"/dev/a\", baud = 300 }",
            &["`listen` says nothing", "`local` says nothing", "`first` says nothing", "`second` says nothing", "`serial` says nothing"],
        ),
        (
            Role::Client,
            "endpoint = \"127.0.0.1:1\"\ntransport = \"dual\"",
            &["config::missing-key link `l0` has no `listen`", "config::link-second link `l0` calls and listens"],
        ),
        (Role::Server, "endpoint = \"127.0.0.1:1\"\nsecond = \"both\"", &["config::link-second `both` does not say"]),
        (Role::Client, "transport = \"dual\"\nlisten = \"127.0.0.1:1\"\nsecond = \"refuse\"", &["config::missing-key"]),
        (Role::Client, "endpoint = \"10.0.0.7:1\"\ntransport = \"udp\"", &["config::link-local link `l0` speaks UDP to 10.0.0.7:1"]),
        (Role::Client, "endpoint = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\ntransport = \"udp\"", &["config::link-lines link `l0` speaks UDP"]),
        (Role::Server, "endpoint = \"127.0.0.1:1\"\ntransport = \"serial\"", &["`endpoint` says nothing here", "has no `serial`"]),
        (
            Role::Client,
            "transport = \"serial\"\nserial = { device = \"ttyS0\", baud = 9, data_bits = 5, parity = \"mark\", stop_bits = 3, flow = \"xon\" }",
            &[
                "`baud` of `serial` is 9",
                "`data_bits`",
                "`stop_bits`",
                "`mark` is no `parity`",
                "`xon` is no `flow`",
                "`ttyS0` is no device",
            ],
        ),
        (Role::Client, "transport = \"serial\"\nserial = { baud = 9600 }", &["config::missing-key"]),
        (Role::Client, "transport = \"serial\"\nserial = { device = \"/dev/a\", baud = 9600, speed = 1 }", &["config::unknown-key"]),
    ];
    for (role, entry, expected) in cases {
        let found = of(role, EVERYTHING, &[entry]).unwrap_err();
        assert!(found.iter().all(|line| !line.contains("NO FIX")), "{found:?}");
        assert_eq!(found.len(), expected.len(), "{entry}: {found:#?}");
        for part in expected {
            assert!(found.iter().any(|line| line.contains(part)), "{part} is not in {found:#?}");
        }
    }
    for transport in ["udp", "serial", "dual"] {
        let entry = format!("transport = \"{transport}\"\n{}", if transport == "serial" { serial } else { endpoint });
        let found = of(Role::Client, Transports::default(), &[&entry]).unwrap_err();
        assert!(found[0].contains(&format!("proto does not run over {transport} | proto runs over: tcp")), "{found:?}");
    }
}

#[test]
fn neither_a_udp_port_nor_a_serial_line_is_shared() {
    let udp = "endpoint = \"127.0.0.1:20000\"\ntransport = \"udp\"";
    let found = of(Role::Server, EVERYTHING, &[udp, udp]).unwrap_err();
    assert!(found[0].starts_with("config::link-shared links `l0` and `l1` both use the UDP port 127.0.0.1:20000"), "{found:?}");
    // Two that speak first from any port.
    assert_eq!(of(Role::Client, EVERYTHING, &[udp, udp]).unwrap().len(), 2);
    let serial = "transport = \"serial\"\nserial = { device = \"/dev/ttyS0\", baud = 9600 }";
    let found = of(Role::Client, EVERYTHING, &[serial, serial]).unwrap_err();
    assert!(found[0].starts_with("config::link-shared links `l0` and `l1` both use the serial line /dev/ttyS0"), "{found:?}");
}

#[test]
fn a_link_that_calls_a_line_a_connection_is_refused_with_place_and_cure() {
    let found = |entry: &str, connected: Option<bool>| {
        let mut report = Report::new();
        let source =
            report.add_source("site.toml", format!("schema = \"ies-site/1\"\n[[link]]\nname = \"rtu\"\npeer = \"sim\"\n{entry}\n"));
        let table = read(source, &DIALECT, &mut report).expect("TOML");
        let spec = crate::adapters::line_spec(connected);
        for link in read_site(&table, Path::new("."), &mut report) {
            check_connected(&link, "dnp3", &spec, &mut report);
        }
        report.render_text()
    };
    let serial = "transport = \"serial\"\nserial = { device = \"/dev/ttyS0\", baud = 9600 }";
    let refused = found(serial, Some(true));
    for part in
        ["config::link-connected", "link `rtu` runs over serial", "site.toml:5:", "remove `connected` from [link.rtu] of the profile"]
    {
        assert!(refused.contains(part), "{part} is not in\n{refused}");
    }
    let udp = "transport = \"udp\"\nendpoint = \"127.0.0.1:20000\"";
    assert!(found(udp, Some(true)).contains("config::link-connected"));
    for (entry, connected) in [
        (serial, None),
        (udp, Some(false)),
        ("endpoint = \"127.0.0.1:20000\"", Some(true)),
        ("endpoint = \"127.0.0.1:20000\"", Some(false)),
    ] {
        assert_eq!(found(entry, connected), found(entry, None), "{entry}");
        assert!(!found(entry, connected).contains("error"), "{entry}");
    }
}

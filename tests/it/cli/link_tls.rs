//! TLS and several addresses of links, by the command line: bad configurations are named, good ones speak.

use std::path::Path;

use super::kit::{Site, command, run};
use crate::support::{PATIENCE, Papers, Process, free_port, private, repository};

fn fixture(path: &str) -> String {
    std::fs::read_to_string(repository().join("tests/fixtures/config").join(path)).expect("a fixture")
}

/// The good configuration, and its folder `plant/tls` with an authority and certificates `rtu-7` and `plant`.
fn town(test: &str) -> (Site, Papers) {
    let site = Site::new(test);
    site.write("plant", "bridge.toml", &fixture("good/bridge.toml"));
    let folder = site.dir.join("plant/tls");
    let papers = Papers::new(&folder);
    for name in ["plant", "rtu-7"] {
        papers.issue(&folder, name, |_| {});
    }
    (site, papers)
}

fn link(name: &str, endpoint: &str, tls: &str) -> String {
    format!("[[link]]\nname = \"{name}\"\nendpoint = {endpoint}\npeer = \"sim\"\n{tls}\n")
}

/// `code message` of every problem.
fn problems(site: &Site) -> Vec<String> {
    let report = run(&site.dir.join("plant"), &["check", "--format", "json"]).json();
    let found = report["diagnostics"].as_array().expect("diagnostics");
    let line = |d: &serde_json::Value| {
        assert!(d["help"].as_str().is_some_and(|fix| !fix.is_empty()), "{d} has no fix");
        format!(
            "{} {} | {}",
            d["code"].as_str().unwrap_or_default(),
            d["message"].as_str().unwrap_or_default(),
            d["help"].as_str().unwrap_or_default()
        )
    };
    // The profile of two masters has one that serves nothing, and says so.
    found.iter().filter(|d| d["file"] == "site.toml").map(line).collect()
}

const GOOD: &str = r#"tls = { certificate = "tls/plant.pem", key = "file:tls/plant.key", roots = "tls/roots.pem", crl = ["tls/ca.crl"], allow = { subjects = ["CN=rtu-7,O=Genco"] } }"#;

#[test]
fn a1_r72_bad_tls_configurations_never_start_and_name_every_problem() {
    let (site, papers) = town("bad_tls_configurations");
    let folder = site.dir.join("plant/tls");
    papers.issue(&folder, "old", |params| params.not_after = rcgen::date_time_ymd(2026, 2, 1));
    papers.issue(&folder, "young", |params| params.not_before = rcgen::date_time_ymd(2094, 1, 1));
    std::fs::copy(folder.join("plant.key"), folder.join("open.key")).expect("a copy");
    private(&folder.join("nonsense"), "nonsense\n");
    private(&folder.join("allow.txt"), "# peers\nrtu-7\n");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder.join("open.key"), std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "tls/plant.pem",
            "tls/nowhere.pem",
            &["config::link-tls-file link `rtu`, tls `certificate`: nowhere.pem cannot be read: No such file"],
        ),
        ("tls/plant.pem", "tls/nonsense", &["config::link-tls-file link `rtu`, tls `certificate`: nonsense has no CERTIFICATE section"]),
        (
            "tls/plant.pem",
            "tls/old.pem",
            &[
                "tls `certificate`: old.pem, CN=old,O=Genco: expired at 2026-02-01T00:00:00Z | renew it",
                "tls `key`: plant.key is not the key of old.pem",
            ],
        ),
        ("tls/plant.pem", "tls/young.pem", &["young.pem, CN=young,O=Genco: not valid before 2094-01-01T00:00:00Z"]),
        ("tls/plant.key", "tls/rtu-7.key", &["config::link-tls-file link `rtu`, tls `key`: rtu-7.key is not the key of plant.pem"]),
        ("tls/plant.key", "tls/open.key", &["tls `key`: open.key has mode 0644: others can read it | chmod 0600"]),
        ("file:tls/plant.key", "tls/plant.key", &["config::secret-inline"]),
        ("file:tls/plant.key", "env:IES_BRIDGE_NO_SUCH_KEY", &["config::env-missing the variable IES_BRIDGE_NO_SUCH_KEY is not set"]),
        ("tls/roots.pem", "tls/nonsense", &["tls `roots`: nonsense has no CERTIFICATE section"]),
        ("tls/ca.crl", "tls/roots.pem", &["tls `crl`: roots.pem is no revocation list"]),
        (
            "allow = { subjects = [\"CN=rtu-7,O=Genco\"] }",
            "min_version = \"1.2\"",
            &["config::link-tls-whom link `rtu` connects with TLS and does not say to whom"],
        ),
        (
            "subjects = [\"CN=rtu-7,O=Genco\"]",
            "subjects = [\"rtu-7\"]",
            &["config::link-tls `rtu-7` is no subject of a certificate", "config::link-tls-whom"],
        ),
        (
            "subjects = [\"CN=rtu-7,O=Genco\"]",
            "fingerprints = [\"sha1:00\"]",
            &["config::link-tls `sha1:00` is no fingerprint of a certificate"],
        ),
        (
            "subjects = [\"CN=rtu-7,O=Genco\"]",
            "file = \"tls/allow.txt\"",
            &["tls `allow`: allow.txt: line 2: `rtu-7` is no fingerprint and no subject"],
        ),
        ("crl = [", "server_name = \"not a name\", crl = [", &["tls `server_name`: `not a name` is no host name and no address"]),
        (
            "crl = [",
            "min_version = \"1.1\", crl = [",
            &["config::link-tls `1.1` is no version of TLS that is spoken here | write `1.2` or `1.3`"],
        ),
        ("crl = [", "crl_grace = \"5y\", crl = [", &["config::bad-duration `5y` is no duration"]),
        ("crl = [", "renegotiate = true, crl = [", &["config::unknown-key"]),
        ("roots = \"tls/roots.pem\", ", "", &["config::missing-key"]),
    ];
    for (from, to, expected) in cases {
        let tls = GOOD.replace(from, to);
        assert_ne!(tls, GOOD);
        site.write("plant", "site.toml", &format!("schema = \"ies-site/1\"\n{}", link("rtu", "\"127.0.0.1:2404\"", &tls)));
        let found = problems(&site);
        for part in *expected {
            assert!(found.iter().any(|line| line.contains(part)), "{to}: {part} is not in\n{}", found.join("\n"));
        }
        let (checked, ran) = (site.run(&["check", "plant"]), site.run(&["run", "plant"]));
        assert!(checked.code == 1 && ran.code == 1 && ran.err.contains("nothing was started"), "{to}: {} {}", ran.out, ran.err);
    }
    assert!(!site.dir.join("plant/data").exists());
}

#[test]
fn a1_r72_what_will_soon_fail_is_a_warning_and_starts() {
    let (site, _papers) = town("tls_warnings");
    let write =
        |tls: &str| site.write("plant", "site.toml", &format!("schema = \"ies-site/1\"\n{}", link("rtu", "\"127.0.0.1:2404\"", tls)));
    write(GOOD);
    assert_eq!(problems(&site), Vec::<String>::new());
    let good = site.run(&["check", "plant"]).good().out;
    assert!(good.contains("link rtu: iec104 connects to 127.0.0.1:2404 with mutual TLS, controls flow"), "{good}");
    write(&GOOD.replace("crl = [\"tls/ca.crl\"], ", ""));
    assert!(problems(&site)[0].starts_with("config::link-tls-no-crl link `rtu` takes revoked certificates"), "{:?}", problems(&site));
    site.run(&["check", "plant"]).good();
    for code in ["config::link-tls-soon", "config::link-tls-no-crl", "config::link-tls-file", "config::link-shared", "config::link-lines"] {
        assert!(site.run(&["explain", code]).good().out.len() > 100);
    }
}

/// The gateway's profile with a second EMS.
fn two_masters(site: &Site) {
    let profile = site.dir.join("two");
    std::fs::create_dir_all(&profile).expect("writable");
    let text = std::fs::read_to_string(repository().join("cim-profiles/ems-gateway-104/profile.toml")).expect("the profile");
    let second = "ems2 = { protocol = \"iec104\", role = \"server\", ca = 2, zone = \"IST\", on_journal_failure = \"pass\", text = \"the stand-by EMS\" }\n";
    let text = text.replace("[link]\n", &format!("[link]\n{second}"));
    std::fs::write(profile.join("profile.toml"), text).expect("writable");
    let lint = site.run(&["profile", "lint", "two"]).good().out;
    let hash = lint.rsplit("sha256 ").next().expect("lint prints the hash").trim();
    let bridge = fixture("good/bridge.toml")
        .replace("{{PROFILE}}", "../two")
        .replace("{{HASH}}", hash)
        .replace("name = \"sldc\"", "name = \"genco\"");
    site.write("plant", "bridge.toml", &bridge);
}

#[test]
fn a1_r20_links_on_one_port_are_told_apart_or_refused() {
    let (site, papers) = town("links_on_one_port");
    papers.issue(&site.dir.join("plant/tls"), "other", |_| {});
    two_masters(&site);
    let both = |first: &str, second: &str| {
        let at = "\"127.0.0.1:2404\"";
        site.write("plant", "site.toml", &format!("schema = \"ies-site/1\"\n{}{}", link("ems", at, first), link("ems2", at, second)));
        problems(&site)
    };
    let of = |who: &str| GOOD.replace("CN=rtu-7", who);
    let shared = |found: Vec<String>, part: &str| {
        assert!(found.iter().any(|line| line.starts_with("config::link-shared") && line.contains(part)), "{part} is not in {found:?}");
    };
    shared(both("", ""), "and 127.0.0.1 may connect to both");
    shared(both("allow = [\"127.0.0.2\"]", "allow = [\"127.0.0.3\", \"127.0.0.2\"]"), "and 127.0.0.2 may connect to both");
    shared(both(GOOD, GOOD), "and CN=rtu-7,O=Genco from 127.0.0.1 may connect to both");
    shared(both(GOOD, "allow = [\"127.0.0.2\"]"), "one with TLS and one without");
    let other = of("CN=ems-2").replace("tls/plant.", "tls/other.");
    shared(both(GOOD, &other), "their tls differs in more than `allow`");
    assert_eq!(both("allow = [\"127.0.0.2\"]", "allow = [\"127.0.0.3\"]"), Vec::<String>::new());
    assert_eq!(both(GOOD, &of("CN=ems-2")), Vec::<String>::new());
    site.run(&["check", "plant"]).good();
}

#[test]
fn a_connecting_link_names_several_addresses_and_a_listening_one_does_not() {
    let (site, _papers) = town("several_addresses");
    let write = |endpoint: &str| {
        site.write("plant", "site.toml", &format!("schema = \"ies-site/1\"\n{}", link("rtu", endpoint, "")));
        problems(&site)
    };
    assert_eq!(write("[\"127.0.0.1:2404\", \"127.0.0.2:2404\"]"), Vec::<String>::new());
    let good = site.run(&["check", "plant"]).good().out;
    assert!(good.contains("connects to 127.0.0.1:2404 and 127.0.0.2:2404, controls flow"), "{good}");
    let found = write("[\"127.0.0.1:2404\", \"127.0.0.1:2404\"]");
    assert!(found[0].starts_with("config::link-lines 127.0.0.1:2404 stands twice"), "{found:?}");
    assert!(write("[]").iter().any(|line| line.starts_with("config::link-lines 0 endpoints")));
    assert!(write("[\"127.0.0.1:2404\", \"10.0.0.1:2404\"]")[0].starts_with("config::control-link"));
    two_masters(&site);
    let both = format!(
        "schema = \"ies-site/1\"\n{}{}",
        link("ems", "[\"127.0.0.1:2404\", \"127.0.0.1:2405\"]", ""),
        link("ems2", "\"127.0.0.1:2406\"", "")
    );
    site.write("plant", "site.toml", &both);
    assert!(problems(&site)[0].starts_with("config::link-lines link `ems` listens: it has one address"));
}

fn station(site: &Site, port: u16, certificate: &str) -> Process {
    let profile = repository().join("cim-profiles/thermal-station-104").display().to_string();
    let (address, pem, key) = (format!("127.0.0.1:{port}"), format!("plant/tls/{certificate}.pem"), format!("plant/tls/{certificate}.key"));
    let args = [
        "sim",
        "iec104",
        "--role",
        "station",
        "--profile",
        &profile,
        "--listen",
        &address,
        "--ledger",
        "station.jsonl",
        "--tls-cert",
        &pem,
        "--tls-key",
        &key,
        "--tls-roots",
        "plant/tls/roots.pem",
        "--tls-allow",
        "CN=plant,O=Genco",
    ];
    let station = Process::spawn("station", &mut command(&site.dir, &args));
    station.wait_for_line("READY", PATIENCE);
    station
}

#[test]
fn a1_r71_a_bridge_reads_a_station_over_tls_and_a_refusal_is_a_sealed_note() {
    let (site, papers) = town("bridge_over_tls");
    papers.issue(&site.dir.join("plant/tls"), "impostor", |_| {});
    let port = free_port();
    let bridge = fixture("good/bridge.toml").replace("127.0.0.1:8443", &format!("127.0.0.1:{}", free_port()));
    site.write("plant", "bridge.toml", &bridge);
    site.write("plant", "site.toml", &format!("schema = \"ies-site/1\"\n{}", link("rtu", &format!("\"127.0.0.1:{port}\""), GOOD)));
    let impostor = station(&site, port, "impostor");
    let mut plant = Process::spawn("plant", &mut command(&site.dir, &["run", "plant", "--story"]));
    plant.wait_for_line("READY", PATIENCE);
    plant.wait_for_line("is not in `allow`", PATIENCE);
    drop(impostor);
    let mut good = station(&site, port, "rtu-7");
    good.wait_for_line("started", PATIENCE);
    plant.wait_for_line("rtu", PATIENCE);
    crate::support::wait_until("the image is read", || {
        let status = site.run(&["status", "plant"]).good().json();
        status["links"][0]["started"] == true
    });
    let told = |text: &str| text.contains("CN=impostor,O=Genco: fingerprint sha256:") && text.contains("is not in `allow`");
    crate::support::wait_until("the note is sealed", || told(&site.run(&["tail", "plant"]).good().out));
    crate::support::terminate(&mut plant);
    assert!(good.finish(PATIENCE).success());
    assert!(told(&site.run(&["tail", "plant"]).good().out));
    site.run(&["verify", "plant"]).good();
    assert!(Path::new(&site.dir.join("station.jsonl")).exists());
}

//! Two real bridges, a simulated station and a simulated EMS; then everything the command line says about their journals.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::kit::{LDC, Names, PLANT, Ran, Site, command};
use crate::support::{PATIENCE, Process, free_port, repository};

/// The feet of both bridges' configurations.
fn configure(site: &Site, ports: [u16; 4]) {
    let [rtu, ems, plant, ldc] = ports;
    let bridge = |own: &Names, peer: &Names, name: &str, profile: &str, hash: &str, ports: [u16; 2], extra: &str| {
        format!(
            "schema = \"ies-bridge/1\"\ndata_dir = \"data\"\nlisten = \"127.0.0.1:{}\"\n\
             profiles = [{{ path = \"{{{{PROFILES}}}}/{profile}\", sha256 = \"{hash}\" }}]\n\
             [identity]\ndid = \"{}\"\nrole = \"{}\"\norigin = \"{}\"\nkeys = \"keys\"\n[network]\nid = \"ies.test\"\n\
             [trust]\nbundle = \"../trust.json\"\nofficers = [\"{{{{OFFICER1}}}}\", \"{{{{OFFICER2}}}}\"]\n\
             [[peer]]\nname = \"{name}\"\ndid = \"{}\"\nrole = \"{}\"\nuri = \"http://127.0.0.1:{}\"\norigin = \"{}\"\ncontract = \"soc-1\"\n{extra}\n[pace]\nsnapshot = \"1s\"\n",
            ports[0], own.did, own.role, own.origin, peer.did, peer.role, ports[1], peer.origin
        )
    };
    let text =
        bridge(&PLANT, &LDC, "sldc", "thermal-station-104", "{{HASH}}", [plant, ldc], "commands_us = true\n[[operator]]\nname = \"asha\"");
    site.write("plant", "bridge.toml", &text);
    let text = bridge(&LDC, &PLANT, "genco", "ems-gateway-104", "{{EMS_HASH}}", [ldc, plant], "subscribe = true");
    site.write("ldc", "bridge.toml", &text);
    for (folder, link, port) in [("plant", "rtu", rtu), ("ldc", "ems", ems)] {
        let text = format!("schema = \"ies-site/1\"\n[[link]]\nname = \"{link}\"\nendpoint = \"127.0.0.1:{port}\"\npeer = \"sim\"\n");
        site.write(folder, "site.toml", &text);
    }
}

fn sim(site: &Site, role: &str, profile: &str, way: &str, port: u16) -> Process {
    let profile = repository().join("cim-profiles").join(profile);
    let (address, ledger) = (format!("127.0.0.1:{port}"), format!("{role}.jsonl"));
    let profile = profile.display().to_string();
    let mut args = vec!["sim", "iec104", "--role", role, "--profile", &profile, way, &address, "--ledger", &ledger];
    if role == "station" {
        args.extend(["--events", "U1.bfp_a,U1.id_fan", "--event-every", "300ms"]);
    }
    let process = Process::spawn(role, &mut command(&site.dir, &args));
    process.wait_for_line("READY", PATIENCE);
    process
}

fn terminate(process: &mut Process) {
    let killed = std::process::Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    process.wait_for_line("STOPPED", PATIENCE);
}

fn verify(site: &Site, dir: &str, more: &[&str]) -> Ran {
    let mut args = vec!["verify", dir, "--json"];
    args.extend(more);
    site.run(&args)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in std::fs::read_dir(from).expect("a journal") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn a_set_point_goes_the_whole_way_and_the_journals_prove_it() {
    let site = Site::new("the_whole_way");
    let ports = [free_port(), free_port(), free_port(), free_port()];
    configure(&site, ports);
    let mut station = sim(&site, "station", "thermal-station-104", "--listen", ports[0]);
    let mut plant = Process::spawn("plant", &mut command(&site.dir, &["run", "plant", "--story"]));
    plant.wait_for_line("READY", PATIENCE);
    let mut ldc = Process::spawn("ldc", &mut command(&site.dir, &["run", "ldc", "--story"]));
    ldc.wait_for_line("READY", PATIENCE);
    ldc.wait_for_line("stream of genco: image read", PATIENCE);
    let mut ems = sim(&site, "ems", "ems-gateway-104", "--connect", ports[1]);
    ems.wait_for_line("interrogation ended", PATIENCE);

    ems.say("set U1 200.4");
    ems.wait_for_line("ACT CON", PATIENCE);
    ems.wait_for_line("ACT TERM", PATIENCE);
    station.wait_for_line("command U1.p_set", PATIENCE);
    ldc.wait_for_line("U1.p_set 200.4 EXECUTION COMPLETED", Duration::from_secs(60));

    let refused = site
        .run(&["send", "dispatch", "--config", "ldc", "U1.p_set", "400", "--operator", "sldc:test", "--instruction", "T-1"])
        .good()
        .json();
    let id = refused["operationId"].as_str().expect("an id").to_owned();
    ldc.wait_for_line("U1.p_set 400 ACCEPTANCE REJECTED", PATIENCE);
    let unknown = site.run(&["send", "dispatch", "--config", "ldc", "U9.p_set", "1", "--operator", "sldc:test", "--instruction", "T-2"]);
    assert_eq!(unknown.code, 1, "{}{}", unknown.out, unknown.err);
    assert!(unknown.err.contains("the dispatch was not sent"), "{}", unknown.err);

    let status = site.run(&["status", "plant"]).good().json();
    assert_eq!(
        (&status["links"][0]["started"], &status["operations"]["completed"], &status["operations"]["refused"]),
        (&true.into(), &1.into(), &1.into())
    );

    // While it runs: only what is verified is printed, and nothing is disturbed.
    let tail = site.run(&["tail", "plant", "-n", "3", "--json"]).good().out;
    let leaves: Vec<Value> = tail.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect();
    assert!(leaves.iter().any(|leaf| leaf["sealed"] == true), "{tail}");
    let text = site.run(&["tail", "plant"]).good().out;
    assert!(text.contains(" U1.p_echo 200.4 MW GOOD"), "{text}");

    let list = site.run(&["operations", "list", "ldc", "--json"]).good().json();
    assert_eq!((&list["tally"]["completed"], &list["tally"]["refused"]), (&1.into(), &1.into()), "{list:#}");
    let trace = site.run(&["operations", "trace", "plant", &id]).good().out;
    for part in ["RECEIPT    RECEIVED", "ACCEPTANCE REJECTED (ABOVE_MAX)", "asked by sldc", "now REJECTED"] {
        assert!(trace.contains(part), "{part} is not in\n{trace}");
    }

    // A second bridge on the same journal is refused.
    let second = site.run(&["run", "plant"]);
    assert_eq!((second.code, second.out.as_str()), (1, ""), "{}", second.err);

    assert!(ems.finish(PATIENCE).success());
    terminate(&mut plant);
    terminate(&mut ldc);
    assert!(station.finish(PATIENCE).success());
    assert!(!site.dir.join("plant/data/control.sock").exists(), "the socket is gone after a clean stop");
    judge(&site);
}

/// Exit codes 0, 1, 2, 3 and 5, each from its own cause.
fn judge(site: &Site) {
    for dir in ["plant", "ldc"] {
        let report = verify(site, dir, &[]).good().json();
        assert_eq!((&report["verified"], &report["unsealedLeaves"]), (&true.into(), &0.into()), "{report:#}");
        assert!(report["leaves"].as_u64().is_some_and(|leaves| leaves > 20), "{report:#}");
        assert_eq!(site.run(&["fsck", dir, "--json"]).good().json()["sound"], true);
    }
    let journal = site.dir.join("plant/data/journal");
    let keyless = verify(site, "plant/data", &[]);
    assert_eq!(keyless.code, 5, "a journal does not vouch for itself: {}", keyless.out);
    let [first, second] = &site.officers;
    verify(site, "plant/data", &["--trust", "trust.json", "--officer", first, "--officer", second]).good();
    let stranger = verify(site, "plant/data", &["--key", first]);
    assert_eq!((stranger.code, &stranger.json()["verdict"]), (3, &"untrusted-key".into()));

    let broken = site.dir.join("broken");
    copy(&journal, &broken);
    let segment = segments(&broken).pop().expect("a segment");
    let mut octets = std::fs::read(&segment).expect("readable");
    let middle = octets.len() / 2;
    octets[middle] ^= 0x40;
    std::fs::write(&segment, &octets).expect("writable");
    let tampered = verify(site, "broken", &["--trust", "trust.json", "--officer", first, "--officer", second]);
    let report = tampered.json();
    assert_eq!((tampered.code, &report["verdict"]), (1, &"tampered".into()), "{report:#}");
    assert!(report["firstProblem"].as_str().is_some_and(|place| place.contains("seg-") && place.contains("octet")), "{report:#}");
    assert_eq!(site.run(&["fsck", "broken"]).code, 1);
    let tail = site.run(&["tail", "broken", "--trust", "trust.json"]);
    assert_eq!(tail.code, 1, "{}", tail.err);

    let cut = site.dir.join("cut");
    copy(&journal, &cut);
    let segment = segments(&cut).pop().expect("a segment");
    let octets = std::fs::read(&segment).expect("readable");
    std::fs::write(&segment, &octets[..octets.len() / 2]).expect("writable");
    let incomplete = verify(site, "cut", &["--trust", "trust.json", "--officer", first, "--officer", second]);
    assert_eq!((incomplete.code, &incomplete.json()["verdict"]), (2, &"incomplete".into()), "{}", incomplete.out);
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(dir).expect("a journal").map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seg-")));
    all.sort();
    all
}

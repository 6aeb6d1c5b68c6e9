//! The binary, and two bridges' folders made with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::{repository, scratch};

/// The binary of this build, made now if it is old: the first test that asks waits for that, minutes on a busy machine, and seems slow.
/// `cargo build -p bridge-bin` beforehand spares it.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its program");
        let folder = test.parent().and_then(Path::parent).expect("tests lie in deps").to_owned();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "-p", "bridge-bin"]).current_dir(repository());
        if folder.file_name().is_some_and(|name| name == "release") {
            cargo.arg("--release");
        }
        if let Some(target) = folder.parent() {
            cargo.env("CARGO_TARGET_DIR", target);
        }
        assert!(cargo.status().expect("cargo runs").success(), "the binary does not build");
        folder.join("ies-bridge")
    })
}

/// What a run of the binary gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON: {error}\n{}\n{}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

/// A command of the binary in a folder.
pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(dir).args(args);
    command
}

/// Runs the binary to its end.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = command(dir, args).output().expect("the binary runs");
    Ran {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Keys of two bridges and a trust bundle signed by two officers: `plant/keys`, `ldc/keys`, `trust.json`.
pub(crate) struct Site {
    pub(crate) dir: PathBuf,
    pub(crate) officers: [String; 2],
}

/// What a bridge is called and which ports it uses.
pub(crate) struct Names {
    pub(crate) folder: &'static str,
    pub(crate) did: &'static str,
    pub(crate) role: &'static str,
    pub(crate) origin: &'static str,
}

pub(crate) const PLANT: Names = Names { folder: "plant", did: "did:web:genco.example", role: "GENCO", origin: "genco.example/bridge/1" };
pub(crate) const LDC: Names = Names { folder: "ldc", did: "did:web:sldc.example", role: "SLDC", origin: "sldc.example/bridge/1" };

impl Site {
    pub(crate) fn new(test: &str) -> Self {
        let dir = scratch(test);
        // A path of the same length on every machine: columns are compared.
        std::os::unix::fs::symlink(repository().join("cim-profiles"), dir.join("profiles")).expect("a link to the profiles");
        let officers = ["asha.key", "ravi.key"].map(|file| run(&dir, &["trust", "officer", file]).good().out.trim().to_owned());
        let parties: Vec<Value> = [PLANT, LDC].iter().map(|names| party(&dir, names)).collect();
        let draft = json!({
            "schema": "ies-trust/1",
            "version": 1,
            "issuedAt": bridge_ies::format_time(now_ns()),
            "parties": parties,
            "authorities": [{ "party": LDC.did, "role": LDC.role, "verbs": ["dispatch", "curtail", "reconfigure", "start", "stop"], "eras": ["era:in/wr/tps-a/*"] }],
        });
        std::fs::write(dir.join("draft.json"), draft.to_string()).expect("writable");
        run(&dir, &["trust", "sign", "draft.json", "--officer", "asha.key", "--officer", "ravi.key", "--out", "trust.json"]).good();
        Self { dir, officers }
    }

    /// Writes a file of a bridge's folder, its placeholders filled.
    pub(crate) fn write(&self, folder: &str, file: &str, text: &str) {
        let [first, second] = &self.officers;
        let text = text
            .replace("{{PROFILE}}", "{{PROFILES}}/thermal-station-104")
            .replace("{{PROFILES}}", "../profiles")
            .replace("{{HASH}}", &profile_hash("thermal-station-104"))
            .replace("{{EMS_HASH}}", &profile_hash("ems-gateway-104"))
            .replace("{{OFFICER1}}", first)
            .replace("{{OFFICER2}}", second);
        std::fs::write(self.dir.join(folder).join(file), text).expect("writable");
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(&self.dir, args)
    }
}

/// The hash that pins a shipped profile.
pub(crate) fn profile_hash(name: &str) -> String {
    let out = run(&repository(), &["profile", "lint", &format!("cim-profiles/{name}")]).good().out;
    out.rsplit("sha256 ").next().expect("lint prints the hash").trim().to_owned()
}

fn party(dir: &Path, names: &Names) -> Value {
    let folder = format!("{}/keys", names.folder);
    let shown = run(dir, &["keys", "init", &folder]).good().out;
    let public = |file: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(file)).expect("init shows the keys");
        line.split_whitespace().last().expect("a key").to_owned()
    };
    let key = |kid: String, alg: &str, usage: &str, file: &str| {
        json!({
            "kid": kid, "alg": alg, "use": usage, "public": public(file),
            "notBefore": "2026-01-01T00:00:00+05:30", "notAfter": "2046-01-01T00:00:00+05:30",
        })
    };
    json!({
        "did": names.did,
        "roles": [names.role],
        "keys": [
            key(format!("{}-beckn", names.folder), "Ed25519", "beckn", "beckn.key"),
            key(format!("{}#key-0", names.did), "ES256", "content", "content.key"),
            key(names.origin.to_owned(), "Ed25519", "log", "log.key"),
        ],
    })
}

#[expect(clippy::disallowed_methods, reason = "the binary reads the real clock too")]
fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

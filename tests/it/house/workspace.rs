//! What `cargo metadata` says of this workspace, reduced to what the rules ask.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The kind of a dependency edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    /// Linked into what ships.
    Normal,
    /// Runs while what ships is built.
    Build,
    /// Only for tests and benches.
    Dev,
}

/// One package of the resolved graph.
#[derive(Clone, Default, Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) licence: Option<String>,
    /// The manifest, if the package is a member of this workspace.
    pub(super) manifest: Option<PathBuf>,
    /// `false` if the manifest forbids publishing.
    pub(super) publishable: bool,
    /// Resolved dependencies: (index of the package, kind).
    pub(super) depends: BTreeSet<(usize, Kind)>,
}

/// The resolved dependency graph for the host's platform.
#[derive(Clone, Default, Debug)]
pub(super) struct Graph {
    pub(super) packages: Vec<Package>,
}

/// A package of an example: name, licence (empty for none), whether it is ours, dependencies by name and kind.
pub(super) type Row<'a> = (&'a str, &'a str, bool, &'a [(&'a str, Kind)]);

impl Graph {
    /// Reads this workspace. Needs the network only if the machine has never built it.
    pub(super) fn of_this_workspace() -> Self {
        Self::of(Path::new("Cargo.toml"))
    }

    /// Reads the workspace of a manifest, named from the root.
    pub(super) fn of(manifest: &Path) -> Self {
        let host = host_triple();
        let manifest = manifest.to_str().expect("a name in UTF-8");
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host.as_str(), "--manifest-path", manifest];
        let offline = run_cargo(&[&arguments[..], &["--offline"]].concat());
        let text = offline.or_else(|_| run_cargo(&arguments)).expect("cargo metadata --locked: is Cargo.lock up to date and committed?");
        Self::parse(&serde_json::from_str(&text).expect("cargo metadata prints JSON"))
    }

    fn parse(metadata: &Value) -> Self {
        let listed = metadata["packages"].as_array().expect("packages");
        let members: BTreeSet<&str> = strings(&metadata["workspace_members"]).collect();
        let index: BTreeMap<&str, usize> = listed.iter().enumerate().map(|(i, package)| (text(&package["id"]), i)).collect();
        let mut packages: Vec<Package> = listed
            .iter()
            .map(|package| Package {
                name: text(&package["name"]).to_owned(),
                licence: package["license"].as_str().map(str::to_owned),
                manifest: members.contains(text(&package["id"])).then(|| PathBuf::from(text(&package["manifest_path"]))),
                publishable: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
                depends: BTreeSet::new(),
            })
            .collect();
        for node in metadata["resolve"]["nodes"].as_array().expect("resolve.nodes") {
            let from = index[text(&node["id"])];
            for dependency in node["deps"].as_array().expect("deps") {
                let to = index[text(&dependency["pkg"])];
                for kind in dependency["dep_kinds"].as_array().expect("dep_kinds") {
                    let kind = match kind["kind"].as_str() {
                        None => Kind::Normal,
                        Some("build") => Kind::Build,
                        Some(_) => Kind::Dev,
                    };
                    packages[from].depends.insert((to, kind));
                }
            }
        }
        Self { packages }
    }

    /// A graph by hand, for bad examples.
    pub(super) fn by_hand(rows: &[Row<'_>]) -> Self {
        let position = |name: &str| rows.iter().position(|row| row.0 == name).expect("a dependency of an example is in the example");
        let packages = rows.iter().map(|(name, licence, ours, depends)| Package {
            name: (*name).to_owned(),
            licence: (!licence.is_empty()).then(|| (*licence).to_owned()),
            manifest: ours.then(|| PathBuf::from(format!("{name}/Cargo.toml"))),
            publishable: false,
            depends: depends.iter().map(|(to, kind)| (position(to), *kind)).collect(),
        });
        Self { packages: packages.collect() }
    }

    /// The members of this workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.manifest.is_some())
    }

    /// The index of a package by name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.packages.iter().position(|package| package.name == name)
    }

    /// Everything reachable from `start` over edges that `follow` accepts, `start` included.
    pub(super) fn reachable(&self, start: impl IntoIterator<Item = usize>, follow: impl Fn(&Package, Kind) -> bool) -> BTreeSet<usize> {
        let mut open: Vec<usize> = start.into_iter().collect();
        let mut seen: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(at) = open.pop() {
            let package = &self.packages[at];
            let next = package.depends.iter().filter(|(_, kind)| follow(package, *kind)).map(|(to, _)| *to);
            for to in next {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        seen
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies one folder below the root")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string in cargo metadata")
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().expect("an array in cargo metadata").iter().map(text)
}

fn host_triple() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc prints UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn run_cargo(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[test]
fn the_graph_is_not_empty() {
    let graph = Graph::of_this_workspace();
    let members: Vec<&str> = graph.members().map(|package| package.name.as_str()).collect();
    assert!(members.contains(&"bridge-bin") && members.contains(&"bridge-tests"), "{members:?}");
    let bin = graph.position("bridge-bin").expect("bridge-bin is there");
    assert!(graph.reachable([bin], |_, kind| kind != Kind::Dev).len() > 50, "the shipped tree was not resolved");
}

#[test]
fn a_kind_is_read_from_metadata() {
    let metadata = serde_json::json!({
        "packages": [
            {"id": "a", "name": "a", "license": "MIT", "manifest_path": "/a/Cargo.toml", "publish": []},
            {"id": "b", "name": "b", "license": null, "manifest_path": "/b/Cargo.toml", "publish": null}],
        "workspace_members": ["a"],
        "resolve": {"nodes": [
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}, {"kind": "build"}, {"kind": null}]}]},
            {"id": "b", "deps": []}]}
    });
    let graph = Graph::parse(&metadata);
    assert_eq!(graph.packages[0].depends, BTreeSet::from([(1, Kind::Normal), (1, Kind::Build), (1, Kind::Dev)]));
    assert!(graph.packages[0].manifest.is_some() && graph.packages[1].manifest.is_none());
    assert!(!graph.packages[0].publishable && graph.packages[1].publishable);
}

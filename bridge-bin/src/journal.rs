//! Finding and opening a journal to read, from the folder a person names; and whose signatures to believe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_diag::{Report, View, read};
use bridge_journal::{Disk, FileDisk, ReadOnly, open_read_only};
use bridge_trust::{BundleContent, KeyUse, TrustBundle, base64_decode, read_ed25519_file};

use crate::clock;
use crate::config::DIALECT;
use crate::fault::{Fault, INPUT};

/// A folder that a person named: a configuration's, a data folder, or a journal itself.
pub(crate) struct Place {
    /// The journal's folder.
    pub(crate) journal: PathBuf,
    /// The configuration's folder, if the place is one.
    config: Option<ConfigFolder>,
}

struct ConfigFolder {
    bundle: Option<PathBuf>,
    officers: Vec<[u8; 32]>,
    log_key: Option<PathBuf>,
    /// Where `run` listens for local requests.
    data_dir: PathBuf,
}

/// Where the keys come from that a command believes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct KeySource {
    /// A signed trust bundle; its log keys are believed.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// The public key of an officer who signs trust bundles, in base64 (give two).
    #[arg(long, value_name = "BASE64", requires = "trust")]
    pub(crate) officer: Vec<String>,
    /// A log's public key, in base64 (may be given again).
    #[arg(long, value_name = "BASE64")]
    pub(crate) key: Vec<String>,
}

/// Keys, and what a person should know about where they come from.
pub(crate) struct Keys {
    pub(crate) keys: Vec<[u8; 32]>,
    pub(crate) remark: Option<String>,
}

fn input(what: impl Into<String>) -> Fault {
    Fault::new(what).exit(INPUT)
}

impl Place {
    /// What stands at `dir`.
    pub(crate) fn find(dir: &Path) -> Result<Self, Fault> {
        let file = if dir.is_file() { dir.to_owned() } else { dir.join("bridge.toml") };
        if file.is_file() {
            let config = read_folder(&file)?;
            return Ok(Self { journal: config.data_dir.join("journal"), config: Some(config) });
        }
        let is_journal = |dir: &Path| {
            std::fs::read_dir(dir).is_ok_and(|entries| entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with("seg-")))
        };
        let journal = [dir.to_owned(), dir.join("journal")].into_iter().find(|dir| is_journal(dir));
        let journal = journal.ok_or_else(|| {
            input(format!("there is no journal in {}", dir.display()))
                .fix("name the folder of a configuration (with bridge.toml), its data_dir, or the folder with the files seg-*")
        })?;
        Ok(Self { journal, config: None })
    }

    /// The socket of the running bridge.
    pub(crate) fn socket(&self) -> PathBuf {
        let data_dir = self
            .config
            .as_ref()
            .map_or_else(|| self.journal.parent().map(Path::to_owned).unwrap_or_default(), |config| config.data_dir.clone());
        data_dir.join("control.sock")
    }

    /// The disk below the journal, never created.
    pub(crate) fn disk(&self) -> Result<Arc<dyn Disk>, Fault> {
        if !self.journal.is_dir() {
            return Err(input(format!("there is no journal in {}", self.journal.display()))
                .fix("the bridge makes it at its first start: ies-bridge run DIR"));
        }
        let disk = FileDisk::open(&self.journal).map_err(|e| input(format!("{} cannot be opened", self.journal.display())).because(&e))?;
        Ok(Arc::new(disk))
    }

    /// The journal, for reading.
    pub(crate) fn open(&self) -> Result<ReadOnly, Fault> {
        open_read_only(self.disk()?).map_err(|e| {
            input(format!("the journal in {} cannot be read", self.journal.display()))
                .because(&e)
                .fix("ies-bridge fsck DIR shows what is damaged and where")
        })
    }

    /// The keys to believe for a log of this origin.
    pub(crate) fn keys(&self, source: &KeySource, origin: &str) -> Result<Keys, Fault> {
        let mut keys = Vec::new();
        for text in &source.key {
            let key = base64_decode(text).and_then(|octets| octets.try_into().ok());
            keys.push(key.ok_or_else(|| {
                input(format!("`{text}` is no public key"))
                    .fix("paste the 44 characters of base64 that `ies-bridge keys show` prints for log.key")
            })?);
        }
        let mut remark = None;
        if let Some(file) = &source.trust {
            let mut officers = Vec::new();
            for text in &source.officer {
                let key = base64_decode(text).and_then(|octets| octets.try_into().ok());
                officers.push(key.ok_or_else(|| {
                    input(format!("`{text}` is no public key")).fix("ies-bridge trust officer prints an officer's public key")
                })?);
            }
            if officers.is_empty() {
                officers = self.config.as_ref().map(|config| config.officers.clone()).unwrap_or_default();
            }
            let (found, unsigned) = bundle_keys(file, &officers, origin)?;
            keys.extend(found);
            remark = unsigned;
        }
        if keys.is_empty() && source.trust.is_none() {
            let config = self.config.as_ref();
            if let Some(bundle) = config.and_then(|config| config.bundle.as_ref())
                && let Ok((found, unsigned)) =
                    bundle_keys(bundle, &config.map(|config| config.officers.clone()).unwrap_or_default(), origin)
            {
                keys.extend(found);
                remark = unsigned;
            } else if let Some(file) = config.and_then(|config| config.log_key.as_ref())
                && let Ok(key) = read_ed25519_file(file)
            {
                keys.push(key.public());
                remark = Some(
                    "believed: the bridge's own log key, which lies beside the journal; an independent check takes --trust or --key"
                        .to_owned(),
                );
            }
        }
        if keys.is_empty() && source.key.is_empty() && source.trust.is_none() {
            return Err(input("no key to verify with")
                .because_of("a journal that vouches for itself proves nothing")
                .fix("give --trust BUNDLE, or --key with the log's public key (ies-bridge keys show)"));
        }
        Ok(Keys { keys, remark })
    }
}

/// The log keys of a bundle for one origin, and a remark if the bundle's own signatures were not checked.
fn bundle_keys(file: &Path, officers: &[[u8; 32]], origin: &str) -> Result<(Vec<[u8; 32]>, Option<String>), Fault> {
    let bad = |e: &dyn std::error::Error| {
        input(format!("the trust bundle {} cannot be used", file.display())).because(e).fix("ies-bridge explain config::trust-bundle")
    };
    let bytes = std::fs::read(file).map_err(|e| bad(&e))?;
    let (content, remark): (BundleContent, _) = if officers.is_empty() {
        let mut value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| bad(&e))?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("signatures");
        }
        let remark = "the bundle's own signatures were not checked: no --officer was given".to_owned();
        (serde_json::from_value(value).map_err(|e| bad(&e))?, Some(remark))
    } else {
        let bundle = TrustBundle::load(&bytes, officers, None, clock::now().utc.0).map_err(|e| bad(&e))?;
        (bundle.content().clone(), None)
    };
    // A journal is checked long after its key went out of use, so the period of validity does not count here.
    let keys = content.parties.iter().flat_map(|party| &party.keys).filter(|key| key.usage == KeyUse::Log && key.kid == origin);
    Ok((keys.filter_map(|key| base64_decode(&key.public)?.try_into().ok()).collect(), remark))
}

/// Only what is needed to find things; `check` does the rest.
fn read_folder(file: &Path) -> Result<ConfigFolder, Fault> {
    let dir = file.parent().map(Path::to_owned).unwrap_or_default();
    let text = std::fs::read_to_string(file).map_err(|e| input(format!("{} cannot be read", file.display())).because(&e))?;
    let mut report = Report::new();
    let source = report.add_source(file.display().to_string(), text);
    let Some(table) = read(source, &DIALECT, &mut report) else {
        return Err(input(format!("{} cannot be read", file.display())).because_of("it is not TOML").fix("ies-bridge check shows where"));
    };
    let mut view = View::new(&table, DIALECT, "bridge.toml", None);
    let data_dir = view.take_str("data_dir", &mut report).map(|(text, _)| dir.join(text));
    let data_dir = data_dir
        .ok_or_else(|| input(format!("{} has no data_dir", file.display())).fix("ies-bridge check shows everything that is missing"))?;
    let trust = view.take_table("trust", &mut report);
    let mut officers = Vec::new();
    let mut bundle = None;
    if let Some(table) = trust {
        let mut trust = view.inner(table, "[trust]");
        bundle = trust.take_str("bundle", &mut report).map(|(text, _)| dir.join(text));
        for (text, _) in trust.take_strs("officers", &mut report).unwrap_or_default() {
            officers.extend(base64_decode(text).and_then(|octets| <[u8; 32]>::try_from(octets).ok()));
        }
    }
    let log_key = view.take_table("identity", &mut report).and_then(|table| {
        let mut identity = view.inner(table, "[identity]");
        identity.take_str("keys", &mut report).map(|(text, _)| dir.join(text).join("log.key"))
    });
    Ok(ConfigFolder { bundle, officers, log_key, data_dir })
}

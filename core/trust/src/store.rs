//! Keys in files that only their owner may read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::digest::{base64_array, base64_encode};
use crate::{Ed25519Key, Error, Es256Key};

/// First line of a key file: format and kind.
const HEAD: &str = "ies-key/1";
/// Longest key file that is read, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 1024;
/// Tries to find a P-256 scalar in random octets; each fails with probability 2^-32.
const MAX_SCALAR_TRIES: usize = 8;

/// The three keys of a bridge, in one folder: `log.key` signs checkpoints (Ed25519), `beckn.key` requests (Ed25519), `content.key`
/// operations (P-256). Never shared with one another (`IES` register rules).
#[derive(Debug)]
pub struct KeyStore {
    dir: PathBuf,
    log: Ed25519Key,
    beckn: Ed25519Key,
    content: Es256Key,
}

impl KeyStore {
    /// Makes the folder (0700) and three new keys (0600) from `random`, which fills a slice with secret random octets.
    ///
    /// # Errors
    /// [`Error::Exists`] if any of the files is there: keys are never overwritten. [`Error::Io`], [`Error::Permissions`].
    pub fn init(dir: &Path, random: &mut dyn FnMut(&mut [u8])) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| io(dir, "creating", source))?;
        check_mode(dir, dir.metadata().map_err(|source| io(dir, "reading", source))?.mode(), "0700")?;
        if let Some(path) = ["log.key", "beckn.key", "content.key"].iter().map(|name| dir.join(name)).find(|path| path.exists()) {
            return Err(Error::Exists { path });
        }
        let mut seed = Zeroizing::new([0u8; 32]);
        for name in ["log.key", "beckn.key"] {
            random(seed.as_mut());
            write_key(&dir.join(name), "ed25519", &seed)?;
        }
        for _ in 0..MAX_SCALAR_TRIES {
            random(seed.as_mut());
            if Es256Key::from_scalar(&seed).is_ok() {
                break;
            }
        }
        Es256Key::from_scalar(&seed)?;
        write_key(&dir.join("content.key"), "p256", &seed)?;
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(|source| io(dir, "syncing", source))?;
        Self::load(dir)
    }

    /// Reads the three keys.
    ///
    /// # Errors
    /// [`Error::Permissions`] names the file that others may read and the command that mends it; [`Error::KeyFile`] names the file
    /// that holds no key; [`Error::Io`].
    pub fn load(dir: &Path) -> Result<Self, Error> {
        check_mode(dir, dir.metadata().map_err(|source| io(dir, "reading", source))?.mode(), "0700")?;
        let ed25519 = |name: &str| {
            let path = dir.join(name);
            Ed25519Key::from_seed(&*read_key(&path, "ed25519")?).map_err(|e| Error::KeyFile { path, problem: e.to_string() })
        };
        let path = dir.join("content.key");
        let content = Es256Key::from_scalar(&*read_key(&path, "p256")?).map_err(|e| Error::KeyFile { path, problem: e.to_string() })?;
        Ok(Self { dir: dir.to_owned(), log: ed25519("log.key")?, beckn: ed25519("beckn.key")?, content })
    }

    /// Signs checkpoints.
    #[must_use]
    pub const fn log(&self) -> &Ed25519Key {
        &self.log
    }

    /// Signs Beckn requests and answers.
    #[must_use]
    pub const fn beckn(&self) -> &Ed25519Key {
        &self.beckn
    }

    /// Signs operations.
    #[must_use]
    pub const fn content(&self) -> &Es256Key {
        &self.content
    }

    /// The three keys themselves, for the parts that sign: log, Beckn, content.
    #[must_use]
    pub fn into_keys(self) -> (Ed25519Key, Ed25519Key, Es256Key) {
        (self.log, self.beckn, self.content)
    }

    /// The three public keys for a person, one per line: file, kind, base64.
    #[must_use]
    pub fn show(&self) -> String {
        format!(
            "{}\n  log.key      ed25519  {}\n  beckn.key    ed25519  {}\n  content.key  p256     {}\n",
            self.dir.display(),
            base64_encode(&self.log.public()),
            base64_encode(&self.beckn.public()),
            base64_encode(&self.content.public_sec1())
        )
    }
}

/// Writes one Ed25519 key file that is not part of a store: an officer's key. Mode 0600, never over an existing file.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`].
pub fn write_ed25519_file(path: &Path, seed: &[u8; 32]) -> Result<(), Error> {
    write_key(path, "ed25519", seed)
}

/// Reads one Ed25519 key file.
///
/// # Errors
/// As [`KeyStore::load`].
pub fn read_ed25519_file(path: &Path) -> Result<Ed25519Key, Error> {
    Ed25519Key::from_seed(&*read_key(path, "ed25519")?)
}

fn io(path: &Path, action: &'static str, source: std::io::Error) -> Error {
    Error::Io { path: path.to_owned(), action, source }
}

fn check_mode(path: &Path, mode: u32, fix: &'static str) -> Result<(), Error> {
    if mode & 0o077 == 0 { Ok(()) } else { Err(Error::Permissions { path: path.to_owned(), mode: mode & 0o7777, fix }) }
}

fn write_key(path: &Path, kind: &str, secret: &[u8; 32]) -> Result<(), Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            Error::Exists { path: path.to_owned() }
        } else {
            io(path, "creating", source)
        }
    })?;
    let text = Zeroizing::new(format!("{HEAD} {kind}\n{}\n", base64_encode(secret)));
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| io(path, "writing", source))
}

/// Opens first and asks the open file for its mode, so that nothing can be exchanged in between.
fn read_key(path: &Path, kind: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
    let file = File::open(path).map_err(|source| io(path, "opening", source))?;
    check_mode(path, file.metadata().map_err(|source| io(path, "reading", source))?.mode(), "0600")?;
    let mut text = Zeroizing::new(String::with_capacity(256));
    file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text).map_err(|source| io(path, "reading", source))?;
    let wrong = |problem: String| Error::KeyFile { path: path.to_owned(), problem };
    let mut lines = text.lines();
    let head = format!("{HEAD} {kind}");
    if lines.next() != Some(head.as_str()) {
        return Err(wrong(format!("the first line must be {head:?}")));
    }
    let secret = lines.next().and_then(base64_array::<32>).ok_or_else(|| wrong("the second line must be 32 octets in base64".into()))?;
    Ok(Zeroizing::new(secret))
}

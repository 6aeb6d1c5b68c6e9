//! What is read: XML files, archives, folders, bytes in memory.
//!
//! Nothing is ever unpacked to disk. A document can be opened as often as needed: for its header, for its content, for the lines
//! around its problems.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_diag::{Diagnostic, Report};
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipArchive};

use crate::bounds::Bounds;
use crate::guard::{Guard, Over};

/// The documents of one reading.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    bounds: Bounds,
    entries: Vec<Entry>,
    nested_bytes: u64,
    ignored: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Whole(Origin),
    Zipped(Origin, usize),
}

/// Bytes that can be read again.
#[derive(Clone, Debug)]
enum Origin {
    File(PathBuf),
    Bytes(Arc<[u8]>),
}

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Origin {
    fn open(&self) -> io::Result<BufReader<Box<dyn ReadSeek + '_>>> {
        let inner: Box<dyn ReadSeek + '_> = match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes.as_ref())),
        };
        Ok(BufReader::with_capacity(64 << 10, inner))
    }
}

/// Archives inside archives: CGMES packages are sometimes packed twice.
const ZIP_DEPTH: usize = 2;

impl Inputs {
    /// Nothing yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// How many documents there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Files and entries that are neither XML nor archives, and were left out.
    #[must_use]
    pub const fn ignored(&self) -> usize {
        self.ignored
    }

    /// The names of the documents, as problems show them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    pub(crate) fn name(&self, document: u16) -> &str {
        self.entries.get(usize::from(document)).map_or("", |entry| entry.name.as_str())
    }

    pub(crate) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Adds an XML file, an archive, or a folder with such files. What is given by name is taken for XML whatever it is called; of a
    /// folder only `.xml` and `.zip` are taken, and links in it are not followed.
    pub fn add_path(&mut self, path: &Path, report: &mut Report) {
        let name = path.to_string_lossy().into_owned();
        match path.metadata() {
            Ok(about) if about.is_dir() => self.add_folder(path, report),
            Ok(about) if about.is_file() => self.add_origin(name, Origin::File(path.to_owned()), 0, report),
            Ok(_) => report.push(
                Diagnostic::error("cim::file-unreadable", format!("{name} is neither a file nor a folder"))
                    .fix("give a file, an archive or a folder"),
            ),
            Err(error) => report.push(unreadable(&name, &error)),
        }
    }

    /// Adds bytes in memory: XML or an archive.
    pub fn add_bytes(&mut self, name: impl Into<String>, bytes: impl Into<Arc<[u8]>>, report: &mut Report) {
        self.add_origin(name.into(), Origin::Bytes(bytes.into()), 0, report);
    }

    fn add_folder(&mut self, folder: &Path, report: &mut Report) {
        let mut open = vec![(folder.to_owned(), 1)];
        let mut files = Vec::new();
        while let Some((at, depth)) = open.pop() {
            let entries = match std::fs::read_dir(&at).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
                Ok(entries) => entries,
                Err(error) => {
                    report.push(unreadable(&at.to_string_lossy(), &error));
                    continue;
                }
            };
            for entry in entries {
                let path = entry.path();
                // The kind of the entry itself, not of what a link leads to.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && depth < Bounds::FOLDER_DEPTH => open.push((path, depth + 1)),
                    Ok(kind) if kind.is_file() => files.push(path),
                    Ok(kind) if kind.is_symlink() && is_wanted(&path.to_string_lossy()) => report.push(outside(&path.to_string_lossy())),
                    Ok(_) => self.ignored += 1,
                    Err(error) => report.push(unreadable(&path.to_string_lossy(), &error)),
                }
            }
            if files.len() > Bounds::FOLDER_FILES {
                let message = format!("{} has more than {} files", folder.display(), Bounds::FOLDER_FILES);
                report.push(Diagnostic::error("cim::too-many", message).fix("give the model's files, not a folder above them"));
                return;
            }
        }
        files.sort();
        for path in files {
            let name = path.to_string_lossy().into_owned();
            if is_wanted(&name) {
                self.add_origin(name, Origin::File(path), 0, report);
            } else {
                self.ignored += 1;
            }
        }
    }

    fn add_origin(&mut self, name: String, origin: Origin, depth: usize, report: &mut Report) {
        let mut start = [0; 4];
        let begun = origin.open().and_then(|mut reader| reader.read(&mut start));
        match begun {
            Err(error) => report.push(unreadable(&name, &error)),
            Ok(4) if matches!(&start, b"PK\x03\x04" | b"PK\x05\x06") => self.add_archive(&name, origin, depth, report),
            Ok(_) => self.add_entry(Entry { name, place: Place::Whole(origin) }, report),
        }
    }

    fn add_entry(&mut self, entry: Entry, report: &mut Report) {
        if self.entries.len() < self.bounds.documents.min(usize::from(u16::MAX)) {
            self.entries.push(entry);
            return;
        }
        let message = format!("more than {} documents are given", self.bounds.documents);
        report.push(Diagnostic::error("cim::too-many", message).fix("give the documents of one model"));
    }

    fn add_archive(&mut self, name: &str, origin: Origin, depth: usize, report: &mut Report) {
        if let Err(problem) = self.list(name, &origin, depth, report) {
            report.push(*problem);
        }
    }

    fn list(&mut self, name: &str, origin: &Origin, depth: usize, report: &mut Report) -> Result<(), Box<Diagnostic>> {
        let damaged = |error: &dyn std::fmt::Display| {
            Box::new(Diagnostic::error("cim::zip-damaged", format!("{name} is not a readable archive: {error}")).fix("pack it again"))
        };
        if depth >= ZIP_DEPTH {
            let message = format!("{name} is an archive inside {ZIP_DEPTH} others");
            return Err(Diagnostic::error("cim::too-deep", message).fix("unpack the outer ones").into());
        }
        let open = || origin.open().map_err(|error| Box::new(unreadable(name, &error)));
        // The count is looked at before the list of entries is held in memory.
        let count = ZipIterable::try_new(open()?, zip::read::Config::default()).map_err(|error| damaged(&error))?.len();
        if count > self.bounds.zip_entries {
            let message = format!("{name} has {count} entries, more than {}", self.bounds.zip_entries);
            return Err(Diagnostic::error("cim::too-many", message).fix("pack the documents of one model").into());
        }
        let mut archive = ZipArchive::new(open()?).map_err(|error| damaged(&error))?;
        if archive.has_duplicate_names() {
            return Err(damaged(&"two of its entries have the same name"));
        }
        for at in 0..archive.len().min(self.bounds.zip_entries) {
            let entry = archive.by_index_raw(at).map_err(|error| damaged(&error))?;
            let inside = entry.name().map_err(|error| damaged(&error))?.replace('\\', "/");
            let full = format!("{name}/{inside}");
            if leaves(&inside) {
                report.push(outside(&full));
                continue;
            }
            if entry.is_dir() || is_litter(&inside) || !is_wanted(&inside) {
                self.ignored += usize::from(!entry.is_dir());
                continue;
            }
            if entry.encrypted() || !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
                let message = format!("{full} is encrypted or packed by a method other than deflate");
                report.push(Diagnostic::error("cim::zip-method", message).fix("pack it without a password, with deflate"));
                continue;
            }
            let packed = entry.compressed_size();
            drop(entry);
            if inside.to_ascii_lowercase().ends_with(".zip") {
                let bytes = self.nested(&full, origin, at, packed)?;
                self.add_archive(&full, Origin::Bytes(bytes), depth + 1, report);
            } else {
                self.add_entry(Entry { name: full, place: Place::Zipped(origin.clone(), at) }, report);
            }
        }
        Ok(())
    }

    /// The bytes of an archive inside an archive.
    fn nested(&mut self, name: &str, origin: &Origin, at: usize, packed: u64) -> Result<Arc<[u8]>, Box<Diagnostic>> {
        let room = self.bounds.zip_nested_bytes - self.nested_bytes;
        let too_large = || {
            let message = format!("archives inside archives have more than {} bytes in all", self.bounds.zip_nested_bytes);
            Box::new(Diagnostic::error("cim::too-large", message).fix("unpack the outer ones"))
        };
        if packed > room {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let read = self.unpack(origin, at, |reader| reader.take(room + 1).read_to_end(&mut bytes).map(|_| ()));
        match read.and_then(|inner| inner) {
            Ok(()) if bytes.len() as u64 <= room => {
                self.nested_bytes += bytes.len() as u64;
                Ok(bytes.into())
            }
            Ok(()) => Err(too_large()),
            Err(error) => Err(unreadable(name, &error).into()),
        }
    }

    /// Lets `with` read a document from its beginning.
    pub(crate) fn open<T>(&self, document: u16, with: impl FnOnce(&mut dyn BufRead) -> T) -> io::Result<T> {
        let entry = self.entries.get(usize::from(document)).ok_or(io::ErrorKind::NotFound)?;
        match &entry.place {
            Place::Whole(origin) => Ok(with(&mut origin.open()?)),
            Place::Zipped(origin, at) => self.unpack(origin, *at, with),
        }
    }

    fn unpack<T>(&self, origin: &Origin, at: usize, with: impl FnOnce(&mut dyn BufRead) -> T) -> io::Result<T> {
        let mut bytes = origin.open()?;
        // An entry is no larger than the archive, whatever its header says.
        let all = bytes.seek(SeekFrom::End(0))?;
        let mut archive = ZipArchive::new(bytes).map_err(io::Error::other)?;
        let entry = archive.by_index(at).map_err(io::Error::other)?;
        let ratio = self.bounds.zip_ratio;
        let most = entry.compressed_size().min(all).saturating_mul(ratio).saturating_add(1 << 20);
        Ok(with(&mut Guard::new(BufReader::with_capacity(64 << 10, entry), u64::MAX, most, Over::Ratio(ratio))))
    }
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    let code = if matches!(Over::of(error), Some(Over::Ratio(_))) { "cim::zip-bomb" } else { "cim::file-unreadable" };
    Diagnostic::error(code, format!("{name} cannot be read: {error}")).fix("check the path and its permissions")
}

fn outside(name: &str) -> Diagnostic {
    Diagnostic::error("cim::path-outside", format!("{name} leads out of its archive or folder"))
        .fix("give the file itself, or pack it under a plain name")
}

/// Whether a path, with slashes, names a place outside.
fn leaves(path: &str) -> bool {
    let has_drive = path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && path.as_bytes().get(1) == Some(&b':');
    path.starts_with('/') || has_drive || path.contains('\0') || path.split('/').any(|part| part == "..")
}

/// What packers leave behind.
fn is_litter(path: &str) -> bool {
    path.starts_with("__MACOSX/") || path.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}

fn is_wanted(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".xml", ".zip", ".rdf"].iter().any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::{is_litter, is_wanted, leaves};

    #[test]
    fn names_that_leave_are_known() {
        for bad in ["../x.xml", "/x.xml", "a/../../x.xml", "C:/x.xml", "C:x.xml", "a\0.xml"] {
            assert!(leaves(bad), "{bad}");
        }
        for good in ["x.xml", "a/b/x.xml", "a/..b.xml", "2026-04-01T00:00Z_EQ.xml"] {
            assert!(!leaves(good), "{good}");
        }
        assert!(is_litter("__MACOSX/a/._EQ.xml") && is_litter("a/._EQ.xml") && !is_litter("a/EQ.xml"));
        assert!(is_wanted("EQ.XML") && is_wanted("a.zip") && !is_wanted("readme.txt"));
    }
}

//! A folder of the operating system.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::Disk;

/// Open files kept at most; above it all are closed and opened again as they are needed.
pub const MAX_HANDLES: usize = 16;

/// A folder of the operating system. Files are created with mode 0600, the folder with 0700. Handles are kept open.
#[derive(Debug)]
pub struct FileDisk {
    dir: PathBuf,
    handles: Mutex<BTreeMap<String, Arc<File>>>,
    lock: Mutex<Option<File>>,
}

impl FileDisk {
    /// Opens a folder, and creates it if it is not there.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn open(dir: &Path) -> io::Result<Self> {
        if !dir.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Ok(Self { dir: dir.to_owned(), handles: Mutex::default(), lock: Mutex::default() })
    }

    fn handle(&self, file: &str, create: bool) -> io::Result<Arc<File>> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.get(file) {
            return Ok(Arc::clone(handle));
        }
        let path = self.dir.join(file);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(create).mode(0o600);
        let opened = match options.open(&path) {
            // A verifier may have no right to write.
            Err(e) if !create && matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                File::open(&path)?
            }
            other => other?,
        };
        let handle = Arc::new(opened);
        if handles.len() >= MAX_HANDLES {
            handles.clear();
        }
        handles.insert(file.to_owned(), Arc::clone(&handle));
        Ok(handle)
    }

    fn forget(&self, file: &str) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).remove(file);
    }
}

impl Disk for FileDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn len(&self, file: &str) -> io::Result<u64> {
        Ok(self.handle(file, false)?.metadata()?.len())
    }

    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        (&*self.handle(file, true)?).write_all(bytes)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        self.handle(file, false)?.sync_data()
    }

    fn read(&self, file: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.handle(file, false)?.read_at(buf, offset)
    }

    fn truncate(&self, file: &str, len: u64) -> io::Result<()> {
        self.handle(file, false)?.set_len(len)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))?;
        self.forget(from);
        self.forget(to);
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(file))?;
        self.forget(file);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn lock(&self) -> io::Result<()> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(self.dir.join("lock"))?;
            file.try_lock().map_err(io::Error::from)?;
            *held = Some(file);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn modes_cached_handles_rename_and_lock() {
        let dir = std::env::temp_dir().join(format!("bridge-journal-file-disk-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let disk = FileDisk::open(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        for i in 0..2 * MAX_HANDLES {
            disk.append(&format!("f{i:02}"), b"abc").unwrap();
        }
        assert!(disk.handles.lock().unwrap().len() <= MAX_HANDLES);
        assert_eq!(fs::metadata(dir.join("f00")).unwrap().permissions().mode() & 0o777, 0o600);
        disk.append("f00", b"def").unwrap();
        disk.sync("f00").unwrap();
        disk.rename("f00", "g").unwrap();
        disk.sync_dir().unwrap();
        let mut buf = [0; 8];
        assert_eq!((disk.read("g", 2, &mut buf).unwrap(), &buf[..4]), (4, &b"cdef"[..]));
        disk.truncate("g", 1).unwrap();
        assert_eq!(disk.len("g").unwrap(), 1);
        assert_eq!(disk.len("f00").unwrap_err().kind(), io::ErrorKind::NotFound);
        disk.remove("g").unwrap();
        assert!(!disk.list().unwrap().contains(&"g".to_owned()));
        disk.lock().unwrap();
        disk.lock().unwrap();
        let second = FileDisk::open(&dir).unwrap();
        assert_eq!(second.lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(disk);
        second.lock().unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}

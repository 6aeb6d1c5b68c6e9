//! Files (g70, clause 5.3, row 52): handles, blocks and names. Where the octets lie is a [`FileStore`]'s affair; this crate has no file
//! system.
//!
//! A name is normalised before a store sees it: parts joined by `/`, nothing above the root, printable characters only.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use bridge_model::Mono;

use crate::app::{FragmentView, FragmentWriter, Function, Iin, Refused};
use crate::objects::{
    DnpTime, FileAuthentication, FileBlock, FileBlockStatus, FileCommand, FileDescriptor, FileMode, FileObject, FileStatus, FileType, Kind,
};

/// Files that may be open at a time.
pub(super) const OPEN_MAX: usize = 8;
/// How long a handle lives without use.
pub(super) const HANDLE_LIFE: Duration = Duration::from_secs(60);
/// Octets of the longest name.
const NAME_MAX: usize = 255;
/// Octets of the longest file that is written, and of the longest listing.
pub(super) const FILE_MAX: u64 = 16 << 20;
/// Octets of a fragment beside those of a block: control, function, indications, object header, size, handle and number.
const AROUND_BLOCK: usize = 4 + 4 + 2 + 8;

/// A file or directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileInfo {
    /// Its name within its directory.
    pub name: String,
    /// Directory or file.
    pub is_directory: bool,
    /// Octets; entries of a directory.
    pub size: u32,
    /// When it was made, on the outstation's clock.
    pub created: DnpTime,
    /// Nine bits as in POSIX.
    pub permissions: u16,
}

/// Where an outstation's files lie. Names are normalised and jailed: parts joined by `/`, the root is the empty name.
///
/// Every method may answer with the status that the master is to see.
pub trait FileStore: Send + Debug {
    /// The key for a user, of this session's life; `None` if there is no such user or the password is another.
    fn authenticate(&mut self, _user: &[u8], _password: &[u8]) -> Option<u32> {
        None
    }

    /// Whether a key (0: none) opens files.
    fn admits(&self, _key: u32) -> bool {
        true
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// [`FileStatus::NOT_FOUND`] and others.
    fn info(&mut self, name: &str) -> Result<FileInfo, FileStatus>;

    /// What is in a directory.
    ///
    /// # Errors
    /// [`FileStatus::NOT_FOUND`] and others.
    fn list(&mut self, directory: &str) -> Result<Vec<FileInfo>, FileStatus>;

    /// At most `max` octets of a file from an offset on; fewer at its end.
    ///
    /// # Errors
    /// [`FileStatus::NOT_FOUND`] and others.
    fn read(&mut self, name: &str, offset: u64, max: usize) -> Result<Vec<u8>, FileStatus>;

    /// Makes a file empty, new or not.
    ///
    /// # Errors
    /// [`FileStatus::PERMISSION_DENIED`] and others.
    fn create(&mut self, name: &str) -> Result<(), FileStatus>;

    /// Appends octets to a file.
    ///
    /// # Errors
    /// [`FileStatus::NOT_FOUND`] and others.
    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), FileStatus>;

    /// Deletes a file.
    ///
    /// # Errors
    /// [`FileStatus::NOT_FOUND`] and others.
    fn delete(&mut self, name: &str) -> Result<(), FileStatus>;
}

/// Files in memory: for tests and simulators.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    /// Each file's octets, by its full name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// User, password and key, if a key is asked for.
    pub key: Option<(Vec<u8>, Vec<u8>, u32)>,
}

impl MemoryFiles {
    fn described(name: &str, octets: &[u8]) -> FileInfo {
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        let size = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        FileInfo { name, is_directory: false, size, created: DnpTime::default(), permissions: 0o644 }
    }
}

impl FileStore for MemoryFiles {
    fn authenticate(&mut self, user: &[u8], password: &[u8]) -> Option<u32> {
        self.key.as_ref().filter(|(known, secret, _)| known == user && secret == password).map(|(_, _, key)| *key)
    }

    fn admits(&self, key: u32) -> bool {
        self.key.as_ref().is_none_or(|(_, _, known)| *known == key)
    }

    fn info(&mut self, name: &str) -> Result<FileInfo, FileStatus> {
        if let Some(octets) = self.files.get(name) {
            return Ok(Self::described(name, octets));
        }
        let size = u32::try_from(self.list(name)?.len()).unwrap_or(u32::MAX);
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        Ok(FileInfo { name, is_directory: true, size, created: DnpTime::default(), permissions: 0o755 })
    }

    fn list(&mut self, directory: &str) -> Result<Vec<FileInfo>, FileStatus> {
        let inside = |name: &str| {
            let rest = if directory.is_empty() { Some(name) } else { name.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')) };
            rest.is_some_and(|rest| !rest.contains('/'))
        };
        let found: Vec<_> =
            self.files.iter().filter(|(name, _)| inside(name)).map(|(name, octets)| Self::described(name, octets)).collect();
        if found.is_empty() && !directory.is_empty() { Err(FileStatus::NOT_FOUND) } else { Ok(found) }
    }

    fn read(&mut self, name: &str, offset: u64, max: usize) -> Result<Vec<u8>, FileStatus> {
        let octets = self.files.get(name).ok_or(FileStatus::NOT_FOUND)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(octets.len());
        let to = from.saturating_add(max).min(octets.len());
        Ok(octets.get(from..to).unwrap_or_default().to_vec())
    }

    fn create(&mut self, name: &str) -> Result<(), FileStatus> {
        self.files.insert(name.to_owned(), Vec::new());
        Ok(())
    }

    fn append(&mut self, name: &str, octets: &[u8]) -> Result<(), FileStatus> {
        self.files.get_mut(name).ok_or(FileStatus::NOT_FOUND)?.extend_from_slice(octets);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<(), FileStatus> {
        self.files.remove(name).map(drop).ok_or(FileStatus::NOT_FOUND)
    }
}

/// A name as a store sees it.
///
/// # Errors
/// [`FileStatus::PERMISSION_DENIED`] for a name that leads above the root, [`FileStatus::NOT_FOUND`] for one that no file can have.
pub(super) fn normalised(name: &[u8]) -> Result<String, FileStatus> {
    let text = std::str::from_utf8(name).map_err(|_| FileStatus::NOT_FOUND)?;
    if text.len() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(FileStatus::NOT_FOUND);
    }
    let mut parts = Vec::new();
    for part in text.split(['/', '\\']) {
        match part {
            "" | "." => {}
            // Not resolved: whoever writes it wants out.
            ".." => return Err(FileStatus::PERMISSION_DENIED),
            // A drive or a stream of another system.
            part if part.contains(':') => return Err(FileStatus::PERMISSION_DENIED),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[derive(Debug)]
struct Open {
    handle: u32,
    owner: (usize, usize),
    name: String,
    writes: bool,
    /// A directory's content.
    listing: Option<Vec<u8>>,
    block_max: usize,
    /// The number of the next block and the offset where it begins; where the one before began.
    next: u32,
    offset: u64,
    before: u64,
    until: Mono,
}

/// What an outstation allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    pub(super) write: bool,
    /// Octets of a fragment either way.
    pub(super) max_fragment: usize,
}

/// The open files of a session.
#[derive(Debug)]
pub(super) struct FileServer {
    store: Box<dyn FileStore>,
    open: Vec<Open>,
    last_handle: u32,
}

impl FileServer {
    pub(super) fn new(store: Box<dyn FileStore>) -> Self {
        Self { store, open: Vec::new(), last_handle: 0 }
    }

    /// Files of an association are closed: it is gone, or restarted.
    pub(super) fn forget(&mut self, owner: (usize, usize)) {
        self.open.retain(|open| open.owner != owner);
    }

    /// Carries out one of the file functions, or a READ or WRITE of a block; writes the answer's objects.
    pub(super) fn serve(
        &mut self,
        view: &FragmentView<'_>,
        owner: (usize, usize),
        rights: Rights,
        writer: &mut FragmentWriter,
        now: Mono,
    ) -> Iin {
        let mut count = 0;
        for header in view.headers() {
            let Ok(header) = header else { return Iin::PARAMETER_ERROR };
            if header.object.kind() != Some(Kind::File) {
                return Iin::OBJECT_UNKNOWN;
            }
            for object in header.objects() {
                count += 1;
                let octets = object.payload.octets();
                let answer = match (view.function, header.header.variation) {
                    (Function::Read, 5) => FileBlock::decode(octets).map(|block| self.read(&block, owner, rights, now)),
                    (Function::Write, 5) => FileBlock::decode(octets).map(|block| self.write(&block, owner, now)),
                    (Function::AuthenticateFile, 2) => FileAuthentication::decode(octets).and_then(|who| self.authenticate(&who)),
                    (Function::OpenFile, 3) => FileCommand::decode(octets).map(|command| self.open(&command, owner, rights, now)),
                    (Function::DeleteFile, 3) => FileCommand::decode(octets).map(|command| self.delete(&command, rights)),
                    (Function::CloseFile | Function::AbortFile, 4) => FileObject::decode(octets).map(|file| self.close(&file, owner, now)),
                    (Function::GetFileInfo, 7) => FileDescriptor::decode(octets).and_then(|asked| self.describe(&asked)),
                    _ => return Iin::OBJECT_UNKNOWN,
                };
                let Some((variation, octets)) = answer else { return Iin::PARAMETER_ERROR };
                if writer.free_format(70, variation, &octets) == Err(Refused::Full) {
                    return Iin::PARAMETER_ERROR;
                }
            }
        }
        if count == 0 { Iin::PARAMETER_ERROR } else { Iin(0) }
    }

    fn authenticate(&mut self, who: &FileAuthentication<'_>) -> Option<(u8, Vec<u8>)> {
        let key = self.store.authenticate(who.user, who.password).unwrap_or(0);
        FileAuthentication { user: b"", password: b"", key }.encode().map(|octets| (2, octets))
    }

    fn open(&mut self, command: &FileCommand<'_>, owner: (usize, usize), rights: Rights, now: Mono) -> (u8, Vec<u8>) {
        let request_id = command.request_id;
        let object = match self.try_open(command, owner, rights, now) {
            Ok((handle, size, block_max)) => FileObject { handle, size, block_max, request_id, status: FileStatus::SUCCESS, text: b"" },
            Err(status) => FileObject { handle: 0, size: 0, block_max: 0, request_id, status, text: b"" },
        };
        (4, object.encode())
    }

    fn try_open(
        &mut self,
        command: &FileCommand<'_>,
        owner: (usize, usize),
        rights: Rights,
        now: Mono,
    ) -> Result<(u32, u32, u16), FileStatus> {
        let writes = match command.mode {
            FileMode::READ => false,
            FileMode::WRITE | FileMode::APPEND => true,
            _ => return Err(FileStatus::INVALID_MODE),
        };
        if !self.store.admits(command.key) || writes && !rights.write {
            return Err(FileStatus::PERMISSION_DENIED);
        }
        let name = normalised(command.name)?;
        self.open.retain(|open| now < open.until);
        if self.open.len() >= OPEN_MAX {
            return Err(FileStatus::TOO_MANY_OPEN);
        }
        if self.open.iter().any(|open| open.name == name && (open.writes || writes)) {
            return Err(FileStatus::LOCKED);
        }
        let mut listing = None;
        let mut size = 0;
        let mut offset = 0;
        match command.mode {
            FileMode::READ => {
                let info = self.store.info(&name)?;
                size = info.size;
                if info.is_directory {
                    let octets = self.listing(&name)?;
                    size = u32::try_from(octets.len()).unwrap_or(u32::MAX);
                    listing = Some(octets);
                }
            }
            FileMode::APPEND => {
                let info = self.store.info(&name)?;
                if info.is_directory {
                    return Err(FileStatus::PERMISSION_DENIED);
                }
                offset = u64::from(info.size);
                size = info.size;
            }
            _ if name.is_empty() => return Err(FileStatus::PERMISSION_DENIED),
            _ => self.store.create(&name)?,
        }
        let room = rights.max_fragment.saturating_sub(AROUND_BLOCK);
        let wanted = if command.block_max == 0 { usize::MAX } else { usize::from(command.block_max) };
        let block_max = room.min(wanted).min(usize::from(u16::MAX));
        self.last_handle = self.last_handle.checked_add(1).unwrap_or(1);
        let until = now + HANDLE_LIFE;
        self.open.push(Open { handle: self.last_handle, owner, name, writes, listing, block_max, next: 0, offset, before: offset, until });
        Ok((self.last_handle, size, u16::try_from(block_max).unwrap_or(u16::MAX)))
    }

    /// A directory as it reads: one descriptor after the other.
    fn listing(&mut self, name: &str) -> Result<Vec<u8>, FileStatus> {
        let mut octets = Vec::new();
        for info in self.store.list(name)? {
            let descriptor = descriptor(&info, 0);
            octets.extend_from_slice(&descriptor.encode().ok_or(FileStatus::FATAL)?);
            if octets.len() as u64 > FILE_MAX {
                return Err(FileStatus::BUFFER_OVERRUN);
            }
        }
        Ok(octets)
    }

    /// An open file of this association, its life begun anew.
    fn find(&mut self, handle: u32, owner: (usize, usize), now: Mono) -> Result<&mut Open, FileStatus> {
        let at = self.open.iter().position(|open| open.handle == handle && open.owner == owner).ok_or(FileStatus::INVALID_HANDLE)?;
        if self.open.get(at).is_some_and(|open| now >= open.until) {
            self.open.remove(at);
            return Err(FileStatus::HANDLE_EXPIRED);
        }
        let open = self.open.get_mut(at).ok_or(FileStatus::INVALID_HANDLE)?;
        open.until = now + HANDLE_LIFE;
        Ok(open)
    }

    fn read(&mut self, block: &FileBlock<'_>, owner: (usize, usize), rights: Rights, now: Mono) -> (u8, Vec<u8>) {
        match self.try_read(block, owner, rights, now) {
            Ok((octets, last)) => (5, FileBlock { handle: block.handle, number: block.number, last, octets: &octets }.encode()),
            Err(status) => (6, block_status(block, status)),
        }
    }

    fn try_read(&mut self, block: &FileBlock<'_>, owner: (usize, usize), rights: Rights, now: Mono) -> Result<(Vec<u8>, bool), FileStatus> {
        let max_room = rights.max_fragment.saturating_sub(AROUND_BLOCK);
        let open = self.find(block.handle, owner, now)?;
        if open.writes {
            return Err(FileStatus::PERMISSION_DENIED);
        }
        // The block before is given again: its answer may have been lost.
        let again = open.next.checked_sub(1) == Some(block.number);
        if block.number != open.next && !again {
            return Err(FileStatus::BLOCK_SEQUENCE);
        }
        let offset = if again { open.before } else { open.offset };
        let (name, block_max) = (open.name.clone(), open.block_max.min(max_room));
        let (octets, size) = match &open.listing {
            Some(listing) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(listing.len());
                let to = from.saturating_add(block_max).min(listing.len());
                (listing.get(from..to).unwrap_or_default().to_vec(), listing.len() as u64)
            }
            None => {
                let octets = self.store.read(&name, offset, block_max)?;
                (octets, u64::from(self.store.info(&name)?.size))
            }
        };
        let end = offset + octets.len() as u64;
        let last = end >= size || octets.is_empty();
        let open = self.find(block.handle, owner, now)?;
        (open.before, open.offset, open.next) = (offset, end, block.number + 1);
        Ok((octets, last))
    }

    fn write(&mut self, block: &FileBlock<'_>, owner: (usize, usize), now: Mono) -> (u8, Vec<u8>) {
        let status = self.try_write(block, owner, now).err().unwrap_or(FileStatus::SUCCESS);
        (6, block_status(block, status))
    }

    fn try_write(&mut self, block: &FileBlock<'_>, owner: (usize, usize), now: Mono) -> Result<(), FileStatus> {
        let open = self.find(block.handle, owner, now)?;
        if !open.writes {
            return Err(FileStatus::PERMISSION_DENIED);
        }
        if open.next.checked_sub(1) == Some(block.number) {
            // The block before came again, its answer was lost: it is not appended twice.
            return Ok(());
        }
        if block.number != open.next {
            return Err(FileStatus::BLOCK_SEQUENCE);
        }
        if block.octets.len() > open.block_max {
            return Err(FileStatus::WRITE_BLOCK_SIZE);
        }
        if open.offset + block.octets.len() as u64 > FILE_MAX {
            return Err(FileStatus::BUFFER_OVERRUN);
        }
        let name = open.name.clone();
        self.store.append(&name, block.octets)?;
        let open = self.find(block.handle, owner, now)?;
        open.offset += block.octets.len() as u64;
        open.next = block.number + 1;
        Ok(())
    }

    fn close(&mut self, file: &FileObject<'_>, owner: (usize, usize), now: Mono) -> (u8, Vec<u8>) {
        let status = match self.find(file.handle, owner, now) {
            Ok(_) => {
                self.open.retain(|open| open.handle != file.handle);
                FileStatus::SUCCESS
            }
            Err(status) => status,
        };
        let answer = FileObject { handle: file.handle, size: 0, block_max: 0, request_id: file.request_id, status, text: b"" };
        (4, answer.encode())
    }

    fn delete(&mut self, command: &FileCommand<'_>, rights: Rights) -> (u8, Vec<u8>) {
        let deleted = normalised(command.name).and_then(|name| {
            if !rights.write || !self.store.admits(command.key) || name.is_empty() {
                return Err(FileStatus::PERMISSION_DENIED);
            }
            if self.open.iter().any(|open| open.name == name) {
                return Err(FileStatus::LOCKED);
            }
            self.store.delete(&name)
        });
        let status = deleted.err().unwrap_or(FileStatus::SUCCESS);
        (4, FileObject { handle: 0, size: 0, block_max: 0, request_id: command.request_id, status, text: b"" }.encode())
    }

    fn describe(&mut self, asked: &FileDescriptor<'_>) -> Option<(u8, Vec<u8>)> {
        match normalised(asked.name).and_then(|name| self.store.info(&name)) {
            Ok(info) => FileDescriptor { name: asked.name, ..descriptor(&info, asked.request_id) }.encode().map(|octets| (7, octets)),
            Err(status) => {
                let none = FileObject { handle: 0, size: 0, block_max: 0, request_id: asked.request_id, status, text: b"" };
                Some((4, none.encode()))
            }
        }
    }
}

fn descriptor(info: &FileInfo, request_id: u16) -> FileDescriptor<'_> {
    FileDescriptor {
        name: info.name.as_bytes(),
        file_type: if info.is_directory { FileType::DIRECTORY } else { FileType::FILE },
        size: info.size,
        created: info.created,
        permissions: info.permissions,
        request_id,
    }
}

fn block_status(block: &FileBlock<'_>, status: FileStatus) -> Vec<u8> {
    FileBlockStatus { handle: block.handle, number: block.number, last: block.last, status, text: b"" }.encode()
}

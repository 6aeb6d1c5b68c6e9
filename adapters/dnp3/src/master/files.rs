//! One file of an outstation: opened, read or written block by block, closed (row 52).

use bridge_session::FileWish;

use crate::app::{FragmentView, FragmentWriter, Function, Harmless, Refused};
use crate::objects::{DnpTime, FileBlock, FileBlockStatus, FileCommand, FileDescriptor, FileMode, FileObject, FileStatus, FileType};

/// Octets of a file that is read, at most.
pub(super) const FILE_MAX: usize = 64 << 20;
/// Octets of a directory, at most.
pub(super) const DIRECTORY_MAX: usize = 1 << 20;
/// What a fragment holds beside the octets of a block, rounded up.
const AROUND_BLOCK: usize = 32;

/// What is asked next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Open,
    Block,
    Close,
    Delete,
}

/// One transfer.
#[derive(Debug)]
pub(super) struct Transfer {
    wish: FileWish,
    step: Step,
    request_id: u16,
    handle: u32,
    block_max: u16,
    /// The number of the next block.
    number: u32,
    /// Octets read or written.
    octets: usize,
    /// Octets of the block that is on its way.
    leaving: usize,
    directory: Vec<u8>,
    failure: Option<String>,
}

/// What an answer means for the transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Moved {
    /// It goes on; with octets for whoever asked.
    On(Option<Vec<u8>>),
    /// It has ended; with octets for whoever asked.
    Done(String, Option<Vec<u8>>),
    /// The outstation said no, or what it said cannot be.
    Refused(String),
}

impl Transfer {
    /// For fragments of at most so many octets in either direction.
    pub(super) fn new(wish: FileWish, request_id: u16, fragment_max: usize) -> Self {
        let step = if matches!(wish, FileWish::Delete(_)) { Step::Delete } else { Step::Open };
        let block_max = u16::try_from(fragment_max.saturating_sub(AROUND_BLOCK)).unwrap_or(u16::MAX);
        let (directory, failure) = (Vec::new(), None);
        Self { wish, step, request_id, handle: 0, block_max, number: 0, octets: 0, leaving: 0, directory, failure }
    }

    /// What is asked.
    pub(super) const fn wish(&self) -> &FileWish {
        &self.wish
    }

    fn name(&self) -> &str {
        match &self.wish {
            FileWish::List(name) | FileWish::Read(name) | FileWish::Write { name, .. } | FileWish::Delete(name) => name,
        }
    }

    /// The function of the next request, and its kind without a permit.
    pub(super) const fn function(&self) -> (Function, Option<Harmless>) {
        match (self.step, &self.wish) {
            (Step::Open, FileWish::Write { .. } | FileWish::Delete(_)) => (Function::OpenFile, None),
            (Step::Open, FileWish::List(_) | FileWish::Read(_)) => (Function::OpenFile, Some(Harmless::OPEN_FILE)),
            (Step::Block, FileWish::Write { .. } | FileWish::Delete(_)) => (Function::Write, None),
            (Step::Block, FileWish::List(_) | FileWish::Read(_)) => (Function::Read, Some(Harmless::READ)),
            (Step::Close, _) => (Function::CloseFile, Some(Harmless::CLOSE_FILE)),
            (Step::Delete, _) => (Function::DeleteFile, None),
        }
    }

    /// Writes what stands behind the header of the next request.
    ///
    /// # Errors
    /// The name does not fit a fragment.
    pub(super) fn put(&mut self, writer: &mut FragmentWriter) -> Result<(), Refused> {
        match self.step {
            Step::Open | Step::Delete => {
                let (mode, size, permissions) = match &self.wish {
                    FileWish::Write { octets, .. } => (FileMode::WRITE, u32::try_from(octets.len()).unwrap_or(u32::MAX), 0o644),
                    FileWish::List(_) | FileWish::Read(_) => (FileMode::READ, 0, 0),
                    FileWish::Delete(_) => (FileMode::NUL, 0, 0),
                };
                let command = FileCommand {
                    name: self.name().as_bytes(),
                    created: DnpTime::default(),
                    permissions,
                    key: 0,
                    size,
                    mode,
                    block_max: self.block_max,
                    request_id: self.request_id,
                };
                writer.free_format(70, 3, &command.encode().ok_or(Refused::TooLong)?)
            }
            Step::Block => {
                let (octets, last) = match &self.wish {
                    FileWish::Write { octets, .. } => {
                        let rest = octets.get(self.octets..).unwrap_or_default();
                        let block = rest.get(..usize::from(self.block_max)).unwrap_or(rest);
                        (block, block.len() == rest.len())
                    }
                    FileWish::List(_) | FileWish::Read(_) | FileWish::Delete(_) => (&[][..], false),
                };
                self.leaving = octets.len();
                writer.free_format(70, 5, &FileBlock { handle: self.handle, number: self.number, last, octets }.encode())
            }
            Step::Close => {
                let file = FileObject {
                    handle: self.handle,
                    size: 0,
                    block_max: 0,
                    request_id: self.request_id,
                    status: FileStatus::SUCCESS,
                    text: &[],
                };
                writer.free_format(70, 4, &file.encode())
            }
        }
    }

    /// The answer to the last request.
    pub(super) fn answered(&mut self, view: &FragmentView<'_>) -> Moved {
        let object = view.headers().flatten().find(|header| header.header.group == 70);
        let variation = object.map_or(0, |header| header.header.variation);
        let octets = object.and_then(|header| header.objects().next()).map_or(&[][..], |object| object.payload.octets());
        let moved = match (self.step, variation) {
            (Step::Open, 4) => FileObject::decode(octets).map(|file| self.opened(&file)),
            (Step::Delete, 4) => FileObject::decode(octets).map(|file| match status_of(file.status) {
                Ok(()) => Ok(Moved::Done(format!("{} is deleted", self.name()), None)),
                Err(why) => Err(why),
            }),
            (Step::Block, 5) if !matches!(self.wish, FileWish::Write { .. }) => FileBlock::decode(octets).map(|block| self.read(&block)),
            (Step::Block, 6) => FileBlockStatus::decode(octets).map(|status| self.written(&status)),
            (Step::Close, 4) => FileObject::decode(octets).map(|file| self.closed(file.status)),
            _ => None,
        };
        let outcome = moved.unwrap_or_else(|| {
            let named = view.iin.names().collect::<Vec<_>>().join(" ");
            Err(if named.is_empty() { "the answer holds no state of the file".to_owned() } else { named })
        });
        outcome.unwrap_or_else(|why| {
            if self.handle == 0 || self.step == Step::Close {
                return Moved::Refused(self.failure.take().unwrap_or(why));
            }
            // The handle is given back first.
            self.failure = Some(why);
            self.step = Step::Close;
            Moved::On(None)
        })
    }

    fn opened(&mut self, file: &FileObject<'_>) -> Result<Moved, String> {
        status_of(file.status)?;
        if file.handle == 0 {
            return Err("the handle is 0".to_owned());
        }
        self.handle = file.handle;
        if file.block_max == 0 || file.block_max > self.block_max {
            return Err(format!("blocks of {} octets, and 1 to {} were asked for", file.block_max, self.block_max));
        }
        self.block_max = file.block_max;
        self.step = Step::Block;
        Ok(Moved::On(None))
    }

    fn in_order(&self, handle: u32, number: u32) -> Result<(), String> {
        if handle != self.handle {
            return Err(format!("block of handle {handle} instead of {}", self.handle));
        }
        if number != self.number {
            return Err(format!("block {number} instead of {}", self.number));
        }
        Ok(())
    }

    fn read(&mut self, block: &FileBlock<'_>) -> Result<Moved, String> {
        self.in_order(block.handle, block.number)?;
        if block.octets.len() > usize::from(self.block_max) {
            return Err(format!("a block of {} octets, and {} were agreed", block.octets.len(), self.block_max));
        }
        self.octets += block.octets.len();
        self.number += 1;
        if block.last {
            self.step = Step::Close;
        }
        if matches!(self.wish, FileWish::List(_)) {
            if self.octets > DIRECTORY_MAX {
                return Err(format!("the directory is longer than {DIRECTORY_MAX} octets"));
            }
            self.directory.extend_from_slice(block.octets);
            return Ok(Moved::On(None));
        }
        if self.octets > FILE_MAX {
            return Err(format!("the file is longer than {FILE_MAX} octets"));
        }
        Ok(Moved::On((!block.octets.is_empty()).then(|| block.octets.to_vec())))
    }

    fn written(&mut self, status: &FileBlockStatus<'_>) -> Result<Moved, String> {
        status_of(status.status)?;
        let FileWish::Write { octets, .. } = &self.wish else { return Err("a state instead of the block".to_owned()) };
        self.in_order(status.handle, status.number)?;
        self.number += 1;
        self.octets += self.leaving;
        if self.octets >= octets.len() {
            self.step = Step::Close;
        }
        Ok(Moved::On(None))
    }

    fn closed(&mut self, status: FileStatus) -> Result<Moved, String> {
        if let Some(why) = self.failure.take() {
            return Ok(Moved::Refused(why));
        }
        status_of(status)?;
        let listing = match &self.wish {
            FileWish::List(_) => Some(names(&self.directory)?),
            FileWish::Read(_) | FileWish::Write { .. } | FileWish::Delete(_) => None,
        };
        Ok(Moved::Done(format!("{} octets", self.octets), listing))
    }
}

/// The names of a directory, a line for each; directories end with `/`.
fn names(mut directory: &[u8]) -> Result<Vec<u8>, String> {
    let mut names = Vec::new();
    while !directory.is_empty() {
        let broken = || "the directory's content is no list of descriptors".to_owned();
        let entry = FileDescriptor::decode(directory).ok_or_else(broken)?;
        // Control characters would make other lines of it.
        names.extend(entry.name.iter().map(|octet| if octet.is_ascii_control() { b'?' } else { *octet }));
        if entry.file_type == FileType::DIRECTORY {
            names.push(b'/');
        }
        names.push(b'\n');
        let name_at = directory.first_chunk().map_or(0, |at| usize::from(u16::from_le_bytes(*at)));
        let length = if entry.name.is_empty() { 20 } else { name_at + entry.name.len() };
        directory = directory.get(length.max(20)..).ok_or_else(broken)?;
    }
    Ok(names)
}

fn status_of(status: FileStatus) -> Result<(), String> {
    let name = match status {
        FileStatus::SUCCESS => return Ok(()),
        FileStatus::PERMISSION_DENIED => "PERMISSION_DENIED",
        FileStatus::INVALID_MODE => "INVALID_MODE",
        FileStatus::NOT_FOUND => "FILE_NOT_FOUND",
        FileStatus::LOCKED => "FILE_LOCKED",
        FileStatus::TOO_MANY_OPEN => "TOO_MANY_OPEN",
        FileStatus::INVALID_HANDLE => "INVALID_HANDLE",
        FileStatus::WRITE_BLOCK_SIZE => "WRITE_BLOCK_SIZE",
        FileStatus::COMM_LOST => "COMM_LOST",
        FileStatus::CANNOT_ABORT => "CANNOT_ABORT",
        FileStatus::NOT_OPENED => "NOT_OPENED",
        FileStatus::HANDLE_EXPIRED => "HANDLE_EXPIRED",
        FileStatus::BUFFER_OVERRUN => "BUFFER_OVERRUN",
        FileStatus::FATAL => "FATAL",
        FileStatus::BLOCK_SEQUENCE => "BLOCK_SEQUENCE",
        FileStatus(other) => return Err(format!("file status {other}")),
    };
    Err(name.to_owned())
}

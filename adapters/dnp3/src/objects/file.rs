//! File objects (g70, clause 5.3). Names are the octets of the peer: whoever opens a file by one keeps it inside its folder.

use crate::objects::DnpTime;
use crate::objects::read::Reader;

/// What became of a request about a file (g70v4, g70v6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileStatus(pub u8);

impl FileStatus {
    /// Done.
    pub const SUCCESS: Self = Self(0);
    /// The key, the mode or the permissions do not allow it.
    pub const PERMISSION_DENIED: Self = Self(1);
    /// Not a mode.
    pub const INVALID_MODE: Self = Self(2);
    /// No such file.
    pub const NOT_FOUND: Self = Self(3);
    /// Another holds it.
    pub const LOCKED: Self = Self(4);
    /// No handle left.
    pub const TOO_MANY_OPEN: Self = Self(5);
    /// No such handle.
    pub const INVALID_HANDLE: Self = Self(6);
    /// The block is larger than was agreed.
    pub const WRITE_BLOCK_SIZE: Self = Self(7);
    /// The communication with where the file lies is lost.
    pub const COMM_LOST: Self = Self(8);
    /// An abort could not be carried out.
    pub const CANNOT_ABORT: Self = Self(9);
    /// The handle does not refer to an open file.
    pub const NOT_OPENED: Self = Self(16);
    /// The handle expired: too long unused.
    pub const HANDLE_EXPIRED: Self = Self(17);
    /// Too many bytes.
    pub const BUFFER_OVERRUN: Self = Self(18);
    /// The device failed.
    pub const FATAL: Self = Self(19);
    /// Not the block that follows.
    pub const BLOCK_SEQUENCE: Self = Self(20);
    /// None of the others.
    pub const UNDEFINED: Self = Self(255);
}

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileMode(pub u16);

impl FileMode {
    /// Nothing: a request that does not open.
    pub const NUL: Self = Self(0);
    /// To read.
    pub const READ: Self = Self(1);
    /// To write from its beginning; what was there is gone.
    pub const WRITE: Self = Self(2);
    /// To write behind its end.
    pub const APPEND: Self = Self(3);
}

/// What a descriptor describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileType(pub u16);

impl FileType {
    /// A directory; its content reads as descriptors.
    pub const DIRECTORY: Self = Self(0);
    /// A file.
    pub const FILE: Self = Self(1);
}

/// Who wants a key (v2); in the answer, the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileAuthentication<'a> {
    /// The user.
    pub user: &'a [u8],
    /// The password.
    pub password: &'a [u8],
    /// The key; 0 in the request, and in the answer if it is refused.
    pub key: u32,
}

/// Opens or deletes a file (v3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileCommand<'a> {
    /// The name.
    pub name: &'a [u8],
    /// When it was made; 0 if that does not matter.
    pub created: DnpTime,
    /// Nine bits as in POSIX: read, write, execute of owner, group, world.
    pub permissions: u16,
    /// The key of an authentication, or 0.
    pub key: u32,
    /// Octets, of a file to write; 0xFFFFFFFF is not known.
    pub size: u32,
    /// What for.
    pub mode: FileMode,
    /// The longest block wanted.
    pub block_max: u16,
    /// Is repeated in the answer.
    pub request_id: u16,
}

/// A file's handle and status (v4), to open, close and delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileObject<'a> {
    /// The handle; 0 is none.
    pub handle: u32,
    /// Octets.
    pub size: u32,
    /// The longest block.
    pub block_max: u16,
    /// That of the request.
    pub request_id: u16,
    /// What became of it.
    pub status: FileStatus,
    /// Further text.
    pub text: &'a [u8],
}

/// A block of a file (v5); without octets, the request for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileBlock<'a> {
    /// The handle.
    pub handle: u32,
    /// The number, from 0, of 31 bits.
    pub number: u32,
    /// No block follows.
    pub last: bool,
    /// The content.
    pub octets: &'a [u8],
}

/// What became of a block (v6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileBlockStatus<'a> {
    /// The handle.
    pub handle: u32,
    /// The number, of 31 bits.
    pub number: u32,
    /// As in the block.
    pub last: bool,
    /// What became of it.
    pub status: FileStatus,
    /// Further text.
    pub text: &'a [u8],
}

/// A file's description (v7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileDescriptor<'a> {
    /// The name.
    pub name: &'a [u8],
    /// File or directory.
    pub file_type: FileType,
    /// Octets; files in a directory.
    pub size: u32,
    /// When it was made.
    pub created: DnpTime,
    /// As in [`FileCommand`].
    pub permissions: u16,
    /// That of the request.
    pub request_id: u16,
}

const LAST: u32 = 1 << 31;

/// A string that an object points to: inside the object, behind its fixed part.
fn pointed(object: &[u8], fixed: usize, offset: u16, size: u16) -> Option<&[u8]> {
    let (offset, size) = (usize::from(offset), usize::from(size));
    if size == 0 {
        return Some(&[]);
    }
    if offset < fixed { None } else { object.get(offset..offset + size) }
}

/// The size of a string as an object says it.
fn size_of(string: &[u8], before: usize) -> Option<u16> {
    u16::try_from(before + string.len()).ok()?;
    u16::try_from(string.len()).ok()
}

/// Words as they stand one behind the other.
fn words<const N: usize>(words: [u16; N]) -> Vec<u8> {
    words.map(u16::to_le_bytes).concat()
}

/// Where a block belongs: its handle, its number, and whether it is the last.
fn place(handle: u32, number: u32, last: bool) -> Vec<u8> {
    [handle, number & !LAST | if last { LAST } else { 0 }].map(u32::to_le_bytes).concat()
}

impl<'a> FileAuthentication<'a> {
    const FIXED: usize = 12;

    /// From the wire; `None` if a string is not inside the object.
    #[must_use]
    pub fn decode(object: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(object);
        let (user_at, user_size) = (reader.u16()?, reader.u16()?);
        let (password_at, password_size) = (reader.u16()?, reader.u16()?);
        Some(Self {
            key: reader.u32()?,
            user: pointed(object, Self::FIXED, user_at, user_size)?,
            password: pointed(object, Self::FIXED, password_at, password_size)?,
        })
    }

    /// To the wire; `None` beyond 65535 octets.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let user_size = size_of(self.user, Self::FIXED)?;
        let password_at = 12_u16.checked_add(user_size)?;
        let password_size = size_of(self.password, usize::from(password_at))?;
        let strings = words([12, user_size, password_at, password_size]);
        Some([&strings, &self.key.to_le_bytes()[..], self.user, self.password].concat())
    }
}

impl<'a> FileCommand<'a> {
    const FIXED: usize = 26;

    /// From the wire; `None` if the name is not inside the object.
    #[must_use]
    pub fn decode(object: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(object);
        let (name_at, name_size) = (reader.u16()?, reader.u16()?);
        Some(Self {
            created: DnpTime::from_octets(reader.octets()?),
            permissions: reader.u16()?,
            key: reader.u32()?,
            size: reader.u32()?,
            mode: FileMode(reader.u16()?),
            block_max: reader.u16()?,
            request_id: reader.u16()?,
            name: pointed(object, Self::FIXED, name_at, name_size)?,
        })
    }

    /// To the wire; `None` beyond 65535 octets.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let name_size = size_of(self.name, Self::FIXED)?;
        let fixed = [
            &words([26, name_size])[..],
            &self.created.octets(),
            &self.permissions.to_le_bytes(),
            &self.key.to_le_bytes(),
            &self.size.to_le_bytes(),
            &words([self.mode.0, self.block_max, self.request_id]),
        ];
        Some([&fixed.concat(), self.name].concat())
    }
}

impl<'a> FileObject<'a> {
    /// From the wire.
    #[must_use]
    pub fn decode(object: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(object);
        Some(Self {
            handle: reader.u32()?,
            size: reader.u32()?,
            block_max: reader.u16()?,
            request_id: reader.u16()?,
            status: FileStatus(reader.u8()?),
            text: reader.rest(),
        })
    }

    /// To the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sizes = [self.handle.to_le_bytes(), self.size.to_le_bytes()].concat();
        [&sizes, &words([self.block_max, self.request_id])[..], &[self.status.0], self.text].concat()
    }
}

impl<'a> FileBlock<'a> {
    /// From the wire.
    #[must_use]
    pub fn decode(object: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(object);
        let (handle, number) = (reader.u32()?, reader.u32()?);
        Some(Self { handle, number: number & !LAST, last: number & LAST != 0, octets: reader.rest() })
    }

    /// To the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&place(self.handle, self.number, self.last), self.octets].concat()
    }
}

impl<'a> FileBlockStatus<'a> {
    /// From the wire.
    #[must_use]
    pub fn decode(object: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(object);
        let (handle, number, status) = (reader.u32()?, reader.u32()?, FileStatus(reader.u8()?));
        Some(Self { handle, number: number & !LAST, last: number & LAST != 0, status, text: reader.rest() })
    }

    /// To the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&place(self.handle, self.number, self.last)[..], &[self.status.0], self.text].concat()
    }
}

impl<'a> FileDescriptor<'a> {
    const FIXED: usize = 20;

    /// From the wire; `None` if the name is not inside the object.
    #[must_use]
    pub fn decode(object: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(object);
        let (name_at, name_size) = (reader.u16()?, reader.u16()?);
        Some(Self {
            file_type: FileType(reader.u16()?),
            size: reader.u32()?,
            created: DnpTime::from_octets(reader.octets()?),
            permissions: reader.u16()?,
            request_id: reader.u16()?,
            name: pointed(object, Self::FIXED, name_at, name_size)?,
        })
    }

    /// To the wire; `None` beyond 65535 octets. A directory's content is such objects one behind the other.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let name_size = size_of(self.name, Self::FIXED)?;
        let fixed = [
            &words([20, name_size, self.file_type.0])[..],
            &self.size.to_le_bytes(),
            &self.created.octets(),
            &words([self.permissions, self.request_id]),
        ];
        Some([&fixed.concat(), self.name].concat())
    }
}

#[cfg(test)]
mod tests;

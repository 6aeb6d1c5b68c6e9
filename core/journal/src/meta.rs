//! Small files beside the segments, replaced whole: written to a temporary name, synced, renamed, folder synced.

use std::io;

use crate::disk::Disk;
use crate::error::{Error, is_full};
use crate::format::Position;

/// The longest content of a meta file, octets.
pub const MAX_META: usize = 16 << 20;
/// The meta file that holds the head: a position that must be there at the next start.
pub(crate) const HEAD: &str = "head";

fn file_name(name: &str) -> Result<String, Error> {
    let good = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good { Ok(format!("meta-{name}")) } else { Err(Error::Name { name: name.to_owned() }) }
}

/// Replaces the meta file `name` (a-z, 0-9, `-`) by `bytes`, durably: after a crash either the old or the new content is there, whole.
/// Costs two syncs.
///
/// # Errors
/// [`Error::Full`] if the disk is full (the old content stays), [`Error::Io`], [`Error::TooLarge`] above [`MAX_META`], [`Error::Name`].
pub fn put_meta(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let file = file_name(name)?;
    if bytes.len() > MAX_META {
        return Err(Error::TooLarge { what: "meta", len: bytes.len(), max: MAX_META });
    }
    let temporary = format!("{file}.tmp");
    match disk.remove(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &temporary, e)),
        Ok(()) | Err(_) => {}
    }
    let mut content = Vec::with_capacity(bytes.len() + 8);
    content.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    content.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
    content.extend_from_slice(bytes);
    if let Err(e) = disk.append(&temporary, &content) {
        let _ = disk.remove(&temporary);
        return Err(if is_full(&e) { Error::Full } else { Error::io("write", &temporary, e) });
    }
    disk.sync(&temporary).map_err(|e| Error::io("sync", &temporary, e))?;
    disk.rename(&temporary, &file).map_err(|e| Error::io("rename", &temporary, e))?;
    disk.sync_dir().map_err(|e| Error::io("sync", ".", e))
}

/// The content of the meta file `name`, `None` if there is none.
///
/// # Errors
/// [`Error::Damaged`] if its length or CRC is wrong, [`Error::Io`], [`Error::Name`].
pub fn get_meta(disk: &dyn Disk, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let file = file_name(name)?;
    let damaged = |what| Error::Damaged { file: file.clone(), offset: 0, position: Position(0), what };
    let len = match disk.len(&file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", &file, e)),
        Ok(len) => usize::try_from(len).unwrap_or(usize::MAX),
    };
    if !(8..=MAX_META + 8).contains(&len) {
        return Err(damaged("the meta file has an impossible length"));
    }
    let mut content = vec![0; len];
    let mut at = 0;
    while at < len {
        match disk.read(&file, at as u64, &mut content[at..]) {
            Ok(0) => return Err(damaged("the meta file is cut short")),
            Ok(n) => at += n,
            Err(e) => return Err(Error::io("read", &file, e)),
        }
    }
    let bytes = content.split_off(8);
    if content[..4] != (bytes.len() as u32).to_le_bytes() || content[4..] != crc32c::crc32c(&bytes).to_le_bytes() {
        return Err(damaged("the meta file has a wrong length or CRC"));
    }
    Ok(Some(bytes))
}

/// The head: the position that was durable, and what the caller added.
pub(crate) fn get_head(disk: &dyn Disk) -> Result<Option<(Position, Vec<u8>)>, Error> {
    let Some(mut bytes) = get_meta(disk, HEAD)? else { return Ok(None) };
    if bytes.len() < 8 {
        return Err(Error::Damaged { file: "meta-head".into(), offset: 8, position: Position(0), what: "the head is too short" });
    }
    let rest = bytes.split_off(8);
    Ok(Some((Position(bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))), rest)))
}

pub(crate) fn put_head(disk: &dyn Disk, position: Position, bytes: &[u8]) -> Result<(), Error> {
    let mut content = Vec::with_capacity(bytes.len() + 8);
    content.extend_from_slice(&position.0.to_le_bytes());
    content.extend_from_slice(bytes);
    put_meta(disk, HEAD, &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem_disk::MemDisk;

    #[test]
    fn a_meta_file_is_old_or_new_after_a_crash_at_any_step() {
        for fuse in 0..8 {
            let disk = MemDisk::new();
            put_meta(&disk, "head", b"old").unwrap();
            disk.set_fuse(Some(fuse));
            let done = put_meta(&disk, "head", b"newer").is_ok();
            disk.crash(3);
            let now = get_meta(&disk, "head").unwrap().unwrap();
            assert!(if done { now == b"newer" } else { now == b"old" || now == b"newer" }, "fuse {fuse}: {now:?}");
            put_meta(&disk, "head", b"again").unwrap();
        }
    }

    #[test]
    fn damage_limits_and_names_are_named() {
        let disk = MemDisk::new();
        assert!(get_meta(&disk, "x").unwrap().is_none());
        put_meta(&disk, "x", b"content").unwrap();
        let mut bytes = disk.bytes("meta-x").unwrap();
        bytes[10] ^= 1;
        disk.set_bytes("meta-x", &bytes);
        assert!(matches!(get_meta(&disk, "x"), Err(Error::Damaged { .. })));
        assert!(matches!(put_meta(&disk, "../x", b""), Err(Error::Name { .. })));
        assert!(matches!(put_meta(&disk, "x", &vec![0; MAX_META + 1]), Err(Error::TooLarge { .. })));
        disk.set_capacity(Some(20));
        assert!(matches!(put_meta(&disk, "y", &[0; 64]), Err(Error::Full)));
        assert_eq!(disk.list().unwrap(), ["meta-x"]);
    }
}

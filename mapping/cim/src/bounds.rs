//! What a reading may use.

/// Limits on what is read. A file beyond one of them is refused, never cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Bounds {
    /// Bytes of one document, unpacked. At most 4 GiB: places are kept as 32-bit offsets.
    pub document_bytes: u64,
    /// Bytes of all documents, unpacked.
    pub all_bytes: u64,
    /// Bytes of one tag, text or comment.
    pub token_bytes: u64,
    /// Elements inside each other; CIM/XML needs five.
    pub depth: usize,
    /// Documents of one reading.
    pub documents: usize,
    /// Objects.
    pub objects: usize,
    /// Attributes and references of all objects.
    pub statements: usize,
    /// Bytes of all distinct texts.
    pub text_bytes: usize,
    /// Entries of one archive.
    pub zip_entries: usize,
    /// How many times larger than packed an entry may become, beyond its first MiB. CIM/XML reaches about 40.
    pub zip_ratio: u64,
    /// Bytes of archives inside archives that are kept in memory.
    pub zip_nested_bytes: u64,
}

impl Bounds {
    /// The largest document that offsets can point into.
    pub(crate) const LARGEST_DOCUMENT: u64 = u32::MAX as u64;
    /// Names of classes and attributes; a number of 16 bits stands for each.
    pub(crate) const NAMES: usize = 60_000;
    /// Folders inside each other.
    pub(crate) const FOLDER_DEPTH: usize = 4;
    /// Files of a folder that are looked at.
    pub(crate) const FOLDER_FILES: usize = 4096;
    /// Steps from an object to what contains it.
    pub(crate) const CONTAINMENT: usize = 16;
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            document_bytes: 2 << 30,
            all_bytes: 4 << 30,
            token_bytes: 1 << 20,
            depth: 32,
            documents: 256,
            objects: 20_000_000,
            statements: 100_000_000,
            text_bytes: 2 << 30,
            zip_entries: 1024,
            zip_ratio: 200,
            zip_nested_bytes: 256 << 20,
        }
    }
}

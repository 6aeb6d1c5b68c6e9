//! What a file may cost. A file beyond a limit is refused whole, a type beyond one is not expanded.

/// The bounds of one reading. The defaults carry the largest station files known, several times over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Elements of the whole file, read or passed over.
    pub elements: usize,
    /// Logical nodes: each costs more than its few letters.
    pub nodes: usize,
    /// Elements inside each other. The deepest lawful path, a Val in nested SDIs, has about 20.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of one attribute's value.
    pub attribute_bytes: usize,
    /// Bytes of one element's text.
    pub text_bytes: usize,
    /// Types inside each other (DO, SDO, DA, BDA); lawful models have about 8.
    pub type_depth: usize,
    /// Objects and attributes of one logical node type after expansion, an array counted once.
    pub type_nodes: u64,
    /// The same with every array element counted.
    pub type_elements: u64,
    /// Objects and attributes of all logical node types together, an array counted once.
    pub all_type_nodes: u64,
    /// Elements of one array.
    pub array: u32,
    /// Different kinds of foreign content that are named; further kinds are counted together.
    pub aside_kinds: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            elements: 3_000_000,
            nodes: 250_000,
            depth: 64,
            attributes: 128,
            attribute_bytes: 16 << 10,
            text_bytes: 64 << 10,
            type_depth: 24,
            type_nodes: 50_000,
            type_elements: 1_000_000,
            all_type_nodes: 2_000_000,
            array: 65_536,
            aside_kinds: 256,
        }
    }
}

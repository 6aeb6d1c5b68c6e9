//! What a file may cost. A file beyond a limit is refused whole, a type beyond one is not expanded.

/// The bounds of one reading. The defaults carry the largest station files known, several times over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Elements of the whole file, read or passed over.
    pub elements: usize,
    /// Logical devices and nodes: each costs more than its few letters.
    pub nodes: usize,
    /// Parts of the single line inside each other; lawful ones have about 10.
    pub part_depth: usize,
    /// Elements inside each other. The deepest lawful path, a Val in nested SDIs, has about 20.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of a name: every attribute of SCL but descriptions and paths.
    pub name_bytes: usize,
    /// Bytes of any other attribute's value.
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
    /// Words of one enumeration.
    pub enum_words: usize,
    /// Different kinds of foreign content that are named; further kinds are counted together.
    pub aside_kinds: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            elements: 3_000_000,
            nodes: 250_000,
            part_depth: 24,
            depth: 64,
            attributes: 128,
            name_bytes: 255,
            attribute_bytes: 16 << 10,
            text_bytes: 64 << 10,
            type_depth: 24,
            type_nodes: 50_000,
            type_elements: 1_000_000,
            all_type_nodes: 1_000_000,
            array: 65_536,
            enum_words: 4096,
            aside_kinds: 256,
        }
    }
}

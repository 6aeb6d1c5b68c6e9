//! Two shipped profiles as one: a bridge has exactly one profile, and that of the demonstration names the links of both.

/// The text of both: the preamble (schema, id, version) is the first one's; a table that both have holds the rows of both, and of a row
/// that both name the first one's counts.
pub(super) fn join(first: &str, second: &str) -> String {
    let mut blocks = blocks(first);
    for block in self::blocks(second).into_iter().skip(1) {
        match blocks.iter_mut().find(|known| known.is_shared_with(&block)) {
            Some(known) => {
                let held: Vec<&str> = known.lines.iter().filter_map(|line| row(line)).collect();
                let mut wanted = false;
                for line in block.lines.iter().skip(1) {
                    // A row may go on over lines that name none.
                    wanted = row(line).map_or(wanted && !line.starts_with('#'), |name| !held.contains(&name));
                    if wanted {
                        known.lines.push(line);
                    }
                }
            }
            None => blocks.push(block),
        }
    }
    blocks.iter().flat_map(|block| &block.lines).flat_map(|line| [*line, "\n"]).collect()
}

/// A table of the text with its header, or what stands before the first.
struct Block<'a> {
    lines: Vec<&'a str>,
}

impl Block<'_> {
    fn header(&self) -> &str {
        let line = self.lines.first().copied().unwrap_or_default();
        line.split('#').next().unwrap_or_default().trim()
    }

    /// A list of tables (`[[test]]`) may go on anywhere, a table may not.
    fn is_shared_with(&self, other: &Self) -> bool {
        self.header() == other.header() && !other.header().starts_with("[[")
    }
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = vec![Block { lines: Vec::new() }];
    for line in text.lines() {
        if line.starts_with('[') {
            blocks.push(Block { lines: Vec::new() });
        }
        if let Some(block) = blocks.last_mut() {
            block.lines.push(line);
        }
    }
    blocks
}

/// The name of the row that begins in a line.
fn row<'a>(line: &&'a str) -> Option<&'a str> {
    let name = line.split_once('=')?.0.trim_end();
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn tables_are_joined_and_lists_go_on() {
        let first = "id = \"a\"\n[peer]  # who\nx = { text = \"1\" }\n[link]\nl = {}\n[[test]]\nname = \"p\"\n";
        let second = "id = \"b\"\n[peer]\nx = { text = \"2\" }\ny = {}\n[link] # ours\n# why\nm = {}\n[[test]]\nname = \"q\"\n[limits]\nz = []\n[link]\nn = [\n  { o = 1 },\n]\n";
        let joined = "id = \"a\"\n[peer]  # who\nx = { text = \"1\" }\ny = {}\n[link]\nl = {}\nm = {}\nn = [\n  { o = 1 },\n]\n[[test]]\nname = \"p\"\n\
                      [[test]]\nname = \"q\"\n[limits]\nz = []\n";
        assert_eq!(join(first, second), joined);
    }
}

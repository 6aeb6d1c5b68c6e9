//! Rust source as text, without what is not code.

/// What of a source a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    /// Without comments.
    CodeAndStrings,
    /// Without comments and without the contents of strings and characters.
    Code,
}

/// The source with everything outside the view blanked by spaces; lines and columns stay where they were.
pub(super) fn view(source: &str, view: View) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, kind) = token(&chars, at);
        let blank = match kind {
            Token::Code => false,
            Token::Comment => true,
            Token::Text => view == View::Code,
        };
        out.extend(chars[at..end].iter().map(|c| if blank && *c != '\n' { ' ' } else { *c }));
        at = end;
    }
    out
}

/// Every name that a `#[test]` of the source has, and every function name at all.
pub(super) fn functions(code: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in code.lines() {
        marked |= line.contains("#[test]") || line.contains("::test]") || line.contains("::test(");
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(after) = words.iter().position(|word| *word == "fn").and_then(|at| words.get(at + 1)) else { continue };
        let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.push((name, marked));
        marked = false;
    }
    found
}

/// Whether `word` stands in `line` with no letter, digit or underscore directly before or after it.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

enum Token {
    Code,
    Comment,
    Text,
}

/// The end of the token that starts at `at`.
fn token(chars: &[char], at: usize) -> (usize, Token) {
    let peek = |offset: usize| chars.get(at + offset).copied().unwrap_or('\n');
    match chars[at] {
        '/' if peek(1) == '/' => (position(chars, at, |c| c == '\n'), Token::Comment),
        '/' if peek(1) == '*' => (block_comment_end(chars, at), Token::Comment),
        '"' => (string_end(chars, at + 1), Token::Text),
        'r' if !is_word_before(chars, at) && (peek(1) == '"' || peek(1) == '#') => raw_string(chars, at),
        '\'' => character(chars, at),
        _ => (at + 1, Token::Code),
    }
}

fn position(chars: &[char], from: usize, is_end: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| is_end(*c)).map_or(chars.len(), |offset| from + offset)
}

fn is_word_before(chars: &[char], at: usize) -> bool {
    // `br"…"` and `cr"…"` are raw strings too.
    let before = |back: usize| at.checked_sub(back).map(|i| chars[i]);
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match before(1) {
        Some('b' | 'c') => is_part(before(2)),
        other => is_part(other),
    }
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0_u32;
    let mut i = at;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != '"' {
        i += 1 + usize::from(chars[i] == '\\');
    }
    (i + 1).min(chars.len())
}

fn raw_string(chars: &[char], at: usize) -> (usize, Token) {
    let quote = position(chars, at + 1, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return (at + 1, Token::Code);
    }
    let hashes = quote - at - 1;
    let mut i = quote + 1;
    while i < chars.len() {
        let closes = chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').take(hashes).count() == hashes;
        i += 1;
        if closes {
            return (i + hashes, Token::Text);
        }
    }
    (chars.len(), Token::Text)
}

/// A character literal, or the tick of a lifetime.
fn character(chars: &[char], at: usize) -> (usize, Token) {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => ((position(chars, (at + 3).min(chars.len()), |c| c == '\'') + 1).min(chars.len()), Token::Text),
        (Some(_), Some('\'')) => (at + 3, Token::Text),
        _ => (at + 1, Token::Code),
    }
}

#[test]
fn comments_and_strings_are_blanked() {
    let source = "a // unsafe\nb /* un /* safe */ x */ c \"uns\\\"afe\" r#\"d\"e\"# f 'g' '\\'' '\\u{1F}' &'h str br\"i\" j";
    let code: Vec<String> = view(source, View::Code).split_whitespace().map(str::to_owned).collect();
    assert_eq!(code, ["a", "b", "c", "f", "&'h", "str", "b", "j"]);
    let strings = view(source, View::CodeAndStrings);
    assert!(strings.contains("uns\\\"afe") && !strings.contains("unsafe"), "{strings}");
    assert_eq!(view(source, View::Code).lines().count(), 2);
    for torn in ["\"abc", "/* abc", "r#\"abc", "'", "'\\", "\"\\", "r#"] {
        assert_eq!(view(torn, View::Code).chars().count(), torn.chars().count(), "{torn}");
    }
}

#[test]
fn tests_are_told_from_other_functions() {
    let code = "#[test]\nfn one() {}\nfn two() {}\n#[tokio::test(flavor = \"x\")]\nasync fn three() {}\npub(crate) const fn four<T>() {}";
    let expected = [("one", true), ("two", false), ("three", true), ("four", false)];
    let found = functions(code);
    assert_eq!(found.iter().map(|(name, is_test)| (name.as_str(), *is_test)).collect::<Vec<_>>(), expected);
}

#[test]
fn a_word_is_whole() {
    assert!(has_word("an unsafe block", "unsafe") && has_word("unsafe{", "unsafe"));
    assert!(!has_word("unsafe_code", "unsafe") && !has_word("is_unsafe", "unsafe"));
}

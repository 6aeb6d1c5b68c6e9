//! The files of the repository that rules read.

use std::path::{Path, PathBuf};

use super::workspace::root;

/// Folders that hold no source of ours.
const SKIPPED: &[&str] = &["target", ".git", ".venv", ".interop", "__pycache__", "corpus"];

/// One file: its path from the root, with `/`, and its text.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// A file by hand, for bad examples.
    pub(super) fn by_hand(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Every text file of the repository whose name ends with one of these, in the order of their paths.
pub(super) fn files(endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    let named = paths.iter().filter(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)));
    named.map(|path| read(path)).collect()
}

/// The Rust sources.
pub(super) fn rust_files() -> Vec<File> {
    files(&[".rs"])
}

fn read(path: &Path) -> File {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let relative = path.strip_prefix(root()).expect("walked from the root");
    File { path: relative.to_string_lossy().replace('\\', "/"), text: String::from_utf8_lossy(&text).into_owned() }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.expect("a folder entry");
        let kind = entry.file_type().expect("a file type");
        if kind.is_dir() && !SKIPPED.contains(&entry.file_name().to_string_lossy().as_ref()) {
            collect(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}

#[test]
fn the_tree_is_walked() {
    let paths: Vec<String> = rust_files().into_iter().map(|file| file.path).collect();
    assert!(paths.contains(&"core/model/src/lib.rs".to_owned()) && paths.contains(&"tests/it/main.rs".to_owned()));
    assert!(!paths.iter().any(|path| path.starts_with("target/")), "build output was walked");
}

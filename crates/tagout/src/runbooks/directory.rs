//! The files of a directory that may be runbooks, in a fixed order.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use tagout_core::limits;

use super::finding::PageError;
use super::page;

/// Files that many directories hold and that are no runbooks unless they say so themselves.
const ABOUT: [&str; 7] =
    ["_index", "changelog", "code_of_conduct", "contributing", "index", "license", "readme"];

/// A file's bytes and name, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageFile {
    /// The path inside the directory, with `/` between its parts.
    pub(super) name: String,
    /// The path as it can be opened from here.
    pub(super) shown: String,
    /// The bytes; one more than allowed if there are too many.
    pub(super) bytes: Vec<u8>,
}

impl PageFile {
    /// Whether the name is that of a file about the directory.
    pub(super) fn is_about(&self) -> bool {
        let stem = stem_of(&self.name).rsplit('/').next().unwrap_or_default();
        ABOUT.contains(&stem.to_lowercase().as_str())
    }

    /// Whether it is certainly no runbook: about the directory, with nothing that declares one.
    pub(super) fn is_skipped(&self) -> bool {
        self.is_about() && !page::begins_with_front_matter(&self.bytes)
    }
}

/// A page's name without its ending.
pub(super) fn stem_of(name: &str) -> &str {
    let ends = |ending: &str| {
        let at = name.len().checked_sub(ending.len())?;
        let (stem, end) = name.split_at_checked(at)?;
        (end.eq_ignore_ascii_case(ending) && !stem.is_empty() && !stem.ends_with('/'))
            .then_some(stem)
    };
    ends(".markdown").or_else(|| ends(".md")).unwrap_or(name)
}

/// All pages under `dir`, sorted by name, and all that could not be read.
pub(super) fn read(dir: &Path) -> (Vec<PageFile>, Vec<PageError>) {
    let mut walk = Walk::default();
    match fs::canonicalize(dir) {
        Ok(root) if root.is_dir() => walk.all(dir, root),
        Ok(_) => walk.error(dir, "directory", "is not a directory", "name the directory of pages"),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            walk.error(dir, "directory", "does not exist", "create it or name another");
        }
        Err(e) => walk.unreadable(dir, &e),
    }
    walk.pages.sort_by(|a, b| a.name.cmp(&b.name));
    (walk.pages, walk.errors)
}

#[derive(Default)]
struct Walk {
    root: PathBuf,
    pages: Vec<PageFile>,
    errors: Vec<PageError>,
    /// Real directories that were read, so that a link to one of them adds nothing.
    visited: BTreeSet<PathBuf>,
    /// Links to directories, read after all real ones.
    links: Vec<(PathBuf, String)>,
    entries: usize,
}

impl Walk {
    fn error(&mut self, path: &Path, field: &str, what: impl Into<String>, fix: &str) {
        let file = path.display().to_string();
        self.errors.push(PageError::new(&file, None, field, what, fix));
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let what = format!("cannot be read ({error})");
        self.error(path, "file", what, "let the user who runs this read it");
    }

    fn all(&mut self, dir: &Path, root: PathBuf) {
        self.root = root;
        self.directory(dir, "");
        while let Some((path, name)) = self.links.pop() {
            self.directory(&path, &name);
        }
        if self.is_over_limit() {
            let what = format!(
                "holds more than {} pages or {} files",
                limits::RUNBOOKS,
                limits::DIRECTORY_ENTRIES
            );
            self.error(dir, "directory", what, "name a directory that holds runbooks alone");
        }
    }

    fn is_over_limit(&self) -> bool {
        self.pages.len() > limits::RUNBOOKS || self.entries > limits::DIRECTORY_ENTRIES
    }

    /// Reads one directory and all below it. Depth is bounded by the number of entries.
    fn directory(&mut self, dir: &Path, name: &str) {
        let mut waiting = vec![(dir.to_owned(), name.to_owned())];
        while let Some((dir, name)) = waiting.pop() {
            let paths = match self.unvisited(&dir) {
                Ok(paths) => paths,
                Err(e) => {
                    self.unreadable(&dir, &e);
                    continue;
                }
            };
            for path in paths {
                self.entries += 1;
                if self.is_over_limit() {
                    return;
                }
                if let Some(below) = self.entry(&path, &name) {
                    waiting.push(below);
                }
            }
        }
    }

    /// The sorted entries of a directory; none if it was read before under another name.
    fn unvisited(&mut self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        if !self.visited.insert(fs::canonicalize(dir)?) {
            return Ok(Vec::new());
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir)? {
            paths.push(entry?.path());
            // A directory can be too large even to list.
            if paths.len() > limits::DIRECTORY_ENTRIES {
                break;
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Takes in one entry; a real directory is given back with its name.
    fn entry(&mut self, path: &Path, parent: &str) -> Option<(PathBuf, String)> {
        let own = path.file_name()?;
        if own.as_encoded_bytes().starts_with(b".") {
            return None;
        }
        let link = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink());
        let looks_like_page = stem_of(&own.to_string_lossy()) != own.to_string_lossy();
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(e) => {
                if looks_like_page {
                    self.unreadable(path, &e);
                }
                return None;
            }
        };
        if !meta.is_dir() && !looks_like_page {
            return None;
        }
        let Some(own) = own.to_str() else {
            self.error(path, "file", "has a name that is not UTF-8", "rename it");
            return None;
        };
        if link && !fs::canonicalize(path).is_ok_and(|real| real.starts_with(&self.root)) {
            let fix = "copy what it points to into the directory, or remove the link";
            self.error(path, "file", "is a link that leads out of the directory", fix);
            return None;
        }
        let name = if parent.is_empty() { own.to_owned() } else { format!("{parent}/{own}") };
        if meta.is_dir() {
            if link {
                self.links.push((path.to_owned(), name));
                return None;
            }
            return Some((path.to_owned(), name));
        }
        if !meta.is_file() {
            self.error(path, "file", "is not a regular file", "remove it");
            return None;
        }
        match read_bounded(path) {
            Ok(bytes) => {
                self.pages.push(PageFile { name, shown: path.display().to_string(), bytes });
            }
            Err(e) => self.unreadable(path, &e),
        }
        None
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limits::PAGE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_endings_of_markdown_are_taken_off() {
        for (name, stem) in [
            ("a.md", "a"),
            ("b/a.MARKDOWN", "b/a"),
            ("a.md.md", "a.md"),
            ("a.txt", "a.txt"),
            ("x/.md", "x/.md"),
            ("é.md", "é"),
            ("md", "md"),
        ] {
            assert_eq!(stem_of(name), stem);
        }
    }
}

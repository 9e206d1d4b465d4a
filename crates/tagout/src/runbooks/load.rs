//! Pages put together into a catalogue, with every error of every page and of the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tagout_core::digest::{RunbookDigest, to_hex};
use tagout_core::front_matter::{FrontMatter, PageText};
use tagout_core::limits;
use tagout_core::runbook::{Catalogue, Runbook};

use super::directory::{self, PageFile, stem_of};
use super::finding::{LinedFlaw, PageError};
use super::front::{self, Front};
use super::outline::Lines;
use super::{markdown, page, prose};

/// The runbooks of a directory.
#[derive(Debug, Clone)]
pub struct LoadedRunbooks {
    /// All runbooks by id.
    pub catalogue: Catalogue,
    /// The pages they came from, in the order of their names.
    pub pages: Vec<LoadedPage>,
    /// Pages about the directory itself, such as `README.md`, that were passed over.
    pub skipped: Vec<String>,
}

/// A page that became a runbook.
#[derive(Debug, Clone)]
pub struct LoadedPage {
    /// The file, as it can be opened from here.
    pub file: String,
    /// The id of its runbook.
    pub id: String,
    /// What its author gave it.
    pub form: Form,
    /// The parameters that something of it names.
    pub(super) names: BTreeSet<String>,
    /// Those of them that a check, the target or a host names.
    pub(super) relied_on: BTreeSet<String>,
    /// What it declares; nothing for a plain page.
    pub(super) front: FrontMatter,
    pub(super) lines: Lines,
    /// How the fault shows, as far as the text says so.
    pub(super) described: bool,
    /// Whether the text holds anything to do.
    pub(super) has_steps: bool,
}

/// What a page's author gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Front matter of ours.
    Declared,
    /// Text alone.
    Plain,
    /// Front matter of another program, with these keys that are not ours; read as text alone.
    Foreign(Vec<String>),
}

/// Loads all runbooks under `dir`.
///
/// # Errors
/// Everything that is wrong with any page and with the directory, sorted by file and line.
pub fn load(dir: &Path) -> Result<LoadedRunbooks, Vec<PageError>> {
    let reading = Reading::of_directory(dir);
    reading.into_runbooks()
}

/// Loads runbooks from pages in memory, each with its name such as `disk/full.md`.
///
/// # Errors
/// As [`load`].
pub fn load_pages<N, B>(
    pages: impl IntoIterator<Item = (N, B)>,
) -> Result<LoadedRunbooks, Vec<PageError>>
where
    N: Into<String>,
    B: Into<Vec<u8>>,
{
    Reading::of_memory(pages).into_runbooks()
}

/// All that was found in a set of pages, good and bad.
pub(super) struct Reading {
    pub(super) pages: Vec<LoadedPage>,
    pub(super) errors: Vec<PageError>,
    runbooks: Vec<Runbook>,
    skipped: Vec<String>,
    /// The name of the whole, for errors that belong to no page.
    whole: String,
}

impl Reading {
    pub(super) fn of_directory(dir: &Path) -> Self {
        let (files, errors) = directory::read(dir);
        Self::new(files, errors, dir.display().to_string())
    }

    pub(super) fn of_memory<N, B>(pages: impl IntoIterator<Item = (N, B)>) -> Self
    where
        N: Into<String>,
        B: Into<Vec<u8>>,
    {
        let mut files: Vec<PageFile> = pages
            .into_iter()
            .map(|(name, bytes)| {
                let name: String = name.into();
                PageFile { shown: name.clone(), name, bytes: bytes.into() }
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Self::new(files, Vec::new(), "pages".into())
    }

    fn new(files: Vec<PageFile>, errors: Vec<PageError>, whole: String) -> Self {
        let mut reading =
            Self { pages: Vec::new(), errors, runbooks: Vec::new(), skipped: Vec::new(), whole };
        // The first page of each id, whether or not the rest of it is right.
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for file in files {
            let page = if file.is_skipped() { None } else { Some(ReadPage::of(&file)) };
            let Some(page) = page.filter(|page| !(file.is_about() && page.is_foreign())) else {
                reading.skipped.push(file.shown);
                continue;
            };
            if let Some((id, line)) = page.id {
                match ids.get(&id) {
                    Some(first) => reading.errors.push(PageError::new(
                        &file.shown,
                        line,
                        "id",
                        format!("{id:?} is also the id of {first}"),
                        "give one of the two another id",
                    )),
                    None => {
                        ids.insert(id, file.shown.clone());
                    }
                }
            }
            match page.result {
                Ok((runbook, page)) => {
                    reading.runbooks.push(runbook);
                    reading.pages.push(page);
                }
                Err(flaws) => {
                    reading.errors.extend(flaws.into_iter().map(|flaw| flaw.of(&file.shown)));
                }
            }
        }
        if reading.runbooks.is_empty() && reading.errors.is_empty() {
            reading.errors.push(PageError::new(
                &reading.whole,
                None,
                "directory",
                "holds no runbook",
                "put Markdown pages (*.md) into it, one for each fault; see docs/runbook-format.md",
            ));
        }
        reading.errors.sort();
        reading
    }

    fn into_runbooks(self) -> Result<LoadedRunbooks, Vec<PageError>> {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let catalogue = Catalogue::new(self.runbooks).map_err(|e| {
            vec![PageError::new(&self.whole, None, "id", e.to_string(), "see tagout runbooks lint")]
        })?;
        Ok(LoadedRunbooks { catalogue, pages: self.pages, skipped: self.skipped })
    }
}

/// One page, read as far as it could be.
struct ReadPage {
    /// Its id and the line on which that is declared.
    id: Option<(String, Option<usize>)>,
    result: Result<(Runbook, LoadedPage), Vec<LinedFlaw>>,
}

impl ReadPage {
    fn of(file: &PageFile) -> Self {
        let text = match page::text_of(&file.bytes) {
            Ok(text) => text,
            Err(flaw) => return Self { id: None, result: Err(vec![flaw]) },
        };
        let page = match page::split(&text) {
            Ok(page) => page,
            Err(flaw) => return Self { id: None, result: Err(vec![flaw]) },
        };
        let front = match page.front.as_ref().map(front::read).transpose() {
            Ok(front) => front,
            Err(flaws) => return Self { id: None, result: Err(flaws) },
        };
        let (form, front, lines, foreign_title) = match front {
            None => (Form::Plain, Box::default(), Lines::none(), None),
            Some(Front::Declared(front, lines)) => (Form::Declared, front, lines, None),
            Some(Front::Foreign { title, keys }) => {
                (Form::Foreign(keys), Box::default(), Lines::none(), title)
            }
        };
        Self::check(file, page.body, form, *front, lines, foreign_title)
    }

    fn check(
        file: &PageFile,
        body: &str,
        form: Form,
        front: FrontMatter,
        lines: Lines,
        foreign_title: Option<String>,
    ) -> Self {
        let blocks = markdown::blocks(body);
        let stem = stem_of(&file.name);
        let name = stem.rsplit('/').next().unwrap_or(stem);
        let title = foreign_title
            .filter(|title| !title.trim().is_empty())
            .or_else(|| prose::title(&blocks))
            .unwrap_or_else(|| name.to_owned());
        let mut manual_steps = prose::manual_steps(&blocks);
        let has_steps = !manual_steps.is_empty();
        if !has_steps {
            manual_steps.push(format!("The page says only {title:?}; decide what to do"));
        }
        let id = front.id.clone().unwrap_or_else(|| id_of(stem));
        let id_line = front.id.as_ref().map(|_| lines.of("id"));
        let mut flaws = front::blanks(&front);
        if form == Form::Declared && front.steps.is_empty() && blocks.is_empty() {
            flaws.push(tagout_core::front_matter::Flaw::new(
                "steps",
                "are missing, and no text stands below the front matter",
                "declare steps or write below what a person should do",
            ));
        }
        let text = PageText {
            id: id.clone(),
            symptoms: prose::symptoms(front.title.as_ref().unwrap_or(&title), name, &blocks),
            title,
            body: body.trim().to_owned(),
            manual_steps,
            digest: RunbookDigest::of_bytes(&file.bytes),
            page: String::from_utf8_lossy(&file.bytes).into(),
        };
        let loaded = LoadedPage {
            file: file.shown.clone(),
            id: id.clone(),
            described: !prose::described(&blocks).is_empty(),
            has_steps,
            names: BTreeSet::new(),
            relied_on: BTreeSet::new(),
            front: front.clone(),
            lines: lines.clone(),
            form: form.clone(),
        };
        let result = match front.check(text) {
            Ok(runbook) if flaws.is_empty() => {
                let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
                let (names, relied_on) = (owned(runbook.names()), owned(runbook.relied_on()));
                Ok((runbook, LoadedPage { names, relied_on, ..loaded }))
            }
            Ok(_) => Err(flaws),
            Err(more) => {
                flaws.extend(more);
                Err(flaws)
            }
        };
        let lined = |flaw: tagout_core::front_matter::Flaw| LinedFlaw {
            line: (form == Form::Declared).then(|| lines.of(&flaw.field)),
            flaw,
        };
        let result = result.map_err(|flaws| flaws.into_iter().map(lined).collect());
        Self { id: Some((id, id_line)), result }
    }

    fn is_foreign(&self) -> bool {
        matches!(&self.result, Ok((_, page)) if matches!(page.form, Form::Foreign(_)))
    }
}

/// The id of a page that declares none: its path, with a `-` for each character an id cannot
/// hold. Letters of other alphabets would all become the same, so a digest keeps them apart.
fn id_of(stem: &str) -> String {
    let named = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let id: String = stem.chars().map(|c| if named(c) { c } else { '-' }).collect();
    if stem.is_ascii() && stem.len() <= limits::NAME_BYTES {
        return id;
    }
    let digest = to_hex(RunbookDigest::of_bytes(stem.as_bytes()).as_bytes());
    let kept: String = id.chars().take(limits::NAME_BYTES - 9).collect();
    format!("{kept}-{}", digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_page_is_its_path_in_the_letters_of_an_id() {
        assert_eq!(id_of("db/DiskFull"), "db/DiskFull");
        assert_eq!(id_of("High CPU (prod)"), "High-CPU--prod-");
        assert_ne!(id_of("障害"), id_of("再起"));
        assert_eq!(id_of(&"x".repeat(limits::NAME_BYTES)).len(), limits::NAME_BYTES);
        assert_eq!(id_of(&"x".repeat(limits::NAME_BYTES + 1)).len(), limits::NAME_BYTES);
    }

    #[test]
    fn pages_in_memory_load_like_those_on_disk() {
        let loaded = load_pages([("b.md", "# B\n\nDo."), ("a/A.md", "# A\n\nDo.")]).unwrap();
        let ids: Vec<_> = loaded.catalogue.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["a/A", "b"]);
        assert!(load_pages(Vec::<(String, String)>::new()).is_err());
    }
}

//! Runbook pages on disk: read, checked, and turned into the catalogue of what may be planned.
//!
//! The way of a page: `directory` finds the files, `page` splits one into front matter and
//! Markdown, `outline` reads the YAML with its lines, `shape` holds it against the schema,
//! `front` makes a [`FrontMatter`](tagout_core::front_matter::FrontMatter) of it, `prose` reads
//! what the text itself says, and `load` puts the catalogue together. The format is described
//! in `docs/runbook-format.md`.

mod directory;
mod finding;
mod front;
mod lint;
mod load;
mod markdown;
mod outline;
mod page;
mod prose;
mod schema;
mod shape;

pub use finding::{Finding, Level, PageError};
pub use lint::{lint, lint_pages};
pub use load::{Form, LoadedPage, LoadedRunbooks, load, load_pages};
pub use schema::schema;

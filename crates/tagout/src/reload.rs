//! Runbooks, policy and mappings that change while the service runs. What is good takes the place
//! of the old; what is broken is told and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tagout_core::digest::MappingDigest;
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_search::Embedder;
use tokio::sync::mpsc;

use crate::config::{BadInput, Config, read_policy};
use crate::fault::Fault;
use crate::matching::{Matcher, VectorCache};
use crate::poll::Leads;
use crate::runbooks;
use crate::serving::Serving;
use crate::source::{Declared, InForce, Source};
use crate::writer::Writer;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// The deepest directory of runbooks that is looked at.
const DEPTH: usize = 32;

/// The rules that decisions are made by, as files.
#[derive(Debug, Clone)]
pub struct RuleFiles {
    runbooks: PathBuf,
    config: Config,
}

/// The rules that decisions are made by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What is decided.
    pub policy: EscalationPolicy,
    /// What can be planned.
    pub runbooks: Catalogue,
    /// How the bodies of some sources are read, by the source.
    pub mappings: BTreeMap<String, Declared>,
}

impl Rules {
    /// The digests of the mappings, by the source.
    #[must_use]
    pub fn mapping_digests(&self) -> BTreeMap<String, MappingDigest> {
        let mappings = self.mappings.iter();
        mappings.map(|(source, declared)| (source.clone(), declared.digest)).collect()
    }
}

/// How each source is read now that is read by a mapping, by its name.
pub(crate) struct Readers(BTreeMap<String, InForce>);

impl Readers {
    pub(crate) fn of(sources: &[Source]) -> Self {
        let declared =
            |source: &Source| Some((source.name().to_owned(), source.declared()?.clone()));
        Self(sources.iter().filter_map(declared).collect())
    }

    /// Has what comes from now on read by these.
    pub(crate) fn put(&self, mappings: BTreeMap<String, Declared>) {
        for (source, declared) in mappings {
            if let Some(reader) = self.0.get(&source) {
                reader.put(declared);
            }
        }
    }
}

impl RuleFiles {
    /// Where the configuration says they are.
    ///
    /// # Errors
    /// If it names no runbooks.
    pub fn of(config: &Config) -> Result<Self, BadInput> {
        let runbooks = config.runbooks.clone().ok_or_else(|| {
            BadInput("no runbooks: set `runbooks` in tagout.toml, or TAGOUT_RUNBOOKS".into())
        })?;
        Ok(Self { runbooks, config: config.clone() })
    }

    /// Reads and checks them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(&self) -> Result<Rules, BadInput> {
        let runbooks = runbooks::load(&self.runbooks).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            let (dir, lines) = (self.runbooks.display(), lines.join("\n"));
            BadInput(format!("{dir} cannot be used as it is:\n{lines}"))
        })?;
        let policy = match &self.config.policy {
            Some(file) => read_policy(file)?,
            None => EscalationPolicy::shipped().map_err(|e| BadInput(e.to_string()))?,
        };
        let mut mappings = BTreeMap::new();
        for source in &self.config.sources {
            if let Some(declared) = Declared::load(source, &self.config.base_dir)? {
                mappings.insert(source.name.clone(), declared);
            }
        }
        Ok(Rules { policy: self.config.bind(policy), runbooks: runbooks.catalogue, mappings })
    }

    /// What the files look like from outside: names, sizes and times of change.
    fn look(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut left = limits::DIRECTORY_ENTRIES;
        note(&self.runbooks, DEPTH, &mut left, &mut hasher);
        if let Some(policy) = &self.config.policy {
            note(policy, 0, &mut left, &mut hasher);
        }
        let of = |source| Declared::file(source, &self.config.base_dir);
        for mapping in self.config.sources.iter().filter_map(of) {
            note(&mapping, 0, &mut left, &mut hasher);
        }
        hasher.finish()
    }
}

fn note(path: &Path, depth: usize, left: &mut usize, hasher: &mut DefaultHasher) {
    *left = left.saturating_sub(1);
    path.hash(hasher);
    let Ok(meta) = fs::metadata(path) else { return };
    if !meta.is_dir() {
        (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()).hash(hasher);
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    let Ok(entries) = fs::read_dir(path) else { return };
    let mut paths: Vec<_> = entries.take(*left).flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        note(&path, depth, left, hasher);
    }
}

/// How the last reload went.
#[derive(Debug, Default)]
pub struct ReloadState {
    failed: AtomicBool,
}

impl ReloadState {
    /// What to tell of it where anybody may ask; the log has the details.
    #[must_use]
    pub fn failure(&self) -> Option<&'static str> {
        let failed = self.failed.load(Ordering::Relaxed);
        failed.then_some(
            "changed runbooks, policy or mappings cannot be used; the old ones hold, see the log",
        )
    }

    fn set(&self, failed: bool) {
        self.failed.store(failed, Ordering::Relaxed);
        metrics::gauge!("tagout_reload_failed").set(if failed { 1.0 } else { 0.0 });
        let outcome = if failed { "failed" } else { "loaded" };
        metrics::counter!("tagout_reloads_total", "outcome" => outcome).increment(1);
    }
}

/// Whether it is for this process to say which rules are in force.
pub(crate) struct Lead {
    pub(crate) leads: Leads,
    /// Its place at an embedded store, where everybody leads.
    pub(crate) serving: Option<Arc<Serving>>,
}

impl Lead {
    fn is_ours(&self) -> Result<bool, Fault> {
        if !(self.leads)() {
            return Ok(false);
        }
        self.serving.as_ref().map_or(Ok(true), |serving| serving.is_first())
    }
}

/// Watches the files.
pub(crate) struct Watch {
    pub(crate) files: RuleFiles,
    pub(crate) writer: Writer,
    pub(crate) embedder: Arc<Embedder>,
    pub(crate) cache: VectorCache,
    pub(crate) readers: Readers,
    pub(crate) state: Arc<ReloadState>,
}

impl Watch {
    /// What the files look like now: what is loaded after this and looks the same is the same.
    pub(crate) fn look(files: &RuleFiles) -> u64 {
        files.look()
    }

    /// Loads anew whenever the files changed and then stayed as they are, and at once when it
    /// is told to. `loaded` is how they looked when they were loaded last. Whoever leads puts
    /// its rules into force again when another process announced others.
    pub(crate) async fn run(self, mut loaded: u64, mut told: mpsc::Receiver<()>, mut lead: Lead) {
        let watch = Arc::new(self);
        let mut before = loaded;
        let mut overruled = false;
        loop {
            let asked = tokio::select! {
                asked = told.recv() => {
                    if asked.is_none() {
                        return;
                    }
                    true
                }
                () = tokio::time::sleep(INTERVAL) => false,
            };
            let files = watch.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || files.look()).await else { return };
            // Somebody may be in the middle of copying: two looks must agree.
            let settled = std::mem::replace(&mut before, now) == now;
            if asked || (settled && now != loaded) {
                loaded = now;
                watch.reload().await;
            }
            watch.keep_in_force(&mut lead, &mut overruled).await;
        }
    }

    /// Sees that the rules of whoever leads are those in force. `overruled` is whether they were
    /// not at the last look.
    async fn keep_in_force(&self, lead: &mut Lead, overruled: &mut bool) {
        let ours = lead.is_ours();
        let others = self.writer.look(|engine| !engine.is_in_force()).await;
        let was = std::mem::replace(overruled, others.unwrap_or(*overruled));
        if !*overruled {
            return;
        }
        match ours {
            Ok(true) => {
                tracing::warn!(
                    "another process put other runbooks, mappings or another policy into force; \
                     those of this one are in force again"
                );
                let announced = self.writer.turn(|engine| engine.announce()).await;
                if let Ok(Err(error)) = announced {
                    tracing::error!(%error, "the rules could not be put into force again");
                }
            }
            // Told once, and not for as long as it lasts.
            Ok(false) if !was => tracing::warn!(
                "the process that leads works with other runbooks, mappings or another policy than \
                 this one; give all of them the same files"
            ),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "whether this process leads cannot be told"),
        }
    }

    async fn reload(self: &Arc<Self>) {
        let watch = Arc::clone(self);
        // The index is built here and not on the writer's thread, which goes on recording.
        let made = tokio::task::spawn_blocking(move || {
            let rules = watch.files.load().map_err(|e| e.to_string())?;
            let embedder = Arc::clone(&watch.embedder);
            let matcher = Matcher::new(embedder, &rules.runbooks, &mut watch.cache.clone());
            matcher.map(|matcher| (rules, matcher)).map_err(|e| e.to_string())
        });
        let made = made.await.unwrap_or_else(|e| Err(e.to_string()));
        let replaced = match made {
            Ok((rules, matcher)) => {
                let digests = rules.mapping_digests();
                let Rules { policy, runbooks, mappings } = rules;
                let (digest, pages) = (policy.digest().short(), runbooks.len());
                let search = Box::new(matcher);
                let replaced = self.writer.reload(policy, runbooks, digests, search).await;
                // Recorded first: nothing is read by a mapping that the log does not know.
                let replaced = replaced.map(|()| self.readers.put(mappings));
                replaced.map(|()| (digest, pages)).map_err(|e| e.to_string())
            }
            Err(why) => Err(why),
        };
        self.state.set(replaced.is_err());
        match replaced {
            Ok((policy, runbooks)) => tracing::info!(%policy, runbooks, "rules loaded anew"),
            Err(why) => tracing::error!(
                why,
                "changed runbooks, policy or mappings cannot be used; the old ones stay in force"
            ),
        }
    }
}

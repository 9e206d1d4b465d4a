//! Signing in by password: a bounded number of tries and of hashes at once, the same work for
//! everybody, and an entry in the log before a session begins.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::Person;
use tagout_core::command::{PeopleCommand, SharedCommand};
use tagout_core::limits;
use tagout_core::people::{Proof, SignInRefusal};
use tagout_core::text::FreeText;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::password::{self, Kept, Weak};
use super::rates::{Rate, RateLimit, network};
use super::recent::Recent;
use super::session;
use super::strangers::Strangers;
use crate::clock::now;
use crate::config::SessionConfig;
use crate::engine::{Engine, EngineError};
use crate::fault::Fault;
use crate::store::{Store, StoreError};
use crate::writer::{NotRecorded, Writer};

/// How often somebody may try to sign in by one name. A person who forgot which password it
/// was gets through; whoever guesses gets nowhere.
const BY_NAME: Rate = Rate { burst: 10, pause: Duration::from_secs(30) };
/// How often from one address, which a whole office may share.
const BY_ADDRESS: Rate = Rate { burst: 30, pause: Duration::from_secs(5) };
/// How often one person, or one address, may change something.
const CHANGES: Rate = Rate { burst: 60, pause: Duration::from_secs(1) };
/// How often a refused attempt in one person's name gets an entry of its own.
const RECORDED: Rate = Rate { burst: 5, pause: Duration::from_secs(60) };
/// How many hashes are computed at once: each takes 19 MiB and a core.
const HASHES: usize = 2;
/// How many may wait for that.
const WAITING: usize = 32;

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotIn {
    /// It is not said whether the name or the password is wrong.
    Wrong,
    /// The secret was right and holds no more.
    TooOld,
    /// The secret was right, and a password of their own is to be chosen with it.
    MustChoose,
    /// The identity provider names them for no role.
    NoRole,
    /// The identity provider has no name for them that can be one here.
    NoName,
    /// Somebody else has the name that the identity provider gives them.
    NameTaken,
    /// The password that was chosen is none.
    Weak(Weak),
    /// Too many tries; the next one after so many seconds.
    TooOften(u32),
    /// The rules about people do not let it be, in their words.
    Rejected(String),
    /// Not for now.
    Unavailable,
}

/// What signing in needs.
pub(crate) struct SignIn {
    writer: Writer,
    strangers: Arc<Strangers>,
    lifetimes: SessionConfig,
    recent: Arc<Recent>,
    names: RateLimit<String>,
    addresses: RateLimit<IpAddr>,
    people_changing: RateLimit<Person>,
    addresses_changing: RateLimit<IpAddr>,
    recorded: RateLimit<Person>,
    /// Refused attempts that got no entry, by person.
    unrecorded: Arc<Mutex<BTreeMap<Person, u64>>>,
    hashes: Arc<Semaphore>,
    places: Semaphore,
}

/// A store's or the writer's fault, told to the log of the service and not to the asker.
fn unavailable(error: impl std::fmt::Display) -> NotIn {
    tracing::error!(%error, "nobody can sign in");
    NotIn::Unavailable
}

fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX)
}

impl SignIn {
    pub(crate) fn new(writer: Writer, strangers: Arc<Strangers>, lifetimes: SessionConfig) -> Self {
        let most = limits::RATES;
        Self {
            writer,
            strangers,
            lifetimes,
            recent: Arc::default(),
            names: RateLimit::new(BY_NAME, most),
            addresses: RateLimit::new(BY_ADDRESS, most),
            people_changing: RateLimit::new(CHANGES, most),
            addresses_changing: RateLimit::new(CHANGES, most),
            recorded: RateLimit::new(RECORDED, limits::PEOPLE),
            unrecorded: Arc::default(),
            hashes: Arc::new(Semaphore::new(HASHES)),
            places: Semaphore::new(WAITING),
        }
    }

    /// How long sessions last.
    pub(crate) const fn lifetimes(&self) -> &SessionConfig {
        &self.lifetimes
    }

    /// Takes one try to sign in from an address.
    ///
    /// # Errors
    /// [`NotIn::TooOften`].
    pub(crate) fn take_address(&self, from: IpAddr) -> Result<(), NotIn> {
        let taken = self.addresses.take(&network(from), Instant::now());
        taken.map_err(|wait| NotIn::TooOften(seconds(wait)))
    }

    /// What succeeds is no try like others.
    pub(crate) fn give_back_address(&self, from: IpAddr) {
        self.addresses.give_back(&network(from));
    }

    /// Records what an identity provider says of somebody.
    ///
    /// # Errors
    /// [`NotIn::Rejected`] if the rules do not let it be, [`NotIn::Unavailable`] if it cannot be
    /// recorded.
    pub(crate) async fn note(&self, command: PeopleCommand) -> Result<(), NotIn> {
        match self.writer.shared(SharedCommand::People(command)).await {
            Ok(_) => Ok(()),
            Err(NotRecorded::Engine(EngineError::Rejected(rejection))) => {
                tracing::warn!(%rejection, "what an identity provider says of somebody is refused");
                Err(NotIn::Rejected(rejection.to_string()))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Takes one try to change something, of a person at an address.
    ///
    /// # Errors
    /// After how many seconds the next one is free.
    pub(crate) fn pace(&self, person: &Person, from: IpAddr) -> Result<(), u32> {
        let now = Instant::now();
        self.addresses_changing
            .take(&network(from), now)
            .and_then(|()| self.people_changing.take(person, now))
            .map_err(seconds)
    }

    /// Lets somebody in by password, or by a secret that holds once together with the password
    /// they choose. What their browser is to show comes back.
    ///
    /// # Errors
    /// [`NotIn`]; a refusal in a known person's name is recorded.
    pub(crate) async fn by_password(
        &self,
        name: &str,
        given: String,
        chosen: Option<String>,
        from: IpAddr,
    ) -> Result<String, NotIn> {
        let person = Person::new(name).ok();
        let key: String = person.as_ref().map_or_else(String::new, |p| p.name().to_owned());
        let tried = Instant::now();
        let free = self.addresses.take(&network(from), tried);
        if let Err(wait) = free.and_then(|()| self.names.take(&key, tried)) {
            self.refuse(person.as_ref(), SignInRefusal::TooOften, from).await;
            return Err(NotIn::TooOften(seconds(wait)));
        }
        let kept = match &person {
            Some(person) => self.kept(person).await?,
            None => None,
        };
        let known = person.clone().zip(kept.clone());
        let fits = self.fits(kept.clone(), given.clone()).await?;
        let Some((person, kept)) = known.filter(|_| fits) else {
            let why = match kept {
                Some(_) => SignInRefusal::WrongPassword,
                None => SignInRefusal::NoPassword,
            };
            self.refuse(person.as_ref(), why, from).await;
            return Err(NotIn::Wrong);
        };
        if kept.expires_at.is_some_and(|end| now() >= end) {
            self.refuse(Some(&person), SignInRefusal::SecretExpired, from).await;
            return Err(NotIn::TooOld);
        }
        let proof = if kept.one_time {
            let chosen = chosen.ok_or(NotIn::MustChoose)?;
            if chosen == given {
                return Err(NotIn::Weak(Weak::same()));
            }
            self.choose(&person, kept, chosen).await?;
            Proof::OneTimeSecret
        } else {
            Proof::Password
        };
        let shown = self.begin(&person, proof, from).await?;
        // What succeeds is no guess; but who has one password does not get more guesses at
        // others by it.
        self.names.forgive(&key);
        self.addresses.give_back(&network(from));
        Ok(shown)
    }

    /// Lets somebody who is in have another password. All their sessions end, and what their
    /// browser is to show from now on comes back.
    ///
    /// # Errors
    /// [`NotIn`], as for signing in.
    pub(crate) async fn change_password(
        &self,
        person: &Person,
        given: String,
        chosen: String,
        from: IpAddr,
    ) -> Result<String, NotIn> {
        let tried = self.names.take(&person.name().to_owned(), Instant::now());
        tried.map_err(|wait| NotIn::TooOften(seconds(wait)))?;
        let kept = self.kept(person).await?;
        let fits = self.fits(kept.clone(), given).await?;
        let Some(kept) = kept.filter(|_| fits) else {
            self.refuse(Some(person), SignInRefusal::WrongPassword, from).await;
            return Err(NotIn::Wrong);
        };
        self.choose(person, kept, chosen).await?;
        self.begin(person, Proof::Password, from).await
    }

    /// Begins a session of a known person, and records that they signed in.
    ///
    /// # Errors
    /// [`NotIn::Wrong`] if they are known no more.
    pub(crate) async fn begin(
        &self,
        person: &Person,
        proof: Proof,
        from: IpAddr,
    ) -> Result<String, NotIn> {
        let note = PeopleCommand::NoteSignIn { person: person.clone(), proof, from: place(from) };
        match self.writer.shared(SharedCommand::People(note)).await {
            Ok(_) => {}
            Err(NotRecorded::Engine(EngineError::Rejected(_))) => return Err(NotIn::Wrong),
            Err(error) => return Err(unavailable(error)),
        }
        let shown = session::made_up().map_err(unavailable)?;
        let (who, value, lifetimes) = (person.clone(), shown.clone(), self.lifetimes);
        let recent = Arc::clone(&self.recent);
        let begun = self.writer.read(move |journal| {
            let (vault, people) = (journal.log().storage().vault(), &journal.shared().people);
            session::begin(vault, people, (&who, &value), &recent, &lifetimes, now())
        });
        let begun = begun.await.map_err(unavailable)?.map_err(unavailable)?;
        if begun { Ok(shown) } else { Err(NotIn::Wrong) }
    }

    /// Who shows this, if it is a session that goes on.
    ///
    /// # Errors
    /// If that cannot be found out now.
    pub(crate) async fn session(&self, shown: &str) -> Result<Option<Actor>, NotIn> {
        if !session::is_one(shown) {
            return Ok(None);
        }
        let (shown, lifetimes) = (shown.to_owned(), self.lifetimes);
        let recent = Arc::clone(&self.recent);
        let found = self.writer.read(move |journal| {
            let (vault, people) = (journal.log().storage().vault(), &journal.shared().people);
            session::find(vault, people, &shown, &recent, &lifetimes, now())
        });
        found.await.map_err(unavailable)?.map_err(unavailable)
    }

    /// As [`SignIn::session`], for what stops something and for nothing else: if the store does not
    /// say it in time, a session counts that it lately said goes on. Another replica may have
    /// ended it since; by that somebody can stop something here, and no more.
    ///
    /// # Errors
    /// If nothing is known of it here and the store does not say it.
    pub(crate) async fn session_that_stops(&self, shown: &str) -> Result<Option<Actor>, NotIn> {
        let patience = Duration::from_millis(limits::SESSION_PATIENCE.millis());
        let mut asked = std::pin::pin!(self.session(shown));
        let said = timeout(patience, &mut asked).await;
        if let Ok(Ok(found)) = said {
            return Ok(found);
        }
        let (id, people) = (session::id(shown), self.writer.people());
        if let Some(actor) = self.recent.actor(&id, &people, &self.lifetimes, now()) {
            return Ok(Some(actor));
        }
        match said {
            Ok(said) => said,
            Err(_) => asked.await,
        }
    }

    /// Ends a session. From now on nobody stops anything by it here.
    ///
    /// # Errors
    /// If the store cannot be written; then it goes on.
    pub(crate) async fn end(&self, shown: &str) -> Result<(), NotIn> {
        let (shown, recent) = (shown.to_owned(), Arc::clone(&self.recent));
        recent.forget(&session::id(&shown));
        let ended = self
            .writer
            .read(move |journal| session::end(journal.log().storage().vault(), &shown, &recent));
        ended.await.map_err(unavailable)?.map_err(unavailable).map(drop)
    }

    /// Takes role, groups, sessions and tokens from somebody whom the identity provider names for
    /// no role any more: they decide nothing, on whatever channel. A password that they have here
    /// is not the provider's to take; by it they read. The last admin stays one, which is told
    /// loudly.
    ///
    /// # Errors
    /// If that cannot be recorded or the store cannot be written.
    pub(crate) async fn put_out(&self, person: &Person) -> Result<(), NotIn> {
        let (person, recent) = (person.clone(), Arc::clone(&self.recent));
        let put_out = self.writer.turn(move |engine| put_out(engine, &person, &recent));
        put_out.await.map_err(unavailable)?.map_err(unavailable)
    }

    /// What a person's password is compared with.
    async fn kept(&self, person: &Person) -> Result<Option<Kept>, NotIn> {
        let person = person.clone();
        let kept = self.writer.read(move |journal| {
            Kept::read(journal.log().storage().vault(), &journal.shared().people, &person)
        });
        kept.await.map_err(unavailable)?.map_err(unavailable)
    }

    /// Compares, with the same work whether there is something to compare with or not.
    async fn fits(&self, kept: Option<Kept>, given: String) -> Result<bool, NotIn> {
        self.hash(move || match kept {
            Some(kept) => kept.fits(&given),
            None => {
                password::fit_nobody(&given);
                false
            }
        })
        .await
    }

    /// Does slow work off the threads that serve requests, a bounded number at once.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotIn> {
        let _place = self.places.try_acquire().map_err(|_| NotIn::TooOften(1))?;
        let permit = Arc::clone(&self.hashes).acquire_owned().await;
        let permit = permit.map_err(unavailable)?;
        // The permit goes along: an asker who hangs up does not make room for more.
        metrics::counter!("tagout_password_hashes_total").increment(1);
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        worked.await.map_err(unavailable)
    }

    /// Records that somebody chose a password, and keeps it in the place of what fitted. In this
    /// order: no password holds of which the log does not tell.
    async fn choose(&self, person: &Person, before: Kept, chosen: String) -> Result<(), NotIn> {
        password::check(person, &chosen).map_err(NotIn::Weak)?;
        let (people, who) = (self.writer.people(), person.clone());
        let kept = self.hash(move || Kept::of(&people, &who, &chosen)).await?;
        let kept = kept.map_err(unavailable)?;
        let who = person.clone();
        // One turn, so that of two who choose with the same secret one is recorded.
        let chosen = self.writer.turn(move |engine| choose(engine, &who, &before, &kept));
        if chosen.await.map_err(unavailable)?.map_err(unavailable)? {
            Ok(())
        } else {
            Err(NotIn::Wrong)
        }
    }

    /// Records a refused attempt in a known person's name; of a stranger's it is only counted. The
    /// entry is asked for when this returns, and nobody waits for it: that would tell that there is
    /// one, and so that the name is somebody's. What cannot be recorded counts with the next one.
    pub(crate) async fn refuse(&self, person: Option<&Person>, why: SignInRefusal, from: IpAddr) {
        let known = person.filter(|person| self.writer.people().get(person).is_some());
        metrics::counter!(
            "tagout_sign_ins_refused_total", "known" => if known.is_some() { "yes" } else { "no" }
        )
        .increment(1);
        let Some(person) = known else {
            self.strangers.note(match why {
                SignInRefusal::TooOften => "sign-in: too many attempts",
                _ => "sign-in: nobody of this name",
            });
            return;
        };
        let Some(more) = self.due(person) else { return };
        let (person, from) = (person.clone(), place(from));
        let (writer, unrecorded) = (self.writer.clone(), Arc::clone(&self.unrecorded));
        let note = PeopleCommand::NoteRefusedSignIn { person: person.clone(), why, from, more };
        let mut noted = Box::pin(async move {
            if let Err(error) = writer.shared(SharedCommand::People(note)).await {
                tracing::warn!(%error, "a refused sign-in could not be recorded");
                count(&unrecorded, &person, more.saturating_add(1));
            }
        });
        // The first step puts it before the writer, so that it comes before a shutdown.
        if std::future::poll_fn(|task| Poll::Ready(noted.as_mut().poll(task))).await.is_pending() {
            tokio::spawn(noted);
        }
    }

    /// Whether a refused attempt gets an entry now, and how many got none since the last one.
    fn due(&self, person: &Person) -> Option<u64> {
        if self.recorded.take(person, Instant::now()).is_err() {
            count(&self.unrecorded, person, 1);
            return None;
        }
        let mut unrecorded = self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
        Some(unrecorded.remove(person).unwrap_or(0))
    }

    /// Asks for something about people, on the service's own account.
    ///
    /// # Errors
    /// If it is rejected or cannot be recorded.
    pub(crate) async fn ask(&self, command: PeopleCommand) -> Result<(), Fault> {
        let asked = self.writer.shared(SharedCommand::People(command)).await;
        asked.map(drop).map_err(|e| Fault::new(e.to_string()))
    }
}

/// Counts refused attempts that got no entry.
fn count(unrecorded: &Mutex<BTreeMap<Person, u64>>, person: &Person, more: u64) {
    let mut unrecorded = unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
    let count = unrecorded.entry(person.clone()).or_default();
    *count = count.saturating_add(more);
}

fn place(from: IpAddr) -> FreeText {
    from.to_canonical().to_string().into()
}

/// Says whether `before` was still what was kept.
fn choose(
    engine: &mut Engine<Store>,
    person: &Person,
    before: &Kept,
    kept: &Kept,
) -> Result<bool, Fault> {
    let failed = |e: StoreError| Fault::new(e.to_string());
    let journal = engine.journal();
    let people = &journal.shared().people;
    let now = Kept::read(journal.log().storage().vault(), people, person).map_err(failed)?;
    if now.as_ref() != Some(before) {
        return Ok(false);
    }
    let by = Some(person.clone());
    let note = PeopleCommand::NotePassword { person: person.clone(), one_time: false, by };
    let noted = engine.ask_shared(SharedCommand::People(note));
    noted.map_err(|e| Fault::new(e.to_string()))?;
    kept.swap(engine.journal().log().storage().vault(), person, before).map_err(failed)
}

fn put_out(engine: &mut Engine<Store>, person: &Person, recent: &Recent) -> Result<(), Fault> {
    recent.forget_all(person);
    if let Some(known) = engine.journal().shared().people.get(person) {
        let change = PeopleCommand::Change {
            person: person.clone(),
            role: Role::Viewer,
            groups: BTreeSet::new(),
            identity: known.identity.clone(),
            by: None,
        };
        match engine.ask_shared(SharedCommand::People(change)) {
            Ok(_) => {}
            Err(EngineError::Rejected(rejection)) => tracing::error!(
                person = person.name(),
                why = %rejection,
                "the identity provider names somebody for no role any more who keeps theirs here; \
                 until somebody else is an admin they still decide wherever they need not sign in"
            ),
            Err(EngineError::Fault(fault)) => return Err(fault),
        }
    }
    let tokens = engine.journal().shared().people.tokens();
    let ids: Vec<String> =
        tokens.filter(|token| token.person == *person).map(|token| token.id.clone()).collect();
    for id in ids {
        let revoke = PeopleCommand::RevokeToken { id, by: person.clone() };
        let revoked = engine.ask_shared(SharedCommand::People(revoke));
        revoked.map_err(|e| Fault::new(e.to_string()))?;
    }
    let ended = session::end_all(engine.journal().log().storage().vault(), person, recent);
    ended.map_err(|e| Fault::new(e.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tagout_core::alert::Alert;
    use tagout_core::event::Event;
    use tagout_core::findings::Findings;
    use tagout_core::policy::EscalationPolicy;
    use tagout_core::runbook::Catalogue;
    use tagout_core::time::Span;
    use tokio::sync::oneshot;

    use super::*;
    use crate::journal::{Journal, Recorded};
    use crate::matching::Search;
    use crate::store::SqliteStore;

    struct NoSearch;

    impl Search for NoSearch {
        fn find(&mut self, _: &Alert) -> Result<Findings, Fault> {
            Err(Fault::new("nothing is to be found here"))
        }
    }

    #[tokio::test]
    async fn whoever_is_refused_in_a_known_name_is_answered_before_that_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::from(SqliteStore::open(&dir.path().join("tagout.db")).unwrap());
        let (policy, runbooks) =
            (EscalationPolicy::parse("").unwrap(), Catalogue::new([]).unwrap());
        let engine = Engine::new(Journal::open(store).unwrap(), policy, runbooks, NoSearch);
        let (writer, _thread) = Writer::start(engine, Box::new(NoSearch), 8, None).unwrap();
        let person = Person::new("ana").unwrap();
        let (role, groups) = (Role::Viewer, BTreeSet::new());
        let add =
            PeopleCommand::Add { person: person.clone(), role, groups, identity: None, by: None };
        writer.shared(SharedCommand::People(add)).await.unwrap();
        let lifetimes =
            SessionConfig { idle: Span::from_secs(600), lifetime: Span::from_secs(3600) };
        let sign_in = SignIn::new(writer.clone(), Arc::default(), lifetimes);

        // The writer is busy until it is told.
        let (go_on, told) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let busy = writer.clone();
        let wait = move |_: &mut Engine<Store>| {
            let _ = begin.send(());
            let _ = told.recv();
        };
        tokio::spawn(async move { busy.turn(wait).await });
        begun.await.unwrap();
        let from = IpAddr::from([127, 0, 0, 1]);
        let refused = sign_in.refuse(Some(&person), SignInRefusal::WrongPassword, from);
        timeout(Duration::from_secs(30), refused).await.expect("it waits for the entry");
        drop(go_on);
        // It was asked for before whatever is asked for now.
        let count = writer.read(|journal| {
            let (recorded, _) = journal.read_from(0, 100).unwrap();
            let refused = |one: &&Recorded| matches!(one.event(), Event::SignInRefused { .. });
            recorded.iter().filter(refused).count()
        });
        assert_eq!(count.await.unwrap(), 1);
    }
}

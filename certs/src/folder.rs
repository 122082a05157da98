//! A CA and a certificate of it in a directory, for a server that reads files: made, renewed and rotated by whoever asks.
//!
//! What clients trust is not known here: whoever asks says whom they were seen to trust, or gives his word. All files
//! change at once, over what was read, so that key, certificate and bundle are always of one generation.

use crate::authority::{AuthorityError, BACKDATED, Issued, Lifetime};
use crate::bundle::Bundle;
use crate::directory::Directory;
use crate::inspect::{CERTIFICATE, KEY, TRUSTED};
use crate::pair::Validity;
use crate::record::{Data, Record, Unusable};
use crate::rotation::{Asked, Haste, Phase, Rotation, RotationError, Schedule, Sight, Step};
use crate::store::{Version, Written};
use crate::trust::{Refusal, accepts};
use crate::watched::{Unreadable, read_file};
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a CA counts if nobody says: everybody who trusts it has to be told of another.
const AUTHORITY: Lifetime = Lifetime::days(5 * 365);

/// How long its certificate counts if nobody says.
const LEAF: Lifetime = Lifetime::days(90);

/// No certificate can count for longer than that.
const LONGEST: Duration = Lifetime::days(100 * 365).0;

/// How often is tried again when somebody else was faster.
const ATTEMPTS: usize = 5;

/// More steps than are ever due at once.
const STEPS: usize = 8;

const LEAF_LIFETIME: &str = "leaf-lifetime";
const AUTHORITY_LIFETIME: &str = "authority-lifetime";

/// A directory with a CA and its certificate.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    directory: Directory,
}

/// What somebody wants; what he does not say stays as it was when the CA was made.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// DNS names and addresses.
    pub names: Vec<String>,
    /// How long a certificate counts.
    pub leaf: Option<Duration>,
    /// How long a CA counts.
    pub authority: Option<Duration>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// There was none, and a CA was made.
    Authority,
    /// A step of the rotation was taken.
    Step(Step),
    /// A certificate was signed.
    Leaf(Reason),
    /// Files that were missing or edited were put back, or how long what takes has changed.
    Files,
}

/// What is known of those who are to trust the bundle of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusting {
    /// Nothing.
    Unknown,
    /// That all do, by somebody's word.
    Word,
    /// Whom each trusts.
    Seen(Vec<Bundle>),
}

/// Why a certificate was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was none.
    First,
    /// Two thirds of its life were over.
    Due,
    /// Another CA signs now.
    Signer,
    /// What was there could not be served.
    Unfit(String),
}

/// A directory after something was done to it, or nothing.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What.
    pub done: T,
    /// Where the rotation is.
    pub phase: Phase,
    /// When the next step is due at the earliest; none while others have to do something first.
    pub next_step: Option<SystemTime>,
    /// When the certificate is due to be renewed.
    pub renewal: SystemTime,
    /// What clients are to trust, PEM.
    pub bundle: String,
    /// The names that it all is for.
    pub names: Vec<String>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something can't be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Something can't be read or written.
    #[error("{}: {source}; give a directory that this process may write", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is in the way.
    #[error("{}: is there already, and not made by this command; give another directory", .0.display())]
    Foreign(PathBuf),
    /// There is nothing to rotate.
    #[error("{}: holds no CA; `ordinance certs issue --dir DIR` makes one", .0.display())]
    Empty(PathBuf),
    /// What is there can't be used.
    #[error("{}: {problem}; put back what was there, or give another directory", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        problem: Unusable,
    },
    /// Its CA is for other names.
    #[error("{}: its CA signs for {own}, not for {wanted}; give the same names, or another directory", path.display())]
    Names {
        /// The directory.
        path: PathBuf,
        /// What it signs for.
        own: String,
        /// What was asked for.
        wanted: String,
    },
    /// Nobody can be called so.
    #[error(
        "--dns-name: {0:?} is neither a DNS name nor an address; give e.g. ordinance.ordinance-system.svc"
    )]
    Name(String),
    /// There is nothing to sign for.
    #[error("--dns-name: there is no name in it; give DNS names and IP addresses")]
    Nameless,
    /// A lifetime comes to nothing.
    #[error("--lifetime: {} is too short or too long; give between 1s and 100 years", humantime::format_duration(*.0))]
    Lifetime(Duration),
    /// A CA would not outlive what it signs.
    #[error(
        "--authority-lifetime: {} is too short or too long; give three times --lifetime, and at most 100 years",
        humantime::format_duration(*.0)
    )]
    AuthorityLifetime(Duration),
    /// Nothing could be signed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Nothing could be decided.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// Others kept writing.
    #[error("{}: others write it, too; try again", .0.display())]
    Contended(PathBuf),
}

/// What the directory holds.
#[derive(Debug)]
struct Kept {
    record: Record,
    leaf: Option<Issued>,
    rotation: Rotation,
}

// === impl Folder ===

impl Folder {
    /// A directory, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), directory: Directory::new(path) }
    }

    /// All that is there of a CA and a certificate, whoever put it there.
    ///
    /// # Errors
    ///
    /// If it can't be read.
    pub fn found(&self) -> Result<Data, FolderError> {
        std::fs::read_dir(&self.path).map_err(|source| Unreadable::new(&self.path, source))?;
        let stored = self.directory.load().map_err(|source| self.io(source))?;
        if stored.version != Version::Absent {
            return Ok(stored.data);
        }
        let mut data = Data::new();
        for name in entries() {
            let path = self.directory.path(name);
            if path.exists() {
                let bytes = read_file(&path).map_err(|source| Unreadable::new(&path, source))?;
                data.insert(name.to_owned(), bytes);
            }
        }
        Ok(data)
    }

    /// Whether there is a CA already.
    ///
    /// # Errors
    ///
    /// If that can't be read.
    pub fn has_authority(&self) -> Result<bool, FolderError> {
        let stored = self.directory.load().map_err(|source| self.io(source))?;
        Ok(Record::ENTRIES.iter().any(|name| stored.data.contains_key(*name)))
    }

    /// Makes what is missing, and renews what is due; the rest stays as it is.
    ///
    /// # Errors
    ///
    /// Why that can't be; then everything is as it was.
    pub fn issue(
        &self,
        wish: &Wish,
        wait: Duration,
        now: SystemTime,
    ) -> Result<Outcome<Vec<Done>>, FolderError> {
        self.change(|folder, data| {
            let (mut kept, mut done) = match folder.kept(data, wish, wait)? {
                Some(kept) => (kept, Vec::new()),
                None => (Kept::begun(wish, wait, now)?, vec![Done::Authority]),
            };
            done.extend(kept.due_steps(now)?.into_iter().map(Done::Step));
            done.extend(kept.renewed(now)?.map(Done::Leaf));
            let is_whole = kept.data() == *data && folder.directory.is_whole(data);
            if done.is_empty() && !is_whole {
                done.push(Done::Files);
            }
            let changes = !done.is_empty();
            Ok((kept, done, changes))
        })
    }

    /// Takes the next step of the rotation.
    ///
    /// # Errors
    ///
    /// Why that can't be; then everything is as it was.
    pub fn rotate(
        &self,
        trusting: &Trusting,
        haste: Haste,
        wait: Duration,
        now: SystemTime,
    ) -> Result<Outcome<Asked>, FolderError> {
        self.change(|folder, data| {
            let kept = folder.kept(data, &Wish::default(), wait)?;
            let mut kept = kept.ok_or_else(|| FolderError::Empty(folder.path.clone()))?;
            let asked = kept.ask(trusting, haste, now)?;
            let changes = matches!(asked, Asked::Step(..));
            if changes {
                kept.renewed(now)?;
            }
            Ok((kept, asked, changes))
        })
    }

    /// Reads, lets something decide, and writes over what was read alone.
    fn change<T>(
        &self,
        mut decide: impl FnMut(&Self, &Data) -> Result<(Kept, T, bool), FolderError>,
    ) -> Result<Outcome<T>, FolderError> {
        for _ in 0..ATTEMPTS {
            let stored = self.directory.load().map_err(|source| self.io(source))?;
            self.refuse_foreign()?;
            let (kept, done, changes) = decide(self, &stored.data)?;
            let written = match changes {
                true => {
                    self.directory.replace(&kept.data(), &stored.version).map_err(|source| self.io(source))?
                }
                false => Written::Done,
            };
            if written == Written::Done {
                return Ok(kept.outcome(done));
            }
        }
        Err(FolderError::Contended(self.path.clone()))
    }

    /// Files of somebody else would stay, beside what the directory is then said to hold.
    fn refuse_foreign(&self) -> Result<(), FolderError> {
        let taken = entries().find(|name| self.directory.is_taken(name));
        taken.map_or(Ok(()), |name| Err(FolderError::Foreign(self.directory.path(name))))
    }

    /// What the directory holds; none if there is no CA yet.
    fn kept(&self, data: &Data, wish: &Wish, wait: Duration) -> Result<Option<Kept>, FolderError> {
        let unusable = |problem| FolderError::Unusable { path: self.path.clone(), problem };
        let Some(record) = Record::read_any(data).map_err(unusable)? else {
            let foreign = data.keys().next().map(|name| FolderError::Foreign(self.directory.path(name)));
            return foreign.map_or(Ok(None), Err);
        };
        let (own, wanted) = (record.names(), normal(&wish.names));
        if !wanted.is_empty() && (wanted.iter().any(|name| !own.contains(name)) || wanted.len() != own.len())
        {
            let (own, wanted) = (own.join(", "), wanted.join(", "));
            return Err(FolderError::Names { path: self.path.clone(), own, wanted });
        }
        let schedule = schedule(wish, data, wait)?;
        let text = |name: &str| data.get(name).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
        let leaf = text(CERTIFICATE).zip(text(KEY)).map(|(certificate, key)| Issued { certificate, key });
        Ok(Some(Kept { record, leaf, rotation: Rotation::new(own, schedule) }))
    }

    fn io(&self, source: io::Error) -> FolderError {
        FolderError::Io { path: self.path.clone(), source }
    }
}

/// The files of a CA and of its certificate.
fn entries() -> impl Iterator<Item = &'static str> {
    [CERTIFICATE, KEY, TRUSTED].into_iter().chain(Record::ENTRIES)
}

/// How long what takes: as is said now, or was said before.
fn schedule(wish: &Wish, data: &Data, wait: Duration) -> Result<Schedule, FolderError> {
    let stored = |name: &str| {
        let text = data.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.and_then(|text| humantime::parse_duration(text.trim()).ok())
    };
    let leaf = wish.leaf.or_else(|| stored(LEAF_LIFETIME)).unwrap_or(LEAF.0);
    let authority = wish.authority.or_else(|| stored(AUTHORITY_LIFETIME)).unwrap_or(AUTHORITY.0);
    if !(Duration::from_secs(1)..=LONGEST).contains(&leaf) {
        return Err(FolderError::Lifetime(leaf));
    }
    if !(3 * leaf..=LONGEST).contains(&authority) {
        return Err(FolderError::AuthorityLifetime(authority));
    }
    let (leaf, authority) = (Lifetime(leaf), Lifetime(authority));
    // One machine's clock decides everything.
    Ok(Schedule { authority, leaf, wait, skew: Duration::ZERO, ..Schedule::default() })
}

/// Names as a certificate has them, each once.
fn normal(names: &[String]) -> Vec<String> {
    let mut normal: Vec<String> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let name =
            name.parse::<IpAddr>().map_or_else(|_| name.to_ascii_lowercase(), |address| address.to_string());
        if !normal.contains(&name) {
            normal.push(name);
        }
    }
    normal
}

// === impl Kept ===

impl Kept {
    /// A new CA, which nobody knows yet.
    fn begun(wish: &Wish, wait: Duration, now: SystemTime) -> Result<Self, FolderError> {
        let names = normal(&wish.names);
        if names.is_empty() {
            return Err(FolderError::Nameless);
        }
        if let Some(name) = names.iter().find(|name| ServerName::try_from(name.as_str()).is_err()) {
            return Err(FolderError::Name(name.clone()));
        }
        let mut rotation = Rotation::new(names, schedule(wish, &Data::new(), wait)?);
        let begun = rotation.step(&Sight { now, stored: Ok(None), shown: &[] })?;
        let record = begun.ok_or(FolderError::Nameless)?;
        Ok(Self { record, leaf: None, rotation })
    }

    fn data(&self) -> Data {
        let mut data = self.record.data();
        let mut put = |name: &str, text: String| data.insert(name.to_owned(), text.into_bytes());
        put(TRUSTED, self.record.bundle().pem());
        let schedule = self.rotation.schedule();
        put(LEAF_LIFETIME, humantime::format_duration(schedule.leaf.0).to_string());
        put(AUTHORITY_LIFETIME, humantime::format_duration(schedule.authority.0).to_string());
        if let Some(leaf) = &self.leaf {
            put(CERTIFICATE, leaf.certificate.clone());
            put(KEY, leaf.key.clone());
        }
        data
    }

    /// Takes the steps that are due by themselves.
    fn due_steps(&mut self, now: SystemTime) -> Result<Vec<Step>, AuthorityError> {
        let mut steps = Vec::new();
        while steps.len() < STEPS && self.is_due(now) {
            let Asked::Step(step, record) = self.next(&[], Haste::Safely, now)? else { break };
            self.record = *record;
            steps.push(step);
        }
        Ok(steps)
    }

    fn is_due(&self, now: SystemTime) -> bool {
        let next_step = self.record.next_step(self.rotation.schedule());
        next_step.into_iter().chain(self.end()).any(|due| due <= now)
    }

    fn ask(&mut self, trusting: &Trusting, haste: Haste, now: SystemTime) -> Result<Asked, AuthorityError> {
        let nobody = [Bundle::new()];
        let shown = match trusting {
            Trusting::Seen(shown) => shown.as_slice(),
            // What was confirmed once stays so where nobody can see it.
            Trusting::Unknown if self.record.phase() == Phase::Confirm => &nobody,
            Trusting::Unknown | Trusting::Word => &[],
        };
        let asked = self.next(shown, haste, now)?;
        if let Asked::Step(_, record) = &asked {
            self.record = (**record).clone();
        }
        Ok(asked)
    }

    fn next(&self, shown: &[Bundle], haste: Haste, now: SystemTime) -> Result<Asked, AuthorityError> {
        self.rotation.asked(&self.record, &Sight { now, stored: Ok(Some(&self.record)), shown }, haste)
    }

    /// Signs another certificate if there is a reason to.
    fn renewed(&mut self, now: SystemTime) -> Result<Option<Reason>, AuthorityError> {
        let until = now + self.rotation.schedule().leaf.0;
        let Some(reason) = self.reason(now, until) else { return Ok(None) };
        let authority = crate::Authority::from_pem(&self.record.current)?;
        let mut leaf = authority.sign(now, until)?;
        // Clients that know the CA need it not; people who look at the file are told who signed it.
        leaf.certificate.push_str(&self.record.current.certificate);
        self.leaf = Some(leaf);
        Ok(Some(reason))
    }

    fn reason(&self, now: SystemTime, until: SystemTime) -> Option<Reason> {
        let Some(leaf) = &self.leaf else { return Some(Reason::First) };
        let pair = match leaf.pair(now) {
            Ok(pair) => pair,
            Err(error) => return Some(Reason::Unfit(error.to_string())),
        };
        let unfit = self.rotation.names().iter().find_map(|name| self.unfit(pair.certificates(), name, now));
        let gain = until.min(self.end()?);
        let is_due = due(pair.validity()) <= now && pair.validity().not_after + Duration::from_secs(1) < gain;
        unfit.or_else(|| is_due.then_some(Reason::Due))
    }

    /// Why a client that trusts only the CA that signs now would not take a certificate.
    fn unfit(&self, chain: &[CertificateDer<'static>], name: &str, now: SystemTime) -> Option<Reason> {
        match accepts(self.record.signing().certificates(), chain, name, now).err()? {
            Refusal::Signer | Refusal::SignerDate => Some(Reason::Signer),
            Refusal::Name => Some(Reason::Unfit(format!("it is not for {name}"))),
            Refusal::Date => Some(Reason::Due),
            Refusal::Other(why) => Some(Reason::Unfit(why)),
        }
    }

    /// When the CA that signs now ends.
    fn end(&self) -> Option<SystemTime> {
        self.record.current.validity().map(|current| current.not_after)
    }

    fn outcome<T>(&self, done: T) -> Outcome<T> {
        let leaf = self.leaf.as_ref().and_then(Issued::validity);
        Outcome {
            done,
            phase: self.record.phase(),
            next_step: self.record.next_step(self.rotation.schedule()),
            renewal: leaf.map_or(SystemTime::UNIX_EPOCH, due),
            bundle: self.record.bundle().pem(),
            names: self.rotation.names().to_vec(),
        }
    }
}

/// When a certificate is to be replaced: after two thirds of its life.
fn due(validity: Validity) -> SystemTime {
    let begun = validity.not_before + BACKDATED;
    validity.not_after - validity.not_after.duration_since(begun).unwrap_or_default() / 3
}

// === impl Done ===

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority => f.write_str("made a CA"),
            Self::Files => f.write_str("wrote the files anew, as they should be"),
            Self::Step(step) => write!(f, "took a step of its rotation: {step}"),
            Self::Leaf(Reason::First) => f.write_str("signed a certificate"),
            Self::Leaf(Reason::Due) => {
                f.write_str("renewed the certificate: two thirds of its life are over")
            }
            Self::Leaf(Reason::Signer) => f.write_str("renewed the certificate: another CA signs now"),
            Self::Leaf(Reason::Unfit(why)) => write!(f, "replaced the certificate: {why}"),
        }
    }
}

//! The stored state of a self-managed CA: the CA that signs now, its predecessor and its successor.
//!
//! A [`Record`] is one value, stored as the data of a Secret or as files of a directory. Reading is strict, because replicas
//! serve certificates of whatever the record holds.

use crate::authority::{Authority, InvalidAuthority, PemPair, permitted_names};
use crate::bundle::Bundle;
use crate::certificate::parse;
use crate::path_token::{AcceptedPaths, PathToken};
use crate::rotation::Schedule;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The entry or file with the serving certificate, followed by its issuers.
pub const TLS_CRT: &str = "tls.crt";

/// The entry or file with the private key of [`TLS_CRT`].
pub const TLS_KEY: &str = "tls.key";

/// The entry or file with the trust bundle for clients.
pub const CA_CRT: &str = "ca.crt";

/// Entries of a Secret, or files of a directory, by name.
pub type SecretData = BTreeMap<String, Vec<u8>>;

/// The stored state of a CA and its rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts the writes; only grows.
    pub generation: u64,
    /// CAs that no longer sign, while their leaf certificates may still be served.
    pub previous: Option<RetiredBundle>,
    /// The CA that signs leaf certificates.
    pub current: PemPair,
    /// The token in the paths of the webhooks, or `None` if they have none.
    pub token: Option<PathToken>,
    /// The token that the paths get once `next` signs. It is known one rotation ahead, so that a replica which misses a
    /// rotation accepts it too.
    pub next_token: Option<PathToken>,
    /// Since when every webhook configuration is known to trust `current`.
    pub confirmed_at: Option<SystemTime>,
    /// The CA that will sign next.
    pub next: Option<NextAuthority>,
}

/// The certificates of CAs that no longer sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredBundle {
    /// Usually one certificate; more if clients trusted others before the record existed.
    pub bundle: Bundle,
    /// When the last leaf certificate signed by one of them expires.
    pub until: SystemTime,
    /// The paths that webhooks had meanwhile.
    pub paths: AcceptedPaths,
}

/// A CA that does not sign yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextAuthority {
    /// Its certificate and key.
    pub pair: PemPair,
    /// Since when every webhook configuration is known to trust it.
    pub confirmed_at: Option<SystemTime>,
}

/// Why stored data is not a valid record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// An entry is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An entry does not parse.
    #[error("{0} can't be read")]
    Broken(&'static str),
    /// A CA is unusable.
    #[error("{0}.crt and {0}.key: {1}")]
    Authority(&'static str, InvalidAuthority),
    /// A CA can't sign for the service: entry, its names, the service's names.
    #[error("{0}.crt signs for {1}, not for {2}")]
    Names(&'static str, String, String),
}

const GENERATION: &str = "generation";
pub(crate) const CURRENT: CaEntries =
    CaEntries { name: "current", certificate: "current.crt", key: "current.key" };
pub(crate) const NEXT: CaEntries = CaEntries { name: "next", certificate: "next.crt", key: "next.key" };
const CONFIRMED: &str = "confirmed-at";
const NEXT_CONFIRMED: &str = "next-confirmed-at";
pub(crate) const PREVIOUS: &str = "previous.crt";
const PREVIOUS_UNTIL: &str = "previous-until";
const TOKEN: &str = "current.token";
const NEXT_TOKEN: &str = "next.token";
const PREVIOUS_PATHS: &str = "previous.tokens";
/// What [`PREVIOUS_PATHS`] has in place of a token for paths without one.
const NO_TOKEN: &str = "none";

/// The names of a CA's two entries.
#[derive(Clone, Copy)]
pub(crate) struct CaEntries {
    name: &'static str,
    pub(crate) certificate: &'static str,
    key: &'static str,
}

// === impl Record ===

impl Record {
    /// The names of all entries that a record can have.
    pub const ENTRIES: [&'static str; 12] = [
        GENERATION,
        CURRENT.certificate,
        CURRENT.key,
        TOKEN,
        NEXT.certificate,
        NEXT.key,
        NEXT_TOKEN,
        CONFIRMED,
        NEXT_CONFIRMED,
        PREVIOUS,
        PREVIOUS_UNTIL,
        PREVIOUS_PATHS,
    ];

    /// Reads a record of a service with these names, or returns `None` if there are no entries.
    ///
    /// # Errors
    ///
    /// If an entry is missing or invalid, or a CA is for other names.
    pub fn read(data: &SecretData, names: &[String]) -> Result<Option<Self>, RecordError> {
        if data.is_empty() {
            return Ok(None);
        }
        let record = Self {
            generation: number(data, GENERATION)?.ok_or(RecordError::Missing(GENERATION))?,
            previous: previous(data)?,
            current: authority(data, CURRENT, names)?.ok_or(RecordError::Missing(CURRENT.certificate))?,
            token: token(data, TOKEN)?,
            next_token: token(data, NEXT_TOKEN)?,
            confirmed_at: time(data, CONFIRMED)?,
            next: next(data, names)?,
        };
        Ok(Some(record))
    }

    /// Reads a record for the names that its current CA signs for, or returns `None` if no entry of a record exists.
    ///
    /// # Errors
    ///
    /// If an entry is missing or invalid.
    pub fn read_any(data: &SecretData) -> Result<Option<Self>, RecordError> {
        if !Self::ENTRIES.iter().any(|name| data.contains_key(*name)) {
            return Ok(None);
        }
        let pem = data.get(CURRENT.certificate).map(Vec::as_slice).unwrap_or_default();
        Self::read(data, &signed_names(&Bundle::read(pem)))
    }

    /// Returns the names that the current CA signs for.
    pub fn names(&self) -> Vec<String> {
        signed_names(&self.signing())
    }

    /// Returns the entries to store.
    pub fn data(&self) -> SecretData {
        let mut data = SecretData::new();
        let mut put = |name: &str, text: String| data.insert(name.to_owned(), text.into_bytes());
        put(GENERATION, self.generation.to_string());
        let next = self.next.as_ref();
        for (entries, pair) in [(CURRENT, Some(&self.current)), (NEXT, next.map(|next| &next.pair))] {
            if let Some(pair) = pair {
                put(entries.certificate, pair.certificate.clone());
                put(entries.key, pair.key.clone());
            }
        }
        for (name, token) in [(TOKEN, &self.token), (NEXT_TOKEN, &self.next_token)] {
            if let Some(token) = token {
                put(name, token.as_str().to_owned());
            }
        }
        if let Some(previous) = &self.previous {
            put(PREVIOUS, previous.bundle.pem());
            put(PREVIOUS_PATHS, paths_text(&previous.paths));
        }
        for (name, time) in [
            (CONFIRMED, self.confirmed_at),
            (NEXT_CONFIRMED, next.and_then(|next| next.confirmed_at)),
            (PREVIOUS_UNTIL, self.previous.as_ref().map(|previous| previous.until)),
        ] {
            if let Some(time) = time {
                put(name, humantime::format_rfc3339_millis(time).to_string());
            }
        }
        data
    }

    /// Returns the trust bundle for clients: every CA that signed a leaf certificate in use, or will sign one.
    pub fn bundle(&self) -> Bundle {
        let mut bundle = self.previous.as_ref().map(|previous| previous.bundle.clone()).unwrap_or_default();
        bundle.extend(&self.signing());
        if let Some(next) = &self.next {
            bundle.extend(&Bundle::read(next.pair.certificate.as_bytes()));
        }
        bundle
    }

    /// Returns the token that the paths of the webhooks should have now, or `None` for paths without a token.
    ///
    /// Replicas that a record replaces know no token. So after a time in which webhooks had none, the first token is used
    /// only once every replica can have been replaced.
    pub fn path_token(&self, now: SystemTime, schedule: &Schedule) -> Option<&PathToken> {
        let is_first = self.previous.as_ref().is_some_and(|previous| previous.paths.anyone);
        let replaced = self.confirmed_at.map(|confirmed| confirmed + 2 * (schedule.wait + schedule.skew));
        let is_due = !is_first || replaced.is_some_and(|replaced| replaced <= now);
        self.token.as_ref().filter(|_| is_due)
    }

    /// Returns the paths that a server accepts: those that webhooks may have now, had shortly before, or will have next.
    pub fn accepted_paths(&self) -> AcceptedPaths {
        let mut paths = self.previous.as_ref().map(|previous| previous.paths.clone()).unwrap_or_default();
        paths.add(self.token.as_ref());
        paths.tokens.extend(self.next_token.clone());
        paths
    }

    /// Returns a bundle of the current CA alone.
    pub fn signing(&self) -> Bundle {
        Bundle::read(self.current.certificate.as_bytes())
    }

    /// Returns the record with the next generation number.
    #[must_use]
    pub fn next_generation(self) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self }
    }
}

/// Returns the names that the first certificate can sign for.
fn signed_names(bundle: &Bundle) -> Vec<String> {
    let parsed = bundle.certificates().first().and_then(|certificate| parse(certificate).ok());
    parsed.map(|certificate| permitted_names(&certificate)).unwrap_or_default()
}

fn authority(
    data: &SecretData,
    entries: CaEntries,
    names: &[String],
) -> Result<Option<PemPair>, RecordError> {
    let (certificate, key) = (text(data, entries.certificate)?, text(data, entries.key)?);
    let pair = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => PemPair { certificate, key },
        (None, Some(_)) => return Err(RecordError::Missing(entries.certificate)),
        (Some(_), None) => return Err(RecordError::Missing(entries.key)),
    };
    let authority =
        Authority::from_pem(&pair).map_err(|error| RecordError::Authority(entries.name, error))?;
    if authority.names() != names {
        return Err(RecordError::Names(entries.name, authority.names().join(", "), names.join(", ")));
    }
    Ok(Some(pair))
}

fn next(data: &SecretData, names: &[String]) -> Result<Option<NextAuthority>, RecordError> {
    let Some(pair) = authority(data, NEXT, names)? else { return Ok(None) };
    Ok(Some(NextAuthority { pair, confirmed_at: time(data, NEXT_CONFIRMED)? }))
}

fn previous(data: &SecretData) -> Result<Option<RetiredBundle>, RecordError> {
    let Some(pem) = data.get(PREVIOUS) else { return Ok(None) };
    let bundle = Bundle::read(pem);
    if bundle.is_empty() {
        return Err(RecordError::Broken(PREVIOUS));
    }
    let until = time(data, PREVIOUS_UNTIL)?.ok_or(RecordError::Missing(PREVIOUS_UNTIL))?;
    Ok(Some(RetiredBundle { bundle, until, paths: paths(data)? }))
}

fn token(data: &SecretData, name: &'static str) -> Result<Option<PathToken>, RecordError> {
    let Some(text) = text(data, name)? else { return Ok(None) };
    PathToken::parse(text.trim()).map(Some).ok_or(RecordError::Broken(name))
}

/// Reads the paths that webhooks had: one token in a line.
fn paths(data: &SecretData) -> Result<AcceptedPaths, RecordError> {
    let Some(text) = text(data, PREVIOUS_PATHS)? else { return Ok(AcceptedPaths::anyone()) };
    let mut paths = AcceptedPaths::default();
    for line in text.lines() {
        if line == NO_TOKEN {
            paths.anyone = true;
        } else {
            paths.tokens.push(PathToken::parse(line).ok_or(RecordError::Broken(PREVIOUS_PATHS))?);
        }
    }
    Ok(paths)
}

fn paths_text(paths: &AcceptedPaths) -> String {
    let tokens = paths.tokens.iter().map(PathToken::as_str);
    tokens.chain(paths.anyone.then_some(NO_TOKEN)).map(|line| format!("{line}\n")).collect()
}

fn text(data: &SecretData, name: &'static str) -> Result<Option<String>, RecordError> {
    let Some(bytes) = data.get(name) else { return Ok(None) };
    String::from_utf8(bytes.clone()).map(Some).map_err(|_| RecordError::Broken(name))
}

fn number(data: &SecretData, name: &'static str) -> Result<Option<u64>, RecordError> {
    let Some(text) = text(data, name)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| RecordError::Broken(name))
}

fn time(data: &SecretData, name: &'static str) -> Result<Option<SystemTime>, RecordError> {
    let Some(text) = text(data, name)? else { return Ok(None) };
    humantime::parse_rfc3339(text.trim()).map(Some).map_err(|_| RecordError::Broken(name))
}

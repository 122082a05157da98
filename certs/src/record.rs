//! What is kept of a self-managed authority: the CA that signs now, the one before it and the one after it.
//!
//! A [`Record`] is one value, stored as the data of a Secret or as files of a directory. It is read strictly: whatever is
//! in it could be served.

use crate::authority::{Authority, Issued, NoAuthority, permitted};
use crate::bundle::Bundle;
use crate::pair::parse;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Names and contents, as a Secret has them.
pub type Data = BTreeMap<String, Vec<u8>>;

/// An authority in the course of its rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts the changes; it only grows.
    pub generation: u64,
    /// What signed leaves that may still be served.
    pub previous: Option<Retired>,
    /// What signs leaves.
    pub current: Issued,
    /// Since when everybody is known to trust it.
    pub confirmed_at: Option<SystemTime>,
    /// What will sign them.
    pub next: Option<Coming>,
}

/// Certificates that sign no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Mostly one; more where others were trusted before the record began.
    pub bundle: Bundle,
    /// When the last leaf that one of them signed expires.
    pub until: SystemTime,
}

/// A CA that signs nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// The CA.
    pub issued: Issued,
    /// Since when everybody is known to trust it.
    pub confirmed_at: Option<SystemTime>,
}

/// Why stored data is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// An entry is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An entry is not what it should be.
    #[error("{0} can't be read")]
    Broken(&'static str),
    /// A CA can't be used.
    #[error("{0}.crt and {0}.key: {1}")]
    Authority(&'static str, NoAuthority),
    /// A CA can't sign for the service.
    #[error("{0}.crt signs for {1}, not for {2}")]
    Names(&'static str, String, String),
}

const GENERATION: &str = "generation";
pub(crate) const CURRENT: Stem = Stem { name: "current", certificate: "current.crt", key: "current.key" };
pub(crate) const NEXT: Stem = Stem { name: "next", certificate: "next.crt", key: "next.key" };
const CONFIRMED: &str = "confirmed-at";
const NEXT_CONFIRMED: &str = "next-confirmed-at";
pub(crate) const PREVIOUS: &str = "previous.crt";
const PREVIOUS_UNTIL: &str = "previous-until";

/// The entries of a CA.
#[derive(Clone, Copy)]
pub(crate) struct Stem {
    name: &'static str,
    pub(crate) certificate: &'static str,
    key: &'static str,
}

// === impl Record ===

impl Record {
    /// The names of all entries that a record can have.
    pub const ENTRIES: [&'static str; 9] = [
        GENERATION,
        CURRENT.certificate,
        CURRENT.key,
        NEXT.certificate,
        NEXT.key,
        CONFIRMED,
        NEXT_CONFIRMED,
        PREVIOUS,
        PREVIOUS_UNTIL,
    ];

    /// Reads a record for a service with these names; none if there is nothing yet.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(data: &Data, names: &[String]) -> Result<Option<Self>, Unusable> {
        if data.is_empty() {
            return Ok(None);
        }
        let record = Self {
            generation: number(data, GENERATION)?.ok_or(Unusable::Missing(GENERATION))?,
            previous: retired(data)?,
            current: issued(data, CURRENT, names)?.ok_or(Unusable::Missing(CURRENT.certificate))?,
            confirmed_at: moment(data, CONFIRMED)?,
            next: coming(data, names)?,
        };
        Ok(Some(record))
    }

    /// Reads a record for whatever names its CA signs for; none if no entry of a record is there.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read_any(data: &Data) -> Result<Option<Self>, Unusable> {
        if !Self::ENTRIES.iter().any(|name| data.contains_key(*name)) {
            return Ok(None);
        }
        let pem = data.get(CURRENT.certificate).map(Vec::as_slice).unwrap_or_default();
        Self::read(data, &signed_names(&Bundle::read(pem)))
    }

    /// The names that its CA signs for.
    pub fn names(&self) -> Vec<String> {
        signed_names(&self.signing())
    }

    /// As it is stored.
    pub fn data(&self) -> Data {
        let mut data = Data::new();
        let mut put = |name: &str, text: String| data.insert(name.to_owned(), text.into_bytes());
        put(GENERATION, self.generation.to_string());
        let next = self.next.as_ref();
        for (stem, issued) in [(CURRENT, Some(&self.current)), (NEXT, next.map(|next| &next.issued))] {
            if let Some(issued) = issued {
                put(stem.certificate, issued.certificate.clone());
                put(stem.key, issued.key.clone());
            }
        }
        if let Some(previous) = &self.previous {
            put(PREVIOUS, previous.bundle.pem());
        }
        for (name, moment) in [
            (CONFIRMED, self.confirmed_at),
            (NEXT_CONFIRMED, next.and_then(|next| next.confirmed_at)),
            (PREVIOUS_UNTIL, self.previous.as_ref().map(|previous| previous.until)),
        ] {
            if let Some(moment) = moment {
                put(name, humantime::format_rfc3339_millis(moment).to_string());
            }
        }
        data
    }

    /// What clients are to trust: whatever signed a leaf that is served, or will sign one.
    pub fn bundle(&self) -> Bundle {
        let mut bundle = self.previous.as_ref().map(|previous| previous.bundle.clone()).unwrap_or_default();
        bundle.extend(&self.signing());
        if let Some(next) = &self.next {
            bundle.extend(&Bundle::read(next.issued.certificate.as_bytes()));
        }
        bundle
    }

    /// The CA that signs now.
    pub fn signing(&self) -> Bundle {
        Bundle::read(self.current.certificate.as_bytes())
    }

    /// The same with the next generation's number.
    #[must_use]
    pub fn changed(self) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self }
    }
}

/// The names that the first certificate can sign for.
fn signed_names(bundle: &Bundle) -> Vec<String> {
    let parsed = bundle.certificates().first().and_then(|certificate| parse(certificate).ok());
    parsed.map(|certificate| permitted(&certificate)).unwrap_or_default()
}

fn issued(data: &Data, stem: Stem, names: &[String]) -> Result<Option<Issued>, Unusable> {
    let (certificate, key) = (text(data, stem.certificate)?, text(data, stem.key)?);
    let issued = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => Issued { certificate, key },
        (None, Some(_)) => return Err(Unusable::Missing(stem.certificate)),
        (Some(_), None) => return Err(Unusable::Missing(stem.key)),
    };
    let authority = Authority::from_pem(&issued).map_err(|error| Unusable::Authority(stem.name, error))?;
    if authority.names() != names {
        return Err(Unusable::Names(stem.name, authority.names().join(", "), names.join(", ")));
    }
    Ok(Some(issued))
}

fn coming(data: &Data, names: &[String]) -> Result<Option<Coming>, Unusable> {
    let Some(issued) = issued(data, NEXT, names)? else { return Ok(None) };
    Ok(Some(Coming { issued, confirmed_at: moment(data, NEXT_CONFIRMED)? }))
}

fn retired(data: &Data) -> Result<Option<Retired>, Unusable> {
    let Some(pem) = data.get(PREVIOUS) else { return Ok(None) };
    let bundle = Bundle::read(pem);
    if bundle.is_empty() {
        return Err(Unusable::Broken(PREVIOUS));
    }
    let until = moment(data, PREVIOUS_UNTIL)?.ok_or(Unusable::Missing(PREVIOUS_UNTIL))?;
    Ok(Some(Retired { bundle, until }))
}

fn text(data: &Data, name: &'static str) -> Result<Option<String>, Unusable> {
    let Some(bytes) = data.get(name) else { return Ok(None) };
    String::from_utf8(bytes.clone()).map(Some).map_err(|_| Unusable::Broken(name))
}

fn number(data: &Data, name: &'static str) -> Result<Option<u64>, Unusable> {
    let Some(text) = text(data, name)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| Unusable::Broken(name))
}

fn moment(data: &Data, name: &'static str) -> Result<Option<SystemTime>, Unusable> {
    let Some(text) = text(data, name)? else { return Ok(None) };
    humantime::parse_rfc3339(text.trim()).map(Some).map_err(|_| Unusable::Broken(name))
}

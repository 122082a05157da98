//! One replica's hand in the rotation: it reads, lets [`Rotation`] decide, and writes, step by step.
//!
//! Any number of replicas may do so at once; one alone is only less work. What configurations trust is read *before* the
//! store, and applied only over what was read: a bundle that is older than another replica's can then never go over it.

use crate::bundle::Bundle;
use crate::record::{Record, Unusable};
use crate::rotation::{Asked, Haste, Phase, Rotation, RotationError, Schedule, Sight};
use crate::store::{Store, Stored, Written};
use crate::webhooks::{Configuration, Readiness, Webhooks};
use std::error::Error;
use std::time::SystemTime;

/// More steps than any rotation has; others may write meanwhile.
const STEPS: usize = 16;

/// A replica's hand in the rotation.
#[derive(Debug)]
pub struct Keeper<S, W> {
    store: S,
    webhooks: W,
    rotation: Rotation,
}

/// What a keeper did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It wrote the record, which is now in this phase.
    Stored(Phase),
    /// It wrote a configuration.
    Applied(Box<Configuration>),
}

/// Why a keeper could not go on.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The store can't be read or written.
    #[error("the store of the CA: {0}")]
    Store(#[source] Box<dyn Error + Send + Sync>),
    /// Webhook configurations can't be read or written.
    #[error("webhook configurations: {0}")]
    Webhooks(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing could be decided.
    #[error("the store of the CA: {0}")]
    Rotation(#[from] RotationError),
    /// What is stored can't be used.
    #[error("the store of the CA: {0}")]
    Unusable(#[from] Unusable),
    /// Others were faster, again and again.
    #[error("the store of the CA: others keep writing it; try again")]
    Contended,
}

// === impl Keeper ===

impl<S: Store, W: Webhooks> Keeper<S, W> {
    /// Nothing is read yet.
    pub fn new(store: S, webhooks: W, rotation: Rotation) -> Self {
        Self { store, webhooks, rotation }
    }

    /// The newest record that was seen.
    pub fn record(&self) -> Option<&Record> {
        self.rotation.known()
    }

    /// Reads what is stored, and changes nothing. What was known stays known if nothing usable is stored.
    ///
    /// # Errors
    ///
    /// If it can't be read, or used.
    pub async fn follow(&mut self) -> Result<(), KeeperError> {
        let stored = self.store.read().await.map_err(unreadable)?;
        if let Some(record) = Record::read(&stored.data, self.rotation.names())? {
            self.rotation.learn(&record);
        }
        Ok(())
    }

    /// Takes every step that is due, and returns them.
    ///
    /// # Errors
    ///
    /// At the first that failed; the next call goes on from what is stored.
    pub async fn lead(&mut self, now: SystemTime, readiness: Readiness) -> Result<Vec<Change>, KeeperError> {
        let mut changes = Vec::new();
        for _ in 0..STEPS {
            match self.step(now, readiness).await? {
                Step::Done(change) => changes.push(change),
                Step::Lost => {}
                Step::Nothing => break,
            }
        }
        Ok(changes)
    }

    async fn step(&mut self, now: SystemTime, readiness: Readiness) -> Result<Step, KeeperError> {
        let configurations = self.webhooks.read().await.map_err(webhooks)?;
        let stored = self.store.read().await.map_err(unreadable)?;
        let record = Record::read(&stored.data, self.rotation.names());
        let shown = shown(&configurations);
        let seen = record.as_ref().map(Option::as_ref);
        let next = self.rotation.step(&Sight { now, stored: seen, shown: &shown })?;
        match (next, record) {
            (Some(next), _) => self.write(next, &stored).await,
            (None, Ok(Some(record))) => self.apply(&record, &configurations, readiness).await,
            (None, _) => Ok(Step::Nothing),
        }
    }

    async fn write(&mut self, next: Record, over: &Stored) -> Result<Step, KeeperError> {
        match self.store.write(&next.data(), &over.version).await.map_err(unreadable)? {
            Written::Conflict => Ok(Step::Lost),
            Written::Done => {
                self.rotation.learn(&next);
                Ok(Step::Done(Change::Stored(next.phase())))
            }
        }
    }

    /// Makes the first configuration that is not as it should be so.
    async fn apply(
        &self,
        record: &Record,
        configurations: &[Configuration],
        readiness: Readiness,
    ) -> Result<Step, KeeperError> {
        let bundle = record.bundle();
        let mut wanted = configurations.iter().filter_map(|found| found.wanted(&bundle, readiness));
        let Some(wanted) = wanted.next() else { return Ok(Step::Nothing) };
        match self.webhooks.apply(&wanted).await.map_err(webhooks)? {
            Written::Conflict => Ok(Step::Lost),
            Written::Done => Ok(Step::Done(Change::Applied(Box::new(wanted)))),
        }
    }
}

/// Takes the next step of a stored rotation for somebody who asks for it; none if no CA is stored. Whoever leads goes on
/// from there.
///
/// # Errors
///
/// What can't be read, used or written.
pub async fn ask<S: Store, W: Webhooks>(
    store: &S,
    configurations: &W,
    schedule: Schedule,
    haste: Haste,
    now: SystemTime,
) -> Result<Option<Asked>, KeeperError> {
    for _ in 0..STEPS {
        let shown = shown(&configurations.read().await.map_err(webhooks)?);
        let stored = store.read().await.map_err(unreadable)?;
        let Some(record) = Record::read_any(&stored.data)? else { return Ok(None) };
        let rotation = Rotation::new(record.names(), schedule.like(&record));
        let sight = Sight { now, stored: Ok(Some(&record)), shown: &shown };
        let asked = rotation.asked(&record, &sight, haste).map_err(RotationError::from)?;
        let Asked::Step(_, next) = &asked else { return Ok(Some(asked)) };
        if store.write(&next.data(), &stored.version).await.map_err(unreadable)? == Written::Done {
            return Ok(Some(asked));
        }
    }
    Err(KeeperError::Contended)
}

/// What became of one step.
enum Step {
    Done(Change),
    /// Somebody else was faster.
    Lost,
    Nothing,
}

/// What each webhook trusts.
pub fn shown(configurations: &[Configuration]) -> Vec<Bundle> {
    let webhooks = configurations.iter().flat_map(|configuration| &configuration.webhooks);
    webhooks.map(|webhook| Bundle::read(&webhook.bundle)).collect()
}

fn unreadable(error: impl Error + Send + Sync + 'static) -> KeeperError {
    KeeperError::Store(Box::new(error))
}

fn webhooks(error: impl Error + Send + Sync + 'static) -> KeeperError {
    KeeperError::Webhooks(Box::new(error))
}

//! Reconciles the store and the webhook configurations with the [`Rotation`]: reads, lets it decide, writes, step by step.
//!
//! Any number of replicas may do so at once; a Lease only saves work. Each step reads the configurations *before* the store,
//! and writes conditionally on what it read, so that a replica never replaces a bundle with an older one.

use crate::bundle::Bundle;
use crate::record::{Record, RecordError};
use crate::rotation::{
    ObservedState, Rotation, RotationError, RotationPhase, Schedule, StepDecision, StepPolicy,
};
use crate::store::{Store, StoredEntries, WriteOutcome};
use crate::webhooks::{ConfigurationStore, WantedFields, WebhookConfiguration, WebhookReadiness};
use std::error::Error;
use std::time::SystemTime;

/// More steps than any rotation has, to leave room for conflicts with other writers.
const MAX_STEPS: usize = 16;

/// Reconciles the CA and the webhook configurations on behalf of one replica.
#[derive(Debug)]
pub struct Reconciler<S, W> {
    store: S,
    webhooks: W,
    rotation: Rotation,
}

/// A write by a reconciler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReconcileChange {
    /// Stored a record, which is in this phase.
    Stored(RotationPhase),
    /// Updated a webhook configuration.
    Applied(Box<WebhookConfiguration>),
}

/// Why a reconciler could not finish.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The store can't be read or written.
    #[error("the store of the CA: {0}")]
    Store(#[source] Box<dyn Error + Send + Sync>),
    /// The webhook configurations can't be read or written.
    #[error("webhook configurations: {0}")]
    Webhooks(#[source] Box<dyn Error + Send + Sync>),
    /// The rotation can't decide.
    #[error("the store of the CA: {0}")]
    Rotation(#[from] RotationError),
    /// The stored record is invalid.
    #[error("the store of the CA: {0}")]
    Record(#[from] RecordError),
    /// Every attempt conflicted with another writer.
    #[error("the store of the CA: other writers keep changing it; try again")]
    Contended,
}

/// The result of one step.
enum StepOutcome {
    Done(ReconcileChange),
    /// Another writer changed the object first.
    Conflict,
    /// No step is due.
    Settled,
}

// === impl Reconciler ===

impl<S: Store, W: ConfigurationStore> Reconciler<S, W> {
    /// Returns a reconciler that has read nothing yet.
    pub fn new(store: S, webhooks: W, rotation: Rotation) -> Self {
        Self { store, webhooks, rotation }
    }

    /// Returns the newest valid record that was read or written.
    pub fn record(&self) -> Option<&Record> {
        self.rotation.known()
    }

    /// Reads the stored record and writes nothing. If none is stored, the known one stays known.
    ///
    /// # Errors
    ///
    /// If the store can't be read, or its record is invalid.
    pub async fn follow(&mut self) -> Result<(), ReconcileError> {
        let stored = self.store.read().await.map_err(store_error)?;
        if let Some(record) = Record::read(&stored.data, self.rotation.names())? {
            self.rotation.learn(&record);
        }
        Ok(())
    }

    /// Takes every step that is due, and returns the writes. Reads the store before each step.
    ///
    /// # Errors
    ///
    /// The first error; the next call continues from the stored state.
    pub async fn lead(
        &mut self,
        now: SystemTime,
        readiness: WebhookReadiness,
    ) -> Result<Vec<ReconcileChange>, ReconcileError> {
        let mut changes = Vec::new();
        for _ in 0..MAX_STEPS {
            match self.step(now, readiness).await? {
                StepOutcome::Done(change) => changes.push(change),
                StepOutcome::Conflict => {}
                StepOutcome::Settled => break,
            }
        }
        Ok(changes)
    }

    async fn step(
        &mut self,
        now: SystemTime,
        readiness: WebhookReadiness,
    ) -> Result<StepOutcome, ReconcileError> {
        let configurations = self.webhooks.read().await.map_err(webhooks_error)?;
        let stored = self.store.read().await.map_err(store_error)?;
        let record = Record::read(&stored.data, self.rotation.names());
        let bundles = trusted_bundles(&configurations);
        let observed = ObservedState { now, stored: record.as_ref().map(Option::as_ref), bundles: &bundles };
        let next = self.rotation.step(&observed)?;
        match (next, record) {
            (Some(next), _) => self.write(next, &stored).await,
            (None, Ok(Some(record))) => self.apply(&record, &configurations, readiness, now).await,
            (None, _) => Ok(StepOutcome::Settled),
        }
    }

    async fn write(&mut self, next: Record, over: &StoredEntries) -> Result<StepOutcome, ReconcileError> {
        match self.store.write(&next.data(), &over.version).await.map_err(store_error)? {
            WriteOutcome::Conflict => Ok(StepOutcome::Conflict),
            WriteOutcome::Done => {
                self.rotation.learn(&next);
                Ok(StepOutcome::Done(ReconcileChange::Stored(next.phase())))
            }
        }
    }

    /// Updates the first configuration that differs from what the record and the readiness demand.
    async fn apply(
        &self,
        record: &Record,
        configurations: &[WebhookConfiguration],
        readiness: WebhookReadiness,
        now: SystemTime,
    ) -> Result<StepOutcome, ReconcileError> {
        let token = record.path_token(now, self.rotation.schedule());
        let fields = WantedFields { bundle: &record.bundle(), token, readiness };
        let mut wanted = configurations.iter().filter_map(|found| found.wanted(&fields));
        let Some(wanted) = wanted.next() else { return Ok(StepOutcome::Settled) };
        match self.webhooks.apply(&wanted).await.map_err(webhooks_error)? {
            WriteOutcome::Conflict => Ok(StepOutcome::Conflict),
            WriteOutcome::Done => Ok(StepOutcome::Done(ReconcileChange::Applied(Box::new(wanted)))),
        }
    }
}

/// Takes the next step of a stored rotation at an operator's request, or returns `None` if no CA is stored. The replica
/// that has the Lease continues from there.
///
/// # Errors
///
/// If the store or the configurations can't be read or written, or the stored record is invalid.
pub async fn take_next_step<S: Store, W: ConfigurationStore>(
    store: &S,
    configurations: &W,
    schedule: Schedule,
    policy: StepPolicy,
    now: SystemTime,
) -> Result<Option<StepDecision>, ReconcileError> {
    for _ in 0..MAX_STEPS {
        let bundles = trusted_bundles(&configurations.read().await.map_err(webhooks_error)?);
        let stored = store.read().await.map_err(store_error)?;
        let Some(record) = Record::read_any(&stored.data)? else { return Ok(None) };
        let rotation = Rotation::new(record.names(), schedule.with_authority_of(&record)).with_path_tokens();
        let observed = ObservedState { now, stored: Ok(Some(&record)), bundles: &bundles };
        let decision = rotation.manual_step(&record, &observed, policy).map_err(RotationError::from)?;
        let StepDecision::Take(_, next) = &decision else { return Ok(Some(decision)) };
        let written = store.write(&next.data(), &stored.version).await.map_err(store_error)?;
        if written == WriteOutcome::Done {
            return Ok(Some(decision));
        }
    }
    Err(ReconcileError::Contended)
}

/// Returns the trust bundle of each webhook.
pub fn trusted_bundles(configurations: &[WebhookConfiguration]) -> Vec<Bundle> {
    let webhooks = configurations.iter().flat_map(|configuration| &configuration.webhooks);
    webhooks.map(|webhook| Bundle::read(&webhook.bundle)).collect()
}

fn store_error(error: impl Error + Send + Sync + 'static) -> ReconcileError {
    ReconcileError::Store(Box::new(error))
}

fn webhooks_error(error: impl Error + Send + Sync + 'static) -> ReconcileError {
    ReconcileError::Webhooks(Box::new(error))
}

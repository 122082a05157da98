//! Writes, lists and deletes reservations through the API server.

use super::CONNECT_TIME;
use super::list_pages::ListPages;
use super::page_limit::PageLimitLayer;
use super::reservation::{PLURAL, REALM_FIELD, StoredReservation, URL};
use crate::reservations::ReservationStore;
use futures_util::future::BoxFuture;
use kube::Client;
use kube::api::{DeleteParams, PostParams};
use kube::client::ClientBuilder;
use kube::core::Request;
use ordinance_reservation::{Creation, Draft, Reservation};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The field manager of everything that Ordinance writes.
const MANAGER: &str = "ordinance";

/// How long the API server may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// The API server, on connections of its own.
pub(super) struct ReservationApi {
    client: Client,
    deletions: Semaphore,
}

/// Deletions at the same time: each takes a connection.
const DELETIONS: usize = 8;

#[derive(Deserialize)]
struct ReservationPage {
    items: Vec<StoredReservation<'static>>,
}

// === impl ReservationApi ===

impl ReservationApi {
    /// # Errors
    ///
    /// No client can be made from the configuration.
    pub(super) fn new(mut config: kube::Config) -> kube::Result<Self> {
        config.connect_timeout = Some(CONNECT_TIME);
        config.read_timeout = Some(ANSWER_TIME);
        config.default_retry = false;
        let client = ClientBuilder::try_from(config)?.with_layer(&PageLimitLayer).build();
        Ok(Self { client, deletions: Semaphore::new(DELETIONS) })
    }

    async fn write(&self, policy: &str, draft: &Draft) -> Creation {
        let Ok(json) = serde_json::to_vec(&StoredReservation::new(policy, draft)) else {
            return Creation::Refused;
        };
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let Ok(request) = Request::new(URL).create(&parameters, json) else { return Creation::Refused };
        match self.client.request_text(request).await {
            Ok(_) => Creation::Stored,
            Err(error) => {
                tracing::debug!(name = draft.name, %error, "can't write a reservation");
                creation(&error)
            }
        }
    }

    /// Returns all reservations of the realms. Those with keys in several realms have no realm of their own.
    async fn read(&self, policy: &str, realms: &[String]) -> kube::Result<Vec<Reservation>> {
        let [realm] = realms else { return self.read_pages(policy, None).await };
        match self.read_realm(policy, realm).await {
            // Kubernetes 1.30 knows no field of a custom resource by default.
            Err(kube::Error::Api(status)) if status.code == 400 => self.read_pages(policy, None).await,
            answer => answer,
        }
    }

    async fn read_realm(&self, policy: &str, realm: &str) -> kube::Result<Vec<Reservation>> {
        let mut found = self.read_pages(policy, Some(realm)).await?;
        found.extend(self.read_pages(policy, Some("")).await?);
        Ok(found)
    }

    async fn read_pages(&self, policy: &str, realm: Option<&str>) -> kube::Result<Vec<Reservation>> {
        let fields = realm.map(|realm| format!("{REALM_FIELD}={}", escaped(realm)));
        let mut pages = ListPages::new(URL.to_owned()).with_fields(fields);
        let mut found = Vec::new();
        while let Some(page) = pages.next(&self.client).await? {
            let page: ReservationPage = serde_json::from_str(&page).map_err(kube::Error::SerdeError)?;
            let of_policy = page.items.into_iter().filter(|item| item.policy() == policy);
            found.extend(of_policy.map(StoredReservation::into_reservation));
        }
        Ok(found)
    }

    async fn remove(&self, name: &str) {
        let Ok(_permit) = self.deletions.acquire().await else { return };
        let Ok(request) = Request::new(URL).delete(name, &DeleteParams::default()) else { return };
        match self.client.request_text(request).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(name, "can't delete a reservation: let this user delete {PLURAL}");
            }
            Err(error) => tracing::debug!(name, %error, "can't delete a reservation"),
        }
    }
}

impl ReservationStore for ReservationApi {
    fn create<'a>(&'a self, policy: &'a str, draft: &'a Draft) -> BoxFuture<'a, Creation> {
        Box::pin(self.write(policy, draft))
    }

    fn list<'a>(&'a self, policy: &'a str, realms: &'a [String]) -> BoxFuture<'a, Option<Vec<Reservation>>> {
        Box::pin(async move {
            let listed = self.read(policy, realms).await;
            listed.inspect_err(|error| tracing::debug!(%error, "can't list reservations")).ok()
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.remove(name))
    }
}

/// Returns what became of a write that failed. Without the resource, or without the right to create it, no other attempt will
/// fare better. An object that the API server refuses is not admitted.
fn creation(error: &kube::Error) -> Creation {
    match error {
        kube::Error::Api(status) if [403, 404].contains(&status.code) => Creation::Refused,
        _ => Creation::Unknown,
    }
}

/// Returns the value of a field selector.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=")
}

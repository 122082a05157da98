//! The lists of a cluster that an audit reads: what the policy watches, and what it reviews when it is created.

use crate::command::check::{Input, InputFile, Progress};
use crate::command::cluster_args::{ReadClusterArgs, list};
use crate::command::policies::ServedPolicy;
use crate::config::{InputError, NAMESPACE};
use kube::Client;
use ordinance_contract::{Description, Operation};
use ordinance_manifests::{ReadObjects, read_wanted};
use std::collections::BTreeSet;

/// A kind of objects to list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ListedResource<'p> {
    group: &'p str,
    version: &'p str,
    resource: &'p str,
}

/// Reads the lists. One that the API server does not return becomes an error of the input, and the others are read.
pub(super) fn lists(
    cluster: &ReadClusterArgs,
    policy: &ServedPolicy,
    progress: &Progress,
) -> Result<Input, InputError> {
    let resources = resources(policy.admission.policy().description());
    cluster.read("files that `kubectl get -A -o yaml` wrote", async |client: &Client| {
        let mut files = Vec::new();
        for resource in &resources {
            files.push(listed(client, resource, progress).await);
        }
        Ok(Input::of_lists(files))
    })
}

/// Returns what the policy watches, and the objects that it reviews at creation.
fn resources(description: &Description) -> BTreeSet<ListedResource<'_>> {
    let watched = description.watches.iter().map(|watch| ListedResource {
        group: &watch.group,
        version: &watch.version,
        resource: &watch.resource,
    });
    let created = description
        .reviews
        .iter()
        .filter(|review| review.subresource.is_empty() && review.operations.contains(&Operation::Create));
    let reviewed = created.map(|review| ListedResource {
        group: &review.group,
        version: &review.version,
        resource: &review.resource,
    });
    watched.chain(reviewed).collect()
}

async fn listed(client: &Client, resource: &ListedResource<'_>, progress: &Progress) -> InputFile {
    let (mut read, path) = (ReadObjects::default(), resource.path());
    let result = list(client, &path, |page| {
        let page = read_wanted(page, NAMESPACE, &|_, _| true);
        progress.add_found(page.objects.len());
        read.objects.extend(page.objects);
        read.skipped += page.skipped;
    });
    match result.await {
        Ok(()) => InputFile::listed(resource.name(), read),
        Err(error) => InputFile::unlisted(
            resource.name(),
            format!(
                "{} could not be listed, so nothing is known of them: {error}; the user needs the right to list them in all \
                 namespaces",
                resource.resource
            ),
        ),
    }
}

// === impl ListedResource ===

impl ListedResource<'_> {
    fn path(&self) -> String {
        match self.group {
            "" => format!("/api/{}/{}", self.version, self.resource),
            group => format!("/apis/{group}/{}/{}", self.version, self.resource),
        }
    }

    /// Returns the name that kubectl knows it by, e.g. `statefulsets.apps`.
    fn name(&self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

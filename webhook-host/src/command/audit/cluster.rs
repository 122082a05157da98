//! The lists of a cluster that an audit reads: what the policy watches, and what it reviews when it is created.

use crate::audit::{AuditedResource, audited_resources};
use crate::command::check::{Input, InputFile, Progress};
use crate::command::cluster_args::{ReadClusterArgs, list};
use crate::command::policies::ServedPolicy;
use crate::config::{InputError, NAMESPACE};
use kube::Client;
use ordinance_manifests::{ReadObjects, read_wanted};

/// Reads the lists. One that the API server does not return becomes an error of the input, and the others are read.
pub(super) fn lists(
    cluster: &ReadClusterArgs,
    policy: &ServedPolicy,
    progress: &Progress,
) -> Result<Input, InputError> {
    let resources = audited_resources(policy.admission.policy().description());
    cluster.read("files that `kubectl get -A -o yaml` wrote", async |client: &Client| {
        let mut files = Vec::new();
        for resource in &resources {
            files.push(listed(client, resource, progress).await);
        }
        Ok(Input::of_lists(files))
    })
}

async fn listed(client: &Client, resource: &AuditedResource, progress: &Progress) -> InputFile {
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

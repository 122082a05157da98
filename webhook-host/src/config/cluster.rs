//! The API server to watch: that of the pod, that of a kubeconfig, or none.

use super::file::{ClusterFile, ClusterSource, ConfigFile};
use super::input_error::InputError;
use super::layers::Layers;
use super::read;
use crate::cluster::ApiServerAccess;
use kube::config::{Kubeconfig, KubeconfigError};
use ordinance_files::read_regular;
use serde_saphyr::UserMessageFormatter;
use std::path::Path;

/// The largest kubeconfig, in bytes. It may have the certificates of many clusters.
const KUBECONFIG_BYTES: usize = 16 * 1024 * 1024;

/// Returns how to reach the API server, or `None` without a cluster.
pub(super) fn access(config: &ConfigFile, layers: &Layers) -> Result<Option<ApiServerAccess>, InputError> {
    let place = |field| layers.place(&["cluster", field]);
    let access = match config.cluster.effective_source() {
        ClusterSource::None => None,
        ClusterSource::Pod if ApiServerAccess::is_pod() => Some(ApiServerAccess::Pod),
        ClusterSource::Pod => {
            let message =
                "this process runs in no pod with a service account; give --kubeconfig FILE, or --no-cluster";
            return Err(InputError::new(place("source"), message));
        }
        ClusterSource::Kubeconfig => Some(named(&config.cluster, place)?),
    };
    if config.cluster.context.is_some() && !matches!(access, Some(ApiServerAccess::Kubeconfig { .. })) {
        return Err(InputError::new(
            place("context"),
            "a context needs a kubeconfig; give --kubeconfig FILE too",
        ));
    }
    if access.is_some() && !config.state.is_empty() {
        let message = "existing objects come from the watched cluster; remove this, or give --no-cluster";
        return Err(InputError::new(layers.place(&["state"]), message));
    }
    Ok(access)
}

fn named(
    cluster: &ClusterFile,
    place: impl Fn(&'static str) -> String,
) -> Result<ApiServerAccess, InputError> {
    let Some(file) = &cluster.kubeconfig else {
        return Err(InputError::new(place("kubeconfig"), "is not set; give it, or --kubeconfig FILE"));
    };
    let read = kubeconfig_of(file).map_err(|error| error.within(place("kubeconfig")))?;
    kubeconfig(read, cluster.context.as_deref(), place)
}

/// Reads a kubeconfig from a file.
///
/// # Errors
///
/// The file can't be read, is no regular file, is larger than 16 MiB, or is no kubeconfig.
pub fn kubeconfig_of(file: &Path) -> Result<Kubeconfig, InputError> {
    read_regular(file, KUBECONFIG_BYTES).map_err(|error| read::unreadable(file, &error))?;
    Kubeconfig::read_from(file).map_err(|error| InputError::of_file(file, kubeconfig_problem(&error)))
}

/// Returns the text of an error without the lines that a parser quotes: a kubeconfig has tokens and keys.
pub fn kubeconfig_problem(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(error) = error else { return error.to_string() };
    let reason = error.without_snippet().render_with_formatter(&UserMessageFormatter);
    format!("is not a kubeconfig: {reason}")
}

/// Returns the access with a kubeconfig and one of its contexts, or its current one. `place` returns the place of a field
/// for errors.
///
/// # Errors
///
/// The kubeconfig has no such context.
pub fn kubeconfig(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    place: impl Fn(&'static str) -> String,
) -> Result<ApiServerAccess, InputError> {
    check(&kubeconfig, context, place)?;
    Ok(ApiServerAccess::Kubeconfig { kubeconfig: Box::new(kubeconfig), context: context.map(str::to_owned) })
}

fn check(
    kubeconfig: &Kubeconfig,
    context: Option<&str>,
    place: impl Fn(&'static str) -> String,
) -> Result<(), InputError> {
    let Some(context) = context else { return Ok(()) };
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    if names.contains(&context) {
        return Ok(());
    }
    Err(InputError::new(
        place("context"),
        format_args!("the kubeconfig has no context {context:?}; give one of: {}", names.join(", ")),
    ))
}

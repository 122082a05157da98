//! The variables that the kubelet declares for Services.

/// Returns whether the kubelet may declare a variable of this name for a Service: `<S>_SERVICE_HOST`,
/// `<S>_SERVICE_PORT`, `<S>_SERVICE_PORT_<NAME>`, `<S>_PORT`, or `<S>_PORT_<n>_<PROTOCOL>`, also with `_PROTO`, `_PORT`
/// or `_ADDR` (`pkg/kubelet/envvars/envvars.go`).
pub(super) fn is_service_variable(name: &str) -> bool {
    let suffixed = |suffix: &str| name.strip_suffix(suffix).is_some_and(is_name);
    suffixed("_SERVICE_HOST")
        || suffixed("_SERVICE_PORT")
        || suffixed("_PORT")
        || is_named_port(name)
        || is_link(name)
}

/// Returns whether the kubelet can make the text of the name of a Service or of a port.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// `<S>_SERVICE_PORT_<NAME>`.
fn is_named_port(name: &str) -> bool {
    const INFIX: &str = "_SERVICE_PORT_";
    // Parts of a name are names, so it is read once, however often it has the infix.
    let is_between = |at: usize| at > 0 && at + INFIX.len() < name.len();
    is_name(name) && name.match_indices(INFIX).any(|(at, _)| is_between(at))
}

/// `<S>_PORT_<n>_<PROTOCOL>`, also with `_PROTO`, `_PORT` or `_ADDR`.
fn is_link(name: &str) -> bool {
    let link =
        ["_PROTO", "_PORT", "_ADDR"].into_iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
    let Some((service_and_port, "TCP" | "UDP" | "SCTP")) = link.rsplit_once('_') else { return false };
    let Some((service, port)) = service_and_port.rsplit_once('_') else { return false };
    let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    is_number && service.strip_suffix("_PORT").is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::is_service_variable;

    #[test]
    fn knows_the_variables_of_a_service() {
        let made = [
            "WEB_SERVICE_HOST",
            "WEB_SERVICE_PORT",
            "WEB_SERVICE_PORT_HTTP",
            "WEB_PORT",
            "WEB_PORT_80_TCP",
            "WEB_PORT_80_TCP_ADDR",
        ];
        assert!(made.into_iter().all(is_service_variable));
    }

    #[test]
    fn does_not_know_other_variables() {
        let others = ["", "HOSTNAME", "_PORT", "web_PORT", "WEB_PORT_TCP", "WEB_80_TCP", "WEB_PORT_80_HTTP"];
        assert!(!others.into_iter().any(is_service_variable));
    }
}

//! Storage servers and their canonical names.

use crate::display::fingerprint;
use crate::settings::Exports;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A storage server by its canonical name, which stands for all its aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StorageServer {
    name: String,
    /// The alias in `exports.serverAliases` that the volume names.
    alias: Option<String>,
    /// The name as written, if it differs from its normal form.
    respelled: Option<String>,
}

// === impl StorageServer ===

impl StorageServer {
    /// Returns the server of a name or address, or `None` if it is empty.
    pub(crate) fn resolve(written: &str, settings: &Exports) -> Option<Self> {
        let server = bounded(normalised_server(written));
        let respelled = (written.trim() != server).then(|| written.trim().to_owned());
        (!server.is_empty()).then(|| Self { respelled, ..Self::through_aliases(server, settings) })
    }

    /// Returns the server of a name that is no host, such as a bucket or a Secret, which is kept as it is.
    pub(crate) fn resolve_name(written: &str, settings: &Exports) -> Option<Self> {
        let name = bounded(written.trim().to_owned());
        if name.is_empty() {
            return None;
        }
        let through = Self::through_aliases(normalised_server(&name), settings);
        Some(if through.alias.is_some() { through } else { Self { name, alias: None, respelled: None } })
    }

    /// Returns the Ceph cluster with these monitors, in any order, or `None` if there are none. An alias may list all
    /// monitors of a cluster.
    pub(crate) fn of_monitors<'t>(
        monitors: impl Iterator<Item = &'t str>,
        settings: &Exports,
    ) -> Option<Self> {
        let monitors: Vec<Self> =
            monitors.map(without_monitor_port).filter_map(|name| Self::resolve(name, settings)).collect();
        let names: BTreeSet<&str> = monitors.iter().map(Self::name).collect();
        let name = bounded(Vec::from_iter(names).join(","));
        let aliases: BTreeSet<&str> = monitors.iter().filter_map(Self::alias).collect();
        let alias = (!aliases.is_empty()).then(|| Vec::from_iter(aliases).join(","));
        (!name.is_empty()).then_some(Self { name, alias, respelled: None })
    }

    /// Returns the EFS file system that the name of one of its mount targets names, e.g. that of
    /// `fs-0123.efs.eu-west-1.amazonaws.com`, with or without an availability zone before it (`dns_name_format` of efs-utils,
    /// `dist/efs-utils.conf`).
    pub(crate) fn efs_file_system(&self) -> Option<Self> {
        let domains = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"];
        let names = domains.iter().find_map(|domain| self.name.strip_suffix(domain))?;
        let (names, region) = names.split_once(".efs.")?;
        let id = names.rsplit('.').next().filter(|id| id.starts_with("fs-") && !region.contains('.'))?;
        Some(Self { name: id.to_owned(), alias: self.alias.clone(), respelled: Some(self.name.clone()) })
    }

    fn through_aliases(server: String, settings: &Exports) -> Self {
        let canonical = settings
            .server_aliases
            .iter()
            .find(|(_, aliases)| aliases.iter().any(|alias| normalised_server(alias) == server))
            .map(|(canonical, _)| normalised_server(canonical))
            .filter(|canonical| *canonical != server);
        match canonical {
            Some(name) => Self { name, alias: Some(server), respelled: None },
            None => Self { name: server, alias: None, respelled: None },
        }
    }

    /// The canonical name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The alias that the volume names, if any.
    pub(crate) fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }

    /// The name as written, if it differs from its normal form.
    pub(crate) fn respelled(&self) -> Option<&str> {
        self.respelled.as_deref()
    }

    /// Returns the name as it stands before a port: an IPv6 address in brackets.
    pub(crate) fn host(&self) -> String {
        if is_ipv6(&self.name) { format!("[{}]", self.name) } else { self.name.clone() }
    }
}

/// The longest name of a server that is part of a key as it is, in bytes: that of a host.
const NAME_BYTES: usize = 253;

/// Returns a name that is not too long for a key: of a long one, e.g. a list of servers, the beginning and a fingerprint.
fn bounded(name: String) -> String {
    if name.len() <= NAME_BYTES {
        return name;
    }
    let beginning = name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or_default();
    format!("{beginning}~{:x}", fingerprint([name.as_str()]))
}

/// Normalises the name of a server: removes spaces and brackets around it, writes an address in its canonical form (an
/// IPv4-mapped one as IPv4), and a name in lower case without a trailing dot.
pub(crate) fn normalised_server(server: &str) -> String {
    let name = without_default_network(server.trim());
    let name = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name).trim();
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.to_canonical().to_string();
    }
    if let Some(address) = numeric_address(name.trim_end_matches('.')) {
        return address.to_string();
    }
    match split_zone(name) {
        Some((address, zone)) => format!("{address}%{zone}"),
        None => without_private_link(name.trim_end_matches('.').to_lowercase()),
    }
}

/// Returns the host of a network identifier of Lustre on the network `tcp`, which is the default. Drivers that take a host add it
/// themselves.
fn without_default_network(name: &str) -> &str {
    let host = name.strip_suffix("@tcp").or_else(|| name.strip_suffix("@tcp0"));
    host.filter(|host| !host.contains('@')).unwrap_or(name)
}

/// Returns the name of a storage account of Azure without the label that a private endpoint adds to it.
fn without_private_link(name: String) -> String {
    if !name.ends_with(".core.windows.net") {
        return name;
    }
    match name.split_once(".privatelink.") {
        Some((account, service)) => format!("{account}.{service}"),
        None => name,
    }
}

/// Returns the IPv4 address that the resolver of libc reads in a name of up to four numbers: decimal, octal (`012`) or
/// hexadecimal (`0xA`), of which the last one fills all bytes that are left. See inet_aton(3).
fn numeric_address(name: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u32> = name.split('.').map(c_number).collect::<Option<_>>()?;
    let (last, leading) = numbers.split_last().filter(|(_, leading)| leading.len() < 4)?;
    let leading_bits = 8 * u32::try_from(leading.len()).ok()?;
    let is_byte = |number: &u32| *number <= 0xff;
    if !leading.iter().all(is_byte) || u64::from(*last) >> (32 - leading_bits) != 0 {
        return None;
    }
    let leading = leading.iter().zip([24, 16, 8]).map(|(byte, shift)| byte << shift);
    Some(Ipv4Addr::from_bits(leading.sum::<u32>() + last))
}

/// Reads a number as C does.
fn c_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text, 8),
        _ => (text, 10),
    };
    // A sign is no digit.
    let is_number = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| is_number)
}

/// Returns whether a normalised name is an IPv6 address, with or without a zone.
pub(crate) fn is_ipv6(name: &str) -> bool {
    name.parse::<Ipv6Addr>().is_ok() || split_zone(name).is_some()
}

/// Splits a link-local address and its zone, which is the name of an interface.
fn split_zone(server: &str) -> Option<(Ipv6Addr, &str)> {
    let (address, zone) = server.split_once('%')?;
    Some((address.parse().ok()?, zone))
}

/// Returns a monitor without its port if that is one of the two default ports.
fn without_monitor_port(monitor: &str) -> &str {
    let monitor = monitor.trim();
    monitor.strip_suffix(":6789").or_else(|| monitor.strip_suffix(":3300")).unwrap_or(monitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(canonical: &str, others: &[&str]) -> Exports {
        let others = others.iter().map(ToString::to_string).collect();
        Exports { server_aliases: [(canonical.to_owned(), others)].into(), ..Exports::default() }
    }

    #[test]
    fn spellings_of_one_server_are_equal() {
        for (written, server) in [
            (" NAS.Example.com. ", "nas.example.com"),
            ("10.0.0.5", "10.0.0.5"),
            ("10.5", "10.0.0.5"),
            ("10.0.5", "10.0.0.5"),
            ("167772165", "10.0.0.5"),
            ("0xA.0.0.5", "10.0.0.5"),
            ("0x0a000005", "10.0.0.5"),
            ("012.0.0.5.", "10.0.0.5"),
            ("0", "0.0.0.0"),
            ("10.256", "10.0.1.0"),
            ("255.255.255.255", "255.255.255.255"),
            ("::ffff:10.0.0.5", "10.0.0.5"),
            ("[::FFFF:a00:5]", "10.0.0.5"),
            ("[FD00:0:0::1]", "fd00::1"),
            ("fd00::0001", "fd00::1"),
            ("[FE80:0::1%eth0]", "fe80::1%eth0"),
            ("10.0.0.5@tcp", "10.0.0.5"),
            ("mgs.example.com@tcp0", "mgs.example.com"),
            ("10.0.0.5@tcp1", "10.0.0.5@tcp1"),
            ("10.0.0.5@tcp,10.0.0.6@tcp", "10.0.0.5@tcp,10.0.0.6@tcp"),
        ] {
            assert_eq!(normalised_server(written), server, "{written}");
        }
    }

    #[test]
    fn what_is_no_number_is_a_name() {
        for name in
            ["10.0.0.0.5", "256.1", "1.16777216", "4294967296", "08", "0x", "+1", "1.+5", "a.5", "1..5", "-1"]
        {
            assert_eq!(normalised_server(name), name);
        }
    }

    #[test]
    fn an_alias_resolves_to_the_canonical_name() {
        let settings = aliases("NAS.example.com.", &["Nas", "::ffff:10.0.0.5"]);
        for alias in ["nas", "10.0.0.5"] {
            let server = StorageServer::resolve(alias, &settings);
            let expected = StorageServer {
                name: "nas.example.com".to_owned(),
                alias: Some(alias.to_owned()),
                respelled: None,
            };
            assert_eq!(server, Some(expected));
        }
        assert_eq!(StorageServer::resolve("nas.example.com", &settings).and_then(|s| s.alias), None);
    }

    #[test]
    fn the_name_of_a_mount_target_names_its_file_system() {
        for (name, id) in [
            ("fs-0123.efs.eu-west-1.amazonaws.com", Some("fs-0123")),
            ("eu-west-1a.FS-0123.efs.eu-west-1.amazonaws.com.", Some("fs-0123")),
            ("fs-0123.efs.cn-north-1.amazonaws.com.cn", Some("fs-0123")),
            ("fs-0123.fsx.eu-west-1.amazonaws.com", None),
            ("nas.efs.example.com", None),
            ("fs-0123.efs.eu-west-1.example.com", None),
        ] {
            let server = StorageServer::resolve(name, &Exports::default());
            let file_system = server.and_then(|server| server.efs_file_system());
            assert_eq!(file_system.as_ref().map(StorageServer::name), id, "{name}");
        }
    }

    #[test]
    fn an_ipv6_host_stands_in_brackets() {
        for (written, host) in [("FD00::1", "[fd00::1]"), ("fe80::1%eth0", "[fe80::1%eth0]"), ("nas", "nas")]
        {
            let server = StorageServer::resolve(written, &Exports::default());
            assert_eq!(server.map(|s| s.host()).as_deref(), Some(host));
        }
    }

    #[test]
    fn the_order_of_monitors_does_not_matter() {
        let cluster =
            |monitors: &[&str]| StorageServer::of_monitors(monitors.iter().copied(), &Exports::default());
        assert_eq!(cluster(&["b:6789", "A"]), cluster(&["a:3300", "b"]));
        assert_eq!(cluster(&["", " "]), None);
    }

    #[test]
    fn an_alias_may_list_all_monitors() {
        let settings = aliases("ceph", &["10.0.0.1", "10.0.0.2"]);
        let cluster = |monitors: &[&str]| StorageServer::of_monitors(monitors.iter().copied(), &settings);
        let server = cluster(&["10.0.0.2:6789", "10.0.0.1:6789"]);
        assert_eq!(server.as_ref().map(StorageServer::name), Some("ceph"));
        assert_eq!(server.as_ref().and_then(StorageServer::alias), Some("10.0.0.1,10.0.0.2"));
        assert_eq!(cluster(&["10.0.0.1", "other"]).as_ref().map(StorageServer::name), Some("ceph,other"));
    }
}

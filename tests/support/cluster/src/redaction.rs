//! Removes from a review the details of one machine and one run: uids, users with their credentials, and addresses.
//!
//! Everything else stays byte for byte, so the text itself is edited, and searched again afterwards.

use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Replaces a person's name and groups, and the ids of credentials.
const USER: &str = "somebody";

/// Replaces loopback addresses and those of this machine. It is reserved for documentation (RFC 5737).
const ADDRESS: &str = "192.0.2.1";

/// Replaces the name of this machine.
const MACHINE: &str = "machine";

/// The replacements so far: a uid always gets the same one.
#[derive(Debug)]
pub(crate) struct Redaction {
    uids: BTreeMap<String, String>,
    /// The names and addresses of this machine, with their replacements.
    machine: Vec<(String, &'static str)>,
}

// === impl Redaction ===

impl Redaction {
    pub fn of_this_machine() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let address = address().map(|address| (address.to_string(), ADDRESS));
        // A short machine name such as `web` would be replaced in objects, too.
        let name = Some((name, MACHINE)).filter(|(name, _)| name.len() > 6);
        Self { uids: BTreeMap::new(), machine: name.into_iter().chain(address).collect() }
    }

    /// Returns the text of a review without the details of one machine and one run.
    pub fn redact(&mut self, text: &str) -> Result<String> {
        let review: Value = serde_json::from_str(text)?;
        let mut replaced: Vec<(String, String)> = Vec::new();
        self.collect_uids(&review, &mut replaced);
        credentials(&review["request"]["userInfo"], &mut replaced);
        replaced.retain(|(old, new)| old != new);
        let mut text = text.to_owned();
        for (old, new) in &replaced {
            text = text.replace(old.as_str(), new);
        }
        for (old, new) in &self.machine {
            text = text.replace(old.as_str(), new);
        }
        for (old, _) in &replaced {
            ensure!(!text.contains(old.as_str()), "a part of a review could not be redacted");
        }
        let text = without_loopback(&text);
        serde_json::from_str::<Value>(&text)?;
        Ok(text)
    }

    /// Collects every uid in a value, with its replacement.
    fn collect_uids(&mut self, value: &Value, replaced: &mut Vec<(String, String)>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str().filter(|uid| name == "uid" && !uid.is_empty()) {
                        Some(uid) => replaced.push((quoted(uid), quoted(&self.replacement(uid)))),
                        None => self.collect_uids(value, replaced),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect_uids(item, replaced)),
            _ => {}
        }
    }

    /// Returns the replacement of a uid, which has the same form.
    fn replacement(&mut self, uid: &str) -> String {
        let next = self.uids.len() + 1;
        // A replacement is replaced by itself, so that redacting twice changes nothing.
        let is_one = uid.starts_with(UID_PREFIX);
        let fresh = || if is_one { uid.to_owned() } else { format!("{UID_PREFIX}{next:012}") };
        self.uids.entry(uid.to_owned()).or_insert_with(fresh).clone()
    }
}

/// The prefix of the replacements of uids.
const UID_PREFIX: &str = "00000000-0000-4000-8000-";

/// Collects a person's name, groups and credential ids. Names of Kubernetes itself (`system:`) stay.
fn credentials(user: &Value, replaced: &mut Vec<(String, String)>) {
    let name = user["username"].as_str().filter(|name| is_personal(name));
    replaced.extend(name.map(|name| (member("username", name), member("username", USER))));
    let groups = user["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    replaced.extend(groups.filter(|group| is_personal(group)).map(|group| (quoted(group), quoted(USER))));
    let extra = user["extra"].as_object().into_iter().flat_map(|extra| extra.values());
    let extra = extra.filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    replaced.extend(extra.map(|value| (quoted(value), quoted(USER))));
}

fn is_personal(name: &str) -> bool {
    !name.starts_with("system:")
}

/// Returns a text as a JSON string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn member(name: &str, value: &str) -> String {
    format!("{}:{}", quoted(name), quoted(value))
}

/// Returns the text with every loopback address replaced.
fn without_loopback(text: &str) -> String {
    let mut rest = text;
    let mut clean = String::with_capacity(text.len());
    while let Some(at) = rest.find("127.") {
        let (before, from) = rest.split_at(at);
        let end = from.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let begins = !before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.');
        let is_one = begins && word.parse::<Ipv4Addr>().is_ok();
        clean.push_str(before);
        clean.push_str(if is_one { ADDRESS } else { word });
        rest = after;
    }
    clean + rest
}

/// Returns the address that this machine would send from, if it has a network. No packet is sent.
fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect((ADDRESS, 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVIEW: &str = r#"{"kind":"AdmissionReview","request":{"uid":"55a8a203-6ad1-40fd-9602-3749815b7d7a","name":"admin","userInfo":{"username":"admin","uid":"u-17","groups":["wheel","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=228e"]}},"object":{"metadata":{"uid":"aa","ownerReferences":[{"uid":"bb"}],"annotations":{"at":"https://127.96.1.1:6443","version":"1.127.0"}}}}}"#;

    fn redaction() -> Redaction {
        Redaction { uids: BTreeMap::new(), machine: vec![("builder-7".to_owned(), MACHINE)] }
    }

    #[test]
    fn replaces_only_the_details_of_one_run() -> Result<()> {
        let redacted = redaction().redact(REVIEW)?;
        let expected = r#"{"kind":"AdmissionReview","request":{"uid":"00000000-0000-4000-8000-000000000004","name":"admin","userInfo":{"username":"somebody","uid":"00000000-0000-4000-8000-000000000005","groups":["somebody","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["somebody"]}},"object":{"metadata":{"uid":"00000000-0000-4000-8000-000000000002","ownerReferences":[{"uid":"00000000-0000-4000-8000-000000000001"}],"annotations":{"at":"https://192.0.2.1:6443","version":"1.127.0"}}}}}"#;
        let numbered = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "0");
        assert_eq!(numbered(&redacted), numbered(expected));
        Ok(())
    }

    #[test]
    fn replaces_a_uid_always_in_the_same_way() -> Result<()> {
        let mut redaction = redaction();
        let first = redaction.redact(REVIEW)?;
        assert_eq!(redaction.redact(REVIEW)?, first);
        assert_eq!(redaction.redact(&first)?, first, "and once");
        Ok(())
    }

    #[test]
    fn replaces_the_machine_name() -> Result<()> {
        let redacted = redaction().redact(r#"{"request":{"name":"builder-7.local"}}"#)?;
        assert_eq!(redacted, r#"{"request":{"name":"machine.local"}}"#);
        Ok(())
    }
}

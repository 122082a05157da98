//! Takes out of a review what is of one machine and one run: uids, who asked and by which credential, and addresses.
//!
//! All else stays byte for byte, so it is done in the text, and what was to go is looked for again afterwards.

use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// In place of a person, a group of theirs, and what says which credential they came with.
const USER: &str = "somebody";

/// In place of a loopback address, or one of this machine's: for documentation (RFC 5737).
const ADDRESS: &str = "192.0.2.1";

/// In place of this machine's name.
const MACHINE: &str = "machine";

/// What was redacted so far: a uid is always replaced by the same.
#[derive(Debug)]
pub(crate) struct Redaction {
    uids: BTreeMap<String, String>,
    /// What names this machine, and its replacement.
    machine: Vec<(String, &'static str)>,
}

// === impl Redaction ===

impl Redaction {
    pub fn of_this_machine() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let address = address().map(|address| (address.to_string(), ADDRESS));
        // A name such as `web` would be taken out of objects, too.
        let name = Some((name, MACHINE)).filter(|(name, _)| name.len() > 6);
        Self { uids: BTreeMap::new(), machine: name.into_iter().chain(address).collect() }
    }

    /// The text of a review without what is of one machine and one run.
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

    /// Every uid, wherever it is.
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

    /// What stands for a uid, in its form.
    fn replacement(&mut self, uid: &str) -> String {
        let next = self.uids.len() + 1;
        // A uid that was redacted already is what it stands for.
        let is_one = uid.starts_with(UID_PREFIX);
        let fresh = || if is_one { uid.to_owned() } else { format!("{UID_PREFIX}{next:012}") };
        self.uids.entry(uid.to_owned()).or_insert_with(fresh).clone()
    }
}

/// How a uid begins that stands for another.
const UID_PREFIX: &str = "00000000-0000-4000-8000-";

/// A person's name and groups, and all else that is known of the credential. What Kubernetes names stays.
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

/// A text as the API server writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn member(name: &str, value: &str) -> String {
    format!("{}:{}", quoted(name), quoted(value))
}

/// The text with another address for each of loopback.
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

/// The address that this machine would be seen by, if it has a network; nothing is sent.
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
    fn only_what_is_of_one_run_is_replaced() -> Result<()> {
        let redacted = redaction().redact(REVIEW)?;
        let expected = r#"{"kind":"AdmissionReview","request":{"uid":"00000000-0000-4000-8000-000000000004","name":"admin","userInfo":{"username":"somebody","uid":"00000000-0000-4000-8000-000000000005","groups":["somebody","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["somebody"]}},"object":{"metadata":{"uid":"00000000-0000-4000-8000-000000000002","ownerReferences":[{"uid":"00000000-0000-4000-8000-000000000001"}],"annotations":{"at":"https://192.0.2.1:6443","version":"1.127.0"}}}}}"#;
        let numbered = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "0");
        assert_eq!(numbered(&redacted), numbered(expected));
        Ok(())
    }

    #[test]
    fn a_uid_is_always_replaced_by_the_same() -> Result<()> {
        let mut redaction = redaction();
        let first = redaction.redact(REVIEW)?;
        assert_eq!(redaction.redact(REVIEW)?, first);
        assert_eq!(redaction.redact(&first)?, first, "and once");
        Ok(())
    }

    #[test]
    fn the_machine_is_not_named() -> Result<()> {
        let redacted = redaction().redact(r#"{"request":{"name":"builder-7.local"}}"#)?;
        assert_eq!(redacted, r#"{"request":{"name":"machine.local"}}"#);
        Ok(())
    }
}

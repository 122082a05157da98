//! A CA and its leaf certificate in a directory, over simulated years.

use crate::handshake::Client;
use crate::signer::{HOUR, Signer};
use ordinance_certs::inspect::{Inspection, InspectionTime, Material};
use ordinance_certs::{
    Bundle, CertificateDirectory, ClientTrust, DirectoryChange, DirectoryError, DirectoryOutcome, Files,
    IssueOptions, Record, Reload, RotationPhase, RotationStep, SigningReason, StepDecision, StepPolicy,
    server_config,
};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WAIT: Duration = Duration::from_secs(5 * 60);

struct DirectoryFixture {
    temporary: TempDir,
    directory: CertificateDirectory,
    now: SystemTime,
}

// === impl DirectoryFixture ===

impl DirectoryFixture {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = CertificateDirectory::new(&temporary.path().join("tls"));
        Self { temporary, directory, now: SystemTime::now() }
    }

    fn issued() -> Self {
        let fixture = Self::new();
        fixture.issue();
        fixture
    }

    fn issue(&self) -> DirectoryOutcome<Vec<DirectoryChange>> {
        self.try_issue(&["localhost", "ordinance.system.svc"]).unwrap()
    }

    fn try_issue(&self, names: &[&str]) -> Result<DirectoryOutcome<Vec<DirectoryChange>>, DirectoryError> {
        let options = IssueOptions {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            ..IssueOptions::default()
        };
        self.directory.issue(&options, WAIT, self.now)
    }

    fn rotate(&self, trusted: bool, policy: StepPolicy) -> StepDecision {
        self.rotate_with(&if trusted { ClientTrust::Confirmed } else { ClientTrust::Unknown }, policy)
    }

    fn rotate_with(&self, trust: &ClientTrust, policy: StepPolicy) -> StepDecision {
        self.directory.rotate(trust, policy, WAIT, self.now).unwrap().result
    }

    fn step(&self, trusted: bool, policy: StepPolicy) -> Option<RotationStep> {
        match self.rotate(trusted, policy) {
            StepDecision::Take(step, _) => Some(step),
            _ => None,
        }
    }

    fn record(&self) -> Record {
        Record::read_any(&self.directory.read().unwrap()).unwrap().unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.temporary.path().join("tls").join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns whether a client with this bundle accepts the leaf certificate of the directory.
    fn is_trusted_by(&self, bundle: &str) -> bool {
        let mut inspection = Inspection::default();
        let served = ["tls.crt", "tls.key"].map(|name| Material::open(&self.path(name)).unwrap());
        inspection.add_trust_bundle(&Material::read("bundle".to_owned(), bundle.as_bytes()).unwrap());
        inspection.add_files(served.into(), &["localhost".to_owned()]);
        inspection.findings(InspectionTime { at: self.now, within: Duration::ZERO }).is_empty()
    }
}

#[test]
fn an_issued_certificate_can_be_served() {
    let fixture = DirectoryFixture::new();
    assert_eq!(
        fixture.issue().result,
        [DirectoryChange::CreatedAuthority, DirectoryChange::SignedLeaf(SigningReason::First)]
    );
    let files = Files::open(&fixture.path("tls.crt"), &fixture.path("tls.key"), fixture.now).unwrap();
    let config = Arc::new(server_config(files.served(), None).unwrap());
    assert!(Client::trusting(&fixture.text("ca.crt")).connect(&config).is_ok());
    for name in ["tls.key", "current.key"] {
        assert_eq!(fixture.path(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn changes_nothing_that_is_not_due() {
    let fixture = DirectoryFixture::issued();
    let before = fixture.directory.read().unwrap();
    assert_eq!(fixture.issue().result, []);
    assert_eq!(fixture.try_issue(&[]).unwrap().result, []);
    assert_eq!(fixture.directory.read().unwrap(), before);
}

#[test]
fn renews_a_certificate_after_two_thirds_of_its_life_and_a_server_reloads_it() {
    let mut fixture = DirectoryFixture::issued();
    let mut files = Files::open(&fixture.path("tls.crt"), &fixture.path("tls.key"), fixture.now).unwrap();
    let authority = fixture.record();
    fixture.now += 59 * DAY;
    assert_eq!(fixture.issue().result, []);
    fixture.now += 2 * DAY;
    assert_eq!(fixture.issue().result, [DirectoryChange::SignedLeaf(SigningReason::Due)]);
    assert_eq!(fixture.record(), authority);
    assert!(matches!(files.poll(fixture.now), Reload::Replaced));
}

#[test]
fn keeps_the_requested_lifetimes() {
    let mut fixture = DirectoryFixture::new();
    let options =
        IssueOptions { names: vec!["localhost".to_owned()], leaf: Some(3 * DAY), authority: Some(30 * DAY) };
    fixture.directory.issue(&options, WAIT, fixture.now).unwrap();
    fixture.now += 2 * DAY + HOUR;
    let renewed = fixture.try_issue(&[]).unwrap();
    assert_eq!(renewed.result, [DirectoryChange::SignedLeaf(SigningReason::Due)]);
    assert!(renewed.renewal <= fixture.now + 2 * DAY);
}

#[test]
fn the_next_ca_signs_only_after_confirmation_and_the_wait() {
    let mut fixture = DirectoryFixture::issued();
    let first = fixture.text("ca.crt");
    fixture.now += 1220 * DAY;
    let done = fixture.issue().result;
    assert_eq!(done[0], DirectoryChange::TookStep(RotationStep::Publish));
    assert!(fixture.is_trusted_by(&first), "the former CA still signs");
    fixture.now += 30 * DAY;
    assert_eq!(fixture.issue().phase, RotationPhase::Confirm);
    assert_eq!(fixture.rotate(false, StepPolicy::WhenSafe), StepDecision::Untrusted);
    assert_eq!(fixture.step(true, StepPolicy::WhenSafe), Some(RotationStep::Confirm));
    assert_eq!(
        fixture.rotate(false, StepPolicy::WhenSafe),
        StepDecision::WaitsForClients(confirmed_at(&fixture) + WAIT)
    );
    fixture.now += WAIT + Duration::from_secs(1);
    let done = fixture.issue().result;
    assert_eq!(
        done,
        [
            DirectoryChange::TookStep(RotationStep::Switch),
            DirectoryChange::SignedLeaf(SigningReason::NewSigner)
        ]
    );
    assert!(!fixture.is_trusted_by(&first) && fixture.is_trusted_by(&fixture.text("ca.crt")));
}

/// Returns the confirmation time as stored, to the millisecond.
fn confirmed_at(fixture: &DirectoryFixture) -> SystemTime {
    fixture.record().next.unwrap().confirmed_at.unwrap()
}

#[test]
fn the_bundle_trusts_the_served_certificate_at_every_step() {
    let mut fixture = DirectoryFixture::issued();
    let first = fixture.text("ca.crt");
    assert_eq!(fixture.step(false, StepPolicy::WhenSafe), Some(RotationStep::Publish));
    assert_eq!(fixture.record().bundle().certificates().len(), 2);
    assert!(fixture.is_trusted_by(&first));
    assert_eq!(fixture.step(true, StepPolicy::WhenSafe), Some(RotationStep::Confirm));
    fixture.now += WAIT + Duration::from_secs(1);
    assert_eq!(fixture.step(false, StepPolicy::WhenSafe), Some(RotationStep::Switch));
    assert!(fixture.text("ca.crt").contains(first.trim()) && fixture.is_trusted_by(&fixture.text("ca.crt")));
    assert_eq!(
        fixture.rotate(false, StepPolicy::WhenSafe),
        StepDecision::WaitsForLeaves(fixture.record().previous.unwrap().until)
    );
    fixture.now += 90 * DAY + Duration::from_secs(1);
    assert_eq!(fixture.step(false, StepPolicy::WhenSafe), Some(RotationStep::Shrink));
    assert!(!fixture.text("ca.crt").contains(first.trim()) && fixture.is_trusted_by(&fixture.text("ca.crt")));
}

#[test]
fn observed_bundles_replace_the_confirmation() {
    let mut fixture = DirectoryFixture::issued();
    let first = Bundle::read(fixture.text("ca.crt").as_bytes());
    fixture.rotate(false, StepPolicy::WhenSafe);
    let both = Bundle::read(fixture.text("ca.crt").as_bytes());
    let rotate = |fixture: &DirectoryFixture, bundles: &[&Bundle]| {
        let seen = bundles.iter().map(|&bundle| bundle.clone()).collect();
        fixture.rotate_with(&ClientTrust::Observed(seen), StepPolicy::WhenSafe)
    };
    assert_eq!(rotate(&fixture, &[&both, &first]), StepDecision::Untrusted);
    assert!(matches!(rotate(&fixture, &[&both, &both]), StepDecision::Take(RotationStep::Confirm, _)));
    fixture.now += WAIT + Duration::from_secs(1);
    assert_eq!(
        rotate(&fixture, &[&both, &first]),
        StepDecision::Untrusted,
        "a client lost the bundle meanwhile"
    );
    assert!(matches!(rotate(&fixture, &[&both]), StepDecision::Take(RotationStep::Switch, _)));
}

#[test]
fn forced_steps_skip_the_waits_and_keep_trusting_the_served_certificate() {
    let fixture = DirectoryFixture::issued();
    for step in [RotationStep::Publish, RotationStep::Switch, RotationStep::Shrink] {
        assert_eq!(fixture.step(false, StepPolicy::Force), Some(step));
        assert!(fixture.is_trusted_by(&fixture.text("ca.crt")), "{step:?}");
    }
    assert_eq!(fixture.record().phase(), RotationPhase::Steady);
}

#[test]
fn a_forced_rotation_removes_a_stolen_ca_from_the_bundle() {
    let fixture = DirectoryFixture::issued();
    let stolen = Bundle::read(fixture.text("ca.crt").as_bytes());
    for _ in 0..3 {
        fixture.rotate(false, StepPolicy::Force);
    }
    assert!(!Bundle::read(fixture.text("ca.crt").as_bytes()).contains(&stolen));
}

#[test]
fn replaces_an_expired_ca_at_once() {
    let mut fixture = DirectoryFixture::issued();
    fixture.now += 2000 * DAY;
    assert_eq!(
        fixture.issue().result.first(),
        Some(&DirectoryChange::TookStep(RotationStep::Replace)),
        "no client accepts an expired CA"
    );
    assert!(fixture.record().current.validity().unwrap().not_after > fixture.now);
}

#[test]
fn restores_edited_files_and_refuses_an_unreadable_ca_key() {
    let fixture = DirectoryFixture::issued();
    let version = std::fs::read_link(fixture.path("..data")).unwrap();
    let edit = |name: &str, text: &str| std::fs::write(fixture.path("..data").join(name), text).unwrap();
    edit("tls.crt", &Signer::new("other").leaf("foreign").certificate);
    let done = fixture.issue().result;
    assert!(matches!(&done[..], [DirectoryChange::SignedLeaf(SigningReason::Unusable(_))]), "{done:?}");
    assert_ne!(std::fs::read_link(fixture.path("..data")).unwrap(), version);
    edit("ca.crt", "");
    assert_eq!(fixture.issue().result, [DirectoryChange::RestoredFiles]);
    assert!(fixture.is_trusted_by(&fixture.text("ca.crt")));
    edit("current.key", "junk");
    let error = fixture.try_issue(&[]).unwrap_err().to_string();
    let expected = "current.crt and current.key: the key can't be read; put back what was there, or give another directory";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn completes_an_interrupted_write() {
    let fixture = DirectoryFixture::issued();
    let served = fixture.text("tls.crt");
    for name in ["tls.crt", "ca.crt"] {
        std::fs::remove_file(fixture.path(name)).unwrap();
    }
    std::fs::create_dir(fixture.path("..v2")).unwrap();
    std::fs::write(fixture.path("..v2/tls.key"), "half").unwrap();
    std::os::unix::fs::symlink("..v2", fixture.path("..data_tmp")).unwrap();
    assert_eq!(fixture.issue().result, [DirectoryChange::RestoredFiles]);
    assert_eq!((fixture.text("tls.crt"), fixture.issue().result), (served, vec![]));
}

#[test]
fn does_not_overwrite_foreign_files() {
    let fixture = DirectoryFixture::new();
    std::fs::create_dir(fixture.path("")).unwrap();
    std::fs::write(fixture.path("tls.crt"), "mine").unwrap();
    let error = fixture.try_issue(&["localhost"]).unwrap_err().to_string();
    assert!(
        error.ends_with("tls.crt: already exists and was not issued here; give another directory"),
        "{error}"
    );
    assert_eq!(fixture.text("tls.crt"), "mine");
    let later = DirectoryFixture::issued();
    std::fs::remove_file(later.path("tls.crt")).unwrap();
    std::fs::write(later.path("tls.crt"), "mine").unwrap();
    assert!(matches!(later.try_issue(&[]), Err(DirectoryError::ForeignFile(_))));
}

#[test]
fn refuses_other_names() {
    let fixture = DirectoryFixture::issued();
    fixture.try_issue(&["ORDINANCE.system.svc", "localhost", "localhost"]).unwrap();
    let error = fixture.try_issue(&["localhost", "::0001"]).unwrap_err().to_string();
    let expected = "signs for localhost, ordinance.system.svc, not for localhost, ::1; give the same names, or another directory";
    assert!(error.ends_with(expected), "{error}");
    assert!(matches!(DirectoryFixture::new().try_issue(&["", " "]), Err(DirectoryError::NoNames)));
    for name in ["no name", "*.svc", "a..b", "\u{1b}"] {
        assert!(
            matches!(DirectoryFixture::new().try_issue(&[name]), Err(DirectoryError::InvalidName(_))),
            "{name}"
        );
    }
}

#[test]
fn refuses_lifetimes_out_of_range() {
    let fixture = DirectoryFixture::new();
    for (leaf, authority, expected) in [
        (Some(Duration::ZERO), None, "a certificate lifetime of "),
        (Some(Duration::MAX), None, "a certificate lifetime of "),
        (Some(DAY), Some(2 * DAY), "a CA lifetime of "),
        (None, Some(Duration::MAX), "a CA lifetime of "),
    ] {
        let options = IssueOptions { names: vec!["localhost".to_owned()], leaf, authority };
        let error = fixture.directory.issue(&options, WAIT, fixture.now).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(!fixture.path("").exists());
}

#[test]
fn concurrent_issues_make_one_ca() {
    let fixture = DirectoryFixture::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fixture.issue());
        }
    });
    assert_eq!(fixture.issue().result, []);
    assert_eq!(fixture.record().generation, 1);
}

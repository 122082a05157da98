//! A CA and a certificate of it in a directory, over the years.

use crate::handshake::Client;
use crate::signer::{HOUR, Signer};
use ordinance_certs::inspect::{Inspection, Material, When};
use ordinance_certs::{
    Asked, Bundle, Done, Files, Folder, FolderError, Haste, Outcome, Phase, Reason, Record, Reload, Step,
    Trusting, Wish, server_config,
};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WAIT: Duration = Duration::from_secs(5 * 60);

struct Scene {
    temporary: TempDir,
    folder: Folder,
    now: SystemTime,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(&temporary.path().join("tls"));
        Self { temporary, folder, now: SystemTime::now() }
    }

    fn issued() -> Self {
        let scene = Self::new();
        scene.issue();
        scene
    }

    fn issue(&self) -> Outcome<Vec<Done>> {
        self.try_issue(&["localhost", "ordinance.system.svc"]).unwrap()
    }

    fn try_issue(&self, names: &[&str]) -> Result<Outcome<Vec<Done>>, FolderError> {
        let wish = Wish { names: names.iter().map(|&name| name.to_owned()).collect(), ..Wish::default() };
        self.folder.issue(&wish, WAIT, self.now)
    }

    fn rotate(&self, trusted: bool, haste: Haste) -> Asked {
        self.rotate_seeing(&if trusted { Trusting::Word } else { Trusting::Unknown }, haste)
    }

    fn rotate_seeing(&self, trusting: &Trusting, haste: Haste) -> Asked {
        self.folder.rotate(trusting, haste, WAIT, self.now).unwrap().done
    }

    fn steps(&self, trusted: bool, haste: Haste) -> Option<Step> {
        match self.rotate(trusted, haste) {
            Asked::Step(step, _) => Some(step),
            _ => None,
        }
    }

    fn record(&self) -> Record {
        Record::read_any(&self.folder.found().unwrap()).unwrap().unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.temporary.path().join("tls").join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Whether a client that has this bundle takes what the directory has for a server.
    fn is_trusted_by(&self, bundle: &str) -> bool {
        let mut inspection = Inspection::default();
        let served = ["tls.crt", "tls.key"].map(|name| Material::open(&self.path(name)).unwrap());
        inspection.trusted(&Material::read("bundle".to_owned(), bundle.as_bytes()).unwrap());
        inspection.files(served.into(), &["localhost".to_owned()]);
        inspection.findings(When { at: self.now, within: Duration::ZERO }).is_empty()
    }
}

#[test]
fn what_is_issued_can_be_served_at_once() {
    let scene = Scene::new();
    assert_eq!(scene.issue().done, [Done::Authority, Done::Leaf(Reason::First)]);
    let files = Files::open(&scene.path("tls.crt"), &scene.path("tls.key"), scene.now).unwrap();
    let config = Arc::new(server_config(files.served(), None).unwrap());
    assert!(Client::trusting(&scene.text("ca.crt")).connect(&config).is_ok());
    for name in ["tls.key", "current.key"] {
        assert_eq!(scene.path(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_is_not_due_stays_as_it_is() {
    let scene = Scene::issued();
    let before = scene.folder.found().unwrap();
    assert_eq!(scene.issue().done, []);
    assert_eq!(scene.try_issue(&[]).unwrap().done, []);
    assert_eq!(scene.folder.found().unwrap(), before);
}

#[test]
fn a_certificate_is_renewed_after_two_thirds_of_its_life_and_a_server_sees_it() {
    let mut scene = Scene::issued();
    let mut files = Files::open(&scene.path("tls.crt"), &scene.path("tls.key"), scene.now).unwrap();
    let authority = scene.record();
    scene.now += 59 * DAY;
    assert_eq!(scene.issue().done, []);
    scene.now += 2 * DAY;
    assert_eq!(scene.issue().done, [Done::Leaf(Reason::Due)]);
    assert_eq!(scene.record(), authority);
    assert!(matches!(files.poll(scene.now), Reload::Replaced));
}

#[test]
fn lifetimes_stay_as_they_were_asked_for() {
    let mut scene = Scene::new();
    let wish = Wish { names: vec!["localhost".to_owned()], leaf: Some(3 * DAY), authority: Some(30 * DAY) };
    scene.folder.issue(&wish, WAIT, scene.now).unwrap();
    scene.now += 2 * DAY + HOUR;
    let renewed = scene.try_issue(&[]).unwrap();
    assert_eq!(renewed.done, [Done::Leaf(Reason::Due)]);
    assert!(renewed.renewal <= scene.now + 2 * DAY);
}

#[test]
fn a_ca_that_is_due_gets_a_next_one_that_signs_only_on_somebody_s_word_and_after_the_wait() {
    let mut scene = Scene::issued();
    let first = scene.text("ca.crt");
    scene.now += 1220 * DAY;
    let done = scene.issue().done;
    assert_eq!(done[0], Done::Step(Step::Publish));
    assert!(scene.is_trusted_by(&first), "the former one signs on");
    scene.now += 30 * DAY;
    assert_eq!(scene.issue().phase, Phase::Confirm);
    assert_eq!(scene.rotate(false, Haste::Safely), Asked::Untrusted);
    assert_eq!(scene.steps(true, Haste::Safely), Some(Step::Confirm));
    assert_eq!(scene.rotate(false, Haste::Safely), Asked::Bundles(rounded(&scene) + WAIT));
    scene.now += WAIT + Duration::from_secs(1);
    let done = scene.issue().done;
    assert_eq!(done, [Done::Step(Step::Switch), Done::Leaf(Reason::Signer)]);
    assert!(!scene.is_trusted_by(&first) && scene.is_trusted_by(&scene.text("ca.crt")));
}

/// Moments are stored to the millisecond.
fn rounded(scene: &Scene) -> SystemTime {
    scene.record().next.unwrap().confirmed_at.unwrap()
}

#[test]
fn a_rotation_goes_by_steps_and_the_bundle_never_loses_what_is_served() {
    let mut scene = Scene::issued();
    let first = scene.text("ca.crt");
    assert_eq!(scene.steps(false, Haste::Safely), Some(Step::Publish));
    assert_eq!(scene.record().bundle().certificates().len(), 2);
    assert!(scene.is_trusted_by(&first));
    assert_eq!(scene.steps(true, Haste::Safely), Some(Step::Confirm));
    scene.now += WAIT + Duration::from_secs(1);
    assert_eq!(scene.steps(false, Haste::Safely), Some(Step::Switch));
    assert!(scene.text("ca.crt").contains(first.trim()) && scene.is_trusted_by(&scene.text("ca.crt")));
    assert_eq!(scene.rotate(false, Haste::Safely), Asked::Leaves(scene.record().previous.unwrap().until));
    scene.now += 90 * DAY + Duration::from_secs(1);
    assert_eq!(scene.steps(false, Haste::Safely), Some(Step::Shrink));
    assert!(!scene.text("ca.crt").contains(first.trim()) && scene.is_trusted_by(&scene.text("ca.crt")));
}

#[test]
fn whoever_sees_what_clients_trust_need_not_be_believed() {
    let mut scene = Scene::issued();
    let first = Bundle::read(scene.text("ca.crt").as_bytes());
    scene.rotate(false, Haste::Safely);
    let both = Bundle::read(scene.text("ca.crt").as_bytes());
    let seeing = |scene: &Scene, bundles: &[&Bundle]| {
        let seen = bundles.iter().map(|&bundle| bundle.clone()).collect();
        scene.rotate_seeing(&Trusting::Seen(seen), Haste::Safely)
    };
    assert_eq!(seeing(&scene, &[&both, &first]), Asked::Untrusted);
    assert!(matches!(seeing(&scene, &[&both, &both]), Asked::Step(Step::Confirm, _)));
    scene.now += WAIT + Duration::from_secs(1);
    assert_eq!(seeing(&scene, &[&both, &first]), Asked::Untrusted, "it shrank meanwhile");
    assert!(matches!(seeing(&scene, &[&both]), Asked::Step(Step::Switch, _)));
}

#[test]
fn haste_leaves_out_the_waits_and_still_never_what_is_served() {
    let scene = Scene::issued();
    for step in [Step::Publish, Step::Switch, Step::Shrink] {
        assert_eq!(scene.steps(false, Haste::AtOnce), Some(step));
        assert!(scene.is_trusted_by(&scene.text("ca.crt")), "{step:?}");
    }
    assert_eq!(scene.record().phase(), Phase::Steady);
}

#[test]
fn a_stolen_key_is_out_of_the_bundle_after_a_hasty_rotation() {
    let scene = Scene::issued();
    let stolen = Bundle::read(scene.text("ca.crt").as_bytes());
    for _ in 0..3 {
        scene.rotate(false, Haste::AtOnce);
    }
    assert!(!Bundle::read(scene.text("ca.crt").as_bytes()).contains(&stolen));
}

#[test]
fn an_expired_ca_is_replaced_at_once() {
    let mut scene = Scene::issued();
    scene.now += 2000 * DAY;
    assert_eq!(
        scene.issue().done.first(),
        Some(&Done::Step(Step::Replace)),
        "a CA that has expired protects nobody"
    );
    assert!(scene.record().current.validity().unwrap().not_after > scene.now);
}

#[test]
fn what_somebody_broke_is_mended_or_said_and_never_lost() {
    let scene = Scene::issued();
    let version = std::fs::read_link(scene.path("..data")).unwrap();
    let edit = |name: &str, text: &str| std::fs::write(scene.path("..data").join(name), text).unwrap();
    edit("tls.crt", &Signer::new("other").leaf("foreign").certificate);
    let done = scene.issue().done;
    assert!(matches!(&done[..], [Done::Leaf(Reason::Unfit(_))]), "{done:?}");
    assert_ne!(std::fs::read_link(scene.path("..data")).unwrap(), version);
    edit("ca.crt", "");
    assert_eq!(scene.issue().done, [Done::Files]);
    assert!(scene.is_trusted_by(&scene.text("ca.crt")));
    edit("current.key", "junk");
    let said = scene.try_issue(&[]).unwrap_err().to_string();
    let told = "current.crt and current.key: the key can't be read; put back what was there, or give another directory";
    assert!(said.ends_with(told), "{said}");
}

#[test]
fn whoever_was_stopped_while_he_wrote_is_followed_by_one_who_completes_it() {
    let scene = Scene::issued();
    let served = scene.text("tls.crt");
    for name in ["tls.crt", "ca.crt"] {
        std::fs::remove_file(scene.path(name)).unwrap();
    }
    std::fs::create_dir(scene.path("..v2")).unwrap();
    std::fs::write(scene.path("..v2/tls.key"), "half").unwrap();
    std::os::unix::fs::symlink("..v2", scene.path("..data_tmp")).unwrap();
    assert_eq!(scene.issue().done, [Done::Files]);
    assert_eq!((scene.text("tls.crt"), scene.issue().done), (served, vec![]));
}

#[test]
fn files_of_somebody_else_are_not_written_over() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("")).unwrap();
    std::fs::write(scene.path("tls.crt"), "mine").unwrap();
    let said = scene.try_issue(&["localhost"]).unwrap_err().to_string();
    assert!(
        said.ends_with("tls.crt: is there already, and not made by this command; give another directory"),
        "{said}"
    );
    assert_eq!(scene.text("tls.crt"), "mine");
    let later = Scene::issued();
    std::fs::remove_file(later.path("tls.crt")).unwrap();
    std::fs::write(later.path("tls.crt"), "mine").unwrap();
    assert!(matches!(later.try_issue(&[]), Err(FolderError::Foreign(_))));
}

#[test]
fn other_names_want_another_directory() {
    let scene = Scene::issued();
    scene.try_issue(&["ORDINANCE.system.svc", "localhost", "localhost"]).unwrap();
    let said = scene.try_issue(&["localhost", "::0001"]).unwrap_err().to_string();
    let told = "signs for localhost, ordinance.system.svc, not for localhost, ::1; give the same names, or another directory";
    assert!(said.ends_with(told), "{said}");
    assert!(matches!(Scene::new().try_issue(&["", " "]), Err(FolderError::Nameless)));
    for name in ["no name", "*.svc", "a..b", "\u{1b}"] {
        assert!(matches!(Scene::new().try_issue(&[name]), Err(FolderError::Name(_))), "{name}");
    }
}

#[test]
fn lifetimes_that_come_to_nothing_are_refused() {
    let scene = Scene::new();
    for (leaf, authority, flag) in [
        (Some(Duration::ZERO), None, "--lifetime"),
        (Some(Duration::MAX), None, "--lifetime"),
        (Some(DAY), Some(2 * DAY), "--authority-lifetime"),
        (None, Some(Duration::MAX), "--authority-lifetime"),
    ] {
        let wish = Wish { names: vec!["localhost".to_owned()], leaf, authority };
        let said = scene.folder.issue(&wish, WAIT, scene.now).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{flag}: ")), "{said}");
    }
    assert!(!scene.path("").exists());
}

#[test]
fn many_who_issue_together_make_one_ca() {
    let scene = Scene::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| scene.issue());
        }
    });
    assert_eq!(scene.issue().done, []);
    assert_eq!(scene.record().generation, 1);
}

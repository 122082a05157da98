//! `ordinance certs`: issue, show, rotate and verify, with directories, files and a scripted API server.

use crate::files::{directory, pair, write};
use crate::host::{Host, argument, client};
use crate::run::{Ended, end, ordinance, run, run_in, run_with_input};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ordinance_testkit::apiserver::{ApiServer, ScriptedAnswer, Verb};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A directory with a CA and a certificate in `tls`.
fn issued(arguments: &[&str]) -> TempDir {
    let files = directory(&[]);
    let ended = run_in(files.path(), &[&["certs", "issue", "--dir", "tls"], arguments].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    files
}

fn read(files: &TempDir, name: &str) -> String {
    std::fs::read_to_string(files.path().join(name)).unwrap()
}

fn document(files: &Path, arguments: &[&str]) -> Value {
    let ended = run_in(files, &[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Runs a command that prints nothing to stderr, and returns its exit code and stdout.
fn output(files: &TempDir, arguments: &[&str]) -> (i32, String) {
    let Ended { code, stdout, stderr } = run_in(files.path(), arguments);
    assert_eq!(stderr, "", "{arguments:?}");
    (code, stdout)
}

#[test]
fn an_issued_certificate_is_served_shown_and_verified() {
    let files = issued(&[]);
    let path = |name: &str| argument(&files.path().join("tls").join(name)).to_owned();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    let host = Host::with_certificate(&["--cert", "files", "--tls-cert", &certificate, "--tls-key", &key]);
    let ca = read(&files, "tls/ca.crt");
    assert!(client(&ca).get(format!("https://{}/", host.ready.https)).call().is_ok());
    assert_eq!(host.ready.ca_bundle.trim(), ca.trim());
    let shown = document(files.path(), &["certs", "show", "--connect", &host.ready.https]);
    let stored = document(files.path(), &["certs", "show", "--dir", "tls"]);
    assert_eq!(shown["certificates"][0]["sha256"], stored["certificates"][0]["sha256"]);
    let verify = ["certs", "verify", "--connect", &host.ready.https];
    for (trusted, name) in [("--dir", "tls"), ("--ca", "tls/ca.crt")] {
        let (code, text) = output(&files, &[&verify[..], &[trusted, name]].concat());
        assert_eq!((code, text.starts_with("nothing wrong: ")), (0, true), "{text}");
    }
    let foreign = issued(&[]);
    let other = argument(&foreign.path().join("tls/ca.crt")).to_owned();
    let (code, text) = output(&files, &[&verify[..], &["--ca", &other]].concat());
    assert_eq!((code, text.contains(" is not trusted by "), text.lines().count()), (1, true, 1), "{text}");
}

#[test]
fn issue_prints_how_to_serve_and_the_ca_bundle_and_changes_nothing_twice() {
    let files = directory(&[]);
    let (code, text) = output(&files, &["certs", "issue", "--dir", "tls"]);
    assert_eq!(code, 0);
    for part in [
        "tls: made a CA\ntls: signed a certificate\n",
        "for       ordinance.ordinance-system.svc, localhost, 127.0.0.1, ::1\n",
        "serve     ordinance serve --tls-cert tls/tls.crt --tls-key tls/tls.key\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let before = ["tls/tls.crt", "tls/tls.key", "tls/ca.crt"].map(|name| read(&files, name));
    let again = document(files.path(), &["certs", "issue", "--dir", "tls"]);
    assert_eq!(again["done"].as_array().unwrap().len(), 0);
    assert!(text.contains(again["caBundle"].as_str().unwrap()));
    assert_eq!(["tls/tls.crt", "tls/tls.key", "tls/ca.crt"].map(|name| read(&files, name)), before);
    let (code, quiet) = output(&files, &["certs", "issue", "--dir", "tls", "-q"]);
    assert_eq!((code, quiet.as_str()), (0, ""));
}

/// The entries of a directory of `certs issue`: those of its own, and one for each file.
const ENTRIES: [&str; 18] = [
    ".lock",
    "..data",
    "..v1",
    "..v2",
    "tls.crt",
    "tls.key",
    "ca.crt",
    "generation",
    "current.crt",
    "current.key",
    "next.crt",
    "next.key",
    "confirmed-at",
    "next-confirmed-at",
    "previous.crt",
    "previous-until",
    "leaf-lifetime",
    "authority-lifetime",
];

#[test]
fn a_directory_prepared_by_another_user_makes_issue_write_nothing_elsewhere() {
    for entry in ENTRIES {
        let files = directory(&[("victim", "precious"), ("victims/victim", "precious"), ("tls/none", "")]);
        for target in ["../victim", "../victims"] {
            let link = files.path().join("tls").join(entry);
            std::os::unix::fs::symlink(target, &link).unwrap();
            let ended = run_in(files.path(), &["certs", "issue", "--dir", "tls"]);
            assert_eq!(std::fs::read_link(&link).unwrap().to_str(), Some(target), "{entry}");
            std::fs::remove_file(link).unwrap();
            assert!(ended.code == 2 || ["..v2"].contains(&entry) || is_unused(entry), "{entry}: {ended:?}");
            assert_eq!(
                (read(&files, "victim"), read(&files, "victims/victim")),
                ("precious".into(), "precious".into())
            );
        }
    }
}

/// Returns whether the first version of a directory has no such file, so that a link of its name is left alone.
fn is_unused(entry: &str) -> bool {
    ["leaf-lifetime", "authority-lifetime"].contains(&entry)
}

#[test]
fn rotate_and_issue_remove_no_directory_that_they_have_not_made() {
    let files = issued(&[]);
    std::fs::create_dir(files.path().join("victims")).unwrap();
    std::fs::write(files.path().join("victims/victim"), "precious").unwrap();
    let data = files.path().join("tls/..data");
    let version = std::fs::read_link(&data).unwrap();
    for target in ["../victims", "/tmp", ".."] {
        std::fs::remove_file(&data).unwrap();
        std::os::unix::fs::symlink(target, &data).unwrap();
        for command in ["issue", "rotate", "show", "verify"] {
            let ended = run_in(files.path(), &["certs", command, "--dir", "tls"]);
            assert_eq!(ended.code, 2, "{command}: {ended:?}");
            assert!(ended.stderr.contains("..data"), "{command}: {ended:?}");
        }
        assert_eq!(read(&files, "victims/victim"), "precious");
    }
    std::fs::remove_file(&data).unwrap();
    std::os::unix::fs::symlink(version, &data).unwrap();
    assert_eq!(run_in(files.path(), &["certs", "rotate", "--dir", "tls"]).code, 0);
}

#[test]
fn a_pipe_or_a_device_is_no_file_of_certificates() {
    let files = issued(&[]);
    let pipe = files.path().join("pipe.crt");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in ["pipe.crt", "/dev/zero", "tls"] {
        for arguments in
            [&["certs", "show", path][..], &["serve", "--tls-cert", path, "--tls-key", "tls/tls.key"]]
        {
            let ended = run_in(files.path(), arguments);
            assert_eq!(ended.code, 2, "{ended:?}");
            assert!(
                ended.stderr.contains("not a regular file; give a file of certificates or a key"),
                "{ended:?}"
            );
        }
    }
}

#[test]
fn environment_variables_set_flags() {
    let files = directory(&[]);
    let mut command = ordinance(&["certs", "issue"]);
    command.current_dir(files.path()).env("ORDINANCE_DIR", "tls").env("ORDINANCE_DNS_NAME", "a.svc,b.svc");
    assert_eq!(end(command.env("ORDINANCE_LIFETIME", "2d")).code, 0);
    let shown = document(files.path(), &["certs", "show", "--dir", "tls"]);
    assert_eq!(shown["certificates"][0]["names"], serde_json::json!(["a.svc", "b.svc"]));
}

#[test]
fn a_manual_rotation_goes_step_by_step_and_a_server_reloads() {
    let files = issued(&[]);
    let path = |name: &str| argument(&files.path().join("tls").join(name)).to_owned();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    let arguments = ["--tls-cert", &certificate, "--tls-key", &key, "--reload-interval", "10ms"];
    let mut host = Host::with_certificate(&arguments);
    let rotate = |more: &[&str]| {
        output(&files, &[&["certs", "rotate", "--dir", "tls", "--wait", "1ms"], more].concat())
    };
    let verified = |code: i32| {
        let (found, text) =
            output(&files, &["certs", "verify", "--dir", "tls", "--connect", &host.ready.https]);
        assert_eq!(found, code, "{text}");
    };
    let (code, text) = rotate(&[]);
    assert_eq!((code, text.starts_with("tls: a next CA is published")), (0, true), "{text}");
    verified(0);
    let (code, text) = rotate(&[]);
    assert_eq!((code, text.starts_with("tls: not yet: ")), (1, true), "{text}");
    let (code, text) = rotate(&["--trusted"]);
    assert_eq!((code, text.starts_with("tls: every client trusts the next CA")), (0, true), "{text}");
    let long = output(&files, &["certs", "rotate", "--dir", "tls"]);
    assert!(long.0 == 1 && long.1.contains("not yet: for ") && long.1.contains("a caBundle"), "{long:?}");
    let (code, text) = rotate(&[]);
    assert_eq!((code, text.starts_with("tls: the next CA signs now")), (0, true), "{text}");
    host.log_until("in use from now on");
    let (found, text) = output(&files, &["certs", "verify", "--dir", "tls", "--connect", &host.ready.https]);
    assert_eq!(found, 0, "{text}");
    let (code, text) = rotate(&[]);
    assert!(code == 1 && text.contains("89 days") | text.contains("90 days"), "{text}");
    let (code, text) = rotate(&["--force"]);
    assert_eq!((code, text.starts_with("tls: the former CA is no longer trusted")), (0, true), "{text}");
}

#[test]
fn each_finding_is_one_line_and_the_exit_code_is_1() {
    let files = issued(&[]);
    let other = issued(&[]);
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        write(files.path(), name, &read(&files, &format!("tls/{name}")));
        write(files.path(), &format!("other.{name}"), &read(&other, &format!("tls/{name}")));
    }
    let certificate = read(&files, "tls.crt");
    write(files.path(), "truncated.crt", &certificate[..certificate.len() / 3]);
    write(files.path(), "junk.crt", "no certificate\n");
    let verify = |arguments: &[&str]| output(&files, &[&["certs", "verify"], arguments].concat());
    assert_eq!(verify(&["tls.crt", "tls.key", "ca.crt"]).0, 0);
    for (arguments, line) in [
        (&["tls.crt", "tls.key", "--at", "2100-01-01T00:00:00Z"][..], "tls.crt: expired on "),
        (&["tls.crt", "--within", "100d"], "tls.crt: expires on "),
        (&["tls.crt", "tls.key", "--at", "2020-01-01T00:00:00Z"], "tls.crt: is not valid before "),
        (&["tls.key"], "tls.key: is a private key alone; give its certificate, too\n"),
        (&["tls.crt", "other.tls.key"], "other.tls.key: is the key of none of the certificates given; "),
        (&["tls.crt", "--ca", "other.ca.crt"], "tls.crt: is not trusted by other.ca.crt: it is signed by "),
        (&["tls.crt", "--dns-name", "other.svc"], "tls.crt: is not for other.svc, but for "),
        (&["truncated.crt"], "truncated.crt: is not a PEM certificate (its END line is missing); "),
        (&["junk.crt"], "junk.crt: holds neither a PEM certificate nor a private key; "),
    ] {
        let (code, text) = verify(arguments);
        assert!(code == 1 && text.starts_with(line), "{arguments:?}: {text}");
        let found = document(files.path(), &[&["certs", "verify"], arguments].concat());
        assert_eq!(found["findings"].as_array().unwrap().len(), text.lines().count(), "{found:#}");
    }
}

#[test]
fn unreadable_input_is_one_line_with_a_remedy_and_exit_code_2() {
    let files = directory(&[("junk.crt", "no certificate\n")]);
    std::fs::write(files.path().join("huge.crt"), vec![b'-'; 1 << 21]).unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, message) in [
        (&["verify", "missing.crt"][..], "error: missing.crt: No such file or directory"),
        (
            &["verify", "huge.crt"],
            "error: huge.crt: larger than 1048576 bytes; give a file of certificates or a key",
        ),
        (&["show", "junk.crt"], "error: junk.crt: holds neither a PEM certificate nor a private key; "),
        (&["show", "--dir", "nowhere"], "error: nowhere: No such file or directory"),
        (&["rotate", "--dir", "nowhere"], "error: nowhere: holds no CA; "),
        (&["issue", "--dir", "tls", "--lifetime", "1000y"], "error: --lifetime: "),
        (&["issue", "--dir", "tls", "--dns-name", "no name"], "error: --dns-name: \"no name\" is neither"),
        (&["show", "--connect", &closed], &format!("error: {closed}: Connection refused")),
        (&["show", "--kubeconfig", "nowhere"], "error: --kubeconfig: "),
    ] {
        let ended = run_in(files.path(), &[&["certs"], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.starts_with(message) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
    }
}

#[test]
fn bad_usage_of_certs_exits_with_64() {
    for (arguments, why) in [
        (&["certs"][..], "Usage: ordinance certs"),
        (&["certs", "issue"], "--dir"),
        (
            &["certs", "verify", "--connect", "localhost:1"],
            "--connect alone does not say which CA clients trust",
        ),
        (&["certs", "show", "--connect", "localhost"], "write e.g. 127.0.0.1:8443"),
        (&["certs", "show", "--secret", "ordinance-ca"], "names no Secret"),
        (&["certs", "show", "--at", "tomorrow"], "is not a time"),
        (&["certs", "rotate", "--dir", "a", "--wait", "1000y"], "give at most 7days"),
        (&["certs", "rotate", "--trusted"], "--trusted is about a directory"),
        (&["certs", "rotate", "--dir", "a", "--secret", "a/b"], "--dir and --secret are two CAs"),
        (&["certs", "rotate", "--dir", "a", "--webhook", "b", "--trusted"], "--trusted is not needed"),
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[test]
fn reads_certificates_from_stdin() {
    let (certificate, key) = pair();
    let ended = run_with_input(&["certs", "verify", "-"], &(certificate + &key));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
}

#[test]
fn no_command_prints_a_private_key() {
    let files = issued(&[]);
    let secret = |name: &str| {
        let text = read(&files, name);
        text.lines().nth(1).unwrap().to_owned()
    };
    let secrets = ["tls/tls.key", "tls/current.key"].map(secret);
    write(files.path(), "broken.key", &read(&files, "tls/tls.key").replace("-----END", "----"));
    for arguments in [
        &["certs", "issue", "--dir", "tls"][..],
        &["certs", "show", "--dir", "tls"],
        &["certs", "show", "--dir", "tls", "--output", "json"],
        &["certs", "show", "tls/current.crt", "tls/current.key"],
        &["certs", "verify", "broken.key", "-vv"],
        &["certs", "rotate", "--dir", "tls", "--output", "json"],
    ] {
        let ended = run_in(files.path(), arguments);
        for secret in &secrets {
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{arguments:?}");
        }
    }
}

#[test]
fn colors_are_for_terminals_or_on_request() {
    let files = issued(&[]);
    assert!(!output(&files, &["certs", "show", "--dir", "tls"]).1.contains('\x1b'));
    assert!(output(&files, &["certs", "show", "--dir", "tls", "--color", "always"]).1.contains('\x1b'));
}

/// Scripts answers: a Secret with the files of a directory, and two webhook configurations with this bundle.
fn scripted(api: &ApiServer, files: &TempDir, bundle: &str) {
    let data: serde_json::Map<String, Value> = std::fs::read_dir(files.path().join("tls"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| ["current", "generation"].iter().any(|wanted| name.starts_with(wanted)))
        .map(|name| (name.clone(), STANDARD.encode(read(files, &format!("tls/{name}"))).into()))
        .collect();
    let metadata = |name: &str| json!({ "name": name, "resourceVersion": "7" });
    let secret = json!({ "metadata": metadata("guard-ca"), "data": data });
    api.script("guard-ca", Verb::List, ScriptedAnswer::Text(secret.to_string()));
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let service = json!({ "name": "guard", "namespace": "storage" });
        let webhook = json!({
            "name": "volumes",
            "failurePolicy": "Fail",
            "clientConfig": { "service": service, "caBundle": STANDARD.encode(bundle) },
        });
        let found = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": metadata("guard"), "webhooks": [webhook],
        });
        api.script("guard", Verb::List, ScriptedAnswer::Text(found.to_string()));
    }
}

#[test]
fn verifies_a_secret_against_the_bundle_of_each_webhook() {
    let api = ApiServer::start().unwrap();
    let (files, other) = (issued(&["--dns-name", "guard.storage.svc"]), issued(&[]));
    write(files.path(), "kubeconfig", &api.kubeconfig());
    let arguments = ["--secret", "storage/guard-ca", "--kubeconfig", "kubeconfig"];
    let verify = |bundle: &str| {
        scripted(&api, &files, bundle);
        output(&files, &[&["certs", "verify"][..], &arguments].concat())
    };
    let (code, text) = verify(&read(&files, "tls/ca.crt"));
    assert_eq!((code, text.as_str()), (0, "nothing wrong: 1 CA, 0 certificates, 2 trust bundles\n"));
    let (code, text) = verify(&read(&other, "tls/ca.crt"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((code, lines.len()), (1, 2), "{text}");
    for (line, kind) in lines.iter().zip(["Mutating", "Validating"]) {
        let message = format!("{kind}WebhookConfiguration guard: volumes: does not trust Ordinance CA ");
        assert!(line.starts_with(&message), "{line}");
    }
    scripted(&api, &files, "");
    let shown = document(files.path(), &[&["certs", "show"][..], &arguments].concat());
    assert_eq!(shown["trusts"][0]["authorities"], json!([]));
    assert_eq!(shown["rotations"][0]["nextStep"], "Publish");
    assert_eq!(shown["authorities"][0]["place"], "Secret storage/guard-ca: current.crt");
}

#[test]
fn a_directory_ca_signs_only_after_every_webhook_trusts_it() {
    let api = ApiServer::start().unwrap();
    let files = issued(&[]);
    write(files.path(), "kubeconfig", &api.kubeconfig());
    let first = read(&files, "tls/ca.crt");
    assert_eq!(output(&files, &["certs", "rotate", "--dir", "tls"]).0, 0);
    let arguments = ["certs", "rotate", "--dir", "tls", "--webhook", "guard", "--kubeconfig", "kubeconfig"];
    scripted(&api, &files, &first);
    let (code, text) = output(&files, &arguments);
    assert_eq!((code, text.starts_with("tls: not yet: a client does not trust")), (1, true), "{text}");
    scripted(&api, &files, &read(&files, "tls/ca.crt"));
    let (code, text) = output(&files, &arguments);
    assert_eq!((code, text.starts_with("tls: every client trusts the next CA")), (0, true), "{text}");
    assert_eq!(api.requests("guard-ca"), [], "the cluster's own CA does not matter here");
}

#[test]
fn missing_objects_are_findings_and_refused_requests_are_errors() {
    let api = ApiServer::start().unwrap();
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    let run_with_status = |command: &str, code: u16| {
        for name in ["ordinance-ca", "ordinance", "ordinance"] {
            api.script(name, Verb::List, ScriptedAnswer::Status(code));
        }
        run_in(files.path(), &["certs", command, "--kubeconfig", "kubeconfig"])
    };
    let found = run_with_status("verify", 404);
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.stdout.starts_with("Secret ordinance-system/ordinance-ca: holds nothing; "), "{found:?}");
    assert!(found.stdout.contains("webhook configurations: there is none called ordinance"), "{found:?}");
    for command in ["show", "verify"] {
        let refused = run_with_status(command, 403);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
        let message = "error: Secret ordinance-system/ordinance-ca: scripted: 403; give --kubeconfig FILE or --context \
                       NAME with the needed access\n";
        assert_eq!(refused.stderr, message);
    }
}

#[test]
fn rotate_writes_nothing_to_a_cluster_without_a_ca() {
    let api = ApiServer::start().unwrap();
    let files = directory(&[("kubeconfig", &api.kubeconfig())]);
    for name in ["ordinance", "ordinance", "ordinance-ca"] {
        api.script(name, Verb::List, ScriptedAnswer::Status(404));
    }
    let ended = run_in(files.path(), &["certs", "rotate", "--force", "--kubeconfig", "kubeconfig"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    let message = "error: Secret ordinance-system/ordinance-ca: holds no CA; ";
    assert!(ended.stderr.starts_with(message), "{}", ended.stderr);
    assert_eq!((api.requests("ordinance").len(), api.requests("ordinance-ca").len()), (2, 1));
}

#[test]
fn an_unreachable_cluster_is_one_line() {
    let nowhere = ApiServer::start().unwrap().kubeconfig();
    let files = directory(&[("kubeconfig", &nowhere)]);
    for command in ["show", "verify", "rotate"] {
        let ended = run_in(files.path(), &["certs", command, "--kubeconfig", "kubeconfig"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
        let message = "Connection refused (os error 111); give --kubeconfig FILE or --context NAME with the needed access\n";
        assert!(ended.stderr.ends_with(message) && ended.stderr.lines().count() == 1, "{ended:?}");
    }
}

//! Invalid configurations: one line with the place and the way out, exit code 2, and no bound socket.

use crate::files::{directory, pair, write};
use crate::run::{Ended, end, ordinance, run_in};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// Returns the line on stderr of a server that must not start. Its address is in use, so a server that tried to bind would
/// report that instead.
fn refused(directory: &Path, arguments: &[&str]) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut all = vec!["serve", "--listen", &address, "--admin-listen", &address];
    all.extend_from_slice(arguments);
    let Ended { code, stdout, stderr } = run_in(directory, &all);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (2, "", 1), "{stderr}");
    stderr.trim_end().strip_prefix("error: ").unwrap().to_owned()
}

#[test]
fn editors_find_the_schema_of_the_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/configuration");
    let schema = run_in(&folder, &["schema", "config"]).stdout;
    if std::env::var_os("BLESS").is_some() {
        fs::write(folder.join("ordinance.schema.json"), &schema).unwrap();
    }
    let written = fs::read_to_string(folder.join("ordinance.schema.json")).unwrap_or_default();
    assert!(written == schema, "BLESS=1 writes deploy/examples/configuration/ordinance.schema.json");
    for limit in ["memory", "evaluations", "handshakes"] {
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        let described = &schema["$defs"]["Limits"]["properties"][limit];
        assert!(
            described.is_object() && described.get("default").is_none(),
            "{limit} depends on the machine"
        );
        assert_eq!(schema["properties"]["limits"]["default"].get(limit), None);
    }
    let example = fs::read_to_string(folder.join("ordinance.yaml")).unwrap();
    assert!(example.starts_with("# yaml-language-server: $schema=ordinance.schema.json\n"), "{example}");
    let ended = run_in(&folder, &["serve", "--config", "ordinance.yaml", "--print-config"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert!(ended.stdout.contains("storage-trial"), "{}", ended.stdout);
}

#[test]
fn a_server_needs_a_certificate() {
    let empty = directory(&[]);
    assert_eq!(
        refused(empty.path(), &[]),
        "certificate: is not configured; give --tls-cert FILE --tls-key FILE, or --self-signed to try things out"
    );
    assert_eq!(
        refused(empty.path(), &["--cert", "self-managed"]),
        "--cert: self-managed needs a cluster, and none is configured; give --tls-cert FILE --tls-key FILE, \
         or --self-signed to try things out"
    );
}

#[test]
fn certificate_files_must_be_readable_and_match() {
    let ((certificate, key), (_, other)) = (pair(), pair());
    let files =
        directory(&[("tls.crt", &certificate), ("tls.key", &key), ("other.key", &other), ("empty", "")]);
    for (flag, certificate, key, why) in [
        (
            "--tls-cert",
            "none.crt",
            "tls.key",
            "none.crt: No such file or directory (os error 2); give a file that this process may read",
        ),
        (
            "--tls-key",
            "tls.crt",
            "none.key",
            "none.key: No such file or directory (os error 2); give a file that this process may read",
        ),
        (
            "--tls-key",
            "tls.crt",
            "other.key",
            "other.key: is not the key of tls.crt; give the two files that were made together",
        ),
        (
            "--tls-cert",
            "empty",
            "tls.key",
            "empty: holds no PEM certificate; put the server's certificate there, then the ones that signed it",
        ),
        (
            "--tls-key",
            "tls.crt",
            "empty",
            "empty: holds no PEM private key; put the certificate's key there, unencrypted",
        ),
    ] {
        let line = refused(files.path(), &["--tls-cert", certificate, "--tls-key", key]);
        assert_eq!(line, format!("{flag}: {why}"));
    }
}

#[test]
fn refuses_tls_names_that_are_neither_dns_names_nor_addresses() {
    let empty = directory(&[]);
    for name in ["a b", "-", "*.", "https://a.example.com", "a.example.com:443"] {
        let line = refused(empty.path(), &["--self-signed", "--tls-name", name]);
        assert_eq!(
            line,
            format!(
                "--tls-name: {name:?} is neither a DNS name nor an IP address; give e.g. ordinance.example.com"
            )
        );
    }
}

#[test]
fn client_authentication_needs_a_ca() {
    let files = directory(&[("ca", "nothing")]);
    assert_eq!(
        refused(files.path(), &["--self-signed", "--allowed-name", "apiserver"]),
        "--allowed-name: names are checked only against a CA; give --client-ca FILE too"
    );
    let line = refused(files.path(), &["--self-signed", "--client-ca", "ca"]);
    assert!(line.starts_with("--client-ca: ca: holds no PEM certificate"), "{line}");
}

#[test]
fn a_fault_in_the_file_names_field_and_line() {
    for (text, begins) in [
        ("listen: nowhere", "o.yaml: listen: invalid socket address syntax"),
        ("lisen: x", "o.yaml: "),
        (
            "limits:\n  bodyBytes: 7MB\n",
            "o.yaml: limits.bodyBytes: `7MB` is not a size; write e.g. 512Ki, 64Mi or a number of bytes",
        ),
        (
            "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n",
            "o.yaml: duplicate mapping key `listen` is not allowed here at line 2, column 1",
        ),
        ("limits: {idleTime: 120}\n", "o.yaml: limits.idleTime: "),
        ("limits: {connections: 0}\n", "o.yaml: limits.connections: 0 is too small; give at least 1"),
        ("limits: {policyInstances: 0}\n", "o.yaml: limits.policyInstances: 0 is too small; give at least 1"),
        (
            "limits: {evaluations: 99999999999}\n",
            "o.yaml: limits.evaluations: 99999999999 is too large; give at most 1024",
        ),
        ("limits: {deadline: 0s}\n", "o.yaml: limits.deadline: must be longer than zero; give e.g. 5s"),
        ("listen: [", "o.yaml: "),
        ("policies: {Bad_Name: {}}", "policies.Bad_Name: can't be part of a URL path"),
        (
            "policies: {a: {settings: {}, settingsFile: x}}",
            "o.yaml: policies.a.settings: settingsFile is set too; set only one of them",
        ),
        (
            "policies: {a: {settingsFile: none.yaml}}",
            "o.yaml: policies.a.settingsFile: none.yaml: No such file or directory",
        ),
        (
            "policies: {a: {component: none.wasm}}",
            "o.yaml: policies.a.component: policy none.wasm: can't be read: No such file",
        ),
        (
            "policies: {a: {settings: {mode: Never}}}",
            "o.yaml: policies.a.settings: line 1, column 27: mode: ",
        ),
        (
            "policies:\n  a:\n    settings:\n      mode: Enforce\n      isolation: {growth: Maybe}\n",
            "o.yaml: policies.a.settings: line 5, column 19: isolation.growth: ",
        ),
    ] {
        let files = directory(&[("o.yaml", text)]);
        let line = refused(files.path(), &["--self-signed", "--config", "o.yaml"]);
        assert!(line.starts_with(begins), "{text}: {line}");
    }
    let files = directory(&[("o.yaml", "limits:\n  bodyBytes: 1\n  nonsense: 1\n")]);
    let line = refused(files.path(), &["--self-signed", "--config", "o.yaml"]);
    assert!(line.contains("nonsense") && line.contains("line 3"), "{line}");
}

#[test]
fn settings_are_checked_against_the_policy() {
    let files = directory(&[
        ("s.yaml", "isolation:\n  growth: Maybe\n"),
        ("broken.yaml", "a: [\n"),
        ("p.wasm", "\0asm"),
    ]);
    let line = refused(files.path(), &["--self-signed", "--settings", "s.yaml"]);
    assert!(line.starts_with("s.yaml: line 2, column 3: isolation.growth: "), "{line}");
    assert!(line.ends_with("; `ordinance schema settings` prints the valid settings"), "{line}");
    let line = refused(files.path(), &["--self-signed", "--settings", "broken.yaml"]);
    assert!(line.starts_with("--settings: broken.yaml: "), "{line}");
    let line = refused(files.path(), &["--self-signed", "--policy", "p.wasm"]);
    assert!(line.starts_with("--policy: policy p.wasm: is not valid WebAssembly at byte 0x4: "), "{line}");
}

#[test]
fn state_must_be_readable() {
    let files = directory(&[("s.yaml", "# a pod\nkind: Pod\n---\nhello\n")]);
    let line = refused(files.path(), &["--self-signed", "--state", "s.yaml"]);
    assert!(line.starts_with("--state: s.yaml: line 2, column 1: "), "{line}");
    let line = refused(files.path(), &["--self-signed", "--state", "none"]);
    assert!(line.starts_with("--state: none: No such file or directory"), "{line}");
}

#[test]
fn refuses_policies_in_both_flags_and_file() {
    let files = directory(&[("o.yaml", "policies: {a: {}}"), ("s.yaml", "{}")]);
    assert_eq!(
        refused(files.path(), &["--self-signed", "--config", "o.yaml", "--settings", "s.yaml"]),
        "--settings: the file names policies too; set policies.<name>.settingsFile there, or remove policies from the file"
    );
}

#[test]
fn refuses_a_ready_file_in_a_missing_directory() {
    let empty = directory(&[]);
    assert_eq!(
        refused(empty.path(), &["--self-signed", "--ready-file", "none/ready.json"]),
        "--ready-file: none/ready.json: can't be written; give a file path in an existing directory"
    );
}

#[test]
fn refuses_a_ready_file_that_would_replace_something_else() {
    let files = directory(&[]);
    let pipe = files.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(
        refused(files.path(), &["--self-signed", "--ready-file", "pipe"]),
        "--ready-file: pipe: can't be written; give a file path in an existing directory"
    );
}

#[test]
fn names_the_flag_of_an_address_in_use() {
    let empty = directory(&[]);
    let line = refused(empty.path(), &["--self-signed", "-q"]);
    assert!(line.starts_with("--listen: can't listen on 127.0.0.1:"), "{line}");
    assert!(line.ends_with("give another address, or port 0"), "{line}");
}

/// Returns the printed value of a field, and its source.
fn field<'a>(printed: &'a str, name: &str) -> (&'a str, &'a str) {
    let line = printed.lines().find(|line| line.trim_start().starts_with(&format!("{name}:"))).unwrap();
    let (value, source) = line.split_once(" # ").unwrap();
    (value.split_once(':').unwrap().1.trim(), source)
}

#[test]
fn a_flag_overrides_its_variable_the_file_and_the_default() {
    let file = "listen: 127.0.0.1:1\nadminListen: 127.0.0.1:2\nreadyFile: ready\nlog: {format: json}\n";
    let files = directory(&[("o.yaml", file)]);
    let ended = end(ordinance(&[
        "serve",
        "--config",
        "o.yaml",
        "--self-signed",
        "--listen",
        "127.0.0.1:5",
        "--print-config",
    ])
    .env("ORDINANCE_LISTEN", "127.0.0.1:3")
    .env("ORDINANCE_ADMIN_LISTEN", "127.0.0.1:4")
    .env("ORDINANCE_ALLOWED_NAME", "")
    .current_dir(files.path()));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let printed = |name| field(&ended.stdout, name);
    assert_eq!(printed("listen"), ("\"127.0.0.1:5\"", "--listen"));
    assert_eq!(printed("adminListen"), ("\"127.0.0.1:4\"", "ORDINANCE_ADMIN_LISTEN"));
    assert_eq!(printed("metricsListen"), ("\"127.0.0.1:5\"", "default"));
    assert_eq!(printed("readyFile"), ("ready", "o.yaml"));
    assert_eq!(printed("format"), ("json", "o.yaml"));
    assert_eq!(printed("level"), ("info", "default"));
    assert_eq!(printed("source"), ("self-signed", "--self-signed"));
    assert_eq!(printed("storage"), ("{}", "default"));
    assert_eq!(printed("bodyBytes"), ("7Mi", "default"));
}

#[test]
fn metrics_are_served_beside_the_health_checks_unless_they_have_an_address() {
    for (flags, expected) in [
        (&[][..], "0.0.0.0:8081"),
        (&["--admin-listen", "127.0.0.1:0"], "127.0.0.1:0"),
        (&["--admin-listen", "[::1]:9000"], "[::1]:9001"),
        (&["--admin-listen", "127.0.0.1:65535"], "127.0.0.1:0"),
        (&["--metrics-listen", "127.0.0.1:7"], "127.0.0.1:7"),
    ] {
        let files = directory(&[]);
        let ended = run_in(files.path(), &[&["serve", "--self-signed", "--print-config"], flags].concat());
        assert_eq!(field(&ended.stdout, "metricsListen").0, format!("\"{expected}\""), "{ended:?}");
    }
}

#[test]
fn the_printed_configuration_is_valid_and_equal() {
    let files = directory(&[("s.yaml", "mode: Warn\n")]);
    let first = run_in(files.path(), &["serve", "--self-signed", "--settings", "s.yaml", "--print-config"]);
    write(files.path(), "o.yaml", &first.stdout);
    let second = run_in(files.path(), &["serve", "--config", "o.yaml", "--print-config"]);
    let values = |printed: &str| -> Vec<String> {
        printed.lines().map(|line| line.split(" # ").next().unwrap().trim_end().to_owned()).collect()
    };
    assert_eq!((first.code, second.code), (0, 0), "{second:?}");
    assert_eq!(values(&first.stdout), values(&second.stdout));
    assert_eq!(field(&second.stdout, "settingsFile"), ("s.yaml", "o.yaml"));
}

#[test]
fn paths_in_the_file_are_relative_to_its_directory() {
    let files = directory(&[]);
    std::fs::create_dir(files.path().join("etc")).unwrap();
    write(files.path(), "etc/o.yaml", "policies: {a: {settingsFile: s.yaml}}");
    write(files.path(), "etc/s.yaml", "mode: Warn");
    let ended = run_in(files.path(), &["serve", "--self-signed", "--config", "etc/o.yaml", "--print-config"]);
    assert_eq!(field(&ended.stdout, "settingsFile"), ("etc/s.yaml", "etc/o.yaml"), "{ended:?}");
}

#[test]
fn an_empty_value_is_the_default() {
    let files = directory(&[("o.yaml", "policies:\n  storage:\nlimits:\nlog:\ncertificate:\n")]);
    let ended = run_in(files.path(), &["serve", "--self-signed", "--config", "o.yaml", "--print-config"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert_eq!(field(&ended.stdout, "storage"), ("{}", "o.yaml"));
    assert_eq!(field(&ended.stdout, "idleTime").0, "2m");
}

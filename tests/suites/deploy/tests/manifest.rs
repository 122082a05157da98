//! Consistency of the manifest's parts with each other and with the policy.

use ordinance_contract::{FailurePolicy, Phase, ReviewScope};
use ordinance_deploy::{
    ENFORCING_MANIFEST, FIRST_MANIFEST, InstalledWebhook, check, manifest, objects, only,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn all() -> Vec<Value> {
    manifest(FIRST_MANIFEST).expect("the manifest can be read")
}

fn the(kind: &str) -> Value {
    only(&all(), kind).expect("there is one").clone()
}

fn container() -> Value {
    the("Deployment")["spec"]["template"]["spec"]["containers"][0].clone()
}

/// Returns the values of a member in a list, in order.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a Value> {
    list.as_array().into_iter().flatten().map(|item| &item[member]).collect()
}

#[test]
fn every_object_matches_its_type() {
    for object in all() {
        check(&object).expect("the API server would take it");
    }
}

#[test]
fn the_namespace_comes_first_and_contains_every_namespaced_object() {
    let all = all();
    assert_eq!(all[0]["kind"], "Namespace");
    let elsewhere = |object: &&Value| {
        let namespace = &object["metadata"]["namespace"];
        !namespace.is_null() && *namespace != all[0]["metadata"]["name"]
    };
    assert_eq!(all.iter().find(elsewhere), None);
}

#[test]
fn every_selector_selects_the_pods() {
    let deployment = the("Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(the("Service")["spec"]["selector"], *labels);
    for selector in [
        &deployment["spec"]["selector"],
        &the("PodDisruptionBudget")["spec"]["selector"],
        &the("NetworkPolicy")["spec"]["podSelector"],
        &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"],
        &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][1]["labelSelector"],
    ] {
        assert_eq!(selector["matchLabels"], *labels);
    }
}

#[test]
fn every_named_port_exists_in_the_container() {
    let container = container();
    let ports: BTreeSet<&str> =
        each(&container["ports"], "name").into_iter().filter_map(Value::as_str).collect();
    assert_eq!(ports, BTreeSet::from(["admin", "https", "metrics"]));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "admin", "{probe}");
    }
    assert_eq!(each(&the("Service")["spec"]["ports"], "targetPort"), [&json!("https"), &json!("metrics")]);
    let ingress = the("NetworkPolicy")["spec"]["ingress"].clone();
    let allowed: Vec<&Value> =
        each(&ingress, "ports").into_iter().flat_map(|ports| each(ports, "port")).collect();
    assert_eq!(allowed, [&json!("https"), &json!("metrics")]);
}

#[test]
fn the_webhooks_call_the_service_by_its_port() {
    let service = the("Service");
    let metadata = &service["metadata"];
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        for config in each(&the(kind)["webhooks"], "clientConfig") {
            let called = &config["service"];
            assert_eq!(called["name"], metadata["name"]);
            assert_eq!(called["namespace"], metadata["namespace"]);
            assert_eq!(called["port"], service["spec"]["ports"][0]["port"]);
            assert_eq!(called["path"], Value::Null, "a replica sets it, after a token");
        }
    }
}

#[test]
fn every_webhook_has_the_path_of_its_phase_in_an_annotation() {
    for (kind, path) in [
        ("MutatingWebhookConfiguration", "/mutate/storage"),
        ("ValidatingWebhookConfiguration", "/validate/storage"),
    ] {
        let configuration = the(kind);
        let annotation = configuration["metadata"]["annotations"]["ordinance.dev/paths"].as_str();
        let paths: BTreeMap<String, String> =
            serde_json::from_str(annotation.expect("text")).expect("it is JSON");
        let names = each(&configuration["webhooks"], "name").into_iter().filter_map(Value::as_str);
        let expected = names.map(|name| (name.to_owned(), path.to_owned())).collect();
        assert_eq!(paths, expected);
    }
}

#[test]
fn the_webhooks_declare_side_effects_reinvocation_and_version() {
    for (kind, side_effects, reinvocation) in [
        ("MutatingWebhookConfiguration", "None", json!("IfNeeded")),
        ("ValidatingWebhookConfiguration", "NoneOnDryRun", Value::Null),
    ] {
        for webhook in the(kind)["webhooks"].as_array().expect("a list") {
            assert_eq!(webhook["sideEffects"], side_effects);
            assert_eq!(webhook["reinvocationPolicy"], reinvocation);
            assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]));
        }
    }
}

#[test]
fn exempts_its_own_and_system_namespaces() {
    let own = the("Deployment")["metadata"]["namespace"].clone();
    let excluded = json!([{
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["kube-system", "kube-public", "kube-node-lease", own],
    }]);
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        for webhook in the(kind)["webhooks"].as_array().expect("a list") {
            let is_namespaced = webhook["rules"][0]["scope"] == "Namespaced";
            let expected = if is_namespaced { &excluded } else { &Value::Null };
            assert_eq!(webhook["namespaceSelector"]["matchExpressions"], *expected, "{}", webhook["name"]);
        }
    }
}

#[test]
fn every_mounted_object_exists() {
    let pod = the("Deployment")["spec"]["template"]["spec"].clone();
    assert_eq!(each(&container()["volumeMounts"], "name"), each(&pod["volumes"], "name"));
    assert_eq!(pod["volumes"][0]["configMap"]["name"], the("ConfigMap")["metadata"]["name"]);
}

/// Whether a rule lets the pods read objects.
fn is_reading(rule: &Value) -> bool {
    rule["verbs"].as_array().is_some_and(|verbs| verbs.contains(&json!("watch")))
}

/// The rules of the audit in the background: what it lists besides the indexed kinds, and its reports.
fn audits() -> Vec<Value> {
    let reports = |group: &str, resources: [&str; 2]| json!({"apiGroups": [group], "resources": resources, "verbs": ["create", "delete", "list", "patch"]});
    vec![
        json!({"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["list"]}),
        reports("openreports.io", ["clusterreports", "reports"]),
        reports("wgpolicyk8s.io", ["clusterpolicyreports", "policyreports"]),
    ]
}

/// The names of the Leases: of the audit, and of the CA.
fn leases() -> Vec<String> {
    let all = all();
    let leases = all.iter().filter(|object| object["kind"] == "Lease");
    let mut names: Vec<String> =
        leases.filter_map(|lease| Some(lease["metadata"]["name"].as_str()?.to_owned())).collect();
    names.sort();
    names
}

#[test]
fn the_pods_may_audit() {
    let rules = the("ClusterRole")["rules"].clone();
    for rule in audits() {
        assert!(rules.as_array().expect("a list").contains(&rule), "{rule:#}");
    }
    let lists = ordinance_policy::describe().reviews.into_iter().map(|scope| scope.resource);
    let is_listed = |resource: &String| {
        let mut rules = rules.as_array().into_iter().flatten();
        rules.any(|rule| {
            each_text(&rule["resources"]).contains(resource)
                && each_text(&rule["verbs"]).contains(&"list".to_owned())
        })
    };
    assert_eq!(lists.filter(|resource| !is_listed(resource)).collect::<Vec<_>>(), Vec::<String>::new());
    let text = the("ConfigMap")["data"]["ordinance.yaml"].as_str().expect("text").to_owned();
    let config: Value = serde_saphyr::from_str(&text).expect("it is YAML");
    assert_eq!(leases(), ["ordinance", config["audit"]["lease"].as_str().expect("a name")]);
}

fn each_text(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}

/// The rule without which nothing is reserved.
fn reservations() -> Value {
    json!({
        "apiGroups": ["ordinance.dev"], "resources": ["reservations"], "verbs": ["create", "delete", "list", "watch"],
    })
}

#[test]
fn the_pods_may_reserve_keys() {
    let rules = the("ClusterRole")["rules"].clone();
    assert!(rules.as_array().expect("a list").contains(&reservations()), "{rules:#}");
    let definition = the("CustomResourceDefinition");
    assert_eq!(definition["metadata"]["name"], "reservations.ordinance.dev");
}

/// Of the kinds that the webhooks validate, single objects are read too.
#[test]
fn the_pods_may_read_the_watched_objects_and_nothing_else() {
    let description = ordinance_policy::describe();
    let is_validated = |group: &str, resource: &str| {
        description.reviews.iter().any(|scope| {
            scope.phases.contains(&Phase::Validate)
                && (scope.group.as_str(), scope.resource.as_str()) == (group, resource)
        })
    };
    let watched: BTreeSet<(String, String)> =
        description.watches.iter().map(|watch| (watch.group.clone(), watch.resource.clone())).collect();
    let mut allowed = BTreeSet::new();
    for rule in the("ClusterRole")["rules"].as_array().expect("a list") {
        let is_other = *rule == reservations() || audits().contains(rule);
        if is_other || rule["apiGroups"] == json!(["admissionregistration.k8s.io"]) {
            continue;
        }
        for resource in rule["resources"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            let verbs = match is_validated(&text(&rule["apiGroups"][0]), &text(resource)) {
                true => json!(["get", "list", "watch"]),
                false => json!(["list", "watch"]),
            };
            assert_eq!(rule["verbs"], verbs, "{resource}");
            allowed.insert((text(&rule["apiGroups"][0]), text(resource)));
        }
    }
    assert_eq!(allowed, watched);
}

#[test]
fn the_pods_may_write_their_ca_and_its_bundles_and_nothing_else() {
    let named = |rule: &Value| {
        assert_eq!(rule["verbs"], json!(["get", "patch"]));
        (rule["resources"].clone(), rule["resourceNames"].clone())
    };
    let rules = [the("ClusterRole")["rules"].clone(), the("Role")["rules"].clone()];
    let writes = rules.iter().flat_map(|rules| rules.as_array().expect("a list"));
    let writes = writes.filter(|rule| !is_reading(rule) && !audits().contains(rule));
    let name = |kind| json!([the(kind)["metadata"]["name"]]);
    let kinds = json!(["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]);
    let expected = [
        (kinds, name("MutatingWebhookConfiguration")),
        (json!(["secrets"]), name("Secret")),
        (json!(["leases"]), json!([leases()[0]])),
        (json!(["leases"]), json!([leases()[1]])),
    ];
    assert_eq!(writes.map(named).collect::<Vec<_>>(), expected);
    assert_eq!(name("MutatingWebhookConfiguration"), name("ValidatingWebhookConfiguration"));
}

#[test]
fn the_ca_is_for_the_service_and_in_a_writable_secret() {
    let text = the("ConfigMap")["data"]["ordinance.yaml"].as_str().expect("text").to_owned();
    let config: Value = serde_saphyr::from_str(&text).expect("it is YAML");
    let managed = &config["certificate"]["selfManaged"];
    let service = the("Service");
    assert_eq!(config["certificate"]["source"], "self-managed");
    assert_eq!(managed["service"], service["metadata"]["name"]);
    assert_eq!(managed["namespace"], service["metadata"]["namespace"]);
    let service = managed["service"].as_str().expect("a name");
    assert_eq!(the("Secret")["metadata"]["name"], format!("{service}-ca"));
    assert_eq!(the("Secret")["data"], Value::Null);
    assert_eq!(leases()[0], service);
    assert_eq!(the("ValidatingWebhookConfiguration")["metadata"]["name"], service);
}

#[test]
fn nothing_fails_closed_before_a_replica_is_ready() {
    for webhook in InstalledWebhook::all(&all()).expect("they can be read") {
        assert_eq!(webhook.installed_policy, FailurePolicy::Ignore, "{}", webhook.name);
    }
}

#[test]
fn the_role_bindings_name_the_service_account_of_the_pods() {
    let account = the("ServiceAccount");
    for (binding, role) in [("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")] {
        let binding = the(binding);
        assert_eq!(binding["roleRef"]["name"], the(role)["metadata"]["name"]);
        assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
        assert_eq!(binding["subjects"][0]["namespace"], account["metadata"]["namespace"]);
    }
    let pod = the("Deployment")["spec"]["template"]["spec"].clone();
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
}

#[test]
fn the_pods_are_restricted() {
    assert_eq!(all()[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let pod = the("Deployment")["spec"]["template"]["spec"]["securityContext"].clone();
    let restricted = json!({
        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
    });
    assert_eq!(pod, restricted);
    let restricted = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container()["securityContext"], restricted);
}

#[test]
fn rollouts_and_drains_keep_a_replica() {
    let deployment = the("Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"], json!({"maxSurge": 1, "maxUnavailable": 0}));
    assert_eq!(the("PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
}

#[test]
fn reports_a_condition_that_does_not_parse() {
    let text =
        std::fs::read_to_string(ordinance_deploy::folder().join("ordinance.yaml")).expect("it can be read");
    let broken = objects(
        &text.replace("|| object.provisioner in [\"csi-rclone\"", "|| object.provisioner in [\"csi-rclone"),
    );
    let outcome = InstalledWebhook::all(&broken.expect("it is YAML")).map(|webhooks| webhooks.len());
    assert!(outcome.is_err_and(|error| {
        error.starts_with("storageclasses.validate.ordinance.dev: can-give-claims-one-directory: ")
    }));
}

/// One webhook as the policy and the manifest state it: name, rule, failure policy and match conditions.
type Stated = (String, Value, String, Vec<(String, String)>);

#[test]
fn the_webhooks_are_those_that_the_policy_reviews() {
    let mut reviewed: Vec<Stated> = ordinance_policy::describe().reviews.iter().flat_map(reviewed).collect();
    let installed = stated_in(ENFORCING_MANIFEST);
    reviewed.sort_by(|one, other| one.0.cmp(&other.0));
    let names = |all: &[Stated]| all.iter().map(|stated| stated.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&installed), names(&reviewed));
    for (installed, reviewed) in installed.iter().zip(&reviewed) {
        assert_eq!(installed, reviewed);
    }
}

#[test]
fn the_first_manifest_refuses_no_request_even_if_the_policy_fails() {
    let config = the("ConfigMap")["data"]["ordinance.yaml"].as_str().expect("text").to_owned();
    let config: Value = serde_saphyr::from_str(&config).expect("it is YAML");
    let policy = &config["policies"]["storage"];
    assert_eq!((&policy["settings"]["mode"], &policy["onError"]), (&json!("Warn"), &json!("defer")));
    let (first, enforcing) = (stated_in(FIRST_MANIFEST), stated_in(ENFORCING_MANIFEST));
    for ((name, rules, policy, conditions), enforced) in first.into_iter().zip(enforcing) {
        assert_eq!(policy, "Ignore", "{name}");
        assert_eq!((name, rules, conditions), (enforced.0, enforced.1, enforced.3));
    }
}

#[test]
fn the_manifests_differ_only_in_the_mode() {
    let [first, enforcing] = [FIRST_MANIFEST, ENFORCING_MANIFEST].map(|file| {
        let text = std::fs::read_to_string(ordinance_deploy::folder().join(file)).expect("it can be read");
        text.lines().filter(|line| !depends_on_the_mode(line)).map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(first, enforcing);
}

fn depends_on_the_mode(line: &str) -> bool {
    let line = line.trim_start();
    let starts = ["mode: ", "onError: defer", "# Such a mode", "# The chart ", "checksum/config: "];
    line.starts_with("ordinance.dev/failure-policies: ") || starts.iter().any(|start| line.starts_with(start))
}

/// Returns the webhooks of a manifest, by name.
fn stated_in(file: &str) -> Vec<Stated> {
    let all = manifest(file).expect("the manifest can be read");
    let mut stated: Vec<Stated> = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]
        .iter()
        .flat_map(|kind| installed(only(&all, kind).expect("there is one")))
        .collect();
    stated.sort_by(|one, other| one.0.cmp(&other.0));
    stated
}

fn reviewed(scope: &ReviewScope) -> Vec<Stated> {
    let conditions = scope.match_conditions.iter();
    let conditions: Vec<(String, String)> =
        conditions.map(|condition| (condition.name.clone(), normal(&condition.expression))).collect();
    let operations: Vec<&str> = scope.operations.iter().map(|operation| operation.word()).collect();
    let rule = json!([{
        "apiGroups": [scope.group], "apiVersions": [scope.version], "resources": [scope.qualified_resource()], "operations": operations,
        "scope": if scope.namespaced { "Namespaced" } else { "Cluster" },
    }]);
    let stated = |phase: &Phase| {
        let name = format!("{}.{}.ordinance.dev", scope.name, phase.word());
        (name, rule.clone(), scope.failure_policy.word().to_owned(), conditions.clone())
    };
    scope.phases.iter().map(stated).collect()
}

fn installed(configuration: &Value) -> Vec<Stated> {
    let policies = &configuration["metadata"]["annotations"]["ordinance.dev/failure-policies"];
    let policies: Value = serde_json::from_str(policies.as_str().expect("a text")).expect("JSON");
    let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
    webhooks
        .map(|webhook| {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let conditions = webhook["matchConditions"].as_array().into_iter().flatten();
            let conditions =
                conditions.map(|each| (text(&each["name"]), normal(&text(&each["expression"])))).collect();
            let name = text(&webhook["name"]);
            (name.clone(), webhook["rules"].clone(), text(&policies[&name]), conditions)
        })
        .collect()
}

/// Returns an expression without differences that mean nothing: white space and quotes.
fn normal(expression: &str) -> String {
    let words: Vec<&str> = expression.split_whitespace().collect();
    words.join(" ").replace('\'', "\"")
}

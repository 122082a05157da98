//! Additions look like the lines around them, in the layouts that people and programs write.

use ordinance_amend::{AmendError, AmendedText, FieldChange, ObjectChanges, amend};
use serde_json::{Value, json};

/// The patch of the storage policy: a variable for each container, and an expression for each mount.
fn isolated(object: &Value) -> Vec<FieldChange> {
    let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let containers = containers.into_iter().flatten().enumerate();
    let patch: Vec<Value> =
        containers.flat_map(|(index, container)| isolated_container(index, container)).collect();
    FieldChange::from_patch(&patch).expect("supported operations")
}

fn isolated_container(index: usize, container: &Value) -> Vec<Value> {
    let path = format!("/spec/template/spec/containers/{index}");
    let variable = json!({"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let env = match container["env"].is_array() {
        true => json!({"op": "add", "path": format!("{path}/env/-"), "value": variable}),
        false => json!({"op": "add", "path": format!("{path}/env"), "value": [variable]}),
    };
    let mounts = container["volumeMounts"].as_array().into_iter().flatten().enumerate();
    let mount = |(index, mount): (usize, &Value)| {
        let path = format!("{path}/volumeMounts/{index}");
        let add = |value: String| json!({"op": "add", "path": format!("{path}/subPathExpr"), "value": value});
        match mount["subPath"].as_str() {
            Some(fixed) => {
                vec![
                    json!({"op": "remove", "path": format!("{path}/subPath")}),
                    add(format!("$(POD)/{fixed}")),
                ]
            }
            None => vec![add("$(POD)".to_owned())],
        }
    };
    std::iter::once(env).chain(mounts.flat_map(mount)).collect()
}

/// Patches all sets of a text.
fn amended(text: &str) -> Result<AmendedText, AmendError> {
    let objects = ordinance_manifests::read(text, "default").into_iter().filter_map(Result::ok);
    let wanted: Vec<ObjectChanges> = objects
        .filter(|object| object.kind == "StatefulSet")
        .map(|object| ObjectChanges {
            start: object.bytes.start,
            changes: isolated(&serde_json::from_str(&object.json).expect("JSON")),
        })
        .collect();
    amend(text, &wanted)
}

/// The new text; no object is left unchanged.
fn written(text: &str) -> String {
    let AmendedText { text, unchanged } = amended(text).expect("readable");
    assert_eq!(unchanged, []);
    text
}

/// Why each object is left unchanged; the text stays as it is.
fn reasons(text: &str) -> Vec<AmendError> {
    let amended = amended(text).expect("readable");
    assert_eq!(amended.text, text);
    amended.unchanged.into_iter().map(|object| object.reason).collect()
}

/// A set with these lines for its containers.
fn set(containers: &str) -> String {
    let head =
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n";
    format!("{head}{containers}")
}

#[test]
fn keeps_dashes_below_their_key_and_comments_in_place() {
    let before = "      containers:
      # the first
      - name: app   # the app
        volumeMounts:
        - name: data
          mountPath: /data # here
          # more of it
        # of no mount

      # the second
      - name: b
        env:
        - name: X
          value: |
            a

        # about the mounts
        volumeMounts:
        - name: data
          mountPath: /data
      volumes: []
";
    let after = "      containers:
      # the first
      - name: app   # the app
        volumeMounts:
        - name: data
          mountPath: /data # here
          # more of it
          subPathExpr: $(POD)
        # of no mount
        env:
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name

      # the second
      - name: b
        env:
        - name: X
          value: |
            a
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name

        # about the mounts
        volumeMounts:
        - name: data
          mountPath: /data
          subPathExpr: $(POD)
      volumes: []
";
    assert_eq!(written(&set(before)), set(after));
    let windows = |text: &str| format!("\u{feff}{}", set(text).replace('\n', "\r\n"));
    assert_eq!(written(&windows(before)), windows(after));
}

#[test]
fn follows_the_indentation_of_a_list() {
    let before = "      containers:
          -   name: app
              volumeMounts:
                  -   name: data
                      mountPath: /data
";
    let after = "      containers:
          -   name: app
              volumeMounts:
                  -   name: data
                      mountPath: /data
                      subPathExpr: $(POD)
              env:
                  -   name: POD
                      valueFrom:
                        fieldRef:
                          fieldPath: metadata.name
";
    assert_eq!(written(&set(before)), set(after));
    assert_eq!(written(set(before).trim_end()), set(after).trim_end());
}

#[test]
fn a_collection_in_one_line_stays_in_one_line() {
    let before = "      containers: # all
      - {name: app, volumeMounts: [{name: data, mountPath: /data}]} # the app
      - name: b
        env:
        - {name: X, value: \"1\"}
        volumeMounts: [ { name: data, mountPath: /data, subPath: 'a' } ]
";
    let after = "      containers: # all
      - {name: app, volumeMounts: [{name: data, mountPath: /data, subPathExpr: $(POD)}], env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]} # the app
      - name: b
        env:
        - {name: X, value: \"1\"}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        volumeMounts: [ { name: data, mountPath: /data, subPathExpr: '$(POD)/a' } ]
";
    assert_eq!(written(&set(before)), set(after));
}

#[test]
fn a_flow_list_over_several_lines_gets_another_line() {
    let before = "      containers:
      - name: a
        env: [
          {name: X, value: x}, # one
          {name: Y, value: y} # two
        ]
      - name: b
        env: [
          {name: X, value: x},
        ]
";
    let after = "      containers:
      - name: a
        env: [
          {name: X, value: x}, # one
          {name: Y, value: y}, # two
          {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ]
      - name: b
        env: [
          {name: X, value: x},
          {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}},
        ]
";
    assert_eq!(written(&set(before)), set(after));
}

#[test]
fn empty_values_are_replaced() {
    let before = "      containers:
      - name: a
        env: []  # none
      - name: b
        env:
      - name: c
        env: null
        image: c
";
    let after = "      containers:
      - name: a
        env:  # none
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
      - name: b
        env:
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
      - name: c
        env:
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        image: c
";
    assert_eq!(written(&set(before)), set(after));
}

#[test]
fn json_keeps_its_line_breaks() {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}]}}},
    });
    let mut isolated = object.clone();
    let container = &mut isolated["spec"]["template"]["spec"]["containers"][0];
    container["env"] = json!([{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
    container["volumeMounts"][0]["subPathExpr"] = "$(POD)".into();

    let compact = written(&object.to_string());
    assert_eq!(compact.lines().count(), 1);
    assert!(
        compact
            .contains(r#","env":[{"name":"POD","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}"#),
        "{compact}"
    );
    // New members come last, so lines are compared without their order and commas.
    let pretty = written(&format!("{object:#}\n"));
    let mut lines: Vec<&str> = pretty.lines().map(|line| line.trim_end_matches(',')).collect();
    let expected = format!("{isolated:#}\n");
    let mut expected: Vec<&str> = expected.lines().map(|line| line.trim_end_matches(',')).collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn json_keeps_its_tabs() {
    let before = "{\"apiVersion\": \"apps/v1\", \"kind\": \"StatefulSet\", \"metadata\": {\"name\": \"web\"},\n\t\"spec\": {\"template\": {\"spec\": {\"containers\": [\n\t\t{\n\t\t\t\"name\": \"a\",\n\t\t\t\"env\": []\n\t\t}\n\t]}}}}\n";
    let env = "[\n\t\t\t\t{\n\t\t\t\t\t\"name\": \"POD\",\n\t\t\t\t\t\"valueFrom\": {\n\t\t\t\t\t\t\"fieldRef\": {\n\t\t\t\t\t\t\t\"fieldPath\": \"metadata.name\"\n\t\t\t\t\t\t}\n\t\t\t\t\t}\n\t\t\t\t}\n\t\t\t]";
    assert_eq!(written(before), before.replace("[]", env));
}

#[test]
fn new_keys_are_quoted_like_those_beside_them() {
    let before = "      \"containers\":\n      - \"name\": \"a\"\n        \"env\":\n        - \"name\": \"X\"\n          \"value\": \"x\"\n";
    let added = "        - \"name\": \"POD\"\n          \"valueFrom\":\n            \"fieldRef\":\n              \"fieldPath\": \"metadata.name\"\n";
    assert_eq!(written(&set(before)), set(before) + added);
}

#[test]
fn a_rewritten_block_scalar_becomes_one_line() {
    let before = "      containers:\n      - name: a\n        env: []\n        volumeMounts:\n        - name: d\n          subPath: |- # deep\n            x/y\n\n          mountPath: /d\n";
    let after = written(&set(before));
    assert!(
        after.contains("        - name: d\n          subPathExpr: $(POD)/x/y\n\n          mountPath: /d\n"),
        "{after}"
    );
}

#[test]
fn documents_and_list_items_beside_a_set_keep_their_bytes() {
    let other = "# other\nkind:   Service\napiVersion: v1\nmetadata: { \"name\" : s }   \n";
    let containers =
        "      containers:\n      - name: a\n        env:\n        - name: X\n          value: x\n";
    let added = "        - name: POD\n          valueFrom:\n            fieldRef:\n              fieldPath: metadata.name\n";
    let stream = |set: &str| format!("%YAML 1.2\n---\n{other}---\n{set}...\n---\n# end\n{other}");
    assert_eq!(written(&stream(&set(containers))), stream(&(set(containers) + added)));

    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    let list = |set: &str| {
        format!("apiVersion: v1\nkind: List\nitems:\n-\n{}-\n{}# end\n", indented(set), indented(other))
    };
    assert_eq!(written(&list(&set(containers))), list(&(set(containers) + added)));
}

#[test]
fn an_anchor_is_edited_once_where_all_its_places_change_alike() {
    let before = "      containers:
      - name: a
        env: &env
        - name: X
        volumeMounts: &mounts
        - name: d
          mountPath: /d
      - name: b
        env: *env
        volumeMounts: *mounts
";
    let after = "      containers:
      - name: a
        env: &env
        - name: X
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        volumeMounts: &mounts
        - name: d
          mountPath: /d
          subPathExpr: $(POD)
      - name: b
        env: *env
        volumeMounts: *mounts
";
    assert_eq!(written(&set(before)), set(after));
}

#[test]
fn an_anchor_with_other_aliases_is_refused() {
    let shared = set(
        "      initContainers:\n      - volumeMounts: &m\n        - name: d\n      containers:\n      - name: a\n        volumeMounts: *m\n",
    );
    let field = "spec.template.spec.containers[0].volumeMounts[0].subPathExpr".to_owned();
    assert_eq!(reasons(&shared), [AmendError::Repeated { field }]);
}

#[test]
fn a_merged_field_is_refused_and_one_beside_the_merge_key_is_added() {
    let before = set(
        "      x-mount: &m {name: d}\n      containers:\n      - name: a\n        env: []\n        volumeMounts:\n        - <<: *m\n          mountPath: /d\n",
    );
    assert!(
        written(&before)
            .contains("        - <<: *m\n          mountPath: /d\n          subPathExpr: $(POD)\n")
    );

    let merged = set(
        "      containers:\n      - &c\n        name: a\n        env: []\n        volumeMounts: [{name: d}]\n      - <<: *c\n        name: b\n",
    );
    let field = "spec.template.spec.containers[1].env".to_owned();
    assert_eq!(reasons(&merged), [AmendError::Merged { field }]);
}

#[test]
fn a_template_is_refused() {
    let template = set("      containers:\n      - name: a\n        image: \"{{ .Values.image }}\"\n");
    assert_eq!(reasons(&template), [AmendError::Template { line: 9 }]);
}

#[test]
fn refuses_additions_to_scalars_and_absent_parts() {
    let text = set("      containers:\n      - name: a\n");
    let start = ordinance_manifests::read(&text, "default").remove(0).expect("an object").bytes.start;
    let change = |path: &str| {
        let changes = vec![FieldChange::Add { path: path.to_owned(), value: "x".into() }];
        amend(&text, &[ObjectChanges { start, changes }]).expect("readable")
    };
    for path in
        ["/kind/x", "/spec/template/spec/containers/7/x", "/none/x", "", "/spec/template/spec/containers/9"]
    {
        let AmendedText { text: after, unchanged } = change(path);
        assert_eq!((&after, unchanged.len()), (&text, 1), "{path}");
        assert!(matches!(unchanged[0].reason, AmendError::Unexpected { .. }), "{path}: {unchanged:?}");
    }
    // `add` of JSON Patch would overwrite these values.
    for path in ["/spec/template", "/metadata/name"] {
        assert_eq!(change(path).unchanged.len(), 1, "{path}");
    }
}

#[test]
fn a_file_with_a_syntax_error_is_refused() {
    let text = set("      containers:\n      - name: a\n---\na: [\n");
    assert!(matches!(amended(&text), Err(AmendError::Unreadable(_))));
}

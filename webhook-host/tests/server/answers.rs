//! The answers to reviews, and to requests that are not reviews.

use crate::harness::{Client, Host, Policy, UID, allow, finding, head, request, review};
use ordinance::limits::Limits;
use ordinance::review::OnError;
use ordinance::server::PolicyRoute;
use ordinance_contract::{Annotation, Finding, Operation, Phase, Severity, Verdict};
use ordinance_engine::Failure;
use serde_json::json;
use std::time::{Duration, Instant};

const POD: &str = r#"{"kind":"StatefulSet","spec":{"replicas":2,"text":"\"}]"}}"#;

async fn host() -> Host {
    Host::start(Limits::default(), allow()).await
}

fn deny(fact: &str) -> Verdict {
    Verdict { findings: vec![finding(Severity::Deny, fact)], ..Verdict::allow() }
}

#[tokio::test]
async fn an_allowed_review_contains_only_the_uid() {
    let reply = host().await.post("/validate/test?timeout=5s", &review(POD)).await;
    assert_eq!(reply.response(), json!({"uid": UID, "allowed": true}));
    assert!(!reply.is_last());
}

#[tokio::test]
async fn the_policy_gets_the_unchanged_objects_and_the_user() {
    let host = Host::start(
        Limits::default(),
        Policy::inline(|request, _| {
            assert_eq!(request.object.as_deref(), Some(POD));
            assert_eq!((request.operation, request.phase), (Operation::Create, Phase::Validate));
            assert_eq!((request.old_object.as_deref(), request.dry_run), (None, false));
            assert_eq!(request.user_info, r#"{"username":"admin"}"#);
            let scope = &request.scope;
            assert_eq!((&*scope.group, &*scope.resource, &*scope.name), ("apps", "statefulsets", "web"));
            Ok(Verdict::allow())
        }),
    )
    .await;
    assert_eq!(host.post("/validate/test", &review(POD)).await.response()["allowed"], true);
}

#[tokio::test]
async fn a_denial_has_status_403_one_line_and_its_causes() {
    let taken = Finding { field: "spec.nfs.path".to_owned(), ..finding(Severity::Deny, "taken") };
    let mut verdict = deny("no:\nsee pv-a");
    verdict.findings.push(Finding { remedy: "Choose another".to_owned(), ..taken });
    let host = Host::start(Limits::default(), Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let reply = host.post("/validate/test", &review(POD)).await;
    assert_eq!(
        reply.response(),
        json!({"uid": UID, "allowed": false, "status": {
            "code": 403, "reason": "Forbidden",
            "message": "no: see pv-a [a-rule]; also: taken. Choose another [a-rule]",
            "details": {"causes": [
                {"reason": "FieldValueForbidden", "message": "no: see pv-a [a-rule]"},
                {"reason": "FieldValueForbidden", "message": "taken. Choose another [a-rule]", "field": "spec.nfs.path"},
            ]},
        }, "auditAnnotations": {"findings": "deny a-rule"}})
    );
    let counted = r#"ordinance_requests_total{policy="test",verdict="Deny",operation="CREATE"}"#;
    assert_eq!(host.metric(counted), Some(1.0));
    let found = r#"ordinance_findings_total{policy="test",rule="a-rule",severity="deny"}"#;
    assert_eq!(host.metric(found), Some(2.0));
}

#[tokio::test]
async fn counts_and_lists_what_would_be_denied() {
    let would_deny = Finding { would_deny: true, ..finding(Severity::Warn, "taken") };
    let verdict = Verdict {
        findings: vec![would_deny, finding(Severity::Warn, "careful")],
        patch: Some(r#"[{"op":"add","path":"/a","value":1}]"#.to_owned()),
        ..Verdict::allow()
    };
    let host = Host::start(Limits::default(), Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let response = host.post("/mutate/test", &review(POD)).await.response();
    assert_eq!((&response["allowed"], response.get("status")), (&json!(true), None));
    assert_eq!(response["warnings"], json!(["taken [a-rule]", "careful [a-rule]"]));
    assert_eq!(response["patchType"], "JSONPatch");
    assert_eq!(response["auditAnnotations"], json!({"findings": "would-deny a-rule, warn a-rule"}));
    let counted = r#"ordinance_requests_total{policy="test",verdict="WouldDeny",operation="CREATE"}"#;
    assert_eq!(host.metric(counted), Some(1.0));
    for severity in ["would-deny", "warn"] {
        let found =
            format!(r#"ordinance_findings_total{{policy="test",rule="a-rule",severity="{severity}"}}"#);
        assert_eq!(host.metric(&found), Some(1.0), "{severity}");
    }
}

#[tokio::test]
async fn sends_a_patch_as_base64_with_its_type() {
    let patch = r#"[{"op":"add","path":"/a","value":"ü"}]"#;
    let verdict = Verdict { patch: Some(patch.to_owned()), ..Verdict::allow() };
    let host = Host::start(Limits::default(), Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let response = host.post("/mutate/test", &review(POD)).await.response();
    assert_eq!(
        response,
        json!({"uid": UID, "allowed": true, "patchType": "JSONPatch",
            "patch": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2EiLCJ2YWx1ZSI6IsO8In1d"})
    );
}

#[tokio::test]
async fn limits_warnings_to_ten_lines_of_240_characters() {
    let findings = (0..12).map(|number| finding(Severity::Warn, &format!("{number} {}", "ä\n".repeat(200))));
    let verdict = Verdict { findings: findings.collect(), ..Verdict::allow() };
    let host = Host::start(Limits::default(), Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let response = host.post("/mutate/test", &review(POD)).await.response();
    let warnings: Vec<&str> =
        response["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
    assert_eq!(warnings.len(), 10);
    assert!(warnings.iter().all(|w| w.chars().count() <= 240 && !w.contains('\n')));
    assert_eq!(warnings[9], "and 3 more warnings");
}

#[tokio::test]
async fn drops_annotations_with_a_key_that_the_api_server_refuses() {
    let annotation = |key: &str| Annotation { key: key.to_owned(), value: "v\nw".to_owned() };
    let audit = vec![annotation("a.b-c_1"), annotation("a/b"), annotation(""), annotation(&"k".repeat(64))];
    let verdict = Verdict { audit, ..Verdict::allow() };
    let host = Host::start(Limits::default(), Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let response = host.post("/mutate/test", &review(POD)).await.response();
    assert_eq!(response["auditAnnotations"], json!({"a.b-c_1": "v w"}));
}

#[tokio::test]
async fn a_failure_denies_and_names_policy_limit_and_setting() {
    let failures = [
        (Failure::Time { limit_ms: 1_000 }, "ran longer than 1000 ms", "limits.policyTime"),
        (Failure::Memory { limit: 64 }, "needed more than 64 bytes of memory", "limits.policyMemory"),
        (Failure::Stack { limit: 64 }, "needed more than 64 bytes of stack", "limits.policyStack"),
        (Failure::Output { limit: 64 }, "answered with more than 64 bytes", "limits.policyOutput"),
        (
            Failure::Holdings { limit: 256, key: "nfs://nas/srv".to_owned() },
            "more than 256 different holdings, since so many objects overlap \"nfs://nas/srv\"",
            "limits.holdings",
        ),
        (Failure::Trap("unreachable".to_owned()), "trapped: unreachable", "policy \"test\""),
    ];
    for (failure, what, setting) in failures {
        let host = Host::start(Limits::default(), Policy::inline(move |_, _| Err(failure.clone()))).await;
        let response = host.post("/mutate/test", &review(POD)).await.response();
        assert_eq!((&response["uid"], &response["allowed"]), (&json!(UID), &json!(false)));
        assert_eq!(
            (&response["status"]["code"], &response["status"]["reason"]),
            (&json!(500), &json!("InternalError"))
        );
        let message = response["status"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("policy \"test\"") && message.contains(what) && message.contains(setting),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_deferred_failure_is_an_http_error() {
    let host = Host::with(Limits::default(), |metrics| {
        let judge = Policy::inline(|_, _| Err(Failure::Time { limit_ms: 7 }));
        vec![PolicyRoute::new("test", judge, metrics).on_error(OnError::Defer)]
    })
    .await;
    let reply = host.post("/mutate/test", &review(POD)).await;
    assert_eq!(reply.status, 500);
    assert!(reply.body.contains("ran longer than 7 ms"), "{}", reply.body);
    assert_eq!(host.metric(r#"ordinance_evaluation_failures_total{policy="test",cause="time"}"#), Some(1.0));
}

#[tokio::test]
async fn a_denial_has_no_patch() {
    let verdict = Verdict { patch: Some("[{}]".to_owned()), ..deny("no") };
    let host = Host::start(Limits::default(), Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let response = host.post("/mutate/test", &review(POD)).await.response();
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(false), None));
}

#[tokio::test]
async fn an_answer_over_its_limit_is_a_failure() {
    let limits = Limits { answer_bytes: 2_000, ..Limits::default() };
    let verdict = Verdict { patch: Some(format!("[{:?}]", "x".repeat(2_000))), ..Verdict::allow() };
    let host = Host::start(limits, Policy::inline(move |_, _| Ok(verdict.clone()))).await;
    let response = host.post("/mutate/test", &review(POD)).await.response();
    assert_eq!(response["status"]["code"], 500);
    assert!(response["status"]["message"].as_str().unwrap().contains("limits.answerBytes"));
}

#[tokio::test]
async fn answers_503_while_the_index_is_not_ready() {
    let host = Host::start(Limits::default(), Policy::inline(|_, _| Err(Failure::NotReady))).await;
    let reply = host.post("/mutate/test", &review(POD)).await;
    assert_eq!((reply.status, reply.field("retry-after"), reply.is_last()), (503, Some("1"), true));
}

#[tokio::test]
async fn serves_further_requests_after_a_judge_panics() {
    for judge in [Policy::inline(|_, _| panic!("on purpose")), Policy::pool(|_, _| panic!("on purpose"))] {
        let host = Host::start(Limits::default(), judge).await;
        let mut client = host.connect().await;
        for _ in 0..3 {
            let response = client.post("/mutate/test", &review(POD)).await.response();
            assert_eq!((&response["uid"], &response["status"]["code"]), (&json!(UID), &json!(500)));
        }
        let panics = r#"ordinance_evaluation_failures_total{policy="test",cause="panic"}"#;
        assert_eq!(host.metric(panics), Some(3.0));
    }
}

#[tokio::test]
async fn the_deadline_is_the_timeout_of_the_request_minus_a_margin() {
    for (query, least, most) in [("", 5_000, 10_000), ("?timeout=5s", 2_000, 3_900), ("?timeout=1s", 0, 300)]
    {
        let host = Host::start(
            Limits::default(),
            Policy::pool(move |_, deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                let range = Duration::from_millis(least)..=Duration::from_millis(most);
                Ok(if range.contains(&left) { Verdict::allow() } else { deny("other deadline") })
            }),
        )
        .await;
        let path = format!("/mutate/test{query}");
        assert_eq!(host.post(&path, &review(POD)).await.response()["allowed"], true, "{path}");
    }
}

#[tokio::test]
async fn answers_an_invalid_review_with_bad_request_in_one_line() {
    let host = host().await;
    let good = review("{}");
    let cases = [
        (String::new(), "is not an AdmissionReview"),
        ("null".to_owned(), "is not an AdmissionReview"),
        ("{\"kind\":".to_owned(), "is not an AdmissionReview"),
        (format!("{good}x"), "is not an AdmissionReview"),
        (good.replace("\"AdmissionReview\"", "\"Review\""), "is not of kind AdmissionReview"),
        (good.replace("io/v1\"", "io/v1beta1\""), "is not of admission.k8s.io/v1"),
        (good.replace(UID, ""), "has no uid"),
        (good.replace("\"uid\"", "\"id\""), "has no uid"),
        (good.replace("\"uid\":", "\"uid\":7,\"id\":"), "is not an AdmissionReview"),
        (good.replace("\"request\"", "\"response\""), "has no request"),
        (good.replace("\"request\":", "\"request\":null,\"response\":"), "has no request"),
        (good.replace("\"request\":", "\"request\":{},\"request\":"), "is not an AdmissionReview"),
        (good.replace("\"request\":", "\"request\":null,\"request\":"), "duplicate field `request`"),
        (good.replace("\"CREATE\"", "\"EVICT\""), "is not an AdmissionReview"),
        (good.replace("\"object\":{}", "\"object\":{"), "is not an AdmissionReview"),
        (good.replace("\"object\":{}", "\"object\":"), "is not an AdmissionReview"),
    ];
    for (body, reason) in cases {
        let reply = host.post("/mutate/test", &body).await;
        assert_eq!(
            (reply.status, reply.field("content-type")),
            (400, Some("text/plain; charset=utf-8")),
            "{body}"
        );
        assert!(reply.body.contains(reason) && reply.body.lines().count() == 1, "{body}: {}", reply.body);
    }
}

#[tokio::test]
async fn answers_a_body_that_is_not_utf_8_with_bad_request() {
    let mut client = host().await.connect().await;
    let mut body = review("{\"a\":\"?\"}").into_bytes();
    *body.iter_mut().find(|byte| **byte == b'?').unwrap() = 0xff;
    client.send([head("/mutate/test", body.len()).as_bytes(), &body].concat()).await;
    assert_eq!(client.reply().await.status, 400);
}

#[tokio::test]
async fn limits_the_nesting_of_json() {
    let host = host().await;
    // The review and its request add two levels.
    for (depth, status) in [(126, 200), (127, 400), (100_000, 400)] {
        let object = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(host.post("/mutate/test", &review(&object)).await.status, status, "{depth}");
    }
}

#[tokio::test]
async fn refuses_other_paths_methods_and_content_types() {
    let host = host().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /mutate/other HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /mutate/test/ HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /mutate/test HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("POST /mutate/test HTTP/1.1\r\nHost: h\r\n\r\n", 415),
        ("POST /mutate/test HTTP/1.1\r\nHost: h\r\nContent-Type: application/yaml\r\n\r\n", 415),
        ("POST /mutate/test HTTP/1.1\r\nHost: h\r\nContent-Type: application/jsonx\r\n\r\n", 415),
        (
            "POST /mutate/test HTTP/1.1\r\nHost: h\r\nContent-Type: Application/JSON; charset=utf-8\r\n\r\n",
            400,
        ),
    ] {
        let mut client = host.connect().await;
        client.send(request).await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.is_last()), (status, true), "{request}");
        assert_eq!(reply.field("allow"), (status == 405).then_some("POST"));
        client.closed().await;
    }
}

#[tokio::test]
async fn closes_the_connection_of_a_refused_request_with_an_unread_body() {
    let mut client = host().await.connect().await;
    client.send(request("{}").replace("/mutate/test", "/mutate/none")).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.is_last()), (404, true));
    client.closed().await;
}

#[tokio::test]
async fn policies_can_be_replaced_while_the_server_runs() {
    let host = host().await;
    let mut client = host.connect().await;
    assert_eq!(client.post("/mutate/test", &review(POD)).await.response()["allowed"], true);
    let refusing = Policy::inline(|_, _| Ok(deny("closed")));
    host.routes.replace([PolicyRoute::new("test", refusing, &host.metrics)]);
    assert_eq!(client.post("/mutate/test", &review(POD)).await.response()["allowed"], false);
}

#[tokio::test]
async fn answers_pipelined_requests_in_order() {
    let mut client = host().await.connect().await;
    let uids = ["one", "two", "three"];
    client.send(uids.map(|uid| request("{}").replace(UID, &format!("{uid:*<36}"))).concat()).await;
    for uid in uids {
        assert_eq!(client.reply().await.response()["uid"], format!("{uid:*<36}"));
    }
}

#[tokio::test]
async fn answers_a_client_that_has_closed_its_sending_side() {
    let host = Host::start(Limits::default(), Policy::pool(|_, _| Ok(Verdict::allow()))).await;
    let mut client: Client = host.connect().await;
    client.send(request(POD)).await;
    client.half_close().await;
    assert_eq!(client.reply().await.response()["allowed"], true);
    client.closed().await;
}

#[tokio::test]
async fn reads_a_chunked_body() {
    let mut client = host().await.connect().await;
    let body = review(POD);
    client.send("POST /mutate/test HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for piece in body.as_bytes().chunks(100) {
        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.reply().await.response()["allowed"], true);
}

#[tokio::test]
async fn answers_expect_100_continue() {
    let mut client = host().await.connect().await;
    let body = review(POD);
    client
        .send(head("/mutate/test", body.len()).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"))
        .await;
    assert_eq!(client.reply().await.status, 100);
    client.send(body).await;
    assert_eq!(client.reply().await.response()["allowed"], true);
}

//! Which paths are answered.

use crate::harness::{Host, allow, review};
use ordinance::limits::Limits;
use ordinance_certs::{AcceptedPaths, PathToken};

#[tokio::test(flavor = "multi_thread")]
async fn only_paths_with_an_accepted_token_are_answered() {
    let host = Host::start(Limits::default(), allow()).await;
    let [former, current, unknown] = std::array::from_fn(|_| PathToken::random().unwrap());
    host.callers.accept(AcceptedPaths { tokens: vec![former.clone(), current.clone()], anyone: false });
    for token in [&former, &current] {
        assert_eq!(host.post(&token.before("/mutate/test?timeout=5s"), &review("{}")).await.status, 200);
    }
    let absent = host.post(&current.before("/mutate/absent"), &review("{}")).await;
    for path in
        ["/mutate/test".to_owned(), unknown.before("/mutate/test"), current.before(""), "/".to_owned()]
    {
        let refused = host.post(&path, &review("{}")).await;
        assert_eq!((refused.status, &refused.body), (404, &absent.body), "{path}");
    }
    host.callers.accept(AcceptedPaths { tokens: vec![current.clone()], anyone: false });
    assert_eq!(host.post(&former.before("/mutate/test"), &review("{}")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metric_tells_whether_anyone_may_call() {
    let host = Host::start(Limits::default(), allow()).await;
    let unverified = || host.metric("ordinance_callers_unverified");
    assert_eq!(unverified(), Some(1.0));
    let token = PathToken::random().unwrap();
    host.callers.accept(AcceptedPaths { tokens: vec![token.clone()], anyone: true });
    assert_eq!(unverified(), Some(1.0));
    host.callers.accept(AcceptedPaths { tokens: vec![token], anyone: false });
    assert_eq!(unverified(), Some(0.0));
}

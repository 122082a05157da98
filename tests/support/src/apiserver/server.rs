//! The server's thread, with the stored objects, the scripted answers and the open watches.

use super::body::{ResponseBody, StreamWriter, broken, stream, whole};
use super::request::{ApiRequest, Verb};
use super::script::{Gate, ScriptedAnswer, status};
use super::store::{ObjectStore, StoreChange, event};
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How long a test waits for a request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running server. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<SharedApiState>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct SharedApiState {
    state: Mutex<ApiServerState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ApiServerState {
    store: ObjectStore,
    scripts: HashMap<(String, Verb), VecDeque<ScriptedAnswer>>,
    /// All requests, in the order of their arrival.
    requests: Vec<ApiRequest>,
    watches: Vec<OpenWatch>,
    /// The resources whose creations are stored.
    writable: BTreeSet<String>,
    /// The resources of the groups that a discovery finds, by group and version.
    groups: HashMap<String, Vec<String>>,
}

/// An open watch stream.
#[derive(Debug)]
struct OpenWatch {
    resource: String,
    metadata_only: bool,
    writer: StreamWriter,
}

// === impl ApiServer ===

impl ApiServer {
    /// Starts a server on a free loopback port.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no resources for it.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(SharedApiState::default());
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("api-server".to_owned()).spawn(move || {
            let serving = async { accept(TcpListener::from_std(listener)?, served).await };
            runtime.block_on(async {
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns a kubeconfig for this server.
    pub fn kubeconfig(&self) -> String {
        let server = format!("http://{}", self.address);
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": server}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "test"}}],
        })
        .to_string()
    }

    /// Stores an object, and sends the change to the watches.
    pub fn put(&self, resource: &str, object: Value) {
        let mut state = self.shared.state();
        let change = state.store.put(resource, object);
        state.send(&change);
    }

    /// Deletes an object without a namespace, and sends the change to the watches.
    pub fn delete(&self, resource: &str, name: &str) {
        let mut state = self.shared.state();
        if let Some(change) = state.store.delete(resource, name) {
            state.send(&change);
        }
    }

    /// Stores a text that need not be an object. No watch reports it.
    pub fn put_text(&self, resource: &str, key: &str, text: &str) {
        self.shared.state().store.put_text(resource, key, text);
    }

    /// Stores what clients create of a resource. By default a creation is answered, but nothing is stored.
    pub fn store_creations(&self, resource: &str) {
        self.shared.state().writable.insert(resource.to_owned());
    }

    /// Serves a group in a version, e.g. `apps/v1`, with these resources, and stores what clients create of them.
    pub fn serve_group(&self, group_version: &str, resources: &[&str]) {
        resources.iter().for_each(|resource| self.store_creations(resource));
        let names = resources.iter().map(|&resource| resource.to_owned()).collect();
        self.shared.state().groups.insert(group_version.to_owned(), names);
    }

    /// Returns the stored objects of a resource.
    pub fn objects(&self, resource: &str) -> Vec<Value> {
        self.shared.state().store.objects(resource)
    }

    /// Returns the names of the stored objects of a resource without namespaces.
    pub fn names(&self, resource: &str) -> Vec<String> {
        self.shared.state().store.names(resource)
    }

    /// Forgets all changes so far. A client that continues from an older version must list again.
    pub fn compact(&self) {
        self.shared.state().store.compact();
    }

    /// Scripts the answer to the next request with this resource and verb, after the answers scripted before.
    pub fn script(&self, resource: &str, verb: Verb, answer: ScriptedAnswer) {
        self.shared.state().scripts.entry((resource.to_owned(), verb)).or_default().push_back(answer);
    }

    /// Delays the next request with this resource and verb until the gate is dropped.
    #[must_use]
    pub fn hold(&self, resource: &str, verb: Verb) -> Gate {
        let (answer, gate) = ScriptedAnswer::late();
        self.script(resource, verb, answer);
        gate
    }

    /// Sends a text to the watches of a resource as it is.
    pub fn send_text(&self, resource: &str, text: &str) {
        self.shared.state().watches_of(resource).for_each(|watch| watch.writer.write(text.to_owned()));
    }

    /// Sends a bookmark to the watches of a resource: they have missed nothing.
    pub fn bookmark(&self, resource: &str) {
        let line = self.shared.state().store.bookmark();
        self.send_text(resource, &line);
    }

    /// Sends an error with this code to the watches of a resource.
    pub fn send_error(&self, resource: &str, code: u16) {
        self.send_text(resource, &event("ERROR", &status(code).to_string()));
    }

    /// Ends the watches of a resource, as the API server does after their timeout.
    pub fn end_watches(&self, resource: &str) {
        self.shared.state().watches.retain(|watch| watch.resource != resource);
    }

    /// Breaks the connections of the watches of a resource.
    pub fn break_watches(&self, resource: &str) {
        self.shared.state().watches_of(resource).for_each(|watch| watch.writer.abort());
        self.end_watches(resource);
    }

    /// Returns all requests for a resource so far.
    pub fn requests(&self, resource: &str) -> Vec<ApiRequest> {
        self.shared.state().requests_for(resource)
    }

    /// Waits for `count` requests with this resource and verb, and returns all requests for the resource.
    ///
    /// # Panics
    ///
    /// Panics if they do not arrive in time.
    pub fn await_requests(&self, resource: &str, verb: Verb, count: usize) -> Vec<ApiRequest> {
        self.shared.wait(|state| {
            let requests = state.requests_for(resource);
            let matching = requests.iter().filter(|request| request.verb == verb).count();
            (matching >= count).then_some(requests)
        })
    }

    /// Waits until a resource is watched.
    ///
    /// # Panics
    ///
    /// Panics if it is not watched in time.
    pub fn await_watch(&self, resource: &str) {
        self.shared
            .wait(|state| state.watches_of(resource).any(|watch| watch.writer.is_read()).then_some(()));
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The thread has already reported its panic.
            let _ = thread.join();
        }
    }
}

// === impl SharedApiState ===

impl SharedApiState {
    fn state(&self) -> MutexGuard<'_, ApiServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<T>(&self, mut find: impl FnMut(&ApiServerState) -> Option<T>) -> T {
        let mut found = None;
        let is_missing = |state: &mut ApiServerState| {
            found = find(state);
            found.is_none()
        };
        let waited = self.changed.wait_timeout_while(self.state(), TIMEOUT, is_missing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found.unwrap_or_else(|| {
            panic!("timed out waiting for a request; received so far: {:#?}", state.requests)
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let object = serde_json::from_slice(&body).unwrap_or_default();
        let request = ApiRequest::new(&head.method, &head.uri, &head.headers, object);
        match self.record(&request) {
            Some(ScriptedAnswer::Status(code)) => json_body(code, whole(status(code).to_string())),
            Some(ScriptedAnswer::Text(text)) => json_body(200, whole(text)),
            Some(ScriptedAnswer::Broken(text)) => json_body(200, broken(text)),
            Some(ScriptedAnswer::Late(opened)) => {
                // The gate sends nothing: dropping it is the signal.
                let _ = opened.await;
                self.regular_answer(&request)
            }
            None => self.regular_answer(&request),
        }
    }

    /// Records a request, and takes the answer that was scripted for it.
    fn record(&self, request: &ApiRequest) -> Option<ScriptedAnswer> {
        let mut state = self.state();
        state.requests.push(request.clone());
        let script = state.scripts.get_mut(&(request.resource.clone(), request.verb));
        let answer = script.and_then(VecDeque::pop_front);
        self.changed.notify_all();
        answer
    }

    /// Returns the answer of a real API server.
    fn regular_answer(&self, request: &ApiRequest) -> Response<ResponseBody> {
        let mut state = self.state();
        let (code, body) = match request.verb {
            Verb::Get => match state.store.get(request) {
                Some(object) => (200, whole(object)),
                None => (404, whole(status(404).to_string())),
            },
            Verb::List => (200, whole(state.store.page(request))),
            Verb::Watch => (200, state.watch(request)),
            Verb::Create => match state.create(request) {
                Ok(object) => (201, whole(object.to_string())),
                Err(code) => (code, whole(status(code).to_string())),
            },
            Verb::Patch => match state.patch(request) {
                Ok(object) => (200, whole(object.to_string())),
                Err(code) => (code, whole(status(code).to_string())),
            },
            Verb::Discover => match state.groups.get(&request.group_version) {
                Some(resources) => (200, whole(group(&request.group_version, resources).to_string())),
                None => (404, whole(status(404).to_string())),
            },
            Verb::Delete => match state.store.delete(&request.resource, &request.key()) {
                Some(change) => {
                    state.send(&change);
                    (200, whole(r#"{"kind":"Status","status":"Success"}"#.to_owned()))
                }
                None => (404, whole(status(404).to_string())),
            },
        };
        self.changed.notify_all();
        json_body(code, body)
    }
}

// === impl ApiServerState ===

impl ApiServerState {
    fn requests_for(&self, resource: &str) -> Vec<ApiRequest> {
        self.requests.iter().filter(|request| request.resource == resource).cloned().collect()
    }

    /// Stores a new object, if its resource takes any, with one writer as the API server records it. Returns the code of the error
    /// if there is one of its name.
    fn create(&mut self, request: &ApiRequest) -> Result<Value, u16> {
        let mut object = request.object.clone();
        if self.writable.contains(&request.resource) {
            object["metadata"]["managedFields"] = json!([{"manager": "test", "operation": "Update"}]);
            set_namespace(&mut object, request);
            if self.store.contains(&request.resource, &object) {
                return Err(409);
            }
            let change = self.store.put(&request.resource, object.clone());
            self.send(&change);
        }
        Ok(object)
    }

    /// Stores a patched object, or returns the code of the error. An apply replaces the object.
    fn patch(&mut self, request: &ApiRequest) -> Result<Value, u16> {
        let stored = self.store.get(request).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let mut patched = match (request.applies, stored) {
            (true, _) => request.object.clone(),
            (false, None) => return Err(404),
            (false, Some(stored)) => {
                let version = &request.object["metadata"]["resourceVersion"];
                if !version.is_null() && *version != stored["metadata"]["resourceVersion"] {
                    return Err(409);
                }
                merged(stored, &request.object)
            }
        };
        set_namespace(&mut patched, request);
        let change = self.store.put(&request.resource, patched.clone());
        self.send(&change);
        Ok(patched)
    }

    fn watches_of(&self, resource: &str) -> impl Iterator<Item = &OpenWatch> {
        self.watches.iter().filter(move |watch| watch.resource == resource)
    }

    /// Returns a stream that starts with the changes since the requested version.
    fn watch(&mut self, request: &ApiRequest) -> ResponseBody {
        let lines = match self.store.since(request) {
            Ok(lines) => lines,
            Err(too_late) => return whole(too_late),
        };
        let (writer, body) = stream();
        lines.into_iter().for_each(|line| writer.write(line));
        let watch =
            OpenWatch { resource: request.resource.clone(), metadata_only: request.metadata_only, writer };
        self.watches.push(watch);
        body
    }

    fn send(&mut self, change: &StoreChange) {
        self.watches.retain(|watch| watch.writer.is_read());
        for watch in self.watches_of(&change.resource) {
            watch.writer.write(change.line(watch.metadata_only));
        }
    }
}

/// Gives an object the namespace of its request.
fn set_namespace(object: &mut Value, request: &ApiRequest) {
    if !request.namespace.is_empty() {
        object["metadata"]["namespace"] = request.namespace.as_str().into();
    }
}

/// Returns an object with a merge patch (RFC 7396) applied to it.
fn merged(object: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let Value::Object(mut fields) = object else { return merged(json!({}), patch) };
    for (name, change) in changes {
        match (change, fields.remove(name)) {
            (Value::Null, _) => {}
            (change, before) => {
                fields.insert(name.clone(), merged(before.unwrap_or_default(), change));
            }
        }
    }
    Value::Object(fields)
}

/// Returns the resources of a group as the API server lists them.
fn group(group_version: &str, resources: &[String]) -> Value {
    let resource = |name: &String| json!({"name": name, "singularName": "", "namespaced": !name.starts_with("cluster"), "kind": name, "verbs": []});
    let resources: Vec<Value> = resources.iter().map(resource).collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
}

async fn accept(listener: TcpListener, shared: Arc<SharedApiState>) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await?;
        connections.spawn(serve(socket, Arc::clone(&shared)));
    }
}

async fn serve(socket: TcpStream, shared: Arc<SharedApiState>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    // An error concerns only the client of this connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

fn json_body(code: u16, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

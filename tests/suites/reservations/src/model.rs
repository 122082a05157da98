//! Three requests, two replicas, and every order in which things can happen to them.
//!
//! The second request wants a directory inside the first one's. The third one is the first client's second try: its object has the
//! same name and another uid. Time is left out: whatever takes long or comes late may happen at any point. Of each kind of
//! fault, a model allows a number. Left out is what can only help: a reply to a write arrives at once unless it gets lost, and so does
//! a deletion, which frees a key. The simulation delays them, too.

use crate::store::Volume;
use ordinance_reservation::{
    Answer, AttemptId, Creation, Draft, HeldKey, Input, Judgement, Output, Replica, Reservation, WatchEvent,
};
use stateright::{Checker, Model, Property};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The number of replicas.
const NODES: usize = 2;

/// The number of requests.
const REQUESTS: usize = 3;

/// The numbers of the requests, which are the uids of their objects, too.
const REQUEST_NUMBERS: [usize; REQUESTS] = [0, 1, 2];

/// The faults that may happen, each as often as its number says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A replica ends and starts again.
    pub crashes: u8,
    /// A write or its reply gets lost.
    pub losses: u8,
    /// A watch breaks, and the replica lists.
    pub lists: u8,
    /// The API server, or a replica, gives a request up.
    pub timeouts: u8,
}

// === impl Faults ===

impl Faults {
    const NONE: Self = Self { crashes: 0, losses: 0, lists: 0, timeouts: 0 };

    /// No fault, and one fault of each kind.
    pub const EACH: [Self; 5] = [
        Self::NONE,
        Self { crashes: 1, ..Self::NONE },
        Self { losses: 1, ..Self::NONE },
        Self { lists: 1, ..Self::NONE },
        Self { timeouts: 1, ..Self::NONE },
    ];

    /// Two faults of different kinds that may help each other.
    pub const PAIRS: [Self; 2] =
        [Self { crashes: 1, lists: 1, ..Self::NONE }, Self { losses: 1, lists: 1, ..Self::NONE }];
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crashes, losses, lists, timeouts } = *self;
        let counts = [(crashes, "crash"), (losses, "lost write"), (lists, "list"), (timeouts, "timeout")];
        let named: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        formatter.write_str(if named.is_empty() { "no fault" } else { "" })?;
        formatter.write_str(&named.join(" and "))
    }
}

/// The result of an exhaustive search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResult {
    /// The distinct states that can be reached.
    pub states: usize,
    /// The properties that do not hold, each with the actions that lead there.
    pub violations: Vec<(String, String)>,
    /// The properties without an example although they need one.
    pub missing: Vec<String>,
}

/// The model: its faults, and whether the replicas wait for their own reservation, as the protocol wants.
#[derive(Clone, Copy, Debug)]
pub struct SmallCluster {
    /// The faults that may happen.
    pub faults: Faults,
    /// Whether the protocol is as it should be.
    pub protocol: ModelledProtocol,
}

/// The protocol of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelledProtocol {
    /// As it should be.
    Sound,
    /// Reservations are deleted whose request is under way.
    ShortGrace,
    /// An item of a list counts as the next event.
    ListInOrder,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    NotSent,
    AtNode(usize),
    /// The API server may store the object at any time.
    Allowed,
    Stored,
    Refused,
    /// Without an answer, or told to try again.
    Failed,
}

/// Something on its way. Everything can arrive in any order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    Write {
        node: usize,
        epoch: u8,
        attempt: AttemptId,
    },
    /// The write, and that its outcome is unknown, travel apart.
    LostWrite {
        attempt: AttemptId,
    },
    Unknown {
        node: usize,
        epoch: u8,
        attempt: AttemptId,
    },
    Listed {
        node: usize,
        epoch: u8,
        attempt: AttemptId,
        listed: Vec<Reservation>,
    },
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq)]
pub struct Action(Step);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Send { request: usize, node: usize },
    Deliver(Message),
    Lose(Message),
    Watch { node: usize },
    WatchVolumes { node: usize },
    List { node: usize },
    ReadItem { node: usize },
    Late { node: usize, attempt: AttemptId },
    TimeIsUp { node: usize, attempt: AttemptId },
    GiveUp { request: usize },
    Persist { request: usize },
    Crash { node: usize },
    Collect { name: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    replica: Replica,
    epoch: u8,
    volumes: BTreeMap<String, Volume>,
    seen: usize,
    seen_volumes: usize,
    /// The items of a list that are not read yet.
    list: Option<Vec<Reservation>>,
}

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    faults: Faults,
    revision: u64,
    reservations: BTreeMap<String, Reservation>,
    events: Vec<WatchEvent>,
    volumes: Vec<Volume>,
    nodes: Vec<Node>,
    requests: [Progress; REQUESTS],
    messages: BTreeSet<Message>,
}

/// Searches all states of a model, on both processors.
pub fn search(cluster: SmallCluster) -> SearchResult {
    let checker = cluster.checker().threads(2).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let (mut violations, mut missing) = (Vec::new(), Vec::new());
    for property in checker.model().properties() {
        match (discoveries.get(property.name), property.expectation) {
            (Some(path), stateright::Expectation::Always) => {
                violations.push((property.name.to_owned(), format!("{:?}", path.clone().into_actions())));
            }
            (None, stateright::Expectation::Sometimes) => missing.push(property.name.to_owned()),
            _ => {}
        }
    }
    SearchResult { states: checker.unique_state_count(), violations, missing }
}

/// Returns the object of a request.
fn volume(request: usize) -> Volume {
    let (name, path): (&str, &[&str]) = match request {
        1 => ("inner", &["srv", "www"]),
        _ => ("outer", &["srv"]),
    };
    let path = path.iter().map(|&segment| segment.to_owned()).collect();
    let key = HeldKey { realm: "nfs://nas".to_owned(), path, note: String::new() };
    Volume { name: name.to_owned(), uid: request.to_string(), key }
}

/// Returns the draft of a request. Names sort against the order of creation, as random ones may.
fn draft(request: usize) -> Draft {
    let volume = volume(request);
    Draft { name: format!("r-{}", REQUESTS - request), holder: volume.holder(), keys: vec![volume.key] }
}

impl Model for SmallCluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            faults: self.faults,
            revision: 0,
            reservations: BTreeMap::new(),
            events: Vec::new(),
            volumes: Vec::new(),
            nodes: vec![Node::default(); NODES],
            requests: [Progress::NotSent; REQUESTS],
            messages: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mut steps = Vec::new();
        state.request_steps(&mut steps);
        state.message_steps(&mut steps);
        for node in 0..NODES {
            state.node_steps(node, &mut steps);
        }
        let collectable =
            state.reservations.values().filter(|reservation| state.has_served(reservation, self.protocol));
        steps.extend(collectable.map(|reservation| Step::Collect { name: reservation.draft.name.clone() }));
        actions.extend(steps.into_iter().map(Action));
    }

    fn next_state(&self, state: &State, Action(step): Action) -> Option<State> {
        let mut next = state.clone();
        next.happen(step, self.protocol);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no two stored volumes overlap", |_, state: &State| state.doubles() == 0),
            Property::always(
                "without a fault, a volume is stored in the end",
                |model: &Self, state: &State| {
                    !state.is_over() || state.faults != model.faults || !state.volumes.is_empty()
                },
            ),
            Property::sometimes("the outer volume is stored", |_, state: &State| state.has("outer")),
            Property::sometimes("the inner volume is stored", |_, state: &State| state.has("inner")),
            Property::sometimes("a second volume is refused", |_, state: &State| {
                state.requests.contains(&Progress::Refused)
            }),
        ]
    }
}

// === impl State ===

impl State {
    fn doubles(&self) -> usize {
        let pairs = self
            .volumes
            .iter()
            .enumerate()
            .flat_map(|(at, one)| self.volumes.iter().skip(at + 1).map(move |other| (one, other)));
        pairs.filter(|(one, other)| one.key.overlaps(&other.key)).count()
    }

    fn has(&self, name: &str) -> bool {
        self.volumes.iter().any(|volume| volume.name == name)
    }

    /// Returns whether nothing is under way any more.
    fn is_over(&self) -> bool {
        let is_under_way = |request: &Progress| matches!(request, Progress::AtNode(_) | Progress::Allowed);
        self.messages.is_empty()
            && self.requests[..2].iter().all(|request| *request != Progress::NotSent)
            && !self.requests.iter().any(is_under_way)
    }

    /// Returns whether a reservation may be deleted, which is what its retention is for: its request is over, and if its object is
    /// stored, every replica knows it.
    fn has_served(&self, reservation: &Reservation, protocol: ModelledProtocol) -> bool {
        let is_over = REQUEST_NUMBERS.into_iter().any(|request| {
            request.to_string() == reservation.draft.holder.uid
                && match self.requests[request] {
                    Progress::Refused | Progress::Failed => true,
                    Progress::Stored => {
                        let is_known =
                            |node: &Node| node.volumes.contains_key(&reservation.draft.holder.name);
                        self.nodes.iter().all(is_known)
                    }
                    _ => false,
                }
        });
        is_over || protocol == ModelledProtocol::ShortGrace
    }

    fn request_steps(&self, steps: &mut Vec<Step>) {
        for (request, progress) in self.requests.iter().enumerate() {
            match progress {
                // The third request is the second try of the first client.
                Progress::NotSent if request < 2 || self.requests[0] == Progress::Failed => {
                    // The replicas are alike, so the first request may go to the first one.
                    let nodes = if request == 0 { 1 } else { NODES };
                    steps.extend((0..nodes).map(|node| Step::Send { request, node }));
                }
                Progress::Allowed => steps.push(Step::Persist { request }),
                _ => {}
            }
            let is_under_way = matches!(progress, Progress::AtNode(_) | Progress::Allowed);
            if is_under_way && self.faults.timeouts > 0 {
                steps.push(Step::GiveUp { request });
            }
        }
    }

    fn message_steps(&self, steps: &mut Vec<Step>) {
        for message in &self.messages {
            steps.push(Step::Deliver(message.clone()));
            if self.faults.losses > 0 && matches!(message, Message::Write { .. }) {
                steps.push(Step::Lose(message.clone()));
            }
            // A write that is lost on its way there never arrives.
            if let Message::LostWrite { .. } = message {
                steps.push(Step::Lose(message.clone()));
            }
        }
    }

    fn node_steps(&self, node: usize, steps: &mut Vec<Step>) {
        let Node { replica, seen, seen_volumes, list, .. } = &self.nodes[node];
        match list {
            Some(_) => steps.push(Step::ReadItem { node }),
            None if *seen < self.events.len() => steps.push(Step::Watch { node }),
            None => {}
        }
        if *seen_volumes < self.volumes.len() {
            steps.push(Step::WatchVolumes { node });
        }
        if list.is_none() && self.faults.lists > 0 && *seen < self.events.len() {
            steps.push(Step::List { node });
        }
        if self.faults.crashes > 0 && !replica.is_idle() {
            steps.push(Step::Crash { node });
        }
        let is_here = |request: &usize| self.requests[*request] == Progress::AtNode(node);
        for attempt in (0..REQUESTS).filter(is_here).map(|request| request as AttemptId) {
            steps.push(Step::Late { node, attempt });
            if self.faults.timeouts > 0 {
                steps.push(Step::TimeIsUp { node, attempt });
            }
        }
    }

    fn happen(&mut self, step: Step, protocol: ModelledProtocol) {
        match step {
            Step::Send { request, node } => self.send(request, node),
            Step::Deliver(message) => {
                self.messages.remove(&message);
                self.deliver(message);
            }
            Step::Lose(message) => self.lose(&message),
            Step::Watch { node } => self.watch(node),
            Step::WatchVolumes { node } => self.watch_volumes(node),
            Step::List { node } => {
                self.faults.lists -= 1;
                self.list(node);
            }
            Step::ReadItem { node } => self.read_item(node, protocol),
            Step::Late { node, attempt } => self.step(node, Input::WatchIsLate(attempt)),
            Step::TimeIsUp { node, attempt } => {
                self.faults.timeouts -= 1;
                self.step(node, Input::TimeIsUp(attempt));
            }
            Step::GiveUp { request } => {
                self.faults.timeouts -= 1;
                self.requests[request] = Progress::Failed;
            }
            Step::Persist { request } => self.persist(request),
            Step::Crash { node } => self.crash(node),
            Step::Collect { name } => self.delete(&name),
        }
    }

    // === the API server ===

    fn send(&mut self, request: usize, node: usize) {
        self.requests[request] = Progress::AtNode(node);
        let draft = draft(request);
        let known: Vec<Reservation> =
            self.nodes[node].replica.log().conflicts(&draft).into_iter().cloned().collect();
        match self.judge(node, request, &known) {
            Judgement::Allowed => self.step(node, Input::Reserve(request as AttemptId, draft)),
            Judgement::Denied => self.requests[request] = Progress::Refused,
            Judgement::Undecided => self.requests[request] = Progress::Failed,
        }
    }

    fn persist(&mut self, request: usize) {
        let volume = volume(request);
        self.requests[request] = if self.has(&volume.name) { Progress::Refused } else { Progress::Stored };
        if self.requests[request] == Progress::Stored {
            self.volumes.push(volume);
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Write { node, epoch, attempt } => {
                self.create(attempt);
                self.step_in(node, epoch, Input::Created(attempt, Creation::Stored));
            }
            Message::LostWrite { attempt } => self.create(attempt),
            Message::Unknown { node, epoch, attempt } => {
                self.step_in(node, epoch, Input::Created(attempt, Creation::Unknown));
            }
            Message::Listed { node, epoch, attempt, listed } => {
                self.step_in(node, epoch, Input::Listed(attempt, Some(listed)));
            }
        }
    }

    fn lose(&mut self, message: &Message) {
        self.messages.remove(message);
        if let Message::Write { node, epoch, attempt } = *message {
            self.faults.losses -= 1;
            self.messages.insert(Message::LostWrite { attempt });
            self.messages.insert(Message::Unknown { node, epoch, attempt });
        }
    }

    fn create(&mut self, attempt: AttemptId) {
        self.revision += 1;
        let reservation = Reservation { revision: Some(self.revision), draft: draft(attempt as usize) };
        self.reservations.insert(reservation.draft.name.clone(), reservation.clone());
        self.events.push(WatchEvent::Added(reservation));
    }

    fn delete(&mut self, name: &str) {
        if self.reservations.remove(name).is_some() {
            self.events.push(WatchEvent::Removed(name.to_owned()));
        }
    }

    // === replicas ===

    /// Steps a replica unless it has restarted since.
    fn step_in(&mut self, node: usize, epoch: u8, input: Input) {
        if self.nodes[node].epoch == epoch {
            self.step(node, input);
        }
    }

    fn step(&mut self, node: usize, input: Input) {
        for output in self.nodes[node].replica.step(input) {
            self.execute(node, output);
        }
    }

    fn execute(&mut self, node: usize, output: Output) {
        let epoch = self.nodes[node].epoch;
        match output {
            Output::Create(attempt, _) => {
                self.messages.insert(Message::Write { node, epoch, attempt });
            }
            Output::List(attempt, _) => {
                let listed = self.reservations.values().cloned().collect();
                self.messages.insert(Message::Listed { node, epoch, attempt, listed });
            }
            Output::Delete(name) => self.delete(&name),
            Output::Judge(attempt, earlier) => {
                let judgement = self.judge(node, attempt as usize, &earlier);
                self.step(node, Input::Judged(attempt, judgement));
            }
            Output::Answer(attempt, answer) => self.answer(node, attempt as usize, answer),
        }
    }

    fn answer(&mut self, node: usize, request: usize, answer: Answer) {
        if self.requests[request] != Progress::AtNode(node) {
            return;
        }
        self.requests[request] = match answer {
            Answer::Allow => Progress::Allowed,
            Answer::Deny => Progress::Refused,
            Answer::Unavailable | Answer::Unreserved => Progress::Failed,
        };
    }

    /// Asks the policy, on what the replica knows to be stored and on earlier reservations.
    fn judge(&self, node: usize, request: usize, earlier: &[Reservation]) -> Judgement {
        let own = volume(request);
        let known = self.nodes[node].volumes.values();
        let is_blocker = |other: &&Volume| other.name != own.name && other.key.overlaps(&own.key);
        let is_stored = |uid: &str| self.volumes.iter().any(|volume| volume.uid == uid);
        let reserved = earlier.iter().map(|other| is_stored(&other.draft.holder.uid));
        let blockers: Vec<bool> = known.filter(is_blocker).map(|_| true).chain(reserved).collect();
        match (blockers.is_empty(), blockers.contains(&true)) {
            (true, _) => Judgement::Allowed,
            (false, true) => Judgement::Denied,
            (false, false) => Judgement::Undecided,
        }
    }

    fn watch(&mut self, node: usize) {
        let event = self.events[self.nodes[node].seen].clone();
        self.nodes[node].seen += 1;
        self.step(node, Input::Watched(event));
    }

    fn watch_volumes(&mut self, node: usize) {
        let volume = self.volumes[self.nodes[node].seen_volumes].clone();
        self.nodes[node].seen_volumes += 1;
        self.nodes[node].volumes.insert(volume.name.clone(), volume.clone());
        self.step(node, volume.observed());
    }

    fn list(&mut self, node: usize) {
        self.nodes[node].seen = self.events.len();
        self.nodes[node].list = Some(self.reservations.values().rev().cloned().collect());
        self.step(node, Input::Watched(WatchEvent::ListStarted));
    }

    fn read_item(&mut self, node: usize, protocol: ModelledProtocol) {
        let item = self.nodes[node].list.as_mut().and_then(Vec::pop);
        match item {
            Some(item) if protocol == ModelledProtocol::ListInOrder => {
                self.step(node, Input::Watched(WatchEvent::Added(item.clone())));
                self.step(node, Input::Watched(WatchEvent::Listed(item)));
            }
            Some(item) => self.step(node, Input::Watched(WatchEvent::Listed(item))),
            None => {
                self.nodes[node].list = None;
                self.step(node, Input::Watched(WatchEvent::ListFinished));
            }
        }
    }

    /// Ends a replica. Its requests get no answer. It starts with complete lists.
    fn crash(&mut self, node: usize) {
        self.faults.crashes -= 1;
        for request in &mut self.requests {
            if *request == Progress::AtNode(node) {
                *request = Progress::Failed;
            }
        }
        let volumes: BTreeMap<String, Volume> =
            self.volumes.iter().map(|volume| (volume.name.clone(), volume.clone())).collect();
        let epoch = self.nodes[node].epoch + 1;
        let seen_volumes = self.volumes.len();
        self.nodes[node] = Node { epoch, volumes: volumes.clone(), seen_volumes, ..Node::default() };
        self.list(node);
        while self.nodes[node].list.is_some() {
            self.read_item(node, ModelledProtocol::Sound);
        }
        for volume in volumes.values() {
            self.step(node, volume.observed());
        }
    }
}

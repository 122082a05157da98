//! Trials in virtual time: racing clients, three replicas, and faults at every step. A seed repeats a trial exactly.

mod node;
mod plan;

use crate::mutant::Mutant;
use crate::store::{Store, Volume, VolumeEvent};
use node::Node;
use ordinance_reservation::{
    Answer, AttemptId, Creation, Draft, HeldKey, Input, Judgement, Output, Reservation, WatchEvent,
};
use plan::Plan;
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of replicas.
const NODES: usize = 3;

/// How long the API server waits for the answer of a webhook, in milliseconds.
const WEBHOOK_TIME: u64 = 10_000;

/// How long the API server may take to store an admitted object, in milliseconds: its request timeout.
const REQUEST_TIME: u64 = 60_000;

/// How long the watch of the volumes may be silent before a replica decides nothing, in milliseconds.
const STALENESS: u64 = 120_000;

/// How long a replica waits for its own reservation, in milliseconds.
const PATIENCE: u64 = 60;

/// The time that a replica keeps to answer, in milliseconds.
const MARGIN: u64 = 300;

/// The time between two looks of a collector, in milliseconds.
const COLLECTION_INTERVAL: u64 = 10_000;

/// The time until a client tries again, in milliseconds.
const RETRY_TIME: u64 = 1_000;

/// What a trial showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialResult {
    /// Pairs of stored volumes that overlap.
    pub doubles: usize,
    /// Whether volumes that do not overlap, or a client that tries again, were kept out to the end.
    pub locked_out: bool,
    /// Events that were simulated.
    pub events: u64,
}

/// Runs the trial of a seed, with the protocol or with a mutant of it.
pub fn run(seed: u64, mutant: Option<Mutant>) -> TrialResult {
    Simulation::new(seed, mutant).run(&mut |_, _| {})
}

/// Runs the trial of a seed, and shows each event.
pub fn trace(seed: u64, show: &mut dyn FnMut(String)) -> TrialResult {
    Simulation::new(seed, None).run(&mut |event, time| show(format!("{time:>7} ms  {event:?}")))
}

// === impl TrialResult ===

impl TrialResult {
    /// Returns whether no volumes overlap and no client was locked out.
    pub fn is_sound(&self) -> bool {
        self.doubles == 0 && !self.locked_out
    }
}

/// A client's request at the API server.
#[derive(Clone, Debug)]
struct Request {
    client: usize,
    volume: Volume,
    node: usize,
    /// The time at which the API server gives up the webhook.
    webhook_deadline: u64,
    /// The time at which the API server gives up the request.
    deadline: u64,
    is_answered: bool,
}

/// What happens at a point in time.
#[derive(Clone, Debug)]
enum Event {
    /// A client sends its object, unless it is stored.
    Try { client: usize },
    /// A client deletes its object.
    DeleteVolume { client: usize },
    /// A request reaches a replica.
    Review { request: usize },
    /// Something reaches a replica, unless it has restarted since.
    Step { node: usize, epoch: u32, input: Input },
    /// A write reaches the API server.
    Write { node: usize, epoch: u32, attempt: AttemptId, draft: Draft },
    /// A list reaches the API server.
    List { node: usize, epoch: u32, attempt: AttemptId, realms: Vec<String> },
    /// A deletion reaches the API server.
    Delete { name: String },
    /// The watch of the log reports all events up to this one.
    Watch { node: usize, until: usize },
    /// The watch of the volumes does.
    WatchVolumes { node: usize, until: usize },
    /// A list has been read to its end.
    FinishList { node: usize, epoch: u32 },
    /// The API server gets an answer.
    Answer { request: usize, answer: Answer },
    /// The API server stores an admitted object.
    Persist { request: usize },
    /// A replica ends and starts again.
    Crash { node: usize },
    /// A replica stops for a while.
    Pause { node: usize, time: u64 },
    /// A replica's watch of the log breaks.
    Relist { node: usize },
    /// A replica's watch of the volumes lags behind for a while.
    Stall { node: usize, time: u64 },
    /// The watch of the volumes has caught up.
    Resume { node: usize },
    /// Another client edits one of the reservations.
    Edit { number: usize },
    /// A replica deletes the reservations that have served their time.
    Collect { node: usize },
}

struct Simulation {
    now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Event>,
    random: fastrand::Rng,
    plan: Plan,
    mutant: Option<Mutant>,
    store: Store,
    /// How much of the histories has been announced to the replicas.
    announced: (usize, usize),
    nodes: Vec<Node>,
    requests: Vec<Request>,
    events: u64,
}

// === impl Simulation ===

impl Simulation {
    fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let plan = Plan::draw(&mut random);
        let nodes = (0..NODES).map(|_| Node::new(mutant)).collect();
        let mut simulation = Self {
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            random,
            plan,
            mutant,
            store: Store::default(),
            announced: (0, 0),
            nodes,
            requests: Vec::new(),
            events: 0,
        };
        simulation.schedule_plan();
        simulation
    }

    fn schedule_plan(&mut self) {
        let plan = self.plan.clone();
        for (client, planned) in plan.clients.iter().enumerate() {
            self.at(planned.start, Event::Try { client });
            if let Some(end) = planned.end {
                self.at(end, Event::DeleteVolume { client });
            }
        }
        for (time, fault) in plan.faults {
            self.at(time, fault);
        }
        if plan.is_long {
            (0..NODES - 1).for_each(|node| self.at(COLLECTION_INTERVAL, Event::Collect { node }));
        }
    }

    /// Runs to the end. `before_event` sees each event before it happens.
    fn run(mut self, before_event: &mut dyn FnMut(&Event, u64)) -> TrialResult {
        while let Some(((time, _), event)) = self.queue.pop_first() {
            if time > self.plan.horizon {
                break;
            }
            self.now = time;
            self.events += 1;
            before_event(&event, time);
            self.happen(event);
            self.announce();
        }
        let is_kept_out =
            |client: &plan::Client| client.must_be_stored && !self.store.volumes.contains_key(&client.name);
        TrialResult {
            doubles: self.store.doubles.len(),
            locked_out: self.plan.clients.iter().any(is_kept_out),
            events: self.events,
        }
    }

    fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((time, self.sequence), event);
    }

    fn after_delay(&mut self, event: Event) {
        let time = self.now + plan::delay(&mut self.random);
        self.at(time, event);
    }

    /// Tells every replica of what was stored, each after a delay of its own.
    fn announce(&mut self) {
        let (events, volumes) = (self.store.events.len(), self.store.volume_events.len());
        for node in 0..NODES {
            if events > self.announced.0 {
                self.after_delay(Event::Watch { node, until: events });
            }
            if volumes > self.announced.1 {
                self.after_delay(Event::WatchVolumes { node, until: volumes });
            }
        }
        self.announced = (events, volumes);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Try { client } => self.try_client(client),
            Event::DeleteVolume { client } => {
                let name = self.plan.clients[client].name.clone();
                self.store.delete_volume(&name);
            }
            Event::Write { node, epoch, attempt, draft } => self.write(node, epoch, attempt, draft),
            Event::List { node, epoch, attempt, realms } => self.list(node, epoch, attempt, &realms),
            Event::Delete { name } => self.store.delete(&name),
            Event::Answer { request, answer } => self.answer(request, answer),
            Event::Persist { request } => self.persist(request),
            Event::Crash { node } => self.crash(node),
            Event::Pause { node, time } => self.nodes[node].paused_until = self.now + time,
            Event::Stall { node, time } => self.stall(node, time),
            Event::Edit { number } => self.store.edit(number),
            event => self.reach_node(event),
        }
    }

    /// Handles what a replica does itself, once it is not paused.
    fn reach_node(&mut self, event: Event) {
        let node = match &event {
            Event::Review { request } => self.requests[*request].node,
            Event::Step { node, .. }
            | Event::Watch { node, .. }
            | Event::WatchVolumes { node, .. }
            | Event::FinishList { node, .. }
            | Event::Relist { node }
            | Event::Resume { node }
            | Event::Collect { node } => *node,
            other => unreachable!("{other:?} is no event of a replica"),
        };
        if self.nodes[node].paused_until > self.now {
            let time = self.nodes[node].paused_until;
            return self.at(time, event);
        }
        match event {
            Event::Review { request } => self.review(request),
            Event::Step { node, epoch, input } if epoch == self.nodes[node].epoch => self.step(node, input),
            Event::Watch { node, until } => self.watch(node, until),
            Event::WatchVolumes { node, until } => self.watch_volumes(node, until),
            Event::FinishList { node, epoch } if epoch == self.nodes[node].epoch => self.finish_list(node),
            Event::Relist { node } => self.relist(node),
            Event::Resume { node } => self.resume(node),
            Event::Collect { node } => self.collect(node),
            _ => {}
        }
    }

    // === clients and the API server ===

    fn try_client(&mut self, client: usize) {
        let planned = &self.plan.clients[client];
        if self.store.volumes.contains_key(&planned.name) || planned.end.is_some_and(|end| end < self.now) {
            return;
        }
        let volume = Volume {
            name: planned.name.clone(),
            uid: format!("uid-{}", self.requests.len()),
            key: HeldKey { realm: "nfs://nas".to_owned(), path: planned.path.clone(), note: String::new() },
        };
        let request = Request {
            client,
            volume,
            node: self.random.usize(..NODES),
            webhook_deadline: self.now + WEBHOOK_TIME,
            deadline: self.now + REQUEST_TIME,
            is_answered: false,
        };
        self.requests.push(request);
        let request = self.requests.len() - 1;
        self.after_delay(Event::Review { request });
        let deadline = self.requests[request].webhook_deadline;
        self.at(deadline, Event::Answer { request, answer: Answer::Unavailable });
    }

    fn answer(&mut self, request: usize, answer: Answer) {
        let Request { client, is_answered, deadline, .. } = self.requests[request];
        if is_answered {
            return;
        }
        self.requests[request].is_answered = true;
        match answer {
            Answer::Allow => {
                let latest = deadline.saturating_sub(self.now + 1);
                let time =
                    self.now + plan::persist_delay(&mut self.random, self.plan.has_late_persists, latest);
                self.at(time, Event::Persist { request });
            }
            Answer::Deny => {}
            Answer::Unavailable | Answer::Unreserved => {
                let time = self.now + RETRY_TIME + self.random.u64(..RETRY_TIME);
                self.at(time, Event::Try { client });
            }
        }
    }

    fn persist(&mut self, request: usize) {
        let Request { client, volume, .. } = self.requests[request].clone();
        if self.plan.clients[client].end.is_none_or(|end| end > self.now) {
            self.store.store(volume);
        }
    }

    /// A write may get lost on the way there, or its reply on the way back.
    fn write(&mut self, node: usize, epoch: u32, attempt: AttemptId, draft: Draft) {
        let is_lost = self.plan.loses_replies && self.random.u8(..) < 24;
        if is_lost && self.random.bool() {
            return self.step_later(node, epoch, Input::Created(attempt, Creation::Unknown));
        }
        self.store.create(draft);
        let creation = if is_lost { Creation::Unknown } else { Creation::Stored };
        self.step_later(node, epoch, Input::Created(attempt, creation));
    }

    fn list(&mut self, node: usize, epoch: u32, attempt: AttemptId, realms: &[String]) {
        let is_lost = self.plan.loses_replies && self.random.u8(..) < 24;
        let listed = (!is_lost).then(|| self.store.list(realms));
        self.step_later(node, epoch, Input::Listed(attempt, listed));
    }

    // === replicas ===

    fn step_later(&mut self, node: usize, epoch: u32, input: Input) {
        self.after_delay(Event::Step { node, epoch, input });
    }

    /// Reviews a request on what the replica knows, and reserves its key unless something known excludes it.
    fn review(&mut self, request: usize) {
        let Request { node, volume, webhook_deadline, .. } = self.requests[request].clone();
        let draft = self.nodes[node].draft(&volume, self.random.u64(..));
        let attempt = request as AttemptId;
        match self.judge(node, &volume, self.nodes[node].replica.log().conflicts(&draft).into_iter().cloned())
        {
            Judgement::Allowed => {
                let epoch = self.nodes[node].epoch;
                self.nodes[node].draft_of.insert(attempt, draft.clone());
                self.step(node, Input::Reserve(attempt, draft));
                self.at(
                    webhook_deadline - MARGIN,
                    Event::Step { node, epoch, input: Input::TimeIsUp(attempt) },
                );
            }
            Judgement::Denied => self.after_delay(Event::Answer { request, answer: Answer::Deny }),
            Judgement::Undecided => self.after_delay(Event::Answer { request, answer: Answer::Unavailable }),
        }
    }

    /// Asks the policy: what the replica knows to be stored excludes an object if the API server stores it, too.
    fn judge(
        &self,
        node: usize,
        volume: &Volume,
        earlier: impl IntoIterator<Item = Reservation>,
    ) -> Judgement {
        if !self.nodes[node].is_current(self.now) {
            return Judgement::Undecided;
        }
        let known = self.nodes[node].volumes.values();
        let stored = known.filter(|other| other.name != volume.name && other.key.overlaps(&volume.key));
        let blockers: Vec<bool> = stored
            .map(|other| self.store.has(&other.name, &other.uid))
            .chain(earlier.into_iter().map(|other| self.is_stored(&other)))
            .collect();
        match (blockers.is_empty(), blockers.contains(&true)) {
            (true, _) => Judgement::Allowed,
            (false, true) => Judgement::Denied,
            (false, false) => Judgement::Undecided,
        }
    }

    /// Returns whether the API server stores the object of a reservation.
    fn is_stored(&self, reservation: &Reservation) -> bool {
        self.store.volumes.values().any(|volume| volume.uid == reservation.draft.holder.uid)
    }

    fn step(&mut self, node: usize, input: Input) {
        let is_late_after = match &input {
            Input::Created(attempt, Creation::Stored) => Some(*attempt),
            _ => None,
        };
        if let (Some(Mutant::NoWait), Some(attempt)) = (self.mutant, is_late_after) {
            return self.decide_at_once(node, attempt);
        }
        for output in self.nodes[node].replica.step(input) {
            self.execute(node, output);
        }
        if let Some(attempt) = is_late_after {
            let (time, epoch) = (self.now + PATIENCE, self.nodes[node].epoch);
            self.at(time, Event::Step { node, epoch, input: Input::WatchIsLate(attempt) });
        }
    }

    fn execute(&mut self, node: usize, output: Output) {
        let epoch = self.nodes[node].epoch;
        match output {
            Output::Create(attempt, draft) => self.after_delay(Event::Write { node, epoch, attempt, draft }),
            Output::List(attempt, realms) => self.after_delay(Event::List { node, epoch, attempt, realms }),
            Output::Delete(name) => self.after_delay(Event::Delete { name }),
            Output::Answer(attempt, answer) => {
                self.after_delay(Event::Answer { request: attempt as usize, answer });
            }
            Output::Judge(attempt, earlier) => {
                let volume = self.requests[attempt as usize].volume.clone();
                let judgement = self.judge(node, &volume, earlier);
                self.step_later(node, epoch, Input::Judged(attempt, judgement));
            }
        }
    }

    /// What [`Mutant::NoWait`] does instead of waiting.
    fn decide_at_once(&mut self, node: usize, attempt: AttemptId) {
        let volume = self.requests[attempt as usize].volume.clone();
        let Some(draft) = self.nodes[node].draft_of.get(&attempt).cloned() else { return };
        let known: Vec<Reservation> =
            self.nodes[node].replica.log().conflicts(&draft).into_iter().cloned().collect();
        let answer = match self.judge(node, &volume, known) {
            Judgement::Allowed => Answer::Allow,
            Judgement::Denied => Answer::Deny,
            Judgement::Undecided => Answer::Unavailable,
        };
        self.after_delay(Event::Answer { request: attempt as usize, answer });
    }

    fn stall(&mut self, node: usize, time: u64) {
        self.nodes[node].stalled_since.get_or_insert(self.now);
        self.at(self.now + time, Event::Resume { node });
    }

    /// Catches up with the volumes. After a long silence, a replica decides nothing before it has.
    fn resume(&mut self, node: usize) {
        self.nodes[node].stalled_since = None;
        self.watch_volumes(node, self.store.volume_events.len());
    }

    fn watch(&mut self, node: usize, until: usize) {
        if self.nodes[node].is_listing {
            let time = self.now + 5;
            return self.at(time, Event::Watch { node, until });
        }
        let events = self.store.events.get(self.nodes[node].seen..until).unwrap_or_default().to_vec();
        self.nodes[node].seen = self.nodes[node].seen.max(until);
        for event in events {
            if self.mutant == Some(Mutant::Bystander) {
                self.delete_losers(node, &event);
            }
            self.step(node, Input::Watched(event));
        }
    }

    /// What [`Mutant::Bystander`] does when it sees a reservation that an earlier one excludes.
    fn delete_losers(&mut self, node: usize, event: &WatchEvent) {
        let WatchEvent::Added(added) = event else { return };
        if !self.nodes[node].replica.log().conflicts(&added.draft).is_empty() {
            self.after_delay(Event::Delete { name: added.draft.name.clone() });
        }
    }

    fn watch_volumes(&mut self, node: usize, until: usize) {
        if self.nodes[node].stalled_since.is_some() {
            return;
        }
        let events =
            self.store.volume_events.get(self.nodes[node].seen_volumes..until).unwrap_or_default().to_vec();
        self.nodes[node].seen_volumes = self.nodes[node].seen_volumes.max(until);
        for event in events {
            self.nodes[node].observe(&event);
            let input = match &event {
                VolumeEvent::Stored(volume) => volume.observed(),
                VolumeEvent::Deleted(volume) => Input::Deleted(volume.holder()),
            };
            self.step(node, input);
        }
    }

    /// Reads the log as it is now; its items arrive one by one.
    fn relist(&mut self, node: usize) {
        let epoch = self.nodes[node].epoch;
        self.nodes[node].is_listing = true;
        self.nodes[node].seen = self.store.events.len();
        let in_order = self.mutant == Some(Mutant::ListInOrder);
        self.step(node, Input::Watched(WatchEvent::ListStarted));
        let items: Vec<Reservation> = self.store.reservations.values().cloned().collect();
        let mut time = self.now;
        for item in items {
            time += self.random.u64(..4);
            if in_order {
                // The end of the list must not remove what was taken for an event.
                self.at(
                    time,
                    Event::Step { node, epoch, input: Input::Watched(WatchEvent::Added(item.clone())) },
                );
            }
            self.at(time, Event::Step { node, epoch, input: Input::Watched(WatchEvent::Listed(item)) });
        }
        self.at(time + 1, Event::FinishList { node, epoch });
    }

    fn finish_list(&mut self, node: usize) {
        self.step(node, Input::Watched(WatchEvent::ListFinished));
        self.nodes[node].is_listing = false;
    }

    /// Ends a replica. The API server notices that its connections are gone; the replica starts with a list.
    fn crash(&mut self, node: usize) {
        let lost: Vec<usize> = (0..self.requests.len())
            .filter(|request| self.requests[*request].node == node && !self.requests[*request].is_answered)
            .collect();
        for request in lost {
            self.after_delay(Event::Answer { request, answer: Answer::Unavailable });
        }
        let (volumes, seen_volumes) = (self.store.volumes.clone(), self.store.volume_events.len());
        self.nodes[node].restart(self.mutant, volumes.clone(), seen_volumes);
        self.relist(node);
        for volume in volumes.values() {
            let (epoch, time) = (self.nodes[node].epoch, self.now + 5_000);
            self.at(time, Event::Step { node, epoch, input: volume.observed() });
        }
    }

    // === collection ===

    fn collect(&mut self, node: usize) {
        let now = Duration::from_millis(self.now);
        for name in self.nodes[node].look(now) {
            self.after_delay(Event::Delete { name });
        }
        let time = self.now + COLLECTION_INTERVAL;
        self.at(time, Event::Collect { node });
    }
}

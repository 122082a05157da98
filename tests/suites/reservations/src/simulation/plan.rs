//! What a trial is to show: its clients, its faults, and how long everything takes.

use super::{Event, NODES, WEBHOOK_TIME};
use fastrand::Rng;

/// A client that wants one volume to be stored.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) path: Vec<String>,
    /// When it sends its volume, in milliseconds.
    pub(super) start: u64,
    /// When it deletes the volume.
    pub(super) end: Option<u64>,
    /// Whether nothing may keep its volume out to the end.
    pub(super) must_be_stored: bool,
}

/// What happens from outside.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) clients: Vec<Client>,
    /// Faults, each with its time in milliseconds.
    pub(super) faults: Vec<(u64, Event)>,
    pub(super) loses_replies: bool,
    /// Whether the API server may store an admitted object as late as its request timeout allows.
    pub(super) has_late_persists: bool,
    /// Whether the trial is long enough for collections.
    pub(super) is_long: bool,
    /// The end of the trial, in milliseconds.
    pub(super) horizon: u64,
}

/// The paths of racing clients: equal ones, and one inside the other.
const RACES: [&[&str]; 3] = [&["srv", "www"], &["srv", "www", "a"], &["srv"]];

/// The lengths of a short trial and of a long one, in milliseconds.
const SHORT: u64 = 45_000;
const LONG: u64 = 900_000;

// === impl Plan ===

impl Plan {
    pub(super) fn draw(random: &mut Rng) -> Self {
        match random.u8(..8) {
            0 => Self::of_retries(random),
            1 => Self::of_siblings(random),
            2 | 3 => Self::of_orphans(random),
            _ => Self::of_a_race(random),
        }
    }

    /// Up to six clients at about the same time, and whatever can go wrong.
    fn of_a_race(random: &mut Rng) -> Self {
        let count = random.usize(2..=6);
        let clients = (0..count).map(|number| Client { start: random.u64(..200), ..racer(random, number) });
        let clients = clients.collect();
        Self {
            clients,
            faults: faults(random, SHORT / 3),
            loses_replies: random.bool(),
            has_late_persists: random.bool(),
            is_long: false,
            horizon: SHORT,
        }
    }

    /// Clients that come one after the other, over minutes, while orphans are collected and views lag behind.
    fn of_orphans(random: &mut Rng) -> Self {
        let count = random.usize(2..=5);
        let mut clients: Vec<Client> = Vec::new();
        for number in 0..count {
            let start = random.u64(..LONG / 2);
            let near = clients.first().map_or(start, |first: &Client| first.start + random.u64(..65_000));
            let start = if random.bool() { start } else { near };
            let end = (random.u8(..4) == 0).then(|| start + random.u64(1_000..LONG / 2));
            clients.push(Client { start, end, ..racer(random, number) });
        }
        let mut faults = faults(random, LONG / 2);
        if random.bool() {
            let start = random.u64(..LONG / 4);
            faults.extend((0..NODES).map(|node| (start, Event::Stall { node, time: LONG })));
        }
        Self {
            clients,
            faults,
            loses_replies: random.bool(),
            has_late_persists: true,
            is_long: true,
            horizon: LONG,
        }
    }

    /// One client, whose first request fails after the reservation is written: nothing may lock it out.
    fn of_retries(random: &mut Rng) -> Self {
        let client = Client { must_be_stored: true, ..racer(random, 0) };
        let crash = random.u64(1..40);
        let faults = (0..NODES).map(|node| (crash, Event::Crash { node })).collect();
        Self {
            clients: vec![client],
            faults,
            loses_replies: false,
            has_late_persists: false,
            is_long: false,
            horizon: SHORT,
        }
    }

    /// Clients whose directories do not overlap: all of them are admitted.
    fn of_siblings(random: &mut Rng) -> Self {
        let clients = (0..random.usize(2..=4)).map(|number| Client {
            path: vec!["srv".to_owned(), format!("www-{number}")],
            must_be_stored: true,
            start: random.u64(..200),
            ..racer(random, number)
        });
        Self {
            clients: clients.collect(),
            faults: Vec::new(),
            loses_replies: false,
            has_late_persists: false,
            is_long: false,
            horizon: SHORT,
        }
    }
}

/// Returns a client of a race, whose path overlaps those of all others.
fn racer(random: &mut Rng, number: usize) -> Client {
    let path = RACES[random.usize(..RACES.len())].iter().map(|&segment| segment.to_owned()).collect();
    Client { name: format!("pv-{number}"), path, start: 0, end: None, must_be_stored: false }
}

/// Returns up to three faults in the first part of a trial.
fn faults(random: &mut Rng, within: u64) -> Vec<(u64, Event)> {
    let time = |random: &mut Rng| if random.bool() { random.u64(..300) } else { random.u64(..within) };
    let fault = |random: &mut Rng| {
        let node = random.usize(..NODES);
        match random.u8(..7) {
            0 => Event::Crash { node },
            4 => Event::Edit { number: random.usize(..6) },
            1 => Event::Pause { node, time: random.u64(..2 * WEBHOOK_TIME) },
            2 => Event::Stall { node, time: random.u64(..within) },
            _ => Event::Relist { node },
        }
    };
    (0..random.usize(..=3)).map(|_| (time(random), fault(random))).collect()
}

/// Returns how long a message takes, in milliseconds: mostly a few, now and then seconds.
pub(super) fn delay(random: &mut Rng) -> u64 {
    match random.u8(..) {
        0..=219 => random.u64(1..15),
        220..=249 => random.u64(15..200),
        _ => random.u64(200..4_000),
    }
}

/// Returns how long the API server takes to store an admitted object, in milliseconds.
pub(super) fn persist_delay(random: &mut Rng, may_be_late: bool, latest: u64) -> u64 {
    let time = if may_be_late && random.u8(..4) == 0 { random.u64(..=latest) } else { random.u64(2..30) };
    time.min(latest)
}

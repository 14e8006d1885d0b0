//! Runs seeded histories of sends, receives, settlements, deaths and time against a model of a queue: nothing is lost,
//! and nothing is delivered again too early.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use celeriac_conformance::ManualClock;
use celeriac_core::Lane;
use celeriac_core::ports::{Clock, Delivery, Outgoing, PortError, Ports, Receive, Settle};
use celeriac_embedded::{Options, open_with};

const HIDE_MS: u64 = 5_000;
const PROCESSES: usize = 3;
const STEPS: usize = 120;

/// `SplitMix64`: one step at a time is all the randomness that a history needs.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// The model's data about a message that was sent and not deleted.
#[derive(Clone, Debug, Default)]
struct Known {
    visible_ms: u64,
    receives: u32,
    holder: Option<usize>,
}

struct History<'a> {
    dice: Dice,
    clock: Arc<ManualClock>,
    path: &'a Path,
    processes: Vec<Ports>,
    messages: BTreeMap<u64, Known>,
    deliveries: Vec<Delivery>,
    sent: u64,
}

fn open(path: &Path, clock: &Arc<ManualClock>) -> Ports {
    open_with(path, Options::default().clock(clock.clone())).unwrap()
}

fn number(delivery: &Delivery) -> u64 {
    std::str::from_utf8(&delivery.body).unwrap().parse().unwrap()
}

impl History<'_> {
    async fn step(&mut self) {
        match self.dice.below(10) {
            0..=2 => self.send().await,
            3..=5 => self.receive().await,
            6 | 7 => self.settle().await,
            8 => self.clock.advance(Duration::from_millis(1 + self.dice.below(3_000))),
            _ => self.die(),
        }
    }

    fn any(&mut self) -> usize {
        self.dice.below(PROCESSES as u64) as usize
    }

    async fn send(&mut self) {
        let (process, now_ms) = (self.any(), self.clock.now_ms());
        let due_ms = if self.dice.below(3) == 0 { now_ms + self.dice.below(4_000) } else { 0 };
        let body = Bytes::from(self.sent.to_string());
        let message = Outgoing::of("mail", body, due_ms);
        self.processes[process].queue.send(vec![message]).await.remove(0).unwrap();
        self.messages.insert(self.sent, Known { visible_ms: due_ms.max(now_ms), ..Known::default() });
        self.sent += 1;
    }

    async fn receive(&mut self) {
        let process = self.any();
        let max = 1 + self.dice.below(4) as usize;
        let request = Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max, hide_ms: HIDE_MS, wait_ms: 0 };
        let now_ms = self.clock.now_ms();
        for delivery in self.processes[process].queue.receive(request).await.unwrap() {
            let known = self.messages.get_mut(&number(&delivery)).expect("a deleted message has returned");
            // Messages of a dead process may reappear at any time.
            assert!(known.visible_ms <= now_ms || known.holder.is_none() && known.receives > 0, "too early: {known:?}");
            known.receives += 1;
            assert_eq!(delivery.receives, known.receives);
            (known.visible_ms, known.holder) = (now_ms + HIDE_MS, Some(process));
            self.deliveries.push(delivery);
        }
    }

    async fn settle(&mut self) {
        if self.deliveries.is_empty() {
            return;
        }
        let at = self.dice.below(self.deliveries.len() as u64) as usize;
        let delivery = self.deliveries[at].clone();
        let until_ms = self.clock.now_ms() + self.dice.below(8_000);
        let settle = if self.dice.below(2) == 0 { Settle::Delete } else { Settle::Hide { until_ms } };
        let process = self.any();
        let settlement = delivery.settled(settle.clone());
        let settled = self.processes[process].queue.settle(vec![settlement]).await.remove(0);
        let known = self.messages.get_mut(&number(&delivery)).filter(|known| known.receives == delivery.receives);
        match (known, settled) {
            (None, Err(PortError::Stale)) => {}
            (Some(known), Ok(())) => match settle {
                Settle::Hide { until_ms } => known.visible_ms = until_ms,
                _ => drop(self.messages.remove(&number(&delivery))),
            },
            (known, settled) => panic!("{settle:?} of {delivery:?}: {settled:?}, known is {known:?}"),
        }
    }

    fn die(&mut self) {
        let process = self.any();
        // The old one is gone before the new one comes.
        drop(self.processes.remove(process));
        self.processes.insert(process, open(self.path, &self.clock));
        for known in self.messages.values_mut().filter(|known| known.holder == Some(process)) {
            known.holder = None;
        }
    }

    /// Every message that was sent and not deleted is delivered in the end.
    async fn drain(&mut self) {
        self.clock.advance(Duration::from_mins(1));
        let request = Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 1000, hide_ms: 1, wait_ms: 0 };
        let mut left: Vec<u64> = self.processes[0].queue.receive(request).await.unwrap().iter().map(number).collect();
        left.sort_unstable();
        assert_eq!(left, self.messages.keys().copied().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_queue_behaves_like_its_model() {
    let one = std::env::var("SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    for seed in one.map_or(0..15, |seed| seed..seed + 1) {
        println!("SEED={seed}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.db");
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        let processes = (0..PROCESSES).map(|_| open(&path, &clock)).collect();
        let (messages, deliveries) = (BTreeMap::new(), Vec::new());
        let mut history = History { dice: Dice(seed), clock, path: &path, processes, messages, deliveries, sent: 0 };
        for _ in 0..STEPS {
            history.step().await;
        }
        history.drain().await;
    }
}

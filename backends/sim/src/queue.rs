//! Simulates the queue service: messages are delivered at least once, in no certain order, hidden while they are worked
//! on, and moved to a dead-letter queue if they were received too often.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Dice, Weather};
use celeriac_core::{
    Lane, PerLane,
    ports::{Delivery, Depth, Outgoing, PortError, Receipt, Receive, Settle, Settlement},
};

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    shelves: BTreeMap<Arc<str>, Shelf>,
    /// The queue of each message, which a receipt does not name.
    places: BTreeMap<u64, Arc<str>>,
    numbers: u64,
    tokens: u64,
    /// Whether messages that were received too often move to a dead-letter queue of their queue.
    pub(super) keeps_dead: bool,
    /// How long a message is kept from when it was first sent, in milliseconds; 0 for ever.
    pub(super) keeps_ms: u64,
    /// Whether both lanes of a queue are one, as on SQS.
    pub(super) lanes_together: bool,
    /// All messages, ordered by when they were first sent. Some may be gone by now.
    ages: BTreeSet<(u64, u64)>,
}

/// The longest delay of SQS. EventBridge Scheduler sends later messages, when they are due.
const LONGEST_DELAY_MS: u64 = 900_000;

/// The end of the name of a dead-letter queue.
const DEAD: &str = "-dead";

/// One queue.
#[derive(Debug, Default)]
struct Shelf {
    messages: BTreeMap<u64, Message>,
    /// The messages of each lane, ordered by when they become visible.
    order: PerLane<BTreeSet<(u64, u64)>>,
    /// The same for messages that were received and are hidden, which SQS calls in flight. Some may be visible by now.
    in_flight: BTreeSet<(u64, u64)>,
    buried: u64,
    /// Messages that were received too often, until someone moves them back.
    dead: Vec<Message>,
}

#[derive(Clone, Debug)]
struct Message {
    lane: Lane,
    body: bytes::Bytes,
    visible_ms: u64,
    sent_ms: u64,
    receives: u32,
    /// The token of the last delivery.
    token: u64,
}

impl Queues {
    /// Stores a message.
    pub(super) fn put(&mut self, message: &Outgoing, now_ms: u64) {
        let visible_ms = if message.due_ms == 0 { now_ms } else { message.due_ms };
        let body = message.body.clone();
        let is_sent_later = self.keeps_ms > 0 && visible_ms > now_ms + LONGEST_DELAY_MS;
        let sent_ms = if is_sent_later { visible_ms } else { now_ms };
        let lane = if self.lanes_together { Lane::Bulk } else { message.lane };
        self.place(&message.queue, Message { lane, body, visible_ms, sent_ms, receives: 0, token: 0 });
    }

    /// Deletes messages that are too old, without a word.
    fn expire(&mut self, now_ms: u64) {
        if self.keeps_ms == 0 {
            return;
        }
        while let Some((_, number)) =
            self.ages.first().copied().filter(|(sent_ms, _)| sent_ms + self.keeps_ms <= now_ms)
        {
            self.ages.pop_first();
            if let Some(shelf) = self.places.remove(&number).and_then(|queue| self.shelves.get_mut(&queue)) {
                shelf.remove(number);
            }
        }
    }

    fn place(&mut self, queue: &Arc<str>, message: Message) {
        self.numbers += 1;
        let shelf = self.shelves.entry(Arc::clone(queue)).or_default();
        shelf.order.of_mut(message.lane).insert((message.visible_ms, self.numbers));
        if self.keeps_ms > 0 {
            self.ages.insert((message.sent_ms, self.numbers));
        }
        shelf.messages.insert(self.numbers, message);
        self.places.insert(self.numbers, Arc::clone(queue));
    }

    /// Delivers visible messages, and hides them.
    pub(super) fn take(&mut self, request: &Receive, now_ms: u64, weather: &Weather, dice: &mut Dice) -> Vec<Delivery> {
        self.expire(now_ms);
        let (deliveries, dead) = self.find_visible(request, now_ms, weather, dice);
        for (queue, message) in dead {
            self.place(&queue, Message { visible_ms: now_ms, receives: 0, token: 0, ..message });
        }
        deliveries
    }

    /// The messages to deliver, without those that move to a dead-letter queue.
    fn find_visible(
        &mut self,
        request: &Receive,
        now_ms: u64,
        weather: &Weather,
        dice: &mut Dice,
    ) -> (Vec<Delivery>, Vec<(Arc<str>, Message)>) {
        let (mut deliveries, mut dead) = (Vec::new(), Vec::new());
        for (lane, queue) in places(request) {
            let max_receives = if self.keeps_dead && queue.ends_with(DEAD) { 0 } else { weather.max_receives };
            let Some(shelf) = self.shelves.get_mut(queue) else { continue };
            let visible = shelf.visible(lane, request.max.saturating_sub(deliveries.len()), now_ms, weather);
            for number in visible {
                if deliveries.len() >= request.max {
                    return (deliveries, dead);
                }
                if weather.in_flight > 0 && shelf.in_flight(now_ms) >= weather.in_flight {
                    break;
                }
                // A service of many machines asks only some of them.
                if dice.happens(weather.overlooked) {
                    continue;
                }
                self.tokens += 1;
                let token = self.tokens;
                let Some(message) = shelf.messages.get_mut(&number) else { continue };
                message.receives += 1;
                if max_receives > 0 && message.receives > max_receives {
                    let message = shelf.remove(number);
                    self.places.remove(&number);
                    if self.keeps_dead {
                        dead.extend(message.map(|message| (format!("{queue}{DEAD}").into(), message)));
                    } else {
                        shelf.dead.extend(message);
                    }
                    continue;
                }
                message.token = token;
                let receipt = Receipt(format!("{number}-{token}").into());
                let Message { body, receives, sent_ms, .. } = message.clone();
                // Not all machines know yet that it is hidden.
                let doubled = dice.happens(weather.delivered_twice);
                let hide_ms = if doubled { dice.between(1, 200) } else { request.hide_ms };
                shelf.hide(number, now_ms.saturating_add(hide_ms));
                deliveries.push(Delivery { queue: Arc::clone(queue), body, receipt, receives, sent_ms });
            }
        }
        (deliveries, dead)
    }

    /// Settles a delivery.
    pub(super) fn settle(
        &mut self,
        settlement: &Settlement,
        now_ms: u64,
        weather: &Weather,
        dice: &mut Dice,
    ) -> Result<(), PortError> {
        self.expire(now_ms);
        let (number, queue) = self.find(&settlement.receipt).ok_or(PortError::Stale)?;
        let Some(shelf) = self.shelves.get_mut(&queue) else { return Err(PortError::Stale) };
        match settlement.settle {
            Settle::Hide { until_ms } => shelf.hide(number, until_ms),
            // A machine that was down when it was deleted still has it.
            Settle::Delete if dice.happens(weather.deleted_in_vain) => {
                shelf.hide(number, now_ms + dice.between(1, 60_000));
            }
            Settle::Delete | Settle::Bury { .. } => {
                shelf.remove(number);
                shelf.buried += u64::from(matches!(settlement.settle, Settle::Bury { .. }));
                self.places.remove(&number);
            }
        }
        Ok(())
    }

    fn find(&self, receipt: &Receipt) -> Option<(u64, Arc<str>)> {
        let (number, token) = receipt.0.split_once('-')?;
        let (number, token) = (number.parse().ok()?, token.parse::<u64>().ok()?);
        let queue = self.places.get(&number)?;
        let message = self.shelves.get(queue)?.messages.get(&number)?;
        (message.token == token).then(|| (number, Arc::clone(queue)))
    }

    /// When the next message that a request asks for is visible, past times included.
    pub(super) fn next_ms(&self, request: &Receive) -> Option<u64> {
        let first = |(lane, queue)| self.shelves.get(queue)?.order.of(lane).first().map(|(visible_ms, _)| *visible_ms);
        places(request).filter_map(first).min()
    }

    /// The depth of each queue.
    pub(super) fn depths(&self, now_ms: u64) -> Vec<Depth> {
        let depth = |(queue, shelf): (&Arc<str>, &Shelf)| {
            let count = |of: &dyn Fn(&Message) -> bool| shelf.messages.values().filter(|m| of(m)).count() as u64;
            let ready = |message: &&Message| message.visible_ms <= now_ms;
            Depth {
                queue: Arc::clone(queue),
                ready: count(&|message| message.visible_ms <= now_ms),
                delayed: count(&|message| message.visible_ms > now_ms && message.receives == 0),
                in_flight: count(&|message| message.visible_ms > now_ms && message.receives > 0),
                buried: shelf.buried + shelf.dead.len() as u64,
                oldest_ms: shelf.messages.values().filter(ready).map(|message| message.sent_ms).min(),
            }
        };
        self.shelves.iter().map(depth).collect()
    }

    /// Whether there are no messages, not even in a dead-letter queue.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.shelves.values().all(|shelf| shelf.dead.is_empty())
    }

    /// All messages, and the queue that each is in.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.shelves.iter().flat_map(|(queue, shelf)| {
            let messages = shelf.messages.values().chain(&shelf.dead);
            messages.map(move |message| (&**queue, &*message.body))
        })
    }

    /// The number of messages outside of dead-letter queues.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many messages are in flight.
    pub(super) fn in_flight(&mut self, now_ms: u64) -> usize {
        self.shelves.values_mut().map(|shelf| shelf.in_flight(now_ms)).sum()
    }

    /// Moves all messages out of dead-letter queues, as an operator does. Returns how many.
    pub(super) fn redrive(&mut self, now_ms: u64) -> usize {
        let dead: Vec<(Arc<str>, Vec<Message>)> = self
            .shelves
            .iter_mut()
            .map(|(queue, shelf)| (Arc::clone(queue), std::mem::take(&mut shelf.dead)))
            .collect();
        let mut moved = 0;
        for (queue, messages) in dead {
            for message in messages {
                self.place(&queue, Message { visible_ms: now_ms, receives: 0, token: 0, ..message });
                moved += 1;
            }
        }
        moved
    }
}

/// Where a request looks, in this order.
fn places(request: &Receive) -> impl Iterator<Item = (Lane, &Arc<str>)> {
    request.lanes.iter().flat_map(|lane| request.queues.iter().map(|queue| (*lane, queue)))
}

impl Shelf {
    fn hide(&mut self, number: u64, until_ms: u64) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        let order = self.order.of_mut(message.lane);
        order.remove(&(message.visible_ms, number));
        self.in_flight.remove(&(message.visible_ms, number));
        message.visible_ms = until_ms;
        order.insert((until_ms, number));
        self.in_flight.insert((until_ms, number));
    }

    fn remove(&mut self, number: u64) -> Option<Message> {
        let message = self.messages.remove(&number)?;
        self.order.of_mut(message.lane).remove(&(message.visible_ms, number));
        self.in_flight.remove(&(message.visible_ms, number));
        Some(message)
    }

    /// Messages of a lane that can be received now, in order. Of a long backlog only as many as are wanted, unless some may be
    /// overlooked.
    fn visible(&self, lane: Lane, wanted: usize, now_ms: u64, weather: &Weather) -> Vec<u64> {
        let passes_over = weather.overlooked > 0 || weather.max_receives > 0;
        let most = if passes_over { usize::MAX } else { wanted };
        self.order.of(lane).range(..=(now_ms, u64::MAX)).take(most).map(|(_, number)| *number).collect()
    }

    fn in_flight(&mut self, now_ms: u64) -> usize {
        while self.in_flight.first().is_some_and(|(visible_ms, _)| *visible_ms <= now_ms) {
            self.in_flight.pop_first();
        }
        self.in_flight.len()
    }
}

//! One queue: its messages, when each may next be received, and its latest receipt.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::refusal::Refusal;
use crate::{clock::epoch_ms, now_ns};

const SECOND_NS: u64 = 1_000_000_000;

/// One queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    content: Mutex<Content>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Content {
    next: u64,
    messages: HashMap<u64, Message>,
    /// When each message may next be received, the earliest first.
    due: BTreeSet<(u64, u64)>,
}

#[derive(Debug)]
struct Message {
    text: Bytes,
    sent_ms: u64,
    due_ns: u64,
    receives: u32,
}

/// A message as it is received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) receipt: String,
    /// A JSON string, with its quotes: it came as one.
    pub(crate) text: Bytes,
    pub(crate) sent_ms: u64,
    pub(crate) receives: u32,
}

/// How many messages can be received, are in flight, and wait for their delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) ready: u64,
    pub(crate) in_flight: u64,
    pub(crate) delayed: u64,
}

impl Queue {
    /// Stores a message. Returns its id.
    pub(crate) fn send(&self, text: Bytes, delay_s: u64) -> String {
        let due_ns = now_ns() + delay_s * SECOND_NS;
        let mut content = self.content();
        let id = content.next;
        content.next += 1;
        content.messages.insert(id, Message { text, sent_ms: epoch_ms(), due_ns, receives: 0 });
        content.due.insert((due_ns, id));
        drop(content);
        self.more.notify_one();
        message_id(id)
    }

    /// Receives up to `most` messages, which are hidden from now on. Waits for the first one.
    pub(crate) async fn receive(&self, most: usize, visibility_s: u64, wait_s: u64) -> Vec<Received> {
        let until_ns = now_ns() + wait_s * SECOND_NS;
        loop {
            let now_ns = now_ns();
            let (received, next_ns) = self.content().take(most, now_ns, visibility_s);
            if !received.is_empty() || now_ns >= until_ns {
                return received;
            }
            let wake_ns = next_ns.unwrap_or(u64::MAX).min(until_ns);
            let wait = Duration::from_nanos(wake_ns.saturating_sub(now_ns));
            let _ = tokio::time::timeout(wait, self.more.notified()).await;
        }
    }

    /// Deletes a message. A receipt that is not the latest deletes nothing, and is not an error.
    pub(crate) fn delete(&self, receipt: &str) -> Result<(), Refusal> {
        let (id, receives) = parse(receipt)?;
        let mut content = self.content();
        if content.messages.get(&id).is_some_and(|message| message.receives == receives) {
            let message = content.messages.remove(&id);
            message.map(|message| content.due.remove(&(message.due_ns, id)));
        }
        Ok(())
    }

    /// Hides a message for this long from now on.
    pub(crate) fn hide(&self, receipt: &str, visibility_s: u64) -> Result<(), Refusal> {
        let (id, receives) = parse(receipt)?;
        let now_ns = now_ns();
        let mut content = self.content();
        let Some(message) = content.messages.get_mut(&id) else { return Err(Refusal::NotInFlight) };
        if message.receives != receives || message.due_ns <= now_ns {
            return Err(Refusal::NotInFlight);
        }
        let before_ns = std::mem::replace(&mut message.due_ns, now_ns + visibility_s * SECOND_NS);
        let due = (message.due_ns, id);
        content.due.remove(&(before_ns, id));
        content.due.insert(due);
        drop(content);
        self.more.notify_one();
        Ok(())
    }

    pub(crate) fn depth(&self) -> Depth {
        let now_ns = now_ns();
        let content = self.content();
        let mut depth = Depth::default();
        for (due_ns, id) in &content.due {
            let received = content.messages.get(id).is_some_and(|message| message.receives > 0);
            match (*due_ns <= now_ns, received) {
                (true, _) => depth.ready += 1,
                (false, true) => depth.in_flight += 1,
                (false, false) => depth.delayed += 1,
            }
        }
        depth
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    /// Takes up to `most` due messages. Also returns when the next one is due.
    fn take(&mut self, most: usize, now_ns: u64, visibility_s: u64) -> (Vec<Received>, Option<u64>) {
        let mut received = Vec::new();
        while let Some((due_ns, id)) = self.due.first().copied() {
            if received.len() == most || due_ns > now_ns {
                return (received, Some(due_ns));
            }
            self.due.pop_first();
            let Some(message) = self.messages.get_mut(&id) else { continue };
            message.receives += 1;
            // At least a nanosecond, so that one receive does not yield it twice.
            message.due_ns = (now_ns + visibility_s * SECOND_NS).max(now_ns + 1);
            self.due.insert((message.due_ns, id));
            received.push(Received {
                id: message_id(id),
                receipt: format!("{id}.{}", message.receives),
                text: message.text.clone(),
                sent_ms: message.sent_ms,
                receives: message.receives,
            });
        }
        (received, None)
    }
}

fn message_id(id: u64) -> String {
    format!("00000000-0000-4000-8000-{id:012x}")
}

/// The message of a receipt, and the number of its delivery.
fn parse(receipt: &str) -> Result<(u64, u32), Refusal> {
    let parsed = receipt.split_once('.').and_then(|(id, receives)| Some((id.parse().ok()?, receives.parse().ok()?)));
    parsed.ok_or(Refusal::BadReceipt)
}

//! Implements the message queue.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use rusqlite::{Connection, params};

use super::{
    arrivals::Heard,
    in_hand::InHand,
    liveness::Dead,
    lulls::{Known, Look},
    messages,
    messages::{Taken, ms},
    records,
    store::FileStore,
    writer::Cost,
};
use celeriac_core::ports::{Delivery, Depth, Outgoing, PortError, Queue, Receive, SendError, Settle, Settlement};

/// How often a receive looks for messages that dead processes have hidden.
const SWEEP_MS: u64 = 1000;

/// The size of a message without its body.
const ROW_BYTES: usize = 128;

impl Queue for FileStore {
    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async move {
            let count = messages.len();
            let now_ms = self.clock.now_ms();
            let sent = self
                .writer
                .run(Cost::durable(cost(&messages)), move |tx| {
                    messages.iter().try_for_each(|message| messages::insert(tx, message, now_ms))
                })
                .await;
            vec![sent.map_err(SendError::from); count]
        }
        .boxed()
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async move {
            // Monotonic, since the wall clock may be set meanwhile.
            let give_up_us = self.clock.monotonic_us().saturating_add(request.wait_ms.saturating_mul(1000));
            loop {
                let woken = self.arrivals.next();
                tokio::pin!(woken);
                // From here on no wake-up is lost.
                woken.as_mut().enable();
                let heard = self.arrivals.heard();
                self.sweep(&request, heard).await?;
                let known = if request.wait_ms == 0 { None } else { self.known(&request, heard).await? };
                let look = if let Some(look) = known.filter(|look| look.due_ms > self.clock.now_ms()) {
                    look
                } else {
                    let taken = self.take(&request).await?;
                    if !taken.messages().is_empty() {
                        return self.deliver(taken).await;
                    }
                    self.look(&request, heard).await?
                };
                let now_us = self.clock.monotonic_us();
                let left_us = give_up_us.saturating_sub(now_us);
                if left_us == 0 {
                    return Ok(Vec::new());
                }
                let now_ms = self.clock.now_ms();
                let until_due_ms = look.due_ms.saturating_sub(now_ms);
                // Another receive may have swept meanwhile, so what is known may be nearly too old.
                let until_old_us = look.looked_us.saturating_add(self.look_ms() * 1000).saturating_sub(now_us);
                // A sweep also finds that the file is gone.
                let until_sweep_ms = SWEEP_MS.saturating_sub(now_ms.abs_diff(self.swept_ms.load(Ordering::Relaxed)));
                let until_ms = until_due_ms.min(until_sweep_ms.max(1));
                let pause_ms = until_ms.min(until_old_us.min(left_us).div_ceil(1000));
                if pause_ms > 0 {
                    tokio::select! {
                        () = woken => {}
                        () = self.clock.sleep(Duration::from_millis(pause_ms)) => {}
                    }
                }
            }
        }
        .boxed()
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let count = settlements.len();
            // A message that reappears too early is a redelivery, which is harmless.
            let durable = settlements.iter().any(|settlement| !matches!(settlement.settle, Settle::Hide { .. }));
            let cost = Cost { durable, bytes: count * ROW_BYTES };
            let now_ms = self.clock.now_ms();
            let settled = self.writer.run(cost, move |tx| {
                let valid =
                    |settlement: &Settlement| messages::settle(tx, &settlement.receipt, &settlement.settle, now_ms);
                settlements.iter().map(valid).collect::<rusqlite::Result<Vec<bool>>>()
            });
            match settled.await {
                Ok(valid) => {
                    valid.into_iter().map(|valid| if valid { Ok(()) } else { Err(PortError::Stale) }).collect()
                }
                Err(error) => vec![Err(error); count],
            }
        }
        .boxed()
    }

    fn depths(&self) -> BoxFuture<'_, Result<Vec<Depth>, PortError>> {
        let now_ms = self.clock.now_ms();
        self.reader.run(move |db| depths(db, now_ms)).boxed()
    }
}

/// About how many bytes messages take.
pub(super) fn cost(messages: &[Outgoing]) -> usize {
    messages.iter().map(|message| message.body.len() + ROW_BYTES).sum()
}

impl FileStore {
    async fn take(&self, request: &Receive) -> Result<InHand, PortError> {
        let life = self.life()?;
        let now_ms = self.clock.now_ms();
        let hide_until_ms = now_ms.saturating_add(request.hide_ms);
        let (request, entropy) = (request.clone(), self.entropy.clone());
        let errands = self.writer.errands();
        // If the machine dies, the receiver dies with it, and the message should reappear.
        let cost = Cost { durable: false, bytes: request.max.min(1024) * ROW_BYTES };
        self.writer
            .run(cost, move |tx| {
                let mut taken = Vec::new();
                for place in messages::looked_at(&request) {
                    let room = request.max - taken.len();
                    if room == 0 {
                        break;
                    }
                    let draw = || entropy.next_u64();
                    taken.append(&mut messages::take(tx, place, room, now_ms, hide_until_ms, life, draw)?);
                }
                Ok(InHand::new(taken, now_ms, errands.clone()))
            })
            .await
    }

    /// Reads bodies that are apart on the reading thread: they are large, and no one else deletes them now.
    async fn deliver(&self, in_hand: InHand) -> Result<Vec<Delivery>, PortError> {
        let apart = in_hand.messages().iter().filter(|message| message.inline.is_none());
        let ids: Vec<i64> = apart.map(|message| message.id).collect();
        let read = if ids.is_empty() {
            Vec::new()
        } else {
            let bodies = self.reader.run(move |db| {
                let bodies = ids.iter().map(|id| messages::body_apart(db, *id));
                bodies.collect::<rusqlite::Result<Vec<_>>>()
            });
            bodies.await?
        };
        let mut read = read.into_iter();
        let deliver = |message: Taken| {
            let body = message.inline.clone().or_else(|| read.next().flatten())?;
            Some(delivery(&message, body))
        };
        Ok(in_hand.release().into_iter().filter_map(deliver).collect())
    }

    /// When the next message for such a request is due, as far as it is known: `None` if it is best to take what there
    /// is.
    async fn known(&self, request: &Receive, heard: Heard) -> Result<Option<Look>, PortError> {
        let since_us = self.clock.monotonic_us().saturating_sub(self.look_ms() * 1000);
        match self.lulls.known(request, heard, since_us) {
            Known::Found(look) => Ok(Some(look)),
            Known::Nothing => Ok(None),
            // All processes that wait were woken. If there are others, a look costs less than a turn.
            Known::Heard if !self.lives.has_others() => Ok(None),
            Known::Heard | Known::Old => self.look(request, heard).await.map(Some),
        }
    }

    /// Looks when the next message for such a request is due, past times included.
    async fn look(&self, request: &Receive, heard: Heard) -> Result<Look, PortError> {
        let looked_us = self.clock.monotonic_us();
        let places = request.clone();
        let due_ms = self.reader.run(move |db| next_due(db, &places)).await?;
        let look = Look { due_ms, looked_us };
        self.lulls.note(request, heard, look);
        // A receive pauses from now on: where a look takes long, it would otherwise not pause at all.
        Ok(Look { due_ms, looked_us: self.clock.monotonic_us() })
    }

    /// From time to time shows messages that dead processes have hidden, and removes some old rows. Looks at the queues
    /// on the way, so that an idle process wakes its threads once.
    async fn sweep(&self, request: &Receive, heard: Heard) -> Result<(), PortError> {
        let (now_ms, swept_ms) = (self.clock.now_ms(), self.swept_ms.load(Ordering::Relaxed));
        let is_due = now_ms.abs_diff(swept_ms) >= SWEEP_MS;
        if !is_due || self.swept_ms.compare_exchange(swept_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return Ok(());
        }
        // On the reading thread, since it may wait for the disk. Most often there is nothing to write.
        let (lives, walk, places) = (self.lives.clone(), self.walk.clone(), request.clone());
        let looked_us = self.clock.monotonic_us();
        let (dead, expired, due_ms) = self
            .reader
            .run(move |db| {
                let mut walk = walk.lock().unwrap_or_else(PoisonError::into_inner);
                Ok((lives.dead(), records::expired(db, &mut walk, now_ms)?, next_due(db, &places)?))
            })
            .await?;
        self.lulls.note(request, heard, Look { due_ms, looked_us });
        if dead.is_empty() && expired.is_none() {
            return Ok(());
        }
        let dead = Arc::new(dead);
        let noted = dead.clone();
        let released = self.writer.run(Cost::VOLATILE, move |tx| {
            let mut released = 0;
            for dead in noted.iter() {
                dead.note(tx, now_ms)?;
                released += messages::release(tx, dead.id(), now_ms)?;
            }
            expired.iter().try_for_each(|expired| records::prune(tx, expired, now_ms))?;
            Ok(released)
        });
        let released = released.await?;
        if released > 0 {
            tracing::info!(messages = released, "taking over the messages of processes that died");
        }
        dead.iter().for_each(Dead::bury);
        Ok(())
    }
}

/// When the next message for such a request is due, past times included: `u64::MAX` if there is none.
fn next_due(db: &Connection, request: &Receive) -> rusqlite::Result<u64> {
    messages::looked_at(request)
        .try_fold(u64::MAX, |next, place| Ok(messages::next_due(db, place)?.unwrap_or(next).min(next)))
}

fn delivery(message: &Taken, body: Bytes) -> Delivery {
    Delivery {
        queue: message.queue.clone(),
        body,
        receipt: message.receipt(),
        receives: message.receives,
        sent_ms: message.sent_ms,
    }
}

fn depths(db: &Connection, now_ms: u64) -> rusqlite::Result<Vec<Depth>> {
    let mut query = db.prepare_cached(
        "SELECT name,
                count(*) FILTER (WHERE visible_ms <= ?1),
                count(*) FILTER (WHERE visible_ms > ?1 AND receives = 0),
                count(*) FILTER (WHERE visible_ms > ?1 AND receives > 0 AND visible_ms < ?2),
                count(*) FILTER (WHERE visible_ms = ?2),
                min(sent_ms) FILTER (WHERE visible_ms <= ?1)
         FROM queue LEFT JOIN message ON message.queue = queue.id GROUP BY name ORDER BY name",
    )?;
    let depth = |row: &rusqlite::Row<'_>| {
        let count = |at| row.get::<_, i64>(at).map(|count| count as u64);
        Ok(Depth {
            queue: row.get::<_, String>(0)?.into(),
            ready: count(1)?,
            delayed: count(2)?,
            in_flight: count(3)?,
            buried: count(4)?,
            oldest_ms: row.get::<_, Option<i64>>(5)?.map(|sent| sent as u64),
        })
    };
    query.query_map(params![ms(now_ms), i64::MAX], depth)?.collect()
}

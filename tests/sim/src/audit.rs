//! Watches requests to the services, and checks the rules of the parcel protocol that a single step can show.

use std::sync::Arc;

use celeriac_core::{
    bitmap::Bitmap,
    id::ParcelId,
    parcel::Parcel,
    planner,
    ports::{Claim, ClaimRequest, Delivery, Outgoing, Record, Seal, Settle, Settlement},
    wire::{Header, decode_args},
};
use celeriac_sim::{BEGIN_MS, Deed, HostId, Observer, Write};

use crate::{
    facts::{Delivered, Facts, Hold, Shared, Stored},
    newer,
    tasks::{self, Args},
};

/// How many parents a parcel may have.
const MAX_HOPS: u32 = 5001;

/// The age at which a message may be sent anew.
const OLD_MS: u64 = 12 * 86_400_000;

/// Whether a queue is a dead-letter queue.
fn is_dead(queue: &str) -> bool {
    queue.ends_with("-dead")
}

/// Watches the services.
pub(crate) struct Audit(pub(crate) Shared);

impl Observer for Audit {
    fn see(&mut self, now_us: u64, host: HostId, deed: &Deed<'_>) {
        let facts = &mut *self.0.lock();
        match deed {
            Deed::Sent(message) => facts.sent(message, now_us),
            Deed::Received(delivery) => facts.received(delivery, now_us),
            Deed::Settled(settlement, Ok(())) => facts.settled(settlement),
            Deed::Claimed(request, claim) => facts.claimed(host, request, claim, now_us),
            Deed::Wrote(write) if write.error.is_none() => facts.wrote(host, write),
            Deed::Revoked(batch) => drop(facts.revoked.entry(*batch).or_insert(now_us)),
            Deed::Died => facts.died(host),
            Deed::Froze => facts.harmed = true,
            _ => {}
        }
    }
}

impl Facts {
    pub(crate) fn sent(&mut self, message: &Outgoing, now_us: u64) {
        let Ok(parcel) = Parcel::open(&message.body) else {
            // Such messages belong there.
            if is_dead(&message.queue) {
                return;
            }
            return self.violated("an unreadable message was sent", None, None);
        };
        let Header { id, batch, parent, .. } = parcel.header;
        self.sent_us.insert(id, now_us);
        if message.body.len() > planner::PROFILE.message_bytes {
            self.violated("is larger than a message may be", None, Some(id));
        }
        if let Some(before) = self.parcels.get(&id) {
            let (differs, varies) = (before.body != message.body, self.varies(id));
            if parent.is_some() && !varies && differs {
                self.violated("was sent again, and is another than before (rule 4)", None, Some(id));
            }
            // Runs of a schedule, and calls with the same key, may have several parcels under one id; of the latter,
            // the one claimed first decides.
            if let Some(before) = self.parcels.get_mut(&id) {
                before.again |= parent.is_none() && differs;
                before.expires_ms = before.expires_ms.max(parcel.header.expires_ms);
            }
            return;
        }
        let header = parcel.header.clone();
        if message.lane != header.lane() {
            self.violated(
                format!("was sent in the {} lane, its header says another", message.lane.name()),
                None,
                Some(id),
            );
        }
        let revived = parent.is_none() && id != ParcelId::root(batch, header.first);
        let again = revived || parent.and_then(|parent| self.parcels.get(&parent)).is_some_and(|parent| parent.again);
        let stored = Stored {
            again,
            batch,
            task: header.task.clone(),
            parent,
            revived,
            lane: header.lane(),
            attempt: header.attempt,
            hops: header.hops,
            due_ms: header.due_ms,
            expires_ms: header.expires_ms,
            not_after_ms: header.not_after_ms,
            indexes: (0..parcel.count()).map(|position| parcel.index(position)).collect(),
            body: message.body.clone(),
            args: (0..parcel.count()).map(|at| decode_args(parcel.args(at)).unwrap_or(Args::NONE)).collect(),
        };
        if let Some(parent) = parent {
            self.is_child(id, parent, &stored);
        } else if !revived {
            self.is_in_its_lane(id, &stored);
        }
        if revived {
            for call in stored.calls().collect::<Vec<_>>() {
                let seen = self.calls.entry(call).or_default();
                seen.revived += 1;
                seen.failed += 1;
            }
        }
        self.parcels.insert(id, stored);
    }

    /// Whether a parcel, or an ancestor, was or may be sent under its id with other bytes.
    fn varies(&self, id: ParcelId) -> bool {
        let mut next = self.parcels.get(&id);
        while let Some(stored) = next {
            if stored.again {
                return true;
            }
            next = stored.parent.and_then(|parent| self.parcels.get(&parent));
        }
        false
    }

    /// Calls are sent in the lane that their sender asked for.
    fn is_in_its_lane(&mut self, id: ParcelId, stored: &Stored) {
        let asked = stored.args.iter().filter_map(|args| self.told.lanes.get(&args.number));
        if let Some(asked) = asked.copied().find(|asked| *asked != stored.lane) {
            self.violated(format!("has calls that were to be sent in the {} lane", asked.name()), None, Some(id));
        }
    }

    /// A child matches its parent's seal, and the seal is written before the child is sent (rule 4).
    fn is_child(&mut self, id: ParcelId, parent: ParcelId, child: &Stored) {
        let seal = self.rows.get(&parent).and_then(|row| row.seal.as_ref());
        let plan = seal.and_then(|seal| (0..).zip(&seal.children).find(|(k, _)| parent.child(*k) == id));
        let (Some((_, plan)), Some(stored)) = (plan, self.parcels.get(&parent)) else {
            return self.violated("was sent although no seal asks for it (rule 4)", None, Some(id));
        };
        let calls: Option<Bitmap> = child.indexes.iter().map(|index| stored.position(*index)).collect();
        let as_planned = calls.as_ref() == Some(&plan.calls)
            && (child.attempt, child.due_ms, child.hops) == (plan.attempt, plan.due_ms, stored.hops + 1);
        let (in_vain, hops) = (child.indexes.is_empty(), child.hops);
        let changes_lane = child.lane != stored.lane;
        if !as_planned {
            self.violated("is not the child that its parent's seal asks for (rule 4)", None, Some(id));
        }
        if changes_lane {
            self.violated("is in another lane than its parent", None, Some(id));
        }
        if in_vain || hops > MAX_HOPS {
            self.violated(format!("has no calls, or {hops} parents"), None, Some(id));
        }
    }

    fn received(&mut self, delivery: &Delivery, at_us: u64) {
        let parcel = Header::peek(&newer::read(&delivery.body)).ok().map(|header| header.id);
        let old = BEGIN_MS + at_us / 1000 >= delivery.sent_ms + OLD_MS;
        let delivered = Delivered { parcel, queue: Arc::clone(&delivery.queue), at_us, old };
        self.receipts.insert(delivery.receipt.0.clone(), delivered);
    }

    /// A message is kept until its parcel is finished (rule 1), unless it has been sent again.
    fn settled(&mut self, settlement: &Settlement) {
        let Some(Delivered { parcel, queue, at_us, old }) = self.receipts.get(&settlement.receipt.0) else { return };
        let (parcel, at_us) = (*parcel, *at_us);
        let finished = parcel.and_then(|parcel| self.rows.get(&parcel)).is_some_and(|row| row.finished);
        let sent_us = parcel.and_then(|parcel| self.sent_us.get(&parcel)).copied();
        let again = (is_dead(queue) || *old) && sent_us.is_some_and(|sent_us| sent_us > at_us);
        match settlement.settle {
            // A report need not be kept.
            Settle::Delete if !finished && !again && &**queue != "failures" => {
                self.violated("its message was deleted before it was finished (rule 1)", None, parcel);
            }
            Settle::Bury { .. } if parcel.is_some() => {
                self.violated("was buried although a program can read it", None, parcel);
            }
            _ => {}
        }
    }

    /// Others end a lease only if its holder is dead (rule 6).
    fn relieved(&mut self, parcel: ParcelId, epoch: u64) {
        let has =
            |holds: &Vec<Hold>| holds.iter().any(|hold| hold.parcel == parcel && hold.epoch == epoch && hold.runs);
        let holder = self.held.iter().find(|(_, holds)| has(holds)).map(|(host, _)| *host);
        let request = holder.and_then(|host| self.invocations.get(&host));
        if let Some(request) = request.filter(|request| !self.reported.contains(*request)) {
            let what = format!("its lease was ended although request {request}, which holds it, goes on (rule 6)");
            self.violated(what, None, Some(parcel));
        }
    }

    fn claimed(&mut self, host: HostId, request: &ClaimRequest, claim: &Claim, now_us: u64) {
        let (parcel, first) = (request.parcel, request.first);
        let (epoch, done, runs) = match claim {
            Claim::Claimed(claimed) => (claimed.epoch, claimed.done.clone(), true),
            Claim::Sealed { epoch, .. } => (*epoch, Bitmap::new(), false),
            _ => return,
        };
        let row = self.rows.entry(parcel).or_default();
        let lost = runs && epoch > 1;
        if runs {
            row.epoch = epoch;
            row.losses += u32::from(lost);
        }
        if lost && self.calm {
            self.violated("a holder that lives lost it although nothing goes wrong", None, Some(parcel));
        }
        if lost {
            let stored = self.parcels.get(&parcel);
            let open = stored.into_iter().flat_map(|stored| (0..).zip(stored.calls()));
            let open: Vec<_> = open.filter(|(position, _)| !done.contains(*position)).map(|(_, call)| call).collect();
            for call in open {
                self.calls.entry(call).or_default().lost += 1;
            }
        }
        if !self.parcels.contains_key(&parcel) {
            self.violated(format!("was claimed (from call {first}) and never sent"), None, Some(parcel));
        }
        let holds = self.held.entry(host).or_default();
        holds.retain(|hold| hold.parcel != parcel);
        holds.push(Hold { parcel, epoch, done, since_us: now_us, runs });
    }

    fn wrote(&mut self, host: HostId, write: &Write<'_>) {
        let Write { what, parcel, epoch, record, seal, .. } = *write;
        if what == "checkpoint" && record.is_none() && self.relievers.contains(&host) {
            return self.relieved(parcel, epoch);
        }
        let given =
            self.held.get(&host).into_iter().flatten().find(|hold| hold.parcel == parcel).map(|hold| hold.epoch);
        let dead = self.dead.contains(&host);
        let row = self.rows.entry(parcel).or_default();
        let current = row.epoch;
        // Requests that a process sent before it died still arrive.
        if epoch != current || (given != Some(epoch) && !dead) {
            let what =
                format!("{what} at epoch {epoch}, of a host that was given {given:?}, when {current} held (rule 3)");
            self.violated(what, None, Some(parcel));
        }
        if let Some(record) = record {
            self.recorded(parcel, record, what);
        }
        if let Some(seal) = seal.filter(|seal| !seal.children.is_empty()) {
            self.sealed(parcel, seal);
        }
        if matches!(what, "finish" | "settle") {
            self.finished(parcel);
            let holds = self.held.get_mut(&host).into_iter().flatten();
            holds.filter(|hold| hold.parcel == parcel).for_each(|hold| hold.runs = false);
        }
    }

    fn recorded(&mut self, parcel: ParcelId, record: &Record, what: &str) {
        let Some(stored) = self.parcels.get(&parcel) else { return };
        let row = self.rows.entry(parcel).or_default();
        // A repeated write to a sealed or finished parcel changes nothing.
        if row.finished || row.seal.is_some() {
            return;
        }
        let before = std::mem::replace(&mut row.done, record.done.clone());
        let count = stored.indexes.len() as u32;
        let new: Vec<u32> = record.done.iter().filter(|position| !before.contains(*position)).collect();
        let calls: Vec<_> = new
            .iter()
            .filter_map(|at| stored.indexes.get(*at as usize))
            .map(|index| stored.batch.call(*index))
            .collect();
        let undone = before.iter().any(|position| !record.done.contains(position));
        let beyond = record.done.iter().any(|position| position >= count);
        if undone || beyond {
            self.violated(
                format!("{what} takes verdicts back, or has some on calls that it has not"),
                None,
                Some(parcel),
            );
        }
        if record.tally.ended() != u64::from(record.done.len()) {
            self.violated(format!("{what} counts other verdicts than it has"), None, Some(parcel));
        }
        for call in calls {
            let seen = self.calls.entry(call).or_default();
            seen.verdicts += 1;
            if seen.verdicts > 1 + seen.revived {
                self.violated("has more than one final verdict", Some(call), Some(parcel));
            }
        }
    }

    fn sealed(&mut self, parcel: ParcelId, seal: &Seal) {
        let Some(stored) = self.parcels.get(&parcel) else { return };
        let row = self.rows.entry(parcel).or_default();
        if row.seal.is_some() || row.finished {
            return;
        }
        let mut goes_on = Bitmap::new();
        let twice = seal.children.iter().flat_map(|plan| plan.calls.iter()).any(|position| !goes_on.insert(position));
        let over = goes_on.iter().any(|position| row.done.contains(position));
        let most = tasks::options(&stored.task).map_or(u32::MAX, |options| options.retries + 1);
        let attempts = seal.children.iter().any(|plan| plan.attempt < stored.attempt || plan.attempt > most);
        let many = seal.children.len() > Seal::MAX_CHILDREN;
        row.seal = Some(seal.clone());
        if twice || over || attempts || many {
            let what = format!(
                "its seal sends a call on twice ({twice}), or one that is over ({over}), or to an attempt that it may \
                 not make ({attempts}), or has too many children ({many})"
            );
            self.violated(what, None, Some(parcel));
        }
    }

    /// No call of a finished parcel is lost: each has ended or moved to a child (G2).
    fn finished(&mut self, parcel: ParcelId) {
        let Some(stored) = self.parcels.get(&parcel) else { return };
        let row = self.rows.entry(parcel).or_default();
        if std::mem::replace(&mut row.finished, true) {
            return;
        }
        self.finished += 1;
        let goes_on =
            |position| row.seal.iter().flat_map(|seal| &seal.children).any(|plan| plan.calls.contains(position));
        let lost = (0..stored.indexes.len() as u32).find(|at| !row.done.contains(*at) && !goes_on(*at));
        if let Some(position) = lost {
            let call = stored.batch.call(stored.indexes[position as usize]);
            self.violated(
                "is lost: its parcel is finished, and it is neither over nor goes on (G2)",
                Some(call),
                Some(parcel),
            );
        }
    }
}

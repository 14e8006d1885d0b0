//! The floors: the disk and processor time for the same work without Celeriac.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
};

use anyhow::Result;
use measure::{Watch, percentile};

use crate::load::payload;

/// Seconds to encode `calls` payloads and write them to a file, synced every 2 MB: what any durable queue does.
pub(crate) fn write_calls(file: &Path, calls: u64) -> Result<f64> {
    let mut out = File::create(file)?;
    let watch = Watch::start();
    let mut buffer = Vec::with_capacity(2 << 20);
    for n in 0..calls {
        rmp_serde::encode::write(&mut buffer, &(payload(n),))?;
        if buffer.len() >= (2 << 20) - 256 {
            out.write_all(&buffer)?;
            out.sync_data()?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)?;
    out.sync_data()?;
    let seconds = watch.seconds();
    std::fs::remove_file(file)?;
    Ok(seconds)
}

/// Processor time in microseconds, and wall time, of one write of 4 KB and its sync.
pub(crate) fn sync(file: &Path, times: u32) -> Result<(f64, f64)> {
    let out = OpenOptions::new().create(true).truncate(false).write(true).open(file)?;
    let page = [7u8; 4096];
    let watch = Watch::start();
    for n in 0..times {
        out.write_all_at(&page, u64::from(n % 64) * 4096)?;
        out.sync_data()?;
    }
    let each = (watch.cpu_seconds() * 1e6 / f64::from(times), watch.seconds() * 1e6 / f64::from(times));
    std::fs::remove_file(file)?;
    Ok(each)
}

/// What one write of 4 KB and its sync cost.
#[allow(clippy::struct_field_names, reason = "units are last in a name")]
pub(crate) struct Sync {
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// The same as [`sync`], with the time of each.
pub(crate) fn sync_by_sync(file: &Path, times: u32) -> Result<Sync> {
    let out = OpenOptions::new().create(true).truncate(false).write(true).open(file)?;
    let page = [7u8; 4096];
    let (watch, mut waits) = (Watch::start(), Vec::new());
    for n in 0..times {
        let from = watch.seconds();
        out.write_all_at(&page, u64::from(n % 64) * 4096)?;
        out.sync_data()?;
        waits.push((watch.seconds() - from) * 1e6);
    }
    let cpu_us = watch.cpu_seconds() * 1e6 / f64::from(times);
    std::fs::remove_file(file)?;
    Ok(Sync { cpu_us, p50_us: percentile(&mut waits, 0.5), p99_us: percentile(&mut waits, 0.99) })
}

/// How many rows a second, and processor time in microseconds for each: the least that a queue in SQLite writes for a
/// message that is worked off. Each row is marked in one synced transaction and deleted in another.
pub(crate) fn rows(file: &Path, rows: u64) -> Result<(f64, f64)> {
    let mut db = rusqlite::Connection::open(file)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.execute_batch("CREATE TABLE message (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, body BLOB NOT NULL)")?;
    let filling = db.transaction()?;
    for id in 0..rows {
        let body = payload(id);
        filling
            .prepare_cached("INSERT INTO message VALUES (?1, 0, ?2)")?
            .execute((id.cast_signed(), body.as_bytes()))?;
    }
    filling.commit()?;
    let watch = Watch::start();
    for first in (0..rows.cast_signed()).step_by(64) {
        for change in ["UPDATE message SET state = 1 WHERE id = ?1", "DELETE FROM message WHERE id = ?1"] {
            let group = db.transaction()?;
            for id in first..first + 64 {
                group.prepare_cached(change)?.execute([id])?;
            }
            group.commit()?;
        }
    }
    let each = (rows as f64 / watch.seconds(), watch.cpu_seconds() * 1e6 / rows as f64);
    std::fs::remove_file(file)?;
    Ok(each)
}

/// Seconds to encode, decode and run `calls` no-op functions on one thread, with no queue in between.
pub(crate) fn call_in_place(calls: u64) -> Result<f64> {
    let watch = Watch::start();
    for n in 0..calls {
        let bytes = rmp_serde::to_vec(&(payload(n),))?;
        let (back,): (String,) = rmp_serde::from_slice(&bytes)?;
        std::hint::black_box(back);
    }
    Ok(watch.seconds())
}

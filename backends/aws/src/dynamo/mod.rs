//! The ledger, batch records, dead letters and schedule memory, in one DynamoDB table.
//!
//! | items | `pk` | `sk` |
//! | --- | --- | --- |
//! | a parcel's row | `p#<parcel>` | `-` |
//! | where a root parcel begins | `b#<batch>#<bucket>` | first call |
//! | results and failures of one recording | `r#<batch>#<bucket>` | parcel, epoch, hash of the contents |
//! | the reason of a removed dead letter | `r#<batch>#<bucket>` | `removed#`, call, when it died |
//! | a dead letter | `d#<shard>` | batch, call |
//! | a batch | `b#<batch>` | `-` |
//! | its counters | `c#<batch>#<shard>` | `-` |
//! | its place in the list of batches | `l#<shard>` | when it was opened, batch |
//! | its callback, until it is paid | `o` | batch |
//! | a schedule | `s#<schedule>` | `-` |
//! | how many invocations are outstanding ([`Outstanding`](super::Outstanding)) | `o#<function>` | `-` |
//!
//! A *bucket* is 4,096 calls of a batch; a *shard* spreads frequent writes over the table's partitions. Names of
//! attributes are short because every byte of them is billed.
//!
//! A batch counts the verdicts of a parcel when the parcel is sealed or finished. Verdicts of an open parcel are in its
//! row.
//!
//! Writes that require a claim are in one request with a condition on the parcel's row. That is either an update of the
//! row alone, which costs one unit, or a transaction with further items, at two units for each item.

mod batch_rows;
mod batches;
mod blob;
mod callbacks;
mod change;
mod claim;
mod counters;
mod dead_letters;
mod fence;
mod item;
mod keys;
mod ledger;
mod letters;
mod memo;
mod patience;
mod ports;
mod query;
mod records;
mod roots;
mod row;
mod schedules;
mod table;
mod transaction;
mod write;

pub(super) use ports::Dynamo;

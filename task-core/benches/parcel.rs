//! Measures the processor cost of a parcel: `cargo bench -p celeriac-core --bench parcel`. Throughput is in calls.

#![allow(missing_docs, reason = "the names of the benchmarks are what is printed")]

use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing, Parcel},
    ports::{ChildPlan, Seal},
    wire::{Header, decode_args, encode_args},
};
use divan::{Bencher, black_box, counter::ItemsCount};

/// About as many calls as a full parcel has if their arguments take 100 bytes.
const CALLS: u32 = 2000;

#[derive(serde::Serialize, serde::Deserialize)]
struct Args {
    to: String,
    template: String,
}

fn main() {
    divan::main();
}

fn args(n: u32) -> Args {
    Args { to: format!("recipient.{n}@example.org"), template: format!("spring sale, list {}, {:>40}", n % 7, n) }
}

fn header() -> Header {
    let batch = BatchId::new(1, 1);
    Header {
        counted: true,
        created_ms: 1,
        not_after_ms: 2,
        ..Header::new(ParcelId::root(batch, 0), batch, 0, "mail.send", "mail")
    }
}

fn packer() -> Packer {
    Packer::new(Packing { calls: CALLS, bytes: 256 << 10, call_bytes: 256 << 10 })
}

fn full() -> Bytes {
    let mut packer = packer();
    let mut encoded = Vec::new();
    for n in 0..CALLS {
        encoded.clear();
        encode_args(&args(n), &mut encoded).expect("strings can be encoded");
        packer.push(&encoded);
    }
    packer.encode(header())
}

/// Makes the compressed bytes that are sent from arguments.
#[divan::bench]
fn pack(bencher: Bencher<'_, '_>) {
    let calls: Vec<Args> = (0..CALLS).map(args).collect();
    let (mut packer, mut encoded) = (packer(), Vec::new());
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        for args in &calls {
            encoded.clear();
            encode_args(args, &mut encoded).expect("strings can be encoded");
            packer.push(&encoded);
        }
        packer.encode(header())
    });
}

/// Reads what a dispatcher reads.
#[divan::bench]
fn peek(bencher: Bencher<'_, '_>) {
    let parcel = full();
    bencher.counter(ItemsCount::new(CALLS)).bench(|| Header::peek(black_box(&parcel)));
}

/// Does a worker's work before the first call.
#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let parcel = full();
    bencher.counter(ItemsCount::new(CALLS)).bench(|| Parcel::open(black_box(&parcel)));
}

/// Decodes the arguments of all calls.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let parcel = Parcel::open(&full()).expect("it was just packed");
    bencher.counter(ItemsCount::new(CALLS)).bench(|| {
        for position in 0..CALLS {
            black_box(decode_args::<Args>(parcel.args(position)).expect("it was just encoded"));
        }
    });
}

/// Makes a child with every twentieth call, as retries do.
#[divan::bench]
fn child(bencher: Bencher<'_, '_>) {
    let parcel = Parcel::open(&full()).expect("it was just packed");
    let calls: Bitmap = (0..CALLS).step_by(20).collect();
    let seal = Seal { children: vec![ChildPlan { calls, attempt: 2, due_ms: 1 }] };
    bencher.counter(ItemsCount::new(CALLS / 20)).bench(|| parcel.children(black_box(&seal)));
}

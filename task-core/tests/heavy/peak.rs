//! Measures the memory that a reader takes besides its input, by counting allocations.

use std::{
    alloc::System,
    hint::black_box,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cap::Cap;

/// It refuses nothing, unlike the fuzzer's limit, since ending the process would hide the cause.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The most that may be taken: 64 MB, as the fuzzer counts them, and what the test harness takes meanwhile.
const MOST: usize = (64 << 20) + (64 << 10);

/// Keeps other tests from running, so that their memory, including that of their inputs, is not counted here.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads an input, which must not take too much memory.
pub(crate) fn hold<T>(what: &str, input: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    let (read, taken) = count(|| read(input));
    println!("{what}: {} bytes take {taken} more", input.len());
    assert!(taken <= MOST, "{what}: {} bytes take {taken} more, at most {MOST}", input.len());
    read
}

/// Does something, [`alone`], and returns the most memory that it had.
fn count<T>(act: impl FnOnce() -> T) -> (T, usize) {
    // The allocator's maximum never falls. So this takes what is missing to it, untouched, and the maximum rises with
    // the first byte that is allocated.
    let ballast: Vec<u8> = vec![0; ALLOCATOR.max_allocated() - ALLOCATOR.allocated()];
    let before = ALLOCATOR.allocated();
    let done = act();
    let taken = ALLOCATOR.max_allocated() - before;
    drop(black_box(ballast));
    (done, taken)
}

/// A broken meter would accept anything.
#[test]
fn memory_is_counted_at_its_peak() {
    let _alone = alone();
    for bytes in [1 << 20, 100, 3 << 20] {
        let ((), taken) = count(|| drop(black_box(vec![1_u8; bytes])));
        assert!((bytes..bytes + 4096).contains(&taken), "{bytes} are counted as {taken}");
    }
}

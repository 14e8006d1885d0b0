//! The sources of `fan_out`: iterators and streams. A source writes its calls straight into the parcel that is being
//! filled, many per poll; no call is boxed or kept.

use std::{
    fmt,
    iter::Fuse,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::Stream;

use super::Error;
use crate::{
    parcel::{Packer, Packing},
    task::{Takes, Task, arguments},
    wire::Way,
};

/// Marks a source that is an iterator.
#[derive(Debug)]
pub struct FromIter;

/// Marks a source that is a stream.
#[derive(Debug)]
pub struct FromStream;

/// A source of `fan_out`: any iterator or [`Stream`] whose items hold the arguments of the task. `M` tells the two
/// apart and is inferred.
#[diagnostic::on_unimplemented(
    message = "`fan_out` takes an iterator or a `Stream` of the arguments of `{T}`, not `{Self}`",
    note = "each item is a tuple of its arguments, in order (or the bare value if it has one)"
)]
pub trait Source<'a, T: Task, M> {
    /// The source in the form that `fan_out` reads.
    #[doc(hidden)]
    fn into_feed(self) -> Box<dyn Feed + 'a>;
}

impl<'a, T: Takes<I::Item>, I> Source<'a, T, FromIter> for I
where
    I: IntoIterator<IntoIter: Send + 'a>,
    I::Item: 'a,
{
    fn into_feed(self) -> Box<dyn Feed + 'a> {
        Box::new(Iter { items: self.into_iter().fuse(), task: PhantomData::<fn() -> T> })
    }
}

impl<'a, T: Takes<S::Item>, S> Source<'a, T, FromStream> for S
where
    S: Stream + Send + 'a,
    S::Item: 'a,
{
    fn into_feed(self) -> Box<dyn Feed + 'a> {
        Box::new(Polled { stream: Box::pin(self), ended: false, task: PhantomData::<fn() -> T> })
    }
}

/// How many items are skipped before other tasks of the runtime get their turn.
const SKIP: u64 = 10_000;

/// A source of any item type.
#[doc(hidden)]
pub trait Feed: Send {
    /// Writes calls until the sink is full (`true`) or the source has ended (`false`). Pending when the source has
    /// nothing yet.
    fn poll_fill(&mut self, cx: &mut Context<'_>, sink: &mut Sink) -> Poll<bool>;

    /// Drops some items and counts `left` down. `false` if the source has ended.
    fn poll_skip(&mut self, cx: &mut Context<'_>, left: &mut u64) -> Poll<bool>;

    /// The number of items, if known.
    fn count(&self) -> Option<u64>;
}

struct Iter<I: Iterator, T> {
    items: Fuse<I>,
    task: PhantomData<fn() -> T>,
}

impl<I: Iterator + Send, T: Takes<I::Item>> Feed for Iter<I, T> {
    fn poll_fill(&mut self, _: &mut Context<'_>, sink: &mut Sink) -> Poll<bool> {
        for item in self.items.by_ref() {
            if !sink.push::<T>(&T::args(item)) {
                return Poll::Ready(true);
            }
        }
        Poll::Ready(false)
    }

    fn poll_skip(&mut self, _: &mut Context<'_>, left: &mut u64) -> Poll<bool> {
        for _ in 0..(*left).min(SKIP) {
            if self.items.next().is_none() {
                return Poll::Ready(false);
            }
            *left -= 1;
        }
        Poll::Ready(true)
    }

    fn count(&self) -> Option<u64> {
        exact(self.items.size_hint())
    }
}

struct Polled<S, T> {
    stream: Pin<Box<S>>,
    ended: bool,
    task: PhantomData<fn() -> T>,
}

impl<S: Stream, T> Polled<S, T> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = ready!(self.stream.as_mut().poll_next(cx));
        self.ended = item.is_none();
        Poll::Ready(item)
    }
}

impl<S: Stream + Send, T: Takes<S::Item>> Feed for Polled<S, T> {
    fn poll_fill(&mut self, cx: &mut Context<'_>, sink: &mut Sink) -> Poll<bool> {
        while let Some(item) = ready!(self.poll_next(cx)) {
            if !sink.push::<T>(&T::args(item)) {
                return Poll::Ready(true);
            }
        }
        Poll::Ready(false)
    }

    fn poll_skip(&mut self, cx: &mut Context<'_>, left: &mut u64) -> Poll<bool> {
        for _ in 0..(*left).min(SKIP) {
            if ready!(self.poll_next(cx)).is_none() {
                return Poll::Ready(false);
            }
            *left -= 1;
        }
        Poll::Ready(true)
    }

    fn count(&self) -> Option<u64> {
        exact(self.stream.size_hint())
    }
}

fn exact((least, most): (usize, Option<usize>)) -> Option<u64> {
    (most == Some(least)).then_some(least as u64)
}

/// How many calls of a parcel are read back before they are sent, when not all are. Reading all would add half the time
/// of filling the parcel; 16 calls are about one in a hundred.
const READ_BACK: u32 = 16;

/// The parcel that is being filled, and the call that did not fit into the previous one.
#[doc(hidden)]
pub struct Sink {
    packer: Packer,
    limit: usize,
    call: Vec<u8>,
    held: bool,
    /// Whether a call has arguments that serde reads through a buffer: it may lose parts of any of them.
    buffered: bool,
    refused: Option<Refusal>,
}

/// Why a call cannot be sent at all.
enum Refusal {
    Encode(String),
    Unreadable(String),
    TooLarge(usize),
}

impl Sink {
    pub(super) fn new(packing: Packing) -> Self {
        Self {
            packer: Packer::new(packing),
            limit: packing.args_bytes(),
            call: Vec::new(),
            held: false,
            buffered: false,
            refused: None,
        }
    }

    /// Writes a call. Returns whether another may fit.
    pub(super) fn push<T: Task>(&mut self, args: &T::Args) -> bool {
        match self.encode::<T>(args) {
            Ok(()) => self.place(),
            Err(refusal) => {
                self.refused = Some(refusal);
                false
            }
        }
    }

    /// Encodes a call, and reads it back if a worker might be unable to read it.
    fn encode<T: Task>(&mut self, args: &T::Args) -> Result<(), Refusal> {
        self.call.clear();
        arguments::encode::<T>(args, &mut self.call).map_err(Refusal::Encode)?;
        if cfg!(debug_assertions) || self.buffered || self.packer.count() < READ_BACK {
            let way = arguments::verify::<T>(&self.call).map_err(Refusal::Unreadable)?;
            self.buffered |= way == Way::Buffered;
        }
        Ok(())
    }

    fn place(&mut self) -> bool {
        let bytes = self.call.len();
        if bytes > self.limit {
            self.refused = Some(Refusal::TooLarge(bytes));
            return false;
        }
        self.held = !self.packer.fits(bytes);
        if self.held {
            return false;
        }
        self.packer.push(&self.call);
        self.packer.fits(0)
    }

    /// The filled parcel, to be encoded. [`Self::next`] then begins the next one.
    pub(super) fn packer(&mut self) -> &mut Packer {
        &mut self.packer
    }

    /// Begins the next parcel with the call that did not fit into the last.
    pub(super) fn next(&mut self) {
        if std::mem::take(&mut self.held) {
            self.place();
        }
    }

    /// Why a call was refused.
    pub(super) fn refused(&mut self, task: &str) -> Option<Error> {
        let task = task.to_owned();
        Some(match self.refused.take()? {
            Refusal::Encode(why) => Error::Encode { task, why },
            Refusal::Unreadable(why) => Error::Unreadable { task, why },
            Refusal::TooLarge(bytes) => Error::TooLarge { task, bytes, limit: self.limit },
        })
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("packer", &self.packer).finish_non_exhaustive()
    }
}

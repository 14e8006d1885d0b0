//! What `fan_out` reads: iterators and streams.

use futures::{Stream, StreamExt, stream::BoxStream};

use crate::task::{Takes, Task};

/// Marks a source that is an iterator.
#[derive(Debug)]
pub struct FromIter;

/// Marks a source that is a stream.
#[derive(Debug)]
pub struct FromStream;

/// What `fan_out` reads. `M` tells iterators from streams and is inferred.
#[diagnostic::on_unimplemented(
    message = "`fan_out` takes an iterator or a `Stream` of the arguments of `{T}`, not `{Self}`",
    note = "each item is a tuple of its arguments, in order (or the bare value if it has one)"
)]
pub trait Source<'a, T: Task, M> {
    /// The calls.
    #[doc(hidden)]
    fn into_calls(self) -> BoxStream<'a, T::Args>;
}

impl<'a, T: Takes<I::Item>, I> Source<'a, T, FromIter> for I
where
    I: IntoIterator<IntoIter: Send + 'a>,
    I::Item: 'a,
{
    fn into_calls(self) -> BoxStream<'a, T::Args> {
        Box::pin(futures::stream::iter(self.into_iter().map(T::args)))
    }
}

impl<'a, T: Takes<S::Item>, S> Source<'a, T, FromStream> for S
where
    S: Stream + Send + 'a,
    S::Item: 'a,
{
    fn into_calls(self) -> BoxStream<'a, T::Args> {
        Box::pin(self.map(T::args))
    }
}

//! A call on its way.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::BoxFuture;

use super::{Error, Handle};
use crate::task::Task;

/// A call on its way: resolves once it is accepted.
#[must_use = "nothing is sent until it is awaited"]
pub struct Delay<T: Task> {
    sent: BoxFuture<'static, Result<Handle<T::Output>, Error>>,
}

impl<T: Task> Delay<T> {
    pub(super) fn new(sent: impl Future<Output = Result<Handle<T::Output>, Error>> + Send + 'static) -> Self {
        Self { sent: Box::pin(sent) }
    }
}

impl<T: Task> Future for Delay<T> {
    type Output = Result<Handle<T::Output>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.sent.as_mut().poll(cx)
    }
}

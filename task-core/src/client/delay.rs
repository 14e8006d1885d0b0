//! A call in flight.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::oneshot;

use super::{
    Client, Error, Handle, Unsent,
    blocking::block_on,
    coalesce::{Lost, NotSent, PendingCall, Push, Reply},
    lone::Lone,
};
use crate::{
    id::TaskId,
    ports::{PortError, SendError},
    task::Task,
};

/// A call in flight: resolves once the call is durable, on any executor. Its arguments are already encoded, so it
/// borrows nothing. Code that is not async uses [`blocking_send`](Self::blocking_send).
///
/// The first poll hands the call over. Dropping the future after that does not take the call back, as when a web
/// framework drops a request whose client hung up: the client's thread finishes the send.
#[must_use = "nothing is sent until it is awaited"]
pub struct Delay<T: Task> {
    sending: Sending,
    output: PhantomData<fn() -> T::Output>,
}

impl<T: Task> Delay<T> {
    pub(super) fn new(sending: Sending) -> Self {
        Self { sending, output: PhantomData }
    }

    /// Sends the call from code that is not async, such as a task that is a plain function. Blocks this thread until
    /// the call is durable.
    ///
    /// # Errors
    /// Those of [`Call::send`](super::Call::send).
    pub fn blocking_send(self) -> Result<Handle<T::Output>, Error> {
        block_on(self)
    }
}

impl<T: Task> Future for Delay<T> {
    type Output = Result<Handle<T::Output>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (client, id) = ready!(Pin::new(&mut self.sending).poll(cx))?;
        Poll::Ready(Ok(Handle::new(client, id)))
    }
}

impl<T: Task> fmt::Debug for Delay<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delay({})", T::NAME)
    }
}

/// The part of [`Delay`] that does not depend on the task.
pub(super) struct Sending(State);

enum State {
    Refused(Error),
    Unsent(Client, PendingCall, oneshot::Receiver<Reply>),
    Sent(Client, Cow<'static, str>, oneshot::Receiver<Reply>, Option<Lone>),
    Over,
}

impl Sending {
    pub(super) fn new(client: Client, call: PendingCall, reply: oneshot::Receiver<Reply>) -> Self {
        Self(State::Unsent(client, call, reply))
    }

    pub(super) fn refused(error: Error) -> Self {
        Self(State::Refused(error))
    }
}

impl Future for Sending {
    type Output = Result<(Client, TaskId), Error>;

    /// # Panics
    /// If polled after it has ended, as futures do.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.0, State::Over) {
                State::Refused(error) => return Poll::Ready(Err(error)),
                State::Unsent(client, call, reply) => {
                    let task = call.spec.task.clone();
                    match client.coalescer().push(call, cx.waker()) {
                        Push::Taken => self.0 = State::Sent(client, task, reply, None),
                        Push::Alone(call) => {
                            let lone = Lone::new(client.clone(), call);
                            self.0 = State::Sent(client, task, reply, Some(lone));
                        }
                        Push::Full(call) => {
                            self.0 = State::Unsent(client, call, reply);
                            return Poll::Pending;
                        }
                        Push::Failed(error) => return Poll::Ready(Err(no_thread(&task, error))),
                    }
                }
                State::Sent(client, task, mut reply, mut lone) => {
                    if let Some(lone) = &mut lone {
                        lone.poll(cx);
                    }
                    let Poll::Ready(reply) = Pin::new(&mut reply).poll(cx) else {
                        self.0 = State::Sent(client, task, reply, lone);
                        return Poll::Pending;
                    };
                    return Poll::Ready(match reply {
                        Ok(Ok(id)) => Ok((client, id)),
                        Ok(Err(not_sent)) => Err(match *not_sent {
                            NotSent::Lost(lost) => lost.told(client, task),
                            NotSent::Refused(error) => error,
                        }),
                        Err(_) => Err(thread_ended(&task)),
                    });
                }
                State::Over => panic!("a `Delay` was polled after it had ended"),
            }
        }
    }
}

impl Lost {
    fn told(self, client: Client, task: Cow<'static, str>) -> Error {
        let Self { id, message, error } = self;
        match error {
            SendError::Rejected(source) => Error::Rejected { task: task.into_owned(), source },
            SendError::Unknown(source) => {
                Error::Unknown { unsent: Box::new(Unsent { client, task, id, message }), source }
            }
        }
    }
}

fn no_thread(task: &str, error: std::io::Error) -> Error {
    let what = "the client's thread cannot be started: this process may not have more threads or memory".to_owned();
    let source = PortError::Unavailable { what, source: Some(std::sync::Arc::new(error)) };
    Error::Rejected { task: task.to_owned(), source }
}

/// Calls are dropped unanswered only before they are packed, so they were not sent.
fn thread_ended(task: &str) -> Error {
    let what = "the client's thread panicked before it sent the call; its message is in the log".to_owned();
    Error::Rejected { task: task.to_owned(), source: PortError::Unavailable { what, source: None } }
}

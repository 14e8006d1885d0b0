//! A call that is not sent yet, with its options.

use std::{fmt, time::Duration};

use tokio::sync::oneshot;

use super::{Client, Delay, Error, Handle, coalesce::PendingCall, delay::Sending, spec::spec};
use crate::{
    lane::Lane,
    parcel::Packing,
    planner,
    task::{Options, Task, arguments},
};

/// The options of a call. Each field is a method of [`Call`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallOptions {
    /// See [`Call::countdown`].
    pub countdown: Option<Duration>,
    /// See [`Call::eta`].
    pub eta: Option<jiff::Timestamp>,
    /// See [`Call::expires`].
    pub expires: Option<Duration>,
    /// See [`Call::queue`].
    pub queue: Option<String>,
    /// See [`Call::tenant`].
    pub tenant: Option<String>,
    /// See [`Call::lane`].
    pub lane: Option<Lane>,
    /// See [`Call::unique`].
    pub unique: Option<String>,
}

/// A call with its arguments, not yet sent.
#[must_use = "nothing is sent until `.send().await`"]
pub struct Call<T: Task> {
    args: T::Args,
    options: CallOptions,
    client: Option<Client>,
}

impl<T: Task> Call<T> {
    /// A call with these arguments.
    pub fn new(args: T::Args) -> Self {
        Self { args, options: CallOptions::default(), client: None }
    }

    /// Runs the call no earlier than this long after now. At most ten years. Defaults to at once. Celery: `countdown`.
    pub fn countdown(mut self, countdown: Duration) -> Self {
        self.options.countdown = Some(countdown);
        self
    }

    /// Runs the call no earlier than this time; at once if the time is past. At most ten years away. Defaults to at
    /// once. Celery: `eta`.
    pub fn eta(mut self, eta: jiff::Timestamp) -> Self {
        self.options.eta = Some(eta);
        self
    }

    /// How long after now the call may still be started. After that it becomes a dead letter. Must be longer than the
    /// countdown. Defaults to the task's `expires`. Celery: `expires`.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = Some(expires);
        self
    }

    /// The queue to send to. 1 to 80 letters, digits, `_` or `-`. Defaults to the task's queue. Celery: `queue`.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.options.queue = Some(queue.into());
        self
    }

    /// The tenant that the call is made for, such as a customer's number. 1 to 128 printable ASCII characters. On SQS a
    /// tenant with a long backlog does not delay the others (fair queues, by message group). Defaults to none. Celery
    /// has no such option.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.options.tenant = Some(tenant.into());
        self
    }

    /// The lane of the queue that the call waits in. Interactive calls do not wait behind bulk calls of the same queue. A
    /// job that sends many single calls, for which no one waits, sends them with [`Lane::Bulk`]. Retries stay in the
    /// lane. A dead letter of the call goes back to the usual lane when it is retried. Defaults to
    /// [`Lane::Interactive`]. Celery: a queue of its own (`task_routes`), or `priority`.
    pub fn lane(mut self, lane: Lane) -> Self {
        self.options.lane = Some(lane);
        self
    }

    /// A key: of all calls of this task with the same key, one runs. This holds for as long as the ledger keeps the
    /// call's row, which is 16 days after it was sent or due. The answer to a second call depends on the first:
    ///
    /// - it is queued, running or has succeeded: the handle of the first call, whose arguments count;
    /// - it is dead: [`Error::KeyDead`], since the new call would not run; [`Client::retry_dead`] sends the first
    ///   again;
    /// - its dead letter was dropped, which frees the key: a new call with its own id.
    ///
    /// When several are sent at the same time, the one that is claimed first decides the arguments. Such a call has its
    /// own parcel, and so its own claim, and its key is looked up before it is sent. Defaults to none. Celery:
    /// `task_id`, which does not prevent a second run.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.options.unique = Some(key.into());
        self
    }

    /// Sends with this client. Defaults to the [ambient](Client::ambient) one.
    pub fn on(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// The arguments.
    pub fn args(&self) -> &T::Args {
        &self.args
    }

    /// Sends the call. The arguments are encoded now and read back as a worker will read them. Errors in them are
    /// reported when the result is awaited. Celery: `apply_async`.
    ///
    /// # Errors
    /// [`Error::Rejected`]: the call will not run. [`Error::Unknown`]: it may run.
    pub fn send(self) -> Delay<T> {
        let mut args = Vec::with_capacity(ARGS_BYTES);
        let task = || T::NAME.to_owned();
        let encoded = arguments::encode::<T>(&self.args, &mut args)
            .map_err(|why| Error::Encode { task: task(), why })
            .and_then(|()| arguments::verify::<T>(&args).map_err(|why| Error::Unreadable { task: task(), why }));
        Delay::new(
            encoded
                .and_then(|_| self.client.map_or_else(Client::ambient, Ok))
                .map_or_else(Sending::refused, |client| prepare(client, T::NAME, &T::OPTIONS, args, &self.options)),
        )
    }
}

impl<T: Task> Call<T> {
    /// Sends it as [`send`](Self::send) does, from code that is not async: blocks this thread until the call is durable.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn blocking_send(self) -> Result<Handle<T::Output>, Error> {
        self.send().blocking_send()
    }
}

/// Room for typical arguments.
const ARGS_BYTES: usize = 128;

/// A call with encoded arguments, ready for the coalescer.
pub(super) fn prepare(
    client: Client,
    task: &'static str,
    options: &Options,
    args: Vec<u8>,
    call: &CallOptions,
) -> Sending {
    let ports = client.ports();
    let parcel_calls = planner::coalesced_calls(options);
    let limit = Packing::of(ports.profile, parcel_calls).args_bytes();
    if args.len() > limit {
        return Sending::refused(Error::TooLarge { task: task.to_owned(), bytes: args.len(), limit });
    }
    let spec = match spec(task, options, call, ports.clock.now_ms()) {
        Ok(spec) => spec,
        Err(error) => return Sending::refused(error),
    };
    let (reply, replied) = oneshot::channel();
    Sending::new(client, PendingCall { spec, parcel_calls, key: call.unique.clone(), args, reply }, replied)
}

impl<T: Task> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({}, {:?})", T::NAME, self.options)
    }
}

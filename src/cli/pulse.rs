//! The sign of life of a role, for `health`: a socket that answers while the role's runtime works.
//!
//! The socket has an abstract name (`unix(7)`), so that nothing is written to a disk, and nothing is left behind when the
//! process ends. Its name has the namespace of process ids, since the containers of a pod or of a task on Fargate share
//! a network, and with it these names. It also has a hash of the store, so that other roles of a machine are not asked.

use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, time::Instant};

/// How long a role's runtime may take to begin a task. Then the role gives no sign.
const STUCK: Duration = Duration::from_secs(2);

/// The most bytes of a sign.
const MOST_BYTES: u64 = 64 << 10;

/// What a role says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sign {
    /// Its name, as on the command line.
    pub(super) role: String,
    pub(super) process: u32,
    /// The URL of its store. A file has its absolute path.
    pub(super) store: Option<String>,
    pub(super) running_calls: usize,
    /// Threads that calls block for ever.
    pub(super) blocked_threads: usize,
}

/// A role that has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// A hash of its store's URL.
    store: u64,
    pub(super) process: u32,
}

/// Gives signs of life from now on, each made by a task of the current runtime.
pub(super) fn give(store: Option<&str>, sign: impl Fn() -> Sign + Send + Sync + 'static) {
    let runtime = Handle::current();
    let own = Found { store: hash(store), process: std::process::id() };
    let listener = SocketAddr::from_abstract_name(own.name(&prefix())).and_then(|name| UnixListener::bind_addr(&name));
    let given = listener.and_then(|listener| {
        let answer = move || answer(&listener, &runtime, &Arc::new(sign));
        thread::Builder::new().name("celeriac-health".to_owned()).spawn(answer).map(drop)
    });
    if let Err(error) = given {
        tracing::warn!(%error, "`health` will not find this process");
    }
}

fn answer<S: Fn() -> Sign + Send + Sync + 'static>(listener: &UnixListener, runtime: &Handle, sign: &Arc<S>) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else {
            // Too many open files, perhaps.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let (sender, receiver) = mpsc::channel();
        let sign = Arc::clone(sign);
        runtime.spawn(async move { sender.send(sign()) });
        // The process that asked may have ended. If there is no sign, the connection is closed, and `health` reports that.
        if let Ok(sign) = receiver.recv_timeout(STUCK) {
            let _ = stream.set_write_timeout(Some(STUCK));
            let _ = serde_json::to_vec(&sign).map_err(io::Error::from).and_then(|sign| stream.write_all(&sign));
        }
    }
}

/// The roles in this namespace of process ids.
///
/// # Errors
/// If the sockets of this machine cannot be listed.
pub(super) fn find() -> io::Result<BTreeSet<Found>> {
    Ok(listed(&fs::read_to_string("/proc/net/unix")?, &prefix()))
}

impl Found {
    /// Whether it is a role of this store.
    pub(super) fn is_of(self, store: &str) -> bool {
        self.store == hash(Some(store))
    }

    /// Asks it for a sign, until then.
    ///
    /// # Errors
    /// If it gives none, the reason.
    pub(super) fn ask(self, until: Instant) -> Result<Sign, String> {
        let mut sign = Vec::new();
        let asked = SocketAddr::from_abstract_name(self.name(&prefix())).and_then(|name| {
            let stream = UnixStream::connect_addr(&name)?;
            // Zero would be no limit.
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            stream.set_read_timeout(Some(left))?;
            stream.take(MOST_BYTES).read_to_end(&mut sign)
        });
        match asked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err("it does not answer in time".to_owned()),
            Err(error) => Err(error.to_string()),
            Ok(0) => {
                Err(format!("its runtime has not begun a task for {} s: all its threads are blocked", STUCK.as_secs()))
            }
            Ok(_) => {
                serde_json::from_slice(&sign).map_err(|error| format!("its answer is of another version: {error}"))
            }
        }
    }

    fn name(self, prefix: &str) -> String {
        format!("{prefix}{:016x}/{}", self.store, self.process)
    }

    fn read(name: &str) -> Option<Self> {
        let (store, process) = name.split_once('/')?;
        Some(Self { store: u64::from_str_radix(store, 16).ok()?, process: process.parse().ok()? })
    }
}

/// The sockets of this prefix in a list of the machine's sockets. A line ends with the socket's name, after an `@` if that
/// is abstract; connections have a line each, with the same name.
fn listed(sockets: &str, prefix: &str) -> BTreeSet<Found> {
    sockets.lines().filter_map(|line| Found::read(line.rsplit_once('@')?.1.strip_prefix(prefix)?)).collect()
}

fn prefix() -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    format!("celeriac/{namespace}/")
}

/// The same for all processes of one program.
fn hash(store: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    store.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_another_namespace_and_other_sockets_are_not_found() {
        let sockets = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 23113 @celeriac/pid:[4026531836]/00000000000000ff/17
0000000000000000: 00000003 00000000 00000000 0001 03 23114 @celeriac/pid:[4026531836]/00000000000000ff/17
0000000000000000: 00000002 00000000 00010000 0001 01 23115 @celeriac/pid:[4026532201]/00000000000000ff/18
0000000000000000: 00000002 00000000 00010000 0001 01 23116 /run/celeriac/pid:[4026531836]/00000000000000ff/19
0000000000000000: 00000002 00000000 00010000 0001 01 23117 @celeriac/pid:[4026531836]/x
0000000000000000: 00000003 00000000 00000000 0001 03 23118
";
        let found = listed(sockets, "celeriac/pid:[4026531836]/");
        assert_eq!(found, BTreeSet::from([Found { store: 255, process: 17 }]));
    }

    #[test]
    fn a_role_whose_runtime_is_blocked_gives_no_sign() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store = "sqlite:/of/this/test.db";
        let sign = || Sign {
            role: "worker".to_owned(),
            process: std::process::id(),
            store: Some(store.to_owned()),
            running_calls: 3,
            blocked_threads: 0,
        };
        runtime.block_on(async { give(Some(store), sign) });
        let ask = || {
            let found = find().unwrap().into_iter().find(|found| found.is_of(store)).unwrap();
            found.ask(Instant::now() + STUCK * 5)
        };
        assert_eq!(ask().unwrap().running_calls, 3);
        let (release, blocked) = mpsc::channel::<()>();
        runtime.spawn(async move { blocked.recv() });
        assert_eq!(ask().unwrap_err(), "its runtime has not begun a task for 2 s: all its threads are blocked");
        release.send(()).unwrap();
        assert!(ask().is_ok());
        runtime.shutdown_background();
    }
}

//! A stack that tests share, one after the other.

use std::{
    process::{Child, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use aws_config::SdkConfig;
use aws_tests::{Asked, Deployment, Fault, Ministack, Proxy, config};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

type Rule = Box<dyn Fn(&Asked) -> Fault + Send>;

/// A deployed smoke suite.
pub(crate) struct Stage {
    /// The name of the stack.
    pub(crate) name: &'static str,
    rule: Arc<Mutex<Rule>>,
    pub(crate) stack: Deployment,
    _proxy: Proxy,
    pub(crate) aws: Ministack,
}

impl Stage {
    pub(crate) fn new(name: &'static str) -> Self {
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_| Fault::None)));
        let aws = Ministack::start();
        let present = rule.clone();
        let proxy = Proxy::start(aws.endpoint(), move |asked: &Asked| lock(&present)(asked));
        let settings = include_str!("../../../../examples/smoke/deploy.toml");
        let stack = Deployment::new(&aws, proxy.endpoint(), ("smoke", name), settings, &[]);
        Self { name, rule, stack, _proxy: proxy, aws }
    }

    /// Applies this rule from now on.
    pub(crate) fn rule(&self, rule: impl Fn(&Asked) -> Fault + Send + 'static) {
        *lock(&self.rule) = Box::new(rule);
    }

    /// Applies a rule until this many seconds after its first fault. Returns how many faults it made.
    pub(crate) fn rule_for(&self, seconds: u64, rule: impl Fn(&Asked) -> Fault + Send + 'static) -> usize {
        let faults = Arc::new(AtomicUsize::new(0));
        let counted = faults.clone();
        self.rule(move |asked| {
            let fault = rule(asked);
            counted.fetch_add(usize::from(fault != Fault::None), Ordering::Relaxed);
            fault
        });
        until("a fault", || (faults.load(Ordering::Relaxed) > 0).then_some(()));
        thread::sleep(Duration::from_secs(seconds));
        self.rule(|_| Fault::None);
        faults.load(Ordering::Relaxed)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Child {
        let mut command = self.stack.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
    }

    /// Starts calls on both roads that return their attempt and are waited for.
    pub(crate) fn call(&self, calls: usize) -> Vec<Child> {
        let args = ["call", "smoke.flaky", "[1]", "--wait", "--timeout", "100s", "--json"];
        let narrow = [&args[..], &["--queue", "smoke-narrow"]].concat();
        (0..calls).flat_map(|_| [self.command(&args), self.command(&narrow)]).collect()
    }

    /// Starts a call of some seconds on the wide road. Returns its id once a function runs it, and no other function
    /// runs.
    pub(crate) fn running_call(&self) -> String {
        self.signal_workers(Signal::KILL);
        let call = printed(self.command(&["call", "smoke.slow", "[6]", "--json"]));
        let id = call["id"].as_str().expect("a call has an id").to_owned();
        until("a run", || (self.status(&id)["state"] == "running").then_some(()));
        id
    }

    pub(crate) fn status(&self, id: &str) -> Value {
        printed(self.command(&["status", id, "--json"]))
    }

    /// Waits for a call to succeed although its worker died. Nothing tells the call of the death: no attempt has
    /// failed.
    pub(crate) fn goes_on(&self, id: &str) {
        let call = until("a call that goes on", || Some(self.status(id)).filter(|call| call["state"] == "succeeded"));
        assert_eq!(call["history"], json!([]), "{call:#}");
    }

    /// Sends a signal to all workers, whatever they are doing, as the platform does.
    pub(crate) fn signal_workers(&self, signal: Signal) {
        for worker in self.stack.processes("worker") {
            let worker = Pid::from_raw(worker.cast_signed()).expect("a process has an id");
            // It may have ended meanwhile.
            let _ = kill_process(worker, signal);
        }
    }

    /// How often the log says this.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.aws.log().matches(text).count()
    }

    pub(crate) fn config(&self) -> SdkConfig {
        wait(config(self.aws.endpoint()))
    }
}

fn lock(rule: &Mutex<Rule>) -> MutexGuard<'_, Rule> {
    rule.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// The JSON that a command printed.
pub(crate) fn printed(command: Child) -> Value {
    let output = command.wait_with_output().expect("it can be waited for");
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

/// Asserts that the first attempt of each call is its last.
pub(crate) fn assert_first_attempts(calls: Vec<Child>) {
    for call in calls {
        let call = printed(call);
        assert_eq!((&call["state"], &call["result"]), (&json!("succeeded"), &json!(1)), "{call:#}");
    }
}

/// Waits until something exists, for two minutes at most: leases and time limits are shorter.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = (0..1_200).find_map(|_| {
        look().or_else(|| {
            thread::sleep(Duration::from_millis(100));
            None
        })
    });
    found.unwrap_or_else(|| panic!("waited for {what} in vain"))
}

//! Child processes in which figures are measured.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Write as _},
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// This benchmark again, in one of its modes. It prints its readings as JSON objects, one a line. Killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// Starts `this-program child ARGS..`.
///
/// # Errors
/// If no process can be started.
pub fn spawn<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<Child> {
    spawn_with(&[], args)
}

/// The same, with these variables in its environment.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with<A: AsRef<OsStr>>(env: &[(&str, &str)], args: impl IntoIterator<Item = A>) -> Result<Child> {
    let mut process = Command::new(std::env::current_exe()?)
        .arg("child")
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = BufReader::new(process.stdout.take().context("no pipe")?);
    Ok(Child { stdin: process.stdin.take(), process, stdout })
}

impl Child {
    /// Reads the next object.
    ///
    /// # Errors
    /// If it has ended, or its output is not JSON.
    pub fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the child has ended: {}", self.process.wait()?);
        serde_json::from_str(&line).with_context(|| format!("the child said {line:?}"))
    }

    /// Sends a request, and reads the answer.
    ///
    /// # Errors
    /// As [`Child::hear`].
    pub fn ask(&mut self, question: &str) -> Result<Value> {
        let stdin = self.stdin.as_mut().context("the child was told to end")?;
        writeln!(stdin, "{question}")?;
        self.hear()
    }

    /// Closes its input so that it ends, and reads its last object.
    ///
    /// # Errors
    /// If it failed, or printed nothing.
    pub fn readings(mut self) -> Result<Value> {
        drop(self.stdin.take());
        let mut last = None;
        let mut line = String::new();
        while self.stdout.read_line(&mut line)? > 0 {
            last = Some(std::mem::take(&mut line));
        }
        let status = self.process.wait()?;
        ensure!(status.success(), "the child failed: {status}");
        Ok(serde_json::from_str(&last.context("the child said nothing")?)?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Killing fails only if it has ended already, which is the usual case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! The dispatcher's function: events as Lambda writes them, on a file instead of a stack.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod dead;
mod dispatch;
mod failures;
mod site;
mod unknown;

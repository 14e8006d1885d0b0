//! A task queue without servers.

mod app;

pub use app::{App, DATABASE, DATABASE_VARIABLE, Road};

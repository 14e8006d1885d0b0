//! Tests `deploy apply`, `deploy check` and `deploy rollback` as users run them, on a local AWS.

mod apply;
mod check;
mod desk;
mod rollback;

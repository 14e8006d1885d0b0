//! Tests `deploy apply` and `deploy check` as users run them, on a local AWS.

mod apply;
mod check;
mod desk;

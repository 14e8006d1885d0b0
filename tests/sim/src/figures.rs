//! How fast it is.

/// Prints figures.
pub fn figures() {}

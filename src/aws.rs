//! The AWS backend, as far as a program names it: which stack it uses and how, and what that has cost or will.

pub use celeriac_aws::{
    Backend, Bill, Estimate, Limit, Line, Meter, Operation, Options, Settings, SettingsError, Stack, StackError, Usage,
    open, open_with,
};

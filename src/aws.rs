//! The AWS backend's public types: which stack a program uses and how, and its past and expected costs.

pub use celeriac_aws::{
    Backend, Bill, Estimate, Limit, Line, Meter, Operation, Options, Role, Settings, SettingsError, Stack, StackError,
    Usage, open, open_with,
};

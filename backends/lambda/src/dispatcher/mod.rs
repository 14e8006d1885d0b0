//! The dispatcher as a Lambda function. Its event decides its work:
//!
//! | event | what is done |
//! | --- | --- |
//! | messages of a queue | workers are launched for their parcels; the messages stay, hidden |
//! | messages of `STACK-failures` | the leases of a worker that died are ended, and its messages shown again |
//! | messages of `STACK-..-dead` | parcels that have only waited are sent again; the calls of the others become dead letters |
//! | `{"celeriac":"sweep"}` | callbacks that batches owe are sent |

mod again;
mod dead;
mod event;
mod failures;
mod handler;

pub use handler::Handler;

//! `#[task]` and `#[derive(Task)]` of Celeriac, to be used through the crate `celeriac`.
//!
//! Each is a pipeline: parse, validate against what a task can be, expand. What is wrong is
//! collected and reported at once, and what can still be emitted is, so that one mistake is one error. Generated code
//! holds no logic: it calls into `celeriac::__private`, and names nothing else of the crate.

mod errors;
mod expand;
mod function;
mod options;
mod owned;
mod structure;

use proc_macro::TokenStream;

/// Makes a function a task. The documentation is at `celeriac::task`.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    function::task(options.into(), &item.into()).into()
}

/// Makes a struct a task. The documentation is at `celeriac::Task`.
#[proc_macro_derive(Task, attributes(task))]
pub fn derive_task(item: TokenStream) -> TokenStream {
    structure::task(item.into()).into()
}

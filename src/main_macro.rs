//! `celeriac::main!`: a program's whole `main`.

/// A program's whole `main`: roles and commands, as `--help` lists them.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use celeriac::{App, BoxError};
///
/// struct Mailer;
///
/// async fn setup(app: App) -> Result<App, BoxError> {
///     Ok(app.state(Mailer).slots(16))
/// }
///
/// fn main() -> ExitCode {
///     celeriac::main!(setup)
/// }
/// ```
///
/// The optional set-up is an `async fn(App) -> Result<App, BoxError>`. It runs in the roles that execute tasks (`dev`,
/// `worker`), before the first task starts and on the runtime that runs them. The other roles and the commands never
/// run it. So `main` itself is neither `async` nor under `#[tokio::main]`. An error ends the process with exit code 3.
/// Log lines go to standard error, filtered by `RUST_LOG`, unless the program has installed its own subscriber.
#[macro_export]
macro_rules! main {
    () => {
        $crate::main!(|app| async move { ::core::result::Result::Ok(app) })
    };
    ($setup:expr $(,)?) => {
        $crate::cli::main(
            $crate::cli::Program {
                name: ::core::option::Option::unwrap_or(
                    ::core::option_env!("CARGO_BIN_NAME"),
                    ::core::env!("CARGO_PKG_NAME"),
                ),
                version: ::core::env!("CARGO_PKG_VERSION"),
            },
            $setup,
        )
    };
}

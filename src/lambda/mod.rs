//! Runs the program as a Lambda function: `main!` becomes the handler that the function's settings name. All functions
//! of a stack share one zip.
//!
//! A request waits for each start, so what the first event can do without is created later, as threads for calls.
//! Connections are opened here: every event needs them, and Lambda gives a function that starts a whole processor for TLS.

mod init_error;

use std::{env, future::Future, process::ExitCode, sync::Arc};

use celeriac_aws::{Backend, Options, Role, Settings};
use celeriac_core::{
    client::Client,
    ports::BoxError,
    task::{Registry, chain},
};
use celeriac_lambda::serve;
use futures::future::join;
use tokio::runtime::{Builder, Runtime};

use tracing::level_filters::LevelFilter;

use self::init_error::InitError;
use crate::{
    App,
    logging::{Form, Logging},
    store::StoreChoice,
};

/// Whether this process is a function.
pub(crate) fn is_here() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Handles events until the process must end.
pub(crate) fn main<S, F>(setup: S) -> ExitCode
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    let logging = logging();
    let served = match env::var("_HANDLER").as_deref() {
        Ok("dispatcher") => dispatcher(&logging),
        Ok("worker") => worker(setup, &logging),
        handler => Err(InitError::Handler(handler.unwrap_or_default().to_owned())),
    };
    let Err(error) = served else { return ExitCode::SUCCESS };
    logging.install();
    tracing::error!("{error}");
    init_error::report(&error);
    ExitCode::FAILURE
}

/// The log in the form of Lambda's `AWS_LAMBDA_LOG_FORMAT`, from the level of its `AWS_LAMBDA_LOG_LEVEL` on. `RUST_LOG`
/// takes precedence: the template sets the level for all functions, so a `RUST_LOG` was set on purpose.
fn logging() -> Logging {
    let json = env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level_of(&level));
    Logging::new(level.unwrap_or(LevelFilter::INFO), if json { Form::CloudJson } else { Form::CloudText })
}

/// Lambda's names for levels.
fn level_of(name: &str) -> Option<LevelFilter> {
    if name.eq_ignore_ascii_case("fatal") { Some(LevelFilter::ERROR) } else { name.parse().ok() }
}

fn dispatcher(logging: &Logging) -> Result<(), InitError> {
    logging.install();
    let runtime = runtime(&mut Builder::new_current_thread())?;
    let (backend, registry) = (backend()?, Registry::linked()?);
    let handler = celeriac_lambda::dispatcher::Handler::new(backend.clone(), &registry);
    runtime.block_on(async {
        backend.connect(Role::Dispatcher, &registry).await;
        serve(handler).await.map_err(InitError::Serve)
    })
}

fn worker<S, F>(setup: S, logging: &Logging) -> Result<(), InitError>
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    // Work that a set-up starts runs here, as in every other role; calls have their own threads.
    let runtime = runtime(Builder::new_multi_thread().worker_threads(1))?;
    let served = runtime.block_on(async {
        let (backend, registry) = (backend()?, Registry::linked()?);
        Client::set_default(Client::new(backend.ports()));
        let app = {
            let _logging = logging.provisional();
            let set_up = async { setup(App::default()).await.map_err(|error| InitError::SetUp(chain(&*error))) };
            let (app, ()) = join(set_up, backend.connect(Role::Worker, &registry)).await;
            app?
        };
        logging.install();
        if !matches!(app.store, StoreChoice::Environment) {
            return Err(InitError::Store);
        }
        registry.check(&app.states)?;
        let handler = celeriac_lambda::worker::Handler::new(backend, Arc::new(registry), app.states);
        serve(handler).await.map_err(InitError::Serve)
    });
    // Does not wait for a call that blocks its thread for ever.
    runtime.shutdown_background();
    served
}

fn runtime(builder: &mut Builder) -> Result<Runtime, InitError> {
    builder.enable_all().build().map_err(|error| InitError::Runtime(error.to_string()))
}

fn backend() -> Result<Backend, InitError> {
    let settings = Settings::from_environment()?.ok_or(InitError::NoStack)?;
    Ok(Backend::new(settings, Options::default())?)
}

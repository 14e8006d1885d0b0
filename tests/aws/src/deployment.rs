//! Deploys a stack as users do: from the program's own template and zip.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{CREDENTIALS, Ministack, ministack::python};

/// A deployed program.
#[derive(Debug)]
pub struct Deployment {
    program: PathBuf,
    /// The URL of the stack.
    store: String,
    endpoint: String,
    folder: TempDir,
}

impl Deployment {
    /// Deploys the example of this name with these settings. Its functions and commands find AWS at `endpoint`: a
    /// proxy, or the local AWS itself. `environment` has further variables for its functions. The bucket `STACK-deploy`
    /// is made first, with the zip in it.
    pub fn new(
        aws: &Ministack,
        endpoint: &str,
        (example, stack): (&str, &str),
        settings: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::with_options(aws, endpoint, (example, stack), settings, environment, &[])
    }

    /// The same, with functions that are published as versions behind an alias.
    pub fn of_versions(
        aws: &Ministack,
        endpoint: &str,
        (example, stack): (&str, &str),
        settings: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::with_options(aws, endpoint, (example, stack), settings, environment, &["--code", "code"])
    }

    fn with_options(
        aws: &Ministack,
        endpoint: &str,
        (example, stack): (&str, &str),
        settings: &str,
        environment: &[(&str, &str)],
        options: &[&str],
    ) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let program = folder.path().join(example);
        strip(&self::example(example), &program);
        let deployment = Self { program, store: format!("aws:{stack}"), endpoint: endpoint.to_owned(), folder };
        let (settings_file, zip, template) = ("settings.toml", "function.zip", "template.json");
        let mut text = format!("architecture = \"{}\"\n{settings}\n[environment]\n", architecture());
        for (name, value) in environment.iter().chain(&[("AWS_ENDPOINT_URL", endpoint)]) {
            writeln!(text, "{name} = \"{value}\"").expect("a string can be written to");
        }
        fs::write(deployment.path().join(settings_file), text).expect("the folder can be written to");
        // The local AWS runs the zip on this machine, whatever its C library.
        let package = ["deploy", "package", "--settings", settings_file, "--out", zip, "--glibc", "9.99"];
        succeeds(deployment.command(&package));
        let write = [&["deploy", "template", "--settings", settings_file], options].concat();
        let written = succeeds(deployment.command(&write));
        fs::write(deployment.path().join(template), written.stdout).expect("the folder can be written to");

        let mut deploy = Command::new(python());
        deploy.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy.py")).envs(CREDENTIALS);
        deploy.args(["--endpoint", aws.endpoint(), "--region", Ministack::REGION, "--stack", stack]);
        deploy.args(["--template", template, "--zip", zip]).current_dir(deployment.path());
        succeeds(deploy);
        deployment
    }

    /// The folder that commands run in.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.path()).env_remove("RUST_LOG").envs(self.environment());
        command
    }

    /// The environment that a program needs to find the stack.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        environment(&self.store, &self.endpoint)
    }

    /// The processes that run a function of the stack now.
    pub fn processes(&self, handler: &str) -> Vec<u32> {
        let wanted = [format!("CELERIAC_STORE={}", self.store), format!("_HANDLER={handler}")];
        let processes = fs::read_dir("/proc").expect("functions run on Linux").filter_map(Result::ok);
        let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let is_one = |id: &u32| {
            // It may have ended meanwhile, or belong to another user.
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            let has = |wanted: &String| environment.split(|byte| *byte == 0).any(|found| found == wanted.as_bytes());
            wanted.iter().all(has)
        };
        ids.filter(is_one).collect()
    }
}

/// The architecture of this machine, as Lambda names it.
fn architecture() -> &'static str {
    if env::consts::ARCH == "aarch64" { "arm64" } else { env::consts::ARCH }
}

/// The environment that a program needs to find a stack, by its URL, at this endpoint.
pub fn environment<'a>(store: &'a str, endpoint: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let place = [("CELERIAC_STORE", store), ("AWS_ENDPOINT_URL", endpoint), ("AWS_REGION", Ministack::REGION)];
    place.into_iter().chain(CREDENTIALS)
}

/// An example program, built in the profile of this test.
pub fn example(name: &str) -> PathBuf {
    let this = env::current_exe().expect("a test knows its own path");
    let profile = this.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is not there: `cargo build --all-features --examples`", program.display());
    program
}

/// A copy without debug info, which would be most of the zip.
fn strip(program: &Path, to: &Path) {
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(to).arg(program);
    succeeds(strip);
}

/// Runs a command to its end. It must succeed.
fn succeeds(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

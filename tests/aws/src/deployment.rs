//! A stack that is deployed as users deploy it: the program's own template and zip.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{CREDENTIALS, Ministack, ministack::python};

/// A deployed program.
#[derive(Debug)]
pub struct Deployment {
    program: PathBuf,
    stack: String,
    endpoint: String,
    folder: TempDir,
}

impl Deployment {
    /// Deploys the example of this name under these settings. `endpoint` is where its functions and its commands find
    /// AWS: a proxy, or the local AWS itself. The bucket `STACK-deploy` is there beforehand, with the zip in it.
    pub fn new(aws: &Ministack, endpoint: &str, example: &str, stack: &str, settings: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let program = folder.path().join(example);
        strip(&self::example(example), &program);
        let deployment = Self { program, stack: stack.to_owned(), endpoint: endpoint.to_owned(), folder };
        let (settings_file, zip, template) = ("settings.toml", "function.zip", "template.json");
        fs::write(deployment.path().join(settings_file), settings).expect("the folder can be written to");
        succeeds(deployment.command(&["deploy", "package", "--settings", settings_file, "--out", zip]));
        let written = succeeds(deployment.command(&["deploy", "template", "--settings", settings_file]));
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

    /// The program, with the environment that finds the stack.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .env("CELERIAC_STACK", &self.stack)
            .env("AWS_REGION", Ministack::REGION)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .envs(CREDENTIALS);
        command
    }
}

/// An example program, built in the profile of this test.
fn example(name: &str) -> PathBuf {
    let this = env::current_exe().expect("a test knows its own path");
    let profile = this.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is not there: `cargo build --all-features --examples`", program.display());
    program
}

/// A copy without what only debuggers want, which would be most of the zip.
fn strip(program: &Path, to: &Path) {
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(to).arg(program);
    succeeds(strip);
}

/// Runs a command to its end, which has to be a good one.
fn succeeds(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

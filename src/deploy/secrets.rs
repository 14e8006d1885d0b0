//! Lets workers read secrets while they run: of AWS Secrets Manager, and parameters of Systems Manager. The template has
//! only their ARNs. A worker that starts reads the current value, in its set-up, so that a rotated secret needs no
//! deployment.

use serde_json::{Map, Value};

use super::{check::Wrong, fleet::Fleet, roles::allow, settings::Settings};

/// What a variable with the ARN of a secret ends in.
const ENDING: &str = "_ARN";

/// A service that keeps secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeper {
    SecretsManager,
    ParameterStore,
}

/// How many characters Secrets Manager adds to a name, after a `-`.
const ADDED: usize = 6;

/// The service that an ARN is of. That of a secret has the characters that Secrets Manager adds to its name: a permission
/// without them would allow nothing (`What's in a Secrets Manager secret?` in its guide).
fn keeper(arn: &str) -> Option<Keeper> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(service), Some(rest)) = (parts.next(), parts.nth(1), parts.nth(2)) else { return None };
    let is_whole = |name: &str| {
        let ending = name.rsplit_once('-').map(|(_, ending)| ending);
        ending.is_some_and(|ending| ending.len() == ADDED && ending.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    match service {
        "secretsmanager" => rest.strip_prefix("secret:").filter(|name| is_whole(name)).map(|_| Keeper::SecretsManager),
        "ssm" => rest.strip_prefix("parameter/").filter(|name| !name.is_empty()).map(|_| Keeper::ParameterStore),
        _ => None,
    }
}

impl Settings {
    pub(super) fn check_secrets(&self, wrong: &mut Wrong) {
        for (name, arn) in &self.secrets {
            if keeper(arn).is_none() {
                let what = "the whole ARN of a secret, `arn:..:secretsmanager:..:secret:NAME-6CHARS`, or of a parameter, \
                            `arn:..:ssm:..:parameter/NAME`";
                wrong.add(&format!("secrets.{name}"), arn, what);
            }
            let variable = format!("{name}{ENDING}");
            if let Some(why) = super::check::not_a_variable(&variable) {
                wrong.add("secrets", name, why);
            }
            if self.environment.contains_key(&variable) {
                wrong.add("secrets", name, &format!("`environment` has `{variable}` too, which would be its ARN"));
            }
        }
    }
}

/// Adds the variables that say where the secrets are.
pub(super) fn add_variables(variables: &mut Map<String, Value>, fleet: &Fleet<'_>) {
    let secrets = fleet.settings.secrets.iter();
    variables.extend(secrets.map(|(name, arn)| (format!("{name}{ENDING}"), arn.clone().into())));
}

impl Fleet<'_> {
    /// Reading the secrets, and no others.
    pub(super) fn secrets(&self) -> [Option<Value>; 2] {
        let of = |wanted: Keeper| {
            let secrets = self.settings.secrets.values().filter(move |arn| keeper(arn) == Some(wanted));
            secrets.map(|arn| Value::from(arn.clone()))
        };
        [
            allow("Secrets", &["secretsmanager:GetSecretValue"], of(Keeper::SecretsManager)),
            allow("Parameters", &["ssm:GetParameter", "ssm:GetParameters"], of(Keeper::ParameterStore)),
        ]
    }

    /// The services that workers read secrets from, by the names of their endpoints.
    pub(super) fn keepers(&self) -> impl Iterator<Item = &'static str> {
        let has = |wanted| self.settings.secrets.values().any(|arn| keeper(arn) == Some(wanted));
        let all = [(Keeper::SecretsManager, "secretsmanager"), (Keeper::ParameterStore, "ssm")];
        all.into_iter().filter(move |(keeper, _)| has(*keeper)).map(|(_, service)| service)
    }
}

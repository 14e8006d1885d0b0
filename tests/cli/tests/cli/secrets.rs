//! Tests the secrets of a stack: workers may read them and know where they are, and nobody else.

use serde_json::{Value, json};

use crate::{
    deploy::{deploy_with, properties, statement},
    site::SHOP,
};

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:smtp-a1B2c3";
const PARAMETER: &str = "arn:aws:ssm:eu-central-1:111122223333:parameter/shop/api-key";

fn resources(settings: &str) -> Value {
    deploy_with(SHOP, settings, &[]).ok().json()["Resources"].take()
}

#[test]
fn workers_may_read_their_secrets_and_no_part_else() {
    let all = resources(&format!("[secrets]\nSMTP_PASSWORD = \"{SECRET}\"\nAPI_KEY = \"{PARAMETER}\""));
    let variables = |function| &properties(&all, function)["Environment"]["Variables"];
    assert_eq!(variables("Worker")["SMTP_PASSWORD_ARN"], SECRET);
    assert_eq!(variables("Worker")["API_KEY_ARN"], PARAMETER);
    assert!(variables("Dispatcher").get("API_KEY_ARN").is_none(), "it runs no set-up");
    let allowed = |sid| {
        let statement = statement(&all, "WorkerRole", sid);
        (statement["Action"].clone(), statement["Resource"].clone())
    };
    assert_eq!(allowed("Secrets"), (json!(["secretsmanager:GetSecretValue"]), json!([SECRET])));
    assert_eq!(allowed("Parameters"), (json!(["ssm:GetParameter", "ssm:GetParameters"]), json!([PARAMETER])));
    for part in ["DispatcherRole", "SendPolicy", "ReadPolicy", "OperatePolicy", "DispatcherPolicy"] {
        let text = properties(&all, part).to_string();
        assert!(!text.contains("secretsmanager:") && !text.contains("ssm:"), "{part}");
    }
    assert!(
        properties(&all, "WorkerPolicy").to_string().contains(SECRET),
        "workers that are processes run the set-up too"
    );
    let plain = resources("").to_string();
    assert!(!plain.contains("secretsmanager") && !plain.contains("ssm:"));
}

#[test]
fn a_vpc_has_endpoints_for_the_services_that_keep_secrets() {
    let vpc = "[vpc]\nid = \"vpc-1\"\nsubnets = [\"subnet-1\"]\nsecurity_groups = [\"sg-1\"]\nroute_tables = [\"rtb-1\"]\nendpoints = true\n";
    let all = resources(&format!("secrets.SMTP_PASSWORD = \"{SECRET}\"\n{vpc}"));
    assert!(all["EndpointSecretsmanager"].is_object() && all["EndpointSsm"].is_null());
    assert!(resources(vpc)["EndpointSecretsmanager"].is_null());
}

#[test]
fn secrets_that_are_wrong_are_named() {
    let whole = "the whole ARN of a secret, `arn:..:secretsmanager:..:secret:NAME-6CHARS`, or of a parameter, \
                 `arn:..:ssm:..:parameter/NAME`";
    for (settings, why) in [
        ("secrets.KEY = \"hunter2\"".to_owned(), format!("secrets.KEY: `hunter2`: {whole}")),
        // Without the characters that Secrets Manager adds, the permission would allow nothing.
        (
            "secrets.KEY = \"arn:aws:secretsmanager:eu-central-1:111122223333:secret:smtp\"".to_owned(),
            format!("secret:smtp`: {whole}"),
        ),
        (format!("secrets.KEY = \"{}\"", PARAMETER.replace("parameter/", "document/")), whole.to_owned()),
        (format!("secrets.1ST = \"{SECRET}\""), "secrets: `1ST`: a variable's name is a letter".to_owned()),
        (
            format!("secrets.KEY = \"{SECRET}\"\nenvironment.KEY_ARN = \"x\""),
            "secrets: `KEY`: `environment` has `KEY_ARN` too, which would be its ARN".to_owned(),
        ),
    ] {
        let answer = deploy_with(SHOP, &settings, &[]);
        assert_eq!(answer.code, Some(2), "{settings}: {}", answer.err);
        assert!(
            answer.err.starts_with("error: stack.toml: ") && answer.err.contains(&why),
            "{settings}: {}",
            answer.err
        );
    }
}

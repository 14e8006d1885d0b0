//! Defines the stack's outputs: the environment for programs that send calls, and the permissions to give them.

use serde_json::Value;

use super::{
    fleet::Fleet,
    names::{DISPATCHER, TABLE, arn, reference},
    policies::POLICIES,
    template::Template,
    versions::ALIAS,
};

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let store: Value = format!("aws:{}", fleet.stack).into();
    template.output("CeleriacStore", "CELERIAC_STORE in the environment of programs that send calls", &store);
    if let Some(bucket) = fleet.bucket() {
        template.output("CeleriacBucket", "CELERIAC_BUCKET in the environment of programs that send calls", &bucket);
    }
    if let Some(key) = &fleet.settings.kms_key {
        let key: Value = key.clone().into();
        template.output("CeleriacKmsKey", "CELERIAC_KMS_KEY in the environment of programs that send calls", &key);
    }
    for policy in &POLICIES {
        let description = format!("To be attached to the roles of {}", policy.whose);
        template.output(policy.output, &description, &reference(policy.id));
    }
    if let Some(path) = &fleet.settings.role_path {
        let path = path.clone().into();
        template.output("CeleriacRolePath", "CELERIAC_ROLE_PATH in the environment of programs that send calls", &path);
    }
    if fleet.is_versioned() {
        let what = "CELERIAC_ALIAS in the environment of dispatchers that are ordinary processes";
        template.output("CeleriacAlias", what, &ALIAS.into());
    }
    template.output("DispatcherArn", "The function that launches workers", &arn(DISPATCHER));
    template.output("TableArn", "The ledger", &arn(TABLE));
}

//! Defines the storage that outlives messages: the ledger's table, and a bucket for large values.

use serde_json::{Value, json};

use super::{
    fleet::Fleet,
    names::{BUCKET, TABLE, arn, reference, text},
    template::Template,
};

/// The value of `bucket` that creates a bucket in the stack.
const CREATE: &str = "create";

/// How many days objects are kept: a parcel's 14 days, and two more in which its row still exists.
const OBJECT_DAYS: u32 = 16;

/// The bucket's folders: for parcels too large for a message, and for results too large for a row.
pub(super) const FOLDERS: [&str; 2] = ["parcels", "records"];

/// The folder for arguments of dead letters that are too large for an item. Each is kept as long as its letter.
pub(super) const DEAD: &str = "dead";

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    add_table(template, fleet);
    if fleet.settings.bucket.as_deref() == Some(CREATE) {
        add_bucket(template, fleet);
    }
}

fn add_table(template: &mut Template, fleet: &Fleet<'_>) {
    let key = fleet.settings.kms_key.as_ref();
    let encryption = key.map(|key| json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key }));
    let settings = &fleet.settings.table;
    let warm = settings
        .warm_reads
        .or(settings.warm_writes)
        .map(|_| json!({ "ReadUnitsPerSecond": settings.warm_reads, "WriteUnitsPerSecond": settings.warm_writes }));
    let properties = json!({
        "TableName": fleet.stack.table(),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "sk", "AttributeType": "S" },
        ],
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" },
            { "AttributeName": "sk", "KeyType": "RANGE" },
        ],
        "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": true },
        "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": settings.recovery },
        "DeletionProtectionEnabled": settings.deletion_protection,
        "WarmThroughput": warm,
        "SSESpecification": encryption,
    });
    template.add_with(TABLE, "AWS::DynamoDB::Table", properties, fleet.end());
}

fn add_bucket(template: &mut Template, fleet: &Fleet<'_>) {
    let encryption = match &fleet.settings.kms_key {
        Some(key) => json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }),
        None => json!({ "SSEAlgorithm": "AES256" }),
    };
    let rules: Vec<Value> = FOLDERS.iter().map(|folder| expire(folder)).collect();
    let properties = json!({
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                { "ServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": fleet.settings.kms_key.is_some() },
            ],
        },
        "LifecycleConfiguration": { "Rules": rules },
        "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true,
            "BlockPublicPolicy": true,
            "IgnorePublicAcls": true,
            "RestrictPublicBuckets": true,
        },
    });
    template.add_with(BUCKET, "AWS::S3::Bucket", properties, fleet.end());
    let statement = json!({
        "Sid": "OnlyByTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn(BUCKET), text(format!("${{{BUCKET}.Arn}}/*"))],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let policy = json!({ "Bucket": reference(BUCKET), "PolicyDocument": document });
    template.add("BucketPolicy", "AWS::S3::BucketPolicy", policy);
}

fn expire(folder: &str) -> Value {
    json!({
        "Id": folder,
        "Status": "Enabled",
        "Prefix": format!("{folder}/"),
        "ExpirationInDays": OBJECT_DAYS,
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 1 },
    })
}

impl Fleet<'_> {
    /// What happens to resources with calls when they are removed from the stack: a task that moves to another queue
    /// must not lose the calls that wait in the old one. A deployment that fails removes what it has just created
    /// (`DeletionPolicy attribute` in the guide of `CloudFormation`): if such resources stayed, the next try would find
    /// their names taken.
    pub(super) fn end(&self) -> Value {
        let (removed, replaced) =
            if self.settings.retain { ("RetainExceptOnCreate", "Retain") } else { ("Delete", "Delete") };
        json!({ "DeletionPolicy": removed, "UpdateReplacePolicy": replaced })
    }

    /// The bucket's name, if there is one.
    pub(super) fn bucket(&self) -> Option<Value> {
        match self.settings.bucket.as_deref()? {
            CREATE => Some(reference(BUCKET)),
            name => Some(name.into()),
        }
    }

    /// The bucket's ARN, followed by the path of something in it.
    pub(super) fn bucket_arn(&self, path: &str) -> Option<Value> {
        Some(match self.settings.bucket.as_deref()? {
            CREATE => text(format!("${{{BUCKET}.Arn}}{path}")),
            name => text(format!("arn:${{AWS::Partition}}:s3:::{name}{path}")),
        })
    }
}

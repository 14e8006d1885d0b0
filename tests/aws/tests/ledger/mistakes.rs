//! Tests the error texts for users.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_tests::{Fault, config};
use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{ClaimRequest, DeadQuery, PortError, Record, ResultRow},
};

use crate::table::{AWS, Table, noise, open, settings, succeeded, table, with_bucket, with_faults};

/// The error of a claim, which begins with its row.
async fn refusal(table: &Table) -> PortError {
    let request = ClaimRequest { counted: false, ..table.request(BatchId::new(1, 7), 0, 1) };
    table.claim(request).await.expect_err("it fails")
}

pub(crate) async fn a_table_that_is_not_there_is_named() {
    let there = settings().await;
    let missing = celeriac_aws::Settings { stack: "typo".parse().expect("a stack's name"), ..there };
    let table = open(&missing, |_| Fault::None);
    let hint = "DynamoDB table `typo`: ResourceNotFoundException: Requested resource not found; is stack `typo` deployed \
                in eu-central-1? Deploy it, or name another with --store or CELERIAC_STORE";
    let errors = [
        ("write", refusal(&table).await),
        ("read", table.ports.dead_letters.list(DeadQuery::new(1)).await.expect_err("there is no table")),
        ("read", table.ports.schedules.last("nightly").await.expect_err("there is no table")),
        ("read", table.ports.batches.get(BatchId::new(1, 1)).await.expect_err("there is no table")),
        ("write", table.ports.ledger.paid(BatchId::new(1, 1)).await.expect_err("there is no table")),
    ];
    for (what, error) in errors {
        assert_eq!(error.to_string(), format!("cannot {what} the ledger: {hint}"));
        // A deployment may be under way: parcels wait for it.
        assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
    }
}

pub(crate) async fn a_table_that_may_not_be_used_is_named() {
    let table = with_faults(|_| Fault::Refused(400, "AccessDeniedException")).await;
    let stack = table.backend.settings().stack.to_string();
    let error = refusal(&table).await;
    assert_eq!(
        error.to_string(),
        format!(
            "cannot write the ledger: DynamoDB table `{stack}`: AccessDeniedException: injected; stack `{stack}`, \
             eu-central-1: check the credentials of this process and what its role allows"
        )
    );
    assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
}

pub(crate) async fn a_table_that_is_asked_too_much_is_unavailable() {
    for (status, code) in [(400, "ProvisionedThroughputExceededException"), (400, "ThrottlingException"), (503, "Down")]
    {
        let table = with_faults(move |_| Fault::Refused(status, code)).await;
        let error = refusal(&table).await;
        assert!(matches!(error, PortError::Unavailable { .. }), "{code}: {error:?}");
        assert!(error.to_string().contains(code), "{error}");
    }
}

pub(crate) async fn an_item_of_another_program_is_named() {
    let table = table().await;
    let parcel = ParcelId::root(BatchId::new(1, 7), 0);
    let text = |text: String| AttributeValue::S(text);
    let stack = table.backend.settings().stack.to_string();
    let put = aws_sdk_dynamodb::Client::new(&config(AWS.endpoint()).await).put_item().table_name(stack);
    let put = put.item("pk", text(format!("p#{parcel}"))).item("sk", text("-".to_owned()));
    put.send().await.expect("put");
    let error = refusal(&table).await;
    assert_eq!(
        error.to_string(),
        format!(
            "attribute `s` of item `p#{parcel}`, `-` of the ledger's table cannot be read: it was written by another \
             program, or by a newer version of this one"
        )
    );
    assert!(matches!(error, PortError::Refused { .. }), "{error:?}");
}

pub(crate) async fn an_object_without_a_bucket_is_named() {
    let settings = settings().await;
    let worker = open(&with_bucket(settings.clone()), |_| Fault::None);
    let batch = worker.batch(1, None).await;
    let result = ResultRow { index: 0, value: noise(20 << 10, 0).into() };
    let record = Record { results: vec![result], ..succeeded(1) };
    worker.run(worker.request(batch, 0, 1), record).await.expect("finish");

    let client = open(&settings, |_| Fault::None);
    let error = client.ports.ledger.result_of(batch.call(0)).await.expect_err("it has no bucket");
    let text = error.to_string();
    assert!(text.starts_with(&format!("a part of the ledger is object `records/{batch}/0/")), "{text}");
    assert!(text.ends_with("and no bucket is set: set CELERIAC_BUCKET as it is set for the workers"), "{text}");
}

//! Tests calls whose arguments are JSON.

use celeriac_core::{
    client::CallOptions,
    task::{Body, Fields, Options, TaskDef, arguments, fields::fields},
    wire::from_json,
};
use serde_json::{Value, json};

use crate::{
    memory::client,
    tasks::{SendEmail, recipients},
};

const BODY: Body = Body::Async(|_, _| unreachable!("a client runs nothing"));

static SEND: TaskDef = TaskDef {
    args: &["to"],
    fields: fields::<SendEmail>,
    check: arguments::check::<SendEmail>,
    accept: arguments::accept::<SendEmail>,
    ..TaskDef::untyped("mail.send", Options::new(), BODY)
};

static TICK: TaskDef = TaskDef {
    fields: || Fields::Named(&[]),
    accept: |args| from_json(args).map_err(|error| error.to_string()),
    ..TaskDef::untyped("tick", Options::new(), BODY)
};

#[tokio::test]
async fn arguments_come_by_name_or_in_order() {
    let (client, memory) = client();
    let mut options = CallOptions::default();
    options.queue = Some("bulk".to_owned());
    for args in [json!({"to": "ada"}), json!(["ada"])] {
        let handle = client.enqueue_json(&SEND, &args, &options).await.unwrap();
        assert_eq!(handle.id().index, 0);
    }
    assert_eq!(recipients(&memory.parcels()), ["ada", "ada"]);
    assert_eq!(memory.parcels()[0].header.queue, "bulk");
    for args in [json!({}), json!([]), Value::Null] {
        client.enqueue_json(&TICK, &args, &CallOptions::default()).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_arguments_are_told() {
    let (client, memory) = client();
    for (def, args, text) in [
        (&SEND, json!({"too": "ada"}), "task `mail.send`: no argument is named `too`; its arguments are `to`"),
        (&SEND, json!({}), "task `mail.send`: missing argument `to`; its arguments are `to`"),
        (&SEND, json!(["ada", 1]), "task `mail.send`: 2 arguments are too many; its arguments are `to`"),
        (
            &SEND,
            json!("ada"),
            "task `mail.send`: this holds no arguments: give an object by name, or an array; its arguments are `to`",
        ),
        (&TICK, json!({"to": 1}), "task `tick`: no argument is named `to`; it takes no arguments"),
    ] {
        let error = client.enqueue_json(def, &args, &CallOptions::default()).await.unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let error = client.enqueue_json(&SEND, &json!({"to": 1}), &CallOptions::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("task `mail.send`: argument `to`: invalid type: integer `1`"), "{error}");
    assert!(memory.state().sends.is_empty());
}

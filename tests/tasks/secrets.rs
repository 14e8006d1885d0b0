//! Arguments that are secret.

use std::collections::BTreeMap;

use celeriac::{Secret, Task, TaskDef, task};
use celeriac_core::wire::{Json, decode_args, encode_args, from_json};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::run::task_of;

/// Has a plain secret, a secret in a list, and a secret that is a map.
#[task]
pub(crate) async fn log_in(
    user: String,
    password: Secret<String>,
    #[serde(default)] keys: Vec<Key>,
    door: Option<Secret<Door>>,
) {
    std::hint::black_box((user, password, keys, door));
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    name: String,
    pin: Secret<u16>,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Door {
    Codes(BTreeMap<String, u16>),
}

#[test]
fn a_secret_is_not_in_what_is_said_of_it() {
    let key = Key { name: "cellar".to_owned(), pin: 1234.into() };
    assert_eq!(format!("{key:?}"), r#"Key { name: "cellar", pin: Secret(..) }"#);
    assert_eq!(*key.pin.reveal(), 1234);
    assert_eq!(Secret::<String>::from("hunter2").into_revealed(), "hunter2");

    let right = json!({ "user": "ada", "password": "hunter2" });
    for (wrong, said) in [
        (json!({ "password": ["hunter2"] }), "argument `password`: holds a secret that cannot be read"),
        (json!({ "password": 1_234_567 }), "argument `password`: holds a secret that cannot be read"),
        (json!({ "keys": [{ "name": "a", "pin": "hunter2" }] }), "argument `keys`: holds a secret that cannot be read"),
        (json!({ "door": { "hunter2": {} } }), "argument `door`: holds a secret that cannot be read"),
        (json!({ "door": { "Codes": { "hunter2": "x" } } }), "argument `door`: holds a secret that cannot be read"),
    ] {
        let mut args = right.clone();
        args.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!((task_of("log_in").check)(&from_json(&args).unwrap()), Err(said.to_owned()), "{args}");
    }
    let bare = (task_of("log_in").check)(&from_json(&json!("hunter2")).unwrap());
    assert_eq!(bare, Err("invalid type, expected the arguments by name".to_owned()));
}

#[test]
fn a_secret_is_sent_as_what_it_is_and_shown_as_one() {
    let args =
        json!({ "user": "ada", "password": "hunter2", "keys": [{ "name": "a", "pin": 1 }], "door": { "Codes": {} } });
    let sent = from_json(&args).unwrap();
    let read: <__task_log_in as Task>::Args = decode_args(&sent).unwrap();
    let mut again = Vec::new();
    encode_args(&read, &mut again).unwrap();
    assert_eq!(serde_json::to_value(Json::of(again).unwrap()).unwrap(), args);

    let def = task_of("log_in");
    let shown = json!({
        "user": "ada", "password": "(secret)", "keys": [{ "name": "a", "pin": "(secret)" }], "door": "(secret)"
    });
    let show = |def: &TaskDef, args: &[u8]| (def.show)(args).map(|shown| serde_json::to_value(shown).unwrap());
    assert_eq!(show(def, &sent), Some(shown));
    assert_eq!(show(def, &from_json(&json!({ "user": 1, "password": "hunter2" })).unwrap()), None);
    assert_eq!(show(def, &from_json(&json!({})).unwrap()), Some(json!({})));
    assert_eq!(show(task_of("ping"), &from_json(&json!({ "to": "ada" })).unwrap()), Some(json!({ "to": "ada" })));
}

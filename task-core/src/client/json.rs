//! Calls whose arguments come as JSON: from the command line, or from whoever does not know the task's types.

use serde_json::Value;

use super::{CallOptions, Client, Error, Handle, call::prepare};
use crate::{task::TaskDef, wire::from_json};

impl Client {
    /// Sends a call with its arguments as a JSON object by name, `{"to": "ada@example.org"}`, or as an array in
    /// order. They are checked against the task first.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the argument that is wrong, unknown or missing.
    pub async fn enqueue_json(
        &self,
        def: &TaskDef,
        args: &Value,
        options: &CallOptions,
    ) -> Result<Handle<Value>, Error> {
        let args = encode(def, args)?;
        let (client, id) = prepare(self.clone(), def.name, &def.options, args, options).await?;
        Ok(client.handle(id))
    }
}

fn encode(def: &TaskDef, args: &Value) -> Result<Vec<u8>, Error> {
    let invalid = |why: String| Error::Invalid { task: def.name.to_owned(), why };
    let named = named(def, args).map_err(invalid)?;
    let bytes = from_json(&Value::Object(named))
        .map_err(|error| Error::Encode { task: def.name.to_owned(), why: error.to_string() })?;
    (def.check)(&bytes).map_err(|why| invalid(format!("{why}; {}", arguments(def))))?;
    Ok(bytes)
}

fn named(def: &TaskDef, args: &Value) -> Result<serde_json::Map<String, Value>, String> {
    match args {
        Value::Object(args) => {
            let unknown = args.keys().find(|key| !def.args.contains(&key.as_str()));
            unknown.map_or_else(
                || Ok(args.clone()),
                |unknown| Err(format!("no argument is named `{unknown}`; {}", arguments(def))),
            )
        }
        Value::Array(args) if args.len() > def.args.len() => {
            Err(format!("{} arguments are too many; {}", args.len(), arguments(def)))
        }
        Value::Array(args) => Ok(def.args.iter().map(|name| (*name).to_owned()).zip(args.iter().cloned()).collect()),
        Value::Null => Ok(serde_json::Map::new()),
        // It may be a secret, if the task has one.
        _ => Err(format!("this holds no arguments: give an object by name, or an array; {}", arguments(def))),
    }
}

/// The list that makes a message of use.
fn arguments(def: &TaskDef) -> String {
    if def.args.is_empty() {
        "it takes no arguments".to_owned()
    } else {
        format!("its arguments are {}", def.args.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
    }
}

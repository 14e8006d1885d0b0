//! Sends calls whose arguments are JSON, from the command line or from code that does not know the task's types.

use serde_json::{Map, Value};

use super::{CallOptions, Client, Error, Handle, call::prepare};
use crate::task::{Fields, TaskDef};

impl Client {
    /// Sends a call with its arguments as a JSON object by name, `{"to": "ada@example.org"}`, or as an array in order.
    /// They are first read as the task's types and then encoded from these.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the argument that is invalid, unknown or missing.
    pub async fn enqueue_json(
        &self,
        def: &TaskDef,
        args: &Value,
        options: &CallOptions,
    ) -> Result<Handle<Value>, Error> {
        let args = encode(def, args)
            .map_err(|why| Error::Invalid { task: def.name.to_owned(), why: format!("{why}; {}", arguments(def)) })?;
        let (client, id) = prepare(self.clone(), def.name, &def.options, args, options).await?;
        Ok(client.handle(id))
    }
}

fn encode(def: &TaskDef, args: &Value) -> Result<Vec<u8>, String> {
    (def.accept)(&shaped(def, args)?)
}

/// The arguments in the shape that the task reads: by name, unless its fields have no names.
fn shaped(def: &TaskDef, args: &Value) -> Result<Value, String> {
    let fields = (def.fields)();
    match args {
        Value::Object(args) => {
            if let Fields::Named(read) = fields
                && let Some(unknown) = args.keys().find(|key| !read.contains(&key.as_str()))
            {
                return Err(format!("no argument is named `{unknown}`"));
            }
            Ok(Value::Object(args.clone()))
        }
        Value::Array(args) => match fields {
            // A struct whose fields have no names.
            Fields::Open if def.args.is_empty() => Ok(Value::Array(args.clone())),
            Fields::Open if !args.is_empty() => Err("some of its arguments are flattened: give an object".to_owned()),
            Fields::Open | Fields::Named(_) => {
                let names = def.arg_names();
                if args.len() > names.len() {
                    return Err(format!("{} arguments are too many", args.len()));
                }
                Ok(names.iter().map(|name| (*name).to_owned()).zip(args.iter().cloned()).collect())
            }
        },
        Value::Null => Ok(Value::Object(Map::new())),
        // The value is not printed, since it may be a secret.
        _ => Err("this holds no arguments: give an object by name, or an array".to_owned()),
    }
}

/// The list of arguments that completes an error text.
fn arguments(def: &TaskDef) -> String {
    let names: Vec<String> = def.arg_names().iter().map(|name| format!("`{name}`")).collect();
    let open = (def.fields)() == Fields::Open;
    match (names.join(", "), open) {
        (names, false) if names.is_empty() => "it takes no arguments".to_owned(),
        (names, true) if names.is_empty() => "its type reads its arguments by itself".to_owned(),
        (names, false) => format!("its arguments are {names}"),
        (names, true) => format!("its arguments are {names} and those of its flattened types"),
    }
}

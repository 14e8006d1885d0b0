//! Tests types of every kind as arguments, in every place that serde has for them: an accepted call is read as it was
//! sent, and its JSON can be passed to `call` again. Values that cannot be carried are refused when they are sent.
//!
//! From reports on other systems: msgpack-rust#235, serde#2172, serde#1183, `serde_json#1254`.

mod kept;
mod places;
mod refused;

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use celeriac_core::{
    client::{Call, Client, Error},
    parcel::Parcel,
    task::{Options, Takes, Task, arguments},
    wire::decode_args,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::memory::{Memory, client};

use self::places::{Buffered, Plain};

/// A task with one argument of any type.
struct Of<T>(PhantomData<T>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Args<T> {
    value: T,
}

trait Arg: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static> Arg for T {}

impl<T: Arg> Task for Of<T> {
    const NAME: &'static str = "zoo";
    const OPTIONS: Options = Options::new();
    type Args = Args<T>;
    type Output = ();
}

impl<T: Arg> Takes<T> for Of<T> {
    fn args(value: T) -> Args<T> {
        Args { value }
    }
}

struct Zoo {
    runtime: tokio::runtime::Runtime,
    client: Client,
    memory: Arc<Memory>,
}

impl Zoo {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, memory) = client();
        Self { runtime, client, memory }
    }

    fn send<T: Arg>(&self, value: &T) -> Result<Vec<u8>, Error> {
        self.runtime.block_on(Call::<Of<T>>::new(Args { value: value.clone() }).on(&self.client).send())?;
        let sent = self.memory.state().sends.pop().unwrap().pop().unwrap();
        Ok(Parcel::open(&sent.body).unwrap().args(0).to_vec())
    }

    /// A call with this value is accepted, and a worker reads the value.
    #[track_caller]
    fn carries<T: Arg>(&self, value: &T) -> Vec<u8> {
        let sent = self.send(value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        assert_eq!(arguments::read::<Of<T>>(&sent).unwrap().value, *value);
        sent
    }

    /// It can also be given to `call` as it is shown.
    #[track_caller]
    fn keeps<T: Arg>(&self, value: &T) {
        let sent = self.carries(value);
        let shown = serde_json::to_string(&arguments::show::<Of<T>>(&sent).unwrap()).unwrap();
        let given = arguments::accept::<Of<T>>(&serde_json::from_str(&shown).unwrap());
        let given = given.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(decode_args::<Args<T>>(&given).unwrap().value, *value, "{shown}");
    }

    /// It is kept wherever it stands.
    #[track_caller]
    fn keeps_anywhere<T: Arg>(&self, value: &T) {
        self.keeps(value);
        for value in &Plain::of(value) {
            self.keeps(value);
        }
        for value in &Buffered::of(value) {
            self.keeps(value);
        }
    }
}

//! Tests types of every kind as arguments, in every place that serde has for them: an accepted call is read as it was
//! sent, and its JSON can be passed to `call` again. Values that cannot be carried are refused when they are sent.
//!
//! From reports on other systems: msgpack-rust#235, serde#2172, serde#1183, `serde_json#1254`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Debug,
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    num::NonZeroU32,
    ops::{Bound, Range},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use celeriac_core::{
    client::{Call, Client, Error, FanOut},
    parcel::Parcel,
    task::{Options, Outcome, Stop, Takes, Task, arguments},
    wire::decode_args,
};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

use crate::memory::{Memory, client};

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

/// The places that serde has for a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Plain<T> {
    one: T,
    #[serde(rename = "other-one")]
    other: Option<T>,
    list: Vec<T>,
    pair: (u8, T),
    map: BTreeMap<String, T>,
    variant: Variant<T>,
    beside: Beside<T>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Variant<T> {
    NothingAtAll,
    New(T),
    Tuple(T, u8),
    Named { it: T },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "is")]
enum Beside<T> {
    Nothing,
    New(T),
    Named { it: T },
}

/// The places where serde reads a type through a buffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Buffered<T> {
    id: u8,
    inner: Inside<T>,
    loose: Vec<Loose<T>>,
    #[serde(flatten)]
    flat: Flat<T>,
    #[serde(flatten)]
    maybe: Option<Maybe<T>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Inside<T> {
    Named { it: T },
    New(Flat<T>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose<T> {
    Named { it: T },
    Nothing { nothing: bool },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat<T> {
    flat: T,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Maybe<T> {
    maybe: T,
}

impl<T: Clone> Plain<T> {
    fn of(it: &T) -> [Self; 3] {
        let (it, other) = (|| it.clone(), || Some(it.clone()));
        let all = |variant, beside| Self {
            one: it(),
            other: other(),
            list: vec![it(), it()],
            pair: (7, it()),
            map: [("key".to_owned(), it())].into(),
            variant,
            beside,
        };
        [
            all(Variant::New(it()), Beside::New(it())),
            all(Variant::Tuple(it(), 1), Beside::Named { it: it() }),
            Self { other: None, list: vec![], ..all(Variant::Named { it: it() }, Beside::Nothing) },
        ]
    }
}

impl<T: Clone> Buffered<T> {
    fn of(it: &T) -> [Self; 2] {
        let it = || it.clone();
        let (flat, loose) = (|| Flat { flat: it() }, vec![Loose::Named { it: it() }, Loose::Nothing { nothing: true }]);
        [
            Self { id: 1, inner: Inside::Named { it: it() }, loose, flat: flat(), maybe: Some(Maybe { maybe: it() }) },
            Self { id: 2, inner: Inside::New(flat()), loose: vec![], flat: flat(), maybe: None },
        ]
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

/// Has a form for people and one for machines, as a `Uuid` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Id([u8; 4]);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&format!("id-{:08x}", u32::from_be_bytes(self.0)))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        if !deserializer.is_human_readable() {
            return <[u8; 4]>::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("id-").ok_or_else(|| D::Error::custom("no id"))?;
        u32::from_str_radix(digits, 16).map(|id| Self(id.to_be_bytes())).map_err(D::Error::custom)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct New(Vec<u16>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Key {
    A,
    B,
}

#[test]
fn types_of_std_are_kept_anywhere() {
    let zoo = Zoo::new();
    zoo.keeps_anywhere(&IpAddr::from([127, 0, 0, 1]));
    zoo.keeps_anywhere(&IpAddr::from(Ipv6Addr::LOCALHOST));
    zoo.keeps_anywhere(&Ipv4Addr::new(10, 0, 0, 1));
    zoo.keeps_anywhere(&SocketAddr::from(([127, 0, 0, 1], 80)));
    zoo.keeps_anywhere(&SystemTime::UNIX_EPOCH.checked_add(Duration::new(1_700_000_000, 5)).unwrap());
    zoo.keeps_anywhere(&Duration::new(7, 999_999_999));
    zoo.keeps_anywhere(&"2024-02-29T12:00:00.000000001Z".parse::<jiff::Timestamp>().unwrap());
    zoo.keeps_anywhere(&jiff::civil::date(2024, 2, 29));
    zoo.keeps_anywhere(&"2024-02-29T12:00[Europe/Berlin]".parse::<jiff::Zoned>().unwrap());
    zoo.keeps_anywhere(&Id([0xde, 0xad, 0, 1]));
    zoo.keeps_anywhere(&PathBuf::from("/tmp/ä"));
    zoo.keeps_anywhere(&String::from("\u{9b}\u{202e}\0\n\"\\"));
    zoo.keeps_anywhere(&'ß');
    zoo.keeps_anywhere(&(u64::MAX, i64::MIN, u8::MAX, i8::MIN, true));
    zoo.keeps_anywhere(&(0.1_f64, 0.1_f32, f64::MAX, 5e-324, -0.0));
    zoo.keeps_anywhere(&NonZeroU32::MIN);
    zoo.keeps_anywhere(&Range { start: 3, end: 5 });
    zoo.keeps_anywhere(&(Bound::Included(1), Bound::<u8>::Unbounded));
    zoo.keeps_anywhere(&Ok::<u8, String>(1));
    zoo.keeps_anywhere(&[1_u8; 32]);
    zoo.keeps_anywhere(&serde_bytes::ByteBuf::from([0, 255]));
    zoo.keeps_anywhere(&BTreeSet::from([1, 2]));
    zoo.keeps_anywhere(&(0..20).map(|n| n.to_string()).collect::<HashSet<_>>());
    zoo.keeps_anywhere(&(0..20).map(|n| (n.to_string(), n)).collect::<HashMap<_, _>>());
    zoo.keeps_anywhere(&BTreeMap::from([(Key::A, Id([0; 4])), (Key::B, Id([1; 4]))]));
    zoo.keeps_anywhere(&BTreeMap::from([(Id([7; 4]), 'x')]));
    zoo.keeps_anywhere(&BTreeMap::from([(IpAddr::from([1, 1, 1, 1]), 'x')]));
    zoo.keeps_anywhere(&New(vec![1, 2]));
    zoo.keeps_anywhere(&serde_json::json!({ "a": [1, -1, 0.5, null, { "b": "c" }] }));
}

/// JSON has no other keys than texts, and serde's buffers do not know which text was a number.
#[test]
fn maps_by_number_are_kept_where_their_type_is_known() {
    let zoo = Zoo::new();
    let numbers = BTreeMap::from([(1_u32, "a".to_owned()), (u32::MAX, "b".to_owned())]);
    zoo.keeps(&numbers);
    for value in &Plain::of(&numbers)[..1] {
        drop(zoo.carries(value));
    }
    zoo.keeps(&BTreeMap::from([(-1_i64, 1)]));
    zoo.keeps(&BTreeMap::from([(true, 1)]));
    zoo.keeps(&BTreeMap::from([('x', 1)]));
    for value in &Buffered::of(&numbers) {
        drop(zoo.carries(value));
    }
}

#[test]
fn wide_numbers_are_kept_where_serde_does_not_buffer_them() {
    let zoo = Zoo::new();
    for value in [0, 1, u128::from(u64::MAX) + 1, u128::MAX] {
        zoo.keeps(&value);
        for value in &Plain::of(&value) {
            drop(zoo.carries(value));
        }
    }
    for value in [0, -1, i128::MIN, i128::MAX] {
        zoo.keeps(&value);
    }
    let text = serde_json::json!({ "value": u128::MAX.to_string() });
    let given = arguments::accept::<Of<u128>>(&text).unwrap();
    assert_eq!(decode_args::<Args<u128>>(&given).unwrap().value, u128::MAX);
    let given = arguments::accept::<Of<i128>>(&serde_json::json!({ "value": -7 })).unwrap();
    assert_eq!(decode_args::<Args<i128>>(&given).unwrap().value, -7);
    let wrong = arguments::accept::<Of<u128>>(&serde_json::json!({ "value": "many" })).unwrap_err();
    assert_eq!(wrong, "argument `value`: invalid value: string \"many\", expected u128");
}

/// Earlier versions accepted these calls, which then died or arrived as something else.
#[test]
fn unreadable_arguments_are_refused_when_they_are_sent() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Lossy {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        list: Vec<u8>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct OneWay {
        #[serde(skip_deserializing)]
        n: u8,
    }

    let zoo = Zoo::new();
    let why = |error: Result<Vec<u8>, Error>| match error.unwrap_err() {
        Error::Unreadable { task, why } => {
            assert_eq!(task, "zoo");
            why
        }
        other => panic!("{other}"),
    };
    zoo.keeps(&Unit);
    for value in &Plain::of(&Unit) {
        zoo.keeps(value);
    }
    assert!(why(zoo.send(&Loose::Named { it: Unit })).contains("untagged enum Loose"));
    let [named, new] = Buffered::of(&1_u128);
    for value in [named, new] {
        let why = why(zoo.send(&value));
        assert!(why.starts_with("argument `value"), "{why}");
    }
    assert_eq!(
        why(zoo.send(&Loose::Named { it: 1_i128 })),
        "argument `value`: data did not match any variant of untagged enum Loose"
    );
    zoo.carries(&Loose::<i128>::Nothing { nothing: true });
    assert_eq!(why(zoo.send(&Lossy { list: vec![] })), "argument `value`: missing field `list`");
    zoo.carries(&Lossy { list: vec![1] });
    assert_eq!(why(zoo.send(&OneWay { n: 1 })), "argument `value` would be read as another value");
    let said = zoo.send(&OneWay { n: 1 }).unwrap_err().to_string();
    assert!(
        said.starts_with("task `zoo`: the call was refused, because its arguments do not read back as they"),
        "{said}"
    );
}

/// Earlier versions lost it silently: `maybe` arrived as `None`.
#[test]
fn a_flattened_option_arrives() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: u8,
        #[serde(flatten)]
        who: Option<Who>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Who {
        ip: IpAddr,
    }
    Zoo::new().keeps(&Order { id: 1, who: Some(Who { ip: IpAddr::from([127, 0, 0, 1]) }) });
}

#[test]
fn an_unreadable_item_stops_a_fan_out() {
    let zoo = Zoo::new();
    let items = (0..40_i128).map(|n| if n == 30 { Loose::Named { it: n } } else { Loose::Nothing { nothing: true } });
    let error = zoo.runtime.block_on(FanOut::<Of<Loose<i128>>>::new(items).on(&zoo.client).send()).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("stopped at item 0") || said.contains("stopped at item 30"), "{said}");
    assert!(said.contains("untagged enum Loose"), "{said}");
}

#[test]
fn a_result_that_cannot_be_read_is_an_end() {
    let result: Result<Loose<u128>, Stop> = Ok(Loose::Named { it: 1 });
    let Err(Stop::Cancel(why)) = result.encode() else { panic!("it was recorded") };
    let said = "ran, but its result does not read back as it was returned: data did not match any variant of untagged \
         enum Loose";
    assert_eq!(why, said);
    let result: Result<Loose<u64>, Stop> = Ok(Loose::Named { it: 1 });
    assert!(result.encode().unwrap().is_some());
}

/// People write JSON in its natural form.
#[test]
fn natural_json_is_read() {
    fn given<T: Arg>(value: impl Into<serde_json::Value>) -> T {
        let value: serde_json::Value = value.into();
        let given = arguments::accept::<Of<T>>(&serde_json::json!({ "value": value })).unwrap();
        decode_args::<Args<T>>(&given).unwrap().value
    }
    assert_eq!(given::<Id>("id-00000007"), Id([0, 0, 0, 7]));
    assert_eq!(given::<IpAddr>("127.0.0.1"), IpAddr::from([127, 0, 0, 1]));
    assert_eq!(given::<BTreeMap<u32, String>>(serde_json::json!({ "1": "a" })), BTreeMap::from([(1, "a".to_owned())]));
    assert_eq!(given::<f64>(7).to_bits(), 7.0_f64.to_bits());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_kept(
        // The text of an IPv6 socket's address lacks its flow.
        net in any::<(IpAddr, SocketAddrV4, Ipv6Addr)>(),
        id in any::<[u8; 4]>().prop_map(Id),
        took in any::<Duration>(),
        at in (0_u64..1 << 40).prop_map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s)),
        text in any::<(String, char, Option<String>)>(),
        numbers in any::<(u64, i64, u8, i8, bool)>(),
        reals in (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, prop::num::f32::NORMAL),
        map in proptest::collection::hash_map(".{0,8}", any::<[i16; 3]>(), 0..5),
    ) {
        let zoo = Zoo::new();
        zoo.keeps_anywhere(&net);
        zoo.keeps_anywhere(&id);
        zoo.keeps_anywhere(&(took, at));
        zoo.keeps_anywhere(&text);
        zoo.keeps_anywhere(&numbers);
        zoo.keeps_anywhere(&reals);
        zoo.keeps_anywhere(&map);
    }
}

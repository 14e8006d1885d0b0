//! Types that arrive as they were sent.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    num::NonZeroU32,
    ops::{Bound, Range},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use celeriac_core::{task::arguments, wire::decode_args};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Arg, Args, Of, Zoo,
    places::{Buffered, Plain},
};

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

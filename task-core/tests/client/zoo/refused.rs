//! Values that cannot be read as they were written.

use celeriac_core::{
    client::{Error, FanOut},
    task::{Outcome, Stop},
};
use serde::{Deserialize, Serialize};

use super::{
    Of, Zoo,
    places::{Buffered, Loose, Plain},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

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

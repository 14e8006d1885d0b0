//! Tasks written as the macros would write them.

use std::time::Duration;

use celeriac_core::{
    bitmap::Bitmap,
    client::{Call, Client, FanOut},
    id::ParcelId,
    parcel::Parcel,
    task::{Options, Takes, Task},
    wire::decode_args,
};
use serde::{Deserialize, Serialize, Serializer};

pub struct SendEmail;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub to: String,
}

impl Task for SendEmail {
    const NAME: &'static str = "mail.send";
    const OPTIONS: Options = Options::new().queue("mail");
    type Args = Mail;
    type Output = u32;
}

impl<S: Into<String>> Takes<S> for SendEmail {
    fn args(to: S) -> Mail {
        Mail { to: to.into() }
    }
}

/// A task whose argument cannot be serialised.
pub struct Broken;

#[derive(Deserialize)]
pub struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("the path contains invalid UTF-8 characters"))
    }
}

impl Task for Broken {
    const NAME: &'static str = "broken";
    const OPTIONS: Options = Options::new();
    type Args = Unwritable;
    type Output = ();
}

impl Takes<()> for Broken {
    fn args((): ()) -> Unwritable {
        Unwritable
    }
}

/// A task that says how long it takes and expires.
pub struct Slow;

impl Task for Slow {
    const NAME: &'static str = "slow";
    const OPTIONS: Options = Options::new().takes("10s").concurrency(2).expires("1h");
    type Args = Mail;
    type Output = ();
}

impl Takes<&str> for Slow {
    fn args(to: &str) -> Mail {
        Mail { to: to.to_owned() }
    }
}

pub fn mail(client: &Client, to: &str) -> Call<SendEmail> {
    Call::new(Mail { to: to.to_owned() }).on(client)
}

/// The addresses `0@x`, `1@x`, .., of 100 bytes.
pub fn addresses(count: usize) -> impl Iterator<Item = String> + Send + Clone {
    (0..count).map(|n| format!("{n:0>97}@x"))
}

pub fn campaign(client: &Client, count: usize) -> FanOut<'static, SendEmail> {
    FanOut::new(addresses(count)).on(client)
}

/// The addresses in the calls of parcels, in order.
pub fn recipients(parcels: &[Parcel]) -> Vec<String> {
    let calls = parcels.iter().flat_map(|parcel| (0..parcel.count()).map(|at| parcel.args(at).clone()));
    calls.map(|args| decode_args::<Mail>(&args).unwrap().to).collect()
}

pub fn root(parcel: &Parcel) -> ParcelId {
    ParcelId::root(parcel.header.batch, parcel.header.first)
}

pub fn bits(positions: &[u32]) -> Bitmap {
    positions.iter().copied().collect()
}

pub const DAY: Duration = Duration::from_hours(24);

/// This many hexadecimal digits that do not repeat.
pub fn noise(seed: u64, digits: usize) -> String {
    let next = |n: &u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(seed), next).map(|n| format!("{:08x}", n >> 32)).take(digits / 8).collect()
}

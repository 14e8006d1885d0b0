//! Tests which client an unnamed call uses. One test, since the default belongs to the whole process.

use celeriac_core::client::{Call, Client, FanOut};

use crate::{
    memory::client,
    tasks::{Mail, SendEmail, mail, recipients},
};

fn ambient(to: &str) -> Call<SendEmail> {
    Call::new(Mail { to: to.to_owned() })
}

#[tokio::test]
async fn a_scope_precedes_the_default_and_a_named_client_precedes_both() {
    let (first, in_first) = client();
    let (second, in_second) = client();
    let (third, in_third) = client();
    // A plan needs no client.
    FanOut::<SendEmail>::new(["a"]).plan().await.unwrap();
    Client::set_default(first);
    ambient("default").send().await.unwrap();
    second
        .scope(async {
            ambient("scope").send().await.unwrap();
            let made_inside = ambient("made in the scope").send();
            tokio::spawn(made_inside).await.unwrap().unwrap();
            mail(&third, "named").send().await.unwrap();
            third.scope(ambient("inner").send()).await.unwrap();
            third.scope(async { ambient("innermost").send().await }).await.unwrap();
            FanOut::<SendEmail>::new(["many"]).await.unwrap();
        })
        .await;
    ambient("default again").send().await.unwrap();
    assert_eq!(recipients(&in_first.parcels()), ["default", "default again"]);
    // A `delay` takes the client of the place where it is made.
    assert_eq!(recipients(&in_second.parcels()), ["scope", "made in the scope", "inner", "many"]);
    assert_eq!(recipients(&in_third.parcels()), ["named", "innermost"]);
}

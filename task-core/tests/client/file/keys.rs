//! Calls with a key: one key sends one call.

use std::{collections::BTreeSet, time::Duration};

use celeriac_core::client::{Call, CallStatus, Client, Error};
use futures::future::{join, join_all};

use super::fixture;
use crate::tasks::{SendEmail, mail};

fn welcome(client: &Client, to: &str) -> Call<SendEmail> {
    mail(client, to).unique("welcome:ada")
}

#[tokio::test]
async fn a_key_answers_the_call_that_waits_runs_or_has_succeeded() {
    let f = fixture();
    let first = welcome(&f.client, "ada").send().await.unwrap();
    let waits = welcome(&f.client, "ada@new").send().await.unwrap();
    let mut received = f.receive().await;
    assert_eq!(received.len(), 2, "nothing has claimed the first: the one that is claimed first decides the arguments");
    let second = received.remove(1);
    f.run(received.remove(0), Some(17)).await;
    let succeeded = welcome(&f.client, "ada@newer").send().await.unwrap();
    assert_eq!([waits.id(), succeeded.id()], [first.id(), first.id()]);
    assert_eq!(succeeded.get(Duration::ZERO).await.unwrap(), 17);
    assert!(f.receive().await.is_empty(), "what has run is not sent again");
    drop(second);
}

/// sidekiq#4162
#[tokio::test]
async fn a_key_whose_call_is_dead_says_so() {
    let f = fixture();
    let first = welcome(&f.client, "ada").send().await.unwrap();
    f.run_all(None).await;
    let error = welcome(&f.client, "ada").send().await.unwrap_err();
    let id = first.id();
    assert_eq!(
        error.to_string(),
        format!(
            "task `mail.send`: nothing was sent, since the call with the key `welcome:ada` is dead: call {id} failed \
             after 4 attempts: no route; send that call again (`dead retry {id}`, `Client::retry_dead`), or drop its dead \
             letter (`dead drop {id}`, `Client::drop_dead`), which frees the key"
        )
    );
    assert!(matches!(error, Error::KeyDead { .. }) && f.receive().await.is_empty());
    f.client.retry_dead(&f.dead().await).await.unwrap();
    let again = welcome(&f.client, "ada").send().await.unwrap();
    assert_eq!(again.id(), id, "it waits again");
    f.run_all(Some(17)).await;
    assert_eq!(again.get(Duration::ZERO).await.unwrap(), 17);
}

/// sidekiq#4162
#[tokio::test]
async fn a_key_is_free_once_the_dead_letter_of_its_call_is_dropped() {
    let f = fixture();
    let mut ids = vec![welcome(&f.client, "ada").send().await.unwrap().id()];
    for _ in 0..3 {
        f.run_all(None).await;
        assert_eq!(f.client.drop_dead(&f.dead().await).await.unwrap(), 1);
        let next = welcome(&f.client, "ada@new").send().await.unwrap();
        let twice = welcome(&f.client, "ada@newer").send().await.unwrap();
        assert_eq!((next.id(), next.status().await.unwrap()), (twice.id(), CallStatus::Queued));
        assert!(!ids.contains(&next.id()), "a new call");
        ids.push(next.id());
        let mut received = f.receive().await;
        f.ports.queue.settle(vec![received.remove(1).0.deleted()]).await.remove(0).unwrap();
        f.ports.queue.settle(vec![received.remove(0).0.hidden(0)]).await.remove(0).unwrap();
    }
    f.run_all(Some(17)).await;
    let last = welcome(&f.client, "ada").send().await.unwrap();
    assert_eq!((last.id(), last.get(Duration::ZERO).await.unwrap()), (ids[3], 17));
    assert_eq!(f.client.status(ids[0]).await.unwrap(), CallStatus::Dropped);
}

#[tokio::test]
async fn calls_with_keys_that_gather_are_looked_up_and_sent_together() {
    let f = fixture();
    let dies = welcome(&f.client, "ada").send().await.unwrap().id();
    f.run_all(None).await;
    let numbered = (0..200).map(|n| mail(&f.client, &n.to_string()).unique(n.to_string()).send());
    let plain = (200..250).map(|n| mail(&f.client, &n.to_string()).send());
    let (sent, refused) = join(join_all(numbered.chain(plain)), welcome(&f.client, "ada").send()).await;
    assert!(matches!(refused, Err(Error::KeyDead { id, .. }) if id == dies));
    let ids: BTreeSet<_> = sent.into_iter().map(|sent| sent.unwrap().id()).collect();
    assert_eq!(ids, f.waiting().await.into_keys().collect());
    assert_eq!(ids.len(), 250);
}

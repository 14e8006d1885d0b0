//! Tests retrying and dropping dead letters.

use std::sync::Arc;

use bytes::Bytes;
use celeriac_core::{
    client::Client,
    id::{BatchId, ParcelId},
    ports::{DeadLetter, DeadQuery, Reason, Removal, SendError},
    wire::encode_args,
};

use crate::{
    memory::{Memory, client, ports, refused},
    tasks::noise,
};

fn letter(index: u64) -> DeadLetter {
    DeadLetter {
        id: BatchId::from_key("mail.send", "x").call(index),
        counted: true,
        task: "mail.send".to_owned(),
        queue: "mail".to_owned(),
        args: Bytes::from_static(b"\x81\xa2to\xa3ada"),
        reason: Reason::Failed,
        message: "no route".to_owned(),
        attempts: 4,
        died_ms: 5000 + index,
    }
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_as_the_same_call() {
    let (client, memory) = client();
    memory.state().letters.extend((0..3).map(letter));
    let letters = client.dead(DeadQuery::new(2)).await.unwrap();
    assert_eq!(client.retry_dead(&letters).await.unwrap(), 2);
    let parcels = memory.parcels();
    let header = &parcels[1].header;
    assert_eq!(header.id, ParcelId::revived(letters[1].id, letters[1].died_ms));
    assert_eq!((parcels[1].call(0), header.counted, header.attempt), (letters[1].id, true, 1));
    assert_eq!((header.task.as_str(), header.queue.as_str()), ("mail.send", "mail"));
    assert_eq!(crate::tasks::recipients(&parcels), ["ada", "ada"]);
    let removed: Vec<_> = letters.iter().map(|letter| (letter.id, letter.died_ms, Removal::Retried)).collect();
    assert_eq!(memory.state().removed, removed);
}

#[tokio::test]
async fn dead_letters_are_sent_again_in_portions() {
    let memory = Arc::<Memory>::default();
    let mut ports = ports(&memory, 10_000);
    ports.profile.send_bytes = 1_000;
    let letters: Vec<_> = (0..10)
        .map(|n| {
            let mut args = Vec::new();
            encode_args(&noise(n, 400), &mut args).unwrap();
            DeadLetter { args: args.into(), ..letter(n) }
        })
        .collect();
    assert_eq!(Client::new(ports).retry_dead(&letters).await.unwrap(), 10);
    let sends: Vec<_> = memory.state().sends.iter().map(Vec::len).collect();
    let expected = "each has at least 200 bytes, and goes on being filled until it has 1,000";
    assert!(sends.len() > 1 && sends.iter().all(|count| *count <= 5), "{sends:?}: {expected}");
    assert_eq!(memory.parcels().len(), 10);
}

#[tokio::test]
async fn a_dead_letter_that_is_not_sent_stays() {
    let (client, memory) = client();
    memory.state().answers.push_back(SendError::Rejected(refused()));
    let error = client.retry_dead(&[letter(0)]).await.unwrap_err().to_string();
    assert_eq!(error, "task `mail.send`: the call was rejected and will not run: the disk is read-only");
    assert!(memory.state().removed.is_empty());
}

#[tokio::test]
async fn a_dropped_dead_letter_is_not_sent() {
    let (client, memory) = client();
    assert_eq!(client.drop_dead(&[letter(0)]).await.unwrap(), 1);
    assert_eq!(memory.state().removed, [(letter(0).id, 5000, Removal::Dropped)]);
    assert!(memory.state().sends.is_empty());
}

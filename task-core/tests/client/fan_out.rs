//! Tests batches: packing, order, back-pressure, resuming, plans.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use celeriac_core::{
    Lane,
    client::{Error, FanOut},
    parcel::Parcel,
    ports::{SendError, Tally},
    wire::MAX_CALLS,
};
use futures::{FutureExt, StreamExt, stream};

use crate::{
    memory::{client, client_with, lost, refused, unavailable},
    tasks::{Broken, SendEmail, Slow, addresses, campaign, recipients, root},
};

#[tokio::test]
async fn every_item_is_a_call_in_order() {
    let (client, memory) = client_with(20_000);
    let batch = campaign(&client, 10_000).name("spring").await.unwrap();
    assert_eq!((batch.accepted(), batch.name()), (10_000, "spring"));
    let parcels = memory.parcels();
    assert_eq!(recipients(&parcels), addresses(10_000).collect::<Vec<_>>());
    let mut next = 0;
    for parcel in &parcels {
        assert_eq!((parcel.header.first, parcel.header.batch), (next, batch.id()));
        assert_eq!((parcel.header.id, parcel.header.counted), (root(parcel), true));
        next += u64::from(parcel.count());
    }
    let state = memory.state();
    assert!(state.sends.iter().flatten().all(|message| message.body.len() <= 20_000));
    let record = &state.batches[&batch.id()];
    assert_eq!((record.accepted, record.closed, record.name.as_str()), (10_000, true, "spring"));
}

#[tokio::test]
async fn quick_calls_fill_parcels() {
    let (client, memory) = client_with(4 << 20);
    campaign(&client, 3 * MAX_CALLS as usize).await.unwrap();
    assert_eq!(memory.parcels().iter().map(Parcel::count).max(), Some(4000));
    // 100 bytes each, in messages of 256 KB.
    let (client, memory) = crate::memory::client();
    campaign(&client, 10_000).await.unwrap();
    assert_eq!(memory.parcels().len(), 5);
}

#[tokio::test]
async fn nothing_is_a_batch_too() {
    let (client, memory) = client();
    let batch = campaign(&client, 0).await.unwrap();
    assert_eq!(batch.accepted(), 0);
    assert!(memory.state().sends.is_empty() && memory.state().batches[&batch.id()].closed);
    assert!(batch.wait(Duration::ZERO).await.unwrap().is_complete());
}

#[tokio::test]
async fn any_iterator_and_any_stream_will_do() {
    let (client, memory) = client();
    let people = [("ada".to_owned(), 36), ("grace".to_owned(), 85)];
    FanOut::<SendEmail>::new(people.iter().map(|(to, _)| to)).on(&client).await.unwrap();
    FanOut::<SendEmail>::new(["joan"]).on(&client).send().await.unwrap();
    FanOut::<SendEmail>::new(stream::iter(["mary", "edith"]).then(|to| async move { to })).on(&client).await.unwrap();
    assert_eq!(recipients(&memory.parcels()), ["ada", "grace", "joan", "mary", "edith"]);
    let batch = tokio::spawn(async move { FanOut::<SendEmail>::new(vec!["x"]).on(&client).await });
    batch.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_source_is_read_no_faster_than_it_is_sent() {
    let (client, memory) = client();
    memory.hold();
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let source = noise()
        .inspect(move |_| {
            count.fetch_add(1, Relaxed);
        })
        .take(200_000);
    let mut sending = Box::pin(FanOut::<SendEmail>::new(source).on(&client).send());
    for _ in 0..1000 {
        assert!((&mut sending).now_or_never().is_none());
    }
    let ahead = read.load(Relaxed);
    assert!(
        (20_000..60_000).contains(&ahead),
        "2 MB of about 50 bytes, compressed, and what is on its way, not {ahead} calls"
    );
    memory.release();
    assert_eq!(sending.await.unwrap().accepted(), 200_000);
}

/// Addresses that compress to about half, as hexadecimal digits do.
fn noise() -> impl Iterator<Item = String> + Send {
    let noise = |n: u64| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..).map(move |n| (6 * n..6 * n + 6).map(noise).collect::<Vec<_>>().concat())
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_does_not_hold_its_calls_back() {
    let (client, memory) = client();
    let (items, mut received) = tokio::sync::mpsc::unbounded_channel::<&str>();
    let source = futures::stream::poll_fn(move |context| received.poll_recv(context));
    let sending = tokio::spawn(FanOut::<SendEmail>::new(source).on(&client).send());
    items.send("ada").unwrap();
    items.send("grace").unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(recipients(&memory.parcels()), ["ada", "grace"]);
    items.send("joan").unwrap();
    drop(items);
    assert_eq!(sending.await.unwrap().unwrap().accepted(), 3);
    assert_eq!(memory.parcels().len(), 2);
}

#[tokio::test]
async fn a_batch_with_a_key_goes_on_where_it_stopped() {
    let (client, memory) = client_with(20_000);
    memory.state().mark_answers.push_back(refused());
    let error = campaign(&client, 1000).unique("spring").await.unwrap_err();
    let Error::Stopped { batch, accepted, .. } = error else { panic!("{error:?}") };
    assert_eq!(accepted, 0, "the parcels were sent, but the mark did not move");
    let first = memory.parcels();

    // Parcels that are sent again are the same, so that calls that ran do not run again.
    let batch = {
        let sent = campaign(&client, 1000).unique("spring").name("other").await.unwrap();
        assert_eq!((sent.id(), sent.accepted(), sent.name()), (batch, 1000, "mail.send"));
        sent
    };
    let second = memory.parcels().split_off(first.len());
    assert_eq!(recipients(&second), addresses(1000).collect::<Vec<_>>());
    for (sent, again) in first.iter().zip(&second) {
        assert_eq!((sent.header.id, sent.count()), (again.header.id, again.count()));
    }

    // A closed batch sends nothing.
    let sends = memory.state().sends.len();
    let again = campaign(&client, 1000).unique("spring").await.unwrap();
    assert_eq!((again.id(), again.accepted(), memory.state().sends.len()), (batch.id(), 1000, sends));
    // Another key is another batch, and a single call with the same key is separate from it.
    assert_ne!(campaign(&client, 1).unique("summer").await.unwrap().id(), batch.id());
    assert_ne!(crate::tasks::mail(&client, "a").unique("spring").send().await.unwrap().id(), batch.id().call(0));
}

#[tokio::test]
async fn accepted_items_are_skipped() {
    for stream in [false, true] {
        let (client, memory) = client_with(20_000);
        memory.state().mark_answers.push_back(refused());
        let id = match campaign(&client, 30_000).unique("spring").await {
            Err(Error::Stopped { batch, .. }) => batch,
            other => panic!("{other:?}"),
        };
        memory.state().sends.clear();
        memory.state().batches.get_mut(&id).unwrap().accepted = 25_000;
        let sent = if stream {
            FanOut::<SendEmail>::new(stream::iter(addresses(30_000))).on(&client).unique("spring").await
        } else {
            campaign(&client, 30_000).unique("spring").await
        };
        assert_eq!(sent.unwrap().accepted(), 30_000);
        assert_eq!(recipients(&memory.parcels()), addresses(30_000).skip(25_000).collect::<Vec<_>>());

        let mut record = memory.state().batches[&id].clone();
        record.closed = false;
        memory.state().batches.insert(id, record);
        let error = campaign(&client, 7).unique("spring").await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "task `mail.send`: fan_out: batch {id} has accepted 30000 items, the source now has only 7: a key \
                 belongs to one source, whose items come in one order"
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_tried_again() {
    let (client, memory) = client();
    memory.state().answers.extend([SendError::Rejected(unavailable()), SendError::Unknown(lost())]);
    memory.state().mark_answers.push_back(unavailable());
    assert_eq!(campaign(&client, 10).await.unwrap().accepted(), 10);
    let state = memory.state();
    assert_eq!(state.sends.len(), 4);
    assert!(state.sends.iter().all(|send| send[0].body == state.sends[0][0].body));
}

#[tokio::test(start_paused = true)]
async fn permanent_failures_are_given_up() {
    let (client, memory) = client();
    memory.state().answers.extend(vec![SendError::Rejected(unavailable()); 100]);
    let error = campaign(&client, 10).await.unwrap_err();
    let Error::Stopped { batch, .. } = &error else { panic!("{error:?}") };
    assert_eq!(
        error.to_string(),
        format!(
            "batch {batch} stopped at item 0 of its source, counted from 0; the items before it are accepted: task \
             `mail.send`: the call was rejected and will not run: the queue is down; a `fan_out` with a \
             `.unique(key)` goes on there when it is sent again"
        )
    );
    assert_eq!(memory.state().sends.len(), 6);
}

#[tokio::test]
async fn a_wrong_item_stops_the_batch_there() {
    let (client, memory) = client_with(10_000);
    let large = "x".repeat(10_000);
    let source = ["ada", "grace", large.as_str(), "joan"];
    let error = FanOut::<SendEmail>::new(source).on(&client).await.unwrap_err();
    let Error::Stopped { accepted: 2, source: why, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**why, Error::TooLarge { .. }));
    assert_eq!(recipients(&memory.parcels()), ["ada", "grace"]);

    let error = FanOut::<SendEmail>::new(source).on(&client).plan().await.unwrap_err().to_string();
    assert!(
        error.starts_with("item 2 of the source, counted from 0: task `mail.send`: its arguments take "),
        "{error}"
    );
    let error = FanOut::<Broken>::new([(); 3]).on(&client).await.unwrap_err().to_string();
    assert!(error.contains("item 0 of its source"), "{error}");
    assert!(error.contains("task `broken`: its arguments cannot be serialised: the path contains"), "{error}");
}

#[tokio::test]
async fn a_revoked_batch_is_not_continued() {
    let (client, memory) = client();
    memory.state().mark_answers.push_back(refused());
    let Err(Error::Stopped { batch, .. }) = campaign(&client, 10).unique("spring").name("Spring").await else {
        panic!("the mark was refused")
    };
    client.batch::<u32>(batch).await.unwrap().revoke().await.unwrap();
    assert_eq!(
        campaign(&client, 10).unique("spring").await.unwrap_err().to_string(),
        format!(
            "nothing was sent: batch {batch} (`Spring`) is revoked, so that its calls would not run; `Batch::reinstate` or \
             `dead retry --reinstate` lifts that, and a `fan_out` with another key is another batch"
        )
    );
    client.batch::<u32>(batch).await.unwrap().reinstate().await.unwrap();
    assert_eq!(campaign(&client, 10).unique("spring").await.unwrap().accepted(), 10);
}

#[tokio::test]
async fn a_revoked_batch_that_was_sent_to_its_end_is_told_too() {
    let (client, memory) = client();
    let batch = campaign(&client, 10).unique("spring").await.unwrap();
    batch.revoke().await.unwrap();
    let error = campaign(&client, 10).unique("spring").await.unwrap_err();
    assert!(matches!(error, Error::Revoked { .. }), "{error}");
    assert_eq!(memory.state().sends.len(), 1);
}

/// A newsletter that uses the same key every month: its second issue would seem to be sent.
#[tokio::test]
async fn a_batch_that_was_sent_to_its_end_sends_nothing_and_says_so() {
    for stream in [false, true] {
        let (client, memory) = client();
        let send = |count| {
            if stream {
                FanOut::<SendEmail>::new(stream::iter(addresses(count))).on(&client).unique("monthly").send().boxed()
            } else {
                campaign(&client, count).unique("monthly").send().boxed()
            }
        };
        let first = send(20_000).await.unwrap();
        assert_eq!((first.accepted(), first.sent()), (20_000, 20_000));
        let sends = memory.state().sends.len();
        for fewer_or_equal in [20_000, 7] {
            let again = send(fewer_or_equal).await.unwrap();
            assert_eq!((again.id(), again.accepted(), again.sent()), (first.id(), 20_000, 0));
        }
        assert_eq!(
            send(20_001).await.unwrap_err().to_string(),
            format!(
                "task `mail.send`: fan_out: batch {} was sent to the end of its source, of 20000 items, and the source \
                 now has more; nothing was sent: another source needs another key",
                first.id()
            )
        );
        assert_eq!(memory.state().sends.len(), sends);
    }
}

#[tokio::test]
async fn wrong_options_are_told_before_anything_is_sent() {
    let (client, memory) = client();
    let error = campaign(&client, 10).queue("no spaces").await.unwrap_err().to_string();
    assert!(error.starts_with("task `mail.send`: queue: `no spaces` is no queue's name"), "{error}");
    assert!(memory.state().batches.is_empty());
}

#[tokio::test]
async fn a_plan_says_what_is_sent_then() {
    let (client, memory) = client();
    let plan = campaign(&client, 10_000).plan().await.unwrap();
    assert!(memory.state().sends.is_empty() && memory.state().batches.is_empty());
    assert_eq!((plan.calls, plan.parcels, plan.invocations), (10_000, 5, 5));
    assert!(plan.to_string().starts_with("plan for task `mail.send`\n  calls        10000, about 10"), "{plan}");
    campaign(&client, 10_000).await.unwrap();
    let parcels = memory.parcels();
    assert_eq!(parcels.len() as u64, plan.parcels);
    assert_eq!(parcels.iter().map(Parcel::count).max(), Some(plan.calls_per_parcel));

    let slow = FanOut::<Slow>::new(vec!["a"; 100]).on(&client).plan().await.unwrap();
    assert_eq!((slow.parcels, slow.calls_per_parcel), (50, 2));
    assert_eq!((slow.time(1), slow.time(50), slow.peak(50)), (Duration::from_secs(500), Duration::from_secs(10), 100));
}

#[tokio::test(start_paused = true)]
async fn a_batch_says_how_far_it_is() {
    let (client, memory) = client();
    let batch = campaign(&client, 10).await.unwrap();
    let ends = |succeeded, failed| {
        let tally = Tally { succeeded, failed, ..Tally::default() };
        memory.state().batches.get_mut(&batch.id()).unwrap().tally = tally;
    };
    ends(7, 1);
    let error = batch.wait(Duration::from_secs(3)).await.unwrap_err().to_string();
    assert_eq!(error, format!("batch {} was not complete after 3s: 8 of 10 calls have ended", batch.id()));
    ends(9, 1);
    let progress = batch.wait(Duration::from_secs(3)).await.unwrap();
    assert_eq!((progress.total, progress.ended, progress.succeeded, progress.dead), (10, 10, 9, 1));
    let missing = celeriac_core::id::BatchId::from_key("a", "b");
    assert_eq!(
        client.batch::<()>(missing).await.unwrap_err().to_string(),
        format!("there is no batch {missing} here: it was never opened, or this is another database")
    );
}

#[tokio::test]
async fn the_calls_of_a_fan_out_are_bulk_unless_they_name_the_interactive_lane() {
    for (asked, lane) in
        [(None, Lane::Bulk), (Some(Lane::Bulk), Lane::Bulk), (Some(Lane::Interactive), Lane::Interactive)]
    {
        let (client, memory) = client();
        let fan_out = campaign(&client, 10);
        asked.into_iter().fold(fan_out, FanOut::lane).await.unwrap();
        let sent: Vec<_> = memory.state().sends.iter().flatten().map(|message| message.lane).collect();
        assert_eq!(sent, [lane]);
        // The usual lane takes no room in the header.
        let header = &memory.parcels()[0].header;
        assert_eq!((header.lane(), header.lane), (lane, Some(lane).filter(|lane| *lane != Lane::Bulk)));
    }
}

//! Tests single calls: coalescing, the outcomes of G1, options.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    Lane,
    client::{Call, Client, Error},
    id::BatchId,
    parcel::Parcel,
    ports::{Outgoing, SendError},
};
use futures::{FutureExt, future::join_all, poll};

use crate::{
    memory::{Memory, client, client_with, lost, ports, refused},
    tasks::{Broken, DAY, Mail, SendEmail, Slow, mail, noise, recipients, root},
};

/// Puts as many sends in flight as possible, one by its caller and two by the client's thread, so that later calls
/// gather. Dropping the returned value ends them.
async fn occupy(client: &Client, memory: &Memory) -> impl Future<Output = ()> + use<> {
    memory.hold();
    let mut sends = Vec::new();
    for n in 1..=OCCUPIED {
        sends.push(tokio::spawn(mail(client, &n.to_string()).send()));
        memory.sends(n).await;
    }
    async {
        for sent in sends {
            sent.await.unwrap().unwrap();
        }
    }
}

/// The number of those sends.
const OCCUPIED: usize = 3;

#[tokio::test]
async fn a_lone_call_is_a_parcel_of_one() {
    let (client, memory) = client();
    let handle = mail(&client, "ada@example.org").send().await.unwrap();
    let parcels = memory.parcels();
    assert_eq!(recipients(&parcels), ["ada@example.org"]);
    let header = &parcels[0].header;
    assert_eq!(handle.id(), header.batch.call(0));
    assert_eq!((header.id, header.counted, header.attempt), (root(&parcels[0]), false, 1));
    assert_eq!((header.task.as_str(), header.queue.as_str(), header.due_ms), ("mail.send", "mail", 0));
    assert_eq!(header.not_after_ms - header.created_ms, 14 * 86_400_000);
}

#[tokio::test]
async fn calls_made_during_a_send_share_the_next() {
    let (client, memory) = client();
    let blocking = occupy(&client, &memory).await;
    let names: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let mut calls = join_all(names.iter().map(|name| mail(&client, name).send()));
    assert!(poll!(&mut calls).is_pending());
    memory.release();
    let handles = calls.await;
    blocking.await;
    assert_eq!(memory.state().sends.len(), OCCUPIED + 1);
    let parcels = memory.parcels();
    assert_eq!((parcels.len(), recipients(&parcels[OCCUPIED..])), (OCCUPIED + 1, names));
    let ids: Vec<_> = handles.into_iter().map(|handle| handle.unwrap().id()).collect();
    assert_eq!(ids, (0..500).map(|index| parcels[OCCUPIED].header.batch.call(index)).collect::<Vec<_>>());
}

#[tokio::test]
async fn calls_share_a_parcel_only_if_all_else_is_the_same() {
    let (client, memory) = client();
    let blocking = occupy(&client, &memory).await;
    let calls = [
        mail(&client, "a").send(),
        mail(&client, "b").queue("bulk").send(),
        mail(&client, "c").send(),
        mail(&client, "d").unique("d").send(),
        mail(&client, "e").countdown(DAY).send(),
        mail(&client, "f").queue("bulk").send(),
    ];
    let mut calls = join_all(calls);
    assert!(poll!(&mut calls).is_pending());
    memory.release();
    assert!(calls.await.iter().all(Result::is_ok));
    blocking.await;
    let mut shared: Vec<_> =
        memory.parcels()[OCCUPIED..].iter().map(|parcel| recipients(std::slice::from_ref(parcel))).collect();
    shared.sort();
    assert_eq!(shared, [vec!["a", "c"], vec!["b", "f"], vec!["d"], vec!["e"]]);
}

/// Calls that are combined into a parcel stay interactive, and those of the other lane have parcels of their own.
#[tokio::test]
async fn single_calls_are_interactive_unless_they_name_the_bulk_lane() {
    let (client, memory) = client();
    let blocking = occupy(&client, &memory).await;
    let calls = [
        mail(&client, "a").send(),
        mail(&client, "b").lane(Lane::Bulk).send(),
        mail(&client, "c").send(),
        mail(&client, "d").lane(Lane::Bulk).send(),
    ];
    let mut calls = join_all(calls);
    assert!(poll!(&mut calls).is_pending());
    memory.release();
    assert!(calls.await.iter().all(Result::is_ok));
    blocking.await;
    let lanes = |message: &Outgoing| {
        let parcel = Parcel::open(&message.body).unwrap();
        assert_eq!(message.lane, parcel.header.lane(), "the queue need not read the header");
        (parcel.header.lane(), parcel.header.lane, recipients(&[parcel]))
    };
    let mut sent: Vec<_> = memory.state().sends[OCCUPIED..].iter().flatten().map(lanes).collect();
    sent.sort();
    let of = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let (interactive, bulk) =
        ((Lane::Interactive, None, of(["a", "c"])), (Lane::Bulk, Some(Lane::Bulk), of(["b", "d"])));
    assert_eq!(sent, [interactive, bulk]);
}

#[tokio::test]
async fn slow_calls_do_not_queue_up_in_one_parcel() {
    let (client, memory) = client();
    let slow = |to: &str| Call::<Slow>::new(Mail { to: to.to_owned() }).on(&client).send();
    let blocking = occupy(&client, &memory).await;
    let mut calls = join_all(["a", "b", "c", "d", "e"].map(slow));
    assert!(poll!(&mut calls).is_pending());
    memory.release();
    assert!(calls.await.iter().all(Result::is_ok));
    blocking.await;
    let parcels = memory.parcels();
    let most = parcels[OCCUPIED..].iter().map(Parcel::count).max();
    assert_eq!(most, Some(2), "as many as run at a time");
}

#[tokio::test]
async fn a_dropped_future_does_not_take_its_call_back() {
    let (client, memory) = client();
    let mut delay = mail(&client, "ada").send();
    memory.hold();
    assert!(poll!(&mut delay).is_pending());
    drop(delay);
    memory.release();
    memory.sends(1).await;
    assert_eq!(recipients(&memory.parcels()), ["ada"]);
}

#[test]
fn a_client_outlives_the_runtime_that_first_used_it() {
    let (client, memory) = client();
    for to in ["first", "second"] {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(mail(&client, to).send()).unwrap();
    }
    assert_eq!(recipients(&memory.parcels()), ["first", "second"]);
}

#[tokio::test]
async fn the_last_client_to_go_leaves_nothing_unsent_and_no_thread() {
    let (client, memory) = client();
    memory.hold();
    for to in ["first", "second", "third"] {
        assert!(mail(&client, to).send().now_or_never().is_none());
    }
    drop(client);
    memory.release();
    memory.sends(1).await;
    // The thread holds the ports for as long as it runs.
    while Arc::strong_count(&memory) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(recipients(&memory.parcels()), ["first", "second", "third"]);
}

#[tokio::test]
async fn calls_wait_while_the_buffer_is_full() {
    let memory = Arc::<Memory>::default();
    let mut ports = ports(&memory, 10_000);
    ports.profile.buffer_bytes = 100;
    let client = Client::new(ports);
    let blocking = occupy(&client, &memory).await;
    assert_eq!(client.waiting_bytes(), 0, "what is on its way does not wait");
    let calls: Vec<_> = (0..20).map(|n| mail(&client, &format!("{n:030}"))).collect();
    let mut calls = join_all(calls.into_iter().map(Call::send));
    assert!(poll!(&mut calls).is_pending());
    let waiting = client.waiting_bytes();
    assert!((100..150).contains(&waiting), "{waiting} bytes: calls of 30 letters each, until there are 100 bytes");
    memory.release();
    assert!(calls.await.iter().all(Result::is_ok));
    blocking.await;
    assert_eq!((client.waiting_bytes(), recipients(&memory.parcels()).len()), (0, OCCUPIED + 20));
}

#[tokio::test]
async fn gathered_calls_are_sent_in_portions() {
    let (client, memory) = client_with(1 << 20);
    let blocking = occupy(&client, &memory).await;
    // Each has half a megabyte, and hexadecimal digits compress to half of that.
    let texts: Vec<String> = (0..32).map(|n: u64| noise(n, 1 << 19)).collect();
    let mut calls = join_all(texts.iter().map(|text| mail(&client, text).send()));
    assert!(poll!(&mut calls).is_pending());
    memory.release();
    assert!(calls.await.iter().all(Result::is_ok));
    blocking.await;
    let state = memory.state();
    let bytes = |send: &Vec<Outgoing>| send.iter().map(|message| message.body.len()).sum::<usize>();
    assert!(state.sends.len() > 5 && state.sends.iter().all(|send| bytes(send) <= 2 << 20));
}

#[tokio::test]
async fn a_queue_with_a_bug_leaves_a_call_unknown_and_the_next_unharmed() {
    let (client, memory) = client();
    for (bug, told) in [(true, "sending panicked; its message is in the log"), (false, "the queue did not answer")] {
        memory.state().panics = bug;
        memory.state().falls_short = !bug;
        let error = mail(&client, "ada").send().await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        let Error::Unknown { unsent, .. } = error else { panic!("{error:?}") };
        unsent.send_again().await.unwrap();
        mail(&client, "grace").send().await.unwrap();
    }
}

#[tokio::test]
async fn a_rejected_call_says_so() {
    let (client, memory) = client();
    memory.state().answers.push_back(SendError::Rejected(refused()));
    let error = mail(&client, "ada").send().await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }));
    assert_eq!(error.to_string(), "task `mail.send`: the call was rejected and will not run: the disk is read-only");
}

#[tokio::test]
async fn an_unknown_call_can_be_sent_again_and_is_the_same() {
    let (client, memory) = client();
    memory.state().answers.extend([SendError::Unknown(lost()), SendError::Rejected(refused())]);
    let error = mail(&client, "ada").send().await.unwrap_err();
    let text = error.to_string();
    let Error::Unknown { unsent, .. } = error else { panic!("{error:?}") };
    assert_eq!(
        text,
        format!(
            "task `mail.send`: unknown whether call {} was accepted: the connection was lost; `unsent.send_again()` \
             sends the same call again",
            unsent.id()
        )
    );
    let id = unsent.id();
    let Err(Error::Unknown { unsent, .. }) = unsent.send_again().await else {
        panic!("it may still have been accepted the first time")
    };
    assert_eq!(unsent.send_again().await.unwrap(), id);
    let state = memory.state();
    assert_eq!(state.sends.len(), 3);
    assert!(state.sends.iter().all(|send| send[0].body == state.sends[0][0].body));
}

#[tokio::test]
async fn a_key_makes_the_same_call() {
    let (client, memory) = client();
    let first = mail(&client, "ada").unique("welcome:ada").send().await.unwrap();
    let again = mail(&client, "ada@new").unique("welcome:ada").send().await.unwrap();
    let other = mail(&client, "bob").unique("welcome:bob").send().await.unwrap();
    assert_eq!(first.id(), BatchId::from_key("mail.send", "welcome:ada").call(0));
    assert_eq!(first.id(), again.id());
    assert_ne!(first.id(), other.id());
    let parcels = memory.parcels();
    assert_eq!(parcels[0].header.id, parcels[1].header.id);
}

#[tokio::test]
async fn times_count_from_now() {
    let (client, memory) = client();
    mail(&client, "a").countdown(DAY).expires(2 * DAY).send().await.unwrap();
    mail(&client, "b").eta(jiff::Timestamp::from_second(2_000_000_000).unwrap()).send().await.unwrap();
    mail(&client, "c").eta(jiff::Timestamp::from_second(-1).unwrap()).send().await.unwrap();
    Call::<Slow>::new(Mail { to: "d".to_owned() }).on(&client).send().await.unwrap();
    let headers: Vec<_> = memory.parcels().into_iter().map(|parcel| parcel.header).collect();
    let day = 86_400_000;
    let close = |time: u64, to: u64| time.abs_diff(to) < 60_000;
    assert!(close(headers[0].due_ms, headers[0].created_ms + day));
    assert!(close(headers[0].expires_ms.unwrap(), headers[0].created_ms + 2 * day));
    assert_eq!(headers[0].not_after_ms, headers[0].due_ms + 14 * day);
    assert_eq!(headers[1].due_ms, 2_000_000_000_000);
    assert_eq!(headers[2].due_ms, 0, "what is due already is due at once");
    assert!(close(headers[3].expires_ms.unwrap(), headers[3].created_ms + 3_600_000), "the task's own");
    assert_eq!(headers[3].call_ms, 10_000);
    assert_eq!(memory.state().sends[1][0].due_ms, 2_000_000_000_000);
}

#[tokio::test]
async fn wrong_options_are_told() {
    let (client, memory) = client();
    let call = || mail(&client, "ada");
    let now = jiff::Timestamp::from_second(0).unwrap();
    let minute = Duration::from_mins(1);
    for (call, text) in [
        (
            call().queue("no spaces"),
            "task `mail.send`: queue: `no spaces` is no queue's name: 1 to 80 letters, digits, `_` or `-`",
        ),
        (
            call().unique(""),
            "task `mail.send`: unique: an empty key; name what makes the call unique, such as an order's number",
        ),
        (
            call().countdown(minute).eta(now),
            "task `mail.send`: both a countdown and an eta: one of them says when the call is due",
        ),
        (
            call().countdown(Duration::MAX),
            "task `mail.send`: due in more than ten years: a countdown or an eta is at most ten years away",
        ),
        (
            call().countdown(2 * minute).expires(minute),
            "task `mail.send`: expires: after 60000 ms, but it is due only after 120000 ms, so it could never run",
        ),
    ] {
        assert_eq!(call.send().await.unwrap_err().to_string(), text);
    }
    assert!(memory.state().sends.is_empty());
}

#[tokio::test]
async fn arguments_that_cannot_be_sent_are_told() {
    let (client, memory) = client_with(10_000);
    let error = Call::<Broken>::new(crate::tasks::Unwritable).on(&client).send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "task `broken`: its arguments cannot be serialised: the path contains invalid UTF-8 characters"
    );
    let error = mail(&client, &"x".repeat(20_000)).send().await.unwrap_err();
    let Error::TooLarge { bytes, limit, .. } = error else { panic!("{error:?}") };
    assert!(bytes > 20_000 && limit < 10_000);
    assert_eq!(
        error.to_string(),
        format!(
            "task `mail.send`: its arguments take {bytes} bytes encoded, and a call may have at most {limit}: store \
             what is large and pass a reference to it, such as a path or a key"
        )
    );
    // The largest arguments that fit are sent in a parcel that fits.
    let fits = limit - "\u{81}_to\u{da}__".len();
    mail(&client, &"x".repeat(fits)).send().await.unwrap();
    assert!(memory.state().sends[0][0].body.len() <= 10_000);
}

#[test]
fn public_types_may_cross_threads() {
    fn send<T: Send + 'static>(_: &T) {}
    fn sync<T: Send + Sync>() {}
    let (client, _) = client();
    let delay = mail(&client, "ada").send();
    send(&delay);
    send(&client);
    sync::<Client>();
    sync::<Error>();
    sync::<celeriac_core::client::Handle<std::cell::Cell<u8>>>();
    assert!(format!("{delay:?} {:?}", mail(&client, "a")).starts_with("Delay(mail.send) Call(mail.send"));
    let _: Option<Call<SendEmail>> = None;
}

//! Tests the status of a call that ends during the lookup.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    client::{CallStatus, Client},
    id::{BatchId, ParcelId, TaskId},
    ports::{
        Claim, ClaimRequest, DeadLetter, DeadLetters, Finish, PortError, Ports, Reason, Record, Removal, Tally,
        layers::DeadLettersLayer,
    },
    wire::Header,
};
use futures::{FutureExt as _, future::BoxFuture};

/// Runs the only call of a parcel to its death.
async fn die(ports: &Ports, parcel: ParcelId, call: TaskId, died_ms: u64) {
    let header =
        Header { count: 1, not_after_ms: u64::MAX, ..Header::new(parcel, call.batch, call.index, "mail.send", "mail") };
    let request = ClaimRequest::of(&header, "here", died_ms, died_ms + 1000);
    let claim = ports.ledger.claim(vec![request]).await.remove(0).unwrap();
    let Claim::Claimed(claimed) = claim else { panic!("{claim:?}") };
    let letter = DeadLetter {
        id: call,
        counted: false,
        task: "mail.send".to_owned(),
        queue: "mail".to_owned(),
        args: Bytes::from_static(b"\xc0"),
        reason: Reason::Failed,
        message: format!("no route at {died_ms}"),
        attempts: 1,
        died_ms,
    };
    let tally = Tally { failed: 1, ..Tally::default() };
    let record = Some(Record { done: Bitmap::full(1), tally, dead: vec![(0, letter)], ..Record::default() });
    ports.ledger.finish(Finish { parcel, epoch: claimed.epoch, record }).await.unwrap();
}

/// Dead letters that gain another letter of the call just after its second lookup.
struct Sudden {
    ports: Ports,
    call: TaskId,
    asked: AtomicU32,
}

impl DeadLettersLayer for Sudden {
    fn inner(&self) -> &dyn DeadLetters {
        &*self.ports.dead_letters
    }

    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        async move {
            let found = self.ports.dead_letters.get(id).await;
            if self.asked.fetch_add(1, Ordering::SeqCst) == 1 {
                die(&self.ports, ParcelId::revived(self.call, 1000), self.call, 2000).await;
            }
            found
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_call_that_dies_again_during_its_lookup_has_not_succeeded() {
    let dir = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&dir.path().join("test.db")).unwrap();
    let call = BatchId::from_key("mail.send", "ada").call(0);
    die(&ports, ParcelId::root(call.batch, 0), call, 1000).await;
    assert_eq!(ports.dead_letters.remove(vec![(call, 1000)], Removal::Retried).await.unwrap(), 1);
    let sudden = Arc::new(Sudden { ports: ports.clone(), call, asked: AtomicU32::new(0) });
    let client = Client::new(Ports { dead_letters: sudden, ..ports });
    let status = client.status(call).await.unwrap();
    assert!(matches!(&status, CallStatus::Dead { died_ms: 2000, .. }), "{status:?}");
}

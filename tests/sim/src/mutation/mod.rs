//! Ways to break the product on purpose. None changes its code: each sits between the product and one of its ports and
//! removes a rule of the protocol there, as a bug in the product would.

mod batches;
mod handlers;
mod ledger;
mod letters;
mod queue;

use std::sync::{Arc, Mutex};

use celeriac_core::ports::Ports;

use self::{
    batches::Twisted as TwistedBatches, ledger::Twisted as TwistedLedger, letters::Twisted as TwistedLetters,
    queue::Twisted as TwistedQueue,
};

macro_rules! mutations {
    ($($(#[doc = $what:literal])* $name:ident,)*) => {
        /// A way to break the product on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutation {
            $($(#[doc = $what])* $name,)*
        }

        impl Mutation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

mutations! {
    /// Rule 1: a message is deleted as soon as it is received.
    AcknowledgedEarly,
    /// Rule 1: a message is never deleted.
    NeverDeleted,
    /// Rule 1: a message that is to be hidden is deleted.
    HiddenIsDeleted,
    /// Rule 1: a message that is to be hidden never comes again.
    HiddenForEver,
    /// Rule 1: a message for which there is no capacity is buried.
    HiddenIsBuried,
    /// G5: a parcel of a newer version is buried.
    NewerIsBuried,
    /// Lanes: every message is in the other lane than its header says.
    LanesMixed,
    /// Lanes: a child is in the other lane than its parent.
    ChildrenChangeLane,
    /// G1: a message is acknowledged and not stored.
    SentInVain,
    /// G1: a stored message is reported as rejected.
    StoredIsRejected,
    /// No message waits for its due time.
    NeverWaits,
    /// Rule 2: a held parcel counts as finished.
    BusyIsFinished,
    /// Rule 2: a held parcel is claimed all the same.
    BusyIsClaimed,
    /// Rule 3: every write succeeds, even without the claim.
    FenceIgnored,
    /// Rule 3: a claim does not say which calls are done.
    DoneForgotten,
    /// Rule 4: children are sent although nothing is sealed.
    SealSkipped,
    /// Rule 4: a sealed parcel counts as finished.
    SealedIsFinished,
    /// Rule 4: a sealed parcel is run again.
    SealedIsRun,
    /// Rule 4: children are not sent.
    ChildrenUnsent,
    /// Rule 4: sending a child again makes a different one.
    ChildrenDiffer,
    /// Rule 4: a seal forgets a call.
    SealLosesCall,
    /// Rule 4: a seal has a call in two children.
    SealDoublesCall,
    /// G6: a child makes the first attempt again.
    AttemptsForgotten,
    /// Rule 5: a parcel is never finished.
    FinishSkipped,
    /// Rule 5: a parcel's verdicts count twice.
    CountedTwice,
    /// Rule 5: owed callbacks are forgotten.
    OwedForgotten,
    /// Rule 5: sent callbacks are not recorded.
    PaidForgotten,
    /// Rule 6: a claim does not report losses.
    LossesForgotten,
    /// Rule 6: calls are not marked before they start.
    WindowSkipped,
    /// Rule 7: calls run although the ledger does not answer.
    RunsUnguarded,
    /// Rule 8: a parcel never becomes too old.
    NeverTooOld,
    /// Rule 9: a lease lasts no time.
    LeaseCutShort,
    /// Rule 9: a lease is not renewed.
    NeverRenewed,
    /// G2: dead letters are not written.
    LettersLost,
    /// G2: a dead letter that is sent again stays one.
    LettersStay,
    /// G2: results are not written.
    ResultsLost,
    /// G4: the history of failures is not written.
    HistoryLost,
    /// A revoked batch runs.
    RevokeIgnored,
    /// A batch does not remember what it has accepted.
    MarkForgotten,
    /// A batch is not closed.
    CloseForgotten,
    /// Rule 1: a function lets all messages of its event be deleted.
    AnswersNothing,
    /// Rule 1: a function names messages that may be deleted, and not those that stay.
    AnswersTheWrongOnes,
    /// Rule 1: a parcel of a dead-letter queue that has only waited is not sent again, and is deleted.
    DrainedIsNotSent,
    /// G2: calls of a dead-letter queue end without dead letters.
    DrainedHasNoLetters,
    /// Rule 6: any holder of a parcel counts as the dead one.
    AnyHolderIsDead,
    /// G4: a worker believes its time limit to be an hour later.
    RunsOn,
    /// G6: no invocation counts as outstanding.
    CapIgnored,
    /// G6: one send of a client has no size limit.
    SendsUnbounded,
    /// G6: arguments wait to be sent without limit.
    BufferUnbounded,
    /// G6: a dispatcher receives without limit.
    LaunchesUnbounded,
    /// G6: an invocation has parcels without a limit on their size.
    InvocationsOverfilled,
    /// G6: a worker runs more invocations at a time than allowed.
    SlotsIgnored,
    /// A mapping's early messages count as due.
    EarlyIsDue,
    /// G6: a function whose workers never begin is launched like any other.
    BrakeIgnored,
    /// G6: everyone may launch a probe of a broken function.
    ProbesTogether,
    /// G2: a function that was mended stays broken.
    BrakedForEver,
    /// G2: a parcel that no worker ever begins is sent again for ever.
    ResentForEver,
    /// G2: no message is known to be so old that SQS deletes it soon.
    AgeUnknown,
    /// G6: only the first shard of the count counts.
    ShardsIgnored,
}

impl Mutation {
    /// Breaks these ports.
    pub(crate) fn twist(self, ports: Ports) -> Ports {
        let Ports { queue, ledger, batches, dead_letters, mut profile, .. } = ports.clone();
        match self {
            Self::SendsUnbounded => profile.send_bytes = usize::MAX,
            Self::BufferUnbounded => profile.buffer_bytes = usize::MAX,
            _ => {}
        }
        Ports {
            queue: Arc::new(TwistedQueue {
                queue: Arc::clone(&queue),
                clock: Arc::clone(&ports.clock),
                mutation: self,
                newer: Mutex::default(),
            }),
            ledger: Arc::new(TwistedLedger { ledger, mutation: self }),
            batches: Arc::new(TwistedBatches { batches, mutation: self }),
            dead_letters: Arc::new(TwistedLetters { dead_letters, mutation: self }),
            // With it, the backend would keep whole rules.
            atomic: None,
            profile,
            ..ports
        }
    }
}

//! The tests that implementations of AWS other than ministack cannot run, with the reason.

use crate::Emulator;

/// Tests that an implementation cannot run.
#[derive(Debug)]
pub(crate) struct Unable {
    emulator: Emulator,
    suite: &'static str,
    /// What their names begin with.
    tests: &'static [&'static str],
    /// What the implementation lacks, or does otherwise than AWS.
    pub(crate) why: &'static str,
}

const UNABLE: &[Unable] = &[
    Unable {
        emulator: Emulator::Moto,
        suite: "conformance",
        tests: &["queue::a_message_may_be_due_in_a_year"],
        why: "moto's Scheduler fires nothing",
    },
    Unable {
        emulator: Emulator::Moto,
        suite: "conformance",
        tests: &["queue::an_old_receipt_is_stale_and_changes_nothing"],
        why: "moto deletes a message by an old receipt; SQS does not (its API reference, DeleteMessage)",
    },
    Unable {
        emulator: Emulator::Moto,
        suite: "conformance",
        tests: &["queue::every_message_goes_to_one_of_many_receivers"],
        why: "moto now and then gives a message to two receivers that ask at the same time",
    },
    Unable {
        emulator: Emulator::Moto,
        suite: "ledger",
        tests: &["costs::"],
        why: "moto does not say what a write has consumed",
    },
    Unable {
        emulator: Emulator::Moto,
        suite: "ledger",
        tests: &[
            "faults::conflicts_of_a_transaction",
            "faults::many_ends_at_once",
            "letters::letters_of_calls_that_died_again",
            "letters::more_letters_than_a_transaction_takes",
        ],
        why: "moto's larger transactions take seconds: on a busy machine longer than an attempt of ours may",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "conformance",
        tests: &["queue::a_message_may_be_due_in_a_year"],
        why: "npm has no Scheduler",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "conformance",
        tests: &[
            "atomic::a_lost_claim_settles_nothing",
            "atomic::a_stale_receipt_does_not_keep_a_parcel_from_settling",
            "atomic::accepting_sends_and_moves_the_mark",
            "atomic::settling_in_steps_ends_the_same",
            "atomic::settling_records_sends_children_finishes_and_deletes",
            "atomic::settling_sends_the_callback_that_its_batch_owes",
            "batches::a_batch_is_opened_once",
            "batches::a_closed_batch_takes_no_more_calls",
            "batches::a_reinstated_batch_runs",
            "batches::an_empty_batch_is_finished_when_it_is_closed",
            "batches::closing_a_batch_whose_calls_have_ended_answers_its_callback",
            "batches::the_mark_moves_without_gaps",
            "batches::the_newest_batches_come_first",
            "dead_letters::a_call_that_died_again_is_not_removed",
            "dead_letters::a_dead_letter_keeps_everything",
            "dead_letters::a_dropped_call_stays_counted",
            "dead_letters::a_retried_call_counts_as_not_ended",
            "dead_letters::a_retried_call_may_die_before_its_letter_is_removed",
            "dead_letters::a_retried_call_may_succeed_before_its_letter_is_removed",
            "dead_letters::dead_letters_are_listed_in_order_by_batch_and_task",
            "ledger::a_call_is_found_by_its_root_parcel",
            "ledger::a_parcel_never_claimed_has_no_row",
            "ledger::a_revoked_batch_is_claimed_as_revoked",
            "ledger::results_and_failures_are_found_by_call",
            "ledger::rule_2_a_claim_is_exclusive_while_its_lease_lasts",
            "ledger::rule_2_a_lease_that_ended_is_taken_over_at_a_higher_epoch",
            "ledger::rule_2_claims_are_answered_in_order",
            "ledger::rule_2_of_many_claims_at_once_one_succeeds",
            "ledger::rule_3_a_lost_claim_writes_nothing",
            "ledger::rule_3_records_survive_a_takeover",
            "ledger::rule_4_every_claim_of_a_sealed_parcel_gets_its_seal",
            "ledger::rule_4_sealing_again_changes_nothing",
            "ledger::rule_5_a_batch_owes_its_callback_once_it_is_closed_and_complete",
            "ledger::rule_5_a_sealed_parcel_finishes_with_the_verdicts_of_its_seal",
            "ledger::rule_5_an_owed_callback_is_returned_until_it_is_paid",
            "ledger::rule_5_finishing_moves_the_counters_once",
            "ledger::rule_6_losses_and_the_window_tell_the_next_holder_to_be_careful",
            "ledger::rule_8_a_parcel_past_its_time_is_refused",
            "ledger::rule_8_a_row_outlives_its_parcel_by_two_days",
            "ledger::rule_9_a_renewed_lease_lasts_longer",
        ],
        why: "dynalite has no TransactWriteItems",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "conformance",
        tests: &["ledger::a_parcel_of_a_batch_without_record"],
        why: "dynalite does not return the item whose condition failed (ReturnValuesOnConditionCheckFailure)",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "queue",
        tests: &["a_call_due_much_later_is_scheduled"],
        why: "npm has no Scheduler",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "queue",
        tests: &["an_object_that_no_parcel_can_be"],
        why: "fauxqs takes objects of up to 11 MiB",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "ledger",
        tests: &[
            "costs::a_recorded_parcel_costs_six_write_units_and_the_first_of_a_batch_five",
            "faults::a_batch_that_is_complete_unseen_owes_its_callback",
            "faults::a_recording_that_comes_late_undoes_nothing",
            "faults::an_end_whose_answer_was_lost_counts_once",
            "faults::conflicts_of_a_transaction_are_waited_for_but_not_for_ever",
            "faults::half_an_answer_is_asked_for_the_other_half",
            "faults::many_ends_at_once_over_a_bad_network_count_exactly",
            "faults::nothing_is_claimed_of_a_batch_that_cannot_be_read",
            "letters::arguments_that_are_too_many_for_an_item_go_to_the_bucket_and_leave_it",
            "letters::letters_are_listed_in_pages",
            "letters::letters_of_a_recording_that_broke_off_have_their_verdicts_with_them",
            "letters::letters_of_calls_that_died_again_take_the_place_of_the_old_ones",
            "letters::letters_that_are_too_many_bytes_for_one_answer_are_all_listed",
            "letters::more_letters_than_a_transaction_takes_are_written_and_counted",
            "mistakes::an_object_without_a_bucket_is_named",
            "records::a_parcel_over_two_buckets_is_found_in_both",
            "records::a_root_parcel_is_found_from_the_next_bucket",
            "records::results_that_are_too_many_for_an_item_are_split",
            "records::results_that_are_too_many_for_an_item_go_to_the_bucket",
        ],
        why: "dynalite has no TransactWriteItems",
    },
    Unable {
        emulator: Emulator::Npm,
        suite: "ledger",
        tests: &[
            "faults::a_claim_is_not_given_up_while_it_may_hold_the_parcel",
            "faults::a_claim_whose_answer_was_lost_is_ours",
            "mistakes::an_item_of_another_program_is_named",
        ],
        why: "dynalite does not return the item whose condition failed (ReturnValuesOnConditionCheckFailure)",
    },
];

/// Why an implementation cannot run this test, if it cannot.
pub(crate) fn why(emulator: Emulator, suite: &str, name: &str) -> Option<&'static Unable> {
    let is_it = |unable: &&Unable| {
        unable.emulator == emulator && unable.suite == suite && unable.tests.iter().any(|test| name.starts_with(test))
    };
    UNABLE.iter().find(is_it)
}

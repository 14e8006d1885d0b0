//! Tests the ledger's table beyond the conformance suite: faults of the network and the service, sizes, races, costs,
//! and error texts.

mod costs;
mod faults;
mod letters;
mod mistakes;
mod outstanding;
mod records;
mod table;

use std::{future::Future, process::ExitCode};

use aws_tests::{trial, with_credentials};
use libtest_mimic::Arguments;

/// A test of this program.
macro_rules! trials {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        vec![$($(trial("ledger", concat!(stringify!($module), "::", stringify!($test)), || run($module::$test()))),*),*]
    };
}

fn main() -> ExitCode {
    with_credentials();
    let trials = trials![
        costs:
            a_lone_call_costs_two_write_units,
            a_recorded_parcel_costs_six_write_units_and_the_first_of_a_batch_five;
        faults:
            a_claim_whose_answer_was_lost_is_ours,
            a_claim_is_not_given_up_while_it_may_hold_the_parcel,
            nothing_is_claimed_of_a_batch_that_cannot_be_read,
            an_end_whose_answer_was_lost_counts_once,
            many_ends_at_once_over_a_bad_network_count_exactly,
            a_recording_that_comes_late_undoes_nothing,
            conflicts_of_a_transaction_are_waited_for_but_not_for_ever,
            half_an_answer_is_asked_for_the_other_half,
            a_batch_that_is_complete_unseen_owes_its_callback;
        letters:
            more_letters_than_a_transaction_takes_are_written_and_counted,
            letters_of_calls_that_died_again_take_the_place_of_the_old_ones,
            letters_of_a_recording_that_broke_off_have_their_verdicts_with_them,
            letters_are_listed_in_pages,
            letters_that_are_too_many_bytes_for_one_answer_are_all_listed,
            arguments_that_are_too_many_for_an_item_go_to_the_bucket_and_leave_it;
        mistakes:
            a_table_that_is_not_there_is_named,
            a_table_that_may_not_be_used_is_named,
            a_table_that_is_asked_too_much_is_unavailable,
            an_item_of_another_program_is_named,
            an_object_without_a_bucket_is_named;
        outstanding:
            a_function_whose_workers_never_begin_is_launched_now_and_then,
            a_large_cap_is_counted_in_several_items,
            an_idle_dispatcher_counts_nothing,
            how_often_a_parcel_was_sent_again_is_counted,
            idle_reservations_are_given_back,
            a_dispatcher_that_was_refused_counts_before_it_receives,
            a_dispatcher_that_found_no_room_looks_and_counts_nothing_until_there_is_some;
        records:
            results_that_are_too_many_for_an_item_are_split,
            results_that_are_too_many_for_an_item_go_to_the_bucket,
            a_parcel_over_two_buckets_is_found_in_both,
            a_root_parcel_is_found_from_the_next_bucket;
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(test: impl Future<Output = ()>) -> Result<(), libtest_mimic::Failed> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(test);
    Ok(())
}

//! Compares the compiler's errors for invalid tasks with the files next to the cases. After a change of wording:
//! `TRYBUILD=overwrite cargo test -p task-macros --test compile_fail`, and read what it wrote.

/// One test, since each would wait for the other's build.
#[test]
fn each_refusal_names_the_cure() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

//! What is not believed cannot be used as if it were: each program in `misuse/` must not compile, for the reason beside it.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}

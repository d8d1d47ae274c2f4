//! Everything in the public corpus against what is expected of it: a module for each kind, a score for each kind.
//!
//! The corpus is kept outside of the project; without it every test here says so and passes. Expectations come with it, in
//! `expected/`. Where one is wrong, its exception stands beside the test with the reason, and an exception that does not show
//! fails as an unexpected deviation does. The inventory feeds every other file of the corpus to the parser of its kind.
//!
//! A new kind is a new module: it walks its expectations, calls [`score::Score::check`], and ends with `finish`. The vectors of
//! Wycheproof need the bare signature check, which is private: their test stands beside it, in `authenticate/signature/tests.rs`.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test reads files, and a panic in it is a failed test"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/diag.rs"]
mod diag;

mod cel;
mod certificates;
mod corim;
mod event_logs;
mod ima;
mod inventory;
mod log_lies;
mod merkle;
mod quotes;
mod score;
mod tokens;

//! The shell around `attest-core`: bytes in and out, clock, dice, disk.

pub mod cli;

//! What people do with `attest release`, command by command, with plain `ssh-keygen`: the real programs, a log with two witnesses, a signer with
//! SoftHSM2. Each command is typed as a person would, and with `--json` as a program would; each refusal says what, where and what was expected.

mod asking;
mod emergencies;
mod exported;
mod offline;
mod people;
mod policies;
mod releasing;
mod stage;
mod standings;
mod tokens;

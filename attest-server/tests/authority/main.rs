//! The log of releases from outside: an organisation with its people, the real server and witnesses.

mod client;
mod clocks;
mod controls;
mod families;
mod killed;
mod log;
mod mailbox;
mod moved;
mod organisation;
mod recovered;
mod recovery;
mod repeated;
mod roles;
mod set_back;
mod site;
mod statements;
mod told;
mod unlogged;
mod watched;
mod witnesses;

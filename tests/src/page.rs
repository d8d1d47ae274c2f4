//! `docs/first-hour.md`, of which other tests take the sections that they need.

use std::net::TcpListener;

const PAGE: &str = include_str!("../../docs/first-hour.md");

/// The commands of a section, as they stand there but for the ports, which begin with this one.
///
/// # Panics
/// If there is no such section.
#[must_use]
pub fn first_hour(section: u32, first_port: u16) -> String {
    let start = format!("\n## {section}. ");
    let (_, rest) = PAGE.split_once(&start).expect("the section is there");
    let text = rest.split("\n## ").next().unwrap_or(rest);
    let (_, rest) = text.split_once("```sh\n").expect("it has commands");
    let (commands, _) = rest.split_once("\n```").expect("they end");
    let port = |nth: u16| format!(":{}", first_port + nth);
    let mut commands = format!("{commands}\n");
    for (written, free) in [(":7443", port(0)), (":7444", port(1)), (":7451", port(2)), (":7452", port(3))] {
        commands = commands.replace(written, &free);
    }
    commands
}

/// The same with other words in it.
///
/// # Panics
/// If one of them does not stand there.
#[must_use]
pub fn changed_hour(section: u32, first_port: u16, changes: &[(&str, &str)]) -> String {
    let mut commands = first_hour(section, first_port);
    for (from, to) in changes {
        assert!(commands.contains(from), "section {section} has no `{from}`");
        commands = commands.replace(from, to);
    }
    commands
}

/// Four ports, one behind the other, that nobody listens on now.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn ports() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = u16::try_from(std::process::id() % 690).expect("small");
    // Behind those that software TPMs listen on, and below those that the system gives to whoever asks for any.
    (0..690)
        .map(|step| 30_000 + (first + step) % 690 * 4)
        .find(|first| (0..4).all(|more| is_free(first + more)))
        .expect("free ports")
}

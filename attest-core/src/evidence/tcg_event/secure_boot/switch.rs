//! Whether Secure Boot was on, as far as a log proves it.

use crate::digest::HashAlg;
use crate::evidence::tcg_event::{Authenticated, Guid, Variable, authenticated, authenticated_everywhere};
use crate::evidence::tcg_log::{Event, EventLog, EventType, Format};

/// Whether Secure Boot was on, proven in every bank of the event that may judge; SHA-1 speaks only where it is alone.
///
/// `None` where the log does not prove it: the variable is absent, empty, measured twice, measured after the
/// separator, of another value than 0 or 1, or its digest does not cover it.
#[must_use]
pub fn secure_boot(log: &EventLog<'_>) -> Option<bool> {
    state(log, authenticated_everywhere)
}

/// Whether Secure Boot was on, proven in this bank.
#[must_use]
pub fn secure_boot_in(log: &EventLog<'_>, alg: HashAlg) -> Option<bool> {
    state(log, |event| authenticated(event, alg))
}

pub(super) fn state(log: &EventLog<'_>, proven: impl Fn(&Event<'_>) -> Authenticated) -> Option<bool> {
    let event = variable_event(log)?;
    let variable = Variable::parse(event.data).filter(|variable| variable.trailing.is_empty())?;
    if proven(event) != Authenticated::WholeData {
        return None;
    }
    match variable.data {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// Where PCR 7 is: register 1 of a confidential virtual machine serves it and PCR 1.
pub(super) fn register(log: &EventLog<'_>) -> u32 {
    if log.format() == Format::Ccel { 1 } else { 7 }
}

/// The only SecureBoot variable of the log, if it stands before the separator of its register.
fn variable_event<'l, 'a>(log: &'l EventLog<'a>) -> Option<&'l Event<'a>> {
    let register = register(log);
    let in_register = || log.events().iter().filter(move |event| event.pcr == register);
    let is_variable = |event: &&Event<'_>| {
        event.event_type == EventType::EFI_VARIABLE_DRIVER_CONFIG
            && Variable::parse(event.data).is_some_and(|variable| variable.is(Guid::GLOBAL, "SecureBoot"))
    };
    if in_register().filter(is_variable).count() > 1 {
        return None;
    }
    in_register().take_while(|event| !event.is_separator()).find(is_variable)
}

//! Whether Secure Boot was on, as far as a log proves it.

use super::{Authenticated, Guid, Variable, authenticated};
use crate::digest::HashAlg;
use crate::evidence::tcg_log::{Event, EventLog, EventType, Format};

/// Whether Secure Boot was on, proven in every bank of the log that may judge.
///
/// `None` where the log does not prove it: the variable is absent, empty, measured twice, measured after the
/// separator, of another value than 0 or 1, or its digest does not cover it.
#[must_use]
pub fn secure_boot(log: &EventLog<'_>) -> Option<bool> {
    let strong: Vec<_> = log.banks().iter().copied().filter(|alg| alg.strength() > 0).collect();
    let banks = if strong.is_empty() { log.banks().to_vec() } else { strong };
    let mut states = banks.into_iter().map(|alg| secure_boot_in(log, alg));
    let first = states.next()??;
    states.all(|state| state == Some(first)).then_some(first)
}

/// Whether Secure Boot was on, proven in this bank.
#[must_use]
pub fn secure_boot_in(log: &EventLog<'_>, alg: HashAlg) -> Option<bool> {
    let event = variable_event(log)?;
    let variable = Variable::parse(event.data).filter(|variable| variable.trailing.is_empty())?;
    if authenticated(event, alg) != Authenticated::WholeData {
        return None;
    }
    match variable.data {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// The only SecureBoot variable of the log, if it stands before the separator of its register.
fn variable_event<'l, 'a>(log: &'l EventLog<'a>) -> Option<&'l Event<'a>> {
    // Register 1 of a confidential virtual machine serves PCR 1 and PCR 7.
    let register = if log.format() == Format::Ccel { 1 } else { 7 };
    let in_register = || log.events().iter().filter(move |event| event.pcr == register);
    let is_variable = |event: &&Event<'_>| {
        event.event_type == EventType::EFI_VARIABLE_DRIVER_CONFIG
            && Variable::parse(event.data).is_some_and(|variable| variable.is(Guid::GLOBAL, "SecureBoot"))
    };
    if in_register().filter(is_variable).count() > 1 {
        return None;
    }
    in_register().take_while(|event| event.event_type != EventType::SEPARATOR).find(is_variable)
}

//! The root causes behind the findings of a verdict, each with what follows from it.

use serde::Serialize;

use super::finding::Cause;

/// Where a consequence of a root cause shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Explained {
    /// The PCR that moved.
    pub pcr: u32,
    /// The event in it, if one can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// `userspace` where the event is a record of the log of user space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<&'static str>,
}

/// A root cause, with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootCause {
    /// The most likely cause.
    pub cause: Cause,
    /// Another cause that the evidence cannot tell from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or: Option<Cause>,
    /// The component in which it shows first.
    pub component: Option<String>,
    /// The PCR in which it shows first.
    pub pcr: Option<u32>,
    /// The event in which it shows first.
    pub event: Option<u32>,
    /// `userspace` where the event is a record of the log of user space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<&'static str>,
    /// Everything else that it explains.
    pub explains: Vec<Explained>,
    /// Further causes that could hide behind what it explains: nothing would tell them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub perhaps: Vec<Cause>,
    /// Only the log says so, or what good boots have: no quoted PCR proves it.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub unproven: bool,
}

impl RootCause {
    /// A cause with nothing but its name.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        Self {
            cause,
            or: None,
            component: None,
            pcr: None,
            event: None,
            log: None,
            explains: Vec::new(),
            perhaps: Vec::new(),
            unproven: false,
        }
    }
}

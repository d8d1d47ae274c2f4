//! What of a request fails already as it is made: told at once, and not when people are to approve it.

use std::collections::BTreeMap;

use attest_core::Limits;
use attest_core::release::built::Built;
use attest_core::release::catalogue::Catalogue;
use attest_core::release::evaluate::out_of_reach;
use attest_core::release::request::Request;
use attest_core::release::{ObjectId, Policy};

/// Codes and words: in what the builds are not what the channel asks for, as the policy's keys count now (an artifact that stands in no provenance, above
/// all); and a security version that the family may not have yet, or has left behind.
pub(super) fn of(
    policy: &Policy,
    catalogue: Option<&Catalogue>,
    request: &Request,
    objects: &BTreeMap<ObjectId, Vec<u8>>,
    limits: &Limits,
) -> Vec<(&'static str, String)> {
    let channel = policy.channel(&request.family, &request.channel);
    let mut failing = Vec::new();
    if let Some(demand) = channel.and_then(|channel| channel.provenance.as_ref()) {
        let builders = demand.builders(policy, |_, known| known.counts_at(request.not_before));
        let envelopes = request.provenance.iter().filter_map(|id| objects.get(id)).map(Vec::as_slice);
        let built = Built::of(policy, demand, request, envelopes, &builders, limits);
        failing.extend(built.failures.iter().map(|told| (told.code(), told.to_string())));
    }
    if let (Some(family), Some(catalogue)) = (policy.family(&request.family), catalogue) {
        let gate = out_of_reach(request, family, catalogue.floors());
        failing.extend(gate.map(|gate| (gate.code(), gate.to_string())));
    }
    failing
}

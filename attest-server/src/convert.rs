//! protobuf ↔ the rest. Nothing else names both.

mod verdict;

use self::verdict::status_named;
pub(crate) use self::verdict::verdict;
use attest_core::{Digest, HashAlg, Timestamp, evidence::PcrValues};
use attest_proto::v1;
use prost::Message as _;

use crate::{
    challenge::IssuedChallenge,
    judge::SentEvidence,
    releases::Snapshot,
    service::Refusal,
    store::{Device, LastVerdict, StoredVerdict},
};

/// 24 PCRs in each of the 16 banks that a TPM may have.
const PCR_VALUES: usize = 24 * 16;

/// Tokens in one request: one for each attester of a device.
const TOKENS: usize = 8;

/// Seconds since 1970.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: i64::try_from(time.unix()).unwrap_or(i64::MAX), nanos: 0 }
}

/// What a device sent. PCR values that cannot be such are refused; everything else is for the verification to say.
pub(crate) fn evidence(sent: v1::Evidence) -> Result<SentEvidence, Refusal> {
    if sent.pcr_values.len() > PCR_VALUES {
        return Err(malformed_pcrs("more values than a TPM has PCRs"));
    }
    if sent.cmw.is_some() && !is_alone(&sent) {
        let detail = "cmw: quote, logs and tokens stand in it or beside it, not both".to_owned();
        return Err(Refusal::Malformed { code: "evidence_twice", detail });
    }
    if sent.tokens.len() > TOKENS {
        let detail = format!("tokens: more than {TOKENS}");
        return Err(Refusal::Malformed { code: "too_many_tokens", detail });
    }
    let pcrs = sent.pcr_values.iter().map(pcr_value).collect::<Result<Vec<_>, _>>()?;
    Ok(SentEvidence {
        attest: sent.attest,
        signature: sent.signature,
        event_log: sent.event_log,
        ima_list: sent.ima_list,
        ima_list_offset: sent.ima_list_offset,
        userspace_log: sent.userspace_log,
        tokens: sent.tokens.into_iter().map(|token| (token.token, token.key_identity)).collect(),
        pcrs: if pcrs.is_empty() { None } else { Some(PcrValues::from_iter(pcrs)) },
        cmw: sent.cmw,
    })
}

/// Whether nothing stands beside the collection: two quotes would be two stories.
fn is_alone(sent: &v1::Evidence) -> bool {
    let v1::Evidence {
        attest,
        signature,
        event_log,
        ima_list,
        userspace_log,
        ima_list_offset: _,
        pcr_values,
        tokens,
        cmw: _,
    } = sent;
    attest.is_empty()
        && signature.is_empty()
        && [event_log, ima_list, userspace_log].iter().all(|log| log.is_none())
        && pcr_values.is_empty()
        && tokens.is_empty()
}

fn pcr_value(sent: &v1::PcrValue) -> Result<(u8, Digest), Refusal> {
    let alg = HashAlg::from_name(&sent.bank).ok_or_else(|| malformed_pcrs("unknown bank"))?;
    let pcr = u8::try_from(sent.pcr).ok().filter(|pcr| *pcr < 24);
    let pcr = pcr.ok_or_else(|| malformed_pcrs("PCR above 23"))?;
    let digest = Digest::new(alg, &sent.value);
    Ok((pcr, digest.ok_or_else(|| malformed_pcrs("a value is not as long as its bank's digests"))?))
}

fn malformed_pcrs(detail: &str) -> Refusal {
    Refusal::Malformed { code: "pcr_values_malformed", detail: format!("pcr_values: {detail}") }
}

/// The device's side of a challenge.
pub(crate) fn challenge(
    challenge_id: String,
    challenge: IssuedChallenge,
    ima_list_offset: u64,
) -> v1::CreateChallengeResponse {
    v1::CreateChallengeResponse {
        challenge_id,
        nonce: challenge.nonce().to_vec(),
        expires_at: Some(timestamp(challenge.expires_at())),
        server_random: challenge.server_random,
        selection: challenge.selection.into_iter().map(|(bank, pcrs)| v1::PcrBank { bank, pcrs }).collect(),
        ima_list_offset,
    }
}

/// The one field of a verdict that says by which release it was made; the others are not decoded.
#[derive(Clone, PartialEq, prost::Message)]
struct MadeBy {
    #[prost(message, optional, tag = "6")]
    golden: Option<v1::Golden>,
    #[prost(string, tag = "11")]
    family: String,
}

/// Whether the values that a stored verdict stands on count no more: they were a release's, which was withdrawn since, or is not known to count.
/// A refusal stays one.
fn is_withdrawn(status: &str, body: &[u8], snapshot: Option<&Snapshot>, now: Timestamp) -> bool {
    if status_named(status) == v1::Status::Contraindicated {
        return false;
    }
    let Ok(made_by) = MadeBy::decode(body) else { return true };
    let Some(golden) = made_by.golden.filter(|golden| golden.governed.is_some()) else { return false };
    !snapshot.is_some_and(|snapshot| snapshot.is_in_force(&made_by.family, &golden.release, now))
}

/// A device as operators see it.
pub(crate) fn device(device: Device, snapshot: Option<&Snapshot>, now: Timestamp) -> v1::Device {
    let is_revoked = device.revoked.is_some();
    let (revoked_at, revoked_because) = device.revoked.unzip();
    let (last_status, last_judged_at, stale) = match device.last {
        Some(LastVerdict { status, judged_at, expires_at, body }) => {
            let stale = is_revoked || now > expires_at || is_withdrawn(&status, &body, snapshot, now);
            (status_named(&status), Some(judged_at), stale)
        }
        None => (v1::Status::Unspecified, None, false),
    };
    v1::Device {
        id: device.id,
        family: device.family,
        ek_identity: device.identity.ek_identity,
        ak_name: device.identity.ak_name,
        ek_certificate_sha256: device.identity.ek_certificate_sha256,
        enrolled_at: Some(timestamp(device.enrolled_at)),
        revoked_at: revoked_at.map(timestamp),
        revoked_because: revoked_because.unwrap_or_default(),
        last_status: last_status.into(),
        last_judged_at: last_judged_at.map(timestamp),
        stale,
        refused_registrations: device.refused_registrations,
    }
}

/// A stored verdict; `None` if its bytes are not what [`encode`] made.
pub(crate) fn last_verdict(
    stored: StoredVerdict,
    is_revoked: bool,
    snapshot: Option<&Snapshot>,
    now: Timestamp,
) -> Option<v1::LastVerdictResponse> {
    let withdrawn = is_withdrawn(&stored.status, &stored.body, snapshot, now);
    let stale = is_revoked || now > stored.expires_at || withdrawn;
    Some(v1::LastVerdictResponse {
        verdict: Some(v1::Verdict::decode(stored.body.as_slice()).ok()?),
        ear_jwt: stored.ear_jwt,
        ear_cwt: stored.ear_cwt,
        expires_at: Some(timestamp(stored.expires_at)),
        stale,
    })
}

/// For the store.
pub(crate) fn encode(verdict: &v1::Verdict) -> Vec<u8> {
    verdict.encode_to_vec()
}

/// How far the log of releases is known.
pub(crate) fn releases(snapshot: &Snapshot) -> v1::GetStateResponse {
    let view = snapshot.view();
    v1::GetStateResponse {
        leaves: view.map_or(0, |view| view.head().size),
        root: view.map(|view| view.head().root.as_bytes().to_vec()).unwrap_or_default(),
        seen_at: view.map(|view| timestamp(view.time())),
        clock_confirmed: snapshot.is_confirmed(),
        forked: snapshot.is_forked(),
        releases: snapshot.counts().collect(),
        revocations_left_out: snapshot.left_out(),
    }
}

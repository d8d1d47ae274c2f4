//! The counters of a device's TPM: those that are known, and those that its new evidence is held against.

use attest_core::{Timestamp, appraise::LastSeen, evidence::tpm::ClockInfo};

use crate::{
    challenge::Counters,
    store::{Device, Lease, TpmClock},
};

/// The lease's counters, if it is of the key that signs now and its verdict still counts.
pub(super) fn counting(lease: Lease, device: &Device, now: Timestamp) -> Option<ClockInfo> {
    let Lease { ak_name, clock, reset_count, restart_count, safe, expires_at } = lease;
    let counts = ak_name == device.identity.ak_name && now <= expires_at;
    counts.then_some(ClockInfo { clock, reset_count, restart_count, safe })
}

/// What the counters must not fall behind: the latest boot that is known, and what was known of it when the challenge was made. Two answers of
/// one boot may overtake one another, and the older one's clock did not go back.
pub(super) fn last_seen(latest: TpmClock, at_challenge: Option<Counters>) -> LastSeen {
    let TpmClock { reset_count, safe, firmware_version, .. } = latest;
    let of_this_boot = at_challenge.filter(|known| known.reset_count == reset_count);
    let (clock, restart_count) = of_this_boot.map_or((0, 0), |known| (known.clock, known.restart_count));
    LastSeen { clock: ClockInfo { clock, reset_count, restart_count, safe }, firmware_version }
}

/// What a quote said, as it is stored.
pub(super) fn tpm_clock(info: ClockInfo, firmware_version: u64) -> TpmClock {
    let ClockInfo { clock, reset_count, restart_count, safe } = info;
    TpmClock { clock, reset_count, restart_count, safe, firmware_version }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Identity;

    #[test]
    fn a40_a_lease_counts_for_its_own_key_until_its_verdict_expires() {
        let at = Timestamp::from_unix;
        let identity =
            Identity { ek_identity: vec![1], ek_certificate_sha256: vec![2], ak_name: vec![0, 11, 3] };
        let device = Device {
            id: "dev-1".to_owned(),
            family: "debian".to_owned(),
            identity,
            ak_public: vec![],
            enrolled_at: at(1),
            revoked: None,
            refused_registrations: 0,
            last: None,
        };
        let lease = |ak_name: &[u8]| Lease {
            ak_name: ak_name.to_vec(),
            clock: 9,
            reset_count: 5,
            restart_count: 2,
            safe: true,
            expires_at: at(100),
        };
        let counters = ClockInfo { clock: 9, reset_count: 5, restart_count: 2, safe: true };
        assert_eq!(counting(lease(&[0, 11, 3]), &device, at(100)), Some(counters));
        assert_eq!(counting(lease(&[0, 11, 3]), &device, at(101)), None, "expired");
        assert_eq!(counting(lease(&[0, 11, 4]), &device, at(100)), None, "another AK");
    }

    #[test]
    fn a16_counters_are_held_against_the_latest_boot_and_what_the_challenge_knew_of_it() {
        let latest =
            TpmClock { clock: 900, reset_count: 5, restart_count: 3, safe: true, firmware_version: 7 };
        let seen = |at_challenge: Option<(u32, u32, u64)>| {
            let counters =
                |(reset_count, restart_count, clock)| Counters { reset_count, restart_count, clock };
            let seen = last_seen(latest, at_challenge.map(counters));
            assert_eq!((seen.firmware_version, seen.clock.safe), (7, true));
            (seen.clock.reset_count, seen.clock.restart_count, seen.clock.clock)
        };
        assert_eq!(seen(Some((5, 3, 900))), (5, 3, 900), "nothing came between");
        assert_eq!(seen(Some((5, 2, 400))), (5, 2, 400), "another answer of this boot came between");
        assert_eq!(seen(Some((4, 9, 800))), (5, 0, 0), "the first answer of this boot came between");
        assert_eq!(seen(None), (5, 0, 0), "the device's first answer came between");
    }
}

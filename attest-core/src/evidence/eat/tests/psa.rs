//! The PSA profiles (RFC 9783).

use super::*;

#[test]
fn psa_claims_of_three_profiles() {
    let tfm = cwt(&map(psa_claims())).unwrap();
    let psa = tfm.claims().psa().unwrap();
    assert_eq!(
        (psa.profile, psa.client_id, psa.lifecycle, psa.lifecycle_claim),
        (PsaProfile::Tfm, -5, Lifecycle::Secured, 0x3001)
    );
    assert_eq!(psa.components.len(), 2);
    assert_eq!(psa.components[0].kind.as_deref(), Some("BL"));
    assert_eq!(tfm.claims().bootseed.as_ref().map(Vec::len), Some(8));
    assert_eq!(tfm.claims().shown()["psa-software-components"][1]["measurement-type"], "PRoT");
    let old = cwt(&map(old_psa_claims())).unwrap();
    assert_eq!(old.claims().profile.name(), Some("PSA_IOT_PROFILE_1"));
    assert_eq!(old.claims().nonce.as_deref(), Some(&NONCE[..]));
    // The first profile may leave its name out.
    assert!(cwt(&with(old_psa_claims(), -75_000, None)).unwrap().claims().psa().is_some());
    let mut draft = psa_claims();
    draft.retain(|(label, _)| *label != 268);
    draft.push((2397, bytes([5; 32])));
    let draft = cwt(&with(draft, 265, Some(text("http://arm.com/psa/2.0.0")))).unwrap();
    assert_eq!(draft.claims().bootseed.as_deref(), Some(&[5; 32][..]));
}

#[test]
fn psa_claims_that_must_be_there() {
    let missing = |claims: Vec<(i64, Value)>, label| match cwt(&with(claims, label, None)).unwrap_err() {
        Error::ClaimMissing { claim, .. } => claim,
        other => panic!("{label}: {other}"),
    };
    for (label, claim) in [
        (256, "psa-instance-id"),
        (2394, "psa-client-id"),
        (2395, "psa-security-lifecycle"),
        (2396, "psa-implementation-id"),
        (2399, "psa-software-components"),
    ] {
        assert_eq!(missing(psa_claims(), label), claim);
    }
    for (label, claim) in [
        (-75_001, "psa-client-id"),
        (-75_002, "psa-security-lifecycle"),
        (-75_003, "psa-implementation-id"),
        (-75_004, "psa-boot-seed"),
        (-75_006, "psa-software-components"),
        (-75_009, "psa-instance-id"),
    ] {
        assert_eq!(missing(old_psa_claims(), label), claim);
    }
    for label in [268, 2398, 2400] {
        assert!(cwt(&with(psa_claims(), label, None)).is_ok(), "{label}");
    }
}

#[test]
fn psa_claims_that_must_be_absent() {
    let foreign =
        |claims: Vec<(i64, Value)>, label, value| match cwt(&with(claims, label, Some(value))).unwrap_err() {
            Error::ClaimForeign { key, .. } => key,
            other => panic!("{label}: {other}"),
        };
    for (label, value) in [
        (2397, bytes([1; 32])),
        (-75_004, bytes([1; 32])),
        (-75_008, bytes(NONCE)),
        (-75_000, text("PSA_IOT_PROFILE_1")),
    ] {
        assert_eq!(foreign(psa_claims(), label, value), label);
    }
    for (label, value) in
        [(10, bytes(NONCE)), (256, bytes([1; 33])), (2399, Value::Array(vec![])), (268, bytes([1; 8]))]
    {
        assert_eq!(foreign(old_psa_claims(), label, value), label);
    }
    let draft = with(psa_claims(), 265, Some(text("http://arm.com/psa/2.0.0")));
    assert!(matches!(cwt(&draft), Err(Error::ClaimForeign { key: 268, .. })));
    let both = with(old_psa_claims(), -75_007, Some(int(1)));
    assert!(matches!(cwt(&both), Err(Error::ClaimMalformed { claim: "psa-no-sw-measurements", .. })));
    let nothing = [with(old_psa_claims(), -75_006, None)];
    let Value::Map(mut entries) = nothing[0].clone() else { panic!() };
    entries.push((int(-75_007), int(1)));
    assert!(cwt(&Value::Map(entries.clone())).unwrap().claims().psa().unwrap().components.is_empty());
    entries.last_mut().unwrap().1 = int(2);
    assert!(cwt(&Value::Map(entries)).is_err());
}

#[test]
fn what_is_wrong_with_psa_claims_is_said_in_a_sentence() {
    let told = |claims: &Value| cwt(claims).unwrap_err().to_string();
    let unsigned = Value::Array(vec![map(vec![(2, bytes([1; 32]))])]);
    let tfm = "tag:psacertified.org,2023:psa#tfm";
    for (claims, text) in [
        (
            with(psa_claims(), 2394, Some(int(0))),
            "psa-client-id is not a signed 32-bit number other than 0".to_owned(),
        ),
        (
            with(psa_claims(), 2399, Some(Value::Array(vec![]))),
            "psa-software-components is not an array of at least one component".to_owned(),
        ),
        (
            with(psa_claims(), 2399, Some(unsigned)),
            format!("signer-id is missing, the profile {tfm} demands it"),
        ),
        (
            with(old_psa_claims(), -75_007, Some(int(1))),
            "psa-no-sw-measurements is not to stand beside psa-software-components".to_owned(),
        ),
    ] {
        assert_eq!(told(&claims), text);
    }
}

#[test]
fn psa_lengths_and_ranges() {
    let bad = |label, value| cwt(&with(psa_claims(), label, Some(value))).unwrap_err().code();
    let component = |entries: Vec<(i64, Value)>| Value::Array(vec![map(entries)]);
    for (label, value, code) in [
        (256, bytes([2; 33]), "claim_malformed"),
        (256, bytes([1; 32]), "claim_length"),
        (2394, int(0), "claim_malformed"),
        (2394, int(1 << 31), "claim_malformed"),
        (2394, int(-(1 << 31) - 1), "claim_malformed"),
        (2395, int(0x3100), "claim_malformed"),
        (2395, int(0x7000), "claim_malformed"),
        (2395, int(-1), "claim_malformed"),
        (2396, bytes([1; 31]), "claim_length"),
        (2396, bytes([1; 33]), "claim_length"),
        (268, bytes([1; 7]), "claim_length"),
        (268, bytes([1; 33]), "claim_length"),
        (2398, text("0604565272829"), "claim_malformed"),
        (2398, text("0604565272829-1001"), "claim_malformed"),
        (2398, text("060456527282910010"), "claim_malformed"),
        (2398, text("060456527282x-10010"), "claim_malformed"),
        (2400, text(""), "claim_malformed"),
        (2399, Value::Array(vec![]), "claim_malformed"),
        (2399, component(vec![(5, bytes([4; 32]))]), "claim_missing"),
        (2399, component(vec![(2, bytes([4; 32]))]), "claim_missing"),
        (2399, component(vec![(2, bytes([4; 31])), (5, bytes([4; 32]))]), "claim_length"),
        (2399, component(vec![(2, bytes([4; 32])), (5, bytes([4; 20]))]), "claim_length"),
        (2399, component(vec![(1, int(1)), (2, bytes([4; 32])), (5, bytes([4; 32]))]), "claim_malformed"),
    ] {
        assert_eq!(bad(label, value.clone()), code, "{label}: {value:?}");
    }
    for (label, value) in
        [(2394, int(i64::from(i32::MIN))), (2395, int(0x60ff)), (2395, int(0)), (2396, bytes([0; 32]))]
    {
        assert!(cwt(&with(psa_claims(), label, Some(value))).is_ok());
    }
    let short = with(old_psa_claims(), -75_004, Some(bytes([1; 31])));
    assert!(matches!(cwt(&short), Err(Error::ClaimLength { claim: "psa-boot-seed", .. })));
}

/// The first profile speaks of EAN-13 alone; firmware that writes it adds five digits, with a hyphen or without.
#[test]
fn a_hardware_version_of_the_first_profile() {
    let read = |version: &str| {
        let claims = cwt(&with(old_psa_claims(), -75_005, Some(text(version)))).ok()?;
        claims.claims.psa?.certification_reference
    };
    for version in ["4012345678901", "4012345678901-12345", "401234567890112345"] {
        assert_eq!(read(version).as_deref(), Some(version));
    }
    for version in
        ["123", "40123456789011234", "4012345678901123456", "40123456789011234x", "401234567890-112345"]
    {
        assert_eq!(read(version), None, "{version}");
    }
}

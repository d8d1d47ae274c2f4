//! What is wrong with a key, a signature or an attestation is called the same in every edition.

use super::key::KeyType;
use super::{Presence, attestation, key, signature, wire};
use crate::evidence::cbor;
use crate::reader::Truncated;
use crate::release::key as numbers;

fn wire() -> wire::Error {
    wire::Error::Truncated(Truncated { offset: 0, wanted: 4, left: 0 })
}

#[test]
fn every_code_of_a_key_is_its_own_and_stable() {
    use key::Error;
    let (key_type, weak) = (KeyType::Ed25519, numbers::Error::Ed25519SmallOrder);
    for (error, code) in [
        (Error::ApplicationUnexpected { application: String::new() }, "ssh_key_application_unexpected"),
        (Error::Base64Malformed, "ssh_key_base64_malformed"),
        (Error::CertificateUnsupported, "ssh_key_certificate_unsupported"),
        (Error::CurveMismatch { key_type }, "ssh_key_curve_mismatch"),
        (Error::DsaUnsupported, "ssh_key_dsa_unsupported"),
        (Error::Key(weak), "release_key_ed25519_small_order"),
        (Error::LineUnexpected, "ssh_key_line_unexpected"),
        (Error::RsaUnsupported, "ssh_key_rsa_unsupported"),
        (Error::TypeMismatch { line: key_type, key: key_type }, "ssh_key_type_mismatch"),
        (Error::TypeUnknown { name: String::new() }, "ssh_key_type_unknown"),
        (Error::Wire(wire()), "ssh_truncated"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn every_code_of_a_signature_is_its_own_and_stable() {
    use signature::Error;
    let missed = Error::PresenceInsufficient { demanded: Presence::Present, proven: Presence::Unproven };
    for (error, code) in [
        (Error::ArmorUnexpected, "sshsig_armor_unexpected"),
        (Error::Base64Malformed, "sshsig_base64_malformed"),
        (Error::FlagsUnexpected { flags: 0x40 }, "sshsig_flags_unexpected"),
        (Error::HashUnsupported { name: String::new() }, "sshsig_hash_unsupported"),
        (Error::Key(key::Error::DsaUnsupported), "ssh_key_dsa_unsupported"),
        (Error::KeyMismatch, "sshsig_key_mismatch"),
        (Error::LengthUnexpected { len: 63 }, "sshsig_length_unexpected"),
        (Error::MagicUnexpected, "sshsig_magic_unexpected"),
        (Error::NamespaceEmpty, "sshsig_namespace_empty"),
        (Error::NamespaceMismatch { signed: String::new() }, "sshsig_namespace_mismatch"),
        (missed, "sshsig_presence_insufficient"),
        (Error::ReservedNotEmpty, "sshsig_reserved_not_empty"),
        (Error::SignatureInvalid, "sshsig_invalid"),
        (Error::TooLong { len: 2, limit: 1 }, "sshsig_too_long"),
        (Error::TypeMismatch { signature: String::new() }, "sshsig_type_mismatch"),
        (Error::UserPresenceMissing, "sshsig_user_presence_missing"),
        (Error::VersionUnsupported { version: 2 }, "sshsig_version_unsupported"),
        (Error::Wire(wire()), "ssh_truncated"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn every_code_of_an_attestation_is_its_own_and_stable() {
    use attestation::Error;
    let not_cbor = cbor::parse(&[], &crate::Limits::DEFAULT).unwrap_err();
    for (error, code) in [
        (Error::ApplicationMismatch, "fido_application_mismatch"),
        (Error::AuthenticatorDataMalformed, "fido_authenticator_data_malformed"),
        (Error::AuthenticatorDataMissing, "fido_authenticator_data_missing"),
        (Error::BackupEligible, "fido_backup_eligible"),
        (Error::Cbor(not_cbor), "fido_cbor_malformed"),
        (Error::CertificateExpired, "fido_certificate_expired"),
        (Error::CertificateMalformed, "fido_certificate_malformed"),
        (Error::CertificateMissing, "fido_certificate_missing"),
        (Error::CredentialKeyUnsupported, "fido_credential_key_unsupported"),
        (Error::CredentialMissing, "fido_credential_missing"),
        (Error::FormatUnknown, "fido_format_unknown"),
        (Error::Key(numbers::Error::Ed25519SmallOrder), "release_key_ed25519_small_order"),
        (Error::KeyMismatch, "fido_key_mismatch"),
        (Error::KeyNotOfToken, "fido_key_not_of_token"),
        (Error::MakerUnknown, "fido_maker_unknown"),
        (Error::ModelMismatch, "fido_model_mismatch"),
        (Error::ReservedNotEmpty, "fido_reserved_not_empty"),
        (Error::RootMalformed { at: 0 }, "fido_root_malformed"),
        (Error::RootsMissing, "fido_roots_missing"),
        (Error::SignatureInvalid, "fido_signature_invalid"),
        (Error::TooLong { len: 2, limit: 1 }, "fido_too_long"),
        (Error::TooManyIntermediates { count: 2, limit: 1 }, "fido_too_many_intermediates"),
        (Error::UserPresenceMissing, "fido_user_presence_missing"),
        (Error::Wire(wire()), "ssh_truncated"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

//! Canonical event logs of public projects.

use attest_core::evidence::userspace_log::{Content, FindingKind, Format, Register, UserspaceLog};
use attest_core::{HashAlg, Limits};
use base64::Engine as _;

use crate::score::{corpus, say};

/// What a workload of Google's Confidential Space measured into the last register of a confidential machine: content types of their own, and
/// digests over type, length and value together.
#[test]
fn a_log_of_confidential_space_is_read_and_every_digest_is_of_its_content() {
    let Some(corpus) = corpus() else { return };
    let text = std::fs::read(corpus.join("all/google__go-tpm-tools/agent/testdata/cel.b64")).unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim_ascii()).unwrap();
    let log = UserspaceLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    say(&format!("canonical event logs: 1/1, {} records", log.records().len()));
    assert_eq!((log.format(), log.records().len()), (Format::CelTlv, 18));
    for record in log.records() {
        assert_eq!(record.register, Register::MeasurementRegister(4));
        assert!(matches!(&record.content, Content::Other { content_type, .. } if content_type == "80"));
        assert!(record.is_authenticated(HashAlg::Sha384), "record {}", record.index);
    }
    // A register that no TPM quotes: shown, and refused as a TPM's evidence.
    assert!(log.findings().iter().any(|finding| finding.kind == FindingKind::RegisterForeign));
    // A changed byte of a text is no longer what was measured.
    let at = bytes.windows(5).position(|window| window == b"Never").unwrap();
    let mut changed = bytes;
    changed[at] ^= 1;
    let log = UserspaceLog::parse(&changed, &Limits::DEFAULT).unwrap();
    assert_eq!(log.records().iter().filter(|record| !record.is_authenticated(HashAlg::Sha384)).count(), 1);
}

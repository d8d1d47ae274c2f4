//! Every bound on what hostile bytes can make us do, in one place, each with its reason.

/// Bounds that hold before a signature is checked. All sizes are bytes, all counts are items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// A firmware event log. Real ones reach 200 KB; CCEL areas are padded up to 1 MiB.
    pub event_log_bytes: usize,
    /// Events in one log. Real logs stay below 400, a megabyte of real events has some 2,800; each is told in words, whatever it holds.
    pub event_log_events: usize,
    /// Algorithms that a log's header names. A TPM has at most 16 banks (TPM 2.0 Part 2, HASH_COUNT).
    pub event_log_algorithms: usize,
    /// Logs in one input, one after the other with their lengths.
    pub event_log_pieces: usize,
    /// An IMA list. 100,000 entries of 300 bytes are 30 MB.
    pub ima_bytes: usize,
    /// Entries of an IMA list. Busy hosts under `ima_policy=tcb` reach some 100,000.
    pub ima_entries: usize,
    /// Signatures in a golden key's name that do not hold, after which no further one of the list is checked: it is refused already. Fewer than
    /// `findings`, so that the verdict still says so. Those that
    /// hold are only bounded by the list's entries, after the quote's own signature: hosts whose packages are signed have one for each file.
    /// A check takes some 50 µs with RSA-2048, and with P-384 more than ten times that.
    pub ima_invalid_signatures: usize,
    /// A log of user space: systemd's, or a canonical event log. systemd writes some 500 bytes a record.
    pub userspace_log_bytes: usize,
    /// Records in one. A boot of systemd leaves some 20, and one a login; a canonical event log can carry IMA's entries.
    pub userspace_log_records: usize,
    /// Values and names in one record that is JSON or CBOR. Five banks and systemd's fields are 45.
    pub userspace_log_record_items: usize,
    /// Findings kept of one kind; the count goes on, the details stop, so that a hostile log cannot make a huge verdict.
    pub findings: usize,
    /// A TPMS_ATTEST. The largest with 16 selections stays below 512.
    pub attest_bytes: usize,
    /// A TPMT_SIGNATURE. RSA-4096 takes 518.
    pub signature_bytes: usize,
    /// A public key in any form. RSA-4096 as PEM takes some 800.
    pub public_key_bytes: usize,
    /// PCR selections in one quote. The TPM has at most 16 banks (TPM 2.0 Part 2, TPML_PCR_SELECTION).
    pub selections: usize,
    /// A token: CWT or JWT, whole. Gateways give up at 8 to 16 KiB of header; PSA tokens with many components reach some KiB.
    pub token_bytes: usize,
    /// Items in one token, keys counted: 64 KiB of PSA components are some 7,000, and an empty map costs ten times the memory of a digest's bytes.
    pub token_items: usize,
    /// Wrappers around one token: a CMW around a bundle is two, a collection one more.
    pub wrappers: usize,
    /// Messages in one wrapper. A device's quote, its three logs, PCR values and eight tokens are thirteen.
    pub wrapped_messages: usize,
    /// All of a device's evidence in one wrapper: the largest logs in base64.
    pub collection_bytes: usize,
    /// Tokens in one token, at any depth. A phone has a secure element, a TEE and some radios; each costs a signature check per enrolled key.
    pub nested_tokens: usize,
    /// Parts of a device with claims of their own, in a token and those in it. A phone has some dozen; one costs as much as some ten other items.
    pub submodules: usize,
    /// Tokens in tokens: a secure element in a TEE in a device is two. Each is read once, so the work is linear in the bytes for each level.
    pub nested_depth: usize,
    /// Nesting of arrays, maps and tags in CBOR, of arrays and objects in JSON. COSE in CoRIM in a token stays below 12.
    pub nesting: usize,
    /// Items in one CBOR or JSON text, keys counted. An item costs one byte of input and some 50 bytes of memory.
    pub items: usize,
    /// An X.509 certificate. Those of endorsement keys take 800 to 2,000.
    pub certificate_bytes: usize,
    /// Certificates between an endorsement key's and a root. Real chains have up to three.
    pub intermediates: usize,
    /// Ways up from an endorsement key's certificate, by names alone. Three levels of which each is signed by two authorities have 14; each way may cost a
    /// signature check.
    pub chain_steps: usize,
    /// Golden alternatives or variants that a boot which fits none is compared with, to name what differs. The comparison is for
    /// people, and takes some 100 us each.
    pub compared: usize,
    /// Releases that share a boot's rarest register value and are asked whether they have the others, too: some ns each.
    pub shared_releases: usize,
    /// Releases whose values all fit that a boot is judged by in turn, until one explains it. Each costs a look at the whole IMA list;
    /// where there are more, the verdict says so (`releases_not_tried`).
    pub judged_releases: usize,
    /// Pairs of golden slot and event that one exact alignment looks at. 300 GRUB commands against 300 are 90,000; beyond it digests
    /// that occur once are the anchors, in linear time.
    pub aligned_pairs: usize,
    /// Rows of the side-by-side comparison in one verdict. A changed boot has some 30; a hostile log would have 4,096.
    pub compared_rows: usize,
    /// PCR extends tried in search of what would explain one verdict's unexplained PCRs, and as many in search of what a pcrDigest is over:
    /// some 10 ms of hashing each. Each of 200 commands of GRUB left out, or told twice, is 40,000 in a bank.
    pub explaining_extends: usize,
    /// Rows of PCR values tried in search of what a pcrDigest is over: a hash of some 800 bytes each, 10 ms in all; 5 times that if every PCR of
    /// every bank is quoted. Those that take an extend end sooner.
    pub guessed_rows: usize,
    /// A file of an update: a kernel, an initrd, a unified kernel image. Initrds with firmware reach 300 MB.
    pub image_bytes: usize,
    /// Sections of a PE image. Windows stops at 96; a unified kernel image with many profiles has some hundred.
    pub image_sections: usize,
    /// An armored signature of OpenSSH, or the bytes in it. The largest that counts, of P-521, takes some 600; one of RSA-8192 still fits, to be
    /// refused by its name.
    pub ssh_signature_bytes: usize,
    /// What a FIDO token says about a new key: a certificate, a signature and some 300 bytes.
    pub fido_attestation_bytes: usize,
    /// An envelope of provenance. Builders write 5 to 20 KB; those that list every layer and package reach some hundred.
    pub provenance_bytes: usize,
    /// Signatures of one such envelope; each is tried with every builder's key.
    pub provenance_signatures: usize,
    /// A golden document, as text or as CoRIM. 100,000 file digests are 10 MB.
    pub golden_bytes: usize,
    /// Keys, values, lists and lines of a golden document's text, beside one in every [`Limits::golden_item_bytes`].
    pub golden_items: usize,
    /// Bytes of a golden document's text for each further item. A learned document has one in 20.
    pub golden_item_bytes: usize,
    /// Slots of all variants of a golden document, those that they inherit counted again for each. 100,000 variants of a boot of 100 events are
    /// 10 million; without a bound the work would grow with the square of the text.
    pub golden_slots: usize,
    /// CBOR items of a CoRIM and all that is packed in it, keys counted. 100,000 file digests are a million.
    pub corim_items: usize,
    /// Bytes of a CoRIM for each item that it has beyond [`Limits::golden_items`]. One of ours has one in 8, those of others down to one in 4.
    pub corim_item_bytes: usize,
    /// Tags in a CoRIM. Manifests of whole platforms have some dozen.
    pub corim_tags: usize,
    /// Leaves of a log. At 100,000 a second it is full after 89 years; proofs stay below 64 hashes, and no index comes near 64 bits.
    pub log_leaves: u64,
    /// A signed note. Sixteen signatures must be taken (C2SP signed-note), and one that no quantum computer forges has nearly 5 kB.
    pub note_bytes: usize,
    /// Signatures in one note. Each that names a known key costs a check, some 30 µs, since wrong ones refuse the note.
    pub note_signatures: usize,
    /// Witnesses of whom a quorum is asked for. Thirty-two must be taken (C2SP tlog-policy, Implementation limits).
    pub witnesses: usize,
    /// A policy of golden values, a request or a statement about one. Two hundred people with their keys are 60 KB, a request with 64
    /// artifacts is 20 KB.
    pub release_object_bytes: usize,
    /// A release with all that speaks for it: its golden values, some envelopes and statements.
    pub release_bundle_bytes: usize,
    /// Approvals, companions or reviews of one release. Each approval costs a signature check.
    pub release_statements: usize,
    /// Changes that one family makes to who stands in its rules under one policy: each is a policy in memory. One a week is 52 in a year.
    pub family_changes: usize,
    /// Groups in a quorum. Organisations write two or three.
    pub quorum_groups: usize,
    /// Members of one group of a quorum.
    pub quorum_members: usize,
    /// Ways to fill a quorum's groups of groups: each is asked about when a quorum is counted.
    pub quorum_ways: usize,
    /// Artifacts, statements of provenance or things to sign in one request.
    pub request_items: usize,
}

impl Limits {
    /// The bounds used unless the caller has a reason for others.
    pub const DEFAULT: Self = Self {
        event_log_bytes: 4 << 20,
        event_log_events: 4_096,
        event_log_algorithms: 16,
        event_log_pieces: 64,
        ima_bytes: 64 << 20,
        ima_entries: 500_000,
        ima_invalid_signatures: 500,
        userspace_log_bytes: 8 << 20,
        userspace_log_records: 65_536,
        userspace_log_record_items: 256,
        findings: 1_000,
        attest_bytes: 2_048,
        signature_bytes: 1_024,
        public_key_bytes: 8_192,
        selections: 16,
        token_bytes: 64 << 10,
        token_items: 8_192,
        wrappers: 4,
        wrapped_messages: 16,
        collection_bytes: 104 << 20,
        nested_tokens: 8,
        submodules: 512,
        nested_depth: 3,
        nesting: 16,
        items: 65_536,
        certificate_bytes: 8_192,
        intermediates: 6,
        chain_steps: 16,
        compared: 10,
        shared_releases: 1 << 16,
        judged_releases: 8,
        aligned_pairs: 1 << 17,
        compared_rows: 512,
        explaining_extends: 1 << 16,
        guessed_rows: 8_192,
        image_bytes: 1 << 30,
        image_sections: 2_048,
        ssh_signature_bytes: 8_192,
        fido_attestation_bytes: 16_384,
        provenance_bytes: 1 << 20,
        provenance_signatures: 16,
        golden_bytes: 64 << 20,
        golden_items: 8_192,
        golden_item_bytes: 8,
        golden_slots: 16 << 20,
        corim_items: 2 << 20,
        corim_item_bytes: 3,
        corim_tags: 1_024,
        log_leaves: 1 << 48,
        note_bytes: 128 << 10,
        note_signatures: 64,
        witnesses: 32,
        release_object_bytes: 1 << 20,
        release_bundle_bytes: 80 << 20,
        release_statements: 256,
        family_changes: 64,
        quorum_groups: 16,
        quorum_members: 64,
        quorum_ways: 256,
        request_items: 64,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

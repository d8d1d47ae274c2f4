//! The document's shape in TOML. Unknown fields are refused: a misspelt one would silently judge less.

use serde::Deserialize;

use super::ima_text::RawIma;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGolden {
    pub(super) format: String,
    pub(super) family: String,
    pub(super) description: Option<String>,
    pub(super) banks: Vec<String>,
    pub(super) judged: Vec<u8>,
    #[serde(default)]
    pub(super) not_judged: Vec<RawNotJudged>,
    #[serde(default)]
    pub(super) accepted: Vec<RawAccepted>,
    #[serde(default)]
    pub(super) workaround: Vec<RawWorkaround>,
    #[serde(default)]
    pub(super) sequence: Vec<RawSequence>,
    #[serde(default)]
    pub(super) variant: Vec<RawVariant>,
    #[serde(default)]
    pub(super) superseded: Vec<RawSuperseded>,
    pub(super) ima: Option<RawIma>,
    #[serde(default)]
    pub(super) rule: Vec<RawRule>,
    #[serde(default)]
    pub(super) overlay_signer: Vec<RawOverlaySigner>,
    #[serde(default)]
    pub(super) token: Vec<super::token::RawToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNotJudged {
    pub(super) pcr: u8,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccepted {
    pub(super) weakness: String,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorkaround {
    pub(super) quirk: String,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSequence {
    pub(super) pcr: u8,
    pub(super) name: Option<String>,
    pub(super) evidence: Option<String>,
    #[serde(default)]
    pub(super) startup_locality: u8,
    pub(super) order: Option<String>,
    pub(super) measured_by: Option<String>,
    pub(super) slots: Vec<RawSlot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDigests {
    pub(super) sha256: Option<String>,
    pub(super) sha384: Option<String>,
    pub(super) sha512: Option<String>,
    pub(super) sm3_256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSlot {
    pub(super) component: String,
    #[serde(default)]
    pub(super) about: String,
    pub(super) rule: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) sha384: Option<String>,
    pub(super) sha512: Option<String>,
    pub(super) sm3_256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVariant {
    pub(super) name: String,
    pub(super) evidence: String,
    pub(super) based_on: Option<String>,
    #[serde(default)]
    pub(super) replace: Vec<RawReplacement>,
    #[serde(default)]
    pub(super) sequence: Vec<RawSequence>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReplacement {
    pub(super) pcr: u8,
    pub(super) slot: usize,
    pub(super) with: RawSlot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSuperseded {
    pub(super) component: String,
    pub(super) reason: String,
    pub(super) sha256: Option<String>,
    pub(super) sha384: Option<String>,
    pub(super) sha512: Option<String>,
    pub(super) sm3_256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOverlaySigner {
    pub(super) name: String,
    pub(super) key: String,
}

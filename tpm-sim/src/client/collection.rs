//! Everything that a device sends as one collection of messages: a CMW (RFC 9999, section 3.3) in CBOR.

use super::{Evidence, Token};
use crate::bank::pcrs_json;
use crate::cbor::{array, bytes, text};

impl Evidence {
    /// Quote, logs, PCR values and tokens, each under its media type. Keys stand in no order: a collection has none.
    #[must_use]
    pub fn collection(&self) -> Vec<u8> {
        let size = u16::try_from(self.attest.len()).unwrap_or(u16::MAX).to_be_bytes();
        let quote = [&size, self.attest.as_slice(), &self.signature].concat();
        let own = |kind: &str| format!("application/vnd.attest.{kind}");
        let logs = [
            ("log", "tcg-event-log", &self.event_log),
            ("ima", "ima-list", &self.ima_list),
            ("user space", "userspace-log", &self.userspace_log),
        ];
        let logs = logs
            .into_iter()
            .filter_map(|(label, kind, log)| Some((label.to_owned(), own(kind), log.clone()?)));
        let values = pcrs_json(&self.pcrs).to_string().into_bytes();
        let values = (!self.pcrs.is_empty()).then(|| ("pcrs".to_owned(), own("pcr-values+json"), values));
        let tokens = self.tokens.iter().enumerate();
        let tokens =
            tokens.map(|(at, Token { token, .. })| (format!("token {at}"), token_type(token), token.clone()));
        let messages = std::iter::once(("tpm".to_owned(), own("tpm2-quote"), quote));
        let messages: Vec<_> = messages.chain(logs).chain(values).chain(tokens).collect();
        collection(&messages)
    }
}

/// A JWT is base64url of a JSON object, and CBOR of a signature begins with an array or a tag.
fn token_type(token: &[u8]) -> String {
    format!("application/eat+{}", if token.starts_with(b"ey") { "jwt" } else { "cwt" })
}

/// Messages under labels, each with its type.
#[must_use]
pub fn collection(messages: &[(String, String, Vec<u8>)]) -> Vec<u8> {
    let kind = [text("__cmwc_t"), text("urn:attest:cmw:device:1")];
    let record = |kind: &str, content: &[u8]| array(&[text(kind), bytes(content)]);
    let messages = messages.iter().flat_map(|(label, kind, content)| [text(label), record(kind, content)]);
    let items: Vec<_> = kind.into_iter().chain(messages).collect();
    crate::cbor::map_of(&items)
}

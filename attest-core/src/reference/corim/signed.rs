//! A signed CoRIM: COSE_Sign1 (RFC 9052, 4.2) taken apart. Nothing in it is believed, and its payload is not read before the signature
//! is checked.

use super::error::Error;
use super::manifest::{Corim, Form, TAG_ANY_CORIM, Validity, uri};
use super::node::{Budget, Fields, Node, label};
use crate::evidence::cbor::{Key, Value, encode};
use crate::limits::Limits;

/// COSE_Sign1 (RFC 9052, 2).
pub(super) const TAG_SIGN1: u64 = 18;
/// What drafts up to -02 put around a signed CoRIM.
pub(super) const TAG_SIGNED_CORIM: u64 = 502;

const ALG: i128 = 1;
const CRIT: i128 = 2;
const CONTENT_TYPE: i128 = 3;
const KID: i128 = 4;
const CORIM_META: i128 = 8;
const CWT_CLAIMS: i128 = 15;
const PAYLOAD_HASH_ALG: i128 = 258;

/// Header parameters that are understood, and so may be critical.
const UNDERSTOOD: [i128; 6] = [ALG, CRIT, CONTENT_TYPE, KID, CORIM_META, CWT_CLAIMS];

/// `application/rim+cbor`, and what drafts up to -08 called it.
const CONTENT_TYPES: [&str; 3] =
    ["application/rim+cbor", "application/corim-unsigned+cbor", "application/corim+cbor"];

/// A signed CoRIM, well-formed and not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCorim<'a> {
    pub(super) algorithm: i128,
    pub(super) key_id: Option<&'a [u8]>,
    pub(super) meta: Option<Meta<'a>>,
    pub(super) claims: Option<Claims<'a>>,
    pub(super) protected: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) payload_offset: usize,
    pub(super) form: Form,
    pub(super) signature: &'a [u8],
}

/// `corim-meta-map`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta<'a> {
    /// `signer-name`.
    pub signer: &'a str,
    /// `signer-uri`.
    pub uri: Option<&'a str>,
    /// `signature-validity`.
    pub validity: Option<Validity>,
}

/// `cwt-claims` (RFC 9597).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: Option<&'a str>,
    /// `exp`, seconds since 1970: from then on it does not count.
    pub expires: Option<u64>,
    /// `nbf`, seconds since 1970.
    pub not_before: Option<u64>,
}

impl<'a> SignedCorim<'a> {
    /// Takes a COSE_Sign1 with tag 18 apart, whose payload is a CoRIM.
    ///
    /// # Errors
    /// [`Error`], with its offset in `bytes`.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if bytes.len() > limits.golden_bytes {
            return Err(Error::TooLarge { got: bytes.len(), limit: limits.golden_bytes });
        }
        let mut budget = Budget::new(bytes.len(), limits);
        let value = budget.parse(bytes, 0)?;
        let mut node = Node { value: &value, offset: 0 };
        let mut form = Form::Now;
        for wrapper in [TAG_ANY_CORIM, TAG_SIGNED_CORIM] {
            if let Some((tag, inner)) = node.tagged().filter(|(tag, _)| *tag == wrapper) {
                node = inner;
                form = if tag == TAG_SIGNED_CORIM { Form::Wrapped } else { form };
            }
        }
        const SHAPE: &str = "COSE_Sign1 with tag 18: an array of protected, unprotected, payload, signature";
        let Some((TAG_SIGN1, message)) = node.tagged() else {
            return Err(node.unexpected("signed CoRIM", SHAPE));
        };
        let parts = <[Node<'_, 'a>; 4]>::try_from(message.array("signed CoRIM")?);
        let [protected, unprotected, payload, signature] =
            parts.map_err(|_| message.unexpected("signed CoRIM", SHAPE))?;
        let (protected_bytes, at) = protected.content("protected header")?;
        let header = budget.parse(protected_bytes, at)?;
        let header = Node { value: &header, offset: at };
        check_unprotected(header, unprotected)?;
        let (payload_bytes, payload_offset) = match payload.value {
            Value::Bytes(_) => payload.content("payload")?,
            _ => return Err(payload.unexpected("payload", "a byte string: a detached one is not read")),
        };
        let mut signed = Self {
            algorithm: 0,
            key_id: unprotected
                .fields("unprotected header")?
                .take(KID)
                .map(|id| id.bytes("kid"))
                .transpose()?,
            meta: None,
            claims: None,
            protected: protected_bytes,
            payload: payload_bytes,
            payload_offset,
            form,
            signature: signature.bytes("signature")?,
        };
        signed.header(header, &mut budget)?;
        Ok(signed)
    }

    fn header(&mut self, node: Node<'_, 'a>, budget: &mut Budget) -> Result<(), Error> {
        let mut fields = node.fields("protected header")?;
        self.algorithm = fields.need(ALG, "alg")?.integer("alg")?;
        if let Some(crit) = fields.take(CRIT) {
            check_critical(crit, &mut fields)?;
        }
        if let Some(envelope) = fields.take(PAYLOAD_HASH_ALG) {
            return Err(envelope.unexpected("payload", "the CoRIM itself: a hash envelope is not read"));
        }
        let content_type = fields.need(CONTENT_TYPE, "content-type")?;
        if !CONTENT_TYPES.contains(&content_type.text("content-type")?) {
            return Err(content_type.unexpected("content-type", "application/rim+cbor"));
        }
        if let Some(id) = fields.take(KID) {
            self.key_id = Some(id.bytes("kid")?);
        }
        if let Some(meta) = fields.take(CORIM_META) {
            let (bytes, at) = meta.content("corim-meta")?;
            let value = budget.parse(bytes, at)?;
            self.meta = Some(Meta::read(Node { value: &value, offset: at })?);
        }
        self.claims = fields.take(CWT_CLAIMS).map(Claims::read).transpose()?;
        if self.meta.is_none() && self.claims.is_none() {
            let field = "corim-meta or CWT-Claims";
            return Err(Error::FieldMissing { offset: node.offset, map: "protected header", field });
        }
        Ok(())
    }

    /// The bytes that its signature is over, made of its headers and payload as they were sent: the Sig_structure (RFC 9052, 4.4) without
    /// external data. A release's request names them by digest and size. Whether they were signed, [`Self::authenticate`] says.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        sig_structure(self.protected, self.payload)
    }

    /// The unsigned CoRIM, as it was sent: a release's request names it by its digest.
    pub(crate) const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The signature; empty where it is still to be signed.
    pub(crate) const fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// The number of its algorithm in the registry "COSE Algorithms", out of the protected header.
    #[must_use]
    pub const fn algorithm(&self) -> i128 {
        self.algorithm
    }

    /// Which key it says it is signed with. A hint: the key is chosen by who checks.
    #[must_use]
    pub const fn key_id(&self) -> Option<&'a [u8]> {
        self.key_id
    }

    /// Who says to have signed it.
    #[must_use]
    pub const fn meta(&self) -> Option<&Meta<'a>> {
        self.meta.as_ref()
    }

    /// The claims in its protected header.
    #[must_use]
    pub const fn claims(&self) -> Option<&Claims<'a>> {
        self.claims.as_ref()
    }

    /// What it holds, read although nobody checked the signature: for showing it to people, never for judging by it.
    ///
    /// # Errors
    /// [`Error`], with its offset in the signed CoRIM.
    pub fn unverified(&self, limits: &Limits) -> Result<Corim<'a>, Error> {
        Corim::read(self.payload, self.payload_offset, self.form, limits)
    }
}

/// Sig_structure (RFC 9052, 4.4) of a COSE_Sign1 without external data.
pub(crate) fn sig_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let [context, external] = [Value::Text("Signature1"), Value::Bytes(&[])];
    encode(&Value::Array(vec![context, Value::Bytes(protected), external, Value::Bytes(payload)]))
}

/// What decides stands in the protected header. A parameter in both, or one of ours in the wrong one, lets two readers see two things.
fn check_unprotected(header: Node<'_, '_>, unprotected: Node<'_, '_>) -> Result<(), Error> {
    const MAP: &str = "unprotected header";
    let protected: Vec<Key<'_>> =
        header.fields("protected header")?.into_entries().map(|(_, key, _)| key).collect();
    for (offset, key, _) in unprotected.fields(MAP)?.into_entries() {
        let ours = [ALG, CRIT, CONTENT_TYPE, CORIM_META, CWT_CLAIMS, PAYLOAD_HASH_ALG].map(Key::Integer);
        if protected.contains(&key) || ours.contains(&key) {
            return Err(Error::FieldUnknown { offset, map: MAP, label: label(&key) });
        }
    }
    Ok(())
}

/// RFC 9052, 3.1: labels that must be understood and stand in the protected header; at least one.
fn check_critical(crit: Node<'_, '_>, header: &mut Fields<'_, '_>) -> Result<(), Error> {
    for name in crit.filled("crit")? {
        let label = name.value.as_integer().filter(|label| UNDERSTOOD.contains(label));
        if label.and_then(|label| header.take(label)).is_none() {
            return Err(name.unexpected("crit", "a parameter of this header that is understood"));
        }
    }
    Ok(())
}

impl<'a> Meta<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("corim-meta-map")?;
        let mut signer = fields.need(0, "signer")?.fields("corim-signer-map")?;
        let meta = Self {
            signer: signer.need(0, "signer-name")?.text("signer-name")?,
            uri: signer.take(1).map(uri).transpose()?,
            validity: fields.take(1).map(Validity::read).transpose()?,
        };
        fields.closed()?;
        Ok(meta)
    }
}

impl<'a> Claims<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("CWT-Claims")?;
        Ok(Self {
            issuer: fields.need(1, "iss")?.text("iss")?,
            subject: fields.take(2).map(|node| node.text("sub")).transpose()?,
            expires: fields.take(4).map(|node| node.uint("exp")).transpose()?,
            not_before: fields.take(5).map(|node| node.uint("nbf")).transpose()?,
        })
    }
}

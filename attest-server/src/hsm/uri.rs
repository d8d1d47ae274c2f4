//! PKCS #11 URIs (RFC 7512): where a policy says that a key is.

/// A private key by the attributes that the URI names. What it does not name may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUri {
    /// CKA_LABEL.
    pub object: Option<String>,
    /// CKA_ID.
    pub id: Option<Vec<u8>>,
    /// The token's label, without the padding.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The token's manufacturer.
    pub manufacturer: Option<String>,
    /// The token's model.
    pub model: Option<String>,
}

/// Why a text is no place of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// One attribute twice.
    #[error("`{0}` stands there twice")]
    AttributeTwice(String),
    /// An attribute that is not known here: passing over it would find another key.
    #[error("`{0}` is not known here")]
    AttributeUnknown(String),
    /// Neither `object` nor `id`: any key would do.
    #[error("it names neither `object` nor `id`")]
    KeyUnnamed,
    /// Percent-encoding that is none, or text that is not UTF-8.
    #[error("`{0}` is not percent-encoded text")]
    Malformed(String),
    /// It is no such URI.
    #[error("it does not begin with `pkcs11:`")]
    Scheme,
    /// A PIN, or where one is: the policy is no place for that, and everyone reads it.
    #[error("it has a query; the module and the PIN stand in the signer's own configuration")]
    Query,
    /// No attribute of a token: a key of the same name in any token would do.
    #[error("it does not name the token")]
    TokenUnnamed,
    /// It is of something else than a private key.
    #[error("`type` is `{0}`, and a private key is wanted")]
    Type(String),
}

impl KeyUri {
    /// Reads the URI of a private key.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn parse(uri: &str) -> Result<Self, UriError> {
        let path = uri.strip_prefix("pkcs11:").ok_or(UriError::Scheme)?;
        if path.contains('?') {
            return Err(UriError::Query);
        }
        let mut read = Self::default();
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            let malformed = || UriError::Malformed(attribute.to_owned());
            let (name, value) = attribute.split_once('=').ok_or_else(malformed)?;
            let bytes = percent_decoded(value).ok_or_else(malformed)?;
            let slot = match name {
                "id" => {
                    let twice = read.id.replace(bytes).is_some();
                    if twice {
                        return Err(UriError::AttributeTwice(name.to_owned()));
                    }
                    continue;
                }
                "object" => &mut read.object,
                "token" => &mut read.token,
                "serial" => &mut read.serial,
                "manufacturer" => &mut read.manufacturer,
                "model" => &mut read.model,
                "type" if bytes == b"private" => continue,
                "type" => return Err(UriError::Type(value.to_owned())),
                _ => return Err(UriError::AttributeUnknown(name.to_owned())),
            };
            if slot.replace(String::from_utf8(bytes).map_err(|_| malformed())?).is_some() {
                return Err(UriError::AttributeTwice(name.to_owned()));
            }
        }
        if read.object.is_none() && read.id.is_none() {
            return Err(UriError::KeyUnnamed);
        }
        if read.token.is_none() && read.serial.is_none() {
            return Err(UriError::TokenUnnamed);
        }
        Ok(read)
    }

    /// Whether a token is the one: label, serial number, manufacturer, model, each without its padding.
    #[must_use]
    pub fn is_of_token(&self, label: &str, serial: &str, manufacturer: &str, model: &str) -> bool {
        let is = |wanted: &Option<String>, got: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == got.trim_end())
        };
        is(&self.token, label)
            && is(&self.serial, serial)
            && is(&self.manufacturer, manufacturer)
            && is(&self.model, model)
    }
}

/// RFC 3986, 2.1.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let mut decoded = [0];
            hex::decode_to_slice(digits, &mut decoded).ok()?;
            out.extend(decoded);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_uri_names() {
        let uri =
            KeyUri::parse("pkcs11:token=Release%20keys;serial=0123;object=gateway;id=%01%ff;type=private")
                .unwrap();
        assert_eq!(uri.token.as_deref(), Some("Release keys"));
        assert_eq!((uri.object.as_deref(), uri.id.as_deref()), (Some("gateway"), Some(&[1, 0xff][..])));
        assert!(uri.is_of_token("Release keys    ", "0123", "any", "any"));
        assert!(!uri.is_of_token("Release key", "0123", "any", "any"));
        assert!(!uri.is_of_token("Release keys", "0124", "any", "any"));
        let uri = KeyUri::parse("pkcs11:serial=1;manufacturer=M;model=X;object=k").unwrap();
        assert!(uri.is_of_token("", "1", "M", "X") && !uri.is_of_token("", "1", "N", "X"));
        assert!(!uri.is_of_token("", "1", "M", "Y"));
    }

    #[test]
    fn uris_that_could_mean_another_key() {
        let refused = |uri: &str| KeyUri::parse(uri).unwrap_err();
        assert_eq!(refused("token=a;object=b"), UriError::Scheme);
        assert_eq!(refused("pkcs11:token=a"), UriError::KeyUnnamed);
        assert_eq!(refused("pkcs11:object=a"), UriError::TokenUnnamed);
        assert_eq!(refused("pkcs11:token=a;object=b;object=c"), UriError::AttributeTwice("object".into()));
        assert_eq!(refused("pkcs11:token=a;id=%01;id=%02"), UriError::AttributeTwice("id".into()));
        assert_eq!(
            refused("pkcs11:token=a;object=b;slot-id=1"),
            UriError::AttributeUnknown("slot-id".into())
        );
        assert_eq!(refused("pkcs11:token=a;object=b;type=cert"), UriError::Type("cert".into()));
        assert_eq!(refused("pkcs11:token=a;object"), UriError::Malformed("object".into()));
        assert_eq!(refused("pkcs11:token=a;object=%zz"), UriError::Malformed("object=%zz".into()));
        assert_eq!(refused("pkcs11:token=a;object=%ff"), UriError::Malformed("object=%ff".into()));
        assert_eq!(refused("pkcs11:token=a;object=%4"), UriError::Malformed("object=%4".into()));
        assert_eq!(refused("pkcs11:token=a;object=b?pin-value=1234"), UriError::Query);
    }
}

//! How a private key must be kept, as its token says it.

use cryptoki::object::Attribute;

/// What a token says of a private key. Absent is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// CKA_PRIVATE: only who is logged in sees it.
    pub private: Option<bool>,
    /// CKA_SENSITIVE: its value is not told in plain.
    pub sensitive: Option<bool>,
    /// CKA_ALWAYS_SENSITIVE: and never could be.
    pub always_sensitive: Option<bool>,
    /// CKA_EXTRACTABLE: it may leave, wrapped.
    pub extractable: Option<bool>,
    /// CKA_NEVER_EXTRACTABLE: and never could, nor came from elsewhere.
    pub never_extractable: Option<bool>,
    /// CKA_SIGN.
    pub sign: Option<bool>,
    /// CKA_SIGN_RECOVER: RSA without a hash.
    pub sign_recover: Option<bool>,
    /// CKA_DECRYPT: RSA on a chosen number is a signature.
    pub decrypt: Option<bool>,
    /// CKA_UNWRAP: the same.
    pub unwrap: Option<bool>,
    /// CKA_DERIVE.
    pub derive: Option<bool>,
    /// CKA_ALWAYS_AUTHENTICATE: a PIN for each use.
    pub always_authenticate: Option<bool>,
}

impl Attributes {
    /// As a token tells them.
    #[must_use]
    pub fn read(told: &[Attribute]) -> Self {
        let mut read = Self::default();
        for attribute in told {
            match attribute {
                Attribute::Private(value) => read.private = Some(*value),
                Attribute::Sensitive(value) => read.sensitive = Some(*value),
                Attribute::AlwaysSensitive(value) => read.always_sensitive = Some(*value),
                Attribute::Extractable(value) => read.extractable = Some(*value),
                Attribute::NeverExtractable(value) => read.never_extractable = Some(*value),
                Attribute::Sign(value) => read.sign = Some(*value),
                Attribute::SignRecover(value) => read.sign_recover = Some(*value),
                Attribute::Decrypt(value) => read.decrypt = Some(*value),
                Attribute::Unwrap(value) => read.unwrap = Some(*value),
                Attribute::Derive(value) => read.derive = Some(*value),
                Attribute::AlwaysAuthenticate(value) => read.always_authenticate = Some(*value),
                _ => {}
            }
        }
        read
    }
}

/// All that keeps a key from being used. What the token does not say is a fault, but for a PIN for each use, which older ones do not know.
#[must_use]
pub fn faults(key: &Attributes) -> Vec<String> {
    let wanted = [
        ("CKA_PRIVATE", key.private, true),
        ("CKA_SENSITIVE", key.sensitive, true),
        ("CKA_ALWAYS_SENSITIVE", key.always_sensitive, true),
        ("CKA_EXTRACTABLE", key.extractable, false),
        ("CKA_NEVER_EXTRACTABLE", key.never_extractable, true),
        ("CKA_SIGN", key.sign, true),
        ("CKA_SIGN_RECOVER", key.sign_recover, false),
        ("CKA_DECRYPT", key.decrypt, false),
        ("CKA_UNWRAP", key.unwrap, false),
        ("CKA_DERIVE", key.derive, false),
        ("CKA_ALWAYS_AUTHENTICATE", Some(key.always_authenticate.unwrap_or(false)), false),
    ];
    let told = |value: Option<bool>| value.map_or("not told".to_owned(), |value| value.to_string());
    let fault = |(name, got, wanted): (&str, Option<bool>, bool)| {
        (got != Some(wanted)).then(|| format!("{name} is {}, {wanted} is needed", told(got)))
    };
    wanted.into_iter().filter_map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Attributes {
        Attributes {
            private: Some(true),
            sensitive: Some(true),
            always_sensitive: Some(true),
            extractable: Some(false),
            never_extractable: Some(true),
            sign: Some(true),
            sign_recover: Some(false),
            decrypt: Some(false),
            unwrap: Some(false),
            derive: Some(false),
            always_authenticate: None,
        }
    }

    #[test]
    fn a_key_that_could_leave_or_be_used_otherwise() {
        assert_eq!(faults(&good()), [""; 0]);
        type Field = fn(&mut Attributes) -> &mut Option<bool>;
        let fields: [(&str, Field); 11] = [
            ("CKA_PRIVATE", |key| &mut key.private),
            ("CKA_SENSITIVE", |key| &mut key.sensitive),
            ("CKA_ALWAYS_SENSITIVE", |key| &mut key.always_sensitive),
            ("CKA_EXTRACTABLE", |key| &mut key.extractable),
            ("CKA_NEVER_EXTRACTABLE", |key| &mut key.never_extractable),
            ("CKA_SIGN", |key| &mut key.sign),
            ("CKA_SIGN_RECOVER", |key| &mut key.sign_recover),
            ("CKA_DECRYPT", |key| &mut key.decrypt),
            ("CKA_UNWRAP", |key| &mut key.unwrap),
            ("CKA_DERIVE", |key| &mut key.derive),
            ("CKA_ALWAYS_AUTHENTICATE", |key| &mut key.always_authenticate),
        ];
        for (name, field) in fields {
            let mut lie = good();
            let value = field(&mut lie);
            *value = Some(!value.unwrap_or(false));
            assert_eq!(faults(&lie).len(), 1, "{name}");
            assert!(faults(&lie)[0].starts_with(&format!("{name} is ")));
            let mut silent = good();
            *field(&mut silent) = None;
            assert_eq!(faults(&silent).len(), usize::from(name != "CKA_ALWAYS_AUTHENTICATE"), "{name}");
        }
        assert_eq!(faults(&Attributes::default()).len(), 10);
    }
}

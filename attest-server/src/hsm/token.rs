//! One token: finding it and its keys, and asking it. Nothing here is tried twice.

use std::fmt;
use std::path::{Path, PathBuf};

use attest_core::release::form::ReleaseKey;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error as P11, RvError};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::{Attributes, Error, KeyUri, faults, mechanism};
use crate::secret_file;

/// What must be known of a private key before it is used.
const KEY_ATTRIBUTES: [AttributeType; 11] = [
    AttributeType::Private,
    AttributeType::Sensitive,
    AttributeType::AlwaysSensitive,
    AttributeType::Extractable,
    AttributeType::NeverExtractable,
    AttributeType::Sign,
    AttributeType::SignRecover,
    AttributeType::Decrypt,
    AttributeType::Unwrap,
    AttributeType::Derive,
    AttributeType::AlwaysAuthenticate,
];

/// The user's PIN, wiped when it is dropped, and shown nowhere.
pub struct Pin(AuthPin);

impl Pin {
    /// Reads the file, which only its owner can read; a line end does not belong to the PIN.
    ///
    /// # Errors
    /// As [`secret_file::Error`] says.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = secret_file::read(path)?;
        let text = core::str::from_utf8(&bytes).map_err(|_| secret_file::Error::NotOurs(path.to_owned()))?;
        let text = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        if text.is_empty() {
            return Err(secret_file::Error::NotOurs(path.to_owned()).into());
        }
        Ok(Self(AuthPin::from(text.as_str())))
    }
}

/// What a worker asks, each thing once.
pub trait Device: Send {
    /// Checks that the key is there, kept as it must be, and the policy's.
    ///
    /// # Errors
    /// [`Failure`].
    fn check(&mut self, uri: &str, key: &ReleaseKey) -> Result<(), Failure>;

    /// Asks for one signature.
    ///
    /// # Errors
    /// [`Failure`].
    fn sign(&mut self, uri: &str, key: &ReleaseKey, bytes: &[u8]) -> Result<Vec<u8>, Failure>;

    /// Forgets the session and ends the module's work: tokens that were away are found again only by a new beginning.
    fn close(&mut self);
}

/// What went wrong, and what may be done about it.
#[derive(Debug)]
pub enum Failure {
    /// Final: trying again changes nothing, or must not be done.
    Final(Error),
    /// The token was away, or forgot the session, and was not asked to sign: open it again and try once more.
    Away(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// A module, and the session of one of its tokens.
pub struct Token {
    module: PathBuf,
    pin: Pin,
    open: Option<Open>,
    /// After a wrong PIN nothing is tried any more.
    locked_out: Option<String>,
}

struct Open {
    session: Session,
    slot: Slot,
    /// Label, serial number, manufacturer, model.
    told: [String; 4],
    // After the session: it is closed first.
    context: Pkcs11,
}

impl Device for Token {
    fn check(&mut self, uri: &str, key: &ReleaseKey) -> Result<(), Failure> {
        self.find(uri, key).map(drop)
    }

    fn sign(&mut self, uri: &str, key: &ReleaseKey, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let (session, handle) = self.find(uri, key)?;
        let (mechanism, input) = mechanism::of(key.scheme(), bytes);
        let signature = session.sign(&mechanism, handle, &input).map_err(|error| match &error {
            P11::Pkcs11(_, Function::SignInit) => before_signing(&error),
            _ => Failure::Final(Error::InTheMiddle(error.to_string())),
        })?;
        if key.verifies(bytes, &signature) { Ok(signature) } else { Err(Error::SignatureInvalid.into()) }
    }

    fn close(&mut self) {
        if let Some(Open { session, context, .. }) = self.open.take() {
            drop(session);
            drop(context.finalize());
        }
    }
}

impl Token {
    /// The token of this module, by the first key that is asked for. Nothing is opened yet.
    #[must_use]
    pub fn new(module: &Path, pin: Pin) -> Self {
        Self { module: module.to_owned(), pin, open: None, locked_out: None }
    }

    fn find(&mut self, uri: &str, key: &ReleaseKey) -> Result<(&Session, ObjectHandle), Failure> {
        let parsed = KeyUri::parse(uri).map_err(|source| Error::Uri { uri: uri.to_owned(), source })?;
        let Open { session, .. } = self.open(&parsed)?;
        let handle = private_key(session, &parsed, uri)?;
        let told = session.get_attributes(handle, &KEY_ATTRIBUTES).map_err(|error| before_signing(&error))?;
        let faults = faults(&Attributes::read(&told));
        if !faults.is_empty() {
            return Err(Error::KeyAttributes { uri: uri.to_owned(), faults }.into());
        }
        if public_key(session, handle)? != Some(key.spki_der()) {
            return Err(Error::KeyOther { uri: uri.to_owned() }.into());
        }
        Ok((session, handle))
    }

    fn open(&mut self, uri: &KeyUri) -> Result<&mut Open, Failure> {
        if let Some(detail) = &self.locked_out {
            return Err(Error::Pin(detail.clone()).into());
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin(uri)?,
        };
        let open = self.open.insert(open);
        let [label, serial, manufacturer, model] = &open.told;
        if uri.is_of_token(label, serial, manufacturer, model) {
            Ok(open)
        } else {
            Err(Error::Unavailable(format!(
                "the token that is open is `{label}`, and another one is asked for"
            ))
            .into())
        }
    }

    /// A session that can make keys. Who is logged in is so in all sessions.
    pub(super) fn open_to_write(&mut self, uri: &KeyUri) -> Result<Session, Failure> {
        let Open { slot, context, .. } = self.open(uri)?;
        context.open_rw_session(*slot).map_err(|error| before_signing(&error))
    }

    fn begin(&mut self, uri: &KeyUri) -> Result<Open, Failure> {
        let module = |error: P11| {
            Failure::from(Error::Module {
                path: self.module.display().to_string(),
                detail: error.to_string(),
            })
        };
        let context = Pkcs11::new(&self.module).map_err(module)?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Err(P11::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) | Ok(()) => {}
            Err(error) => return Err(Failure::Away(error.to_string())),
        }
        let opened = self.log_in(&context, uri);
        match opened {
            Ok((session, slot, told)) => Ok(Open { session, slot, told, context }),
            Err(failure) => {
                drop(context.finalize());
                Err(failure)
            }
        }
    }

    fn log_in(&mut self, context: &Pkcs11, uri: &KeyUri) -> Result<(Session, Slot, [String; 4]), Failure> {
        let (mut found, mut others) = (None, Vec::new());
        for slot in context.get_slots_with_token().map_err(|error| before_signing(&error))? {
            // A slot whose token is broken is not the one.
            let Ok(info) = context.get_token_info(slot) else { continue };
            let told = [info.label(), info.serial_number(), info.manufacturer_id(), info.model()]
                .map(|text| text.trim_end().to_owned());
            let [label, serial, manufacturer, model] = &told;
            if info.token_initialized() && uri.is_of_token(label, serial, manufacturer, model) {
                if found.is_some() {
                    return Err(Error::Unavailable(format!("more than one token is called `{label}`")).into());
                }
                found = Some((slot, told));
            } else if info.token_initialized() {
                others.push(format!("`{}`", label.escape_debug()));
            }
        }
        let module = self.module.display();
        let (slot, told) = found.ok_or_else(|| Failure::Away(no_such_token(&module, &others)))?;
        let session = context.open_ro_session(slot).map_err(|error| before_signing(&error))?;
        match session.login(UserType::User, Some(&self.pin.0)) {
            Ok(()) | Err(P11::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok((session, slot, told)),
            Err(P11::Pkcs11(
                error @ (RvError::PinIncorrect
                | RvError::PinInvalid
                | RvError::PinLenRange
                | RvError::PinExpired
                | RvError::PinLocked),
                _,
            )) => {
                let [label, serial, ..] = &told;
                let detail = format!("token `{label}`, serial number `{serial}`, of {module}: {error}");
                self.locked_out = Some(detail.clone());
                Err(Error::Pin(detail).into())
            }
            Err(error) => Err(before_signing(&error)),
        }
    }
}

fn no_such_token(module: &dyn fmt::Display, others: &[String]) -> String {
    let others = if others.is_empty() { "none at all".to_owned() } else { others.join(", ") };
    format!("{module} has no token as the policy names it; it has {others}")
}

/// What a token says that has lost the session, was pulled out or broke: it was not asked to sign, and may be asked anew.
fn before_signing(error: &P11) -> Failure {
    match error {
        P11::Pkcs11(
            RvError::CryptokiNotInitialized
            | RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::FunctionFailed
            | RvError::GeneralError
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::OperationActive
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::UserNotLoggedIn,
            _,
        ) => Failure::Away(error.to_string()),
        _ => Failure::Final(Error::Unavailable(error.to_string())),
    }
}

/// The one private key of this name.
fn private_key(session: &Session, wanted: &KeyUri, uri: &str) -> Result<ObjectHandle, Failure> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)];
    template.extend(wanted.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(wanted.id.clone().map(Attribute::Id));
    let found = session.find_objects(&template).map_err(|error| before_signing(&error))?;
    match found[..] {
        [handle] => Ok(handle),
        // A token that was emptied under an open session looks like this, too.
        [] => Err(Failure::Away(format!("no private key is called `{uri}`"))),
        _ => Err(Error::KeyNotOne { uri: uri.to_owned(), count: found.len() }.into()),
    }
}

/// The SubjectPublicKeyInfo of a private key's public half: from the public key of the same id. `None`: there is none that is understood.
pub(super) fn public_key(session: &Session, private: ObjectHandle) -> Result<Option<Vec<u8>>, Failure> {
    let ask = |handle, what: &[AttributeType]| {
        session.get_attributes(handle, what).map_err(|error| before_signing(&error))
    };
    let id = ask(private, &[AttributeType::Id])?.into_iter().find_map(|attribute| match attribute {
        Attribute::Id(id) => Some(id),
        _ => None,
    });
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Token(true), Attribute::Id(id)];
    let found = session.find_objects(&template).map_err(|error| before_signing(&error))?;
    let [public] = found[..] else { return Ok(None) };
    let kind = ask(public, &[AttributeType::KeyType])?;
    let wanted: &[AttributeType] = match kind[..] {
        [Attribute::KeyType(KeyType::RSA)] => &[AttributeType::Modulus, AttributeType::PublicExponent],
        [Attribute::KeyType(KeyType::EC | KeyType::EC_EDWARDS)] => {
            &[AttributeType::EcParams, AttributeType::EcPoint]
        }
        _ => return Ok(None),
    };
    Ok(spki(&ask(public, wanted)?))
}

/// A SubjectPublicKeyInfo of what a token tells (RFC 3279, 2.3.1; RFC 5480, 2; RFC 8410, 4).
fn spki(told: &[Attribute]) -> Option<Vec<u8>> {
    /// OBJECT IDENTIFIER 1.3.101.112, and what some tokens say instead: PrintableString "edwards25519".
    const ED25519: [&[u8]; 2] = [b"\x06\x03\x2b\x65\x70", b"\x13\x0cedwards25519"];
    const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
    const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let (algorithm, key) = match told {
        [Attribute::Modulus(n), Attribute::PublicExponent(e)] => {
            (RSA.to_vec(), tlv(0x30, &[integer(n), integer(e)].concat()))
        }
        [Attribute::EcParams(params), Attribute::EcPoint(point)] => {
            // An OCTET STRING around the point, as the standard has it; some tell the point alone.
            let inner = point.strip_prefix(&[4, u8::try_from(point.len().checked_sub(2)?).ok()?]);
            let point = inner.unwrap_or(point).to_vec();
            if ED25519.contains(&params.as_slice()) {
                (tlv(0x30, ED25519[0]), point)
            } else {
                (tlv(0x30, &[EC_PUBLIC_KEY, params].concat()), point)
            }
        }
        _ => return None,
    };
    let key = tlv(3, &[&[0][..], &key].concat());
    Some(tlv(0x30, &[algorithm, key].concat()))
}

fn integer(number: &[u8]) -> Vec<u8> {
    let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    let zero: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tlv(2, &[zero, digits].concat())
}

/// DER of at most 65,535 bytes.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len().to_be_bytes() {
        [.., 0, low @ 0..=0x7f] => out.push(low),
        [.., 0, low] => out.extend([0x81, low]),
        [.., high, low] => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(content);
    out
}

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey as _, date_time_ymd,
};

use super::*;
use crate::testing::fixture;
use crate::testing::ssh::{Key, Signer, string};

const LIMITS: Limits = Limits::DEFAULT;
const CHALLENGE: &[u8] = b"enrolment 4711 of alice";
const AAGUID: [u8; 16] = *b"a model of token";
/// UP and AT.
const FLAGS: u8 = 0x41;
/// In 2026, while the certificates count.
const NOW: Timestamp = Timestamp::from_unix(1_796_000_000);

/// A maker of tokens and a token of its making.
struct Maker {
    root: KeyPair,
    leaf: KeyPair,
}

impl Maker {
    fn new() -> Self {
        let [root, leaf] = [(); 2].map(|()| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
        Self { root, leaf }
    }

    fn ca() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Maker of tokens");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn leaf(aaguid: Option<[u8; 16]>) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params.custom_extensions = aaguid
            .map(|aaguid| {
                let content = [&[4, 16], &aaguid[..]].concat();
                CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], content)
            })
            .into_iter()
            .collect();
        params
    }

    fn roots(&self) -> FidoRoots {
        let mut roots = FidoRoots::new();
        assert_eq!(roots.add(Self::ca().self_signed(&self.root).unwrap().der()), Ok(1));
        roots
    }

    fn certificate(&self, params: &CertificateParams) -> Vec<u8> {
        params.signed_by(&self.leaf, &Issuer::new(Self::ca(), &self.root)).unwrap().der().to_vec()
    }
}

/// The fields of an attestation, to be told wrongly one at a time.
#[derive(Clone)]
struct Fields {
    format: &'static str,
    certificate: Vec<u8>,
    data: Vec<u8>,
    signature: Vec<u8>,
    reserved: (u32, Vec<u8>),
    trailing: Vec<u8>,
}

impl Fields {
    fn bytes(&self) -> Vec<u8> {
        let data = cbor::encode(&Value::Bytes(&self.data));
        let mut out = string(self.format.as_bytes());
        out.extend([string(&self.certificate), string(&self.signature), string(&data)].concat());
        out.extend(self.reserved.0.to_be_bytes());
        out.extend(string(&self.reserved.1));
        out.extend(&self.trailing);
        out
    }

    fn parse(&self) -> Result<Attestation, Error> {
        Attestation::parse(&self.bytes(), &LIMITS)
    }

    fn verify(&self, key: &PublicKey) -> Result<Attested, Error> {
        self.parse()?.verify(key, CHALLENGE)
    }
}

fn cose(key: &PublicKey) -> Vec<u8> {
    let integer = Value::Integer;
    let label = cbor::Key::Integer;
    let spki = key.canonical().spki_der();
    let entries = match key.canonical().point() {
        Some(point) => vec![
            (label(1), integer(2)),
            (label(3), integer(-7)),
            (label(-1), integer(1)),
            (label(-2), Value::Bytes(&point[1..33])),
            (label(-3), Value::Bytes(&point[33..])),
        ],
        None => vec![
            (label(1), integer(1)),
            (label(3), integer(-8)),
            (label(-1), integer(6)),
            (label(-2), Value::Bytes(&spki[12..])),
        ],
    };
    cbor::encode(&Value::Map(entries))
}

fn data(key: &PublicKey, flags: u8, aaguid: [u8; 16]) -> Vec<u8> {
    let application = HashAlg::Sha256.hash(&[key.application().unwrap().as_bytes()]);
    [application.as_bytes(), &[flags, 0, 0, 0, 9], &aaguid, &[0, 6], b"handle", &cose(key)].concat()
}

fn signed(maker: &Maker, data: Vec<u8>) -> Fields {
    let challenge = HashAlg::Sha256.hash(&[CHALLENGE]);
    let signature = maker.leaf.sign(&[&data[..], challenge.as_bytes()].concat()).unwrap();
    Fields {
        format: "ssh-sk-attest-v01",
        certificate: maker.certificate(&Maker::leaf(Some(AAGUID))),
        data,
        signature,
        reserved: (0, Vec::new()),
        trailing: Vec::new(),
    }
}

fn keys() -> [PublicKey; 2] {
    [Signer::ed25519(1, Some("ssh:release")).public(), Signer::p256(Some("ssh:release")).public()]
}

fn good(maker: &Maker, key: &PublicKey) -> Fields {
    signed(maker, data(key, FLAGS, AAGUID))
}

#[test]
fn a_key_that_a_token_made_is_one_of_hardware() {
    let maker = Maker::new();
    for key in keys() {
        let attested = good(&maker, &key).verify(&key).unwrap();
        let hardware = attested.made_by(&maker.roots(), &[], NOW, &LIMITS).unwrap();
        assert_eq!(hardware.key(), key.canonical());
        assert_eq!((hardware.aaguid(), attested.aaguid()), (&AAGUID, &AAGUID));
        assert_eq!(hardware.certificate(), HashAlg::Sha256.hash(&[attested.certificate()]));
        // With extensions, such as credProtect.
        let extended = [&data(&key, FLAGS | 0x80, AAGUID)[..], b"\xa1\x6bcredProtect\x02"].concat();
        assert!(signed(&maker, extended).verify(&key).is_ok());
    }
}

#[test]
fn a66_what_sk_dummy_leaves_is_no_attestation() {
    let error = Attestation::parse(fixture!("ssh/sk-ed25519.empty-attestation"), &LIMITS).unwrap_err();
    assert_eq!(error, Error::CertificateMissing);
}

#[test]
fn a66_a_software_key_is_not_called_hardware() {
    let maker = Maker::new();
    let [key, other] = keys();
    // A genuine attestation, of another key.
    assert_eq!(good(&maker, &other).verify(&key).unwrap_err(), Error::KeyMismatch);
    let plain = Signer::ed25519(1, None).public();
    assert_eq!(good(&maker, &key).verify(&plain).unwrap_err(), Error::KeyNotOfToken);
    // The key put into what a token signed.
    let mut told = good(&maker, &other);
    told.data = data(&key, FLAGS, AAGUID);
    assert_eq!(told.verify(&key).unwrap_err(), Error::SignatureInvalid);
    // Attested by itself.
    let Key::Ed25519(pair) = Signer::ed25519(1, None).key else { panic!("an Ed25519 key") };
    let mut own = good(&maker, &key);
    own.signature =
        pair.sign(&[&own.data[..], HashAlg::Sha256.hash(&[CHALLENGE]).as_bytes()].concat()).as_ref().to_vec();
    assert_eq!(own.verify(&key).unwrap_err(), Error::SignatureInvalid);
    own.certificate = Vec::new();
    assert_eq!(own.verify(&key).unwrap_err(), Error::CertificateMissing);
}

#[test]
fn a66_the_certificate_is_of_a_maker_that_counts() {
    let (maker, other) = (Maker::new(), Maker::new());
    let [key, _] = keys();
    let attested = good(&maker, &key).verify(&key).unwrap();
    let made_by =
        |roots: &FidoRoots, now| attested.made_by(roots, &[], now, &LIMITS).map(|_| ()).unwrap_err();
    assert_eq!(made_by(&FidoRoots::new(), NOW), Error::RootsMissing);
    assert_eq!(made_by(&other.roots(), NOW), Error::MakerUnknown);
    for year in [0, 2_500_000_000] {
        assert_eq!(made_by(&maker.roots(), Timestamp::from_unix(year)), Error::CertificateExpired);
    }
    let limit = LIMITS.intermediates;
    let many = vec![&[][..]; limit + 1];
    let longest = vec![0; LIMITS.certificate_bytes];
    for fitting in [&many[..limit], &[&longest]] {
        assert!(attested.made_by(&maker.roots(), fitting, NOW, &LIMITS).is_ok());
    }
    let error = attested.made_by(&maker.roots(), &many, NOW, &LIMITS).unwrap_err();
    assert_eq!(error, Error::TooManyIntermediates { count: limit + 1, limit });
    let long = vec![0; LIMITS.certificate_bytes + 1];
    let error = attested.made_by(&maker.roots(), &[&long], NOW, &LIMITS).unwrap_err();
    assert_eq!(error, Error::TooLong { len: long.len(), limit: LIMITS.certificate_bytes });
    // A certificate for web servers.
    let mut server = Maker::leaf(None);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = Fields { certificate: maker.certificate(&server), ..good(&maker, &key) };
    let server = server.verify(&key).unwrap();
    assert_eq!(server.made_by(&maker.roots(), &[], NOW, &LIMITS).unwrap_err(), Error::MakerUnknown);
}

#[test]
fn a_chain_may_have_intermediates() {
    let (maker, middle) = (Maker::new(), KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let [key, _] = keys();
    let mut params = Maker::ca();
    params.distinguished_name.push(DnType::CommonName, "Between");
    let root = Issuer::new(Maker::ca(), &maker.root);
    let between = params.signed_by(&middle, &root).unwrap().der().to_vec();
    let leaf = Maker::leaf(None).signed_by(&maker.leaf, &Issuer::new(params, &middle)).unwrap();
    let fields = Fields { certificate: leaf.der().to_vec(), ..good(&maker, &key) };
    let attested = fields.verify(&key).unwrap();
    assert!(attested.made_by(&maker.roots(), &[&between], NOW, &LIMITS).is_ok());
    assert_eq!(attested.made_by(&maker.roots(), &[], NOW, &LIMITS).unwrap_err(), Error::MakerUnknown);
}

#[test]
fn a66_the_answer_is_to_our_challenge() {
    let maker = Maker::new();
    let [key, _] = keys();
    let attestation = good(&maker, &key).parse().unwrap();
    for challenge in [&b"enrolment 4712 of alice"[..], b"", HashAlg::Sha256.hash(&[CHALLENGE]).as_bytes()] {
        assert_eq!(attestation.verify(&key, challenge).unwrap_err(), Error::SignatureInvalid);
    }
}

#[test]
fn a66_what_the_token_says_of_the_key_decides() {
    let maker = Maker::new();
    let [key, _] = keys();
    for (flags, error) in [
        (0x40, Error::UserPresenceMissing),
        (0x44, Error::UserPresenceMissing),
        (FLAGS | 0x08, Error::BackupEligible),
        (FLAGS | 0x18, Error::BackupEligible),
        (0x01, Error::CredentialMissing),
    ] {
        assert_eq!(signed(&maker, data(&key, flags, AAGUID)).verify(&key).unwrap_err(), error, "{flags:#x}");
    }
    let elsewhere = Signer::ed25519(1, Some("ssh:")).public();
    assert_eq!(good(&maker, &key).verify(&elsewhere).unwrap_err(), Error::ApplicationMismatch);
    let other_model = signed(&maker, data(&key, FLAGS, *b"another of these"));
    assert_eq!(other_model.verify(&key).unwrap_err(), Error::ModelMismatch);
    // A certificate that names no model leaves it open.
    let any = Fields { certificate: maker.certificate(&Maker::leaf(None)), ..other_model };
    assert!(any.verify(&key).is_ok());
}

#[test]
fn a_u2f_token_signs_in_its_own_way() {
    let maker = Maker::new();
    let [ed25519, p256] = keys();
    let fields = |key: &PublicKey| {
        let mut fields = signed(&maker, data(key, FLAGS, [0; 16]));
        fields.certificate = maker.certificate(&Maker::leaf(None));
        fields
    };
    let mut u2f = fields(&p256);
    // As `packed`, which it is not.
    assert_eq!(u2f.verify(&p256).unwrap_err(), Error::SignatureInvalid);
    let application = HashAlg::Sha256.hash(&[b"ssh:release"]);
    let challenge = HashAlg::Sha256.hash(&[CHALLENGE]);
    let point = p256.canonical().point().unwrap();
    let registration = [&[0], application.as_bytes(), challenge.as_bytes(), b"handle", point].concat();
    u2f.signature = maker.leaf.sign(&registration).unwrap();
    assert_eq!(u2f.verify(&p256).unwrap().aaguid(), &[0; 16]);
    assert_eq!(fields(&ed25519).verify(&ed25519).unwrap_err(), Error::CredentialKeyUnsupported);
    // And a token with a model does not sign as U2F.
    let packed =
        Fields { data: data(&p256, FLAGS, AAGUID), certificate: good(&maker, &p256).certificate, ..u2f };
    assert_eq!(packed.verify(&p256).unwrap_err(), Error::SignatureInvalid);
}

#[test]
fn the_file_is_as_ssh_keygen_writes_it() {
    let maker = Maker::new();
    let [key, _] = keys();
    let good = good(&maker, &key);
    let refused = |fields: Fields| fields.parse().unwrap_err();
    assert_eq!(
        refused(Fields { format: "ssh-sk-attest-v00", ..good.clone() }),
        Error::AuthenticatorDataMissing
    );
    assert_eq!(refused(Fields { format: "ssh-sk-attest-v02", ..good.clone() }), Error::FormatUnknown);
    for reserved in [(1, Vec::new()), (0, vec![0])] {
        assert_eq!(refused(Fields { reserved, ..good.clone() }), Error::ReservedNotEmpty);
    }
    let trailing = Fields { trailing: vec![0], ..good.clone() };
    assert!(matches!(refused(trailing), Error::Wire(wire::Error::TrailingBytes { count: 1, .. })));
    let longer = Fields { data: [&good.data[..], &[0]].concat(), ..good.clone() };
    assert_eq!(refused(longer), Error::AuthenticatorDataMalformed);
    let no_map = Fields { data: [&data(&key, FLAGS | 0x80, AAGUID)[..], &[0]].concat(), ..good.clone() };
    assert_eq!(refused(no_map), Error::AuthenticatorDataMalformed);
    let malformed = Fields { certificate: vec![0x30, 0], ..good.clone() };
    assert_eq!(malformed.verify(&key).unwrap_err(), Error::CertificateMalformed);
    let bytes = good.bytes();
    for len in 0..bytes.len() {
        assert!(Attestation::parse(&bytes[..len], &LIMITS).is_err(), "{len}");
    }
    let limits = Limits { fido_attestation_bytes: bytes.len(), ..LIMITS };
    assert!(Attestation::parse(&bytes, &limits).is_ok());
    let long = vec![0; 16_385];
    let error = Attestation::parse(&long, &LIMITS).unwrap_err();
    assert_eq!(error, Error::TooLong { len: 16_385, limit: 16_384 });
}

#[test]
fn the_credentials_key_is_for_one_algorithm() {
    let integer = Value::Integer;
    let label = cbor::Key::Integer;
    let x = [9; 32];
    let good = vec![
        (label(1), integer(1)),
        (label(3), integer(-8)),
        (label(-1), integer(6)),
        (label(-2), Value::Bytes(&x)),
    ];
    assert!(cose_key(&Value::Map(good.clone())).is_ok());
    for (at, other) in [(0, integer(2)), (1, integer(-7)), (2, integer(1)), (3, integer(0))] {
        let mut told = good.clone();
        told[at].1 = other;
        assert_eq!(cose_key(&Value::Map(told)), Err(Error::CredentialKeyUnsupported));
    }
    let more = [good.clone(), vec![(label(2), Value::Bytes(b"kid"))]].concat();
    assert_eq!(cose_key(&Value::Map(more)), Err(Error::CredentialKeyUnsupported));
    assert_eq!(cose_key(&integer(1)), Err(Error::CredentialKeyUnsupported));
    let [_, key] = keys();
    let point = key.canonical().point().unwrap();
    // The coordinates' border moved.
    let moved = vec![
        (label(1), integer(2)),
        (label(3), integer(-7)),
        (label(-1), integer(1)),
        (label(-2), Value::Bytes(&point[1..34])),
        (label(-3), Value::Bytes(&point[34..])),
    ];
    assert_eq!(cose_key(&Value::Map(moved)), Err(Error::CredentialKeyUnsupported));
}

#[test]
fn every_byte_of_an_attestation_counts() {
    let maker = Maker::new();
    for key in keys() {
        let bytes = good(&maker, &key).bytes();
        let roots = maker.roots();
        let hardware = |bytes: &[u8]| {
            let attested = Attestation::parse(bytes, &LIMITS)?.verify(&key, CHALLENGE)?;
            attested.made_by(&roots, &[], NOW, &LIMITS)
        };
        assert!(hardware(&bytes).is_ok());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(hardware(&changed).is_err(), "{at}");
        }
    }
}

#[test]
fn roots_are_certificates_all_or_none() {
    let maker = Maker::new();
    let pem = Maker::ca().self_signed(&maker.root).unwrap().pem();
    let mut roots = FidoRoots::new();
    assert_eq!(roots.add(format!("{pem}{pem}").as_bytes()), Ok(2));
    let mut none = FidoRoots::new();
    let broken = format!("{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(none.add(broken.as_bytes()), Err(Error::RootMalformed { at: 1 }));
    assert_eq!(none.add(b""), Err(Error::RootMalformed { at: 0 }));
    assert!(none.is_empty());
}

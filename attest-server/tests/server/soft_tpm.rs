//! A stand-in for a TPM: the same bytes, keys in memory.

use aes::Aes128;
use attest_core::{Digest, HashAlg, evidence::PcrValues};
use cfb_mode::cipher::{AsyncStreamCipher as _, KeyIvInit as _};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm,
    date_time_ymd,
};
use ring::{
    agreement::{self, ECDH_P256, EphemeralPrivateKey},
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rsa::{Oaep, RsaPrivateKey, pkcs1::EncodeRsaPublicKey as _, pkcs8::DecodePrivateKey as _};

const RSA_KEY: &[u8] = include_bytes!("../../../tests/fixtures/keys/rsa2048.pk8");
const RSA_EK: &[u8] = include_bytes!("../../../tests/fixtures/credential/soft-ek.pub");

/// restricted, sign, userWithAuth, sensitiveDataOrigin, fixedParent, fixedTPM.
pub(crate) const AK_ATTRIBUTES: u32 = 0x0005_0072;

/// A maker of TPMs.
pub(crate) struct Maker {
    key: KeyPair,
}

impl Maker {
    pub(crate) fn new() -> Self {
        Self { key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap() }
    }

    pub(crate) fn root_pem(&self) -> String {
        Self::params().self_signed(&self.key).unwrap().pem()
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Root of a maker");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn certify(&self, key: &impl PublicKeyData) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 1])];
        // SEQUENCE { [4] { Name { SET { SEQUENCE { 2.23.133.2.1, UTF8String "id:ffff" } } } } }
        let san = hex::decode("3018a416301431123010060567810502010c0769643a66666666").unwrap();
        let mut san = CustomExtension::from_oid_content(&[2, 5, 29, 17], san);
        san.set_criticality(true);
        params.custom_extensions = vec![san];
        params.not_after = date_time_ymd(9999, 12, 31);
        params.signed_by(key, &Issuer::new(Self::params(), &self.key)).unwrap().der().to_vec()
    }
}

struct Spki(Vec<u8>, &'static SignatureAlgorithm);

impl PublicKeyData for Spki {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.1
    }
}

enum Ek {
    /// Opens one credential.
    Ecc(Option<EphemeralPrivateKey>),
    /// The same key for every TPM made with it.
    Rsa(Box<RsaPrivateKey>),
}

pub(crate) struct SoftTpm {
    ek: Ek,
    ek_point: Vec<u8>,
    pub(crate) ek_public: Vec<u8>,
    pub(crate) ek_certificate: Vec<u8>,
    ak: EcdsaKeyPair,
    ak_attributes: u32,
    pub(crate) clock: u64,
    pub(crate) reset_count: u32,
}

impl SoftTpm {
    /// A TPM of its own, for one enrolment.
    pub(crate) fn new(maker: &Maker) -> Self {
        let ek = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let point = ek.compute_public_key().unwrap().as_ref().to_vec();
        let head = [0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10];
        let ek_public = tpm2b(&[&head[..], &tpm2b(&point[1..33]), &tpm2b(&point[33..])].concat());
        let certificate = maker.certify(&Spki(point.clone(), &PKCS_ECDSA_P256_SHA256));
        Self::with(Ek::Ecc(Some(ek)), point, ek_public, certificate)
    }

    /// The one TPM with the RSA key, for any number of enrolments.
    pub(crate) fn with_rsa_ek(maker: &Maker) -> Self {
        let ek = RsaPrivateKey::from_pkcs8_der(RSA_KEY).unwrap();
        let public = ek.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec();
        let certificate = maker.certify(&Spki(public, &PKCS_RSA_SHA256));
        Self::with(Ek::Rsa(Box::new(ek)), Vec::new(), RSA_EK.to_vec(), certificate)
    }

    fn with(ek: Ek, ek_point: Vec<u8>, ek_public: Vec<u8>, ek_certificate: Vec<u8>) -> Self {
        let mut tpm = Self {
            ek,
            ek_point,
            ek_public,
            ek_certificate,
            ak: ecdsa(),
            ak_attributes: AK_ATTRIBUTES,
            clock: 1_000,
            reset_count: 5,
        };
        tpm.new_ak(AK_ATTRIBUTES);
        tpm
    }

    /// Makes another AK.
    pub(crate) fn new_ak(&mut self, attributes: u32) {
        self.ak = ecdsa();
        self.ak_attributes = attributes;
    }

    pub(crate) fn ak_public(&self) -> Vec<u8> {
        tpm2b(&self.ak_area())
    }

    fn ak_area(&self) -> Vec<u8> {
        let point = self.ak.public_key().as_ref();
        let parameters = [0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10];
        [
            &[0, 0x23, 0, 0x0b][..],
            &self.ak_attributes.to_be_bytes(),
            &parameters,
            &tpm2b(&point[1..33]),
            &tpm2b(&point[33..]),
        ]
        .concat()
    }

    fn ak_name(&self) -> Vec<u8> {
        [&[0, 0x0b][..], HashAlg::Sha256.hash(&[&self.ak_area()]).as_bytes()].concat()
    }

    /// TPM2_ActivateCredential.
    pub(crate) fn activate(&mut self, blob: &[u8], encrypted_secret: &[u8]) -> Result<Vec<u8>, &'static str> {
        let seed = self.seed(sized(encrypted_secret).0)?;
        let (integrity, identity) = sized(sized(blob).0);
        let hmac_key = kdfa(&seed, &[b"INTEGRITY\0", &[0, 0, 1, 0]]);
        if mac(&hmac_key, &[identity, &self.ak_name()]) != integrity {
            return Err("integrity");
        }
        let key = &kdfa(&seed, &[b"STORAGE\0", &self.ak_name(), &[0, 0, 0, 128]])[..16];
        let mut plain = identity.to_vec();
        cfb_mode::Decryptor::<Aes128>::new_from_slices(key, &[0; 16]).unwrap().decrypt(&mut plain);
        Ok(sized(&plain).0.to_vec())
    }

    fn seed(&mut self, encrypted: &[u8]) -> Result<Vec<u8>, &'static str> {
        match &mut self.ek {
            Ek::Rsa(key) => {
                let padding = Oaep::new_with_label::<rsa::sha2::Sha256, _>("IDENTITY\0");
                key.decrypt(padding, encrypted).map_err(|_| "seed")
            }
            Ek::Ecc(key) => {
                let (x, y) = sized(encrypted);
                let peer = [&[4][..], x, sized(y).0].concat();
                let peer = agreement::UnparsedPublicKey::new(&ECDH_P256, peer);
                let ours = &self.ek_point[1..33];
                agreement::agree_ephemeral(key.take().ok_or("used")?, &peer, |z| {
                    HashAlg::Sha256.hash(&[&[0, 0, 0, 1], z, b"IDENTITY\0", x, ours]).as_bytes().to_vec()
                })
                .map_err(|_| "seed")
            }
        }
    }

    /// TPM2_Quote over these values: TPMS_ATTEST and TPMT_SIGNATURE.
    pub(crate) fn quote(
        &self,
        nonce: &[u8],
        selection: &[(HashAlg, Vec<u8>)],
        pcrs: &PcrValues,
    ) -> (Vec<u8>, Vec<u8>) {
        let mut attest =
            [&[0xff, 0x54, 0x43, 0x47, 0x80, 0x18][..], &tpm2b(&self.ak_name()), &tpm2b(nonce)].concat();
        attest.extend_from_slice(&self.clock.to_be_bytes());
        attest.extend_from_slice(&self.reset_count.to_be_bytes());
        attest.extend_from_slice(&[0, 0, 0, 0, 1]);
        attest.extend_from_slice(&7u64.to_be_bytes());
        attest.extend_from_slice(&(selection.len() as u32).to_be_bytes());
        let mut values = Vec::new();
        for (alg, indices) in selection {
            let mask = indices.iter().fold(0u32, |mask, pcr| mask | 1 << pcr);
            attest.extend_from_slice(&alg.tpm_id().to_be_bytes());
            attest.push(3);
            attest.extend_from_slice(&mask.to_le_bytes()[..3]);
            for pcr in indices {
                let value = pcrs.get(*alg, *pcr).unwrap_or_else(|| Digest::zero(*alg));
                values.extend_from_slice(value.as_bytes());
            }
        }
        attest.extend_from_slice(&tpm2b(HashAlg::Sha256.hash(&[&values]).as_bytes()));
        let signature = self.ak.sign(&SystemRandom::new(), &attest).unwrap();
        let (r, s) = signature.as_ref().split_at(32);
        let signature = [&[0, 0x18, 0, 0x0b][..], &tpm2b(r), &tpm2b(s)].concat();
        (attest, signature)
    }
}

fn ecdsa() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

fn tpm2b(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// What a TPM2B holds, and what follows it.
fn sized(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (size, rest) = bytes.split_at(2);
    rest.split_at(usize::from(u16::from_be_bytes([size[0], size[1]])))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().to_vec()
}

fn kdfa(seed: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    mac(seed, &[&[&[0, 0, 0, 1][..]], parts].concat())
}

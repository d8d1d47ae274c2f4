use super::*;
use crate::release::ObjectId;
use crate::release::form::{check, subject};
use crate::release::policy::{Custody, Purpose};
use crate::release::request::ToSign;
use crate::release::testing::{name, request};
use crate::testing::pe::{Pe, put32};
use crate::testing::tokens::Signer as Holder;

const LIMITS: Limits = Limits::DEFAULT;

fn key(holder: Holder) -> ReleaseKey {
    ReleaseKey::new(&holder.spki(), Purpose::Authenticode, None).unwrap()
}

fn image() -> Pe {
    let mut pe = Pe::new(&[(".text", &[0x90; 700]), (".data", b"data")]);
    pe.tail = b"an overlay".to_vec();
    pe
}

/// A certificate of this key, by nobody in particular.
fn certificate(holder: Holder) -> Vec<u8> {
    let name =
        tlv(SEQUENCE, &tlv(SET, &tlv(SEQUENCE, &[tlv(OID, &[0x55, 4, 3]), tlv(0x0c, b"Signer")].concat())));
    let period = tlv(SEQUENCE, &[tlv(0x17, b"260101000000Z"), tlv(0x17, b"360101000000Z")].concat());
    let version = tlv(CONTEXT_0, &[2, 1, 2]);
    let serial = [2, 2, 0x12, 0x34];
    let fields = [&version, &serial[..], ECDSA_WITH_SHA256, &name, &period, &name, &holder.spki()].concat();
    let signature = tlv(der::BIT_STRING, &[0, 0]);
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &fields), ECDSA_WITH_SHA256, &signature].concat())
}

fn signed(holder: Holder, alg: &str, file: &[u8]) -> Vec<u8> {
    let signature = holder.sign(alg, &to_be_signed(file, &LIMITS).unwrap());
    finish(&key(holder), file, &signature, &[certificate(holder)], &LIMITS).unwrap()
}

#[test]
fn signed_images_are_verified_padded_or_not_and_signed_again() {
    for tail in ["", "8 bytes.", "an overlay"] {
        let file = Pe { tail: tail.into(), ..image() }.build();
        let once = signed(Holder::P256, "ES256", &file);
        assert_eq!(verify(&key(Holder::P256), &once, &LIMITS), Ok(()));
        assert_eq!(verify(&key(Holder::Rsa), &once, &LIMITS), Err(Error::SignatureInvalid));
        // What is signed of the signed image is what was signed of the plain one.
        assert_eq!(to_be_signed(&once, &LIMITS), to_be_signed(&file, &LIMITS));
        let twice = signed(Holder::Rsa, "RS256", &once);
        for holder in [Holder::P256, Holder::Rsa] {
            assert_eq!(verify(&key(holder), &twice, &LIMITS), Ok(()));
        }
        let image = Image::parse(&twice, &LIMITS).unwrap();
        let hash = image.authenticode(HashAlg::Sha256);
        let signatures = image.signatures().unwrap();
        assert_eq!(signatures.len(), 2);
        for signature in signatures {
            assert_eq!(signature.digest, Some(hash));
            assert_eq!(signature.names, ["\"Signer\""]);
        }
    }
}

#[test]
fn a_changed_byte_of_what_is_loaded_is_refused() {
    let file = image().build();
    let once = signed(Holder::P256, "ES256", &file);
    for place in (0..file.len()).filter(|place| !(image().checksum()..image().checksum() + 4).contains(place))
    {
        let mut lie = once.clone();
        lie[place] ^= 1;
        assert!(verify(&key(Holder::P256), &lie, &LIMITS).is_err(), "{place}");
    }
    // And of what the signature says was hashed.
    let hash = Image::parse(&once, &LIMITS).unwrap().authenticode(HashAlg::Sha256);
    let at = once.windows(32).position(|window| window == hash.as_bytes()).unwrap();
    let mut lie = once.clone();
    lie[at] ^= 1;
    assert_eq!(verify(&key(Holder::P256), &lie, &LIMITS), Err(Error::SignatureInvalid));
}

#[test]
fn the_attributes_are_those_of_the_format() {
    let bytes = to_be_signed(&image().build(), &LIMITS).unwrap();
    let expected =
        "314c301906092a864886f70d010903310c060a2b060104018237020104302f06092a864886f70d01090431220420";
    assert_eq!(hex::encode(&bytes[..46]), expected);
    assert_eq!(bytes.len(), 46 + 32);
}

#[test]
fn certificates_that_do_not_belong_to_the_key() {
    let file = image().build();
    let signature = Holder::P256.sign("ES256", &to_be_signed(&file, &LIMITS).unwrap());
    let refused = |certificates: &[Vec<u8>]| {
        finish(&key(Holder::P256), &file, &signature, certificates, &LIMITS).unwrap_err().code()
    };
    assert_eq!(refused(&[]), "form_certificate_unexpected");
    assert_eq!(refused(&[certificate(Holder::Rsa)]), "form_certificate_unexpected");
    assert_eq!(refused(&[b"\x30\x00".to_vec()]), "form_certificate_unexpected");
    assert_eq!(refused(&vec![certificate(Holder::P256); 8]), "form_certificate_unexpected");
    assert_eq!(refused(&[certificate(Holder::P256), vec![0x30; 8_193]]), "form_certificate_unexpected");
    let other = Holder::P256.sign("ES256", b"other bytes");
    let refused = finish(&key(Holder::P256), &file, &other, &[certificate(Holder::P256)], &LIMITS);
    assert_eq!(refused, Err(Error::SignatureInvalid));
}

#[test]
fn a47_as_many_certificates_as_fit_and_as_long() {
    let file = image().build();
    let signature = Holder::P256.sign("ES256", &to_be_signed(&file, &LIMITS).unwrap());
    let leaf = certificate(Holder::P256);
    let with = |certificate_bytes, count| {
        let limits = Limits { certificate_bytes, intermediates: 2, ..LIMITS };
        finish(&key(Holder::P256), &file, &signature, &vec![leaf.clone(); count], &limits).map(|_| ())
    };
    let refused = Err(Error::CertificateUnexpected { because: "certificates too many or too long" });
    assert_eq!((with(leaf.len(), 3), with(leaf.len(), 4)), (Ok(()), refused.clone()));
    assert_eq!(with(leaf.len() - 1, 1), refused);
}

#[test]
fn the_signers_algorithm_is_named_before_the_signature() {
    let file = image().build();
    for (holder, alg, algorithm) in
        [(Holder::P256, "ES256", ECDSA_WITH_SHA256), (Holder::Rsa, "RS256", RSA_ENCRYPTION)]
    {
        let signature = holder.sign(alg, &to_be_signed(&file, &LIMITS).unwrap());
        let signed = finish(&key(holder), &file, &signature, &[certificate(holder)], &LIMITS).unwrap();
        let value = raw::der(key(holder).scheme(), &signature).unwrap();
        let named = [algorithm, &tlv(OCTET_STRING, &value)].concat();
        assert!(signed.windows(named.len()).any(|part| part == named), "{alg}");
    }
}

#[test]
fn images_that_readers_hash_differently_are_not_signed() {
    let mut gap = image().build();
    put32(&mut gap, image().section_header(0) + 16, 0);
    assert_eq!(to_be_signed(&gap, &LIMITS).unwrap_err().code(), "form_image_unsuitable");
    let without = Pe { directories: 4, ..image() }.build();
    let signature = Holder::P256.sign("ES256", &to_be_signed(&without, &LIMITS).unwrap());
    let refused = finish(&key(Holder::P256), &without, &signature, &[certificate(Holder::P256)], &LIMITS);
    assert_eq!(refused.unwrap_err().code(), "form_image_unsuitable");
    assert_eq!(to_be_signed(b"no image", &LIMITS).unwrap_err().code(), "pe_not_an_image");
}

#[test]
fn a67a_attributes_of_another_image_than_the_released_one() {
    let file = image().build();
    let other = Pe { tail: b"another".to_vec(), ..image() }.build();
    let bytes = to_be_signed(&file, &LIMITS).unwrap();
    let mut request = request();
    request.artifacts[0].sha256 = ObjectId::of(&file);
    request.artifacts[0].size = file.len() as u64;
    let listed = ToSign::new(name("gateway-uki"), Purpose::Authenticode, Custody::OnlineIntermediate, &bytes);
    request.sign = vec![listed.clone()];
    let key = key(Holder::P256);
    let judged = |image| check(&request, &listed, &key, &bytes, image, &LIMITS);
    assert_eq!(judged(Some(&file[..])), Ok(()));
    assert_eq!(judged(None), Err(Error::ImageMissing));
    assert_eq!(judged(Some(&other[..])), Err(Error::FileUnexpected));
    assert_eq!(subject(&key, b"anything", Some(&file), &LIMITS), Err(Error::FileUnexpected));
    // The same hash, another file: CheckSum is not in it.
    let mut same_hash = file.clone();
    put32(&mut same_hash, image().checksum(), 7);
    let not_released = Err(Error::SubjectNotReleased { purpose: Purpose::Authenticode });
    assert_eq!(judged(Some(&same_hash[..])), not_released);
}

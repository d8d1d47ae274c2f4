use super::*;
use crate::release::testing::{bytes, history::revocation, id, request};

const LIMITS: &Limits = &Limits::DEFAULT;

fn word() -> Vec<u8> {
    bytes(&revocation("dave", Revoked::Request(ObjectId::of(&bytes(&request())))))
}

#[test]
fn a_delivery_and_a_revocation_alone_say_the_same() {
    for request in [None, Some(bytes(&request()))] {
        let delivery = Delivery::new(word(), request);
        let (read, says) = Delivery::read(&bytes(&delivery), LIMITS).unwrap();
        assert_eq!((&read, bytes(&says)), (&delivery, word()));
    }
    assert_eq!(Delivery::read(&word(), LIMITS).unwrap().0, Delivery::new(word(), None));
}

#[test]
fn a67b_another_request_beside_the_revocation() {
    let code = |revocation: Vec<u8>, request: Vec<u8>| {
        Delivery::read(&bytes(&Delivery::new(revocation, Some(request))), LIMITS).unwrap_err().code()
    };
    let mut other = request();
    other.family = "sensor".try_into().unwrap();
    assert_eq!(code(word(), bytes(&other)), "delivery_request_mismatch");
    let control = bytes(&revocation("dave", Revoked::Control(ObjectId::of(&bytes(&request())))));
    assert_eq!(code(control, bytes(&request())), "delivery_request_mismatch");
    // What is named, and is no request.
    let nothing = bytes(&revocation("dave", Revoked::Request(id("nothing"))));
    assert_eq!(code(nothing, b"nothing".to_vec()), "cbor_truncated");
}

#[test]
fn a47_what_is_none_or_too_long() {
    let code = |bytes: &[u8]| Delivery::read(bytes, LIMITS).unwrap_err().code();
    assert_eq!(code(&bytes(&request())), "object_format");
    assert_eq!(code(&bytes(&Delivery::new(bytes(&request()), None))), "object_format");
    let long = vec![0; LIMITS.release_object_bytes + 1];
    assert_eq!(code(&bytes(&Delivery::new(long.clone(), None))), "object_too_large");
    assert_eq!(code(&vec![0; Delivery::most_bytes(LIMITS) + 1]), "object_too_large");
    let named = bytes(&revocation("dave", Revoked::Request(ObjectId::of(&long))));
    assert_eq!(code(&bytes(&Delivery::new(named, Some(long)))), "object_too_large");
}

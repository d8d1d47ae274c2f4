//! A revocation that no log is asked about: written by its revoker alone, to be brought to verifiers.

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::delivery::Delivery;
use attest_core::release::ssh::{PublicKey, Signature};
use attest_core::release::statement::{Revoked, Text, verify};

use crate::families::{Desk, has_ssh_keygen};
use crate::organisation::{bytes, id_of, line_of, request};
use crate::site::Site;

#[test]
fn a_revocation_is_written_without_the_log() {
    if !has_ssh_keygen() {
        return;
    }
    let site = Site::new(1, 1);
    // Nobody answers there.
    let desk = Desk::at(site.pin, "http://127.0.0.1:1");
    let id = ObjectId::of(b"a request");
    let words = "--reason Lost --as bob --key bob --yes --unlogged";
    desk.refused(&format!("revoke {id} {words}"), "--out");
    desk.refused(&format!("revoke 1f3a {words} --out taken"), "64 digits");
    desk.refused(
        &format!("revoke {id} --reason Lost --as bob --key bob --yes --out taken"),
        "server_unusable",
    );
    assert!(!desk.path("taken").exists());
    for (flag, revokes) in [("", Revoked::Request(id)), ("--control ", Revoked::Control(id))] {
        let told = desk.done(&format!("revoke {flag}{id} {words} --out taken"));
        assert_eq!((&told["logged"], &told["revokes"]), (&false.into(), &id.to_string().into()));
        let file = std::fs::read_dir(desk.path("taken")).unwrap().next().unwrap().unwrap().path();
        let (delivery, said) = Delivery::read(&std::fs::read(file).unwrap(), &Limits::DEFAULT).unwrap();
        assert_eq!((delivery.request, &told["with_request"]), (None, &false.into()));
        assert_eq!((said.authority, &said.revokes, said.by.as_str()), (site.pin, &revokes, "bob"));
        let (key, _) = PublicKey::parse_line(&line_of("bob"), &Limits::DEFAULT).unwrap();
        assert!(Signature::parse(&said.signature, &Limits::DEFAULT).is_ok());
        verify(&said, &key, &Text::revocation(&said), &Limits::DEFAULT).unwrap();
    }
}

#[test]
fn a67b_the_request_goes_with_its_revocation() {
    if !has_ssh_keygen() {
        return;
    }
    let site = Site::new(1, 1);
    let desk = Desk::at(site.pin, "http://127.0.0.1:1");
    let asked = request(site.pin, site.pin, "a");
    std::fs::write(desk.path("request.cbor"), bytes(&asked)).unwrap();
    std::fs::write(desk.path("other.cbor"), bytes(&request(site.pin, site.pin, "b"))).unwrap();
    std::fs::write(desk.path("none.cbor"), b"nothing").unwrap();
    let revoke = |file: &str| {
        format!(
            "revoke {} --reason Lost --as bob --key bob --yes --unlogged --out taken --request {file}",
            id_of(&asked)
        )
    };
    desk.refused(&revoke("other.cbor"), "delivery_request_mismatch");
    desk.refused(&revoke("none.cbor"), "none.cbor: not a request");
    assert!(!desk.path("taken").exists());
    assert_eq!(desk.done(&revoke("request.cbor"))["with_request"], true);
    let file = std::fs::read_dir(desk.path("taken")).unwrap().next().unwrap().unwrap().path();
    let (delivery, said) = Delivery::read(&std::fs::read(file).unwrap(), &Limits::DEFAULT).unwrap();
    assert_eq!(delivery.request.map(|request| request.0), Some(bytes(&asked)));
    assert_eq!(said.revokes, Revoked::Request(id_of(&asked)));
}

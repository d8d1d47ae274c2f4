use super::*;
use crate::release::policy::{Custody, Purpose};
use crate::release::request::{Request, ToSign};
use crate::release::testing::*;

fn described(request: &Request) -> Described<'_> {
    Described { id: id_of(request), request }
}

#[test]
fn an_approval_says_all_of_its_request() {
    let (request, approval) = (request(), approval("alice", &[&request()]));
    let text = Text::approval(&approval, &[described(&request)]).unwrap();
    let (policy, sign) = (id_of(&policy()), request.sign[0].sha256);
    let expected = format!(
        "attest: I approve what is to be released\n\
         authority {policy}\n\
         policy {policy}\n\
         approver alice\n\
         measurements recomputed by me\n\
         \n\
         request 1 of 1: {}\n\
         under {policy}\n\
         family gateway\n\
         channel stable\n\
         kind normal\n\
         version security 4, 2026.11.1\n\
         artifact {} 12345678 bytes\n  \
           name linux.efi\n  \
           version 6.1.0-27\n\
         golden {}\n\
         provenance {}\n\
         sign {sign} 28 bytes with gateway-corim for corim, custody online_intermediate\n\
         replaces nothing\n\
         from 2026-11-22T00:00:00Z\n\
         until 2026-11-29T00:00:00Z\n\
         requester ci\n\
         reason Fixes CVE-2026-1\n",
        id_of(&request),
        id("linux.efi"),
        id("corim"),
        id("provenance"),
    );
    assert_eq!(text.as_str(), expected);
}

/// Whatever is changed in a request, people sign another text.
#[test]
fn a65_no_field_of_a_request_is_left_out() {
    let text = |request: &Request| {
        let mut approval = approval("alice", &[request]);
        (approval.authority, approval.policy) = (id("a"), id("p"));
        // The id alone would do; the rest must tell people what it is.
        Text::approval(&approval, &[described(request)])
            .unwrap()
            .as_str()
            .replace(&id_of(request).to_string(), "")
    };
    let changes: [fn(&mut Request); 21] = [
        |request| request.policy = id("other"),
        |request| request.family = name("sensor"),
        |request| request.channel = name("urgent"),
        |request| request.kind = super::super::request::Kind::Rollback,
        |request| request.version = words("2026.11.2"),
        |request| request.security_version = 5,
        |request| request.artifacts[0].name = words("other.efi"),
        |request| request.artifacts[0].version = words("6.1.0-28"),
        |request| request.artifacts[0].size = 1,
        |request| request.artifacts[0].sha256 = id("other"),
        |request| request.measurements = None,
        |request| request.provenance.clear(),
        |request| request.sign[0].sha256 = id("other"),
        |request| request.sign[0].size = 1,
        |request| request.sign[0].purpose = Purpose::Raw,
        |request| request.sign[0].custody = Custody::File,
        |request| request.sign.push(ToSign { key: name("gateway-uki"), ..request.sign[0].clone() }),
        |request| request.replaces = Some(id("before")),
        |request| request.reason = words("no reason"),
        |request| request.not_before = at(1),
        |request| request.requester = name("alice"),
    ];
    let original = text(&request());
    for (at, change) in changes.iter().enumerate() {
        let mut changed = request();
        change(&mut changed);
        assert_ne!(text(&changed), original, "change {at}");
    }
}

#[test]
fn a65_a_text_is_made_of_the_requests_that_it_names() {
    let (one, mut other) = (request(), request());
    other.version = words("2026.11.2");
    let approval = approval("alice", &[&one, &other]);
    let (one, other) = (described(&one), described(&other));
    assert!(Text::approval(&approval, &[one, other]).unwrap().as_str().contains("request 2 of 2"));
    for lie in [&[other, one][..], &[one], &[one, other, one], &[]] {
        assert_eq!(Text::approval(&approval, lie), None);
    }
}

#[test]
fn a_statement_is_verified_with_its_signers_key_and_for_its_kind() {
    let (request, limits) = (request(), Limits::DEFAULT);
    let good = approval("alice", &[&request]);
    let text = Text::approval(&good, &[described(&request)]).unwrap();
    let alice = signer("alice").public();
    let verified = verify(&good, &alice, &text, &limits).unwrap();
    assert_eq!(verified.key().canonical(), alice.canonical());
    let refused = |approval: &Approval, key: &ssh::PublicKey, text: &Text| {
        verify(approval, key, text, &limits).unwrap_err()
    };
    assert_eq!(refused(&good, &signer("bob").public(), &text), ssh::signature::Error::KeyMismatch.into());
    // What it says was changed after the fact.
    let boasting = Approval { recomputed: false, ..good.clone() };
    let other = Text::approval(&boasting, &[described(&request)]).unwrap();
    assert_eq!(refused(&boasting, &alice, &other), ssh::signature::Error::SignatureInvalid.into());
    // A signature over the same text for another kind of statement.
    let signature = armored::<ReviewStatement>(&signer("alice"), &text);
    let review = Approval { signature, ..good };
    let namespace = ssh::signature::Error::NamespaceMismatch { signed: "attest-review".to_owned() };
    assert_eq!(refused(&review, &alice, &text), namespace.into());
}

#[test]
fn other_statements_say_what_they_are_about() {
    let request = request();
    let submission = Submission {
        format: Submission::FORMAT.to_owned(),
        request: id_of(&request),
        by: name("ci"),
        signature: String::new(),
    };
    let text = Text::submission(&submission, described(&request)).unwrap();
    assert!(
        text.as_str().starts_with("attest: I ask for a release\n")
            && text.as_str().contains("family gateway\n")
    );
    let elsewhere = Described { id: id("other"), request: &request };
    assert_eq!(Text::submission(&submission, elsewhere), None);
    let review = ReviewStatement {
        format: ReviewStatement::FORMAT.to_owned(),
        authority: request.authority,
        request: id_of(&request),
        finding: words("as said"),
        by: name("dave"),
        signature: String::new(),
    };
    let text = Text::review(&review, described(&request)).unwrap();
    assert!(text.as_str().contains("reviewer dave\nfinding as said\n"));
    assert_eq!(Text::review(&review, elsewhere), None);
    let revocation = |revokes| {
        let revocation = Revocation {
            format: Revocation::FORMAT.to_owned(),
            authority: id("a"),
            revokes,
            reason: words("lost"),
            by: name("dave"),
            signature: String::new(),
        };
        Text::revocation(&revocation).as_str().to_owned()
    };
    let head = format!("attest: this counts no longer\nauthority {}\n", id("a"));
    let request = revocation(Revoked::Request(id("r")));
    assert_eq!(request, format!("{head}request {}\nrevoker dave\nreason lost\n", id("r")));
    let key = revocation(Revoked::Key { spki_sha256: id("k"), from_index: 7, until: at(NOW) });
    let lines = format!("key {}\nfrom index 7 of the log on\nuntil 2026-11-22T00:00:00Z\n", id("k"));
    assert_eq!(key, format!("{head}{lines}revoker dave\nreason lost\n"));
    let succession = Succession {
        format: Succession::FORMAT.to_owned(),
        policy: id_of(&policy()),
        by: name("alice"),
        signature: String::new(),
    };
    let text = Text::succession(&succession, &policy());
    let lines = "version 1\nprevious none: this is the first\nexpires 2027-06-10T00:00:00Z\nsigner alice\n";
    let head = "attest: this is the policy to follow\n";
    assert_eq!(text.as_str(), format!("{head}policy {}\n{lines}", id_of(&policy())));
}

#[test]
fn a_change_of_a_family_says_everyone_in_it() {
    use crate::release::testing::history::{family_change, managing};
    let mut change = family_change(&policy());
    change.previous = Some(id("before"));
    change.people.get_mut("gateway.zoe").unwrap().keys[0].key += "\nrevoker mallory";
    let statement = managing("bob", &change);
    let text = Text::family(&statement, id_of(&change), &change).unwrap();
    let key = signer("gateway.zoe").public().to_line();
    let expected = format!(
        "attest: these are the people of a family from now on\n\
         authority {policy}\n\
         change {}\n\
         under {policy}\n\
         previous {}\n\
         family gateway\n\
         until 2026-12-02T00:00:00Z\n\
         signer bob\n\
         reason Alice leaves\n\
         \n\
         new gateway.zoe\n  \
           name gateway.zoe\n  \
           organisation acme\n  \
           account gateway.zoe@builder.example\n  \
           key {key}\\u{{a}}revoker mallory\n    \
             held in software\n    \
             from 2026-10-23T00:00:00Z\n    \
             until 2027-09-18T00:00:00Z\n\
         \n\
         requester alice\n\
         requester ci\n\
         revoker alice\n\
         revoker dave\n\
         managers group managers 2 bob carol gateway.zoe\n\
         managers quorum managers\n\
         controls group controls 2 bob dave erin\n\
         controls quorum controls\n\
         channel lab\n\
         channel nightly\n\
         channel stable\n  \
           approvals group release 2 bob carol gateway.zoe\n  \
           approvals quorum release\n\
         channel urgent\n  \
           approvals group release 2 bob carol gateway.zoe\n  \
           approvals quorum release\n  \
           review group review 1 dave erin\n  \
           review quorum review\n",
        id_of(&change),
        id("before"),
        policy = id_of(&policy()),
    );
    assert_eq!(text.as_str(), expected);
    assert_eq!(Text::family(&statement, id("other"), &change), None);
}

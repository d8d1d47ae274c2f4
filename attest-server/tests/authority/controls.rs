//! What makes up for a family's weakness is handed in by those whom the policy names for it.

use attest_core::release::statement::{Control, Revoked};
use attest_proto::release::v1::CompensateRequest;
use tonic::Code;

use crate::client::{Answer, Client, refusal};
use crate::organisation::*;
use crate::site::Site;

const DAY: u64 = 86_400;

async fn compensate(client: &mut Client, control: &Control, people: &[&str]) -> Answer {
    let statements = people.iter().map(|who| bytes(&vouching(who, control))).collect();
    let asked = CompensateRequest { control: bytes(control), statements };
    Ok(client.mailbox.compensate(asked).await?.into_inner())
}

fn not_now(code: &str) -> (Code, String) {
    (Code::FailedPrecondition, code.to_owned())
}

#[tokio::test]
async fn a57_a_control_that_too_few_vouch_for_or_for_too_long_is_turned_away() {
    let site = Site::new(1, 1);
    let server = site.serve(site.config(true, &[])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let one = control(site.pin, DAY);
    for people in [&["dave"][..], &["dave", "dave"], &["dave", "alice"]] {
        let refused = refusal(compensate(&mut client, &one, people).await);
        assert_eq!(refused, not_now("control_quorum_not_met"), "{people:?}");
    }
    let alone = compensate(&mut client, &one, &["dave"]).await.unwrap_err();
    assert_eq!(alone.message(), "dave said so, and that is not enough");
    let long = refusal(compensate(&mut client, &control(site.pin, 31 * DAY), &["dave", "erin"]).await);
    assert_eq!(long, not_now("control_too_long"));
    let elsewhere = control(attest_core::release::ObjectId::of(b"elsewhere"), DAY);
    let refused = refusal(compensate(&mut client, &elsewhere, &["dave", "erin"]).await);
    assert_eq!(refused, not_now("control_of_another_authority"));
    let garbage = CompensateRequest { control: bytes(&one), statements: vec![b"nothing".to_vec()] };
    assert_eq!(refusal(client.mailbox.compensate(garbage).await).0, Code::InvalidArgument);
    let many = CompensateRequest { control: bytes(&one), statements: vec![Vec::new(); 257] };
    assert_eq!(refusal(client.mailbox.compensate(many).await).1, "too_many_statements");
    let take_back = revocation("alice", "alice", site.pin, Revoked::Control(id_of(&one)));
    assert_eq!(refusal(client.revoke_with(&take_back).await), not_now("revocation_of_no_control"));
    let first = compensate(&mut client, &one, &["dave", "erin"]).await.unwrap();
    let again = compensate(&mut client, &one, &["dave", "erin"]).await.unwrap();
    assert_eq!((again.index, again.already), (first.index, true));
    let by_bob = revocation("bob", "bob", site.pin, Revoked::Control(id_of(&one)));
    assert_eq!(refusal(client.revoke_with(&by_bob).await), not_now("revocation_does_not_count"));
    client.revoke_with(&take_back).await.unwrap();
    server.stop().await;
    // A new start reads the same.
    let server = site.serve(site.config(true, &[])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    assert!(compensate(&mut client, &one, &["dave", "erin"]).await.unwrap().already);
    server.stop().await;
}

//! IMA lists in parts: the server says from where, the device sends what is new, and whoever lies about the beginning starts over.

use std::fs;

use attest_core::evidence::PcrValues;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::{golden, learn};
use attest_core::{Digest, HashAlg, Limits};
use attest_proto::v1;
use attest_server::config::Config;

use crate::harness::{Clients, EVENT_LOG, FAMILY, IMA, Server, pcrs, refusal, refusing};
use crate::soft_tpm::SoftTpm;

/// What a device has measured so far.
#[derive(Clone)]
pub(crate) struct Boot {
    pub(crate) list: Vec<u8>,
    pcrs: PcrValues,
}

impl Boot {
    pub(crate) fn captured() -> Self {
        Self { list: IMA.to_vec(), pcrs: pcrs() }
    }

    /// The kernel measures a file: SHA-256 as it is, SHA-384 as the padded SHA-1 that this kernel extends.
    fn measure(&mut self, data: &[u8]) {
        let sha1 = HashAlg::Sha1.hash(&[data]);
        self.list
            .extend([&10_u32.to_le_bytes()[..], sha1.as_bytes(), &7_u32.to_le_bytes(), b"ima-sig"].concat());
        self.list.extend([&u32::try_from(data.len()).unwrap().to_le_bytes()[..], data].concat());
        let padded = [sha1.as_bytes(), &[0; 28]].concat();
        self.extend(HashAlg::Sha256, HashAlg::Sha256.hash(&[data]).as_bytes());
        self.extend(HashAlg::Sha384, &padded);
    }

    fn extend(&mut self, alg: HashAlg, by: &[u8]) {
        let old: Digest = self.pcrs.get(alg, 10).unwrap();
        self.pcrs.insert(10, old.extended(by));
    }
}

/// The last file of the captured list, measured again.
fn known() -> Vec<u8> {
    let list = ImaLog::parse(IMA, &Limits::DEFAULT).unwrap();
    list.entry(list.len() - 1).unwrap().data.to_vec()
}

fn unknown() -> Vec<u8> {
    let data = known();
    let (digest, name) = data.split_at(4 + 8 + 32);
    let mut digest = digest.to_vec();
    digest[20] ^= 1;
    [&digest, name].concat()
}

/// The files of the captured boot are golden.
pub(crate) fn judge_files(config: &mut Config) {
    let log = EventLog::parse(EVENT_LOG, &Limits::DEFAULT).unwrap();
    let files = learn::ima_files(&ImaLog::parse(IMA, &Limits::DEFAULT).unwrap());
    let (evidence, files) = (golden::Evidence::Quoted, Some(&files));
    let boot = learn::Boot { name: "good", log: &log, userspace: None, evidence, files };
    let golden = learn::learn(FAMILY, &[boot], &learn::Choices::default()).unwrap();
    fs::write(&config.families[FAMILY].golden, golden.to_toml()).unwrap();
}

/// A server that judges the files of the captured boot, and an enrolled device.
async fn enrolled() -> (Server, Clients, SoftTpm, String) {
    let server = Server::start_with(judge_files).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    (server, clients, tpm, device_id)
}

/// Answers with the list from this offset, or from where the challenge says.
pub(crate) async fn attest(
    clients: &mut Clients,
    (device_id, tpm): (&str, &SoftTpm),
    boot: &Boot,
    offset: Option<u64>,
) -> (u64, Result<v1::VerifyResponse, tonic::Status>) {
    let challenge = clients.challenge(device_id).await.unwrap();
    let selection: Vec<_> = challenge
        .selection
        .iter()
        .map(|bank| {
            let pcrs = bank.pcrs.iter().map(|pcr| u8::try_from(*pcr).unwrap());
            (HashAlg::from_name(&bank.bank).unwrap(), pcrs.collect())
        })
        .collect();
    let (attest, signature) = tpm.quote(&challenge.nonce, &selection, &boot.pcrs);
    let asked = challenge.ima_list_offset;
    let offset = offset.unwrap_or(asked);
    let evidence = v1::Evidence {
        attest,
        signature,
        event_log: Some(EVENT_LOG.to_vec()),
        ima_list: Some(boot.list[usize::try_from(offset).unwrap()..].to_vec()),
        ima_list_offset: offset,
        ..v1::Evidence::default()
    };
    (asked, clients.verify(&challenge.challenge_id, evidence).await)
}

pub(crate) fn wanted() -> (tonic::Code, String) {
    (tonic::Code::FailedPrecondition, "ima_whole_list_wanted".to_owned())
}

fn runtime(response: &v1::VerifyResponse) -> v1::Status {
    response.verdict.as_ref().unwrap().runtime.as_ref().unwrap().status()
}

#[tokio::test]
async fn a_list_is_sent_once_and_what_is_new_after_it() {
    let (server, mut clients, tpm, id) = enrolled().await;
    let mut boot = Boot::captured();
    let (asked, first) = attest(&mut clients, (&id, &tpm), &boot, None).await;
    let first = first.unwrap();
    assert_eq!(asked, 0, "nobody knows the list yet");
    // The kernel's padded SHA-384 does not matter beside its SHA-256.
    assert_eq!(runtime(&first), v1::Status::Affirming, "{:#?}", first.verdict.unwrap().reasons);
    let len = |boot: &Boot| u64::try_from(boot.list.len()).unwrap();
    for _ in 0..2 {
        let before = len(&boot);
        boot.measure(&known());
        let (asked, verdict) = attest(&mut clients, (&id, &tpm), &boot, None).await;
        assert_eq!((asked, runtime(&verdict.unwrap())), (before, v1::Status::Affirming));
    }
    // A restart of the server forgets nothing.
    let server = server.restart().await;
    let mut clients = server.clients().await;
    let (asked, verdict) = attest(&mut clients, (&id, &tpm), &boot, None).await;
    assert_eq!((asked, runtime(&verdict.unwrap())), (len(&boot), v1::Status::Affirming));
    // The whole list is always an answer.
    let (_, verdict) = attest(&mut clients, (&id, &tpm), &boot, Some(0)).await;
    assert_eq!(runtime(&verdict.unwrap()), v1::Status::Affirming);
    // What is new is judged, and after a refusal the whole list is wanted.
    boot.measure(&unknown());
    let (asked, verdict) = attest(&mut clients, (&id, &tpm), &boot, None).await;
    let verdict = verdict.unwrap().verdict.unwrap();
    assert!(asked > 0 && refusing(&verdict).contains(&"file_changed"), "{:?}", refusing(&verdict));
    let (asked, verdict) = attest(&mut clients, (&id, &tpm), &boot, None).await;
    assert_eq!((asked, runtime(&verdict.unwrap())), (0, v1::Status::Contraindicated));
}

#[tokio::test]
async fn a43_a_part_from_elsewhere_is_not_judged() {
    let (_server, mut clients, tpm, id) = enrolled().await;
    let mut boot = Boot::captured();
    // Before anything is known.
    let (_, refused) = attest(&mut clients, (&id, &tpm), &boot, Some(64)).await;
    assert_eq!(refusal(refused), wanted());
    attest(&mut clients, (&id, &tpm), &boot, None).await.1.unwrap();
    boot.measure(&unknown());
    boot.measure(&known());
    // The implant is left out by beginning behind it.
    let behind = u64::try_from(boot.list.len()).unwrap();
    let (asked, refused) = attest(&mut clients, (&id, &tpm), &boot, Some(behind)).await;
    assert_eq!(refusal(refused), wanted());
    assert_ne!(asked, behind);
    // It is left out of the part.
    let mut hidden = Boot::captured();
    hidden.measure(&known());
    let liar = Boot { list: hidden.list, ..boot };
    let (_, verdict) = attest(&mut clients, (&id, &tpm), &liar, None).await;
    // No PCR values were sent, and the logs do not lead to those that were quoted.
    assert_eq!(refusing(verdict.unwrap().verdict.as_ref().unwrap()), ["pcr_digest_mismatch"]);
}

#[tokio::test]
async fn a43_after_a_restart_of_the_device_the_whole_list_is_asked_for() {
    let (_server, mut clients, mut tpm, id) = enrolled().await;
    let boot = Boot::captured();
    attest(&mut clients, (&id, &tpm), &boot, None).await.1.unwrap();
    tpm.reset_count += 1;
    let (asked, refused) = attest(&mut clients, (&id, &tpm), &boot, None).await;
    assert!(asked > 0);
    assert_eq!(refusal(refused), wanted());
    let (asked, verdict) = attest(&mut clients, (&id, &tpm), &boot, None).await;
    assert_eq!((asked, runtime(&verdict.unwrap())), (0, v1::Status::Affirming));
}

/// Whoever knows a device's name can answer its challenges with whatever he likes.
#[tokio::test]
async fn a53_a_stranger_makes_the_server_forget_no_list() {
    let (server, mut clients, tpm, id) = enrolled().await;
    let boot = Boot::captured();
    attest(&mut clients, (&id, &tpm), &boot, None).await.1.unwrap();
    let judged = u64::try_from(boot.list.len()).unwrap();
    let (mut stranger, other) = (server.clients().await, SoftTpm::new(&server.maker));
    for offset in [1, judged - 1, judged] {
        let (_, refused) = attest(&mut stranger, (&id, &other), &boot, Some(offset)).await;
        match refused {
            Ok(response) => assert_eq!(refusing(&response.verdict.unwrap()), ["signature_invalid"]),
            refused => assert_eq!(refusal(refused), wanted()),
        }
        let (asked, verdict) = attest(&mut clients, (&id, &tpm), &boot, None).await;
        assert_eq!((asked, runtime(&verdict.unwrap())), (judged, v1::Status::Affirming), "{offset}");
    }
}

/// Another device's list, of the same bytes, is another list.
#[tokio::test]
async fn a43_one_devices_beginning_is_not_anothers() {
    let (server, mut clients, tpm, id) = enrolled().await;
    let boot = Boot::captured();
    attest(&mut clients, (&id, &tpm), &boot, None).await.1.unwrap();
    let mut other = SoftTpm::new(&server.maker);
    let other_id = clients.enroll(&mut other).await.unwrap();
    let offset = u64::try_from(boot.list.len()).unwrap();
    let (asked, refused) = attest(&mut clients, (&other_id, &other), &boot, Some(offset)).await;
    assert_eq!((asked, refusal(refused)), (0, wanted()));
}

//! Keys that people made on tokens: the maker's word, by the command line, from the first policy to a signed release. The tokens are OpenSSH's
//! own (`sk-dummy.so`), which nobody vouches for; so a maker is made here, whose word is written as `ssh-keygen -O write-attestation` writes it.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    SigningKey as _, date_time_ymd,
};
use ring::digest::{SHA256, digest};

use crate::stage::Desk;

const SK_DUMMY: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";
const CHALLENGE: &[u8] = b"enrolment 4711 of alice";

/// A maker of tokens: its certificate, and what it gives each token to vouch with.
struct Maker {
    leaf: KeyPair,
    certificate: Vec<u8>,
}

impl Maker {
    /// One whose root stands in this file, PEM.
    fn new(desk: &Desk, root_file: &str) -> Self {
        let [root, leaf] = [(); 2].map(|()| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Maker of tokens");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        desk.write(root_file, ca.self_signed(&root).unwrap().pem());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
        let certificate = params.signed_by(&leaf, &Issuer::new(ca, &root)).unwrap().der().to_vec();
        Self { leaf, certificate }
    }

    /// Its word, in OpenSSH's form, that a token of it made the Ed25519 key in this file of OpenSSH's. PROTOCOL.u2f, WebAuthn section 6.5.1.
    fn vouch(&self, public_key: &str) -> Vec<u8> {
        let blob = STANDARD.decode(public_key.split(' ').nth(1).unwrap()).unwrap();
        let mut rest = &blob[..];
        let mut next = || {
            let (length, after) = rest.split_at(4);
            let (string, after) = after.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            rest = after;
            string
        };
        let (_, point, application) = (next(), next(), next());
        // kty OKP, alg EdDSA, crv Ed25519, x.
        let key = [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", point].concat();
        // Touched, and with a new key; a model of token; its name for the key.
        let told = [b"\x41\0\0\0\x09", &b"a model of token"[..], b"\0\x06handle", &key].concat();
        let data = [digest(&SHA256, application).as_ref(), &told].concat();
        let signature = self.leaf.sign(&[&data[..], digest(&SHA256, CHALLENGE).as_ref()].concat()).unwrap();
        let data = [&[0x58, u8::try_from(data.len()).unwrap()], &data[..]].concat();
        let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let strings = [&b"ssh-sk-attest-v01"[..], &self.certificate, &signature, &data].map(string);
        [strings.concat(), vec![0; 8]].concat()
    }
}

#[test]
fn a66_keys_of_people_are_of_hardware_by_a_makers_word() {
    if !Path::new(SK_DUMMY).exists() {
        let what = "no FIDO keys without a token (Debian: openssh-tests)";
        assert!(std::env::var_os("ATTEST_REQUIRE_SSH").is_none(), "{what}");
        // Past the capturing of the test harness.
        drop(writeln!(std::io::stderr(), "SKIPPED: {what}"));
        return;
    }
    let desk = Desk::begin();
    let maker = Maker::new(&desk, "maker.pem");
    desk.write("challenge", CHALLENGE);
    for (key, more) in [("alice-sk", ""), ("bob-sk", "-O no-touch-required"), ("other-sk", "")] {
        desk.good(&format!("ssh-keygen -q -t ed25519-sk -w {SK_DUMMY} -N '' -f {key} {more}"));
        desk.write(&format!("{key}.att"), maker.vouch(&desk.text(&format!("{key}.pub"))));
    }
    the_first_policy(&desk);
    the_next_policy(&desk);
    approvals(&desk);
    managers_bring_in(&desk);
}

fn init(out: &str, more: &str) -> String {
    format!(
        "attest release init --out {out} --family gateway --builder hermetic=builder.pem --builder-id https://builder.example/hermetic \
         --build-type https://builder.example/image/v1 --source https://git.example/firmware --signing-key corim=corim.pem \
         --log log.pub --witness own=own.pub --person alice=alice-sk.pub --person bob=bob.ssh.pub --person carol=carol.ssh.pub {more}"
    )
}

/// What makes no key one of hardware is refused before a policy is written.
fn the_first_policy(desk: &Desk) {
    let attested = "--attestation alice=alice-sk.att --challenge alice=challenge";
    let made = "--token-maker maker.pem";
    Maker::new(desk, "stranger.pem");
    desk.write("wrong-challenge", "enrolment 4712 of alice");
    // What OpenSSH's own dummy leaves.
    desk.good(&format!(
        "ssh-keygen -q -t ed25519-sk -w {SK_DUMMY} -N '' -f empty-sk -O challenge=challenge -O write-attestation=empty.att"
    ));
    for (code, words, more) in [
        (
            2,
            "expected --challenge alice=FILE, too [attestation_challenge_missing]",
            "--attestation alice=alice-sk.att",
        ),
        (2, "expected --attestation alice=FILE, too [attestation_missing]", "--challenge alice=challenge"),
        (
            2,
            "no key of a person `zoe` is given; expected one of `alice`, `bob`, `carol` [identity_unknown]",
            "--attestation zoe=alice-sk.att --challenge zoe=challenge",
        ),
        (2, "expected one for each person [usage]", &format!("{attested} --attestation alice=other-sk.att")),
        (1, "no maker of tokens counts; --token-maker FILE names [fido_roots_missing]", attested),
        (
            1,
            "the certificate is of no maker that counts [fido_maker_unknown]",
            &format!("{attested} --token-maker stranger.pem"),
        ),
        (
            1,
            "it does not make the key in alice-sk.pub one of hardware: the attestation is of another key [fido_key_mismatch]",
            &format!("{made} --attestation alice=other-sk.att --challenge alice=challenge"),
        ),
        (
            1,
            "is the challenge the file that the token was asked? [fido_signature_invalid]",
            &format!("{made} --attestation alice=alice-sk.att --challenge alice=wrong-challenge"),
        ),
        (
            1,
            "there is no certificate: nobody vouches for the key [fido_certificate_missing]",
            &format!("{made} --attestation alice=empty.att --challenge alice=challenge"),
        ),
        (
            1,
            "the key is not one of a token [fido_key_not_of_token]",
            &format!("{made} --attestation bob=alice-sk.att --challenge bob=challenge"),
        ),
        (
            2,
            "challenge: not certificates in PEM, or one in DER: there is none [certificate_pem]",
            "--token-maker challenge",
        ),
    ] {
        desk.refused(code, words, &init("attested", more));
        desk.good("test ! -e attested");
    }
    // The type of a key is what anyone can write.
    let said = desk.good(&init("plain", ""));
    assert!(
        said.contains("keys in hardware, by a maker's word: nobody; in software: alice, bob, carol"),
        "{said}"
    );
    let said =
        desk.good(&init("attested", &format!("{made} {attested} --enrol hardware --manager-quorum 2")));
    assert!(said.contains("keys in hardware, by a maker's word: alice; in software: bob, carol"), "{said}");
    let told = desk.json("attest release policy show attested/policy.cbor");
    assert_eq!(told["identities"]["alice"]["keys"][0]["protection"], "hardware", "{told}");
    desk.good("attest release policy show attested/policy.cbor > again.toml && attest release policy build again.toml --out again.cbor \
         && cmp again.cbor attested/policy.cbor");
}

/// Alice and Bob get tokens, and managers may bring in whoever has one.
fn the_next_policy(desk: &Desk) {
    desk.good("attest release policy show --next --home alice > next.toml");
    let add = |from: &str, who: &str, more: &str, out: &str| {
        format!(
            "attest release policy add-key {from} {who}={who}-sk.pub --attestation {who}={who}-sk.att --challenge {who}=challenge {more} --out {out}"
        )
    };
    desk.refused(
        1,
        "no maker of tokens counts [fido_roots_missing]",
        &add("next.toml", "alice", "", "x.toml"),
    );
    desk.refused(
        2,
        "nobody with keys of OpenSSH is called so [identity_unknown]",
        "attest release policy add-key next.toml hermetic=alice-sk.pub --out x.toml",
    );
    desk.good("test ! -e x.toml");
    let said = desk.good(&add("next.toml", "alice", "--token-maker maker.pem", "alice.toml"));
    assert!(
        said.starts_with("alice has SHA256:") && said.contains(" in hardware; build alice.toml"),
        "{said}"
    );
    // The makers of the draft count from then on.
    let told = desk.json(&add("alice.toml", "bob", "", "both.toml"));
    assert_eq!((&told["identity"], &told["protection"]), (&"bob".into(), &"hardware".into()), "{told}");
    let managers = "\n[families.sim-debian.managers]\nenrol = \"hardware\"\n\
                    quorum = \"\"\"\ngroup managers 2 alice bob carol\nquorum managers\"\"\"\n";
    desk.write("both.toml", desk.text("both.toml") + managers);
    desk.good("attest release policy build both.toml --out both.cbor");
    for who in ["alice", "carol"] {
        desk.good(&format!("attest release policy sign --home {who} both.cbor --out {who}.cbor --yes"));
    }
    let told = desk.json(
        "attest release policy succeed --home alice both.cbor --statement alice.cbor --statement carol.cbor",
    );
    desk.seen(&told["index"]);
    let said = desk.good("attest release access-review --home carol");
    let held = |what: &str| {
        said.lines().filter(|line| line.starts_with("  key SHA256:") && line.contains(what)).count()
    };
    assert_eq!(held(", in hardware, until "), 2, "{said}");
    let told = desk.json("attest release access-review --home carol");
    let alice = told["identities"].as_array().unwrap().iter().find(|one| one["identity"] == "alice").unwrap();
    let keys: Vec<_> =
        alice["keys"].as_array().unwrap().iter().map(|key| key["protection"].clone()).collect();
    assert_eq!(keys, ["software", "hardware"], "{told}");
}

/// A touched token counts as its person; one that nobody touched counts as nobody.
fn approvals(desk: &Desk) {
    let id = desk.request("2026.12.1", "stable", "");
    let approve = |who: &str| {
        format!(
            "SSH_SK_PROVIDER={SK_DUMMY} attest release approve --home {who} {id} --key {who}-sk --recomputed --yes"
        )
    };
    desk.refused(1, "nobody touched the token [sshsig_user_presence_missing]", &approve("bob"));
    desk.good(&approve("alice"));
    desk.good(&format!("attest release approve --home carol {id} --recomputed --yes"));
    desk.until(&id, "quorate");
    desk.good("attest signer run --config signer.toml --once");
    desk.until(&id, "signed");
}

/// Managers bring in nobody whose key is not of hardware, and nobody by a word that is not about their key.
fn managers_bring_in(desk: &Desk) {
    let draft = |more: &str| {
        format!(
            "attest release family draft sim-debian --home alice --reason 'Zoe comes' --replace carol=sim-debian.zoe \
             --enrol sim-debian.zoe=other-sk.pub --out zoe.toml {more}"
        )
    };
    desk.refused(
        1,
        "the attestation is of another key [fido_key_mismatch]",
        &draft("--attestation sim-debian.zoe=alice-sk.att --challenge sim-debian.zoe=challenge"),
    );
    desk.good("test ! -e zoe.toml");
    let build = "attest release family build --home alice zoe.toml --out zoe.cbor";
    desk.good(&draft(""));
    desk.refused(1, "`sim-debian.zoe`: a key is not of hardware [family_protection_missing]", build);
    desk.good("rm zoe.toml");
    desk.good(&draft("--attestation sim-debian.zoe=other-sk.att --challenge sim-debian.zoe=challenge"));
    let said = desk.good(build);
    assert!(said.contains(" in hardware until "), "{said}");
}

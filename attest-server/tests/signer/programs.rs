//! The program itself, with a key in SoftHSM2: made and used; and with one in a file, for development.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use attest_core::release::policy::Custody;

use crate::organisation::id_of;
use crate::refused::kept;
use crate::soft::Soft;
use crate::stage::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_signed_by_a_key_that_never_leaves_its_token() {
    let Some(soft) = Soft::new() else { return };
    let spki = soft.make();
    let stage = Stage::new(&spki, |_| ()).await;
    let key = release_key(&spki);
    let (request, objects) = stage.request("hsm", &key);
    let bytes = objects[2].clone();
    stage.ask(&request, objects, &["alice", "carol"]).await;
    let id = id_of(&request).to_string();
    // A token that is not there: whoever runs it from a script learns by the code that nothing was signed.
    let away = soft.without_token(&stage).await;
    let told = String::from_utf8_lossy(&away.stdout);
    assert!(away.status.code() == Some(3) && told.contains("signer_not_signed"), "{away:?}");
    let since = Instant::now();
    // It waits for witnesses, though not for long.
    loop {
        let told = soft.once(&stage).await;
        if told.lines().any(|line| line.contains(&id) && line.contains("\"signed\":true")) {
            break;
        }
        assert!(told.contains("\"attempted\":"), "{told}");
        assert!(since.elapsed() < Duration::from_secs(60), "witnesses do not see the attempt");
    }
    stage.signature(&request, &key, &bytes).await;
    assert_eq!(stage.logged(&request).await.0, 1);
}

/// The program with the key of the tests' own token in a file, which takes everything as far as it goes, and ends.
async fn once_with_a_file(stage: &Stage) -> Output {
    let keys = stage.site.path("keys");
    fs::create_dir_all(&keys).unwrap();
    let (key, config) = (keys.join(format!("{KEY}.p8")), stage.site.path("signer.toml"));
    fs::write(&key, include_bytes!("../../../tests/fixtures/keys/p256.pk8")).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (certificate, own) = certificate(&stage.site);
    let mut text = format!("policy = '{}'\nfolder = {:?}\n", stage.site.pin, stage.folder());
    text += &format!("[authority]\nurl = '{}'\nca = {:?}\n", stage.url(), stage.site.path("servers.pem"));
    text += &format!("certificate = {certificate:?}\nkey = {own:?}\n[development]\nkeys = {keys:?}\n");
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
    command.args(["--json", "signer", "run", "--once", "--config"]).arg(config);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_file_signs_what_says_that_it_is_in_a_file() {
    let (stage, request, to_be_signed) = kept("file", Custody::File).await;
    let (id, since) = (id_of(&request).to_string(), Instant::now());
    loop {
        let ran = once_with_a_file(&stage).await;
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{ran:?}");
        if told.lines().any(|line| line.contains(&id) && line.contains("\"signed\":true")) {
            break;
        }
        assert!(told.contains("\"attempted\":"), "{told}");
        assert!(since.elapsed() < Duration::from_secs(60), "witnesses do not see the attempt");
    }
    stage.signature(&request, &release_key(&spki()), &to_be_signed).await;
    assert_eq!(stage.logged(&request).await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_file_signs_nothing_for_an_hsm() {
    let (stage, request, _) = kept("online_intermediate", Custody::OnlineIntermediate).await;
    let ran = once_with_a_file(&stage).await;
    let told = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(3), "{ran:?}");
    assert!(told.contains("signer_held_in_file") && told.contains(&id_of(&request).to_string()), "{ran:?}");
    let logged = stage.logged(&request).await;
    assert_eq!((logged.0, logged.1.len()), (0, 0), "no attempt either");
}

//! The keys of the policy are looked at as the signer starts, before anything is approved for them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::sync::{Arc, Mutex};

use attest_core::release::form::ReleaseKey;
use attest_server::hsm::{Error as HsmError, Holder};
use attest_server::signing::{Names, Remote, Signing};

use crate::soft::Soft;
use crate::stage::*;

/// The program as it starts, once or to run on: how it ends.
async fn starts(soft: &Soft, stage: &Stage, arguments: &[&str]) -> Output {
    let config = soft.config(Some((&stage.site, &stage.url())));
    let mut command = soft.attest(&config, arguments);
    command.env("RUST_LOG", "info");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Neither once nor to run on: it ends, though nothing is to be signed, and says why.
async fn does_not_start(soft: &Soft, stage: &Stage, code: &str) {
    for arguments in [&["run", "--once"][..], &["run"]] {
        let ended = starts(soft, stage, arguments).await;
        let told = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(2) && told.contains(code), "{arguments:?} {code}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_outside_of_its_token_keeps_the_signer_from_starting() {
    let Some(soft) = Soft::new() else { return };
    let (der, pem) = (soft.path("key.p8"), soft.path("key.pem"));
    fs::write(&der, include_bytes!("../../../tests/fixtures/keys/p256.pk8")).unwrap();
    let openssl = format!("openssl pkey -inform DER -in {} -out {}", der.display(), pem.display());
    let import = format!(
        "softhsm2-util --import {} --token release --label gateway-corim --id 01 --pin 4711",
        pem.display()
    );
    for line in [openssl, import] {
        let ran = soft.command("sh").args(["-c", &line]).output().unwrap();
        assert!(ran.status.success(), "{line}: {ran:?}");
    }
    let stage = Stage::new(&spki(), |_| ()).await;
    stage.settled().await;
    does_not_start(&soft, &stage, "hsm_key_attributes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_asked_keeps_the_signer_from_starting() {
    let Some(soft) = Soft::new() else { return };
    let made = soft.make();
    let stage = Stage::new(&made, |_| ()).await;
    stage.settled().await;
    let good = starts(&soft, &stage, &["run", "--once"]).await;
    assert!(good.status.success(), "{good:?}");
    // The key of another.
    let other = Stage::new(&spki(), |_| ()).await;
    other.settled().await;
    fs::remove_dir_all(soft.path("signer")).unwrap();
    does_not_start(&soft, &other, "hsm_key_other").await;
    fs::remove_dir_all(soft.path("signer")).unwrap();
    fs::write(soft.path("pin"), "0000").unwrap();
    fs::set_permissions(soft.path("pin"), fs::Permissions::from_mode(0o600)).unwrap();
    does_not_start(&soft, &stage, "hsm_pin").await;
    let mut soft = soft;
    soft.module = "/nonexistent.so".into();
    does_not_start(&soft, &stage, "hsm_module").await;
}

/// Says of each key that it is not here, and which it was asked for.
struct Asked(Arc<Mutex<Vec<String>>>, bool);

impl Holder for Asked {
    fn sign(&mut self, _: &str, _: &ReleaseKey, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        panic!("nothing is signed")
    }

    fn check(&mut self, uri: &str, _: &ReleaseKey) -> Result<(), HsmError> {
        self.0.lock().unwrap().push(uri.rsplit_once('=').unwrap().1.to_owned());
        Err(HsmError::KeyNotOne { uri: uri.to_owned(), count: 0 })
    }

    fn used(&mut self) -> Option<u64> {
        None
    }

    fn is_development(&self) -> bool {
        self.1
    }
}

/// Whether the family's key is asked for, where the policy says that it is kept like this.
async fn is_asked_for(custody: &str, is_development: bool) -> bool {
    let stage = Stage::new(&spki(), |policy| {
        policy["signing_keys"][KEY]["custody"] = custody.into();
        policy["signing_keys"]["root"]["custody"] = "asserted".into();
    })
    .await;
    stage.settled().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let holder = Asked(Arc::clone(&told), is_development);
    let (certificate, own) = certificate(&stage.site);
    let (url, ca) = (stage.url(), stage.site.path("servers.pem"));
    let (folder, pin) = (stage.folder(), stage.site.pin);
    let looks = move || {
        let names = Names { url: &url, ca: Some(&ca), own: Some((&certificate, &own)) };
        let mut signing =
            Signing::open(&folder, pin, Remote::new(names).unwrap(), Box::new(holder), None).unwrap();
        signing.check_keys().unwrap()
    };
    let looked = tokio::task::spawn_blocking(looks).await.unwrap();
    let told = told.lock().unwrap().clone();
    // A key that is not here may be with another signer.
    let codes = looked.into_iter().map(|looked| (looked.key, looked.found.unwrap_err().code()));
    let expected = told.iter().map(|_| (KEY.to_owned(), "hsm_key_not_one"));
    assert_eq!(codes.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    // The root of the same policy never is.
    assert!(told.iter().all(|key| key == KEY), "{told:?}");
    !told.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_others_keep_are_not_asked_for() {
    for (custody, by_a_token, by_files) in [
        ("asserted", true, false),
        ("file", false, true),
        ("online_intermediate", true, false),
        ("vendor", false, false),
    ] {
        assert_eq!(is_asked_for(custody, false).await, by_a_token, "{custody}");
        assert_eq!(is_asked_for(custody, true).await, by_files, "{custody}");
    }
}

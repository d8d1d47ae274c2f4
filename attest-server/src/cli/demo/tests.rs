use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::*;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn show(json: bool) -> String {
    let screen = Screen::default();
    let mut out = Output::to_writer(json, Box::new(screen.clone()));
    assert_eq!(Demo { keep: false }.run(&mut out), Ok(Exit::Good));
    out.finish().unwrap();
    let bytes = screen.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_scene_ends_as_it_must_and_fits_into_80_columns() {
    let text = show(false);
    let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(long, Vec::<&str>::new());
    for words in
        ["kernel_cmdline_changed", "initrd_changed", "kernel_rollback", "secure_boot_off", "token_expired"]
    {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn programs_get_one_document() {
    let document: Value = serde_json::from_str(&show(true)).unwrap();
    assert_eq!(document["as_expected"], true);
    let devices = document["devices"].as_array().unwrap();
    let statuses: Vec<_> = devices.iter().map(|device| device["status"].as_str().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "affirming").count(), 1);
    assert_eq!(statuses.len(), 1 + scenes::CHANGED.len() + scenes::LIARS.len());
    assert_eq!(devices[0]["ear_jwt"].as_str().unwrap().split('.').count(), 3);
}

#[test]
fn the_software_signer_opens_only_its_own_credentials() {
    use attest_core::{Limits, authenticate::credential::make_credential, evidence::tpm::Public};
    use ring::rand::SystemRandom;

    use super::soft_tpm::{AK_ATTRIBUTES, SoftTpm};

    let maker = Maker::new("maker").unwrap();
    let tpm = || SoftTpm::new(&maker, 2, AK_ATTRIBUTES).unwrap();
    let seal = |ek: &SoftTpm, ak: &SoftTpm| {
        let (ek, ak) = (ek.ek_public(), ak.ak_public());
        let ek = Public::parse(&ek, &Limits::DEFAULT).unwrap();
        let name = Public::parse(&ak, &Limits::DEFAULT).unwrap().name();
        make_credential(&ek, &name, b"0123456789abcdef", &SystemRandom::new()).unwrap()
    };
    let (mut mine, other) = (tpm(), tpm());
    let credential = seal(&mine, &mine);
    let opened = mine.activate(&credential.credential_blob, &credential.encrypted_secret).unwrap();
    assert_eq!(opened, b"0123456789abcdef");
    for (ek, ak) in [(0, 1), (1, 0)] {
        let mut mine = tpm();
        let pair = [&mine, &other];
        let credential = seal(pair[ek], pair[ak]);
        assert!(
            mine.activate(&credential.credential_blob, &credential.encrypted_secret).is_err(),
            "{ek} {ak}"
        );
    }
}

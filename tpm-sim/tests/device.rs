//! The device code against real swtpm processes. One test makes TPMs of its own, so that tests can run side by side.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tpm_sim::bank::{Bank, Selection};
use tpm_sim::device::{
    AkAlgorithm, AkTemplate, AttestationKey, DEFAULT_AK_HANDLE, Device, EkKind, EndorsementKey, Error,
};
use tpm_sim::swtpm::{Maker, Swtpm};

const BANKS: [Bank; 2] = [Bank::Sha1, Bank::Sha256];

fn tpm() -> (Maker, Swtpm) {
    let maker = Maker::temporary(&BANKS).unwrap();
    let tpm = maker.tpm("one").unwrap();
    (maker, tpm)
}

fn alive(pid: u32) -> bool {
    // A zombie is dead; it has no command line.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn a_tpm_leaves_no_process_and_no_folder_behind() {
    let (_maker, mut tpm) = tpm();
    let first = tpm.pid().unwrap();
    tpm.power_cycle().unwrap();
    assert!(!alive(first), "the old process must be gone after a power cycle");
    let (second, folder) = (tpm.pid().unwrap(), tpm.folder().to_owned());
    assert!(alive(second));
    drop(tpm);
    assert!(!alive(second));
    assert!(!Path::new(&folder).exists());
}

#[test]
fn a_quote_has_the_nonce_and_survives_many_repetitions() {
    let (_maker, tpm) = tpm();
    let mut device = tpm.open().unwrap();
    for algorithm in [AkAlgorithm::EccP256, AkAlgorithm::Rsa2048] {
        let ak = device.create_ak(&AkTemplate::new(algorithm, b"test")).unwrap();
        let selection = Selection::new(&[Bank::Sha256, Bank::Sha1], 0..=10);
        for round in 0..100 {
            let nonce = [round; 32];
            let quote = device.quote(&ak, &nonce, &selection).unwrap();
            assert!(quote.attest.starts_with(&[0xff, 0x54, 0x43, 0x47, 0x80, 0x18]));
            assert!(quote.attest.windows(32).any(|window| window == nonce));
        }
        // sha256 first, as selected: count 2, then (000b, 3 bytes of mask), (0004, 3 bytes of mask).
        let quote = device.quote(&ak, &[1; 32], &selection).unwrap();
        let banks = [0, 0, 0, 2, 0, 0x0b, 3, 0xff, 0x07, 0, 0, 4, 3, 0xff, 0x07, 0];
        assert!(quote.attest.windows(banks.len()).any(|window| window == banks));
        device.release_ak(ak).unwrap();
    }
}

#[test]
fn the_endorsement_keys_match_their_certificates_and_activate_credentials() {
    let (maker, tpm) = tpm();
    assert!(maker.root_pem().unwrap().contains("BEGIN CERTIFICATE"));
    let mut device = tpm.open().unwrap();
    assert!(matches!(
        device.endorsement_key(EkKind::EccP256),
        Err(Error::EkCertificateMissing { index: 0x01c0_000a })
    ));
    for kind in [EkKind::Rsa2048, EkKind::EccP384] {
        let ek = device.endorsement_key(kind).unwrap();
        let ak = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, b"one")).unwrap();
        let (blob, secret) = make_credential(tpm.folder(), &ek, &ak);
        assert_eq!(device.activate(&ek, &ak, &blob, &secret).unwrap(), b"0123456789abcdef0123456789abcdef");
        device.release_ak(ak).unwrap();

        // A20: the credential is for the other key's name.
        let other = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, b"two")).unwrap();
        assert!(matches!(
            device.activate(&ek, &other, &blob, &secret),
            Err(Error::Tpm { command: "TPM2_ActivateCredential", .. })
        ));
        assert!(matches!(
            device.activate(&ek, &other, &blob[1..], &secret),
            Err(Error::MalformedChallenge { .. })
        ));
        device.release_ak(other).unwrap();
        device.release_ek(ek).unwrap();
    }
}

#[test]
fn a_certificate_chain_in_nv_is_read_over_several_indices() {
    let (maker, tpm) = tpm();
    assert!(tpm.open().unwrap().ek_chain().unwrap().is_empty());
    let certificates = [maker.intermediate_pem().unwrap(), maker.root_pem().unwrap()];
    let certificates = certificates.map(|pem| tpm_sim::subject::der(&pem).unwrap());
    let bytes = certificates.concat();
    // The border between the indices is not one between certificates.
    for (index, part) in ["0x01c00100", "0x01c00101"].into_iter().zip(bytes.chunks(bytes.len() * 2 / 3)) {
        let file = tpm.folder().join("part");
        fs::write(&file, part).unwrap();
        let tool = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(name);
            let output = command.args(["-T", &tpm.tcti()]).args(arguments).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let attributes = "ownerwrite|authwrite|authread|ownerread|no_da";
        tool("tpm2_nvdefine", &["-C", "o", "-s", &part.len().to_string(), "-a", attributes, index]);
        tool("tpm2_nvwrite", &["-C", "o", "-i", file.to_str().unwrap(), index]);
    }
    assert_eq!(tpm.open().unwrap().ek_chain().unwrap(), certificates);
}

/// The server's half, by an independent tool that needs no TPM.
fn make_credential(folder: &Path, ek: &EndorsementKey, ak: &AttestationKey) -> (Vec<u8>, Vec<u8>) {
    let path = |name: &str| folder.join(name);
    fs::write(path("ek.pub"), &ek.public).unwrap();
    fs::write(path("secret"), b"0123456789abcdef0123456789abcdef").unwrap();
    let name: String = ak.name.iter().map(|byte| format!("{byte:02x}")).collect();
    let status = Command::new("tpm2_makecredential")
        .args(["-T", "none", "-u"])
        .arg(path("ek.pub"))
        .arg("-s")
        .arg(path("secret"))
        .args(["-n", &name, "-o"])
        .arg(path("credential"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    // Magic and version of tpm2-tools, then TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
    let bytes = fs::read(path("credential")).unwrap();
    let (blob, secret) = bytes[8..].split_at(2 + usize::from(u16::from_be_bytes([bytes[8], bytes[9]])));
    (blob.to_vec(), secret.to_vec())
}

#[test]
fn a_persistent_attestation_key_survives_a_power_cycle() {
    let (_maker, mut tpm) = tpm();
    let mut device = tpm.open().unwrap();
    assert!(device.persistent_ak(DEFAULT_AK_HANDLE).unwrap().is_none());
    let ak = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, b"agent")).unwrap();
    let public = ak.public.clone();
    device.persist_ak(ak, DEFAULT_AK_HANDLE).unwrap();
    drop(device);
    tpm.power_cycle().unwrap();
    let mut device = tpm.open().unwrap();
    let ak = device.persistent_ak(DEFAULT_AK_HANDLE).unwrap().unwrap();
    assert_eq!(ak.public, public);
    device.quote(&ak, &[3; 32], &Selection::new(&[Bank::Sha256], [0])).unwrap();
}

#[test]
fn no_tpm_is_said_in_clear_words() {
    let error = Device::open("device:/dev/there-is-no-tpm").unwrap_err();
    assert_eq!(error.code(), "no_tpm");
    assert!(error.to_string().contains("there is no TPM at /dev/there-is-no-tpm"));
    assert_eq!(Device::open("nonsense:x").unwrap_err().code(), "tcti");
}

/// Not a test by itself: the process that the next test kills. It owns a TPM and waits.
#[test]
fn helper_that_holds_a_tpm() {
    if std::env::var_os("TPM_SIM_HOLD").is_none() {
        return;
    }
    let (_maker, tpm) = tpm();
    println!("\ntpm={} {}", tpm.pid().unwrap(), tpm.folder().display());
    std::thread::sleep(Duration::from_secs(120));
}

/// A process that holds a TPM and has a descriptor, 77, that its children get; what it says of the TPM: process id and folder.
fn parent(temporary: &Path) -> (std::process::Child, u32, std::path::PathBuf) {
    let mut parent = Command::new("bash")
        .args(["-c", "exec 77</dev/null; exec \"$@\"", "leaky"])
        .arg(std::env::current_exe().unwrap())
        .args(["helper_that_holds_a_tpm", "--exact", "--nocapture"])
        .env("TMPDIR", temporary)
        .env("TPM_SIM_HOLD", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let line =
        lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("tpm=")?.to_owned())).unwrap();
    let (pid, folder) = line.split_once(' ').unwrap();
    (parent, pid.parse().unwrap(), folder.into())
}

/// A copy of another TPM's socket would keep that one from ever being answered again.
#[test]
fn a_tpm_gets_none_of_its_parents_descriptors() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut parent, pid, _) = parent(temporary.path());
    let has = |pid: u32| Path::new(&format!("/proc/{pid}/fd/77")).exists();
    let (parents, tpms) = (has(parent.id()), has(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_eq!((parents, tpms), (true, false));
}

#[test]
fn a_tpm_dies_with_a_killed_parent() {
    // What the killed process cannot remove itself is removed with this.
    let temporary = tempfile::tempdir().unwrap();
    let (mut parent, pid, folder) = parent(temporary.path());
    assert!(alive(pid));
    // SIGKILL: no destructor runs.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while (alive(pid) || folder.exists()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!alive(pid), "swtpm {pid} outlived the process that started it");
    assert!(!folder.exists());
}

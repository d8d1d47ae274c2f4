//! SoftHSM2.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::release::policy::RsaPadding;

use super::*;

const PIN: &str = "4711";
const SO_PIN: &str = "0815";

/// Where the token's folder is told to the process inside.
const FOLDER: &str = "ATTEST_TEST_TOKEN_FOLDER";

fn module() -> Option<PathBuf> {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
    ];
    places.into_iter().map(PathBuf::from).find(|place| place.exists())
}

/// A token of its own, with these keys: what `pkcs11-tool` is told to make.
struct SoftToken {
    folder: tempfile::TempDir,
    module: PathBuf,
}

impl SoftToken {
    /// A fresh token, or nothing where the programs are not there.
    fn new() -> Option<Self> {
        let module = module().filter(|_| Command::new("pkcs11-tool").arg("--help").output().is_ok());
        let Some(module) = module else {
            let missing = "no SoftHSM2 or no pkcs11-tool (Debian: softhsm2, opensc)";
            assert!(std::env::var_os("ATTEST_REQUIRE_SOFTHSM").is_none(), "{missing}");
            // Past the capturing of the test harness.
            drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tokens")).unwrap();
        let config = format!(
            "directories.tokendir = {}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("softhsm2.conf"), config).unwrap();
        let token = Self { folder, module };
        token
            .run(
                "softhsm2-util",
                &["--init-token", "--free", "--label", "release", "--pin", PIN, "--so-pin", SO_PIN],
            )
            .unwrap();
        Some(token)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.folder.path().join("softhsm2.conf"));
        if program == "pkcs11-tool" {
            command.arg("--module").arg(&self.module);
        }
        let output = command.args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn tool(&self, arguments: &[&str]) -> String {
        let login = ["--token-label", "release", "--login", "--pin", PIN];
        self.run("pkcs11-tool", &[&login, arguments].concat())
            .unwrap_or_else(|why| panic!("{arguments:?}: {why}"))
    }

    fn make(&self, label: &str, id: &str, kind: &str, more: &[&str]) {
        self.tool(&[&["--keypairgen", "--key-type", kind, "--label", label, "--id", id][..], more].concat());
        let file = self.folder.path().join(format!("{label}.spki"));
        self.tool(&["--read-object", "--type", "pubkey", "--id", id, "-o", file.to_str().unwrap()]);
    }

    /// Runs one of the tests that are marked `ignore` in a process that knows this token.
    fn inside(&self, test: &str) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", &format!("hsm::tests::soft::{test}"), "--nocapture"]);
        command
            .env("SOFTHSM2_CONF", self.folder.path().join("softhsm2.conf"))
            .env(FOLDER, self.folder.path());
        let output = command.output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}

/// What the process inside knows.
fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("run by the test of the same name"))
}

fn pin_file(pin: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder().join("pin");
    std::fs::write(&path, format!("{pin}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn worker_with(pin: &str) -> Worker {
    Worker::start(Token::new(&module().unwrap(), Pin::read(&pin_file(pin)).unwrap()), LONG, None).unwrap()
}

fn public(label: &str, purpose: Purpose, padding: Option<RsaPadding>) -> ReleaseKey {
    let spki = std::fs::read(folder().join(format!("{label}.spki"))).unwrap();
    ReleaseKey::new(&spki, purpose, padding).unwrap()
}

fn uri(label: &str) -> String {
    format!("pkcs11:token=release;object={label};type=private")
}

#[test]
#[ignore = "run by other tests in a process of its own"]
fn inside_keys_are_made() {
    let mut token = Token::new(&module().unwrap(), Pin::read(&pin_file(PIN)).unwrap());
    for (id, kind) in KeyKind::ALL.into_iter().enumerate() {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        let uri = format!("pkcs11:token=release;object={kind};id=%0{}", id + 1);
        let spki = token.make(&uri, kind).unwrap_or_else(|error| panic!("{kind}: {error}"));
        std::fs::write(folder().join(format!("{kind}.spki")), spki).unwrap();
        assert_eq!(token.make(&uri, kind).unwrap_err().code(), "hsm_key_not_one", "nothing takes its place");
    }
    assert!("rsa1024".parse::<KeyKind>().is_err());
}

#[test]
fn keys_of_every_kind_sign_and_others_verify() {
    let Some(token) = SoftToken::new() else { return };
    token.inside("inside_keys_are_made");
    token.inside("inside_keys_of_every_kind_sign");
    // The same signature as others see it: the token's own verification, asked by OpenSC.
    let path = |name: &str| token.folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("message"), MESSAGE).unwrap();
    let verify = |id: &str, signature: &str, mechanism: &[&str]| {
        let files = ["--input-file", &path("message"), "--signature-file", &path(signature)];
        let told = token.tool(&[&["--verify", "--id", id][..], mechanism, &files].concat());
        assert!(told.contains("Signature is valid"), "{told}");
    };
    verify("04", "rsa2048.sig", &["--mechanism", "SHA256-RSA-PKCS"]);
    verify("06", "rsa4096.sig", &["--mechanism", "SHA256-RSA-PKCS-PSS"]);
    let listed = token.tool(&["--list-objects", "--type", "privkey"]);
    assert_eq!(
        listed.matches("sensitive, always sensitive, never extractable, local").count(),
        6,
        "{listed}"
    );
    assert_eq!(listed.matches("Usage:      sign\n").count(), 6, "{listed}");
    // And openssl with the public half as the token told it.
    for (label, hash) in [("p256", "-sha256"), ("p384", "-sha384"), ("rsa2048", "-sha256")] {
        let (spki, signature) = (path(&format!("{label}.spki")), path(&format!("{label}.sig")));
        let told =
            ["dgst", hash, "-keyform", "DER", "-verify", &spki, "-signature", &signature, &path("message")];
        token.run("openssl", &told).unwrap();
    }
}

const MESSAGE: &[u8] = b"what is to be signed";

#[test]
#[ignore = "run by keys_of_every_kind_sign_and_others_verify in a process of its own"]
fn inside_keys_of_every_kind_sign() {
    use attest_core::release::form::raw;
    let mut worker = worker_with(PIN);
    assert_eq!((worker.used(), worker.is_development()), (None, false), "SoftHSM2 counts nothing");
    let cases = [
        ("p256", None),
        ("p384", None),
        ("ed25519", None),
        ("rsa2048", Some(RsaPadding::Pkcs1)),
        ("rsa4096", Some(RsaPadding::Pss)),
    ];
    for (label, padding) in cases {
        let key = public(label, Purpose::Raw, padding);
        worker.check(&uri(label), &key).unwrap_or_else(|error| panic!("{label}: {error}"));
        let signature =
            worker.sign(&uri(label), &key, MESSAGE).unwrap_or_else(|error| panic!("{label}: {error}"));
        assert!(key.verifies(MESSAGE, &signature), "{label}");
        let der = raw::der(key.scheme(), &signature).unwrap();
        std::fs::write(folder().join(format!("{label}.sig")), der).unwrap();
    }
    // By id, and by both.
    let key = public("p256", Purpose::Raw, None);
    worker.sign("pkcs11:token=release;id=%01", &key, MESSAGE).unwrap();
    worker.sign("pkcs11:token=release;id=%01;object=p256", &key, MESSAGE).unwrap();
    let code = |answer: Result<Vec<u8>, Error>| answer.unwrap_err().code();
    assert_eq!(
        code(worker.sign("pkcs11:token=release;id=%02;object=p256", &key, MESSAGE)),
        "hsm_unavailable"
    );
    assert_eq!(code(worker.sign(&uri("p384"), &key, MESSAGE)), "hsm_key_other");
    assert_eq!(code(worker.sign("pkcs11:token=other;object=p256", &key, MESSAGE)), "hsm_unavailable");
    assert_eq!(code(worker.sign("p256", &key, MESSAGE)), "hsm_uri");
}

#[test]
fn keys_that_are_kept_badly_sign_nothing() {
    let Some(token) = SoftToken::new() else { return };
    token.make("extractable", "11", "rsa:2048", &["--usage-sign", "--extractable"]);
    // Whatever this program is told, the token lets such keys decrypt and unwrap.
    token.make("decrypts", "13", "rsa:2048", &["--usage-sign"]);
    token.make("derives", "14", "EC:prime256v1", &["--usage-sign", "--usage-derive"]);
    // Two of one name.
    token.make("twins", "15", "EC:prime256v1", &[]);
    token.make("twins", "16", "EC:prime256v1", &[]);
    // A key that came from outside has been seen outside.
    let pem = token.folder.path().join("imported.pem");
    token
        .run(
            "openssl",
            &[
                "genpkey",
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-out",
                pem.to_str().unwrap(),
            ],
        )
        .unwrap();
    token
        .run(
            "softhsm2-util",
            &[
                "--import",
                pem.to_str().unwrap(),
                "--token",
                "release",
                "--label",
                "imported",
                "--id",
                "07",
                "--pin",
                PIN,
            ],
        )
        .unwrap();
    let spki = token.folder.path().join("imported.spki");
    token
        .run(
            "openssl",
            &[
                "pkey",
                "-in",
                pem.to_str().unwrap(),
                "-pubout",
                "-outform",
                "DER",
                "-out",
                spki.to_str().unwrap(),
            ],
        )
        .unwrap();
    token.inside("inside_keys_that_are_kept_badly");
}

#[test]
#[ignore = "run by keys_that_are_kept_badly_sign_nothing in a process of its own"]
fn inside_keys_that_are_kept_badly() {
    let mut worker = worker_with(PIN);
    let mut faults_of = |label: &str, purpose| {
        let key = public(label, purpose, None);
        let checked = worker.check(&uri(label), &key).unwrap_err();
        let signed = worker.sign(&uri(label), &key, MESSAGE).unwrap_err();
        assert_eq!(checked.to_string(), signed.to_string());
        match signed {
            Error::KeyAttributes { faults, .. } => faults.join("; "),
            other => other.code().to_owned(),
        }
    };
    assert!(faults_of("extractable", Purpose::Authenticode).contains("CKA_EXTRACTABLE is true"));
    assert!(faults_of("decrypts", Purpose::Authenticode).contains("CKA_DECRYPT is true"));
    assert!(faults_of("derives", Purpose::Raw).contains("CKA_DERIVE is true"));
    assert!(faults_of("imported", Purpose::Raw).contains("CKA_NEVER_EXTRACTABLE is false"));
    assert_eq!(faults_of("twins", Purpose::Raw), "hsm_key_not_one");
}

#[test]
fn a_wrong_pin_is_not_tried_twice() {
    let Some(token) = SoftToken::new() else { return };
    token.inside("inside_keys_are_made");
    token.inside("inside_a_wrong_pin");
}

#[test]
#[ignore = "run by a_wrong_pin_is_not_tried_twice in a process of its own"]
fn inside_a_wrong_pin() {
    let mut worker = worker_with("9999");
    let key = public("p256", Purpose::Raw, None);
    let mut code = || worker.sign(&uri("p256"), &key, MESSAGE).map_err(|error| error.code());
    assert_eq!(code(), Err("hsm_pin"));
    // It would be right now, and is not tried all the same: some tokens count.
    let so = [
        "--token-label",
        "release",
        "--login",
        "--login-type",
        "so",
        "--so-pin",
        SO_PIN,
        "--init-pin",
        "--new-pin",
        "9999",
    ];
    let status =
        Command::new("pkcs11-tool").arg("--module").arg(module().unwrap()).args(so).output().unwrap().status;
    assert!(status.success());
    assert_eq!(code(), Err("hsm_pin"));
    worker_with("9999").sign(&uri("p256"), &key, MESSAGE).unwrap();
}

#[test]
fn a_token_that_goes_away_and_comes_back() {
    let Some(token) = SoftToken::new() else { return };
    token.inside("inside_keys_are_made");
    token.inside("inside_a_token_that_goes_away");
}

#[test]
#[ignore = "run by a_token_that_goes_away_and_comes_back in a process of its own"]
fn inside_a_token_that_goes_away() {
    let mut worker = worker_with(PIN);
    let key = public("p256", Purpose::Raw, None);
    worker.sign(&uri("p256"), &key, MESSAGE).unwrap();
    let (tokens, away) = (folder().join("tokens"), folder().join("away"));
    for _ in 0..3 {
        std::fs::rename(&tokens, &away).unwrap();
        std::fs::create_dir(&tokens).unwrap();
        let error = worker.sign(&uri("p256"), &key, MESSAGE).unwrap_err();
        assert_eq!((error.code(), error.may_have_signed()), ("hsm_unavailable", false), "{error}");
        std::fs::remove_dir(&tokens).unwrap();
        std::fs::rename(&away, &tokens).unwrap();
        assert!(key.verifies(MESSAGE, &worker.sign(&uri("p256"), &key, MESSAGE).unwrap()));
    }
    // As if it never came back: the folder is lost.
    let lost: &Path = &tokens;
    std::fs::remove_dir_all(lost).unwrap();
    assert_eq!(worker.check(&uri("p256"), &key).unwrap_err().code(), "hsm_unavailable");
}

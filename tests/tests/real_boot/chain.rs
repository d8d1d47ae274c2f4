//! The organisation of docs/first-hour.md, with one key more, which signs images; and the machines that its images boot on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use attest_core::Timestamp;
use attest_core::result::{AcceptedEar, EarVerifier, Expectations};
use attest_tests::{FAMILY, Shell, binary, changed_hour, first_hour, ports, run};
use tempfile::TempDir;
use tpm_sim::bank::Bank;
use tpm_sim::swtpm::Maker;

use crate::machine::{FirmwareConfig, Machine, Parts};

/// A certificate of the HSM's key for images, by an offline root that firmware knows.
const IMAGE_KEY: &str = r#"
attest signer make-key --config signer.toml --uri 'pkcs11:token=release;object=authenticode' --kind rsa2048 --json > image-key.json
jq -r .public_key image-key.json | base64 -d | openssl pkey -pubin -inform DER -out authenticode.pem
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=Boot root' -keyout boot-root.key -out boot-root.pem 2> /dev/null
printf 'basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' > boot.ext
openssl req -new -newkey rsa:2048 -nodes -subj '/CN=Boot images' -keyout unused.key -out boot.csr 2> /dev/null
openssl x509 -req -in boot.csr -force_pubkey authenticode.pem -CA boot-root.pem -CAkey boot-root.key -CAcreateserial \
  -days 30 -extfile boot.ext -out boot.pem 2> /dev/null
rm unused.key boot.csr
mkdir images
"#;

const REQUEST_IMAGE: &str = r#"
ID=$(attest release request --home ci --family sim-debian --channel stable --release $VERSION --security-version $SECURITY_VERSION \
  --artifact $IMAGE.efi=$IMAGE.efi --sign authenticode=$IMAGE.efi --provenance provenance.json --reason 'The image' --json | jq -r .request)
cp $IMAGE.efi images/$(sha256sum $IMAGE.efi | cut -d' ' -f1)
"#;

/// Other people's tool agrees with what the firmware will say.
const FINISH_IMAGE: &str = r#"
attest release artifact --home alice $ID $IMAGE.efi $IMAGE.efi --certificate boot.pem --out $IMAGE.signed.efi
sbverify --cert boot-root.pem $IMAGE.signed.efi
"#;

/// From a boot that is known to be good.
const LEARN: &str = r#"
mkdir reference
tar -x -z -C reference -f reference.tgz
attest golden learn --family sim-debian --eventlog reference/eventlog.bin --ima reference/ima.bin \
  --attest reference/quote.attest --signature reference/quote.sig --ak reference/ak.pub \
  --pcrs reference/pcrs.json --nonce $(cat reference/nonce.hex) --name $VERSION --out $IMAGE.toml
"#;

/// From the image alone: no machine has booted it.
const PREDICT: &str = r#"
attest golden predict --base $BEFORE.toml --replace uki=$IMAGE.signed.efi --keep rest --name $VERSION \
  --supersede 'It has a hole' --out $IMAGE.toml
"#;

const REQUEST_MEASUREMENTS: &str = r#"
ID=$(attest release request --home ci --family sim-debian --channel stable --release $VERSION --security-version $SECURITY_VERSION \
  --artifact $IMAGE.efi=$IMAGE.efi --golden $IMAGE.toml --provenance provenance.json --reason 'What it measures' --json | jq -r .request)
"#;

/// An initrd with one file more: without a signature, with the signature of the released image, and signed by somebody else.
const UNRELEASED: &str = r#"
sbattach --detach released.sig linux.signed.efi
cp other.efi transplanted.efi
sbattach --attach released.sig transplanted.efi
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=Somebody else' -keyout else.key -out else.pem 2> /dev/null
sbsign --key else.key --cert else.pem --output foreign.efi other.efi
"#;

/// What is released.
pub(crate) struct Image {
    /// Of its files: `linux`, `update`.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) security_version: u32,
}

pub(crate) struct Chain {
    shell: Shell,
    port: u16,
    /// Kernel package and virt-fw-vars, kept for the next time.
    parts: PathBuf,
    maker: Maker,
    folder: TempDir,
}

impl Chain {
    /// The first six sections of the first hour, with a key for images, and an image built.
    pub(crate) fn begin() -> Chain {
        let folder = tempfile::Builder::new().prefix("attest-boot-").tempdir().expect("a folder");
        let parts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot-image");
        boot_image(&["fetch", &text(&parts)]);
        let (attest, sim) = (binary("attest-server", "attest"), binary("tpm-sim", "tpm-sim"));
        let port = ports();
        let mut shell = Shell::start(folder.path(), &[&attest, &sim]);
        let changed = |section: u32, changes: &[(&str, &str)]| changed_hour(section, port, changes);
        shell.run(&changed(1, &[]));
        // The machines reach the host by this address.
        shell.run(&changed(2, &[("IP:127.0.0.1", "IP:127.0.0.1,IP:10.0.2.2")]));
        shell.run(&changed(3, &[("pause_seconds = 1", "pause_seconds = 1\nimages = \"images\"")]));
        shell.run(IMAGE_KEY);
        shell.run(&changed(4, &[]));
        let both = "--signing-key corim=corim.pem --signing-key authenticode=authenticode.pem";
        shell.run(&changed(5, &[("--signing-key corim=corim.pem", both), (";object=corim", "")]));
        shell.run(&changed(6, &[]));
        let maker = Maker::open(&folder.path().join("maker"), &[Bank::Sha256]).expect("the maker's folder");
        let chain = Chain { shell, port, parts, maker, folder };
        chain.build("linux", None);
        chain.build("update", Some("a hole less"));
        chain.build("other", Some("a line that nobody reviewed"));
        chain
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `NAME.efi` out of `NAME.img`.
    fn build(&self, name: &str, line: Option<&str>) {
        let agent = binary("tpm-sim", "attest-agent");
        let (parts, initrd) = (text(&self.parts), text(&self.path(&format!("{name}.img"))));
        let (agent, roots) = (text(&agent), text(&self.path("ca.pem")));
        let mut arguments = vec!["initrd", &parts, &initrd, &agent, &roots];
        arguments.extend(line);
        boot_image(&arguments);
        boot_image(&["uki", &parts, &text(&self.path(&format!("{name}.efi"))), &initrd]);
    }

    /// An image, requested with provenance, approved by two people, signed in the HSM.
    pub(crate) fn release_image(&mut self, image: &Image) -> PathBuf {
        let Image { name, version, security_version } = image;
        self.shell.run(&format!("IMAGE={name} VERSION={version} SECURITY_VERSION={security_version}"));
        // What the first hour says about an image, of this one.
        let section = first_hour(7, self.port).replace("image.bin", "$IMAGE.efi");
        let start = section.find("cat > statement.json").expect("a statement");
        let end = section.find("ID=$(attest release request").expect("a request");
        self.shell.run(&section[start..end]);
        self.shell.run(REQUEST_IMAGE);
        self.approve_and_publish();
        self.shell.run(FINISH_IMAGE);
        self.path(&format!("{name}.signed.efi"))
    }

    /// Debian's kernel as it is, which Debian signed already, as the image of this name.
    pub(crate) fn take_kernel(&self, name: &str) {
        let boot = fs::read_dir(self.parts.join("unpacked/boot")).expect("an unpacked kernel");
        let files = boot.map(|entry| entry.expect("a file").path());
        let kernel = files.into_iter().find(|file| text(file).contains("/vmlinuz-")).expect("a kernel");
        fs::copy(kernel, self.path(&format!("{name}.efi"))).expect("copied");
    }

    /// Whose signatures an image has, as `sbverify` lists them.
    pub(crate) fn signatures(&mut self, image: &Path) -> String {
        self.shell.run(&format!("sbverify --list {}", text(image)))
    }

    /// The measurements of the image that was released last, from this boot of it; the request's id.
    pub(crate) fn release_learned(&mut self, evidence: &[u8]) -> String {
        fs::write(self.path("reference.tgz"), evidence).expect("the evidence is written");
        self.shell.run(LEARN);
        let golden = fs::read_to_string(self.path("linux.toml")).expect("golden values");
        assert!(golden.contains("judged = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14]"), "{golden}");
        // What a good machine is, by the firmware's own word: one root, and it was used.
        for (component, about) in [
            ("secure_boot.state", "SecureBoot = on"),
            ("secure_boot.db", r#"db: "Boot root""#),
            ("secure_boot.authority", r#"db: "Boot root""#),
            ("uki", "BOOTX64.EFI"),
            ("uki.initrd", ".initrd"),
            ("kernel.cmdline", "kernel command line"),
        ] {
            let slot = format!("component = \"{component}\"");
            let is_it = |line: &str| line.contains(&slot) && line.contains(about);
            assert!(golden.lines().any(is_it), "{component}, {about}: {golden}");
        }
        self.release_measurements()
    }

    /// The same from the image and the golden values of the one before.
    pub(crate) fn release_predicted(&mut self, before: &Image) -> String {
        self.shell.run(&format!("BEFORE={}\n{PREDICT}", before.name));
        self.release_measurements()
    }

    fn release_measurements(&mut self) -> String {
        self.shell.run(REQUEST_MEASUREMENTS);
        self.approve_and_publish();
        self.shell.run("echo $ID").trim().to_owned()
    }

    fn approve_and_publish(&mut self) {
        for section in [8, 9] {
            self.shell.run(&first_hour(section, self.port));
        }
    }

    pub(crate) fn revoke(&mut self, release: &str) {
        self.shell.run(&format!(
            "ID={release}\nattest release revoke --home bob $ID --reason 'It should not have been released' --yes\nseen revoked\n"
        ));
    }

    /// Images with another initrd, each with what might pass for a signature.
    pub(crate) fn unreleased_images(&mut self) -> [(&'static str, PathBuf); 3] {
        self.shell.run(UNRELEASED);
        [
            ("without-signature", self.path("other.efi")),
            ("signature-of-the-release", self.path("transplanted.efi")),
            ("signed-by-somebody-else", self.path("foreign.efi")),
        ]
    }

    /// The image that nobody signed.
    pub(crate) fn unsigned(&self) -> PathBuf {
        self.path("other.efi")
    }

    /// A verdict as an access system reads it.
    pub(crate) fn accepted(&mut self, token: &str) -> AcceptedEar {
        let port = self.port + 1;
        let keys = self.shell.run(&format!(
            "python3 -c \"import ssl, urllib.request as r; c = ssl.create_default_context(cafile='ca.pem'); \
             c.load_cert_chain('device.pem', 'device.key'); \
             print(r.urlopen('https://localhost:{port}/.well-known/jwks.json', context=c).read().decode())\""
        ));
        let verifier = EarVerifier::from_jwks(&keys).expect("keys");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        verifier.verify_jwt(token, Timestamp::from_unix(now), &Expectations::default()).expect("a verdict")
    }

    /// What a device is told, so that it enrols and attests.
    pub(crate) fn attesting(&self) -> Vec<FirmwareConfig> {
        vec![
            FirmwareConfig::text("mode", "attest"),
            FirmwareConfig::text("family", FAMILY),
            FirmwareConfig::text("server", &format!("https://10.0.2.2:{}", self.port)),
            FirmwareConfig::file("machine.pem", &self.path("device.pem")),
            FirmwareConfig::file("machine.key", &self.path("device.key")),
            FirmwareConfig::file("intermediates.pem", &self.path("learned/ek-intermediate.pem")),
        ]
    }

    /// Powers a machine on with this image. Machines of one serial number have one TPM.
    pub(crate) fn boot(
        &self,
        serial: &str,
        name: &str,
        image: &Path,
        secure_boot: bool,
        config: &[FirmwareConfig],
    ) -> Machine {
        let disk = self.path(&format!("{name}.disk"));
        boot_image(&["disk", &text(&disk), &text(image)]);
        let mode = if secure_boot { "on" } else { "off" };
        let variables = self.path(&format!("variables-{mode}.fd"));
        if !variables.exists() {
            let root = self.path("boot-root.pem");
            boot_image(&["variables", &text(&self.parts), &text(&variables), &text(&root), mode]);
        }
        let tpm = self.maker.manufacture(serial).expect("a TPM");
        let folder = self.path(&format!("boot-{name}"));
        Machine::start(&Parts { folder, disk: &disk, variables: &variables, tpm: &tpm, config })
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// `scripts/boot-image`.
fn boot_image(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/boot-image");
    let (code, out, error) = run(Command::new(script).args(arguments));
    assert_eq!(code, 0, "boot-image {}: {out}{error}", arguments.join(" "));
}

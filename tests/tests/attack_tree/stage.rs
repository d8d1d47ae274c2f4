//! The organisation of docs/first-hour.md with a family more, a verifier on a host of its own, devices, and a monitor that watches all of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use attest_core::Limits;
use attest_core::release::form::ReleaseKey;
use attest_core::release::object::{self, Blob, Object as _};
use attest_core::release::policy::{IdentityKey, Kind, PolicyDocument, ProvenanceDemand, Purpose};
use attest_core::release::{Name, ObjectId, Quorum, Words};
use attest_proto::v1::{GetStateRequest, releases_client::ReleasesClient};
use attest_tests::{FAMILY, Member, Server, Shell, binary, changed_hour, ports};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::Channel;
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::{self, Judgement};
use tpm_sim::scenario::BANKS;
use tpm_sim::swtpm::Maker;

use crate::watching::Watching;

/// The other family.
pub(crate) const OTHER: &str = "sim-other";
/// The key that signs golden values of the first family.
pub(crate) const KEY: &str = "sim-debian-corim";

/// A builder and a key of the other family.
const OTHER_KEYS: &str = r#"
openssl genpkey -quiet -algorithm ed25519 -out builder-other.key
openssl pkey -in builder-other.key -pubout -out builder-other.pem
attest signer make-key --config signer.toml --uri 'pkcs11:token=release;object=other' --kind p256 --json > other-key.json
"#;

/// Words of people and programs, about what is in the folder.
const WORDS: &str = r#"
standing() { attest release status --home bob $1 --json | jq -r '.requests[0].standing.state'; }
becomes() {
  for try in $(seq 300); do [ "$(standing $1)" = $2 ] && return; sleep 0.2; done
  attest release status --home bob $1; return 1
}
request() {
  ID=$(attest release request --home ci --family sim-debian --channel $2 --release $1 --security-version 1 \
    --artifact image.bin=image.bin --golden $3 --provenance provenance.json --reason "$1" --json $4 | jq -r .request)
  becomes $ID submitted || [ $(standing $ID) = quorate ]
}
approve() { for who in $2; do attest release approve --home $who $1 --recomputed --yes; done; becomes $1 quorate; }
signed() { attest signer run --config signer.toml --once; becomes $1 signed; attest release publish --home bob $1; }
"#;

/// All of it.
pub(crate) struct Stage {
    pub(crate) shell: Shell,
    pub(crate) port: u16,
    pub(crate) monitor: Watching,
    pub(crate) verifier: Server,
    pub(crate) client: client::Server,
    /// A device, and the verifier's name for it.
    pub(crate) member: Member,
    pub(crate) device: String,
    /// How often the HSM signed with the key, as an HSM that counts would say: SoftHSM2 does not.
    pub(crate) count: u64,
    folder: TempDir,
}

fn name(text: &str) -> Name {
    Name::try_from(text).expect("a name")
}

impl Stage {
    /// Nine sections of the first hour: the good release is out, and the device runs it.
    pub(crate) async fn begin() -> Stage {
        let folder = tempfile::Builder::new().prefix("attest-tree-").tempdir().expect("a folder");
        let (attest, sim) = (binary("attest-server", "attest"), binary("tpm-sim", "tpm-sim"));
        let port = ports();
        let mut shell = Shell::start(folder.path(), &[&attest, &sim]);
        let changed = |section: u32, changes: &[(&str, &str)]| changed_hour(section, port, changes);
        shell.run(&changed(1, &[]));
        shell.run(&changed(2, &[("for who in alice bob ci", "for who in alice bob carol ci")]));
        shell.run(&changed(3, &[]));
        shell.run(OTHER_KEYS);
        shell.run(&changed(4, &[]));
        let section = changed(5, &[("for who in alice bob ci", "for who in alice bob carol ci")]);
        let (init, rest) = section.split_once("PIN=$(").expect("it pins the policy");
        shell.run(init);
        let pin = add_family(folder.path());
        shell.run(&format!("PIN=$({rest}"));
        let json = "[log]\nformat = \"json\"\n[listen]\ngrpc";
        let serve = "attest serve --json --config server.toml > server.out 2> server.log";
        let often = "signer_name = \"signer\"\nrefresh_seconds = 2";
        shell.run(&changed(
            6,
            &[
                ("[listen]\ngrpc", json),
                ("attest serve --config server.toml > server.log 2>&1", serve),
                ("signer_name = \"signer\"", often),
            ],
        ));
        shell.run("SERVER=$!\n");
        shell.run(&changed(7, &[]));
        shell.run(&changed(8, &[]));
        shell.run(&changed(9, &[]));
        shell.run(WORDS);

        let maker = Maker::open(&folder.path().join("maker"), &BANKS).expect("the maker's folder");
        std::os::unix::fs::symlink("data/log", folder.path().join("mirror")).expect("a link");
        let verifier = start_verifier(folder.path(), &pin);
        let client = verifier.connect().await;
        let member = Member::of(&maker);
        let device = member.enrol(&client).await;
        let first = shell.run("echo $ID");
        let monitor = Watching::start(folder.path(), &pin, &published(folder.path(), first.trim()));
        Stage { shell, port, monitor, verifier, client, member, device, count: 1, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs commands, and gives back the last line.
    pub(crate) fn say(&mut self, commands: &str) -> String {
        let said = self.shell.run(&format!("{commands}\n"));
        said.trim_end().lines().last().unwrap_or_default().to_owned()
    }

    /// A request by CI, with good provenance: its id.
    pub(crate) fn request(&mut self, version: &str, channel: &str, golden: &str) -> String {
        let more = if channel == "urgent" { "--kind emergency" } else { "" };
        self.say(&format!("request {version} {channel} {golden} '{more}'\necho $ID"))
    }

    /// A release that these people approved.
    pub(crate) fn release(&mut self, version: &str, channel: &str, golden: &str, people: &str) -> String {
        let id = self.request(version, channel, golden);
        self.say(&format!("approve {id} '{people}'"));
        self.honest_use();
        self.say(&format!("signed {id}"));
        id
    }

    /// The HSM is about to be asked by the signer. What it counts is seen after the attempt is in the log.
    pub(crate) fn honest_use(&mut self) {
        self.count += 1;
    }

    /// What the HSM's own tool would write.
    pub(crate) fn show_count(&self) {
        write(&self.path("count"), self.count.to_string().as_bytes());
    }

    /// The HSM signs for whoever has its PIN.
    pub(crate) fn stolen_signature(&mut self, bytes: &[u8]) -> Vec<u8> {
        fs::write(self.path("stolen.tbs"), bytes).expect("written");
        self.say(
            "openssl dgst -sha256 -binary stolen.tbs > stolen.hash\n\
             token() { pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label release --login --pin $(cat pin) \"$@\"; }\n\
             id=$(token --list-objects --type privkey 2> /dev/null | grep -A9 'label: *corim' | sed -n 's/^ *ID: *//p' | head -1)\n\
             token --id $id --sign --mechanism ECDSA --input-file stolen.hash --output-file stolen.sig 2> /dev/null",
        );
        self.count += 1;
        fs::read(self.path("stolen.sig")).expect("a signature")
    }

    /// The key's public half, as devices know it.
    pub(crate) fn key(&self) -> ReleaseKey {
        let text = fs::read_to_string(self.path("key.json")).expect("key.json");
        let key: Value = serde_json::from_str(&text).expect("JSON");
        let spki = STANDARD.decode(key["public_key"].as_str().expect("a key")).expect("base64");
        ReleaseKey::new(&spki, Purpose::Corim, None).expect("a key for CoRIMs")
    }

    /// Everything that the log names, by whoever has its disk.
    pub(crate) fn objects(&self) -> BTreeMap<ObjectId, Vec<u8>> {
        let files = fs::read_dir(self.path("data/log/object")).expect("the log's objects");
        let bytes = files.map(|file| fs::read(file.expect("a file").path()).expect("an object"));
        bytes.map(|bytes| (ObjectId::of(&bytes), bytes)).collect()
    }

    /// The verifier sees the log no more as it is: whoever is in between shows it this from now on.
    pub(crate) fn cut(&self) {
        let copy = format!("copy-{}", self.count_copies());
        let since = Instant::now();
        // Files of a log that goes on come and go.
        while !self.is_copied(&copy) {
            assert!(since.elapsed() < Duration::from_secs(60), "the log is not copied");
            let _ = fs::remove_dir_all(self.path(&copy));
        }
        self.link(&copy);
    }

    fn is_copied(&self, to: &str) -> bool {
        let copied = Command::new("cp").arg("-a").arg(self.path("data/log/.")).arg(self.path(to)).status();
        copied.is_ok_and(|status| status.success())
    }

    /// The verifier sees it again.
    pub(crate) fn connect(&self) {
        self.link("data/log");
    }

    pub(crate) fn link(&self, to: &str) {
        let draft = self.path("mirror.new");
        std::os::unix::fs::symlink(to, &draft).expect("a link");
        fs::rename(draft, self.path("mirror")).expect("a link is replaced");
    }

    fn count_copies(&self) -> usize {
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("copy-")).count()
    }

    /// What the verifier says of the device, booted like this.
    pub(crate) async fn attest(&mut self, parts: Option<&Parts>) -> Judgement {
        if let Some(parts) = parts {
            self.member.boot(parts);
        }
        // Connections that are idle for long are closed.
        self.client = self.verifier.connect().await;
        self.member.attest(&self.client, &self.device).await
    }

    /// The same until it is so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Judgement) -> bool) -> Judgement {
        let since = Instant::now();
        loop {
            let judged = self.attest(None).await;
            if is_so(&judged) {
                return judged;
            }
            assert!(since.elapsed() < Duration::from_secs(90), "{what}: {:#?}", judged.verdict);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What the verifier knows of releases.
    pub(crate) async fn releases(&self) -> ReleasesClient<Channel> {
        let channel = Channel::from_shared(self.verifier.url()).expect("an address");
        ReleasesClient::new(channel.connect().await.expect("it answers"))
    }

    /// How many leaves of the log the verifier knows.
    pub(crate) async fn leaves(&self) -> u64 {
        self.releases().await.get_state(GetStateRequest {}).await.expect("it answers").into_inner().leaves
    }

    /// Until the verifier follows all of the log that is published now.
    pub(crate) async fn followed(&self) {
        let note = fs::read_to_string(self.path("data/log/checkpoint")).expect("a checkpoint");
        let size: u64 = note.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size");
        let since = Instant::now();
        loop {
            if self.leaves().await >= size {
                return;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{size} leaves are not followed");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the verifier's clock shows from now on, beside what it is.
    pub(crate) fn now(&self, offset: &str) {
        write(&self.path("clock"), offset.as_bytes());
    }
}

/// A family more, for which others ask, build and sign. What is pinned is the policy with it.
fn add_family(folder: &Path) -> String {
    let path = folder.join("policy/policy.cbor");
    let mut policy: PolicyDocument =
        object::read(&fs::read(&path).expect("a policy"), &Limits::DEFAULT).expect("a policy");
    let builder = policy.identities.values().find(|it| it.kind == Kind::Builder).cloned();
    let mut builder = builder.expect("a builder");
    let pem = fs::read_to_string(folder.join("builder-other.pem")).expect("its key");
    let key: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    builder.keys = vec![IdentityKey { key, ..builder.keys[0].clone() }];
    policy.identities.insert(name("builder-other"), builder);
    let mut family = policy.families[&name(FAMILY)].clone();
    family.requesters = [name("carol")].into();
    for channel in family.channels.values_mut() {
        let demand = channel.provenance.clone();
        channel.provenance = demand.map(|demand| ProvenanceDemand {
            builders: [(
                name("builder-other"),
                Words::try_from("https://other.example/builder").expect("words"),
            )]
            .into(),
            ..demand
        });
        let all = Quorum::parse("group release 3 alice bob carol\nquorum release", &Limits::DEFAULT);
        channel.approvals = channel.approvals.is_some().then(|| all.expect("a quorum"));
    }
    policy.families.insert(name(OTHER), family);
    let text = fs::read_to_string(folder.join("other-key.json")).expect("other-key.json");
    let other: Value = serde_json::from_str(&text).expect("JSON");
    let mut signing = policy.signing_keys[&name(KEY)].clone();
    signing.public_key = Blob(STANDARD.decode(other["public_key"].as_str().expect("a key")).expect("base64"));
    signing.pkcs11 = Words::try_from("pkcs11:token=release;object=other").expect("words");
    signing.family = Some(name(OTHER));
    policy.signing_keys.insert(name("sim-other-corim"), signing);
    let bytes = object::write(&policy).expect("it can be written");
    attest_core::release::Policy::parse(&bytes, &Limits::DEFAULT).expect("a policy without a fault");
    fs::write(&path, &bytes).expect("the policy is written");
    let pin = ObjectId::of(&bytes).to_string();
    let home = folder.join("policy/release.toml");
    let text = fs::read_to_string(&home).expect("release.toml");
    let line = |line: &str| match line.starts_with("authority") {
        true => format!("authority = \"{pin}\"\n"),
        false => format!("{line}\n"),
    };
    fs::write(home, text.lines().map(line).collect::<String>()).expect("release.toml is written");
    assert_eq!(PolicyDocument::FORMAT, policy.format);
    pin
}

/// Where libfaketime is, if it is.
pub(crate) fn faketime() -> Option<PathBuf> {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/faketime/libfaketime.so.1",
    ];
    places.into_iter().map(PathBuf::from).find(|place| place.exists())
}

/// A verifier on another host: its log comes to it by a way that others control, and its clock can be set.
fn start_verifier(folder: &Path, pin: &str) -> Server {
    let config = format!(
        "data_directory = {data:?}\n[log]\nformat = \"json\"\n[enrollment]\nek_roots = [{roots:?}]\n\
         [releases]\nauthority = {pin:?}\nfolder = {log:?}\nrefresh_milliseconds = 200\n\
         [families.{FAMILY}]\ngolden = \"release\"\n",
        data = folder.join("verifier-data"),
        roots = folder.join("learned/ek-root.pem"),
        log = folder.join("mirror"),
    );
    let path = folder.join("verifier.toml");
    fs::write(&path, config).expect("the configuration is written");
    write(&folder.join("clock"), b"+0");
    let clock = folder.join("clock").display().to_string();
    let library = faketime().map(|library| library.display().to_string());
    let faked = |library: &str| {
        let of = [
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", &clock),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        of.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    };
    let environment = library.as_deref().map(faked).unwrap_or_default();
    Server::start_with(&["--development"], &path, &environment)
}

/// What was published for a request.
fn published(folder: &Path, request: &str) -> Vec<u8> {
    let objects = fs::read_dir(folder.join("data/log/object")).expect("objects");
    let bytes = objects.map(|file| fs::read(file.expect("a file").path()).expect("an object"));
    let is_it = |bytes: &Vec<u8>| {
        let bundle = object::read::<attest_core::release::bundle::Bundle>(bytes, &Limits::DEFAULT);
        bundle.is_ok_and(|bundle| ObjectId::of(&bundle.request.0).to_string() == request)
    };
    bytes.into_iter().find(is_it).expect("a bundle")
}

/// Whole, or as it was.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    let draft = path.with_extension("new");
    fs::write(&draft, bytes).expect("written");
    fs::rename(draft, path).expect("renamed");
}

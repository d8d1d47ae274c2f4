//! What the signer signed, for `openssl`: the bytes, the bare signature, and the key as the policy has it.

use std::collections::BTreeMap;

use attest_core::reference::corim::SignedCorim;
use attest_core::release::ObjectId;
use attest_core::release::bundle::{Bundle, Signature};
use attest_core::release::form::{ReleaseKey, Scheme, raw};
use attest_core::release::policy::Purpose;
use attest_core::release::request::ToSign;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::cli::Failure;
use crate::cli::release::gates;
use crate::cli::release::known::Known;

/// Adds the files of each signature, and says by which command it is checked. Bytes that are the artifact itself are not in a bundle.
pub(super) fn signatures(
    known: &mut Known,
    id: ObjectId,
    bundle: &Bundle,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<Vec<String>, Failure> {
    let request = known.request(id)?;
    let mut commands = Vec::new();
    for ((listed, made), number) in request.sign.iter().zip(&bundle.signatures).zip(1_u32..) {
        let policy = gates::policy(known, id, &request);
        let key = policy.and_then(|policy| policy.document().signing_keys.get(&listed.key));
        let key = key.and_then(|key| ReleaseKey::try_from(key).ok());
        let signature = key.as_ref().and_then(|key| raw::der(key.scheme(), &made.signature.0).ok());
        let (Some(key), Some(signature)) = (key, signature) else {
            // No line would look as if nothing was to be checked.
            commands
                .push(format!("false   # signature {number} is none of the policy's key `{}`", listed.key));
            continue;
        };
        let names =
            [format!("key-{number}.pem"), format!("signature-{number}.bin"), format!("signed-{number}.bin")];
        let [pem, bare, signed] = &names;
        files.insert(pem.clone(), public_key(&key).into_bytes());
        files.insert(bare.clone(), signature);
        let sha256 = hex::encode(listed.sha256.as_bytes());
        let command = |signed: &str| command(key.scheme(), [pem, bare, signed]);
        match bytes(listed, made, bundle, &known.limits) {
            Some(bytes) => {
                files.insert(signed.clone(), bytes);
                // People approved the request, and the request lists it.
                let key = &listed.key;
                commands.push(format!(
                    "echo \"{sha256}  {signed}\" | sha256sum -c --quiet   # what `{key}` was asked to sign"
                ));
                commands.push(format!("od -An -v -tx1 request.cbor | tr -d ' \\n' | grep -q {sha256}"));
                commands.push(command(signed));
            }
            None => commands.push(format!(
                "# What `{}` signed is not in here; it is the file of this SHA-256: {sha256}\n# {}",
                listed.key,
                command("FILE")
            )),
        }
    }
    Ok(commands)
}

/// What was signed.
fn bytes(
    listed: &ToSign,
    made: &Signature,
    bundle: &Bundle,
    limits: &attest_core::Limits,
) -> Option<Vec<u8>> {
    if listed.purpose == Purpose::Corim {
        return Some(SignedCorim::parse(&bundle.corim.as_ref()?.0, limits).ok()?.to_be_signed());
    }
    made.signed.as_ref().map(|signed| signed.0.clone())
}

fn command(scheme: Scheme, [pem, signature, signed]: [&str; 3]) -> String {
    let digest = match scheme {
        Scheme::Ed25519 => {
            return format!(
                "openssl pkeyutl -verify -pubin -inkey {pem} -rawin -in {signed} -sigfile {signature}"
            );
        }
        Scheme::EcdsaP256 | Scheme::RsaPkcs1 => "-sha256",
        Scheme::EcdsaP384 => "-sha384",
        Scheme::RsaPss => "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
    };
    format!("openssl dgst {digest} -verify {pem} -signature {signature} {signed}")
}

fn public_key(key: &ReleaseKey) -> String {
    let text = STANDARD.encode(key.spki_der());
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + "\n-----END PUBLIC KEY-----\n"
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What openssl signs in each scheme, the command that is told verifies, and nothing else.
    #[test]
    fn each_scheme_has_the_command_that_verifies_it() {
        let rsa = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key";
        let ec = |curve: &str| {
            format!("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out key")
        };
        let pss =
            "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign key -out s b";
        let cases = [
            (Scheme::EcdsaP256, ec("P-256"), "openssl dgst -sha256 -sign key -out s b"),
            (Scheme::EcdsaP384, ec("P-384"), "openssl dgst -sha384 -sign key -out s b"),
            (
                Scheme::Ed25519,
                "openssl genpkey -algorithm ED25519 -out key".to_owned(),
                "openssl pkeyutl -sign -inkey key -rawin -in b -out s",
            ),
            (Scheme::RsaPkcs1, rsa.to_owned(), "openssl dgst -sha256 -sign key -out s b"),
            (Scheme::RsaPss, rsa.to_owned(), pss),
        ];
        for (scheme, generate, sign) in cases {
            let folder = tempfile::tempdir().unwrap();
            let run = |line: &str| {
                let run = Command::new("sh").args(["-c", line]).current_dir(folder.path()).output().unwrap();
                (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
            };
            let prepare =
                format!("printf bytes > b && {} && openssl pkey -in key -pubout -out p && {sign}", generate);
            let (is_ready, said) = run(&prepare);
            assert!(is_ready, "{scheme}: {said}");
            let verify = command(scheme, ["p", "s", "b"]);
            assert!(run(&verify).0, "{scheme}: {verify}: {}", run(&verify).1);
            run("printf other > b");
            assert!(!run(&verify).0, "{scheme}");
        }
    }
}

//! `attest release artifact`: the artifact and its signature, in the form that devices check.

use std::path::PathBuf;

use attest_core::release::form::{self, ReleaseKey};
use attest_core::release::policy::Purpose;
use attest_core::release::{ObjectId, Words};
use clap::Args;
use serde_json::json;

use super::{Desk, words, write};
use crate::cli::{Exit, Failure, Output, input};

/// Flags of `artifact`.
#[derive(Args, Debug)]
pub(super) struct Artifact {
    /// The request that it was signed for
    id: String,
    /// The artifact's name in the request
    #[arg(value_parser = words)]
    name: Words,
    /// The artifact
    file: PathBuf,
    /// Where to write what devices take: the signed image, the COSE_Sign1, or the bare signature
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// For images: the certificate of the key, and those between it and the one that devices know, PEM
    #[arg(long, value_name = "FILE")]
    certificate: Vec<PathBuf>,
    /// For bare ECDSA signatures: DER instead of r and s one after the other
    #[arg(long)]
    der: bool,
}

const MOST: usize = 1 << 30;

impl Artifact {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let id = known.find(&self.id)?;
        let request = known.request(id)?;
        let file = input::read_file(&self.file, MOST)?;
        let sha256 = ObjectId::of(&file);
        let is_it = |artifact: &attest_core::release::request::Artifact| artifact.name == self.name;
        let artifact = request.artifacts.iter().find(|one| is_it(one));
        let artifact = artifact.ok_or_else(|| {
            Failure::usage("artifact_unknown", format!("the request has no `{}`", self.name))
        })?;
        if artifact.sha256 != sha256 {
            return Err(Failure::malformed(
                "artifact_mismatch",
                format!("the request is for {}, the file is {sha256}", artifact.sha256),
            ));
        }
        let policy = known.view.policy_named(&request.policy).cloned();
        let policy = policy
            .ok_or_else(|| Failure::malformed("release_policy_unknown", "its policy was never followed"))?;
        let bundle = known.bundle(id)?;
        let limits = known.limits;
        for (sign, made) in request.sign.iter().zip(&bundle.signatures) {
            let Some(key) = policy.document().signing_keys.get(&sign.key) else { continue };
            let key = ReleaseKey::try_from(key).map_err(|error| Failure::malformed(error.code(), error))?;
            let (signature, malformed) =
                (&made.signature.0, |e: form::Error| Failure::malformed(e.code(), e));
            let is_its = |signed: &[u8]| ObjectId::of(signed) == sign.sha256;
            let finished = match sign.purpose {
                Purpose::Authenticode => {
                    let signed = form::authenticode::to_be_signed(&file, &limits);
                    if !signed.is_ok_and(|signed| is_its(&signed)) {
                        continue;
                    }
                    form::authenticode::finish(&key, &file, signature, &self.certificates()?, &limits)
                        .map_err(malformed)?
                }
                Purpose::Cose => {
                    let Some(signed) = &made.signed else { continue };
                    if form::subject(&key, &signed.0, None, &limits).is_ok_and(|subject| matches!(subject, form::Subject::Artifact { sha256: of, .. } if of == sha256)) {
                        form::cose::finish(&key, &signed.0, signature, &limits).map_err(malformed)?
                    } else {
                        continue;
                    }
                }
                Purpose::Raw if is_its(&file) => {
                    form::raw::verify(&key, &file, signature).map_err(malformed)?;
                    if self.der {
                        form::raw::der(key.scheme(), signature).map_err(malformed)?
                    } else {
                        signature.clone()
                    }
                }
                Purpose::Raw | Purpose::Corim | Purpose::Root => continue,
            };
            write(&self.out, &finished)?;
            if out.wants_json() {
                out.json(&json!({ "request": id, "purpose": sign.purpose, "key": sign.key, "out": self.out.display().to_string() }));
            } else {
                out.line(format!(
                    "{}: signed by {} for {}",
                    self.out.display(),
                    sign.key,
                    sign.purpose.name()
                ));
            }
            return Ok(Exit::Good);
        }
        Err(Failure::malformed("release_signature_missing", "no signature was made for this artifact"))
    }

    fn certificates(&self) -> Result<Vec<Vec<u8>>, Failure> {
        use rustls_pki_types::pem::PemObject as _;
        let mut all = Vec::new();
        for path in &self.certificate {
            let bytes = input::read_file(path, 1 << 20)?;
            for certificate in rustls_pki_types::CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| {
                    Failure::usage("certificate_pem", format!("{}: {error}", path.display()))
                })?;
                all.push(certificate.to_vec());
            }
        }
        Ok(all)
    }
}

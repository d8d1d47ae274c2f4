//! `attest golden overlay`.

use std::fs;
use std::path::PathBuf;

use attest_core::Limits;
use attest_core::appraise::{Context, Policy, Severity, Status};
use attest_core::reference::ReferenceSet;
use attest_core::reference::overlay::{self, Device, DeviceIds, Draft};
use attest_core::result::Sign as _;
use clap::Args;
use serde_json::json;

use crate::cli::evidence::EvidenceFlags;
use crate::cli::input::read_file;
use crate::cli::verify::{open_key, read_golden};
use crate::cli::{Exit, Failure, Output, printable};
use crate::clock;

/// Flags of `overlay`.
#[derive(Args, Debug)]
pub(super) struct Overlay {
    #[command(flatten)]
    evidence: EvidenceFlags,
    /// The golden document that marks slots as per_device
    #[arg(long, value_name = "FILE")]
    golden: PathBuf,
    /// ES256 key (PKCS #8, DER) that the golden document names as overlay_signer
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,
    /// Bind it to this endorsement key certificate (DER) instead of the attestation key
    #[arg(long, value_name = "FILE")]
    ek_certificate: Option<PathBuf>,
    /// How long it counts
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
    /// Write the overlay here instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const DAY_SECONDS: u64 = 86_400;

impl Overlay {
    pub(super) fn run(self, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
        let files = self.evidence.read(limits)?;
        let references = ReferenceSet::development(read_golden(&self.golden, limits)?)
            .map_err(|e| Failure::usage(e.code(), e))?;
        let signer = open_key(&self.signing_key)?;
        let certificate = self
            .ek_certificate
            .as_deref()
            .map(|path| read_file(path, limits.certificate_bytes))
            .transpose()?;
        let ek_sha256 = certificate.map(|der| ring::digest::digest(&ring::digest::SHA256, &der));
        let ek_sha256 = ek_sha256.as_ref().map(AsRef::as_ref);
        let evidence = files.authenticate(limits).map_err(|e| Failure::malformed(e.code(), e.detail()))?;
        let refused = |error: overlay::Error| Failure::malformed(error.code(), error);
        let name = evidence.quote().key_name().ok_or_else(|| refused(overlay::Error::DeviceUnknown))?;
        let device = match ek_sha256 {
            Some(digest) => Device::EkSha256(digest.to_vec()),
            None => Device::AkName(name.to_vec()),
        };
        let now = clock::now();
        let expires = now.plus(DAY_SECONDS.saturating_mul(u64::from(self.days)));
        let draft = Draft::from_boot(&references, &evidence, device, (now, expires))
            .map_err(|e| Failure::malformed(e.code(), e))?;
        let input = draft.signing_input(signer.key_id());
        let signature =
            signer.sign_es256(input.as_bytes()).map_err(|error| Failure::fault(error.code(), error))?;
        let text = Draft::signed(input, &signature);

        // Nothing leaves here that would be refused elsewhere, or under which this boot would not pass.
        let ids = DeviceIds { ak_name: Some(name), ek_sha256 };
        let verified = overlay::Overlay::verify(&text, &references, &ids, now, limits).map_err(refused)?;
        let overlaid = references.with_overlay(&verified).map_err(refused)?;
        let context = Context { family: draft.family.clone(), ..Context::default() };
        let verdict = Policy::default().appraise(&evidence, &overlaid, &context);
        if verdict.boot.status != Status::Affirming {
            let refusing = verdict.reasons.iter().find(|reason| reason.severity == Severity::Refuse);
            let detail =
                refusing.map_or_else(|| "the boot is not affirmed".to_owned(), |r| r.explain.clone());
            return Err(Failure::malformed("overlay_boot_refused", detail));
        }
        self.write(&text, &verified, out)
    }

    fn write(&self, text: &str, overlay: &overlay::Overlay, out: &mut Output) -> Result<Exit, Failure> {
        let name = hex::encode(overlay.ak_name());
        let slots: Vec<String> = overlay
            .slots()
            .iter()
            .map(|s| format!("PCR {} slot {} {}", s.pcr, s.slot, s.component))
            .collect();
        if let Some(path) = &self.out {
            fs::write(path, format!("{text}\n"))
                .map_err(|e| Failure::usage("file_unwritable", format!("{}: {e}", path.display())))?;
        }
        if out.wants_json() {
            out.json(&json!({
                "ak_name": name, "signer": overlay.signer(), "expires": overlay.expires().unix(),
                "golden_sha256": overlay.golden_sha256(), "sha256": overlay.sha256(), "slots": slots,
                "overlay": text,
            }));
        } else if let Some(path) = &self.out {
            out.line(printable(&format!(
                "{}: {} slot(s) of device {name}, signed by {}, expires at {}",
                path.display(),
                slots.len(),
                overlay.signer(),
                overlay.expires()
            )));
            slots.iter().for_each(|slot| out.line(printable(&format!("  {slot}"))));
            out.line(format!("The server looks for it as {name}.jws in the family's folder of overlays."));
        } else {
            out.line(text);
        }
        Ok(Exit::Good)
    }
}

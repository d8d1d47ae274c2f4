//! `attest golden show` of a CoRIM: our own documents as such, what others wrote as the values that can be judged by.

use std::path::Path;

use attest_core::Limits;
use attest_core::reference::corim::{
    Corim, CryptoKey, Error, KeyTriple, Profile, Reference, ReferenceValues, Register, SignedCorim, Svn,
    TaggedDigest, Values, is_cbor, profile,
};
use attest_core::reference::{Document, document};
use serde_json::{Value, json};

use crate::cli::input::read_file;
use crate::cli::verify::unusable;
use crate::cli::{Exit, Failure, Output, Style, printable};

/// Shows a golden document in either form, or what another CoRIM holds. A signature is not checked, and that is said.
pub(super) fn show(path: &Path, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
    let bytes = read_file(path, limits.golden_bytes)?;
    let failed = |error: document::Error| unusable(path, &error);
    if !is_cbor(&bytes) {
        super::show(&Document::read(&bytes, limits).map_err(failed)?, None, out);
        return Ok(Exit::Good);
    }
    let signed;
    let (corim, note) = match Corim::parse(&bytes, limits) {
        Err(Error::Signed) => {
            signed = SignedCorim::parse(&bytes, limits).map_err(|e| failed(e.into()))?;
            let signer =
                signed.meta().map(|meta| meta.signer).or(signed.claims().map(|claims| claims.issuer));
            let note = format!(
                "says to be signed by {}; the signature is not checked here",
                signer.unwrap_or("nobody")
            );
            (signed.unverified(limits).map_err(|e| failed(e.into()))?, Some(note))
        }
        other => (other.map_err(|e| failed(e.into()))?, None),
    };
    if corim.profile == Some(Profile::Uri(profile::PROFILE)) {
        super::show(&Document::of_corim(&corim).map_err(failed)?, note.as_deref(), out);
        return Ok(Exit::Good);
    }
    Ok(foreign(&corim, note.as_deref(), out))
}

fn foreign(corim: &Corim<'_>, note: Option<&str>, out: &mut Output) -> Exit {
    let values = corim.reference_values();
    if out.wants_json() {
        let mut document = json!({
            "corim": corim.id.to_string(),
            "profile": corim.profile.map(|profile| profile.to_string()),
            "note": note,
        });
        let more = match &values {
            Ok(values) => summary(values),
            Err(error) => json!({ "refused": { "code": error.code(), "detail": error.to_string() } }),
        };
        if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
            document.extend(more);
        }
        out.json(&document);
    } else {
        let heading = out.paint(Style::Strong, printable(&format!("CoRIM {}", corim.id)));
        let profile =
            corim.profile.map_or_else(|| "no profile".to_owned(), |profile| format!("profile {profile}"));
        out.line(format!("{heading}  {}", printable(&profile)));
        if let Some(note) = note {
            let note = out.paint(Style::Warn, printable(note));
            out.line(note);
        }
        match &values {
            Ok(values) => print(values, out),
            Err(error) => {
                let line = format!("none of it counts: {error} [{}]", error.code());
                let line = out.paint(Style::Bad, printable(&line));
                out.line(line);
            }
        }
    }
    if values.is_ok() { Exit::Good } else { Exit::Refused }
}

fn print(values: &ReferenceValues<'_, '_>, out: &mut Output) {
    for (heading, references) in
        [("reference values", &values.references), ("endorsed values", &values.endorsed)]
    {
        if !references.is_empty() {
            out.line("");
            let heading = out.paint(Style::Strong, heading);
            out.line(heading);
        }
        for reference in references {
            out.line(printable(&format!("  {reference}")));
            for said in says(&reference.measurement.values) {
                out.line(printable(&format!("    {said}")));
            }
        }
    }
    for key in &values.attest_keys {
        out.line(printable(&format!("attestation key of {}: {}", key.environment, kinds(key).join(", "))));
    }
    for not in &values.not_judged {
        let mark = out.paint(Style::Warn, "not judged");
        out.line(format!("{mark} {}", printable(&not.to_string())));
    }
}

fn summary(values: &ReferenceValues<'_, '_>) -> Value {
    let reference = |reference: &Reference<'_, '_>| {
        let element = reference.measurement.element.as_ref().map(ToString::to_string);
        let environment = reference.environment.to_string();
        json!({ "environment": environment, "element": element, "says": says(&reference.measurement.values) })
    };
    let list = |references: &[Reference<'_, '_>]| references.iter().map(reference).collect::<Vec<_>>();
    let key =
        |key: &&KeyTriple<'_>| json!({ "environment": key.environment.to_string(), "keys": kinds(key) });
    json!({
        "references": list(&values.references),
        "endorsed": list(&values.endorsed),
        "attest_keys": values.attest_keys.iter().map(key).collect::<Vec<_>>(),
        "not_judged": values.not_judged.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn kinds(key: &KeyTriple<'_>) -> Vec<&'static str> {
    key.keys.iter().map(CryptoKey::kind).collect()
}

/// Each value in words.
fn says(values: &Values<'_>) -> Vec<String> {
    let hex_of =
        |name: &str, bytes: Option<&[u8]>| bytes.map(|bytes| format!("{name} {}", hex::encode(bytes)));
    let mut said: Vec<String> = values.digests.iter().map(digest).collect();
    said.extend(values.name.map(|name| format!("name `{name}`")));
    said.extend(values.version.map(|version| format!("version {version}")));
    said.extend(values.svn.map(|svn| match svn {
        Svn::Exactly(number) => format!("security version {number}"),
        Svn::AtLeast(number) => format!("security version {number} or later"),
    }));
    said.extend(values.flags.iter().map(|(flag, value)| format!("flag {flag} {value}")));
    said.extend(values.raw_value.map(|raw| {
        let mask = raw.mask.map(|mask| format!(" mask {}", hex::encode(mask))).unwrap_or_default();
        format!("bytes {}{mask}", hex::encode(raw.value))
    }));
    said.extend(hex_of("MAC address", values.mac_address));
    said.extend(hex_of("IP address", values.ip_address));
    said.extend(values.serial_number.map(|number| format!("serial number {number}")));
    said.extend(hex_of("UEID", values.ueid));
    said.extend(hex_of("UUID", values.uuid.as_ref().map(<[u8; 16]>::as_slice)));
    said.extend(values.crypto_keys.iter().map(|key| match key {
        CryptoKey::Bytes(id) => format!("key {}", hex::encode(id)),
        other => other.kind().to_owned(),
    }));
    for (register, digests) in &values.integrity_registers {
        let register = match register {
            Register::Number(number) => number.to_string(),
            Register::Name(name) => format!("`{name}`"),
        };
        said.extend(digests.iter().map(|one| format!("register {register} {}", digest(one))));
    }
    let end = |end: Option<i128>| end.map_or_else(|| "any".to_owned(), |end| end.to_string());
    said.extend(values.int_range.map(|range| format!("number {} to {}", end(range.min), end(range.max))));
    said
}

fn digest(digest: &TaggedDigest<'_>) -> String {
    let bytes = match digest {
        TaggedDigest::Known(digest) => digest.to_string(),
        TaggedDigest::Number(_, bytes) | TaggedDigest::Named(_, bytes) => hex::encode(bytes),
    };
    format!("{} {bytes}", digest.alg_name())
}

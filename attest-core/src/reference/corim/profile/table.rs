//! The document's tables, taken apart into triples and the rest, and put together again.
//!
//! The tables are those of the text form, by the text form's names. What is not named here goes with the rest, whatever it is.

use toml::{Table, Value as Toml};

use super::measurement::{Name, Part};
use super::{Error, Layer, Triple};
use crate::evidence::cbor::{Key, Value};
use crate::{Digest, HashAlg};

type Entries<'t> = Vec<(Key<'t>, Value<'t>)>;

/// The triples of a document, and the rest of it as CBOR.
pub(super) fn take_apart(document: &Table) -> Result<(Vec<Triple<'_>>, Value<'_>), Error> {
    let mut triples = Vec::new();
    for sequence in tables(document, "sequence") {
        let name = text(sequence, "name").unwrap_or_default();
        triples.push(sequence_triple(sequence, Layer::Alternative, name)?);
    }
    let mut rest = without(document, &["sequence", "variant", "ima"])?;
    let mut variants = Vec::new();
    for variant in tables(document, "variant") {
        let name = text(variant, "name").unwrap_or_default();
        for sequence in tables(variant, "sequence") {
            triples.push(sequence_triple(sequence, Layer::Variant, name)?);
        }
        variants.push(Value::Map(without(variant, &["sequence"])?));
    }
    if !variants.is_empty() {
        rest.push((Key::Text("variant"), Value::Array(variants)));
    }
    if let Some(ima) = document.get("ima").and_then(Toml::as_table) {
        let parts = tables(ima, "files").map(file).collect::<Result<Vec<_>, _>>()?;
        if !parts.is_empty() {
            triples.push(Triple { layer: Layer::Files, group: None, parts });
        }
        rest.push((Key::Text("ima"), Value::Map(without(ima, &["files"])?)));
    }
    Ok((triples, Value::Map(rest)))
}

fn sequence_triple<'t>(sequence: &'t Table, layer: Layer, name: &'t str) -> Result<Triple<'t>, Error> {
    let pcr = sequence.get("pcr").and_then(Toml::as_integer).and_then(|pcr| u64::try_from(pcr).ok());
    let mut parts = vec![Part {
        element: Name::Pcr(pcr.unwrap_or_default()),
        digests: Vec::new(),
        about: None,
        rest: without(sequence, &["pcr", "name", "slots"])?,
    }];
    for slot in tables(sequence, "slots") {
        let banks = HashAlg::ALL.map(HashAlg::name);
        let mut taken = vec!["component", "about"];
        taken.extend(banks);
        let digest = |bank: HashAlg| Digest::from_hex(bank, text(slot, bank.name())?);
        parts.push(Part {
            element: Name::Component(text(slot, "component").unwrap_or_default()),
            digests: HashAlg::ALL.into_iter().filter_map(digest).collect(),
            about: text(slot, "about"),
            rest: without(slot, &taken)?,
        });
    }
    Ok(Triple { layer, group: Some(name), parts })
}

fn file(table: &Table) -> Result<Part<'_>, Error> {
    let digest = text(table, "digest").and_then(|digest| {
        let (alg, hex) = digest.split_once(':')?;
        Digest::from_hex(HashAlg::from_name(alg)?, hex)
    });
    let taken: &[&str] = if digest.is_some() { &["path", "digest"] } else { &["path"] };
    Ok(Part {
        element: Name::Component(text(table, "path").unwrap_or_default()),
        digests: digest.into_iter().collect(),
        about: None,
        rest: without(table, taken)?,
    })
}

/// The document of these triples and this rest, as the text form has it. Whether it fits together is for the text form's reader.
pub(super) fn put_together(triples: Vec<Triple<'_>>, rest: &Value<'_>) -> Result<Table, Error> {
    let Toml::Table(mut document) = to_toml(rest, "the document")? else {
        return Err(Error::Missing {
            place: "concise-mid-tag".into(),
            what: "the golden document's own fields",
        });
    };
    for triple in triples {
        match (triple.layer, triple.group) {
            (Layer::Files, _) => {
                let ima = document.get_mut("ima").and_then(Toml::as_table_mut);
                let ima = ima.ok_or_else(|| Error::Missing {
                    place: "ima".into(),
                    what: "the section of the files",
                })?;
                for part in triple.parts {
                    push(ima, "files", file_table(part)?)?;
                }
            }
            (Layer::Alternative, name) => {
                let mut sequence = sequence_table(triple.parts)?;
                insert(&mut sequence, "name", Toml::String(name.unwrap_or_default().to_owned()))?;
                push(&mut document, "sequence", sequence)?;
            }
            (Layer::Variant, name) => {
                let name = name.unwrap_or_default();
                let variants = document.get_mut("variant").and_then(Toml::as_array_mut);
                let mut variants = variants.into_iter().flatten().filter_map(Toml::as_table_mut);
                let variant =
                    variants.find(|variant| text(variant, "name") == Some(name)).ok_or_else(|| {
                        Error::Unexpected {
                            place: "reference-triples".into(),
                            what: format!("an unknown variant `{name}`"),
                        }
                    })?;
                push(variant, "sequence", sequence_table(triple.parts)?)?;
            }
        }
    }
    Ok(document)
}

fn sequence_table(parts: Vec<Part<'_>>) -> Result<Table, Error> {
    let mut parts = parts.into_iter();
    let Some(Part { element: Name::Pcr(pcr), digests, about: None, rest }) = parts.next() else {
        return Err(Error::Missing {
            place: "reference-triples".into(),
            what: "the head of a PCR's sequence",
        });
    };
    if !digests.is_empty() {
        return Err(Error::Unexpected {
            place: format!("PCR {pcr}"),
            what: "a digest of the whole PCR".into(),
        });
    }
    let mut table = own_fields(rest, "head of a sequence")?;
    insert(&mut table, "pcr", Toml::Integer(i64::try_from(pcr).unwrap_or(i64::MAX)))?;
    insert(&mut table, "slots", Toml::Array(Vec::new()))?;
    for part in parts {
        let Name::Component(component) = part.element else {
            return Err(Error::Unexpected { place: format!("PCR {pcr}"), what: "a second head".into() });
        };
        let mut slot = own_fields(part.rest, component)?;
        insert(&mut slot, "component", Toml::String(component.to_owned()))?;
        if let Some(about) = part.about {
            insert(&mut slot, "about", Toml::String(about.to_owned()))?;
        }
        for digest in part.digests {
            insert(&mut slot, digest.alg().name(), Toml::String(digest.to_string()))?;
        }
        push(&mut table, "slots", slot)?;
    }
    Ok(table)
}

fn file_table(part: Part<'_>) -> Result<Table, Error> {
    let unexpected = |what: &str| Error::Unexpected { place: "ima files".into(), what: what.into() };
    let Name::Component(path) = part.element else { return Err(unexpected("a number for a path")) };
    if part.about.is_some() {
        return Err(unexpected("a name beside a path"));
    }
    let mut table = own_fields(part.rest, path)?;
    insert(&mut table, "path", Toml::String(path.to_owned()))?;
    match part.digests.as_slice() {
        [] => {}
        [digest] => insert(&mut table, "digest", Toml::String(format!("{}:{digest}", digest.alg())))?,
        _ => return Err(unexpected("several digests of one file")),
    }
    Ok(table)
}

fn own_fields(rest: Entries<'_>, place: &str) -> Result<Table, Error> {
    match to_toml(&Value::Map(rest), place)? {
        Toml::Table(table) => Ok(table),
        _ => Ok(Table::new()),
    }
}

/// A field that the triple itself says may not be said a second time.
fn insert(table: &mut Table, key: &str, value: Toml) -> Result<(), Error> {
    match table.insert(key.to_owned(), value) {
        None => Ok(()),
        Some(_) => {
            Err(Error::Unexpected { place: "reference-triples".into(), what: format!("a second `{key}`") })
        }
    }
}

fn push(table: &mut Table, key: &str, item: Table) -> Result<(), Error> {
    let list = table.entry(key).or_insert_with(|| Toml::Array(Vec::new()));
    let list = list.as_array_mut().ok_or_else(|| Error::Unexpected {
        place: "concise-mid-tag".into(),
        what: format!("`{key}` that is no list"),
    })?;
    list.push(Toml::Table(item));
    Ok(())
}

fn tables<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t Table> {
    table.get(key).and_then(Toml::as_array).into_iter().flatten().filter_map(Toml::as_table)
}

fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Toml::as_str)
}

/// The fields that nothing else carries.
fn without<'t>(table: &'t Table, taken: &[&str]) -> Result<Entries<'t>, Error> {
    let left = table.iter().filter(|(key, _)| !taken.contains(&key.as_str()));
    left.map(|(key, value)| Ok((Key::Text(key), to_cbor(value, key)?))).collect()
}

fn to_cbor<'t>(value: &'t Toml, place: &str) -> Result<Value<'t>, Error> {
    Ok(match value {
        Toml::Array(items) => {
            Value::Array(items.iter().map(|item| to_cbor(item, place)).collect::<Result<_, _>>()?)
        }
        Toml::Boolean(value) => Value::Bool(*value),
        Toml::Integer(value) => Value::Integer(i128::from(*value)),
        Toml::String(text) => Value::Text(text),
        Toml::Table(table) => Value::Map(without(table, &[])?),
        Toml::Datetime(_) | Toml::Float(_) => {
            return Err(Error::Unexpected { place: place.into(), what: format!("a {}", value.type_str()) });
        }
    })
}

fn to_toml(value: &Value<'_>, place: &str) -> Result<Toml, Error> {
    let unexpected = |what: &str| Error::Unexpected { place: place.into(), what: what.into() };
    Ok(match value {
        Value::Array(items) => {
            Toml::Array(items.iter().map(|item| to_toml(item, place)).collect::<Result<_, _>>()?)
        }
        Value::Bool(value) => Toml::Boolean(*value),
        Value::Integer(value) => {
            Toml::Integer(i64::try_from(*value).map_err(|_| unexpected("an integer of more than 64 bits"))?)
        }
        Value::Map(entries) => {
            let mut table = Table::new();
            for (key, value) in entries {
                let Key::Text(name) = key else { return Err(unexpected("a field without a name")) };
                table.insert((*name).to_owned(), to_toml(value, name)?);
            }
            Toml::Table(table)
        }
        Value::Text(text) => Toml::String((*text).to_owned()),
        _ => return Err(unexpected("a value of a kind that documents do not have")),
    })
}
